//! Boards: what is drawn on one node is seen on all, in one order with what clears it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;

use serde_json::{Value, json};
use starling_features::FeaturesConfig;
use starling_kernel::{
    error::AppError,
    session::{Claims, Handshake},
};
use starling_testkit::{Client, Cluster, claims};
use tokio::time::{Duration, sleep};

const WHITEBOARD: &str = "/whiteboard";

async fn try_open(
    cluster: &Cluster,
    n: usize,
    claims: Claims,
    board: &str,
) -> Result<Client, AppError> {
    let handshake = Handshake {
        room: Some(board.into()),
        ..Handshake::default()
    };
    let node = &cluster.nodes[n];
    node.connect_to(WHITEBOARD, handshake, claims).await
}

async fn open(cluster: &Cluster, n: usize, user: &str) -> Client {
    let opened = try_open(cluster, n, claims(user), "b").await;
    opened.unwrap()
}

/// Draws a line of its own; returns its `seq`.
async fn draw(client: &Client, n: usize) -> u64 {
    let line = json!({"x1": n, "y1": 0, "x2": n, "y2": 1, "color": "red"});
    let ack = client.call("draw", line).await.unwrap();
    ack["seq"].as_u64().unwrap()
}

async fn clear(client: &Client) -> u64 {
    let ack = client.call("clear-board", Value::Null).await.unwrap();
    ack["seq"].as_u64().unwrap()
}

/// What a client shows: the lines by `seq`, as long as it was told of them in order.
#[derive(Default)]
struct Canvas {
    lines: HashMap<u64, i64>,
    seq: u64,
}

impl Canvas {
    /// Takes what came. Its own lines it knows from their acknowledgements.
    async fn hear(&mut self, client: &Client) {
        for (event, data) in client.drain().await {
            match event.as_str() {
                "drawing-state" => {
                    self.lines.clear();
                    let draws = data.as_array().unwrap();
                    let lines = draws.iter().map(|d| (seq_of(d), d["x1"].as_i64().unwrap()));
                    self.lines.extend(lines);
                }
                "draw" => {
                    self.goes_on(seq_of(&data));
                    let x = data["x1"].as_i64().unwrap();
                    self.lines.insert(seq_of(&data), x);
                }
                "board-cleared" => {
                    self.goes_on(seq_of(&data));
                    let cleared = self.seq;
                    self.lines.retain(|seq, _| *seq > cleared);
                }
                _ => {}
            }
        }
    }

    fn goes_on(&mut self, seq: u64) {
        assert!(seq > self.seq, "{seq} after {}", self.seq);
        self.seq = seq;
    }

    fn shown(&self) -> Vec<(u64, i64)> {
        let mut all: Vec<_> = self.lines.iter().map(|(seq, x)| (*seq, *x)).collect();
        all.sort_unstable();
        all
    }
}

