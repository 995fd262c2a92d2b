//! Requests to servers of others (D): HTTPS over the crates that serve, one connection at a time, because there are few.

#![expect(clippy::disallowed_methods, reason = "a driver: a connection lives in a task of its own")]

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

/// What goes wrong on the way: one sentence.
pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Why nothing can be fetched at all.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{0} holds no certificate in PEM")]
    Pem(PathBuf),
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Speaks HTTPS with servers that a public authority vouches for, or one's own; and plain HTTP with this machine. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    tls: TlsConnector,
    /// Plain HTTP also with other machines.
    in_the_clear: bool,
    /// Public addresses alone, but for these hosts. None: whatever a URL names.
    guard: Option<Arc<[String]>>,
}

impl Fetcher {
    /// `authority`: a file in PEM with what to trust in place of the public authorities.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn new(authority: Option<&Path>) -> Result<Fetcher, FetchError> {
        let mut roots = RootCertStore::empty();
        match authority {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let text = fs::read(path).map_err(|source| FetchError::File {
                    path: path.to_owned(),
                    source,
                })?;
                roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
                if roots.is_empty() {
                    return Err(FetchError::Pem(path.to_owned()));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Fetcher {
            tls: Arc::new(config).into(),
            in_the_clear: false,
            guard: None,
        })
    }

    /// The same, and plain HTTP with whatever machine a URL names.
    #[must_use]
    pub fn or_in_the_clear(self) -> Fetcher {
        Fetcher {
            in_the_clear: true,
            ..self
        }
    }

    /// The same for URLs that strangers give: HTTPS with public addresses on port 443 alone, so that nobody has this server ask others in
    /// its own network. `but`: hosts, with their port or without, that are whatever they are.
    #[must_use]
    pub fn guarded(self, but: &[String]) -> Fetcher {
        Fetcher {
            guard: Some(but.into()),
            ..self
        }
    }

    /// What is at a URL. Redirects are not followed.
    ///
    /// # Errors
    /// One sentence: no connection, no trust, another answer than 200, too many bytes, or not in time.
    pub async fn get(&self, url: &str, bytes_max: usize, within: Duration) -> Result<Bytes, AnyError> {
        let request = Request::get(url).body(Empty::<Bytes>::new())?;
        let answer = tokio::time::timeout(within, self.exchange(request, bytes_max))
            .await
            .map_err(|_| "no answer in time")??;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(format!("the answer is {status}").into()),
        }
    }

    /// One request and its answer. The caller says how long that may take.
    ///
    /// # Errors
    /// One sentence: no connection, no trust, or too many bytes.
    pub async fn exchange<B>(&self, request: Request<B>, bytes_max: usize) -> Result<Response<Bytes>, AnyError>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<AnyError>,
    {
        let mut connection = self.connect(request.uri()).await?;
        let (parts, body) = connection.send(request).await?.into_parts();
        let body = Limited::new(body, bytes_max).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// A connection to the server of a URL, for one request after the other.
    ///
    /// # Errors
    /// One sentence: no connection, or no trust.
    pub async fn connect<B>(&self, uri: &Uri) -> Result<Connection<B>, AnyError>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<AnyError>,
    {
        let host = uri.host().ok_or("a URL without a host")?;
        let bare = host.trim_matches(['[', ']']);
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.in_the_clear || is_this_machine(bare) => false,
            _ => return Err(format!("{uri} is not HTTPS").into()),
        };
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let away = |error: io::Error| format!("{host} cannot be reached: {error}");
        let mut addresses: Vec<SocketAddr> = lookup_host((bare, port)).await.map_err(away)?.collect();
        if let Some(but) = &self.guard
            && !but.iter().any(|one| one == bare || *one == format!("{bare}:{port}"))
        {
            if !is_tls || port != 443 {
                return Err(format!("{uri} is not HTTPS on port 443").into());
            }
            addresses.retain(|address| is_public(address.ip()));
            if addresses.is_empty() {
                return Err(format!("{host} has no public address").into());
            }
        }
        let stream = TcpStream::connect(&addresses[..]).await.map_err(away)?;
        if !is_tls {
            return Connection::over(stream).await;
        }
        let name = ServerName::try_from(bare.to_owned())?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(|error| format!("no TLS with {host}: {error}"))?;
        Connection::over(stream).await
    }
}

