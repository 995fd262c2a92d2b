//! The asking side of STUN: one Binding request and what its answer says (RFC 8489 sections 5, 14.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0, 1];
const BINDING_SUCCESS: [u8; 2] = [1, 1];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0, 0x20];

/// A request without attributes.
pub fn binding_request(transaction: [u8; 12]) -> Vec<u8> {
    [&BINDING_REQUEST[..], &[0, 0], &MAGIC_COOKIE, &transaction].concat()
}

/// From where the server saw the request; `None` for all that is not the success response to it.
pub fn mapped_address(datagram: &[u8], transaction: [u8; 12]) -> Option<SocketAddr> {
    let (header, mut attributes) = datagram.split_at_checked(HEADER_BYTES)?;
    let mask = &header[4..];
    if header[..2] != BINDING_SUCCESS || mask[..4] != MAGIC_COOKIE || mask[4..] != transaction {
        return None;
    }
    while let Some((head, rest)) = attributes.split_at_checked(4) {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        if head[..2] == XOR_MAPPED_ADDRESS {
            let plain: Vec<u8> = value.get(4..)?.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
            let port = u16::from_be_bytes([*value.get(2)? ^ mask[0], *value.get(3)? ^ mask[1]]);
            let ip: IpAddr = match value.get(1)? {
                1 => Ipv4Addr::from(<[u8; 4]>::try_from(plain).ok()?).into(),
                2 => Ipv6Addr::from(<[u8; 16]>::try_from(plain).ok()?).into(),
                _ => return None,
            };
            return Some(SocketAddr::new(ip, port));
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sfu::stun::{binding_success, parse_binding_request};

    #[test]
    fn our_own_server_and_this_understand_each_other() {
        let asked = binding_request(*b"transaction!");
        let request = parse_binding_request(&asked).expect("a request");
        for address in ["192.0.2.1:32853", "[2001:db8::1]:9"] {
            let address = address.parse().expect("an address");
            let answer = binding_success(&request, address);
            assert_eq!(mapped_address(&answer, *b"transaction!"), Some(address));
            assert_eq!(mapped_address(&answer, *b"another one!"), None);
            for length in 0..answer.len() {
                assert_eq!(mapped_address(&answer[..length], *b"transaction!"), None, "{length} bytes");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_the_parser(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let answer = [&BINDING_SUCCESS[..], &[0, 0], &MAGIC_COOKIE, b"transaction!", &bytes].concat();
            let _ = mapped_address(&bytes, *b"transaction!");
            let _ = mapped_address(&answer, *b"transaction!");
        }
    }
}
