//! Which other nodes there are.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// A name of a node is for people.
const NAME_CHARS_MAX: usize = 64;

/// `[cluster]` as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterFile {
    redis_url: String,
    redis_ca: PathBuf,
    node_name: String,
}

/// How this node finds the others.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// May hold a password.
    pub redis_url: String,
    /// A file in PEM with what to trust in place of the public authorities.
    pub redis_authority: Option<PathBuf>,
    /// Empty: the host's name.
    pub node_name: String,
}

impl fmt::Debug for ClusterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterConfig")
            .field("node_name", &self.node_name)
            .finish_non_exhaustive()
    }
}

impl ClusterFile {
    /// None: this is the only node.
    pub(super) fn check(self) -> Result<Option<ClusterConfig>, ConfigError> {
        if self.redis_url.is_empty() {
            return Ok(None);
        }
        let host = self
            .redis_url
            .strip_prefix("redis://")
            .or(self.redis_url.strip_prefix("rediss://"))
            .or(self.redis_url.strip_prefix("redis+unix://"));
        if host.is_none_or(str::is_empty) {
            return Err(ConfigError::Value {
                key: "cluster.redis_url",
                // Without what follows, which may be a password.
                value: self.redis_url.split("://").next().unwrap_or_default().to_owned(),
                expected: "a URL such as redis://10.0.0.5:6379, rediss://user:password@host:6380/0 or redis+unix:///run/redis/redis.sock",
            });
        }
        let authority = Some(self.redis_ca).filter(|path| !path.as_os_str().is_empty());
        let is_of_use = |path: &PathBuf| path.is_file() && self.redis_url.starts_with("rediss://");
        if let Some(path) = authority.as_ref().filter(|path| !is_of_use(path)) {
            return Err(ConfigError::Value {
                key: "cluster.redis_ca",
                value: path.display().to_string(),
                expected: "a file in PEM, with a redis_url that begins with rediss://, or nothing to trust the public authorities",
            });
        }
        let fits = self.node_name.chars().count() <= NAME_CHARS_MAX && !self.node_name.chars().any(char::is_control);
        if !fits {
            return Err(ConfigError::Value {
                key: "cluster.node_name",
                value: self.node_name.escape_debug().to_string(),
                expected: "at most 64 characters",
            });
        }
        Ok(Some(ClusterConfig {
            redis_url: self.redis_url,
            redis_authority: authority,
            node_name: self.node_name,
        }))
    }
}
