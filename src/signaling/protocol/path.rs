//! How media flows, and why.

use serde::{Deserialize, Serialize};

/// How media flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// Browser to browser.
    Direct,
    /// Through this server's SFU.
    Forwarded,
}

/// What carries a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PathProtocol {
    Udp,
    Tcp,
    Tls,
}

/// Why a path is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PathReason {
    /// It brought the first media of the call.
    FirstMedia,
    /// The direct connection came up.
    DirectReady,
    /// The direct connection could not be made, or was lost.
    DirectLost,
    /// Nothing arrived on the direct path for too long.
    DirectStalled,
    /// One of the two asked to be always through the server.
    AlwaysThroughServer,
    /// Too many packets were lost on the other path.
    Loss,
    /// Answers took too long on the other path.
    RoundTrip,
    /// The direct path is well again.
    DirectRecovered,
    /// Too many packets were lost over UDP on the forwarded path: it goes over TCP.
    UdpLoss,
    /// Nothing came through over UDP on the forwarded path any more.
    UdpDead,
    /// The forwarded path goes over UDP again.
    UdpRecovered,
    /// More than two are in the room.
    Group,
}
