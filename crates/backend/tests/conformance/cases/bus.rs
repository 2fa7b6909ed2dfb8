use std::time::Duration;

use starling_kernel::{
    envelope::Envelope,
    id::{ConnId, UserId},
    ports::{Heard, Parcel},
    topic::Topic,
};
use tokio::time::timeout;

use crate::support::ground::{CHAT, Ground, room};

fn message(text: &str) -> Parcel {
    Parcel::Message(Envelope::new("room-event", &text).into())
}

pub(crate) async fn a_publish_is_heard_by_the_others_who_subscribed(ground: Ground) {
    let (mut one, mut two) = (ground.node("one").await, ground.node("two").await);
    let mut other = ground.node("other").await;
    one.subscribe(&room("r")).await;
    two.subscribe(&room("r")).await;
    other.subscribe(&room("other")).await;
    let bus = &one.backend.bus;
    bus.publish(&room("r"), &message("hi")).await.unwrap();
    assert_eq!(two.hears().await, (room("r"), None, message("hi")));
    one.hears_nothing().await;
    other.hears_nothing().await;
}

pub(crate) async fn what_was_unsubscribed_is_not_heard(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.subscribe(&room("r")).await;
    two.backend.bus.unsubscribe(&room("r")).await.unwrap();
    let bus = &one.backend.bus;
    bus.publish(&room("r"), &message("hi")).await.unwrap();
    two.hears_nothing().await;
    two.subscribe(&room("r")).await;
    bus.publish(&room("r"), &message("again")).await.unwrap();
    assert_eq!(two.hears().await.2, message("again"));
}

pub(crate) async fn a_topic_subscribed_twice_is_heard_once(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.subscribe(&CHAT).await;
    two.subscribe(&CHAT).await;
    let bus = &one.backend.bus;
    bus.publish(&CHAT, &message("hi")).await.unwrap();
    assert_eq!(two.hears().await, (CHAT, None, message("hi")));
    two.hears_nothing().await;
}

pub(crate) async fn marks_and_attachments_survive_the_relay(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    let topic = Topic::User("/", UserId::trusted("o#dd@user, ü \"{}\""));
    two.subscribe(&topic).await;
    let mut envelope = Envelope::with_args("image", &("a\nb", 1)).except(&ConnId::trusted("c9"));
    envelope.attachments = vec![
        vec![0, 10, 255, 13].into(),
        Default::default(),
        vec![7; 9].into(),
    ];
    envelope.volatile = true;
    envelope.newest_of = Some("a\nb".into());
    let parcel = Parcel::Message(envelope.into());
    one.backend.bus.publish(&topic, &parcel).await.unwrap();
    assert_eq!(two.hears().await, (topic, None, parcel));
}

pub(crate) async fn one_senders_parcels_arrive_in_order(ground: Ground) {
    let (one, mut two) = (ground.node("one").await, ground.node("two").await);
    two.subscribe(&room("r")).await;
    for n in 0..500 {
        let bus = &one.backend.bus;
        let text = message(&n.to_string());
        bus.publish(&room("r"), &text).await.unwrap();
    }
    for n in 0..500 {
        assert_eq!(two.hears().await.2, message(&n.to_string()));
    }
}

pub(crate) async fn a_node_hears_that_the_relay_is_up(ground: Ground) {
    let mut node = ground.node("one").await;
    let heard = timeout(Duration::from_secs(10), node.heard.recv()).await;
    assert_eq!(heard, Ok(Some(Heard::Up(true))));
}

pub(crate) async fn listening_is_for_one(ground: Ground) {
    let node = ground.node("one").await;
    assert!(node.backend.bus.listen().is_none());
}
