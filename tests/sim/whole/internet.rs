//! Which datagrams arrive where: hosts behind NATs and links of their own, and the server in the open.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::nat::{Nat, NatKind};
use crate::network::{Datagram, Direction, Link, Network};

/// Where a datagram came out.
pub enum Arrival {
    AtServer(Datagram),
    /// At which host.
    AtHost(usize, Datagram),
}

/// A page's machine.
struct Host {
    inside: IpAddr,
    nat: Option<Nat>,
    up: Direction,
    down: Direction,
}

impl Host {
    fn outside(&self) -> IpAddr {
        self.nat.as_ref().map_or(self.inside, |nat| nat.external)
    }
}

pub struct Internet {
    server: SocketAddr,
    hosts: Vec<Host>,
    /// From hosts to the middle, where addresses are public.
    up: Network,
    /// From the middle to hosts.
    down: Network,
}

impl Internet {
    pub fn new(server: SocketAddr, seed: u64) -> Internet {
        Internet {
            server,
            hosts: Vec::new(),
            up: Network::new(seed),
            down: Network::new(seed ^ 1),
        }
    }

    /// The address that a new host has for itself.
    pub fn add_host(&mut self, nat: Option<NatKind>, link: Link) -> IpAddr {
        let n = self.hosts.len() as u8 + 1;
        let outside = IpAddr::from([203, 0, 113, n]);
        let inside = if nat.is_some() {
            IpAddr::from([192, 168, n, 2])
        } else {
            outside
        };
        self.hosts.push(Host {
            inside,
            nat: nat.map(|kind| Nat::new(kind, outside)),
            up: Direction::new(link),
            down: Direction::new(link),
        });
        inside
    }

    /// What a host's link is like from now on: (up, down).
    pub fn set_links(&mut self, host: usize, up: Link, down: Link) {
        self.hosts[host].up.link = up;
        self.hosts[host].down.link = down;
    }

    /// The NAT in front of a host starts again.
    pub fn restart_nat(&mut self, host: usize) {
        if let Some(nat) = &mut self.hosts[host].nat {
            nat.forget_mappings();
        }
    }

    pub fn send_from_host(&mut self, host: usize, mut datagram: Datagram, now: Instant) {
        let host = &mut self.hosts[host];
        if let Some(nat) = &mut host.nat {
            datagram.source = nat.outbound(datagram.source, datagram.destination, now);
        }
        self.up.send(&mut host.up, datagram, now);
    }

    /// From the middle: the server sends from there.
    pub fn send_to_host(&mut self, mut datagram: Datagram, now: Instant) {
        let to = datagram.destination;
        let Some(host) = self.hosts.iter_mut().find(|host| host.outside() == to.ip()) else {
            return;
        };
        if let Some(nat) = &mut host.nat {
            let Some(inside) = nat.inbound(to, datagram.source, now) else {
                return;
            };
            datagram.destination = inside;
        }
        self.down.send(&mut host.down, datagram, now);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.up.poll_timeout(), self.down.poll_timeout()].into_iter().flatten().min()
    }

    pub fn receive(&mut self, now: Instant) -> Option<Arrival> {
        while let Some(datagram) = self.up.receive(now) {
            if datagram.destination == self.server {
                return Some(Arrival::AtServer(datagram));
            }
            self.send_to_host(datagram, now);
        }
        let datagram = self.down.receive(now)?;
        let to = datagram.destination.ip();
        let host = self.hosts.iter().position(|host| host.inside == to)?;
        Some(Arrival::AtHost(host, datagram))
    }
}
