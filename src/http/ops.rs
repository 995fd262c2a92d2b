//! The operator's listener: metrics, health and the API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::metrics::Metrics;
use crate::signaling::driver::HubHandle;
use crate::traces::{self, Trace};

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
    let trace = traces::is_on().then(|| asked(&request));
    let response = next.run(request).await;
    if let Some(trace) = trace {
        tell_answered(trace, response.status());
    }
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

/// What is told of a request: its route with the names of what varies, because what varies may be a secret.
fn asked(request: &Request) -> Trace {
    let mut trace = Trace::begin("http request");
    trace.is_asked = true;
    trace
        .attributes
        .push(("http.request.method", request.method().to_string().into()));
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map(|path| ("http.route", path.as_str().to_owned().into()));
    trace.attributes.extend(route);
    trace
}

fn tell_answered(mut trace: Trace, status: StatusCode) {
    trace.end();
    trace
        .attributes
        .push(("http.response.status_code", i64::from(status.as_u16()).into()));
    trace.failed = status.is_server_error().then(|| status.to_string());
    traces::tell(&trace);
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
