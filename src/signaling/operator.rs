//! What an operator's application asks of the hub, and what it is told, as data.

use std::str::FromStr;
use std::time::Duration;

use super::protocol::{Measured, UserInfo};
use super::record::PathChange;
use crate::id::{LinkId, ParseIdError, ParticipantId, RoomId, Source, UserId};

/// Which room: by its link, or by its own id where it has none. The two have the same digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomKey {
    pub link: LinkId,
    pub room: RoomId,
}

impl FromStr for RoomKey {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<RoomKey, ParseIdError> {
        Ok(RoomKey {
            link: text.parse()?,
            room: text.parse()?,
        })
    }
}

/// A room that is to be made: by a link, into which nobody has come yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomWish {
    pub name: String,
    /// PBKDF2.
    pub passphrase: Option<[u8; 32]>,
    /// For how long it lets people in.
    pub expires_in: Option<Duration>,
    pub single_use: bool,
    pub lobby: bool,
    /// Who is its host, needs neither pass phrase nor admission, and has the link among theirs.
    pub host: Option<UserId>,
}

/// What of a room is to be otherwise; what is none stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomChange {
    pub name: Option<String>,
    pub locked: Option<bool>,
    pub lobby: Option<bool>,
    /// From now on; the inner none: it does not expire.
    pub expires_in: Option<Option<Duration>>,
    /// PBKDF2; the inner none: it has none.
    pub passphrase: Option<Option<[u8; 32]>>,
}

/// A room as an operator sees it: one that people are in, or a link by which they may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSeen {
    /// What it is called for as long as it is there: its link's id, or its own where a call made it or its link was revoked.
    pub id: String,
    pub link: Option<LinkId>,
    /// None: nobody is in it.
    pub room: Option<RoomId>,
    pub by_call: bool,
    pub name: String,
    pub has_passphrase: bool,
    pub expires_in: Option<Duration>,
    pub single_use: bool,
    pub lobby: bool,
    pub locked: bool,
    pub participants: usize,
    pub waiting: usize,
    pub host: Option<UserId>,
}

/// Somebody in a room, or in its lobby.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantSeen {
    pub participant: ParticipantId,
    pub user: UserInfo,
    /// In the lobby.
    pub waiting: bool,
    pub host: bool,
    pub hand: bool,
    pub reconnecting: bool,
    pub sources: Vec<Source>,
    /// What it said last of its path; none: nothing yet, or not since the server was started.
    pub path: Option<PathChange>,
    /// What it measured last.
    pub measured: Option<Measured>,
    /// For how long it has been in.
    pub since: Option<Duration>,
}

/// A part of a list, and whether there is more behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<T> {
    pub items: Vec<T>,
    pub more: bool,
}

impl<T> Part<T> {
    /// The first of these. Whoever looks for one more than the limit learns whether there is more.
    pub fn first(mut items: Vec<T>, limit: usize) -> Part<T> {
        let more = items.len() > limit;
        items.truncate(limit);
        Part { items, more }
    }
}

/// Why an operator's wish was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("there is no such room")]
    NoSuchRoom,
    #[error("nobody like that is in the room")]
    NoSuchParticipant,
    #[error("nobody is in the room: only a room that people are in can be locked")]
    NobodyIn,
    #[error("the room has no link: it has no lobby, pass phrase or expiry")]
    NoLink,
    #[error("the server has as many links as it may, or this host has: end some rooms")]
    TooManyLinks,
    #[error("the server is going down")]
    Stopping,
}
