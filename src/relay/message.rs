//! STUN and TURN messages (RFC 8489 section 5, RFC 8656 sections 17 and 18): read without copying, written once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_lc_rs::hmac;

/// RFC 8489 section 5.
pub const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// RFC 8489 section 14: the type and the length in front of a value.
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// HMAC-SHA1 (RFC 8489 section 14.5).
const INTEGRITY_BYTES: usize = 20;

/// Methods (RFC 8489 section 18.2, RFC 8656 section 17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Binding,
    Allocate,
    Refresh,
    Send,
    Data,
    CreatePermission,
    ChannelBind,
    Other(u16),
}

impl Method {
    fn from_number(number: u16) -> Method {
        match number {
            0x001 => Method::Binding,
            0x003 => Method::Allocate,
            0x004 => Method::Refresh,
            0x006 => Method::Send,
            0x007 => Method::Data,
            0x008 => Method::CreatePermission,
            0x009 => Method::ChannelBind,
            other => Method::Other(other),
        }
    }

    fn number(self) -> u16 {
        match self {
            Method::Binding => 0x001,
            Method::Allocate => 0x003,
            Method::Refresh => 0x004,
            Method::Send => 0x006,
            Method::Data => 0x007,
            Method::CreatePermission => 0x008,
            Method::ChannelBind => 0x009,
            Method::Other(number) => number,
        }
    }
}

/// RFC 8489 section 5: two bits of the message type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// Attribute types (RFC 8489 section 18.3, RFC 8656 section 18).
pub mod attribute {
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub const CHANNEL_NUMBER: u16 = 0x000c;
    pub const LIFETIME: u16 = 0x000d;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub const EVEN_PORT: u16 = 0x0018;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub const DONT_FRAGMENT: u16 = 0x001a;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
}

/// Types below this must be understood (RFC 8489 section 14).
const COMPREHENSION_OPTIONAL: u16 = 0x8000;

/// Which STUN message a datagram or frame claims to be, from its header alone.
pub fn kind_of(bytes: &[u8]) -> Option<(Class, Method)> {
    let header = bytes.get(..HEADER_BYTES)?;
    let kind = u16::from_be_bytes([header[0], header[1]]);
    if kind & 0xc000 != 0 || header[4..8] != MAGIC_COOKIE {
        return None;
    }
    // RFC 8489 section 5, figure 3: M11..M7 C1 M6..M4 C0 M3..M0.
    let number = (kind & 0x3e00) >> 2 | (kind & 0x00e0) >> 1 | kind & 0x000f;
    let class = match (kind & 0x0100 != 0, kind & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    Some((class, Method::from_number(number)))
}

/// A whole message whose attributes are known to lie inside it. Nothing else in it is proven.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub class: Class,
    pub method: Method,
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message; anything that is not exactly one is `None`.
    pub fn parse(bytes: &'a [u8]) -> Option<Message<'a>> {
        let (class, method) = kind_of(bytes)?;
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        if length % 4 != 0 || bytes.len() != HEADER_BYTES + length {
            return None;
        }
        let mut rest = &bytes[HEADER_BYTES..];
        while !rest.is_empty() {
            let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
            rest = rest.get(ATTRIBUTE_HEADER_BYTES + length.next_multiple_of(4)..)?;
        }
        Some(Message { class, method, bytes })
    }

    pub fn transaction(&self) -> [u8; 12] {
        self.bytes[8..HEADER_BYTES].try_into().expect("a header holds 12 bytes of it")
    }

    /// (type, value) of the attributes that count: those up to the integrity, and it (RFC 8489 section 14.5).
    pub fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut ended = false;
        self.located().map_while(move |(kind, _, value)| {
            let counts = !ended;
            ended |= kind == attribute::MESSAGE_INTEGRITY;
            counts.then_some((kind, value))
        })
    }

    /// The first attribute of this type (RFC 8489 section 14: only the first needs to be looked at).
    pub fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes().find(|(k, _)| *k == kind).map(|(_, value)| value)
    }

    pub fn text(&self, kind: u16) -> Option<&'a str> {
        std::str::from_utf8(self.attribute(kind)?).ok()
    }

    /// An attribute of four bytes. `Some(None)`: it is there, with another length.
    pub fn number(&self, kind: u16) -> Option<Option<u32>> {
        let value = self.attribute(kind)?;
        Some(value.try_into().ok().map(u32::from_be_bytes))
    }

    /// All XOR-PEER-ADDRESSes; `None` for one that is malformed.
    pub fn peers(&self) -> impl Iterator<Item = Option<SocketAddr>> {
        let transaction = self.transaction();
        self.attributes()
            .filter(|(kind, _)| *kind == attribute::XOR_PEER_ADDRESS)
            .map(move |(_, value)| read_xor_address(value, &transaction))
    }

    /// Attributes that must be understood and are none of `known`.
    pub fn unknown(&self, known: &[u16]) -> Vec<u16> {
        let mut unknown: Vec<u16> = self
            .attributes()
            .map(|(kind, _)| kind)
            .filter(|kind| *kind < COMPREHENSION_OPTIONAL && !known.contains(kind))
            .collect();
        unknown.dedup();
        unknown
    }

    /// Whether it carries a MESSAGE-INTEGRITY made with this key (RFC 8489 section 14.5). Takes the same time for every wrong one.
    pub fn is_signed_with(&self, key: &hmac::Key) -> bool {
        let Some((_, at, value)) = self.located().find(|(kind, _, _)| *kind == attribute::MESSAGE_INTEGRITY) else {
            return false;
        };
        let mut signed = self.bytes[..at].to_vec();
        set_length(&mut signed, at - HEADER_BYTES + ATTRIBUTE_HEADER_BYTES + INTEGRITY_BYTES);
        hmac::verify(key, &signed, value).is_ok()
    }

    /// (type, where it begins, value).
    fn located(&self) -> impl Iterator<Item = (u16, usize, &'a [u8])> {
        let bytes = self.bytes;
        let mut at = HEADER_BYTES;
        std::iter::from_fn(move || {
            let head = bytes.get(at..at + ATTRIBUTE_HEADER_BYTES)?;
            let begin = at;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = bytes.get(at + ATTRIBUTE_HEADER_BYTES..)?.get(..length)?;
            at += ATTRIBUTE_HEADER_BYTES + length.next_multiple_of(4);
            Some((u16::from_be_bytes([head[0], head[1]]), begin, value))
        })
    }
}

