//! The record of a call: over which paths and protocols its media went, when, and why.

use std::fmt;
use std::time::Duration;

use super::protocol::{Path, PathProtocol, PathReason};
use crate::id::ParticipantId;

/// Browsers change paths every few seconds at the worst; what comes after so many changes is only counted.
pub const ENTRIES_MAX: usize = 64;

/// A path, what carries it, and why it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathChange {
    pub path: Path,
    /// Not every browser can tell.
    pub protocol: Option<PathProtocol>,
    /// Whether our relay lies between: then `protocol` is what reaches that.
    pub relayed: bool,
    pub reason: PathReason,
}

impl PathChange {
    /// The name in metrics, and in logs, where a relay is said beside it.
    pub fn protocol_name(&self) -> &'static str {
        self.protocol.map_or("unknown", PathProtocol::as_str)
    }
}

/// What a participant reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Since the answer.
    pub after: Duration,
    pub by: ParticipantId,
    pub change: PathChange,
}

/// All reports of one call, oldest first. Its text names nobody: each change once, in the order of first use, with how often it was
/// reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    entries: Vec<Entry>,
    left_out: u32,
}

impl Record {
    pub fn note(&mut self, entry: Entry) {
        if self.entries.len() < ENTRIES_MAX {
            self.entries.push(entry);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many came after the list was full.
    pub fn left_out(&self) -> u32 {
        self.left_out
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Entry { change, .. }) in self.entries.iter().enumerate() {
            if self.entries[..n].iter().any(|before| before.change == *change) {
                continue;
            }
            let separator = if n == 0 { "" } else { ", " };
            let (path, protocol, reason) = (change.path.as_str(), change.protocol_name(), change.reason.as_str());
            let relay = if change.relayed { "+relay" } else { "" };
            write!(f, "{separator}{path}/{protocol}{relay} {reason}")?;
            let times = self.entries.iter().filter(|entry| entry.change == *change).count();
            if times > 1 {
                write!(f, " x{times}")?;
            }
        }
        if self.left_out > 0 {
            write!(f, ", {} more", self.left_out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(path: Path, protocol: Option<PathProtocol>, reason: PathReason) -> Entry {
        Entry {
            after: Duration::from_millis(400),
            by: ParticipantId::from_random(1),
            change: PathChange {
                path,
                protocol,
                relayed: false,
                reason,
            },
        }
    }

    #[test]
    fn the_text_has_each_change_once_in_order_and_nobody_in_it() {
        let mut record = Record::default();
        assert_eq!(record.to_string(), "");
        let first = report(Path::Forwarded, Some(PathProtocol::Udp), PathReason::FirstMedia);
        let direct = report(Path::Direct, Some(PathProtocol::Udp), PathReason::DirectReady);
        let back = report(Path::Forwarded, None, PathReason::DirectStalled);
        let mut relayed = first;
        relayed.change.relayed = true;
        for change in [first, first, direct, back, direct, relayed] {
            record.note(change);
        }
        assert_eq!(
            record.to_string(),
            "forwarded/udp first_media x2, direct/udp direct_ready x2, forwarded/unknown direct_stalled, \
             forwarded/udp+relay first_media"
        );
    }

    #[test]
    fn the_list_is_bounded_and_counts_what_it_left_out() {
        let mut record = Record::default();
        let change = report(Path::Forwarded, Some(PathProtocol::Tcp), PathReason::UdpLoss);
        for _ in 0..ENTRIES_MAX + 3 {
            record.note(change);
        }
        assert_eq!((record.entries().len(), record.left_out()), (ENTRIES_MAX, 3));
        assert_eq!(record.to_string(), "forwarded/tcp udp_loss x64, 3 more");
    }
}
