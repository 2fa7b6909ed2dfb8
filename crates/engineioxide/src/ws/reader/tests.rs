use super::*;
use crate::{
    testing::client_frame,
    ws::frame::Opcode::{self, Binary, Close, Continuation, Ping, Pong, Text},
};

const LIMITS: Limits = Limits {
    frame: 1 << 20,
    message: 1 << 20,
    fragments: 100,
    compressed: false,
};
const COMPRESSED: Limits = Limits {
    compressed: true,
    ..LIMITS
};

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    client_frame(first, [1, 2, 3, 0xff], payload)
}

fn last(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame(0x80 | opcode.to_u8(), payload)
}

fn first(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame(opcode.to_u8(), payload)
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    last(Close, &[&code.to_be_bytes()[..], reason].concat())
}

/// In place of deflate: every byte twice.
fn twice(payload: &[u8], most: usize) -> Result<Vec<u8>, Violation> {
    let inflated: Vec<u8> = payload.iter().flat_map(|byte| [*byte; 2]).collect();
    match inflated.len() <= most {
        true => Ok(inflated),
        false => Err(Violation::TooBig),
    }
}

fn feed(
    reader: &mut Reader,
    bytes: &[u8],
    limits: &Limits,
) -> (Vec<String>, Result<(), Violation>) {
    let mut taken = Vec::new();
    let read = reader.feed(&mut bytes.to_vec(), limits, &mut twice, &mut |incoming| {
        taken.push(format!("{incoming:?}"));
        ControlFlow::Continue(())
    });
    (taken, read)
}

/// Feeds what is fine by itself.
fn fine(reader: &mut Reader, bytes: &[u8]) -> Vec<String> {
    let (taken, read) = feed(reader, bytes, &LIMITS);
    assert_eq!(read, Ok(()));
    taken
}

/// What is read of `frames`, the same in one piece and byte by byte.
fn read(frames: &[Vec<u8>], limits: &Limits) -> (Vec<String>, Result<(), Violation>) {
    let bytes = frames.concat();
    let at_once = feed(&mut Reader::default(), &bytes, limits);
    let mut reader = Reader::default();
    let mut taken = Vec::new();
    let mut result = Ok(());
    for byte in bytes {
        let (more, read) = feed(&mut reader, &[byte], limits);
        taken.extend(more);
        result = result.and(read);
    }
    assert_eq!(at_once, (taken.clone(), result));
    at_once
}

fn taken(frames: &[Vec<u8>]) -> Vec<String> {
    let (taken, read) = read(frames, &LIMITS);
    assert_eq!(read, Ok(()));
    taken
}

fn violation(frames: &[Vec<u8>]) -> Violation {
    read(frames, &LIMITS).1.unwrap_err()
}

#[test]
fn a_connection_at_rest_costs_16_bytes() {
    assert!(size_of::<Reader>() <= 16);
    let mut reader = Reader::default();
    let message = [first(Text, b"a"), last(Ping, b"b"), last(Continuation, b"")].concat();
    for byte in message {
        fine(&mut reader, &[byte]);
    }
    assert!(reader.incomplete.is_none());
}

#[test]
fn a_frame_in_one_piece_is_handed_over_where_it_lies() {
    let mut bytes = [last(Text, b"text"), last(Binary, &[7; 300])].concat();
    let range = bytes.as_ptr_range();
    let mut seen = 0;
    let mut take = |incoming: Incoming<'_>| {
        let at = match incoming {
            Incoming::Text(text) => text.as_ptr(),
            Incoming::Binary(bytes) => bytes.as_ptr(),
            other => panic!("{other:?}"),
        };
        seen += usize::from(range.contains(&at));
        ControlFlow::Continue(())
    };
    Reader::default()
        .feed(&mut bytes, &LIMITS, &mut twice, &mut take)
        .unwrap();
    assert_eq!(seen, 2);
}

#[test]
fn all_kinds_of_frames_are_read_in_order() {
    let frames = [
        last(Text, "é".as_bytes()),
        last(Binary, &[0, 1]),
        last(Ping, b"p"),
        last(Pong, b"ignored"),
        last(Text, b""),
        close(1000, b"bye"),
    ];
    let expected = [
        r#"Text("é")"#,
        "Binary([0, 1])",
        "Ping([112])",
        "Pong",
        r#"Text("")"#,
        "Close(Some(1000))",
    ];
    assert_eq!(taken(&frames), expected);
}

