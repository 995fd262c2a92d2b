//! Who has no page open is told what they missed: by a push service that the test runs, which reads what it got as a browser would.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::bed::{Bed, on_both};
use crate::support::{PATIENCE, Server, Tab, settle, talk};

on_both!(
    a_missed_call_reaches_whoever_has_no_page_open_also_after_a_kill,
    what_a_service_had_not_taken_is_sent_after_a_kill,
    whoever_is_blocked_reaches_nobody_and_a_browser_that_is_gone_is_forgotten,
);

/// A browser with its push service.
struct Browser {
    endpoint: String,
    key: Arc<PrivateKey>,
    auth: [u8; 16],
    got: Arc<Mutex<Vec<Push>>>,
    answer: Arc<Mutex<u16>>,
    serving: tokio::task::JoinHandle<()>,
}

/// A message, as it came and as the browser reads it.
#[derive(Debug, Clone)]
struct Push {
    headers: HeaderMap,
    text: Value,
}

impl Push {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

#[derive(Clone)]
struct Service {
    key: Arc<PrivateKey>,
    auth: [u8; 16],
    got: Arc<Mutex<Vec<Push>>>,
    answer: Arc<Mutex<u16>>,
}

impl Browser {
    async fn start() -> Browser {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}/push", listener.local_addr().expect("bound"));
        let key = Arc::new(PrivateKey::generate(&ECDH_P256).expect("a key"));
        let (got, answer) = (Arc::default(), Arc::new(Mutex::new(201)));
        let auth = rand::random();
        let service = Service {
            key: Arc::clone(&key),
            auth,
            got: Arc::clone(&got),
            answer: Arc::clone(&answer),
        };
        let router = Router::new().route("/push", axum::routing::post(take)).with_state(service);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Browser {
            endpoint,
            key,
            auth,
            got,
            answer,
            serving,
        }
    }

    fn subscription(&self) -> Value {
        let public = self.key.compute_public_key().expect("a key");
        json!({
            "type": "subscribe_push",
            "endpoint": self.endpoint,
            "p256dh": URL_SAFE_NO_PAD.encode(public.as_ref()),
            "auth": URL_SAFE_NO_PAD.encode(self.auth),
        })
    }

    fn got(&self) -> Vec<Push> {
        self.got.lock().expect("nobody panicked").clone()
    }

    async fn until(&self, count: usize) -> Vec<Push> {
        let deadline = Instant::now() + PATIENCE;
        while self.got().len() < count {
            assert!(Instant::now() < deadline, "{count} were expected: {:?}", self.got());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.got()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(service): State<Service>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = open(&service.key, &service.auth, &body);
    let text = serde_json::from_slice(&text).expect("JSON");
    service.got.lock().expect("nobody panicked").push(Push { headers, text });
    StatusCode::from_u16(*service.answer.lock().expect("nobody panicked")).expect("a status")
}

/// RFC 5869, for no more than 32 bytes.
fn hkdf(salt: &[u8], secret: &[u8], info: &[u8]) -> Vec<u8> {
    let pseudorandom = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), secret);
    let key = hmac::Key::new(hmac::HMAC_SHA256, pseudorandom.as_ref());
    hmac::sign(&key, &[info, &[1]].concat()).as_ref().to_vec()
}

/// RFC 8291 section 3.4, as a browser does it.
fn open(key: &PrivateKey, auth: &[u8], body: &[u8]) -> Vec<u8> {
    let (salt, rest) = body.split_at(16);
    let (size, rest) = rest.split_at(4);
    assert_eq!(size, 4096u32.to_be_bytes());
    let (length, rest) = rest.split_at(1);
    assert_eq!(length, [65]);
    let (theirs, record) = rest.split_at(65);
    let public = key.compute_public_key().expect("a key");
    let info = [b"WebPush: info\0", public.as_ref(), theirs].concat();
    let shared = agree(key, UnparsedPublicKey::new(&ECDH_P256, theirs), (), |shared| {
        Ok(hkdf(auth, shared, &info))
    });
    let shared = shared.expect("their key is on the curve");
    let key = hkdf(salt, &shared, b"Content-Encoding: aes128gcm\0");
    let nonce = hkdf(salt, &shared, b"Content-Encoding: nonce\0");
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).expect("a key"));
    let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).expect("a nonce");
    let mut record = record.to_vec();
    let plain = key
        .open_in_place(nonce, Aad::empty(), &mut record)
        .expect("it was meant for this browser");
    let (last, text) = plain.split_last().expect("a delimiter");
    assert_eq!(*last, 2);
    text.to_vec()
}

