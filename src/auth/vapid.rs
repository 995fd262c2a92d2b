//! Who sends a push message, as its service is shown (RFC 8292).

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

/// RFC 8292 section 2: no longer than a day; clocks may differ.
const LASTS_S: i64 = 12 * 3600;

/// A key pair of this server.
pub struct Vapid {
    key: EncodingKey,
    /// In base 64 for URLs, as pages take it.
    public: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

impl Vapid {
    /// A new key: PKCS #8 in base 64.
    ///
    /// # Errors
    /// There are no random numbers.
    pub fn fresh() -> Result<String, Unspecified> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        Ok(STANDARD.encode(made.as_ref()))
    }

    /// None: it is no such key.
    pub fn new(key: &str) -> Option<Vapid> {
        let der = STANDARD.decode(key).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok()?;
        Some(Vapid {
            public: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
            key: EncodingKey::from_ec_der(&der),
        })
    }

    pub fn public(&self) -> &str {
        &self.public
    }

    /// The value of `authorization` for the service of this origin. `contact`: where its operator may write to.
    ///
    /// # Errors
    /// It could not be signed.
    pub fn authorization(
        &self,
        origin: &str,
        contact: Option<&str>,
        now_unix: i64,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            aud: origin,
            exp: now_unix.saturating_add(LASTS_S),
            sub: contact,
        };
        let token = encode(&Header::new(Algorithm::ES256), &claims, &self.key)?;
        Ok(format!("vapid t={token}, k={}", self.public))
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_service_can_check_who_sends() {
        let key = Vapid::fresh().expect("a key");
        let vapid = Vapid::new(&key).expect("it is one");
        let now = jsonwebtoken::get_current_timestamp() as i64;
        let header = vapid
            .authorization("https://push.example", Some("mailto:ada@example.org"), now)
            .expect("signed");
        let (token, public) = header
            .strip_prefix("vapid t=")
            .and_then(|rest| rest.split_once(", k="))
            .expect("both parts");
        let point = URL_SAFE_NO_PAD.decode(public).expect("base 64");
        assert_eq!((point.len(), point[0]), (65, 4));
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        let checked = DecodingKey::from_ec_components(&x, &y).expect("a point");
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["https://push.example"]);
        let claims = decode::<Value>(token, &checked, &validation).expect("it is good").claims;
        assert_eq!(claims["sub"], "mailto:ada@example.org");
        assert_eq!(claims["exp"], now + LASTS_S);
        assert!(Vapid::new("bm8ga2V5").is_none());
    }
}
