use async_trait::async_trait;
use starling_kernel::{
    id::{ConnId, Incarnation, RoomName, UserId},
    ports::{
        Beat, Entered, Entry, Holder, Leave, Member, Members, PortResult, Presence, Session, Status,
    },
    topic::Topic,
};

use super::{MemoryNode, lock};

#[async_trait]
impl Presence for MemoryNode {
    async fn enter(
        &self,
        place: &Topic,
        member: &Member,
        holder: &Holder,
        entry: &Entry,
    ) -> PortResult<Entered> {
        self.step(|state, now| state.enter(now, place, member, holder, entry))
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

    async fn evict(&self, place: &Topic, user: &UserId) -> PortResult<bool> {
        Ok(self.step(|state, now| state.remove(place, user, now, None)))
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

    async fn session(&self, namespace: &Topic, user: &UserId) -> PortResult<Option<Session>> {
        Ok(self.step(|state, _| state.session(namespace, user)))
    }

    async fn note_room(
        &self,
        namespace: &Topic,
        user: &UserId,
        room: &RoomName,
        add: bool,
    ) -> PortResult<()> {
        self.step(|state, _| state.note_room(namespace, user, room, add));
        Ok(())
    }

    async fn beat(&self, incarnation: &Incarnation) -> PortResult<Beat> {
        let mut begun = lock(&self.begun);
        let renews = begun.as_ref() == Some(incarnation);
        let beat = self.step(|state, now| state.beat(now, incarnation, renews))?;
        *begun = Some(incarnation.clone());
        Ok(beat)
    }

    async fn retire(&self, incarnation: &Incarnation) -> PortResult<()> {
        self.step(|state, _| state.retire(incarnation));
        Ok(())
    }

    async fn reap(&self, incarnation: &Incarnation) -> PortResult<()> {
        self.step(|state, now| state.reap(now, incarnation));
        Ok(())
    }

    async fn sweep(&self) -> PortResult<usize> {
        Ok(self.step(|state, now| state.sweep(now)))
    }

    fn partitions(&self) -> u16 {
        1
    }
}
