//! Reader and writer beside those of tungstenite.

use std::{
    io::{self, Read, Write},
    ops::ControlFlow,
};

use proptest::{collection::vec, option, prelude::*};
use tungstenite::{
    Error, Message,
    protocol::{
        Role, WebSocket, WebSocketConfig,
        frame::{Frame, coding::Data, coding::OpCode},
    },
};

use super::{
    frame::{Frames, Opcode, put_frame},
    reader::{Incoming, Limits, Reader, Violation},
};
use crate::testing::{cases, client_frame, pieces};

const MOST: usize = 300;
const LIMITS: Limits = Limits {
    frame: MOST,
    message: MOST,
    fragments: usize::MAX,
    compressed: false,
};

/// A message as either side has it.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

impl From<Incoming<'_>> for Said {
    fn from(incoming: Incoming<'_>) -> Self {
        match incoming {
            Incoming::Text(text) => Self::Text(text.to_owned()),
            Incoming::Binary(bytes) => Self::Binary(bytes.to_owned()),
            Incoming::Ping(bytes) => Self::Ping(bytes.to_owned()),
            Incoming::Pong => Self::Pong,
            Incoming::Close(code) => Self::Close(code),
        }
    }
}

impl From<Message> for Said {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_string()),
            Message::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Message::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Message::Pong(_) => Self::Pong,
            Message::Close(close) => Self::Close(close.map(|close| close.code.into())),
            Message::Frame(frame) => panic!("{frame:?} is never read"),
        }
    }
}

impl Said {
    fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
            Self::Ping(_) => Opcode::Ping,
            Self::Pong => Opcode::Pong,
            Self::Close(_) => Opcode::Close,
        }
    }

    fn payload(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) => bytes.clone(),
            Self::Pong => b"pong".to_vec(),
            Self::Close(code) => code.map_or(vec![], |code| code.to_be_bytes().to_vec()),
        }
    }
}

/// Reads `input`, then would block; what is written is kept.
#[derive(Default)]
struct Wire {
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.input.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite(role: Role, input: &[u8], most: usize) -> WebSocket<Wire> {
    let config = WebSocketConfig::default()
        .read_buffer_size(512)
        .max_frame_size(Some(most))
        .max_message_size(Some(most));
    let wire = Wire {
        input: io::Cursor::new(input.to_vec()),
        output: Vec::new(),
    };
    WebSocket::from_raw_socket(wire, role, Some(config))
}

/// What tungstenite reads, up to a close or where it fails; `false` where it fails.
fn theirs(mut socket: WebSocket<Wire>) -> (Vec<Said>, bool) {
    let mut said = Vec::new();
    loop {
        match socket.read().map(Said::from) {
            Ok(close @ Said::Close(_)) => {
                said.push(close);
                return (said, true);
            }
            Ok(message) => said.push(message),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return (said, true);
            }
            Err(_) => return (said, false),
        }
    }
}

/// What our reader reads of bytes that are cut into pieces of these lengths.
fn ours(bytes: &[u8], lengths: &[usize], limits: &Limits) -> (Vec<Said>, Result<(), Violation>) {
    let mut reader = Reader::default();
    let mut said = Vec::new();
    for piece in pieces(bytes, lengths) {
        let mut inflate = |bytes: &[u8], most| match bytes.len() {
            len if len <= most => Ok(bytes.to_vec()),
            _ => Err(Violation::TooBig),
        };
        let read = reader.feed(&mut piece.to_vec(), limits, &mut inflate, &mut |incoming| {
            said.push(incoming.into());
            ControlFlow::Continue(())
        });
        if read.is_err() {
            return (said, read);
        }
    }
    (said, Ok(()))
}

/// Whether tungstenite makes the same of it. It differs in three things: it takes lengths that are
/// longer than needed (of control frames too), it gives a wrong close code as 1002 instead of failing, and it does not know
/// 1014. And it waits for the end of a frame whose header is wrong.
fn agree(bytes: &[u8], said: &[Said], read: Result<(), Violation>) -> Result<(), TestCaseError> {
    let mut bytes = bytes.to_vec();
    if read.is_err() {
        bytes.extend([0; MOST + 14]);
    }
    let (mut they_said, they_read) = theirs(tungstenite(Role::Server, &bytes, MOST));
    match read {
        Err(Violation::Protocol("length longer than needed" | "long control frame")) => {
            they_said.truncate(said.len());
        }
        Err(Violation::Protocol("close code")) if they_read => {
            prop_assert_eq!(they_said.pop(), Some(Said::Close(Some(1002))));
        }
        _ => prop_assert_eq!(read.is_ok(), they_read, "{:?}", read),
    }
    let known = |said: &Said| match said {
        Said::Close(Some(1014)) => Said::Close(Some(1002)),
        said => said.clone(),
    };
    prop_assert_eq!(said.iter().map(known).collect::<Vec<_>>(), they_said);
    Ok(())
}

/// What may come between the fragments of a message.
fn control() -> impl Strategy<Value = Said> {
    prop_oneof![
        vec(any::<u8>(), 0..=125).prop_map(Said::Ping),
        Just(Said::Pong)
    ]
}

fn data() -> impl Strategy<Value = Said> {
    prop_oneof![
        ".{0,60}".prop_map(Said::Text),
        vec(any::<u8>(), 0..MOST).prop_map(Said::Binary),
        (65_000..66_000_usize).prop_map(|len| Said::Binary(vec![7; len])),
    ]
}

/// A data message, where to cut it into fragments, and what comes after each.
type Sent = (Said, Vec<(prop::sample::Index, Option<Said>)>);

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let cuts = vec((any::<prop::sample::Index>(), option::of(control())), 0..4);
    vec((data(), cuts), 0..5)
}

