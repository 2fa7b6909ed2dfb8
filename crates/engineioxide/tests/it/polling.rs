//! Sessions over polling, at the service itself.

use crate::support::{Server, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_leaves_while_polling_has_left_once() {
    let server = Server::echo();
    let leaving = (0..200).map(|_| {
        let server = server.clone();
        tokio::spawn(async move {
            let sid = server.open().await;
            let poll = tokio::spawn({
                let (server, sid) = (server.clone(), sid.clone());
                async move { server.poll(&sid).await }
            });
            tokio::task::yield_now().await;
            server.post(&sid, "1").await;
            poll.await.expect("the poll is answered")
        })
    });
    for one in leaving.collect::<Vec<_>>() {
        one.await.expect("no panic");
    }
    until(|| server.ended() == 200).await;
}
