//! One WHIP or WHEP resource (D), from its request to its end: a session of the hub without a websocket, so that every rule about
//! rooms holds for it as for a page.

#![expect(clippy::disallowed_methods, reason = "a driver: it owns a task for each resource")]

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, timeout};

use super::offer::{self, Credentials, Offered, Side};
use super::resources::{Ask, Registered};
use super::sdpfrag::{self, Fragment};
use crate::auth;
use crate::grants::Grants;
use crate::http::addresses::ResourcePlace;
use crate::id::{ConnectionId, LinkId, ParticipantId, RoomId, SessionId, UserId};
use crate::signaling::driver::{HubError, HubHandle, OUTBOX_FRAMES_MAX, Outgoing};
use crate::signaling::hub::{Attach, Identity};
use crate::signaling::person::Person;
use crate::signaling::protocol::{Command, CommandFrame, ErrorCode, Event, EventFrame, Participant, SourceLine};
use crate::signaling::session::Departure;
use crate::view::View;

/// From the request to the answer. A pass phrase costs the store a moment.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// The SFU answers an offer within milliseconds; the hub gives up a session that says nothing for 3 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The hub expects a session in a room to be heard of, as it does of a page.
const PING_EVERY: Duration = Duration::from_secs(1);

/// There is one forwarded connection in the life of a resource.
const ATTEMPT: u32 = 1;

/// What a request wants.
pub struct Wish {
    pub side: Side,
    pub link: LinkId,
    pub user: UserId,
    pub grants: Grants,
    /// What belongs to the user.
    pub person: Person,
    /// Of the new participant.
    pub name: String,
    /// Somebody chose it, so nobody else in the room may have it.
    pub name_is_chosen: bool,
    /// Only this participant is watched: an id, or a name.
    pub watched: Option<String>,
    pub passphrase: Option<String>,
    pub offered: Offered,
    /// Whether the client runs on this machine.
    pub loopback: bool,
}

/// A resource that is there.
#[derive(Debug)]
pub struct Opened {
    pub id: String,
    pub session: SessionId,
    pub etag: String,
    /// The answer.
    pub sdp: String,
}

/// Why there is no resource, or no ICE restart.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error("{message}")]
    Command { code: ErrorCode, message: String },
    #[error("whoever comes by this link has to be admitted by a host, and this cannot wait for that")]
    Lobby,
    #[error("somebody in the room has this name")]
    NameTaken,
    #[error("nobody in the room has this id or name")]
    NoSuchParticipant,
    #[error("{0}")]
    Busy(String),
    #[error("the session ended")]
    Over,
    #[error("the server did not answer in time")]
    Slow,
    #[error("no random numbers")]
    NoRandom,
}

/// What a PATCH did.
#[derive(Debug, PartialEq, Eq)]
pub enum Patched {
    Trickled,
    Restarted { etag: String, fragment: String },
}

/// Why a PATCH did nothing.
#[derive(Debug)]
pub enum Unpatched {
    /// It has to say which ICE session it is about (RFC 6585 section 3).
    NoIfMatch,
    /// It is about another ICE session.
    OtherSession {
        etag: String,
    },
    Refused(Refused),
}

/// Starts the task of a resource, and waits until it is there.
///
/// # Errors
/// Why it is not.
pub async fn open(hub: HubHandle, wish: Wish, place: ResourcePlace, registered: Registered) -> Result<Opened, Refused> {
    let (opened, answer) = oneshot::channel();
    // A task of its own, since the request may go away at any moment and the hub has to be told then.
    tokio::spawn(run(hub, wish, place, registered, opened));
    answer.await.unwrap_or(Err(Refused::Over))
}

