//! `/game` through races of those who look for a match, and the end of nodes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use starling_kernel::error::Code;
use starling_testkit::{Client, Cluster, Faults};
use tokio::time::{sleep, timeout};

const GAME: &str = "/game";

async fn player(cluster: &Cluster, node: usize, user: &str) -> Client {
    cluster.enter(node, GAME, user).await
}

async fn find(client: &Client) -> Value {
    client.call("find-match", json!({})).await.unwrap().into()
}

/// The first is X.
async fn pair(cluster: &Cluster, nodes: [usize; 2]) -> (Client, Client, Value) {
    let x = player(cluster, nodes[0], "x").await;
    let o = player(cluster, nodes[1], "o").await;
    find(&x).await;
    find(&o).await;
    let game = x.next("match-found").await["gameId"].clone();
    assert_eq!(o.next("match-found").await["gameId"], game);
    (x, o, game)
}

async fn play(client: &Client, game: &Value, cell: u8) -> Result<(), Code> {
    let made = client.call("move", json!({"gameId": game, "cell": cell}));
    made.await.map(|_| ()).map_err(|error| error.code)
}

/// X first; the second of them has this symbol.
fn in_order<'a>([a, b]: [&'a Client; 2], symbol: &Value) -> [&'a Client; 2] {
    match symbol == "O" {
        true => [a, b],
        false => [b, a],
    }
}

/// Whom each was matched with, by game; nobody twice.
async fn matches(clients: &[Client]) -> HashMap<String, Vec<String>> {
    let mut games: HashMap<String, Vec<String>> = HashMap::new();
    for client in clients {
        let me = client.session.identity().user.to_string();
        let events = client.drain().await;
        let found: Vec<_> = events
            .iter()
            .filter(|(event, _)| event == "match-found")
            .collect();
        assert!(found.len() <= 1, "{me}: {found:?}");
        if let Some((_, found)) = found.first() {
            assert_ne!(found["opponent"]["userId"], *me);
            let game = found["gameId"].as_str().unwrap().to_owned();
            games.entry(game).or_default().push(me);
        }
    }
    games
}

#[tokio::test(start_paused = true)]
async fn of_many_who_look_for_a_match_at_once_all_are_paired_and_an_odd_one_waits() {
    let cluster = Cluster::start(3).await;
    let mut clients = Vec::new();
    for n in 0..51 {
        clients.push(player(&cluster, n % 3, &format!("u{n}")).await);
    }
    let found = timeout(Duration::from_secs(10), join_all(clients.iter().map(find)));
    found.await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let games = matches(&clients).await;
    assert_eq!(games.len(), 25);
    assert!(
        games.values().all(|players| players.len() == 2),
        "{games:?}"
    );
    let late = player(&cluster, 0, "late").await;
    find(&late).await;
    late.next("match-found").await;
}

