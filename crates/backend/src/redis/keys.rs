//! Where things are in Redis.

use starling_kernel::{
    id::UserId,
    topic::{Namespace, Topic},
};

/// Names of partitions and channels.
///
/// Everything of a room, and everything of a user in a namespace, is in one partition; all keys of a
/// partition carry the same hash tag, so that a script touches one slot of a Redis Cluster.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
    partitions: u16,
    namespaces: &'static [Namespace],
}

impl Keys {
    pub(super) fn new(prefix: &str, partitions: u16, namespaces: &'static [Namespace]) -> Self {
        Self {
            prefix: prefix.to_owned(),
            partitions,
            namespaces,
        }
    }

    pub(super) fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The prefix of a partition's keys: the `KEYS[1]` of the scripts.
    pub(super) fn partition(&self, n: u16) -> String {
        format!("{}:{{p{n}}}:", self.prefix)
    }

    pub(super) fn every_partition(&self) -> impl Iterator<Item = String> {
        (0..self.partitions).map(|n| self.partition(n))
    }

    /// The prefix of the keys of the nodes' leases.
    pub(super) fn nodes(&self) -> String {
        format!("{}:{{nodes}}:", self.prefix)
    }

    /// The partition of a topic's log and channel.
    pub(super) fn of_topic(&self, topic: &Topic) -> String {
        match topic {
            Topic::Presence(n) => self.partition(*n),
            _ => self.of_text(&topic.to_string()),
        }
    }

    /// The partition of a user's membership in a place: a room is kept together, the many users of
    /// a namespace are spread.
    pub(super) fn of_member(&self, place: &Topic, user: &UserId) -> String {
        match place {
            Topic::Room(..) => self.of_topic(place),
            _ => self.of_text(user.as_str()),
        }
    }

    /// The partition of anything that has a name.
    pub(super) fn of_text(&self, text: &str) -> String {
        self.partition((fnv1a(text) % u64::from(self.partitions)) as u16)
    }

    /// A user's moves are told by the scripts of all partitions: their channel is in none.
    pub(super) fn channel(&self, topic: &Topic) -> String {
        let partition = match topic {
            Topic::Moves(_) => format!("{}:{{moves}}:", self.prefix),
            _ => self.of_topic(topic),
        };
        format!("{partition}ch:{topic}")
    }

    /// The topic of a channel; `None` for what no node of this build would publish on.
    pub(super) fn topic(&self, channel: &str) -> Option<Topic> {
        let (_, text) = channel.strip_prefix(&self.prefix)?.split_once("}:ch:")?;
        Topic::parse(text, self.namespaces)
    }

    /// The channel by which a node checks that it still hears.
    pub(super) fn canary(&self, origin: &str) -> String {
        format!("{}:canary:{origin}", self.prefix)
    }
}

/// FNV-1a, 64 bits. Part of the layout: it must give the same on every node and in every build.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_kernel::id::RoomName;

    fn keys() -> Keys {
        Keys::new("x:y", 16, &["/", "/chat"])
    }

    #[test]
    fn channels_tell_their_topics() {
        let topics = [
            Topic::Namespace("/chat"),
            Topic::room(&RoomName::trusted("a:ch:b")),
            Topic::User("/", UserId::trusted("}:ch:{")),
            Topic::Moves(UserId::trusted("}:ch:{")),
            Topic::Presence(7),
        ];
        for topic in topics {
            let channel = keys().channel(&topic);
            assert_eq!(keys().topic(&channel), Some(topic), "{channel}");
        }
        assert_eq!(keys().topic("x:y:{p1}:ch:/unknown"), None);
        assert_eq!(keys().topic("other"), None);
    }

    #[test]
    fn the_layout_does_not_change_between_builds() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(keys().of_topic(&Topic::Presence(3)), "x:y:{p3}:");
    }

    #[test]
    fn rooms_and_users_are_spread() {
        let mut seen = std::collections::HashSet::new();
        for n in 0..500 {
            seen.insert(keys().of_text(&format!("user-{n}")));
        }
        assert_eq!(seen.len(), 16);
    }
}
