//! The certificate in use, which may be changed while connections are open, and the answers to an ACME server's questions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;
use super::{ACME_TLS, TlsError};
use crate::metrics::Metrics;

/// What each TLS handshake takes its certificate from. Connections that are open keep what they began with.
pub struct Shelf {
    current: RwLock<Arc<Certificate>>,
    /// By domain: what proves to an ACME server that the domain is ours (RFC 8737 section 3).
    proofs: RwLock<BTreeMap<String, Arc<CertifiedKey>>>,
    metrics: Arc<Metrics>,
}

impl Shelf {
    pub fn new(first: Certificate, metrics: Arc<Metrics>) -> Shelf {
        metrics.tls_certificate_expiry.set(first.not_after);
        Shelf {
            current: RwLock::new(Arc::new(first)),
            proofs: RwLock::default(),
            metrics,
        }
    }

    /// What the next handshake gets.
    pub fn current(&self) -> Arc<Certificate> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes another certificate into use.
    pub fn put(&self, certificate: Certificate) {
        tracing::info!(
            fingerprint = %certificate.fingerprint,
            names = %certificate.names.join(" "),
            expires_unix = certificate.not_after,
            "another certificate is in use"
        );
        self.metrics.tls_certificate_expiry.set(certificate.not_after);
        self.metrics.tls_reload.with_label_values(&["ok"]).inc();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificate);
    }

    /// Notes that there was none to take; the one in use stays.
    pub fn keep(&self, error: &TlsError) {
        tracing::error!(%error, "the new certificate is not taken, the old one stays in use");
        self.metrics.tls_reload.with_label_values(&["failed"]).inc();
    }

    /// Notes that an order failed.
    pub fn count_failed_order(&self) {
        self.metrics.tls_reload.with_label_values(&["failed"]).inc();
    }

    /// Answers an ACME server's handshakes for these domains, and for no others any more.
    pub fn set_proofs(&self, proofs: BTreeMap<String, Arc<CertifiedKey>>) {
        *self.proofs.write().unwrap_or_else(PoisonError::into_inner) = proofs;
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // RFC 8737 section 3: the server that validates offers this protocol and no other.
        let validates = hello
            .alpn()
            .is_some_and(|mut offered| offered.next() == Some(ACME_TLS) && offered.next().is_none());
        if validates {
            let proofs = self.proofs.read().unwrap_or_else(PoisonError::into_inner);
            return proofs.get(&hello.server_name()?.to_ascii_lowercase()).cloned();
        }
        Some(self.current().key.clone())
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}
