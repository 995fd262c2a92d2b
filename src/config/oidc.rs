//! Sign-in with an OpenID Connect provider: what of config.toml is about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use super::auth::{Secret, read_secret, wrong};
use crate::fetch::may_be_asked;

/// More scopes, and more domains, than any provider or operator has.
const LIST_MAX: usize = 64;

/// A year.
const SESSION_HOURS_MAX: u64 = 8760;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OidcFile {
    issuer: String,
    client_id: String,
    client_secret: String,
    client_secret_file: PathBuf,
    scopes: Vec<String>,
    name_claim: String,
    email_domains: Vec<String>,
    required_claim: String,
    session_hours: u64,
    guests: bool,
    origin: String,
    ca: PathBuf,
}

/// Without the secret.
impl fmt::Debug for OidcFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcFile")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Whom a provider signs in, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcAuth {
    /// As the provider writes it in its tokens, to the letter.
    pub issuer: String,
    pub client_id: String,
    /// None: this is a public client, which PKCE protects alone.
    pub client_secret: Option<Secret>,
    /// With `openid`.
    pub scopes: Vec<String>,
    /// Which claim is the name that others see; empty: people name themselves.
    pub name_claim: String,
    /// In lower case; none: any address, or none at all.
    pub email_domains: Vec<String>,
    /// A claim, and what it has to be or to list.
    pub required_claim: Option<(String, String)>,
    /// From the sign-in on.
    pub session_lasts: Duration,
    /// Whether a room's link lets people in who have not signed in.
    pub guests: bool,
    /// Where browsers reach this server; none: as they say themselves.
    pub origin: Option<String>,
    /// A file in PEM with what to trust in place of the public authorities.
    pub authority: Option<PathBuf>,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

impl OidcFile {
    pub(super) fn check(self, leeway: Duration) -> Result<OidcAuth, ConfigError> {
        let is_url = |url: &str| may_be_asked(url) && !url.contains(['?', '#']);
        if !is_url(&self.issuer) {
            let expected = "the https:// URL of the provider, because auth.mode is \"oidc\"";
            return Err(wrong("auth.oidc.issuer", self.issuer, expected));
        }
        if self.client_id.is_empty() || self.client_id.contains(char::is_control) {
            let expected = "the id under which the provider knows this server, because auth.mode is \"oidc\"";
            return Err(wrong("auth.oidc.client_id", self.client_id, expected));
        }
        let has_file = !self.client_secret_file.as_os_str().is_empty();
        let client_secret = match (self.client_secret.is_empty(), has_file) {
            (true, false) => None,
            (false, false) => Some(Secret::new(self.client_secret.into_bytes())),
            (true, true) => {
                let Some(secret) = read_secret(&self.client_secret_file).filter(|secret| !secret.bytes().is_empty()) else {
                    let value = self.client_secret_file.display().to_string();
                    let expected = "a file that holds the secret and can be read, or nothing";
                    return Err(wrong("auth.oidc.client_secret_file", value, expected));
                };
                Some(secret)
            }
            (false, true) => {
                let value = self.client_secret_file.display().to_string();
                let expected = "nothing where auth.oidc.client_secret is set: one of both";
                return Err(wrong("auth.oidc.client_secret_file", value, expected));
            }
        };
        // RFC 6749 section 3.3.
        let is_scope = |scope: &String| {
            let mut bytes = scope.bytes();
            !scope.is_empty() && bytes.all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        };
        let mut scopes = self.scopes;
        if scopes.len() > LIST_MAX || !scopes.iter().all(is_scope) {
            let expected = "names of scopes without spaces, such as openid, profile and email";
            return Err(wrong("auth.oidc.scopes", scopes.join(","), expected));
        }
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        let is_domain = |domain: &String| !domain.is_empty() && !domain.contains(|c: char| c == '@' || c.is_whitespace());
        if self.email_domains.len() > LIST_MAX || !self.email_domains.iter().all(is_domain) {
            let expected = "domains such as example.org";
            return Err(wrong("auth.oidc.email_domains", self.email_domains.join(","), expected));
        }
        let required_claim = match self.required_claim.as_str() {
            "" => None,
            text => match text.split_once('=') {
                Some((name, value)) if !name.is_empty() && !value.is_empty() => Some((name.to_owned(), value.to_owned())),
                _ => {
                    let expected = "a claim and its value, such as groups=calls, or nothing";
                    return Err(wrong("auth.oidc.required_claim", self.required_claim, expected));
                }
            },
        };
        if !(1..=SESSION_HOURS_MAX).contains(&self.session_hours) {
            let expected = "1 to 8760 hours";
            return Err(wrong("auth.oidc.session_hours", self.session_hours.to_string(), expected));
        }
        let origin = Some(self.origin.trim_end_matches('/').to_ascii_lowercase()).filter(|origin| !origin.is_empty());
        let is_origin =
            |origin: &String| may_be_asked(origin) && origin.matches('/').count() == 2 && !origin.contains(['?', '#']);
        if let Some(origin) = origin.as_ref().filter(|origin| !is_origin(origin)) {
            let expected = "where browsers reach this server, such as https://call.example.org, or nothing";
            return Err(wrong("auth.oidc.origin", origin.clone(), expected));
        }
        let authority = Some(self.ca).filter(|path| !path.as_os_str().is_empty());
        if let Some(path) = authority.as_ref().filter(|path| !path.is_file()) {
            let expected = "a file in PEM, or nothing to trust the public authorities";
            return Err(wrong("auth.oidc.ca", path.display().to_string(), expected));
        }
        Ok(OidcAuth {
            issuer: self.issuer,
            client_id: self.client_id,
            client_secret,
            scopes,
            name_claim: self.name_claim,
            email_domains: self.email_domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
            required_claim,
            session_lasts: Duration::from_secs(self.session_hours * 3600),
            guests: self.guests,
            origin,
            authority,
            leeway,
        })
    }
}