fn start(bed: &Bed) -> Server {
    bed.start_with(&[
        ("TANDEM__PUSH__ALLOWED_HOSTS", "127.0.0.1"),
        ("TANDEM__PUSH__CONTACT", "mailto:admin@example.org"),
        ("TANDEM__CALLS__RESUME_TIMEOUT_S", "4"),
    ])
}

async fn subscribe(tab: &mut Tab, subscription: Value) {
    tab.send(subscription).await;
    tab.expect("push_subscribed").await;
}

/// Ada has a name, and Bob wants to be told by his browser.
async fn ada_and_bob(server: &Server, browser: &Browser) -> (Tab, Tab) {
    let (mut ada, mut bob) = (Tab::open(server).await, Tab::open(server).await);
    ada.send(json!({ "type": "set_name", "name": "Ada" })).await;
    ada.expect("name_changed").await;
    subscribe(&mut bob, browser.subscription()).await;
    (ada, bob)
}

async fn call_in_vain(tab: &mut Tab, user: &str) {
    tab.send(json!({ "type": "call", "user_id": user })).await;
    assert_eq!(tab.expect("call_ended").await["reason"], "unreachable");
}

/// Waits until the hub knows that nobody is at a user's page.
async fn gone(tab: &mut Tab, server: &Server) {
    let before = server.metric("tandem_websockets");
    tab.leave().await;
    server.metric_becomes("tandem_websockets", before - 1.0);
}

async fn a_missed_call_reaches_whoever_has_no_page_open_also_after_a_kill(bed: &Bed) {
    let browser = Browser::start().await;
    let mut server = start(bed);
    let (mut ada, mut bob) = ada_and_bob(&server, &browser).await;
    // With a page open, a call that is missed is on that page.
    let (ringing, _) = crate::support::ring(&mut ada, &mut bob).await;
    ada.send(json!({ "type": "cancel", "call_id": ringing["call_id"] })).await;
    assert_eq!(ada.expect("call_ended").await["reason"], "cancelled");
    assert_eq!(bob.expect("history_changed").await["row"]["missed"], true);
    gone(&mut bob, &server).await;
    call_in_vain(&mut ada, &bob.user_id()).await;
    let got = browser.until(1).await;
    assert_eq!(got.len(), 1, "{got:?}");
    let push = &got[0];
    assert_eq!(
        (&push.text["type"], &push.text["user"]),
        (&json!("missed_call"), &json!({ "user_id": ada.user_id(), "name": "Ada" }))
    );
    assert_eq!(
        (push.header("content-encoding"), push.header("urgency"), push.header("ttl")),
        ("aes128gcm", "high", "86400")
    );
    assert_eq!(push.header("topic").len(), 32);
    // Who sends it can be checked, and is who the page was told.
    let (_, about) = server.get("/api/v1/server");
    let about: Value = serde_json::from_str(&about).expect("JSON");
    let (token, public) = push
        .header("authorization")
        .strip_prefix("vapid t=")
        .and_then(|rest| rest.split_once(", k="))
        .expect("RFC 8292");
    assert_eq!(about["push_key"], public);
    let point = URL_SAFE_NO_PAD.decode(public).expect("base 64");
    let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[browser.endpoint.trim_end_matches("/push")]);
    let key = DecodingKey::from_ec_components(&x, &y).expect("a point");
    let claims = decode::<Value>(token, &key, &validation).expect("signed").claims;
    assert_eq!(claims["sub"], "mailto:admin@example.org");

    settle(&server).await;
    server.kill_and_start();
    let mut ada = Tab::hello(&server, json!({ "user": ada.credentials() })).await;
    // It rings until Bob's page, which may be on its way back, has had its time.
    call_in_vain(&mut ada, &bob.user_id()).await;
    let got = browser.until(2).await;
    assert!(got[1].header("authorization").ends_with(public), "the key stays");
    // And the next page that is opened shows it.
    let bob = Tab::hello(&server, json!({ "user": bob.credentials() })).await;
    assert_eq!(bob.welcome["missed"], 3);
}

