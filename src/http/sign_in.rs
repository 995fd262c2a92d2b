//! `/auth/…`: a browser's way to the provider that signs people in, back from there, and out again. It shows who it is by a cookie that no
//! script can read. docs/sign-in.md.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::api::origin;
use super::device_name::device_in;
use super::port::Endpoints;
use super::problem::problem;
use super::websocket::Gate;
use crate::auth::oidc::fault::Fault;
use crate::auth::oidc::{ATTEMPT_LASTS, Answer};
use crate::signaling::limits::Limit;

/// What shows that a browser is signed in. The prefix lets nobody set it but this very host, over HTTPS (RFC 6265bis section 4.1.3.2); in the
/// clear, which only this machine speaks, there is no such prefix.
const SIGNED_IN: [&str; 2] = ["__Host-tandem", "tandem"];

/// What ties an attempt to sign in to the browser that began it. It comes back from the provider's page, and so is not as strict.
const ATTEMPT: [&str; 2] = ["__Host-tandem-attempt", "tandem-attempt"];

/// Where people come back to.
const CALLBACK: &str = "/auth/callback";

/// Longer ones are of nobody.
const PATH_BYTES_MAX: usize = 512;

/// Without a provider there is nothing at these.
pub fn router(gate: Arc<Gate>) -> Router {
    if gate.authenticator.provider().is_none() {
        return Router::new();
    }
    Router::new()
        .route("/auth/sign-in", get(begin))
        .route(CALLBACK, get(finish))
        .route("/auth/sign-out", post(sign_out))
        .with_state(gate)
}

/// What a browser shows by which a provider signed somebody in. `secure`: its page came over HTTPS.
pub fn shown(headers: &HeaderMap, secure: bool) -> Option<String> {
    cookie(headers, SIGNED_IN, secure)
}

#[derive(Debug, Deserialize)]
struct Wanted {
    /// A path of ours to go on to.
    #[serde(default)]
    to: String,
}

/// Sends somebody to the provider.
async fn begin(State(gate): State<Arc<Gate>>, wanted: Result<Query<Wanted>, QueryRejection>, parts: Parts) -> Response {
    let to = wanted
        .map(|Query(wanted)| own_path(&wanted.to))
        .unwrap_or_else(|_| "/".to_owned());
    let (Some(origin), Some(endpoints)) = (own_origin(&gate, &parts), endpoints(&parts)) else {
        return problem(StatusCode::BAD_REQUEST, "the request has no Host");
    };
    let now = Instant::now().into_std();
    if !gate.addresses.may_sign_in(endpoints.remote.ip(), now) {
        gate.limit_reached(Limit::SignIns);
        gate.authenticator.count_sign_in(Fault::RateLimited.as_str());
        return go(&failed(&to, Fault::RateLimited));
    }
    match gate
        .authenticator
        .begin_at_provider(format!("{origin}{CALLBACK}"), to.clone(), now)
        .await
    {
        Ok(begun) => {
            let attempt = set_cookie(ATTEMPT, &begun.browser, &origin, "Lax", Some(ATTEMPT_LASTS));
            with_cookies(go(&begun.url), [attempt])
        }
        Err(fault) => go(&failed(&to, fault)),
    }
}

/// Takes somebody back from the provider.
async fn finish(State(gate): State<Arc<Gate>>, answer: Result<Query<Answer>, QueryRejection>, parts: Parts) -> Response {
    let Some(origin) = own_origin(&gate, &parts) else {
        return problem(StatusCode::BAD_REQUEST, "the request has no Host");
    };
    let answer = answer.map(|Query(answer)| answer).unwrap_or_default();
    let browser = cookie(&parts.headers, ATTEMPT, is_secure(&origin));
    let name = device_in(&parts.headers);
    let now = Instant::now().into_std();
    let (to, signed_in) = gate
        .authenticator
        .finish_at_provider(answer, browser.as_deref(), name, now)
        .await;
    let is_over = set_cookie(ATTEMPT, "", &origin, "Lax", Some(Duration::ZERO));
    match signed_in {
        Ok(shown) => {
            // Always another one than before: what somebody has put there is worth nothing.
            let lasts = gate.authenticator.provider().map(|provider| provider.config.session_lasts);
            let signed_in = set_cookie(SIGNED_IN, &shown, &origin, "Strict", lasts);
            with_cookies(go(&to), [is_over, signed_in])
        }
        Err(fault) => with_cookies(go(&failed(&to, fault)), [is_over]),
    }
}

/// Where the page goes on to, to sign out of the provider too.
#[derive(Debug, Serialize)]
struct SignedOut {
    url: Option<String>,
}

