//! The engine's HTTP requests: polls, what is posted, and websockets to be opened.

pub(crate) mod query;

use std::{pin::pin, sync::Arc};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use engineioxide_core::Sid;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
        UPGRADE,
    },
    request::Parts,
};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tracing::debug;

use crate::{
    DisconnectReason, ProtocolVersion, Socket, TransportType,
    engine::{Engine, take},
    handler::EngineIoHandler,
    payload::{self, Packet},
    ws::{extension, handshake, session, wire::Carrier},
};
use query::{Ask, Refused};

/// The type of a body that is binary, in Engine.IO 3.
const BINARY: &str = "application/octet-stream";
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) type Answer = Response<Bytes>;

/// What is wrong with a request.
pub(crate) enum Wrong {
    Refused(Refused),
    Status(StatusCode),
}

impl From<Refused> for Wrong {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Wrong> for Answer {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Refused(refused) => refuse(refused),
            Wrong::Status(status) => empty(status),
        }
    }
}

/// Answers a request.
pub(crate) async fn answer<H: EngineIoHandler, B>(
    engine: Arc<Engine<H>>,
    request: Request<B>,
) -> Answer
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    try_to_answer(engine, request)
        .await
        .unwrap_or_else(Answer::from)
}

async fn try_to_answer<H: EngineIoHandler, B>(
    engine: Arc<Engine<H>>,
    request: Request<B>,
) -> Result<Answer, Wrong>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let (mut parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let asked = query::parse(&parts.method, &query, engine.settings().eio3);
    let (protocol, ask) = asked?;
    let may = match ask {
        Ask::OpenWebsocket | Ask::Upgrade(_) => engine.config().websocket,
        _ => engine.config().polling,
    };
    if !may {
        return Err(Refused::UnknownTransport.into());
    }
    match ask {
        Ask::OpenPolling => Ok(open_polling(&engine, protocol, &parts)),
        Ask::OpenWebsocket => open_websocket(engine, protocol, &mut parts),
        Ask::Poll(sid) => poll(&engine, sid, protocol).await,
        Ask::Post(sid) => post(&engine, sid, protocol, &parts.headers, body).await,
        Ask::Upgrade(sid) => upgrade(engine, sid, protocol, &mut parts),
    }
}

fn open_polling<H: EngineIoHandler>(
    engine: &Arc<Engine<H>>,
    protocol: ProtocolVersion,
    parts: &Parts,
) -> Answer {
    let kept = engine.settings().hooks.keep(parts);
    let secret = engine.open_polling(protocol, kept);
    let mut body = payload::Body::new(protocol, usize::MAX);
    body.push_text(&engine.open_packet(secret, true));
    text(body.finish())
}

async fn poll<H: EngineIoHandler>(
    engine: &Arc<Engine<H>>,
    sid: &str,
    protocol: ProtocolVersion,
) -> Result<Answer, Wrong> {
    let (secret, socket) = find(engine, sid, protocol)?;
    let get = socket.line.get().ok_or(Refused::BadRequest)?;
    let body = get.await.ok_or(Refused::BadRequest)?;
    // On a websocket its task tells, after what came before.
    let polls = socket.line.transport() == TransportType::Polling;
    if let Some(end) = socket.line.ended()
        && polls
    {
        engine.finish(&socket, end.reason);
        // What did not fit is for the next poll.
        if socket.line.waiting() == 0 {
            engine.forget(secret);
        }
    }
    Ok(text(body))
}

async fn post<H: EngineIoHandler, B: Body>(
    engine: &Arc<Engine<H>>,
    sid: &str,
    protocol: ProtocolVersion,
    headers: &HeaderMap,
    body: B,
) -> Result<Answer, Wrong> {
    let (_, socket) = find(engine, sid, protocol)?;
    let post = socket.line.post();
    let mut post = post.ok_or(Refused::BadRequest)?;
    let body = read(engine, body).await?;
    let binary = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == BINARY);
    post.begun = true;
    let handed_over = hand_over(engine, &socket, &body, binary).await;
    handed_over.map_err(|()| {
        socket.line.kill(DisconnectReason::PacketParsingError);
        Refused::BadRequest
    })?;
    post.begun = false;
    socket.line.said_farewell().await;
    Ok(text("ok".into()))
}

/// The whole body, before anything of it is handled.
async fn read<H: EngineIoHandler, B: Body>(engine: &Engine<H>, body: B) -> Result<Bytes, Wrong> {
    let most = usize::try_from(engine.config().max_payload).unwrap_or(usize::MAX);
    let whole = timeout(engine.settings().body_timeout, read_up_to(most, body));
    whole
        .await
        .unwrap_or_else(|_| Err(Wrong::Status(StatusCode::REQUEST_TIMEOUT)))
}

async fn read_up_to<B: Body>(most: usize, body: B) -> Result<Bytes, Wrong> {
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refused::BadRequest)?;
        if let Ok(data) = frame.into_data() {
            if data.remaining() > most - whole.len() {
                return Err(Wrong::Status(StatusCode::PAYLOAD_TOO_LARGE));
            }
            whole.put(data);
        }
    }
    Ok(whole.freeze())
}

/// Gives the handler what was posted, as it keeps up, up to the packet by which the client leaves.
async fn hand_over<H: EngineIoHandler>(
    engine: &Engine<H>,
    socket: &Arc<Socket<H::Data>>,
    mut body: &[u8],
    binary: bool,
) -> Result<(), ()> {
    loop {
        socket.line.resumed().await;
        match hand_over_some(engine, socket, body, binary)? {
            Some(next) => body = &body[next..],
            None => return Ok(()),
        }
    }
}

