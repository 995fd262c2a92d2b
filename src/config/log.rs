//! What is logged, and in which form.

use serde::Deserialize;

use super::ConfigError;

/// `[log]` as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogFile {
    filter: String,
    format: String,
}

/// What goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    pub format: LogFormat,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object on a line of its own.
    Json,
}

impl LogFile {
    pub(super) fn check(self) -> Result<LogConfig, ConfigError> {
        if tracing_subscriber::EnvFilter::try_new(&self.filter).is_err() || self.filter.is_empty() {
            return Err(ConfigError::Value {
                key: "log.filter",
                value: self.filter,
                expected: "error, warn, info, debug or trace, or such a level by module: info,tandem::sfu=debug",
            });
        }
        let format = match self.format.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => {
                return Err(ConfigError::Value {
                    key: "log.format",
                    value: self.format,
                    expected: "\"text\" or \"json\"",
                });
            }
        };
        Ok(LogConfig {
            filter: self.filter,
            format,
        })
    }
}
