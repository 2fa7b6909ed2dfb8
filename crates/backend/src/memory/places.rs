use std::collections::{HashMap, HashSet};

use starling_kernel::{
    envelope::Position,
    id::{ConnId, Incarnation, RoomName, UserId},
    ports::{
        Change, Entered, Entry, Heard, Held, Holder, Leave, Member, Members, Order, Parcel,
        PortError, PortResult, Status, Transition, Whereabouts,
    },
    time::{Stamp, Timestamp},
    topic::Topic,
};

use super::state::{State, later};
use crate::SETTLING;

/// A room or a namespace, while somebody is in it.
#[derive(Clone, Default)]
pub(super) struct Place {
    pub(super) members: HashMap<UserId, Present>,
    /// For a room.
    pub(super) room: Option<RoomInfo>,
}

/// What a room has beyond its members.
#[derive(Clone)]
pub(super) struct RoomInfo {
    pub(super) created: Stamp,
    pub(super) private: bool,
    pub(super) grants: HashSet<UserId>,
    /// When it was created anew, for one that had been lost.
    restored: Option<Timestamp>,
}

/// A member and what holds it.
#[derive(Clone)]
pub(super) struct Present {
    pub(super) member: Member,
    since: Stamp,
    holders: HashSet<(Incarnation, ConnId)>,
    /// When the grace is over, for one whom nothing holds, and the rooms it was in when it began.
    due: Option<(Timestamp, Vec<RoomName>)>,
}

/// What a holder's coming changed.
struct Arrival {
    /// The user was not a member before.
    first: bool,
    /// Nothing held the user before.
    came: bool,
    renamed: bool,
}

impl State {
    pub(super) fn enter(
        &mut self,
        now: Timestamp,
        topic: &Topic,
        member: &Member,
        holder: &Holder,
        entry: &Entry,
        most: usize,
    ) -> PortResult<Entered> {
        self.leases.check(&holder.incarnation)?;
        let at = self.stamp(now);
        self.check_most(topic, &member.user, most)?;
        let new_room = self.admit(now, at, topic, &member.user, entry)?;
        if let Some(room) = new_room {
            self.create(now, topic, room);
        }
        if let Entry::Restore(held) = entry {
            self.restore_grant(now, topic, &member.user, held);
        }
        let arrival = self.hold(at, topic, member, holder);
        self.note_own(topic, &member.user);
        if let Some(kind) = self.heard_as(now, topic, entry, &arrival) {
            let again = kind == Change::Entered && !arrival.first;
            self.announce(kind, topic, &member.user, now, Some(&holder.conn), again);
        }
        let room = self.places.get(topic).and_then(|place| place.room.as_ref());
        Ok(Entered {
            first: arrival.first,
            at,
            created: self.created(topic),
            private: room.is_some_and(|room| room.private),
            holds_grant: room.is_some_and(|room| room.grants.contains(&member.user)),
            log: room.map_or_else(Position::start, |_| self.logs.position(topic)),
        })
    }

    /// As what others hear of an arrival.
    fn heard_as(
        &self,
        now: Timestamp,
        topic: &Topic,
        entry: &Entry,
        arrival: &Arrival,
    ) -> Option<Change> {
        let quiet = match entry {
            Entry::Restore(held) => self.leases.was_there(now, held.since),
            _ => false,
        };
        if quiet && arrival.first {
            return Some(Change::Restored);
        }
        let loud = match entry {
            Entry::Restore(_) => arrival.first,
            _ if is_room(topic) => arrival.first,
            Entry::Open { announce: true } => true,
            _ => arrival.came,
        };
        match (loud, arrival.renamed) {
            (true, _) => Some(Change::Entered),
            (false, true) => Some(Change::Updated),
            (false, false) => None,
        }
    }

    fn check_most(&self, topic: &Topic, user: &UserId, most: usize) -> PortResult<()> {
        let is_new = !self
            .places
            .get(topic)
            .is_some_and(|place| place.members.contains_key(user));
        if is_room(topic) && is_new && self.user_rooms.count(user) >= most {
            return Err(PortError::TooManyRooms);
        }
        Ok(())
    }

