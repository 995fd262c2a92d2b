//! Takes what waits in the store to the endpoints (D), one task each: a slow endpoint keeps nobody waiting but itself.

#![expect(clippy::disallowed_methods, reason = "a driver has the clock, tasks and randomness")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response, StatusCode, Uri, header};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::schedule::{HOLD_ATTEMPTS, WAIT_MAX, wait};
use super::signature::sign;
use super::{Endpoint, Webhooks};
use crate::clock;
use crate::config::{EndpointConfig, WebhooksConfig};
use crate::fetch::{AnyError, Connection, FetchError, Fetcher};
use crate::id::WebhookId;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError, WebhookRow};

/// Of an answer, whose body nobody reads: beyond it, the connection is not used again.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// For how long the rest of an answer is waited for.
const REST_WITHIN: Duration = Duration::from_secs(1);

/// After a failure of the store.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// How often it is looked at least how many wait, while messages are sent.
const SHOW_EVERY: Duration = Duration::from_secs(5);

/// Of the text that tells why a message was not taken.
const ERROR_CHARS_MAX: usize = 200;

/// The tasks. They end when this is dropped.
pub struct Couriers {
    _tasks: JoinSet<()>,
}

impl Couriers {
    /// Starts a task for each endpoint. What waits for an endpoint that is not in the configuration any more goes to the dead letters.
    ///
    /// # Errors
    /// What to trust cannot be read.
    pub fn start(
        webhooks: &Webhooks,
        config: &WebhooksConfig,
        store: &Store,
        metrics: &Arc<Metrics>,
    ) -> Result<Couriers, FetchError> {
        let fetcher = Fetcher::new(config.authority.as_deref())?.or_in_the_clear();
        let mut tasks = JoinSet::new();
        if !webhooks.is_none() {
            tasks.spawn(bury_orphans(webhooks.clone(), store.clone(), Arc::clone(metrics)));
        }
        for endpoint in webhooks.endpoints.iter() {
            let courier = Courier {
                endpoint: Arc::clone(endpoint),
                caller: Caller {
                    fetcher: fetcher.clone(),
                    timeout: config.timeout,
                    connection: None,
                },
                attempts_max: config.attempts,
                first_retry: config.first_retry,
                store: store.clone(),
                metrics: Arc::clone(metrics),
                waiting: 0,
                shown: Instant::now(),
            };
            tasks.spawn(courier.run());
        }
        Ok(Couriers { _tasks: tasks })
    }
}

async fn bury_orphans(webhooks: Webhooks, store: Store, metrics: Arc<Metrics>) {
    let bury = async || {
        for url in store.webhook_endpoints().await? {
            if webhooks.endpoints.iter().all(|endpoint| endpoint.config.url != url) {
                let count = store
                    .bury_webhooks_of(&url, clock::unix_ms(), "the endpoint is not configured")
                    .await?;
                metrics.webhooks.with_label_values(&["dead"]).inc_by(count);
                tracing::warn!(url = %without_query(&url), messages = count, "an endpoint is not configured any more: its messages are dead letters");
            }
        }
        Ok::<(), StoreError>(())
    };
    if let Err(error) = bury().await {
        metrics.store_failures.with_label_values(&["webhooks"]).inc();
        tracing::warn!(error = &error as &dyn Error, "webhooks not looked at");
    }
}

/// One endpoint's.
struct Courier {
    endpoint: Arc<Endpoint>,
    caller: Caller,
    attempts_max: u32,
    first_retry: Duration,
    store: Store,
    metrics: Arc<Metrics>,
    /// What the gauge was told of this endpoint, and when.
    waiting: i64,
    shown: Instant,
}

/// What is next for an endpoint.
enum Next {
    Send(WebhookRow),
    Wait(Duration),
    Nothing,
}

/// What came of an attempt.
enum Outcome {
    Taken,
    /// The endpoint wants no more.
    Gone,
    Failed {
        why: String,
        /// It said when to come again.
        not_before: Option<Duration>,
    },
}

impl Courier {
    async fn run(mut self) {
        let mut is_well = true;
        loop {
            match self.step().await {
                Ok(()) => is_well = true,
                Err(error) => {
                    self.metrics.store_failures.with_label_values(&["webhooks"]).inc();
                    if std::mem::take(&mut is_well) {
                        tracing::warn!(error = &error as &dyn Error, "webhooks wait for the store");
                    }
                    tokio::time::sleep(STORE_RETRY).await;
                }
            }
        }
    }

    /// Sends one message, or waits until there may be something to do.
    async fn step(&mut self) -> Result<(), StoreError> {
        match self.next().await? {
            Next::Send(row) => {
                if self.shown.elapsed() >= SHOW_EVERY {
                    self.show().await?;
                }
                self.deliver(row).await
            }
            Next::Wait(long) => {
                self.show().await?;
                // A message that comes meanwhile may be due before.
                let _ = timeout(long, self.endpoint.wake.notified()).await;
                Ok(())
            }
            Next::Nothing => {
                self.show().await?;
                self.endpoint.wake.notified().await;
                Ok(())
            }
        }
    }

    /// In their order, but for those that failed again and again: each of these when it is due.
    async fn next(&self) -> Result<Next, StoreError> {
        if !self.endpoint.enabled.load(Ordering::Relaxed) {
            return Ok(Next::Nothing);
        }
        let [first, aside] = self.store.next_webhooks(&self.endpoint.config.url, HOLD_ATTEMPTS).await?;
        let now_ms = clock::unix_ms();
        let mut soonest: Option<i64> = None;
        for row in [aside, first].into_iter().flatten() {
            if row.due_at_ms <= now_ms {
                return Ok(Next::Send(row));
            }
            soonest = Some(soonest.map_or(row.due_at_ms, |due| due.min(row.due_at_ms)));
        }
        Ok(match soonest {
            // The clock may have been put back.
            Some(due) => Next::Wait(Duration::from_millis((due - now_ms).unsigned_abs()).min(WAIT_MAX)),
            None => Next::Nothing,
        })
    }

