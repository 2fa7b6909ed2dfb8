use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use starling_kernel::{time::Timestamp, topic::Topic};

use super::state::later;

/// Things of a name, each with an end of its own. What has ended is forgotten with the next step on any
/// of them.
#[derive(Clone)]
pub(super) struct Ending<T> {
    by_name: HashMap<Topic, (Timestamp, T)>,
    by_end: BTreeSet<(Timestamp, Topic)>,
}

impl<T> Default for Ending<T> {
    fn default() -> Self {
        Self {
            by_name: HashMap::new(),
            by_end: BTreeSet::new(),
        }
    }
}

impl<T> Ending<T> {
    pub(super) fn get(&mut self, now: Timestamp, name: &Topic) -> Option<&mut T> {
        while let Some((end, _)) = self.by_end.first()
            && *end <= now
            && let Some((_, over)) = self.by_end.pop_first()
        {
            self.by_name.remove(&over);
        }
        self.by_name.get_mut(name).map(|(_, thing)| thing)
    }

    pub(super) fn put(&mut self, now: Timestamp, name: &Topic, thing: T, keep: Duration) {
        self.remove(name);
        let end = later(now, keep);
        self.by_name.insert(name.clone(), (end, thing));
        self.by_end.insert((end, name.clone()));
    }

    pub(super) fn remove(&mut self, name: &Topic) {
        if let Some((end, _)) = self.by_name.remove(name) {
            self.by_end.remove(&(end, name.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_forgotten_whatever_is_asked_for() {
        let mut things = Ending::default();
        let name = |n: u32| Topic::stream("/", "thing", n);
        for n in 0..10 {
            things.put(Timestamp(0), &name(n), n, Duration::from_millis(n.into()));
        }
        things.put(Timestamp(1), &name(2), 22, Duration::from_millis(7));
        things.remove(&name(9));
        assert_eq!(things.get(Timestamp(7), &name(7)), None);
        assert_eq!(things.get(Timestamp(7), &name(2)), Some(&mut 22));
        assert_eq!((things.by_name.len(), things.by_end.len()), (2, 2));
    }
}
