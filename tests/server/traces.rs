//! A collector of OpenTelemetry is told what took how long.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::support::{PATIENCE, Server, Tab, ring, talk};

/// What came, with the name of the node that sent it.
type Got = Arc<Mutex<Vec<(String, Span)>>>;

async fn take(State(got): State<Got>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let asked = ExportTraceServiceRequest::decode(body).expect("it is what it says");
    for of in asked.resource_spans {
        let resource = of.resource.expect("who sends it");
        let attribute = |key: &str| {
            let found = resource.attributes.iter().find(|a| a.key == key)?;
            match found.value.clone()?.value? {
                Any::StringValue(text) => Some(text),
                _ => None,
            }
        };
        assert_eq!(attribute("service.name").as_deref(), Some("tandem"));
        let node = attribute("service.instance.id").expect("which node");
        let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
        got.lock().expect("no panic").extend(spans.map(|span| (node.clone(), span)));
    }
    StatusCode::OK
}

async fn collector() -> (String, Got) {
    let got = Got::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1/traces", listener.local_addr().expect("bound"));
    let router = Router::new()
        .route("/v1/traces", axum::routing::post(take))
        .with_state(Arc::clone(&got));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    (url, got)
}

/// Waits for spans that fulfil something.
async fn wait_for(got: &Got, what: &str, is_it: impl Fn(&Span) -> bool) -> Span {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = got.lock().expect("no panic").iter().find(|(_, span)| is_it(span)).cloned();
        if let Some((_, span)) = found {
            return span;
        }
        assert!(Instant::now() < deadline, "no trace of {what}: {:#?}", got.lock());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn value(span: &Span, key: &str) -> Option<Any> {
    span.attributes.iter().find(|a| a.key == key)?.value.clone()?.value
}

fn text(span: &Span, key: &str) -> Option<String> {
    match value(span, key)? {
        Any::StringValue(text) => Some(text),
        _ => None,
    }
}

fn took(span: &Span) -> Duration {
    Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano)
}

#[tokio::test]
async fn a_call_is_told_of_from_the_command_to_the_media_and_requests_by_their_routes() {
    let (url, got) = collector().await;
    let server = Server::start_with(&[("TANDEM__TRACES__OTLP_URL", &url)]);
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    let (ringing, incoming) = ring(&mut ada, &mut bob).await;
    let call_id = ringing["call_id"].clone();
    bob.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    ada.expect("call_answered").await;
    bob.expect("call_answered").await;
    ada.send(json!({
        "type": "report_path", "room_id": ringing["room_id"], "path": "forwarded", "reason": "first_media", "protocol": "udp", "setup_ms": 7,
    }))
    .await;
    let call = wait_for(&got, "the call", |span| span.name == "call set-up").await;
    assert_eq!(text(&call, "tandem.call.id").as_deref(), call_id.as_str());
    assert_eq!(text(&call, "tandem.call.outcome").as_deref(), Some("answered"));
    assert!(call.parent_span_id.is_empty() && took(&call) < PATIENCE);
    for name in ["ring", "connect"] {
        let is_part = |span: &Span| span.name == name && span.parent_span_id == call.span_id;
        let part = wait_for(&got, name, is_part).await;
        assert_eq!(part.trace_id, call.trace_id);
        assert!(part.start_time_unix_nano >= call.start_time_unix_nano && part.end_time_unix_nano <= call.end_time_unix_nano);
    }
    let upgrade = wait_for(&got, "a websocket", |span| text(span, "http.route").as_deref() == Some("/ws")).await;
    assert_eq!(value(&upgrade, "http.response.status_code"), Some(Any::IntValue(101)));

    // One that is not answered is told of when it ends.
    ada.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    bob.expect("call_ended").await;
    let (_, incoming) = ring(&mut ada, &mut bob).await;
    bob.send(json!({ "type": "decline", "call_id": incoming["call_id"] })).await;
    let outcome = |span: &Span| text(span, "tandem.call.outcome").as_deref() == Some("declined");
    wait_for(&got, "the call that was declined", outcome).await;
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nobody_up() {
    // Nobody listens there.
    let server = Server::start_with(&[("TANDEM__TRACES__OTLP_URL", "http://127.0.0.1:1/v1/traces")]);
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    for _ in 0..5 {
        let call_id = talk(&mut ada, &mut bob).await;
        ada.send(json!({ "type": "hang_up", "call_id": call_id })).await;
        bob.expect("call_ended").await;
        ada.expect("call_ended").await;
    }
}
