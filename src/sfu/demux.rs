//! Whose a datagram is (RFC 7983): STUN by the ufrag that it names, all else by its source address, which a transport must have
//! verified by ICE before. Two look-ups at most, and never a search.

use std::collections::HashMap;

use super::counters::Drop;
use super::flow::{End, Flow, Via};
use super::stun::{self, BindingRequest};

/// A transport's place in its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransportKey(pub u32);

/// The transport of a participant, and which of its attempts to connect it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub key: TransportKey,
    pub attempt: u32,
}

/// Verified ends of one transport: a browser has a few, an attacker with its credentials has no use for more.
const ENDS_MAX: usize = 16;

/// What to do with a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// From an end that the transport has verified.
    Known(TransportKey),
    /// A connectivity check from an end that the transport has yet to verify.
    Check(TransportKey),
    /// A Binding request to us as a plain STUN server.
    Binding(BindingRequest<'a>),
    /// For our TURN server.
    Turn,
    Drop(Drop),
}

/// Which end and which ufrag is whose.
#[derive(Default)]
pub struct Demux {
    by_end: HashMap<End, TransportKey>,
    by_ufrag: HashMap<String, TransportKey>,
    /// The way back, to forget a transport: its ufrags and ends, oldest first.
    of: HashMap<TransportKey, Names>,
    changes: Vec<UfragChange>,
}

#[derive(Default)]
struct Names {
    ufrags: Vec<String>,
    ends: Vec<End>,
}

/// A ufrag that this worker answers to now, or not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UfragChange {
    Added(String),
    Removed(String),
}

impl Demux {
    /// How many things are kept here, of all kinds.
    pub(super) fn footprint(&self) -> usize {
        self.by_end.len() + self.by_ufrag.len() + self.of.len()
    }

