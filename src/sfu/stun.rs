//! Just enough of STUN (RFC 8489): whose a Binding request is, and the answer of a plain STUN server.

use std::net::{IpAddr, SocketAddr};

/// RFC 8489 section 5.
const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const USERNAME: u16 = 0x0006;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// RFC 8489 section 14.3 allows 508 bytes of user name.
const USERNAME_BYTES_MAX: usize = 508;

/// A Binding request. Nothing in it is proven yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingRequest<'a> {
    /// Cookie and transaction id, as they are echoed.
    transaction: &'a [u8],
    /// The part of USERNAME before the colon: the ufrag of the side that is asked (RFC 8445 section 7.2.2).
    pub ufrag: Option<&'a str>,
}

/// Reads a Binding request; anything that is not exactly one is `None`.
pub fn parse_binding_request(datagram: &[u8]) -> Option<BindingRequest<'_>> {
    let (header, mut attributes) = datagram.split_at_checked(HEADER_BYTES)?;
    let kind = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if kind != BINDING_REQUEST || length != attributes.len() || length % 4 != 0 || header[4..8] != MAGIC_COOKIE {
        return None;
    }
    let mut ufrag = None;
    while !attributes.is_empty() {
        let (head, rest) = attributes.split_at_checked(4)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        attributes = rest.get(length.next_multiple_of(4)..)?;
        if kind == USERNAME {
            let name = std::str::from_utf8(value).ok().filter(|n| n.len() <= USERNAME_BYTES_MAX)?;
            ufrag = Some(name.split_once(':')?.0);
        }
    }
    Some(BindingRequest {
        transaction: &header[4..],
        ufrag,
    })
}

/// Whether a datagram claims to be one of the messages of TURN (RFC 8656 section 17).
pub fn is_turn_message(datagram: &[u8]) -> bool {
    const ALLOCATE: u16 = 0x0003;
    const REFRESH: u16 = 0x0004;
    const CREATE_PERMISSION: u16 = 0x0008;
    const CHANNEL_BIND: u16 = 0x0009;
    const SEND_INDICATION: u16 = 0x0016;
    datagram.len() >= HEADER_BYTES
        && datagram[4..8] == MAGIC_COOKIE
        && matches!(
            u16::from_be_bytes([datagram[0], datagram[1]]),
            ALLOCATE | REFRESH | CREATE_PERMISSION | CHANNEL_BIND | SEND_INDICATION
        )
}

/// The success response of a STUN server: XOR-MAPPED-ADDRESS and nothing else, 32 bytes for IPv4 and 44 for IPv6, so that a forged
/// source address gains little (RFC 8489 section 14.2).
pub fn binding_success(request: &BindingRequest<'_>, source: SocketAddr) -> Vec<u8> {
    let address: Vec<u8> = match source.ip() {
        IpAddr::V4(ip) => ip.octets().into(),
        IpAddr::V6(ip) => ip.octets().into(),
    };
    let value_bytes = 4 + address.len();
    let mut answer = Vec::with_capacity(HEADER_BYTES + 4 + value_bytes);
    answer.extend(BINDING_SUCCESS.to_be_bytes());
    answer.extend((4 + value_bytes as u16).to_be_bytes());
    answer.extend(request.transaction);
    answer.extend(XOR_MAPPED_ADDRESS.to_be_bytes());
    answer.extend((value_bytes as u16).to_be_bytes());
    answer.extend([0, if source.is_ipv4() { 1 } else { 2 }]);
    answer.extend((source.port() ^ 0x2112).to_be_bytes());
    answer.extend(address.iter().zip(request.transaction).map(|(a, x)| a ^ x));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1];
        bytes.extend((attributes.len() as u16).to_be_bytes());
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(*b"transactions");
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn the_ufrag_is_what_stands_before_the_colon() {
        let bytes = request(b"\x00\x06\x00\x05ab:cd\0\0\0");
        assert_eq!(parse_binding_request(&bytes).and_then(|r| r.ufrag), Some("ab"));
        assert_eq!(parse_binding_request(&request(b"")).map(|r| r.ufrag), Some(None));
    }

    #[test]
    fn what_is_not_exactly_a_binding_request_is_none() {
        let good = request(b"\x00\x06\x00\x05ab:cd\0\0\0");
        for length in 0..good.len() {
            assert_eq!(parse_binding_request(&good[..length]), None, "{length} bytes");
        }
        for bad in [
            &b"\x00\x06\x00\xffab:cd\0\0\0"[..],
            b"\x00\x06\x00\x04abcd",
            b"\x00\x06\x00\x04\xff\xff:a",
        ] {
            assert_eq!(parse_binding_request(&request(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn answers_are_no_larger_than_they_must_be() {
        let bytes = request(b"");
        let request = parse_binding_request(&bytes).expect("a request");
        let v4 = binding_success(&request, "192.0.2.1:32853".parse().expect("an address"));
        assert_eq!(v4.len(), 32);
        // RFC 5769 section 2.2: 192.0.2.1:32853 is xored to a147 e112a643.
        assert_eq!(v4[24..], [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(
            binding_success(&request, "[2001:db8::1]:9".parse().expect("an address")).len(),
            44
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_the_parser(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse_binding_request(&bytes);
            let _ = parse_binding_request(&request(&bytes));
        }
    }
}
