//! One TCP port (D): accepts connections and serves HTTP/1.1 and websocket upgrades on them.

#![expect(clippy::disallowed_methods, reason = "a driver: it owns one task per connection")]

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// From the first byte of a request to the end of its headers; a slower opener is closed.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);

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

/// Serves until `stop`, then lets requests under way end within `patience`.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, patience: Duration) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => open(stream, remote, &router, &graceful),
            // Out of file handles, or a connection that was gone before it was taken: neither is a reason to stop.
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::info!("requests were cut off by the stop");
    }
}

fn open(stream: TcpStream, remote: SocketAddr, router: &Router, graceful: &GracefulShutdown) {
    let Ok(local) = stream.local_addr() else { return };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let endpoints = Endpoints {
        remote: remote.ip().to_canonical(),
        local: SocketAddr::new(local.ip().to_canonical(), local.port()),
    };
    let router = router.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(endpoints);
        router.clone().oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
    let connection = graceful.watch(
        builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned(),
    );
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %error, "connection ended early");
        }
    });
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
        let served = tokio::spawn(serve(listener, router, stop.clone(), Duration::from_secs(1)));
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
}
