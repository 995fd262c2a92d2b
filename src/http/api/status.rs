//! The server's state in the API: what it does, and how much it has to do.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::http::problem::Problem;

/// What the server does.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    version: &'static str,
    /// Since it was started.
    uptime_s: u64,
    /// Whether nothing new begins.
    draining: bool,
    /// Open pages, those included whose websocket is gone and may come back.
    sessions: usize,
    /// Calls that ring.
    ringing: usize,
    /// Calls, and rooms in which people are together.
    calls: usize,
    participants: usize,
    workers: Vec<Worker>,
}

/// A thread that forwards media.
#[derive(Debug, Serialize, ToSchema)]
struct Worker {
    /// The share of the last second that it was busy, 0 to 1.
    busy: f64,
}

#[utoipa::path(
    get, path = "/status", tag = "server", operation_id = "get_status",
    responses((status = 200, description = "What the server does, and how much it has to do", body = Status))
)]
pub async fn show(State(api): State<Api>) -> Result<Json<Status>, Problem> {
    let (running, counts) = api.ask(|hub, _| (hub.running(), hub.counts())).await?;
    let busy = api.metrics.workers_busy();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: api.since.elapsed().as_secs(),
        draining: running.draining,
        sessions: counts.sessions,
        ringing: counts.ringing,
        calls: running.calls,
        participants: running.participants,
        workers: busy.into_iter().map(|busy| Worker { busy }).collect(),
    }))
}
