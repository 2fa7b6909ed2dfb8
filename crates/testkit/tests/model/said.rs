//! What was said and acknowledged.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use starling_kernel::{id::UserId, time::Stamp};
use starling_testkit::Faults;

use crate::views::topic;

/// All that was acknowledged.
#[derive(Default)]
pub(crate) struct Said {
    by_place: HashMap<(String, u64), Message>,
    ids: HashSet<String>,
    /// When it was sent.
    sent: HashMap<String, usize>,
    now: usize,
    /// Of all nodes that there ever were.
    nodes: Vec<Arc<Faults>>,
}

pub(crate) struct Message {
    pub(crate) text: String,
    /// When it was sent, and acknowledged.
    pub(crate) sent: usize,
    pub(crate) acknowledged: usize,
    /// Was lost with a failover or a wipe.
    pub(crate) lost: bool,
    /// In the room that was created then, as far as that is clear.
    room: Option<Stamp>,
}

impl Said {
    /// A text that nobody has sent before.
    pub(crate) fn text(&mut self) -> String {
        let text = format!("t{}", self.sent.len());
        self.now += 1;
        self.sent.insert(text.clone(), self.now);
        text
    }

    /// A time: how often something was sent or acknowledged until now.
    pub(crate) fn now(&self) -> usize {
        self.now
    }

    pub(crate) fn acknowledged(
        &mut self,
        (room, created): (&str, Option<Stamp>),
        seq: u64,
        id: &str,
        text: &str,
    ) {
        assert!(
            self.ids.insert(id.to_owned()),
            "the id {id} was given twice"
        );
        let message = Message {
            text: text.to_owned(),
            sent: self.sent[text],
            acknowledged: self.now + 1,
            lost: false,
            room: created,
        };
        self.now += 1;
        let before = self.by_place.insert((room.to_owned(), seq), message);
        assert!(before.is_none(), "{room} {seq} was given twice");
    }

    /// A node was started.
    pub(crate) fn through(&mut self, node: &Arc<Faults>) {
        self.nodes.push(node.clone());
    }

    fn was_let_in(&self, user: &str, room: &str, created: Stamp) -> bool {
        let (user, room) = (UserId::parse(user).unwrap(), topic(room));
        let mut nodes = self.nodes.iter();
        nodes.any(|node| node.has_let_in(&user, &room, created))
    }

    /// If `user` receives `text` at a place that was acknowledged, that is what was said there, and in a
    /// room that the user was let into, not in another of its name.
    pub(crate) fn check(&self, user: &str, room: &str, seq: u64, text: &str) {
        assert!(self.sent.contains_key(text), "nobody said {text}");
        let there = self.by_place.get(&(room.to_owned(), seq));
        if let Some(there) = there.filter(|there| !there.lost) {
            assert_eq!(there.text, text, "{room} {seq} is something else");
            let was_in = |created| self.was_let_in(user, room, created);
            assert!(
                there.room.is_none_or(was_in),
                "{room} {seq} was said in another room of that name"
            );
        }
    }

    /// Whether nothing is there that anybody was told is stored.
    pub(crate) fn all_lost(&self, room: &str, places: Range<u64>) -> bool {
        let mut all = self.by_place.iter();
        all.all(|((name, seq), message)| name != room || message.lost || !places.contains(seq))
    }

    /// What is not in the logs any more, since they went back to `heads`.
    pub(crate) fn lose_after(&mut self, heads: &HashMap<String, u64>) {
        for ((room, seq), message) in &mut self.by_place {
            if *seq > heads.get(room).copied().unwrap_or(0) {
                message.lost = true;
            }
        }
    }

    /// What nobody may have missed who was in `room` after `from`, and since the time `since`. Who came
    /// without having anything of the room cannot tell which of what was sent before came before it.
    pub(crate) fn owed(&self, room: &str, from: u64, since: usize) -> impl Iterator<Item = u64> {
        let owed = |((name, seq), message): (&(String, u64), &Message)| {
            let time = match from {
                0 => message.sent,
                _ => message.acknowledged,
            };
            let there = name == room && *seq > from && time > since && !message.lost;
            there.then_some(*seq)
        };
        let mut all: Vec<_> = self.by_place.iter().filter_map(owed).collect();
        all.sort_unstable();
        all.into_iter()
    }
}
