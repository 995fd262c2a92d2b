//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): encoders publish into a room, and players watch it, by one HTTP request.
//! docs/whip.md tells it for those who use it.

pub mod offer;
pub mod resources;
pub mod sdpfrag;
pub mod session;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tower_http::cors::{Any, CorsLayer};

use self::offer::{Offered, Side};
use self::resources::{Ask, NoPlace};
use self::session::{Opened, Patched, Refused, Unpatched, Wish};
use super::ice_servers::{IceServers, Reached, over_tls};
use super::port::Endpoints;
use super::problem::problem;
use super::websocket::Gate;
use crate::auth::{AuthError, SignedIn};
use crate::grants::Grants;
use crate::id::LinkId;
use crate::signaling::driver::HubError;
use crate::signaling::hub::AttachRefused;
use crate::signaling::limits::{Limit, NAME_BYTES_MAX, PASSPHRASE_BYTES_MAX, SDP_BYTES_MAX};
use crate::signaling::names::clean_name;
use crate::signaling::person::Person;
use crate::signaling::protocol::ErrorCode;

const SDP: &str = "application/sdp";
const SDPFRAG: &str = "application/trickle-ice-sdpfrag";

/// A fragment with every candidate that a client may trickle at once.
const FRAGMENT_BYTES_MAX: usize = 16 << 10;

/// From the end of a request's headers to the end of its body.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// What somebody should wait who was refused for want of room or patience.
const RETRY_AFTER_S: &str = "10";

/// Who did not say a name.
const PUBLISHER: &str = "publisher";
const VIEWER: &str = "viewer";

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// All routes of WHIP and WHEP. Pages of every origin may use them: nothing here is known by a cookie.
pub fn router(gate: Arc<Gate>) -> Router {
    let endpoints = Router::new()
        .route("/whip/{room}", post(publish))
        .route("/whip/{room}/{participant}", post(publish))
        .route("/whep/{room}", post(watch))
        .route("/whep/{room}/{participant}", post(watch))
        .method_not_allowed_fallback(wrong_method)
        .layer(cors(&[Method::POST]))
        .layer(map_response(|response| with(response, ACCEPT_POST, SDP)));
    let resources = Router::new()
        .route("/whip/resource/{id}", delete(end_publishing).patch(patch_publishing))
        .route("/whep/resource/{id}", delete(end_watching).patch(patch_watching))
        .method_not_allowed_fallback(wrong_method)
        .layer(cors(&[Method::DELETE, Method::PATCH]))
        .layer(map_response(|response| with(response, ACCEPT_PATCH, SDPFRAG)));
    endpoints.merge(resources).with_state(gate)
}

/// RFC 9725 section 4.5.
fn cors(methods: &[Method]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(methods.to_vec())
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH])
        .expose_headers([header::LOCATION, header::ETAG, header::LINK, ACCEPT_POST, ACCEPT_PATCH])
}

async fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} does not take {method}", uri.path()),
    )
}

/// What stands in the path of a request.
#[derive(Deserialize)]
struct Place {
    room: String,
    participant: Option<String>,
}

#[derive(Deserialize)]
struct Extras {
    /// A viewer's name in the room.
    name: Option<String>,
}

async fn publish(
    State(gate): State<Arc<Gate>>,
    Extension(endpoints): Extension<Endpoints>,
    place: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(place)) = place else { return bad_path() };
    let chosen = place.participant.as_deref();
    create(&gate, Side::Publish, endpoints, &place.room, chosen, None, request).await
}

async fn watch(
    State(gate): State<Arc<Gate>>,
    Extension(endpoints): Extension<Endpoints>,
    place: Result<Path<Place>, PathRejection>,
    extras: Result<Query<Extras>, QueryRejection>,
    request: Request,
) -> Response {
    let (Ok(Path(place)), Ok(Query(Extras { name }))) = (place, extras) else {
        return bad_path();
    };
    let watched = place.participant;
    create(&gate, Side::Watch, endpoints, &place.room, name.as_deref(), watched, request).await
}

