//! What a connection to the TCP port speaks, told by its first bytes.

/// STUN's, at offset 4 of a message (RFC 8489 section 5).
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// The first byte of a TLS record that opens a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// No opening needs more bytes to be told.
pub const OPENING_BYTES: usize = 10;

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    Tls,
    /// HTTP/1.1.
    Http,
    /// STUN framed by RFC 4571: a connectivity check on a passive candidate (RFC 6544 section 7).
    IceTcp,
    /// STUN by itself: TURN over TCP (RFC 8656 section 3.1).
    Turn,
    Unknown,
}

/// None: more bytes are needed.
pub fn tell(first: &[u8]) -> Option<Opening> {
    match *first.first()? {
        TLS_HANDSHAKE => Some(Opening::Tls),
        b'A'..=b'Z' => Some(Opening::Http),
        // A STUN message begins with 0 to 3; so does the length of a frame with a check in it, which is well below 1 KiB.
        0..=3 => match (first.get(4..8), first.get(6..OPENING_BYTES)) {
            (Some(cookie), _) if cookie == MAGIC_COOKIE => Some(Opening::Turn),
            (_, Some(cookie)) if cookie == MAGIC_COOKIE => Some(Opening::IceTcp),
            (_, Some(_)) => Some(Opening::Unknown),
            _ => None,
        },
        _ => Some(Opening::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOCATE: &[u8] = &[0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4];
    const FRAMED_CHECK: &[u8] = &[0, 0x60, 0, 1, 0, 0x4c, 0x21, 0x12, 0xa4, 0x42, 1, 2];

    #[test]
    fn every_protocol_is_told_by_its_first_bytes_however_they_come() {
        for (bytes, expected) in [
            (&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], Opening::Tls),
            (b"GET / HTTP/1.1\r\n", Opening::Http),
            (b"PRI * HTTP/2.0\r\n\r\n", Opening::Http),
            (ALLOCATE, Opening::Turn),
            (FRAMED_CHECK, Opening::IceTcp),
            (b"SSH-2.0-OpenSSH", Opening::Http),
            (b"\0\0\0\0\0\0\0\0\0\0", Opening::Unknown),
            (b"\x80\0\0\0\0\0\0\0\0\0", Opening::Unknown),
            (b"\x05\x01\0", Opening::Unknown),
        ] {
            let first_told = (0..=bytes.len()).find_map(|length| tell(&bytes[..length]));
            assert_eq!(first_told, Some(expected), "{bytes:?}");
            assert_eq!(tell(bytes), Some(expected), "{bytes:?}");
        }
        assert_eq!(tell(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn ten_bytes_are_always_enough(bytes in proptest::collection::vec(proptest::num::u8::ANY, OPENING_BYTES..40)) {
            proptest::prop_assert!(tell(&bytes).is_some());
        }
    }
}
