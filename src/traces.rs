//! What took how long, as traces for a collector that speaks OTLP (D): the only file that knows OpenTelemetry. Each is told when it is
//! over. A thread of its own sends them in batches; what it has no room for is left out, and nobody waits for it. Without a collector all this
//! costs a look at one variable.

#![expect(
    clippy::disallowed_methods,
    reason = "a driver: it has the clocks, and a task for each batch"
)]

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use async_trait::async_trait;
use http_body_util::Full;
pub use opentelemetry::Value;
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context as Parent, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::config::TracesConfig;
use crate::fetch::Fetcher;

/// How often a batch is sent.
const SEND_EVERY: Duration = Duration::from_secs(1);

/// Traces that may wait to be sent. Those beyond are left out.
const WAITING_MAX: usize = 4096;

/// For how long a collector may take a batch, and for how long the end of the process waits for the last one.
const SEND_WITHIN: Duration = Duration::from_secs(2);

/// A collector answers with a few bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What is written of whatever went wrong.
const FAILURE_CHARS_MAX: usize = 200;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Something that is over, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub name: &'static str,
    pub began: Instant,
    pub took: Duration,
    /// Somebody else asked for it.
    pub is_asked: bool,
    /// By the names of OpenTelemetry's semantic conventions, or ours with `tandem.` before them. Ids may be here, names of people never.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why nothing came of it.
    pub failed: Option<String>,
    pub parts: Vec<Trace>,
}

impl Trace {
    /// Something that begins at this moment.
    pub fn begin(name: &'static str) -> Trace {
        Trace {
            name,
            began: Instant::now(),
            took: Duration::ZERO,
            is_asked: false,
            attributes: Vec::new(),
            failed: None,
            parts: Vec::new(),
        }
    }

    /// It is over at this moment; how long it took.
    pub fn end(&mut self) -> Duration {
        self.took = self.began.elapsed();
        self.took
    }
}

/// Whether anybody is told.
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

/// Tells the collector, if there is one.
pub fn tell(trace: &Trace) {
    if let Some(tracer) = TRACER.get() {
        send(tracer, trace, &Parent::new(), Instant::now(), SystemTime::now());
    }
}

fn send(tracer: &SdkTracer, trace: &Trace, parent: &Parent, now: Instant, today: SystemTime) {
    // Its beginning by the calendar, as the calendar is now.
    let began = today - now.saturating_duration_since(trace.began);
    let attributes = trace.attributes.iter().map(|(key, value)| KeyValue::new(*key, value.clone()));
    let kind = if trace.is_asked {
        SpanKind::Server
    } else {
        SpanKind::Internal
    };
    let mut span = tracer
        .span_builder(trace.name)
        .with_kind(kind)
        .with_start_time(began)
        .with_attributes(attributes)
        .start_with_context(tracer, parent);
    if let Some(why) = &trace.failed {
        span.set_status(Status::error(why.chars().take(FAILURE_CHARS_MAX).collect::<String>()));
    }
    let inside = parent.with_remote_span_context(span.span_context().clone());
    for part in &trace.parts {
        send(tracer, part, &inside, now, today);
    }
    span.end_with_timestamp(began + trace.took);
}

/// Sends what still waits when it is stopped.
pub struct Sending {
    provider: Option<SdkTracerProvider>,
}

impl Sending {
    /// Blocks for as long as the collector takes, at most two seconds.
    pub fn stop(self) {
        if let Some(provider) = self.provider {
            // Whoever does not take the last of it does without.
            let _ = provider.shutdown_with_timeout(SEND_WITHIN);
        }
    }
}

/// Begins to tell a collector. To be called once, on the tokio runtime.
///
/// # Errors
/// The authority's file cannot be read, or the URL is none.
pub fn start(config: &TracesConfig, node: &str) -> anyhow::Result<Sending> {
    let Some(url) = &config.otlp_url else {
        return Ok(Sending { provider: None });
    };
    let fetcher = Fetcher::new(config.authority.as_deref()).context("traces.ca")?;
    let client = Client {
        fetcher,
        runtime: Handle::current(),
        fails: Arc::new(AtomicBool::new(false)),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(url.as_str())
        .with_timeout(SEND_WITHIN)
        .build()
        .context("traces.otlp_url")?;
    let batches = BatchConfigBuilder::default()
        .with_scheduled_delay(SEND_EVERY)
        .with_max_queue_size(WAITING_MAX)
        .build();
    let resource = Resource::builder()
        .with_service_name("tandem")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", node.to_owned()))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .build();
    // A second start in one process would be a fault of ours, and changes nothing.
    let _ = TRACER.set(provider.tracer("tandem"));
    Ok(Sending {
        provider: Some(provider),
    })
}

/// Our own requests, for a thread that is none of the runtime's.
#[derive(Clone)]
struct Client {
    fetcher: Fetcher,
    runtime: Handle,
    fails: Arc<AtomicBool>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let fetcher = self.fetcher.clone();
        let sending = self.runtime.spawn(async move {
            let exchange = fetcher.exchange(request.map(Full::new), ANSWER_BYTES_MAX);
            tokio::time::timeout(SEND_WITHIN, exchange)
                .await
                .map_err(|_| "no answer in time")?
        });
        let answer = sending.await.unwrap_or_else(|error| Err(error.into()));
        let failure = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the answer is {}", answer.status())),
            Err(error) => Some(error.to_string()),
        };
        let failed = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !failed => tracing::warn!(error, "traces are not taken: those of this time are lost"),
            None if failed => tracing::info!("traces are taken again"),
            Some(_) | None => {}
        }
        answer
    }
}
