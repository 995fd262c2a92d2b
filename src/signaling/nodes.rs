//! What the hubs of several nodes say to each other, and what a hub notes of sessions that are shared between two of them.

use std::net::IpAddr;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::output::CloseReason;
use super::person::PersonChange;
use super::protocol::{CallNow, Command, CommandFrame, ErrorCode, Event, EventFrame, Link, PresenceOf, Settings, UserInfo};
use super::session::Departure;
use crate::grants::Grants;
use crate::id::{CallId, ConnectionId, DeviceId, LinkId, NodeId, RoomId, SessionId, UserId};

/// Where the websocket of a visitor is: not here.
pub fn elsewhere() -> ConnectionId {
    ConnectionId::from_random(0)
}

/// The home of a visitor, as long as it is not known.
pub fn nowhere() -> NodeId {
    NodeId::from_random(0)
}

/// What one node's hub says to another's. It comes once, and in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Word {
    /// The owner asks for the sessions of a user, to ring there. Answered by `rings` or `silent`.
    Ring {
        call: CallId,
        room: RoomId,
        caller: UserInfo,
        callee: UserId,
        /// It rings elsewhere already: somebody who is busy there is not busy for it.
        late: bool,
    },
    /// These have their call with the owner from now on.
    Rings {
        call: CallId,
        visitors: Vec<Visitor>,
    },
    /// Nobody is there who may be called; or, `busy`, somebody who has a call.
    Silent {
        call: CallId,
        busy: bool,
    },
    /// The owner does not want it to ring any more, and has told nobody of it.
    Over {
        call: CallId,
    },
    /// The owner tells a visitor something. `passing`: only if its websocket is there.
    Tell {
        session: SessionId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<u32>,
        passing: bool,
        event: Event,
    },
    /// Where a visitor's call stands after all that it was told, for a page that is loaded anew.
    Stands {
        session: SessionId,
        call: Option<CallNow>,
    },
    /// To all: who has this? Answered by `has`.
    Find {
        what: Sought,
    },
    /// `takes`: the node takes on what is new.
    Has {
        what: Sought,
        has: bool,
        takes: bool,
    },
    /// To the node that has the link: what is there to be seen of it? Answered by `answer`.
    LookAtLink {
        session: SessionId,
        reference: u32,
        link: LinkId,
        user: UserId,
        grants: Grants,
    },
    /// To the node that has the link: nobody is to come in by it any more. Answered by `answer` where that may not be, else by `revoked`.
    RevokeLink {
        session: SessionId,
        reference: u32,
        link: LinkId,
        user: UserId,
    },
    Revoked {
        session: SessionId,
        reference: u32,
    },
    /// To all: which links of this user does the node have? Answered by `links`.
    ListLinks {
        session: SessionId,
        reference: u32,
        user: UserId,
    },
    Links {
        session: SessionId,
        reference: u32,
        links: Vec<Link>,
    },
    /// To the node that has the session: a websocket wants to resume it. Answered by `opened`.
    Knock {
        /// What the sender calls the websocket.
        door: ConnectionId,
        knock: Box<Knock>,
    },
    Opened {
        door: ConnectionId,
        opens: bool,
    },
    /// What a browser sent whose session is on the other node.
    Through {
        door: ConnectionId,
        frame: CommandFrame,
    },
    /// The same, where it was no command or too large.
    BadFrame {
        door: ConnectionId,
        reference: Option<u32>,
        code: ErrorCode,
        message: String,
    },
    /// Such a websocket is gone.
    DoorShut {
        door: ConnectionId,
        how: Departure,
    },
    /// For a browser whose websocket is on the other node.
    Frame {
        door: ConnectionId,
        frame: Box<EventFrame>,
    },
    /// Its websocket is to be closed.
    Closed {
        door: ConnectionId,
        why: CloseReason,
    },
    /// To all: what a node of this name had is at the sender from here on.
    Heir {
        of: String,
    },
    /// To an heir: a session that is in a room which the heir has from here on.
    Moves {
        visit: CallId,
        visitor: Visitor,
    },
    /// To the owner of a room: the home of a visitor is the sender from here on. Answered by `stays`.
    Home {
        session: SessionId,
    },
    /// `visit`: by which it came. None: it is no visitor.
    Stays {
        session: SessionId,
        visit: Option<CallId>,
        caller: Option<UserId>,
    },
    /// What a session is told that is no visitor of the sender.
    Answer {
        session: SessionId,
        reference: u32,
        event: Event,
    },
    /// A session comes into a room of the owner by a link: it joins by this command.
    Comes {
        /// Stands for a call.
        visit: CallId,
        visitor: Visitor,
        reference: u32,
        command: Command,
    },
    /// It is a visitor no more that came by this call, or never was one.
    Released {
        session: SessionId,
        call: CallId,
    },
    /// What a visitor's browser sent.
    Command {
        session: SessionId,
        reference: u32,
        command: Command,
    },
    /// A visitor's websocket is gone, or is back.
    Detached {
        session: SessionId,
        how: Departure,
    },
    Attached {
        session: SessionId,
    },
    /// A visitor's session is over, or has given its call up.
    Left {
        session: SessionId,
    },
    /// A visitor has another name.
    Named {
        session: SessionId,
        name: String,
    },
    /// To all: a user has one more session, at which a call may ring.
    Came {
        user: UserId,
    },
    /// To all: sessions of a user are to be told this, wherever they are.
    Told {
        user: UserId,
        event: Event,
    },
    /// To all: what belongs to a user was changed, and is kept.
    Changed {
        user: UserId,
        change: PersonChange,
    },
    /// To all: a user has another name.
    Renamed {
        user: UserId,
        name: String,
    },
    /// To all: the operator keeps a user out, or does so no more.
    Barred {
        user: UserId,
        barred: bool,
    },
    /// To all: a user is to be forgotten.
    ForgetUser {
        user: UserId,
    },
    /// To all: a browser of a user was signed out.
    SignedOut {
        user: UserId,
        device: DeviceId,
    },
    /// To all: so users are here at the sender's from now on.
    Present {
        of: Vec<PresenceOf>,
    },
}

