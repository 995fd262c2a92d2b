//! The ways of one transport: what ICE calls them, what they really are, and which of them the browser uses.

use std::net::{IpAddr, SocketAddr};

use str0m::net::Protocol;

use super::candidates::Candidates;
use super::flow::{Flow, Via};

/// Relayed addresses that one transport remembers: a browser has one per interface and TURN server.
const RELAYED_MAX: usize = 16;

/// Datagrams in a row that a browser has to send by another flow before ours follow: a forged or late one changes nothing.
const FOLLOW_AFTER: u8 = 2;

/// The ways of one transport.
pub struct Ways {
    candidates: Candidates,
    /// Behind a 1:1 NAT: (an address that we advertise, ours that its datagrams really arrive at).
    behind_nat: Vec<(IpAddr, IpAddr)>,
    relayed: Vec<SocketAddr>,
    /// What the browser sends by, which is the pair that it selected.
    active: Option<Flow>,
    /// Another one, and how many datagrams in a row came by it.
    rising: Option<(Flow, u8)>,
}

impl Ways {
    pub fn new(candidates: Candidates) -> Ways {
        Ways {
            candidates,
            behind_nat: Vec::new(),
            relayed: Vec::new(),
            active: None,
            rising: None,
        }
    }

    /// By which of them the browser sends.
    pub fn active(&self) -> Option<Flow> {
        self.active
    }

    /// A datagram arrived: what ICE has to know of it, besides where it comes from. Behind a 1:1 NAT the candidate that it was sent to
    /// is another address than the one that it arrived at.
    pub fn arrived(&mut self, flow: Flow) -> (Protocol, SocketAddr) {
        let (protocol, candidates) = match flow.via {
            Via::Udp | Via::Relay => (Protocol::Udp, &self.candidates.udp),
            Via::Tcp => (Protocol::Tcp, &self.candidates.tcp),
        };
        if flow.via == Via::Relay && !self.relayed.contains(&flow.remote) {
            if self.relayed.len() == RELAYED_MAX {
                self.relayed.remove(0);
            }
            self.relayed.push(flow.remote);
        }
        if candidates.contains(&flow.local) {
            return (protocol, flow.local);
        }
        let family = |c: &&SocketAddr| c.is_ipv4() == flow.local.is_ipv4() && !c.ip().is_loopback();
        let Some(candidate) = candidates.iter().find(family).copied() else {
            return (protocol, flow.local);
        };
        match self
            .behind_nat
            .iter_mut()
            .find(|(advertised, _)| *advertised == candidate.ip())
        {
            Some((_, real)) => *real = flow.local.ip(),
            None => self.behind_nat.push((candidate.ip(), flow.local.ip())),
        }
        (protocol, candidate)
    }

    /// A datagram from a verified end was taken.
    pub fn used(&mut self, flow: Flow, datagram: &[u8]) {
        if is_stun(datagram) {
            return;
        }
        if self.active.is_none_or(|active| active == flow) {
            self.active = Some(flow);
            self.rising = None;
            return;
        }
        let before = self
            .rising
            .filter(|(rising, _)| *rising == flow)
            .map_or(0, |(_, count)| count);
        self.rising = Some((flow, before + 1));
        if before + 1 >= FOLLOW_AFTER {
            self.active = Some(flow);
            self.rising = None;
        }
    }

    /// The flow for what ICE would send between these addresses.
    ///
    /// A check is answered where it came from. All else goes by the flow that the browser itself uses: the agent on our side is lite, and
    /// keeps a pair of higher priority until its checks have been missing for 14 s, while the browser has long moved to another
    /// network, another NAT mapping, or to TCP.
    pub fn leaving(&self, protocol: Protocol, source: SocketAddr, destination: SocketAddr, datagram: &[u8]) -> Flow {
        if let Some(active) = self.active.filter(|_| !is_stun(datagram)) {
            return active;
        }
        let via = match protocol {
            Protocol::Udp if self.relayed.contains(&destination) => Via::Relay,
            Protocol::Udp => Via::Udp,
            _ => Via::Tcp,
        };
        let real = match via {
            // The peer that the relay sees is the address that we advertise.
            Via::Relay => source.ip(),
            Via::Udp | Via::Tcp => self.real(source.ip()),
        };
        Flow {
            via,
            remote: destination,
            local: SocketAddr::new(real, source.port()),
        }
    }

    fn real(&self, advertised: IpAddr) -> IpAddr {
        self.behind_nat
            .iter()
            .find(|(a, _)| *a == advertised)
            .map_or(advertised, |(_, real)| *real)
    }
}

/// RFC 7983 section 7.
fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0..=3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &[u8] = &[0, 1];
    const MEDIA: &[u8] = &[0x80];

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn flow(via: Via, remote: &str, local: &str) -> Flow {
        Flow {
            via,
            remote: address(remote),
            local: address(local),
        }
    }

    fn ways() -> Ways {
        Ways::new(Candidates {
            udp: vec![address("203.0.113.7:8443")],
            tcp: vec![address("203.0.113.7:443")],
        })
    }

    #[test]
    fn behind_a_one_to_one_nat_ice_sees_the_candidate_and_the_network_the_real_address() {
        let mut ways = ways();
        let arrived = flow(Via::Udp, "192.0.2.1:5", "10.0.0.2:8443");
        let (protocol, candidate) = ways.arrived(arrived);
        assert_eq!((protocol, candidate), (Protocol::Udp, address("203.0.113.7:8443")));
        assert_eq!(ways.leaving(protocol, candidate, arrived.remote, CHECK), arrived);
    }

    #[test]
    fn a_check_is_answered_by_the_flow_that_it_came_by() {
        let mut ways = ways();
        for arrived in [
            flow(Via::Udp, "192.0.2.1:5", "203.0.113.7:8443"),
            flow(Via::Tcp, "192.0.2.1:6", "203.0.113.7:443"),
            flow(Via::Relay, "203.0.113.7:50000", "203.0.113.7:8443"),
        ] {
            let (protocol, candidate) = ways.arrived(arrived);
            ways.used(arrived, CHECK);
            assert_eq!(ways.leaving(protocol, candidate, arrived.remote, CHECK), arrived);
        }
    }

    #[test]
    fn media_follows_the_browser_once_it_has_moved() {
        let mut ways = ways();
        let before = flow(Via::Udp, "192.0.2.1:5", "203.0.113.7:8443");
        let after = flow(Via::Tcp, "192.0.2.1:6", "203.0.113.7:443");
        let leaving = |ways: &Ways| ways.leaving(Protocol::Udp, before.local, before.remote, MEDIA);
        assert_eq!(leaving(&ways), before);
        ways.used(before, MEDIA);
        ways.used(after, CHECK);
        ways.used(after, MEDIA);
        assert_eq!(leaving(&ways), before, "after one datagram");
        ways.used(before, MEDIA);
        ways.used(after, MEDIA);
        assert_eq!(leaving(&ways), before, "they were not in a row");
        ways.used(after, MEDIA);
        assert_eq!(leaving(&ways), after);
        assert_eq!(ways.leaving(Protocol::Udp, before.local, before.remote, CHECK), before);
    }

    #[test]
    fn relayed_addresses_are_bounded() {
        let mut ways = ways();
        for port in 1..=1000 {
            ways.arrived(flow(Via::Relay, &format!("203.0.113.7:{port}"), "203.0.113.7:8443"));
        }
        assert_eq!(ways.relayed.len(), RELAYED_MAX);
    }
}
