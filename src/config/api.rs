//! The API: what of config.toml is about who may operate this server from outside.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use serde::Deserialize;

use super::ConfigError;

/// As many as base 64 needs for 192 bits.
const KEY_CHARS_MIN: usize = 32;

/// Longer ones are no keys.
const KEY_CHARS_MAX: usize = 256;

/// More keys than any operator turns over at once.
const KEYS_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiFile {
    keys: Vec<String>,
}

/// Without the keys.
impl fmt::Debug for ApiFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiFile")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// The API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// With one of these, anybody may operate this server.
    pub keys: Vec<ApiKey>,
}

/// A key, as its SHA-256: it has all the entropy that it needs.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey([u8; 32]);

impl ApiKey {
    pub fn of(key: &str) -> ApiKey {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
        ApiKey(hash)
    }

    /// In the same time whether it is or not.
    pub fn is(&self, other: &ApiKey) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

impl ApiFile {
    pub(super) fn check(self) -> Result<ApiConfig, ConfigError> {
        // Never the key itself: it would stand in a log.
        let wrong = |key, value: String, expected| Err(ConfigError::Value { key, value, expected });
        if self.keys.len() > KEYS_MAX {
            return wrong("api.keys", self.keys.len().to_string(), "at most 64 keys");
        }
        for (n, key) in self.keys.iter().enumerate() {
            let is_fine = (KEY_CHARS_MIN..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_fine {
                let value = format!("number {} of {} characters", n + 1, key.chars().count());
                let expected = "keys of 32 to 256 ASCII characters without spaces, such as `openssl rand -hex 32` prints";
                return wrong("api.keys", value, expected);
            }
        }
        Ok(ApiConfig {
            keys: self.keys.iter().map(|key| ApiKey::of(key)).collect(),
        })
    }
}
