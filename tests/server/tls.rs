//! HTTPS: which certificate a handshake gets, and what happens when it changes.

use std::path::Path;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{PATIENCE, Server};

/// Takes every certificate whose owner has its key: these tests look at it themselves.
#[derive(Debug)]
struct TakesAll(Arc<CryptoProvider>);

impl ServerCertVerifier for TakesAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A TLS connection to the main port.
pub async fn connect(server: &Server, name: &str, alpn: &[&[u8]]) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the defaults are safe")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TakesAll(provider)))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The certificate that a new handshake gets, in DER.
pub async fn served(server: &Server) -> Vec<u8> {
    let stream = connect(server, "localhost", &[b"http/1.1"]).await.expect("a handshake");
    let (_, connection) = stream.get_ref();
    connection.peer_certificates().expect("a certificate")[0].to_vec()
}

async fn becomes_served(server: &Server, certificate: &[u8]) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while served(server).await != certificate {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the certificate did not come into use"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A certificate of one's own, with its key.
struct Made {
    der: Vec<u8>,
    pem: String,
    key: String,
}

fn make() -> Made {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    Made {
        der: made.cert.der().to_vec(),
        pem: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

/// As certbot does: the files of one version beside those of another, and links that are swapped one after the other.
fn install(folder: &Path, version: &str, made: &Made) {
    for (name, text) in [("cert", &made.pem), ("key", &made.key)] {
        let file = folder.join(format!("{name}{version}.pem"));
        std::fs::write(&file, text).expect("written");
        let next = folder.join("next");
        std::os::unix::fs::symlink(&file, &next).expect("linked");
        std::fs::rename(&next, folder.join(format!("{name}.pem"))).expect("swapped");
    }
}

fn start_with_files(folder: &Path) -> Server {
    let path = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    Server::start_with(&[
        ("TANDEM__TLS__MODE", "files"),
        ("TANDEM__TLS__CERTIFICATE", &path("cert.pem")),
        ("TANDEM__TLS__KEY", &path("key.pem")),
    ])
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_while_a_websocket_stays_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (make(), make());
    install(folder.path(), "1", &first);
    let server = start_with_files(folder.path());
    assert!(served(&server).await == first.der);
    let expiry = server.metric("tandem_tls_certificate_expiry_timestamp_seconds");
    assert_eq!(expiry, 67_090_118_400.0, "the year 4096");

    let stream = connect(&server, "localhost", &[b"http/1.1"]).await.expect("a handshake");
    let request = format!("wss://localhost:{}/ws", server.port)
        .into_client_request()
        .expect("a request");
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("a websocket");
    let mut ask = async |command: Value, answer: &str| {
        socket.send(Message::text(command.to_string())).await.expect("sent");
        loop {
            let message = socket.next().await.expect("the websocket is open").expect("it is sound");
            let event: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
            if event["type"] == answer {
                return;
            }
        }
    };
    ask(json!({ "type": "hello", "protocol": 1, "ref": 1 }), "welcome").await;

    install(folder.path(), "2", &second);
    becomes_served(&server, &second.der).await;
    server.metric_becomes("tandem_tls_reload_total{result=\"ok\"}", 1.0);
    ask(json!({ "type": "ping", "ref": 2 }), "pong").await;
    assert_eq!(server.metric("tandem_websockets"), 1.0);
    assert_eq!(server.metric("tandem_tls_reload_total{result=\"failed\"}"), 0.0);
}

#[tokio::test]
async fn what_both_sides_speak_is_agreed_on() {
    let server = Server::start();
    type Offer = (&'static [&'static [u8]], Option<&'static [u8]>);
    let offers: [Offer; 5] = [
        (&[b"http/1.1", b"h2"], Some(b"h2")),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[b"stun.turn"], Some(b"stun.turn")),
        (&[b"acme-tls/1", b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ];
    for (offered, agreed) in offers {
        let stream = connect(&server, "localhost", offered).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed, "{offered:?}");
    }
    for offered in [&b"acme-tls/1"[..], b"spdy/3"] {
        assert!(connect(&server, "localhost", &[offered]).await.is_err());
    }
}

#[tokio::test]
async fn a_broken_file_is_reported_once_and_the_old_certificate_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (make(), make());
    install(folder.path(), "1", &first);
    let server = start_with_files(folder.path());
    for (version, broken, said) in [
        (
            "2",
            Made {
                pem: "cut off".to_owned(),
                ..make()
            },
            "cert.pem holds no certificate in PEM",
        ),
        (
            "3",
            Made {
                key: make().key,
                ..make()
            },
            "do not fit",
        ),
    ] {
        let failed = server.metric("tandem_tls_reload_total{result=\"failed\"}");
        install(folder.path(), version, &broken);
        server.metric_becomes("tandem_tls_reload_total{result=\"failed\"}", failed + 1.0);
        assert!(served(&server).await == first.der);
        let number = failed as usize + 1;
        let lines = server.said("the new certificate is not taken", number);
        let last = lines.last().expect("a line");
        assert!(last.contains("ERROR") && last.contains(said), "{last}");
        assert_eq!(lines.len(), number, "{lines:?}");
    }
    install(folder.path(), "4", &second);
    becomes_served(&server, &second.der).await;
}

#[tokio::test]
async fn sighup_takes_the_files_again_at_once_and_ends_no_server() {
    let folder = tempfile::tempdir().expect("a folder");
    install(folder.path(), "1", &make());
    let server = start_with_files(folder.path());
    for _ in 0..3 {
        let next = make();
        install(folder.path(), "2", &next);
        let (asked, before) = (
            std::time::Instant::now(),
            server.metric("tandem_tls_reload_total{result=\"ok\"}"),
        );
        server.signal("HUP");
        server.metric_becomes("tandem_tls_reload_total{result=\"ok\"}", before + 1.0);
        assert!(asked.elapsed().as_secs() < 2, "it waited for the next look");
        assert!(served(&server).await == next.der);
    }
    for mode in ["self-made", "off"] {
        let mut server = Server::start_with(&[("TANDEM__TLS__MODE", mode)]);
        server.signal("HUP");
        assert!(server.get("/").0.contains("200"), "{mode}");
        server.signal("TERM");
        assert_eq!(server.wait(PATIENCE), Some(0), "{mode}");
    }
}
