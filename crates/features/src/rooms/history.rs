//! What was said before.

use serde::Serialize;
use serde_json::value::RawValue;
use starling_kernel::{
    envelope::Envelope, error::AppError, feature::Services, id::RoomName, ports::Page,
    session::Session, topic::Topic,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct History<'a> {
    room_name: &'a RoomName,
    messages: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered: Option<bool>,
}

/// The newest messages of the room that the connection is in.
pub(super) async fn latest(
    services: &Services,
    session: &Session,
    room: &RoomName,
) -> Result<Page, AppError> {
    let (log, topic) = (&services.backend.log, Topic::room(room));
    let page = log.latest(&topic, services.limits.history).await;
    let created = session.created(&topic).unwrap_or_default();
    page.and_then(|page| page.of(created))
        .map_err(|_| AppError::join_failed())
}

pub(super) fn send(session: &Session, room: &RoomName, page: &Page) {
    let history = History {
        room_name: room,
        messages: page.messages(),
        recovered: None,
    };
    session.emit("room-history", &history);
}

/// What members are told who miss something for good: that the history is no longer whole, and what
/// there is.
pub(super) fn begun_anew(room: &RoomName, page: &Page) -> Envelope {
    let history = History {
        room_name: room,
        messages: page.messages(),
        recovered: Some(false),
    };
    Envelope::new("room-history", &history).to_room(page.created)
}
