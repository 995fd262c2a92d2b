//! The report of a call: what pages tell of it over their websockets, who may read it, and that it survives.

use serde_json::{Value, json};

use crate::api::{ask, server};
use crate::bed::{Bed, on_both};
use crate::support::{Tab, ring};

on_both!(a_report_is_for_those_who_were_in_the_call_and_survives_a_kill,);

fn measured(received_loss_permille: u32, sent_loss_permille: u32) -> Value {
    json!({
        "path": "direct", "lasted_ms": 5000, "round_trip_ms": 21, "jitter_ms": 3,
        "received_loss_permille": received_loss_permille, "sent_loss_permille": sent_loss_permille,
    })
}

async fn report(tab: &mut Tab, call_id: &Value) -> Value {
    tab.send(json!({ "type": "call_report", "call_id": call_id })).await;
    loop {
        let event = tab.next().await;
        if event["type"] == "call_report" || event["type"] == "error" {
            return event;
        }
    }
}

/// Their call and its room.
async fn talk(a: &mut Tab, b: &mut Tab) -> (Value, Value) {
    let (_, incoming) = ring(a, b).await;
    b.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    for tab in [a, b] {
        tab.expect("call_answered").await;
    }
    (incoming["call_id"].clone(), incoming["room_id"].clone())
}

/// Ada and Bob talk, over two paths, and it is bad at Ada's side.
async fn bad_call(a: &mut Tab, b: &mut Tab) -> Value {
    a.send(json!({ "type": "set_name", "name": "Ada" })).await;
    a.expect("name_changed").await;
    let (call_id, room_id) = talk(a, b).await;
    for (path, relayed, reason) in [("forwarded", true, "first_media"), ("direct", false, "direct_ready")] {
        a.send(json!({
            "type": "report_path", "room_id": room_id, "path": path, "reason": reason, "protocol": "udp", "relayed": relayed,
        }))
        .await;
        b.expect("path_changed").await;
    }
    a.send(json!({ "type": "report_quality", "room_id": room_id, "measured": measured(0, 80) }))
        .await;
    b.send(json!({ "type": "report_quality", "room_id": room_id, "measured": measured(80, 0) }))
        .await;
    b.send(json!({ "type": "report_happening", "room_id": room_id, "what": "camera_switched" }))
        .await;
    // What they said was taken before this is answered.
    for tab in [a, b] {
        tab.send(json!({ "type": "ping" })).await;
        tab.expect("pong").await;
    }
    call_id
}

async fn a_report_is_for_those_who_were_in_the_call_and_survives_a_kill(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = bad_call(&mut a, &mut b).await;
    // Some seconds may be lost, and the rest goes on.
    tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while report(&mut a, &call_id).await["type"] != "call_report" {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    })
    .await
    .expect("it is kept while the call goes on");
    server.kill_and_start();
    for tab in [&mut a, &mut b] {
        tab.come_back(&server).await;
    }
    a.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    for tab in [&mut a, &mut b] {
        let row = tab.expect("history_changed").await["row"].take();
        assert_eq!((&row["call_id"], &row["report"]), (&call_id, &json!(true)), "{row}");
    }
    for tab in [&mut a, &mut b] {
        let told = report(tab, &call_id).await;
        assert_eq!((&told["type"], &told["call_id"]), (&json!("call_report"), &call_id), "{told}");
        let report = &told["report"];
        assert_eq!(report["over"], true);
        assert_eq!(report["calls"][0]["reason"], "hung_up");
        assert_eq!(report["restarts_ms"].as_array().map(Vec::len), Some(1), "{report}");
        let all = report["participants"].as_array().expect("a list");
        assert_eq!(all.len(), 2);
        let ada = all.iter().find(|one| one["user"]["name"] == "Ada").expect("she was in it");
        let paths: Vec<_> = ada["paths"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| (one["reason"].as_str(), one["relayed"].as_bool()))
            .collect();
        assert_eq!(
            paths,
            [(Some("first_media"), Some(true)), (Some("direct_ready"), Some(false))]
        );
        assert_eq!(ada["measured"][0]["measured"]["sent_loss_permille"], 80);
        assert_eq!(report["spells"][0]["participant_id"], ada["participant_id"]);
        assert_eq!(report["spells"][0]["loss_permille"], 80);
        let bob = all.iter().find(|one| one["user"]["name"] != "Ada").expect("he was in it");
        let marks: Vec<_> = bob["marks"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| &one["what"])
            .collect();
        assert!(marks.contains(&&json!("camera_switched")), "{marks:?}");
    }
    let mut eve = Tab::open(&server).await;
    let strangers = report(&mut eve, &call_id).await;
    let unknown = report(&mut eve, &json!("0000000000001")).await;
    let told = |answer: &Value| (answer["type"].clone(), answer["code"].clone(), answer["message"].clone());
    assert_eq!(told(&strangers), told(&unknown));
    assert_eq!(strangers["code"], "not_allowed");
    b.send(json!({ "type": "forget_history" })).await;
    b.expect("history_forgotten").await;
    assert_eq!(report(&mut b, &call_id).await["code"], "not_allowed", "what is forgotten is");
    assert_eq!(report(&mut a, &call_id).await["type"], "call_report", "the other keeps it");
}

#[tokio::test]
async fn the_operator_reads_reports_and_sees_what_is_measured_now() {
    let server = server();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = bad_call(&mut a, &mut b).await;
    let id = call_id.as_str().expect("text");
    let room = ask(&server, "GET", "/rooms", None).body["items"][0]["id"].take();
    let people = ask(
        &server,
        "GET",
        &format!("/rooms/{}/participants", room.as_str().expect("text")),
        None,
    );
    let mut lost: Vec<_> = people.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one["measured"]["sent_loss_permille"].as_u64())
        .collect();
    lost.sort();
    assert_eq!(lost, [Some(0), Some(80)], "{}", people.body);
    a.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    a.expect("history_changed").await;
    let answer = ask(&server, "GET", &format!("/calls/{id}/report"), None);
    assert_eq!((answer.status, &answer.body["over"]), (200, &json!(true)), "{}", answer.body);
    assert_eq!(answer.body["participants"].as_array().map(Vec::len), Some(2));
    for unknown in ["0000000000001", "nonsense"] {
        assert_eq!(ask(&server, "GET", &format!("/calls/{unknown}/report"), None).status, 404);
    }
}

#[tokio::test]
async fn junk_is_answered_by_an_error_with_its_ref() {
    let server = server();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let (_, room_id) = talk(&mut a, &mut b).await;
    for (junk, code) in [
        (json!({ "type": "report_quality", "room_id": room_id }), "bad_command"),
        (
            json!({ "type": "report_quality", "room_id": room_id, "measured": measured(1001, 0) }),
            "bad_command",
        ),
        (
            json!({ "type": "report_quality", "room_id": room_id, "measured": measured(70_000, 0) }),
            "bad_command",
        ),
        (
            json!({ "type": "report_happening", "room_id": room_id, "what": "away" }),
            "bad_command",
        ),
        (
            json!({ "type": "report_happening", "room_id": "0000000000001", "what": "page_hidden" }),
            "not_allowed",
        ),
    ] {
        a.send(junk.clone()).await;
        assert_eq!(a.expect("error").await["code"], code, "{junk}");
    }
}
