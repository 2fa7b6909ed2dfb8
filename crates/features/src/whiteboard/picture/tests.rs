use std::collections::HashSet;

use serde_json::{Value, json};
use starling_kernel::{envelope::Draft, feature::Command, limits::Limits, payload::decode};

use super::*;

const MIB: usize = 1024 * 1024;

/// A board whose log takes what a backend takes of it.
#[derive(Default)]
struct Board {
    picture: Picture,
    seq: u64,
    entries: usize,
    bytes: usize,
    pens: HashSet<String>,
}

impl Board {
    fn add(&mut self, event: &str, data: &Value) {
        self.seq += 1;
        let place = Position {
            epoch: "e".into(),
            seq: self.seq,
        };
        let said = Draft::new(event, data).unwrap().at(&place);
        let page = Page {
            epoch: "e".into(),
            head: self.seq,
            entries: vec![(self.seq, Parcel::Message(said.into()))],
            ..Page::default()
        };
        assert!(self.picture.take(&page));
    }

    /// `false` where it is full.
    fn draws(&mut self, user: &str, draw: &Value) -> bool {
        let checked: Draw = decode(&draw.to_string()).unwrap();
        checked.check(&Limits::default()).unwrap();
        let user = UserId::trusted(user);
        let weight = weight(&checked, &user);
        let (pen, once) = weight.shared.unwrap();
        let shared = if self.pens.contains(&pen) { 0 } else { once };
        if self.entries == ENTRIES || self.bytes + weight.bytes + shared > BYTES {
            return false;
        }
        self.entries += 1;
        self.bytes += weight.bytes + shared;
        self.pens.insert(pen);
        let mut data = serde_json::to_value(&checked).unwrap();
        data["userId"] = json!(user);
        self.add("draw", &data);
        true
    }

    fn undoes(&mut self, user: &str, stroke: &str) {
        self.add("undone", &json!({"userId": user, "stroke": stroke}));
    }

    fn clears(&mut self) {
        self.add("board-cleared", &json!({"userId": "ann"}));
    }

    fn shown(&self) -> (Value, Value) {
        let all: Vec<Value> = serde_json::from_slice(&self.picture.envelope().text).unwrap();
        (all[1].clone(), all[2].clone())
    }

    fn strokes(&self) -> Value {
        self.shown().1["strokes"].clone()
    }
}

fn segment(from: [i32; 2], to: [i32; 2]) -> Value {
    json!({"x1": from[0], "y1": from[1], "x2": to[0], "y2": to[1], "color": "red"})
}

/// The same with other fields.
fn with(mut draw: Value, fields: Value) -> Value {
    let fields = fields.as_object().unwrap().clone();
    draw.as_object_mut().unwrap().extend(fields);
    draw
}

#[test]
fn what_goes_on_is_one_stroke() {
    let mut board = Board::default();
    board.draws("ann", &segment([0, 0], [1, 1]));
    board.draws("ann", &segment([1, 1], [2, 3]));
    board.draws(
        "ann",
        &json!({"points": [2, 3, 4, 4, 5, 5], "color": "red"}),
    );
    board.draws("ann", &segment([2, 3], [9, 9]));
    board.draws("ben", &segment([9, 9], [8, 8]));
    board.draws("ann", &with(segment([8, 8], [7, 7]), json!({"width": 2.5})));
    let (draws, picture) = board.shown();
    assert_eq!(
        picture,
        json!({
            "seq": 6, "total": 6, "limit": 20_000,
            "pens": [["red", 2, "ann", 0], ["red", 2, "ben", 0], ["red", 2.5, "ann", 0]],
            "strokes": [
                [0, null, 0, 0, 1, 1, 2, 3, 4, 4, 5, 5],
                [0, null, 2, 3, 9, 9],
                [1, null, 9, 9, 8, 8],
                [2, null, 8, 8, 7, 7],
            ],
        })
    );
    assert_eq!(draws.as_array().unwrap().len(), 6);
    assert_eq!(
        (&draws[2]["points"][1], &draws[2]["seq"]),
        (&json!(3), &json!(3))
    );
}

#[test]
fn ones_own_stroke_is_taken_back_and_nothing_else() {
    let mut board = Board::default();
    let named = |from, to, name: &str| with(segment(from, to), json!({"stroke": name}));
    board.draws("ann", &named([0, 0], [1, 1], "s"));
    board.draws("ben", &named([1, 1], [2, 2], "s"));
    board.draws("ann", &named([1, 1], [2, 2], "s"));
    board.draws("ann", &named([2, 2], [3, 3], "s"));
    board.draws("ann", &named([2, 2], [3, 3], "t"));
    board.draws("ann", &segment([3, 3], [4, 4]));
    board.undoes("ann", "s");
    board.undoes("ann", "unknown");
    let rest = json!([
        [1, "s", 1, 1, 2, 2],
        [0, "t", 2, 2, 3, 3],
        [0, null, 3, 3, 4, 4]
    ]);
    assert_eq!(board.strokes(), rest);
    assert_eq!(board.shown().0.as_array().unwrap().len(), 3);
    board.undoes("ann", "t");
    board.draws("ann", &named([5, 5], [6, 6], "s"));
    assert_eq!(
        board.strokes()[2],
        json!([0, "s", 5, 5, 6, 6]),
        "it begins anew"
    );
    board.undoes("ann", "s");
    assert_eq!(board.strokes().as_array().unwrap().len(), 2);
    assert_eq!(board.shown().1["total"], 11);
}