/// Signs this browser out, in all its tabs.
async fn sign_out(State(gate): State<Arc<Gate>>, parts: Parts) -> Response {
    let Some(origin) = own_origin(&gate, &parts) else {
        return problem(StatusCode::BAD_REQUEST, "the request has no Host");
    };
    // A page of somebody else's signs nobody out. The cookie is not sent along there either.
    let asked_from = parts.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if !asked_from.is_some_and(|asked| asked.eq_ignore_ascii_case(&origin)) {
        return problem(StatusCode::FORBIDDEN, "only a page of this server may sign out");
    }
    let shown = shown(&parts.headers, is_secure(&origin));
    let signed_out = gate.authenticator.sign_out(shown.as_deref(), &format!("{origin}/")).await;
    let url = match signed_out {
        Ok(None) => None,
        Ok(Some(done)) => {
            let (user, device) = (done.user, done.device);
            // Where the hub has ended, there are no sessions any more.
            let _ = gate.hub.operate(move |hub, now| hub.end_sessions_in(user, device, now)).await;
            done.url
        }
        Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    };
    let is_over = set_cookie(SIGNED_IN, "", &origin, "Strict", Some(Duration::ZERO));
    with_cookies(Json(SignedOut { url }).into_response(), [is_over])
}

/// Where browsers reach this server: as the operator says, or as this one does.
fn own_origin(gate: &Gate, parts: &Parts) -> Option<String> {
    let said = gate
        .authenticator
        .provider()
        .and_then(|provider| provider.config.origin.clone());
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let tls = endpoints(parts).is_some_and(|endpoints| endpoints.tls);
    said.or_else(|| origin(&parts.headers, authority, tls).map(|origin| origin.to_ascii_lowercase()))
}

fn endpoints(parts: &Parts) -> Option<&Endpoints> {
    parts.extensions.get()
}

/// A path of this server, such as that of a room; for everything else the first page. So nobody is led elsewhere by a link of ours.
fn own_path(to: &str) -> String {
    let mut bytes = to.bytes();
    let is_path = bytes.next() == Some(b'/') && !matches!(to.as_bytes().get(1), Some(b'/' | b'\\'));
    let is_plain = bytes.all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'#'));
    let is_fine = is_path && is_plain && to.len() <= PATH_BYTES_MAX && !to.starts_with("/auth/");
    if is_fine { to.to_owned() } else { "/".to_owned() }
}

/// The page, which has a sentence for each fault.
fn failed(to: &str, fault: Fault) -> String {
    format!("{to}#sign-in={}", fault.as_str())
}

/// The browser goes on there with a GET, and keeps nothing of this answer.
fn go(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (
            StatusCode::SEE_OTHER,
            [
                (header::LOCATION, to),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ],
        )
            .into_response(),
        Err(_) => problem(StatusCode::BAD_GATEWAY, "the provider's address is none"),
    }
}

fn with_cookies<const N: usize>(mut response: Response, cookies: [HeaderValue; N]) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `names`: over HTTPS, and in the clear. `lasts`: none for as long as the browser runs, zero to remove it.
fn set_cookie(names: [&str; 2], value: &str, origin: &str, same_site: &str, lasts: Option<Duration>) -> HeaderValue {
    let secure = if is_secure(origin) { "; Secure" } else { "" };
    let name = name_of(names, is_secure(origin));
    let age = lasts
        .map(|lasts| format!("; Max-Age={}", lasts.as_secs()))
        .unwrap_or_default();
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn cookie(headers: &HeaderMap, names: [&str; 2], secure: bool) -> Option<String> {
    let name = name_of(names, secure);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

/// Over HTTPS only what came over HTTPS counts: the other anybody in the network may have set, to have somebody signed in as them.
fn name_of([over_https, in_the_clear]: [&str; 2], secure: bool) -> &str {
    if secure { over_https } else { in_the_clear }
}

fn is_secure(origin: &str) -> bool {
    origin.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_gone_on_to() {
        for path in ["/", "/r/0stand1ngr00m", "/call/k7mq-2xwd-9hpt?user=2", "/r/x?a=%2F%2Fevil"] {
            assert_eq!(own_path(path), path);
        }
        for other in [
            "",
            "r/x",
            "//evil.example",
            "/\\evil.example",
            "/r/\\evil",
            "https://evil.example/",
            "javascript:alert(1)",
            "/r/x\r\nset-cookie: a=b",
            "/r/x y",
            "/r/ä",
            "/#sign-in=blocked",
            "/auth/sign-in",
            "/\t/evil.example",
        ] {
            assert_eq!(own_path(other), "/", "{other:?}");
        }
        assert_eq!(own_path(&format!("/{}", "x".repeat(PATH_BYTES_MAX))), "/");
    }

    #[test]
    fn a_cookie_counts_where_it_came_from_alone() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("x=1; tandem=clear"));
        assert_eq!(shown(&headers, true), None);
        assert_eq!(shown(&headers, false).as_deref(), Some("clear"));
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; __Host-tandem=own"));
        assert_eq!(shown(&headers, true).as_deref(), Some("own"));
        assert_eq!(shown(&headers, false).as_deref(), Some("clear"));
        assert_eq!(shown(&HeaderMap::new(), false), None);
    }

    #[test]
    fn cookies_are_out_of_reach_for_scripts_and_other_sites() {
        let cookie = |origin| {
            let value = set_cookie(SIGNED_IN, "v", origin, "Strict", Some(Duration::from_secs(7)));
            value.to_str().expect("ASCII").to_owned()
        };
        assert_eq!(
            cookie("https://a.example"),
            "__Host-tandem=v; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=7"
        );
        assert_eq!(
            cookie("http://localhost:8443"),
            "tandem=v; Path=/; HttpOnly; SameSite=Strict; Max-Age=7"
        );
    }
}
