//! Frames by themselves: lengths (1), pings and pongs (2), reserved bits (3) and opcodes (4).

use super::{
    client::{framed, play},
    *,
};

#[test]
fn section_1_messages_of_all_lengths_come_back() {
    let mut cases = Vec::new();
    for len in [0, 125, 126, 127, 128, 65_535, 65_536] {
        let (text, binary) = (vec![b'x'; len], vec![0xfe; len]);
        cases.push(Case::echo("1.1.1 to 1.1.8", &[(TEXT, &text)]));
        cases.push(Case::echo("1.2.1 to 1.2.8", &[(BINARY, &binary)]));
    }
    play(&cases);
}

#[test]
fn section_2_pings_are_answered_and_pongs_are_not() {
    let most = [0xfd; 125];
    let numbers: Vec<[u8; 1]> = (0..10).map(|number| [number]).collect();
    let all = |first: u8| -> Vec<(u8, &[u8])> {
        let each = numbers.iter();
        each.map(|number| (first, &number[..])).collect()
    };
    let answered =
        |name, payload: &[u8]| Case::new(name, &[(PING, payload)], &[(PONG, payload)], End::Closed);
    let with_pong: [(u8, &[u8]); 2] = [(PONG, b"unasked"), (PING, b"asked")];
    play(&[
        answered("2.1", b""),
        answered("2.2", b"text"),
        answered("2.3", b"\x00\xff\xfe\x80"),
        answered("2.4, 2.6", &most),
        Case::fails("2.5", &[(PING, &[0xfd; 126])], PROTOCOL),
        Case::new("2.7", &[(PONG, b"")], &[], End::Closed),
        Case::new("2.8", &[(PONG, b"unasked")], &[], End::Closed),
        Case::new("2.9", &with_pong, &[(PONG, b"asked")], End::Closed),
        Case::new("2.10, 2.11", &all(PING), &all(PONG), End::Closed),
    ]);
}

/// What came before is answered, and what comes after is not.
fn after_a_message(name: &'static str, wrong: (u8, &[u8])) -> Case {
    let said: (u8, &[u8]) = (TEXT, b"before");
    let frames = [said, wrong, (PING, b"after")];
    Case::new(name, &frames, &[said], End::With(Some(PROTOCOL)))
}

#[test]
fn section_3_reserved_bits_fail_the_connection() {
    let mut cases = vec![Case::fails("3.1", &[(TEXT | 0x10, b"a")], PROTOCOL)];
    for bits in 1..8_u8 {
        for first in [TEXT, BINARY, CLOSE, PING, PONG] {
            cases.push(after_a_message("3.2 to 3.7", (first | bits << 4, b"")));
            cases.push(after_a_message("3.2 to 3.7", (first | bits << 4, b"wrong")));
        }
    }
    play(&cases);
}

#[test]
fn section_4_reserved_opcodes_fail_the_connection() {
    let mut cases = Vec::new();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let first = 0x80 | opcode;
        cases.push(Case::fails("4.1.1, 4.2.1", &[(first, b"")], PROTOCOL));
        cases.push(Case::fails("4.1.2, 4.2.2", &[(first, b"data")], PROTOCOL));
        cases.push(after_a_message("4.1.3, 4.2.3", (first, b"")));
        cases.push(after_a_message("4.1.4 and more", (first, b"data")));
    }
    play(&cases);
}

/// Of no section: the suite masks all it sends, and writes every length as it should.
#[test]
fn frames_without_a_mask_or_with_a_length_too_long_fail_the_connection() {
    let wrong = |name, bytes: &[u8]| {
        let mut case = Case::fails(name, &[], PROTOCOL);
        case.frames = vec![bytes.to_vec(), framed(PING, b"after")];
        case
    };
    play(&[
        wrong("not masked", &[TEXT, 1, b'a']),
        wrong("two bytes of length for 5", &[TEXT, 0xfe, 0, 5]),
        wrong("eight for 5", &[TEXT, 0xff, 0, 0, 0, 0, 0, 0, 0, 5]),
        wrong("a negative one", &[TEXT, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ]);
}