#[test]
fn fragments_are_put_together_and_pings_may_come_between() {
    let frames = [
        first(Text, b"h"),
        last(Ping, b""),
        first(Continuation, &"é".as_bytes()[..1]),
        first(Continuation, b""),
        last(Continuation, &"é!".as_bytes()[1..]),
        first(Binary, &[1]),
        last(Continuation, &[2]),
    ];
    assert_eq!(
        taken(&frames),
        ["Ping([])", r#"Text("hé!")"#, "Binary([1, 2])"]
    );
}

#[test]
fn frames_of_every_size_of_length_are_read() {
    for len in [125, 126, 65_535, 65_536] {
        let expected = format!("Binary({:?})", vec![9; len]);
        assert_eq!(taken(&[last(Binary, &vec![9; len])]), [expected]);
    }
}

#[test]
fn text_is_utf_8() {
    let not_utf8 = Violation::Data("text that is not UTF-8");
    assert_eq!(violation(&[last(Text, &[0xff])]), not_utf8);
    assert_eq!(not_utf8.code(), 1007);
    let halves = [first(Text, &[0xc3]), last(Continuation, &[0xc3])];
    assert_eq!(violation(&halves), not_utf8);
    let half = [first(Text, &[b'a', 0xc3]), last(Continuation, &[])];
    assert_eq!(violation(&half), not_utf8);
    assert_eq!(taken(&[last(Binary, &[0xff])]), ["Binary([255])"]);
}

#[test]
fn text_that_is_wrong_is_refused_at_the_end_of_its_fragment() {
    assert_eq!(violation(&[first(Text, &[b'a', 0xff])]).code(), 1007);
    assert_eq!(violation(&[first(Text, &[0xed, 0xa0])]).code(), 1007);
    let later = [first(Text, &[0xf0, 0x9f]), first(Continuation, &[0x20])];
    assert_eq!(violation(&later).code(), 1007);
}

#[test]
fn nothing_is_read_after_a_close() {
    let after = [
        last(Close, b""),
        last(Text, b"never"),
        vec![0xff, 0xff, 0xff],
    ];
    assert_eq!(taken(&after), ["Close(None)"]);
    let mut reader = Reader::default();
    fine(&mut reader, &[first(Text, b"a"), last(Close, b"")].concat());
    assert!(reader.incomplete.is_none());
    assert!(fine(&mut reader, &last(Text, b"never")).is_empty());
}

#[test]
fn nothing_is_read_after_a_violation() {
    let (taken, read) = read(
        &[last(Ping, b""), vec![0x83], last(Text, b"never")],
        &LIMITS,
    );
    assert_eq!(taken, ["Ping([])"]);
    assert_eq!(read, Err(Violation::Protocol("reserved opcode")));
    assert_eq!(read.unwrap_err().code(), 1002);
}

#[test]
fn what_is_not_wanted_now_is_kept_and_goes_before_what_comes_next() {
    let mut reader = Reader::default();
    let mut one = |bytes: &[u8]| {
        let mut taken = Vec::new();
        let mut take = |incoming: Incoming<'_>| {
            taken.push(format!("{incoming:?}"));
            ControlFlow::Break(())
        };
        let read = reader.feed(&mut bytes.to_vec(), &LIMITS, &mut twice, &mut take);
        (taken, read, reader.has_rest())
    };
    let text = |text: &str| vec![format!("Text({text:?})")];
    let bytes = [last(Text, b"a"), last(Text, b"b"), first(Text, b"c")].concat();
    assert_eq!(one(&bytes), (text("a"), Ok(()), true));
    // What comes meanwhile goes behind it, wherever it was cut.
    let more = [last(Ping, b""), last(Continuation, b"d"), vec![0x83]].concat();
    assert_eq!(one(&more[..3]), (text("b"), Ok(()), true));
    assert_eq!(one(&more[3..]), (vec!["Ping([])".into()], Ok(()), true));
    assert_eq!(one(&[]), (text("cd"), Ok(()), true));
    let wrong = Err(Violation::Protocol("reserved opcode"));
    assert_eq!(one(&[0x80]), (vec![], wrong, false));
    assert!(reader.incomplete.is_none());
}

