//! `message`, `broadcast`, `ping`: the first events of every Socket.IO tutorial.

mod events;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use starling_kernel::{
    envelope::Envelope,
    error::AppError,
    feature::{Call, Command, Feature, Reply, Routes, Services, done},
    id::UserId,
    limits::Limits,
    time::Timestamp,
    topic::Topic,
};

pub(crate) struct Core {
    services: Arc<Services>,
}

/// What an authenticated user says to everybody.
#[derive(Deserialize)]
struct Say {
    text: String,
}

impl Command for Say {
    fn check(&self, limits: &Limits) -> Result<(), AppError> {
        limits.check_text(&self.text)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    user_id: &'a UserId,
    username: &'a str,
    text: &'a str,
    timestamp: Timestamp,
}

impl Core {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    /// Guests get an echo, as in the seed's first example; users speak to everybody, as in its
    /// authenticated one.
    async fn message(self: Arc<Self>, call: Call<Box<RawValue>>) -> Reply {
        let claims = call.session.claims();
        if claims.guest {
            call.session.send(&echo(&call));
            return done();
        }
        let say: Say = serde_json::from_str(call.command.get())
            .map_err(|_| AppError::invalid("message takes {text: string}"))?;
        say.check(&self.services.limits)?;
        let said = Said {
            user_id: &claims.identity.user,
            username: &claims.identity.username,
            text: &say.text,
            timestamp: self.services.clock.now(),
        };
        let everybody = Topic::Namespace(call.session.namespace);
        self.services
            .hub
            .publish(&everybody, Envelope::new("message", &said))
            .await;
        done()
    }

    async fn broadcast(self: Arc<Self>, call: Call<Box<RawValue>>) -> Reply {
        let mut envelope = Envelope::new("message", &call.command);
        envelope.attachments = call.attachments;
        self.services
            .hub
            .publish(&Topic::Namespace(call.session.namespace), envelope)
            .await;
        done()
    }

    async fn ping(self: Arc<Self>, call: Call<serde_json::Value>) -> Reply {
        call.session.send(&Envelope::with_args("pong", &()));
        done()
    }
}

/// `{text, data}` with the client's own data, its binary parts included.
fn echo(call: &Call<Box<RawValue>>) -> Envelope {
    #[derive(Serialize)]
    struct Echo<'a> {
        text: &'static str,
        data: &'a RawValue,
    }
    let echo = Echo {
        text: "Message received",
        data: &call.command,
    };
    let mut envelope = Envelope::new("message", &echo);
    envelope.attachments = call.attachments.clone();
    envelope
}

impl Feature for Core {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on("/", &events::MESSAGE, &self, Self::message)
            .on("/", &events::BROADCAST, &self, Self::broadcast)
            .on("/", &events::PING, &self, Self::ping);
    }
}
