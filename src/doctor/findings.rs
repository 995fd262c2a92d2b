//! What is wrong with an installation and how it is put right: a pure function of the facts.

mod database;
mod provider;

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

pub use self::provider::ProviderFacts;
use crate::store::Soundness;

/// How many days before its end a certificate that nobody renews becomes a problem.
const EXPIRY_DAYS: i64 = 14;
const DAY_S: i64 = 86_400;

/// File handles that are not sessions: database, media sockets, HTTP requests under way.
const FILES_BESIDE_SESSIONS: u64 = 256;

/// RFC 7518 section 3.2: as many as the hash has.
const SECRET_BYTES_MIN: usize = 32;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Ok,
    /// It works, and could work better, or cannot be told from here.
    Advice,
    /// Somebody will not be served.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub level: Level,
    pub what: String,
    /// What to do about it; none where there is nothing to do.
    pub fix: Option<String>,
}

/// Who has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    Free,
    /// Port 0: whichever is free at the start.
    Any,
    /// A running server of ours.
    Tandem,
    /// Another program.
    Other,
    /// The kernel's words.
    Refused(String),
}

/// Whether what browsers do first works from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    pub to: SocketAddr,
    /// Whether the address is on one of this machine's interfaces.
    pub own: bool,
    pub tcp: bool,
    /// A STUN answer to each media port, counted up from the first.
    pub udp: bool,
}

/// What a certificate says, in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    pub names: Vec<String>,
    pub not_before: i64,
    pub not_after: i64,
    pub self_signed: bool,
    /// The key's file, if others than its owner may read it.
    pub readable_key: Option<String>,
}

/// Where HTTPS stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFacts {
    Off,
    /// `None`: it is made at the first start.
    SelfMade(Option<Result<CertificateFacts, String>>),
    Files(Result<CertificateFacts, String>),
    Acme {
        certificate: Option<CertificateFacts>,
        directory: String,
        /// Whether it answers as an ACME directory.
        answers: Result<(), String>,
        /// What each domain resolves to.
        domains: Vec<(String, Result<Vec<IpAddr>, String>)>,
    },
}

/// What tokens are proven by; none where there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    pub keys: Vec<KeyFacts>,
    /// How many keys the key set has.
    pub jwks: Option<Result<usize, String>>,
}

/// A secret that tokens are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    pub id: String,
    pub bytes: usize,
    /// Its file, if others than its owner may read it.
    pub readable_file: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub now_unix: i64,
    pub listen: SocketAddr,
    pub tcp: Port,
    /// Each media port.
    pub udp: Vec<(u16, Port)>,
    pub ops_listen: SocketAddr,
    pub ops: Port,
    /// What browsers are told, and whether the operator named it.
    pub advertised: Vec<IpAddr>,
    pub is_named: bool,
    /// Of this machine's interfaces.
    pub interfaces: Vec<IpAddr>,
    /// Empty unless a server of ours is running.
    pub reach: Vec<Reach>,
    /// From where the configured STUN server saw us; none without one.
    pub seen: Option<Result<IpAddr, String>>,
    pub tls: TlsFacts,
    pub tokens: Option<TokenFacts>,
    /// None: nobody signs in with one.
    pub provider: Option<ProviderFacts>,
    /// None: this is the only node.
    pub redis: Option<Result<(), String>>,
    /// What the kernel grants at most to a socket for receiving and sending, and what is asked for, in bytes.
    pub udp_buffers: Option<[u64; 2]>,
    pub udp_buffer_wanted: u64,
    /// File handles that a process may have; none: as many as it likes, or not known.
    pub files_max: Option<u64>,
    pub sessions: usize,
    /// Whether the clock follows a time server; none: it cannot be told.
    pub clock_follows: Option<bool>,
    pub data: String,
    pub data_writable: Result<(), String>,
    /// Without user and password; none: it is a file.
    pub database_url: Option<String>,
    pub database: Result<Soundness, String>,
}