/// RFC 8489 sections 14.1 and 14.2: family, port and address, xored with the cookie and the transaction id.
fn read_xor_address(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let (head, address) = value.split_at_checked(4)?;
    let port = u16::from_be_bytes([head[2], head[3]]) ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]]);
    let mask = MAGIC_COOKIE.iter().chain(transaction);
    let plain: Vec<u8> = address.iter().zip(mask).map(|(a, m)| a ^ m).collect();
    let ip: IpAddr = match (head[1], address.len()) {
        (FAMILY_V4, 4) => Ipv4Addr::from(<[u8; 4]>::try_from(plain).ok()?).into(),
        (FAMILY_V6, 16) => Ipv6Addr::from(<[u8; 16]>::try_from(plain).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Address families (RFC 8489 section 14.1).
pub const FAMILY_V4: u8 = 1;
pub const FAMILY_V6: u8 = 2;

/// Error codes (RFC 8489 section 14.8, RFC 8656 section 19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    BadRequest = 400,
    Unauthenticated = 401,
    Forbidden = 403,
    UnknownAttribute = 420,
    AllocationMismatch = 437,
    StaleNonce = 438,
    AddressFamilyNotSupported = 440,
    WrongCredentials = 441,
    UnsupportedTransport = 442,
    PeerAddressFamilyMismatch = 443,
    AllocationQuotaReached = 486,
    InsufficientCapacity = 508,
}

/// A message being written.
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub fn new(class: Class, method: Method, transaction: [u8; 12]) -> Writer {
        let number = method.number();
        let class = match class {
            Class::Request => 0x0000,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        let kind = (number & 0x0f80) << 2 | (number & 0x0070) << 1 | number & 0x000f | class;
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(transaction);
        Writer { bytes }
    }

    /// The answer to a request.
    pub fn answer(request: &Message<'_>, class: Class) -> Writer {
        Writer::new(class, request.method, request.transaction())
    }

    /// Appends an attribute of at most 65,532 bytes.
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Writer {
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend((value.len() as u16).to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    pub fn xor_address(self, kind: u16, address: SocketAddr) -> Writer {
        let octets: Vec<u8> = match address.ip() {
            IpAddr::V4(ip) => ip.octets().into(),
            IpAddr::V6(ip) => ip.octets().into(),
        };
        let port = address.port().to_be_bytes();
        let family = if address.is_ipv4() { FAMILY_V4 } else { FAMILY_V6 };
        let mut value = vec![0, family, port[0] ^ MAGIC_COOKIE[0], port[1] ^ MAGIC_COOKIE[1]];
        value.extend(octets.iter().zip(&self.bytes[4..HEADER_BYTES]).map(|(a, m)| a ^ m));
        self.attribute(kind, &value)
    }

    /// ERROR-CODE without its reason phrase, which is for people and would only make the answer to a stranger larger.
    pub fn error(self, code: Code) -> Writer {
        let code = code as u16;
        self.attribute(attribute::ERROR_CODE, &[0, 0, (code / 100) as u8, (code % 100) as u8])
    }

    /// Ends the message with its MESSAGE-INTEGRITY.
    pub fn sign(mut self, key: &hmac::Key) -> Vec<u8> {
        let length = self.bytes.len() - HEADER_BYTES + ATTRIBUTE_HEADER_BYTES + INTEGRITY_BYTES;
        set_length(&mut self.bytes, length);
        let tag = hmac::sign(key, &self.bytes);
        self.attribute(attribute::MESSAGE_INTEGRITY, tag.as_ref()).finish()
    }

    pub fn finish(mut self) -> Vec<u8> {
        let length = self.bytes.len() - HEADER_BYTES;
        set_length(&mut self.bytes, length);
        self.bytes
    }
}

fn set_length(message: &mut [u8], length: usize) {
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 section 2.4: a request with long-term credentials, user "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}",
    /// password "TheMatrIX" (after SASLprep), realm "example.org".
    const SAMPLE_REQUEST: &[u8] = b"\x00\x01\x00\x60\x21\x12\xa4\x42\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e\
        \x00\x06\x00\x12\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9\x00\x00\
        \x00\x15\x00\x1c\x66\x2f\x2f\x34\x39\x39\x6b\x39\x35\x34\x64\x36\x4f\x4c\x33\x34\x6f\x4c\x39\x46\x53\x54\x76\x79\x36\x34\x73\x41\
        \x00\x14\x00\x0b\x65\x78\x61\x6d\x70\x6c\x65\x2e\x6f\x72\x67\x00\
        \x00\x08\x00\x14\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8\x96\x66";

    #[test]
    fn the_sample_of_rfc_5769_is_read_and_its_integrity_holds() {
        let message = Message::parse(SAMPLE_REQUEST).expect("a message");
        assert_eq!((message.class, message.method), (Class::Request, Method::Binding));
        let username = message.text(attribute::USERNAME).expect("a user");
        let realm = message.text(attribute::REALM).expect("a realm");
        let key = super::super::credentials::long_term_key(username, realm, "TheMatrIX");
        assert!(message.is_signed_with(&key));
        assert!(!message.is_signed_with(&super::super::credentials::long_term_key(username, realm, "TheMatrix")));
        let mut forged = SAMPLE_REQUEST.to_vec();
        forged[30] ^= 1;
        assert!(!Message::parse(&forged).expect("still a message").is_signed_with(&key));
    }

    #[test]
    fn what_is_written_is_read() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"key");
        for peer in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let peer: SocketAddr = peer.parse().expect("an address");
            let bytes = Writer::new(Class::Request, Method::CreatePermission, *b"transaction!")
                .xor_address(attribute::XOR_PEER_ADDRESS, peer)
                .attribute(attribute::DATA, b"odd")
                .sign(&key);
            let message = Message::parse(&bytes).expect("a message");
            assert_eq!(message.method, Method::CreatePermission);
            assert_eq!(message.peers().collect::<Vec<_>>(), [Some(peer)]);
            assert_eq!(message.attribute(attribute::DATA), Some(&b"odd"[..]));
            assert!(message.is_signed_with(&key));
        }
        // RFC 5769 section 2.2: 192.0.2.1:32853 is xored to a147 e112a643.
        let bytes = Writer::new(Class::Success, Method::Binding, [0; 12])
            .xor_address(attribute::XOR_MAPPED_ADDRESS, "192.0.2.1:32853".parse().expect("an address"))
            .finish();
        assert_eq!(bytes[24..], [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    }

    #[test]
    fn every_method_and_class_keeps_its_bits() {
        for number in 0..0x1000u16 {
            for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
                let bytes = Writer::new(class, Method::from_number(number), [7; 12]).finish();
                assert_eq!(kind_of(&bytes), Some((class, Method::from_number(number))), "{number:#x}");
                assert_eq!(Method::from_number(number).number(), number);
            }
        }
        assert_eq!(kind_of(&SAMPLE_REQUEST[..19]), None);
    }

    #[test]
    fn what_comes_after_the_integrity_does_not_count() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"key");
        let mut bytes = Writer::new(Class::Request, Method::Refresh, [1; 12]).sign(&key);
        bytes.extend([0x00, 0x0d, 0, 4, 0, 0, 0, 0]);
        let length = bytes.len() - HEADER_BYTES;
        set_length(&mut bytes, length);
        let message = Message::parse(&bytes).expect("a message");
        assert!(message.is_signed_with(&key));
        assert_eq!(message.attribute(attribute::LIFETIME), None);
        assert_eq!(message.unknown(&[attribute::MESSAGE_INTEGRITY]), [0u16; 0]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_the_reader(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), at in 0..116usize, bits: u8) {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"key");
            let mut flipped = SAMPLE_REQUEST.to_vec();
            if let Some(byte) = flipped.get_mut(at) { *byte ^= bits; }
            let mut framed = Writer::new(Class::Request, Method::Allocate, [0; 12]).finish();
            framed.extend(&bytes[..bytes.len() / 4 * 4]);
            let length = framed.len() - HEADER_BYTES;
            set_length(&mut framed, length);
            for bytes in [&bytes, &flipped, &framed] {
                if let Some(message) = Message::parse(bytes) {
                    let _ = (message.peers().count(), message.unknown(&[]), message.is_signed_with(&key));
                }
            }
        }
    }
}
