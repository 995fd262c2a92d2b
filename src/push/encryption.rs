//! Encrypts a message for one browser (RFC 8291, RFC 8188): the service that carries it learns its length alone.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

/// An uncompressed point of P-256.
pub const PUBLIC_KEY_BYTES: usize = 65;

/// RFC 8291 section 3.2.
pub const AUTH_BYTES: usize = 16;

/// RFC 8188 section 2.1.
const SALT_BYTES: usize = 16;

/// All of a message is one record.
const RECORD_BYTES: u32 = 4096;

/// Record, but for the delimiter and the tag (RFC 8188 section 2), and for the header that many services count in.
pub const PLAIN_BYTES_MAX: usize = 3993;

/// What a browser gave for its subscription.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserKeys {
    pub public: [u8; PUBLIC_KEY_BYTES],
    pub auth: [u8; AUTH_BYTES],
}

/// How many bytes to derive.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// The body of a push message. `ours` is used for this message alone, and so is `salt`.
///
/// # Errors
/// The browser's key is not on the curve, or the text is too long.
pub fn encrypt(plain: &[u8], browser: &BrowserKeys, ours: &PrivateKey, salt: [u8; SALT_BYTES]) -> Result<Vec<u8>, Unspecified> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(Unspecified);
    }
    let our_public = ours.compute_public_key()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &browser.public[..]);
    let input_key = agree(ours, theirs, Unspecified, |shared| {
        let info = [b"WebPush: info\0".as_slice(), &browser.public, our_public.as_ref()];
        derive::<32>(&browser.auth, shared, &info)
    })?;
    let key = derive::<16>(&salt, &input_key, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce = derive::<12>(&salt, &input_key, &[b"Content-Encoding: nonce\0"])?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    let mut record = plain.to_vec();
    // RFC 8188 section 2: the last record.
    record.push(2);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;

    let mut body = salt.to_vec();
    body.extend(RECORD_BYTES.to_be_bytes());
    body.push(PUBLIC_KEY_BYTES as u8);
    body.extend(our_public.as_ref());
    body.append(&mut record);
    Ok(body)
}

fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut derived = [0; N];
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Bytes(N))?
        .fill(&mut derived)?;
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        let bytes = URL_SAFE_NO_PAD.decode(text).expect("base 64");
        bytes.try_into().expect("the right length")
    }

    /// RFC 8291 section 5.
    #[test]
    fn it_encrypts_as_the_example_of_the_rfc_does() {
        let browser = BrowserKeys {
            public: bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let ours = bytes::<32>("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let ours = PrivateKey::from_private_key(&ECDH_P256, &ours).expect("a key");
        let body = encrypt(
            b"When I grow up, I want to be a watermelon",
            &browser,
            &ours,
            bytes("DGv6ra1nlYgDCS1FRnbzlw"),
        );
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body.expect("it is encrypted")),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y\
             l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn a_key_that_is_none_and_a_text_that_is_too_long_are_refused() {
        let ours = PrivateKey::generate(&ECDH_P256).expect("a key");
        let mut browser = BrowserKeys {
            public: [4; PUBLIC_KEY_BYTES],
            auth: [1; AUTH_BYTES],
        };
        assert!(
            encrypt(b"text", &browser, &ours, [0; SALT_BYTES]).is_err(),
            "not on the curve"
        );
        browser
            .public
            .copy_from_slice(ours.compute_public_key().expect("a key").as_ref());
        assert!(encrypt(&[0; PLAIN_BYTES_MAX], &browser, &ours, [0; SALT_BYTES]).is_ok());
        assert!(encrypt(&[0; PLAIN_BYTES_MAX + 1], &browser, &ours, [0; SALT_BYTES]).is_err());
    }
}
