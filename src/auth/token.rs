//! A token of the operator's application (RFC 7519): what it says of somebody, once its signature is proven. docs/tokens.md tells it
//! for those who write one.

use std::fmt;
use std::marker::PhantomData;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Validation, dangerous, decode, decode_header, get_current_timestamp};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::keys::Key;
use crate::config::KEY_ID_BYTES_MAX;
use crate::grants::{Grants, Sources};
use crate::id::LinkId;

/// A token with names and metadata of somebody is one or two kilobytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// A subject, or the id of a token.
const ID_BYTES_MAX: usize = 256;

/// For how long one may be good that is to be used once: so long its use is remembered.
const ONCE_LASTS_MAX_S: u64 = 24 * 3600;

/// What is wrong with a token. For the log and the metric: whoever presents it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("there is none")]
    Missing,
    #[error("it is too long")]
    TooLarge,
    #[error("it is no JSON Web Token in three parts")]
    Malformed,
    #[error("no key has this id")]
    UnknownKey,
    #[error("its algorithm is not that of the key")]
    Algorithm,
    #[error("the signature is not that of the key")]
    Signature,
    #[error("it is over")]
    Expired,
    #[error("it does not hold yet")]
    NotYet,
    #[error("another issuer")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("a claim is missing, or makes no sense")]
    Claims,
    #[error("it grants what there is not here")]
    Unsupported,
    #[error("it was used before")]
    Replayed,
}

impl Fault {
    pub const ALL: [Fault; 13] = [
        Fault::Missing,
        Fault::TooLarge,
        Fault::Malformed,
        Fault::UnknownKey,
        Fault::Algorithm,
        Fault::Signature,
        Fault::Expired,
        Fault::NotYet,
        Fault::Issuer,
        Fault::Audience,
        Fault::Claims,
        Fault::Unsupported,
        Fault::Replayed,
    ];

    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Missing => "missing",
            Fault::TooLarge => "too_large",
            Fault::Malformed => "malformed",
            Fault::UnknownKey => "unknown_key",
            Fault::Algorithm => "algorithm",
            Fault::Signature => "signature",
            Fault::Expired => "expired",
            Fault::NotYet => "not_yet",
            Fault::Issuer => "issuer",
            Fault::Audience => "audience",
            Fault::Claims => "claims",
            Fault::Unsupported => "unsupported",
            Fault::Replayed => "replayed",
        }
    }
}

/// What every token has to say.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub issuer: Option<String>,
    pub audience: Option<String>,
    /// By how much clocks may differ.
    pub leeway_s: u64,
}

/// A token that was read and is not proven yet: it only says which key would prove it.
#[derive(Debug)]
pub struct Unproven<'a> {
    text: &'a str,
    algorithm: Algorithm,
    pub key_id: String,
}

/// What a proven token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Whom the operator's application knows under this name.
    pub subject: String,
    /// To be shown to others.
    pub name: Option<String>,
    pub grants: Grants,
    /// It is good for one sign-in.
    pub once: Option<Once>,
}

/// What has to be remembered of a token that may be used once.
#[derive(Debug, Clone, PartialEq)]
pub struct Once {
    pub id: String,
    /// Unix seconds: from then on it is refused without being remembered.
    pub until_unix: i64,
}

/// Reads which key a token claims to be signed with: its header's `kid`, or the issuer where there is none (as LiveKit's have it).
///
/// # Errors
/// It is no token at all.
pub fn read(text: &str) -> Result<Unproven<'_>, Fault> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: Option<String>,
    }
    if text.len() > TOKEN_BYTES_MAX {
        return Err(Fault::TooLarge);
    }
    let header = decode_header(text).map_err(|_| Fault::Malformed)?;
    let is_jwt = header.typ.as_ref().is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
    // RFC 7515 section 4.1.11: what has to be understood is not.
    if !is_jwt || header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
        return Err(Fault::Malformed);
    }
    let key_id = match header.kid {
        Some(kid) => kid,
        None => {
            let claims = dangerous::insecure_decode_claims::<Issuer>(text).map_err(|_| Fault::Malformed)?;
            claims.iss.ok_or(Fault::UnknownKey)?
        }
    };
    if key_id.is_empty() || key_id.len() > KEY_ID_BYTES_MAX {
        return Err(Fault::UnknownKey);
    }
    Ok(Unproven {
        text,
        algorithm: header.alg,
        key_id,
    })
}

impl Unproven<'_> {
    /// What it says, if the key has signed it and the rules hold.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn prove(&self, key: &Key, rules: &Rules) -> Result<Token, Fault> {
        let claims: Claims = self.decode(key, rules)?;
        claims.check(rules.leeway_s)
    }

    /// Its claims, if the key has signed it and the rules hold.
    pub(super) fn decode<C: DeserializeOwned>(&self, key: &Key, rules: &Rules) -> Result<C, Fault> {
        if self.algorithm != key.algorithm {
            return Err(Fault::Algorithm);
        }
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = rules.leeway_s;
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = &rules.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &rules.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        let Object(claims) = decode::<Object<C>>(self.text, &key.verifier, &validation)
            .map_err(|error| fault(&error))?
            .claims;
        Ok(claims)
    }
}

