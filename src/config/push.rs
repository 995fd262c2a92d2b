//! Web push: what of config.toml is about the services of browsers.

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PushFile {
    contact: String,
    allowed_hosts: Vec<String>,
}

/// How browsers are told of what their users miss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushConfig {
    /// Where whoever runs a service may write to: a mailto: or https: URL.
    pub contact: Option<String>,
    /// Hosts, with their port or without, that need not be public.
    pub allowed_hosts: Vec<String>,
}

impl PushFile {
    /// `email`: of the operator, if there is one.
    pub(super) fn check(self, email: &str) -> Result<PushConfig, ConfigError> {
        let contact = match self.contact.as_str() {
            "" => Some(email)
                .filter(|email| !email.is_empty())
                .map(|email| format!("mailto:{email}")),
            url if url.starts_with("mailto:") || url.starts_with("https://") => Some(self.contact),
            _ => {
                return Err(ConfigError::Value {
                    key: "push.contact",
                    value: self.contact,
                    expected: "a URL such as mailto:admin@example.org or https://example.org/contact, or nothing",
                });
            }
        };
        let is_host = |host: &String| !host.is_empty() && !host.contains(['/', '@', ' ']);
        if let Some(bad) = self.allowed_hosts.iter().find(|host| !is_host(host)) {
            return Err(ConfigError::Value {
                key: "push.allowed_hosts",
                value: bad.clone(),
                expected: "hosts such as push.example.org or push.example.org:8443",
            });
        }
        Ok(PushConfig {
            contact,
            allowed_hosts: self.allowed_hosts,
        })
    }
}
