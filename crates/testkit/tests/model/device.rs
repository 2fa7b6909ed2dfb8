//! Somebody's device: it keeps what it knows from one connection to the next.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Value, json};
use starling_kernel::{
    error::{AppError, Code},
    id::RoomName,
    time::Stamp,
};
use starling_testkit::Client;

use crate::{said::Said, trace, views::topic};

pub(crate) struct Device {
    pub(crate) user: String,
    /// The node its connection is on.
    pub(crate) node: usize,
    pub(crate) client: Option<Client>,
    pub(crate) registered: bool,
    /// The rooms that the connection is in.
    pub(crate) rooms: BTreeMap<String, Stay>,
    /// Up to where the device knows rooms that it may come back to.
    pub(crate) known: BTreeMap<String, Stay>,
    /// Whom it sees in its rooms.
    pub(crate) members: BTreeMap<String, BTreeSet<String>>,
    /// Whom it sees online, once it has asked.
    pub(crate) online: Option<BTreeSet<String>>,
    /// It does not know whether its user is online: registering was answered `unavailable`, and what
    /// the others were told then was not told to it.
    pub(crate) unsure: bool,
    /// Rooms that it was told to have left.
    left: BTreeSet<String>,
}

/// What a device has of a room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stay {
    /// It has everything after this ...
    pub(crate) from: u64,
    /// ... that was acknowledged since.
    pub(crate) since: usize,
    /// Up to this; `None` where it has yet to see the first one.
    pub(crate) last: Option<u64>,
    pub(crate) got: BTreeSet<u64>,
    /// It has only been told what is held, and what was lost with a failover is a hole in that.
    is_new: bool,
}

impl Stay {
    fn begin(messages: &[Value], said: &Said) -> Self {
        let last = messages.last().map(seq);
        Self {
            from: last.unwrap_or(0),
            since: said.now(),
            last,
            got: BTreeSet::new(),
            is_new: true,
        }
    }

    fn hear(&mut self, room: &str, message: &Value, said: &Said) {
        let seq = seq(message);
        if let Some(last) = self.last {
            let jumps = self.is_new && seq > last && said.all_lost(room, last + 1..seq);
            assert!(seq == last + 1 || jumps, "{room}: {seq} after {self:?}");
        }
        self.is_new = false;
        self.last = Some(seq);
        self.got.insert(seq);
    }

    /// What it asked for once more may be there already.
    fn hear_again(&mut self, room: &str, messages: &[Value], said: &Said) {
        for message in messages {
            if self.last.is_none_or(|last| seq(message) > last) {
                self.hear(room, message, said);
            }
        }
    }

    /// It was told that it misses something.
    fn told(&mut self, room: &str, messages: &[Value], said: &Said) {
        *self = Self::begin(&[], said);
        for message in messages {
            self.is_new = true;
            self.hear(room, message, said);
        }
        self.from = self.last.unwrap_or(0);
        self.is_new = true;
    }
}

