use proptest::prelude::*;

use super::*;
use crate::testing::cases;

const HELLO: &[u8] = b"Hello";

/// What is inflated by whoever keeps to the RFC, if it is all there.
fn by_client(compressed: &[u8]) -> Vec<u8> {
    let mut state = Decompress::new(false);
    let whole = [compressed, &TAIL].concat();
    let mut out = Vec::with_capacity(1 << 20);
    state
        .decompress_vec(&whole, &mut out, FlushDecompress::Sync)
        .unwrap();
    assert_eq!(state.total_in(), whole.len() as u64);
    out
}

/// What a client compresses, with a state of its own.
fn compressed_by(state: &mut Compress, message: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * message.len() + 100);
    state.compress_vec(message, &mut out, flush).unwrap();
    match flush {
        FlushCompress::Finish => out.push(0),
        _ => out.truncate(out.strip_suffix(&TAIL).unwrap().len()),
    }
    out
}

fn by(level: u32) -> Compress {
    Compress::new(Compression::new(level), false)
}

/// JSON, as it is said again and again.
fn json(len: usize) -> Vec<u8> {
    let text = (0..).flat_map(|n| format!(r#"{{"seq":{n},"text":"hello"}},"#).into_bytes());
    text.take(len).collect()
}

#[test]
fn the_examples_of_the_rfc_are_inflated() {
    let examples: [&[u8]; 4] = [
        // 7.2.3.1: one block.
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        // 7.2.3.3: a block without compression.
        &[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ],
        // 7.2.3.4: a block that is called the last one.
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        // 7.2.3.5: two blocks.
        &[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ],
    ];
    for example in examples {
        assert_eq!(inflate(example, 5).as_deref(), Ok(HELLO), "{example:x?}");
    }
    // 7.2.3.6: nothing.
    assert_eq!(inflate(&[0x00], 0).as_deref(), Ok(&b""[..]));
}

#[test]
fn what_leans_on_the_message_before_is_wrong_and_shows_nothing_of_it() {
    let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(inflate(&first, 5).as_deref(), Ok(HELLO));
    // 7.2.3.2: the same message, by its distance from the last one.
    assert_eq!(inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], 5), Err(WRONG));
    // Who was told not to and takes over its context.
    let mut client = by(6);
    let mut said = || compressed_by(&mut client, b"said again and again", FlushCompress::Sync);
    assert!(inflate(&said(), 100).is_ok());
    assert_eq!(inflate(&said(), 100), Err(WRONG));
}

#[test]
fn what_is_no_compressed_message_is_wrong() {
    let whole = compressed_by(&mut by(6), &json(5000), FlushCompress::Sync);
    for cut in 0..whole.len() {
        assert_eq!(inflate(&whole[..cut], 9000), Err(WRONG), "{cut}");
    }
    for trailing in [&b"\0"[..], b"x", b"\x01\0\0\xff\xff", b"\0\0\xff\xff\x07"] {
        let longer = [&whole, trailing].concat();
        assert_eq!(inflate(&longer, 9000), Err(WRONG), "{trailing:?}");
    }
    // A block that takes what is appended for its own.
    let swallows = [0x00, 0x05, 0x00, 0xfa, 0xff, b'x'];
    assert_eq!(inflate(&swallows, 9000), Err(WRONG));
    // Reserved block type.
    assert_eq!(inflate(&[0x07], 9000), Err(WRONG));
    assert_eq!(WRONG.code(), 1007);
}

#[test]
fn a_bomb_is_not_inflated_further_than_may_be() {
    let most = 100_000;
    let bomb = compressed_by(&mut by(9), &vec![b'x'; 50 << 20], FlushCompress::Sync);
    assert!(bomb.len() < most, "{}", bomb.len());
    assert_eq!(inflate(&bomb, most), Err(Violation::TooBig));
    let just = |len| compressed_by(&mut by(9), &vec![b'x'; len], FlushCompress::Sync);
    assert_eq!(inflate(&just(most + 1), most), Err(Violation::TooBig));
    let inflated = inflate(&just(most), most).unwrap();
    assert_eq!(inflated.len(), most);
    assert!(inflated.capacity() <= most + 1);
}

#[test]
fn what_is_not_smaller_is_not_compressed() {
    assert_eq!(deflate(b""), None);
    assert_eq!(deflate(b"abcdefgh"), None);
    let noise = std::iter::successors(Some(1u32), |last| {
        Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    });
    let noise: Vec<u8> = noise.map(|n| (n >> 24) as u8).take(4096).collect();
    assert_eq!(deflate(&noise), None);
}

#[test]
fn json_becomes_much_smaller() {
    for len in [1024, 20 << 10] {
        let compressed = deflate(&json(len)).unwrap();
        assert!(compressed.len() < len / 3, "{} of {len}", compressed.len());
    }
}

/// Text that repeats itself more or less, and what does not.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..5000);
    let repeated = (proptest::collection::vec(any::<u8>(), 1..50), 0usize..500);
    prop_oneof![
        noise,
        repeated.prop_map(|(part, times)| part.repeat(times)),
        (0usize..30_000).prop_map(json),
    ]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_client_inflates_what_we_compress(messages in proptest::collection::vec(message(), 1..4)) {
        for message in messages {
            if let Some(compressed) = deflate(&message) {
                prop_assert!(compressed.len() < message.len());
                prop_assert_eq!(by_client(&compressed), message);
            }
        }
    }

    #[test]
    fn we_inflate_what_a_client_compresses(
        messages in proptest::collection::vec(message(), 1..4),
        level in 0u32..10,
        last in any::<bool>(),
    ) {
        let mut client = by(level);
        let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
        for message in messages {
            client.reset();
            let compressed = compressed_by(&mut client, &message, flush);
            let inflated = inflate(&compressed, message.len());
            prop_assert_eq!(inflated.as_deref(), Ok(&message[..]));
            if let Some(less) = message.len().checked_sub(1) {
                prop_assert_eq!(inflate(&compressed, less), Err(Violation::TooBig));
            }
        }
    }

    #[test]
    fn whatever_comes_is_a_message_within_bounds_or_a_violation(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        most in 0usize..3000,
    ) {
        if let Ok(inflated) = inflate(&bytes, most) {
            prop_assert!(inflated.len() <= most && inflated.capacity() <= most + 1);
        }
    }
}

/// Bytes of which no part is like another one.
fn noise(len: usize) -> Vec<u8> {
    let numbers = std::iter::successors(Some(1_u32), |last| {
        Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    });
    numbers
        .map(|number| (number >> 24) as u8)
        .take(len)
        .collect()
}

/// What is left of one must not be in the way of another.
#[test]
fn any_number_of_messages_may_be_no_smaller_one_after_the_other() {
    for len in [1024, 16_000, 20_000, 131_072] {
        let noise = noise(len);
        for _ in 0..100 {
            assert_eq!(deflate(&noise), None);
        }
        let json = json(len);
        let compressed = deflate(&json).unwrap();
        assert_eq!(by_client(&compressed), json);
    }
}
