//! Requests to an ACME server (D), a dozen in two months.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use axum::http::Request;
use hyper::body::Bytes;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::fetch::{AnyError, FetchError, Fetcher};

/// From the name to the last byte of the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A chain is a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Speaks HTTPS with servers that a public authority vouches for, or one's own.
#[derive(Clone)]
pub struct HttpsClient {
    fetcher: Fetcher,
}

impl HttpsClient {
    /// `authority`: a file in PEM with what to trust in place of the public authorities.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn new(authority: Option<&Path>) -> Result<HttpsClient, FetchError> {
        let fetcher = Fetcher::new(authority)?;
        Ok(HttpsClient { fetcher })
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

    async fn exchange(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, AnyError> {
        if request.uri().scheme_str() != Some("https") {
            return Err(format!("{} is not HTTPS", request.uri()).into());
        }
        let (parts, body) = self.fetcher.exchange(request, ANSWER_BYTES_MAX).await?.into_parts();
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
