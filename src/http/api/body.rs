//! What comes with a request of the API, or a problem that says what is wrong with it.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use tokio::time::timeout;

use crate::http::problem::Problem;

/// No request of the API needs more than some hundred.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// From the end of a request's headers to the end of its body.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Body<T>, Problem> {
        let (head, body) = request.into_parts();
        if !is_json(&head.headers) {
            let detail = "the body has to be JSON, and the header content-type to say application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = read(body).await?;
        // Else a list would do for an object, field by field.
        if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(unfit("the body has to be a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| match error.path().to_string().as_str() {
            "." => unfit(format!("the body does not fit: {}", error.inner())),
            path => unfit(format!("{path} does not fit: {}", error.inner())),
        })?;
        json.end().map_err(|error| unfit(format!("the body does not fit: {error}")))?;
        Ok(Body(read))
    }
}

/// The whole body, within bounds.
pub async fn read(body: axum::body::Body) -> Result<Bytes, Problem> {
    match timeout(BODY_WITHIN, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 65536 bytes"))
        }
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body could not be read")),
    }
}

/// RFC 9110 section 8.3: parameters may follow.
fn is_json(headers: &HeaderMap) -> bool {
    let typed = headers.get(header::CONTENT_TYPE).and_then(|typed| typed.to_str().ok());
    let essence = typed.and_then(|typed| typed.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

/// What stands behind the question mark.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked<T>, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(error) => Err(unfit(error.body_text())),
        }
    }
}

/// A number as JSON Schema has it: 60.0 is an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole, D::Error> {
        let read = serde_json::Number::deserialize(deserializer)?;
        let number = match (read.as_u64(), read.as_f64()) {
            (Some(number), _) => u32::try_from(number).ok(),
            (None, Some(number)) if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) => Some(number as u32),
            (None, _) => None,
        };
        let expected = || D::Error::custom(format!("{read} is not a whole number from 0 to {}", u32::MAX));
        number.map(Whole).ok_or_else(expected)
    }
}

/// What is well-formed, and yet not what was to be said.
pub fn unfit(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// Counted in characters, as JSON Schema counts.
pub fn check_length(field: &str, text: &str, least: usize, most: usize) -> Result<(), Problem> {
    match text.chars().count() {
        count if (least..=most).contains(&count) => Ok(()),
        count => Err(unfit(format!("{field} has {count} characters: expected {least} to {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_have_a_point() {
        for (text, number) in [
            ("60", Some(60)),
            ("60.0", Some(60)),
            ("4294967295.0", Some(u32::MAX)),
            ("0", Some(0)),
        ] {
            assert_eq!(serde_json::from_str::<Whole>(text).ok().map(|w| w.0), number, "{text}");
        }
        for text in ["60.5", "-1", "-1.0", "4294967296", "1e300", "\"60\"", "null", "true"] {
            assert!(serde_json::from_str::<Whole>(text).is_err(), "{text} was taken");
        }
    }
}
