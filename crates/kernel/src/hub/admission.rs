//! The way of a connection into a topic.

use std::sync::Arc;

use super::{
    Hub,
    catch_up::{EncodePart, catch_up},
    channel::Channel,
    listener::Run,
};
use crate::{envelope::Position, session::Session};

/// A connection on its way into a topic. Dropping it withdraws it, or lets it go on from where it was.
pub struct Admission {
    hub: Arc<Hub>,
    channel: Arc<Channel>,
    session: Arc<Session>,
    /// Where it was, for one that was in already.
    was_at: Option<Position>,
    open: bool,
}

impl Admission {
    pub(super) fn new(
        hub: Arc<Hub>,
        channel: Arc<Channel>,
        session: Arc<Session>,
        was_at: Option<Position>,
    ) -> Self {
        Self {
            hub,
            channel,
            session,
            was_at,
            open: false,
        }
    }

    /// Opens a topic without history: the connection hears everything from its admission on.
    pub fn open_live(mut self) {
        self.open = true;
        self.channel
            .open_unstored(&self.session.conn, &self.hub.followers);
    }

    /// Opens a topic whose history up to `at` the connection has just been sent: it hears what
    /// comes after it, each message once.
    pub fn open_after(mut self, at: Position) {
        self.open_at(at);
    }

    fn open_at(&mut self, at: Position) {
        self.open = true;
        let followers = &self.hub.followers;
        let next = self.channel.open(&self.session.conn, at, followers);
        self.hub.go_on(&self.channel, next);
    }

    /// The same where there is much after `at`: it comes in parts, each when the connection has
    /// taken the one before.
    pub fn open_behind(mut self, at: Position, encode: EncodePart) {
        self.open = true;
        let (hub, channel) = (self.hub.clone(), self.channel.clone());
        let (session, run) = (self.session.clone(), Run::of(&self.session));
        channel.open_behind(&run, at, &hub.followers);
        tokio::spawn(catch_up(hub, channel, session, run, encode));
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.open {
            return;
        }
        if let Some(at) = self.was_at.take() {
            self.open_at(at);
        } else if self.channel.remove(&self.session.conn) {
            self.hub.close_when_empty(self.channel.clone());
        }
    }
}
