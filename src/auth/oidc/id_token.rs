//! The token by which a provider tells who has signed in (OpenID Connect Core 1.0 section 3.1.3.7).

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::auth::keys::Key;
use crate::auth::token::{Fault, Rules, Unproven};

/// OpenID Connect Core 1.0 section 2: at most 255 ASCII characters.
const SUBJECT_BYTES_MAX: usize = 255;

/// What it has to say beside its signature.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub leeway_s: u64,
}

/// Why it is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    Token(#[from] Fault),
    #[error("its nonce is that of another sign-in")]
    Nonce,
    #[error("it was made for another client (azp)")]
    Party,
    #[error("its subject is none")]
    Subject,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// One, where the library would take a list with ours in it.
    iss: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(#[expect(dead_code, reason = "that we are in it is judged before")] String),
    Several(Vec<String>),
}

/// Who has signed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    pub id: String,
    /// What else the provider tells of them.
    pub claims: Map<String, Value>,
}

/// What it says, if this key has signed it, for us, and for this sign-in.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn prove(unproven: &Unproven<'_>, key: &Key, expected: Expected<'_>) -> Result<Subject, Refused> {
    let rules = Rules {
        issuer: Some(expected.issuer.to_owned()),
        audience: Some(expected.client_id.to_owned()),
        leeway_s: expected.leeway_s,
    };
    let claims: Claims = unproven.decode(key, &rules)?;
    if claims.iss != expected.issuer {
        return Err(Fault::Issuer.into());
    }
    // Points 4 and 5: one of several whom it is for is named as the one who asked.
    let is_ours = match (&claims.azp, &claims.aud) {
        (Some(party), _) => party == expected.client_id,
        (None, Audience::Several(audience)) => audience.len() == 1,
        (None, Audience::One(_)) => true,
    };
    if !is_ours {
        return Err(Refused::Party);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(Refused::Nonce);
    }
    if !(1..=SUBJECT_BYTES_MAX).contains(&claims.sub.len()) || claims.sub.contains(char::is_control) {
        return Err(Refused::Subject);
    }
    Ok(Subject {
        id: claims.sub,
        claims: claims.others,
    })
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode, get_current_timestamp};
    use serde_json::json;

    use super::*;
    use crate::auth::token;

    const SECRET: &[u8] = b"a secret of thirty-two bytes, or more of them";

    const EXPECTED: Expected<'_> = Expected {
        issuer: "https://id.example",
        client_id: "tandem",
        nonce: "n",
        leeway_s: 0,
    };

    fn claims(more: Value) -> Value {
        let mut claims = json!({
            "iss": "https://id.example", "aud": "tandem", "sub": "ada", "nonce": "n", "exp": get_current_timestamp() + 60,
            "name": "Ada",
        });
        let fields = claims.as_object_mut().expect("an object");
        for (name, value) in more.as_object().expect("an object") {
            match value {
                Value::Null => drop(fields.remove(name)),
                _ => drop(fields.insert(name.clone(), value.clone())),
            }
        }
        claims
    }

    fn judge(more: Value) -> Result<Subject, Refused> {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("k".to_owned());
        let text = encode(&header, &claims(more), &EncodingKey::from_secret(SECRET)).expect("it is signed");
        let key = Key {
            algorithm: Algorithm::HS256,
            verifier: DecodingKey::from_secret(SECRET),
        };
        prove(&token::read(&text)?, &key, EXPECTED)
    }

    #[test]
    fn a_good_one_says_who_has_signed_in() {
        for more in [
            json!({}),
            json!({"aud": ["tandem"]}),
            json!({"aud": ["x", "tandem"], "azp": "tandem"}),
        ] {
            let subject = judge(more.clone()).expect("it is good");
            assert_eq!(
                (subject.id.as_str(), &subject.claims["name"]),
                ("ada", &json!("Ada")),
                "{more}"
            );
        }
    }

    #[test]
    fn each_other_is_refused_for_its_reason() {
        for (more, refused) in [
            (json!({"iss": "https://id.example/"}), Refused::Token(Fault::Issuer)),
            (json!({"iss": null}), Refused::Token(Fault::Claims)),
            (json!({"iss": ["https://id.example"]}), Refused::Token(Fault::Claims)),
            (json!({"aud": "x"}), Refused::Token(Fault::Audience)),
            (json!({"aud": []}), Refused::Token(Fault::Audience)),
            (json!({"aud": null}), Refused::Token(Fault::Claims)),
            (json!({"aud": ["tandem", "x"]}), Refused::Party),
            (json!({"azp": "x"}), Refused::Party),
            (json!({"nonce": "m"}), Refused::Nonce),
            (json!({"nonce": null}), Refused::Nonce),
            (json!({"nonce": ""}), Refused::Nonce),
            (json!({"exp": 1}), Refused::Token(Fault::Expired)),
            (json!({"exp": null}), Refused::Token(Fault::Claims)),
            (json!({"nbf": get_current_timestamp() + 60}), Refused::Token(Fault::NotYet)),
            (json!({"sub": ""}), Refused::Subject),
            (json!({"sub": "a\nb"}), Refused::Subject),
            (json!({"sub": "x".repeat(256)}), Refused::Subject),
            (json!({"sub": 7}), Refused::Token(Fault::Claims)),
            (json!({"sub": null}), Refused::Token(Fault::Claims)),
        ] {
            assert_eq!(judge(more.clone()), Err(refused), "{more}");
        }
    }
}
