//! What a link keeps of its pass phrase. It takes a tenth of a second of a processor, on purpose: never call it in the hub's task.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

use crate::id::LinkId;

/// OWASP's Password Storage Cheat Sheet for PBKDF2 with HMAC-SHA-256. What is kept stays readable only while this stays the same.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(600_000).expect("not 0");

/// PBKDF2 (RFC 8018 section 5.2), with the link's id for salt.
pub fn slow_hash(link: LinkId, passphrase: &str) -> [u8; 32] {
    let salt = format!("tandem link {link}");
    let mut hash = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        ITERATIONS,
        salt.as_bytes(),
        passphrase.as_bytes(),
        &mut hash,
    );
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_phrase_and_of_the_link() {
        let (one, other) = (LinkId::from_random(1), LinkId::from_random(2));
        let hash = slow_hash(one, "open sesame");
        assert_eq!(hash, slow_hash(one, "open sesame"));
        for (link, passphrase) in [(other, "open sesame"), (one, "open sesame "), (one, "")] {
            assert_ne!(hash, slow_hash(link, passphrase), "{passphrase:?}");
        }
    }
}
