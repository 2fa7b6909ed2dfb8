//! docs/EVENTS.md says what the code says.

use std::{env, fs, path::Path};

use serde_json::json;
use starling_kernel::{
    error::Code,
    event::{Events, table},
};
use starling_testkit::Cluster;

/// Set by `cargo xtask docs`.
const WRITE: &str = "STARLING_WRITE_DOCS";

const END: &str = "<!-- end -->";

/// The page with the tables of these events.
fn written(page: &str, events: &Events) -> String {
    let mut page = page.to_owned();
    for (namespace, events) in events {
        let begin = format!("<!-- events of {namespace}: written by `cargo xtask docs` -->\n");
        let from = page.find(&begin).unwrap_or_else(|| panic!("no {begin}"));
        let from = from + begin.len();
        let to = from + page[from..].find(END).expect("an end");
        page.replace_range(from..to, &table(events));
    }
    page
}

#[tokio::test(start_paused = true)]
async fn every_event_stands_there_as_the_code_has_it() {
    let cluster = Cluster::start(1).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/EVENTS.md");
    let page = fs::read_to_string(&path).expect("the page");
    let now = written(&page, cluster.nodes[0].dispatcher.events());
    if env::var_os(WRITE).is_some() {
        fs::write(&path, &now).expect("the page is written");
    } else {
        assert!(page == now, "docs/EVENTS.md is stale: `cargo xtask docs`");
    }
}

#[test]
fn every_code_stands_there() {
    let page = include_str!("../../../docs/EVENTS.md");
    let (_, codes) = page.split_once("| code |").expect("a table of codes");
    let (codes, _) = codes.split_once("\n\n").expect("its end");
    for code in Code::ALL {
        let (code, retryable) = (code.as_str(), code.retryable());
        let row = format!(
            "\n| `{code}`{} |",
            if retryable { " (retryable)" } else { "" }
        );
        assert!(codes.contains(&row), "{code} is missing");
    }
}

#[tokio::test(start_paused = true)]
async fn no_room_event_passes_for_one_of_them() {
    let cluster = Cluster::start(1).await;
    let ann = cluster.connect(0, "ann").await;
    ann.call("create-room", json!({"roomName": "r"}))
        .await
        .unwrap();
    let all = cluster.nodes[0].dispatcher.events().values().flatten();
    for event in all.filter(|event| !event.name.starts_with('(')) {
        let payload = json!({"roomName": "r", "event": event.name});
        let refused = ann.call("room-event", payload).await.unwrap_err();
        assert_eq!(
            refused.message, "this event name is reserved",
            "{}",
            event.name
        );
    }
}
