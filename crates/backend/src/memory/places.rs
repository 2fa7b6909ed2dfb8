use std::collections::{BTreeSet, HashMap, HashSet};

use starling_kernel::{
    id::{ConnId, Incarnation, RoomName, UserId},
    ports::{
        Change, Entered, Entry, Heard, Holder, Leave, Member, Members, Parcel, PortError,
        PortResult, Session, Status, Transition,
    },
    time::Timestamp,
    topic::Topic,
};

use super::state::{State, later};

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
    pub(super) created_at: Timestamp,
    pub(super) private: bool,
    pub(super) grants: HashSet<UserId>,
}

/// A member and what holds it.
#[derive(Clone)]
pub(super) struct Present {
    pub(super) member: Member,
    since: Timestamp,
    holders: HashSet<(Incarnation, ConnId)>,
    /// When the grace is over, for one whom nothing holds.
    due: Option<Timestamp>,
    /// The rooms to come back to.
    rooms: BTreeSet<RoomName>,
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
    ) -> PortResult<Entered> {
        if self.leases.are_over(&holder.incarnation) {
            return Err(PortError::Fenced);
        }
        self.admit(now, topic, &member.user, entry)?;
        let arrival = self.hold(now, topic, member, holder);
        let loud = match entry {
            _ if is_room(topic) => arrival.first,
            Entry::Open { announce: true } => true,
            _ => arrival.came,
        };
        let kind = match (loud, arrival.renamed) {
            (true, _) => Some(Change::Entered),
            (false, true) => Some(Change::Updated),
            (false, false) => None,
        };
        if let Some(kind) = kind {
            self.tell_change(kind, topic, &member.user, now, Some(&holder.conn));
        }
        let room = self.places.get(topic).and_then(|place| place.room.as_ref());
        Ok(Entered {
            first: arrival.first,
            private: room.is_some_and(|room| room.private),
        })
    }

    /// Adds a holder, and whom it holds.
    fn hold(&mut self, now: Timestamp, topic: &Topic, member: &Member, holder: &Holder) -> Arrival {
        let Member { user, username, .. } = member;
        let Holder { incarnation, conn } = holder.clone();
        let held = self.held.entry(incarnation.clone()).or_default();
        held.insert((topic.clone(), user.clone(), conn.clone()));

        let place = self.places.entry(topic.clone()).or_default();
        let first = !place.members.contains_key(user);
        let present = place.members.entry(user.clone());
        let present = present.or_insert_with(|| Present::new(member, now));
        let arrival = Arrival {
            first,
            came: present.holders.is_empty(),
            renamed: present.member.username != *username,
        };
        present.member.username.clone_from(username);
        present.holders.insert((incarnation, conn));
        if let Some(due) = present.due.take() {
            self.due.remove(&(due, topic.clone(), user.clone()));
        }
        arrival
    }

    /// Whether `user` may enter; creates the room where `entry` says so.
    fn admit(
        &mut self,
        now: Timestamp,
        topic: &Topic,
        user: &UserId,
        entry: &Entry,
    ) -> PortResult<()> {
        if !is_room(topic) {
            return Ok(());
        }
        let place = self.places.get(topic);
        match (entry, place) {
            (Entry::Create { .. }, Some(_)) => Err(PortError::RoomExists),
            (Entry::Create { private }, None) => {
                self.create(now, topic, *private, Some(user));
                Ok(())
            }
            (Entry::Restore { private }, None) => {
                self.create(now, topic, *private, None);
                Ok(())
            }
            (Entry::Open { .. } | Entry::Join { .. }, None) => Err(PortError::NoRoom),
            (Entry::Join { granted: false }, Some(place)) if !place.lets_in(user) => {
                Err(PortError::NotAuthorized)
            }
            _ => Ok(()),
        }
    }

    fn create(&mut self, now: Timestamp, topic: &Topic, private: bool, creator: Option<&UserId>) {
        let room = RoomInfo {
            created_at: now,
            private,
            grants: creator.into_iter().cloned().collect(),
        };
        let place = Place {
            members: HashMap::new(),
            room: Some(room),
        };
        self.places.insert(topic.clone(), place);
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
        let place = self.places.get_mut(topic);
        let Some(present) = place.and_then(|place| place.members.get_mut(user)) else {
            return false;
        };
        if !(present.holders).remove(&(incarnation.clone(), conn.clone())) {
            return false;
        }
        let is_last = present.holders.is_empty();
        if is_last && leave == Leave::AfterGrace {
            let due = later(now, self.times.grace);
            present.due = Some(due);
            self.due.insert((due, topic.clone(), user.clone()));
        }
        self.let_go(incarnation, topic, user, conn);
        is_last && leave == Leave::Now && self.remove(topic, user, now, Some(conn))
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
        if let Some(due) = present.due {
            self.due.remove(&(due, topic.clone(), user.clone()));
        }
        for (incarnation, conn) in present.holders.clone() {
            self.let_go(&incarnation, topic, user, &conn);
        }
        self.tell_change(Change::Left, topic, user, lost, conn);
        if let Some(place) = self.places.get_mut(topic) {
            place.members.remove(user);
            if place.members.is_empty() {
                self.places.remove(topic);
                self.forget_room(topic);
            }
        }
        true
    }

    /// A room's log goes with it; a namespace's history outlives those who are there.
    fn forget_room(&mut self, topic: &Topic) {
        if is_room(topic) {
            self.logs.remove(topic);
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
        all.sort_by(|a, b| (a.since, &a.member.user).cmp(&(b.since, &b.member.user)));
        Members {
            total: all.len() as u64,
            list: (all.into_iter().take(limit))
                .map(|present| (present.member.clone(), present.since))
                .collect(),
        }
    }

    pub(super) fn session(&self, namespace: &Topic, user: &UserId) -> Option<Session> {
        let present = self.places.get(namespace)?.members.get(user)?;
        Some(Session {
            member: present.member.clone(),
            rooms: present.rooms.iter().cloned().collect(),
        })
    }

    pub(super) fn note_room(
        &mut self,
        namespace: &Topic,
        user: &UserId,
        room: &RoomName,
        add: bool,
    ) {
        let place = self.places.get_mut(namespace);
        if let Some(present) = place.and_then(|place| place.members.get_mut(user)) {
            if add {
                present.rooms.insert(room.clone());
            } else {
                present.rooms.remove(room);
            }
        }
    }

    /// Publishes a change: a room's on the room, a namespace's in the log that every node follows.
    fn tell_change(
        &mut self,
        kind: Change,
        topic: &Topic,
        user: &UserId,
        at: Timestamp,
        conn: Option<&ConnId>,
    ) {
        let place = self.places.get(topic);
        let Some(present) = place.and_then(|place| place.members.get(user)) else {
            return;
        };
        let transition = Transition {
            kind,
            place: topic.to_string(),
            member: present.member.clone(),
            conn: conn.cloned(),
            at,
            rooms: present.rooms.iter().cloned().collect(),
        };
        if !is_room(topic) {
            return self.log_transition(transition);
        }
        let heard = Heard::Parcel {
            topic: topic.clone(),
            position: None,
            parcel: Parcel::Transition(transition),
        };
        self.tell(topic, &heard, None);
    }
}

impl Place {
    /// Whether `user` may enter without anybody vouching.
    fn lets_in(&self, user: &UserId) -> bool {
        let by_room = self.room.as_ref();
        by_room.is_none_or(|room| !room.private || room.grants.contains(user))
            || self.members.contains_key(user)
    }
}

impl Present {
    fn new(member: &Member, since: Timestamp) -> Self {
        Self {
            member: member.clone(),
            since,
            holders: HashSet::new(),
            due: None,
            rooms: BTreeSet::new(),
        }
    }
}

pub(super) fn is_room(topic: &Topic) -> bool {
    matches!(topic, Topic::Room(..))
}
