//! The project's nginx in front of stand-ins for gateways: where requests go.
//!
//! `cargo xtask test` installs nginx; without it these tests say so and pass.

// Clippy knows `#[test]` functions, not their helpers.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use support::Balancer;

const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

#[test]
fn handshakes_spread_over_all_nodes() {
    let Some(nginx) = Balancer::start(3) else {
        return;
    };
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..30 {
        *counts.entry(nginx.get(HANDSHAKE).body).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 3, "{counts:?}");
    assert!(counts.values().all(|n| *n >= 5), "{counts:?}");
}

#[test]
fn a_session_stays_on_the_node_its_id_names() {
    let Some(nginx) = Balancer::start(3) else {
        return;
    };
    for n in (1..=3).cycle().take(30) {
        let answer = nginx.get(&format!("{HANDSHAKE}&sid=gw{n}-abc"));
        assert_eq!(answer.body, format!("gw{n}"));
    }
}

#[test]
fn the_cookie_serves_ids_without_a_nodes_name() {
    let Some(nginx) = Balancer::start(3) else {
        return;
    };
    let first = nginx.get(HANDSHAKE);
    let cookie = format!("starling_node={}", first.body);
    assert!(first.head.contains(&cookie), "{}", first.head);
    for _ in 0..12 {
        let answer = nginx.get_with(
            &format!("{HANDSHAKE}&sid=abc"),
            &format!("Cookie: {cookie}\r\n"),
        );
        assert_eq!(answer.body, first.body);
    }
}

#[test]
fn a_dead_node_costs_no_handshake_and_its_sessions_go_elsewhere() {
    let Some(nginx) = Balancer::start(3) else {
        return;
    };
    nginx.gateway("gw2").kill();
    let began = Instant::now();
    for _ in 0..12 {
        assert_ne!(nginx.get(HANDSHAKE).body, "gw2");
    }
    let elsewhere = nginx.get(&format!("{HANDSHAKE}&sid=gw2-abc"));
    assert!(
        ["gw1", "gw3"].contains(&elsewhere.body.as_str()),
        "{}",
        elsewhere.body
    );
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn handshakes_avoid_a_draining_node() {
    let Some(nginx) = Balancer::start(3) else {
        return;
    };
    nginx.gateway("gw1").drain();
    for _ in 0..12 {
        let answer = nginx.get(HANDSHAKE);
        assert!(answer.head.starts_with("HTTP/1.1 200"), "{}", answer.head);
        assert_ne!(answer.body, "gw1");
    }
}

#[test]
fn websockets_go_where_the_fewest_are() {
    let Some(nginx) = Balancer::start(3) else {
        return;
    };
    let open: Vec<_> = (0..12).map(|_| nginx.websocket()).collect();
    for name in ["gw1", "gw2", "gw3"] {
        assert_eq!(open.iter().filter(|(node, _)| node == name).count(), 4);
    }
}

#[test]
fn a_crowd_gets_in_at_once_when_each_node_in_turn_has_been_away() {
    let Some(nginx) = Balancer::start(3) else {
        return;
    };
    let mut open = Vec::new();
    for name in ["gw1", "gw2", "gw3"] {
        nginx.gateway(name).drain();
        open.extend((0..6).map(|_| nginx.websocket()));
        nginx.gateway(name).kill();
        open.extend((0..6).map(|_| nginx.websocket()));
        nginx.gateway(name).revive();
    }
    assert_eq!(open.len(), 36);
}

#[test]
fn the_operators_paths_are_not_found() {
    let Some(nginx) = Balancer::start(1) else {
        return;
    };
    for path in [
        "/metrics",
        "/health",
        "/health/ready",
        "/v1",
        "/v1/rooms",
        "//metrics",
        "/x/../metrics",
        "/%6detrics",
    ] {
        assert!(nginx.get(path).head.starts_with("HTTP/1.1 404"), "{path}");
    }
    assert!(
        nginx
            .get("/metricsandmore")
            .head
            .starts_with("HTTP/1.1 200")
    );
}

#[test]
fn no_log_holds_a_query_string() {
    let Some(nginx) = Balancer::start(1) else {
        return;
    };
    nginx.get("/api/poll?room=r&access_token=secret");
    nginx.get_with(
        "/ws?access_token=secret",
        "Referer: http://x/?access_token=secret\r\n",
    );
    nginx.gateway("gw1").kill();
    assert!(
        nginx
            .get("/api/poll?access_token=secret")
            .head
            .starts_with("HTTP/1.1 502")
    );
    let log = nginx.log();
    assert!(
        log.contains("GET /api/poll 200") && log.contains("GET /api/poll 502"),
        "{log}"
    );
    assert!(!log.contains("secret"), "{log}");
}
