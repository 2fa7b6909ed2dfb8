//! How polls stand, as clients are told.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use starling_kernel::{
    error::AppError,
    feature::Services,
    ports::{Page, TellCounts},
    topic::Topic,
};

use super::{
    LISTED, POLLS, audience,
    payload::{Poll, PollId},
    tally,
};

/// A vote was counted. All nodes are told in the order of the counts; what waits for a client when the
/// next one comes is not sent any more.
pub(super) fn told(poll: &Poll) -> Result<TellCounts, AppError> {
    tell(poll, "poll-results")
}

/// Nobody is counted any more: the last that is told of it.
pub(super) fn closed(poll: &Poll) -> Result<TellCounts, AppError> {
    tell(poll, "poll-closed")
}

fn tell(poll: &Poll, event: &str) -> Result<TellCounts, AppError> {
    let topic = audience(poll.room.as_ref());
    let told = TellCounts::new(topic, event, &json!({"pollId": poll.id}))?;
    Ok(told.newest_of(poll.id.as_str()))
}

/// The polls that were told of. Not whether one is closed: that was said of it when it was made.
pub(super) fn listed(page: &Page) -> Vec<Map<String, Value>> {
    #[derive(Deserialize)]
    struct Told {
        poll: Map<String, Value>,
    }
    let messages = page.messages().into_iter();
    let told = messages.filter_map(|told| serde_json::from_str::<Told>(told.get()).ok());
    let polls = told.map(|Told { mut poll }| {
        poll.remove("closed");
        poll
    });
    polls.collect()
}

/// Something may have been lost on the way: whoever listens here is told how it stands, each poll after
/// the other.
pub(super) fn tell_again(services: &Arc<Services>) {
    let topics = services.hub.topics().into_iter();
    let ours = topics.filter(|topic| matches!(topic, Topic::Stream(POLLS, _)));
    let (services, ours) = (services.clone(), ours.collect::<Vec<_>>());
    if ours.is_empty() {
        return;
    }
    tokio::spawn(async move {
        for topic in ours {
            // Where it fails, something is lost again, and it is told once more.
            let _ = tell_all(&services, &topic).await;
        }
    });
}

async fn tell_all(services: &Services, topic: &Topic) -> Result<(), AppError> {
    let page = services.backend.log.latest(topic, LISTED).await?;
    for poll in listed(&page) {
        let Some(Ok(id)) = poll.get("id").map(PollId::deserialize) else {
            continue;
        };
        if let Some(found) = services.backend.tallies.tally(&tally(&id), None).await? {
            let Ok(poll) = serde_json::from_str::<Poll>(&found.data) else {
                continue;
            };
            let event = if found.closed { closed } else { told };
            services
                .hub
                .emit_local(topic, &event(&poll)?.with(&found.counts));
        }
    }
    Ok(())
}
