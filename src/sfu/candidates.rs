//! The addresses at which browsers may reach this machine, where the operator named none.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use if_addrs::IfOperStatus;

/// Where a browser's checks may go: addresses of ours, with the ports of one worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    pub udp: Vec<SocketAddr>,
    /// Of ICE-TCP, passive (RFC 6544 section 4.5).
    pub tcp: Vec<SocketAddr>,
}

/// Interfaces that lead to containers and virtual machines on this host, and nowhere else. Tunnels are not among them: who is in the
/// same VPN calls through it.
const INNER_INTERFACES: &[&str] = &[
    "docker", "veth", "br-", "virbr", "cni", "flannel", "lxc", "lxd", "incus", "podman", "nerdctl", "kube", "cali", "cilium",
    "weave", "vboxnet", "vmnet",
];

/// Flags of an IPv6 address (Linux, include/uapi/linux/if_addr.h).
const TEMPORARY: u32 = 0x01;
const DUPLICATE: u32 = 0x08;
const DEPRECATED: u32 = 0x20;
const TENTATIVE: u32 = 0x40;

/// The addresses of this machine's interfaces that are worth advertising, IPv4 first, in a fixed order. `ipv6_table`: the kernel's
/// /proc/net/if_inet6, empty where there is none.
///
/// # Errors
/// The kernel does not list its interfaces.
pub fn discover(ipv6_table: &str) -> std::io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let mut found: Vec<IpAddr> = interfaces
        .iter()
        .filter(|i| i.oper_status != IfOperStatus::Down && is_worth_advertising(&i.name, i.ip(), ipv6_table))
        .map(|i| i.ip())
        .collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn is_worth_advertising(interface: &str, ip: IpAddr, ipv6_table: &str) -> bool {
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let is_inner = INNER_INTERFACES.iter().any(|prefix| interface.starts_with(prefix));
    let lasts = match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => lasts(interface, ip, ipv6_table),
    };
    !ip.is_loopback() && !ip.is_unspecified() && !is_link_local && !is_inner && lasts
}

/// Whether an address will be there tomorrow: not one that is going, not yet ours, or temporary (RFC 8981) beside one that is not.
fn lasts(interface: &str, ip: Ipv6Addr, ipv6_table: &str) -> bool {
    let rows: Vec<(Ipv6Addr, u32)> = ipv6_table.lines().filter_map(|line| row(interface, line)).collect();
    let flags = rows.iter().find(|(listed, _)| *listed == ip).map_or(0, |(_, flags)| *flags);
    let network = |ip: &Ipv6Addr| ip.to_bits() >> 64;
    let going = DUPLICATE | DEPRECATED | TENTATIVE;
    let stays = |flags: u32| flags & (going | TEMPORARY) == 0;
    let beside = rows
        .iter()
        .any(|(other, flags)| network(other) == network(&ip) && stays(*flags));
    flags & going == 0 && (flags & TEMPORARY == 0 || !beside)
}

/// One line: address, index, prefix length, scope, flags (all in base 16), name.
fn row(interface: &str, line: &str) -> Option<(Ipv6Addr, u32)> {
    let mut fields = line.split_whitespace();
    let address = u128::from_str_radix(fields.next()?, 16).ok()?;
    let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
    (fields.next()? == interface).then_some((Ipv6Addr::from_bits(address), flags))
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
            ("tailscale0", "100.101.102.103", true),
            ("wg0", "10.8.0.1", true),
            ("ppp0", "198.51.100.7", true),
            ("lo", "127.0.0.1", false),
            ("lo", "::1", false),
            ("eth0", "169.254.1.1", false),
            ("eth0", "fe80::1", false),
            ("docker0", "172.17.0.1", false),
            ("br-4e2f", "172.18.0.1", false),
            ("veth12ab", "10.0.0.1", false),
            ("podman0", "10.88.0.1", false),
            ("kube-ipvs0", "10.96.0.1", false),
            ("cilium_host", "10.0.1.1", false),
        ] {
            let ip = ip.parse().expect("an address");
            assert_eq!(is_worth_advertising(interface, ip, ""), expected, "{interface} {ip}");
        }
    }

    #[test]
    fn addresses_of_today_only_are_left_out() {
        const TABLE: &str = "\
20010db8000000000000000000000001 02 40 00 80     eth0
20010db8000000000000000000000002 02 40 00 01     eth0
20010db8000000000000000000000003 02 40 00 21     eth0
20010db8000000000000000000000004 02 40 00 a0     eth0
20010db8000000000000000000000005 02 40 00 c8     eth0
20010db8000100000000000000000006 03 40 00 01    wlan0
fe80000000000000fc00fffe00000001 02 40 20 80     eth0
nonsense
";
        for (interface, ip, expected, why) in [
            ("eth0", "2001:db8::1", true, "it is permanent"),
            ("eth0", "2001:db8::2", false, "it is temporary, and another one is not"),
            ("eth0", "2001:db8::3", false, "it is temporary and deprecated"),
            ("eth0", "2001:db8::4", false, "it is deprecated"),
            ("eth0", "2001:db8::5", false, "it is tentative, and another machine has it"),
            ("wlan0", "2001:db8:1::6", true, "it is temporary, and the only one"),
            ("eth1", "2001:db8::9", true, "nothing is known of it"),
        ] {
            let ip = ip.parse().expect("an address");
            assert_eq!(is_worth_advertising(interface, ip, TABLE), expected, "{ip}: {why}");
        }
    }
}