async fn run(
    hub: HubHandle,
    wish: Wish,
    _place: ResourcePlace,
    mut registered: Registered,
    opened: oneshot::Sender<Result<Opened, Refused>>,
) {
    let identity = Identity {
        user_id: wish.user,
        name: wish.name.clone(),
        grants: wish.grants,
        person: wish.person.clone(),
    };
    let mut conversation = match Conversation::begin(hub, identity, wish.loopback).await {
        Ok(conversation) => conversation,
        Err(refused) => {
            // Whoever asked may be gone.
            let _ = opened.send(Err(refused));
            return;
        }
    };
    match timeout(OPEN_WITHIN, enter(&mut conversation, wish))
        .await
        .unwrap_or(Err(Refused::Slow))
    {
        Ok((mut resource, sdp)) => {
            let answer = Opened {
                id: registered.id.clone(),
                session: conversation.session,
                etag: resource.etag.clone(),
                sdp,
            };
            if opened.send(Ok(answer)).is_ok() {
                let done = resource.serve(&mut conversation, &mut registered.asks).await;
                drop(registered);
                conversation.end().await;
                if let Some(done) = done {
                    let _ = done.send(());
                }
            } else {
                conversation.end().await;
            }
        }
        Err(refused) => {
            conversation.end().await;
            let _ = opened.send(Err(refused));
        }
    }
}

/// Joins the room, and connects.
async fn enter(conversation: &mut Conversation, wish: Wish) -> Result<(Resource, String), Refused> {
    let join = Command::Join {
        link_id: wish.link,
        passphrase: wish.passphrase,
        // Whoever is not a browser with our page speaks no other path.
        always_through_server: true,
    };
    let (room, participants) = match conversation.ask(join).await? {
        Event::RoomJoined { room, participants, .. } => (room.room_id, participants),
        Event::LobbyEntered { room, .. } => {
            conversation.room = Some(room.room_id);
            return Err(Refused::Lobby);
        }
        _ => return Err(Refused::Over),
    };
    conversation.room = Some(room);
    // Who lost the connection to us comes back under the same name.
    let mut here = participants.iter().filter(|p| !p.reconnecting);
    if wish.name_is_chosen && here.any(|p| p.user.name == wish.name) {
        return Err(Refused::NameTaken);
    }
    let watched = match wish.watched {
        None => None,
        Some(wanted) => Some(Watched::find(wanted, &participants).ok_or(Refused::NoSuchParticipant)?),
    };
    let Offered {
        sdp: offer,
        sources,
        credentials,
    } = wish.offered;
    let published = sources.iter().map(|line| line.source).collect();
    let answer = conversation
        .ask(Command::Offer {
            room_id: room,
            attempt: ATTEMPT,
            sdp: offer.clone(),
            sources: sources.clone(),
        })
        .await
        .map_err(busy)?;
    let Event::OfferAnswered { sdp, .. } = answer else {
        return Err(Refused::Over);
    };
    match wish.side {
        Side::Publish => {
            let publish = Command::Publish {
                room_id: room,
                sources: published,
            };
            conversation.say(publish).await?;
        }
        Side::Watch => {
            let view = watched.as_ref().map_or(View::Speaker, Watched::view);
            conversation.say(Command::View { room_id: room, view }).await?;
        }
    }
    let resource = Resource {
        room,
        offer,
        sources,
        credentials,
        etag: new_etag()?,
        watched,
    };
    Ok((resource, sdp))
}

/// A session makes one connection, so it is others who make too many.
fn busy(refused: Refused) -> Refused {
    match refused {
        Refused::Command {
            code: ErrorCode::RateLimited,
            message,
        } => Refused::Busy(message),
        refused => refused,
    }
}

/// Whom a WHEP viewer watches.
struct Watched {
    participant_id: ParticipantId,
    /// It was asked for by name: whoever comes in under it is watched next, such as a publisher that connects again.
    name: Option<String>,
}

impl Watched {
    fn find(wanted: String, participants: &[Participant]) -> Option<Watched> {
        let by_id = participants.iter().find(|p| p.participant_id.to_string() == wanted);
        if let Some(found) = by_id {
            return Some(Watched {
                participant_id: found.participant_id,
                name: None,
            });
        }
        let found = participants.iter().find(|p| p.user.name == wanted)?;
        Some(Watched {
            participant_id: found.participant_id,
            name: Some(wanted),
        })
    }

