//! A gateway's door with a small feature behind it, and clients that speak the wire by hand.

mod client;

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
    time::Duration,
};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use starling_backend::memory;
use starling_edge::{
    Edge, EdgeConfig,
    jwt::{Jwt, JwtConfig, KeyConfig, NewToken, gen_token},
};
use starling_kernel::{
    dispatch::Dispatcher,
    envelope::Envelope,
    error::AppError,
    event::Event,
    feature::{Call, Command, Feature, Reply, Routes, Services, done, reply},
    hub::Hub,
    id::NodeId,
    limits::Limits,
    membership::Membership,
    ports::PresenceTimes,
    session::Session,
    time::{Clock, Timestamp},
    workers::Workers,
};
use tokio::{
    net::TcpListener,
    sync::Notify,
    time::{sleep, timeout},
};

pub(crate) use client::{Answer, Client, POLLING, Poller, get, post, request};

pub(crate) const SECRET: &str = "a secret for the tests of the edge";
const PATIENCE: Duration = Duration::from_secs(10);

/// A door that was opened for one test.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) edge: Edge,
    pub(crate) probe: Arc<Probe>,
    pub(crate) services: Arc<Services>,
}

/// What the tests change about a door.
pub(crate) type Change<'a> = &'a mut EdgeConfig;

pub(crate) async fn open() -> Door {
    open_with(|_, _| {}).await
}