#[test]
fn a_clear_leaves_nothing() {
    let mut board = Board::default();
    for n in 0..600 {
        board.draws(
            "ann",
            &with(segment([n, 0], [n, 9]), json!({"stroke": "s"})),
        );
    }
    assert_eq!(
        board.shown().0,
        json!([]),
        "too many to be shown one by one"
    );
    board.clears();
    board.undoes("ann", "s");
    board.draws("ben", &segment([0, 0], [1, 1]));
    let (draws, picture) = board.shown();
    assert_eq!(picture["pens"], json!([["red", 2, "ben", 0]]));
    assert_eq!(picture["strokes"], json!([[0, null, 0, 0, 1, 1]]));
    assert_eq!(
        (&picture["seq"], &picture["total"]),
        (&json!(603), &json!(3))
    );
    assert_eq!(draws[0]["seq"], 603);
}

#[test]
fn a_page_that_does_not_follow_is_refused() {
    let mut board = Board::default();
    board.draws("ann", &segment([0, 0], [1, 1]));
    let page = |epoch: &str, head| Page {
        epoch: epoch.into(),
        head,
        ..Page::default()
    };
    assert!(board.picture.take(&page("e", 1)));
    assert!(!board.picture.take(&page("e", 2)), "something is missing");
    assert!(!board.picture.take(&page("f", 1)), "another life");
    // A log of which the tail was lost.
    let mut picture = Picture::default();
    assert!(picture.take(&page("e", 7)));
    assert_eq!(picture.at.seq, 7);
}

/// Fills a board; returns how many draws it took, and the bytes of its message.
fn fill(mut draw: impl FnMut(usize) -> (String, Value)) -> (usize, usize) {
    let mut board = Board::default();
    let mut taken = 0;
    loop {
        let (user, draw) = draw(taken);
        if !board.draws(&user, &draw) {
            return (taken, board.picture.envelope().text.len());
        }
        taken += 1;
    }
}

/// Numbers that look random, up to `most` on both sides.
fn numbers(most: i64) -> impl FnMut() -> f64 {
    let mut state = 1u64;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let n = (state >> 33) as i64 % (20 * most + 1) - 10 * most;
        n as f64 / 10.0
    }
}

#[test]
fn the_worst_picture_is_one_message() {
    let long = "\"".repeat(UserId::MAX);
    let color = |n: usize| format!("#{:06x}", n * 797 % 0x100_0000);
    let mut any = numbers(9_999);
    let random = fill(|n| {
        let line = json!({"points": [any(), any(), any(), any()], "color": color(n)});
        (format!("user-{}", n % 5), line)
    });
    let longest = fill(|n| {
        let line = json!({
            "points": [-99_999.9, -99_999.9, -99_999.9, -99_999.9], "color": "x".repeat(20),
            "width": 10.1 + (n % 800) as f64 / 10.0, "stroke": format!("{n:032}"), "erase": true,
        });
        (format!("{:06}{}", n, &long[6..]), line)
    });
    let mut any = numbers(99_999);
    let points = fill(|n| {
        let points: Vec<_> = (0..256).map(|_| any()).collect();
        ("ann".into(), json!({"points": points, "color": color(n)}))
    });
    let mut any = numbers(99_999);
    let far = fill(|_| {
        let line = json!({"points": [any(), any(), any(), any()], "color": "red"});
        ("ann".into(), line)
    });
    for (taken, bytes) in [random, longest, points, far] {
        assert!(bytes < MIB, "{taken} in {bytes}");
        assert!(taken > 400);
    }
    assert!(random.0 > 14_000, "{random:?}");
    assert_eq!(far.0, ENTRIES, "as many segments as there may be, wherever");
}

#[test]
fn a_board_of_ordinary_strokes_holds_all_entries() {
    let mut any = numbers(9_999);
    let (taken, bytes) = fill(|n| {
        let stroke = format!("s{}", n / 10);
        let line = json!({
            "x1": any(), "y1": any(), "x2": any(), "y2": any(),
            "color": (["black", "#1a2b3c"][n % 2]), "width": 1 + n % 9, "stroke": stroke,
        });
        (format!("5f0e4a1c-11f3-4a51-9d5b-{:012}", n % 40), line)
    });
    assert_eq!(taken, ENTRIES);
    assert!(bytes < MIB, "{bytes}");
}

#[test]
fn few_draws_are_shown_one_by_one_unless_they_are_large() {
    let mut board = Board::default();
    let points: Vec<_> = (0..256).map(|n| n as f64 + 0.5).collect();
    for n in 0..400 {
        board.draws("ann", &json!({"points": points, "color": "red"}));
        let shown = n % 20 != 0 || board.picture.envelope().text.len() < MIB;
        assert!(shown, "after {n}");
    }
    assert_eq!(board.shown().0, json!([]));
}
