//! Identifiers. All of them are public: none gives whoever holds it any right.

use std::{borrow::Borrow, fmt, sync::Arc};

use rand::{Rng, distr::Alphanumeric};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::AppError;

/// A random string of `len` letters and digits (5.95 bits of entropy each).
pub fn random(len: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(len)
        .map(char::from)
        .collect()
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A user: the token's user id, or a guest's public id. One user may have many connections.
    UserId
}
text_id! {
    /// One connection to one namespace; unique in the cluster, public, and not the transport's id.
    ConnId
}
text_id! {
    /// A gateway's name, `[a-z0-9]{1,16}`: the same after a restart.
    NodeId
}
text_id! {
    /// One life of a gateway, `<node>.<random>`. A gateway that could not renew its lease, or is not
    /// sure what the cluster holds of it, takes a new one; what the old one held is then reaped.
    Incarnation
}
text_id! {
    /// A room's name, `[A-Za-z0-9_.:-]{1,64}`.
    RoomName
}

impl UserId {
    /// Longest accepted user id, in bytes.
    pub const MAX: usize = 128;

    /// Accepts 1 to [`UserId::MAX`] bytes without control characters.
    pub fn parse(text: &str) -> Result<Self, AppError> {
        if text.is_empty() || text.len() > Self::MAX || text.chars().any(char::is_control) {
            return Err(AppError::invalid(
                "userId must be 1 to 128 bytes without control characters",
            ));
        }
        Ok(Self(text.into()))
    }

    /// A new guest's id.
    pub fn random_guest() -> Self {
        Self(format!("guest-{}", random(16)).into())
    }
}

impl ConnId {
    /// A new connection's id.
    pub fn random() -> Self {
        Self(random(20).into())
    }
}

impl NodeId {
    /// Accepts `[a-z0-9]{1,16}`; returns `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=16).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        fits.then(|| Self(text.into()))
    }
}

impl Incarnation {
    /// A new life of `node`.
    pub fn of(node: &NodeId) -> Self {
        Self(format!("{node}.{}", random(12)).into())
    }
}

/// For what a backend reads back: these were checked when they were written.
macro_rules! trusted {
    ($($name:ident),*) => {$(
        impl $name {
            /// Takes over text that was checked when it entered the cluster.
            pub fn trusted(text: &str) -> Self {
                Self(text.into())
            }
        }
    )*};
}
trusted!(UserId, ConnId, Incarnation, RoomName);

// Read back from a backend: checked when they were written.
macro_rules! deserialize_trusted {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self(String::deserialize(deserializer)?.into()))
            }
        }
    )*};
}
deserialize_trusted!(UserId, ConnId, Incarnation, NodeId);

// Also part of what clients send.
impl<'de> Deserialize<'de> for RoomName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl RoomName {
    /// Accepts `[A-Za-z0-9_.:-]{1,64}`.
    pub fn parse(text: &str) -> Result<Self, AppError> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b));
        if !fits {
            return Err(AppError::invalid(
                "roomName must match [A-Za-z0-9_.:-]{1,64}",
            ));
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_follow_the_contract() {
        for good in ["a", "Lobby-1", "team:a.b_c", &"x".repeat(64)] {
            assert_eq!(
                RoomName::parse(good).map(|r| r.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in ["", "a b", "a/b", "ä", "a\n", "a*", "a#b", &"x".repeat(65)] {
            assert!(RoomName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn node_names_cannot_hold_the_separators_of_session_ids_and_incarnations() {
        assert!(NodeId::parse("gw1").is_some());
        for bad in ["", "GW1", "gw-1", "gw.1", "seventeenletters1"] {
            assert!(NodeId::parse(bad).is_none(), "{bad:?}");
        }
    }
}