    /// Adds a holder, and whom it holds.
    fn hold(&mut self, at: Stamp, topic: &Topic, member: &Member, holder: &Holder) -> Arrival {
        let Member { user, username, .. } = member;
        let Holder { incarnation, conn } = holder.clone();
        let held = self.held.entry(incarnation.clone()).or_default();
        held.insert((topic.clone(), user.clone(), conn.clone()));
        if let Some(room) = topic.room_name() {
            self.user_rooms.add(user, room);
        }

        let place = self.places.entry(topic.clone()).or_default();
        let first = !place.members.contains_key(user);
        let present = place.members.entry(user.clone());
        let present = present.or_insert_with(|| Present::new(member, at));
        let arrival = Arrival {
            first,
            came: present.holders.is_empty(),
            renamed: present.member.username != *username,
        };
        present.member.username.clone_from(username);
        present.holders.insert((incarnation, conn));
        if let Some((due, _)) = present.due.take() {
            self.due.remove(&(due, topic.clone(), user.clone()));
        }
        arrival
    }

    /// Whether `user` may enter, and with what room where there is none yet.
    fn admit(
        &self,
        now: Timestamp,
        at: Stamp,
        topic: &Topic,
        user: &UserId,
        entry: &Entry,
    ) -> PortResult<Option<RoomInfo>> {
        if let Entry::Restore(held) = entry
            && self.evicted.since(topic, user, held.since)
        {
            return Err(PortError::NotAMember);
        }
        if !is_room(topic) {
            return Ok(None);
        }
        let Some(place) = self.places.get(topic) else {
            return RoomInfo::made_by(entry, now, at, user).map(Some);
        };
        match entry {
            Entry::Create { .. } => Err(PortError::RoomExists),
            Entry::Return if !place.members.contains_key(user) => Err(PortError::NotAMember),
            Entry::Join { granted: false } if !place.lets_in(user) => Err(PortError::NotAuthorized),
            Entry::Restore(held) if !place.is(held.created) => {
                // Whoever thinks to be among a few is not brought before everybody.
                let exposed = held.private && place.room.as_ref().is_some_and(|room| !room.private);
                match !exposed && (held.granted || place.lets_in(user)) {
                    true => Ok(None),
                    false => Err(PortError::NotAuthorized),
                }
            }
            _ => Ok(None),
        }
    }

    /// A room that had been lost gets back the grants of those who are restored into it.
    fn restore_grant(&mut self, now: Timestamp, topic: &Topic, user: &UserId, held: &Held) {
        let room = self.places.get_mut(topic).and_then(|p| p.room.as_mut());
        if let Some(room) = room
            && held.holds_grant
            && room.created == held.created
            && room.restored.is_some_and(|at| now < later(at, SETTLING))
        {
            room.grants.insert(user.clone());
        }
    }

    fn create(&mut self, now: Timestamp, topic: &Topic, room: RoomInfo) {
        let place = Place {
            members: HashMap::new(),
            room: Some(room),
        };
        self.places.insert(topic.clone(), place);
        self.logs.begin(now, topic);
    }

    /// Removes a holder. The last one's member goes at once, which is `true`, or when the grace is
    /// over.
    pub(super) fn release(
        &mut self,
        now: Timestamp,
        topic: &Topic,
        user: &UserId,
        incarnation: &Incarnation,
        conn: &ConnId,
        leave: Leave,
    ) -> bool {
        let rooms = self.user_rooms.of(user);
        let place = self.places.get_mut(topic);
        let Some(present) = place.and_then(|place| place.members.get_mut(user)) else {
            return false;
        };
        let held = (present.holders).remove(&(incarnation.clone(), conn.clone()));
        if !held && leave != Leave::WithinGrace {
            return false;
        }
        let is_last = present.holders.is_empty();
        if is_last && leave == Leave::AfterGrace {
            let due = later(now, self.times.grace);
            present.due = Some((due, rooms));
            self.due.insert((due, topic.clone(), user.clone()));
        }
        self.let_go(incarnation, topic, user, conn);
        let is_told = !is_room(topic) && *topic != Topic::Namespace("/");
        if is_last && leave == Leave::AfterGrace && is_told {
            self.tell_change(Change::Lost, topic, user, now, Some(conn));
        }
        is_last && leave != Leave::AfterGrace && self.remove(topic, user, now, Some(conn))
    }

