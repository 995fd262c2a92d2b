//! Identity that lasts, sessions that are resumed, and commands that make no sense.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Server, Tab, ring, talk};

#[tokio::test]
async fn an_id_and_its_name_survive_reloads_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path().to_owned(), &[]);
    let first = Tab::hello(&server, json!({ "name": "Ada" })).await;
    let id = first.user_id();
    assert!(id.len() == 14 && id.split('-').all(|group| group.len() == 4), "{id}");
    let again = Tab::beside(&server, &first).await;
    assert_eq!((again.user_id(), &again.welcome["name"]), (id.clone(), &json!("Ada")));
    assert_eq!(again.welcome.get("secret"), None, "a secret is shown once");
    drop(server);

    let server = Server::start_in(folder.path().to_owned(), &[]);
    let later = Tab::beside(&server, &first).await;
    assert_eq!((later.user_id(), &later.welcome["name"]), (id, &json!("Ada")));
}

#[tokio::test]
async fn a_name_is_changed_in_all_tabs_and_for_good() {
    let server = Server::start();
    let mut a = Tab::open(&server).await;
    let mut a2 = Tab::beside(&server, &a).await;
    a.send(json!({ "type": "set_name", "name": "  Grace  " })).await;
    assert_eq!(a.expect("name_changed").await["name"], "Grace");
    assert_eq!(a2.expect("name_changed").await["name"], "Grace");
    let a3 = Tab::beside(&server, &a).await;
    assert_eq!(a3.welcome["name"], "Grace");
}

#[tokio::test]
async fn a_wrong_secret_is_refused_like_an_unknown_id() {
    let server = Server::start();
    let a = Tab::open(&server).await;
    let mut answers = Vec::new();
    for user in [
        json!({ "user_id": a.user_id(), "secret": "wrong" }),
        json!({ "user_id": "0000-0000-0001", "secret": "wrong" }),
    ] {
        let (_, mut answer) = Tab::greet(&server, json!({ "user": user })).await;
        assert_eq!(answer["code"], "not_signed_in", "{answer}");
        answer.as_object_mut().unwrap().remove("seq");
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_resumed_session_gets_what_it_missed_once_and_in_order() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut a, &mut b).await;
    a.count("").await;
    let (resume, credentials, seq) = (a.resume(), a.credentials(), a.seq);
    a.vanish();
    b.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    b.expect("call_ended").await;

    let (mut a, welcome) = Tab::greet(&server, json!({ "user": credentials, "resume": resume })).await;
    assert_eq!(welcome["resumed"], true, "{welcome}");
    a.seq = seq;
    assert_eq!(a.expect("call_ended").await["call_id"], call_id);
    assert_eq!(a.count("call_ended").await, 0);
}

#[tokio::test]
async fn resuming_takes_the_session_from_its_old_websocket() {
    let server = Server::start();
    let mut a = Tab::open(&server).await;
    let (_, welcome) = Tab::greet(&server, json!({ "user": a.credentials(), "resume": a.resume() })).await;
    assert_eq!(welcome["resumed"], true);
    assert_eq!(a.closed().await, Some(4001));
}

#[tokio::test]
async fn a_hello_that_is_late_does_not_take_the_session_back() {
    let server = Server::start();
    let a = Tab::open(&server).await;
    let counted = |tries: u32| {
        let mut resume = a.resume();
        resume["tries"] = json!(tries);
        json!({ "user": a.credentials(), "resume": resume })
    };
    let (mut newer, welcome) = Tab::greet(&server, counted(3)).await;
    assert_eq!(welcome["resumed"], true);
    let mut late = Tab::connect(&server).await;
    let mut hello = counted(2);
    (hello["type"], hello["protocol"]) = (json!("hello"), json!(1));
    late.send(hello).await;
    assert_eq!(late.closed().await, Some(4001));
    newer.send(json!({ "type": "ping" })).await;
    newer.expect("pong").await;
}

#[tokio::test]
async fn a_foreign_resume_secret_gives_a_new_session() {
    let server = Server::start();
    let (a, b) = (Tab::open(&server).await, Tab::open(&server).await);
    let (_, welcome) = Tab::greet(&server, json!({ "user": b.credentials(), "resume": a.resume() })).await;
    assert_eq!((&welcome["type"], &welcome["resumed"]), (&json!("welcome"), &json!(false)));
    assert_ne!(welcome["session_id"], a.welcome["session_id"]);
}

#[tokio::test]
async fn a_command_sent_twice_is_carried_out_once() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    ring(&mut a, &mut b).await;
    let again = json!({ "ref": 2, "type": "call", "user_id": b.user_id() });
    a.send_raw(Message::text(again.to_string())).await;
    a.send_raw(Message::text(json!({ "ref": 900, "type": "ping" }).to_string()))
        .await;
    a.expect("pong").await;
    assert_eq!(b.count("incoming_call").await, 0);
}

#[tokio::test]
async fn nonsense_gets_a_typed_error_and_costs_nothing() {
    let server = Server::start();
    let mut a = Tab::open(&server).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for bad in [
        "",
        "{",
        "null",
        "[]",
        "{\"type\":\"call\"}",
        "{\"ref\":7,\"type\":\"dance\"}",
        "{\"ref\":8,\"type\":\"call\",\"user_id\":\"me\"}",
        "{\"ref\":-1,\"type\":\"ping\"}",
        "{\"ref\":99999999999999999999,\"type\":\"ping\"}",
        "{\"ref\":9,\"type\":\"set_name\",\"name\":\"\\ud800\"}",
        &deep[..40_000],
    ] {
        a.send_raw(Message::text(bad)).await;
        let error = a.expect("error").await;
        assert_eq!(error["code"], "bad_command", "{bad:.40} gave {error}");
        assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()));
    }
    a.count_from(100);
    a.send_raw(Message::binary(vec![0, 1, 2])).await;
    assert_eq!(a.expect("error").await["code"], "bad_command");
    assert_eq!(a.count("error").await, 0, "the session goes on");
}

#[tokio::test]
async fn hello_comes_first() {
    let server = Server::start();
    let mut tab = Tab::connect(&server).await;
    tab.send(json!({ "type": "ping" })).await;
    let error = tab.next().await;
    assert_eq!(error["code"], "not_signed_in", "{error}");
}

#[tokio::test]
async fn a_frame_beyond_the_limit_closes_the_websocket_and_nothing_else() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    a.send_raw(Message::text("x".repeat(1 << 20))).await;
    a.closed().await;
    assert_eq!(b.count("error").await, 0);
}
