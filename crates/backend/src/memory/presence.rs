use std::sync::atomic::Ordering;

use async_trait::async_trait;
use starling_kernel::{
    id::{ConnId, Incarnation, RoomName, UserId},
    ports::{
        Beat, Entered, Entry, Holder, Known, Leave, Member, Members, PortResult, Presence, Status,
        Swept, Whereabouts,
    },
    topic::Topic,
};

use super::{MemoryNode, lock, state::State};

#[async_trait]
impl Presence for MemoryNode {
    async fn enter(
        &self,
        place: &Topic,
        member: &Member,
        holder: &Holder,
        entry: &Entry,
        most: usize,
    ) -> PortResult<Entered> {
        self.step(|state, now| state.enter(now, place, member, holder, entry, most))
    }

    async fn exit(
        &self,
        place: &Topic,
        user: &UserId,
        holder: &Holder,
        leave: Leave,
    ) -> PortResult<bool> {
        let Holder { incarnation, conn } = holder;
        Ok(self.step(|state, now| state.release(now, place, user, incarnation, conn, leave)))
    }

    async fn evict(&self, place: &Topic, user: &UserId, rooms: &[RoomName]) -> PortResult<()> {
        self.step(|state, now| state.evict(now, place, user, rooms));
        Ok(())
    }

    async fn set_status(
        &self,
        place: &Topic,
        user: &UserId,
        conn: &ConnId,
        status: Status,
    ) -> PortResult<Option<Member>> {
        Ok(self.step(|state, now| state.set_status(now, place, user, conn, status)))
    }

    async fn members(&self, place: &Topic, limit: usize) -> PortResult<Members> {
        Ok(self.step(|state, _| state.members(place, limit)))
    }

    async fn whereabouts(&self, namespace: &Topic, user: &UserId) -> PortResult<Whereabouts> {
        Ok(self.step(|state, _| state.whereabouts(namespace, user)))
    }

    async fn begin(
        &self,
        incarnation: &Incarnation,
        former: Option<&Incarnation>,
        known: &Known,
    ) -> PortResult<()> {
        let mut begun = lock(&self.begun);
        let before = begun.as_ref().map(|(_, found)| *found);
        let known = Known {
            forgotten: known.forgotten.max(*lock(&self.untold)),
            ..known.clone()
        };
        let found = self.step(|state, now| state.begin(now, incarnation, former, &known, before));
        *begun = Some((incarnation.clone(), found));
        Ok(())
    }

    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat> {
        self.step(|state, now| state.beat(now, incarnation))
    }

    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()> {
        self.step(|state, _| state.retire(incarnation));
        Ok(())
    }

    async fn reap(&self, incarnation: &Incarnation) -> PortResult<()> {
        self.step(|state, now| state.reap(now, incarnation));
        Ok(())
    }

    async fn sweep(&self) -> PortResult<Swept> {
        let sweep = |state: &mut State, now| {
            let removed = state.sweep(now);
            Ok((removed, state.leases.untold(now), state.logs.lowest()))
        };
        let (removed, heard, lowest) = self.live_step(sweep)?;
        let mut untold = lock(&self.untold);
        *untold = (*untold).max(heard);
        let before = self.lowest.fetch_max(lowest, Ordering::Relaxed);
        Ok(Swept {
            removed,
            leapt: before < lowest,
        })
    }

    fn partitions(&self) -> u16 {
        1
    }
}
