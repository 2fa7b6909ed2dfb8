//! The trivial application that every peer has (`../js/app.js`), on plain socketioxide with its Redis
//! adapter. `PORT` and `REDIS_URL` say where.

use std::convert::Infallible;

use anyhow::Result;
use axum::serve::ListenerExt;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let redis = format!("{}?protocol=resp3", std::env::var("REDIS_URL")?);
    let adapter = RedisAdapterCtr::new_with_redis(&redis::Client::open(redis)?).await?;
    let (layer, io) = SocketIo::builder()
        .with_adapter::<RedisAdapter<_>>(adapter)
        .build_layer();
    // Before CONNECT is answered: who emits at once is not lost.
    io.ns("/", nothing.with(handlers)).await?;
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await?
        .tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}

async fn nothing<A: Adapter>(_: SocketRef<A>) {}

async fn handlers<A: Adapter>(socket: SocketRef<A>) -> Result<(), Infallible> {
    socket.on("join", join::<A>);
    socket.on("say", say::<A>);
    socket.on("echo", echo::<A>);
    Ok(())
}

async fn join<A: Adapter>(socket: SocketRef<A>, Data(room): Data<String>, ack: AckSender<A>) {
    socket.join(room);
    let _ = ack.send(&json!({"ok": true}));
}

async fn say<A: Adapter>(socket: SocketRef<A>, Data((room, text)): Data<(String, String)>) {
    let _ = socket.within(room).emit("said", &text).await;
}

async fn echo<A: Adapter>(Data(text): Data<Value>, ack: AckSender<A>) {
    let _ = ack.send(&json!({"ok": true, "text": text}));
}
