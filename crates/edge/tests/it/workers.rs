//! Connections on several threads.

use std::{sync::Arc, thread};

use serde_json::json;
use starling_kernel::workers::Workers;
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot};

use crate::support::{Client, Door, Poller, open};

/// A door with one more worker, which lives as long as what is returned beside it.
async fn open_on_two() -> (Door, oneshot::Sender<()>) {
    let mut door = open().await;
    let (stop, stopped) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let other = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(stopped).ok());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    door.address = listener.local_addr().unwrap();
    let workers = Arc::new(Workers::with([other]));
    tokio::spawn(door.edge.clone().serve(listener, workers));
    (door, stop)
}

#[tokio::test]
async fn connections_are_given_to_one_worker_after_the_other() {
    let (door, _stop) = open_on_two().await;
    let mut clients = [Client::connect(&door).await, Client::connect(&door).await];
    for client in &mut clients {
        for n in 1..=3 {
            assert_eq!(client.ask("add", json!({"n": n})).await["ok"], true);
        }
    }
    assert_eq!(*door.probe.seen.lock().unwrap(), [1, 2, 3, 1, 2, 3]);
    assert_eq!(door.probe.threads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_session_may_poll_on_one_and_upgrade_on_another() {
    let (door, _stop) = open_on_two().await;
    for n in 0..4 {
        let poller = Poller::connect(&door).await;
        let body = format!(r#"42["add",{{"n":{n}}}]"#);
        assert_eq!(poller.post(&door, &body).await.status, 200);
        let mut client = Client::upgrade(&door, &poller.sid).await;
        assert_eq!(client.ask("add", json!({"n": n + 10})).await["ok"], true);
    }
    let expected = (0..4).flat_map(|n| [n, n + 10]).collect::<Vec<_>>();
    assert_eq!(*door.probe.seen.lock().unwrap(), expected);
    assert_eq!(door.probe.threads.lock().unwrap().len(), 2);
}
