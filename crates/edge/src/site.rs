//! The demo page and the client bundles.
use axum::Router;
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
}
