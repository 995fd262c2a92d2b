//! One TCP port (D): tells by the first bytes what a connection speaks, and serves it: HTTP, ICE-TCP and TURN, and inside TLS HTTP/1.1,
//! HTTP/2 and TURN.
//!
//! Plain HTTP is served to this machine itself, because browsers give the camera to localhost, and where a proxy in front does the
//! TLS; everybody else is sent to HTTPS.

#![expect(clippy::disallowed_methods, reason = "a driver: it owns one task per connection")]

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::addresses::{Addresses, ConnectionPlace};
use super::opening::{self, OPENING_BYTES, Opening};
use super::prefixed::Prefixed;
use super::tls::ACME_TLS;
use crate::metrics::Metrics;
use crate::relay::driver::{RelayHandle, Transport};
use crate::sfu::handle::SfuHandle;
use crate::sfu::ice_tcp;

/// From the first byte of a request to the end of its headers; a slower opener is closed.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);

/// From the connection to its first bytes, from there to the end of the TLS handshake, and from there to the first bytes inside it.
const OPENING_TIMEOUT: Duration = Duration::from_secs(5);

/// Requests of one HTTP/2 connection at a time: the page has some 20 files.
const STREAMS_MAX: u32 = 64;

/// How often an HTTP/2 connection without traffic is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// What the kernel keeps for us between two calls of accept.
const BACKLOG: i32 = 1024;

/// How long accept rests when the process has no file handle left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where a connection comes from and which of our addresses it reached.
#[derive(Debug, Clone, Copy)]
pub struct Endpoints {
    pub remote: SocketAddr,
    pub local: SocketAddr,
    /// Whether TLS ends here.
    pub tls: bool,
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

/// Takes a listener that is bound already.
///
/// # Errors
/// The runtime has no place for it.
pub fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// What is served on a port.
#[derive(Clone)]
pub struct Service {
    pub router: Router,
    /// None: this port speaks plain HTTP with everybody.
    pub tls: Option<TlsAcceptor>,
    /// None: this port speaks nothing but HTTP.
    pub media: Option<Media>,
    pub metrics: Arc<Metrics>,
}

/// What a port needs to serve more than HTTP.
#[derive(Clone)]
pub struct Media {
    pub sfu: SfuHandle,
    pub relay: RelayHandle,
    /// How many connections one address may have.
    pub addresses: Addresses,
    /// Ends ICE-TCP and TURN, which may go on when nothing new is accepted.
    pub cut: CancellationToken,
}

/// Serves until `stop`, then lets requests under way end within `patience`. Media over TCP goes on until it is cut.
pub async fn serve(listener: TcpListener, service: Service, stop: CancellationToken, patience: Duration) {
    let graceful = Arc::new(GracefulShutdown::new());
    let (opening, mut all_opened) = mpsc::channel(1);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                if let Some(connection) = Connection::new(stream, remote, &service) {
                    tokio::spawn(connection.run(service.clone(), Arc::downgrade(&graceful), opening.clone()));
                }
            }
            // Out of file handles, or a connection that was gone before it was taken: neither is a reason to stop.
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drop(opening);
    let closing = async {
        // Whoever was accepted is answered: where another process goes on with this port, no attempt is lost.
        let _ = all_opened.recv().await;
        if let Some(graceful) = Arc::into_inner(graceful) {
            graceful.shutdown().await;
        }
    };
    if timeout(patience, closing).await.is_err() {
        tracing::info!("requests were cut off by the stop");
    }
}

/// Kept by each connection until it is known what it speaks, and is served.
type BeingOpened = mpsc::Sender<()>;

/// A connection that was accepted.
struct Connection {
    stream: TcpStream,
    endpoints: Endpoints,
    _place: Option<ConnectionPlace>,
}

/// A connection of which is known what it speaks.
struct Opened {
    stream: Box<dyn Stream>,
    speaks: Speaks,
    tls: bool,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
    IceTcp,
    Turn,
    /// The handshake was all that an ACME server wanted (RFC 8737 section 3).
    AcmeTls,
}

impl Opened {
    /// The label of `tandem_tcp_connections_total`.
    fn as_str(&self) -> &'static str {
        match (self.speaks, self.tls) {
            (Speaks::Http1, false) => "http",
            (Speaks::Http1, true) => "https",
            (Speaks::Http2, _) => "https_2",
            (Speaks::IceTcp, _) => "ice_tcp",
            (Speaks::Turn, false) => "turn",
            (Speaks::Turn, true) => "turn_tls",
            (Speaks::AcmeTls, _) => "acme_tls",
        }
    }
}

/// Why a connection was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// What was to come did not come in time.
    Slow,
    /// It was closed before it had said anything.
    Gone,
    /// It speaks nothing that is served here.
    Unknown,
    /// The TLS handshake failed.
    Tls,
}

impl Refused {
    /// The label of `tandem_tcp_refused_total`.
    fn as_str(self) -> &'static str {
        match self {
            Refused::Slow => "slow",
            Refused::Gone => "gone",
            Refused::Unknown => "unknown",
            Refused::Tls => "tls",
        }
    }
}

impl Connection {
    /// None: it is gone already, or one too many of its address.
    fn new(stream: TcpStream, remote: SocketAddr, service: &Service) -> Option<Connection> {
        let local = stream.local_addr().ok()?;
        stream.set_nodelay(true).ok()?;
        let place = match &service.media {
            Some(media) => match media.addresses.connect(remote.ip(), Instant::now()) {
                Ok(place) => Some(place),
                Err(limit) => {
                    service.metrics.limit_reached.with_label_values(&[limit.as_str()]).inc();
                    return None;
                }
            },
            None => None,
        };
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Some(Connection {
            stream,
            endpoints: Endpoints {
                remote: plain(remote),
                local: plain(local),
                tls: false,
            },
            _place: place,
        })
    }

