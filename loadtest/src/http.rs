//! One HTTP request to the server at a time, on a connection of its own.

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What the server answered.
pub struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub body: String,
}

/// Asks `address` (host:port) for a path, with a body of this media type if there is one.
///
/// # Errors
/// The server cannot be reached, or what it answers is no HTTP or no text.
pub async fn ask(address: &str, method: Method, path: &str, body: Option<(&str, String)>) -> anyhow::Result<Answer> {
    let asked = async {
        let socket = TokioIo::new(TcpStream::connect(address).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(socket).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, address);
        if let Some((media_type, _)) = body {
            request = request.header(CONTENT_TYPE, media_type);
        }
        let body = body.map(|(_, text)| text).unwrap_or_default();
        let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let body = response.into_body().collect().await?.to_bytes();
        connection.abort();
        anyhow::Ok(Answer {
            status,
            location,
            body: String::from_utf8(body.into())?,
        })
    };
    asked.await.with_context(|| format!("http://{address}{path}"))
}
