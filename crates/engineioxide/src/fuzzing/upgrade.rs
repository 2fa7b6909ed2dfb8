//! A session that polls, and websockets that try to take it over.

mod checks;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use tokio::{runtime::Builder, task::yield_now, time::sleep};

use super::side::{Side, TEXT};
use crate::{
    DisconnectReason, Frame, Line, ProtocolVersion, Settings, Socket, Str, TransportType, attach,
    config::EngineIoConfig,
    engine::Engine,
    handler::EngineIoHandler,
    http::{Answer, answer},
};

const SEPARATOR: char = '\u{1e}';
/// Longer than anything that is played.
const FOREVER: Duration = Duration::from_secs(1 << 20);
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// What became of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Played {
    Polled,
    Switched,
    Ended,
}

/// Plays what the bytes say, two for each step.
pub(super) fn play(data: &[u8]) -> Played {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut game = Game::begin();
        let mut bytes = data.iter().copied();
        while let (Some(step), Some(how)) = (bytes.next(), bytes.next()) {
            game.step(step, how, &mut bytes).await;
            game.check();
        }
        game.finish().await
    })
}

#[derive(Debug, Default)]
struct Notes {
    heard: Mutex<Vec<String>>,
    ends: AtomicUsize,
}

impl EngineIoHandler for Notes {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {
        self.ends.fetch_add(1, Ordering::Relaxed);
    }

    fn on_message(self: &Arc<Self>, message: Str, _: Arc<Socket<()>>) {
        let mut heard = self.heard.lock().expect("no panic while held");
        heard.push(message.as_str().to_owned());
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}

struct Game {
    engine: Arc<Engine<Notes>>,
    line: Arc<Line>,
    sid: String,
    poll: Option<Pin<Box<dyn Future<Output = Answer>>>>,
    sides: [Option<Side>; 2],
    /// Which of them has taken over.
    carrier: Option<usize>,
    /// Something was done that may end the session.
    may_end: bool,
    sent: Vec<String>,
    arrived: Vec<String>,
    posted: Vec<String>,
    /// Said by the websocket that has taken over, or may.
    said: [Vec<String>; 2],
}

impl Game {
    fn begin() -> Self {
        let config = EngineIoConfig {
            ping_interval: FOREVER,
            max_payload: 20_000,
            upgrade_timeout: UPGRADE_TIMEOUT,
            ..EngineIoConfig::default()
        };
        let settings = Settings {
            max_waiting: 100_000,
            write_timeout: FOREVER,
            ..Settings::default()
        };
        let (engine, lines) = attach(settings, || Engine::new(Arc::default(), config));
        let sid = engine.open_polling(ProtocolVersion::V4, None).to_string();
        Self {
            line: lines.all().pop().expect("it was opened"),
            engine,
            sid,
            poll: None,
            sides: [None, None],
            carrier: None,
            may_end: false,
            sent: Vec::new(),
            arrived: Vec::new(),
            posted: Vec::new(),
            said: Default::default(),
        }
    }

    async fn step(&mut self, step: u8, how: u8, bytes: &mut impl Iterator<Item = u8>) {
        let which = usize::from(how & 1);
        match step % 16 {
            0..3 => self.send(how),
            3 | 4 => self.begin_poll(),
            5 => self.look().await,
            6 => self.post().await,
            7 => self.open(which, how),
            8 => self.tell(which, TEXT, b"2probe").await,
            9 => self.tell(which, TEXT, b"5").await,
            10 => self.say(which).await,
            11 => self.read(which, usize::from(how) * 100).await,
            12 => self.tell_anything(which, how, bytes).await,
            13 if how < 16 => self.give_up(how),
            13 => yields(usize::from(how % 8)).await,
            14 => sleep(Duration::from_millis(u64::from(how) * 20)).await,
            _ => yields(50).await,
        }
        self.note_switch().await;
    }

    fn send(&mut self, how: u8) {
        let long = if how > 200 { 20_000 } else { usize::from(how) };
        let text = format!("{}:{}", self.sent.len(), "x".repeat(long));
        if self.line.send(&Frame::text(&text)).is_ok() {
            self.sent.push(format!("4{text}"));
        }
    }

