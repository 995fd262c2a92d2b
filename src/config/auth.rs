//! Who may come in: what of config.toml is about that, and about tokens and their keys (`oidc.rs`: about a provider).

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::ConfigError;
use super::oidc::{OidcAuth, OidcFile};
use crate::fetch::may_be_asked;

/// More keys than any operator turns over at once.
const KEYS_MAX: usize = 64;

/// An id of a key, here as in tokens and key sets: nobody has longer ones.
pub const KEY_ID_BYTES_MAX: usize = 256;

/// Of a file with a secret.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthFile {
    mode: String,
    keys: Vec<KeyFile>,
    jwks: String,
    jwks_ca: PathBuf,
    issuer: String,
    audience: String,
    leeway_s: u64,
    sign_in_url: String,
    oidc: OidcFile,
}

/// A table, or "id:path of the secret's file" where there are no tables.
struct KeyFile {
    id: String,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
}

/// Without the secret.
impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for KeyFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyFile, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            id: String,
            secret: Option<String>,
            secret_file: Option<PathBuf>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = KeyFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table with id and secret or secret_file, or \"id:file\"")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeyFile, A::Error> {
                let Table { id, secret, secret_file } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(KeyFile { id, secret, secret_file })
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<KeyFile, E> {
                // Not the text itself: somebody may have put the secret there.
                let (id, file) = text.split_once(':').ok_or_else(|| E::custom("expected \"id:file\""))?;
                Ok(KeyFile {
                    id: id.to_owned(),
                    secret: None,
                    secret_file: Some(file.into()),
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthMode {
    /// Everybody: a first visit makes a user.
    Open,
    /// Whom the operator's application signs a token for.
    Token(TokenAuth),
    /// Whom an OpenID Connect provider signs in.
    Oidc(OidcAuth),
}

/// What tokens are judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAuth {
    /// For HS256.
    pub keys: Vec<SecretKey>,
    /// For RS256, ES256 and EdDSA.
    pub jwks: Option<JwksSource>,
    /// What `iss` has to be.
    pub issuer: Option<String>,
    /// What `aud` has to name.
    pub audience: Option<String>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// Where people get a token.
    pub sign_in_url: Option<String>,
}

/// A secret that the operator's application and this server share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretKey {
    pub id: String,
    pub secret: Secret,
    /// Where it stands, if not in the configuration itself.
    pub file: Option<PathBuf>,
}

/// What is not to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret of {} bytes", self.0.len())
    }
}

/// Where a JSON Web Key Set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    File(PathBuf),
    Url {
        /// HTTPS, or HTTP to this machine itself.
        url: String,
        /// A file in PEM with what to trust in place of the public authorities.
        authority: Option<PathBuf>,
    },
}

impl fmt::Display for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JwksSource::File(path) => path.display().fmt(f),
            JwksSource::Url { url, .. } => f.write_str(url),
        }
    }
}

/// What a file holds, but for the new line with which an editor ends it. None: it cannot be read, or is too large.
pub(super) fn read_secret(path: &Path) -> Option<Secret> {
    let is_small = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= SECRET_BYTES_MAX);
    let mut bytes = fs::read(path).ok().filter(|_| is_small)?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Some(Secret(bytes))
}

pub(super) fn wrong(key: &'static str, value: impl Into<String>, expected: &'static str) -> ConfigError {
    let value = value.into();
    ConfigError::Value { key, value, expected }
}

impl AuthFile {
    pub(super) fn check(self) -> Result<AuthMode, ConfigError> {
        if self.leeway_s > 300 {
            return Err(wrong("auth.leeway_s", self.leeway_s.to_string(), "0 to 300 seconds"));
        }
        let leeway = Duration::from_secs(self.leeway_s);
        match self.mode.as_str() {
            "open" => return Ok(AuthMode::Open),
            "oidc" => return self.oidc.check(leeway).map(AuthMode::Oidc),
            "token" => {}
            _ => return Err(wrong("auth.mode", self.mode, "\"open\", \"token\" or \"oidc\"")),
        }
        if self.keys.is_empty() && self.jwks.is_empty() {
            let expected = "at least one [[auth.keys]] with id and secret_file, or auth.jwks, because auth.mode is \"token\"";
            return Err(wrong("auth.keys", "", expected));
        }
        if self.keys.len() > KEYS_MAX {
            return Err(wrong("auth.keys", self.keys.len().to_string(), "at most 64 keys"));
        }
        let mut keys: Vec<SecretKey> = Vec::new();
        for key in self.keys {
            let key = key.check()?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(wrong("auth.keys", key.id, "each id once"));
            }
            keys.push(key);
        }
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        let sign_in_url = text(self.sign_in_url);
        if let Some(url) = sign_in_url.as_ref().filter(|url| !may_be_asked(url)) {
            let expected = "the https:// address of the page that signs people in, or nothing";
            return Err(wrong("auth.sign_in_url", url.clone(), expected));
        }
        Ok(AuthMode::Token(TokenAuth {
            keys,
            jwks: jwks(self.jwks, self.jwks_ca)?,
            issuer: text(self.issuer),
            audience: text(self.audience),
            leeway,
            sign_in_url,
        }))
    }
}

impl KeyFile {
    fn check(self) -> Result<SecretKey, ConfigError> {
        if self.id.is_empty() || self.id.len() > KEY_ID_BYTES_MAX || self.id.contains(char::is_control) {
            return Err(wrong("auth.keys", self.id, "an id of 1 to 256 bytes"));
        }
        let expected = "either secret or secret_file for this id";
        let (secret, file) = match (self.secret, self.secret_file) {
            (Some(secret), None) => (Secret::new(secret.into_bytes()), None),
            (None, Some(path)) => {
                let Some(secret) = read_secret(&path) else {
                    let value = format!("{}: {}", self.id, path.display());
                    return Err(wrong("auth.keys", value, "a file that holds the secret and can be read"));
                };
                (secret, Some(path))
            }
            (Some(_), Some(_)) | (None, None) => return Err(wrong("auth.keys", self.id, expected)),
        };
        if secret.bytes().is_empty() {
            return Err(wrong(
                "auth.keys",
                self.id,
                "a secret that is not empty, better of 32 random bytes or more",
            ));
        }
        Ok(SecretKey {
            id: self.id,
            secret,
            file,
        })
    }
}

fn jwks(typed: String, authority: PathBuf) -> Result<Option<JwksSource>, ConfigError> {
    if typed.is_empty() {
        return Ok(None);
    }
    if !typed.contains("://") {
        return Ok(Some(JwksSource::File(typed.into())));
    }
    if !may_be_asked(&typed) {
        let expected = "a file, or the https:// URL of a JSON Web Key Set";
        return Err(wrong("auth.jwks", typed, expected));
    }
    let authority = Some(authority).filter(|path| !path.as_os_str().is_empty());
    if let Some(path) = authority.as_ref().filter(|path| !path.is_file()) {
        let expected = "a file in PEM, or nothing to trust the public authorities";
        return Err(wrong("auth.jwks_ca", path.display().to_string(), expected));
    }
    Ok(Some(JwksSource::Url { url: typed, authority }))
}
