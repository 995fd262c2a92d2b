//! The report of a call on the wire: what pages measure and notice, and what the server makes of it and of what it knows itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{EndReason, UserInfo};
use super::path::{Path, PathProtocol, PathReason};
use super::rooms::LeaveReason;
use crate::id::{CallId, ParticipantId};

/// What a page measured of the connection that brings what it shows, over some seconds. What it cannot tell is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Measured {
    #[schema(value_type = String)]
    pub path: Path,
    /// Over how many milliseconds, 1 to 60,000.
    #[schema(minimum = 1, maximum = 60_000)]
    pub lasted_ms: u32,
    /// Packets that did not arrive here, in thousandths of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional = nullable))]
    #[schema(maximum = 1000)]
    pub received_loss_permille: Option<u16>,
    /// The same of what was sent, as its receiver says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional = nullable))]
    #[schema(maximum = 1000)]
    pub sent_loss_permille: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional = nullable))]
    pub jitter_ms: Option<u16>,
    /// To the other browser or to the server, whichever the path leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional = nullable))]
    pub round_trip_ms: Option<u16>,
    /// Pictures that were decoded, of all the videos together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional = nullable))]
    pub frames_per_s: Option<u16>,
    /// For how much of the time a picture stood still, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional = nullable))]
    #[schema(maximum = 1000)]
    pub frozen_permille: Option<u16>,
}

/// What happened to a participant's devices, page and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    MicrophoneSwitched,
    CameraSwitched,
    /// It was unplugged or taken away, and nothing took its place.
    MicrophoneLost,
    CameraLost,
    /// By the system or by a button on the device, not by the page.
    MicrophoneSilenced,
    CameraSilenced,
    MicrophoneRestored,
    CameraRestored,
    /// Nobody sees the page.
    PageHidden,
    PageShown,
    /// From here on, what the server notes itself.
    MicrophoneOn,
    MicrophoneOff,
    CameraOn,
    CameraOff,
    ScreenShared,
    ScreenEnded,
    /// The websocket was gone.
    Away,
    Back,
    /// The server gave up the forwarded connection.
    MediaLost,
}

/// The report of a call: of the room that it led to, from the first ringing to the end. Times in it are milliseconds since it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallReport {
    /// Unix milliseconds.
    #[cfg_attr(test, ts(type = "number"))]
    pub began_at_ms: i64,
    #[cfg_attr(test, ts(type = "number"))]
    pub lasted_ms: u64,
    /// Whether the room is over; else this is what there is so far.
    pub over: bool,
    /// The calls that led there: the one that made the room, and those by which more people came.
    pub calls: Vec<ReportedCall>,
    /// In the order of coming.
    pub participants: Vec<ReportedParticipant>,
    /// When it was bad, and whose side that was, in the order of time.
    pub spells: Vec<BadSpell>,
    /// When the server was started again.
    #[cfg_attr(test, ts(type = "Array<number>"))]
    pub restarts_ms: Vec<u64>,
    /// What there was no place for any more.
    pub left_out: u32,
}

/// When a call rang, was answered, and was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportedCall {
    #[schema(value_type = String)]
    pub call_id: CallId,
    #[cfg_attr(test, ts(type = "number"))]
    pub rang_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub answered_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub over_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    #[schema(value_type = Option<String>)]
    pub reason: Option<EndReason>,
}

/// A participant: paths, measurements and what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportedParticipant {
    #[schema(value_type = String)]
    pub participant_id: ParticipantId,
    pub user: UserInfo,
    #[cfg_attr(test, ts(type = "number"))]
    pub came_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "number"))]
    pub left_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    #[schema(value_type = Option<String>)]
    pub left_reason: Option<LeaveReason>,
    /// From coming in to the first decoded media, as the page measured it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub setup_ms: Option<u32>,
    pub paths: Vec<ReportedPath>,
    pub measured: Vec<ReportedMeasure>,
    pub marks: Vec<Mark>,
}

/// A path for as long as it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportedPath {
    #[cfg_attr(test, ts(type = "number"))]
    pub from_ms: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub until_ms: u64,
    #[schema(value_type = String)]
    pub path: Path,
    /// Not every browser can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    #[schema(value_type = Option<String>)]
    pub protocol: Option<PathProtocol>,
    /// Whether this server's relay (TURN) lay between: then `protocol` is what reached that.
    #[serde(default)]
    pub relayed: bool,
    /// Why it was taken.
    #[schema(value_type = String)]
    pub reason: PathReason,
}

/// What was measured over the time before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportedMeasure {
    #[cfg_attr(test, ts(type = "number"))]
    pub at_ms: u64,
    pub measured: Measured,
}

/// Something that happened at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Mark {
    #[cfg_attr(test, ts(type = "number"))]
    pub at_ms: u64,
    pub what: Happening,
}

/// A time in which it was bad: packets were lost, or answers took too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BadSpell {
    #[cfg_attr(test, ts(type = "number"))]
    pub from_ms: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub until_ms: u64,
    /// Whose side it was; none: what lies between.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    #[schema(value_type = Option<String>)]
    pub participant_id: Option<ParticipantId>,
    /// On average, in thousandths.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub loss_permille: Option<u16>,
    /// On average.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub round_trip_ms: Option<u16>,
}
