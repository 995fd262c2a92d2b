//! Whose pages may open the websocket: our own, and those of the origins that the operator lists.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Foreign origins that are told in the log, each once: whoever opens pages of ever more names fills no disk.
const TOLD_MAX: usize = 64;

pub struct Origins {
    /// Beside our own, in lower case.
    allowed: Vec<String>,
    told: Mutex<BTreeSet<String>>,
}

impl Origins {
    pub fn new(allowed: Vec<String>) -> Origins {
        Origins {
            allowed,
            told: Mutex::default(),
        }
    }

    /// A page of ours has the host that it asked, over http or https (RFC 6454 section 4).
    pub fn allow(&self, origin: &str, host: &str) -> bool {
        let ours = ["http://", "https://"]
            .iter()
            .any(|scheme| origin.strip_prefix(scheme).is_some_and(|rest| rest == host));
        (ours && !host.is_empty()) || self.allowed.iter().any(|a| a == origin)
    }

    /// Says so to the operator, and to whoever wrote the page: a script is not told why its websocket was refused, but it may ask again
    /// with `fetch`, and this answer is for every origin to read.
    pub fn refuse(&self, origin: &str) -> Response {
        if self.is_new(origin) {
            tracing::warn!(
                origin,
                "refused a page of a foreign origin: server.allowed_origins lists those that may connect"
            );
        }
        let body = format!(
            "Pages of the origin {origin} may not connect here: the operator of this server lists it in server.allowed_origins.\n"
        );
        (StatusCode::FORBIDDEN, [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], body).into_response()
    }

    fn is_new(&self, origin: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < TOLD_MAX && told.insert(origin.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_and_those_allowed_may_connect() {
        let origins = Origins::new(vec!["https://intranet.example.org".to_owned()]);
        for (origin, fine) in [
            ("http://localhost:8443", true),
            ("https://localhost:8443", true),
            ("https://intranet.example.org", true),
            ("http://localhost", false),
            ("http://localhost:84430", false),
            ("https://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.allow(origin, "localhost:8443"), fine, "{origin}");
        }
        assert!(!Origins::new(Vec::new()).allow("http://", ""));
    }

    #[test]
    fn each_refused_origin_is_told_once_and_no_more_than_some() {
        let origins = Origins::new(Vec::new());
        assert!(origins.is_new("https://a.example"));
        assert!(!origins.is_new("https://a.example"));
        let told = (0..1000).filter(|n| origins.is_new(&format!("https://{n}.example"))).count();
        assert_eq!(told, TOLD_MAX - 1);
    }
}
