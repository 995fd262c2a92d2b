//! What outlives websockets, pages and the process; and what is limited.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::bed::{Bed, on_both};
use crate::support::{PATIENCE, Server, Tab, ring, settle, talk};

on_both!(
    a_page_that_is_loaded_again_is_told_its_call,
    sessions_and_answered_calls_survive_a_kill,
    a_ringing_call_is_gone_after_a_kill_and_may_be_made_again,
);

async fn a_page_that_is_loaded_again_is_told_its_call(bed: &Bed) {
    let server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut a, &mut b).await;
    b.leave().await;
    let welcome = b.come_back(&server).await;
    let call = &welcome["call"];
    assert_eq!(
        (&call["state"], &call["call_id"]),
        (&json!("answered"), &call_id),
        "{welcome}"
    );
    assert_eq!(
        (&call["polite"], &call["outgoing"], &call["attempt"]),
        (&json!(true), &json!(false), &json!(0))
    );
    assert_eq!(call["user"]["user_id"], a.user_id());
    b.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    assert_eq!(a.expect("call_ended").await["reason"], "hung_up");
    assert_eq!(server.metric("tandem_call_ended_total{reason=\"connection_lost\"}"), 0.0);
}

#[tokio::test]
async fn a_closed_page_ends_the_call_after_5_s() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    let left = Instant::now();
    b.leave().await;
    while left.elapsed() < Duration::from_secs(4) {
        assert_eq!(a.count("call_ended").await, 0);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    loop {
        if a.count("call_ended").await > 0 {
            break;
        }
        assert!(left.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(a.expect("participant_changed").await["participant"]["reconnecting"], true);
    assert_eq!(a.expect("call_ended").await["reason"], "connection_lost");
}

#[tokio::test]
async fn a_silent_websocket_in_a_call_is_closed_after_3_s() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    let silent = Instant::now();
    while silent.elapsed() < Duration::from_millis(2500) {
        assert_eq!(a.count("participant_changed").await, 0);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(b.closed().await, Some(1008));
    assert_eq!(a.expect("participant_changed").await["participant"]["reconnecting"], true);
    assert!(silent.elapsed() < Duration::from_millis(4500), "{:?}", silent.elapsed());
}

async fn sessions_and_answered_calls_survive_a_kill(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut a, &mut b).await;
    let boot = a.welcome["boot_id"].clone();
    settle(&server).await;
    server.kill_and_start();
    for tab in [&mut a, &mut b] {
        let session = tab.welcome["session_id"].clone();
        let welcome = tab.come_back(&server).await;
        assert_ne!(welcome["boot_id"], boot);
        assert_eq!(welcome["session_id"], session);
        assert_eq!(welcome["call"]["call_id"], call_id, "{welcome}");
    }
    assert_eq!(server.metric("tandem_calls{state=\"answered\"}"), 1.0);
    b.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    assert_eq!(a.expect("call_ended").await["reason"], "hung_up");
    assert_eq!(b.expect("call_ended").await["reason"], "hung_up");
    // Said again, because nobody knows what the old process took.
    b.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    assert_eq!(b.count("error").await, 0);
    settle(&server).await;
    server.kill_and_start();
    assert!(a.come_back(&server).await["call"].is_null(), "what is over stays over");
    assert_eq!(server.metric("tandem_calls{state=\"answered\"}"), 0.0);
}

async fn a_ringing_call_is_gone_after_a_kill_and_may_be_made_again(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    ring(&mut a, &mut b).await;
    settle(&server).await;
    server.kill_and_start();
    for tab in [&mut a, &mut b] {
        assert!(tab.come_back(&server).await["call"].is_null());
    }
    talk(&mut a, &mut b).await;
}

#[tokio::test]
async fn frames_are_limited_in_two_steps() {
    let server = Server::start();
    let mut a = Tab::open(&server).await;
    a.send_raw(Message::text("x".repeat(81 * 1024))).await;
    assert_eq!(a.expect("error").await["code"], "too_large");
    assert_eq!(a.count("error").await, 0, "the session goes on");
    a.send_raw(Message::text("x".repeat(1 << 20))).await;
    a.closed().await;
    assert_eq!(server.metric("tandem_limit_reached_total{limit=\"frame_bytes\"}"), 2.0);
}

#[tokio::test]
async fn the_rate_of_commands_is_limited() {
    let server = Server::start();
    let mut a = Tab::open(&server).await;
    for _ in 0..250 {
        a.send_raw(Message::text(json!({ "ref": 1, "type": "ping" }).to_string()))
            .await;
    }
    // The burst, then patience, then the end.
    a.closed().await;
    assert!(server.metric("tandem_limit_reached_total{limit=\"command_rate\"}") > 90.0);
}

#[tokio::test]
async fn sessions_are_limited_for_a_user_and_in_total() {
    let limits = [("TANDEM__LIMITS__SESSIONS_PER_USER", "2"), ("TANDEM__LIMITS__SESSIONS", "3")];
    let server = Server::start_with(&limits);
    let a = Tab::open(&server).await;
    let _beside = Tab::beside(&server, &a).await;
    let (_, answer) = Tab::greet(&server, json!({ "user": a.credentials() })).await;
    assert_eq!(answer["code"], "rate_limited");
    let _b = Tab::open(&server).await;
    let (_, answer) = Tab::greet(&server, json!({})).await;
    assert_eq!(answer["code"], "rate_limited");
    for limit in ["sessions_per_user", "sessions"] {
        let series = format!("tandem_limit_reached_total{{limit=\"{limit}\"}}");
        assert_eq!(server.metric(&series), 1.0, "{limit}");
    }
}

#[tokio::test]
async fn an_address_has_so_many_websockets() {
    let server = Server::start_with(&[("TANDEM__LIMITS__WEBSOCKETS_PER_ADDRESS", "2")]);
    let first = Tab::connect_from(&server, "127.0.0.2").await.expect("the first");
    let _second = Tab::connect_from(&server, "127.0.0.2").await.expect("the second");
    assert_eq!(Tab::connect_from(&server, "127.0.0.2").await.err(), Some(429));
    let _other = Tab::connect_from(&server, "127.0.0.3").await.expect("another address");
    first.vanish();
    let freed = Instant::now();
    while Tab::connect_from(&server, "127.0.0.2").await.is_err() {
        assert!(freed.elapsed() < PATIENCE, "a closed websocket makes room");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(server.metric("tandem_limit_reached_total{limit=\"websockets_per_address\"}") >= 1.0);
}

#[tokio::test]
async fn an_address_makes_so_many_users_and_keeps_so_many_websockets_waiting() {
    let server = Server::start();
    let mut refused = 0;
    for _ in 0..70 {
        let mut tab = Tab::connect_from(&server, "127.0.0.2").await.expect("it is let in");
        tab.send(json!({ "type": "hello", "protocol": 1 })).await;
        let answer = tab.next().await;
        refused += usize::from(answer["code"] == "rate_limited");
        tab.vanish();
    }
    assert!((1..=6).contains(&refused), "{refused} of 70 were refused");
    assert_eq!(
        server.metric("tandem_limit_reached_total{limit=\"users_per_address\"}"),
        refused as f64
    );
    let mut waiting = Vec::new();
    let refused = loop {
        match Tab::connect_from(&server, "127.0.0.3").await {
            Ok(tab) => waiting.push(tab),
            Err(status) => break status,
        }
    };
    assert_eq!((refused, waiting.len()), (429, 32));
    // None of them says hello in time.
    assert_eq!(tokio::time::timeout(PATIENCE * 2, waiting[0].closed()).await, Ok(Some(1008)));
    assert!(server.metric("tandem_limit_reached_total{limit=\"hello_time\"}") >= 1.0);
    assert_eq!(
        server.metric("tandem_limit_reached_total{limit=\"half_open_per_address\"}"),
        1.0
    );
}
