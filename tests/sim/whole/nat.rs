//! A network address translator in the terms of RFC 4787.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// What a mapping (section 4.1) or a filter (section 5) depends on besides the internal endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent,
}

use Behaviour::{AddressAndPortDependent, AddressDependent, EndpointIndependent};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatKind {
    pub mapping: Behaviour,
    pub filtering: Behaviour,
    /// Section 4.2.1.
    pub port_preserving: bool,
}

impl NatKind {
    pub const FULL_CONE: NatKind = NatKind::new(EndpointIndependent, EndpointIndependent, true);
    pub const RESTRICTED_CONE: NatKind = NatKind::new(EndpointIndependent, AddressDependent, true);
    pub const PORT_RESTRICTED_CONE: NatKind = NatKind::new(EndpointIndependent, AddressAndPortDependent, true);
    pub const SYMMETRIC: NatKind = NatKind::new(AddressAndPortDependent, AddressAndPortDependent, false);

    pub const fn new(mapping: Behaviour, filtering: Behaviour, port_preserving: bool) -> NatKind {
        NatKind {
            mapping,
            filtering,
            port_preserving,
        }
    }
}

/// REQ-5: not before two minutes.
const MAPPING_LIFETIME: Duration = Duration::from_secs(120);

/// Where ports are taken from that are not preserved.
const FIRST_PORT: u16 = 20_000;

pub struct Nat {
    kind: NatKind,
    pub external: IpAddr,
    mappings: Vec<Mapping>,
    next_port: u16,
}

struct Mapping {
    internal: SocketAddr,
    /// The part of the remote endpoint that the mapping depends on.
    towards: Part,
    external_port: u16,
    /// Where was sent to through it.
    sent_to: Vec<SocketAddr>,
    last_outbound: Instant,
}

/// As much of a remote endpoint as a behaviour looks at.
type Part = (Option<IpAddr>, Option<u16>);

fn part(behaviour: Behaviour, remote: SocketAddr) -> Part {
    match behaviour {
        EndpointIndependent => (None, None),
        AddressDependent => (Some(remote.ip()), None),
        AddressAndPortDependent => (Some(remote.ip()), Some(remote.port())),
    }
}

impl Nat {
    pub fn new(kind: NatKind, external: IpAddr) -> Nat {
        Nat {
            kind,
            external,
            mappings: Vec::new(),
            next_port: FIRST_PORT,
        }
    }

    /// The source that a datagram from inside has outside. Only outbound traffic keeps a mapping alive (REQ-6).
    pub fn outbound(&mut self, internal: SocketAddr, remote: SocketAddr, now: Instant) -> SocketAddr {
        self.mappings.retain(|m| now < m.last_outbound + MAPPING_LIFETIME);
        let towards = part(self.kind.mapping, remote);
        let known = self
            .mappings
            .iter()
            .position(|m| m.internal == internal && m.towards == towards);
        let index = known.unwrap_or_else(|| {
            let external_port = self.free_port(internal.port());
            self.mappings.push(Mapping {
                internal,
                towards,
                external_port,
                sent_to: Vec::new(),
                last_outbound: now,
            });
            self.mappings.len() - 1
        });
        let mapping = &mut self.mappings[index];
        mapping.last_outbound = now;
        if !mapping.sent_to.contains(&remote) {
            mapping.sent_to.push(remote);
        }
        SocketAddr::new(self.external, mapping.external_port)
    }

    /// Where a datagram from outside goes inside, if it goes in.
    pub fn inbound(&mut self, external: SocketAddr, remote: SocketAddr, now: Instant) -> Option<SocketAddr> {
        self.mappings.retain(|m| now < m.last_outbound + MAPPING_LIFETIME);
        let filtering = self.kind.filtering;
        let mapping = self.mappings.iter().find(|m| m.external_port == external.port())?;
        let may_pass = mapping
            .sent_to
            .iter()
            .any(|to| part(filtering, *to) == part(filtering, remote));
        may_pass.then_some(mapping.internal)
    }

    /// As after a loss of power.
    pub fn forget_mappings(&mut self) {
        self.mappings.clear();
        // Ports are rarely the same again.
        self.next_port += 1000;
        self.kind.port_preserving = false;
    }

    fn free_port(&mut self, wanted: u16) -> u16 {
        let taken = |port: u16| self.mappings.iter().any(|m| m.external_port == port);
        if self.kind.port_preserving && !taken(wanted) {
            return wanted;
        }
        let mut port = self.next_port;
        while taken(port) {
            port += 1;
        }
        self.next_port = port + 1;
        port
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn mappings_and_filters_depend_on_what_they_say() {
        let now = Instant::now();
        let (inside, a, a2, b) = (at("192.168.0.2:5000"), at("10.0.0.1:1"), at("10.0.0.1:2"), at("10.0.0.2:1"));
        for behaviour in [EndpointIndependent, AddressDependent, AddressAndPortDependent] {
            let same = |one: bool, other: bool| match behaviour {
                EndpointIndependent => true,
                AddressDependent => one,
                AddressAndPortDependent => other,
            };
            let mut nat = Nat::new(NatKind::new(behaviour, EndpointIndependent, false), at("203.0.113.1:0").ip());
            let to_a = nat.outbound(inside, a, now);
            assert_eq!(
                nat.outbound(inside, a2, now) == to_a,
                same(true, false),
                "mapping {behaviour:?}"
            );
            assert_eq!(
                nat.outbound(inside, b, now) == to_a,
                same(false, false),
                "mapping {behaviour:?}"
            );

            let mut nat = Nat::new(NatKind::new(EndpointIndependent, behaviour, true), at("203.0.113.1:0").ip());
            let mapped = nat.outbound(inside, a, now);
            assert_eq!(mapped.port(), 5000, "preserved");
            assert_eq!(nat.inbound(mapped, a, now), Some(inside));
            assert_eq!(
                nat.inbound(mapped, a2, now).is_some(),
                same(true, false),
                "filter {behaviour:?}"
            );
            assert_eq!(
                nat.inbound(mapped, b, now).is_some(),
                same(false, false),
                "filter {behaviour:?}"
            );
        }
    }

    #[test]
    fn a_mapping_lasts_two_minutes_from_the_last_datagram_out() {
        let start = Instant::now();
        let (inside, remote) = (at("192.168.0.2:5000"), at("10.0.0.1:1"));
        let mut nat = Nat::new(NatKind::PORT_RESTRICTED_CONE, at("203.0.113.1:0").ip());
        let mapped = nat.outbound(inside, remote, start);
        assert!(nat.inbound(mapped, remote, start + Duration::from_secs(119)).is_some());
        assert!(nat.inbound(mapped, remote, start + Duration::from_secs(120)).is_none());
    }
}
