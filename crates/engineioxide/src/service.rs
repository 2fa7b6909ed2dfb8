//! The engine as a service, for tower and for hyper.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready as ready_or_pending},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    config::EngineIoConfig,
    engine::Engine,
    handler::EngineIoHandler,
    http::{Answer, answer, serve_stream},
};

/// An engine in front of another service, which gets the requests that are not the engine's.
pub struct EngineIoService<H: EngineIoHandler, S = NotFoundService> {
    engine: Arc<Engine<H>>,
    inner: S,
}

impl<H: EngineIoHandler, S> EngineIoService<H, S> {
    /// An engine that is configured so, in front of `inner`.
    pub fn with_config_inner(inner: S, handler: Arc<H>, config: EngineIoConfig) -> Self {
        Self {
            engine: Engine::new(handler, config),
            inner,
        }
    }

    /// A service that makes this one, for each connection.
    pub fn into_make_service(self) -> MakeEngineIoService<H, S> {
        MakeEngineIoService(self)
    }

    fn is_ours(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&*self.engine.config().req_path);
        matches!(rest, Some("" | "/"))
    }

    fn ask<B>(&self, request: Request<B>) -> Pin<Box<dyn Future<Output = Answer> + Send>>
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        Box::pin(answer(self.engine.clone(), request))
    }
}

impl<H: EngineIoHandler, S: Clone> Clone for EngineIoService<H, S> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<H: EngineIoHandler, S> std::fmt::Debug for EngineIoService<H, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineIoService").finish_non_exhaustive()
    }
}

impl<H, S, B, R> tower_service::Service<Request<B>> for EngineIoService<H, S>
where
    H: EngineIoHandler,
    S: tower_service::Service<Request<B>, Response = Response<R>>,
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.is_ours(request.uri().path()) {
            ResponseFuture::ours(self.ask(request))
        } else {
            ResponseFuture::of(self.inner.call(request))
        }
    }
}

impl<H, S, B, R> hyper::service::Service<Request<B>> for EngineIoService<H, S>
where
    H: EngineIoHandler,
    S: hyper::service::Service<Request<B>, Response = Response<R>>,
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn call(&self, request: Request<B>) -> Self::Future {
        if self.is_ours(request.uri().path()) {
            ResponseFuture::ours(self.ask(request))
        } else {
            ResponseFuture::of(self.inner.call(request))
        }
    }
}

/// The end of a websocket that was given as a stream.
type Served = Pin<Box<dyn Future<Output = Result<(), Infallible>> + Send>>;

impl<H: EngineIoHandler, S> EngineIoService<H, S> {
    fn serve<St>(&self, stream: St, request: Request<()>) -> Served
    where
        St: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let engine = self.engine.clone();
        Box::pin(async move {
            serve_stream(engine, stream, request).await;
            Ok(())
        })
    }
}

/// A websocket whose handshake somebody else has done: resolves when it is over.
impl<H, S, St> tower_service::Service<(St, Request<()>)> for EngineIoService<H, S>
where
    H: EngineIoHandler,
    St: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Response = ();
    type Error = Infallible;
    type Future = Served;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (stream, request): (St, Request<()>)) -> Served {
        self.serve(stream, request)
    }
}

impl<H, S, St> hyper::service::Service<(St, Request<()>)> for EngineIoService<H, S>
where
    H: EngineIoHandler,
    St: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Response = ();
    type Error = Infallible;
    type Future = Served;

    fn call(&self, (stream, request): (St, Request<()>)) -> Served {
        self.serve(stream, request)
    }
}

/// Gives each connection the same engine.
#[derive(Debug)]
pub struct MakeEngineIoService<H: EngineIoHandler, S>(EngineIoService<H, S>);

impl<H: EngineIoHandler, S: Clone, T> tower_service::Service<T> for MakeEngineIoService<H, S> {
    type Response = EngineIoService<H, S>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _connection: T) -> Self::Future {
        ready(Ok(self.0.clone()))
    }
}

/// Answers 404 to everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotFoundService;

impl NotFoundService {
    fn answer() -> Ready<Result<Response<NoBody>, Infallible>> {
        let mut answer = Response::new(NoBody);
        *answer.status_mut() = StatusCode::NOT_FOUND;
        ready(Ok(answer))
    }
}

impl<B> tower_service::Service<Request<B>> for NotFoundService {
    type Response = Response<NoBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<NoBody>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<B>) -> Self::Future {
        Self::answer()
    }
}

impl<B> hyper::service::Service<Request<B>> for NotFoundService {
    type Response = Response<NoBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<NoBody>, Infallible>>;

    fn call(&self, _request: Request<B>) -> Self::Future {
        Self::answer()
    }
}

/// A body without anything in it.
#[derive(Clone, Copy, Debug)]
pub struct NoBody;

impl Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

pin_project! {
    /// An answer of the engine, or of the service behind it.
    #[derive(Debug)]
    #[project = BodyOf]
    pub enum ResponseBody<B> {
        // In one piece; taken when it was given.
        #[doc(hidden)]
        Ours { bytes: Option<Bytes> },
        #[doc(hidden)]
        Inner { #[pin] body: B },
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project() {
            BodyOf::Ours { bytes } => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            BodyOf::Inner { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ours { bytes } => bytes.is_none(),
            Self::Inner { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ours { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            Self::Inner { body } => body.size_hint(),
        }
    }
}

pin_project! {
    /// An answer on its way.
    #[project = FutureOf]
    pub enum ResponseFuture<F> {
        #[doc(hidden)]
        Ours { answer: Pin<Box<dyn Future<Output = Answer> + Send>> },
        #[doc(hidden)]
        Inner { #[pin] answer: F },
    }
}

impl<F> ResponseFuture<F> {
    fn ours(answer: Pin<Box<dyn Future<Output = Answer> + Send>>) -> Self {
        Self::Ours { answer }
    }

    fn of(answer: F) -> Self {
        Self::Inner { answer }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            FutureOf::Ours { answer } => {
                let answer = ready_or_pending!(answer.as_mut().poll(cx));
                Ok(answer.map(|bytes| ResponseBody::Ours {
                    bytes: (!bytes.is_empty()).then_some(bytes),
                }))
            }
            FutureOf::Inner { answer } => ready_or_pending!(answer.poll(cx))
                .map(|it| it.map(|body| ResponseBody::Inner { body })),
        })
    }
}
