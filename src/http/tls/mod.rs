//! The certificate of the TCP port: made by ourselves and kept in the data folder, the operator's own files, or an ACME server's.

pub mod acme;
pub mod certificate;
pub mod files;
mod shelf;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::acme::cache::Cache;
use self::acme::client::HttpsClient;
use self::certificate::{Certificate, write_private};
use self::shelf::Shelf;
use crate::config::{CertificateFiles, TlsMode};
use crate::fetch::FetchError;
use crate::metrics::Metrics;

/// In the data folder.
const CERTIFICATE_FILE: &str = "tls-certificate.pem";
const KEY_FILE: &str = "tls-key.pem";

/// Spoken by an ACME server that looks whether a domain is ours (RFC 8737 section 6.2). `port.rs` closes such a connection after
/// the handshake.
pub const ACME_TLS: &[u8] = b"acme-tls/1";

/// What is offered beside it: the first that both sides know is spoken (RFC 7301 section 3.2). TURN over TLS says so where it can
/// (RFC 7443 section 2).
const ALPN: &[&[u8]] = &[b"h2", b"http/1.1", b"stun.turn"];

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} holds no {expected} in PEM")]
    Pem { path: PathBuf, expected: &'static str },
    #[error("no certificate can be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the certificate in {certificate} and the key in {key} do not fit: {source}")]
    Fit {
        certificate: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// What TLS connections are accepted with. Following files and renewing end when this is dropped.
pub struct Tls {
    pub config: Arc<ServerConfig>,
    shelf: Arc<Shelf>,
    nudge: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Tls {
    /// The certificate that `mode` asks for, and what keeps it fresh; `None` where there is no TLS. `addresses` are those that
    /// browsers may use to reach this machine.
    ///
    /// # Errors
    /// A file is missing, damaged or cannot be written, or certificate and key do not belong together.
    pub fn start(mode: &TlsMode, data: &Path, addresses: &[IpAddr], metrics: &Arc<Metrics>) -> Result<Option<Tls>, TlsError> {
        let nudge = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let on_shelf = |certificate| Arc::new(Shelf::new(certificate, metrics.clone()));
        let shelf = match mode {
            TlsMode::Off => return Ok(None),
            TlsMode::SelfMade => on_shelf(self_made(data, addresses)?),
            TlsMode::Acme(acme) => {
                let cache = Cache::new(data, &acme.directory);
                let client = HttpsClient::new(acme.ca.as_deref())?;
                let kept = cache.certificate(&acme.domains);
                let is_kept = kept.is_some();
                let shelf = on_shelf(kept.map_or_else(|| self_made(data, addresses), Ok)?);
                tasks.spawn(acme::follow(
                    acme.clone(),
                    cache,
                    client,
                    is_kept,
                    shelf.clone(),
                    nudge.clone(),
                ));
                shelf
            }
            TlsMode::Files(files) => {
                let shelf = on_shelf(Certificate::load(&files.certificate, &files.key)?);
                tasks.spawn(files::follow(files.clone(), shelf.clone(), nudge.clone()));
                shelf
            }
        };
        Ok(Some(Tls {
            config: Arc::new(server_config(shelf.clone(), matches!(mode, TlsMode::Acme(_)))?),
            shelf,
            nudge,
            _tasks: tasks,
        }))
    }

    /// The certificate in use.
    pub fn certificate(&self) -> Arc<Certificate> {
        self.shelf.current()
    }

    /// Looks for another certificate at once: the operator says that something changed.
    pub fn refresh(&self) {
        self.nudge.notify_one();
    }
}

fn server_config(shelf: Arc<Shelf>, acme: bool) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(shelf);
    let offered = ALPN.iter().chain(acme.then_some(&ACME_TLS));
    config.alpn_protocols = offered.map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// The files in the data folder that hold the self-made certificate.
pub fn self_made_files(data: &Path) -> CertificateFiles {
    CertificateFiles {
        certificate: data.join(CERTIFICATE_FILE),
        key: data.join(KEY_FILE),
    }
}

/// The certificate that was made at an earlier start, or a new one for this machine's names. It stays the same over restarts, so
/// that a browser has to be told once only to trust it.
fn self_made(data: &Path, addresses: &[IpAddr]) -> Result<Certificate, TlsError> {
    let files = self_made_files(data);
    if !files.certificate.exists() || !files.key.exists() {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.extend(addresses.iter().map(ToString::to_string));
        let made = rcgen::generate_simple_self_signed(names)?;
        write_private(&files.key, &made.signing_key.serialize_pem())?;
        write_private(&files.certificate, &made.cert.pem())?;
    }
    Certificate::load(&files.certificate, &files.key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_self_made_certificate_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = self_made(folder.path(), &["192.0.2.1".parse().unwrap()]).expect("made");
        let again = self_made(folder.path(), &[]).expect("kept");
        assert_eq!(first.fingerprint, again.fingerprint);
        assert!(first.covers("localhost") && first.covers("192.0.2.1"));
        let mode = std::fs::metadata(folder.path().join(KEY_FILE))
            .expect("the key")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "others may read the key");
    }
}
