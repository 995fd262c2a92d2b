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

/// The same as an error that functions hand on.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        Problem { status, detail }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        problem(self.status, self.detail)
    }
}