    async fn deliver(&mut self, row: WebhookRow) -> Result<(), StoreError> {
        let outcome = self.caller.call(&self.endpoint.config, row.id, &row.payload).await;
        let count = |name| self.metrics.webhooks.with_label_values(&[name]).inc();
        let (why, not_before) = match outcome {
            Outcome::Taken => {
                count("delivered");
                return self.store.end_webhook(row.id).await;
            }
            Outcome::Gone => {
                count("failed");
                return self.disable().await;
            }
            Outcome::Failed { why, not_before } => {
                count("failed");
                (why, not_before)
            }
        };
        let failed = row.attempts.saturating_add(1);
        let url = without_query(&self.endpoint.config.url);
        tracing::debug!(url, webhook = %row.id, attempt = failed, why, "a webhook was not taken");
        if failed >= self.attempts_max {
            count("dead");
            tracing::warn!(url, webhook = %row.id, attempts = failed, why, "a webhook is a dead letter");
            return self
                .store
                .bury_webhook(row.id, failed, clock::unix_ms(), &why)
                .await
                .map(drop);
        }
        let long = wait(self.first_retry, failed, rand::random()).max(not_before.unwrap_or_default().min(WAIT_MAX));
        let due_at_ms = clock::unix_ms().saturating_add(i64::try_from(long.as_millis()).unwrap_or(i64::MAX));
        self.store.put_off_webhook(row.id, failed, due_at_ms).await
    }

    /// It said that it is gone: nothing more is sent to it until the next start, or until somebody tries one of its dead letters again.
    async fn disable(&mut self) -> Result<(), StoreError> {
        self.endpoint.enabled.store(false, Ordering::Relaxed);
        let url = &self.endpoint.config.url;
        let count = self
            .store
            .bury_webhooks_of(url, clock::unix_ms(), "the answer is 410 Gone")
            .await?;
        self.metrics.webhooks.with_label_values(&["dead"]).inc_by(count);
        tracing::warn!(url = %without_query(url), messages = count, "an endpoint of webhooks says that it is gone: it is told nothing more");
        Ok(())
    }

    async fn show(&mut self) -> Result<(), StoreError> {
        let count = self.store.waiting_webhooks(&self.endpoint.config.url).await?;
        self.metrics.webhooks_waiting.add(count - self.waiting);
        self.waiting = count;
        self.shown = Instant::now();
        Ok(())
    }
}

/// Speaks with one endpoint.
struct Caller {
    fetcher: Fetcher,
    timeout: Duration,
    /// Kept open from one message to the next.
    connection: Option<Connection<Full<Bytes>>>,
}

impl Caller {
    async fn call(&mut self, endpoint: &EndpointConfig, id: WebhookId, payload: &str) -> Outcome {
        let answer = timeout(self.timeout, self.send(endpoint, id, payload)).await;
        match answer {
            Ok(Ok((status, _))) if status.is_success() => Outcome::Taken,
            Ok(Ok((StatusCode::GONE, _))) => Outcome::Gone,
            Ok(Ok((status, headers))) => Outcome::Failed {
                why: format!("the answer is {status}"),
                not_before: retry_after(&headers),
            },
            Ok(Err(error)) => {
                self.connection = None;
                Outcome::Failed {
                    why: error.to_string().chars().take(ERROR_CHARS_MAX).collect(),
                    not_before: None,
                }
            }
            Err(_) => {
                self.connection = None;
                Outcome::Failed {
                    why: format!("no answer within {} s", self.timeout.as_secs()),
                    not_before: None,
                }
            }
        }
    }

    async fn send(
        &mut self,
        endpoint: &EndpointConfig,
        id: WebhookId,
        payload: &str,
    ) -> Result<(StatusCode, HeaderMap), AnyError> {
        let uri: Uri = endpoint.url.parse()?;
        if let Some(mut connection) = self.connection.take() {
            // Where the other side has closed it meanwhile, another is opened at once. Whoever got the message all the same knows its id.
            if let Ok(answer) = connection.send(request(endpoint, &uri, id, payload)?).await {
                return Ok(self.keep(connection, answer).await);
            }
        }
        let mut connection = self.fetcher.connect(&uri).await?;
        let answer = connection.send(request(endpoint, &uri, id, payload)?).await?;
        Ok(self.keep(connection, answer).await)
    }

    /// Keeps the connection, if the answer is short.
    async fn keep(&mut self, connection: Connection<Full<Bytes>>, answer: Response<Incoming>) -> (StatusCode, HeaderMap) {
        let (parts, body) = answer.into_parts();
        let rest = Limited::new(body, ANSWER_BYTES_MAX).collect();
        if matches!(timeout(REST_WITHIN, rest).await, Ok(Ok(_))) {
            self.connection = Some(connection);
        }
        (parts.status, parts.headers)
    }
}

fn request(endpoint: &EndpointConfig, uri: &Uri, id: WebhookId, payload: &str) -> Result<Request<Full<Bytes>>, AnyError> {
    let id = id.to_string();
    let timestamp = clock::unix_s();
    let request = Request::post(uri)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("tandem/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", &id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", sign(endpoint.key.bytes(), &id, timestamp, payload))
        .body(Full::new(Bytes::copy_from_slice(payload.as_bytes())))?;
    Ok(request)
}

/// RFC 9110 section 10.2.3, in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// For logs: an address may hold a secret behind its question mark.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