    /// Removes a member with all that holds it, and the place with its last member.
    pub(super) fn remove(
        &mut self,
        topic: &Topic,
        user: &UserId,
        lost: Timestamp,
        conn: Option<&ConnId>,
    ) -> bool {
        let place = self.places.get_mut(topic);
        let Some(present) = place.and_then(|place| place.members.get(user)) else {
            return false;
        };
        if let Some((due, _)) = &present.due {
            self.due.remove(&(*due, topic.clone(), user.clone()));
        }
        for (incarnation, conn) in present.holders.clone() {
            self.let_go(&incarnation, topic, user, &conn);
        }
        if let Some(room) = topic.room_name() {
            self.user_rooms.remove(user, room);
        }
        self.tell_change(Change::Left, topic, user, lost, conn);
        if let Some(place) = self.places.get_mut(topic) {
            place.members.remove(user);
            let deserted = place.members.is_empty();
            self.note_own(topic, user);
            if deserted {
                self.forget_place(lost, topic);
            }
        }
        true
    }

    /// After anything that may have changed whether a user may join a room without a voucher.
    pub(super) fn note_own(&mut self, topic: &Topic, user: &UserId) {
        if let (Topic::Room("/", name), Some(place)) = (topic, self.places.get(topic))
            && place.room.as_ref().is_some_and(|room| room.private)
        {
            match place.lets_in(user) {
                true => self.own.add(user, name),
                false => self.own.remove(user, name),
            }
        }
    }

    pub(super) fn evict(
        &mut self,
        now: Timestamp,
        topic: &Topic,
        user: &UserId,
        rooms: &[RoomName],
    ) {
        let at = self.stamp(now);
        self.evicted.note(now, topic, user, at);
        // As with one who was lost: they are named as they were then.
        let place = self.places.get_mut(topic);
        let present = place.and_then(|place| place.members.get_mut(user));
        if let (Some(present), false) = (present, rooms.is_empty()) {
            present.due.get_or_insert_with(|| (now, rooms.to_vec()));
        }
        self.remove(topic, user, now, None);
        let user = user.clone();
        let order = match topic.room_name().cloned() {
            Some(room) => Order::Leave { user, room, at },
            None => Order::Disconnect { user, at },
        };
        self.log_order(now, order);
    }

    /// A room's log and grants go with it; a namespace's history outlives those who are there.
    fn forget_place(&mut self, now: Timestamp, topic: &Topic) {
        let room = self.places.remove(topic).and_then(|place| place.room);
        if let (Topic::Room("/", name), Some(room)) = (topic, room) {
            for user in &room.grants {
                self.own.remove(user, name);
            }
        }
        if is_room(topic) {
            self.logs.remove(now, topic);
        }
    }

    fn let_go(&mut self, incarnation: &Incarnation, topic: &Topic, user: &UserId, conn: &ConnId) {
        if let Some(held) = self.held.get_mut(incarnation) {
            held.remove(&(topic.clone(), user.clone(), conn.clone()));
            if held.is_empty() {
                self.held.remove(incarnation);
            }
        }
    }

    pub(super) fn set_status(
        &mut self,
        now: Timestamp,
        topic: &Topic,
        user: &UserId,
        conn: &ConnId,
        status: Status,
    ) -> Option<Member> {
        let present = self.places.get_mut(topic)?.members.get_mut(user)?;
        present.member.status = status;
        let member = present.member.clone();
        self.tell_change(Change::Updated, topic, user, now, Some(conn));
        Some(member)
    }