/// What is on one node, and nobody knows on which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sought {
    Link(LinkId),
    /// A session whose home is that node.
    Session(SessionId),
}

/// A `hello` that wants a session of another node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Knock {
    pub session: SessionId,
    /// What the secret of the session is kept as.
    pub proof: [u8; 32],
    pub seq: u64,
    #[serde(default)]
    pub tries: u32,
    pub reference: u32,
    /// None: only the secret proves who it is.
    pub user: Option<UserId>,
    /// The room that it is bound to, where that is known.
    pub room: Option<Option<LinkId>>,
    pub missed: Option<u32>,
    pub address: Option<IpAddr>,
    pub device: Option<DeviceId>,
    pub browser: String,
}

/// A session that another node is to treat as one of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visitor {
    pub session: SessionId,
    pub user: UserId,
    pub name: String,
    pub grants: Grants,
    pub attached: bool,
    pub unattended: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    pub settings: Settings,
    pub blocked: Vec<UserId>,
    /// It called the caller at the same time, by the command with this `ref`: that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepts: Option<Accepts>,
}

/// See [`Visitor::accepts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepts {
    pub reference: u32,
    pub through_server: bool,
}

/// What became of another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeNews {
    /// Words reach it from now on. With what it calls itself.
    Came(NodeId, String),
    /// It is not heard. Words wait.
    Away(NodeId),
    /// It is heard again, and no word was lost.
    Back(NodeId),
    /// Words that waited are lost.
    Gone(NodeId),
    /// Whether nodes can hear each other at all.
    Bus(bool),
}

/// An owner's note of a visitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Home {
    pub node: NodeId,
    /// By which it came. Who came by a link has an id here that no call has.
    pub call: CallId,
    /// Whether its websocket is there, as its home says.
    pub attached: bool,
    /// What its home was told last of where its call stands, without times.
    pub stands: Option<CallNow>,
}

/// A home's note of a session that has its call on another node.
#[derive(Debug, Clone, PartialEq)]
pub struct Abroad {
    pub owner: NodeId,
    /// Who came by a link has an id here that no call has.
    pub call: CallId,
    /// None: it has not come in yet by the link.
    pub room: Option<RoomId>,
    /// Who called. None: it came by a link.
    pub caller: Option<UserId>,
    /// The `ref` of the command by which it wants to come in by a link, until that is answered.
    pub joins: Option<u32>,
    /// That has a pass phrase, which may be a guess.
    pub guesses: bool,
    /// Where the call stood then.
    pub stands: Option<(CallNow, Instant)>,
    /// Whether the browser knows of the call.
    pub told: bool,
    /// Whether the browser knows that it is over.
    pub ended: bool,
    /// Whether the others are shown as reconnecting, because the owner is not heard.
    pub shadowed: bool,
    /// When it ends if nothing comes between.
    pub ends: Option<Ends>,
    /// Until when it rings at most.
    pub until: Option<Instant>,
}

