//! Errors that are answered over HTTP: problem+json (RFC 9457).

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// RFC 9457 section 3.
#[derive(Debug, Serialize)]
struct Body {
    title: &'static str,
    status: u16,
    detail: String,
}

/// An answer with this status that says what is wrong.
pub fn problem(status: StatusCode, detail: impl Into<String>) -> Response {
    let body = Json(Body {
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: detail.into(),
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
