//! A client that speaks websocket by hand, over whatever can be read and written.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(600);
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Close(Option<u16>),
    Pong(Vec<u8>),
}

/// A client; `S` is what it reads and writes.
pub(crate) struct Client<S = DuplexStream> {
    pub(crate) stream: S,
    read: Vec<u8>,
    served: Option<JoinHandle<Result<(), std::convert::Infallible>>>,
}

impl Client {
    pub(crate) fn new(
        stream: DuplexStream,
        served: JoinHandle<Result<(), std::convert::Infallible>>,
    ) -> Self {
        Self {
            stream,
            read: Vec::new(),
            served: Some(served),
        }
    }
}

impl<S: AsyncReadExt + AsyncWriteExt + Unpin> Client<S> {
    /// One whose server is elsewhere.
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
            served: None,
        }
    }

    /// Waits until the server is done with it; whether it did not panic.
    pub(crate) async fn served(&mut self) -> bool {
        let served = self.served.take().expect("asked once");
        served.await.is_ok()
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.frame(TEXT, packet.as_bytes()).await;
    }

    pub(crate) async fn send_binary(&mut self, data: &[u8]) {
        self.frame(BINARY, data).await;
    }

    /// A frame with this first byte, masked with nothing. Whether it could be written.
    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) -> bool {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            medium => {
                frame.push(0x80 | 126);
                frame.extend((medium as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.bytes(&frame).await
    }

    pub(crate) async fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads so many bytes at most; how many there were. Zero at the end.
    pub(crate) async fn take(&mut self, most: usize) -> usize {
        let mut buffer = vec![0; most];
        let read = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.read.extend(&buffer[..read]);
        read
    }

    /// The next frame of what was read.
    pub(crate) fn parse(&mut self) -> Option<Got> {
        let [first, second, rest @ ..] = &self.read[..] else {
            return None;
        };
        let (len, rest) = match second {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*len) as usize, rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len) as usize, rest)
            }
            short => (*short as usize, rest),
        };
        let (payload, rest) = rest.split_at_checked(len)?;
        let got = match first {
            0x81 => Got::Text(String::from_utf8(payload.to_vec()).expect("UTF-8")),
            0x82 => Got::Binary(payload.to_vec()),
            0x88 => Got::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            0x8a => Got::Pong(payload.to_vec()),
            other => panic!("{other:#x}"),
        };
        self.read = rest.to_vec();
        Some(got)
    }

    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Got> {
        loop {
            if let Some(got) = self.parse() {
                return Some(got);
            }
            let read = timeout(PATIENCE, self.take(64 * 1024)).await;
            if read.expect("something comes, or the end") == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Some(Got::Text(text)) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    /// All that comes until the end.
    pub(crate) async fn rest(&mut self) -> Vec<Got> {
        let mut all = Vec::new();
        while let Some(got) = self.next().await {
            all.push(got);
        }
        all
    }
}