#[tokio::test(start_paused = true)]
async fn nobody_meets_themselves_on_however_many_devices() {
    let cluster = Cluster::start(3).await;
    let mut devices = Vec::new();
    for n in 0..9 {
        devices.push(player(&cluster, n % 3, "me").await);
    }
    join_all(devices.iter().map(find)).await;
    sleep(Duration::from_secs(10)).await;
    for device in &devices {
        assert_eq!(device.drain().await, []);
    }
    let other = player(&cluster, 1, "other").await;
    find(&other).await;
    for device in &devices {
        assert_eq!(
            device.next("match-found").await["opponent"]["userId"],
            "other"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_within_the_grace_loses_once() {
    let cluster = Cluster::start(3).await;
    sleep(Duration::from_secs(20)).await;
    let (x, o, game) = pair(&cluster, [0, 1]).await;
    let laptop = player(&cluster, 2, "x").await;
    o.drop_connection().await;
    assert_eq!(
        x.next("opponent-disconnected").await,
        json!({"grace": 5_000})
    );
    let over = json!({"gameId": game, "winner": "X", "reason": "forfeit"});
    assert_eq!(x.next("game-over").await, over);
    assert_eq!(laptop.next("game-over").await, over);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(x.drain().await, []);
    assert_eq!(play(&x, &game, 0).await, Err(Code::GameOver));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_within_the_grace_on_another_node_goes_on() {
    let cluster = Cluster::start(3).await;
    sleep(Duration::from_secs(20)).await;
    let (x, o, game) = pair(&cluster, [0, 1]).await;
    play(&x, &game, 4).await.unwrap();
    o.drop_connection().await;
    x.next("opponent-disconnected").await;
    sleep(Duration::from_secs(3)).await;
    let back = player(&cluster, 2, "o").await;
    x.next("opponent-reconnected").await;
    assert_eq!(back.next("match-found").await["symbol"], "O");
    assert_eq!(back.next("game-state").await["board"][4], "X");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(x.drain().await, []);
    play(&back, &game, 0).await.unwrap();
    assert_eq!(x.next("game-state").await["board"][0], "O");
}

#[tokio::test(start_paused = true)]
async fn where_both_have_gone_the_first_who_comes_back_has_won() {
    let cluster = Cluster::start(2).await;
    sleep(Duration::from_secs(20)).await;
    let (x, o, _) = pair(&cluster, [0, 1]).await;
    x.drop_connection().await;
    o.drop_connection().await;
    sleep(Duration::from_secs(20)).await;
    let back = player(&cluster, 0, "o").await;
    let over = back.next("game-over").await;
    assert_eq!(
        (&over["winner"], &over["reason"]),
        (&json!("O"), &json!("forfeit"))
    );
}

/// Both have a game with each other soon, whatever step of pairing them is the node's last.
#[tokio::test(start_paused = true)]
async fn a_node_that_dies_between_any_two_steps_of_a_match_leaves_nobody_stuck() {
    for steps in 0..14 {
        let cluster = Cluster::start(3).await;
        sleep(Duration::from_secs(20)).await;
        let waits = player(&cluster, 1, "waits").await;
        find(&waits).await;
        let comes = player(&cluster, 0, "comes").await;
        let faults = &cluster.nodes[0].faults;
        faults.unanswered_after(steps);
        let _ = timeout(
            Duration::from_millis(5),
            comes.call("find-match", json!({})),
        )
        .await;
        faults.die();
        let back = player(&cluster, 2, "comes").await;
        find(&back).await;
        let found = back.next("match-found").await;
        assert_eq!(found["opponent"]["userId"], "waits", "{steps} steps");
        while waits.next("match-found").await["gameId"] != found["gameId"] {}
        let [x, o] = in_order([&waits, &back], &found["symbol"]);
        play(x, &found["gameId"], 4).await.unwrap();
        assert_eq!(play(x, &found["gameId"], 5).await, Err(Code::NotYourTurn));
        sleep(Duration::from_secs(60)).await;
        play(o, &found["gameId"], 0).await.unwrap();
        for client in [x, o] {
            let events = client.drain().await;
            assert!(events.iter().all(|(event, _)| event != "game-over"));
        }
    }
}

/// The same where steps fail, or are carried out without an answer, and the node lives on.
#[tokio::test(start_paused = true)]
async fn a_backend_that_fails_in_the_middle_of_a_match_leaves_nobody_stuck() {
    for (steps, fails) in (0..14).flat_map(|steps| Faults::FROM_A_STEP_ON.map(|it| (steps, it))) {
        let cluster = Cluster::start(2).await;
        sleep(Duration::from_secs(20)).await;
        let (waits, comes) = (
            player(&cluster, 1, "a").await,
            player(&cluster, 0, "b").await,
        );
        find(&waits).await;
        let faults = &cluster.nodes[0].faults;
        fails(faults, steps);
        let _ = comes.call("find-match", json!({})).await;
        sleep(Duration::from_millis(500)).await;
        faults.refuse(false);
        let games = [
            waits.next("match-found").await,
            comes.next("match-found").await,
        ];
        assert_eq!(games[0]["gameId"], games[1]["gameId"], "{steps} steps");
        let [x, o] = in_order([&waits, &comes], &games[1]["symbol"]);
        play(x, &games[0]["gameId"], 4).await.unwrap();
        while o.next("game-state").await["turn"] != "O" {}
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_while_everything_is_lost_waits_on() {
    let cluster = Cluster::start(2).await;
    sleep(Duration::from_secs(20)).await;
    let waits = player(&cluster, 0, "waits").await;
    find(&waits).await;
    cluster.store.wipe();
    sleep(Duration::from_secs(10)).await;
    let comes = player(&cluster, 1, "comes").await;
    find(&comes).await;
    assert_eq!(
        waits.next("match-found").await["opponent"]["userId"],
        "comes"
    );
}

/// The backend is an older copy of itself: its players are told, and play on from there.
#[tokio::test(start_paused = true)]
async fn a_game_that_lost_its_last_moves_is_shown_as_it_is_and_nobody_has_gone() {
    let cluster = Cluster::start(2).await;
    sleep(Duration::from_secs(20)).await;
    let (x, o, game) = pair(&cluster, [0, 1]).await;
    play(&x, &game, 4).await.unwrap();
    let copy = cluster.store.snapshot();
    play(&o, &game, 0).await.unwrap();
    for client in [&x, &o] {
        while client.next("game-state").await["board"][0] != "O" {}
    }
    cluster.store.rewind(&copy);
    for client in [&x, &o] {
        let state = client.next("game-state").await;
        assert_eq!(
            (&state["board"][0], &state["turn"]),
            (&Value::Null, &json!("O"))
        );
    }
    sleep(Duration::from_secs(60)).await;
    for client in [&x, &o] {
        let events = client.drain().await;
        assert!(
            events.iter().all(|(event, _)| event == "game-state"),
            "{events:?}"
        );
    }
    play(&o, &game, 1).await.unwrap();
    assert_eq!(x.next("game-state").await["board"][1], "O");
}

#[tokio::test(start_paused = true)]
async fn a_game_in_which_nobody_moves_for_an_hour_is_forgotten() {
    let cluster = Cluster::start(2).await;
    let (x, o, game) = pair(&cluster, [0, 1]).await;
    sleep(Duration::from_secs(59 * 60)).await;
    play(&x, &game, 4).await.unwrap();
    sleep(Duration::from_secs(59 * 60)).await;
    assert_eq!(play(&o, &game, 4).await, Err(Code::CellTaken), "kept");
    sleep(Duration::from_secs(2 * 60)).await;
    assert_eq!(play(&o, &game, 0).await, Err(Code::GameNotFound));
    assert_eq!(find(&o).await["waiting"], true);
    assert_eq!(find(&x).await["waiting"], false);
    assert_ne!(o.next("match-found").await["gameId"], Value::Null);
}

/// What the relay did not bring is read.
#[tokio::test(start_paused = true)]
async fn a_state_that_a_node_missed_is_told_when_the_relay_is_back() {
    let cluster = Cluster::start(2).await;
    let (x, o, game) = pair(&cluster, [0, 1]).await;
    o.drain().await;
    cluster.nodes[1].faults.lose(1_000);
    play(&x, &game, 4).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(o.drain().await, []);
    cluster.nodes[1].faults.lose(0);
    cluster.nodes[1].faults.mend().await;
    assert_eq!(o.next("game-state").await["board"][4], "X");
}

/// An id that no game can have is looked up nowhere, and one that no game has leaves nothing.
#[tokio::test(start_paused = true)]
async fn moves_in_games_of_others_and_in_none_are_not_found() {
    let cluster = Cluster::start(2).await;
    let (x, _o, game) = pair(&cluster, [0, 1]).await;
    let eve = player(&cluster, 1, "eve").await;
    assert_eq!(play(&eve, &game, 0).await, Err(Code::GameNotFound));
    for id in ["", "0123456789abcdef", "lobby", "x:y", "a\n"] {
        assert_eq!(
            play(&x, &json!(id), 0).await,
            Err(Code::GameNotFound),
            "{id:?}"
        );
    }
    let ids: HashSet<_> = matches(&[eve]).await.into_keys().collect();
    assert!(ids.is_empty());
}
