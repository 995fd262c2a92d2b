//! The ICE servers that a browser is told: ours, under the name by which it reached us, with credentials that are renewed in time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;

use crate::id::SessionId;
use crate::signaling::protocol::{Event, IceServer};

/// A credential for the relay.
pub struct RelayCredential {
    pub username: String,
    pub credential: String,
    /// From now on.
    pub lasts: Duration,
}

/// Makes credentials that only this session may use.
pub type IssueCredential = Box<dyn Fn(SessionId) -> RelayCredential + Send + Sync>;

/// How a browser reached us, by its own words where they make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// A name or an address; IPv6 in brackets.
    name: String,
    /// The port of the page.
    port: u16,
    /// Whether the page came over HTTPS, maybe from a proxy in front of us.
    secure: bool,
    stun_port: u16,
}

impl Reached {
    /// `host` is the header of the request, in lower case; `secure`: it came by TLS, to us or to a proxy in front of us; `local` is the
    /// address of ours that was reached.
    pub fn new(host: &str, secure: bool, local: IpAddr, stun_port: u16) -> Reached {
        let default_port = if secure { 443 } else { 80 };
        let (name, port) = match host.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
            Some((name, Ok(port))) => (name, port),
            Some((_, Err(_))) | None => (host, default_port),
        };
        let fits = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
        let name = match local {
            _ if fits => name.to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Reached {
            name,
            port,
            secure,
            stun_port,
        }
    }

    /// RFC 7064.
    fn stun_url(&self) -> String {
        format!("stun:{}:{}", self.name, self.stun_port)
    }

    /// On the port of the page, which is open wherever the page is to be had (RFC 7065).
    fn turn_urls(&self) -> Vec<String> {
        let schemes: &[&str] = if self.secure { &["turns", "turn"] } else { &["turn"] };
        let url = |scheme| format!("{scheme}:{}:{}?transport=tcp", self.name, self.port);
        schemes.iter().map(url).collect()
    }
}

/// Whether a request came by TLS, to us or to a proxy in front that says so. Whoever else says it harms nobody but themselves.
pub fn over_tls(ends_here: bool, headers: &HeaderMap) -> bool {
    ends_here || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

/// What one session was told.
pub struct IceServers {
    reached: Reached,
    renewal: Option<(SessionId, Instant)>,
}

impl IceServers {
    pub fn new(reached: Reached) -> IceServers {
        IceServers { reached, renewal: None }
    }

    /// Completes an event on its way out: `welcome` always, `pong` where less than half of a credential's life is left.
    pub fn fill(&mut self, event: &mut Event, issue: Option<&IssueCredential>, now: Instant) {
        match event {
            Event::Welcome {
                session_id, ice_servers, ..
            } => *ice_servers = self.ice_servers(*session_id, issue, now),
            Event::Pong { ice_servers } => {
                if let Some((session, _)) = self.renewal.filter(|(_, due)| now >= *due) {
                    *ice_servers = Some(self.ice_servers(session, issue, now));
                }
            }
            _ => {}
        }
    }

    /// What a session is told now. With a relay, its credentials are noted for their renewal.
    pub fn ice_servers(&mut self, session: SessionId, issue: Option<&IssueCredential>, now: Instant) -> Vec<IceServer> {
        let mut servers = vec![IceServer {
            urls: vec![self.reached.stun_url()],
            username: None,
            credential: None,
        }];
        if let Some(issue) = issue {
            let RelayCredential {
                username,
                credential,
                lasts,
            } = issue(session);
            servers.push(IceServer {
                urls: self.reached.turn_urls(),
                username: Some(username),
                credential: Some(credential),
            });
            self.renewal = Some((session, now + lasts / 2));
        }
        servers
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    #[test]
    fn servers_are_under_the_name_and_the_port_that_the_browser_knows() {
        let local = "192.0.2.1".parse().unwrap();
        let (http, https) = (false, true);
        for (host, secure, stun, turn) in [
            (
                "localhost:8443",
                http,
                "stun:localhost:8443",
                "turn:localhost:8443?transport=tcp",
            ),
            (
                "localhost:8443",
                https,
                "stun:localhost:8443",
                "turns:localhost:8443?transport=tcp",
            ),
            ("a.example", https, "stun:a.example:8443", "turns:a.example:443?transport=tcp"),
            ("a.example", http, "stun:a.example:8443", "turn:a.example:80?transport=tcp"),
            (
                "[2001:db8::1]:443",
                https,
                "stun:[2001:db8::1]:8443",
                "turns:[2001:db8::1]:443?transport=tcp",
            ),
            (
                "[2001:db8::1]",
                https,
                "stun:[2001:db8::1]:8443",
                "turns:[2001:db8::1]:443?transport=tcp",
            ),
            ("", https, "stun:192.0.2.1:8443", "turns:192.0.2.1:443?transport=tcp"),
            ("a b?c", http, "stun:192.0.2.1:8443", "turn:192.0.2.1:80?transport=tcp"),
        ] {
            let reached = Reached::new(host, secure, local, 8443);
            assert_eq!(
                (reached.stun_url().as_str(), reached.turn_urls()[0].as_str()),
                (stun, turn),
                "{host} {secure}"
            );
        }
    }

    #[test]
    fn a_credential_is_renewed_with_a_pong_when_half_of_its_life_is_over() {
        let issue: IssueCredential = Box::new(|session| RelayCredential {
            username: session.to_string(),
            credential: "secret".to_owned(),
            lasts: Duration::from_secs(600),
        });
        let session = SessionId::from_random(7);
        let mut servers = IceServers::new(Reached::new("a.example", true, "192.0.2.1".parse().unwrap(), 443));
        let start = Instant::now();
        let pong = |servers: &mut IceServers, at: u64| {
            let mut event = Event::Pong { ice_servers: None };
            servers.fill(&mut event, Some(&issue), start + Duration::from_secs(at));
            match event {
                Event::Pong { ice_servers } => ice_servers,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(pong(&mut servers, 0), None, "before there is a session");
        let told = servers.ice_servers(session, Some(&issue), start);
        assert_eq!(told.len(), 2);
        assert_eq!(told[1].username, Some(session.to_string()));
        assert!(!format!("{told:?}").contains("secret"));
        assert_eq!(pong(&mut servers, 299), None);
        assert_eq!(pong(&mut servers, 300), Some(told));
        assert_eq!(pong(&mut servers, 301), None, "it has just been renewed");
        assert!(pong(&mut servers, 600).is_some());
    }

    #[test]
    fn without_a_relay_there_is_nothing_to_renew() {
        let mut servers = IceServers::new(Reached::new("a.example", false, "192.0.2.1".parse().unwrap(), 443));
        let now = Instant::now();
        assert_eq!(servers.ice_servers(SessionId::from_random(7), None, now).len(), 1);
        let mut event = Event::Pong { ice_servers: None };
        servers.fill(&mut event, None, now + Duration::from_secs(1_000_000));
        assert_eq!(event, Event::Pong { ice_servers: None });
    }
}
