//! The other side of a websocket that tries to take over.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use http::Request;
use tokio::{
    io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    task::JoinHandle,
    time::Instant,
};

use super::put_client_frame;
use crate::{
    engine::Engine,
    handler::EngineIoHandler,
    http::serve_stream,
    ws::frame::{Frames, Opcode, header},
};

pub(super) const TEXT: u8 = 0x81;
const PONG: u8 = 0x8a;
const OPCODE: u8 = 0x0f;

pub(super) struct Side {
    stream: DuplexStream,
    served: JoinHandle<()>,
    read: Vec<u8>,
    opened: Instant,
    answered: bool,
    /// The text of all frames, one after the other.
    pub(super) said: Vec<u8>,
    /// Nothing else was sent but whole texts, and pongs.
    pub(super) plain: bool,
}

impl Side {
    /// A stream that takes so many bytes before they are read.
    pub(super) fn open<H: EngineIoHandler>(
        engine: &Arc<Engine<H>>,
        sid: &str,
        buffer: usize,
    ) -> Self {
        let uri = format!("/engine.io/?EIO=4&transport=websocket&sid={sid}");
        let request = Request::get(uri).body(()).expect("a request");
        let (ours, theirs) = duplex(buffer);
        Self {
            stream: ours,
            served: tokio::spawn(serve_stream(engine.clone(), theirs, request)),
            read: Vec::new(),
            opened: Instant::now(),
            answered: false,
            said: Vec::new(),
            plain: true,
        }
    }

    /// The server is done with it.
    pub(super) fn is_over(&self) -> bool {
        self.served.is_finished()
    }

    /// It was told that it may take over, and may still.
    pub(super) fn tries(&self) -> bool {
        self.answered && !self.is_over()
    }

    /// It has asked as it should, and not too late.
    pub(super) fn is_to_carry(&self, upgrade_timeout: std::time::Duration) -> bool {
        self.plain && self.has_asked() && self.opened.elapsed() < upgrade_timeout
    }

    pub(super) fn has_asked(&self) -> bool {
        self.said.starts_with(b"2probe5")
    }

    /// Sends a frame with this first byte.
    pub(super) async fn frame(&mut self, first: u8, payload: &[u8]) {
        match first {
            TEXT => self.said.extend_from_slice(payload),
            PONG if payload.len() < 126 => {}
            other => {
                self.plain = false;
                if other & OPCODE <= Opcode::Text.to_u8() {
                    self.said.extend_from_slice(payload);
                }
            }
        }
        let mut frame = Vec::new();
        put_client_frame(&mut frame, first, payload);
        self.stream.write_all(&frame).await.ok();
    }

    /// So much of what has come that is complete: as a poll brings it.
    pub(super) async fn take(&mut self, most: usize) -> Vec<String> {
        let mut bytes = vec![0; most.max(1)];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|cx| {
            let stream = Pin::new(&mut self.stream);
            Poll::Ready(stream.poll_read(cx, &mut buffer).is_ready())
        })
        .await;
        self.read.extend_from_slice(buffer.filled());
        let (mut taken, mut texts) = (0, Vec::new());
        for frame in Frames::new(&self.read) {
            let header = header(frame.opcode, frame.compressed, frame.payload.len());
            taken += header.len() + frame.payload.len();
            if frame.opcode == Opcode::Text {
                texts.push(String::from_utf8_lossy(frame.payload).into_owned());
            }
        }
        self.read.drain(..taken);
        self.answered |= texts.iter().any(|text| text == "3probe");
        texts
    }
}
