//! Looks at the machine (D). Nothing leaves it but packets to its own addresses, and what the configuration asks for: the STUN server
//! of network.stun, and in mode "acme" the ACME directory and the names.

#![expect(
    clippy::disallowed_methods,
    reason = "a driver: it reads the clock and draws transaction ids"
)]

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::process::Command;
use tokio::time::timeout;

use super::findings::{CertificateFacts, Facts, KeyFacts, Port, ProviderFacts, Reach, TlsFacts, TokenFacts};
use super::stun;
use crate::auth::jwks;
use crate::auth::oidc::provider;
use crate::cluster::redis;
use crate::config::{Acme, AuthMode, Config, TlsMode, TokenAuth};
use crate::http::port;
use crate::http::tls;
use crate::http::tls::acme::cache::Cache;
use crate::http::tls::acme::client::HttpsClient;
use crate::http::tls::certificate::Certificate;
use crate::sfu::candidates;
use crate::store::{Place, Store};
use crate::udp::{self, UdpPort};

/// For one attempt at anything on the network but the ACME directory.
const PATIENCE: Duration = Duration::from_secs(2);

/// STUN requests to one address before it counts as silent: the first may be lost.
const STUN_ATTEMPTS: usize = 3;

/// Of an answer over plain HTTP.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Everything that [`super::findings`] judges.
///
/// # Errors
/// The addresses of this machine cannot be listed.
pub async fn gather(config: &Config) -> io::Result<Facts> {
    let interfaces = candidates::discover(&udp::ipv6_table())?;
    let advertised = match config.public_addresses.as_slice() {
        [] => interfaces.clone(),
        public => public.to_vec(),
    };
    let metrics = http_get(config.ops_listen, "/metrics").await.unwrap_or_default();
    let ops_is_ours = metrics.contains("\ntandem_sessions ");
    let tcp = tcp_port(config.listen, ops_is_ours).await;
    let is_running = tcp == Port::Tandem;
    let mut udp = Vec::new();
    let mut reach = Vec::new();
    if config.listen.port() != 0 {
        for number in media_ports(config) {
            udp.push((number, udp_port(SocketAddr::new(config.listen.ip(), number)).await));
        }
        if is_running {
            for ip in &advertised {
                reach.push(reached(config, *ip, interfaces.contains(ip) || ip.is_loopback()).await);
            }
        }
    }
    let ops = match ops_is_ours {
        true => Port::Tandem,
        false => tcp_port(config.ops_listen, false).await,
    };
    let running_files = metrics
        .lines()
        .find_map(|line| line.strip_prefix("process_max_fds "))
        .filter(|_| ops_is_ours && is_running)
        .and_then(|value| value.parse().ok());
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Facts {
        now_unix: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        listen: config.listen,
        tcp,
        udp,
        ops_listen: config.ops_listen,
        ops,
        is_named: !config.public_addresses.is_empty(),
        advertised,
        interfaces,
        reach,
        seen: match &config.stun {
            Some(server) => Some(seen(server).await),
            None => None,
        },
        tls: tls_facts(config).await,
        tokens: match &config.auth {
            AuthMode::Open | AuthMode::Oidc(_) => None,
            AuthMode::Token(auth) => Some(token_facts(auth).await),
        },
        provider: match &config.auth {
            AuthMode::Open | AuthMode::Token(_) => None,
            AuthMode::Oidc(auth) => Some(ProviderFacts {
                issuer: auth.issuer.clone(),
                answers: provider::look_at(auth).await.map_err(|error| error.to_string()),
            }),
        },
        redis: match &config.cluster {
            None => None,
            Some(cluster) => Some(redis::probe(cluster).await),
        },
        udp_buffers: kernel_number("rmem_max").zip(kernel_number("wmem_max")).map(|(r, w)| [r, w]),
        udp_buffer_wanted: udp::SOCKET_BUFFER_BYTES as u64,
        files_max: running_files.or_else(|| rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum),
        sessions: config.sessions,
        clock_follows: clock_follows().await,
        data: config.data.display().to_string(),
        data_writable: writable(&config.data).map_err(|error| error.to_string()),
        database_url: match &config.store {
            Place::Folder(_) => None,
            Place::Postgres(url) => Some(url.to_string()),
        },
        database: Store::check(&config.store)
            .await
            .map_err(|error| format!("{:#}", anyhow::Error::from(error))),
    })
}

fn media_ports(config: &Config) -> impl Iterator<Item = u16> {
    let first = config.listen.port();
    (0..config.workers).map_while(move |nth| first.checked_add(u16::try_from(nth).ok()?))
}

/// Where a listener on this address is reached from inside.
fn inside(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        // It takes IPv4 too, and there is no machine without.
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn tcp_port(listen: SocketAddr, ops_is_ours: bool) -> Port {
    if listen.port() == 0 {
        return Port::Any;
    }
    match port::bind(listen) {
        Ok(_) => Port::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let answer = http_get(inside(listen), "/api/v1/server").await.unwrap_or_default();
            // From an address that is not loopback, plain HTTP is sent to HTTPS.
            let redirects = answer.starts_with("HTTP/1.1 307") && answer.contains("/api/v1/server");
            match answer.contains("\"name\":\"tandem\"") || redirects && ops_is_ours {
                true => Port::Tandem,
                false => Port::Other,
            }
        }
        Err(error) => Port::Refused(error.to_string()),
    }
}

