//! The operator's listener: metrics, health and the API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::metrics::Metrics;
use crate::signaling::driver::HubHandle;

/// False before the start is done and while stopping.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Ops {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    hub: HubHandle,
}

/// `/metrics`, `/livez`, `/readyz` and `/api/v1`.
pub fn router(metrics: Arc<Metrics>, readiness: Arc<Readiness>, hub: HubHandle, api: Router) -> Router {
    Router::new()
        .route("/metrics", get(show_metrics))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(show_readiness))
        .with_state(Ops { metrics, readiness, hub })
        .nest("/api/v1", api)
}

/// Counts an answer of the main port by the class of its status.
pub async fn count_requests(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let class = match response.status().as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    metrics.http_requests.with_label_values(&[class]).inc();
    response
}

async fn show_metrics(State(ops): State<Ops>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        ops.metrics.render(),
    )
        .into_response()
}

/// Whether new calls are welcome here, and why not.
async fn show_readiness(State(ops): State<Ops>) -> Response {
    let not_ready = |reason: String| (StatusCode::SERVICE_UNAVAILABLE, reason).into_response();
    match ops.hub.running().await {
        Ok(running) if !ops.readiness.get() => {
            let phase = if running.draining { "stopping" } else { "starting" };
            not_ready(format!("{phase}: {} calls go on\n", running.calls))
        }
        Ok(running) if running.draining => not_ready(format!("draining: {} calls go on\n", running.calls)),
        Ok(_) => (StatusCode::OK, "ready\n").into_response(),
        Err(_) => not_ready("stopping: all calls are over\n".to_owned()),
    }
}
