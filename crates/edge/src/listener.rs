//! The accept loop. `axum::serve` has no time limit for headers, and no way to end a connection.

use std::{cell::Cell, convert::Infallible, io, net::IpAddr, time::Duration};

use axum::{Router, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use starling_kernel::workers::Workers;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::{oneshot, watch},
    time::{Instant, sleep},
};
use tower::Service;
use tracing::{debug, warn};

use crate::{
    EdgeConfig,
    places::{Places, Waits},
    stream::Stream,
};

/// Longest request head, and the most of a body that is read ahead.
const READ_BUFFER: usize = 64 * 1024;

/// Bytes that the kernel keeps of one connection and has not sent. It would take 4 MiB for a client that reads
/// nothing, which nobody counts, and which hides from the engine that the client is slow.
const UNSENT: u32 = 128 * 1024;

/// Accepts connections and knows how many are open.
pub(crate) struct Listener {
    header_timeout: Duration,
    write_timeout: Duration,
    places: Places,
    stop: watch::Sender<bool>,
}

impl Listener {
    pub(crate) fn new(config: &EdgeConfig) -> Self {
        Self {
            header_timeout: config.header_timeout,
            write_timeout: config.write_timeout,
            places: Places::new(config),
            stop: watch::Sender::new(false),
        }
    }

    /// Serves until [`Listener::close`]. The workers get one connection after the other.
    pub(crate) async fn serve(&self, listener: TcpListener, router: Router, workers: &Workers) {
        let mut stop = self.stop.subscribe();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopped(&mut stop) => return,
            };
            match accepted {
                Ok((tcp, address)) => self.accept(tcp, address.ip(), &router, workers.next()),
                Err(error) => rest_after(&error).await,
            }
        }
    }

    /// Stops accepting, lets requests under way be answered, and waits for all connections to end.
    pub(crate) async fn close(&self, deadline: Instant) {
        self.stop.send_replace(true);
        self.places.are_free(deadline).await;
    }

    /// Over a limit a connection is closed at once, so that a balancer can try elsewhere.
    fn accept(&self, tcp: TcpStream, address: IpAddr, router: &Router, worker: Option<&Handle>) {
        let Some(place) = self.places.take(address) else {
            return;
        };
        // Messages are small and each is meant to leave at once.
        tcp.set_nodelay(true).ok();
        SockRef::from(&tcp).set_tcp_notsent_lowat(UNSENT).ok();
        let (router, stop) = (router.clone(), self.stop.subscribe());
        let wait = self.places.wait();
        let (header_timeout, write_timeout) = (self.header_timeout, self.write_timeout);
        let serve = move |tcp| {
            let stream = Stream::new(tcp, write_timeout, place);
            serve_connection(stream, router, header_timeout, wait, stop)
        };
        match worker {
            None => drop(tokio::spawn(serve(tcp))),
            Some(worker) => hand_over(tcp, worker, serve),
        }
    }
}

/// Gives a connection to another worker. One that cannot be is closed.
fn hand_over<F: Future<Output = ()> + Send>(
    tcp: TcpStream,
    worker: &Handle,
    serve: impl FnOnce(TcpStream) -> F + Send + 'static,
) {
    let Ok(tcp) = tcp.into_std() else {
        return;
    };
    worker.spawn(async move {
        if let Ok(tcp) = TcpStream::from_std(tcp) {
            serve(tcp).await;
        }
    });
}

/// One connection, until it ends or is upgraded. Then the engine has it.
async fn serve_connection(
    stream: Stream,
    router: Router,
    header_timeout: Duration,
    (waits, gives_way): (Waits, oneshot::Receiver<()>),
    mut stop: watch::Receiver<bool>,
) {
    let waits = Cell::new(Some(waits));
    let service = service_fn(move |request| {
        drop(waits.take());
        answer(router.clone(), request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        Ok(()) = gives_way => return,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(%error, "connection ended");
    }
}

async fn answer(
    mut router: Router,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    router
        .call(request.map(axum::body::Body::new) as Request)
        .await
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

/// An error of one connection is nothing; anything else (out of descriptors) takes time to pass.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        warn!(%error, "cannot accept connections");
        sleep(Duration::from_millis(100)).await;
    }
}
