//! How browsers reach this server, and it the internet.

use std::net::IpAddr;

use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkFile {
    public_addresses: Vec<String>,
    stun: String,
}

/// The same, checked.
pub(super) struct NetworkConfig {
    pub(super) public_addresses: Vec<IpAddr>,
    pub(super) stun: Option<String>,
}

impl NetworkFile {
    pub(super) fn check(self) -> Result<NetworkConfig, ConfigError> {
        let public_addresses = self
            .public_addresses
            .into_iter()
            .map(|value| match value.parse::<IpAddr>() {
                Ok(ip) if !ip.is_unspecified() && !ip.is_multicast() => Ok(ip),
                _ => Err(ConfigError::Value {
                    key: "network.public_addresses",
                    value,
                    expected: "an IPv4 or IPv6 address that browsers can reach, such as 203.0.113.7",
                }),
            })
            .collect::<Result<_, _>>()?;
        let stun = Some(self.stun).filter(|server| !server.is_empty());
        if let Some(server) = &stun
            && !server
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        {
            return Err(ConfigError::Value {
                key: "network.stun",
                value: server.clone(),
                expected: "a host and a port, such as stun.example.org:3478, or nothing",
            });
        }
        Ok(NetworkConfig { public_addresses, stun })
    }
}
