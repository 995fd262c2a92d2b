//! Everything a browser or an operator fetches: the page, the websocket, the API, metrics and health.

pub mod addresses;
pub mod api;
pub mod assets;
pub mod device_name;
pub mod files;
pub mod headers;
pub mod ice_servers;
pub mod opening;
pub mod ops;
pub mod origins;
pub mod port;
pub mod prefixed;
pub mod problem;
pub mod sign_in;
pub mod tls;
pub mod websocket;
pub mod whip;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

/// The main port: the page, `/ws`, `/auth`, `/files`, `/api/v1`, WHIP and WHEP.
pub fn router(gate: websocket::Gate, files: files::Files, api: Router) -> Router {
    let metrics = gate.metrics.clone();
    let gate = Arc::new(gate);
    Router::new()
        .route("/ws", get(websocket::upgrade))
        .with_state(gate.clone())
        .merge(sign_in::router(gate.clone()))
        .merge(whip::router(gate))
        .merge(files::router(files))
        .nest("/api/v1", api)
        .fallback(assets::serve)
        .layer(CatchPanicLayer::new())
        .layer(from_fn(headers::secure))
        .layer(from_fn_with_state(metrics, ops::count_requests))
}