/// A client of tungstenite sends the message in fragments.
fn send(client: &mut WebSocket<Wire>, (said, cuts): &Sent, expected: &mut Vec<Said>) {
    let payload = said.payload();
    let mut at: Vec<_> = cuts
        .iter()
        .map(|(cut, _)| cut.index(payload.len() + 1))
        .collect();
    at.sort_unstable();
    let mut opcode = match said {
        Said::Text(_) => Data::Text,
        _ => Data::Binary,
    };
    let mut begin = 0;
    for (end, (_, between)) in at.into_iter().zip(cuts) {
        let part = payload[begin..end].to_vec();
        let frame = Frame::message(part, OpCode::Data(opcode), false);
        client.send(Message::Frame(frame)).unwrap();
        (begin, opcode) = (end, Data::Continue);
        if let Some(between) = between {
            let message = match between {
                Said::Ping(bytes) => Message::Ping(bytes.clone().into()),
                _ => Message::Pong(b"pong".to_vec().into()),
            };
            client.send(message).unwrap();
            expected.push(between.clone());
        }
    }
    let frame = Frame::message(payload[begin..].to_vec(), OpCode::Data(opcode), true);
    client.send(Message::Frame(frame)).unwrap();
    expected.push(said.clone());
}

/// One frame of a client that may be wrong in every way.
fn odd_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(&[0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a][..]),
        1 => any::<u8>(),
    ];
    let code = (900..5100_u16, any::<bool>()).prop_map(|(code, reason)| {
        let reason: &[u8] = if reason { b"why" } else { &[0xff] };
        [&code.to_be_bytes()[..], reason].concat()
    });
    let payload = prop_oneof![
        4 => ".{0,9}".prop_map(String::into_bytes),
        2 => (".{0,9}", any::<prop::sample::Index>()).prop_map(|(text, cut)| {
            text.as_bytes()[..cut.index(text.len() + 1)].to_vec()
        }),
        1 => vec(any::<u8>(), 0..200),
        1 => code,
    ];
    let break_it = prop_oneof![
        12 => Just(0_u8),
        1 => Just(1),
        1 => Just(2),
        1 => Just(3),
    ];
    (first, any::<[u8; 4]>(), payload, break_it).prop_map(|(first, key, payload, break_it)| {
        let mut frame = client_frame(first, key, &payload);
        match (break_it, payload.len()) {
            (1, _) => frame[1] &= 0x7f,
            (2, len @ 0..=125) => {
                frame[1] = 0x80 | 126;
                frame.splice(2..2, [0, len as u8]);
            }
            (3, 126..) => frame[1] |= 0x7f,
            _ => {}
        }
        frame
    })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_we_write_is_read_by_tungstenite_and_by_ourselves(
        all in vec(prop_oneof![data(), control()], 0..6),
        code in option::of(option::of(1000..1004_u16)),
    ) {
        let all: Vec<_> = all.into_iter().chain(code.map(Said::Close)).collect();
        let mut bytes = Vec::new();
        for said in &all {
            let payload = said.payload();
            let (a, b) = payload.split_at(payload.len() / 3);
            put_frame(&mut bytes, said.opcode(), false, &[a, b]);
        }
        let frames: Vec<_> = Frames::new(&bytes)
            .map(|frame| (frame.opcode, frame.compressed, frame.payload.to_vec()))
            .collect();
        let written: Vec<_> =
            all.iter().map(|said| (said.opcode(), false, said.payload())).collect();
        prop_assert_eq!(frames, written);
        prop_assert_eq!(theirs(tungstenite(Role::Client, &bytes, 1 << 20)), (all, true));
    }

    #[test]
    fn what_a_client_of_tungstenite_sends_is_read_however_it_is_cut(
        all in sent(),
        code in option::of(option::of(1000..1004_u16)),
        lengths in vec(prop_oneof![1..20_usize, 1..2000_usize, Just(100_000)], 1..20),
    ) {
        let mut client = tungstenite(Role::Client, &[], 1 << 20);
        let mut expected = Vec::new();
        for sent in &all {
            send(&mut client, sent, &mut expected);
        }
        if let Some(code) = code {
            let close = code.map(|code| tungstenite::protocol::CloseFrame {
                code: code.into(),
                reason: "why".into(),
            });
            client.close(close).unwrap();
            expected.push(Said::Close(code));
        }
        let limits = Limits { frame: 1 << 20, message: 1 << 20, ..LIMITS };
        let bytes = client.into_inner().output;
        prop_assert_eq!(ours(&bytes, &lengths, &limits), (expected, Ok(())));
    }

    #[test]
    fn tungstenite_takes_and_refuses_the_same(
        frames in vec(odd_frame(), 0..8),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        lengths in vec(1..50_usize, 1..8),
    ) {
        let mut bytes = frames.concat();
        for (at, with) in flips.iter().filter(|_| !frames.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] ^= with;
        }
        let (said, read) = ours(&bytes, &lengths, &LIMITS);
        prop_assert_eq!(&ours(&bytes, &[bytes.len()], &LIMITS), &(said.clone(), read));
        agree(&bytes, &said, read)?;
    }

    #[test]
    fn how_bytes_are_cut_makes_no_difference(
        frames in vec(odd_frame(), 0..8),
        rest in vec(any::<u8>(), 0..40),
        lengths in vec(1..50_usize, 1..8),
        frame in 0..200_usize,
        fragments in 0..4_usize,
    ) {
        let limits = Limits { frame, message: 200, fragments, compressed: true };
        let bytes = [frames.concat(), rest].concat();
        let at_once = ours(&bytes, &[usize::MAX], &limits);
        prop_assert_eq!(&ours(&bytes, &lengths, &limits), &at_once);
        prop_assert_eq!(&ours(&bytes, &[1], &limits), &at_once);
    }
}