/// Whether an address means something in its own network only (RFC 1918, 3927, 4193, 6598, 4291 section 2.5).
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let is_shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// What follows from the facts, in the order in which one puts a server up.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![data(facts), database::finding(facts)];
    found.extend(ports(facts));
    found.extend(addresses(facts));
    found.extend(reach(facts));
    found.extend(seen(facts));
    found.push(ipv6(facts));
    found.extend(tls(facts));
    found.extend(facts.tokens.iter().flat_map(tokens));
    found.extend(facts.provider.as_ref().map(provider::finding));
    found.extend(facts.redis.as_ref().map(cluster));
    found.push(udp_buffers(facts));
    found.push(files(facts));
    found.push(clock(facts));
    found
}

fn cluster(redis: &Result<(), String>) -> Finding {
    match redis {
        Ok(()) => ok("cluster", "Redis answers"),
        Err(error) => {
            let fix = "start Redis, or correct cluster.redis_url, and cluster.redis_ca where its certificate is from an authority of your own; until then people on different nodes cannot call each other";
            problem("cluster", format!("Redis does not answer: {error}"), fix)
        }
    }
}

fn tokens(facts: &TokenFacts) -> Vec<Finding> {
    const CHECK: &str = "tokens";
    let mut found = Vec::new();
    for key in &facts.keys {
        let id = &key.id;
        if key.bytes < SECRET_BYTES_MIN {
            found.push(problem(
                CHECK,
                format!(
                    "the key {id} in auth.keys has {} bytes: whoever has a token can guess it",
                    key.bytes
                ),
                "make another one of at least 32 random bytes (`openssl rand -hex 32`), here and in your application",
            ));
        } else {
            found.push(ok(CHECK, format!("the key {id} in auth.keys is long enough")));
        }
        if let Some(file) = &key.readable_file {
            found.push(problem(
                CHECK,
                format!("everybody on this machine may read {file}, and so sign tokens with the key {id}"),
                format!("let the server's user alone read it: chmod 600 {file}"),
            ));
        }
    }
    match &facts.jwks {
        None => {}
        Some(Ok(keys)) => found.push(ok(CHECK, format!("auth.jwks has {keys} usable keys"))),
        Some(Err(error)) => found.push(problem(
            CHECK,
            format!("auth.jwks cannot be used: {error}"),
            "check the address or the file, and auth.jwks_ca where the authority is your own; until then only the last good keys are \
             used, and after a start none",
        )),
    }
    found
}

fn ok(check: &'static str, what: impl Into<String>) -> Finding {
    Finding {
        check,
        level: Level::Ok,
        what: what.into(),
        fix: None,
    }
}

fn advice(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding {
        check,
        level: Level::Advice,
        what: what.into(),
        fix: Some(fix.into()),
    }
}

fn problem(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding {
        check,
        level: Level::Problem,
        what: what.into(),
        fix: Some(fix.into()),
    }
}

