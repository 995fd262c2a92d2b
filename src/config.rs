//! Every key of config.toml, in two stages: [`File`] is what was typed (unknown keys refused), [`Config`] what the program relies on.
//! Layers: the defaults (config.toml itself, inside the binary) < the file < the environment < flags.

mod api;
mod auth;
mod chat;
mod cluster;
mod log;
mod oidc;
mod push;
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
pub use self::oidc::OidcAuth;
pub use self::push::PushConfig;
use self::push::PushFile;
use self::webhooks::WebhooksFile;
pub use self::webhooks::{EndpointConfig, WebhooksConfig};
use crate::store::{Place, PostgresUrl};

/// The documented defaults: the config.toml of the source tree.
pub const EXAMPLE: &str = include_str!("../config.toml");

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
struct TlsFile {
    mode: String,
    certificate: PathBuf,
    key: PathBuf,
    domains: Vec<String>,
    email: String,
    acme_directory: String,
    acme_ca: PathBuf,
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
struct StoreFile {
    url: String,
    size_mib_max: usize,
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
    memory_percent: u8,
    open_files_percent: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaFile {
    workers: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    public_addresses: Vec<String>,
    stun: String,
}

/// A certificate with its chain, and its key, both in PEM. They may be one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Which certificate to get from which ACME server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// DNS names in lower case, at least one.
    pub domains: Vec<String>,
    /// Where the server may write to when something is wrong with the account.
    pub email: Option<String>,
    /// The URL of its directory (RFC 8555 section 7.1.1), always HTTPS.
    pub directory: String,
    /// What to trust when talking to it, in PEM, in place of the public authorities.
    pub ca: Option<PathBuf>,
}

/// Where the certificate for HTTPS comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsMode {
    /// Made at the first start, and kept in the data folder.
    SelfMade,
    /// The operator's own, in PEM.
    Files(CertificateFiles),
    /// Ordered from an ACME server, kept and renewed.
    Acme(Acme),
    /// Plain HTTP for everybody.
    Off,
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
    /// Threads that forward media, 1 to 64.
    pub workers: usize,
    /// What is offered as candidates in place of the interfaces' addresses.
    pub public_addresses: Vec<IpAddr>,
    /// A STUN server that `tandem doctor` may ask, as host and port.
    pub stun: Option<String>,
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
        file.check()
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
        let public_addresses = self
            .network
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
        let stun = Some(self.network.stun).filter(|server| !server.is_empty());
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
        let data = data_folder(&self.server.data, |name| {
            env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
        });
        let (store, store_bytes_max) = self.store.check(&data)?;
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
            memory_percent: percent("limits.memory_percent", self.limits.memory_percent)?,
            open_files_percent: percent("limits.open_files_percent", self.limits.open_files_percent)?,
            workers: count("media.workers", self.media.workers, 64, "1 to 64")?,
            public_addresses,
            stun,
        })
    }
}

impl StoreFile {
    /// Where the database is, and how large it may be.
    fn check(self, data: &Path) -> Result<(Place, Option<u64>), ConfigError> {
        let place = match self.url.as_str() {
            "" => Place::Folder(data.to_owned()),
            url => Place::Postgres(PostgresUrl::parse(url).map_err(|expected| ConfigError::Value {
                key: "store.url",
                value: PostgresUrl::shown(url),
                expected,
            })?),
        };
        let wrong = |expected| ConfigError::Value {
            key: "store.size_mib_max",
            value: self.size_mib_max.to_string(),
            expected,
        };
        match self.size_mib_max {
            0 => Ok((place, None)),
            _ if matches!(place, Place::Postgres(_)) => Err(wrong(
                "0, because store.url is set: whoever runs PostgreSQL bounds its disk, and history.days bounds what is kept",
            )),
            mib if mib <= MIB_MAX => Ok((place, Some((mib as u64) << 20))),
            _ => Err(wrong("0 for no bound, or up to 1073741824 mebibytes")),
        }
    }
}

/// A pebibyte.
const MIB_MAX: usize = 1 << 30;

/// As many names as Let's Encrypt puts into one certificate.
const DOMAINS_MAX: usize = 100;