    pub(super) fn members(&self, topic: &Topic, limit: usize) -> Members {
        let Some(place) = self.places.get(topic) else {
            return Members::default();
        };
        let mut all: Vec<_> = place.members.values().collect();
        all.sort_by_key(|present| present.since);
        Members {
            created: self.created(topic),
            total: all.len() as u64,
            list: (all.into_iter().take(limit))
                .map(|present| (present.member.clone(), present.since.into()))
                .collect(),
        }
    }

    /// When the room was created; zero for what is none.
    pub(super) fn created(&self, topic: &Topic) -> Stamp {
        let place = self.places.get(topic);
        let room = place.and_then(|place| place.room.as_ref());
        room.map_or_else(Stamp::default, |room| room.created)
    }

    pub(super) fn whereabouts(&self, namespace: &Topic, user: &UserId) -> Whereabouts {
        let place = self.places.get(namespace);
        let present = place.and_then(|place| place.members.get(user));
        Whereabouts {
            member: present.map(|present| present.member.clone()),
            rooms: self.user_rooms.of(user),
        }
    }

    fn tell_change(
        &mut self,
        kind: Change,
        topic: &Topic,
        user: &UserId,
        at: Timestamp,
        conn: Option<&ConnId>,
    ) {
        self.announce(kind, topic, user, at, conn, false);
    }

    /// Publishes a change: a room's on the room, a namespace's in the log that every node follows.
    fn announce(
        &mut self,
        kind: Change,
        topic: &Topic,
        user: &UserId,
        at: Timestamp,
        conn: Option<&ConnId>,
        again: bool,
    ) {
        let Some(place) = self.places.get(topic) else {
            return;
        };
        let Some(present) = place.members.get(user) else {
            return;
        };
        let gone = u64::from(kind == Change::Left);
        let mut transition = Transition {
            kind,
            place: topic.to_string(),
            member: present.member.clone(),
            conn: conn.cloned(),
            at,
            rooms: Vec::new(),
            created: self.created(topic),
            again,
            total: place.members.len() as u64 - gone,
        };
        if !is_room(topic) {
            transition.rooms = match &present.due {
                Some((_, rooms)) => rooms.clone(),
                None => self.user_rooms.of(user),
            };
            return self.log_transition(at, transition);
        }
        let heard = Heard::Parcel {
            topic: topic.clone(),
            position: None,
            parcel: Parcel::Transition(transition),
        };
        self.tell(topic, &heard, None);
        self.tell_move(topic, user, heard);
    }

    /// For the user's connections elsewhere.
    fn tell_move(&mut self, place: &Topic, user: &UserId, mut moved: Heard) {
        let moves = Topic::Moves(user.clone());
        if let (Topic::Room("/", _), Heard::Parcel { topic, .. }) = (place, &mut moved) {
            topic.clone_from(&moves);
            self.tell(&moves, &moved, None);
        }
    }
}

impl Place {
    /// Whether `user` may enter without anybody vouching.
    fn lets_in(&self, user: &UserId) -> bool {
        let by_room = self.room.as_ref();
        by_room.is_none_or(|room| !room.private || room.grants.contains(user))
            || self.members.contains_key(user)
    }

    /// Whether it is the room that was created then.
    pub(super) fn is(&self, created: Stamp) -> bool {
        self.room
            .as_ref()
            .is_some_and(|room| room.created == created)
    }
}

impl RoomInfo {
    fn made_by(entry: &Entry, now: Timestamp, at: Stamp, user: &UserId) -> PortResult<Self> {
        match entry {
            Entry::Create { private } => Ok(Self {
                created: at,
                private: *private,
                grants: HashSet::from([user.clone()]),
                restored: None,
            }),
            Entry::Restore(held) => Ok(Self {
                created: held.created,
                private: held.private,
                grants: HashSet::new(),
                restored: Some(now),
            }),
            _ => Err(PortError::NoRoom),
        }
    }
}

impl Present {
    fn new(member: &Member, since: Stamp) -> Self {
        Self {
            member: member.clone(),
            since,
            holders: HashSet::new(),
            due: None,
        }
    }
}

pub(super) fn is_room(topic: &Topic) -> bool {
    matches!(topic, Topic::Room(..))
}
