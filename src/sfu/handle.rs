//! The door of the SFU for other folders: [`SfuCommand`]s in, [`SfuEvent`]s out, and which worker has which room.

use crate::id::{ParticipantId, RoomId, Source};

/// What the rest of the server asks of the SFU.
#[derive(Debug, Clone, PartialEq)]
pub enum SfuCommand {
    /// Connect (or, with the same `attempt`, renegotiate) a participant's transport. Answered by `Answered` or `Refused`.
    Offer {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        sdp: String,
        /// Which m-line (by mid) carries which of the participant's tracks; m-lines that receive are slots.
        sources: Vec<(String, Source)>,
        /// Whether 127.0.0.1 and ::1 are worth offering as candidates to this browser.
        loopback: bool,
    },
    /// Media may flow from and to this participant (while a call rings, transports connect but carry nothing).
    Admit { room: RoomId, participant: ParticipantId },
    /// The tracks that the participant has on now.
    Publish {
        room: RoomId,
        participant: ParticipantId,
        sources: Vec<Source>,
    },
    /// The participant is gone.
    Leave { room: RoomId, participant: ParticipantId },
    /// Everybody is gone.
    CloseRoom { room: RoomId },
}

/// What the SFU tells the rest of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum SfuEvent {
    Answered {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        sdp: String,
    },
    /// The offer was beyond the limits, or not understood; nothing changed.
    Refused {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        too_large: bool,
        message: String,
    },
    /// The whole list of (mid, publisher, source) that are sent to this participant.
    SlotsChanged {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        slots: Vec<(String, ParticipantId, Source)>,
    },
    /// What is wanted of a published track: (rid, active, maximum bits per second).
    LayersWanted {
        room: RoomId,
        participant: ParticipantId,
        source: Source,
        layers: Vec<(Option<String>, bool, u32)>,
    },
    /// The transport is gone and the participant should offer again with a higher attempt.
    TransportLost {
        room: RoomId,
        participant: ParticipantId,
        attempt: u32,
        reason: LostReason,
    },
}

/// Why a transport is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LostReason {
    /// ICE or DTLS did not finish in time, or consent expired (RFC 7675 section 5.1).
    Timeout,
    /// DTLS failed.
    Handshake,
    /// It panicked, or did not come to an end within its bounds.
    Fault,
    /// The browser closed it.
    Closed,
}
