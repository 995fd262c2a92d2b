//! Requests to servers of others (D): HTTPS over the crates that serve, one connection at a time, because there are few.

#![expect(clippy::disallowed_methods, reason = "a driver: a connection lives in a task of its own")]

use std::fs;
use std::io;
use std::net::IpAddr;
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
use tokio::net::TcpStream;
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
        let stream = TcpStream::connect((bare, port))
            .await
            .map_err(|error| format!("{host} cannot be reached: {error}"))?;
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
