//! What is asked of the provider when somebody comes back from it: tokens for the code (RFC 6749 section 4.1.3, RFC 7636), and what else
//! it tells of them (OpenID Connect Core 1.0 section 5.3).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{Empty, Full};
use hyper::body::{Body, Bytes};
use hyper::{Request, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::timeout;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::attempts::Attempt;
use super::metadata::Metadata;
use crate::config::OidcAuth;
use crate::fetch::{AnyError, Fetcher};

/// Tokens, and what is told of somebody with a picture in it.
const BYTES_MAX: usize = 256 * 1024;

/// From the name of the provider to the last byte of its answer.
const WITHIN: Duration = Duration::from_secs(10);

/// Of what a provider says in its own words, for the log.
const WORDS_CHARS_MAX: usize = 200;

/// What a code is worth.
#[derive(Deserialize)]
pub struct Redeemed {
    pub id_token: String,
    pub access_token: String,
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Asks for tokens.
///
/// # Errors
/// One sentence: the provider is away, refuses, or answers what makes no sense.
pub async fn redeem(
    fetcher: &Fetcher,
    metadata: &Metadata,
    config: &OidcAuth,
    attempt: &Attempt,
    code: &str,
) -> Result<Redeemed, AnyError> {
    let request = request(metadata, config, attempt, code)?;
    let (status, text) = ask(fetcher, request).await?;
    if status != StatusCode::OK {
        let said = serde_json::from_slice::<ErrorAnswer>(&text).map(|answer| words(&answer.error, &answer.error_description));
        return Err(format!("the code was refused with {status}: {}", said.unwrap_or_default()).into());
    }
    serde_json::from_slice(&text).map_err(|error| format!("the answer to the code makes no sense: {error}").into())
}

fn request(metadata: &Metadata, config: &OidcAuth, attempt: &Attempt, code: &str) -> Result<Request<Full<Bytes>>, AnyError> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &attempt.redirect_uri)
        .append_pair("code_verifier", &attempt.verifier)
        .append_pair("client_id", &config.client_id);
    let mut request = Request::post(&metadata.token_endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json");
    if let Some(secret) = &config.client_secret {
        if metadata.takes_secret_in_body() {
            form.append_pair("client_secret", &String::from_utf8_lossy(secret.bytes()));
        } else {
            // Both are encoded before they are joined (RFC 6749 section 2.3.1).
            let encoded = |bytes: &[u8]| byte_serialize(bytes).collect::<String>();
            let both = format!("{}:{}", encoded(config.client_id.as_bytes()), encoded(secret.bytes()));
            request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(both)));
        }
    }
    Ok(request.body(Full::new(Bytes::from(form.finish())))?)
}

/// Asks for claims that were not in the token.
///
/// # Errors
/// One sentence.
pub async fn user_info(fetcher: &Fetcher, endpoint: &str, access_token: &str) -> Result<Map<String, Value>, AnyError> {
    let request = Request::get(endpoint)
        .header(header::AUTHORIZATION, format!("Bearer {access_token}"))
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())?;
    let (status, text) = ask(fetcher, request).await?;
    if status != StatusCode::OK {
        return Err(format!("the provider tells nothing of the user: {status}").into());
    }
    serde_json::from_slice(&text).map_err(|error| format!("what it tells of the user makes no sense: {error}").into())
}

async fn ask<B>(fetcher: &Fetcher, request: Request<B>) -> Result<(StatusCode, Bytes), AnyError>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<AnyError>,
{
    let answer = timeout(WITHIN, fetcher.exchange(request, BYTES_MAX))
        .await
        .map_err(|_| "no answer in time")??;
    Ok((answer.status(), answer.into_body()))
}

/// What a stranger wrote, fit for a log.
pub fn words(error: &str, description: &str) -> String {
    let both = format!("{error} {description}");
    both.trim()
        .chars()
        .take(WORDS_CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_is_one_short_line() {
        assert_eq!(words("access_denied", "no\nline"), "access_denied no\\nline");
        assert_eq!(words("", &"x".repeat(999)).len(), WORDS_CHARS_MAX - 1 + 1);
    }
}
