//! `/files`: the bytes of files in chats, sent by PUT and fetched by GET, with a ticket that the websocket gave. No more than a chunk of
//! one is in memory at a time. docs/protocol.md tells it for those who use it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use futures_util::stream;
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tower_http::cors::{Any, CorsLayer};

use super::problem::{Problem, problem};
use crate::clock;
use crate::files::{CHUNK_BYTES, Deed, FileKind, Ticket};
use crate::id::FileId;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError, StoredFile};

/// Files that are being sent at a time: each holds a chunk in memory.
const SENDING_MAX: usize = 64;

/// A sender may be silent for so long altogether, and is to send this much a second otherwise: who drips holds a place for nothing.
const PATIENCE: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_PER_S: f64 = 4096.0;

/// What a fetched file may do where a browser shows it after all: nothing.
const CONTENT_SECURITY_POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// What sends and fetches files. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    store: Store,
    metrics: Arc<Metrics>,
    sending: Arc<Semaphore>,
}

impl Files {
    pub fn new(store: Store, metrics: Arc<Metrics>) -> Files {
        Files {
            store,
            metrics,
            sending: Arc::new(Semaphore::new(SENDING_MAX)),
        }
    }

    fn count(&self, outcome: &str) {
        self.metrics.files.with_label_values(&[outcome]).inc();
    }

    /// What a ticket is for, if it is good.
    async fn shown(&self, ticket: &str, deed: Deed) -> Result<(FileId, StoredFile), Problem> {
        let found = match Ticket::parse(ticket, deed) {
            Some(ticket) => {
                let stored = self.store.file(ticket.file).await.map_err(|error| self.failed(&error))?;
                stored
                    .filter(|stored| ticket.is_good(deed, &stored.secret, clock::unix_s()))
                    .map(|stored| (ticket.file, stored))
            }
            None => None,
        };
        found.ok_or_else(|| {
            self.count("refused");
            let detail = "there is no such file, or its ticket is over: ask for another one by the websocket";
            Problem::new(StatusCode::NOT_FOUND, detail)
        })
    }

    fn failed(&self, error: &StoreError) -> Problem {
        self.metrics.store_failures.with_label_values(&["file"]).inc();
        self.count("failed");
        tracing::warn!(error = error as &dyn std::error::Error, "a file was not kept or not read");
        match error.is_away() {
            true => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer: try again"),
            false => Problem::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "the store cannot keep it: its disk may be full",
            ),
        }
    }
}

/// Pages of every origin may use it: nothing here is known by a cookie.
pub fn router(files: Files) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::PUT])
        .allow_headers([header::CONTENT_TYPE]);
    Router::new()
        .route("/files/{ticket}", put(send).get(fetch))
        .method_not_allowed_fallback(async || problem(StatusCode::METHOD_NOT_ALLOWED, "a file is sent by PUT and fetched by GET"))
        .layer(cors)
        .with_state(files)
}

/// What came of a file goes again if its sender does not end it.
struct Unfinished {
    files: Files,
    file: Option<FileId>,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (Some(file), Ok(runtime)) = (self.file, Handle::try_current()) else {
            return;
        };
        self.files.count("cut");
        let store = self.files.store.clone();
        runtime.spawn(async move {
            if let Err(error) = store.drop_file(file).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a file that was cut is not forgotten yet"
                );
            }
        });
    }
}

