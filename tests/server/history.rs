//! What is kept of calls for their users: over restarts, for each of the two by itself, and no word about who exists.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, on_both};
use crate::support::{PATIENCE, Tab, ring, settle, talk};

on_both!(
    calls_are_found_again_after_a_kill,
    missed_calls_are_counted_until_they_are_seen_in_every_tab,
    a_user_who_is_away_and_one_who_does_not_exist_look_the_same,
    each_forgets_their_own,
    of_too_many_calls_the_oldest_are_forgotten_at_the_start,
);

async fn history(tab: &mut Tab) -> Value {
    tab.send(json!({ "type": "history", "limit": 50 })).await;
    tab.expect("history").await
}

/// Each call in a few words, newest first.
async fn calls(tab: &mut Tab) -> Vec<String> {
    let rows = history(tab).await["rows"].take();
    let brief = |row: &Value| {
        let missed = if row["missed"] == true { " missed" } else { "" };
        format!(
            "{} {}{missed}",
            row["direction"].as_str().expect("text"),
            row["reason"].as_str().expect("text")
        )
    };
    rows.as_array().expect("a list").iter().map(brief).collect()
}

/// Calls somebody who is away: the end of the call, and what the history has of it.
async fn call_in_vain(tab: &mut Tab, user: &str) -> (Value, Value) {
    loop {
        tab.send(json!({ "type": "call", "user_id": user })).await;
        let answer = tab.next().await;
        if answer["type"] == "call_ended" {
            return (answer, tab.expect("history_changed").await);
        }
        // The server may not have noticed yet that they are away.
        assert_eq!(answer["type"], "call_ringing", "{answer}");
        tab.send(json!({ "type": "cancel", "call_id": answer["call_id"] })).await;
        tab.expect("call_ended").await;
        tab.expect("history_changed").await;
    }
}

async fn calls_are_found_again_after_a_kill(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    a.send(json!({ "type": "set_name", "name": "Ada" })).await;
    a.expect("name_changed").await;
    let call_id = talk(&mut a, &mut b).await;
    a.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    let changed = b.expect("history_changed").await;
    let row = &changed["row"];
    assert_eq!(
        (&row["call_id"], &row["user"]["name"]),
        (&call_id, &json!("Ada")),
        "{changed}"
    );
    assert_eq!((&row["answered"], &row["missed"]), (&json!(true), &json!(false)));
    let (_, incoming) = ring(&mut a, &mut b).await;
    a.send(json!({ "type": "cancel", "call_id": incoming["call_id"] })).await;
    assert_eq!(b.expect("history_changed").await["missed"], 1);
    // One that rings when the server is killed, and one that is answered.
    let (mut c, mut d) = (Tab::open(&server).await, Tab::open(&server).await);
    let goes_on = talk(&mut c, &mut d).await;
    ring(&mut a, &mut b).await;
    settle(&server).await;
    server.kill_and_start();
    for tab in [&mut a, &mut b] {
        tab.come_back(&server).await;
    }
    assert_eq!(b.welcome["missed"], 2);
    assert_eq!(
        calls(&mut b).await,
        [
            "received connection_lost missed",
            "received cancelled missed",
            "received hung_up"
        ]
    );
    assert_eq!(
        calls(&mut a).await,
        ["made connection_lost", "made cancelled", "made hung_up"]
    );
    // It rings on as another one.
    let (ringing, _) = ring(&mut a, &mut b).await;
    assert_eq!(b.expect("history_forgotten").await["missed"], 1);
    a.send(json!({ "type": "cancel", "call_id": ringing["call_id"] })).await;
    b.expect("history_changed").await;
    a.expect("history_changed").await;
    assert_eq!(
        calls(&mut b).await,
        ["received cancelled missed", "received cancelled missed", "received hung_up"]
    );
    assert_eq!(calls(&mut a).await, ["made cancelled", "made cancelled", "made hung_up"]);
    for tab in [&mut c, &mut d] {
        tab.come_back(&server).await;
        assert!(calls(tab).await.is_empty(), "the call goes on");
    }
    c.send(json!({ "type": "hang_up", "call_id": goes_on })).await;
    c.expect("history_changed").await;
    assert_eq!(calls(&mut c).await, ["made hung_up"]);
}

