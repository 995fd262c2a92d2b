//! Datagrams that are almost what a WebRTC server reads. The same seed makes the same ones.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

const DATAGRAM_BYTES_MAX: usize = 1400;

/// Makes malformed datagrams.
pub struct Malformed {
    random: StdRng,
}

/// What a datagram is shaped like (RFC 7983 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Stun,
    Turn,
    Dtls,
    ClientHello,
    ChannelData,
    Rtp,
    Rtcp,
    Noise,
}

impl Shape {
    pub const ALL: [Shape; 8] = [
        Shape::Stun,
        Shape::Turn,
        Shape::Dtls,
        Shape::ClientHello,
        Shape::ChannelData,
        Shape::Rtp,
        Shape::Rtcp,
        Shape::Noise,
    ];
}

impl Malformed {
    pub fn new(seed: u64) -> Malformed {
        Malformed {
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// `ufrag`: of a connection that exists, so that some of it gets further than the first look-up.
    pub fn any(&mut self, ufrag: &str) -> Vec<u8> {
        let shape = Shape::ALL[self.random.random_range(0..Shape::ALL.len())];
        self.of(shape, ufrag)
    }

    pub fn of(&mut self, shape: Shape, ufrag: &str) -> Vec<u8> {
        let mut bytes = match shape {
            Shape::Stun => self.stun(&[0x0001, 0x0011, 0x0101, 0x0111, 0x3fff], ufrag),
            Shape::Turn => self.stun(&[0x0003, 0x0004, 0x0008, 0x0009, 0x0016], ufrag),
            Shape::Dtls => self.dtls(),
            Shape::ClientHello => self.client_hello(),
            Shape::ChannelData => {
                let mut bytes = self.noise();
                bytes.insert(0, self.random.random_range(0x40..=0x4f));
                bytes
            }
            Shape::Rtp => {
                let mut bytes = self.noise();
                bytes.insert(0, self.random.random_range(128..=191));
                bytes
            }
            Shape::Rtcp => {
                let mut bytes = vec![0x80 | self.random.random_range(0..32), self.random.random_range(192..=223)];
                bytes.extend(self.noise());
                bytes
            }
            Shape::Noise => self.noise(),
        };
        // One in four is cut short or has flipped bits.
        match self.random.random_range(0..8) {
            0 => bytes.truncate(self.random.random_range(0..=bytes.len())),
            1 => {
                for _ in 0..self.random.random_range(1..8) {
                    if let Some(index) = (!bytes.is_empty()).then(|| self.random.random_range(0..bytes.len())) {
                        bytes[index] ^= 1 << self.random.random_range(0..8);
                    }
                }
            }
            _ => {}
        }
        bytes.truncate(DATAGRAM_BYTES_MAX);
        bytes
    }

    fn noise(&mut self) -> Vec<u8> {
        let most = if self.random.random_bool(0.9) {
            120
        } else {
            DATAGRAM_BYTES_MAX
        };
        let mut bytes = vec![0; self.random.random_range(0..most)];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    fn stun(&mut self, kinds: &[u16], ufrag: &str) -> Vec<u8> {
        let mut attributes = Vec::new();
        if self.random.random_bool(0.5) {
            let name = format!("{ufrag}:{:08x}", self.random.random::<u32>());
            push_attribute(&mut attributes, 0x0006, name.as_bytes());
        }
        for _ in 0..self.random.random_range(0..6) {
            let kind = *[
                0x0006u16, 0x0008, 0x0009, 0x0012, 0x0014, 0x0019, 0x0020, 0x0024, 0x0025, 0x802a, 0x8028, 0x7fff,
            ]
            .get(self.random.random_range(0..12))
            .unwrap_or(&0);
            let value = self.noise();
            push_attribute(&mut attributes, kind, &value);
            if self.random.random_bool(0.2) {
                // A length that is not the value's.
                let at = attributes.len().saturating_sub(value.len().next_multiple_of(4) + 2);
                if let Some(low) = attributes.get_mut(at + 1) {
                    *low ^= 0x55;
                }
            }
        }
        let kind = kinds[self.random.random_range(0..kinds.len())];
        let length = if self.random.random_bool(0.8) {
            attributes.len() as u16
        } else {
            self.random.random()
        };
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.extend([0x21, 0x12, 0xa4, 0x42]);
        bytes.extend(self.random.random::<[u8; 12]>());
        bytes.extend(attributes);
        bytes
    }

    fn dtls(&mut self) -> Vec<u8> {
        let body = self.noise();
        let mut bytes = vec![
            self.random.random_range(20..=63),
            0xfe,
            *[0xff, 0xfd, 0xfc].get(self.random.random_range(0..3)).unwrap_or(&0),
        ];
        bytes.extend(self.random.random::<[u8; 8]>());
        let length = if self.random.random_bool(0.7) {
            body.len() as u16
        } else {
            self.random.random()
        };
        bytes.extend(length.to_be_bytes());
        bytes.extend(body);
        bytes
    }

    /// A ClientHello as a browser might send it (RFC 6347 section 4.3.2), of a handshake that nobody goes on with.
    fn client_hello(&mut self) -> Vec<u8> {
        let mut hello = vec![0xfe, 0xfd];
        hello.extend(self.random.random::<[u8; 32]>());
        // No session, no cookie.
        hello.extend([0, 0]);
        // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alone, and no compression.
        hello.extend([0, 2, 0xc0, 0x2b, 1, 0]);
        let mut extensions = Vec::new();
        for (kind, value) in [
            (10u16, &[0u8, 4, 0, 29, 0, 23][..]),
            (11, &[1, 0]),
            (13, &[0, 2, 4, 3]),
            (14, &[0, 4, 0, 8, 0, 7, 0]),
            (23, &[]),
        ] {
            extensions.extend(kind.to_be_bytes());
            extensions.extend((value.len() as u16).to_be_bytes());
            extensions.extend(value);
        }
        hello.extend((extensions.len() as u16).to_be_bytes());
        hello.extend(extensions);
        let length = (hello.len() as u32).to_be_bytes();
        let mut handshake = vec![
            1, length[1], length[2], length[3], 0, 0, 0, 0, 0, length[1], length[2], length[3],
        ];
        handshake.extend(hello);
        let mut bytes = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0];
        bytes.extend(self.random.random::<[u8; 2]>());
        bytes.extend((handshake.len() as u16).to_be_bytes());
        bytes.extend(handshake);
        bytes
    }
}

fn push_attribute(attributes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    attributes.extend(kind.to_be_bytes());
    attributes.extend((value.len() as u16).to_be_bytes());
    attributes.extend(value);
    attributes.resize(attributes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_makes_one_attack() {
        let make = |seed| {
            let mut malformed = Malformed::new(seed);
            (0..500).map(|_| malformed.any("abcd")).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(1).iter().all(|bytes| bytes.len() <= DATAGRAM_BYTES_MAX));
    }
}