    fn view(&self) -> View {
        View::Participant {
            participant_id: self.participant_id,
        }
    }
}

/// A resource that is open.
struct Resource {
    room: RoomId,
    /// The last one that was answered.
    offer: String,
    sources: Vec<SourceLine>,
    /// The client's, of the ICE session.
    credentials: Credentials,
    /// Of the ICE session (RFC 9725 section 4.3.1).
    etag: String,
    watched: Option<Watched>,
}

impl Resource {
    /// Until it is over; who wants to know when it is.
    async fn serve(&mut self, conversation: &mut Conversation, asks: &mut mpsc::Receiver<Ask>) -> Option<oneshot::Sender<()>> {
        let mut ping = interval(PING_EVERY);
        loop {
            tokio::select! {
                frame = conversation.next() => {
                    if self.hear(conversation, frame?.event).await.is_err() {
                        return None;
                    }
                }
                ask = asks.recv() => match ask? {
                    Ask::End { done } => return Some(done),
                    Ask::Patch { if_match, fragment, reply } => {
                        let patched = self.patch(conversation, if_match.as_deref(), fragment).await;
                        let is_over = matches!(patched, Err(Unpatched::Refused(Refused::Over | Refused::Hub(_))));
                        // Whoever asked may be gone.
                        let _ = reply.send(patched);
                        if is_over {
                            return None;
                        }
                    }
                },
                _ = ping.tick() => {
                    if conversation.say(Command::Ping {}).await.is_err() {
                        return None;
                    }
                }
            }
        }
    }

