//! Rooms on the wire: links, the lobby, and what is true of a whole room.

use serde::{Deserialize, Serialize};

use super::event::UserInfo;
use crate::id::{LinkId, ParticipantId, RoomId};

/// What the maker of a link asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LinkWish {
    /// Of the room; empty is allowed. Cleaned and cut like a user's name.
    #[serde(default)]
    pub name: String,
    /// Whoever joins has to know it.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub passphrase: Option<String>,
    /// For how long it lets people in; none: until it is revoked.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub expires_in_s: Option<u32>,
    /// It lets in one participant, who is not its maker, and then no one any more.
    #[serde(default)]
    pub single_use: bool,
    /// Whoever joins waits until a host admits them.
    #[serde(default)]
    pub lobby: bool,
}

/// A link as its maker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Link {
    /// The page is `/r/<link_id>`.
    pub link_id: LinkId,
    pub name: String,
    pub has_passphrase: bool,
    /// Seconds from now; none: it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub expires_in_s: Option<u32>,
    pub single_use: bool,
    pub lobby: bool,
    /// How many are in the room now.
    pub participants: u32,
}

/// A link as whoever has it sees it before joining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LinkPreview {
    pub link_id: LinkId,
    pub name: String,
    pub has_passphrase: bool,
    pub lobby: bool,
    pub locked: bool,
    pub participants: u32,
    /// Whether this user made it, and so is a host who needs neither pass phrase nor admission.
    pub mine: bool,
}

/// What is true of a whole room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RoomInfo {
    pub room_id: RoomId,
    /// Empty where it has none.
    pub name: String,
    /// By which more people may come; none: they can only be invited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub link_id: Option<LinkId>,
    /// Nobody comes in by the link any more.
    pub locked: bool,
    /// Those who come by the link wait to be admitted.
    pub lobby: bool,
}

/// Somebody in the lobby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Waiting {
    /// What they will be in the room.
    pub participant_id: ParticipantId,
    pub user: UserInfo,
}

/// Why a session that came by a link is not in the room any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// It said `leave`.
    Left,
    /// A host removed it.
    Removed,
    /// A host did not admit it.
    Refused,
    /// Its websocket did not come back in time.
    ConnectionLost,
    /// The room was closed: nobody is left who could admit, or the server lost it.
    Closed,
}

/// What a participant may show for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    ThumbsUp,
    Applause,
    Heart,
    Laughter,
    Surprise,
    Party,
}
