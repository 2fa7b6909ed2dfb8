//! What has to hold after each step, and at the end.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Game, Played, UPGRADE_TIMEOUT, yields};
use crate::DisconnectReason;

impl Game {
    pub(super) fn check(&self) {
        assert_eq!(Some(&self.arrived[..]), self.sent.get(..self.arrived.len()));
        let heard = self.engine.handler.heard.lock();
        let heard = heard.expect("no panic while held").clone();
        let (posted, said) = heard.split_at(self.posted.len());
        assert_eq!(posted, self.posted);
        if !said.is_empty() && !self.may_end {
            let carrier = self.carrier.expect("nothing is heard before the switch");
            assert_eq!(Some(said), self.said[carrier].get(..said.len()));
        }
        let tries = self.sides.iter().flatten().filter(|side| side.tries());
        assert!(tries.count() <= 1, "one at a time may try");
        let ends = self.engine.handler.ends.load(Ordering::Relaxed);
        assert!(ends <= usize::from(self.may_end), "it ended by itself");
    }

    /// Who asked as it should carries the session, and nothing is lost; then it ends once.
    pub(super) async fn finish(mut self) -> Played {
        yields(100).await;
        self.note_switch().await;
        self.check();
        let played = match self.carrier {
            _ if self.line.is_ended() => Played::Ended,
            Some(_) => Played::Switched,
            None => Played::Polled,
        };
        if played != Played::Ended {
            self.check_sides();
            self.take_all().await;
            assert_eq!(self.arrived.len(), self.sent.len(), "a message is lost");
        }
        self.may_end = true;
        self.line.kill(DisconnectReason::ClosingServer);
        self.poll = None;
        self.sides = [None, None];
        sleep(Duration::from_secs(8)).await;
        assert_eq!(self.engine.handler.ends.load(Ordering::Relaxed), 1);
        assert!(self.engine.lines.is_empty());
        played
    }

    fn check_sides(&self) {
        for (which, side) in self.sides.iter().enumerate() {
            let Some(side) = side else { continue };
            let carries = self.carrier == Some(which);
            assert!(!carries || !side.is_over());
            // The other one may have been there before it.
            if self.sides.iter().flatten().count() == 1 && !self.may_end && !side.is_over() {
                let is_to = side.is_to_carry(UPGRADE_TIMEOUT);
                assert!(carries || !is_to, "it asked as it should");
            }
        }
    }

    async fn take_all(&mut self) {
        let begun = Instant::now();
        while self.arrived.len() < self.sent.len() && begun.elapsed() < Duration::from_secs(9) {
            match self.carrier {
                Some(carrier) => self.read(carrier, 1 << 16).await,
                None => {
                    self.begin_poll();
                    self.look().await;
                    self.note_switch().await;
                }
            }
            sleep(Duration::from_millis(3)).await;
        }
        self.check();
    }
}
