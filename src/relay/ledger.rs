//! Who holds what, over all clients: the sessions that are alive, their allocations, and the relayed addresses that are taken.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use super::counters::Refusal;
use super::peers::Peers;
use crate::id::SessionId;

/// Allocations of one session at a time. A browser makes one for each URL (UDP, TCP, TLS) on each of its networks (Wi-Fi and
/// Ethernet, or IPv4 and IPv6): six. Two more let a new connection begin while the old one's are being given back.
pub const ALLOCATIONS_PER_SESSION_MAX: usize = 8;

/// Allocations of the whole server at a time. With full queues each holds a quarter of a megabyte: a gigabyte at the very worst.
pub const ALLOCATIONS_MAX: usize = 4096;

/// The ports of relayed addresses (RFC 8656 section 7.2).
const PORT_FIRST: u16 = 49152;
const PORTS: u16 = 16384;

/// Grants and takes back. Bounded by the sessions that are alive and [`ALLOCATIONS_MAX`].
pub struct Ledger {
    peers: Peers,
    /// How many allocations each live session has.
    sessions: HashMap<SessionId, usize>,
    relayed: HashSet<SocketAddr>,
}

impl Ledger {
    pub fn new(peers: Peers) -> Ledger {
        Ledger {
            peers,
            sessions: HashMap::new(),
            relayed: HashSet::new(),
        }
    }

    /// Credentials of this session are taken from here on. Saying it again changes nothing.
    pub fn begin_session(&mut self, session: SessionId) {
        self.sessions.entry(session).or_insert(0);
    }

    /// Credentials of this session are taken no more. Whoever runs its allocations has to close them.
    pub fn end_session(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }

    pub fn is_alive(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// A relayed address: one of our own, so that ICE pairs it with our own, and a port that only this allocation has and no socket.
    ///
    /// # Errors
    /// The session is not alive or has its share; we have no address of the family; the server has as many allocations as it takes.
    pub fn grant(&mut self, session: SessionId, v6: bool, even_port: bool, random: u64) -> Result<SocketAddr, Refusal> {
        let ips = self.peers.ips(v6);
        let ip = *ips.get(random as usize % ips.len().max(1)).ok_or(Refusal::Family)?;
        let held = self.sessions.get_mut(&session).ok_or(Refusal::WrongCredential)?;
        if *held >= ALLOCATIONS_PER_SESSION_MAX {
            return Err(Refusal::SessionQuota);
        }
        if self.relayed.len() >= ALLOCATIONS_MAX {
            return Err(Refusal::Capacity);
        }
        let first = (random >> 32) as u16 % PORTS;
        let free = (0..PORTS)
            .map(|n| SocketAddr::new(ip, PORT_FIRST + (first + n) % PORTS))
            .filter(|a| !even_port || a.port().is_multiple_of(2))
            .find(|a| !self.peers.has_port(a.port()) && !self.relayed.contains(a))
            .ok_or(Refusal::Capacity)?;
        *held += 1;
        self.relayed.insert(free);
        Ok(free)
    }

    /// Takes back what `grant` gave.
    pub fn release(&mut self, session: SessionId, relayed: SocketAddr) {
        if self.relayed.remove(&relayed)
            && let Some(held) = self.sessions.get_mut(&session)
        {
            *held = held.saturating_sub(1);
        }
    }

    /// (live sessions, allocations).
    pub fn count(&self) -> (usize, usize) {
        (self.sessions.len(), self.relayed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        Ledger::new(Peers::new(
            ["203.0.113.7:49152", "203.0.113.7:8444"].map(|a| a.parse().expect("an address")),
        ))
    }

    #[test]
    fn a_session_has_its_share_while_it_lives() {
        let mut ledger = ledger();
        let session = SessionId::from_random(1);
        assert_eq!(ledger.grant(session, false, false, 0), Err(Refusal::WrongCredential));
        ledger.begin_session(session);
        let granted: Vec<_> = (0..ALLOCATIONS_PER_SESSION_MAX)
            .map(|_| ledger.grant(session, false, false, 0).expect("within the share"))
            .collect();
        assert_eq!(ledger.grant(session, false, false, 0), Err(Refusal::SessionQuota));
        ledger.begin_session(session);
        assert_eq!(
            ledger.grant(session, false, false, 0),
            Err(Refusal::SessionQuota),
            "begun again"
        );
        ledger.release(session, granted[0]);
        ledger.release(session, granted[0]);
        assert_eq!(ledger.grant(session, false, false, 0), Ok(granted[0]));
        assert_eq!(
            ledger.grant(session, false, false, 0),
            Err(Refusal::SessionQuota),
            "released once, not twice"
        );
        ledger.end_session(session);
        assert!(!ledger.is_alive(session));
        for relayed in granted {
            ledger.release(session, relayed);
        }
        assert_eq!(ledger.count(), (0, 0));
    }

    #[test]
    fn relayed_addresses_are_our_own_and_nobody_elses() {
        let mut ledger = ledger();
        let mut seen = HashSet::new();
        for n in 0..ALLOCATIONS_MAX as u64 {
            let session = SessionId::from_random(n / 4);
            ledger.begin_session(session);
            // The same random number each time: the worst that it can be.
            let relayed = ledger.grant(session, false, n % 2 == 0, 0).expect("there is room");
            assert!(seen.insert(relayed), "{relayed} twice");
            assert!(relayed.port() > PORT_FIRST, "the port of the SFU");
            assert!(n % 2 == 1 || relayed.port().is_multiple_of(2), "{relayed} is not even");
            assert_eq!(relayed.ip().to_string(), "203.0.113.7");
        }
        let session = SessionId::from_random(u64::MAX);
        ledger.begin_session(session);
        assert_eq!(ledger.grant(session, false, false, 1), Err(Refusal::Capacity));
        assert_eq!(ledger.grant(session, true, false, 1), Err(Refusal::Family));
    }
}
