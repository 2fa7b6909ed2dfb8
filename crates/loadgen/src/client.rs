//! One Socket.IO client over a websocket, on `/`.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::frame::{self, Frame, Opcode};
use crate::packet::{self, Packet};
use crate::tally::Shared;

/// How long a gateway may take to answer before the run has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that has entered `/`.
pub struct Client {
    shared: Rc<Shared>,
    write: OwnedWriteHalf,
    /// Whom the next answer is for: [`CONNECT`] or the number of an acknowledgement.
    waiting: RefCell<Option<(u32, oneshot::Sender<Result<Value>>)>>,
    next_ack: Cell<u32>,
    delivered: Cell<u64>,
    bytes: Cell<u64>,
    members: Cell<u64>,
    leaving: Cell<bool>,
}

/// Waiting for the answer to CONNECT.
const CONNECT: u32 = 0;

impl Client {
    /// Connects, opens the websocket, enters `/` with this authentication (an object; an empty one for
    /// guests), and reads in a task of its own.
    ///
    /// # Errors
    ///
    /// When the gateway refuses, or says nothing for a minute.
    pub async fn connect(shared: &Rc<Shared>, gateway: SocketAddr, auth: &str) -> Result<Rc<Self>> {
        let mut stream = TcpStream::connect(gateway).await?;
        stream.set_nodelay(true)?;
        let rest = timeout(PATIENCE, upgrade(&mut stream, gateway)).await??;
        let (read, write) = stream.into_split();
        let client = Rc::new(Self {
            shared: shared.clone(),
            write,
            waiting: RefCell::default(),
            next_ack: Cell::new(CONNECT + 1),
            delivered: Cell::new(0),
            bytes: Cell::new(0),
            members: Cell::new(0),
            leaving: Cell::new(false),
        });
        tokio::task::spawn_local(client.clone().read(read, rest));
        client.ask(CONNECT, format!("40{auth}").as_bytes()).await?;
        Ok(client)
    }

    /// Emits an event and waits for its acknowledgement. One at a time.
    ///
    /// # Errors
    ///
    /// When it is not acknowledged as `ok`, or not within a minute.
    pub async fn call(&self, event: &str, payload: &Value) -> Result<Value> {
        let number = self.next_ack.replace(self.next_ack.get() + 1);
        let text = format!("42{number}[\"{event}\",{payload}]");
        let answer = self.ask(number, text.as_bytes()).await?;
        let first = answer.get(0).cloned().unwrap_or_default();
        if first["ok"] != Value::Bool(true) {
            bail!("{event} was answered with {}", first["error"]["code"]);
        }
        Ok(first)
    }

    async fn ask(&self, number: u32, text: &[u8]) -> Result<Value> {
        let (sender, receiver) = oneshot::channel();
        *self.waiting.borrow_mut() = Some((number, sender));
        self.send(text)?;
        timeout(PATIENCE, receiver)
            .await
            .context("no answer within a minute")?
            .context("the connection ended")?
    }

    /// Sends a text message as it is, at once.
    ///
    /// # Errors
    ///
    /// When the connection is gone, or the gateway has not read for so long that the socket is full.
    pub fn send(&self, text: &[u8]) -> Result<()> {
        self.send_frame(Opcode::Text, text)
    }

    fn send_frame(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let mut out = self.shared.out.borrow_mut();
        out.clear();
        frame::encode(&mut out, opcode, self.shared.mask(), payload);
        let sent = self.write.try_write(&out)?;
        if sent < out.len() {
            bail!("the gateway does not read");
        }
        Ok(())
    }

