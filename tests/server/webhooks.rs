//! The operator's application is told what happens: once, signed, and whatever becomes of the server or of another endpoint.

use std::collections::{BTreeSet, VecDeque};
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::api::ask;
use crate::bed::{Bed, on_both};
use crate::support::{PATIENCE, Server, Tab, talk};

on_both!(
    a_call_is_told_once_signed_and_in_order,
    a_kill_loses_nothing_that_was_acknowledged,
    what_no_endpoint_takes_is_a_dead_letter_and_the_other_endpoint_hears_all,
);

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A message as it came.
#[derive(Debug, Clone)]
struct Got {
    id: String,
    payload: Value,
}

impl Got {
    fn event(&self) -> &str {
        self.payload["type"].as_str().expect("a type")
    }
}

/// What it answers, one after the other; then 204. None: nothing at all.
type Answers = Arc<Mutex<VecDeque<Option<u16>>>>;

/// An application that is told.
struct Receiver {
    url: String,
    /// With the secret in base 64.
    secret_file: PathBuf,
    key: [u8; 32],
    got: Arc<Mutex<Vec<Got>>>,
    answers: Answers,
    serving: Option<tokio::task::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

#[derive(Clone)]
struct Desk {
    key: [u8; 32],
    got: Arc<Mutex<Vec<Got>>>,
    answers: Answers,
}

impl Receiver {
    /// One that nobody listens at yet.
    fn away() -> Receiver {
        let folder = tempfile::tempdir().expect("a folder");
        let key: [u8; 32] = rand::random();
        let secret_file = folder.path().join("secret");
        std::fs::write(&secret_file, format!("whsec_{}\n", STANDARD.encode(key))).expect("written");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("bound");
        Receiver {
            url: format!("http://{address}/tandem?from=calls"),
            secret_file,
            key,
            got: Arc::default(),
            answers: Arc::default(),
            serving: None,
            _folder: folder,
        }
    }

    async fn start() -> Receiver {
        let mut receiver = Receiver::away();
        receiver.listen().await;
        receiver
    }

    async fn listen(&mut self) {
        let address = self
            .url
            .trim_start_matches("http://")
            .split('/')
            .next()
            .expect("an address")
            .to_owned();
        let listener = TcpListener::bind(&address).await.expect("the port is free");
        let desk = Desk {
            key: self.key,
            got: Arc::clone(&self.got),
            answers: Arc::clone(&self.answers),
        };
        let router = Router::new().route("/tandem", axum::routing::post(take)).with_state(desk);
        self.serving = Some(tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves")
        }));
    }

    fn answers(&self, answers: &[Option<u16>]) {
        *self.answers.lock().expect("nobody panicked") = answers.iter().copied().collect();
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().expect("nobody panicked").clone()
    }

    fn events(&self) -> Vec<String> {
        self.got().iter().map(|got| got.event().to_owned()).collect()
    }

    /// Waits until so many have come.
    async fn until(&self, count: usize) -> Vec<Got> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let got = self.got();
            if got.len() >= count {
                return got;
            }
            assert!(Instant::now() < deadline, "{count} were expected: {:?}", self.events());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Takes a message, once it has looked at the signature with the code of the specification's text.
