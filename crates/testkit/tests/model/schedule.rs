//! What happens, step by step, and what must be so when it is quiet.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use futures_util::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};
use starling_backend::memory::Snapshot;
use starling_kernel::{
    error::{AppError, Code},
    id::{RoomName, UserId},
    topic::Topic,
};
use starling_testkit::{Cluster, claims};
use tokio::time::sleep;

use crate::{device::Device, said::Said, trace};

const NODES: usize = 3;
const USERS: [&str; 4] = ["ann", "ben", "eve", "kim"];
const ROOMS: [&str; 3] = ["r", "s", "t"];
const DEVICES: usize = 9;
/// Steps between two times of quiet.
const UNTIL_QUIET: usize = 50;
/// Longer than all leases, graces, pauses and pages together.
const QUIET: Duration = Duration::from_secs(45);

pub(crate) struct Schedule {
    random: StdRng,
    cluster: Cluster,
    devices: Vec<Device>,
    said: RefCell<Said>,
    /// A replica that is behind, and how many steps until it takes over.
    replica: Option<(Snapshot, HashMap<String, u64>, usize)>,
    started: usize,
    flaky: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Connect(usize),
    Drop,
    Register,
    Join(&'static str),
    Create(&'static str, bool),
    Leave(&'static str),
    Publish(&'static str),
    Restore,
    Logout,
}

impl Schedule {
    pub(crate) async fn begin(seed: u64) -> Self {
        let user = |n: usize| USERS[n % USERS.len()];
        Self {
            random: StdRng::seed_from_u64(seed),
            cluster: Cluster::start(NODES).await,
            devices: (0..DEVICES).map(|n| Device::new(user(n))).collect(),
            said: RefCell::default(),
            replica: None,
            started: NODES,
            flaky: seed % 2 == 1,
        }
    }

    pub(crate) async fn run(mut self, steps: usize) {
        for step in 0..steps {
            match self.random.random_range(0..100) {
                0..78 => self.act().await,
                78..92 => self.pass_time().await,
                _ => self.go_wrong().await,
            }
            self.take_over().await;
            if step % UNTIL_QUIET == UNTIL_QUIET - 1 {
                self.be_quiet().await;
                self.check().await;
            }
        }
        self.leave_all().await;
    }

    async fn act(&mut self) {
        let together = self.random.random_range(1..=3);
        let mut acts: HashMap<usize, Act> = HashMap::new();
        for _ in 0..together {
            let n = self.random.random_range(0..DEVICES);
            acts.insert(n, self.choose(n));
        }
        trace(|| format!("{acts:?}"));
        let (cluster, said) = (&self.cluster, &self.said);
        let chosen = self.devices.iter_mut().enumerate();
        join_all(
            chosen.filter_map(|(n, device)| Some(act(device, acts.remove(&n)?, cluster, said))),
        )
        .await;
    }

    fn choose(&mut self, n: usize) -> Act {
        let random = &mut self.random;
        let room = *ROOMS.choose(random).unwrap();
        if self.devices[n].client.is_none() {
            return Act::Connect(random.random_range(0..NODES));
        }
        match random.random_range(0..100) {
            0..10 => Act::Drop,
            10..22 => Act::Register,
            22..38 => Act::Join(room),
            38..46 => Act::Create(room, random.random_bool(0.3)),
            46..52 => Act::Leave(room),
            52..80 => Act::Publish(room),
            80..97 => Act::Restore,
            _ => Act::Logout,
        }
    }

    async fn pass_time(&mut self) {
        let most = *[5, 100, 1_500].choose(&mut self.random).unwrap();
        sleep(Duration::from_millis(self.random.random_range(0..most))).await;
        for device in &mut self.devices {
            device.listen(&self.said).await;
        }
    }

    async fn go_wrong(&mut self) {
        let random = &mut self.random;
        let node = random.random_range(0..NODES);
        let faults = self.cluster.nodes[node].faults.clone();
        let what = random.random_range(0..100);
        trace(|| format!("fault {what} of node {node}"));
        match what {
            0..15 => faults.lag(true),
            15..30 => faults.lag(false),
            30..45 => faults.lose(random.random_range(0..5)),
            45..55 => faults.cut(),
            55..70 => faults.mend().await,
            70..78 if self.flaky => faults.flaky(random.random(), 0.2),
            78..84 => faults.refuse(random.random()),
            84..90 if self.replica.is_none() => self.kill(node).await,
            90..93 if self.replica.is_none() => self.wipe(),
            93..98 if self.replica.is_none() => self.fall_behind().await,
            _ => self.evict(node).await,
        }
    }

    /// As `kill -9` does; another node takes its place.
    async fn kill(&mut self, node: usize) {
        self.started += 1;
        let new = self
            .cluster
            .start_node(&format!("gw{}", self.started))
            .await;
        let dead = std::mem::replace(&mut self.cluster.nodes[node], new);
        dead.faults.die();
        for device in &mut self.devices {
            if device.node == node && device.client.is_some() {
                device.listen(&self.said).await;
                device.forget_connection();
            }
        }
    }

    fn wipe(&mut self) {
        self.cluster.store.wipe();
        self.said.borrow_mut().lose_after(&HashMap::new());
    }

    async fn fall_behind(&mut self) {
        let mut heads = HashMap::new();
        for room in ROOMS {
            let log = &self.cluster.nodes[0].dispatcher.services().backend.log;
            if let Ok(page) = log.latest(&topic(room), 0).await {
                heads.insert(room.to_owned(), page.head);
            }
        }
        if heads.len() == ROOMS.len() {
            let soon = self.random.random_range(1..6);
            self.replica = Some((self.cluster.store.snapshot(), heads, soon));
        }
    }

    /// The replica takes over when its time has come.
    async fn take_over(&mut self) {
        let Some((snapshot, heads, soon)) = &mut self.replica else {
            return;
        };
        *soon -= 1;
        if *soon == 0 {
            self.cluster.store.rewind(snapshot);
            self.said.borrow_mut().lose_after(heads);
            self.replica = None;
            for node in &self.cluster.nodes {
                if !node.faults.is_cut() {
                    node.faults.mend().await;
                }
            }
        }
    }

    async fn evict(&mut self, node: usize) {
        let room = RoomName::parse(ROOMS.choose(&mut self.random).unwrap()).unwrap();
        let user = UserId::parse(USERS.choose(&mut self.random).unwrap()).unwrap();
        let services = self.cluster.nodes[node].dispatcher.services().clone();
        let _ = services.membership.evict(&room, &user).await;
    }

    /// Everything works again, and time passes.
    async fn be_quiet(&mut self) {
        while self.replica.is_some() {
            self.take_over().await;
        }
        for node in &self.cluster.nodes {
            let faults = &node.faults;
            faults.flaky(0, 0.0);
            faults.refuse(false);
            faults.lose(0);
            faults.lag(false);
            faults.mend().await;
        }
        trace(|| "quiet".into());
        for _ in 0..2 {
            sleep(QUIET).await;
            trace(|| "quiet passes".into());
            for device in &mut self.devices {
                device.listen(&self.said).await;
            }
        }
    }

    async fn check(&mut self) {
        trace(|| "check".into());
        self.check_views().await;
        self.everybody_speaks().await;
        for device in &self.devices {
            for (room, stay) in &device.rooms {
                let said = self.said.borrow();
                let owed = said.owed(room, stay.from, stay.since);
                let missing: Vec<_> = owed.filter(|seq| !stay.got.contains(seq)).collect();
                assert!(
                    missing.is_empty(),
                    "{} misses {missing:?} of {room}: {stay:?}",
                    device.user
                );
            }
        }
    }

    /// What everybody knows of who is where is the same.
    async fn check_views(&self) {
        for device in &self.devices {
            let rooms: Vec<_> = device.rooms.keys().cloned().collect();
            if let Some(client) = &device.client {
                let noted: Vec<_> = client
                    .session
                    .rooms()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                assert_eq!(noted, rooms, "of a device of {}", device.user);
                assert_eq!(
                    client.session.registered(),
                    device.registered,
                    "{}",
                    device.user
                );
            }
        }
        for room in ROOMS {
            self.check_room(room).await;
        }
        for user in USERS {
            self.check_user(user).await;
        }
    }

    async fn check_room(&self, room: &str) {
        let inside = || {
            self.devices
                .iter()
                .filter(|one| one.rooms.contains_key(room))
        };
        let expected: BTreeSet<_> = inside().map(|one| one.user.clone()).collect();
        let services = self.cluster.nodes[0].dispatcher.services();
        let members = services
            .backend
            .presence
            .members(&topic(room), 100)
            .await
            .unwrap();
        let found: BTreeSet<_> = members
            .list
            .iter()
            .map(|(one, _)| one.user.to_string())
            .collect();
        assert_eq!(found, expected, "members of {room}");
        let name = RoomName::parse(room).unwrap();
        let exists = services
            .backend
            .rooms
            .room(&name, &UserId::parse("x").unwrap())
            .await
            .unwrap();
        assert_eq!(exists.is_some(), !expected.is_empty(), "{room}");
        for (n, node) in self.cluster.nodes.iter().enumerate() {
            let listeners = node.dispatcher.services().hub.listeners(&topic(room)).len();
            let here = inside().filter(|one| one.node == n).count();
            assert_eq!(listeners, here, "listeners of {room} on {n}");
        }
    }

    async fn check_user(&self, user: &str) {
        let theirs = || self.devices.iter().filter(|one| one.user == user);
        let rooms: BTreeSet<_> = theirs().flat_map(|one| one.rooms.keys().cloned()).collect();
        let services = self.cluster.nodes[0].dispatcher.services();
        let presence = &services.backend.presence;
        let online = Topic::Namespace("/");
        let found = presence
            .whereabouts(&online, &UserId::parse(user).unwrap())
            .await
            .unwrap();
        let found_rooms: BTreeSet<_> = found.rooms.iter().map(ToString::to_string).collect();
        assert_eq!(found_rooms, rooms, "the rooms of {user}");
        let registered = theirs().any(|one| one.registered);
        assert_eq!(
            found.member.is_some(),
            registered,
            "whether {user} is online"
        );
    }

    /// Whoever is in a room can say something there, and everybody there hears it.
    async fn everybody_speaks(&mut self) {
        for n in 0..DEVICES {
            let rooms: Vec<_> = self.devices[n].rooms.keys().cloned().collect();
            for room in rooms {
                let device = &mut self.devices[n];
                let result = publish(device, &room, &self.said).await;
                assert!(
                    result.is_ok(),
                    "{} cannot speak in {room}: {result:?}",
                    device.user
                );
            }
        }
        sleep(Duration::from_secs(2)).await;
        for device in &mut self.devices {
            device.listen(&self.said).await;
        }
    }

    /// When everybody has left, nothing is left.
    async fn leave_all(mut self) {
        self.be_quiet().await;
        for device in &mut self.devices {
            device.lose().await;
        }
        sleep(QUIET).await;
        assert_eq!(self.cluster.store.leftovers(), [""; 0]);
    }
}

fn topic(room: &str) -> Topic {
    Topic::room(&RoomName::parse(room).unwrap())
}

async fn act(device: &mut Device, act: Act, cluster: &Cluster, said: &RefCell<Said>) {
    device.listen(said).await;
    if let Act::Connect(n) = act {
        device.node = n;
        device.client = Some(cluster.nodes[n].connect(claims(&device.user)).await);
        trace(|| format!("    {} is connected to {n}", device.user));
        return;
    }
    if device.client.is_none() {
        return;
    }
    match act {
        Act::Connect(_) => {}
        Act::Drop => device.lose().await,
        Act::Register => {
            if call(device, "register", json!({}), said).await.is_ok() {
                device.registered = true;
            }
        }
        Act::Join(room) => {
            let _ = call(device, "join-room", json!({"roomName": room}), said).await;
        }
        Act::Create(room, private) => {
            let room = json!({"roomName": room, "private": private});
            let _ = call(device, "create-room", room, said).await;
        }
        Act::Leave(room) => {
            if call(device, "leave-room", json!({"roomName": room}), said)
                .await
                .is_ok()
            {
                device.rooms.remove(room);
                device.known.remove(room);
            }
        }
        Act::Publish(room) => {
            let _ = publish(device, room, said).await;
        }
        Act::Restore => {
            let asked = json!({"lastSeq": device.last_seq()});
            match call(device, "reconnect-session", asked, said).await {
                Ok(_) => device.registered = true,
                Err(error) if error.code == Code::SessionNotFound => device.known.clear(),
                Err(_) => {}
            }
        }
        Act::Logout => {
            let _ = call(device, "logout", json!({}), said).await;
        }
    }
    device.listen(said).await;
}

type Answer = Result<Map<String, Value>, AppError>;

async fn call(device: &mut Device, event: &str, data: Value, said: &RefCell<Said>) -> Answer {
    let client = device.client.as_ref().unwrap();
    trace(|| {
        format!(
            "    {event} of {} on {} {:?}",
            device.user, device.node, client.session.conn
        )
    });
    let answer = client.call(event, data).await;
    trace(|| {
        format!(
            "    {event} of {} on {} {answer:?}",
            device.user, device.node
        )
    });
    if let Err(error) = &answer {
        let ours = [Code::Internal, Code::InvalidPayload, Code::UnknownEvent];
        assert!(!ours.contains(&error.code), "{event}: {error:?}");
    }
    device.listen(said).await;
    answer
}

async fn publish(device: &mut Device, room: &str, said: &RefCell<Said>) -> Answer {
    let text = said.borrow_mut().text();
    let message = json!({"roomName": room, "text": text});
    trace(|| format!("    {} says {text} on {}", device.user, device.node));
    let client = device.client.as_ref().unwrap();
    let answer = client.call("room-message", message).await;
    trace(|| format!("    {} said {text}: {answer:?}", device.user));
    if let Ok(ack) = &answer {
        let (seq, id) = (ack["seq"].as_u64().unwrap(), ack["id"].as_str().unwrap());
        said.borrow_mut().acknowledged(room, seq, id, &text);
    }
    device.listen(said).await;
    answer
}
