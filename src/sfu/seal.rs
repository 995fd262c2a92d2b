//! SRTP of packets that go out, and SRTCP of reports that come in, with the ciphers of AEAD (RFC 7714).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::rtcp;

/// A session key, for RTP or for RTCP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Aes128([u8; 16]),
    Aes256([u8; 32]),
}

/// What str0m encrypted one packet with, or decrypted one compound of reports.
#[derive(Clone, Copy)]
pub struct Sample {
    pub key: Key,
    pub nonce: [u8; 12],
    /// Of a packet, the first bytes of its header; of a compound, all that is in the clear of it: its first bytes, and its index.
    pub header: [u8; 12],
}

impl std::fmt::Debug for Key {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl Key {
    fn keyed(&self) -> Option<LessSafeKey> {
        let key = match self {
            Key::Aes128(key) => UnboundKey::new(&AES_128_GCM, key),
            Key::Aes256(key) => UnboundKey::new(&AES_256_GCM, key),
        };
        key.ok().map(LessSafeKey::new)
    }
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
        Some(Sealer {
            key: sample.key.keyed()?,
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

/// After what was encrypted of a compound come a tag and its index, with a bit that says that it is encrypted (RFC 7714 section 9.2).
pub const AFTER_REPORTS: usize = 16 + 4;

const IS_ENCRYPTED: u32 = 1 << 31;

/// Decrypts reports.
pub struct Opener {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Opener {
    /// The same key, and the salt that the sample's nonce was made with.
    pub fn like(sample: &Sample) -> Option<Opener> {
        let (ssrc, index) = of_reports(&sample.header)?;
        Some(Opener {
            key: sample.key.keyed()?,
            salt: nonce(&sample.nonce, ssrc, index),
        })
    }

    /// Makes `compound` what a datagram says. None: it is not genuine, or not encrypted.
    pub fn open(&self, datagram: &[u8], compound: &mut Vec<u8>) -> Option<()> {
        let (sealed, index) = datagram.split_last_chunk::<4>()?;
        let (clear, body) = sealed.split_at_checked(rtcp::CLEAR)?;
        let mut header = [0; rtcp::CLEAR + 4];
        header[..rtcp::CLEAR].copy_from_slice(clear);
        header[rtcp::CLEAR..].copy_from_slice(index);
        let (ssrc, index) = of_reports(&header)?;
        let nonce = Nonce::assume_unique_for_key(nonce(&self.salt, ssrc, index));
        compound.clear();
        compound.extend_from_slice(clear);
        compound.extend_from_slice(body);
        let encrypted = compound.get_mut(rtcp::CLEAR..)?;
        let opened = self.key.open_in_place(nonce, Aad::from(header), encrypted).ok()?.len();
        compound.truncate(rtcp::CLEAR + opened);
        Some(())
    }
}

/// SSRC and index of what is in the clear of a compound, if the rest of it is encrypted.
fn of_reports(header: &[u8; rtcp::CLEAR + 4]) -> Option<(u32, u64)> {
    let [_, _, _, _, s0, s1, s2, s3, i0, i1, i2, i3] = *header;
    let index = u32::from_be_bytes([i0, i1, i2, i3]);
    (index & IS_ENCRYPTED != 0).then(|| (u32::from_be_bytes([s0, s1, s2, s3]), u64::from(index & !IS_ENCRYPTED)))
}

/// Two zero bytes, SSRC, rollover counter and sequence number, XOR the salt (RFC 7714 section 8.1); of a
/// compound of reports, its index in place of those (section 9.1). Of a nonce it gives the salt.
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

    /// RFC 7714 section 17.1: a compound, and what becomes of it.
    const REPORTS: &str =
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
    const REPORTS_SEALED: &str = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4";

    fn reports_sample() -> Sample {
        Sample {
            key: Key::Aes128(std::array::from_fn(|at| at as u8)),
            nonce: nonce(&bytes(SALT).try_into().expect("twelve bytes"), 0x4d61_7273, 0x5d4),
            header: bytes("81c8000d4d617273800005d4").try_into().expect("twelve bytes"),
        }
    }

    #[test]
    fn reports_are_opened_as_in_the_rfc() {
        let opener = Opener::like(&reports_sample()).expect("it is encrypted");
        assert_eq!(opener.salt.to_vec(), bytes(SALT));
        let (sealed, mut compound) = (bytes(REPORTS_SEALED), vec![1, 2, 3]);
        assert_eq!(sealed.len(), bytes(REPORTS).len() + AFTER_REPORTS);
        assert_eq!(opener.open(&sealed, &mut compound), Some(()));
        assert_eq!(compound, bytes(REPORTS));
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert_eq!(opener.open(&forged, &mut compound), None, "byte {at}");
            assert_eq!(opener.open(&sealed[..at], &mut compound), None, "{at} bytes");
        }
    }

    #[test]
    fn reports_in_the_clear_are_not_opened() {
        let mut plain = reports_sample();
        plain.header[8] = 0;
        assert!(Opener::like(&plain).is_none());
        let opener = Opener::like(&reports_sample()).expect("it is encrypted");
        let mut sealed = bytes(REPORTS_SEALED);
        let index = sealed.len() - 4;
        sealed[index] = 0;
        assert_eq!(opener.open(&sealed, &mut Vec::new()), None);
    }
}
