//! The operators' port: metrics and health. Never in reach of clients.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use starling_kernel::{hub::Hub, membership::Membership};
use tokio::net::TcpListener;

use crate::telemetry::Exporter;

/// The text format that Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) exporter: Exporter,
    pub(crate) membership: Arc<Membership>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) draining: Arc<AtomicBool>,
}

impl Admin {
    /// Answers for as long as the process lives.
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<()> {
        let app = Router::new()
            .route("/metrics", get(metrics))
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .with_state(self);
        axum::serve(listener, app)
            .await
            .context("the operators' port")
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, TEXT)], admin.exporter.render())
}

/// The process answers.
async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "live"}))
}

/// The node is a part of the cluster, hears the others, and takes new clients.
async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let (status, reason) = if admin.draining.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if !admin.membership.ready() {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the backend does not answer",
        )
    } else if !admin.hub.hears() {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "nothing is heard of other nodes",
        )
    } else {
        (StatusCode::OK, "ready")
    };
    (status, Json(serde_json::json!({"status": reason})))
}
