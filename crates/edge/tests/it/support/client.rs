//! Clients on raw sockets, so that nothing of a library stands between a test and the wire.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{Door, PATIENCE};

/// A client on a websocket of its own.
pub(crate) struct Client {
    pub(crate) ws: WebSocketStream<TcpStream>,
    pub(crate) open: Value,
}

impl Client {
    /// Opens a session, on no namespace yet.
    pub(crate) async fn dial(door: &Door) -> Self {
        Self::dial_with(door, &[]).await
    }

    pub(crate) async fn dial_with(door: &Door, headers: &[(&'static str, &str)]) -> Self {
        Self::dial_at(door, "", headers).await
    }

    /// `query`: what more to say in it.
    pub(crate) async fn dial_at(
        door: &Door,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Self {
        let mut client = Self::websocket(door, query, headers).await;
        let open = client.packet().await.expect("an open packet");
        client.open = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        client
    }

    /// Takes a polling session over.
    pub(crate) async fn upgrade(door: &Door, sid: &str) -> Self {
        let mut client = Self::begin_upgrade(door, sid).await;
        client.send("5").await;
        client
    }

    /// The same, but for its last step.
    pub(crate) async fn begin_upgrade(door: &Door, sid: &str) -> Self {
        let mut client = Self::websocket(door, &format!("&sid={sid}"), &[]).await;
        client.send("2probe").await;
        assert_eq!(client.packet().await.unwrap(), "3probe");
        client
    }

    async fn websocket(door: &Door, query: &str, headers: &[(&'static str, &str)]) -> Self {
        let url = format!(
            "ws://{}/socket.io/?EIO=4&transport=websocket{query}",
            door.address
        );
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let tcp = TcpStream::connect(door.address).await.unwrap();
        let (ws, _) = client_async(request, tcp).await.unwrap();
        Self {
            ws,
            open: Value::Null,
        }
    }

    /// Opens a session and enters the root namespace.
    pub(crate) async fn connect(door: &Door) -> Self {
        let mut client = Self::dial(door).await;
        let answer = client.enter("/", json!({})).await;
        assert!(answer.starts_with("40{"), "{answer}");
        assert_eq!(client.event().await, json!(["welcome", 1]));
        assert_eq!(client.event().await, json!(["welcome", 2]));
        client
    }

    /// Sends CONNECT and gives the answer.
    pub(crate) async fn enter(&mut self, namespace: &str, auth: Value) -> String {
        let namespace = if namespace == "/" {
            String::new()
        } else {
            format!("{namespace},")
        };
        self.send(&format!("40{namespace}{auth}")).await;
        self.packet().await.expect("an answer to CONNECT")
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.ws.send(Message::text(packet)).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.ws.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// For what the server may not wait for.
    pub(crate) async fn try_send_binary(&mut self, bytes: &[u8]) {
        self.ws.send(Message::binary(bytes.to_vec())).await.ok();
    }

    pub(crate) async fn emit(&mut self, event: &str, data: Value) {
        self.send(&format!("42{}", json!([event, data]))).await;
    }

    /// The next packet that is not a ping; `None` when the connection has ended.
    pub(crate) async fn packet(&mut self) -> Option<String> {
        loop {
            let next = timeout(PATIENCE, self.ws.next()).await.expect("no answer");
            match next?.ok()? {
                Message::Text(text) if text == "2" => {
                    self.ws.send(Message::text("3")).await.ok();
                }
                Message::Text(text) => return Some(text.to_string()),
                Message::Binary(bytes) => return Some(format!("{:?}", bytes.to_vec())),
                _ => return None,
            }
        }
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        let packet = self.packet().await.expect("an event");
        let text = packet
            .strip_prefix("42")
            .unwrap_or_else(|| panic!("no event: {packet}"));
        serde_json::from_str(text).unwrap()
    }

    /// Emits with an acknowledgement and gives it.
    pub(crate) async fn ask(&mut self, event: &str, data: Value) -> Value {
        self.send(&format!("427{}", json!([event, data]))).await;
        let packet = self.packet().await.expect("an acknowledgement");
        let text = packet
            .strip_prefix("437")
            .unwrap_or_else(|| panic!("no ack: {packet}"));
        serde_json::from_str::<Vec<Value>>(text).unwrap().remove(0)
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&mut self) {
        while self.packet().await.is_some() {}
    }
}

/// An answer to a request made by hand.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

pub(crate) async fn get(door: &Door, path: &str) -> Answer {
    request(door, "GET", path, "", "").await
}

pub(crate) async fn post(door: &Door, path: &str, body: &str) -> Answer {
    request(door, "POST", path, "", body).await
}

/// One request on a connection of its own. `headers` are whole lines.
pub(crate) async fn request(
    door: &Door,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let mut tcp = TcpStream::connect(door.address).await.unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n",
        door.address
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    tcp.write_all(body.as_bytes()).await.ok();
    let mut answer = String::new();
    timeout(PATIENCE, tcp.read_to_string(&mut answer))
        .await
        .expect("an answer")
        .ok();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0);
    Answer {
        status,
        headers: headers.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

/// A client that polls.
pub(crate) struct Poller {
    pub(crate) sid: String,
}

impl Poller {
    pub(crate) async fn dial(door: &Door) -> Self {
        Self::dial_at(door, "").await
    }

    /// `query`: what more to say in it.
    pub(crate) async fn dial_at(door: &Door, query: &str) -> Self {
        let answer = get(door, &format!("{POLLING}{query}")).await;
        assert_eq!(answer.status, 200);
        let open: Value = serde_json::from_str(answer.body.strip_prefix('0').unwrap()).unwrap();
        Self {
            sid: open["sid"].as_str().unwrap().to_owned(),
        }
    }

    /// Opens a session and enters the root namespace.
    pub(crate) async fn connect(door: &Door) -> Self {
        let poller = Self::dial(door).await;
        assert_eq!(poller.post(door, "40").await.status, 200);
        poller.until(door, r#"["welcome",2]"#).await;
        poller
    }

    pub(crate) async fn poll(&self, door: &Door) -> Answer {
        get(door, &format!("{POLLING}&sid={}", self.sid)).await
    }

    pub(crate) async fn post(&self, door: &Door, body: &str) -> Answer {
        post(door, &format!("{POLLING}&sid={}", self.sid), body).await
    }

    /// Polls until something like this came.
    pub(crate) async fn until(&self, door: &Door, wanted: &str) {
        loop {
            let answer = self.poll(door).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            if answer.body.split('\u{1e}').any(|packet| packet == "2") {
                self.post(door, "3").await;
            }
            if answer.body.contains(wanted) {
                return;
            }
        }
    }
}
