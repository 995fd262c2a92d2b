//! What happened to calls, rooms and the people in them, as the operator's application is told of it.

use std::time::Duration;

use super::protocol::{EndReason, LeaveReason};
use crate::id::{CallId, LinkId, MessageId, ParticipantId, RoomId, UserId};

/// A call, and who it is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallOf {
    pub call: CallId,
    /// None: it never rang.
    pub room: Option<RoomId>,
    pub caller: UserId,
    pub callee: UserId,
}

/// A room, and the link by which it is reached if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomOf {
    pub room: RoomId,
    pub link: Option<LinkId>,
}

/// Somebody in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    pub at: RoomOf,
    pub participant: ParticipantId,
    pub user: UserId,
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// It rings.
    CallStarted {
        of: CallOf,
        /// Into a room that was there before.
        invitation: bool,
    },
    CallAnswered {
        of: CallOf,
        rang: Duration,
    },
    /// Once for each call, also for one that never rang.
    CallEnded {
        of: CallOf,
        answered: bool,
        reason: EndReason,
        lasted: Duration,
    },
    /// Whoever was called did not answer, and did not decline. Known to the store, which knows whether they are to be told.
    CallMissed {
        of: CallOf,
        reason: EndReason,
    },
    /// Somebody is in it.
    RoomStarted(RoomOf),
    /// Nobody is in it any more.
    RoomEnded(RoomOf),
    ParticipantJoined(Presence),
    ParticipantLeft {
        who: Presence,
        reason: LeaveReason,
    },
    /// It is kept.
    Message {
        room: RoomId,
        number: u64,
        message: MessageId,
        participant: ParticipantId,
        user: UserId,
        text: String,
        /// What came along: its name, and its bytes.
        file: Option<(String, u64)>,
    },
}
