//! Messages that are compressed (sections 12 and 13).

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::*;

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// First bytes of a whole message: it is compressed, or text, or binary.
const RSV1: u8 = 0x40;
/// Messages of each length. The suite sends 1,000, which adds nothing where each is by itself.
const MESSAGES: usize = 10;

/// Lengths of a message and of its fragments.
const SIZES: [(usize, usize); 18] = [
    (16, 0),
    (64, 0),
    (256, 0),
    (1024, 0),
    (4096, 0),
    (8192, 0),
    (16_384, 0),
    (32_768, 0),
    (65_536, 0),
    (131_072, 0),
    (8192, 256),
    (16_384, 256),
    (32_768, 256),
    (65_536, 256),
    (131_072, 256),
    (131_072, 1024),
    (131_072, 4096),
    (131_072, 32_768),
];

/// What clients offer, and whether it is taken.
const OFFERS: [(&str, bool); 8] = [
    ("permessage-deflate", true),
    (
        "permessage-deflate; client_no_context_takeover; client_max_window_bits",
        true,
    ),
    ("permessage-deflate; server_no_context_takeover", true),
    ("permessage-deflate; server_max_window_bits=8", false),
    ("permessage-deflate; server_max_window_bits=15", true),
    (
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=8",
        false,
    ),
    (
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=15",
        true,
    ),
    (
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=8, \
         permessage-deflate; server_no_context_takeover, permessage-deflate",
        true,
    ),
];

/// Text that repeats itself as JSON does, data that hardly does, and noise.
fn corpora() -> [(u8, Vec<u8>); 3] {
    let json = (0..).flat_map(|n| format!(r#"{{"seq":{n},"text":"héllo"}},"#).into_bytes());
    let noise = std::iter::successors(Some(1_u32), |last| {
        Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    });
    let noise = noise.map(|n| (n >> 24) as u8);
    let picture = noise.clone().enumerate();
    let picture = picture.map(|(n, noise)| (n / 64) as u8 ^ (noise & 3));
    [
        (TEXT, json.take(200_000).collect()),
        (BINARY, picture.take(200_000).collect()),
        (BINARY, noise.take(200_000).collect()),
    ]
}

/// So many bytes of it, from another place each time; of text, whole characters.
fn slice(corpus: &[u8], first: u8, len: usize, number: usize) -> Vec<u8> {
    let begin = number * 997 % (corpus.len() - len);
    let bytes = &corpus[begin..begin + len];
    match first {
        TEXT => String::from_utf8_lossy(bytes)
            .replace('\u{fffd}', "?")
            .into(),
        _ => bytes.to_vec(),
    }
}

struct Peer {
    client: Client,
    compress: Compress,
}

impl Peer {
    fn dial(server: SocketAddr, offer: &str) -> Self {
        Self {
            client: Client::dial(server, offer),
            compress: Compress::new(Compression::default(), false),
        }
    }

    /// Sends a message in fragments of so many bytes, compressed where that was agreed on.
    fn send(&mut self, first: u8, message: &[u8], fragment: usize) {
        let (first, payload) = match &self.client.agreed {
            Some(_) => (first | RSV1, self.deflate(message)),
            None => (first, message.to_vec()),
        };
        let len = if fragment == 0 {
            payload.len()
        } else {
            fragment
        };
        let last = payload.len().div_ceil(len) - 1;
        for (number, part) in payload.chunks(len).enumerate() {
            let opcode = if number == 0 { first & !0x80 } else { 0 };
            let fin = if number == last { 0x80 } else { 0 };
            self.client.send(opcode | fin, part);
        }
    }

    /// By itself, as was agreed.
    fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        self.compress.reset();
        let mut out = Vec::with_capacity(message.len() + 1024);
        let flush = FlushCompress::Sync;
        self.compress
            .compress_vec(message, &mut out, flush)
            .unwrap();
        out.truncate(out.strip_suffix(&TAIL).unwrap().len());
        out
    }

    /// The next message, and whether it was compressed.
    fn next(&mut self, most: usize) -> (bool, u8, Vec<u8>) {
        let (first, payload) = self.client.next().expect("a message");
        if first & RSV1 == 0 {
            return (false, first, payload);
        }
        assert!(self.client.agreed.is_some(), "it was agreed on");
        let mut out = Vec::with_capacity(most + 1024);
        Decompress::new(false)
            .decompress_vec(
                &[&payload[..], &TAIL].concat(),
                &mut out,
                FlushDecompress::Sync,
            )
            .unwrap();
        (true, first & !RSV1, out)
    }

    fn echo(&mut self, first: u8, message: &[u8], fragment: usize) -> bool {
        self.send(first, message, fragment);
        let (compressed, got_first, got) = self.next(message.len());
        assert!((got_first, &got[..]) == (first, message), "as it was");
        compressed
    }
}

#[test]
fn section_12_messages_of_all_lengths_come_back() {
    let server = begin("127.0.0.1:0");
    for (corpus_number, (first, corpus)) in corpora().into_iter().enumerate() {
        let mut peer = Peer::dial(server, "permessage-deflate; client_max_window_bits");
        for (len, fragment) in SIZES {
            for number in 0..MESSAGES {
                let message = slice(&corpus, first, len, number);
                let compressed = peer.echo(first, &message, fragment);
                let noise = corpus_number == 2;
                assert_eq!(compressed, message.len() >= 1024 && !noise, "{len}");
            }
        }
        peer.client.end(End::Closed);
    }
}

#[test]
fn section_13_they_do_whatever_was_offered() {
    let server = begin("127.0.0.1:0");
    let [(first, corpus), ..] = corpora();
    for (offer, is_taken) in OFFERS {
        let mut peer = Peer::dial(server, offer);
        let agreed = peer.client.agreed.as_deref();
        assert_eq!(agreed.is_some(), is_taken, "{offer}");
        // Nobody is told of a window who has not asked for one.
        let asks = offer.contains("server_max_window_bits=15");
        let told = agreed.is_some_and(|it| it.contains("server_max_window_bits=15"));
        assert_eq!(told, asks, "{offer}");
        for (len, fragment) in SIZES {
            peer.echo(first, &slice(&corpus, first, len, 3), fragment);
        }
        peer.client.end(End::Closed);
    }
}

/// Of no section: what is wrong about a compressed message.
#[test]
fn what_is_not_compressed_as_it_should_be_fails_the_connection() {
    let server = begin("127.0.0.1:0");
    let fails = |frames: &[(u8, &[u8])], code| {
        let mut client = Client::dial(server, "permessage-deflate");
        for (first, payload) in frames {
            client.send(*first, payload);
        }
        client.end(End::With(Some(code)));
    };
    fails(&[(TEXT | RSV1, b"\xff\xff\xff")], 1007);
    fails(&[(TEXT | RSV1, b"")], 1007);
    fails(&[(0x89 | RSV1, b"")], 1002);
    fails(&[(0x01 | RSV1, b"\xf2"), (0x80 | RSV1, b"\x48")], 1002);
    fails(&[(TEXT | RSV1, &[0x02, 0xfd, 0x01, 0x00])], 1007);
}