    /// Leaves as the stock client does: the namespace first, then the websocket.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub fn disconnect(&self) -> Result<()> {
        self.leaving.set(true);
        self.send(b"41")?;
        self.send_frame(Opcode::Close, &1000_u16.to_be_bytes())
    }

    /// Measured messages it got since [`Client::forget`].
    pub fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// Bytes it got, without frame heads and pings.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Members of its room, as it was told last.
    pub fn members(&self) -> u64 {
        self.members.get()
    }

    /// Counts deliveries from nought again.
    pub fn forget(&self) {
        self.delivered.set(0);
    }

    async fn read(self: Rc<Self>, mut read: OwnedReadHalf, mut rest: Vec<u8>) {
        let ended = loop {
            let taken = std::future::poll_fn(|cx| self.poll_read(cx, &mut read, &mut rest)).await;
            match taken {
                Ok(true) => {}
                Ok(false) => break "closed by the gateway".to_owned(),
                Err(error) => break format!("{error:#}"),
            }
        };
        if !self.leaving.get() {
            self.shared.tally.cut(&ended);
        }
        self.waiting.borrow_mut().take();
    }

    /// Reads into the buffer that all share, and handles what is complete: one system call for a
    /// wake-up, and nothing copied unless a frame is cut in two. False at the end.
    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        read: &mut OwnedReadHalf,
        rest: &mut Vec<u8>,
    ) -> Poll<Result<bool>> {
        let mut shared = self.shared.read.borrow_mut();
        let mut buffer = ReadBuf::new(&mut shared);
        ready!(Pin::new(read).poll_read(cx, &mut buffer))?;
        let got = buffer.filled();
        if got.is_empty() {
            return Poll::Ready(Ok(false));
        }
        if rest.is_empty() {
            let taken = self.frames(got)?;
            rest.extend_from_slice(&got[taken..]);
        } else {
            rest.extend_from_slice(got);
            let taken = self.frames(rest)?;
            rest.drain(..taken);
        }
        if rest.is_empty() {
            // Thousands of clients, each with room for its longest message, would be a lot.
            *rest = Vec::new();
        }
        Poll::Ready(Ok(true))
    }

    /// Handles every complete frame; returns how many bytes they took.
    fn frames(&self, bytes: &[u8]) -> Result<usize> {
        let mut taken = 0;
        while let Some((frame, length)) = frame::decode(&bytes[taken..])? {
            self.handle(&frame)?;
            taken += length;
        }
        Ok(taken)
    }

    fn handle(&self, frame: &Frame<'_>) -> Result<()> {
        match frame.opcode {
            Opcode::Text => self.packet(frame.payload),
            Opcode::Ping => self.send_frame(Opcode::Pong, frame.payload),
            Opcode::Binary | Opcode::Close | Opcode::Pong => Ok(()),
        }
    }

    fn packet(&self, text: &[u8]) -> Result<()> {
        let packet = packet::parse(text);
        if packet == Packet::Ping {
            return self.send(b"3");
        }
        self.bytes.set(self.bytes.get() + text.len() as u64);
        self.shared.tally.heard(text.len());
        match packet {
            Packet::Event(b"error", rest) => self.shared.tally.error(rest),
            Packet::Event(name, rest) => self.event(name, rest),
            Packet::Connected => self.answer(CONNECT, Ok(Value::Null)),
            Packet::Refused(why) => {
                let why = String::from_utf8_lossy(why).into_owned();
                self.answer(CONNECT, Err(anyhow::anyhow!("refused: {why}")));
            }
            Packet::Ack(number, args) => {
                let args = serde_json::from_slice(args).context("an acknowledgement");
                self.answer(number, args);
            }
            Packet::Disconnected => bail!("disconnected by the gateway"),
            Packet::Open | Packet::Ping | Packet::Other => {}
        }
        Ok(())
    }

    fn event(&self, name: &[u8], rest: &[u8]) {
        if name == b"room-members" {
            self.members.set(packet::total(rest).unwrap_or_default());
        }
        if self.shared.deliver(name, rest) {
            self.delivered.set(self.delivered.get() + 1);
        }
    }

    fn answer(&self, number: u32, answer: Result<Value>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting
            .as_ref()
            .is_some_and(|(wanted, _)| *wanted == number)
            && let Some((_, sender)) = waiting.take()
        {
            let _ = sender.send(answer);
        }
    }
}

/// Asks for the websocket; returns what came after the answer's head.
async fn upgrade(stream: &mut TcpStream, gateway: SocketAddr) -> Result<Vec<u8>> {
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {gateway}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: c3RhcmxpbmctbG9hZGdlbg==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::Error::from(ErrorKind::UnexpectedEof).into());
        }
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            if !answer.starts_with(b"HTTP/1.1 101 ") {
                bail!("no websocket: {}", String::from_utf8_lossy(&answer[..end]));
            }
            return Ok(answer.split_off(end + 4));
        }
        if answer.len() > 16 << 10 {
            bail!("the answer's head has no end");
        }
    }
}
