use std::sync::atomic::AtomicUsize;

use super::*;

#[derive(Debug, Default)]
struct Ends(AtomicUsize);

impl EngineIoHandler for Ends {
    type Data = ();
    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}
    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn on_message(self: &Arc<Self>, _: Str, _: Arc<Socket<()>>) {}
    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}

/// The keeper looks at who is silent, and is told who has ended: either may be first.
#[tokio::test(start_paused = true)]
async fn a_silent_session_that_ends_is_told_of_whatever_the_keeper_does_first() {
    let engine = Engine::new(Arc::<Ends>::default(), EngineIoConfig::default());
    let secret = engine.open_polling(ProtocolVersion::V4, None);
    let line = engine.lines.all().pop().unwrap();
    tokio::time::advance(2 * LAST_POLL).await;
    line.kill(DisconnectReason::ClosingServer);
    engine.end_silent(Instant::now());
    engine.end_polling(secret);
    assert_eq!(engine.handler.0.load(Ordering::Relaxed), 1);
    assert!(engine.lines.is_empty());
}
