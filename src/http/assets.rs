//! The page, from inside the binary. build.rs puts a `.br` and a `.gz` beside each file worth compressing.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Assets;

/// The page itself.
const INDEX: &str = "index.html";

/// The operator's page, which asks the API: docs/api.md.
const ADMIN: &str = "admin.html";

/// Vite puts the hash of their content into the names of the files below it, so they never change.
const HASHED: &str = "assets/";

/// The client library: modules that pages of other origins load, so that their names stay. Whether such a page may connect is another
/// question: [`super::origins`].
const LIBRARY: &str = "sdk/";

/// Encodings in the order in which they are preferred: the name in Accept-Encoding, the ending of the file.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Serves a file, or the page for the paths that the page itself understands (`/call/<user id>`, `/r/<room>`).
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let of_the_page = path.is_empty() || path.starts_with("call/") || path.starts_with("r/");
    let name = match path {
        _ if of_the_page => INDEX,
        "admin" => ADMIN,
        file => file,
    };
    let compressed_twin = ENCODINGS.iter().any(|(_, ending)| name.ends_with(ending));
    match Assets::get(name) {
        Some(file) if !compressed_twin => answer(name, file, &headers),
        _ => (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response(),
    }
}

fn answer(name: &str, plain: EmbeddedFile, request: &HeaderMap) -> Response {
    let etag = format!(
        "\"{}\"",
        plain.metadata.sha256_hash()[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    );
    let cache = if name.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let accepted = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let (file, encoding) = ENCODINGS
        .iter()
        .filter(|(encoding, _)| accepts(accepted, encoding))
        .find_map(|(encoding, ending)| Some((Assets::get(&format!("{name}{ending}"))?, Some(*encoding))))
        .unwrap_or_else(|| (plain.clone(), None));

    // The entity differs by encoding, so its tag does too (RFC 9110 section 8.8.3.3).
    let etag = match encoding {
        Some(encoding) => format!("{}-{encoding}\"", etag.trim_end_matches('"')),
        None => etag,
    };
    let unchanged = request
        .get(header::IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Body::from(file.data.into_owned()).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type(name, &plain));
        if let Some(encoding) = encoding {
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if name.starts_with(LIBRARY) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let everybody = HeaderValue::from_static("cross-origin");
        headers.insert(HeaderName::from_static("cross-origin-resource-policy"), everybody);
    }
    headers.insert(
        header::ETAG,
        HeaderValue::from_str(&etag).expect("hexadecimal digits are valid in a header"),
    );
    response
}

fn content_type(name: &str, file: &EmbeddedFile) -> HeaderValue {
    let mime = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("webmanifest") => "application/manifest+json",
        // By its ending it could be a video.
        Some("ts") => "text/plain",
        _ => file.metadata.mimetype(),
    };
    let text = mime.starts_with("text/") || mime.ends_with("javascript");
    let value = if text {
        format!("{mime}; charset=utf-8")
    } else {
        mime.to_owned()
    };
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Whether Accept-Encoding names this encoding without refusing it (RFC 9110 section 12.5.3).
fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let refused = |q: &str| q.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding)) && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str, headers: &[(header::HeaderName, &str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        serve(Method::GET, path.parse().unwrap(), headers).await
    }

    #[test]
    fn accept_encoding_is_read_with_its_weights() {
        assert!(accepts("gzip, deflate, br;q=0.5", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("gzip, brotli", "br"));
        assert!(!accepts("", "gzip"));
    }

    #[tokio::test]
    async fn the_page_answers_for_its_own_paths_and_no_other() {
        for path in ["/", "/call/k7mq-2xwd-9hpt", "/r/room", "/admin"] {
            let response = get(path, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
        }
        for path in [
            "/nothing",
            "/../Cargo.toml",
            "/%2e%2e/Cargo.toml",
            "/index.html.br",
            "//etc/passwd",
        ] {
            assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(
            serve(Method::POST, "/".parse().unwrap(), HeaderMap::new()).await.status(),
            StatusCode::METHOD_NOT_ALLOWED
        );
    }

    #[tokio::test]
    async fn a_page_that_did_not_change_is_not_sent_again() {
        let first = get("/", &[]).await;
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!(
            get("/", &[(header::IF_NONE_MATCH, &tag)]).await.status(),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(
            get("/", &[(header::IF_NONE_MATCH, "\"other\"")]).await.status(),
            StatusCode::OK
        );
    }
}
