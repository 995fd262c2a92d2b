//! The certificate of the TCP port: made by ourselves and kept in the data folder, or the operator's own files.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// In the data folder.
const CERTIFICATE_FILE: &str = "tls-certificate.pem";
const KEY_FILE: &str = "tls-key.pem";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} holds no {expected} in PEM")]
    Pem { path: PathBuf, expected: &'static str },
    #[error("no certificate can be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the certificate and the key do not fit: {0}")]
    Fit(#[from] rustls::Error),
}

/// What TLS connections are accepted with.
pub struct Tls {
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the certificate in DER, as browsers show it: `AB:CD:…`.
    pub fingerprint: String,
}

/// The certificate that was made at an earlier start, or a new one for this machine's names. It stays the same over restarts, so
/// that a browser has to be told once only to trust it.
///
/// # Errors
/// The data folder cannot be written, or its files are damaged.
pub fn self_made(data: &Path, addresses: &[IpAddr]) -> Result<Tls, TlsError> {
    let (certificate, key) = (data.join(CERTIFICATE_FILE), data.join(KEY_FILE));
    if !certificate.exists() || !key.exists() {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.extend(addresses.iter().map(ToString::to_string));
        let made = rcgen::generate_simple_self_signed(names)?;
        write_private(&key, &made.signing_key.serialize_pem())?;
        write_private(&certificate, &made.cert.pem())?;
    }
    from_files(&certificate, &key)
}

/// The operator's own certificate chain and key, in PEM.
///
/// # Errors
/// A file is missing or damaged, or the two do not belong together.
pub fn from_files(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|_| pem_error(certificate, "certificate"))?;
    let first = chain.first().ok_or_else(|| pem_error(certificate, "certificate"))?;
    let hash = digest::digest(&digest::SHA256, first);
    let fingerprint = hash.as_ref().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":");
    let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| pem_error(key, "private key"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls {
        config: Arc::new(config),
        fingerprint,
    })
}

fn pem_error(path: &Path, expected: &'static str) -> TlsError {
    TlsError::Pem {
        path: path.to_owned(),
        expected,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

/// Nobody but the server's own user may read it.
fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| TlsError::File {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_made_certificate_is_made_once_and_kept_private() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().expect("a folder");
        let first = self_made(folder.path(), &["192.0.2.1".parse().unwrap()]).expect("made");
        let again = self_made(folder.path(), &[]).expect("kept");
        assert_eq!(first.fingerprint, again.fingerprint);
        assert_eq!(first.fingerprint.len(), 32 * 3 - 1);
        let mode = fs::metadata(folder.path().join(KEY_FILE))
            .expect("the key")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "others may read the key");
    }

    #[test]
    fn files_that_are_none_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let refusal = |c: &Path, k: &Path| from_files(c, k).err().expect("it was taken").to_string();
        assert!(refusal(&certificate, &key).contains("c.pem"));
        fs::write(&certificate, "no certificate").unwrap();
        assert!(refusal(&certificate, &key).contains("holds no certificate"));
        self_made(folder.path(), &[]).expect("made");
        fs::write(&key, "no key").unwrap();
        assert!(refusal(&folder.path().join(CERTIFICATE_FILE), &key).contains("holds no private key"));
    }
}
