//! Who may operate this server: whoever has one of the operator's keys; and where the operator's listener is reached from this machine
//! alone, whoever is on it.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::config::ApiKey;
use crate::fetch::is_this_machine;
use crate::http::addresses::Addresses;
use crate::http::port::Endpoints;
use crate::http::problem::problem;
use crate::metrics::Metrics;
use crate::signaling::limits::Limit;

/// What somebody should wait who tried too many keys.
const RETRY_AFTER_S: &str = "10";

/// Who may.
#[derive(Clone)]
pub enum Guard {
    Keys {
        keys: Arc<[ApiKey]>,
        addresses: Addresses,
        metrics: Arc<Metrics>,
    },
    /// The listener takes connections of this machine only. A page in a browser on it may not: neither one of another origin, nor one
    /// whose name was made to lead here.
    ThisMachine,
}

/// Lets through who may.
#[expect(
    clippy::disallowed_methods,
    reason = "the glue between a request and its limits has the clock"
)]
pub async fn check(
    State(guard): State<Guard>,
    Extension(endpoints): Extension<Endpoints>,
    request: Request,
    next: Next,
) -> Response {
    match &guard {
        Guard::Keys {
            keys,
            addresses,
            metrics,
        } => {
            let presented = bearer(request.headers());
            // All are compared, so that the time does not tell which.
            let hash = presented.map(ApiKey::of).unwrap_or_else(|| ApiKey::of(""));
            let fitting = keys.iter().filter(|key| key.is(&hash)).count();
            if fitting == 0 {
                if !addresses.may_try_key(endpoints.remote.ip(), Instant::now()) {
                    metrics.limit_reached.with_label_values(&[Limit::ApiKeys.as_str()]).inc();
                    return later("too many wrong keys from this address");
                }
                return unauthorized();
            }
        }
        Guard::ThisMachine => {
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            let is_here = host.and_then(|host| host.parse::<axum::http::uri::Authority>().ok());
            let is_here = is_here.is_some_and(|host| is_this_machine(host.host().trim_matches(['[', ']'])));
            if !is_here || request.headers().contains_key(header::ORIGIN) {
                return problem(StatusCode::FORBIDDEN, "pages in a browser may not operate this server");
            }
        }
    }
    next.run(request).await
}

/// RFC 6750 section 2.1.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// The same to whoever has none and to whoever has a wrong one.
fn unauthorized() -> Response {
    let mut response = problem(
        StatusCode::UNAUTHORIZED,
        "this needs one of the keys in api.keys, as a bearer token",
    );
    let challenge = HeaderValue::from_static("Bearer realm=\"tandem\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

fn later(detail: &str) -> Response {
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, detail);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    response
}
