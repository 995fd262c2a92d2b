//! `/api/v1`: what an application may ask. Errors are problem+json (RFC 9457).

use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::problem::problem;
use crate::config::AuthMode;
use crate::signaling::protocol::PROTOCOL_VERSION;

/// What this server is, for clients that want to know before they connect.
#[derive(Debug, Serialize)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
    /// The version of the websocket protocol at `/ws`.
    protocol: u32,
    sign_in: SignIn,
}

/// How people come in.
#[derive(Debug, Clone, Serialize)]
pub struct SignIn {
    /// `open` or `token`.
    mode: &'static str,
    /// Where they get a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl SignIn {
    pub fn new(mode: &AuthMode) -> SignIn {
        match mode {
            AuthMode::Open => SignIn { mode: "open", url: None },
            AuthMode::Token(auth) => SignIn {
                mode: "token",
                url: auth.sign_in_url.clone(),
            },
        }
    }
}

/// All routes below `/api/v1`.
pub fn router(sign_in: SignIn) -> Router {
    Router::new()
        .route("/server", get(|| server(sign_in)))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
}

async fn server(sign_in: SignIn) -> Json<ServerInfo> {
    Json(ServerInfo {
        name: "tandem",
        version: env!("CARGO_PKG_VERSION"),
        protocol: PROTOCOL_VERSION,
        sign_in,
    })
}

async fn not_found(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(uri: Uri) -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} does not take this method", uri.path()),
    )
}
