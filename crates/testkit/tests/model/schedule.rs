//! What happens, step by step, and what must be so when it is quiet.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use futures_util::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use starling_kernel::id::{RoomName, UserId};
use starling_testkit::Node;
use tokio::time::{Instant, sleep};

use crate::{
    deeds::{Act, act, publish},
    device::Device,
    ground::Ground,
    said::Said,
    trace,
    views::{Views, topic},
};

const NODES: usize = 3;
const USERS: [&str; 4] = ["ann", "ben", "eve", "kim"];
const ROOMS: [&str; 3] = ["r", "s", "t"];
const DEVICES: usize = 9;
/// Steps between two times of quiet.
const UNTIL_QUIET: u64 = 50;
/// A message has arrived within this.
const ARRIVAL: Duration = Duration::from_secs(2);

pub(crate) struct Schedule {
    random: StdRng,
    ground: Ground,
    nodes: Vec<Node>,
    devices: Vec<Device>,
    said: RefCell<Said>,
    /// How far a replica that is behind knows the rooms, and how many steps until it takes over.
    replica: Option<(HashMap<String, u64>, usize)>,
    /// Until then nodes may alone know of a wipe, and are not killed.
    telling: Instant,
    started: usize,
    flaky: bool,
}

impl Schedule {
    pub(crate) async fn begin(ground: Ground, seed: u64) -> Self {
        let (mut nodes, mut said) = (Vec::new(), Said::default());
        for n in 1..=NODES {
            let node = ground.node(&format!("gw{n}")).await;
            said.through(&node.faults);
            nodes.push(node);
        }
        let user = |n: usize| USERS[n % USERS.len()];
        Self {
            random: StdRng::seed_from_u64(seed),
            ground,
            nodes,
            devices: (0..DEVICES).map(|n| Device::new(user(n))).collect(),
            said: RefCell::new(said),
            replica: None,
            telling: Instant::now(),
            started: NODES,
            flaky: seed.is_multiple_of(2),
        }
    }

    pub(crate) async fn run(mut self, steps: u64) {
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
        let (nodes, said) = (&self.nodes, &self.said);
        let chosen = self.devices.iter_mut().enumerate();
        join_all(chosen.filter_map(|(n, device)| Some(act(device, acts.remove(&n)?, nodes, said))))
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
            52..77 => Act::Publish(room),
            77..93 => Act::Restore,
            93..97 => Act::Look,
            _ => Act::Logout,
        }
    }

    async fn pass_time(&mut self) {
        let most = *self.ground.pauses().choose(&mut self.random).unwrap();
        sleep(Duration::from_millis(self.random.random_range(0..most))).await;
        for device in &mut self.devices {
            device.listen(&self.said).await;
        }
    }

    async fn go_wrong(&mut self) {
        let random = &mut self.random;
        let node = random.random_range(0..NODES);
        let faults = self.nodes[node].faults.clone();
        let what = random.random_range(0..100);
        trace(|| format!("fault {what} of node {node}"));
        match what {
            0..14 => faults.lag(true),
            14..28 => faults.lag(false),
            28..42 => faults.lose(random.random_range(0..5)),
            42..52 => faults.cut(),
            52..66 => faults.mend().await,
            66..74 if self.flaky => faults.flaky(random.random(), 0.2),
            74..80 => faults.refuse(random.random()),
            80..85 if self.all_is_told() => self.kill(node).await,
            85..88 if self.replica.is_none() => self.wipe(),
            88..92 if self.replica.is_none() => self.fall_behind().await,
            92..97 => self.ground.trouble(self.random.random_range(0..3)),
            _ => self.evict(node).await,
        }
    }

    /// Whether a node may be killed. One that takes its place while nobody has told of a wipe cannot
    /// know that there was one.
    fn all_is_told(&self) -> bool {
        self.replica.is_none() && self.telling < Instant::now()
    }

    /// As `kill -9` does; another node takes its place.
    async fn kill(&mut self, node: usize) {
        self.started += 1;
        let new = self.ground.node(&format!("gw{}", self.started)).await;
        self.said.borrow_mut().through(&new.faults);
        let dead = std::mem::replace(&mut self.nodes[node], new);
        dead.faults.die();
        for device in &mut self.devices {
            if device.node == node && device.client.is_some() {
                device.listen(&self.said).await;
                device.forget_connection();
            }
        }
    }

    fn wipe(&mut self) {
        self.ground.wipe();
        self.telling = Instant::now() + self.ground.quiet().least;
        self.said.borrow_mut().lose_after(&HashMap::new());
    }

    async fn fall_behind(&mut self) {
        let mut heads = HashMap::new();
        for room in ROOMS {
            let log = &self.nodes[0].dispatcher.services().backend.log;
            if let Ok(page) = log.latest(&topic(room), 0).await {
                heads.insert(room.to_owned(), page.head);
            }
        }
        if heads.len() == ROOMS.len() {
            let soon = self.random.random_range(1..6);
            self.ground.fall_behind();
            self.replica = Some((heads, soon));
        }
    }

    /// The replica takes over when its time has come.
    async fn take_over(&mut self) {
        let Some((heads, soon)) = &mut self.replica else {
            return;
        };
        *soon -= 1;
        if *soon == 0 {
            self.ground.fail_over();
            self.said.borrow_mut().lose_after(heads);
            self.replica = None;
            for node in &self.nodes {
                if !node.faults.is_cut() {
                    node.faults.mend().await;
                }
            }
        }
    }

    async fn evict(&mut self, node: usize) {
        let room = RoomName::parse(ROOMS.choose(&mut self.random).unwrap()).unwrap();
        let user = UserId::parse(USERS.choose(&mut self.random).unwrap()).unwrap();
        let services = self.nodes[node].dispatcher.services().clone();
        let _ = services.membership.evict(&room, &user).await;
    }

    /// Everything works again, and time passes.
    async fn be_quiet(&mut self) {
        while self.replica.is_some() {
            self.take_over().await;
        }
        for node in &self.nodes {
            let faults = &node.faults;
            faults.flaky(0, 0.0);
            faults.refuse(false);
            faults.lose(0);
            faults.lag(false);
            faults.mend().await;
        }
        trace(|| "quiet".into());
        let quiet = self.ground.quiet();
        let began = Instant::now();
        self.rest(quiet.least).await;
        while let Err(disagreement) = self.views().agree().await {
            assert!(began.elapsed() < quiet.most, "{disagreement}");
            self.rest(quiet.most / 100).await;
        }
    }

    async fn rest(&mut self, time: Duration) {
        for _ in 0..2 {
            sleep(time / 2).await;
            trace(|| "quiet passes".into());
            for device in &mut self.devices {
                device.listen(&self.said).await;
            }
        }
    }

    fn views(&self) -> Views<'_> {
        Views {
            nodes: &self.nodes,
            devices: &self.devices,
            rooms: &ROOMS,
            users: &USERS,
        }
    }

    async fn check(&mut self) {
        trace(|| "check".into());
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
        self.rest(ARRIVAL).await;
    }

    /// When everybody has left, nothing is left.
    async fn leave_all(mut self) {
        self.be_quiet().await;
        for device in &mut self.devices {
            device.lose().await;
        }
        let quiet = self.ground.quiet();
        let began = Instant::now();
        sleep(quiet.least).await;
        loop {
            let left = self.ground.leftovers();
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < quiet.most, "left behind: {left:?}");
            sleep(quiet.most / 100).await;
        }
    }
}
