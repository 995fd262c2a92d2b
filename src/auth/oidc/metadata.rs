//! What a provider says of itself (OpenID Connect Discovery 1.0).

use serde::Deserialize;

use crate::fetch::may_be_asked;

/// What of it is used here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub userinfo_endpoint: Option<String>,
    /// OpenID Connect RP-Initiated Logout 1.0.
    pub end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// RFC 9207: its answers name it.
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Why a text is nothing that can be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error("it is no OpenID Provider Metadata: {0}")]
    Json(String),
    #[error("it is of the issuer {0:?}, and not of the one in auth.oidc.issuer: they have to be the same to the letter")]
    Issuer(String),
    #[error("its {0} is {1:?}, and not an https:// URL")]
    Endpoint(&'static str, String),
}

/// Where an issuer publishes it (section 4).
pub fn address_of(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

impl Metadata {
    /// # Errors
    /// It is none, is another provider's, or names something that is not to be asked.
    pub fn read(text: &[u8], issuer: &str) -> Result<Metadata, MetadataError> {
        let found: Metadata = serde_json::from_slice(text).map_err(|error| MetadataError::Json(error.to_string()))?;
        // Section 4.3: else whoever answers there could speak for every other.
        if found.issuer != issuer {
            return Err(MetadataError::Issuer(found.issuer));
        }
        for (name, url) in [
            ("authorization_endpoint", Some(&found.authorization_endpoint)),
            ("token_endpoint", Some(&found.token_endpoint)),
            ("jwks_uri", Some(&found.jwks_uri)),
            ("userinfo_endpoint", found.userinfo_endpoint.as_ref()),
            ("end_session_endpoint", found.end_session_endpoint.as_ref()),
        ] {
            if let Some(url) = url.filter(|url| !may_be_asked(url)) {
                return Err(MetadataError::Endpoint(name, url.clone()));
            }
        }
        Ok(found)
    }

    /// Whether a client's secret goes into the body of a request and not into its header. Where nothing is said it is the header (section 3).
    pub fn takes_secret_in_body(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let has = |method: &str| methods.iter().any(|one| one == method);
        has("client_secret_post") && !has("client_secret_basic")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://id.example/realm";

    fn document(more: Value) -> Vec<u8> {
        let mut document = json!({
            "issuer": ISSUER, "authorization_endpoint": "https://id.example/auth", "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/jwks",
        });
        let fields = document.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        document.to_string().into_bytes()
    }

    #[test]
    fn a_document_of_another_provider_or_with_addresses_in_the_clear_is_refused() {
        assert!(Metadata::read(&document(json!({})), ISSUER).is_ok());
        for issuer in ["https://id.example/realm/", "https://id.example", "https://ID.example/realm"] {
            let refused = Metadata::read(&document(json!({})), issuer);
            assert_eq!(refused, Err(MetadataError::Issuer(ISSUER.to_owned())), "{issuer}");
        }
        for name in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "end_session_endpoint",
        ] {
            for url in ["http://id.example/x", "/x", "", "file:///etc/passwd", "javascript:alert(1)"] {
                let refused = Metadata::read(&document(json!({ name: url })), ISSUER);
                assert_eq!(refused, Err(MetadataError::Endpoint(name, url.to_owned())));
            }
            assert!(Metadata::read(&document(json!({ name: "http://127.0.0.1:1/x" })), ISSUER).is_ok());
        }
        for text in ["", "{}", "[]", "<html>", "{\"issuer\": 7}"] {
            let refused = Metadata::read(text.as_bytes(), ISSUER);
            assert!(matches!(refused, Err(MetadataError::Json(_))), "{text}");
        }
    }

    #[test]
    fn the_secret_goes_into_the_header_unless_the_provider_takes_it_in_the_body_alone() {
        for (methods, in_body) in [
            (json!(null), false),
            (json!(["client_secret_basic", "client_secret_post"]), false),
            (json!(["client_secret_post"]), true),
            (json!(["private_key_jwt"]), false),
        ] {
            let document = document(json!({ "token_endpoint_auth_methods_supported": methods }));
            let metadata = Metadata::read(&document, ISSUER).expect("it is one");
            assert_eq!(metadata.takes_secret_in_body(), in_body, "{methods}");
        }
    }

    #[test]
    fn it_is_found_below_the_issuer() {
        for issuer in ["https://id.example/realm", "https://id.example/realm/"] {
            assert_eq!(
                address_of(issuer),
                "https://id.example/realm/.well-known/openid-configuration"
            );
        }
    }
}