async fn missed_calls_are_counted_until_they_are_seen_in_every_tab(bed: &Bed) {
    let server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let bob = b.user_id();
    let credentials = b.credentials();
    b.leave().await;
    let (_, mine) = call_in_vain(&mut a, &bob).await;
    assert_eq!((&mine["row"]["reason"], &mine["missed"]), (&json!("unreachable"), &json!(0)));
    let mut b = Tab::hello(&server, json!({ "user": credentials })).await;
    assert!(b.welcome["missed"].as_u64() >= Some(1), "{}", b.welcome);
    let mut beside = Tab::hello(&server, json!({ "user": credentials })).await;
    b.send(json!({ "type": "see_history" })).await;
    b.expect("history_seen").await;
    beside.expect("history_seen").await;
    let seen = history(&mut beside).await;
    assert_eq!((&seen["missed"], &seen["rows"][0]["seen"]), (&json!(0), &json!(true)));
}

async fn a_user_who_is_away_and_one_who_does_not_exist_look_the_same(bed: &Bed) {
    let server = bed.start();
    let (mut a, b) = (Tab::open(&server).await, Tab::open(&server).await);
    let bob = b.user_id();
    b.vanish();
    let mut told = Vec::new();
    for user in [bob.as_str(), "0000-0000-0001"] {
        let (ended, changed) = call_in_vain(&mut a, user).await;
        let mut row = changed["row"].clone();
        for secret in ["call_id", "rang_at_ms", "user"] {
            row[secret] = Value::Null;
        }
        told.push((ended["reason"].clone(), row, changed["row"]["user"]["name"].clone()));
    }
    assert_eq!(told[0], told[1]);
}

async fn each_forgets_their_own(bed: &Bed) {
    let server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (_, incoming) = ring(&mut a, &mut b).await;
        b.send(json!({ "type": "decline", "call_id": incoming["call_id"] })).await;
        a.expect("history_changed").await;
        ids.push(incoming["call_id"].clone());
    }
    let first = {
        a.send(json!({ "type": "history", "limit": 2 })).await;
        a.expect("history").await
    };
    assert_eq!(
        (first["rows"].as_array().map(Vec::len), &first["more"]),
        (Some(2), &json!(true))
    );
    let last = &first["rows"][1];
    let before = json!({ "rang_at_ms": last["rang_at_ms"], "call_id": last["call_id"] });
    a.send(json!({ "type": "history", "before": before, "limit": 2 })).await;
    let rest = a.expect("history").await;
    assert_eq!((&rest["rows"][0]["call_id"], &rest["more"]), (&ids[0], &json!(false)));
    a.send(json!({ "type": "forget_history", "call_id": ids[1] })).await;
    assert_eq!(a.expect("history_forgotten").await["call_id"], ids[1]);
    assert_eq!(calls(&mut a).await.len(), 2);
    a.send(json!({ "type": "forget_history" })).await;
    assert!(a.expect("history_forgotten").await["call_id"].is_null());
    assert!(calls(&mut a).await.is_empty());
    assert_eq!(calls(&mut b).await.len(), 3, "the other keeps theirs");
}

async fn of_too_many_calls_the_oldest_are_forgotten_at_the_start(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    for _ in 0..4 {
        let (_, incoming) = ring(&mut a, &mut b).await;
        b.send(json!({ "type": "decline", "call_id": incoming["call_id"] })).await;
        a.expect("history_changed").await;
    }
    assert_eq!(calls(&mut a).await.len(), 4);
    settle(&server).await;
    server.kill_and_start_with("TANDEM__HISTORY__CALLS_PER_USER", "2");
    a.come_back(&server).await;
    // It forgets beside the rest of its start.
    let deadline = Instant::now() + PATIENCE;
    while calls(&mut a).await.len() != 2 {
        assert!(Instant::now() < deadline, "{:?}", calls(&mut a).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