    async fn hear(&mut self, conversation: &mut Conversation, event: Event) -> Result<(), Refused> {
        if is_end(&event) {
            return Err(Refused::Over);
        }
        let command = match event {
            // Nobody is here to answer.
            Event::IncomingCall { call_id, .. } => Command::Decline { call_id },
            Event::ParticipantJoined { participant, .. } => {
                let name = participant.user.name;
                match self.watched.as_mut().filter(|watched| watched.name.as_ref() == Some(&name)) {
                    Some(watched) => {
                        watched.participant_id = participant.participant_id;
                        Command::View {
                            room_id: self.room,
                            view: watched.view(),
                        }
                    }
                    None => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        conversation.say(command).await?;
        Ok(())
    }

    async fn patch(
        &mut self,
        conversation: &mut Conversation,
        if_match: Option<&str>,
        fragment: Fragment,
    ) -> Result<Patched, Unpatched> {
        if !matches(if_match.ok_or(Unpatched::NoIfMatch)?, &self.etag) {
            let etag = self.etag.clone();
            return Err(Unpatched::OtherSession { etag });
        }
        let Some(credentials) = fragment.credentials.filter(|new| *new != self.credentials) else {
            return Ok(Patched::Trickled);
        };
        self.restart(conversation, credentials).await.map_err(Unpatched::Refused)
    }

    /// An ICE restart is the last offer once more, with other credentials. Where it is refused, all stays as it was.
    async fn restart(&mut self, conversation: &mut Conversation, credentials: Credentials) -> Result<Patched, Refused> {
        let etag = new_etag()?;
        let sdp = offer::restarted(&self.offer, &credentials);
        let again = Command::Offer {
            room_id: self.room,
            attempt: ATTEMPT,
            sdp: sdp.clone(),
            sources: self.sources.clone(),
        };
        let answered = timeout(ANSWER_WITHIN, conversation.ask(again)).await;
        let Event::OfferAnswered { sdp: answer, .. } = answered.unwrap_or(Err(Refused::Slow))? else {
            return Err(Refused::Over);
        };
        self.offer = sdp;
        self.credentials = credentials;
        self.etag.clone_from(&etag);
        let fragment = sdpfrag::of_answer(&answer);
        Ok(Patched::Restarted { etag, fragment })
    }
}

/// Whether it is over. An encoder never hangs up by itself, so a server that is to stop does not wait for it.
fn is_end(event: &Event) -> bool {
    matches!(
        event,
        Event::TransportLost { .. } | Event::RoomLeft { .. } | Event::CallEnded { .. } | Event::ServerStopping {}
    )
}

/// A strong entity tag (RFC 9110 section 8.8.3).
fn new_etag() -> Result<String, Refused> {
    let random = auth::random_secret().map_err(|_| Refused::NoRandom)?;
    Ok(format!("\"{random}\""))
}

/// RFC 9110 section 13.1.1. Weak tags never match.
fn matches(if_match: &str, etag: &str) -> bool {
    if_match.split(',').map(str::trim).any(|tag| tag == "*" || tag == etag)
}

/// A session of the hub, as its websocket would see it.
struct Conversation {
    hub: HubHandle,
    connection: ConnectionId,
    session: SessionId,
    outbox: mpsc::Receiver<Outgoing>,
    /// Of the last command.
    reference: u32,
    /// What came while an answer was waited for.
    held: VecDeque<EventFrame>,
    room: Option<RoomId>,
}

impl Conversation {
    async fn begin(hub: HubHandle, identity: Identity, loopback: bool) -> Result<Conversation, Refused> {
        let (sender, outbox) = mpsc::channel(OUTBOX_FRAMES_MAX);
        let attach = Attach {
            identity: Some(identity),
            new_secret: None,
            missed: Some(0),
            resume: None,
            reference: 0,
            loopback,
            // It calls nobody.
            address: None,
            unattended: true,
            device: None,
            browser: String::new(),
        };
        let connection = hub.attach(attach, sender).await?;
        let mut conversation = Conversation {
            hub,
            connection,
            session: SessionId::from_random(0),
            outbox,
            reference: 0,
            held: VecDeque::new(),
            room: None,
        };
        match conversation.next().await.map(|frame| frame.event) {
            Some(Event::Welcome { session_id, .. }) => conversation.session = session_id,
            _ => return Err(Refused::Over),
        }
        Ok(conversation)
    }

    /// Sends a command; its `ref`.
    async fn say(&mut self, command: Command) -> Result<u32, Refused> {
        self.reference += 1;
        let frame = CommandFrame {
            reference: self.reference,
            command,
        };
        self.hub.command(self.connection, frame).await?;
        Ok(self.reference)
    }

    /// Sends a command, and waits for what answers it.
    async fn ask(&mut self, command: Command) -> Result<Event, Refused> {
        let reference = self.say(command).await?;
        loop {
            let frame = self.take().await.ok_or(Refused::Over)?;
            if frame.reference != Some(reference) {
                if is_end(&frame.event) || self.held.len() >= OUTBOX_FRAMES_MAX {
                    return Err(Refused::Over);
                }
                self.held.push_back(frame);
                continue;
            }
            return match frame.event {
                Event::Error { code, message, .. } => Err(Refused::Command { code, message }),
                event => Ok(event),
            };
        }
    }

    /// The next event; none: the hub has closed it.
    async fn next(&mut self) -> Option<EventFrame> {
        match self.held.pop_front() {
            Some(frame) => Some(frame),
            None => self.take().await,
        }
    }

    async fn take(&mut self) -> Option<EventFrame> {
        match self.outbox.recv().await? {
            Outgoing::Frame(frame) => Some(*frame),
            Outgoing::Close { .. } => None,
        }
    }

    async fn end(mut self) {
        if let Some(room_id) = self.room {
            // Where the hub is gone, so is the room.
            let _ = self.say(Command::Leave { room_id }).await;
        }
        self.hub.detach(self.connection, Departure::Left).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_matches_as_a_whole_or_by_a_star() {
        let etag = "\"abc\"";
        for (if_match, fine) in [
            ("*", true),
            ("\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("abc", false),
            ("W/\"abc\"", false),
            ("\"abcd\"", false),
            ("", false),
        ] {
            assert_eq!(matches(if_match, etag), fine, "{if_match}");
        }
    }
}
