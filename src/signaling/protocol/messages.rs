//! What is written in rooms, on the wire.

use serde::{Deserialize, Serialize};

use super::event::UserInfo;
use crate::id::{MessageId, ParticipantId};

/// Something written in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Message {
    /// Its place in the order of the room, from 1 without gaps.
    #[cfg_attr(test, ts(type = "number"))]
    pub number: u64,
    /// Chosen by the sender.
    pub message_id: MessageId,
    /// Who wrote it, with the name of then.
    pub user: UserInfo,
    pub participant_id: ParticipantId,
    /// When it was kept, in Unix milliseconds.
    #[cfg_attr(test, ts(type = "number"))]
    pub at_ms: i64,
    /// Empty where it was deleted.
    pub text: String,
    pub edited: bool,
    pub deleted: bool,
}
