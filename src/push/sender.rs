//! Sends what somebody missed to the services of their browsers (D), beside the hub.

#![expect(clippy::disallowed_methods, reason = "a driver has the clock, tasks and randomness")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri, header};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::encryption::{BrowserKeys, encrypt};
use super::queue::{LASTS_S, Queue, Waiting};
use super::quota::Quota;
use crate::auth::vapid::Vapid;
use crate::clock;
use crate::fetch::{AnyError, Fetcher};
use crate::metrics::Metrics;
use crate::signaling::push::{Missed, Nudge};
use crate::store::{Store, SubscriptionRow};

/// What the hub said and is not kept yet. When it is full, what comes is dropped and counted.
pub const NUDGES_MAX: usize = 1024;

/// Sent at a time.
const AT_A_TIME: usize = 64;

/// From the name of a service to its answer.
const WITHIN: Duration = Duration::from_secs(10);

/// Then it is tried once more.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// How often it is looked for what waits in the store and nobody has in hand.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Nobody reads it.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// RFC 8030 section 5.4.
const TOPIC_CHARS: usize = 32;

/// What it takes to send.
pub struct Push {
    pub store: Store,
    pub vapid: Arc<Vapid>,
    /// Reaches public addresses alone.
    pub fetcher: Fetcher,
    /// Where a service may write to when something is wrong: a mailto: or https: URL.
    pub contact: Option<String>,
    pub metrics: Arc<Metrics>,
}

/// What came of a message to one browser.
enum Outcome {
    Delivered,
    /// The service knows the subscription no more.
    Ended,
    /// To be tried once more.
    Busy(String),
    Failed(String),
}

impl Push {
    /// Sends what waits in the store and what comes, until nothing can come any more. What is not sent then, the next process sends.
    pub async fn run(self, mut nudges: mpsc::Receiver<Nudge>) {
        let push = Arc::new(self);
        let mut quota = Quota::new();
        let mut queue = Queue::new(push.store.clone(), Arc::clone(&push.metrics));
        let mut sending = JoinSet::new();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut come = Vec::with_capacity(AT_A_TIME);
        loop {
            tokio::select! {
                _ = looks.tick() => queue.look().await,
                Some(sent) = sending.join_next() => {
                    if let Ok(Some(place)) = sent {
                        queue.end(place).await;
                    }
                }
                count = nudges.recv_many(&mut come, AT_A_TIME), if queue.has_place() => {
                    if count == 0 {
                        return;
                    }
                    let mut taken = std::mem::take(&mut come);
                    taken.retain(|nudge| push.may_be_sent(&mut quota, nudge));
                    queue.put(taken).await;
                }
            }
            while sending.len() < AT_A_TIME
                && let Some(waiting) = queue.next()
            {
                let push = Arc::clone(&push);
                sending.spawn(async move {
                    let is_done = push.tell(&waiting).await;
                    waiting.place.filter(|_| is_done)
                });
            }
        }
    }

    fn may_be_sent(&self, quota: &mut Quota, nudge: &Nudge) -> bool {
        let may = quota.take(nudge.to, nudge.from.user_id, Instant::now());
        if !may {
            self.count("limited");
        }
        may
    }

    /// Whether it need not be done again after a restart.
    async fn tell(&self, waiting: &Waiting) -> bool {
        let nudge = &waiting.nudge;
        let rows = match self.store.subscriptions(nudge.to, nudge.from.user_id).await {
            Ok(rows) => rows,
            Err(error) => {
                self.metrics.store_failures.with_label_values(&["push"]).inc();
                tracing::warn!(error = &error as &dyn Error, "nobody is told by push: subscriptions not read");
                return false;
            }
        };
        let text = text(nudge);
        for row in &rows {
            let mut outcome = self.send(row, waiting, &text).await;
            if matches!(outcome, Outcome::Busy(_)) {
                tokio::time::sleep(RETRY_AFTER).await;
                outcome = self.send(row, waiting, &text).await;
            }
            match outcome {
                Outcome::Delivered => self.count("delivered"),
                Outcome::Ended => {
                    self.count("ended");
                    if let Err(error) = self.store.end_subscription(&row.endpoint).await {
                        self.metrics.store_failures.with_label_values(&["push"]).inc();
                        tracing::warn!(
                            error = &error as &dyn Error,
                            "a subscription that has ended was not forgotten"
                        );
                    }
                }
                Outcome::Busy(why) | Outcome::Failed(why) => {
                    self.count("failed");
                    tracing::debug!(why, "a push message was not taken");
                }
            }
        }
        true
    }