    fn begin_poll(&mut self) {
        if self.poll.is_none() && self.carrier.is_none() {
            self.poll = Some(Box::pin(self.ask(Method::GET, String::new())));
        }
    }

    /// Whether the poll was answered; takes what it brings.
    async fn look(&mut self) {
        let Some(poll) = &mut self.poll else { return };
        let polled = poll_fn(|cx| Poll::Ready(poll.as_mut().poll(cx))).await;
        let Poll::Ready(answer) = polled else { return };
        self.poll = None;
        if answer.status() != StatusCode::OK {
            return;
        }
        let body = String::from_utf8(answer.into_body().to_vec()).expect("UTF-8");
        let packets = body.split(SEPARATOR);
        let messages = packets.filter(|packet| !matches!(*packet, "1" | "6"));
        self.arrived.extend(messages.map(str::to_owned));
    }

    async fn post(&mut self) {
        let text = format!("posted {}", self.posted.len());
        let answer = self.ask(Method::POST, format!("4{text}")).await;
        if answer.status() == StatusCode::OK {
            self.posted.push(text);
        }
    }

    fn ask(&self, method: Method, body: String) -> impl Future<Output = Answer> + use<> {
        let uri = format!("/engine.io/?EIO=4&transport=polling&sid={}", self.sid);
        let request = Request::builder().method(method).uri(uri);
        let request = request.body(Full::<Bytes>::from(body)).expect("a request");
        answer(self.engine.clone(), request)
    }

    fn open(&mut self, which: usize, how: u8) {
        let free = self.sides[which].as_ref().is_none_or(Side::is_over);
        if free && self.carrier != Some(which) {
            let side = Side::open(&self.engine, &self.sid, 64 + usize::from(how) * 32);
            self.sides[which] = Some(side);
            self.said[which].clear();
        }
    }

    async fn tell(&mut self, which: usize, first: u8, payload: &[u8]) {
        if self.carrier != Some(which)
            && let Some(side) = &mut self.sides[which]
            && !side.has_asked()
        {
            side.frame(first, payload).await;
        }
    }

    /// A message; before the switch it is none of the session's.
    async fn say(&mut self, which: usize) {
        if let Some(side) = &mut self.sides[which] {
            let text = format!("said {}", self.said[which].len());
            side.frame(TEXT, format!("4{text}").as_bytes()).await;
            self.said[which].push(text);
        }
    }

    async fn tell_anything(&mut self, which: usize, how: u8, bytes: &mut impl Iterator<Item = u8>) {
        let payload: Vec<_> = bytes.take(usize::from(how >> 1) % 10).collect();
        if let Some((first, payload)) = payload.split_first() {
            self.tell(which, *first, payload).await;
        }
    }

    async fn read(&mut self, which: usize, most: usize) {
        self.look().await;
        self.note_switch().await;
        let Some(side) = &mut self.sides[which] else {
            return;
        };
        for text in side.take(most).await {
            match &*text {
                "3probe" => {}
                _ => {
                    assert_eq!(self.carrier, Some(which), "{text}");
                    self.arrived.push(text);
                }
            }
        }
    }

    fn give_up(&mut self, how: u8) {
        let which = usize::from(how & 1);
        match how {
            0 => self.line.kill(DisconnectReason::ClosingServer),
            1 => self.line.close(DisconnectReason::ClosingServer),
            2 if self.carrier.is_none() => self.poll = None,
            2..8 => return,
            // One that tries may go at any time.
            _ if self.carrier != Some(which) => {
                // It may be on its way to take over.
                self.may_end |= self.sides[which].as_ref().is_some_and(Side::has_asked);
                self.sides[which] = None;
                return;
            }
            _ => return,
        }
        self.may_end = true;
    }

    /// Who takes over has asked.
    async fn note_switch(&mut self) {
        if self.carrier.is_some() || self.line.transport() == TransportType::Polling {
            return;
        }
        // Of two that have asked one was refused, and is over then.
        yields(50).await;
        let asks = |side: &Option<Side>| {
            let side = side.as_ref();
            side.is_some_and(|side| side.has_asked() && !side.is_over())
        };
        self.carrier = self.sides.iter().position(asks);
        assert!(self.carrier.is_some() || self.may_end, "nobody has asked");
    }
}

/// Lets others do so much.
async fn yields(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}
