use std::sync::Arc;

use starling_kernel::ports::{Entry, PortError};

use crate::support::{
    ground::{Ground, room},
    server::Cluster,
};

/// Rooms and users are in partitions of their own, and these on three servers.
const TRIES: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_was_entered_and_not_noted_is_not_said_to_be_left_alone() {
    let cluster = Arc::new(Cluster::start());
    let node = Ground::cluster(&cluster, "noting").node("a").await;
    let mut half_done = 0;
    for server in &cluster.servers {
        // It refuses whatever writes, and answers what only asks.
        server.cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        for n in 0..TRIES {
            let (user, place) = (
                format!("u{}-{n}", server.port),
                format!("r{}-{n}", server.port),
            );
            let (place, create) = (room(&place), Entry::Create { private: false });
            let entered = node.enter(&place, &user, "c1", create).await;
            let inside = node.names(&place).await == [user];
            match entered {
                Ok(_) => assert!(inside),
                Err(PortError::Unknown(_)) => half_done += usize::from(inside),
                Err(error) => assert!(!inside, "{error}"),
            }
        }
        server.cli(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    }
    assert!(half_done > 0, "no user was kept where its room was not");
}
