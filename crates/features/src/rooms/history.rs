//! What was said before.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::value::RawValue;
use starling_kernel::{
    envelope::Envelope, error::AppError, feature::Services, id::RoomName, ports::Page,
    session::Session, topic::Topic,
};
use tokio::time::sleep;

/// How often the history is asked for again while the backend is away.
const RETRIES: u32 = 10;

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

/// Tells this node's members that the history they knew is no longer whole, with what there is.
pub(super) async fn begin_anew(services: Arc<Services>, room: RoomName) {
    for _ in 0..RETRIES {
        if let Ok(page) = latest(&services, &room).await {
            let history = History {
                room_name: &room,
                messages: page.messages(),
                recovered: Some(false),
            };
            let envelope = Envelope::new("room-history", &history);
            services.hub.emit_local(&Topic::room(&room), &envelope);
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}
