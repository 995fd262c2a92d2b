//! What belongs to users: kept over restarts, shown to nobody whom it does not concern, and no word about who exists.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, on_both};
use crate::support::Tab;

on_both!(
    contacts_blocks_and_settings_survive_a_kill,
    a_blocked_user_cannot_tell_that_from_an_id_that_nobody_has,
    presence_is_for_those_who_have_each_other_as_contacts,
    a_direct_call_is_none_for_whoever_wants_the_server_between,
);

async fn people(tab: &mut Tab) -> Value {
    tab.send(json!({ "type": "people" })).await;
    tab.expect("people").await
}

fn settings(callers: &str, always_through_server: bool) -> Value {
    json!({ "callers": callers, "always_through_server": always_through_server })
}

/// A call to somebody who cannot be reached: what is told but for the call's id, and how long it took.
async fn call_in_vain(tab: &mut Tab, user: &Value) -> (Value, Value, Duration) {
    let asked = Instant::now();
    tab.send(json!({ "type": "call", "user_id": user })).await;
    let mut ended = tab.expect("call_ended").await;
    let took = asked.elapsed();
    let mut row = tab.expect("history_changed").await["row"].take();
    for one in [&mut ended, &mut row] {
        let one = one.as_object_mut().expect("an object");
        for differs in ["call_id", "seq", "ref", "rang_at_ms", "user"] {
            one.remove(differs);
        }
    }
    (ended, row, took)
}

async fn contacts_blocks_and_settings_survive_a_kill(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, b) = (Tab::open(&server).await, Tab::open(&server).await);
    let bob = b.welcome["user_id"].clone();
    for command in [
        json!({ "type": "keep_contact", "user_id": bob, "name": "Bob" }),
        json!({ "type": "keep_contact", "user_id": bob, "name": " Bo\u{202e}b " }),
        json!({ "type": "keep_contact", "user_id": "k7mq-2xwd-9hpt", "name": "Nobody" }),
        json!({ "type": "forget_contact", "user_id": "k7mq-2xwd-9hpt" }),
        json!({ "type": "block", "user_id": "k7mq-2xwd-9hpt", "name": "Mallory" }),
        json!({ "type": "set", "settings": settings("contacts", true) }),
    ] {
        a.send(command).await;
        let answer = a.next().await;
        assert_ne!(answer["type"], "error", "{answer}");
    }
    let before = people(&mut a).await;
    assert_eq!(
        before["contacts"],
        json!([{ "user": { "user_id": bob, "name": "Bob" }, "presence": "offline" }])
    );
    assert_eq!(before["blocked"], json!([{ "user_id": "k7mq-2xwd-9hpt", "name": "Mallory" }]));
    assert_eq!(before["settings"], settings("contacts", true));
    server.kill_and_start();
    a.come_back(&server).await;
    let after = people(&mut a).await;
    for part in ["contacts", "blocked", "settings"] {
        assert_eq!(after[part], before[part]);
    }
}

async fn a_blocked_user_cannot_tell_that_from_an_id_that_nobody_has(bed: &Bed) {
    let server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let [ada, bob] = [&a, &b].map(|tab| tab.welcome["user_id"].clone());
    let (nobody, row, _) = call_in_vain(&mut a, &json!("k7mq-2xwd-9hpt")).await;
    assert_eq!(nobody["reason"], "unreachable");
    b.send(json!({ "type": "block", "user_id": ada, "name": "Ada" })).await;
    b.expect("blocked").await;
    let (blocked, blocked_row, took) = call_in_vain(&mut a, &bob).await;
    assert_eq!((blocked, blocked_row), (nobody.clone(), row.clone()));
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    b.send(json!({ "type": "unblock", "user_id": ada })).await;
    b.expect("unblocked").await;
    b.send(json!({ "type": "set", "settings": settings("contacts", false) }))
        .await;
    b.expect("settings_changed").await;
    let (unwanted, unwanted_row, _) = call_in_vain(&mut a, &bob).await;
    assert_eq!((unwanted, unwanted_row), (nobody, row));
    b.send(json!({ "type": "history", "limit": 50 })).await;
    let history = b.expect("history").await;
    assert_eq!((&history["rows"], &history["missed"]), (&json!([]), &json!(0)));
    b.send(json!({ "type": "keep_contact", "user_id": ada, "name": "" })).await;
    b.expect("contact_changed").await;
    a.send(json!({ "type": "call", "user_id": bob })).await;
    a.expect("call_ringing").await;
    b.expect("incoming_call").await;
}

async fn presence_is_for_those_who_have_each_other_as_contacts(bed: &Bed) {
    let server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let [ada, bob] = [&a, &b].map(|tab| tab.welcome["user_id"].clone());
    a.send(json!({ "type": "keep_contact", "user_id": bob, "name": "Bob" })).await;
    assert_eq!(a.expect("contact_changed").await["contact"]["presence"], "offline");
    b.send(json!({ "type": "keep_contact", "user_id": ada, "name": "Ada" })).await;
    b.expect("contact_changed").await;
    let online = a.expect("presence_changed").await;
    assert_eq!(online["changes"], json!([{ "user_id": bob, "presence": "online" }]));
    assert_eq!(online["seq"], Value::Null, "it is not replayed");
    b.send(json!({ "type": "set_away", "away": true })).await;
    assert_eq!(a.expect("presence_changed").await["changes"][0]["presence"], "away");
    b.send(json!({ "type": "block", "user_id": ada, "name": "Ada" })).await;
    b.expect("blocked").await;
    assert_eq!(a.expect("presence_changed").await["changes"][0]["presence"], "offline");
    assert_eq!(people(&mut a).await["contacts"][0]["presence"], "offline");
}

async fn a_direct_call_is_none_for_whoever_wants_the_server_between(bed: &Bed) {
    let server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    b.send(json!({ "type": "set", "settings": settings("anyone", true) })).await;
    b.expect("settings_changed").await;
    a.send(json!({ "type": "call", "user_id": b.welcome["user_id"] })).await;
    let call_id = b.expect("incoming_call").await["call_id"].clone();
    b.send(json!({ "type": "accept", "call_id": call_id })).await;
    let answered = a.expect("call_answered").await;
    assert_eq!(answered["direct"], false);
    // What a page of its own making signals all the same goes nowhere.
    let signal = json!({ "kind": "candidate", "generation": 1 });
    let to = &answered["participants"][0]["participant_id"];
    a.send(json!({ "type": "signal", "room_id": answered["room_id"], "to": to, "signal": signal }))
        .await;
    assert_eq!(a.expect("error").await["code"], "not_allowed");
}
