//! The one way in: every event of every client, whatever its transport.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Instant,
};

use futures_util::future::join_all;
use metrics::{Counter, Histogram, counter, histogram};
use tracing::debug;

use crate::{
    error::{AppError, Code},
    event::Events,
    feature::{Feature, Reply, Route, Routes, Services},
    metric,
    payload::Payload,
    ports::Rate,
    rate::{CHUNK, Verdict},
    session::Session,
    topic::{Namespace, Topic},
};

/// Routes events to features.
pub struct Dispatcher {
    routes: HashMap<Namespace, HashMap<&'static str, Route>>,
    namespaces: Vec<Namespace>,
    told: Events,
    features: Arc<Vec<Arc<dyn Feature>>>,
    services: Arc<Services>,
    handler_seconds: OnceLock<Histogram>,
}

impl Dispatcher {
    /// A dispatcher over `features`. The hub tells them of transitions from now on.
    pub fn new(features: Vec<Arc<dyn Feature>>, services: Arc<Services>) -> Self {
        let mut routes = Routes::default();
        for feature in &features {
            feature.clone().routes(&mut routes);
        }
        let features = Arc::new(features);
        let events = routes.events().collect();
        services.hub.follow_with(features.clone(), events);
        services.membership.tell(features.clone());
        Self {
            namespaces: routes.namespaces(),
            told: routes.told().clone(),
            routes: routes.by_namespace,
            features,
            services,
            handler_seconds: OnceLock::new(),
        }
    }

    /// The namespaces that clients can connect to.
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// What clients may rely on.
    pub fn events(&self) -> &Events {
        &self.told
    }

    /// What features work with.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// A new connection. It hears its namespace before this returns. Where a feature refuses it, nothing
    /// is left of it.
    pub async fn connect(&self, session: &Arc<Session>) -> Result<(), AppError> {
        let topic = Topic::Namespace(session.namespace);
        self.services.hub.admit(session, &topic).await?.open_live();
        self.services.membership.connected(session);
        for (told, feature) in self.features.iter().enumerate() {
            if let Err(error) = feature.connected(session).await {
                self.forget(session, &self.features[..told]).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// The end of a connection; call it once, after its last [`Dispatcher::dispatch`] returned.
    pub async fn disconnect(&self, session: &Arc<Session>) {
        self.forget(session, &self.features).await;
    }

    /// Takes the connection out of everything, and tells the features that know of it.
    async fn forget(&self, session: &Arc<Session>, told: &[Arc<dyn Feature>]) {
        let topic = Topic::Namespace(session.namespace);
        self.services.hub.leave(session, &topic);
        self.services.membership.disconnected(session).await;
        join_all(told.iter().map(|feature| feature.disconnected(session))).await;
    }

    /// One event of a connection. Calls for one connection must follow each other.
    pub async fn dispatch(&self, session: &Arc<Session>, event: &str, payload: Payload) -> Reply {
        if session.ended() {
            return Err(AppError::new(Code::SessionNotFound, "User not found"));
        }
        let started = Instant::now();
        let events = self.routes.get(session.namespace);
        let Some((&name, route)) = events.and_then(|events| events.get_key_value(event)) else {
            self.limit(session, 1.0).await?;
            count("other", Code::UnknownEvent.as_str()).increment(1);
            return Err(AppError::new(Code::UnknownEvent, "Unknown event"));
        };
        let result = match self.limit(session, route.cost).await {
            Ok(()) => (route.handle)(session.clone(), payload, self.services.clone()).await,
            Err(error) => Err(error),
        };
        let outcome = result
            .as_ref()
            .err()
            .map_or("ok", |error| error.code.as_str());
        debug!(conn = %session.conn, event = name, outcome, "event");
        match &result {
            Ok(_) => route
                .went_well
                .get_or_init(|| count(name, "ok"))
                .increment(1),
            Err(_) => count(name, outcome).increment(1),
        }
        let seconds = self.handler_seconds.get_or_init(handler_seconds);
        seconds.record(started.elapsed());
        result
    }

    async fn limit(&self, session: &Session, cost: f64) -> Result<(), AppError> {
        match session.meter(|meter| meter.take(cost, &self.services.limits)) {
            Verdict::Pass => Ok(()),
            Verdict::PassIfUser => self.limit_user(session).await,
            verdict => {
                counter!(metric::RATE_LIMITED, "scope" => "connection").increment(1);
                if verdict == Verdict::Close {
                    session.peer.kill();
                }
                Err(limited())
            }
        }
    }

    /// Takes a chunk from the user's bucket, which all nodes share. With the backend away the
    /// connection's own limit has to do.
    async fn limit_user(&self, session: &Session) -> Result<(), AppError> {
        let per_second = self.services.limits.user_events_per_second;
        let rate = Rate {
            per_second,
            burst: per_second.saturating_mul(2).max(CHUNK),
        };
        let key = format!("user:{}", session.identity().user);
        match self.services.backend.limiter.take(&key, CHUNK, rate).await {
            Ok(Some(wait)) => {
                counter!(metric::RATE_LIMITED, "scope" => "user").increment(1);
                session.meter(|meter| meter.hold(wait));
                Err(limited())
            }
            Ok(None) | Err(_) => Ok(()),
        }
    }
}

fn limited() -> AppError {
    AppError::new(Code::RateLimited, "Too many events, slow down")
}

fn count(event: &'static str, outcome: &'static str) -> Counter {
    counter!(metric::EVENTS_IN, "event" => event, "outcome" => outcome)
}

fn handler_seconds() -> Histogram {
    histogram!(metric::HANDLER_SECONDS)
}
