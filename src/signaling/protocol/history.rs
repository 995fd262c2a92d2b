//! The history of a user's calls on the wire.

use serde::{Deserialize, Serialize};

use super::event::{EndReason, UserInfo};
use crate::id::CallId;

/// A call that is over, as its user had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HistoryRow {
    pub call_id: CallId,
    /// The other, with the name that they had then (empty where it was not known).
    pub user: UserInfo,
    pub direction: Direction,
    /// Unix milliseconds.
    #[cfg_attr(test, ts(type = "number"))]
    pub rang_at_ms: i64,
    pub reason: EndReason,
    pub answered: bool,
    /// Milliseconds.
    #[cfg_attr(test, ts(type = "number"))]
    pub talked_ms: i64,
    /// It was for this user, and nobody answered.
    pub missed: bool,
    /// Of a missed one: the user knows of it.
    pub seen: bool,
    /// Whether something was written in it: `call_messages` has it.
    pub chat: bool,
    /// Whether there is a report of it: `call_report` has it.
    pub report: bool,
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// This user called.
    Made,
    Received,
}

/// A place in a history: calls are in the order of ringing, and those of one moment in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HistoryPlace {
    #[cfg_attr(test, ts(type = "number"))]
    pub rang_at_ms: i64,
    pub call_id: CallId,
}
