//! What carries a websocket: a TCP stream, or any other behind a buffer.

use std::{
    any::Any,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker, ready},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::Raw;

/// Bytes that a stream which is no TCP stream takes before it has written them.
const PIPE: usize = 64 * 1024;

/// The way out.
pub(crate) enum Wire {
    Tcp(OwnedWriteHalf),
    Pipe(Arc<Pipe>),
}

/// The way in, and where a [`Pipe`] is written to.
pub(crate) enum Incoming {
    Tcp(OwnedReadHalf),
    Piped(Box<dyn Stream>, Arc<Pipe>),
}

/// Whatever can be read and written.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// What is on its way into a stream that only its task can write to.
#[derive(Default)]
pub(crate) struct Pipe(Mutex<Piped>);

#[derive(Default)]
struct Piped {
    bytes: Vec<u8>,
    over: bool,
    /// Who writes to the stream.
    stream: Option<Waker>,
    /// Who waits for room.
    room: Option<Waker>,
}

/// A stream that carries a websocket.
pub(crate) struct Carrier {
    pub(super) incoming: Incoming,
    pub(super) wire: Wire,
    /// Dropped when the stream is closed.
    pub(super) guard: Option<Box<dyn Any + Send>>,
    /// What was read of it already.
    pub(super) read: Vec<u8>,
    /// Messages may be compressed: it was agreed on.
    pub(crate) deflates: bool,
}

impl Carrier {
    pub(crate) fn tcp(raw: Raw) -> Self {
        let (read, write) = raw.tcp.into_split();
        Self {
            incoming: Incoming::Tcp(read),
            wire: Wire::Tcp(write),
            guard: raw.guard,
            read: raw.read,
            deflates: false,
        }
    }

    pub(crate) fn piped(stream: impl Stream) -> Self {
        let pipe = Arc::new(Pipe::default());
        Self {
            incoming: Incoming::Piped(Box::new(stream), pipe.clone()),
            wire: Wire::Pipe(pipe),
            guard: None,
            read: Vec::new(),
            deflates: false,
        }
    }
}

impl Wire {
    /// Writes as much as is taken at once.
    pub(crate) fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => match pieces {
                [piece] => send(tcp.as_ref(), piece),
                pieces => tcp.try_write_vectored(pieces),
            },
            Self::Pipe(pipe) => pipe.try_write(pieces),
        }
    }

    /// Whether it is worth trying again; the task is woken when it is. One task may ask.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> io::Result<bool> {
        let ready = match self {
            Self::Tcp(tcp) => tcp.as_ref().poll_write_ready(cx)?,
            Self::Pipe(pipe) => pipe.poll_room(cx),
        };
        Ok(ready.is_ready())
    }

    /// Nothing more is written.
    pub(crate) fn shut(self) {
        match self {
            // Dropping it does so.
            Self::Tcp(_) => {}
            Self::Pipe(pipe) => pipe.end(),
        }
    }

    /// Cuts the connection: what the kernel has not sent is lost.
    pub(crate) fn cut(self) {
        if let Self::Tcp(tcp) = self {
            tcp.as_ref().set_zero_linger().ok();
            tcp.forget();
        }
    }
}

/// Without a look at what tokio knows of the socket, for which one would have to wait: it lies far away in
/// the memory. Where the kernel takes nothing tokio is asked, and knows then that there is no room.
fn send(tcp: &TcpStream, piece: &[u8]) -> io::Result<usize> {
    match SockRef::from(tcp).send(piece) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => tcp.try_write(piece),
        sent => sent,
    }
}

impl Incoming {
    /// Reads; nothing is the end. Writes, too, what is on its way into a stream.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        match self {
            Self::Tcp(tcp) => ready!(Pin::new(tcp).poll_read(cx, &mut buffer))?,
            Self::Piped(stream, pipe) => {
                pipe.poll_pump(cx, stream)?;
                ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
            }
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes what is on its way into a stream; ready when nothing is left.
    pub(crate) fn poll_pump(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Piped(stream, pipe) => {
                pipe.poll_pump(cx, stream)?;
                match pipe.lock().bytes.is_empty() {
                    true => Poll::Ready(Ok(())),
                    false => Poll::Pending,
                }
            }
        }
    }
}

impl Pipe {
    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut piped = self.lock();
        if piped.over {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut written = 0;
        for piece in pieces {
            let room = PIPE.saturating_sub(piped.bytes.len());
            let part = &piece[..piece.len().min(room)];
            piped.bytes.extend_from_slice(part);
            written += part.len();
        }
        if written == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Some(stream) = piped.stream.take() {
            stream.wake();
        }
        Ok(written)
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut piped = self.lock();
        if piped.bytes.len() < PIPE || piped.over {
            return Poll::Ready(());
        }
        piped.room = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_pump(&self, cx: &mut Context<'_>, stream: &mut Box<dyn Stream>) -> io::Result<()> {
        let mut piped = self.lock();
        let mut written = 0;
        let mut result = Ok(());
        while written < piped.bytes.len() {
            match Pin::new(&mut *stream).poll_write(cx, &piped.bytes[written..]) {
                Poll::Ready(Ok(more)) if more > 0 => written += more,
                Poll::Ready(Err(error)) => result = Err(error),
                Poll::Ready(Ok(_)) => result = Err(io::ErrorKind::WriteZero.into()),
                Poll::Pending => break,
            }
            if result.is_err() {
                break;
            }
        }
        piped.bytes.drain(..written);
        piped.over |= result.is_err();
        piped.stream = Some(cx.waker().clone());
        if let Some(room) = piped.room.take_if(|_| written > 0) {
            room.wake();
        }
        drop(piped);
        if let Poll::Ready(Err(error)) = Pin::new(stream).poll_flush(cx) {
            return Err(error);
        }
        result
    }

    fn end(&self) {
        let mut piped = self.lock();
        piped.over = true;
        if let Some(stream) = piped.stream.take() {
            stream.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Piped> {
        self.0.lock().expect("no panic while held")
    }
}
