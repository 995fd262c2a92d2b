//! Certificates from a real ACME server: Pebble, which Let's Encrypt makes for tests, validating over TLS-ALPN-01 on our port.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::Server;
use crate::tls::{connect, served};

const DOMAIN: &str = "call.example.test";

/// An order takes a second or two; the first retry comes after 15 s.
const ORDER_PATIENCE: Duration = Duration::from_secs(60);

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, arguments: &[&str]) -> Running {
    let child = Command::new(program)
        .args(arguments)
        .env("PEBBLE_VA_NOSLEEP", "1")
        .env("PEBBLE_AUTHZREUSE", "0")
        // Else one nonce in twenty is refused, and an order with three such in a row waits for its retry (seen once).
        .env("PEBBLE_WFE_NONCEREJECT", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Running(child.expect("Pebble is installed by the test command (Debian package pebble)"))
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

fn await_port(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on port {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where an ACME server is to be, before it is there.
struct Place {
    folder: tempfile::TempDir,
    directory_port: u16,
    management_port: u16,
    dns_port: u16,
    /// Ours, so that Pebble can be told before the server is there.
    tls_port: u16,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).expect("written");
        std::fs::write(folder.path().join("ca-key.pem"), made.signing_key.serialize_pem()).expect("written");
        Place {
            folder,
            directory_port: free_port(),
            management_port: free_port(),
            dns_port: free_port(),
            tls_port: free_port(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// An ACME server that looks for our proof at `tls_port`, and a DNS server by which every name is 127.0.0.1.
    fn start(&self, tls_port: u16, validity_s: u64) -> [Running; 2] {
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.directory_port),
            "managementListenAddress": format!("127.0.0.1:{}", self.management_port),
            "certificate": self.path("ca.pem"),
            "privateKey": self.path("ca-key.pem"),
            "httpPort": 9,
            "tlsPort": tls_port,
            "certificateValidityPeriod": validity_s,
        }});
        std::fs::write(self.path("pebble.json"), config.to_string()).expect("written");
        let dns = format!("127.0.0.1:{}", self.dns_port);
        let names = run(
            "pebble-challtestsrv",
            &[
                "-dns01",
                &dns,
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-management",
                "127.0.0.1:0",
                "-defaultIPv6",
                "",
            ],
        );
        let pebble = run(
            "pebble",
            &["-config", &self.path("pebble.json"), "-dnsserver", &dns, "-strict"],
        );
        await_port(self.dns_port);
        await_port(self.management_port);
        await_port(self.directory_port);
        [names, pebble]
    }

    fn server(&self, data: PathBuf) -> Server {
        Server::start_on(
            self.tls_port,
            data,
            &[
                ("TANDEM__TLS__MODE", "acme"),
                ("TANDEM__TLS__DOMAINS", DOMAIN),
                ("TANDEM__TLS__EMAIL", "admin@example.test"),
                (
                    "TANDEM__TLS__ACME_DIRECTORY",
                    &format!("https://localhost:{}/dir", self.directory_port),
                ),
                ("TANDEM__TLS__ACME_CA", &self.path("ca.pem")),
            ],
        )
    }

    /// What browsers would trust if they trusted this ACME server.
    async fn root(&self) -> CertificateDer<'static> {
        let own = CertificateDer::from_pem_file(self.path("ca.pem")).expect("our own");
        let mut stream = browse(self.management_port, "localhost", own).await.expect("it is there");
        let request = b"GET /roots/0 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        CertificateDer::from_pem_slice(&answer).expect("a root in PEM")
    }
}

/// Waits until another certificate than this one is served; the other one.
async fn changes(server: &Server, before: &[u8]) -> Vec<u8> {
    let deadline = Instant::now() + ORDER_PATIENCE;
    loop {
        let now = served(server).await;
        if now != before {
            return now;
        }
        assert!(Instant::now() < deadline, "no other certificate came into use");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits for a line of the log with these words; all such lines.
async fn said(server: &Server, words: &str) -> Vec<String> {
    let deadline = Instant::now() + ORDER_PATIENCE;
    loop {
        let lines = server.logged(words);
        if !lines.is_empty() {
            return lines;
        }
        assert!(Instant::now() < deadline, "nobody said {words:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A handshake as a browser does it, with all its checks.
async fn browse(port: u16, name: &'static str, root: CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the defaults are safe")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from(name).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn a_certificate_is_obtained_on_our_port_and_kept_over_a_restart() {
    let place = Place::new();
    let data = tempfile::tempdir().expect("a folder");
    let mut server = place.server(data.path().to_owned());
    let self_made = served(&server).await;
    server.metric_becomes("tandem_tls_reload_total{result=\"failed\"}", 1.0);
    let warned = said(&server, "no certificate was issued").await;
    assert!(
        warned.len() == 1 && warned[0].contains("WARN") && warned[0].contains("again_in_s=15") && warned[0].contains(DOMAIN),
        "{warned:?}"
    );
    // Nobody asks for it: the retry finds the ACME server by itself.
    let acme = place.start(server.port, 3600);
    let obtained = changes(&server, &self_made).await;
    browse(server.port, DOMAIN, place.root().await)
        .await
        .expect("a browser trusts it");
    let files = files_below(&data.path().join("acme"));
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let stray = connect(&server, DOMAIN, &[b"acme-tls/1"]).await;
    assert!(stray.is_err(), "there is no proof without an order");

    drop(acme);
    server.kill_and_start();
    assert!(served(&server).await == obtained, "another certificate after the restart");
    assert_eq!(
        server.metric("tandem_tls_reload_total{result=\"failed\"}"),
        0.0,
        "it tried to order one"
    );
    assert_eq!(server.logged("no certificate was issued").len(), 0);
}

#[tokio::test]
async fn a_certificate_that_is_about_to_end_is_renewed() {
    let place = Place::new();
    let _acme = place.start(place.tls_port, 15);
    let data = tempfile::tempdir().expect("a folder");
    let server = place.server(data.path().to_owned());
    server.metric_becomes("tandem_tls_reload_total{result=\"ok\"}", 1.0);
    let (first, expiry) = (
        served(&server).await,
        server.metric("tandem_tls_certificate_expiry_timestamp_seconds"),
    );
    let second = changes(&server, &first).await;
    browse(server.port, DOMAIN, place.root().await)
        .await
        .expect("the first one is replaced before it ends");
    changes(&server, &second).await;
    assert!(server.metric("tandem_tls_certificate_expiry_timestamp_seconds") > expiry);
    assert_eq!(server.metric("tandem_tls_reload_total{result=\"failed\"}"), 0.0);
}

#[tokio::test]
async fn a_refused_order_says_why_and_is_tried_again() {
    let place = Place::new();
    // Port 443 of the name leads to somewhere else.
    let acme = place.start(free_port(), 3600);
    let data = tempfile::tempdir().expect("a folder");
    let server = place.server(data.path().to_owned());
    let self_made = served(&server).await;
    let warned = said(&server, "no certificate was issued").await;
    assert!(
        warned.len() == 1 && warned[0].contains("call.example.test is not proven to be ours: "),
        "{warned:?}"
    );
    assert!(served(&server).await == self_made);
    // The same address, but an ACME server that has lost our account, and looks at the right port.
    drop(acme);
    let _acme = place.start(server.port, 3600);
    server.signal("HUP");
    changes(&server, &self_made).await;
    assert_eq!(server.said("does not know our account", 1).len(), 1);
    browse(server.port, DOMAIN, place.root().await)
        .await
        .expect("a browser trusts it");
}