/// See [`Abroad::ends`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    pub at: Instant,
    pub why: super::protocol::EndReason,
    /// The `ref` of the command that wished it.
    pub reference: Option<u32>,
}

impl Abroad {
    /// Of a session that was not told anything yet.
    pub fn new(owner: NodeId, call: CallId) -> Abroad {
        Abroad {
            owner,
            call,
            room: None,
            caller: None,
            joins: None,
            guesses: false,
            stands: None,
            told: false,
            ended: false,
            shadowed: false,
            ends: None,
            until: None,
        }
    }
}

impl CallNow {
    /// When it began, in milliseconds.
    fn elapsed_ms(&mut self) -> Option<&mut u32> {
        match self {
            CallNow::RingingOut { elapsed_ms, .. }
            | CallNow::Incoming { elapsed_ms, .. }
            | CallNow::Answered { elapsed_ms, .. }
            | CallNow::Joined { elapsed_ms, .. } => Some(elapsed_ms),
            CallNow::Waiting { .. } => None,
        }
    }

    /// As it stands so much later.
    pub fn later(mut self, ms: u32) -> CallNow {
        if let Some(elapsed) = self.elapsed_ms() {
            *elapsed = elapsed.saturating_add(ms);
        }
        self
    }

    /// To be compared.
    pub fn without_time(mut self) -> CallNow {
        if let Some(elapsed) = self.elapsed_ms() {
            *elapsed = 0;
        }
        self
    }
}

/// The call or the room that a command is about, if it is about one.
pub fn concerns(command: &Command) -> (Option<CallId>, Option<RoomId>) {
    match command {
        Command::Accept { call_id, .. }
        | Command::Decline { call_id }
        | Command::Cancel { call_id }
        | Command::HangUp { call_id } => (Some(*call_id), None),
        Command::Offer { room_id, .. }
        | Command::Publish { room_id, .. }
        | Command::Signal { room_id, .. }
        | Command::RequestPath { room_id, .. }
        | Command::ReportPath { room_id, .. }
        | Command::ReportQuality { room_id, .. }
        | Command::ReportHappening { room_id, .. }
        | Command::Invite { room_id, .. }
        | Command::CreateLink {
            room_id: Some(room_id), ..
        }
        | Command::Leave { room_id }
        | Command::Lock { room_id, .. }
        | Command::Admit { room_id, .. }
        | Command::Mute { room_id, .. }
        | Command::Remove { room_id, .. }
        | Command::RaiseHand { room_id, .. }
        | Command::React { room_id, .. }
        | Command::View { room_id, .. }
        | Command::Say { room_id, .. }
        | Command::EditMessage { room_id, .. }
        | Command::DeleteMessage { room_id, .. }
        | Command::SendFile { room_id, .. }
        | Command::OpenFile { room_id, .. }
        | Command::Messages { room_id, .. } => (None, Some(*room_id)),
        Command::Hello { .. }
        | Command::Ping {}
        | Command::SetName { .. }
        | Command::Call { .. }
        | Command::CreateLink { room_id: None, .. }
        | Command::RevokeLink { .. }
        | Command::ListLinks {}
        | Command::LookAtLink { .. }
        | Command::Join { .. }
        | Command::StartCheck {}
        | Command::EndCheck {}
        | Command::History { .. }
        | Command::SeeHistory {}
        | Command::CallMessages { .. }
        | Command::OpenCallFile { .. }
        | Command::CallReport { .. }
        | Command::People {}
        | Command::KeepContact { .. }
        | Command::ForgetContact { .. }
        | Command::Block { .. }
        | Command::Unblock { .. }
        | Command::Set { .. }
        | Command::SubscribePush { .. }
        | Command::UnsubscribePush { .. }
        | Command::SetAway { .. }
        | Command::Browsers {}
        | Command::SignOut { .. }
        | Command::Pair {}
        | Command::CancelPairing {}
        | Command::LookAtPairing { .. }
        | Command::UsePairing { .. }
        | Command::ForgetHistory { .. } => (None, None),
    }
}
