//! What the tests of this crate share.

use proptest::test_runner::{Config, RngSeed};

use crate::ws::frame::{Opcode, put_frame};

/// The same 500 cases in every run; more with `PROPTEST_CASES`.
pub(crate) fn cases() -> Config {
    Config {
        cases: Config::default().cases.max(500),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x5eed),
        ..Config::default()
    }
}

/// The frame of a client, with this first byte. Made in no time with a key of zeroes.
pub(crate) fn client_frame(first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_frame(&mut frame, Opcode::Binary, false, &[payload]);
    frame[0] = first;
    frame[1] |= 0x80;
    let header = frame.len() - payload.len();
    frame.truncate(header);
    frame.extend(key);
    if key == [0; 4] {
        frame.extend_from_slice(payload);
        return frame;
    }
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

/// Cuts `bytes` into pieces of these lengths, again and again.
pub(crate) fn pieces<'a>(bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = bytes;
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let len = (*lengths.next()?).clamp(1, rest.len().max(1));
        let (piece, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(piece)
    })
}
