//! Who may be connected: so many at once, so many of one address, and so many that have not said yet what
//! they want.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard},
};

use metrics::counter;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, timeout_at},
};

use crate::{EdgeConfig, metric};

/// The part of an IPv6 address that tells one network from another. Whoever has one address has all of them
/// in it.
const NETWORK: u128 = !0 << 64;

/// The places for connections.
pub(crate) struct Places {
    max: u32,
    /// A permit for each connection, held until its socket is closed, upgraded or not.
    all: Arc<Semaphore>,
    addresses: Option<Arc<Addresses>>,
    waiting: Arc<Waiting>,
}

/// The place of one connection, until it is dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _of_address: Option<Box<OfAddress>>,
}

impl Places {
    pub(crate) fn new(config: &EdgeConfig) -> Self {
        for limit in ["all", "address", "handshakes"] {
            counter!(metric::CONNECTIONS_REFUSED, "limit" => limit).increment(0);
        }
        let addresses = |most| Arc::new(Addresses::new(most));
        Self {
            max: config.max_connections,
            all: Arc::new(Semaphore::new(config.max_connections as usize)),
            addresses: config.max_connections_per_address.map(addresses),
            waiting: Arc::new(Waiting::new(config.max_handshakes)),
        }
    }

    /// A place for a connection from this address, if there is one.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let Ok(permit) = self.all.clone().try_acquire_owned() else {
            return refused("all");
        };
        let of_address = match &self.addresses {
            None => None,
            Some(addresses) => match addresses.take(address) {
                Some(of_address) => Some(Box::new(of_address)),
                None => return refused("address"),
            },
        };
        Some(Place {
            _permit: permit,
            _of_address: of_address,
        })
    }

    /// A connection begins to wait for its first request. See [`Waiting`].
    pub(crate) fn wait(&self) -> (Waits, oneshot::Receiver<()>) {
        self.waiting.begin()
    }

    /// Waits until nobody is connected.
    pub(crate) async fn are_free(&self, deadline: Instant) {
        timeout_at(deadline, self.all.acquire_many(self.max))
            .await
            .ok();
    }
}

fn refused<T>(limit: &'static str) -> Option<T> {
    counter!(metric::CONNECTIONS_REFUSED, "limit" => limit).increment(1);
    None
}

/// How many are connected from where.
struct Addresses {
    most: u32,
    open: Mutex<HashMap<IpAddr, u32>>,
}

impl Addresses {
    fn new(most: u32) -> Self {
        Self {
            most,
            open: Mutex::default(),
        }
    }

    fn take(self: &Arc<Self>, address: IpAddr) -> Option<OfAddress> {
        let address = network(address);
        let mut open = lock(&self.open);
        let count = open.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(OfAddress(self.clone(), address))
    }
}

/// One of those from an address.
struct OfAddress(Arc<Addresses>, IpAddr);

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut open = lock(&self.0.open);
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address => address,
    }
}

/// Connections whose first request has not come. Where too many wait, the one that does longest gives way to
/// the newest: whoever means it is done within a round trip, so those that dawdle cannot keep others out.
struct Waiting {
    most: usize,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    next: u64,
    /// Tell those that wait to give way, the oldest first.
    tell: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Waiting {
    fn new(most: u32) -> Self {
        Self {
            most: most as usize,
            list: Mutex::default(),
        }
    }

    fn begin(self: &Arc<Self>) -> (Waits, oneshot::Receiver<()>) {
        let (tell, told) = oneshot::channel();
        let mut list = lock(&self.list);
        let number = list.next;
        list.next += 1;
        list.tell.insert(number, tell);
        if list.tell.len() > self.most
            && let Some((_, oldest)) = list.tell.pop_first()
        {
            oldest.send(()).ok();
            refused::<()>("handshakes");
        }
        drop(list);
        (Waits(self.clone(), number), told)
    }
}

/// A connection that waits for its first request, until it is dropped.
pub(crate) struct Waits(Arc<Waiting>, u64);

impl Drop for Waits {
    fn drop(&mut self) {
        lock(&self.0.list).tell.remove(&self.1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while held")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(change: impl FnOnce(&mut EdgeConfig)) -> Places {
        let mut config = EdgeConfig::default();
        change(&mut config);
        Places::new(&config)
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let places = places(|config| config.max_connections_per_address = Some(2));
        let take = |address: &str| places.take(address.parse().unwrap());
        let first = take("10.0.0.1").unwrap();
        let _second = take("::ffff:10.0.0.1").unwrap();
        assert!(take("10.0.0.1").is_none());
        let _other = take("10.0.0.2").unwrap();
        drop(first);
        let _third = take("10.0.0.1").unwrap();
        assert!(take("10.0.0.1").is_none());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let places = places(|config| config.max_connections_per_address = Some(1));
        let take = |address: &str| places.take(address.parse().unwrap());
        let _first = take("2001:db8:0:1::1").unwrap();
        assert!(take("2001:db8:0:1:ffff::2").is_none());
        assert!(take("2001:db8:0:2::1").is_some());
    }

    #[test]
    fn nothing_is_kept_of_an_address_that_is_gone() {
        let addresses = Arc::new(Addresses::new(1));
        drop(addresses.take("10.0.0.1".parse().unwrap()).unwrap());
        assert!(lock(&addresses.open).is_empty());
    }

    #[test]
    fn the_oldest_that_waits_gives_way_and_who_is_done_does_not() {
        let places = places(|config| config.max_handshakes = 2);
        let (done, mut never) = places.wait();
        let (_oldest, mut oldest) = places.wait();
        drop(done);
        let (_newer, mut newer) = places.wait();
        assert!(oldest.try_recv().is_err());
        let (_newest, _told) = places.wait();
        assert_eq!(oldest.try_recv(), Ok(()));
        assert!(newer.try_recv().is_err());
        assert!(never.try_recv().is_err());
    }
}