    async fn send(&self, row: &SubscriptionRow, waiting: &Waiting, text: &str) -> Outcome {
        let request = match self.request(row, waiting, text) {
            Ok(request) => request,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        match timeout(WITHIN, self.fetcher.exchange(request, ANSWER_BYTES_MAX)).await {
            Ok(Ok(answer)) => match answer.status() {
                status if status.is_success() => Outcome::Delivered,
                StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Ended,
                status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                    Outcome::Busy(format!("the answer is {status}"))
                }
                status => Outcome::Failed(format!("the answer is {status}")),
            },
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(_) => Outcome::Failed("no answer in time".to_owned()),
        }
    }

    fn request(&self, row: &SubscriptionRow, waiting: &Waiting, text: &str) -> Result<Request<Full<Bytes>>, AnyError> {
        let nudge = &waiting.nudge;
        let uri: Uri = row.endpoint.parse()?;
        let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority().ok_or("no host")?);
        let origin = format!("{scheme}://{authority}");
        let browser = BrowserKeys {
            public: bytes(&row.public_key)?,
            auth: bytes(&row.auth)?,
        };
        let ours = PrivateKey::generate(&ECDH_P256)?;
        let body = encrypt(text.as_bytes(), &browser, &ours, rand::random())?;
        let urgency = match nudge.about {
            Missed::Call(_) => "high",
            Missed::Message { .. } => "normal",
        };
        let request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header(
                header::AUTHORIZATION,
                self.vapid.authorization(&origin, self.contact.as_deref(), clock::unix_s())?,
            )
            .header("ttl", ttl_s(waiting.at_ms, clock::unix_ms()))
            .header("urgency", urgency)
            .header("topic", topic(row, nudge))
            .body(Full::new(Bytes::from(body)))?;
        Ok(request)
    }

    fn count(&self, outcome: &str) {
        self.metrics.push.with_label_values(&[outcome]).inc();
    }
}

/// For how long the service keeps it for a browser that is off, in whole minutes: the next page that is opened shows the rest.
fn ttl_s(at_ms: i64, now_ms: i64) -> u32 {
    let minutes = u32::try_from((now_ms - at_ms) / 60_000).unwrap_or_default();
    LASTS_S.saturating_sub(minutes.saturating_mul(60))
}

/// What the page's service worker is told: who, and what of; never what was written.
fn text(nudge: &Nudge) -> String {
    let from = json!({ "user_id": nudge.from.user_id, "name": nudge.from.name });
    match nudge.about {
        Missed::Call(call) => json!({ "type": "missed_call", "user": from, "call_id": call }),
        Missed::Message { room, link } => json!({ "type": "message", "user": from, "room_id": room, "link_id": link }),
    }
    .to_string()
}

/// A message that waits at the service makes place for the next of the same caller or room. What that is, the service does not learn.
fn topic(row: &SubscriptionRow, nudge: &Nudge) -> String {
    let about = match nudge.about {
        Missed::Call(_) => format!("call {}", nudge.from.user_id),
        Missed::Message { room, .. } => format!("room {room}"),
    };
    let mut digest = Context::new(&SHA256);
    for part in [&row.auth, " ", &about] {
        digest.update(part.as_bytes());
    }
    let mut topic = URL_SAFE_NO_PAD.encode(digest.finish());
    topic.truncate(TOPIC_CHARS);
    topic
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], AnyError> {
    let bytes = URL_SAFE_NO_PAD.decode(text)?;
    Ok(bytes.try_into().map_err(|_| "a key of another length")?)
}
