//! What of the hub an operator or a test may set.

use std::time::Duration;

/// Times and limits of signaling.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// For how long a call rings.
    pub ring_timeout: Duration,
    /// For how long a session waits for its websocket to come back; an answered call ends then.
    pub resume_grace: Duration,
    /// For how long a call rings on after its caller's websocket went.
    pub caller_grace: Duration,
    /// After which time without a websocket a participant is shown as reconnecting: a quick resume is not worth a flicker.
    pub reconnecting_after: Duration,
    /// For how long the session of a page that was left waits in an answered call: long enough for a reload.
    pub leave_grace: Duration,
    /// For how long the browser of a session in a call may say nothing, before its websocket counts as gone.
    pub call_silence: Duration,
    /// After which time a room that is one of two again may have a direct connection again.
    pub direct_again_after: Duration,
    /// In one room.
    pub participants_per_room_max: usize,
    /// On this node.
    pub sessions_max: usize,
    /// A person with more open tabs than this is not a person.
    pub sessions_per_user_max: usize,
    /// Whether the operator's application is told what happens.
    pub tells_application: bool,
    /// Whether a user comes to one more browser by a code of another one.
    pub pairs: bool,
    /// What may be kept of files in chats. None: there are none.
    pub files: Option<FileBounds>,
}

/// How many bytes files in chats may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileBounds {
    /// One.
    pub file_bytes_max: u64,
    /// All of one user.
    pub user_bytes_max: u64,
    /// All.
    pub bytes_max: u64,
}

impl Default for HubConfig {
    fn default() -> HubConfig {
        HubConfig {
            ring_timeout: Duration::from_secs(45),
            resume_grace: Duration::from_secs(15),
            caller_grace: Duration::from_secs(3),
            reconnecting_after: Duration::from_secs(2),
            leave_grace: Duration::from_secs(5),
            call_silence: Duration::from_secs(3),
            direct_again_after: Duration::from_secs(3),
            participants_per_room_max: 50,
            sessions_max: 20_000,
            sessions_per_user_max: 16,
            tells_application: false,
            pairs: true,
            files: Some(FileBounds {
                file_bytes_max: 25 << 20,
                user_bytes_max: 250 << 20,
                bytes_max: 2 << 30,
            }),
        }
    }
}