pub(crate) async fn open_with(change: impl FnOnce(Change<'_>, &mut Limits)) -> Door {
    let mut config = EdgeConfig {
        guests: true,
        ..EdgeConfig::default()
    };
    let mut limits = Limits {
        events_per_second: 1_000_000,
        events_burst: 1_000_000,
        user_events_per_second: 1_000_000,
        pending_events: 10_000,
        ..Limits::default()
    };
    change(&mut config, &mut limits);

    let node = NodeId::parse("gw1").unwrap();
    let times = PresenceTimes::default();
    let backend = memory::Store::new(times).node(&node);
    let key = KeyConfig::Hs256(SECRET.into());
    let tokens = Arc::new(
        Jwt::new(JwtConfig {
            key,
            issuer: None,
            audience: None,
        })
        .unwrap(),
    );
    let clock = Arc::new(Clock::default());
    let hub = Hub::new(backend.clone(), limits.history);
    let (node_id, now) = (node.clone(), clock.clone());
    let membership = Membership::new(&backend, hub.clone(), node_id, times, now, &limits);
    let services = Arc::new(Services {
        backend,
        hub,
        membership,
        limits,
        clock,
        tokens: tokens.clone(),
    });
    let probe = Arc::new(Probe::default());
    let dispatcher = Arc::new(Dispatcher::new(
        vec![probe.clone(), Arc::new(Guard)],
        services.clone(),
    ));

    let edge = Edge::new(config, dispatcher, tokens, node).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(edge.clone().serve(listener, Arc::new(Workers::here())));
    Door {
        address,
        edge,
        probe,
        services,
    }
}

/// What happened behind the door.
#[derive(Default)]
pub(crate) struct Probe {
    pub(crate) seen: Mutex<Vec<u64>>,
    /// Where that was handled.
    pub(crate) threads: Mutex<HashSet<ThreadId>>,
    pub(crate) connected: Mutex<Vec<String>>,
    pub(crate) disconnected: Mutex<Vec<String>>,
    pub(crate) sessions: Mutex<Vec<Arc<Session>>>,
    /// `hold` has begun, and lasts until it is released.
    pub(crate) held: Notify,
    pub(crate) release: Notify,
}

#[derive(Deserialize)]
struct Number {
    n: u64,
}
impl Command for Number {}

#[derive(Deserialize)]
struct Many {
    count: u64,
    bytes: usize,
}
impl Command for Many {}

impl Probe {
    async fn add(self: Arc<Self>, call: Call<Number>) -> Reply {
        let here = thread::current().id();
        self.threads.lock().unwrap().insert(here);
        let mut seen = self.seen.lock().unwrap();
        seen.push(call.command.n);
        reply(json!({"n": call.command.n, "count": seen.len()}))
    }

    async fn pause(self: Arc<Self>, call: Call<Number>) -> Reply {
        sleep(Duration::from_millis(call.command.n)).await;
        done()
    }

    async fn hold(self: Arc<Self>, _call: Call<Value>) -> Reply {
        self.held.notify_one();
        self.release.notified().await;
        done()
    }

    async fn panic(self: Arc<Self>, _call: Call<Value>) -> Reply {
        panic!("as the test wants it");
    }

    async fn who(self: Arc<Self>, call: Call<Value>) -> Reply {
        let claims = call.session.claims();
        let identity = claims.identity;
        reply(json!({"user": identity.user, "username": identity.username, "guest": claims.guest}))
    }

    async fn many(self: Arc<Self>, call: Call<Many>) -> Reply {
        let text = "x".repeat(call.command.bytes);
        for n in 0..call.command.count {
            call.session.emit("many", &(n, &text));
        }
        done()
    }

    async fn mirror(self: Arc<Self>, call: Call<Value>) -> Reply {
        let mut envelope = Envelope::new("mirror", &call.command);
        envelope.attachments = call.attachments;
        call.session.send(&envelope);
        done()
    }

    /// The token is replaced by one that is good for `n` ms.
    async fn renew(self: Arc<Self>, call: Call<Number>) -> Reply {
        let mut claims = call.session.claims();
        claims.expires = Some(Timestamp(Timestamp::local().0 + call.command.n));
        call.session.set_claims(claims);
        done()
    }

    async fn bye(self: Arc<Self>, call: Call<Value>) -> Reply {
        call.session.peer.disconnect();
        done()
    }

    async fn kill(self: Arc<Self>, call: Call<Value>) -> Reply {
        call.session.peer.kill();
        done()
    }
}

#[async_trait]
impl Feature for Probe {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on("/", const { &Event::named("add") }, &self, Self::add)
            .on("/", const { &Event::named("pause") }, &self, Self::pause)
            .on("/", const { &Event::named("hold") }, &self, Self::hold)
            .on("/", const { &Event::named("panic") }, &self, Self::panic)
            .on("/", const { &Event::named("who") }, &self, Self::who)
            .on("/", const { &Event::named("many") }, &self, Self::many)
            .on("/", const { &Event::named("mirror") }, &self, Self::mirror)
            .on("/", const { &Event::named("renew") }, &self, Self::renew)
            .on("/", const { &Event::named("bye") }, &self, Self::bye)
            .on("/", const { &Event::named("kill") }, &self, Self::kill)
            .on("/admin", const { &Event::named("who") }, &self, Self::who);
    }

    async fn connected(&self, session: &Arc<Session>) -> Result<(), AppError> {
        self.connected
            .lock()
            .unwrap()
            .push(session.conn.to_string());
        self.sessions.lock().unwrap().push(session.clone());
        session.emit("welcome", &1);
        session.emit("welcome", &2);
        Ok(())
    }

    async fn disconnected(&self, session: &Arc<Session>) {
        self.disconnected
            .lock()
            .unwrap()
            .push(session.conn.to_string());
    }
}

/// The feature after the probe: lets nobody in who names the room `closed`.
struct Guard;

#[async_trait]
impl Feature for Guard {
    fn routes(self: Arc<Self>, _routes: &mut Routes) {}

    async fn connected(&self, session: &Arc<Session>) -> Result<(), AppError> {
        match session.handshake.room.as_deref() {
            Some("closed") => Err(AppError::room_not_found()),
            _ => Ok(()),
        }
    }
}

impl Probe {
    /// Waits until so many connections have ended.
    pub(crate) async fn ends(&self, count: usize) {
        until(|| self.disconnected.lock().unwrap().len() >= count).await;
    }
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, holds).await.expect("it never happened");
}

pub(crate) fn token(user: &str, admin: bool, lifetime: Duration) -> String {
    let new = NewToken {
        user,
        username: None,
        lifetime,
        admin,
        rooms: &[],
        issuer: None,
        audience: None,
    };
    gen_token(SECRET, &new).unwrap()
}