fn seq_of(data: &Value) -> u64 {
    data["seq"].as_u64().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_others_see_a_line_and_a_late_joiner_the_picture() {
    let cluster = Cluster::start(2).await;
    let (ann, ben) = (
        open(&cluster, 0, "ann").await,
        open(&cluster, 1, "ben").await,
    );
    assert_eq!(ben.next("drawing-state").await, json!([]));
    let seq = draw(&ann, 7).await;
    let drawn = ben.next("draw").await;
    assert_eq!((seq_of(&drawn), &drawn["userId"]), (seq, &json!("ann")));
    let cy = open(&cluster, 1, "cy").await;
    assert_eq!(cy.next("drawing-state").await, json!([drawn]));
    sleep(Duration::from_secs(1)).await;
    let heard = ann.drain().await;
    assert!(heard.iter().all(|(event, _)| event != "draw"), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn clearing_and_drawing_on_three_nodes_leave_all_with_one_picture() {
    let cluster = Cluster::start(3).await;
    let (mut painters, mut canvases) = (Vec::new(), Vec::new());
    for n in 0..3 {
        painters.push(open(&cluster, n, &format!("painter-{n}")).await);
        canvases.push(Canvas::default());
    }
    for round in 0..30 {
        let drawn = futures_util::future::join_all(painters.iter().enumerate().map(
            async |(n, painter)| {
                let mut own = Vec::new();
                for i in 0..5 {
                    if (round + n + i) % 7 == 0 {
                        clear(painter).await;
                    }
                    let x = round * 100 + n * 10 + i;
                    own.push((draw(painter, x).await, x as i64));
                }
                own
            },
        ));
        for (own, canvas) in drawn.await.into_iter().zip(&mut canvases) {
            canvas.lines.extend(own);
        }
        sleep(Duration::from_millis(200)).await;
        for (painter, canvas) in painters.iter().zip(&mut canvases) {
            canvas.hear(painter).await;
        }
    }
    let (late, mut there) = (open(&cluster, 1, "late").await, Canvas::default());
    there.hear(&late).await;
    assert!(!there.lines.is_empty());
    for canvas in &canvases {
        assert_eq!(canvas.shown(), there.shown());
    }
}

/// The relay loses all of it for the first node, and says so.
async fn lose(cluster: &Cluster, while_away: impl AsyncFnOnce()) {
    cluster.nodes[0].faults.lose(usize::MAX);
    while_away().await;
    sleep(Duration::from_secs(1)).await;
    cluster.nodes[0].faults.lose(0);
    cluster.nodes[0].dispatcher.services().hub.compare();
    sleep(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn who_missed_a_clear_is_shown_the_board_and_nothing_from_before_it() {
    for after in [0, 1, 50, 300, 700] {
        let cluster = Cluster::start(2).await;
        let (ann, ben) = (
            open(&cluster, 0, "ann").await,
            open(&cluster, 1, "ben").await,
        );
        let mut canvas = Canvas::default();
        for n in 0..20 {
            draw(&ben, n).await;
        }
        sleep(Duration::from_secs(1)).await;
        canvas.hear(&ann).await;
        assert_eq!(canvas.shown().len(), 20);
        let mut cleared = 0;
        lose(&cluster, async || {
            draw(&ben, 1_000).await;
            cleared = clear(&ben).await;
            for n in 0..after {
                draw(&ben, 2_000 + n).await;
                // As fast as it may.
                sleep(Duration::from_millis(6)).await;
            }
        })
        .await;
        draw(&ben, 9_000).await;
        sleep(Duration::from_secs(1)).await;
        let heard = ann.drain_all().await;
        let late = open(&cluster, 1, "late").await;
        let shown = late.drain_all().await;
        let [_, _, picture] = &shown[0][..] else {
            panic!("{shown:?}");
        };
        assert_eq!(picture["strokes"].as_array().unwrap().len(), after + 1);
        let state = heard.iter().rposition(|args| args[0] == "drawing-state");
        let state = state.unwrap_or_else(|| panic!("{after}: it was told of the hole"));
        // What it was shown then and what was drawn since are the picture.
        let then = heard[state][2]["strokes"].as_array().unwrap().len();
        let since = &heard[state + 1..];
        assert!(since.iter().all(|args| args[0] == "draw"));
        assert_eq!(then + since.len(), after + 1, "{after}");
        let seqs = since.iter().map(|args| seq_of(&args[1]));
        let at = seq_of(&heard[state][2]);
        assert!(
            seqs.eq(at + 1..=at + since.len() as u64),
            "no hole after it"
        );
        assert!(at >= cleared);
    }
}

#[tokio::test(start_paused = true)]
async fn a_board_has_the_rules_of_the_room_of_its_name() {
    let cluster = Cluster::start(2).await;
    let owner = cluster.connect(0, "ann").await;
    let private = json!({"roomName": "b", "private": true});
    let eve = open(&cluster, 1, "eve").await;
    owner.call("create-room", private).await.unwrap();
    let refused = try_open(&cluster, 1, claims("ben"), "b").await;
    let refused = refused.err().unwrap();
    assert_eq!(refused.message, "Not authorized to join this room");
    open(&cluster, 1, "ann").await;
    let mut vouched = claims("cy");
    vouched.rooms = vec!["b*".into()];
    try_open(&cluster, 0, vouched, "b").await.unwrap();
    assert!(try_open(&cluster, 0, claims("ben"), "a b").await.is_err());
    sleep(Duration::from_secs(31)).await;
    assert!(
        eve.disconnected(),
        "it was there before the room was private"
    );
    let told = eve.next("error").await;
    assert_eq!(told["code"], "not_authorized");
}

#[tokio::test(start_paused = true)]
async fn the_cursor_of_who_is_put_out_is_removed() {
    let cluster = Cluster::start(2).await;
    let eve = open(&cluster, 0, "eve").await;
    sleep(Duration::from_secs(1)).await;
    let mut vouched = claims("dan");
    vouched.rooms = vec!["b*".into()];
    let dan = try_open(&cluster, 1, vouched, "b").await.unwrap();
    let point = json!({"x": 1, "y": 2});
    eve.call("cursor-move", point).await.unwrap();
    dan.next("cursor-move").await;
    let owner = cluster.connect(0, "ann").await;
    let private = json!({"roomName": "b", "private": true});
    owner.call("create-room", private).await.unwrap();
    sleep(Duration::from_millis(29_500)).await;
    assert!(eve.disconnected() && !dan.killed());
    eve.drop_connection().await;
    let removed = dan.next("cursor-remove").await;
    assert_eq!(removed["userId"], "eve");
    sleep(Duration::from_secs(1)).await;
    assert!(dan.killed(), "its board is the private room's now");
}

#[tokio::test(start_paused = true)]
async fn with_grants_required_a_board_needs_one_too() {
    let config = FeaturesConfig {
        require_grant: true,
        ..FeaturesConfig::default()
    };
    let cluster = Cluster::with(1, &config).await;
    assert!(try_open(&cluster, 0, claims("ann"), "b").await.is_err());
    let room = json!({"roomName": "b"});
    let ann = cluster.connect(0, "ann").await;
    ann.call("create-room", room).await.unwrap();
    open(&cluster, 0, "ann").await;
    assert!(try_open(&cluster, 0, claims("ben"), "b").await.is_err());
    let mut vouched = claims("ben");
    vouched.rooms = vec!["*".into()];
    try_open(&cluster, 0, vouched, "other").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_hundred_lines_a_second_pass_and_a_hundred_of_the_rest() {
    let cluster = Cluster::start(1).await;
    let ann = open(&cluster, 0, "ann").await;
    let passed = async |event: &str, data: &Value| {
        let mut passed = 0;
        while ann.call(event, data.clone()).await.is_ok() {
            passed += 1;
        }
        passed
    };
    let line = json!({"points": [1, 2, 3, 4], "color": "red"});
    assert_eq!(passed("draw", &line).await, 400, "at once");
    for (event, data, most) in [
        ("draw", line, 200),
        ("cursor-move", json!({"x": 1, "y": 2}), 200),
        ("undo", json!({"stroke": "s"}), 100),
    ] {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(passed(event, &data).await, most, "{event}");
    }
}

/// Draws the longest lines on one board after the other until it is refused; how many they were, and why.
async fn draw_until_refused(cluster: &Cluster, line: &Value) -> (usize, AppError) {
    let mut drawn = 0;
    loop {
        let (node, board) = (drawn / 400 % 2, format!("b{}", drawn / 400));
        let ann = try_open(cluster, node, claims("ann"), &board).await;
        let ann = ann.unwrap();
        for _ in 0..4 {
            for _ in 0..100 {
                if let Err(error) = ann.call("draw", line.clone()).await {
                    return (drawn, error);
                }
                drawn += 1;
            }
            sleep(Duration::from_secs(1)).await;
        }
        assert!(drawn < 10_000, "it is never refused");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_user_may_store_is_bounded_on_all_boards_together() {
    let cluster = Cluster::start(2).await;
    let points: Vec<_> = (0..256).map(|n| 99_999.9 - f64::from(n)).collect();
    let line = json!({"points": points, "color": "red"});
    let (drawn, refused) = draw_until_refused(&cluster, &line).await;
    assert_eq!(refused.message, "You have drawn very much, wait a little");
    assert!(refused.code.retryable());
    let bytes = drawn * line.to_string().len();
    assert!((4_000_000..6_000_000).contains(&bytes), "{bytes}");
    sleep(Duration::from_secs(10)).await;
    draw(&open(&cluster, 0, "ann").await, 1).await;
    draw(&open(&cluster, 1, "ben").await, 1).await;
}