async fn send(State(files): State<Files>, Path(ticket): Path<String>, request: Request) -> Result<StatusCode, Problem> {
    let (file, stored) = files.shown(&ticket, Deed::Send).await?;
    let refused = |status, detail: String| {
        files.count("refused");
        Problem::new(status, detail)
    };
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length != stored.bytes) {
        let detail = format!(
            "the body has another length than the {} bytes that were announced",
            stored.bytes
        );
        return Err(refused(StatusCode::BAD_REQUEST, detail));
    }
    let Ok(_place) = files.sending.try_acquire() else {
        let detail = "too many files are being sent to this server: try again in some seconds";
        return Err(refused(StatusCode::SERVICE_UNAVAILABLE, detail.to_owned()));
    };
    let begins = files.store.begin_filling(file).await.map_err(|error| files.failed(&error))?;
    if !begins {
        let detail = "this file was sent before, or its sender sends too many at a time";
        return Err(refused(StatusCode::CONFLICT, detail.to_owned()));
    }
    let mut unfinished = Unfinished {
        files: files.clone(),
        file: Some(file),
    };
    let kind = take(&files, file, stored.bytes, request.into_body()).await?;
    let is_there = files.store.finish_filling(file, kind).await;
    if !is_there.map_err(|error| files.failed(&error))? {
        return Err(gone());
    }
    unfinished.file = None;
    files.count("sent");
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a body to the store, chunk by chunk.
async fn take(files: &Files, file: FileId, bytes: u64, mut body: Body) -> Result<FileKind, Problem> {
    let begun = Instant::now();
    let mut kind = FileKind::Other;
    let mut chunk: Vec<u8> = Vec::new();
    let (mut received, mut place) = (0_u64, 0_u32);
    loop {
        let due = begun + PATIENCE + Duration::from_secs_f64(received as f64 / SLOWEST_BYTES_PER_S);
        let frame = match timeout_at(due, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Problem::new(StatusCode::BAD_REQUEST, "the body broke off")),
            Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body comes too slowly")),
        };
        let Ok(mut data) = frame.into_data() else { continue };
        received += data.len() as u64;
        if received > bytes {
            let detail = format!("the body is longer than the {bytes} bytes that were announced");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        while !data.is_empty() {
            let fits = data.split_to(data.len().min(CHUNK_BYTES - chunk.len()));
            chunk.extend_from_slice(&fits);
            if chunk.len() == CHUNK_BYTES {
                keep(files, file, &mut place, &mut kind, &mut chunk).await?;
            }
        }
    }
    if received != bytes {
        let detail = format!("the body ended after {received} of the {bytes} bytes that were announced");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    keep(files, file, &mut place, &mut kind, &mut chunk).await?;
    Ok(kind)
}

async fn keep(files: &Files, file: FileId, place: &mut u32, kind: &mut FileKind, chunk: &mut Vec<u8>) -> Result<(), Problem> {
    if chunk.is_empty() {
        return Ok(());
    }
    if *place == 0 {
        *kind = FileKind::of(chunk);
    }
    let kept = files.store.fill(file, *place, chunk).await;
    if !kept.map_err(|error| files.failed(&error))? {
        return Err(gone());
    }
    *place += 1;
    chunk.clear();
    Ok(())
}

fn gone() -> Problem {
    Problem::new(StatusCode::GONE, "the file was taken away while it was sent")
}

async fn fetch(State(files): State<Files>, Path(ticket): Path<String>) -> Result<Response, Problem> {
    let (file, stored) = files.shown(&ticket, Deed::Fetch).await?;
    if !stored.whole {
        return Err(gone());
    }
    files.count("fetched");
    let body = Body::from_stream(stream::try_unfold((files.store, 0), move |(store, place)| async move {
        let chunk = store.chunk(file, place).await?;
        Ok::<_, StoreError>(chunk.map(|chunk| (chunk, (store, place + 1))))
    }));
    let disposition = HeaderValue::from_str(&attachment(&stored.name)).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(stored.kind.content_type())),
        (header::CONTENT_LENGTH, HeaderValue::from(stored.bytes)),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY_POLICY),
        ),
    ];
    Ok((headers, body).into_response())
}

/// To be saved under this name (RFC 6266 section 4.3, RFC 8187 section 3.2): never shown.
fn attachment(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' => '_',
            c if c == ' ' || c.is_ascii_graphic() => c,
            _ => '_',
        })
        .collect();
    let mut text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_told_in_both_ways() {
        assert_eq!(
            attachment("plan 1.pdf"),
            "attachment; filename=\"plan 1.pdf\"; filename*=UTF-8''plan%201.pdf"
        );
        assert_eq!(
            attachment("ü\".html"),
            "attachment; filename=\"__.html\"; filename*=UTF-8''%C3%BC%22.html"
        );
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_quotes(name in "(?s).*") {
            let text = attachment(&name);
            prop_assert!(HeaderValue::from_str(&text).is_ok());
            prop_assert_eq!(text.matches('"').count(), 2);
        }
    }
}
