//! Every outcome of a call, as two browsers see it.

use serde_json::json;

use crate::support::{Server, Tab, ring, talk};

/// Both are told the reason, once.
async fn ended(tabs: &mut [&mut Tab], reason: &str) {
    for tab in tabs {
        let event = tab.expect("call_ended").await;
        assert_eq!(event["reason"], reason, "{event}");
        assert_eq!(tab.count("call_ended").await, 0, "it ended twice");
    }
}

#[tokio::test]
async fn answered_and_hung_up_by_either() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    for caller_hangs_up in [true, false] {
        let call_id = talk(&mut a, &mut b).await;
        server.metric_becomes("tandem_calls{state=\"answered\"}", 1.0);
        let who = if caller_hangs_up { &mut a } else { &mut b };
        who.send(json!({ "type": "hang_up", "call_id": call_id })).await;
        ended(&mut [&mut a, &mut b], "hung_up").await;
    }
    server.metric_becomes("tandem_call_ended_total{reason=\"hung_up\"}", 2.0);
    server.metric_becomes("tandem_calls{state=\"answered\"}", 0.0);
}

#[tokio::test]
async fn both_learn_who_the_other_is_and_how_to_connect() {
    let server = Server::start();
    let mut a = Tab::hello(&server, json!({ "name": "Ada" })).await;
    let mut b = Tab::hello(&server, json!({ "name": "Bo\u{202e}b\n" })).await;
    let (ringing, incoming) = ring(&mut a, &mut b).await;
    assert_eq!(incoming["user"], json!({ "user_id": a.user_id(), "name": "Ada" }));
    assert_eq!(ringing["user"]["name"], "Bob", "control characters are stripped");
    assert_eq!(ringing["call_id"], incoming["call_id"]);
    b.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    let (at_a, at_b) = (a.expect("call_answered").await, b.expect("call_answered").await);
    assert_eq!(at_a["participants"][0]["participant_id"], at_b["participant_id"]);
    assert_eq!(at_b["participants"][0]["participant_id"], at_a["participant_id"]);
    assert_eq!((&at_a["direct"], &at_b["direct"]), (&json!(true), &json!(true)));
    assert_ne!(at_a["polite"], at_b["polite"], "one of them gives way");
}

#[tokio::test]
async fn always_through_the_server_keeps_addresses_from_the_other() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let to = b.user_id();
    a.send(json!({ "type": "call", "user_id": to, "always_through_server": true }))
        .await;
    let incoming = b.expect("incoming_call").await;
    b.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    let (at_a, at_b) = (a.expect("call_answered").await, b.expect("call_answered").await);
    assert_eq!((&at_a["direct"], &at_b["direct"]), (&json!(false), &json!(false)));
    // Even a page that does not care cannot send its candidates.
    b.send(json!({
        "type": "signal", "room_id": at_b["room_id"], "to": at_a["participant_id"],
        "signal": { "kind": "candidate", "generation": 1, "candidate": { "candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host" } },
    }))
    .await;
    assert_eq!(b.expect("error").await["code"], "not_allowed");
    assert_eq!(a.count("signaled").await, 0);
}

#[tokio::test]
async fn declined() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let (_, incoming) = ring(&mut a, &mut b).await;
    b.send(json!({ "type": "decline", "call_id": incoming["call_id"] })).await;
    ended(&mut [&mut a, &mut b], "declined").await;
}

#[tokio::test]
async fn cancelled() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let (ringing, _) = ring(&mut a, &mut b).await;
    server.metric_becomes("tandem_calls{state=\"ringing\"}", 1.0);
    a.send(json!({ "type": "cancel", "call_id": ringing["call_id"] })).await;
    ended(&mut [&mut a, &mut b], "cancelled").await;
}

#[tokio::test]
async fn no_answer() {
    let server = Server::start_with(&[("TANDEM__CALLS__RING_TIMEOUT_S", "1")]);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    ring(&mut a, &mut b).await;
    ended(&mut [&mut a, &mut b], "no_answer").await;
}

