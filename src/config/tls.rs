//! Where the certificate for HTTPS comes from.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// As many names as Let's Encrypt puts into one certificate.
const DOMAINS_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsFile {
    mode: String,
    certificate: PathBuf,
    key: PathBuf,
    domains: Vec<String>,
    pub(super) email: String,
    acme_directory: String,
    acme_ca: PathBuf,
}

/// A certificate with its chain, and its key, both in PEM. They may be one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Which certificate to get from which ACME server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// DNS names in lower case, at least one.
    pub domains: Vec<String>,
    /// Where the server may write to when something is wrong with the account.
    pub email: Option<String>,
    /// The URL of its directory (RFC 8555 section 7.1.1), always HTTPS.
    pub directory: String,
    /// What to trust when talking to it, in PEM, in place of the public authorities.
    pub ca: Option<PathBuf>,
}

/// Where the certificate for HTTPS comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsMode {
    /// Made at the first start, and kept in the data folder.
    SelfMade,
    /// The operator's own, in PEM.
    Files(CertificateFiles),
    /// Ordered from an ACME server, kept and renewed.
    Acme(Acme),
    /// Plain HTTP for everybody.
    Off,
}

impl TlsFile {
    pub(super) fn check(self) -> Result<TlsMode, ConfigError> {
        let wrong = |key, value: String, expected| ConfigError::Value { key, value, expected };
        match self.mode.as_str() {
            "self-made" => Ok(TlsMode::SelfMade),
            "off" => Ok(TlsMode::Off),
            "files" => {
                for (key, path) in [("tls.certificate", &self.certificate), ("tls.key", &self.key)] {
                    if !path.is_file() {
                        let expected = "a file in PEM, because tls.mode is \"files\"";
                        return Err(wrong(key, path.display().to_string(), expected));
                    }
                }
                Ok(TlsMode::Files(CertificateFiles {
                    certificate: self.certificate,
                    key: self.key,
                }))
            }
            "acme" => {
                let expected = "1 to 100 DNS names such as call.example.org, because tls.mode is \"acme\"";
                if self.domains.is_empty() || self.domains.len() > DOMAINS_MAX {
                    return Err(wrong("tls.domains", self.domains.join(","), expected));
                }
                if let Some(bad) = self.domains.iter().find(|domain| !is_dns_name(domain)) {
                    return Err(wrong("tls.domains", bad.clone(), expected));
                }
                if !self.acme_directory.starts_with("https://") {
                    let expected = "the https:// URL of an ACME directory";
                    return Err(wrong("tls.acme_directory", self.acme_directory, expected));
                }
                if !self.email.is_empty() && !self.email.contains('@') {
                    return Err(wrong(
                        "tls.email",
                        self.email,
                        "an address such as admin@example.org, or nothing",
                    ));
                }
                let ca = Some(self.acme_ca).filter(|path| !path.as_os_str().is_empty());
                if let Some(path) = ca.as_ref().filter(|path| !path.is_file()) {
                    let expected = "a file in PEM, or nothing to trust the public authorities";
                    return Err(wrong("tls.acme_ca", path.display().to_string(), expected));
                }
                Ok(TlsMode::Acme(Acme {
                    domains: self.domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
                    email: Some(self.email).filter(|email| !email.is_empty()),
                    directory: self.acme_directory,
                    ca,
                }))
            }
            _ => Err(wrong("tls.mode", self.mode, "\"self-made\", \"files\", \"acme\" or \"off\"")),
        }
    }
}

/// A host name of at least two labels (RFC 1123 section 2.1); TLS-ALPN-01 proves neither wildcards nor what is no name.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label) && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_certificate_can_be_ordered_for() {
        for (name, fine) in [
            ("call.example.org", true),
            ("xn--bcher-kva.example", true),
            ("localhost", false),
            ("192.0.2.1", false),
            ("*.example.org", false),
            ("a..example", false),
            ("-a.example", false),
            ("a.example.", false),
            ("a b.example", false),
            ("", false),
        ] {
            assert_eq!(is_dns_name(name), fine, "{name}");
        }
    }
}