    /// Finds the transport of a datagram.
    pub fn route<'a>(&self, flow: Flow, datagram: &'a [u8]) -> Route<'a> {
        let known = || self.by_end.get(&flow.end());
        match datagram.first() {
            Some(0..=3) => {
                let Some(request) = stun::parse_binding_request(datagram) else {
                    return match flow.via {
                        Via::Udp if stun::is_turn_message(datagram) => Route::Turn,
                        _ => Route::Drop(Drop::UnknownStun),
                    };
                };
                let Some(ufrag) = request.ufrag else {
                    return match flow.via {
                        Via::Udp => Route::Binding(request),
                        Via::Tcp | Via::Relay => Route::Drop(Drop::UnknownStun),
                    };
                };
                match self.by_ufrag.get(ufrag) {
                    Some(key) if known() == Some(key) => Route::Known(*key),
                    Some(key) => Route::Check(*key),
                    None => Route::Drop(Drop::UnknownStun),
                }
            }
            Some(20..=63 | 128..=191) => match known() {
                Some(key) => Route::Known(*key),
                None => Route::Drop(Drop::UnknownAddress),
            },
            // ChannelData (RFC 8656 section 12, RFC 7983 section 7).
            Some(64..=79) if flow.via == Via::Udp => Route::Turn,
            _ => Route::Drop(Drop::UnknownAddress),
        }
    }

    /// A transport answers to this ufrag from now on (to earlier ones of its own as well: an ICE restart overlaps).
    pub fn add_ufrag(&mut self, key: TransportKey, ufrag: &str) {
        if self.by_ufrag.insert(ufrag.to_owned(), key) != Some(key) {
            self.of.entry(key).or_default().ufrags.push(ufrag.to_owned());
            self.changes.push(UfragChange::Added(ufrag.to_owned()));
        }
    }

    /// A transport has verified this end.
    pub fn add_end(&mut self, key: TransportKey, end: End) {
        let before = self.by_end.insert(end, key);
        if before == Some(key) {
            return;
        }
        if let Some(names) = before.and_then(|before| self.of.get_mut(&before)) {
            names.ends.retain(|e| *e != end);
        }
        let names = self.of.entry(key).or_default();
        names.ends.push(end);
        if names.ends.len() > ENDS_MAX {
            let oldest = names.ends.remove(0);
            self.by_end.remove(&oldest);
        }
    }

    /// The transport is gone.
    pub fn remove(&mut self, key: TransportKey) {
        let Some(names) = self.of.remove(&key) else { return };
        for ufrag in names.ufrags {
            self.by_ufrag.remove(&ufrag);
            self.changes.push(UfragChange::Removed(ufrag));
        }
        for end in names.ends {
            self.by_end.remove(&end);
        }
    }

    /// Which ufrags came and went since the last call.
    pub fn poll_ufrag_changes(&mut self) -> &mut Vec<UfragChange> {
        &mut self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TransportKey = TransportKey(1);
    const B: TransportKey = TransportKey(2);

    fn check(ufrag: &str) -> Vec<u8> {
        let name = format!("{ufrag}:x");
        let padded = name.len().next_multiple_of(4);
        let mut bytes = vec![0, 1, 0, 4 + padded as u8, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([0; 12]);
        bytes.extend([0, 6, 0, name.len() as u8]);
        bytes.extend(name.as_bytes());
        bytes.resize(20 + 4 + padded, 0);
        bytes
    }

    fn flow(port: u16) -> Flow {
        Flow::udp(([192, 0, 2, 1], port).into(), ([198, 51, 100, 1], 8443).into())
    }

    #[test]
    fn only_a_verified_end_may_send_more_than_checks() {
        let mut demux = Demux::default();
        demux.add_ufrag(A, "aaaa");
        assert_eq!(demux.route(flow(1), &check("aaaa")), Route::Check(A));
        for first in [20, 63, 128, 191] {
            assert_eq!(demux.route(flow(1), &[first]), Route::Drop(Drop::UnknownAddress));
        }
        demux.add_end(A, flow(1).end());
        assert_eq!(demux.route(flow(1), &check("aaaa")), Route::Known(A));
        for first in [20, 63, 128, 191] {
            assert_eq!(demux.route(flow(1), &[first]), Route::Known(A));
        }
        for first in [4, 19, 80, 127, 192, 255] {
            assert_eq!(demux.route(flow(1), &[first]), Route::Drop(Drop::UnknownAddress));
        }
        assert_eq!(demux.route(flow(1), &[]), Route::Drop(Drop::UnknownAddress));
    }

    #[test]
    fn an_end_goes_to_whoever_verified_it_last() {
        let mut demux = Demux::default();
        demux.add_ufrag(A, "aaaa");
        demux.add_ufrag(B, "bbbb");
        demux.add_end(A, flow(1).end());
        assert_eq!(demux.route(flow(1), &check("bbbb")), Route::Check(B));
        demux.add_end(B, flow(1).end());
        assert_eq!(demux.route(flow(1), &[128]), Route::Known(B));
        demux.remove(A);
        assert_eq!(demux.route(flow(1), &[128]), Route::Known(B));
        demux.remove(B);
        assert_eq!(demux.route(flow(1), &[128]), Route::Drop(Drop::UnknownAddress));
        assert_eq!(demux.route(flow(1), &check("bbbb")), Route::Drop(Drop::UnknownStun));
    }

    #[test]
    fn both_ufrags_of_an_ice_restart_are_known_and_forgotten_together() {
        let mut demux = Demux::default();
        demux.add_ufrag(A, "old");
        demux.add_ufrag(A, "new");
        assert_eq!(demux.route(flow(1), &check("old")), Route::Check(A));
        assert_eq!(demux.route(flow(1), &check("new")), Route::Check(A));
        demux.remove(A);
        assert_eq!(demux.route(flow(1), &check("old")), Route::Drop(Drop::UnknownStun));
        assert!(demux.by_ufrag.is_empty() && demux.by_end.is_empty() && demux.of.is_empty());
    }

    #[test]
    fn ends_are_bounded() {
        let mut demux = Demux::default();
        for port in 1..=1000 {
            demux.add_end(A, flow(port).end());
        }
        assert_eq!(demux.by_end.len(), ENDS_MAX);
        assert_eq!(demux.route(flow(1000), &[128]), Route::Known(A));
    }

    #[test]
    fn a_request_without_a_ufrag_is_for_the_stun_server() {
        let demux = Demux::default();
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([0; 12]);
        assert!(matches!(demux.route(flow(1), &bytes), Route::Binding(_)));
    }

    #[test]
    fn turn_is_told_from_checks_and_only_by_udp() {
        let demux = Demux::default();
        let mut allocate = vec![0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        allocate.extend([0; 12]);
        let channel_data = [0x40, 0, 0, 0];
        for datagram in [&allocate[..], &channel_data] {
            assert_eq!(demux.route(flow(1), datagram), Route::Turn);
            for via in [Via::Tcp, Via::Relay] {
                assert!(matches!(demux.route(Flow { via, ..flow(1) }, datagram), Route::Drop(_)));
            }
        }
        allocate[4] = 0;
        assert_eq!(demux.route(flow(1), &allocate), Route::Drop(Drop::UnknownStun));
    }

    #[test]
    fn one_address_has_an_end_for_each_carrier() {
        let mut demux = Demux::default();
        demux.add_end(A, flow(1).end());
        let tcp = Flow {
            via: Via::Tcp,
            ..flow(1)
        };
        assert_eq!(demux.route(tcp, &[128]), Route::Drop(Drop::UnknownAddress));
        demux.add_end(B, tcp.end());
        assert_eq!(demux.route(tcp, &[128]), Route::Known(B));
        assert_eq!(demux.route(flow(1), &[128]), Route::Known(A));
    }

    #[test]
    fn ufrags_are_told_as_they_come_and_go() {
        let mut demux = Demux::default();
        demux.add_ufrag(A, "aaaa");
        demux.add_ufrag(A, "aaaa");
        demux.remove(A);
        let changes = [UfragChange::Added("aaaa".to_owned()), UfragChange::Removed("aaaa".to_owned())];
        assert_eq!(demux.poll_ufrag_changes()[..], changes);
    }
}
