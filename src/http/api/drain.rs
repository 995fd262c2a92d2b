//! Draining in the API: before a restart, so that it cuts no call.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::http::problem::Problem;
use crate::signaling::driver::HubError;
use crate::signaling::output::Running;

/// What a restart would cut.
#[derive(Debug, Serialize, ToSchema)]
pub struct Drain {
    /// Whether nothing new begins.
    draining: bool,
    /// Calls, and rooms in which people are together.
    calls: usize,
    participants: usize,
}

fn shown(done: Result<Running, HubError>) -> Result<Json<Drain>, Problem> {
    let running = done.map_err(|error| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    Ok(Json(Drain {
        draining: running.draining,
        calls: running.calls,
        participants: running.participants,
    }))
}

#[utoipa::path(
    get, path = "/drain", tag = "drain", operation_id = "get_drain",
    responses((status = 200, description = "What runs, and whether the server is drained", body = Drain))
)]
pub async fn show(State(api): State<Api>) -> Result<Json<Drain>, Problem> {
    shown(api.hub.running().await)
}

#[utoipa::path(
    post, path = "/drain", tag = "drain", operation_id = "start_drain",
    responses((status = 200, description = "No new calls, rooms and joins from here on; what runs goes on", body = Drain))
)]
pub async fn start(State(api): State<Api>) -> Result<Json<Drain>, Problem> {
    shown(api.hub.drain().await)
}

#[utoipa::path(
    delete, path = "/drain", tag = "drain", operation_id = "end_drain",
    responses((status = 200, description = "New calls, rooms and joins are taken again", body = Drain))
)]
pub async fn end(State(api): State<Api>) -> Result<Json<Drain>, Problem> {
    shown(api.hub.undrain().await)
}
