//! Members and rooms.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use crate::relay;

/// A connection.
pub struct Member {
    pub stream: TcpStream,
    /// What its socket did not take.
    waiting: Mutex<Vec<u8>>,
}

impl Member {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            waiting: Mutex::default(),
        }
    }

    /// Writes it at once; what the socket does not take follows as soon as it does.
    pub fn send(self: &Arc<Self>, frame: &[u8]) {
        let mut waiting = self.waiting();
        if !waiting.is_empty() {
            return waiting.extend_from_slice(frame);
        }
        let sent = match self.stream.try_write(frame) {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // Its reader sees the end too.
            Err(_) => return,
        };
        if sent < frame.len() {
            waiting.extend_from_slice(&frame[sent..]);
            tokio::spawn(self.clone().flush());
        }
    }

    async fn flush(self: Arc<Self>) {
        while self.stream.writable().await.is_ok() {
            let mut waiting = self.waiting();
            match self.stream.try_write(&waiting) {
                Ok(sent) => drop(waiting.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => waiting.clear(),
            }
            if waiting.is_empty() {
                return;
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Room = Arc<RwLock<Vec<Arc<Member>>>>;

/// All rooms of this process.
#[derive(Default)]
pub struct Hall {
    rooms: RwLock<HashMap<Vec<u8>, Room>>,
    /// The way to the other processes, where there are any.
    pub relay: OnceLock<UnboundedSender<Vec<u8>>>,
}

impl Hall {
    pub fn join(&self, room: &[u8], member: &Arc<Member>) {
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(room.to_vec()).or_default();
        let mut members = room.write().unwrap_or_else(PoisonError::into_inner);
        members.push(member.clone());
    }

    /// Looks through all rooms: nobody measures how one leaves.
    pub fn leave(&self, member: &Arc<Member>) {
        let rooms = self.rooms.read().unwrap_or_else(PoisonError::into_inner);
        for room in rooms.values() {
            let mut members = room.write().unwrap_or_else(PoisonError::into_inner);
            members.retain(|other| !Arc::ptr_eq(other, member));
        }
    }

    /// To the members here, and to those of the other processes.
    pub fn say(&self, room: &[u8], frame: &[u8]) {
        if let Some(relay) = self.relay.get() {
            let _ = relay.send(relay::message(room, frame));
        }
        self.deliver(room, frame);
    }

    /// To the members here.
    pub fn deliver(&self, room: &[u8], frame: &[u8]) {
        let rooms = self.rooms.read().unwrap_or_else(PoisonError::into_inner);
        let Some(room) = rooms.get(room).cloned() else {
            return;
        };
        drop(rooms);
        let members = room.read().unwrap_or_else(PoisonError::into_inner);
        members.iter().for_each(|member| member.send(frame));
    }
}