impl TlsFile {
    fn check(self) -> Result<TlsMode, ConfigError> {
        let wrong = |key, value: String, expected| ConfigError::Value { key, value, expected };
        match self.mode.as_str() {
            "self-made" => Ok(TlsMode::SelfMade),
            "off" => Ok(TlsMode::Off),
            "files" => {
                for (key, path) in [("tls.certificate", &self.certificate), ("tls.key", &self.key)] {
                    if !path.is_file() {
                        let expected = "a file in PEM, because tls.mode is \"files\"";
                        return Err(wrong(key, path.display().to_string(), expected));
                    }
                }
                Ok(TlsMode::Files(CertificateFiles {
                    certificate: self.certificate,
                    key: self.key,
                }))
            }
            "acme" => {
                let expected = "1 to 100 DNS names such as call.example.org, because tls.mode is \"acme\"";
                if self.domains.is_empty() || self.domains.len() > DOMAINS_MAX {
                    return Err(wrong("tls.domains", self.domains.join(","), expected));
                }
                if let Some(bad) = self.domains.iter().find(|domain| !is_dns_name(domain)) {
                    return Err(wrong("tls.domains", bad.clone(), expected));
                }
                if !self.acme_directory.starts_with("https://") {
                    let expected = "the https:// URL of an ACME directory";
                    return Err(wrong("tls.acme_directory", self.acme_directory, expected));
                }
                if !self.email.is_empty() && !self.email.contains('@') {
                    return Err(wrong(
                        "tls.email",
                        self.email,
                        "an address such as admin@example.org, or nothing",
                    ));
                }
                let ca = Some(self.acme_ca).filter(|path| !path.as_os_str().is_empty());
                if let Some(path) = ca.as_ref().filter(|path| !path.is_file()) {
                    let expected = "a file in PEM, or nothing to trust the public authorities";
                    return Err(wrong("tls.acme_ca", path.display().to_string(), expected));
                }
                Ok(TlsMode::Acme(Acme {
                    domains: self.domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
                    email: Some(self.email).filter(|email| !email.is_empty()),
                    directory: self.acme_directory,
                    ca,
                }))
            }
            _ => Err(wrong("tls.mode", self.mode, "\"self-made\", \"files\", \"acme\" or \"off\"")),
        }
    }
}

/// A host name of at least two labels (RFC 1123 section 2.1); TLS-ALPN-01 proves neither wildcards nor what is no name.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label) && name.parse::<IpAddr>().is_err()
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
mod tests {
    use std::io::Write;

    use super::*;

    fn load(file: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
        let mut on_disk = tempfile::NamedTempFile::with_suffix(".toml").expect("a temporary file");
        on_disk.write_all(file.as_bytes()).expect("written");
        let flags = Flags {
            config: Some(on_disk.path().to_owned()),
            ..flags
        };
        Config::from_layers(
            &flags,
            environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        )
    }

    fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
        let text = load(file, environment, Flags::default())
            .expect_err("it was taken")
            .to_string();
        assert!(!text.contains('\n'), "more than one line: {text}");
        text
    }

    #[test]
    fn the_example_is_the_defaults() {
        let config = Config::from_layers(&Flags::default(), vec![]).expect("the defaults are valid");
        assert_eq!(config.listen, "[::]:8443".parse().unwrap());
        assert_eq!(config.ring_timeout, Duration::from_secs(45));
        assert_eq!(load(EXAMPLE, &[], Flags::default()).expect("the example is valid"), config);
    }

    #[test]
    fn flags_win_over_environment_over_file_over_defaults() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\nops_listen = \"127.0.0.1:2\"\n[calls]\nring_timeout_s = 7\n";
        let environment = [
            ("TANDEM__SERVER__LISTEN", "127.0.0.1:3"),
            ("TANDEM__CALLS__RING_TIMEOUT_S", "8"),
        ];
        let flags = Flags {
            listen: Some("127.0.0.1:4".to_owned()),
            ..Flags::default()
        };
        let config = load(file, &environment, flags).expect("valid");
        assert_eq!(config.listen, "127.0.0.1:4".parse().unwrap());
        assert_eq!(config.ops_listen, "127.0.0.1:2".parse().unwrap());
        assert_eq!(config.ring_timeout, Duration::from_secs(8));
        assert_eq!(config.workers, 1);
    }

    #[test]
    fn lists_come_from_the_environment_too() {
        let environment = [("TANDEM__NETWORK__PUBLIC_ADDRESSES", "203.0.113.7,2001:db8::7")];
        let config = load("", &environment, Flags::default()).expect("valid");
        assert_eq!(
            config.public_addresses,
            ["203.0.113.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]
        );
    }

    #[test]
    fn a_refusal_names_the_key_the_value_and_what_would_be_right() {
        for (file, named) in [
            ("[server]\nlisten = \"here\"\n", ["server.listen", "here", "[::]:8443"]),
            ("[calls]\nring_timeout_s = 0\n", ["calls.ring_timeout_s", "\"0\"", "1 to 600"]),
            (
                "[calls]\nring_timeout_s = \"soon\"\n",
                ["calls.ring_timeout_s", "soon", "integer"],
            ),
            ("[tls]\nmode = \"on\"\n", ["tls.mode", "on", "self-made"]),
            ("[auth]\nmode = \"jwt\"\n", ["auth.mode", "jwt", "\"token\""]),
            ("[auth]\nmode = \"oidc\"\n", ["auth.oidc.issuer", "https://", "\"oidc\""]),
            (
                "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"http://id.example\"\n",
                ["auth.oidc.issuer", "http://id.example", "https://"],
            ),
            (
                "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\n",
                ["auth.oidc.client_id", "the provider", "\"oidc\""],
            ),
            (
                "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\nrequired_claim = \"groups\"\n",
                ["auth.oidc.required_claim", "groups", "groups=calls"],
            ),
            (
                "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\norigin = \"https://a.example/calls\"\n",
                ["auth.oidc.origin", "a.example/calls", "https://call.example.org"],
            ),
            (
                "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\nclient_secret_file = \"/none\"\n",
                ["auth.oidc.client_secret_file", "/none", "can be read"],
            ),
            (
                "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\nsession_hours = 0\n",
                ["auth.oidc.session_hours", "\"0\"", "1 to 8760"],
            ),
            ("[auth]\nmode = \"token\"\n", ["auth.keys", "secret_file", "auth.jwks"]),
            (
                "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"a\"\n",
                ["auth.keys", "\"a\"", "secret_file"],
            ),
            (
                "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"a\"\nsecret_file = \"/none\"\n",
                ["auth.keys", "a: /none", "can be read"],
            ),
            (
                "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"a\"\nsecret = \"\"\n",
                ["auth.keys", "\"a\"", "32 random bytes"],
            ),
            (
                "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"a\"\nsecret = \"s\"\n[[auth.keys]]\nid = \"a\"\nsecret = \"t\"\n",
                ["auth.keys", "\"a\"", "once"],
            ),
            (
                "[auth]\nmode = \"token\"\njwks = \"http://keys.example\"\n",
                ["auth.jwks", "http://keys.example", "https://"],
            ),
            (
                "[auth]\nmode = \"token\"\njwks = \"https://keys.example\"\nsign_in_url = \"javascript:alert(1)\"\n",
                ["auth.sign_in_url", "javascript", "https://"],
            ),
            (
                "[auth]\nmode = \"token\"\njwks = \"k.json\"\nleeway_s = 301\n",
                ["auth.leeway_s", "301", "0 to 300"],
            ),
            (
                "[auth]\n[[auth.keys]]\nid = \"a\"\nkey = \"s\"\n",
                ["auth.keys", "`key`", "secret_file"],
            ),
            (
                "[tls]\nmode = \"files\"\nkey = \"/none\"\n",
                ["tls.certificate", "PEM", "files"],
            ),
            ("[tls]\nmode = \"acme\"\n", ["tls.domains", "call.example.org", "acme"]),
            (
                "[tls]\nmode = \"acme\"\ndomains = [\"*.example.org\"]\n",
                ["tls.domains", "*.example.org", "call.example.org"],
            ),
            (
                "[tls]\nmode = \"acme\"\ndomains = [\"a.example\"]\nacme_directory = \"http://ca\"\n",
                ["tls.acme_directory", "http://ca", "https://"],
            ),
            (
                "[tls]\nmode = \"acme\"\ndomains = [\"a.example\"]\nacme_ca = \"/none.pem\"\n",
                ["tls.acme_ca", "/none.pem", "PEM"],
            ),
            (
                "[api]\nkeys = [\"12345678901234567890123456789012\", \"too short\"]\n",
                ["api.keys", "number 2 of 9 characters", "32 to 256"],
            ),
            (
                "[[webhooks.endpoints]]\nurl = \"ftp://app.example\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
                ["webhooks.endpoints", "ftp://app.example", "https://"],
            ),
            (
                "[[webhooks.endpoints]]\nurl = \"https://app.example\"\n",
                ["webhooks.endpoints", "https://app.example", "secret_file"],
            ),
            (
                "[[webhooks.endpoints]]\nurl = \"https://app.example\"\nsecret = \"whsec_dG9vIHNob3J0\"\n",
                ["webhooks.endpoints", "a secret of 18 characters", "openssl rand -base64 32"],
            ),
            (
                "[[webhooks.endpoints]]\nurl = \"https://app.example\"\nsecret_file = \"/none\"\n",
                ["webhooks.endpoints", "https://app.example: /none", "can be read"],
            ),
            (
                "[[webhooks.endpoints]]\nurl = \"https://a.example\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\nevents = [\"call\"]\n",
                ["webhooks.endpoints", "https://a.example: call", "call.started"],
            ),
            (
                "[push]\ncontact = \"admin@example.org\"\n",
                ["push.contact", "admin@example.org", "mailto:"],
            ),
            (
                "[push]\nallowed_hosts = [\"https://push.example\"]\n",
                ["push.allowed_hosts", "https://push.example", "push.example.org"],
            ),
            ("[webhooks]\nattempts = 0\n", ["webhooks.attempts", "0", "1 to 20"]),
            (
                "[cluster]\nredis_url = \"10.0.0.5:6379\"\n",
                ["cluster.redis_url", "10.0.0.5", "redis://"],
            ),
            ("[limits]\nbusy_percent = 101\n", ["limits.busy_percent", "101", "0 to 100"]),
            ("[media]\nworkers = 65\n", ["media.workers", "65", "1 to 64"]),
            ("[log]\nfilter = \"tandem=loud\"\n", ["log.filter", "tandem=loud", "debug"]),
            (
                "[store]\nurl = \"mysql://ada:s3cret@db/calls\"\n",
                [
                    "store.url",
                    "\"mysql://…\"",
                    "postgres://tandem:password@db.example.org/tandem",
                ],
            ),
            (
                "[store]\nurl = \"tandem.db\"\n",
                ["store.url", "tandem.db", "or nothing for SQLite in the data folder"],
            ),
            (
                "[store]\nurl = \"postgres://ada@db/calls?sslmode=maybe\"\n",
                ["store.url", "postgres://…", "verify-full"],
            ),
            (
                "[store]\nurl = \"postgres://ada@db/calls\"\nsize_mib_max = 7\n",
                ["store.size_mib_max", "\"7\"", "because store.url is set"],
            ),
            ("[log]\nformat = \"xml\"\n", ["log.format", "xml", "json"]),
            (
                "[network]\npublic_addresses = [\"example.org\"]\n",
                ["network.public_addresses", "example.org", "203.0.113.7"],
            ),
            (
                "[network]\nstun = \"stun.example.org\"\n",
                ["network.stun", "stun.example.org", "3478"],
            ),
            (
                "[server]\nallowed_origins = [\"example.org\"]\n",
                ["server.allowed_origins", "example.org", "https://"],
            ),
            ("[calls]\nring = 3\n", ["calls", "`ring`", "ring_timeout_s"]),
            ("[call]\n", ["call: ", "`call`", "`calls`"]),
        ] {
            let text = refusal(file, &[]);
            for part in named {
                assert!(text.contains(part), "{text:?} does not name {part:?}");
            }
        }
        let text = refusal("", &[("TANDEM__CALLS__RING", "3")]);
        assert!(text.contains("`ring`"), "{text}");
        let text = refusal("", &[("TANDEM__MEDIA__WORKERS", "many")]);
        assert!(text.contains("media.workers") && text.contains("many"), "{text}");
    }

    #[test]
    fn a_provider_is_read_with_its_secret_and_that_is_never_printed() {
        let named = [
            ("TANDEM__AUTH__MODE", "oidc"),
            ("TANDEM__AUTH__OIDC__ISSUER", "https://id.example/realm"),
            ("TANDEM__AUTH__OIDC__CLIENT_ID", "tandem"),
            ("TANDEM__AUTH__OIDC__CLIENT_SECRET", "long enough"),
            ("TANDEM__AUTH__OIDC__SCOPES", "profile,groups"),
            ("TANDEM__AUTH__OIDC__EMAIL_DOMAINS", "Example.org"),
            ("TANDEM__AUTH__OIDC__REQUIRED_CLAIM", "groups=a=b"),
        ];
        let config = load("", &named, Flags::default()).expect("valid");
        let AuthMode::Oidc(auth) = &config.auth else {
            panic!("{:?}", config.auth)
        };
        assert_eq!(auth.scopes, ["openid", "profile", "groups"]);
        assert_eq!(auth.email_domains, ["example.org"]);
        assert_eq!(auth.required_claim, Some(("groups".to_owned(), "a=b".to_owned())));
        assert_eq!(
            auth.client_secret.as_ref().map(Secret::bytes),
            Some(b"long enough".as_slice())
        );
        assert!(!format!("{config:?}").contains("long enough"));
        assert!(!auth.guests && auth.origin.is_none());
    }

    #[test]
    fn a_secret_is_read_and_never_printed() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"out of a file, and long enough\n").expect("written");
        let text = "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"one\"\nsecret = \"typed in, and long enough\"\n";
        let in_file = load(text, &[], Flags::default()).expect("valid");
        let keys = format!("two:{}", file.path().display());
        let named = [("TANDEM__AUTH__MODE", "token"), ("TANDEM__AUTH__KEYS", keys.as_str())];
        let in_environment = load("", &named, Flags::default()).expect("valid");
        for (config, id, secret) in [
            (in_file, "one", "typed in, and long enough"),
            (in_environment, "two", "out of a file, and long enough"),
        ] {
            let AuthMode::Token(auth) = &config.auth else {
                panic!("{:?}", config.auth)
            };
            assert_eq!(
                (auth.keys[0].id.as_str(), auth.keys[0].secret.bytes()),
                (id, secret.as_bytes())
            );
            assert!(!format!("{config:?}").contains("long enough"));
        }
        let url = "postgres://ada:long enough@db/calls";
        let flags = Flags {
            store_url: Some(url.to_owned()),
            ..Flags::default()
        };
        let by_flag = load(
            "[store]\nurl = \"postgres://other@db/other\"\n",
            &[("TANDEM__STORE__URL", "x")],
            flags,
        )
        .expect("valid");
        let by_environment = load("", &[("TANDEM__STORE__URL", url)], Flags::default()).expect("valid");
        for config in [by_flag, by_environment] {
            assert_eq!(config.store.to_string(), "postgres://db:5432/calls");
            assert!(!format!("{config:?}").contains("long"));
        }
        let text = refusal("[[auth.keys]]\nid = \"one\"\nsecret = [\"long enough\"]\n", &[]);
        assert!(!text.contains("long enough"), "{text}");
    }

    #[test]
    fn names_that_a_certificate_can_be_ordered_for() {
        for (name, fine) in [
            ("call.example.org", true),
            ("xn--bcher-kva.example", true),
            ("localhost", false),
            ("192.0.2.1", false),
            ("*.example.org", false),
            ("a..example", false),
            ("-a.example", false),
            ("a.example.", false),
            ("a b.example", false),
            ("", false),
        ] {
            assert_eq!(is_dns_name(name), fine, "{name}");
        }
    }

    #[test]
    fn the_data_folder_is_where_the_system_keeps_such_things() {
        let all = |name: &str| Some(PathBuf::from(format!("/{name}")));
        assert_eq!(data_folder("x", all), Path::new("x"));
        assert_eq!(data_folder("", all), Path::new("/STATE_DIRECTORY"));
        assert_eq!(
            data_folder("", |n| all(n).filter(|_| n != "STATE_DIRECTORY")),
            Path::new("/XDG_DATA_HOME/tandem")
        );
        assert_eq!(
            data_folder("", |n| all(n).filter(|_| n == "HOME")),
            Path::new("/HOME/.local/share/tandem")
        );
    }
}
