//! Requests to an ACME server (D): HTTPS over the crates that serve, one connection each, because there are a dozen in two months.

#![expect(clippy::disallowed_methods, reason = "a driver: a connection lives in a task of its own")]

use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::TlsError;

/// From the name to the last byte of the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A chain is a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Speaks HTTPS with servers that a public authority vouches for, or one's own.
#[derive(Clone)]
pub struct HttpsClient {
    tls: TlsConnector,
}

impl HttpsClient {
    /// `authority`: a file in PEM with what to trust in place of the public authorities.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn new(authority: Option<&Path>) -> Result<HttpsClient, TlsError> {
        let mut roots = RootCertStore::empty();
        match authority {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let text = fs::read(path).map_err(|source| TlsError::File {
                    path: path.to_owned(),
                    source,
                })?;
                roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
                if roots.is_empty() {
                    return Err(TlsError::Pem {
                        path: path.to_owned(),
                        expected: "certificate",
                    });
                }
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(HttpsClient {
            tls: Arc::new(config).into(),
        })
    }

    /// Whether something that answers like an ACME directory is at this URL (RFC 8555 section 7.1.1).
    ///
    /// # Errors
    /// One sentence: no connection, no trust, or another answer.
    pub async fn look_at_directory(&self, url: &str) -> Result<(), AnyError> {
        let request = Request::get(url).body(BodyWrapper::default())?;
        let mut answer = tokio::time::timeout(REQUEST_TIMEOUT, self.clone().exchange(request)).await??;
        let body = answer.body.into_bytes().await?;
        let directory: serde_json::Value = serde_json::from_slice(&body).map_err(|_| "the answer is no ACME directory")?;
        match directory.get("newOrder") {
            Some(_) => Ok(()),
            None => Err("the answer is no ACME directory".into()),
        }
    }

    async fn exchange(self, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, AnyError> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or("a URL without a host")?;
        if uri.scheme_str() != Some("https") {
            return Err(format!("{uri} is not HTTPS").into());
        }
        let bare = host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((bare, uri.port_u16().unwrap_or(443)))
            .await
            .map_err(|error| format!("{host} cannot be reached: {error}"))?;
        let name = ServerName::try_from(bare.to_owned())?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(|error| format!("no TLS with {host}: {error}"))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let authority = uri.authority().ok_or("a URL without a host")?;
        request
            .headers_mut()
            .insert(header::HOST, HeaderValue::from_str(authority.as_str())?);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>()?;
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(BytesResponse {
            parts,
            body: Box::new(body),
        })
    }
}

impl HttpClient for HttpsClient {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let exchange = self.clone().exchange(request);
        Box::pin(async move {
            match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
                Ok(answer) => answer.map_err(Error::Other),
                Err(_) => Err(Error::Other("the ACME server does not answer".into())),
            }
        })
    }
}
