//! One TCP port (D): tells TLS from plain HTTP by the first byte, and serves HTTP/1.1 and websocket upgrades on both.
//!
//! Plain HTTP is served to this machine itself, because browsers give the camera to localhost, and where a proxy in front does the
//! TLS; everybody else is sent to HTTPS.

#![expect(clippy::disallowed_methods, reason = "a driver: it owns one task per connection")]

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// From the first byte of a request to the end of its headers; a slower opener is closed.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);

/// From the connection to its first byte, and from there to the end of the TLS handshake.
const OPENING_TIMEOUT: Duration = Duration::from_secs(5);

/// The first byte of a TLS record that opens a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What the kernel keeps for us between two calls of accept.
const BACKLOG: i32 = 1024;

/// How long accept rests when the process has no file handle left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where a connection comes from and which of our addresses it reached.
#[derive(Debug, Clone, Copy)]
pub struct Endpoints {
    pub remote: IpAddr,
    pub local: SocketAddr,
}

/// Binds a listener; `[::]` takes IPv4 too, and where the machine has no IPv6, `0.0.0.0` stands in for it.
///
/// # Errors
/// The port is taken, or not ours to take.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let attempt = |address: SocketAddr| -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    match attempt(address) {
        Err(e) if address.is_ipv6() && address.ip().is_unspecified() && e.kind() != io::ErrorKind::AddrInUse => {
            attempt(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))
        }
        other => other,
    }
}

/// What is served on a port.
#[derive(Clone)]
pub struct Service {
    pub router: Router,
    /// None: this port speaks plain HTTP with everybody.
    pub tls: Option<TlsAcceptor>,
}

/// Serves until `stop`, then lets requests under way end within `patience`.
pub async fn serve(listener: TcpListener, service: Service, stop: CancellationToken, patience: Duration) {
    let graceful = Arc::new(GracefulShutdown::new());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                let (service, graceful, stop) = (service.clone(), Arc::downgrade(&graceful), stop.clone());
                tokio::spawn(async move {
                    let opened = tokio::select! {
                        () = stop.cancelled() => return,
                        opened = open(stream, remote, service) => opened,
                    };
                    let (Some(opened), Some(graceful)) = (opened, graceful.upgrade()) else {
                        return;
                    };
                    match opened {
                        Opened::Plain(stream, respond) => carry(stream, respond, graceful).await,
                        Opened::Tls(stream, respond) => carry(*stream, respond, graceful).await,
                    }
                });
            }
            // Out of file handles, or a connection that was gone before it was taken: neither is a reason to stop.
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    // A connection that is being opened may still hold it for a moment; what it opens is not waited for.
    let Some(graceful) = Arc::into_inner(graceful) else { return };
    if timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::info!("requests were cut off by the stop");
    }
}

/// A connection of which is known what it speaks.
enum Opened {
    Plain(TcpStream, Respond),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>, Respond),
}

/// How the requests of one connection are answered.
#[derive(Clone)]
struct Respond {
    router: Router,
    endpoints: Endpoints,
    /// Every request is sent to HTTPS.
    only_redirect: bool,
}

/// Looks at the first byte. `None`: the other side was too slow, gone, or speaks nothing that we know.
async fn open(stream: TcpStream, remote: SocketAddr, service: Service) -> Option<Opened> {
    let local = stream.local_addr().ok()?;
    stream.set_nodelay(true).ok()?;
    let endpoints = Endpoints {
        remote: remote.ip().to_canonical(),
        local: SocketAddr::new(local.ip().to_canonical(), local.port()),
    };
    let mut respond = Respond {
        router: service.router,
        endpoints,
        only_redirect: false,
    };
    let Some(tls) = service.tls else {
        return Some(Opened::Plain(stream, respond));
    };
    let mut first = [0];
    match timeout(OPENING_TIMEOUT, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first[0] == TLS_HANDSHAKE => {
            let accepted = timeout(OPENING_TIMEOUT, tls.accept(stream)).await.ok()?;
            Some(Opened::Tls(Box::new(accepted.ok()?), respond))
        }
        Ok(Ok(1)) => {
            respond.only_redirect = !endpoints.remote.is_loopback();
            Some(Opened::Plain(stream, respond))
        }
        _ => None,
    }
}

async fn carry<S>(stream: S, respond: Respond, graceful: Arc<GracefulShutdown>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| respond.clone().answer(request));
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
    let connection = graceful.watch(
        builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned(),
    );
    drop(graceful);
    if let Err(error) = connection.await {
        tracing::debug!(error = %error, "connection ended early");
    }
}

impl Respond {
    async fn answer(self, mut request: Request<Incoming>) -> Result<Response, Infallible> {
        if self.only_redirect {
            return Ok(to_https(&request));
        }
        request.extensions_mut().insert(self.endpoints);
        self.router.oneshot(request).await
    }
}

/// The same address by HTTPS, on the same port.
fn to_https<B>(request: &Request<B>) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match host.map(|host| format!("https://{host}{path}").parse::<axum::http::Uri>()) {
        Some(Ok(uri)) => Redirect::temporary(&uri.to_string()).into_response(),
        _ => (StatusCode::BAD_REQUEST, "Use HTTPS.\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_dual_stack_listener_takes_both_families_and_tells_them_apart() {
        let listener = bind("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route(
            "/",
            axum::routing::get(
                |axum::Extension(e): axum::Extension<Endpoints>| async move { format!("{} {}", e.remote, e.local) },
            ),
        );
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(
            listener,
            Service { router, tls: None },
            stop.clone(),
            Duration::from_secs(1),
        ));
        for host in ["127.0.0.1", "[::1]"] {
            let mut stream = TcpStream::connect(format!("{host}:{port}")).await.unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            let bare = host.trim_matches(['[', ']']);
            assert!(
                text.starts_with("HTTP/1.1 200") && text.ends_with(&format!("{bare} {host}:{port}")),
                "{text}"
            );
        }
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(2), served)
            .await
            .expect("it stops within its patience")
            .unwrap();
    }

    #[test]
    fn plain_http_from_elsewhere_is_sent_to_the_same_place_by_https() {
        let asked = |host: Option<&str>| {
            let mut request = Request::builder().uri("/call/x?user=2");
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            to_https(&request.body(()).unwrap())
        };
        let response = asked(Some("192.0.2.1:8443"));
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(response.headers()[header::LOCATION], "https://192.0.2.1:8443/call/x?user=2");
        for bad in [None, Some(""), Some("a b"), Some("a/b c")] {
            assert_eq!(asked(bad).status(), StatusCode::BAD_REQUEST, "{bad:?}");
        }
    }
}
