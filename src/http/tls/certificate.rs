//! A certificate with its key, as it is served, and what it says of itself.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::TlsError;

/// A chain and its key that fit together.
#[derive(Debug)]
pub struct Certificate {
    pub key: Arc<CertifiedKey>,
    /// SHA-256 of the certificate in DER, as browsers show it: `AB:CD:…`.
    pub fingerprint: String,
    /// Seconds since 1970, both inclusive (RFC 5280 section 4.1.2.5).
    pub not_before: i64,
    pub not_after: i64,
    /// DNS names and addresses that it is for, as text (RFC 5280 section 4.2.1.6).
    pub names: Vec<String>,
    /// Whether it vouches for itself: no browser trusts it unasked.
    pub self_signed: bool,
}

impl Certificate {
    /// Reads a chain and a key from two files in PEM, which may be one and the same.
    ///
    /// # Errors
    /// A file is missing or damaged, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Certificate, TlsError> {
        let pem_error = |path: &Path, expected| TlsError::Pem {
            path: path.to_owned(),
            expected,
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|_| pem_error(certificate, "certificate"))?;
        let first = chain.first().ok_or_else(|| pem_error(certificate, "certificate"))?;
        let parsed = x509_cert::Certificate::from_der(first).map_err(|_| pem_error(certificate, "certificate"))?;
        let hash = digest::digest(&digest::SHA256, first);
        let fingerprint = hash.as_ref().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":");
        let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| pem_error(key, "private key"))?;
        let said = parsed.tbs_certificate();
        let names = match said.get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => names.0.iter().filter_map(name).collect(),
            _ => Vec::new(),
        };
        let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        let (not_before, not_after) = (seconds(said.validity().not_before), seconds(said.validity().not_after));
        let self_signed = said.issuer() == said.subject();
        let key = CertifiedKey::from_der(chain, private, &rustls::crypto::aws_lc_rs::default_provider()).map_err(|source| {
            TlsError::Fit {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
                source,
            }
        })?;
        Ok(Certificate {
            key: Arc::new(key),
            fingerprint,
            not_before,
            not_after,
            names,
            self_signed,
        })
    }

    /// Whether a browser that asks for this name, or address, accepts it (RFC 6125 section 6.4: a wildcard stands for one label).
    pub fn covers(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.names.iter().any(|own| {
            own.eq_ignore_ascii_case(&name)
                || own.strip_prefix("*.").is_some_and(|parent| {
                    name.split_once('.')
                        .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent))
                })
        })
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => <[u8; 4]>::try_from(bytes.as_bytes())
            .map(|v4| IpAddr::from(Ipv4Addr::from(v4)))
            .or_else(|_| <[u8; 16]>::try_from(bytes.as_bytes()).map(|v6| IpAddr::from(Ipv6Addr::from(v6))))
            .ok()
            .map(|ip| ip.to_string()),
        _ => None,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that nobody but the server's own user may read. A reader sees the old text or the new one, also after a fault in
/// the middle.
pub fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    let beside = path.with_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|source| TlsError::File {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(folder: &Path, names: &[&str]) -> Certificate {
        let made = rcgen::generate_simple_self_signed(names.iter().map(ToString::to_string).collect::<Vec<_>>()).expect("made");
        let path = folder.join("both.pem");
        write_private(&path, &(made.signing_key.serialize_pem() + &made.cert.pem())).expect("written");
        Certificate::load(&path, &path).expect("loaded")
    }

    #[test]
    fn what_a_certificate_says_of_itself_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = made(folder.path(), &["a.example", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(certificate.names, ["a.example", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(certificate.fingerprint.len(), 32 * 3 - 1);
        assert!(certificate.self_signed);
        // rcgen's bounds: 1975 to 4096.
        assert_eq!((certificate.not_before, certificate.not_after), (157_766_400, 67_090_118_400));
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = made(folder.path(), &["*.example.org", "example.net"]);
        for (name, covered) in [
            ("call.example.org", true),
            ("CALL.Example.ORG", true),
            ("a.call.example.org", false),
            ("example.org", false),
            (".example.org", false),
            ("example.net", true),
            ("call.example.net", false),
        ] {
            assert_eq!(certificate.covers(name), covered, "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let refusal = |c: &str, k: &str| Certificate::load(&path(c), &path(k)).expect_err("it was taken").to_string();
        let first = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("made");
        let second = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("made");
        for (file, text) in [
            ("c.pem", first.cert.pem()),
            ("k.pem", first.signing_key.serialize_pem()),
            ("other.pem", second.signing_key.serialize_pem()),
            ("none.pem", "nothing".to_owned()),
        ] {
            write_private(&path(file), &text).expect("written");
        }
        Certificate::load(&path("c.pem"), &path("k.pem")).expect("they fit");
        assert!(refusal("missing.pem", "k.pem").contains("missing.pem: "));
        assert!(refusal("none.pem", "k.pem").contains("none.pem holds no certificate"));
        assert!(refusal("c.pem", "none.pem").contains("none.pem holds no private key"));
        let unfit = refusal("c.pem", "other.pem");
        assert!(
            unfit.contains("c.pem") && unfit.contains("other.pem") && unfit.contains("do not fit"),
            "{unfit}"
        );
    }
}