fn seq(message: &Value) -> u64 {
    message["seq"].as_u64().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn users(list_of_them: &Value) -> impl Iterator<Item = String> {
    let list = list(list_of_them).iter();
    list.map(|one| one["userId"].as_str().unwrap().to_owned())
}

impl Device {
    pub(crate) fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            node: 0,
            client: None,
            registered: false,
            rooms: BTreeMap::new(),
            known: BTreeMap::new(),
            members: BTreeMap::new(),
            online: None,
            unsure: false,
            left: BTreeSet::new(),
        }
    }

    /// Takes in what has arrived.
    pub(crate) async fn listen(&mut self, said: &RefCell<Said>) {
        let Some(client) = &self.client else { return };
        let (events, gone) = (client.drain().await, client.disconnected());
        for (event, data) in events {
            trace(|| format!("  {} on {} hears {event} {data}", self.user, self.node));
            self.hear(&event, &data, &said.borrow());
        }
        // It may also have been old news, of an earlier stay, from a relay that is behind.
        for room in std::mem::take(&mut self.left) {
            if !self.is_in(&room) {
                self.rooms.remove(&room);
            }
        }
        let rooms = &self.rooms;
        self.members.retain(|room, _| rooms.contains_key(room));
        if gone || self.client.as_ref().is_some_and(Client::killed) {
            self.lose().await;
        }
    }

    /// When the room was created that its connection is in.
    pub(crate) fn created(&self, room: &str) -> Option<Stamp> {
        let session = &self.client.as_ref()?.session;
        session.created(&topic(room))
    }

    /// It was answered when it asked to be online.
    pub(crate) fn answered<T>(&mut self, answer: &Result<T, AppError>) {
        match answer {
            Ok(_) => (self.registered, self.unsure) = (true, false),
            Err(error) if error.code == Code::Unavailable => self.unsure = !self.registered,
            Err(_) => {}
        }
    }

    /// Loses its connection.
    pub(crate) async fn lose(&mut self) {
        if let Some(client) = self.client.take() {
            client.drop_connection().await;
        }
        self.forget_connection();
    }

    pub(crate) fn forget_connection(&mut self) {
        self.client = None;
        self.registered = false;
        self.online = None;
        self.unsure = false;
        self.known.append(&mut self.rooms);
    }

    /// That it was shown what it may see.
    fn check(&self, event: &str, data: &Value, said: &Said) {
        let check = |room: &str, messages: &[Value]| {
            for message in messages {
                let text = message["text"].as_str().unwrap();
                said.check(&self.user, room, seq(message), text);
            }
        };
        let room = data["roomName"].as_str().unwrap_or_default();
        match event {
            "room-message" => check(room, std::slice::from_ref(data)),
            "session-restored" => {
                let missed = data["missed"].as_object().unwrap();
                missed.iter().for_each(|(room, all)| check(room, list(all)));
            }
            _ => check(room, list(&data["messages"])),
        }
    }

    fn hear(&mut self, event: &str, data: &Value, said: &Said) {
        self.check(event, data, said);
        self.see(event, data);
        let room = data["roomName"].as_str().unwrap_or_default();
        let messages = list(&data["messages"]);
        match event {
            "room-created" => {
                self.rooms.insert(room.to_owned(), Stay::begin(&[], said));
            }
            "room-history" if data["recovered"] == false => {
                let stay = self.rooms.get_mut(room).expect("a room it is in");
                stay.told(room, messages, said);
            }
            "room-history" => {
                self.rooms
                    .insert(room.to_owned(), Stay::begin(messages, said));
            }
            "room-message" => {
                let stay = self.rooms.get_mut(room).expect("a room it is in");
                stay.hear(room, data, said);
            }
            "missed-messages" => {
                let stay = self.rooms.get_mut(room).expect("a room it is in");
                stay.hear_again(room, messages, said);
            }
            "session-restored" => self.restored(data, said),
            "user-left-room" if data["userId"] == *self.user => {
                self.left.insert(room.to_owned());
            }
            _ => {}
        }
    }

    /// As somebody does who shows the members of rooms, and who is online.
    fn see(&mut self, event: &str, data: &Value) {
        let of_itself = data["userId"] == *self.user;
        if event == "presence-list" || of_itself && ["user-online", "user-offline"].contains(&event)
        {
            self.unsure = false;
        }
        let room = data["roomName"].as_str().unwrap_or_default().to_owned();
        let members = self.members.entry(room).or_default();
        let user = || data["userId"].as_str().unwrap().to_owned();
        let users = |list| users(list).collect();
        match (event, &mut self.online) {
            ("room-members", _) => *members = users(&data["users"]),
            ("user-joined-room", _) => drop(members.insert(user())),
            ("user-left-room", _) => drop(members.remove(&user())),
            ("presence-list", online) => *online = Some(users(data)),
            ("user-online", Some(online)) => drop(online.insert(user())),
            ("user-offline", Some(online)) => drop(online.remove(&user())),
            _ => {}
        }
    }

    fn is_in(&self, room: &str) -> bool {
        let room = RoomName::parse(room).unwrap();
        let client = self.client.as_ref();
        client.is_some_and(|client| client.session.in_room(&room))
    }

    fn restored(&mut self, data: &Value, said: &Said) {
        for room in list(&data["rooms"]) {
            let room = room.as_str().unwrap();
            let known = self.known.remove(room);
            let asked = data["recovered"].get(room);
            let missed = list(&data["missed"][room]);
            let before = self.rooms.remove(room);
            // Where it was in already, nothing changes but what it asked to be told again.
            let mut stay = match (asked, before, known) {
                (None, Some(stay), _) => stay,
                (Some(Value::Bool(true)), before, known) => before.or(known).unwrap(),
                _ => Stay::begin(&[], said),
            };
            if asked == Some(&Value::Bool(false)) {
                stay.told(room, missed, said);
            } else {
                stay.hear_again(room, missed, said);
            }
            self.rooms.insert(room.to_owned(), stay);
        }
    }

    /// What it asks for when it comes back.
    pub(crate) fn last_seq(&self) -> Value {
        let all = self.known.iter().chain(&self.rooms);
        let known = all.filter_map(|(room, stay)| Some((room.clone(), stay.last?)));
        json!(known.collect::<BTreeMap<_, _>>())
    }
}
