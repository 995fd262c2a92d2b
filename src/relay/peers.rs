//! The only peers that an allocation may have: this server's own SFU, and those of the nodes beside it. What is not in the list, to
//! the port, is refused, so that the relay cannot be aimed at anything.

use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};

/// The addresses of an SFU: its candidates, with every worker's port.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    addresses: Vec<SocketAddr>,
}

impl Peers {
    /// Forms that stand for another address (IPv4-mapped) or for no single machine are left out, whoever put them in. All else is the
    /// caller's choice: a loopback address given here can be reached through the relay, at these ports.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Peers {
        let is_one_machine = |ip: IpAddr| ip == ip.to_canonical() && !ip.is_unspecified() && !ip.is_multicast();
        let mut addresses: Vec<SocketAddr> = addresses
            .into_iter()
            .filter(|address| is_one_machine(address.ip()) && address.port() != 0)
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        Peers { addresses }
    }

    /// Whether this is one of the addresses. An IPv6 form of one of its IPv4 addresses is not.
    pub fn has(&self, address: SocketAddr) -> bool {
        self.addresses
            .iter()
            .any(|own| (own.ip(), own.port()) == (address.ip(), address.port()))
    }

    /// Whether some port of this address is one of them.
    pub fn has_ip(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|own| own.ip() == ip)
    }

    pub fn has_port(&self, port: u16) -> bool {
        self.addresses.iter().any(|own| own.port() == port)
    }

    /// Our addresses of one family, each once, in a fixed order.
    pub fn ips(&self, v6: bool) -> Vec<IpAddr> {
        let mut ips: Vec<IpAddr> = self
            .addresses
            .iter()
            .map(SocketAddr::ip)
            .filter(|ip| ip.is_ipv6() == v6)
            .collect();
        ips.dedup();
        ips
    }
}

/// Whom clients may reach.
#[derive(Debug, Default)]
pub struct Reach {
    /// Our SFU, in this process.
    pub own: Peers,
    /// Those of other nodes, which come and go.
    others: RwLock<Peers>,
}

impl Reach {
    pub fn new(own: Peers) -> Reach {
        Reach {
            own,
            others: RwLock::default(),
        }
    }

    /// From here on the other nodes have these, and no others.
    pub fn set_others(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        let others = Peers::new(addresses.into_iter().filter(|address| !self.own.has(*address)));
        *self.others.write().unwrap_or_else(PoisonError::into_inner) = others;
    }

    pub fn has(&self, address: SocketAddr) -> bool {
        self.own.has(address) || self.is_other(address)
    }

    pub fn has_ip(&self, ip: IpAddr) -> bool {
        self.own.has_ip(ip) || self.others.read().unwrap_or_else(PoisonError::into_inner).has_ip(ip)
    }

    /// Whether it is another node's, which is reached by the network.
    pub fn is_other(&self, address: SocketAddr) -> bool {
        self.others.read().unwrap_or_else(PoisonError::into_inner).has(address)
    }
}

/// Peer addresses that no relay may reach for a stranger (loopback, link-local and cloud metadata, private, shared, multicast,
/// broadcast, documentation, benchmark, reserved; the same behind IPv4-mapped, NAT64 and 6to4 forms; unique local).
#[cfg(test)]
pub const HOSTILE: [&str; 26] = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "::1",
    "::",
    "169.254.169.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0.0.0.0",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_our_own_addresses_and_ports_are_peers() {
        let peers = Peers::new(["203.0.113.7:8443", "203.0.113.7:8444", "[2a00::7]:8443"].map(address));
        assert!(peers.has(address("203.0.113.7:8444")) && peers.has(address("[2a00::7]:8443")));
        assert!(!peers.has(address("203.0.113.7:22")) && !peers.has(address("[2a00::7]:8444")));
        assert!(!peers.has(address("[::ffff:203.0.113.7]:8443")), "a mapped form of our own");
        assert!(
            !peers.has_ip(address("[64:ff9b::203.0.113.7]:1").ip()),
            "a NAT64 form of our own"
        );
        assert!(!peers.has_ip(address("[2002:cb00:7107::]:1").ip()), "a 6to4 form of our own");
        assert_eq!(peers.ips(false), [address("203.0.113.7:1").ip()]);
        assert_eq!(peers.ips(true), [address("[2a00::7]:1").ip()]);
    }

    #[test]
    fn other_nodes_come_and_go_and_our_own_stay() {
        let reach = Reach::new(Peers::new([address("203.0.113.7:8443")]));
        let (other, third) = (address("203.0.113.8:8443"), address("203.0.113.9:8443"));
        reach.set_others([other, address("203.0.113.7:8443"), address("224.0.0.1:1")]);
        assert!(reach.has(other) && reach.is_other(other) && reach.has_ip(other.ip()));
        assert!(!reach.has(address("203.0.113.8:22")), "another port");
        assert!(!reach.is_other(address("203.0.113.7:8443")), "our own, whoever claims it");
        assert!(!reach.has(address("224.0.0.1:1")), "no single machine");
        reach.set_others([third]);
        assert!(!reach.has(other) && !reach.has_ip(other.ip()) && reach.has(third));
        assert!(reach.has(address("203.0.113.7:8443")));
    }

    #[test]
    fn forms_that_are_no_single_machine_are_never_peers() {
        let forms = [
            "0.0.0.0:1",
            "[::]:1",
            "224.0.0.1:1",
            "[ff02::1]:1",
            "[::ffff:203.0.113.7]:1",
            "203.0.113.7:0",
        ];
        assert!(Peers::new(forms.map(address)).addresses.is_empty());
    }

    #[test]
    fn no_hostile_form_is_a_peer() {
        let peers = Peers::new(["203.0.113.7:8443", "10.0.0.2:8443", "[2a00::7]:8443", "[fd00::2]:8443"].map(address));
        let refused = HOSTILE.iter().filter(|ip| {
            let ip = ip.parse().expect("an address");
            !peers.has_ip(ip) && !peers.has(SocketAddr::new(ip, 8443))
        });
        assert_eq!(refused.count(), 26);
    }
}
