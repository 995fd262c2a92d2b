//! Whom the server tells what took how long.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use crate::fetch::may_be_asked;

/// `[traces]` as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TracesFile {
    otlp_url: String,
    ca: PathBuf,
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracesConfig {
    /// None: nowhere.
    pub otlp_url: Option<String>,
    /// A file in PEM with what to trust in place of the public authorities.
    pub authority: Option<PathBuf>,
}

impl TracesFile {
    pub(super) fn check(self) -> Result<TracesConfig, ConfigError> {
        let otlp_url = Some(self.otlp_url).filter(|url| !url.is_empty());
        if let Some(url) = otlp_url.as_ref().filter(|url| !may_be_asked(url)) {
            return Err(ConfigError::Value {
                key: "traces.otlp_url",
                value: url.split('?').next().unwrap_or_default().to_owned(),
                expected: "an https URL such as https://collector.example.org:4318/v1/traces, or an http URL of this machine",
            });
        }
        let authority = Some(self.ca).filter(|path| !path.as_os_str().is_empty());
        if let Some(path) = authority.as_ref().filter(|path| !path.is_file()) {
            return Err(ConfigError::Value {
                key: "traces.ca",
                value: path.display().to_string(),
                expected: "a file in PEM, or nothing to trust the public authorities",
            });
        }
        Ok(TracesConfig { otlp_url, authority })
    }
}
