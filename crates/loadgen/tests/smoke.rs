//! Every scenario once, tiny, against real gateways: that everything arrives is asserted, how
//! fast is not.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use starling_xtask::programs;

/// Runs the load generator with two gateways; its outcomes. Nothing where Redis is not installed.
fn run(arguments: &str) -> Vec<Value> {
    if programs::find("redis-server").is_none() {
        eprintln!("redis-server is not installed: not tested");
        return Vec::new();
    }
    let loadgen = Path::new(env!("CARGO_BIN_EXE_starling-loadgen"));
    let mut command = Command::new(loadgen);
    // A build of the whole workspace has it beside; otherwise it is built by the run.
    let gateway = loadgen.with_file_name("starling");
    if gateway.exists() {
        command.arg("--gateway").arg(gateway);
    }
    let output = command
        .args(arguments.split(' '))
        .output()
        .expect("starling-loadgen");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let outcomes: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for outcome in &outcomes {
        assert_eq!(outcome["failures"], 0, "{outcome}");
        let figures = outcome["figures"].as_array().unwrap();
        assert!(figures.iter().all(|f| f["value"].is_number()), "{outcome}");
    }
    outcomes
}

/// The count of this name in each outcome.
fn counts(outcomes: &[Value], what: &str) -> Vec<u64> {
    let count = |outcome: &Value| {
        let counts = outcome["counts"].as_array().unwrap();
        let found = counts.iter().find(|count| count[0] == what).unwrap();
        found[1].as_u64().unwrap()
    };
    outcomes.iter().map(count).collect()
}

/// Asserts it, unless nothing was tested.
fn expect(outcomes: &[Value], what: &str, wanted: &[u64]) {
    if !outcomes.is_empty() {
        assert_eq!(counts(outcomes, what), wanted);
    }
}

#[test]
fn every_member_on_both_nodes_gets_every_message_once() {
    let outcomes = run("deliver --rooms 2 --members 4 --rate 40 --seconds 1");
    expect(&outcomes, "published", &[40, 40]);
    // A live event does not come back to its sender.
    expect(&outcomes, "delivered", &[160, 120]);
}

#[test]
fn everybody_joins() {
    let outcomes = run("join --rooms 2 --members 5");
    expect(&outcomes, "joined", &[10]);
}

#[test]
fn connections_are_held_bare_and_in_rooms() {
    let outcomes = run("idle --connections 7");
    expect(&outcomes, "connected", &[7]);
    let outcomes = run("idle --connections 8 --members 4");
    expect(&outcomes, "connected", &[8]);
}

#[test]
fn every_call_of_list_rooms_is_answered() {
    let outcomes = run("list --rooms 51 --askers 3 --calls 2");
    expect(&outcomes, "calls", &[6]);
}

#[test]
fn those_who_leave_are_not_counted_as_lost() {
    let outcomes = run("leave --typists 4 --leavers 10");
    expect(&outcomes, "left", &[10]);
}

#[test]
fn every_event_is_acknowledged() {
    let outcomes = run("acks --connections 96 --in-flight 2 --seconds 1");
    assert!(outcomes.is_empty() || counts(&outcomes, "acknowledged")[0] > 0);
}

#[test]
fn the_search_for_the_most_ends_where_it_is_told_to() {
    let outcomes = run("saturate --rooms 2 --members 4 --from 40 --most 80 --step 2 --seconds 1");
    if let [outcome] = outcomes.as_slice() {
        assert_eq!(outcome["figures"][0]["value"], 80.0, "{outcome}");
    }
}

#[test]
fn users_may_come_with_tokens() {
    let outcomes = run("--tokens join --rooms 2 --members 3");
    expect(&outcomes, "joined", &[6]);
}
