//! A TCP connection that can be ended from outside, and that ends itself when its peer does not read.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use starling_kernel::metric;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep},
};

/// Ends a connection, from anywhere and without waiting.
#[derive(Default)]
pub(crate) struct Kill {
    killed: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    /// Bytes that the kernel took.
    written: AtomicU64,
    /// Told when the connection has ended, by whomever.
    on_end: Mutex<Option<OnEnd>>,
}

type OnEnd = Box<dyn FnOnce() + Send>;

impl Kill {
    /// The next read finds the end of the stream, the next write fails.
    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
        self.reader.wake();
        self.writer.wake();
    }

    /// Bytes that the kernel took from us, framing included.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The kernel took more.
    pub(crate) fn wrote(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sets who is told when the connection has ended.
    pub(crate) fn on_end(&self, tell: impl FnOnce() + Send + 'static) {
        *self.on_end.lock().expect("no panic while held") = Some(Box::new(tell));
    }

    fn killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }
}

/// An accepted connection.
pub(crate) struct Stream {
    tcp: TcpStream,
    kill: Arc<Kill>,
    write_timeout: Duration,
    /// Runs while the peer does not take what was written. Kept on the heap: most never need it.
    blocked: Option<Pin<Box<Sleep>>>,
    /// Its place among the connections that may be open.
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    pub(crate) fn new(
        tcp: TcpStream,
        kill: Arc<Kill>,
        write_timeout: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            tcp,
            kill,
            write_timeout,
            blocked: None,
            _permit: permit,
        }
    }

    fn poll_guarded(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.kill.writer.register(cx.waker());
        if self.kill.killed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        match write(Pin::new(&mut self.tcp), cx) {
            Poll::Ready(result) => {
                self.blocked = None;
                if let Ok(bytes) = result {
                    self.kill.wrote(bytes as u64);
                }
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_blocked(cx),
        }
    }

    /// Nothing could be written: fails when that has lasted too long. The reading side is ended
    /// too, since those who write to a connection do not all close it when that fails.
    fn poll_blocked(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let timeout = self.write_timeout;
        let blocked = self.blocked.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(blocked.as_mut().poll(cx));
        // Should somebody write all the same, it is not to complete again at once.
        blocked.as_mut().reset(Instant::now() + timeout);
        metrics::counter!(metric::SLOW_CONSUMERS).increment(1);
        self.kill.kill();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Stream {
    /// What a peer does not read would be kept, and the connection with it, until TCP gives up.
    fn drop(&mut self) {
        if self.blocked.is_some() {
            self.tcp.set_zero_linger().ok();
        }
        let on_end = self.kill.on_end.lock().expect("no panic while held").take();
        if let Some(tell) = on_end {
            tell();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.kill.reader.register(cx.waker());
        if self.kill.killed() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_guarded(cx, |tcp, cx| tcp.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_guarded(cx, |tcp, cx| tcp.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
