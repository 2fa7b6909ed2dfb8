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

/// The newest messages.
pub(super) async fn latest(services: &Services, room: &RoomName) -> Result<Page, AppError> {
    let log = &services.backend.log;
    let page = log
        .latest(&Topic::room(room), services.limits.history)
        .await;
    page.map_err(|_| AppError::join_failed())
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
    Envelope::new("room-history", &history)
}
