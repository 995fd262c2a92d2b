//! SRTP of packets that go out, with the ciphers of AEAD (RFC 7714).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// A session key for RTP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Aes128([u8; 16]),
    Aes256([u8; 32]),
}

/// What str0m encrypted one packet with.
#[derive(Clone, Copy)]
pub struct Sample {
    pub key: Key,
    pub nonce: [u8; 12],
    /// The first bytes of the packet's header, which are sent in the clear.
    pub header: [u8; 12],
}

/// Encrypts packets.
pub struct Sealer {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Sealer {
    /// The same key, and the salt that the sample's nonce was made with. None where the sample is none of a packet whose index is `index`.
    pub fn like(sample: &Sample, index: u64) -> Option<Sealer> {
        let header = &sample.header;
        let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        if u16::from_be_bytes([header[2], header[3]]) != index as u16 {
            return None;
        }
        let key = match &sample.key {
            Key::Aes128(key) => UnboundKey::new(&AES_128_GCM, key),
            Key::Aes256(key) => UnboundKey::new(&AES_256_GCM, key),
        };
        Some(Sealer {
            key: LessSafeKey::new(key.ok()?),
            salt: nonce(&sample.nonce, ssrc, index),
        })
    }

    /// Encrypts what comes after the header, in its place, and appends the tag. `index` is the sequence number without its wrap (RFC 3711
    /// section 3.3.1); no two packets of an SSRC may have the same. None: nothing was encrypted, and the packet must not be sent.
    pub fn seal(&self, packet: &mut Vec<u8>, header: usize, ssrc: u32, index: u64) -> Option<()> {
        let (head, body) = packet.split_at_mut_checked(header)?;
        let nonce = Nonce::assume_unique_for_key(nonce(&self.salt, ssrc, index));
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(head), body).ok()?;
        packet.extend_from_slice(tag.as_ref());
        Some(())
    }
}

/// Two zero bytes, SSRC, rollover counter and sequence number, XOR the salt (RFC 7714 section 8.1). Of a nonce it gives the salt.
fn nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut made = *salt;
    let source = ssrc.to_be_bytes();
    let index = index.to_be_bytes();
    for (byte, with) in made[2..].iter_mut().zip(source.iter().chain(&index[2..])) {
        *byte ^= with;
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("hexadecimal"))
            .collect()
    }

    /// RFC 7714 section 16.1: the packet, its key and salt, and what becomes of it.
    const HEADER: &str = "8040f17b8041f8d35501a0b2";
    const BODY: &str = "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
    const SALT: &str = "517569642070726f2071756f";
    const NONCE: &str = "51753c6580c2726f20718414";

    fn sample(key: Key) -> Sample {
        Sample {
            key,
            nonce: bytes(NONCE).try_into().expect("twelve bytes"),
            header: bytes(HEADER).try_into().expect("twelve bytes"),
        }
    }

    #[test]
    fn packets_are_sealed_as_in_the_rfc() {
        let rows = [
            (
                Key::Aes128(std::array::from_fn(|at| at as u8)),
                "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
            ),
            (
                Key::Aes256(std::array::from_fn(|at| at as u8)),
                "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
            ),
        ];
        for (key, sealed) in rows {
            let sealer = Sealer::like(&sample(key), 0xf17b).expect("it is a sample of that packet");
            assert_eq!(sealer.salt.to_vec(), bytes(SALT));
            let mut packet = bytes(&format!("{HEADER}{BODY}"));
            sealer.seal(&mut packet, 12, 0x5501_a0b2, 0xf17b).expect("it is sealed");
            assert_eq!(packet, bytes(&format!("{HEADER}{sealed}")));
        }
    }

    #[test]
    fn a_sample_of_another_packet_is_of_no_use() {
        assert!(Sealer::like(&sample(Key::Aes128([0; 16])), 0xf17c).is_none());
    }

    #[test]
    fn the_rollover_counter_is_in_the_nonce() {
        let of = |index| nonce(&[0; 12], 0x0102_0304, index);
        assert_eq!(of(0x0005_0006), [0, 0, 1, 2, 3, 4, 0, 0, 0, 5, 0, 6]);
        assert_ne!(of(0x0001_0006), of(0x0002_0006));
    }

    #[test]
    fn a_packet_that_is_all_header_is_no_packet() {
        let sealer = Sealer::like(&sample(Key::Aes128([0; 16])), 0xf17b).expect("it is a sample of that packet");
        assert_eq!(sealer.seal(&mut vec![0; 11], 12, 1, 1), None);
    }
}
