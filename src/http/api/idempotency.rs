//! A POST with an `Idempotency-Key` is carried out once: whoever sends it again is answered as the first time
//! (draft-ietf-httpapi-idempotency-key-header).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;

use super::body::{self, unfit};
use crate::http::problem::problem;

const HEADER: &str = "idempotency-key";

/// Longer ones are no keys.
const KEY_BYTES_MAX: usize = 255;

/// For how long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Answers that are kept. Beyond it, the oldest goes.
const KEPT_MAX: usize = 4096;

/// An answer that is longer than this is not kept: none of ours is.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// Of method, path and body.
type Fingerprint = [u8; 32];

/// The answers to what was asked lately. Cheap to clone.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    by_key: HashMap<String, Entry>,
    /// In the order of coming. A key may stand here that is forgotten, or that came again.
    order: VecDeque<(Instant, String)>,
}

struct Entry {
    came: Instant,
    fingerprint: Fingerprint,
    /// None: it is being carried out.
    answer: Option<Answer>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What is known of a key.
enum Known {
    New,
    Running,
    OtherRequest,
    Answered(Answer),
}

impl Answers {
    fn begin(&self, key: &str, fingerprint: Fingerprint, now: Instant) -> Known {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget_old(now);
        if let Some(entry) = kept.by_key.get(key) {
            return match &entry.answer {
                _ if entry.fingerprint != fingerprint => Known::OtherRequest,
                None => Known::Running,
                Some(answer) => Known::Answered(answer.clone()),
            };
        }
        let entry = Entry {
            came: now,
            fingerprint,
            answer: None,
        };
        kept.by_key.insert(key.to_owned(), entry);
        kept.order.push_back((now, key.to_owned()));
        Known::New
    }

    /// None: it may be tried again.
    fn end(&self, key: &str, answer: Option<Answer>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (kept.by_key.get_mut(key), answer) {
            (Some(entry), Some(answer)) => entry.answer = Some(answer),
            (Some(_), None) => drop(kept.by_key.remove(key)),
            (None, _) => {}
        }
    }
}

impl Kept {
    fn forget_old(&mut self, now: Instant) {
        while let Some((came, key)) = self.order.front() {
            if self.order.len() < KEPT_MAX && now.saturating_duration_since(*came) < KEPT_FOR {
                break;
            }
            if self.by_key.get(key).is_some_and(|entry| entry.came == *came) {
                self.by_key.remove(key);
            }
            self.order.pop_front();
        }
    }
}

/// Forgets the key of a request that was given up.
struct Running<'a> {
    answers: &'a Answers,
    key: &'a str,
    answer: Option<Answer>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.answers.end(self.key, self.answer.take());
    }
}

/// Around every request: lets the first through, and answers those after it.
#[expect(
    clippy::disallowed_methods,
    reason = "the glue between a request and what is kept of it has the clock"
)]
pub async fn once(State(answers): State<Answers>, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(HEADER).filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    let key = match key.to_str() {
        Ok(key) if (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => key.to_owned(),
        _ => return unfit("idempotency-key: expected 1 to 255 printable ASCII characters without spaces").into_response(),
    };
    let (head, body) = request.into_parts();
    let bytes = match body::read(body).await {
        Ok(bytes) => bytes,
        Err(problem) => return problem.into_response(),
    };
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(head.uri.path().as_bytes());
    hash.update(b"\n");
    hash.update(&bytes);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hash.finish().as_ref());
    match answers.begin(&key, fingerprint, Instant::now()) {
        Known::New => {}
        Known::Running => {
            return problem(
                StatusCode::CONFLICT,
                "a request with this idempotency-key is being carried out",
            );
        }
        Known::OtherRequest => return unfit("this idempotency-key came with another request before").into_response(),
        Known::Answered(answer) => return (answer.status, answer.headers, answer.body).into_response(),
    }
    let mut running = Running {
        answers: &answers,
        key: &key,
        answer: None,
    };
    let response = next.run(Request::from_parts(head, Body::from(bytes))).await;
    let (head, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return problem(StatusCode::INTERNAL_SERVER_ERROR, "the answer was lost");
    };
    let body = body.to_bytes();
    let is_final = head.status.is_success() || (head.status.is_client_error() && head.status != StatusCode::TOO_MANY_REQUESTS);
    if is_final && body.len() <= ANSWER_BYTES_MAX {
        let mut headers = HeaderMap::new();
        for name in [header::CONTENT_TYPE, header::LOCATION] {
            if let Some(value) = head.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        running.answer = Some(Answer {
            status: head.status,
            headers,
            body: body.clone(),
        });
    }
    drop(running);
    Response::from_parts(head, Body::from(body))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            status: StatusCode::CREATED,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
        }
    }

    #[test]
    fn a_key_is_for_one_request_until_it_is_a_day_old() {
        let (answers, now) = (Answers::default(), Instant::now());
        assert!(matches!(answers.begin("a", [1; 32], now), Known::New));
        assert!(matches!(answers.begin("a", [1; 32], now), Known::Running));
        answers.end("a", Some(answer()));
        assert!(matches!(answers.begin("a", [1; 32], now), Known::Answered(_)));
        assert!(matches!(answers.begin("a", [2; 32], now), Known::OtherRequest));
        assert!(matches!(answers.begin("a", [2; 32], now + KEPT_FOR), Known::New));
    }

    #[test]
    fn what_came_to_nothing_may_be_tried_again() {
        let (answers, now) = (Answers::default(), Instant::now());
        for _ in 0..3 {
            assert!(matches!(answers.begin("a", [1; 32], now), Known::New));
            answers.end("a", None);
        }
    }

    #[test]
    fn as_many_as_come_are_kept_in_a_bounded_memory() {
        let (answers, now) = (Answers::default(), Instant::now());
        for n in 0..3 * KEPT_MAX {
            let key = n.to_string();
            assert!(matches!(answers.begin(&key, [1; 32], now), Known::New));
            answers.end(&key, (n % 2 == 0).then(answer));
        }
        let kept = answers.0.lock().expect("nobody panicked");
        assert!(kept.by_key.len() <= KEPT_MAX && kept.order.len() <= KEPT_MAX);
        assert!(kept.by_key.contains_key(&(3 * KEPT_MAX - 2).to_string()));
    }
}