    async fn run(self, service: Service, graceful: Weak<GracefulShutdown>, opening: BeingOpened) {
        let endpoints = self.endpoints;
        let opened = open(self.stream, &service).await;
        let refuse = |refused: Refused| service.metrics.tcp_refused.with_label_values(&[refused.as_str()]).inc();
        let opened = match opened {
            Ok(opened) => opened,
            Err(refused) => return refuse(refused),
        };
        service.metrics.tcp_connections.with_label_values(&[opened.as_str()]).inc();
        match (opened.speaks, service.media) {
            (Speaks::IceTcp, Some(media)) => {
                drop(opening);
                let end = tokio::select! {
                    () = media.cut.cancelled() => return,
                    end = ice_tcp::serve(opened.stream, endpoints.remote, endpoints.local, media.sfu) => end,
                };
                if end == ice_tcp::End::Unknown {
                    refuse(Refused::Unknown);
                }
            }
            (Speaks::Turn, Some(media)) => {
                drop(opening);
                let transport = if opened.tls { Transport::Tls } else { Transport::Tcp };
                tokio::select! {
                    () = media.cut.cancelled() => {}
                    () = media.relay.serve_stream(opened.stream, endpoints.remote, transport) => {}
                }
            }
            (Speaks::IceTcp | Speaks::Turn, None) => refuse(Refused::Unknown),
            (Speaks::AcmeTls, _) => {}
            (Speaks::Http1 | Speaks::Http2, _) => {
                let Some(graceful) = graceful.upgrade() else { return };
                let respond = Respond {
                    // Browsers give the camera to HTTPS pages and to this machine's own.
                    only_redirect: service.tls.is_some() && !opened.tls && !endpoints.remote.ip().is_loopback(),
                    router: service.router,
                    endpoints: Endpoints {
                        tls: opened.tls,
                        ..endpoints
                    },
                };
                carry(opened.stream, opened.speaks == Speaks::Http2, respond, graceful, opening).await;
            }
        }
    }
}

/// Finds out what a connection speaks, inside TLS if there is any.
async fn open(stream: TcpStream, service: &Service) -> Result<Opened, Refused> {
    let (outer, stream) = look(stream).await?;
    if outer != Opening::Tls {
        return Ok(Opened {
            speaks: told(outer)?,
            stream: Box::new(stream),
            tls: false,
        });
    }
    let acceptor = service.tls.as_ref().ok_or(Refused::Unknown)?;
    let Ok(accepted) = timeout(OPENING_TIMEOUT, acceptor.accept(stream)).await else {
        return Err(Refused::Slow);
    };
    let stream = accepted.map_err(|_| Refused::Tls)?;
    let (speaks, stream) = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => (Speaks::Http2, Prefixed::new(stream, &[])),
        Some(ACME_TLS) => (Speaks::AcmeTls, Prefixed::new(stream, &[])),
        // Whatever else was agreed on: coturn's own client offers http/1.1 and then speaks TURN.
        _ => {
            let (inner, stream) = look(stream).await?;
            (told(inner)?, stream)
        }
    };
    Ok(Opened {
        stream: Box::new(stream),
        speaks,
        tls: true,
    })
}

fn told(opening: Opening) -> Result<Speaks, Refused> {
    match opening {
        Opening::Http => Ok(Speaks::Http1),
        Opening::IceTcp => Ok(Speaks::IceTcp),
        Opening::Turn => Ok(Speaks::Turn),
        Opening::Tls | Opening::Unknown => Err(Refused::Unknown),
    }
}

/// Reads the first bytes until they tell.
async fn look<S: AsyncRead + Unpin>(mut stream: S) -> Result<(Opening, Prefixed<S>), Refused> {
    let mut first = [0; OPENING_BYTES];
    let mut length = 0;
    let looking = async {
        loop {
            match stream.read(&mut first[length..]).await {
                Ok(0) | Err(_) => return Err(Refused::Gone),
                Ok(count) => length += count,
            }
            if let Some(opening) = opening::tell(&first[..length]) {
                return Ok(opening);
            }
        }
    };
    let opening = timeout(OPENING_TIMEOUT, looking).await.unwrap_or(Err(Refused::Slow))?;
    Ok((opening, Prefixed::new(stream, &first[..length])))
}

async fn carry(stream: Box<dyn Stream>, http_2: bool, respond: Respond, graceful: Arc<GracefulShutdown>, opening: BeingOpened) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| respond.clone().answer(request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(HEADERS_TIMEOUT);
    let builder = if http_2 { builder.http2_only() } else { builder.http1_only() };
    let connection = graceful.watch(
        builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned(),
    );
    drop((graceful, opening));
    if let Err(error) = connection.await {
        tracing::debug!(error = %error, "connection ended early");
    }
}

/// How the requests of one connection are answered.
#[derive(Clone)]
struct Respond {
    router: Router,
    endpoints: Endpoints,
    /// Every request is sent to HTTPS.
    only_redirect: bool,
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
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_dual_stack_listener_takes_both_families_and_tells_them_apart() {
        let listener = bind("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route(
            "/",
            axum::routing::get(|axum::Extension(e): axum::Extension<Endpoints>| async move {
                format!("{} {}", e.remote.ip(), e.local)
            }),
        );
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(
            listener,
            Service {
                router,
                tls: None,
                media: None,
                metrics: Arc::new(Metrics::new()),
            },
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
