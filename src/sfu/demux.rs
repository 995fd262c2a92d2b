//! Whose a datagram is (RFC 7983): STUN by the ufrag that it names, all else by its source address, which a transport must have
//! verified by ICE before. Two look-ups at most, and never a search.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::counters::Drop;
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

/// Verified addresses of one transport: a browser has a few, an attacker with its credentials has no use for more.
const ADDRESSES_MAX: usize = 16;

/// What to do with a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// From an address that the transport has verified.
    Known(TransportKey),
    /// A connectivity check from an address that the transport has yet to verify.
    Check(TransportKey),
    /// A Binding request to us as a plain STUN server.
    Binding(BindingRequest<'a>),
    Drop(Drop),
}

/// Which address and which ufrag is whose.
#[derive(Default)]
pub struct Demux {
    by_address: HashMap<SocketAddr, TransportKey>,
    by_ufrag: HashMap<String, TransportKey>,
    /// The way back, to forget a transport: its ufrags and addresses, oldest first.
    of: HashMap<TransportKey, Names>,
}

#[derive(Default)]
struct Names {
    ufrags: Vec<String>,
    addresses: Vec<SocketAddr>,
}

impl Demux {
    /// Finds the transport of a datagram.
    pub fn route<'a>(&self, source: SocketAddr, datagram: &'a [u8]) -> Route<'a> {
        match datagram.first() {
            Some(0..=3) => {
                let Some(request) = stun::parse_binding_request(datagram) else {
                    return Route::Drop(Drop::UnknownStun);
                };
                let Some(ufrag) = request.ufrag else {
                    return Route::Binding(request);
                };
                match self.by_ufrag.get(ufrag) {
                    Some(key) if self.by_address.get(&source) == Some(key) => Route::Known(*key),
                    Some(key) => Route::Check(*key),
                    None => Route::Drop(Drop::UnknownStun),
                }
            }
            Some(20..=63 | 128..=191) => match self.by_address.get(&source) {
                Some(key) => Route::Known(*key),
                None => Route::Drop(Drop::UnknownAddress),
            },
            _ => Route::Drop(Drop::UnknownAddress),
        }
    }

    /// A transport answers to this ufrag from now on (to earlier ones of its own as well: an ICE restart overlaps).
    pub fn add_ufrag(&mut self, key: TransportKey, ufrag: &str) {
        if self.by_ufrag.insert(ufrag.to_owned(), key) != Some(key) {
            self.of.entry(key).or_default().ufrags.push(ufrag.to_owned());
        }
    }

    /// A transport has verified this address.
    pub fn add_address(&mut self, key: TransportKey, address: SocketAddr) {
        let before = self.by_address.insert(address, key);
        if before == Some(key) {
            return;
        }
        if let Some(names) = before.and_then(|before| self.of.get_mut(&before)) {
            names.addresses.retain(|a| *a != address);
        }
        let names = self.of.entry(key).or_default();
        names.addresses.push(address);
        if names.addresses.len() > ADDRESSES_MAX {
            let oldest = names.addresses.remove(0);
            self.by_address.remove(&oldest);
        }
    }

    /// The transport is gone.
    pub fn remove(&mut self, key: TransportKey) {
        let Some(names) = self.of.remove(&key) else { return };
        for ufrag in names.ufrags {
            self.by_ufrag.remove(&ufrag);
        }
        for address in names.addresses {
            self.by_address.remove(&address);
        }
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

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn only_a_verified_address_may_send_more_than_checks() {
        let mut demux = Demux::default();
        demux.add_ufrag(A, "aaaa");
        assert_eq!(demux.route(address(1), &check("aaaa")), Route::Check(A));
        for first in [20, 63, 128, 191] {
            assert_eq!(demux.route(address(1), &[first]), Route::Drop(Drop::UnknownAddress));
        }
        demux.add_address(A, address(1));
        assert_eq!(demux.route(address(1), &check("aaaa")), Route::Known(A));
        for first in [20, 63, 128, 191] {
            assert_eq!(demux.route(address(1), &[first]), Route::Known(A));
        }
        for first in [4, 19, 64, 127, 192, 255] {
            assert_eq!(demux.route(address(1), &[first]), Route::Drop(Drop::UnknownAddress));
        }
        assert_eq!(demux.route(address(1), &[]), Route::Drop(Drop::UnknownAddress));
    }

    #[test]
    fn an_address_goes_to_whoever_verified_it_last() {
        let mut demux = Demux::default();
        demux.add_ufrag(A, "aaaa");
        demux.add_ufrag(B, "bbbb");
        demux.add_address(A, address(1));
        assert_eq!(demux.route(address(1), &check("bbbb")), Route::Check(B));
        demux.add_address(B, address(1));
        assert_eq!(demux.route(address(1), &[128]), Route::Known(B));
        demux.remove(A);
        assert_eq!(demux.route(address(1), &[128]), Route::Known(B));
        demux.remove(B);
        assert_eq!(demux.route(address(1), &[128]), Route::Drop(Drop::UnknownAddress));
        assert_eq!(demux.route(address(1), &check("bbbb")), Route::Drop(Drop::UnknownStun));
    }

    #[test]
    fn both_ufrags_of_an_ice_restart_are_known_and_forgotten_together() {
        let mut demux = Demux::default();
        demux.add_ufrag(A, "old");
        demux.add_ufrag(A, "new");
        assert_eq!(demux.route(address(1), &check("old")), Route::Check(A));
        assert_eq!(demux.route(address(1), &check("new")), Route::Check(A));
        demux.remove(A);
        assert_eq!(demux.route(address(1), &check("old")), Route::Drop(Drop::UnknownStun));
        assert!(demux.by_ufrag.is_empty() && demux.by_address.is_empty() && demux.of.is_empty());
    }

    #[test]
    fn addresses_are_bounded() {
        let mut demux = Demux::default();
        for port in 1..=1000 {
            demux.add_address(A, address(port));
        }
        assert_eq!(demux.by_address.len(), ADDRESSES_MAX);
        assert_eq!(demux.route(address(1000), &[128]), Route::Known(A));
    }

    #[test]
    fn a_request_without_a_ufrag_is_for_the_stun_server() {
        let demux = Demux::default();
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([0; 12]);
        assert!(matches!(demux.route(address(1), &bytes), Route::Binding(_)));
    }
}
