//! What belongs to a user on the wire: contacts, whom the user has blocked, and settings.

use serde::{Deserialize, Serialize};

use super::event::UserInfo;
use crate::id::{DeviceId, UserId};

/// Somebody whom a user knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Contact {
    /// With the name that this user gave.
    pub user: UserInfo,
    pub presence: Presence,
}

/// Whether somebody can be reached, as far as they show it: only where each has the other as a contact. Of anybody else, of who is not
/// there and of an id that nobody has, it is `offline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    #[default]
    Offline,
    /// A page is open, and nobody looks at it.
    Away,
    Online,
    InCall,
}

/// The presence of one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PresenceOf {
    pub user_id: UserId,
    pub presence: Presence,
}

/// A browser in which a user is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Browser {
    pub browser_id: DeviceId,
    /// Which one it is, as far as it says. Empty where that is not known.
    pub name: String,
    /// Unix milliseconds.
    #[cfg_attr(test, ts(type = "number"))]
    pub added_at_ms: u64,
    /// When a page of it came last, in Unix milliseconds.
    #[cfg_attr(test, ts(type = "number"))]
    pub seen_at_ms: u64,
    /// The one that asks.
    pub is_this: bool,
}

/// What a user has chosen, on all devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Settings {
    pub callers: Callers,
    /// Media never goes directly: nobody in a call learns this user's addresses.
    pub always_through_server: bool,
}

/// Whose calls ring. To all others, the user is as one who is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Callers {
    #[default]
    Anyone,
    Contacts,
}