/// The same until the handler is behind; where to go on then. What is posted while a websocket takes over
/// does not wait: what comes there came after it.
fn hand_over_some<H: EngineIoHandler>(
    engine: &Engine<H>,
    socket: &Arc<Socket<H::Data>>,
    body: &[u8],
    binary: bool,
) -> Result<Option<usize>, ()> {
    use std::ops::ControlFlow::{Break, Continue};
    let line = &socket.line;
    let polls = line.transport() == TransportType::Polling;
    let (mut fine, mut over) = (true, false);
    let mut each = |packet: Packet<'_>| {
        over = line.is_ended();
        if over {
            return Break(());
        }
        if matches!(packet, Packet::Close) {
            line.leave();
            over = true;
            return Break(());
        }
        fine = take(engine, socket, packet);
        match fine && !(polls && line.is_paused()) {
            true => Continue(()),
            false => Break(()),
        }
    };
    let decoded = payload::decode(socket.protocol, body, binary, &mut each);
    let next = decoded.map_err(|_| ())?;
    match fine {
        true => Ok(next.filter(|_| !over)),
        false => Err(()),
    }
}

fn open_websocket<H: EngineIoHandler>(
    engine: Arc<Engine<H>>,
    protocol: ProtocolVersion,
    parts: &mut Parts,
) -> Result<Answer, Wrong> {
    let (answer, switched) = switch(&engine, parts)?;
    let kept = engine.settings().hooks.keep(parts);
    tokio::spawn(async move {
        if let Some(carrier) = take_back(&engine, switched).await {
            session::open(engine, protocol, kept, carrier).await;
        }
    });
    Ok(answer)
}

fn upgrade<H: EngineIoHandler>(
    engine: Arc<Engine<H>>,
    sid: &str,
    protocol: ProtocolVersion,
    parts: &mut Parts,
) -> Result<Answer, Wrong> {
    let (_, socket) = find(&engine, sid, protocol)?;
    let (answer, switched) = switch(&engine, parts)?;
    tokio::spawn(async move {
        if let Some(carrier) = take_back(&engine, switched).await {
            session::take_over(engine, socket, carrier).await;
        }
    });
    Ok(answer)
}

/// A connection that becomes a websocket.
pub(crate) struct Switched {
    upgraded: OnUpgrade,
    /// Messages may be compressed.
    deflates: bool,
}

/// The answer by which the connection becomes a websocket, and its stream when it has.
pub(crate) fn switch<H: EngineIoHandler>(
    engine: &Engine<H>,
    parts: &mut Parts,
) -> Result<(Answer, Switched), Wrong> {
    let accept = handshake::accept(&parts.headers);
    let accept = accept.ok_or(Refused::BadRequest)?;
    let upgraded = parts.extensions.remove::<OnUpgrade>();
    let upgraded = upgraded.ok_or(Refused::BadRequest)?;
    let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    let offered = engine.settings().deflate.is_some();
    let deflate = offered.then(|| extension::accept(&parts.headers)).flatten();
    let deflates = deflate.is_some();
    headers.extend(deflate.map(|deflate| (SEC_WEBSOCKET_EXTENSIONS, deflate)));
    let switched = Switched { upgraded, deflates };
    Ok((answer, switched))
}

/// Takes the stream back from hyper.
pub(crate) async fn take_back<H: EngineIoHandler>(
    engine: &Engine<H>,
    switched: Switched,
) -> Option<Carrier> {
    let upgraded = match switched.upgraded.await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            debug!(%error, "a websocket was not opened");
            return None;
        }
    };
    let mut carrier = match engine.settings().hooks.take_back(upgraded) {
        Ok(raw) => Carrier::tcp(raw),
        Err(upgraded) => Carrier::piped(TokioIo::new(upgraded)),
    };
    carrier.deflates = switched.deflates;
    Some(carrier)
}

/// A session, and what it is called in URLs.
type Found<H> = (Sid, Arc<Socket<<H as EngineIoHandler>::Data>>);

/// The session that is called so, if it polls and speaks this version.
fn find<H: EngineIoHandler>(
    engine: &Engine<H>,
    sid: &str,
    protocol: ProtocolVersion,
) -> Result<Found<H>, Wrong> {
    let found = engine.find(sid).ok_or(Refused::UnknownSid)?;
    if found.1.protocol != protocol {
        return Err(Refused::BadRequest.into());
    }
    Ok(found)
}

fn text(body: Vec<u8>) -> Answer {
    respond(StatusCode::OK, TEXT, body.into())
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}

fn refuse(refused: Refused) -> Answer {
    let (code, message) = (refused as u8, refused.text());
    let body = format!(r#"{{"code":{code},"message":"{message}"}}"#);
    respond(StatusCode::BAD_REQUEST, JSON, body.into())
}

fn respond(status: StatusCode, kind: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, no_store);
    answer
}

/// A websocket over a stream, whose handshake somebody else has done; until it is over.
pub(crate) async fn serve_stream<H: EngineIoHandler, S>(
    engine: Arc<Engine<H>>,
    stream: S,
    request: Request<()>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (parts, ()) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let carrier = Carrier::piped(stream);
    match query::parse(&parts.method, query, engine.settings().eio3) {
        Ok((protocol, Ask::OpenWebsocket)) => {
            let kept = engine.settings().hooks.keep(&parts);
            session::open(engine, protocol, kept, carrier).await;
        }
        Ok((protocol, Ask::Upgrade(sid))) => {
            if let Ok((_, socket)) = find(&engine, sid, protocol) {
                session::take_over(engine, socket, carrier).await;
            }
        }
        _ => {}
    }
}