fn fault(error: &Error) -> Fault {
    match error.kind() {
        ErrorKind::InvalidSignature => Fault::Signature,
        ErrorKind::ExpiredSignature => Fault::Expired,
        ErrorKind::ImmatureSignature => Fault::NotYet,
        ErrorKind::InvalidIssuer => Fault::Issuer,
        ErrorKind::InvalidAudience => Fault::Audience,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Fault::Algorithm,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Fault::Issuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Fault::Audience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => Fault::Claims,
        _ => Fault::Malformed,
    }
}

/// The claims that mean something here. A claim that stands twice is refused, others are passed over.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    // These are judged by the library; here they have to be of their types, and not twice.
    #[serde(default, rename = "nbf")]
    _nbf: Option<f64>,
    #[serde(default, rename = "iat")]
    _iat: Option<f64>,
    #[serde(default, rename = "iss")]
    _iss: Option<String>,
    #[serde(default, rename = "aud")]
    _aud: Option<Audience>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    jti: Option<String>,
    #[serde(default)]
    once: bool,
    #[serde(default, deserialize_with = "there")]
    video: Option<VideoGrant>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(#[expect(dead_code, reason = "only its type counts here")] String),
    Several(#[expect(dead_code, reason = "only its type counts here")] Vec<String>),
}

/// A grant that says nothing must not pass for one that is not there, and so grants everything.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VideoGrant>, D::Error> {
    let Object(grant) = Object::deserialize(deserializer)?;
    Ok(Some(grant))
}

/// What has to be an object: a list of the same values is none.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        struct Map<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Map(PhantomData))
    }
}

/// LiveKit's grant, as far as it means something here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VideoGrant {
    #[serde(default)]
    room: Option<String>,
    #[serde(default)]
    room_join: Option<bool>,
    #[serde(default)]
    room_create: Option<bool>,
    #[serde(default)]
    room_admin: Option<bool>,
    #[serde(default)]
    can_publish: Option<bool>,
    #[serde(default)]
    can_publish_sources: Option<Vec<String>>,
    #[serde(default)]
    can_publish_data: Option<bool>,
    #[serde(default)]
    can_subscribe: Option<bool>,
    #[serde(default)]
    can_update_own_metadata: Option<bool>,
    #[serde(default)]
    hidden: Option<bool>,
    #[serde(default)]
    recorder: Option<bool>,
    #[serde(default)]
    agent: Option<bool>,
}

impl Claims {
    fn check(self, leeway_s: u64) -> Result<Token, Fault> {
        let is_id = |text: &str| (1..=ID_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
        if !is_id(&self.sub) {
            return Err(Fault::Claims);
        }
        let once = match (self.once, self.jti) {
            (false, _) => None,
            (true, Some(id)) if is_id(&id) => {
                let until = self.exp + leeway_s as f64 + 1.0;
                if until > (get_current_timestamp() + ONCE_LASTS_MAX_S) as f64 {
                    return Err(Fault::Claims);
                }
                let until_unix = until as i64;
                Some(Once { id, until_unix })
            }
            (true, _) => return Err(Fault::Claims),
        };
        let name = self.name.filter(|name| !name.trim().is_empty());
        let grants = match self.video {
            None => Grants {
                rename: name.is_none(),
                ..Grants::ALL
            },
            Some(video) => video.grants(name.is_some())?,
        };
        Ok(Token {
            subject: self.sub,
            name,
            grants,
            once,
        })
    }
}

impl VideoGrant {
    fn grants(self, is_named: bool) -> Result<Grants, Fault> {
        // What would be promised and not kept: everybody in a room sees everybody.
        if [self.hidden, self.recorder, self.agent].contains(&Some(true)) {
            return Err(Fault::Unsupported);
        }
        let room = match self.room.filter(|room| !room.is_empty()) {
            None => None,
            Some(room) => Some(room.parse::<LinkId>().map_err(|_| Fault::Claims)?),
        };
        let publish = match (self.can_publish, self.can_publish_sources.unwrap_or_default()) {
            (Some(false), _) => Sources::NONE,
            (_, sources) if sources.is_empty() => Sources::ALL,
            (_, sources) => sources_of(&sources)?,
        };
        Ok(Grants {
            room,
            guest: false,
            join: self.room_join.unwrap_or(false),
            create: self.room_create.unwrap_or(false),
            admin: self.room_admin.unwrap_or(false),
            appointed: false,
            publish,
            subscribe: self.can_subscribe.unwrap_or(true),
            data: self.can_publish_data.unwrap_or(true),
            rename: !is_named || self.can_update_own_metadata.unwrap_or(false),
        })
    }
}

/// LiveKit's names of the sources, or ours.
fn sources_of(names: &[String]) -> Result<Sources, Fault> {
    let mut sources = Sources::NONE;
    for name in names {
        match name.as_str() {
            "microphone" => sources.microphone = true,
            "camera" => sources.camera = true,
            "screen_share" | "screen" => sources.screen = true,
            "screen_share_audio" | "screen_audio" => sources.screen_audio = true,
            _ => return Err(Fault::Claims),
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests;