/// Answers a POST: 201 with a resource, or a problem.
async fn create(
    gate: &Arc<Gate>,
    side: Side,
    endpoints: Endpoints,
    room: &str,
    name: Option<&str>,
    watched: Option<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let sdp = match text(&head.headers, SDP, body, SDP_BYTES_MAX).await {
        Ok(sdp) => sdp,
        Err(response) => return response,
    };
    let offered = match offer::read(&sdp, side) {
        Ok(offered) => offered,
        Err(error) => return problem(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let Ok(link) = room.parse::<LinkId>() else {
        return problem(StatusCode::NOT_FOUND, "there is no such room");
    };
    let presented = bearer(&head.headers);
    let too_long = |text: &str, max| text.len() > max;
    if name.is_some_and(|name| too_long(name, NAME_BYTES_MAX)) || watched.as_deref().is_some_and(|w| too_long(w, NAME_BYTES_MAX))
    {
        return problem(StatusCode::URI_TOO_LONG, "the name is too long");
    }
    let chosen = name.map(clean_name);
    if side == Side::Publish && chosen.as_deref() == Some("") {
        return problem(StatusCode::BAD_REQUEST, "nothing is left of this name");
    }
    let unnamed = match side {
        Side::Publish => PUBLISHER,
        Side::Watch => VIEWER,
    };
    let remote = endpoints.remote.ip();
    let place = match gate.addresses.request_resource(remote, Instant::now().into_std()) {
        Ok(place) => place,
        Err(limit) => {
            gate.limit_reached(limit);
            return later(
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests or resources of this address",
            );
        }
    };
    let (signed_in, passphrase) = if gate.authenticator.takes_tokens() {
        match sign_in(gate, &offered, link, side, presented.as_deref()).await {
            Ok(signed_in) => (Some(signed_in), None),
            Err(response) => return response,
        }
    } else {
        if !gate.authenticator.takes_guests() {
            return insufficient("people sign in to this server, and it takes no guests (auth.oidc.guests)");
        }
        if presented.as_deref().is_some_and(|p| too_long(p, PASSPHRASE_BYTES_MAX)) {
            return unauthorized("the bearer token is too long for a pass phrase");
        }
        (None, presented)
    };
    let registered = match gate.resources.add(side) {
        Ok(registered) => registered,
        Err(NoPlace::Full) => {
            gate.limit_reached(Limit::Resources);
            return later(StatusCode::SERVICE_UNAVAILABLE, "the server has too many resources");
        }
        Err(NoPlace::NoRandom) => return refused(&Refused::NoRandom),
    };
    let name_is_chosen = side == Side::Publish && chosen.is_some();
    // A name that comes with the token is whose it is; the path names those that have none.
    let given = signed_in.as_ref().filter(|s| !s.identity.grants.rename);
    let name = match given {
        Some(signed_in) => signed_in.identity.name.clone(),
        None => chosen.filter(|name| !name.is_empty()).unwrap_or_else(|| unnamed.to_owned()),
    };
    let (user, grants, person) = match &signed_in {
        Some(SignedIn { identity, .. }) => (identity.user_id, identity.grants, identity.person.clone()),
        None => (
            gate.resources.user(remote, link, &name, &registered),
            Grants::ALL,
            Person::default(),
        ),
    };
    let wish = Wish {
        side,
        link,
        user,
        grants,
        person,
        name,
        name_is_chosen,
        watched,
        passphrase,
        offered,
        loopback: remote.is_loopback(),
    };
    match session::open(gate.hub.clone(), wish, place, registered).await {
        Ok(opened) => created(gate, side, endpoints, &head.headers, &head.uri, opened),
        Err(error) => {
            if let Some(used) = signed_in.and_then(|signed_in| signed_in.used) {
                gate.authenticator.give_back(&used).await;
            }
            refused(&error)
        }
    }
}

/// Whom the bearer token speaks for, if it lets them do this in this room.
async fn sign_in(gate: &Gate, offered: &Offered, link: LinkId, side: Side, token: Option<&str>) -> Result<SignedIn, Response> {
    let signed_in = match gate.authenticator.sign_in_by_token(token).await {
        Ok(signed_in) => signed_in,
        Err(error @ (AuthError::NotSignedIn | AuthError::BadToken(_) | AuthError::SignInNeeded)) => {
            return Err(bad_token(token, &error.to_string()));
        }
        Err(error) => return Err(later(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
    };
    let grants = &signed_in.identity.grants;
    let may = match side {
        Side::Publish => offered.sources.iter().all(|line| grants.publish.has(line.source)),
        Side::Watch => grants.subscribe,
    };
    if may && grants.may_join(link) {
        return Ok(signed_in);
    }
    if let Some(used) = &signed_in.used {
        gate.authenticator.give_back(used).await;
    }
    Err(insufficient("the token does not let you do this in this room"))
}

/// RFC 9725 section 4.2.
fn created(gate: &Gate, side: Side, endpoints: Endpoints, headers: &HeaderMap, uri: &Uri, opened: Opened) -> Response {
    let location = format!("/{}/resource/{}", side.as_str(), opened.id);
    let parts = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, location),
        (header::ETAG, opened.etag),
    ];
    let mut response = (StatusCode::CREATED, parts, opened.sdp).into_response();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has it in the request's own address.
    let host = host.or(uri.authority().map(|authority| authority.as_str())).unwrap_or("");
    let secure = over_tls(endpoints.tls, headers);
    let reached = Reached::new(&host.to_ascii_lowercase(), secure, endpoints.local.ip(), gate.stun_port);
    let now = Instant::now().into_std();
    for server in IceServers::new(reached).ice_servers(opened.session, gate.relay.as_ref(), now) {
        // TURN only: docs/decisions/0004-no-stun-for-forwarded.md.
        let (Some(username), Some(credential)) = (&server.username, &server.credential) else {
            continue;
        };
        for url in &server.urls {
            let link = format!(
                "<{url}>; rel=\"ice-server\"; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""
            );
            if let Ok(link) = HeaderValue::from_str(&link) {
                response.headers_mut().append(header::LINK, link);
            }
        }
    }
    response
}

async fn end_publishing(State(gate): State<Arc<Gate>>, Path(id): Path<String>) -> Response {
    end(&gate, Side::Publish, &id).await
}

async fn end_watching(State(gate): State<Arc<Gate>>, Path(id): Path<String>) -> Response {
    end(&gate, Side::Watch, &id).await
}

/// Answers a DELETE.
async fn end(gate: &Gate, side: Side, id: &str) -> Response {
    let Some(asks) = gate.resources.find(side, id) else {
        return no_resource();
    };
    let (done, is_done) = oneshot::channel();
    // One that ends meanwhile has ended as well.
    if asks.send(Ask::End { done }).await.is_ok() {
        let _ = is_done.await;
    }
    StatusCode::OK.into_response()
}

async fn patch_publishing(State(gate): State<Arc<Gate>>, Path(id): Path<String>, request: Request) -> Response {
    patch(&gate, Side::Publish, &id, request).await
}

async fn patch_watching(State(gate): State<Arc<Gate>>, Path(id): Path<String>, request: Request) -> Response {
    patch(&gate, Side::Watch, &id, request).await
}

/// Answers a PATCH: candidates, or an ICE restart (RFC 9725 section 4.3).
async fn patch(gate: &Gate, side: Side, id: &str, request: Request) -> Response {
    let Some(asks) = gate.resources.find(side, id) else {
        return no_resource();
    };
    let (head, body) = request.into_parts();
    let fragment = match text(&head.headers, SDPFRAG, body, FRAGMENT_BYTES_MAX).await {
        Ok(fragment) => fragment,
        Err(response) => return response,
    };
    let fragment = match sdpfrag::read(&fragment) {
        Ok(fragment) => fragment,
        Err(error) => return problem(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let if_match = head.headers.get(header::IF_MATCH);
    let (reply, answer) = oneshot::channel();
    let ask = Ask::Patch {
        if_match: if_match.map(|value| value.to_str().unwrap_or("").to_owned()),
        fragment,
        reply,
    };
    if asks.send(ask).await.is_err() {
        return no_resource();
    }
    match answer.await {
        Ok(Ok(Patched::Trickled)) => StatusCode::NO_CONTENT.into_response(),
        Ok(Ok(Patched::Restarted { etag, fragment })) => {
            let parts = [(header::CONTENT_TYPE, SDPFRAG.to_owned()), (header::ETAG, etag)];
            (parts, fragment).into_response()
        }
        Ok(Err(Unpatched::NoIfMatch)) => problem(
            StatusCode::PRECONDITION_REQUIRED,
            "If-Match has to name the entity tag of the ICE session, or * for an ICE restart",
        ),
        Ok(Err(Unpatched::OtherSession { etag })) => {
            let why = problem(StatusCode::PRECONDITION_FAILED, "there is a later ICE session");
            ([(header::ETAG, etag)], why).into_response()
        }
        Ok(Err(Unpatched::Refused(error))) => refused(&error),
        Err(_) => no_resource(),
    }
}

/// The body of a request, which has to be of this media type; or the answer that says why not.
async fn text(headers: &HeaderMap, media_type: &str, body: Body, bytes_max: usize) -> Result<String, Response> {
    let found = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = found.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case(media_type) {
        let detail = format!("the content type has to be {media_type}");
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let collected = match timeout(BODY_WITHIN, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("the body may have {bytes_max} bytes");
            return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        Ok(Err(_)) => return Err(problem(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => return Err(problem(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    };
    let text = String::from_utf8(collected.into());
    text.map_err(|_| problem(StatusCode::BAD_REQUEST, "the body is not UTF-8"))
}

/// The token of `Authorization: Bearer` (RFC 6750 section 2.1): where no tokens are taken, the pass phrase of the room.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = std::str::from_utf8(headers.get(header::AUTHORIZATION)?.as_bytes()).ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// What to answer where there is no resource, or no ICE restart.
fn refused(error: &Refused) -> Response {
    let detail = error.to_string();
    let status = match error {
        Refused::Command { code, .. } => match code {
            ErrorCode::BadCommand => StatusCode::BAD_REQUEST,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::NoSuchLink | ErrorCode::NoSuchCode => StatusCode::NOT_FOUND,
            ErrorCode::PassphraseNeeded => return unauthorized(&detail),
            ErrorCode::NotAllowed | ErrorCode::NotSignedIn | ErrorCode::RoomLocked | ErrorCode::KeptElsewhere => {
                StatusCode::FORBIDDEN
            }
            ErrorCode::RateLimited => return later(StatusCode::TOO_MANY_REQUESTS, &detail),
            ErrorCode::RoomFull
            | ErrorCode::ShuttingDown
            | ErrorCode::Overloaded
            | ErrorCode::NotSaved
            | ErrorCode::NotLoaded
            | ErrorCode::NoSpace
            | ErrorCode::NodeUnreachable => {
                return later(StatusCode::SERVICE_UNAVAILABLE, &detail);
            }
        },
        Refused::Hub(HubError::Refused(AttachRefused::TooManyOfUser)) => {
            return later(StatusCode::TOO_MANY_REQUESTS, "too many under this name from this address");
        }
        Refused::Hub(_) | Refused::Busy(_) | Refused::Over | Refused::Slow => {
            return later(StatusCode::SERVICE_UNAVAILABLE, &detail);
        }
        Refused::Lobby => StatusCode::FORBIDDEN,
        Refused::NameTaken => StatusCode::CONFLICT,
        Refused::NoSuchParticipant => StatusCode::NOT_FOUND,
        Refused::NoRandom => StatusCode::INTERNAL_SERVER_ERROR,
    };
    problem(status, detail)
}

fn unauthorized(detail: &str) -> Response {
    challenge(StatusCode::UNAUTHORIZED, detail, "Bearer realm=\"tandem\"")
}

/// RFC 6750 section 3.1: a request without any token is not told of an error.
fn bad_token(token: Option<&str>, detail: &str) -> Response {
    match token {
        None => unauthorized(detail),
        Some(_) => challenge(
            StatusCode::UNAUTHORIZED,
            detail,
            "Bearer realm=\"tandem\", error=\"invalid_token\"",
        ),
    }
}

fn insufficient(detail: &str) -> Response {
    challenge(
        StatusCode::FORBIDDEN,
        detail,
        "Bearer realm=\"tandem\", error=\"insufficient_scope\"",
    )
}

fn challenge(status: StatusCode, detail: &str, challenge: &'static str) -> Response {
    ([(header::WWW_AUTHENTICATE, challenge)], problem(status, detail)).into_response()
}

fn later(status: StatusCode, detail: &str) -> Response {
    ([(header::RETRY_AFTER, RETRY_AFTER_S)], problem(status, detail)).into_response()
}

fn no_resource() -> Response {
    problem(StatusCode::NOT_FOUND, "there is no such resource, or it has ended")
}

fn bad_path() -> Response {
    problem(StatusCode::BAD_REQUEST, "the path or the query cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_phrase_is_the_bearer_token() {
        for (value, token) in [
            ("Bearer open sesame", Some("open sesame")),
            ("bearer  ä ", Some("ä")),
            ("Bearer ", None),
            ("Bearer", None),
            ("Basic eDp5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::AUTHORIZATION,
                HeaderValue::from_bytes(value.as_bytes()).expect("a header"),
            );
            assert_eq!(bearer(&headers).as_deref(), token, "{value}");
        }
    }

    #[test]
    fn who_comes_while_the_server_is_busy_is_told_when_to_try_again() {
        for (refused_as, status, retries) in [
            (Refused::Busy("too many".to_owned()), 503, true),
            (Refused::Slow, 503, true),
            (
                Refused::Command {
                    code: ErrorCode::RateLimited,
                    message: "too many joins".to_owned(),
                },
                429,
                true,
            ),
            (
                Refused::Command {
                    code: ErrorCode::BadCommand,
                    message: "no SDP".to_owned(),
                },
                400,
                false,
            ),
        ] {
            let response = refused(&refused_as);
            assert_eq!(response.status(), status, "{refused_as:?}");
            assert_eq!(
                response.headers().contains_key(header::RETRY_AFTER),
                retries,
                "{refused_as:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_body_is_of_its_type_and_within_its_bounds() {
        let ask = |media_type: &'static str, body: &'static str| async move {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            text(&headers, SDP, Body::from(body), 4)
                .await
                .map_err(|response| response.status())
        };
        assert_eq!(ask("application/sdp", "v=0\n").await, Ok("v=0\n".to_owned()));
        assert_eq!(ask("Application/SDP; charset=utf-8", "").await, Ok(String::new()));
        assert_eq!(ask("application/sdp", "v=0\r\n").await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(ask("text/plain", "v=0\n").await, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
}
