//! A client that may send whatever it likes, byte by byte too.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::testing::client_frame;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const PATIENCE: Duration = Duration::from_secs(20);
const NORMAL: u16 = 1000;

/// A frame: its first byte, and its payload.
pub(super) type Frame = (u8, Vec<u8>);

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Nothing went wrong: the client closes, and is answered.
    Closed,
    /// The server fails it with this code, or answers a close of the client's with it.
    With(Option<u16>),
}

/// What is sent, and what the server is to do.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) answers: Vec<Frame>,
    pub(super) end: End,
}

impl Case {
    /// These frames, which are answered in some way and followed by this end.
    pub(super) fn new(
        name: &'static str,
        frames: &[(u8, &[u8])],
        answers: &[(u8, &[u8])],
        end: End,
    ) -> Self {
        let frames = frames.iter();
        let answers = answers.iter();
        Self {
            name,
            frames: frames.map(|(first, data)| framed(*first, data)).collect(),
            answers: answers
                .map(|(first, data)| (*first, data.to_vec()))
                .collect(),
            end,
        }
    }

    /// These frames come back.
    pub(super) fn echo(name: &'static str, frames: &[(u8, &[u8])]) -> Self {
        Self::new(name, frames, frames, End::Closed)
    }

    /// These frames fail the connection with this code.
    pub(super) fn fails(name: &'static str, frames: &[(u8, &[u8])], code: u16) -> Self {
        Self::new(name, frames, &[], End::With(Some(code)))
    }
}

/// Plays each case three times: all at once, frame by frame, and byte by byte.
pub(super) fn play(cases: &[Case]) {
    let server = super::begin("127.0.0.1:0");
    for case in cases {
        let all = case.frames.concat();
        let bytes: Vec<_> = all.iter().map(|byte| vec![*byte]).collect();
        for (how, pieces) in [
            ("at once", &vec![all]),
            ("by frames", &case.frames),
            ("by bytes", &bytes),
        ] {
            println!("{} {how}", case.name);
            let mut client = Client::dial(server, "");
            for piece in pieces {
                client.write(piece);
            }
            for answer in &case.answers {
                assert_eq!(client.next().as_ref(), Some(answer));
            }
            client.end(case.end);
        }
    }
}

pub(super) fn framed(first: u8, payload: &[u8]) -> Vec<u8> {
    client_frame(first, KEY, payload)
}

pub(super) struct Client {
    tcp: TcpStream,
    /// The answer to what it offered.
    pub(super) agreed: Option<String>,
}

impl Client {
    /// One that offers these extensions, if any.
    pub(super) fn dial(server: SocketAddr, offer: &str) -> Self {
        let mut tcp = TcpStream::connect(server).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let offer = match offer {
            "" => String::new(),
            offer => format!("Sec-WebSocket-Extensions: {offer}\r\n"),
        };
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{offer}\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        tcp.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tcp.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        let answer = String::from_utf8(answer).unwrap().to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"));
        let mut lines = answer.lines();
        let agreed = lines.find_map(|line| line.strip_prefix("sec-websocket-extensions: "));
        let agreed = agreed.map(str::to_owned);
        Self { tcp, agreed }
    }

    /// Where the server has had enough it may be gone: what it said is still there.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).ok();
    }

    pub(super) fn send(&mut self, first: u8, payload: &[u8]) {
        self.write(&framed(first, payload));
    }

    /// The next frame; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 2];
        let mut read = 0;
        while read < head.len() {
            match self
                .tcp
                .read(&mut head[read..])
                .expect("a frame or the end")
            {
                0 => return None,
                more => read += more,
            }
        }
        let len = match head[1] {
            126 => u16::from_be_bytes(self.array()).into(),
            127 => u64::from_be_bytes(self.array()),
            short => short.into(),
        };
        let mut payload = vec![0; len as usize];
        self.tcp.read_exact(&mut payload).unwrap();
        Some((head[0], payload))
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.tcp.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The connection ends so, and nothing else comes before.
    pub(super) fn end(mut self, end: End) {
        let code = match end {
            End::Closed => {
                self.send(0x88, &NORMAL.to_be_bytes());
                Some(NORMAL)
            }
            End::With(code) => code,
        };
        let code = code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec());
        assert_eq!(self.next(), Some((0x88, code)));
        assert_eq!(self.next(), None);
    }
}