fn list(ips: &[IpAddr]) -> String {
    ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn data(facts: &Facts) -> Finding {
    match &facts.data_writable {
        Ok(()) => ok("data", format!("{} can be written", facts.data)),
        Err(error) => problem(
            "data",
            format!("{} cannot be written: {error}", facts.data),
            "give the server's user a folder of its own and name it in server.data",
        ),
    }
}

fn ports(facts: &Facts) -> Vec<Finding> {
    let is_running = facts.tcp == Port::Tandem;
    let one = |check, name: String, port: &Port, key: &str| match port {
        Port::Any => ok(check, format!("{name}: any that is free")),
        Port::Free if is_running => problem(
            check,
            format!("{name} is not served by the tandem that is running"),
            "run the doctor with the same configuration as the server, or restart the server",
        ),
        Port::Free => ok(check, format!("{name} is free; no tandem is running")),
        Port::Tandem => ok(check, format!("{name} is served by a running tandem")),
        Port::Other => problem(
            check,
            format!("{name} is taken by another program"),
            format!("stop it (`ss -lnptu` names it), or choose another port in {key}"),
        ),
        Port::Refused(error) => problem(
            check,
            format!("{name} cannot be taken: {error}"),
            format!(
                "check the address in {key}; ports below 1024 need the capability CAP_NET_BIND_SERVICE (systemd: \
                 AmbientCapabilities=)"
            ),
        ),
    };
    let mut found = vec![one("tcp_port", format!("TCP {}", facts.listen), &facts.tcp, "server.listen")];
    for (number, port) in &facts.udp {
        let address = SocketAddr::new(facts.listen.ip(), *number);
        found.push(one("udp_port", format!("UDP {address}"), port, "server.listen"));
    }
    found.push(one(
        "ops_port",
        format!("TCP {}", facts.ops_listen),
        &facts.ops,
        "server.ops_listen",
    ));
    found
}

fn addresses(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "addresses";
    let said = list(&facts.advertised);
    let first = match (facts.is_named, facts.advertised.as_slice()) {
        (_, []) => problem(
            CHECK,
            "browsers are told no address: calls through this server work from this machine only",
            "connect this machine to a network, or name its address in network.public_addresses",
        ),
        (true, _) => ok(CHECK, format!("browsers are told {said}, as network.public_addresses says")),
        (false, all) if all.iter().all(|ip| is_private(*ip)) => problem(
            CHECK,
            format!("browsers are told {said}, of this machine's interfaces, which mean nothing outside its network"),
            "if people call from elsewhere, name the public address in network.public_addresses and forward the TCP and UDP ports; if \
             all are in this network, name the private address there",
        ),
        (false, _) => ok(CHECK, format!("browsers are told {said}, of this machine's interfaces")),
    };
    let mut found = vec![first];
    let listen = facts.listen.ip();
    if !listen.is_unspecified() && !facts.is_named && !facts.advertised.contains(&listen) {
        found.push(problem(
            CHECK,
            format!("server.listen is {listen}, which is none of them"),
            "set server.listen to \"[::]\" and the port, or name the address in network.public_addresses",
        ));
    }
    found
}

fn reach(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "reach";
    if facts.reach.is_empty() {
        let fix = "start the server and run this again";
        return vec![advice(
            CHECK,
            "whether the addresses lead here is known when the server runs",
            fix,
        )];
    }
    facts
        .reach
        .iter()
        .map(|reach| {
            let missing = match (reach.tcp, reach.udp) {
                (true, true) => return ok(CHECK, format!("{} answers over TCP and UDP", reach.to)),
                (true, false) => "UDP",
                (false, true) => "TCP",
                (false, false) => "TCP and UDP",
            };
            let what = format!("{} does not answer over {missing} from this machine", reach.to);
            if reach.own {
                let fix = "let the firewall of this machine pass it (nft list ruleset), and look at server.listen";
                problem(CHECK, what, fix)
            } else {
                advice(
                    CHECK,
                    what,
                    "forward the port, TCP and UDP, to this machine; some routers do not lead back inside, so try from elsewhere too",
                )
            }
        })
        .collect()
}

fn seen(facts: &Facts) -> Option<Finding> {
    const CHECK: &str = "public_address";
    Some(match facts.seen.as_ref()? {
        Ok(ip) if facts.advertised.contains(ip) => ok(CHECK, format!("the STUN server sees us at {ip}, which browsers are told")),
        Ok(ip) => problem(
            CHECK,
            format!("the STUN server sees us at {ip}, which browsers are not told"),
            format!(
                "if port {} of it leads here, set network.public_addresses = [\"{ip}\"]",
                facts.listen.port()
            ),
        ),
        Err(error) => advice(
            CHECK,
            format!("the STUN server does not say from where it sees us: {error}"),
            "check network.stun, and whether UDP leaves this network",
        ),
    })
}

fn ipv6(facts: &Facts) -> Finding {
    const CHECK: &str = "ipv6";
    let public = |ip: &&IpAddr| ip.is_ipv6() && !is_private(**ip);
    let there = facts.advertised.iter().find(public);
    match (there, facts.listen.ip()) {
        (Some(ip), listen) if listen.is_ipv4() => advice(
            CHECK,
            format!("this machine has {ip}, but server.listen is IPv4 only"),
            "set server.listen to \"[::]\" and the port: it serves both",
        ),
        (Some(ip), _) => ok(CHECK, format!("browsers are told {ip}")),
        (None, _) => advice(
            CHECK,
            "there is no public IPv6 address",
            "ask the provider for one: mobile networks with IPv6 only reach IPv4 through translators, which cost time",
        ),
    }
}

fn tls(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "certificate";
    match &facts.tls {
        TlsFacts::Off => vec![advice(
            CHECK,
            "tls.mode is \"off\"",
            "keep it so only behind a proxy that does the TLS: browsers give the camera to HTTPS pages only",
        )],
        TlsFacts::SelfMade(None) => vec![ok(CHECK, "it is made at the first start; browsers warn once about it")],
        TlsFacts::SelfMade(Some(Err(error))) => vec![problem(
            CHECK,
            error.clone(),
            "delete tls-certificate.pem and tls-key.pem in the data folder: others are made at the next start",
        )],
        TlsFacts::SelfMade(Some(Ok(certificate))) => {
            let mut found = vec![advice(
                CHECK,
                "it is self-made: browsers warn once about it",
                "with a name of its own, set tls.mode = \"acme\"; for a home or an office, compare the fingerprint",
            )];
            found.extend(key(certificate));
            found
        }
        TlsFacts::Files(Err(error)) => vec![problem(
            CHECK,
            error.clone(),
            "name the files in tls.certificate and tls.key: PEM, the certificate with its chain first, readable by the server's user",
        )],
        TlsFacts::Files(Ok(certificate)) => {
            let mut found = vec![life(
                facts,
                certificate,
                "renew it: the new files are taken while the server runs",
            )];
            if certificate.self_signed {
                let fix = "get one from an authority, or set tls.mode = \"acme\"";
                found.push(advice(CHECK, "it vouches for itself: no browser trusts it unasked", fix));
            }
            found.extend(key(certificate));
            found
        }
        TlsFacts::Acme {
            certificate,
            directory,
            answers,
            domains,
        } => {
            let mut found = vec![match (certificate, &facts.tcp) {
                (Some(certificate), _) => life(facts, certificate, "renewing fails: the server's log says why"),
                (None, Port::Tandem) => problem(CHECK, "the ACME server has issued none yet", "the server's log says why"),
                (None, _) => ok(CHECK, "it is ordered at the first start"),
            }];
            found.push(match answers {
                Ok(()) => ok("acme_directory", format!("{directory} answers")),
                Err(error) => problem(
                    "acme_directory",
                    format!("{directory}: {error}"),
                    "check tls.acme_directory, tls.acme_ca and whether HTTPS leaves this machine",
                ),
            });
            found.extend(domains.iter().map(|(domain, ips)| resolves(facts, domain, ips)));
            if facts.listen.port() != 443 {
                found.push(advice(
                    "acme_port",
                    format!(
                        "the ACME server connects to port 443, and server.listen has {}",
                        facts.listen.port()
                    ),
                    "forward TCP 443 to it, or set server.listen = \"[::]:443\"",
                ));
            }
            found
        }
    }
}

fn life(facts: &Facts, certificate: &CertificateFacts, fix: &str) -> Finding {
    const CHECK: &str = "certificate";
    let names = certificate.names.join(", ");
    let days = (certificate.not_after - facts.now_unix).div_euclid(DAY_S);
    // One that lives for less than four weeks is renewed later in its life.
    let soon = EXPIRY_DAYS.min((certificate.not_after - certificate.not_before) / DAY_S / 4);
    if certificate.names.is_empty() {
        let fix = "get one with the name that browsers use as subjectAltName";
        problem(CHECK, "it is for no name: browsers refuse it", fix)
    } else if facts.now_unix < certificate.not_before {
        problem(CHECK, "its time has not come yet", "set the clock of this machine, or wait")
    } else if facts.now_unix > certificate.not_after {
        problem(CHECK, format!("the one for {names} ended {} days ago", -days), fix)
    } else if days < soon {
        problem(CHECK, format!("the one for {names} ends in {days} days"), fix)
    } else {
        ok(CHECK, format!("it is for {names} and ends in {days} days"))
    }
}

fn key(certificate: &CertificateFacts) -> Option<Finding> {
    let path = certificate.readable_key.as_ref()?;
    let what = format!("others than its owner may read {path}");
    Some(advice("certificate_key", what, format!("chmod go-rwx {path}")))
}

fn resolves(facts: &Facts, domain: &str, ips: &Result<Vec<IpAddr>, String>) -> Finding {
    const CHECK: &str = "domain";
    let is_ours = |ip: &IpAddr| {
        let seen = matches!(&facts.seen, Some(Ok(seen)) if seen == ip);
        seen || facts.advertised.contains(ip) || facts.interfaces.contains(ip)
    };
    match ips {
        Ok(ips) if ips.iter().any(is_ours) => ok(CHECK, format!("{domain} leads here ({})", list(ips))),
        Ok(ips) => problem(
            CHECK,
            format!("{domain} leads to {}, which is not known to be this machine", list(ips)),
            "let the name lead here in the DNS; if it does, name that address in network.public_addresses",
        ),
        Err(error) => problem(
            CHECK,
            format!("{domain} does not resolve: {error}"),
            "add an A and an AAAA record for it in the DNS",
        ),
    }
}

fn udp_buffers(facts: &Facts) -> Finding {
    const CHECK: &str = "udp_buffers";
    let wanted = facts.udp_buffer_wanted;
    match facts.udp_buffers {
        None => advice(
            CHECK,
            "what the kernel grants cannot be told here",
            "look at net.core.rmem_max and net.core.wmem_max",
        ),
        Some([receive, send]) if receive >= wanted && send >= wanted => {
            ok(CHECK, format!("the kernel grants the {wanted} bytes that are asked for"))
        }
        Some([receive, send]) => advice(
            CHECK,
            format!("the kernel grants {receive} bytes to receive and {send} to send, of {wanted}: bursts of many calls are cut"),
            format!("sysctl -w net.core.rmem_max={wanted} net.core.wmem_max={wanted}, and the same in /etc/sysctl.d/"),
        ),
    }
}

fn files(facts: &Facts) -> Finding {
    const CHECK: &str = "file_limit";
    let wanted = facts.sessions as u64 + FILES_BESIDE_SESSIONS;
    match facts.files_max {
        Some(most) if most < wanted => problem(
            CHECK,
            format!(
                "{most} open files are allowed, and limits.sessions = {} need {wanted}",
                facts.sessions
            ),
            format!("LimitNOFILE={wanted} in the systemd unit (ulimit -n {wanted} in a shell), or lower limits.sessions"),
        ),
        Some(most) => ok(CHECK, format!("{most} open files are allowed, {wanted} are enough")),
        None => ok(CHECK, "as many open files as the system has"),
    }
}

fn clock(facts: &Facts) -> Finding {
    const CHECK: &str = "clock";
    match facts.clock_follows {
        Some(true) => ok(CHECK, "it follows a time server"),
        Some(false) => advice(
            CHECK,
            "it does not follow a time server: certificates and TURN credentials end by it",
            "timedatectl set-ntp true",
        ),
        None => advice(
            CHECK,
            "whether it follows a time server cannot be told here",
            "compare `date -u` with another machine",
        ),
    }
}