async fn what_a_service_had_not_taken_is_sent_after_a_kill(bed: &Bed) {
    let browser = Browser::start().await;
    let mut server = start(bed);
    let (mut ada, mut bob) = ada_and_bob(&server, &browser).await;
    gone(&mut bob, &server).await;
    // It is busy, and would be asked again in two seconds.
    *browser.answer.lock().expect("nobody panicked") = 503;
    call_in_vain(&mut ada, &bob.user_id()).await;
    let refused = browser.until(1).await;
    server.signal("STOP");
    *browser.answer.lock().expect("nobody panicked") = 201;
    server.kill_and_start();
    let got = browser.until(2).await;
    assert_eq!(got[1].text, refused[0].text);
    assert_eq!(got[1].text["user"]["name"], "Ada");
    server.metric_becomes("tandem_push_total{outcome=\"delivered\"}", 1.0);
    assert_eq!(browser.got().len(), 2);
}

async fn whoever_is_blocked_reaches_nobody_and_a_browser_that_is_gone_is_forgotten(bed: &Bed) {
    let browser = Browser::start().await;
    let server = start(bed);
    let (mut ada, mut bob, mut eve) = (Tab::open(&server).await, Tab::open(&server).await, Tab::open(&server).await);
    subscribe(&mut bob, browser.subscription()).await;
    bob.send(json!({ "type": "block", "user_id": eve.user_id(), "name": "Eve" }))
        .await;
    bob.expect("blocked").await;
    gone(&mut bob, &server).await;
    let of_bob = || {
        let output = server.command().args(["export", &bob.user_id()]).output().expect("it runs");
        let exported: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        exported["push"].clone()
    };
    assert_eq!(of_bob()[0]["endpoint"], browser.endpoint.as_str());
    call_in_vain(&mut eve, &bob.user_id()).await;
    *browser.answer.lock().expect("nobody panicked") = 410;
    call_in_vain(&mut ada, &bob.user_id()).await;
    let got = browser.until(1).await;
    assert_eq!(got[0].text["user"]["user_id"], ada.user_id().as_str(), "nothing of Eve");
    server.metric_becomes("tandem_push_total{outcome=\"ended\"}", 1.0);
    assert_eq!(of_bob(), json!([]));
    call_in_vain(&mut ada, &bob.user_id()).await;
    settle(&server).await;
    assert_eq!(browser.got().len(), 1);
}

#[tokio::test]
async fn a_message_reaches_whoever_lost_their_page_in_a_call() {
    let browser = Browser::start().await;
    let server = start(&Bed::sqlite());
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    subscribe(&mut bob, browser.subscription()).await;
    talk(&mut ada, &mut bob).await;
    let room = ada.come_back(&server).await["call"]["room_id"].clone();
    let say =
        |number: u64| json!({ "type": "say", "room_id": room, "message_id": format!("{number:013}"), "text": "are you there?" });
    ada.send(say(1)).await;
    bob.expect("message").await;
    gone(&mut bob, &server).await;
    ada.send(say(2)).await;
    let got = browser.until(1).await;
    assert_eq!((&got[0].text["type"], &got[0].text["room_id"]), (&json!("message"), &room));
    assert!(
        !got[0].text.to_string().contains("are you there"),
        "what was written stays here"
    );
    assert_eq!(got[0].header("urgency"), "normal");
    assert_eq!(got.len(), 1);
}

#[tokio::test]
async fn nobody_aims_the_server_at_its_own_network_or_floods_another() {
    let browser = Browser::start().await;
    let server = Server::start();
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    let mut aim = browser.subscription();
    let port = browser
        .endpoint
        .trim_start_matches("http://127.0.0.1:")
        .trim_end_matches("/push");
    for endpoint in [
        browser.endpoint.clone(),
        format!("https://127.0.0.1:{port}/push"),
        "https://localhost/push".to_owned(),
        "https://[::1]/push".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        aim["endpoint"] = json!(endpoint);
        subscribe(&mut bob, aim.clone()).await;
    }
    for endpoint in [
        "javascript:alert(1)".to_owned(),
        format!("https://push.example/{}", "x".repeat(2000)),
    ] {
        aim["endpoint"] = json!(endpoint);
        bob.send(aim.clone()).await;
        assert_eq!(bob.next().await["type"], "error");
    }
    gone(&mut bob, &server).await;
    for _ in 0..5 {
        call_in_vain(&mut ada, &bob.user_id()).await;
    }
    server.metric_becomes("tandem_push_total{outcome=\"limited\"}", 2.0);
    server.metric_becomes("tandem_push_total{outcome=\"failed\"}", 15.0);
    assert!(browser.got().is_empty());
}