async fn udp_port(listen: SocketAddr) -> Port {
    match UdpPort::bind(listen) {
        Ok(_) => Port::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match mapped(inside(listen)).await {
            Ok(_) => Port::Tandem,
            Err(_) => Port::Other,
        },
        Err(error) => Port::Refused(error.to_string()),
    }
}

/// Whether one of the addresses that browsers are told leads here.
async fn reached(config: &Config, ip: IpAddr, own: bool) -> Reach {
    let to = SocketAddr::new(ip, config.listen.port());
    let mut udp = true;
    for number in media_ports(config) {
        udp = udp && mapped(SocketAddr::new(ip, number)).await.is_ok();
    }
    Reach {
        to,
        own,
        tcp: matches!(timeout(PATIENCE, TcpStream::connect(to)).await, Ok(Ok(_))),
        udp,
    }
}

/// From where a STUN server sees us.
async fn mapped(server: SocketAddr) -> io::Result<SocketAddr> {
    let any: IpAddr = match server.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let mut buffer = [0; 512];
    for _ in 0..STUN_ATTEMPTS {
        let transaction: [u8; 12] = rand::random();
        socket.send(&stun::binding_request(transaction)).await?;
        if let Ok(received) = timeout(PATIENCE / 4, socket.recv(&mut buffer)).await
            && let Some(address) = stun::mapped_address(&buffer[..received?], transaction)
        {
            return Ok(address);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn seen(server: &str) -> Result<IpAddr, String> {
    let address = resolve(server).await?.next().ok_or("the name has no address")?;
    let seen = mapped(address).await.map_err(|error| format!("{server}: {error}"))?;
    Ok(seen.ip())
}

async fn resolve(host_and_port: &str) -> Result<impl Iterator<Item = SocketAddr>, String> {
    match timeout(PATIENCE, tokio::net::lookup_host(host_and_port)).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(_) => Err("the name server does not answer".to_owned()),
    }
}

/// The whole answer, as text.
async fn http_get(address: SocketAddr, path: &str) -> io::Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(inside(address)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    timeout(PATIENCE, exchange).await?
}

async fn tls_facts(config: &Config) -> TlsFacts {
    let load = |certificate: &Path, key: &Path| {
        Certificate::load(certificate, key)
            .map(|loaded| certificate_facts(&loaded, key))
            .map_err(|error| error.to_string())
    };
    match &config.tls {
        TlsMode::Off => TlsFacts::Off,
        TlsMode::SelfMade => {
            let files = tls::self_made_files(&config.data);
            let is_made = files.certificate.exists() && files.key.exists();
            TlsFacts::SelfMade(is_made.then(|| load(&files.certificate, &files.key)))
        }
        TlsMode::Files(files) => TlsFacts::Files(load(&files.certificate, &files.key)),
        TlsMode::Acme(acme) => acme_facts(config, acme).await,
    }
}

async fn token_facts(auth: &TokenAuth) -> TokenFacts {
    let keys = auth.keys.iter().map(|key| KeyFacts {
        id: key.id.clone(),
        bytes: key.secret.bytes().len(),
        readable_file: key.file.as_deref().and_then(readable_by_all),
    });
    let jwks = match &auth.jwks {
        None => None,
        Some(source) => Some(jwks::look_at(source).await.map_err(|error| error.to_string())),
    };
    TokenFacts {
        keys: keys.collect(),
        jwks,
    }
}

async fn acme_facts(config: &Config, acme: &Acme) -> TlsFacts {
    let cache = Cache::new(&config.data, &acme.directory);
    let answers = match HttpsClient::new(acme.ca.as_deref()) {
        Ok(client) => client
            .look_at_directory(&acme.directory)
            .await
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut domains = Vec::new();
    for domain in &acme.domains {
        let ips = resolve(&format!("{domain}:443")).await.map(|found| {
            let mut ips: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            ips.dedup();
            ips
        });
        domains.push((domain.clone(), ips));
    }
    TlsFacts::Acme {
        certificate: cache
            .certificate(&acme.domains)
            .map(|kept| certificate_facts(&kept, &cache.certificate_file())),
        directory: acme.directory.clone(),
        answers,
        domains,
    }
}

fn certificate_facts(certificate: &Certificate, key: &Path) -> CertificateFacts {
    CertificateFacts {
        names: certificate.names.clone(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        self_signed: certificate.self_signed,
        readable_key: readable_by_all(key),
    }
}

/// The file's name, if everybody on this machine may read it. A group may be meant to, as with Debian's ssl-cert.
fn readable_by_all(file: &Path) -> Option<String> {
    let mode = fs::metadata(file).map(|found| found.permissions().mode()).unwrap_or(0);
    (mode & 0o007 != 0).then(|| file.display().to_string())
}

fn kernel_number(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/net/core/{name}"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// The kernel knows, and systemd asks it for everybody.
async fn clock_follows() -> Option<bool> {
    let mut asked = Command::new("timedatectl");
    asked
        .args(["show", "--property=NTPSynchronized", "--value"])
        .kill_on_drop(true);
    let said = timeout(PATIENCE, asked.output()).await.ok()?.ok()?;
    match said.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

/// Writes a file into the folder, or where the folder would be made, and takes it away again.
fn writable(folder: &Path) -> io::Result<()> {
    let there = folder.ancestors().find(|path| path.exists());
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".tandem-doctor-{}", std::process::id()));
    fs::OpenOptions::new().write(true).create_new(true).open(&probe)?;
    fs::remove_file(&probe)
}
