//! What was given out of logs of late, on topics that nobody here listens to any more.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

use crate::{envelope::Position, topic::Topic};

/// For how long everything is remembered.
const WINDOW: Duration = Duration::from_secs(60);

/// Topics that are remembered; with more, the older half is forgotten.
const MOST: usize = 16_384;

#[derive(Default)]
pub(super) struct Recent(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    /// How far each log had come, and when that was noted.
    places: HashMap<Topic, (Position, Instant)>,
    /// When the newest was noted of those that are forgotten.
    forgotten: Option<Instant>,
}

impl Notes {
    fn forget_until(&mut self, until: Instant) {
        let Self { places, forgotten } = self;
        places.retain(|_, (_, noted)| {
            let is_old = *noted <= until;
            if is_old {
                *forgotten = (*forgotten).max(Some(*noted));
            }
            !is_old
        });
    }

    fn forget_half(&mut self) {
        let mut noted: Vec<_> = self.places.values().map(|(_, noted)| *noted).collect();
        let half = noted.len() / 2;
        let (_, until, _) = noted.select_nth_unstable(half);
        self.forget_until(*until);
    }
}

impl Recent {
    pub(super) fn note(&self, topic: &Topic, at: Position) {
        let now = Instant::now();
        let mut notes = self.lock();
        if notes.places.len() >= MOST {
            notes.forget_half();
        }
        let places = &mut notes.places;
        let before = places.entry(topic.clone()).or_insert((at.clone(), now));
        if before.0.seq < at.seq {
            *before = (at, now);
        }
    }

    /// Forgets what was noted longer ago than the window.
    pub(super) fn forget(&self) {
        if let Some(until) = Instant::now().checked_sub(WINDOW) {
            self.lock().forget_until(until);
        }
    }

    /// When the newest was noted of what is forgotten.
    pub(super) fn forgotten(&self) -> Option<Instant> {
        self.lock().forgotten
    }

    pub(super) fn all(&self) -> Vec<(Topic, Position)> {
        let notes = self.lock();
        let places = notes.places.iter();
        places
            .map(|(topic, (at, _))| (topic.clone(), at.clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().expect("no panic while held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use tokio::time::advance;

    fn topic(n: usize) -> Topic {
        Topic::User("/", UserId::trusted(&n.to_string()))
    }

    fn note(recent: &Recent, n: usize, seq: u64) {
        let epoch = "e".into();
        recent.note(&topic(n), Position { epoch, seq });
    }

    fn seqs(recent: &Recent) -> Vec<u64> {
        let mut seqs: Vec<_> = recent.all().iter().map(|(_, at)| at.seq).collect();
        seqs.sort_unstable();
        seqs
    }

    #[tokio::test(start_paused = true)]
    async fn the_furthest_place_is_remembered_for_the_window_after_it_was_noted() {
        let recent = Recent::default();
        note(&recent, 1, 5);
        advance(WINDOW / 2).await;
        note(&recent, 1, 7);
        note(&recent, 1, 6);
        let noted = Instant::now();
        advance(WINDOW - Duration::from_millis(1)).await;
        recent.forget();
        assert_eq!((seqs(&recent), recent.forgotten()), (vec![7], None));
        advance(Duration::from_millis(1)).await;
        recent.forget();
        assert_eq!((seqs(&recent), recent.forgotten()), (vec![], Some(noted)));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_forgotten_before_that_is_asked_for() {
        let recent = Recent::default();
        note(&recent, 1, 1);
        advance(WINDOW * 2).await;
        note(&recent, 2, 2);
        assert_eq!((seqs(&recent), recent.forgotten()), (vec![1, 2], None));
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_the_older_half_is_forgotten() {
        let recent = Recent::default();
        for n in 0..MOST {
            note(&recent, n, n as u64);
            advance(Duration::from_micros(1)).await;
        }
        assert_eq!((recent.all().len(), recent.forgotten()), (MOST, None));
        let newest = Instant::now();
        note(&recent, MOST, MOST as u64);
        let kept: Vec<_> = (MOST as u64 / 2 + 1..=MOST as u64).collect();
        assert_eq!(seqs(&recent), kept);
        let half = Duration::from_micros(MOST as u64 / 2);
        assert_eq!(recent.forgotten(), Some(newest - half));
    }
}
