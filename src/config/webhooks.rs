//! Webhooks: what of config.toml is about whom the server tells of what happens.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::ConfigError;
use super::auth::Secret;
use crate::webhooks::EventType;

/// More applications than any operator has.
const ENDPOINTS_MAX: usize = 16;

/// Of a file with a secret.
const SECRET_FILE_BYTES_MAX: u64 = 4096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhooksFile {
    endpoints: Vec<EndpointFile>,
    timeout_s: u64,
    attempts: u32,
    first_retry_ms: u64,
    queue: usize,
    ca: PathBuf,
}

/// A table, or "URL file" where there are no tables.
struct EndpointFile {
    url: String,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    events: Vec<String>,
    include_text: bool,
}

/// Without the secret.
impl fmt::Debug for EndpointFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointFile").field("url", &self.url).finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for EndpointFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EndpointFile, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            url: String,
            secret: Option<String>,
            secret_file: Option<PathBuf>,
            #[serde(default)]
            events: Vec<String>,
            #[serde(default)]
            include_text: bool,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = EndpointFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table with url and secret or secret_file, or \"url file\"")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EndpointFile, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(EndpointFile {
                    url: table.url,
                    secret: table.secret,
                    secret_file: table.secret_file,
                    events: table.events,
                    include_text: table.include_text,
                })
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<EndpointFile, E> {
                // Not the text itself: somebody may have put the secret there.
                let (url, file) = text
                    .trim()
                    .split_once(' ')
                    .ok_or_else(|| E::custom("expected \"url file\""))?;
                Ok(EndpointFile {
                    url: url.to_owned(),
                    secret: None,
                    secret_file: Some(file.trim().into()),
                    events: Vec::new(),
                    include_text: false,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Whom the server tells of what happens, and how hard it tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhooksConfig {
    /// Each URL once.
    pub endpoints: Vec<EndpointConfig>,
    /// From the name of the endpoint to the last byte of its answer.
    pub timeout: Duration,
    /// How often a message is sent before it is dead, 1 to 20.
    pub attempts: u32,
    /// From the first attempt to the second.
    pub first_retry: Duration,
    /// Messages that wait for one endpoint. Beyond it the oldest are dropped.
    pub queue_max: u32,
    /// A file in PEM with what to trust in place of the public authorities.
    pub authority: Option<PathBuf>,
}

/// An application that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    pub url: String,
    pub key: Secret,
    /// Which it wants; empty: all.
    pub events: Vec<EventType>,
    /// Whether it is told what people write.
    pub include_text: bool,
}

fn wrong(key: &'static str, value: impl Into<String>, expected: &'static str) -> ConfigError {
    let value = value.into();
    ConfigError::Value { key, value, expected }
}

impl WebhooksFile {
    pub(super) fn check(self) -> Result<WebhooksConfig, ConfigError> {
        if self.endpoints.len() > ENDPOINTS_MAX {
            let count = self.endpoints.len().to_string();
            return Err(wrong("webhooks.endpoints", count, "at most 16 endpoints"));
        }
        let mut endpoints: Vec<EndpointConfig> = Vec::new();
        for endpoint in self.endpoints {
            let endpoint = endpoint.check()?;
            if endpoints.iter().any(|other| other.url == endpoint.url) {
                return Err(wrong("webhooks.endpoints", endpoint.url, "each url once"));
            }
            endpoints.push(endpoint);
        }
        if !(1..=60).contains(&self.timeout_s) {
            return Err(wrong("webhooks.timeout_s", self.timeout_s.to_string(), "1 to 60 seconds"));
        }
        if !(1..=20).contains(&self.attempts) {
            return Err(wrong("webhooks.attempts", self.attempts.to_string(), "1 to 20"));
        }
        if !(1..=3_600_000).contains(&self.first_retry_ms) {
            let value = self.first_retry_ms.to_string();
            return Err(wrong("webhooks.first_retry_ms", value, "1 to 3600000 milliseconds"));
        }
        let queue_max = u32::try_from(self.queue).ok().filter(|queue| (1..=1_000_000).contains(queue));
        let queue_max = queue_max.ok_or_else(|| wrong("webhooks.queue", self.queue.to_string(), "1 to 1000000 messages"))?;
        let authority = Some(self.ca).filter(|path| !path.as_os_str().is_empty());
        if let Some(path) = authority.as_ref().filter(|path| !path.is_file()) {
            let expected = "a file in PEM, or nothing to trust the public authorities";
            return Err(wrong("webhooks.ca", path.display().to_string(), expected));
        }
        Ok(WebhooksConfig {
            endpoints,
            timeout: Duration::from_secs(self.timeout_s),
            attempts: self.attempts,
            first_retry: Duration::from_millis(self.first_retry_ms),
            queue_max,
            authority,
        })
    }
}

impl EndpointFile {
    fn check(self) -> Result<EndpointConfig, ConfigError> {
        if !is_endpoint(&self.url) {
            let expected = "an https:// or http:// URL without a user name, such as https://app.example.org/tandem";
            return Err(wrong("webhooks.endpoints", self.url, expected));
        }
        let about = |what: &str| format!("{}: {what}", self.url);
        let text = match (self.secret, self.secret_file) {
            (Some(secret), None) => secret,
            (None, Some(path)) => read(&path).ok_or_else(|| {
                let expected = "a file that holds the secret and can be read";
                wrong("webhooks.endpoints", about(&path.display().to_string()), expected)
            })?,
            (Some(_), Some(_)) | (None, None) => {
                let expected = "either secret or secret_file for this url";
                return Err(wrong("webhooks.endpoints", self.url, expected));
            }
        };
        let key = key(text.trim()).ok_or_else(|| {
            let value = about(&format!("a secret of {} characters", text.trim().chars().count()));
            let expected = "whsec_ and 24 to 64 random bytes in base 64, such as `echo whsec_$(openssl rand -base64 32)` prints";
            wrong("webhooks.endpoints", value, expected)
        })?;
        let mut events = Vec::new();
        for name in &self.events {
            events.push(EventType::from_name(name).ok_or_else(|| {
                let expected = "call.started, call.answered, call.ended, call.missed, room.started, room.ended, participant.joined, \
                    participant.left or message.created, or no events for all of them";
                wrong("webhooks.endpoints", about(name), expected)
            })?);
        }
        Ok(EndpointConfig {
            url: self.url,
            key: Secret::new(key),
            events,
            include_text: self.include_text,
        })
    }
}

fn read(path: &Path) -> Option<String> {
    let is_small = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= SECRET_FILE_BYTES_MAX);
    fs::read_to_string(path).ok().filter(|_| is_small)
}

/// Standard Webhooks 1.0, "Signature scheme": 24 to 64 bytes in base 64, after a prefix that says what it is.
fn key(text: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}

fn is_endpoint(url: &str) -> bool {
    let Ok(uri) = url.parse::<hyper::Uri>() else { return false };
    let is_http = matches!(uri.scheme_str(), Some("https" | "http"));
    is_http
        && uri
            .authority()
            .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
}
