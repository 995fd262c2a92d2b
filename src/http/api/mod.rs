//! `/api/v1`: what the operator's application may ask and do. Errors are problem+json (RFC 9457).

pub mod body;
mod calls;
pub mod document;
mod drain;
pub mod guard;
pub mod idempotency;
mod page;
mod participants;
mod rooms;
mod status;
mod tokens;
mod users;
mod webhooks;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::guard::Guard;
use self::idempotency::Answers;
pub use self::rooms::origin;
use super::port::Endpoints;
use super::problem::{Problem, problem};
use crate::config::AuthMode;
use crate::id::LinkId;
use crate::metrics::Metrics;
use crate::signaling::driver::HubHandle;
use crate::signaling::hub::Hub;
use crate::signaling::operator::Unfit;
use crate::signaling::passphrase::slow_hash;
use crate::signaling::protocol::PROTOCOL_VERSION;
use crate::store::{Store, StoreError};
use crate::webhooks::Webhooks;

/// What this server is, for clients that want to know before they connect.
#[derive(Debug, Serialize, ToSchema)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
    /// The version of the websocket protocol at `/ws`.
    protocol: u32,
    sign_in: SignIn,
    /// With which pages subscribe to web push (RFC 8292): a point of P-256 in base 64 for URLs.
    push_key: String,
}

/// How people come in.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct SignIn {
    /// `open`, `token` or `oidc`.
    mode: &'static str,
    /// Where they get a token, or sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// With `oidc`: whether a room's link lets people in who have not signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    guests: Option<bool>,
}

impl SignIn {
    fn new(mode: &AuthMode) -> SignIn {
        match mode {
            AuthMode::Open => SignIn {
                mode: "open",
                url: None,
                guests: None,
            },
            AuthMode::Token(auth) => SignIn {
                mode: "token",
                url: auth.sign_in_url.clone(),
                guests: None,
            },
            AuthMode::Oidc(auth) => SignIn {
                mode: "oidc",
                url: Some("/auth/sign-in".to_owned()),
                guests: Some(auth.guests),
            },
        }
    }
}

/// What the API works on. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    hub: HubHandle,
    store: Store,
    webhooks: Webhooks,
    push_key: Arc<str>,
    auth: Arc<AuthMode>,
    metrics: Arc<Metrics>,
    /// When the server was started.
    since: Instant,
    sign_in: SignIn,
    answers: Answers,
    /// Slow hashes are made one at a time.
    hashing: Arc<Semaphore>,
    /// Whether rooms are reached by the same host and port.
    has_pages: bool,
}

impl Api {
    pub fn new(
        hub: HubHandle,
        store: Store,
        webhooks: Webhooks,
        push_key: &str,
        auth: &AuthMode,
        metrics: Arc<Metrics>,
        now: Instant,
    ) -> Api {
        Api {
            hub,
            store,
            webhooks,
            push_key: push_key.into(),
            auth: Arc::new(auth.clone()),
            metrics,
            since: now,
            sign_in: SignIn::new(auth),
            answers: Answers::default(),
            hashing: Arc::new(Semaphore::new(1)),
            has_pages: true,
        }
    }

    /// The same on a port that has no pages.
    pub fn without_pages(&self) -> Api {
        Api {
            has_pages: false,
            ..self.clone()
        }
    }

    /// Has something done in the hub.
    async fn ask<T: Send + 'static>(&self, deed: impl FnOnce(&mut Hub, Instant) -> T + Send + 'static) -> Result<T, Problem> {
        let done = self.hub.operate(deed).await;
        done.map_err(|error| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))
    }

    async fn hash(&self, link: LinkId, passphrase: String) -> Result<[u8; 32], Problem> {
        let _turn = self.hashing.acquire().await;
        let hashed = tokio::task::spawn_blocking(move || slow_hash(link, &passphrase)).await;
        hashed.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the pass phrase could not be hashed"))
    }
}

/// All routes below `/api/v1`. Without a guard, only what everybody may know.
pub fn router(api: Api, guard: Option<Guard>) -> Router {
    let open = OpenApiRouter::new().routes(routes!(server));
    let guarded = OpenApiRouter::new()
        .routes(routes!(rooms::list, rooms::create))
        .routes(routes!(rooms::show, rooms::change, rooms::end))
        .routes(routes!(participants::list))
        .routes(routes!(participants::mute))
        .routes(routes!(participants::remove))
        .routes(routes!(calls::list))
        .routes(routes!(calls::report))
        .routes(routes!(users::list))
        .routes(routes!(users::show))
        .routes(routes!(users::block, users::unblock))
        .routes(routes!(tokens::create))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::retry))
        .routes(routes!(webhooks::delete))
        .routes(routes!(drain::show, drain::start, drain::end))
        .routes(routes!(status::show));
    let (open, public) = open.split_for_parts();
    let (guarded, private) = guarded.split_for_parts();
    let text = document::json(public, private);
    let document = get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text.clone()) });
    let mut all: Router<Api> = open.route("/openapi.json", document);
    if let Some(guard) = guard {
        let guarded = guarded
            .method_not_allowed_fallback(wrong_method)
            .layer(from_fn_with_state(api.answers.clone(), idempotency::once))
            .layer(from_fn_with_state(guard, guard::check));
        all = all.merge(guarded);
    }
    all.fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(api)
}

/// What this server is. Needs no key.
#[utoipa::path(
    get, path = "/server", tag = "server", operation_id = "get_server",
    responses((status = 200, description = "Its version, and how people come in", body = ServerInfo))
)]
async fn server(State(api): State<Api>) -> Json<ServerInfo> {
    Json(ServerInfo {
        name: "tandem",
        version: env!("CARGO_PKG_VERSION"),
        protocol: PROTOCOL_VERSION,
        sign_in: api.sign_in,
        push_key: api.push_key.to_string(),
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

/// Why the hub did not do it.
fn refuse(unfit: Unfit) -> Problem {
    let status = match unfit {
        Unfit::NoSuchRoom | Unfit::NoSuchParticipant => StatusCode::NOT_FOUND,
        Unfit::NobodyIn | Unfit::NoLink | Unfit::TooManyLinks => StatusCode::CONFLICT,
        Unfit::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, unfit.to_string())
}

/// The store did not do it.
fn failed(error: StoreError) -> Problem {
    tracing::warn!(error = &error as &dyn std::error::Error, "the API was not answered");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

fn random() -> Result<u64, Problem> {
    let mut bits = [0; 8];
    let drawn = aws_lc_rs::rand::fill(&mut bits);
    drawn.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no random numbers"))?;
    Ok(u64::from_be_bytes(bits))
}

/// How this request reached the server, for the addresses of its pages.
struct Reach(Option<String>);

impl Reach {
    fn url(&self, path: &str) -> Option<String> {
        self.0.as_ref().map(|origin| format!("{origin}{path}"))
    }
}

impl FromRequestParts<Api> for Reach {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Reach, Infallible> {
        let tls = parts.extensions.get::<Endpoints>().is_some_and(|endpoints| endpoints.tls);
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        Ok(Reach(rooms::origin(&parts.headers, authority, tls).filter(|_| api.has_pages)))
    }
}
