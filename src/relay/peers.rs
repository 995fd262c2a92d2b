//! The only peers that an allocation may have: this server's own SFU. What is not in the list, to the port, is refused, so that the
//! relay cannot be aimed at anything.

use std::net::{IpAddr, SocketAddr};

/// The addresses of our SFU: its candidates, with every worker's port.
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

    /// Whether this is one of our SFU's addresses. An IPv6 form of one of its IPv4 addresses is not.
    pub fn has(&self, address: SocketAddr) -> bool {
        self.addresses
            .iter()
            .any(|own| (own.ip(), own.port()) == (address.ip(), address.port()))
    }

    /// Whether some port of this address is one of our SFU's.
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