async fn take(State(desk): State<Desk>, headers: HeaderMap, body: String) -> StatusCode {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let mac = header("webhook-signature");
    let mac = STANDARD.decode(mac.strip_prefix("v1,").expect("a version")).expect("base 64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &desk.key);
    hmac::verify(&key, format!("{id}.{timestamp}.{body}").as_bytes(), &mac).expect("the signature is right");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let sent: u64 = timestamp.parse().expect("seconds");
    assert!(now.abs_diff(sent) <= 5, "{sent} is not {now}");
    assert_eq!(header("content-type"), "application/json");
    let payload = serde_json::from_str(&body).expect("JSON");
    desk.got.lock().expect("nobody panicked").push(Got { id, payload });
    let answer = desk.answers.lock().expect("nobody panicked").pop_front();
    match answer.unwrap_or(Some(204)) {
        Some(status) => StatusCode::from_u16(status).expect("a status"),
        None => pending().await,
    }
}

/// A server that tells these, and tries again soon.
fn start(bed: &Bed, receivers: &[&Receiver], attempts: &str) -> Server {
    let each: Vec<String> = receivers
        .iter()
        .map(|receiver| format!("{} {}", receiver.url, receiver.secret_file.display()))
        .collect();
    bed.start_with(&[
        ("TANDEM__WEBHOOKS__ENDPOINTS", each.join(",").as_str()),
        ("TANDEM__WEBHOOKS__TIMEOUT_S", "1"),
        ("TANDEM__WEBHOOKS__FIRST_RETRY_MS", "50"),
        ("TANDEM__WEBHOOKS__ATTEMPTS", attempts),
        ("TANDEM__API__KEYS", KEY),
    ])
}

async fn hang_up(tab: &mut Tab, call_id: &Value) {
    tab.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    tab.expect("call_ended").await;
}

async fn a_call_is_told_once_signed_and_in_order(bed: &Bed) {
    let receiver = Receiver::start().await;
    let server = start(bed, &[&receiver], "10");
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut ada, &mut bob).await;
    let room = ada.come_back(&server).await["call"]["room_id"].clone();
    ada.send(json!({ "type": "say", "room_id": room, "message_id": format!("{:013}", 1), "text": "between us" }))
        .await;
    ada.expect("message").await;
    hang_up(&mut bob, &call_id).await;
    ada.send(json!({ "type": "call", "user_id": "k7mq-2xwd-9hpt" })).await;
    ada.expect("call_ended").await;
    let bobs_id = bob.user_id();
    bob.leave().await;
    ada.send(json!({ "type": "call", "user_id": bobs_id })).await;
    let got = receiver.until(11).await;
    let mut events = receiver.events();
    events[6..10].sort();
    assert_eq!(
        events[..6],
        [
            "call.started",
            "call.answered",
            "room.started",
            "participant.joined",
            "participant.joined",
            "message.created"
        ]
    );
    assert_eq!(
        events[6..10],
        ["call.ended", "participant.left", "participant.left", "room.ended"]
    );
    assert_eq!(events[10], "call.ended", "of somebody who is not there: {events:?}");
    let ids: BTreeSet<&str> = got.iter().map(|got| got.id.as_str()).collect();
    assert_eq!(ids.len(), got.len(), "each was told once");
    let data = &got[0].payload["data"];
    assert_eq!(
        (
            &data["call_id"],
            &data["room_id"],
            &data["caller_id"],
            &data["callee_id"],
            &data["invitation"]
        ),
        (&call_id, &room, &json!(ada.user_id()), &json!(bobs_id), &json!(false))
    );
    assert!(
        got.iter().all(|got| !got.payload.to_string().contains("between us")),
        "texts stay here"
    );
    assert_eq!(got[5].payload["data"]["number"], 1);
    server.metric_becomes("tandem_webhooks_total{outcome=\"failed\"}", 0.0);
    server.metric_becomes("tandem_webhooks_waiting", 0.0);
}

async fn a_kill_loses_nothing_that_was_acknowledged(bed: &Bed) {
    let receiver = Receiver::start().await;
    let mut server = start(bed, &[&receiver], "10");
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut ada, &mut bob).await;
    let room = ada.come_back(&server).await["call"]["room_id"].clone();
    receiver.until(5).await;
    // From here on, nothing is taken.
    receiver.answers(&[Some(503); 100]);
    for number in 1..=20 {
        ada.send(json!({ "type": "say", "room_id": room, "message_id": format!("{number:013}"), "text": "hello" }))
            .await;
    }
    for _ in 1..=20 {
        ada.expect("message").await;
    }
    server.kill_and_start();
    receiver.answers(&[]);
    let deadline = Instant::now() + PATIENCE;
    let mut told = BTreeSet::new();
    while told.len() < 20 {
        assert!(Instant::now() < deadline, "{told:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let messages = receiver.got().into_iter().filter(|got| got.event() == "message.created");
        told = messages.map(|got| (got.payload["data"]["number"].as_u64(), got.id)).collect();
    }
    let numbers: Vec<u64> = told.iter().filter_map(|(number, _)| *number).collect();
    assert_eq!(
        numbers,
        (1..=20).collect::<Vec<u64>>(),
        "each has one id, however often it was sent"
    );
    // The call ends with its people, who do not come back.
    server.metric_becomes("tandem_webhooks_waiting", 0.0);
}