#[test]
fn close_codes_are_those_that_may_be_sent() {
    let fine: Vec<u16> = (0..=u16::MAX)
        .filter(|code| close_code(&code.to_be_bytes()).is_ok())
        .collect();
    let expected: Vec<u16> = [1000..=1003, 1007..=1014, 3000..=4999]
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(fine, expected);
    assert_eq!(violation(&[close(1005, b"")]).code(), 1002);
    assert_eq!(
        violation(&[last(Close, &[3])]),
        Violation::Protocol("half a close code")
    );
    assert_eq!(violation(&[close(1000, &[0xff])]).code(), 1007);
}

#[test]
fn compressed_messages_are_inflated_when_they_are_complete() {
    let frames = [
        frame(0xc1, b"ab"),
        frame(0x42, &[0xff]),
        last(Ping, b""),
        first(Continuation, &[0xfe]),
        last(Continuation, &[]),
        last(Text, b"plain"),
    ];
    let (taken, read) = read(&frames, &COMPRESSED);
    assert_eq!(read, Ok(()));
    let expected = [
        r#"Text("aabb")"#,
        "Ping([])",
        "Binary([255, 255, 254, 254])",
        r#"Text("plain")"#,
    ];
    assert_eq!(taken, expected);
}

#[test]
fn compressed_text_is_looked_at_after_it_was_inflated() {
    let (_, fine) = read(
        &[frame(0x41, b"\x41"), last(Continuation, b"a")],
        &COMPRESSED,
    );
    assert_eq!(fine, Ok(()));
    let (_, early) = read(&[frame(0x41, &[0xff])], &COMPRESSED);
    assert_eq!(early, Ok(()));
    let (_, wrong) = read(&[frame(0xc1, &[0xc3])], &COMPRESSED);
    assert_eq!(wrong, Err(NOT_UTF8));
    let (_, unasked) = read(&[frame(0xc1, b"a")], &LIMITS);
    assert_eq!(unasked, Err(Violation::Protocol("reserved bit")));
}

#[test]
fn limits_hold_for_frames_messages_and_what_was_inflated() {
    let limits = Limits {
        frame: 4,
        message: 6,
        fragments: 3,
        compressed: true,
    };
    let code = |frames: &[Vec<u8>]| read(frames, &limits).1.map_err(|wrong| wrong.code());
    let (four, five) = ([b'x'; 4], [b'x'; 5]);
    assert_eq!(code(&[last(Text, &four)]), Ok(()));
    assert_eq!(code(&[last(Text, &five)]), Err(1009));
    assert_eq!(
        code(&[first(Text, &four), last(Continuation, b"xx")]),
        Ok(())
    );
    assert_eq!(
        code(&[first(Text, &four), last(Continuation, b"xxx")]),
        Err(1009)
    );
    assert_eq!(code(&[frame(0xc1, b"xxx")]), Ok(()));
    assert_eq!(code(&[frame(0xc1, &four)]), Err(1009));
    assert_eq!(code(&[last(Ping, &[0; 125])]), Ok(()));
}

#[test]
fn a_message_has_as_many_frames_as_it_may() {
    let limits = Limits {
        fragments: 3,
        ..LIMITS
    };
    let nothing = || first(Continuation, b"");
    let three = [first(Text, b""), nothing(), last(Continuation, b"")];
    let (taken, read_three) = read(&[three.concat(), three.concat()], &limits);
    assert_eq!((taken.len(), read_three), (2, Ok(())));
    let four = [first(Text, b""), nothing(), nothing(), nothing()];
    assert_eq!(read(&four, &limits).1, Err(Violation::TooBig));
    let one = Limits {
        fragments: 0,
        ..LIMITS
    };
    assert_eq!(read(&[last(Text, b"")], &one).1, Ok(()));
}

#[test]
fn what_is_announced_takes_no_memory_before_it_comes() {
    let bytes = last(Binary, &[5; 1 << 20]);
    let mut reader = Reader::default();
    let mut fed = 0;
    for end in [14, 15, 1014, 5000, 600_000, bytes.len() - 1] {
        fine(&mut reader, &bytes[fed..end]);
        fed = end;
        let incomplete = reader.incomplete.as_ref().unwrap();
        let kept = &incomplete.message.as_ref().unwrap().payload;
        assert_eq!(kept.len(), end - 14);
        assert!(kept.capacity() <= (2 * kept.len()).min(1 << 20));
    }
    assert_eq!(fine(&mut reader, &bytes[fed..]).len(), 1);
    assert!(reader.incomplete.is_none());
}
