//! Every key of config.toml, in two stages: [`File`] is what was typed (unknown keys refused), [`Config`] what the program relies on.
//! Layers: the defaults (config.toml itself, inside the binary) < the file < the environment < flags.

mod api;
mod auth;
mod chat;
mod cluster;
mod log;
mod network;
mod oidc;
mod push;
mod store;
mod tls;
mod traces;
mod webhooks;

use std::env;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use self::api::ApiFile;
pub use self::api::{ApiConfig, ApiKey};
use self::auth::AuthFile;
pub use self::auth::{AuthMode, JwksSource, KEY_ID_BYTES_MAX, Secret, SecretKey, TokenAuth};
use self::chat::ChatFile;
pub use self::chat::{ChatConfig, FileSizes};
pub use self::cluster::ClusterConfig;
use self::cluster::ClusterFile;
use self::log::LogFile;
pub use self::log::{LogConfig, LogFormat};
use self::network::NetworkFile;
pub use self::oidc::OidcAuth;
pub use self::push::PushConfig;
use self::push::PushFile;
use self::store::StoreFile;
use self::tls::TlsFile;
pub use self::tls::{Acme, CertificateFiles, TlsMode};
pub use self::traces::TracesConfig;
use self::traces::TracesFile;
use self::webhooks::WebhooksFile;
pub use self::webhooks::{EndpointConfig, WebhooksConfig};
use crate::store::Place;

/// The documented defaults: the config.toml of the source tree.
pub const EXAMPLE: &str = include_str!("../config.toml");

/// 1: the control socket takes orders to break transports, for a test.
const INJECT_FAULTS: &str = "TANDEM_INJECT_FAULTS";

/// What stops the start, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value does not fit its key.
    #[error("{key} is {value:?}: expected {expected}")]
    Value {
        key: &'static str,
        value: String,
        expected: &'static str,
    },
    /// A file or the environment has a key or a type that does not exist.
    #[error("{key}: {problem}")]
    Key { key: String, problem: String },
    /// A source could not be read at all.
    #[error("{0}")]
    Source(String),
}

/// What the command line sets; each wins over every other source.
#[derive(Debug, Default, Clone)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub listen: Option<String>,
    pub ops_listen: Option<String>,
    pub data: Option<String>,
    pub store_url: Option<String>,
    pub log: Option<String>,
}

