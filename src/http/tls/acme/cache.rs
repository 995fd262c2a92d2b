//! What is kept of an ACME account over restarts: its credentials, and the last certificate with its key.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use instant_acme::AccountCredentials;

use super::super::TlsError;
use super::super::certificate::{Certificate, write_private};

/// In the data folder.
const FOLDER: &str = "acme";
const ACCOUNT_FILE: &str = "account.json";
/// Key and chain in one file, so that they change as one.
const CERTIFICATE_FILE: &str = "certificate.pem";

/// The folder of one ACME directory: accounts and certificates of another one are not ours to use there.
#[derive(Debug, Clone)]
pub struct Cache(PathBuf);

impl Cache {
    pub fn new(data: &Path, directory: &str) -> Cache {
        let hash = digest::digest(&digest::SHA256, directory.as_bytes());
        let name: String = hash.as_ref()[..8].iter().map(|b| format!("{b:02x}")).collect();
        Cache(data.join(FOLDER).join(name))
    }

    /// The account made at an earlier start; what cannot be read is as good as none, because another one costs nothing.
    pub fn account(&self) -> Option<AccountCredentials> {
        serde_json::from_slice(&fs::read(self.0.join(ACCOUNT_FILE)).ok()?).ok()
    }

    pub fn keep_account(&self, credentials: &AccountCredentials) -> Result<(), TlsError> {
        let text = serde_json::to_string(credentials).map_err(|e| self.error(ACCOUNT_FILE, e.into()))?;
        self.write(ACCOUNT_FILE, &text)
    }

    /// The ACME server does not know it any more. Whether there was one.
    pub fn forget_account(&self) -> bool {
        fs::remove_file(self.0.join(ACCOUNT_FILE)).is_ok()
    }

    /// The file that holds the last certificate and its key.
    pub fn certificate_file(&self) -> PathBuf {
        self.0.join(CERTIFICATE_FILE)
    }

    /// The last certificate, if it is for all of these domains.
    pub fn certificate(&self, domains: &[String]) -> Option<Certificate> {
        let path = self.certificate_file();
        let kept = Certificate::load(&path, &path).ok()?;
        domains.iter().all(|domain| kept.covers(domain)).then_some(kept)
    }

    /// Keeps a chain with its key, both in PEM; what comes back was read from the disk.
    pub fn keep_certificate(&self, chain: &str, key: &str) -> Result<Certificate, TlsError> {
        self.write(CERTIFICATE_FILE, &format!("{key}{chain}"))?;
        let path = self.certificate_file();
        Certificate::load(&path, &path)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), TlsError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|source| self.error(name, source))?;
        write_private(&self.0.join(name), text)
    }

    fn error(&self, name: &str, source: io::Error) -> TlsError {
        TlsError::File {
            path: self.0.join(name),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_certificate_is_kept_private_and_for_its_directory_and_domains_only() {
        let data = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(data.path(), "https://ca.example/directory");
        let domains = ["a.example".to_owned(), "b.example".to_owned()];
        assert!(cache.certificate(&domains).is_none());
        let made = rcgen::generate_simple_self_signed(domains.clone()).expect("made");
        cache
            .keep_certificate(&made.cert.pem(), &made.signing_key.serialize_pem())
            .expect("kept");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&cache.certificate_file()), 0o600);
        assert_eq!(mode(&data.path().join(FOLDER)), 0o700);
        assert!(cache.certificate(&domains).is_some());
        assert!(cache.certificate(&domains[..1]).is_some());
        assert!(cache.certificate(&["c.example".to_owned()]).is_none());
        let staging = Cache::new(data.path(), "https://staging.ca.example/directory");
        assert!(staging.certificate(&domains).is_none());
    }

    #[test]
    fn damaged_files_are_as_good_as_none() {
        let data = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(data.path(), "https://ca.example/directory");
        cache.write(ACCOUNT_FILE, "{").expect("written");
        cache.write(CERTIFICATE_FILE, "nothing").expect("written");
        assert!(cache.account().is_none());
        assert!(cache.certificate(&[]).is_none());
    }
}
