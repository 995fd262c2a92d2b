//! `/api/v1`: what an application may ask. Errors are problem+json (RFC 9457).

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::signaling::protocol::PROTOCOL_VERSION;

/// What this server is, for clients that want to know before they connect.
#[derive(Debug, Serialize)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
    /// The version of the websocket protocol at `/ws`.
    protocol: u32,
}

/// An error of the API (RFC 9457 section 3).
#[derive(Debug, Serialize)]
struct Problem {
    title: &'static str,
    status: u16,
    detail: String,
}

/// All routes below `/api/v1`.
pub fn router() -> Router {
    Router::new()
        .route("/server", get(server))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
}

async fn server() -> Json<ServerInfo> {
    Json(ServerInfo {
        name: "tandem",
        version: env!("CARGO_PKG_VERSION"),
        protocol: PROTOCOL_VERSION,
    })
}

async fn not_found(uri: Uri) -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "Not found",
        format!("there is nothing at {}", uri.path()),
    )
}

async fn wrong_method(uri: Uri) -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "Method not allowed",
        format!("{} does not take this method", uri.path()),
    )
}

fn problem(status: StatusCode, title: &'static str, detail: String) -> Response {
    let body = Json(Problem {
        title,
        status: status.as_u16(),
        detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
