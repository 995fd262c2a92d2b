//! What a side of a talk knows of its connection, and what may happen to it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What one side knows of its connection.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub address: Option<SocketAddr>,
    /// Where the server is reached, and the name of its end of the connection.
    pub server: Option<SocketAddr>,
    pub ufrag: Option<String>,
    /// What its first slot shows, and its first slot for voices plays.
    pub picture: Flow,
    pub sound: Flow,
    /// Of the connection that is there now: packets that never came, and pictures that could not be shown.
    pub missing: u64,
    pub not_shown: usize,
    /// Connections that the server gave up.
    pub lost: usize,
    /// Websockets after the first one, and what the server said of the call on the last one.
    pub resumed: usize,
    pub call: Value,
    /// When it was told that another one is about to come back, and that another one is gone.
    pub told_away: Vec<Instant>,
    pub told_gone: Vec<Instant>,
    /// Asked of the side: forget the longest gaps.
    pub(super) reset: bool,
    /// And what is to happen to it.
    pub(super) fate: Option<Fate>,
}

/// What may happen to a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It says nothing more, and its connections stay open, as of a machine without power.
    Vanish,
    /// Its datagrams come from another address, and nobody says so: a NAT forgot the one before.
    Rebind,
    /// It is in another network: nothing goes over its connections any more, its websocket is cut, and it comes back.
    Roam,
}

/// What came of a track, over all connections.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// Frames that were decoded, or packets of sound.
    pub came: usize,
    pub last: Option<Instant>,
    pub longest_gap: Duration,
    /// Of the connection that is there now.
    counted: usize,
}

impl Flow {
    pub(super) fn note(&mut self, counted: usize, now: Instant) {
        if let Some(last) = self.last {
            self.longest_gap = self.longest_gap.max(now.saturating_duration_since(last));
        }
        if counted > self.counted {
            self.came += counted - self.counted;
            self.last = Some(now);
        }
        self.counted = counted;
    }
}