/// What was typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    server: ServerFile,
    auth: AuthFile,
    api: ApiFile,
    webhooks: WebhooksFile,
    push: PushFile,
    tls: TlsFile,
    log: LogFile,
    traces: TracesFile,
    calls: CallsFile,
    history: HistoryFile,
    chat: ChatFile,
    store: StoreFile,
    cluster: ClusterFile,
    limits: LimitsFile,
    media: MediaFile,
    network: NetworkFile,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerFile {
    listen: String,
    ops_listen: String,
    data: String,
    stop_timeout_s: u64,
    allowed_origins: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsFile {
    ring_timeout_s: u64,
    resume_timeout_s: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryFile {
    days: usize,
    calls_per_user: usize,
    report_days: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    sessions_per_user: usize,
    sessions: usize,
    participants_per_room: usize,
    connections_per_address: usize,
    websockets_per_address: usize,
    busy_percent: u8,
    cut_percent: u8,
    memory_percent: u8,
    open_files_percent: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaFile {
    workers: usize,
}

/// What the program relies on: every value checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The main TCP and UDP port.
    pub listen: SocketAddr,
    /// The metrics and health listener.
    pub ops_listen: SocketAddr,
    /// The folder that survives a restart.
    pub data: PathBuf,
    /// How long a stopping server waits for running calls.
    pub stop_timeout: Duration,
    /// Origins beside our own that may open the websocket, in lower case.
    pub allowed_origins: Vec<String>,
    /// Who may come in.
    pub auth: AuthMode,
    /// Who may operate it from outside.
    pub api: ApiConfig,
    /// Whom it tells of what happens.
    pub webhooks: WebhooksConfig,
    /// How browsers are told of what their users miss.
    pub push: PushConfig,
    /// Where the certificate comes from.
    pub tls: TlsMode,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Whom it tells what took how long.
    pub traces: TracesConfig,
    /// How long a call rings.
    pub ring_timeout: Duration,
    /// How long a session without a websocket is kept.
    pub resume_timeout: Duration,
    /// How long calls stay in the history of their users: whole days.
    pub history_lasts: Duration,
    /// How many of them, 1 to 100,000.
    pub history_calls_per_user: u32,
    /// How long reports of calls are kept: whole days.
    pub reports_last: Duration,
    /// Files in what is written.
    pub chat: ChatConfig,
    /// Where the database is.
    pub store: Place,
    /// Of the database, which is a file then. None: no bound.
    pub store_bytes_max: Option<u64>,
    /// None: this is the only node.
    pub cluster: Option<ClusterConfig>,
    pub sessions_per_user: usize,
    pub sessions: usize,
    /// 2 to 500.
    pub participants_per_room: usize,
    /// An IPv4 address, or an IPv6 network of 64 bits.
    pub connections_per_address: usize,
    pub websockets_per_address: usize,
    /// Beyond these, nothing new is taken; 0 is no limit.
    pub busy_percent: u8,
    pub memory_percent: u8,
    pub open_files_percent: u8,
    /// Beyond this, a worker leaves pictures out; 0 is no limit.
    pub cut_percent: u8,
    /// Threads that forward media, 1 to 64.
    pub workers: usize,
    /// What is offered as candidates in place of the interfaces' addresses.
    pub public_addresses: Vec<IpAddr>,
    /// A STUN server that `tandem doctor` may ask, as host and port.
    pub stun: Option<String>,
    /// Whether transports may be broken for a test. There is no key for it, only the environment: nobody is to find it and wonder.
    pub injects_faults: bool,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// One sentence that names the key, the value and what would be right.
    pub fn load(flags: &Flags) -> Result<Config, ConfigError> {
        Config::from_layers(flags, env::vars().collect())
    }

    fn from_layers(flags: &Flags, environment: Vec<(String, String)>) -> Result<Config, ConfigError> {
        let source = |e: config::ConfigError| ConfigError::Source(e.to_string());
        let injects_faults = environment.iter().any(|(name, value)| name == INJECT_FAULTS && value == "1");
        let mut layers = config::Config::builder().add_source(config::File::from_str(EXAMPLE, config::FileFormat::Toml));
        if let Some(path) = &flags.config {
            if !path.is_file() {
                return Err(ConfigError::Source(format!(
                    "--config {}: there is no such file",
                    path.display()
                )));
            }
            layers = layers.add_source(config::File::new(&path.to_string_lossy(), config::FileFormat::Toml));
        }
        let variables = config::Environment::with_prefix("TANDEM")
            .prefix_separator("__")
            .separator("__")
            .source(Some(environment.into_iter().collect()))
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("server.allowed_origins")
            .with_list_parse_key("network.public_addresses")
            .with_list_parse_key("tls.domains")
            .with_list_parse_key("auth.keys")
            .with_list_parse_key("auth.oidc.scopes")
            .with_list_parse_key("auth.oidc.email_domains")
            .with_list_parse_key("api.keys")
            .with_list_parse_key("webhooks.endpoints")
            .with_list_parse_key("push.allowed_hosts");
        layers = layers
            .add_source(variables)
            .set_override_option("server.listen", flags.listen.clone())
            .and_then(|l| l.set_override_option("server.ops_listen", flags.ops_listen.clone()))
            .and_then(|l| l.set_override_option("server.data", flags.data.clone()))
            .and_then(|l| l.set_override_option("store.url", flags.store_url.clone()))
            .and_then(|l| l.set_override_option("log.filter", flags.log.clone()))
            .map_err(source)?;
        let merged = layers.build().map_err(source)?;
        let file: File = serde_path_to_error::deserialize(merged).map_err(key_error)?;
        Ok(Config {
            injects_faults,
            ..file.check()?
        })
    }
}

/// Puts the path of the key before what was wrong with it.
fn key_error(error: serde_path_to_error::Error<config::ConfigError>) -> ConfigError {
    let path = error.path().to_string();
    let problem = match error.into_inner() {
        config::ConfigError::Type {
            unexpected,
            expected,
            origin,
            ..
        } => match origin {
            Some(origin) => format!("{unexpected} (from {origin}) does not fit, expected {expected}"),
            None => format!("{unexpected} does not fit, expected {expected}"),
        },
        other => other.to_string(),
    };
    ConfigError::Key {
        key: if path == "." { "config".to_owned() } else { path },
        problem,
    }
}

impl File {
    fn check(self) -> Result<Config, ConfigError> {
        let address = |key, value: String, expected| value.parse().map_err(|_| ConfigError::Value { key, value, expected });
        let listen = address(
            "server.listen",
            self.server.listen,
            "an address and a port, such as [::]:8443 or 127.0.0.1:8443",
        )?;
        let ops_listen = address(
            "server.ops_listen",
            self.server.ops_listen,
            "an address and a port, such as 127.0.0.1:9464",
        )?;
        let seconds = |key, value: u64, most: u64, expected| {
            if (1..=most).contains(&value) {
                Ok(Duration::from_secs(value))
            } else {
                Err(ConfigError::Value {
                    key,
                    value: value.to_string(),
                    expected,
                })
            }
        };
        let count = |key, value: usize, most: usize, expected| {
            if (1..=most).contains(&value) {
                Ok(value)
            } else {
                Err(ConfigError::Value {
                    key,
                    value: value.to_string(),
                    expected,
                })
            }
        };
        let percent = |key, value: u8| {
            if value <= 100 {
                Ok(value)
            } else {
                Err(ConfigError::Value {
                    key,
                    value: value.to_string(),
                    expected: "0 to 100, of which 0 is no limit",
                })
            }
        };
        let stop_timeout = match self.server.stop_timeout_s {
            0 => Duration::ZERO,
            s => seconds("server.stop_timeout_s", s, 86_400, "0 to 86400 seconds")?,
        };
        let allowed_origins = self
            .server
            .allowed_origins
            .into_iter()
            .map(
                |origin| match origin.strip_prefix("https://").or(origin.strip_prefix("http://")) {
                    Some(host) if !host.is_empty() && !host.contains('/') => Ok(origin.to_ascii_lowercase()),
                    _ => Err(ConfigError::Value {
                        key: "server.allowed_origins",
                        value: origin,
                        expected: "a scheme and a host without a path, such as https://intranet.example.org",
                    }),
                },
            )
            .collect::<Result<_, _>>()?;
        let data = data_folder(&self.server.data, |name| {
            env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
        });
        let (store, store_bytes_max) = self.store.check(&data)?;
        let network = self.network.check()?;
        Ok(Config {
            listen,
            ops_listen,
            data,
            stop_timeout,
            allowed_origins,
            auth: self.auth.check()?,
            api: self.api.check()?,
            webhooks: self.webhooks.check()?,
            push: self.push.check(&self.tls.email)?,
            tls: self.tls.check()?,
            log: self.log.check()?,
            traces: self.traces.check()?,
            ring_timeout: seconds("calls.ring_timeout_s", self.calls.ring_timeout_s, 600, "1 to 600 seconds")?,
            resume_timeout: seconds("calls.resume_timeout_s", self.calls.resume_timeout_s, 600, "1 to 600 seconds")?,
            store,
            store_bytes_max,
            history_lasts: Duration::from_secs(86_400 * count("history.days", self.history.days, 3650, "1 to 3650 days")? as u64),
            reports_last: Duration::from_secs(
                86_400 * count("history.report_days", self.history.report_days, 3650, "1 to 3650 days")? as u64,
            ),
            history_calls_per_user: count("history.calls_per_user", self.history.calls_per_user, 100_000, "1 to 100000")? as u32,
            chat: self.chat.check()?,
            cluster: self.cluster.check()?,
            sessions_per_user: count("limits.sessions_per_user", self.limits.sessions_per_user, 1000, "1 to 1000")?,
            sessions: count("limits.sessions", self.limits.sessions, 1_000_000, "1 to 1000000")?,
            participants_per_room: match self.limits.participants_per_room {
                1 => Err(ConfigError::Value {
                    key: "limits.participants_per_room",
                    value: "1".to_owned(),
                    expected: "2 to 500",
                }),
                number => count("limits.participants_per_room", number, 500, "2 to 500"),
            }?,
            connections_per_address: count(
                "limits.connections_per_address",
                self.limits.connections_per_address,
                1_000_000,
                "1 to 1000000",
            )?,
            websockets_per_address: count(
                "limits.websockets_per_address",
                self.limits.websockets_per_address,
                1_000_000,
                "1 to 1000000",
            )?,
            busy_percent: percent("limits.busy_percent", self.limits.busy_percent)?,
            cut_percent: percent("limits.cut_percent", self.limits.cut_percent)?,
            memory_percent: percent("limits.memory_percent", self.limits.memory_percent)?,
            open_files_percent: percent("limits.open_files_percent", self.limits.open_files_percent)?,
            workers: count("media.workers", self.media.workers, 64, "1 to 64")?,
            public_addresses: network.public_addresses,
            stun: network.stun,
            injects_faults: false,
        })
    }
}

/// The folder asked for, else where the system keeps such things (systemd's StateDirectory=, XDG Base Directory specification).
fn data_folder(asked: &str, variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    if !asked.is_empty() {
        return PathBuf::from(asked);
    }
    variable("STATE_DIRECTORY")
        .or_else(|| variable("XDG_DATA_HOME").map(|home| home.join("tandem")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/share/tandem")))
        .unwrap_or_else(|| Path::new("tandem-data").to_path_buf())
}

#[cfg(test)]
mod tests;
