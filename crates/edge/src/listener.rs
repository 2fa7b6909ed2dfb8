//! The accept loop. `axum::serve` has no time limit for headers, and no way to end a connection.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::{Router, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::counter;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout_at},
};
use tower::Service;
use tracing::{debug, warn};

use crate::{EdgeConfig, metric, stream::Stream};

/// Longest request head, and the most of a body that is read ahead.
const READ_BUFFER: usize = 64 * 1024;

/// Accepts connections and knows how many are open.
pub(crate) struct Listener {
    header_timeout: Duration,
    write_timeout: Duration,
    max: u32,
    /// A permit for each connection, held until its socket is closed, upgraded or not.
    permits: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

impl Listener {
    pub(crate) fn new(config: &EdgeConfig) -> Self {
        counter!(metric::CONNECTIONS_REFUSED).increment(0);
        Self {
            header_timeout: config.header_timeout,
            write_timeout: config.write_timeout,
            max: config.max_connections,
            permits: Arc::new(Semaphore::new(config.max_connections as usize)),
            stop: watch::Sender::new(false),
        }
    }

    /// Serves until [`Listener::close`].
    pub(crate) async fn serve(&self, listener: TcpListener, router: Router) {
        let mut stop = self.stop.subscribe();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopped(&mut stop) => return,
            };
            match accepted {
                Ok((tcp, _)) => self.accept(tcp, &router),
                Err(error) => rest_after(&error).await,
            }
        }
    }

    /// Stops accepting, lets requests under way be answered, and waits for all connections to end.
    pub(crate) async fn close(&self, deadline: Instant) {
        self.stop.send_replace(true);
        timeout_at(deadline, self.permits.acquire_many(self.max))
            .await
            .ok();
    }

    /// Over the limit a connection is closed at once, so that a balancer can try elsewhere.
    fn accept(&self, tcp: TcpStream, router: &Router) {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            counter!(metric::CONNECTIONS_REFUSED).increment(1);
            return;
        };
        // Messages are small and each is meant to leave at once.
        tcp.set_nodelay(true).ok();
        let stream = Stream::new(tcp, self.write_timeout, permit);
        let (router, stop) = (router.clone(), self.stop.subscribe());
        tokio::spawn(serve_connection(stream, router, self.header_timeout, stop));
    }
}

/// One connection, until it ends or is upgraded. Then the engine has it.
async fn serve_connection(
    stream: Stream,
    router: Router,
    header_timeout: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| answer(router.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
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
