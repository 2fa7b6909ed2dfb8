//! Messages between two: each user has a log of those it received and those it sent, which all its
//! devices hear.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use starling_kernel::{
    envelope::{Draft, Envelope, Keep},
    error::{AppError, Code},
    feature::{Call, Reply, Services, reply},
    id::UserId,
    ports::Page,
    session::Session,
    topic::Topic,
};

use super::{
    CHAT, Chat, JOINED,
    payload::{Received, Sent, Whisper},
    require_joined,
};
use crate::common::once;

/// After this time without a message a user's private messages are forgotten.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Messages that are kept of each user.
const HISTORY: usize = 200;

fn own(user: &UserId) -> Topic {
    Topic::User(CHAT, user.clone())
}

/// A device hears what its user is told, after what it was told before.
pub(super) async fn listen(services: &Services, session: &Arc<Session>) -> Result<(), AppError> {
    let topic = own(&session.identity().user);
    if let Some(admission) = services.hub.admit_anyhow(session, &topic).await? {
        let page = services.backend.log.latest(&topic, HISTORY).await?;
        session.send(&Envelope::new("private-history", &page.messages()));
        admission.open_after(page.end());
    }
    Ok(())
}

pub(super) fn leave(services: &Services, session: &Session) {
    let topic = own(&session.identity().user);
    services.hub.leave(session, &topic);
}

pub(super) fn broken(topic: &Topic, page: &Page) -> Option<Envelope> {
    match topic {
        Topic::User(CHAT, _) => Some(Envelope::with_args(
            "private-history",
            &(page.messages(), json!({"recovered": false})),
        )),
        _ => None,
    }
}

impl Chat {
    /// Stored for the recipient first: what is acknowledged has reached it. A repeat completes what
    /// was done half.
    pub(super) async fn whisper(self: Arc<Self>, call: Call<Whisper>) -> Reply {
        let Whisper {
            recipient_id,
            text,
            client_id,
        } = call.command;
        let services = &self.services;
        require_joined(services, &call.session).await?;
        let identity = call.session.identity();
        let recipient = UserId::parse(&recipient_id)?;
        let found = services.backend.presence.whereabouts(&JOINED, &recipient);
        let recipient = found.await?.member.ok_or_else(unknown)?;
        let timestamp = services.clock.now();
        let received = Received {
            from: &identity.username,
            from_id: &identity.user,
            text: &text,
            timestamp,
        };
        let sent = Sent {
            to: &recipient.username,
            to_id: &recipient.user,
            text: &text,
            timestamp,
        };
        let once = |client_id: Option<String>| once(&identity, client_id);
        // To oneself both are in one log, which has what was sent to all others, too.
        let sent_id = client_id.as_ref().map(|id| format!("{id}\0{recipient_id}"));
        let keep = Keep::Newest(HISTORY, REMEMBERED);
        let draft = Draft::new("private-message", &received)?.keep(keep);
        let hub = &services.hub;
        hub.store(&own(&recipient.user), &draft, once(client_id).as_ref())
            .await?;
        let draft = Draft::new("private-message-sent", &sent)?.keep(keep);
        let stored = hub
            .store(&own(&identity.user), &draft, once(sent_id).as_ref())
            .await?;
        reply(json!({"id": stored.position.id(), "seq": stored.position.seq}))
    }
}

fn unknown() -> AppError {
    AppError::new(Code::UserNotFound, "User not found")
}
