//! The one task of an engine that does what no connection's task does: pings, the end of polling
//! sessions, and a look at the slow ones each second.

use std::{sync::Arc, sync::Weak, time::Duration};

use engineioxide_core::Sid;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{engine::Engine, handler::EngineIoHandler, lines::Lines};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Runs for as long as the engine does.
pub(crate) async fn keep<H: EngineIoHandler>(
    engine: Weak<Engine<H>>,
    lines: Arc<Lines>,
    mut ended: mpsc::UnboundedReceiver<Sid>,
) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heart = std::pin::pin!(lines.heart.run());
    loop {
        tokio::select! {
            () = &mut heart => return,
            secret = ended.recv() => {
                let (Some(engine), Some(secret)) = (engine.upgrade(), secret) else { return };
                engine.end_polling(secret);
            }
            _ = look.tick() => {
                let Some(engine) = engine.upgrade() else { return };
                lines.end_blocked(Instant::now());
                engine.end_silent(Instant::now());
            }
        }
    }
}
