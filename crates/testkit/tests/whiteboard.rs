//! Boards: what is drawn on one node is seen on all, in one order with what clears it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;

use serde_json::{Value, json};
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
