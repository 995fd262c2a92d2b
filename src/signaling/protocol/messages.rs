//! What is written in rooms, on the wire.

use serde::{Deserialize, Serialize};

use super::event::UserInfo;
use crate::files::FileKind;
use crate::id::{FileId, MessageId, ParticipantId};

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
    /// Empty where it was deleted, and where a file says it all.
    pub text: String,
    pub edited: bool,
    pub deleted: bool,
    /// What came along with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub file: Option<FileInfo>,
}

/// A file in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FileInfo {
    pub file_id: FileId,
    /// Without a path, and without what could mislead a reader.
    pub name: String,
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes: u64,
    /// By its first bytes.
    pub kind: FileKind,
    /// Whether it can still be had: files are kept for a shorter time than what is written.
    pub kept: bool,
}