/// HTTP/1.1 with one server.
pub struct Connection<B> {
    sender: SendRequest<B>,
}

impl<B> Connection<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<AnyError>,
{
    async fn over<S>(stream: S) -> Result<Connection<B>, AnyError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection { sender })
    }

    /// Sends a request that has the whole URL. The answer's body has to be read before the next.
    ///
    /// # Errors
    /// One sentence: the connection is gone, or what came is not HTTP.
    pub async fn send(&mut self, mut request: Request<B>) -> Result<Response<Incoming>, AnyError> {
        let uri = request.uri().clone();
        let authority = uri.authority().ok_or("a URL without a host")?;
        request
            .headers_mut()
            .insert(header::HOST, HeaderValue::from_str(authority.as_str())?);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>()?;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }
}

/// Whether plain HTTP stays inside of this machine.
pub fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether something may be asked or sent there: what goes in the clear does not leave this machine.
pub fn may_be_asked(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or("").trim_matches(['[', ']']);
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_this_machine(host),
        _ => false,
    }
}

/// Whether an address is one of the internet: none of a network of one's own, of this machine, of a link, of many, or that stands for another
/// (IANA's registries of special-purpose addresses).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let special = matches!(
                (a, b, c),
                (0 | 10 | 127 | 224.., ..)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18..=19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
            );
            !special
        }
        IpAddr::V6(ip) => {
            let [a, b, ..] = ip.segments();
            // Only these are given out; of them, not Teredo and other protocols, documentation, 6to4.
            (0x2000..0x4000).contains(&a)
                && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8))
                && a != 0x2002
                && !(a == 0x3fff && b < 0x1000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::peers::HOSTILE;

    /// The list of threats that a TURN server was tried with, and more.
    #[test]
    fn addresses_that_a_stranger_may_not_have_us_reach() {
        let more = [
            "172.31.255.255",
            "192.88.99.1",
            "::ffff:8.8.8.8",
            "2001::1",
            "3fff::1",
            "::7f00:1",
        ];
        for text in HOSTILE.into_iter().chain(more) {
            assert!(!is_public(text.parse().expect("an address")), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "2001:4860:4860::8888",
            "2a00:1450:4001::1",
        ] {
            assert!(is_public(text.parse().expect("an address")), "{text}");
        }
    }

    #[tokio::test]
    async fn a_guarded_one_reaches_nobody_here_but_whom_it_may() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let fetcher = Fetcher::new(None).expect("set up");
        let why = async |fetcher: &Fetcher, url: String| {
            let request = Request::get(url).body(Empty::<Bytes>::new()).expect("a request");
            let asked = tokio::time::timeout(Duration::from_millis(300), fetcher.exchange(request, 9)).await;
            asked.map_or_else(
                |_| "it waits".to_owned(),
                |done| done.expect_err("nobody answers").to_string(),
            )
        };
        let guarded = fetcher.clone().guarded(&[]);
        for url in [
            "https://127.0.0.1",
            "https://localhost",
            "https://[::ffff:10.0.0.1]",
            "https://169.254.169.254/latest",
        ] {
            let said = why(&guarded, url.to_owned()).await;
            assert!(said.contains("no public address"), "{url}: {said}");
        }
        for url in [
            format!("http://127.0.0.1:{port}"),
            format!("https://127.0.0.1:{port}"),
            "http://example.org".to_owned(),
        ] {
            let said = why(&guarded, url.clone()).await;
            assert!(said.contains("not HTTPS"), "{url}: {said}");
        }
        let but = fetcher.guarded(&[format!("127.0.0.1:{port}")]);
        assert_eq!(why(&but, format!("http://127.0.0.1:{port}/")).await, "it waits");
    }
}
