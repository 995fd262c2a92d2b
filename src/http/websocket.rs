//! `/ws`: one websocket, from its upgrade to its end. Reads commands for the hub, writes what the hub puts into the outbox.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::addresses::{self, Addresses, Place};
use super::device_name::device_in;
use super::ice_servers::{IceServers, IssueCredential, Reached, over_tls};
use super::origins::Origins;
use super::port::Endpoints;
use super::sign_in;
use super::whip::resources::Resources;
use crate::auth::{AuthError, Authenticator, Presented, SignedIn};
use crate::id::{ConnectionId, LinkId};
use crate::metrics::Metrics;
use crate::signaling::driver::{CLOSE_GOING_AWAY, CLOSE_POLICY, HubError, HubHandle, OUTBOX_FRAMES_MAX, Outgoing};
use crate::signaling::hub::Attach;
use crate::signaling::limits::{FRAME_BYTES_MAX, Limit};
use crate::signaling::protocol::{Command, CommandFrame, Credentials, ErrorCode, Event, EventFrame, PROTOCOL_VERSION};
use crate::signaling::session::Departure;

/// A frame beyond [`FRAME_BYTES_MAX`] is refused; one beyond this is not even read, and ends the websocket.
const FRAME_READ_MAX: usize = 2 * FRAME_BYTES_MAX;

/// What is read at once. Most commands are smaller, and a page that is open and does nothing has one such buffer for good.
const READ_BUFFER_BYTES: usize = 2048;

/// From the upgrade to `hello`.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// For how long a session that goes on waits for the store, which knows its user.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// Browsers send `ping` every 25 s; a websocket that says nothing for this long is gone: one of two may be late.
/// In a call the hub expects more of them.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A ping that comes so long after anything else is that of a page that does nothing: what it asks is only whether the websocket holds,
/// so it is answered here, without waking the hub for each of thousands. In a call the hub wants to hear them, and pages send more.
const ALONE_AFTER: Duration = Duration::from_secs(20);

/// How long one frame may take to be taken by the other side.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// What every websocket needs, and every WHIP or WHEP resource.
pub struct Gate {
    pub hub: HubHandle,
    pub authenticator: Authenticator,
    pub metrics: Arc<Metrics>,
    pub origins: Origins,
    pub addresses: Addresses,
    pub resources: Resources,
    /// The port on which we answer STUN.
    pub stun_port: u16,
    /// Without it, browsers are told of no relay.
    pub relay: Option<IssueCredential>,
}

