//! The addresses at which browsers may reach this machine, where the operator named none.

use std::net::{IpAddr, SocketAddr};

/// Where a browser's checks may go: addresses of ours, with the ports of one worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    pub udp: Vec<SocketAddr>,
    /// Of ICE-TCP, passive (RFC 6544 section 4.5).
    pub tcp: Vec<SocketAddr>,
}

/// Interfaces that lead to containers and virtual machines on this host, and nowhere else.
const INNER_INTERFACES: &[&str] = &["docker", "veth", "br-", "virbr", "cni", "flannel", "lxc", "lxd"];

/// The addresses of this machine's interfaces that are worth advertising, IPv4 first, in a fixed order.
pub fn discover() -> std::io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let mut found: Vec<IpAddr> = interfaces
        .iter()
        .filter(|i| is_worth_advertising(&i.name, i.ip()))
        .map(|i| i.ip())
        .collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn is_worth_advertising(interface: &str, ip: IpAddr) -> bool {
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let is_inner = INNER_INTERFACES.iter().any(|prefix| interface.starts_with(prefix));
    !ip.is_loopback() && !ip.is_unspecified() && !is_link_local && !is_inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_lead_nowhere_are_left_out() {
        for (interface, ip, expected) in [
            ("eth0", "192.0.2.2", true),
            ("wlan0", "2001:db8::2", true),
            ("eth0", "fd00::2", true),
            ("lo", "127.0.0.1", false),
            ("lo", "::1", false),
            ("eth0", "169.254.1.1", false),
            ("eth0", "fe80::1", false),
            ("docker0", "172.17.0.1", false),
            ("br-4e2f", "172.18.0.1", false),
            ("veth12ab", "10.0.0.1", false),
        ] {
            let ip = ip.parse().expect("an address");
            assert_eq!(is_worth_advertising(interface, ip), expected, "{interface} {ip}");
        }
    }
}