#[tokio::test]
async fn busy() {
    let server = Server::start();
    let (mut a, mut b, mut c) = (Tab::open(&server).await, Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    for target in [a.user_id(), b.user_id()] {
        c.send(json!({ "type": "call", "user_id": target })).await;
        ended(&mut [&mut c], "busy").await;
    }
    assert_eq!((a.count("incoming_call").await, b.count("incoming_call").await), (0, 0));
    assert_eq!((a.count("call_ended").await, b.count("call_ended").await), (0, 0));
}

#[tokio::test]
async fn offline_and_unknown_look_the_same() {
    let server = Server::start();
    let (mut a, b) = (Tab::open(&server).await, Tab::open(&server).await);
    let gone = b.user_id();
    b.vanish();
    server.metric_becomes("tandem_websockets", 1.0);
    let mut answers = Vec::new();
    for target in ["0000-0000-0001".to_owned(), gone] {
        a.send(json!({ "type": "call", "user_id": target })).await;
        let mut event = a.expect("call_ended").await;
        assert_eq!(event["reason"], "unreachable");
        for varies in ["call_id", "seq", "ref"] {
            event.as_object_mut().unwrap().remove(varies);
        }
        answers.push(event);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn glare_becomes_one_call() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let (to_a, to_b) = (a.user_id(), b.user_id());
    a.send(json!({ "type": "call", "user_id": to_b })).await;
    b.send(json!({ "type": "call", "user_id": to_a })).await;
    let (at_a, at_b) = (a.expect("call_answered").await, b.expect("call_answered").await);
    assert_eq!(at_a["call_id"], at_b["call_id"]);
    a.send(json!({ "type": "hang_up", "call_id": at_a["call_id"] })).await;
    ended(&mut [&mut a, &mut b], "hung_up").await;
}

#[tokio::test]
async fn all_tabs_ring_and_stop_when_one_answers() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let mut b2 = Tab::beside(&server, &b).await;
    let (_, incoming) = ring(&mut a, &mut b).await;
    b2.expect("incoming_call").await;
    b2.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    assert_eq!(b.expect("answered_elsewhere").await["call_id"], incoming["call_id"]);
    b2.expect("call_answered").await;
    a.expect("call_answered").await;
    b.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    assert_eq!(b.expect("error").await["code"], "not_allowed", "the call is taken");
}

#[tokio::test]
async fn calling_ones_own_id_rings_ones_other_tabs() {
    let server = Server::start();
    let mut a = Tab::open(&server).await;
    let mut a2 = Tab::beside(&server, &a).await;
    let me = a.user_id();
    a.send(json!({ "type": "call", "user_id": me })).await;
    let incoming = a2.expect("incoming_call").await;
    assert_eq!(a.count("incoming_call").await, 0, "the calling tab does not ring itself");
    a2.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    a.expect("call_answered").await;
    a2.expect("call_answered").await;
}

#[tokio::test]
async fn a_caller_who_vanishes_cancels_and_a_participant_who_vanishes_is_missed() {
    let server = Server::start_with(&[("TANDEM__CALLS__RESUME_TIMEOUT_S", "4")]);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    ring(&mut a, &mut b).await;
    a.vanish();
    ended(&mut [&mut b], "cancelled").await;

    let mut c = Tab::open(&server).await;
    talk(&mut c, &mut b).await;
    c.vanish();
    let changed = b.expect("participant_changed").await;
    assert_eq!(changed["participant"]["reconnecting"], true, "{changed}");
    ended(&mut [&mut b], "connection_lost").await;
}

#[tokio::test]
async fn a_stranger_cannot_touch_a_call() {
    let server = Server::start();
    let (mut a, mut b, mut c) = (Tab::open(&server).await, Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut a, &mut b).await;
    for kind in ["accept", "decline", "cancel"] {
        c.send(json!({ "type": kind, "call_id": call_id })).await;
        assert_eq!(c.expect("error").await["code"], "not_allowed", "{kind}");
    }
    // As with a call that is over: a stranger cannot tell.
    c.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    assert_eq!(c.count("error").await, 0);
    assert_eq!((a.count("call_ended").await, b.count("call_ended").await), (0, 0));
}

#[tokio::test]
async fn guesses_from_one_address_are_few_however_many_users_make_them() {
    let server = Server::start();
    let bob = Tab::open(&server).await;
    let (mut unreachable, mut limited) = (0, 0);
    for user in 0..8 {
        let mut guesser = Tab::connect_from(&server, "127.0.0.5").await.expect("a websocket");
        guesser.send(json!({ "type": "hello", "protocol": 1 })).await;
        guesser.expect("welcome").await;
        for guess in 0..8 {
            let user_id = format!("0000-{user:04}-{guess:04}");
            guesser.send(json!({ "type": "call", "user_id": user_id })).await;
            let answer = guesser.answer().await;
            match (answer["reason"].as_str(), answer["code"].as_str()) {
                (Some("unreachable"), None) => unreachable += 1,
                (None, Some("rate_limited")) => limited += 1,
                _ => panic!("{answer}"),
            }
        }
        if limited > 0 {
            // Somebody who is there is not found out either.
            guesser.send(json!({ "type": "call", "user_id": bob.user_id() })).await;
            assert_eq!(guesser.answer().await["code"], "rate_limited");
        }
    }
    // Some more come back while it lasts.
    assert!(
        (30..=36).contains(&unreachable) && limited >= 28,
        "{unreachable} and {limited}"
    );
    let mut elsewhere = Tab::connect_from(&server, "127.0.0.6").await.expect("a websocket");
    elsewhere.send(json!({ "type": "hello", "protocol": 1 })).await;
    elsewhere.expect("welcome").await;
    elsewhere.send(json!({ "type": "call", "user_id": bob.user_id() })).await;
    elsewhere.expect("call_ringing").await;
}
