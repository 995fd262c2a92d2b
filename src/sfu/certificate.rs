//! The certificate of all transports.

use str0m::config::DtlsCert;

/// In DER.
#[derive(Clone)]
pub struct Certificate {
    cert: DtlsCert,
}

impl Certificate {
    /// Takes a certificate and its PKCS #8 key, both in DER. P-256, as browsers expect it.
    pub(super) fn from_der(certificate: Vec<u8>, private_key: Vec<u8>) -> Certificate {
        Certificate {
            cert: DtlsCert {
                certificate,
                private_key,
            },
        }
    }

    pub(super) fn to_str0m(&self) -> DtlsCert {
        self.cert.clone()
    }
}
