//! The operator's API: who may, what it does to rooms and to the people in them, and how it refuses.

use serde_json::{Value, json};

use crate::support::{Server, Tab, talk};

const KEY: &str = "0123456789abcdef0123456789abcdef";

pub fn server() -> Server {
    Server::start_with(&[("TANDEM__API__KEYS", KEY)])
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

/// A request with the key, and with these headers beside it.
pub fn ask_with(server: &Server, method: &str, path: &str, headers: &str, body: Option<&Value>) -> Answer {
    let body = body.map(Value::to_string).unwrap_or_default();
    let typed = if body.is_empty() {
        ""
    } else {
        "content-type: application/json\r\n"
    };
    let (head, body) = server.request(&format!(
        "{method} /api/v1{path} HTTP/1.1\r\nhost: calls.example\r\nconnection: close\r\n{headers}{typed}content-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let status: u16 = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&body).expect("JSON")
    };
    if status >= 400 {
        assert!(
            head.to_lowercase().contains("content-type: application/problem+json"),
            "{head}"
        );
        assert_eq!(
            (body["status"].as_u64(), body["detail"].is_string()),
            (Some(status.into()), true),
            "{body}"
        );
    }
    Answer { status, head, body }
}

pub fn ask(server: &Server, method: &str, path: &str, body: Option<&Value>) -> Answer {
    ask_with(server, method, path, &format!("authorization: Bearer {KEY}\r\n"), body)
}

fn make(server: &Server, wish: &Value) -> Value {
    let made = ask(server, "POST", "/rooms", Some(wish));
    assert_eq!(made.status, 201, "{}", made.body);
    made.body
}

async fn join(tab: &mut Tab, link: &Value) -> Value {
    tab.send(json!({ "type": "join", "link_id": link })).await;
    tab.answer().await
}

#[test]
fn without_a_key_in_the_configuration_there_is_no_api_on_the_main_port() {
    let server = Server::start();
    let refused = ask(&server, "GET", "/rooms", None);
    assert_eq!(refused.status, 404);
    let document = ask(&server, "GET", "/openapi.json", None);
    assert_eq!((document.status, &document.body["openapi"]), (200, &json!("3.1.0")));
    // The operator's listener is this machine's alone.
    let (head, body) = server.ops("/api/v1/rooms");
    assert!(head.starts_with("HTTP/1.1 403"), "its host is x: {head} {body}");
    let (head, body) = server.operate("GET", "/api/v1/rooms", "host: 127.0.0.1:9464\r\n");
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    assert_eq!(body, r#"{"items":[]}"#);
    let (head, _) = server.operate("GET", "/api/v1/rooms", "host: localhost\r\norigin: http://localhost\r\n");
    assert!(head.starts_with("HTTP/1.1 403"), "a page: {head}");
}

#[test]
fn every_wrong_key_is_refused_alike() {
    let server = server();
    let mut bodies = Vec::new();
    for headers in [
        String::new(),
        "authorization: Bearer\r\n".to_owned(),
        format!("authorization: Bearer {}\r\n", &KEY[1..]),
        format!("authorization: Bearer {KEY}0\r\n"),
        format!("authorization: Basic {KEY}\r\n"),
    ] {
        for (method, path) in [("GET", "/rooms"), ("DELETE", "/rooms/0000000000000"), ("PUT", "/rooms")] {
            let refused = ask_with(&server, method, path, &headers, None);
            assert_eq!(refused.status, 401, "{headers}");
            assert!(
                refused.head.to_lowercase().contains("www-authenticate: bearer"),
                "{}",
                refused.head
            );
            bodies.push(refused.body);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(ask(&server, "GET", "/rooms", None).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_from_its_making_to_its_end() {
    let server = server();
    let room = make(&server, &json!({ "name": "Stand-up", "passphrase": "open sesame" }));
    let id = room["id"].as_str().expect("an id");
    assert_eq!(room["url"], json!(format!("http://calls.example/r/{id}")));
    assert_eq!((&room["has_passphrase"], &room["participants"]), (&json!(true), &json!(0)));
    let path = format!("/rooms/{id}");

    let mut ada = Tab::open(&server).await;
    assert_eq!(join(&mut ada, &room["id"]).await["code"], "passphrase_needed");
    ada.send(json!({ "type": "join", "link_id": id, "passphrase": "open sesame" }))
        .await;
    ada.expect("room_joined").await;
    let changed = ask(
        &server,
        "PATCH",
        &path,
        Some(&json!({ "name": "Daily", "passphrase": null, "lobby": false })),
    );
    assert_eq!(
        (changed.status, &changed.body["name"]),
        (200, &json!("Daily")),
        "{}",
        changed.body
    );
    assert_eq!(ada.expect("room_changed").await["room"]["name"], "Daily");
    let mut bob = Tab::open(&server).await;
    let joined = join(&mut bob, &room["id"]).await;
    assert_eq!(joined["type"], "room_joined", "it needs no pass phrase any more: {joined}");
    bob.send(json!({ "type": "publish", "room_id": joined["room"]["room_id"], "sources": ["microphone"] }))
        .await;
    ada.expect("participant_joined").await;
    ada.expect("participant_changed").await;

    let listed = ask(&server, "GET", &format!("{path}/participants"), None).body;
    let his = listed["items"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["user_id"] == bob.user_id().as_str());
    let his = his.expect("he is in it");
    assert_eq!((&his["sources"], &his["host"]), (&json!(["microphone"]), &json!(false)));
    let one = format!("{path}/participants/{}", his["id"].as_str().expect("an id"));
    let muted = ask(
        &server,
        "POST",
        &format!("{one}/mute"),
        Some(&json!({ "source": "microphone" })),
    );
    assert_eq!(muted.status, 204, "{}", muted.body);
    let told = bob.expect("muted").await;
    assert_eq!((&told["source"], &told["by"]), (&json!("microphone"), &Value::Null));
    assert_eq!(ask(&server, "DELETE", &one, None).status, 204);
    assert_eq!(bob.expect("room_left").await["reason"], "removed");
    assert_eq!(ask(&server, "DELETE", &one, None).status, 404);

    assert_eq!(ask(&server, "DELETE", &path, None).status, 204);
    assert_eq!(ada.expect("room_left").await["reason"], "closed");
    for method in ["GET", "DELETE"] {
        assert_eq!(ask(&server, method, &path, None).status, 404);
    }
    bob.send(json!({ "type": "join", "link_id": id })).await;
    assert_eq!(bob.expect("error").await["code"], "no_such_link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_can_be_ended_from_outside() {
    let server = server();
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut ada, &mut bob).await;
    let listed = ask(&server, "GET", "/rooms", None).body;
    let room = &listed["items"][0];
    assert_eq!(
        (&room["kind"], &room["participants"]),
        (&json!("call"), &json!(2)),
        "{listed}"
    );
    let path = format!("/rooms/{}", room["id"].as_str().expect("an id"));
    let lobby = ask(&server, "PATCH", &path, Some(&json!({ "lobby": true })));
    assert_eq!(lobby.status, 409);
    assert_eq!(ask(&server, "DELETE", &path, None).status, 204);
    for tab in [&mut ada, &mut bob] {
        assert_eq!(tab.expect("call_ended").await["reason"], "removed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_how_the_server_does_and_how_media_flows() {
    let server = server();
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    let status = ask(&server, "GET", "/status", None).body;
    assert_eq!(
        (&status["sessions"], &status["calls"], &status["draining"]),
        (&json!(2), &json!(0), &json!(false)),
        "{status}"
    );
    assert_eq!(status["workers"].as_array().map(Vec::len), Some(1), "{status}");
    talk(&mut ada, &mut bob).await;
    let status = ask(&server, "GET", "/status", None).body;
    assert_eq!(
        (&status["calls"], &status["participants"]),
        (&json!(1), &json!(2)),
        "{status}"
    );

    let room = ask(&server, "GET", "/rooms", None).body["items"][0].clone();
    let people = format!("/rooms/{}/participants", room["id"].as_str().expect("an id"));
    let listed = ask(&server, "GET", &people, None).body;
    assert!(listed["items"][0]["path"].is_null(), "nobody has said: {listed}");
    ada.send(json!({
        "type": "report_path", "room_id": room["room_id"], "path": "forwarded", "reason": "first_media", "protocol": "tcp", "relayed": true
    }))
    .await;
    bob.expect("path_changed").await;
    let listed = ask(&server, "GET", &people, None).body;
    let paths: Vec<&Value> = listed["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["path"])
        .collect();
    let said = json!({ "kind": "forwarded", "protocol": "tcp", "relayed": true, "reason": "first_media" });
    assert!(paths.contains(&&said) && paths.contains(&&Value::Null), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_outlives_the_process() {
    let mut server = server();
    let host = Tab::open(&server).await;
    let wish = json!({ "name": "Kept", "lobby": true, "host": host.user_id(), "expires_in_s": 600 });
    let room = make(&server, &wish);
    let path = format!("/rooms/{}", room["id"].as_str().expect("an id"));
    crate::support::settle(&server).await;
    server.kill_and_start();
    let kept = ask(&server, "GET", &path, None);
    assert_eq!(kept.status, 200, "{}", kept.body);
    assert_eq!(
        (&kept.body["name"], &kept.body["lobby"], &kept.body["host"]),
        (&json!("Kept"), &json!(true), &json!(host.user_id()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_user_is_out_over_a_restart_until_let_in_again() {
    let mut server = server();
    let mut ada = Tab::open(&server).await;
    let path = format!("/users/{}", ada.user_id());
    assert_eq!(
        ask(&server, "GET", "/users", None).body["items"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(ask(&server, "PUT", &format!("{path}/block"), None).status, 204);
    assert_eq!(ada.expect("error").await["code"], "not_allowed");
    assert!(ada.closed().await.is_some());
    let hello = json!({ "user": ada.credentials() });
    for _ in 0..2 {
        let (_, refused) = Tab::greet(&server, hello.clone()).await;
        assert_eq!(
            (&refused["type"], &refused["code"]),
            (&json!("error"), &json!("not_allowed")),
            "{refused}"
        );
        let seen = ask(&server, "GET", &path, None).body;
        assert!(
            seen["blocked_at_unix"].as_i64().is_some_and(|at| at > 1_600_000_000),
            "{seen}"
        );
        server.kill_and_start();
    }
    assert_eq!(ask(&server, "DELETE", &format!("{path}/block"), None).status, 204);
    let (_, welcome) = Tab::greet(&server, hello).await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    assert_eq!(ask(&server, "PUT", "/users/0000-0000-0000/block", None).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_listed_newest_first() {
    let server = server();
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    let mut made = Vec::new();
    for _ in 0..3 {
        let call = talk(&mut ada, &mut bob).await;
        ada.send(json!({ "type": "hang_up", "call_id": call })).await;
        ada.expect("call_ended").await;
        bob.expect("call_ended").await;
        ada.expect("history_changed").await;
        made.insert(0, call);
    }
    let first = ask(&server, "GET", "/calls?limit=2", None).body;
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let rest = ask(&server, "GET", &format!("/calls?limit=2&cursor={cursor}"), None).body;
    assert_eq!(rest["next_cursor"], Value::Null);
    let all: Vec<Value> = [first, rest]
        .iter()
        .flat_map(|part| part["items"].as_array().expect("a list").clone())
        .collect();
    assert_eq!(all.iter().map(|call| call["id"].clone()).collect::<Vec<_>>(), made);
    let call = &all[0];
    assert_eq!(
        (&call["caller_id"], &call["callee_id"], &call["reason"]),
        (&json!(ada.user_id()), &json!(bob.user_id()), &json!("hung_up"))
    );
    let count = |query: &str| {
        ask(&server, "GET", &format!("/calls?{query}"), None).body["items"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(count(&format!("user={}", bob.user_id())), Some(3));
    assert_eq!(count("user=0000-0000-0001"), Some(0));
    assert_eq!(count(&format!("since_ms={}", call["rang_at_ms"])), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_api_made_lets_its_user_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef").expect("written");
    let keys = format!("app:{}", file.display());
    let environment = [
        ("TANDEM__API__KEYS", KEY),
        ("TANDEM__AUTH__MODE", "token"),
        ("TANDEM__AUTH__KEYS", keys.as_str()),
    ];
    let server = Server::start_with(&environment);
    let room = make(&server, &json!({ "name": "Visit" }));
    let wish = json!({ "user": "ada@example.org", "name": "Ada", "room": room["id"] });
    let made = ask(&server, "POST", "/tokens", Some(&wish));
    assert_eq!(made.status, 201, "{}", made.body);
    let mut tab = Tab::hello(&server, json!({ "token": made.body["token"] })).await;
    assert_eq!(tab.welcome["name"], "Ada");
    assert_eq!(join(&mut tab, &room["id"]).await["type"], "room_joined");
    for (wish, status) in [
        (json!({ "user": "" }), 422),
        (json!({ "user": "a", "ttl_s": 0 }), 422),
        (json!({ "user": "a", "key": "none" }), 409),
    ] {
        assert_eq!(ask(&server, "POST", "/tokens", Some(&wish)).status, status, "{wish}");
    }
    let open = self::server();
    assert_eq!(ask(&open, "POST", "/tokens", Some(&json!({ "user": "a" }))).status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_server_takes_no_new_calls_until_it_is_not() {
    let server = server();
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut ada, &mut bob).await;
    let drained = ask(&server, "POST", "/drain", None);
    assert_eq!(
        (drained.status, &drained.body["draining"], &drained.body["calls"]),
        (200, &json!(true), &json!(1))
    );
    assert_eq!(ask(&server, "POST", "/rooms", Some(&json!({}))).status, 503);
    let again = ask(&server, "DELETE", "/drain", None).body;
    assert_eq!((&again["draining"], &again["participants"]), (&json!(false), &json!(2)));
    make(&server, &json!({}));
}

#[test]
fn what_does_not_fit_is_named() {
    let server = server();
    let path = format!("/rooms/{}", make(&server, &json!({}))["id"].as_str().expect("an id"));
    for (method, path, body, status, named) in [
        ("POST", "/rooms", json!({ "nam": "x" }), 422, "nam"),
        ("POST", "/rooms", json!({ "lobby": "yes" }), 422, "lobby"),
        ("POST", "/rooms", json!({ "name": "x".repeat(257) }), 422, "256"),
        ("POST", "/rooms", json!({ "passphrase": "" }), 422, "passphrase"),
        ("POST", "/rooms", json!({ "expires_in_s": 0 }), 422, "expires_in_s"),
        ("POST", "/rooms", json!({ "host": "nobody" }), 422, "host"),
        ("POST", "/rooms", json!([]), 422, ""),
        ("PATCH", path.as_str(), json!({ "locked": null }), 422, "locked"),
        ("PATCH", path.as_str(), json!({ "locked": true }), 409, "nobody"),
        ("PATCH", "/rooms/nothing", json!({}), 404, "room"),
        ("PUT", "/rooms", json!({}), 405, "method"),
        ("GET", "/nothing", json!({}), 404, "/nothing"),
        ("GET", "/rooms?limit=0", json!({}), 422, "limit"),
        ("GET", "/rooms?limit=x", json!({}), 422, "limit"),
        ("GET", "/rooms?cursor=x", json!({}), 422, "cursor"),
        ("GET", "/rooms?from=x", json!({}), 422, "from"),
    ] {
        let refused = ask(&server, method, path, Some(&body));
        assert_eq!(refused.status, status, "{method} {path} {body}: {}", refused.body);
        let detail = refused.body["detail"].as_str().expect("a sentence");
        assert!(detail.contains(named), "{detail:?} does not name {named:?}");
    }
    let key = format!("authorization: Bearer {KEY}\r\n");
    let plain = ask_with(&server, "POST", "/rooms", &key, None);
    assert_eq!(plain.status, 415);
    let large = ask(&server, "POST", "/rooms", Some(&json!({ "name": "x".repeat(70_000) })));
    assert_eq!(large.status, 413);
}

#[test]
fn a_list_is_read_in_parts() {
    let server = server();
    let mut made: Vec<String> = (0..5)
        .map(|_| make(&server, &json!({}))["id"].as_str().expect("an id").to_owned())
        .collect();
    made.sort_unstable();
    let mut seen = Vec::new();
    let mut path = "/rooms?limit=2".to_owned();
    loop {
        let part = ask(&server, "GET", &path, None).body;
        let items = part["items"].as_array().expect("a list");
        seen.extend(items.iter().map(|room| room["id"].as_str().expect("an id").to_owned()));
        match part["next_cursor"].as_str() {
            Some(cursor) => path = format!("/rooms?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
}

#[test]
fn a_request_that_is_sent_again_is_carried_out_once() {
    let server = server();
    let with = |key: &str| format!("authorization: Bearer {KEY}\r\nidempotency-key: {key}\r\n");
    let first = ask_with(&server, "POST", "/rooms", &with("one"), Some(&json!({ "name": "a" })));
    let again = ask_with(&server, "POST", "/rooms", &with("one"), Some(&json!({ "name": "a" })));
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.body, again.body);
    assert!(
        again.head.to_lowercase().contains("location: /api/v1/rooms/"),
        "{}",
        again.head
    );
    let other = ask_with(&server, "POST", "/rooms", &with("one"), Some(&json!({ "name": "b" })));
    assert_eq!(other.status, 422, "{}", other.body);
    let second = ask_with(&server, "POST", "/rooms", &with("two"), Some(&json!({ "name": "a" })));
    assert_ne!(first.body["id"], second.body["id"]);
    let bad = ask_with(&server, "POST", "/rooms", &with("with space"), Some(&json!({})));
    assert_eq!(bad.status, 422);
    assert_eq!(
        ask(&server, "GET", "/rooms", None).body["items"].as_array().map(Vec::len),
        Some(2)
    );
}