/// Answers the upgrade, or 403 for a page of another origin.
pub async fn upgrade(
    State(gate): State<Arc<Gate>>,
    Extension(endpoints): Extension<Endpoints>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("")
        .to_ascii_lowercase();
    let origin = headers
        .get(header::ORIGIN)
        .map(|origin| origin.to_str().unwrap_or("").to_ascii_lowercase());
    // Before all else: it is also asked with `fetch`, by a page that wants to know why it was refused.
    if let Some(origin) = &origin
        && !gate.origins.allow(origin, &host)
    {
        return gate.origins.refuse(origin);
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let place = match gate.addresses.enter(endpoints.remote.ip(), Instant::now().into_std()) {
        Ok(place) => place,
        Err(limit) => {
            gate.limit_reached(limit);
            return (StatusCode::TOO_MANY_REQUESTS, "Too many connections from this address.\n").into_response();
        }
    };
    // A page that came encrypted connects to nothing that is not; of one that did not, nothing follows.
    let secure = over_tls(endpoints.tls, &headers) || origin.is_some_and(|origin| origin.starts_with("https://"));
    let reached = Reached::new(&host, secure, endpoints.local.ip(), gate.stun_port);
    let browser = sign_in::shown(&headers, secure);
    let name = device_in(&headers);
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(FRAME_READ_MAX)
        .max_frame_size(FRAME_READ_MAX)
        .on_upgrade(move |socket| async move {
            gate.metrics.websockets.inc();
            let came = Came {
                remote: endpoints.remote.ip(),
                browser,
                name,
            };
            serve(socket, &gate, IceServers::new(reached), came, place).await;
            gate.metrics.websockets.dec();
        })
}

impl Gate {
    pub fn limit_reached(&self, limit: Limit) {
        self.metrics.limit_reached.with_label_values(&[limit.as_str()]).inc();
    }
}

/// Where a websocket comes from.
struct Came {
    remote: IpAddr,
    /// What its browser shows by which a provider signed somebody in.
    browser: Option<String>,
    /// Which browser it is, as far as it says.
    name: String,
}

async fn serve(mut socket: WebSocket, gate: &Gate, mut ice_servers: IceServers, came: Came, mut place: Place) {
    let Some((connection, mut outbox)) = greet(&mut socket, gate, came, &mut place).await else {
        return;
    };
    let how = match converse(&mut socket, gate, connection, &mut outbox, &mut ice_servers).await {
        End::Due(code, reason) => {
            close(&mut socket, code, reason).await;
            Departure::Dropped
        }
        End::Gone(how) => how,
    };
    gate.hub.detach(connection, how).await;
}

/// How a websocket ended.
enum End {
    /// From here: with this close code, if the browser is still there to read it.
    Due(u16, &'static str),
    Gone(Departure),
}

/// Takes `hello`, and attaches the websocket to a session.
async fn greet(
    socket: &mut WebSocket,
    gate: &Gate,
    Came {
        remote,
        browser,
        name: agent,
    }: Came,
    place: &mut Place,
) -> Option<(ConnectionId, mpsc::Receiver<Outgoing>)> {
    let deadline = Instant::now() + HELLO_TIMEOUT;
    let text = loop {
        match timeout_at(deadline, socket.recv()).await {
            Ok(Some(Ok(Message::Text(text)))) => break text,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Ok(Some(Ok(Message::Binary(_)))) => {
                refuse(socket, gate, None, ErrorCode::BadCommand, "commands are text frames").await;
                return None;
            }
            Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => return None,
            Err(_) => {
                gate.limit_reached(Limit::HelloTime);
                close(socket, CLOSE_POLICY, "no hello in time").await;
                return None;
            }
        }
    };
    let frame = match CommandFrame::from_json(&text) {
        Ok(frame) => frame,
        Err(bad) => {
            refuse(socket, gate, bad.reference, ErrorCode::BadCommand, &bad.message).await;
            return None;
        }
    };
    let reference = frame.reference;
    let Command::Hello {
        protocol,
        user,
        name,
        token,
        guest_of,
        resume,
    } = frame.command
    else {
        refuse(socket, gate, Some(reference), ErrorCode::NotSignedIn, "hello comes first").await;
        return None;
    };
    if protocol != PROTOCOL_VERSION {
        let message = format!("this server speaks version {PROTOCOL_VERSION} of the protocol, not {protocol}: reload the page");
        refuse(socket, gate, Some(reference), ErrorCode::BadCommand, &message).await;
        return None;
    }
    place.greeted();
    let hello = Hello {
        user,
        name,
        token,
        guest_of,
        browser,
        attach: Attach {
            identity: None,
            new_secret: None,
            missed: None,
            resume,
            reference,
            loopback: remote.is_loopback(),
            address: addresses::key(remote),
            unattended: false,
            device: None,
            browser: agent,
        },
    };
    let attached = if gate.authenticator.takes_tokens() {
        hello.attach_by_token(gate).await
    } else if gate.authenticator.provider().is_some() {
        hello.attach_by_browser(gate, place).await
    } else {
        hello.attach_as_user(gate, place).await
    };
    match attached {
        Ok(attached) => Some(attached),
        Err((code, message)) => {
            refuse(socket, gate, Some(reference), code, &message).await;
            None
        }
    }
}

/// Who a `hello` says it comes from, and what is to become of it.
struct Hello {
    user: Option<Credentials>,
    name: Option<String>,
    token: Option<String>,
    guest_of: Option<LinkId>,
    /// What the browser shows by which a provider signed somebody in.
    browser: Option<String>,
    /// Without an identity as yet.
    attach: Attach,
}

type Attached = Result<(ConnectionId, mpsc::Receiver<Outgoing>), (ErrorCode, String)>;

impl Hello {
    /// A user of ours, who is made on the first visit.
    async fn attach_as_user(self, gate: &Gate, place: &Place) -> Attached {
        if self.token.is_some() {
            let message = "this server takes no tokens (auth.mode)".to_owned();
            return Err((ErrorCode::NotAllowed, message));
        }
        self.check_may_make_user(gate, place)?;
        let (user, name, agent) = (self.user.clone(), self.name.clone(), self.attach.browser.clone());
        let presented = Presented {
            user: user.as_ref(),
            name: name.as_deref(),
            agent: &agent,
        };
        let signing_in = gate.authenticator.sign_in(presented);
        self.attach_signed_in(gate, signing_in).await
    }

    /// Somebody whom a provider has signed in with this browser; or a guest of one room, where the operator has guests.
    async fn attach_by_browser(self, gate: &Gate, place: &Place) -> Attached {
        if self.token.is_some() {
            let message = "this server takes no tokens (auth.mode)".to_owned();
            return Err((ErrorCode::NotAllowed, message));
        }
        let guest_of = self.guest_of.filter(|_| gate.authenticator.takes_guests());
        if guest_of.is_some() {
            self.check_may_make_user(gate, place)?;
        }
        let (browser, user, name) = (self.browser.clone(), self.user.clone(), self.name.clone());
        let agent = self.attach.browser.clone();
        let signing_in = async {
            let signed_in = gate.authenticator.sign_in_by_browser(browser.as_deref(), &agent).await;
            match (signed_in, guest_of) {
                (Err(AuthError::SignInNeeded), Some(room)) => {
                    let presented = Presented {
                        user: user.as_ref(),
                        name: name.as_deref(),
                        agent: &agent,
                    };
                    gate.authenticator.sign_in_as_guest(presented, room).await
                }
                (signed_in, _) => signed_in,
            }
        };
        self.attach_signed_in(gate, signing_in).await
    }

    fn check_may_make_user(&self, gate: &Gate, place: &Place) -> Result<(), (ErrorCode, String)> {
        if self.user.is_none() && !place.may_make_user(Instant::now().into_std()) {
            gate.limit_reached(Limit::UsersPerAddress);
            let message = "too many new users from this address: wait a minute".to_owned();
            return Err((ErrorCode::RateLimited, message));
        }
        Ok(())
    }

    async fn attach_signed_in(self, gate: &Gate, signing_in: impl Future<Output = Result<SignedIn, AuthError>>) -> Attached {
        let signed_in = match self.attach.resume {
            None => signing_in.await,
            Some(_) => match timeout(STORE_PATIENCE, signing_in).await {
                Err(_) | Ok(Err(AuthError::Store(_))) => return self.attach_without_store(gate).await,
                Ok(signed_in) => signed_in,
            },
        };
        let signed_in = signed_in.map_err(|error| why(&error))?;
        let attach = Attach {
            identity: Some(signed_in.identity),
            new_secret: signed_in.new_secret,
            missed: Some(signed_in.missed),
            device: signed_in.device,
            ..self.attach
        };
        attach_to(gate, attach).await
    }

    /// The store fails, or keeps one waiting: a session goes on by what proves it, and the call with it. Who has none is not told that
    /// they are nobody.
    async fn attach_without_store(self, gate: &Gate) -> Attached {
        match attach_to(gate, self.attach).await {
            Err((ErrorCode::NotSignedIn, _)) => Err((ErrorCode::NotAllowed, "the database does not answer".to_owned())),
            attached => attached,
        }
    }

    /// A session goes on by what proves it, whatever became of its token. A new one needs a token.
    async fn attach_by_token(self, gate: &Gate) -> Attached {
        if self.attach.resume.is_some() {
            let attached = attach_to(gate, self.attach.clone()).await;
            if !matches!(attached, Err((ErrorCode::NotSignedIn, _))) {
                return attached;
            }
        }
        let signed_in = gate.authenticator.sign_in_by_token(self.token.as_deref()).await;
        let signed_in = signed_in.map_err(|error| why(&error))?;
        let attach = Attach {
            identity: Some(signed_in.identity),
            missed: Some(signed_in.missed),
            resume: None,
            ..self.attach
        };
        let attached = attach_to(gate, attach).await;
        if let (Err(_), Some(used)) = (&attached, &signed_in.used) {
            gate.authenticator.give_back(used).await;
        }
        attached
    }
}

async fn attach_to(gate: &Gate, attach: Attach) -> Attached {
    let (sender, receiver) = mpsc::channel(OUTBOX_FRAMES_MAX);
    let connection = gate.hub.attach(attach, sender).await;
    let connection = connection.map_err(|error| (error.code(), error.to_string()))?;
    Ok((connection, receiver))
}

fn why(error: &AuthError) -> (ErrorCode, String) {
    let code = match error {
        AuthError::NotSignedIn | AuthError::BadToken(_) | AuthError::SignInNeeded => ErrorCode::NotSignedIn,
        AuthError::Random | AuthError::Store(_) => ErrorCode::NotAllowed,
    };
    (code, error.to_string())
}

/// Carries commands and events until either side ends it.
async fn converse(
    socket: &mut WebSocket,
    gate: &Gate,
    connection: ConnectionId,
    outbox: &mut mpsc::Receiver<Outgoing>,
    ice_servers: &mut IceServers,
) -> End {
    let mut heard = Instant::now();
    let dropped = End::Gone(Departure::Dropped);
    loop {
        tokio::select! {
            outgoing = outbox.recv() => match outgoing {
                Some(Outgoing::Frame(frame)) => {
                    if tell(socket, gate, ice_servers, *frame).await.is_none() {
                        return dropped;
                    }
                }
                Some(Outgoing::Close { code, reason }) => return End::Due(code, reason),
                None => return dropped,
            },
            incoming = timeout_at(heard + IDLE_TIMEOUT, socket.recv()) => {
                let silent = heard.elapsed();
                heard = Instant::now();
                let taken = match incoming {
                    Ok(Some(Ok(Message::Text(text)))) => match lone_ping(&text, silent) {
                        Some(pong) => match tell(socket, gate, ice_servers, pong).await {
                            Some(()) => Ok(()),
                            None => return dropped,
                        },
                        None => command(gate, connection, &text).await,
                    },
                    Ok(Some(Ok(Message::Binary(_)))) => {
                        let message = "commands are text frames".to_owned();
                        gate.hub.bad_frame(connection, None, ErrorCode::BadCommand, message).await
                    }
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => Ok(()),
                    Ok(Some(Ok(Message::Close(frame)))) => {
                        let left = frame.is_some_and(|frame| frame.code == CLOSE_GOING_AWAY);
                        return End::Gone(if left { Departure::Left } else { Departure::Dropped });
                    }
                    Ok(Some(Err(error))) => {
                        if is_too_long(&error) {
                            gate.limit_reached(Limit::FrameBytes);
                        }
                        return dropped;
                    }
                    Ok(None) => return dropped,
                    Err(_) => return End::Due(CLOSE_POLICY, "nothing was heard for too long"),
                };
                if taken.is_err() {
                    return dropped;
                }
            }
        }
    }
}

/// The answer to a ping that comes after so long a silence that it is answered here.
fn lone_ping(text: &str, silent: Duration) -> Option<EventFrame> {
    if silent < ALONE_AFTER {
        return None;
    }
    let frame = CommandFrame::from_json(text).ok()?;
    matches!(frame.command, Command::Ping {}).then_some(EventFrame {
        seq: None,
        reference: Some(frame.reference),
        event: Event::Pong { ice_servers: None },
    })
}

/// `None`: the browser is gone, or takes nothing any more.
async fn tell(socket: &mut WebSocket, gate: &Gate, ice_servers: &mut IceServers, mut frame: EventFrame) -> Option<()> {
    ice_servers.fill(&mut frame.event, gate.relay.as_ref(), Instant::now().into_std());
    send(socket, frame.to_json()).await
}

/// axum hides the type of what tungstenite says (its `Error::Capacity`), and leaves its words.
fn is_too_long(error: &axum::Error) -> bool {
    error.to_string().contains("too long")
}

/// Hands a text frame to the hub; what is no command is refused there, where the rates are counted.
async fn command(gate: &Gate, connection: ConnectionId, text: &str) -> Result<(), HubError> {
    if text.len() > FRAME_BYTES_MAX {
        gate.limit_reached(Limit::FrameBytes);
        let message = format!("a frame has at most {FRAME_BYTES_MAX} bytes");
        return gate.hub.bad_frame(connection, None, ErrorCode::TooLarge, message).await;
    }
    match CommandFrame::from_json(text) {
        Ok(frame) => gate.hub.command(connection, frame).await,
        Err(bad) => {
            gate.hub
                .bad_frame(connection, bad.reference, ErrorCode::BadCommand, bad.message)
                .await
        }
    }
}

/// An `error` event of the socket itself, which no session counts.
fn refusal(gate: &Gate, reference: Option<u32>, code: ErrorCode, message: &str) -> String {
    gate.metrics.commands_refused.with_label_values(&[code.as_str()]).inc();
    EventFrame {
        seq: None,
        reference,
        event: Event::Error {
            code,
            message: message.to_owned(),
            retry_after_s: None,
        },
    }
    .to_json()
}

async fn refuse(socket: &mut WebSocket, gate: &Gate, reference: Option<u32>, code: ErrorCode, message: &str) {
    if send(socket, refusal(gate, reference, code, message)).await.is_some() {
        close(socket, CLOSE_POLICY, code.as_str()).await;
    }
}

/// `None`: the browser is gone, or takes nothing any more.
async fn send(socket: &mut WebSocket, text: String) -> Option<()> {
    timeout(SEND_TIMEOUT, socket.send(Message::text(text))).await.ok()?.ok()
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    // It may be gone already, and then there is nobody to tell.
    let _ = timeout(SEND_TIMEOUT, socket.send(Message::Close(Some(frame)))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_ping_that_breaks_a_long_silence_is_answered_here() {
        let ping = r#"{"ref":7,"type":"ping"}"#;
        let pong = lone_ping(ping, ALONE_AFTER).expect("nobody else has to know");
        assert_eq!(pong.to_json(), r#"{"ref":7,"type":"pong"}"#);
        assert!(lone_ping(ping, Duration::from_secs(1)).is_none(), "it may be in a call");
        assert!(lone_ping(r#"{"ref":7,"type":"set_name","name":"Ada"}"#, ALONE_AFTER).is_none());
        assert!(lone_ping("no command", ALONE_AFTER).is_none());
    }
}
