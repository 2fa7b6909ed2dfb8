//! What a connection can listen to.

use std::{fmt, sync::Arc};

use crate::id::{RoomName, UserId};

/// The namespaces of the contract. A client's text is looked up here, never stored.
pub type Namespace = &'static str;

/// Something that connections listen to and that messages are addressed to.
///
/// It is also a *place* in which users are present: the root namespace holds who is online, a room
/// holds its members.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Everybody on a namespace.
    Namespace(Namespace),
    /// A room of a namespace.
    Room(Namespace, RoomName),
    /// All connections of a user to a namespace.
    User(Namespace, UserId),
    /// Something of a namespace that has no members: a board, a poll, a game. Its name is made by this
    /// build, never taken from a client as it is.
    Stream(Namespace, Arc<str>),
    /// In which rooms of the root namespace a user enters and leaves, for its connections elsewhere.
    Moves(UserId),
    /// Comings and goings of users, and orders to all nodes, in order; partition `n`. Every node
    /// follows all of them.
    Presence(u16),
}

impl Topic {
    /// The room `name` of the root namespace.
    pub fn room(name: &RoomName) -> Self {
        Self::Room("/", name.clone())
    }

    /// What has the name `<kind>:<id>` in the namespace.
    pub fn stream(namespace: Namespace, kind: &str, id: impl fmt::Display) -> Self {
        Self::Stream(namespace, format!("{kind}:{id}").into())
    }

    /// The room's name, if this is a room.
    pub fn room_name(&self) -> Option<&RoomName> {
        match self {
            Self::Room(_, name) => Some(name),
            _ => None,
        }
    }

    /// Reads back what [`fmt::Display`] wrote; `known` are the namespaces of this build.
    pub fn parse(text: &str, known: &[Namespace]) -> Option<Self> {
        if let Some(n) = text.strip_prefix("~presence:") {
            return n.parse().ok().map(Self::Presence);
        }
        if let Some(user) = text.strip_prefix("~moves:") {
            return Some(Self::Moves(UserId::trusted(user)));
        }
        let end = text.find(['#', '@', '!']).unwrap_or(text.len());
        let ns = known.iter().find(|ns| **ns == &text[..end])?;
        Some(match text.as_bytes().get(end) {
            None => Self::Namespace(ns),
            Some(b'#') => Self::Room(ns, RoomName::trusted(&text[end + 1..])),
            Some(b'!') => Self::Stream(ns, text[end + 1..].into()),
            Some(_) => Self::User(ns, UserId::trusted(&text[end + 1..])),
        })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(ns) => f.write_str(ns),
            Self::Room(ns, room) => write!(f, "{ns}#{room}"),
            Self::User(ns, user) => write!(f, "{ns}@{user}"),
            Self::Stream(ns, name) => write!(f, "{ns}!{name}"),
            Self::Moves(user) => write!(f, "~moves:{user}"),
            Self::Presence(n) => write!(f, "~presence:{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_survive_their_text_form() {
        let known: [Namespace; 2] = ["/", "/chat"];
        let all = [
            Topic::Namespace("/chat"),
            Topic::room(&RoomName::trusted("a:b.c")),
            Topic::User("/", UserId::trusted("o#dd@user!")),
            Topic::stream("/chat", "player", "o#dd@user!"),
            Topic::Moves(UserId::trusted("o#dd@user!")),
            Topic::Presence(7),
        ];
        for topic in all {
            assert_eq!(
                Topic::parse(&topic.to_string(), &known).as_ref(),
                Some(&topic)
            );
        }
        assert_eq!(Topic::parse("/unknown#a", &known), None);
    }
}
