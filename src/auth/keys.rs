//! The keys that tokens are signed with: each is found by its id alone, and good for one algorithm.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::config::{KEY_ID_BYTES_MAX, SecretKey};

/// Of one set. A provider has two or three at a time.
const KEYS_MAX: usize = 64;

/// RFC 7518 section 3.3: RSA keys of 2,048 bits or more.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// One key, with the only algorithm that it verifies.
#[derive(Debug, Clone)]
pub struct Key {
    pub algorithm: Algorithm,
    pub verifier: DecodingKey,
}

/// Keys by their ids.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: BTreeMap<String, Key>,
}

/// Why a text is no key set.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    #[error("it is no JSON Web Key Set (RFC 7517): {0}")]
    Json(#[from] serde_json::Error),
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
    #[error("it has no key with a kid for RS256, ES256 or EdDSA")]
    Empty,
}

/// Each key is read by itself: one of a kind that is not known here is no reason to refuse the others.
#[derive(Deserialize)]
struct Listed {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// The operator's own secrets, for HS256.
    pub fn of_secrets(secrets: &[SecretKey]) -> KeySet {
        let keys = secrets.iter().map(|key| {
            let verifier = DecodingKey::from_secret(key.secret.bytes());
            let algorithm = Algorithm::HS256;
            (key.id.clone(), Key { algorithm, verifier })
        });
        KeySet { keys: keys.collect() }
    }

    /// The public keys of a JSON Web Key Set. Secrets in it are left out: what is published is no secret.
    ///
    /// # Errors
    /// It is none, or has nothing that can be used.
    pub fn from_jwks(text: &[u8]) -> Result<KeySet, KeySetError> {
        let listed: Listed = serde_json::from_slice(text)?;
        if listed.keys.len() > KEYS_MAX {
            return Err(KeySetError::TooMany);
        }
        let mut keys = BTreeMap::new();
        for value in listed.keys {
            if let Some((id, key)) = serde_json::from_value::<Jwk>(value).ok().and_then(|jwk| public_key(&jwk)) {
                keys.entry(id).or_insert(key);
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        Ok(KeySet { keys })
    }

    pub fn find(&self, id: &str) -> Option<&Key> {
        self.keys.get(id)
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// A key that may verify signatures, by its id.
fn public_key(jwk: &Jwk) -> Option<(String, Key)> {
    let common = &jwk.common;
    let id = common
        .key_id
        .clone()
        .filter(|id| !id.is_empty() && id.len() <= KEY_ID_BYTES_MAX)?;
    if common
        .public_key_use
        .as_ref()
        .is_some_and(|used| *used != PublicKeyUse::Signature)
    {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => (Algorithm::ES256, KeyAlgorithm::ES256),
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
        _ => return None,
    };
    if common.key_algorithm.is_some_and(|said| said != named) {
        return None;
    }
    let verifier = DecodingKey::from_jwk(jwk).ok()?;
    if let jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, .. } = verifier.kind()
        && !RSA_MODULUS_BYTES.contains(&n.len())
    {
        return None;
    }
    Some((id, Key { algorithm, verifier }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(keys: serde_json::Value) -> Result<KeySet, KeySetError> {
        KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes())
    }

    /// RFC 7517 appendix A.1 and RFC 8037 appendix A.2.
    fn ec() -> serde_json::Value {
        json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
               "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
    }

    fn ed() -> serde_json::Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn rsa(bytes: usize) -> serde_json::Value {
        use base64::Engine;
        let n = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(vec![0xc5; bytes]);
        json!({"kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig", "n": n, "e": "AQAB"})
    }

    #[test]
    fn each_key_is_tied_to_one_algorithm() {
        let keys = set(json!([ec(), ed(), rsa(256)])).expect("a set");
        assert_eq!(keys.len(), 3);
        for (id, algorithm) in [("ec", Algorithm::ES256), ("ed", Algorithm::EdDSA), ("rsa", Algorithm::RS256)] {
            assert_eq!(keys.find(id).expect("it is there").algorithm, algorithm);
        }
        assert!(keys.find("../ec").is_none() && keys.find("").is_none() && keys.find("EC").is_none());
    }

    #[test]
    fn what_is_no_public_key_for_signatures_is_left_out() {
        let with = |mut key: serde_json::Value, name: &str, value: serde_json::Value| {
            key[name] = value;
            key
        };
        for bad in [
            json!({"kty": "oct", "kid": "s", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"}),
            with(ec(), "use", json!("enc")),
            with(ec(), "alg", json!("ES384")),
            with(ec(), "kid", json!(7)),
            with(ec(), "kid", json!("")),
            with(ec(), "kid", json!("k".repeat(KEY_ID_BYTES_MAX + 1))),
            with(ec(), "crv", json!("P-384")),
            with(ec(), "x", json!("!!")),
            with(rsa(256), "alg", json!("PS256")),
            rsa(128),
            rsa(4096),
            json!("a text"),
            json!({"kty": "EC"}),
        ] {
            let keys = set(json!([bad, ed()])).expect("one is good");
            assert_eq!(keys.len(), 1, "{bad} was taken");
            assert!(matches!(set(json!([bad])), Err(KeySetError::Empty)));
        }
    }

    #[test]
    fn a_set_is_bounded_and_its_first_key_of_an_id_counts() {
        assert!(matches!(set(json!(vec![ed(); KEYS_MAX + 1])), Err(KeySetError::TooMany)));
        let mut other = ec();
        other["kid"] = json!("ed");
        let keys = set(json!([ed(), other])).expect("a set");
        assert_eq!(keys.find("ed").expect("it is there").algorithm, Algorithm::EdDSA);
        for text in ["", "[]", "{}", "{\"keys\": 7}", "\u{0}", "<html>"] {
            assert!(
                matches!(KeySet::from_jwks(text.as_bytes()), Err(KeySetError::Json(_))),
                "{text}"
            );
        }
    }
}
