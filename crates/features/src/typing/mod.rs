//! `typing`: who is about to say something in a room.

mod events;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use starling_kernel::{
    envelope::Envelope,
    feature::{Call, Command, Feature, Reply, Routes, Services, done},
    id::RoomName,
    session::Session,
    topic::{Namespace, Topic},
};

use crate::common::typists::{Audience, Typists};

const NAMESPACE: Namespace = "/";

pub(crate) struct Typing {
    typists: Arc<Typists>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InRoom {
    room_name: RoomName,
}

impl Command for InRoom {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room_name)
    }
}

impl Typing {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self {
            typists: Typists::new(services),
        }
    }

    async fn start(self: Arc<Self>, call: Call<InRoom>) -> Reply {
        self.typists.start(&call.session, audience(&call)).await;
        done()
    }

    async fn stop(self: Arc<Self>, call: Call<InRoom>) -> Reply {
        self.typists.stop(&call.session, audience(&call)).await;
        done()
    }
}

fn audience(call: &Call<InRoom>) -> Audience {
    (Topic::room(&call.command.room_name), call.created)
}

#[async_trait]
impl Feature for Typing {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        routes
            .on(NAMESPACE, &events::TYPING, &self, Self::start)
            .on(NAMESPACE, &events::STOP_TYPING, &self, Self::stop);
    }

    fn heard(&self, topic: &Topic, envelope: &Envelope) {
        if let Topic::Room(NAMESPACE, _) = topic {
            self.typists.heard(topic, envelope);
        }
    }

    async fn disconnected(&self, session: &Arc<Session>) {
        self.typists.gone(session).await;
    }
}