async fn what_no_endpoint_takes_is_a_dead_letter_and_the_other_endpoint_hears_all(bed: &Bed) {
    let mut away = Receiver::away();
    let silent = Receiver::start().await;
    silent.answers(&[None; 100]);
    let well = Receiver::start().await;
    let server = start(bed, &[&away, &silent, &well], "2");
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    let began = Instant::now();
    let call_id = talk(&mut ada, &mut bob).await;
    well.until(5).await;
    hang_up(&mut ada, &call_id).await;
    well.until(9).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "it waited for the others: {:?}",
        began.elapsed()
    );
    let dead = |of: &Receiver| {
        let listed = ask(&server, "GET", "/webhooks/dead?limit=100", None).body;
        let items = listed["items"].as_array().expect("a list").clone();
        items
            .into_iter()
            .filter(|one| one["endpoint"] == of.url)
            .collect::<Vec<Value>>()
    };
    let deadline = Instant::now() + PATIENCE;
    while dead(&away).len() < 9 {
        assert!(Instant::now() < deadline, "{:?}", dead(&away));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let letters = dead(&away);
    assert!(letters.iter().all(|one| one["attempts"] == 2), "{letters:?}");
    let error = letters[0]["error"].as_str().expect("a sentence");
    assert!(error.contains("cannot be reached"), "{error}");
    let page = ask(&server, "GET", "/webhooks/dead?limit=1", None).body;
    let next = page["next_cursor"].as_str().expect("there is more");
    let second = ask(&server, "GET", &format!("/webhooks/dead?limit=1&cursor={next}"), None).body;
    assert_ne!(page["items"][0]["id"], second["items"][0]["id"]);

    // One is tried again, and one is thrown away.
    away.listen().await;
    let path = |n: usize| format!("/webhooks/dead/{}", letters[n]["id"].as_str().expect("an id"));
    assert_eq!(ask(&server, "POST", &format!("{}/retry", path(0)), None).status, 202);
    let got = away.until(1).await;
    assert_eq!(
        (json!(got[0].id), &got[0].payload),
        (letters[0]["id"].clone(), &letters[0]["payload"])
    );
    assert_eq!(ask(&server, "POST", &format!("{}/retry", path(0)), None).status, 404);
    assert_eq!(ask(&server, "DELETE", &path(1), None).status, 204);
    assert_eq!(ask(&server, "DELETE", &path(1), None).status, 404);
    assert_eq!(dead(&away).len(), 7);
    assert!(server.metric("tandem_webhooks_total{outcome=\"dead\"}") >= 9.0);
    assert_eq!(server.metric("tandem_webhooks_total{outcome=\"delivered\"}"), 10.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_sent_again_with_its_id_before_what_comes_after_it() {
    let receiver = Receiver::start().await;
    receiver.answers(&[Some(500), Some(302), Some(204)]);
    let server = start(&Bed::sqlite(), &[&receiver], "10");
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut ada, &mut bob).await;
    let got = receiver.until(7).await;
    let events = receiver.events();
    assert_eq!(events[..4], ["call.started", "call.started", "call.started", "call.answered"]);
    assert!(got[..3].iter().all(|one| one.id == got[0].id), "{got:?}");
    server.metric_becomes("tandem_webhooks_total{outcome=\"delivered\"}", 5.0);
    assert_eq!(server.metric("tandem_webhooks_total{outcome=\"failed\"}"), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_gone_is_told_no_more_until_a_letter_is_tried_again() {
    let receiver = Receiver::start().await;
    receiver.answers(&[Some(410)]);
    let server = start(&Bed::sqlite(), &[&receiver], "10");
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut ada, &mut bob).await;
    receiver.until(1).await;
    server.said("says that it is gone", 1);
    hang_up(&mut ada, &call_id).await;
    crate::support::settle(&server).await;
    assert_eq!(receiver.got().len(), 1);
    let letter = ask(&server, "GET", "/webhooks/dead", None).body["items"][0].clone();
    assert_eq!(letter["error"], "the answer is 410 Gone");
    let path = format!("/webhooks/dead/{}/retry", letter["id"].as_str().expect("an id"));
    assert_eq!(ask(&server, "POST", &path, None).status, 202);
    receiver.until(2).await;
    talk(&mut ada, &mut bob).await;
    receiver.until(7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_taken_away_leaves_dead_letters_that_nobody_can_send() {
    let (first, second) = (Receiver::away(), Receiver::start().await);
    let mut server = start(&Bed::sqlite(), &[&first], "10");
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut ada, &mut bob).await;
    crate::support::settle(&server).await;
    let endpoint = format!("{} {}", second.url, second.secret_file.display());
    server.kill_and_start_with("TANDEM__WEBHOOKS__ENDPOINTS", &endpoint);
    let deadline = Instant::now() + PATIENCE;
    let letters = loop {
        let listed = ask(&server, "GET", "/webhooks/dead", None).body;
        let items = listed["items"].as_array().expect("a list").clone();
        if items.len() >= 5 {
            break items;
        }
        assert!(Instant::now() < deadline, "{items:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(letters[0]["error"], "the endpoint is not configured");
    let path = format!("/webhooks/dead/{}/retry", letters[0]["id"].as_str().expect("an id"));
    assert_eq!(ask(&server, "POST", &path, None).status, 409);
}
