//! Two nodes and a real Redis: people on different ones call each other as on one.

mod faults;
mod redis;
mod relay;
mod shared;
mod tls;

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};

use self::redis::{Redis, hear_each_other};
use crate::support::{PATIENCE, Server, Tab, ring, talk};

fn two_nodes(environment: &[(&str, &str)]) -> (Redis, Server, Server) {
    let redis = Redis::start();
    let (a, b) = (redis.node("a", environment), redis.node("b", environment));
    hear_each_other(&[&a, &b]);
    (redis, a, b)
}

/// Both are told the reason, once.
async fn ended(tabs: &mut [&mut Tab], reason: &str) {
    for tab in tabs {
        let event = tab.expect("call_ended").await;
        assert_eq!(event["reason"], reason, "{event}");
        assert_eq!(tab.count("call_ended").await, 0, "it ended twice");
    }
}

/// Does something while the pages of others, which have calls, go on to be heard.
async fn meanwhile<T>(others: &mut [&mut Tab], doing: impl Future<Output = T>) -> T {
    tokio::pin!(doing);
    loop {
        tokio::select! {
            done = &mut doing => return done,
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                for tab in &mut *others {
                    tab.beat().await;
                }
            }
        }
    }
}

/// Nothing is left of anybody's call on any node.
fn is_empty(nodes: &[&Server]) {
    for node in nodes {
        node.metric_becomes("tandem_cluster_visitors", 0.0);
        node.metric_becomes("tandem_calls{state=\"answered\"}", 0.0);
        node.metric_becomes("tandem_calls{state=\"ringing\"}", 0.0);
        node.metric_becomes("tandem_participants", 0.0);
    }
}

#[tokio::test]
async fn a_call_over_two_nodes_has_every_outcome() {
    let (_redis, a, b) = two_nodes(&[]);
    let mut ada = Tab::hello(&a, json!({ "name": "Ada" })).await;
    let mut bob = Tab::hello(&b, json!({ "name": "Bob" })).await;
    for ada_calls in [true, false] {
        let (caller, callee) = if ada_calls {
            (&mut ada, &mut bob)
        } else {
            (&mut bob, &mut ada)
        };
        for caller_hangs_up in [true, false] {
            let call_id = talk(caller, callee).await;
            let who = if caller_hangs_up { &mut *caller } else { &mut *callee };
            who.send(json!({ "type": "hang_up", "call_id": call_id })).await;
            ended(&mut [caller, callee], "hung_up").await;
        }
        let (ringing, incoming) = ring(caller, callee).await;
        assert_eq!(
            (&ringing["call_id"], &ringing["room_id"]),
            (&incoming["call_id"], &incoming["room_id"])
        );
        let name = if ada_calls { ["Bob", "Ada"] } else { ["Ada", "Bob"] };
        assert_eq!(
            (&ringing["user"]["name"], &incoming["user"]["name"]),
            (&json!(name[0]), &json!(name[1]))
        );
        callee
            .send(json!({ "type": "decline", "call_id": incoming["call_id"] }))
            .await;
        ended(&mut [caller, callee], "declined").await;
        let (ringing, _) = ring(caller, callee).await;
        caller.send(json!({ "type": "cancel", "call_id": ringing["call_id"] })).await;
        ended(&mut [caller, callee], "cancelled").await;
    }
    ada.send(json!({ "type": "call", "user_id": "0000-0000-0001" })).await;
    ended(&mut [&mut ada], "unreachable").await;
    is_empty(&[&a, &b]);
    // The owner counts a call, and nobody else.
    let over = |node: &Server| node.metric("tandem_call_ended_total{reason=\"hung_up\"}");
    assert_eq!((over(&a), over(&b)), (2.0, 2.0));
}

#[tokio::test]
async fn nobody_answers() {
    let (_redis, a, b) = two_nodes(&[("TANDEM__CALLS__RING_TIMEOUT_S", "1")]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    ring(&mut ada, &mut bob).await;
    ended(&mut [&mut ada, &mut bob], "no_answer").await;
    is_empty(&[&a, &b]);
}

#[tokio::test]
async fn who_has_a_call_is_busy_on_every_node() {
    let (_redis, a, b) = two_nodes(&[]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    let call_id = talk(&mut ada, &mut bob).await;
    // From either node, to either of them.
    for node in [&a, &b] {
        let mut eve = Tab::open(node).await;
        for user_id in [ada.user_id(), bob.user_id()] {
            eve.send(json!({ "type": "call", "user_id": user_id })).await;
            ended(&mut [&mut eve], "busy").await;
        }
    }
    // And has no second call.
    bob.send(json!({ "type": "call", "user_id": ada.user_id() })).await;
    assert_eq!(bob.expect("error").await["code"], "not_allowed");
    bob.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
    talk(&mut bob, &mut ada).await;
}

#[tokio::test]
async fn what_they_say_and_negotiate_crosses() {
    let (_redis, a, b) = two_nodes(&[]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    let (_, incoming) = ring(&mut ada, &mut bob).await;
    bob.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    let (at_a, at_b) = (ada.expect("call_answered").await, bob.expect("call_answered").await);
    assert_eq!(at_a["participants"][0]["participant_id"], at_b["participant_id"]);
    assert_eq!((&at_a["direct"], &at_b["direct"]), (&json!(true), &json!(true)));
    let room_id = &at_a["room_id"];
    for (from, to, from_at, to_at) in [(0, 1, &at_a, &at_b), (1, 0, &at_b, &at_a)] {
        let tabs = [&mut ada, &mut bob];
        for tab in tabs {
            tab.beat().await;
        }
        let tabs = [&mut ada, &mut bob];
        let candidate = json!({ "candidate": format!("candidate:1 1 udp 1 192.0.2.1 {from} typ host") });
        let signal = json!({ "kind": "candidate", "generation": 1, "candidate": candidate });
        tabs[from]
            .send(json!({ "type": "signal", "room_id": room_id, "to": to_at["participant_id"], "signal": signal }))
            .await;
        let signaled = tabs[to].expect("signaled").await;
        assert_eq!(
            (&signaled["from"], &signaled["signal"]["candidate"]["candidate"]),
            (&from_at["participant_id"], &candidate["candidate"])
        );
        let text = format!("hello from {from}");
        let reference = tabs[from]
            .send(json!({ "type": "say", "room_id": room_id, "message_id": format!("000000000000{from}"), "text": text }))
            .await;
        let (said, heard) = (tabs[from].expect("message").await, tabs[to].expect("message").await);
        assert_eq!((&said["ref"], &heard["message"]["text"]), (&json!(reference), &json!(text)));
        tabs[from]
            .send(json!({ "type": "publish", "room_id": room_id, "sources": ["microphone"] }))
            .await;
        let changed = tabs[to].expect("participant_changed").await;
        assert_eq!(changed["participant"]["sources"], json!(["microphone"]));
    }
    bob.send(json!({ "type": "messages", "room_id": room_id, "limit": 10 })).await;
    let messages = meanwhile(&mut [&mut ada], bob.expect("messages")).await;
    assert_eq!(messages["messages"].as_array().map(Vec::len), Some(2));
    bob.send(json!({ "type": "set_name", "name": "Robert" })).await;
    assert_eq!(bob.expect("name_changed").await["name"], "Robert");
    assert_eq!(bob.count("name_changed").await, 0, "told once");
    assert_eq!(
        ada.expect("participant_changed").await["participant"]["user"]["name"],
        "Robert"
    );
}

#[tokio::test]
async fn files_of_a_call_at_a_node_with_a_store_of_its_own_are_said_to_be_there() {
    let (_redis, a, b) = two_nodes(&[]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    let (_, incoming) = ring(&mut ada, &mut bob).await;
    bob.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    for tab in [&mut ada, &mut bob] {
        tab.expect("call_answered").await;
    }
    let room_id = &incoming["room_id"];
    let send = json!({ "type": "send_file", "room_id": room_id, "message_id": "0000000000001", "name": "a", "bytes": 9 });
    ada.send(send.clone()).await;
    ada.expect("file_begun").await;
    bob.send(send).await;
    assert_eq!(bob.expect("error").await["code"], "kept_elsewhere");
    bob.send(json!({ "type": "open_file", "room_id": room_id, "number": 1 }))
        .await;
    assert_eq!(bob.expect("error").await["code"], "kept_elsewhere");
}

#[tokio::test]
async fn a_page_that_comes_back_finds_its_call_on_the_other_node() {
    let (_redis, a, b) = two_nodes(&[]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    let call_id = talk(&mut ada, &mut bob).await;
    let welcome = bob.come_back(&b).await;
    let call = &welcome["call"];
    assert_eq!(
        (&call["state"], &call["call_id"], &call["outgoing"]),
        (&json!("answered"), &call_id, &json!(false))
    );
    assert_eq!(call["participants"].as_array().map(Vec::len), Some(1));
    // Long enough away to be shown as away.
    let resume = bob.resume();
    let credentials = bob.credentials();
    bob.vanish();
    assert_eq!(ada.expect("participant_changed").await["participant"]["reconnecting"], true);
    ada.send(json!({ "type": "publish", "room_id": call["room_id"], "sources": ["camera"] }))
        .await;
    let (mut bob, welcome) = Tab::greet(&b, json!({ "user": credentials, "resume": resume })).await;
    assert_eq!(
        (&welcome["resumed"], &welcome["call"]["call_id"]),
        (&json!(true), &call_id),
        "{welcome}"
    );
    assert_eq!(welcome["call"]["participants"][0]["sources"], json!(["camera"]));
    assert_eq!(ada.expect("participant_changed").await["participant"]["reconnecting"], false);
    bob.seq = resume["seq"].as_u64().expect("a number");
    assert_eq!(
        bob.expect("participant_changed").await["participant"]["sources"],
        json!(["camera"])
    );
    bob.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
    is_empty(&[&a, &b]);
}

#[tokio::test]
async fn a_session_that_does_not_come_back_loses_its_call() {
    let (_redis, a, b) = two_nodes(&[("TANDEM__CALLS__RESUME_TIMEOUT_S", "1")]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    talk(&mut ada, &mut bob).await;
    bob.vanish();
    ended(&mut [&mut ada], "connection_lost").await;
    let mut bob = Tab::open(&b).await;
    talk(&mut ada, &mut bob).await;
    ada.vanish();
    ended(&mut [&mut bob], "connection_lost").await;
    is_empty(&[&a, &b]);
}

/// The same users on two nodes, by a copy of one's store.
async fn two_nodes_with_the_same_users() -> (Redis, Server, Server, Value, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (one, other) = (folder.path().join("a"), folder.path().join("b"));
    for data in [&one, &other] {
        std::fs::create_dir(data).expect("made");
    }
    let mut first = Server::start_in(one.clone(), &[]);
    let credentials = Tab::hello(&first, json!({ "name": "Bob" })).await.credentials();
    first.signal("TERM");
    first.wait(PATIENCE);
    for entry in std::fs::read_dir(&one).expect("listed").flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            std::fs::copy(entry.path(), other.join(entry.file_name())).expect("copied");
        }
    }
    let redis = Redis::start();
    let (a, b) = (redis.node_in("a", one), redis.node_in("b", other));
    hear_each_other(&[&a, &b]);
    (redis, a, b, credentials, folder)
}

#[tokio::test]
async fn a_user_with_devices_on_two_nodes_is_one() {
    let (_redis, a, b, bob, _folder) = two_nodes_with_the_same_users().await;
    let mut phone = Tab::hello(&a, json!({ "user": bob })).await;
    let mut laptop = Tab::hello(&b, json!({ "user": bob })).await;
    let mut ada = Tab::open(&a).await;
    for (node, answers) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut other = Tab::open(&b).await;
        let caller = if node == 0 { &mut ada } else { &mut other };
        caller.send(json!({ "type": "call", "user_id": bob["user_id"] })).await;
        let call_id = caller.expect("call_ringing").await["call_id"].clone();
        for device in [&mut phone, &mut laptop] {
            device.expect("incoming_call").await;
        }
        let devices = [&mut phone, &mut laptop];
        let [answering, silent] = match (devices, answers) {
            (devices, 0) => devices,
            ([phone, laptop], _) => [laptop, phone],
        };
        answering.send(json!({ "type": "accept", "call_id": call_id })).await;
        caller.expect("call_answered").await;
        answering.expect("call_answered").await;
        silent.expect("answered_elsewhere").await;
        caller.send(json!({ "type": "hang_up", "call_id": call_id })).await;
        ended(&mut [&mut *caller, answering], "hung_up").await;
        assert_eq!(silent.count("call_ended").await, 0);
        assert_eq!(silent.count("incoming_call").await, 0, "it rang twice");
        // Declined on one is declined on all.
        caller.send(json!({ "type": "call", "user_id": bob["user_id"] })).await;
        for device in [&mut *answering, &mut *silent] {
            device.expect("incoming_call").await;
        }
        let call_id = caller.expect("call_ringing").await["call_id"].clone();
        silent.send(json!({ "type": "decline", "call_id": call_id })).await;
        ended(&mut [caller, answering, silent], "declined").await;
    }
    is_empty(&[&a, &b]);
}

#[tokio::test]
async fn who_comes_while_it_rings_is_rung_on_every_node() {
    let (_redis, a, b, bob, _folder) = two_nodes_with_the_same_users().await;
    let mut ada = Tab::open(&a).await;
    let mut first = Tab::hello(&b, json!({ "user": bob })).await;
    ada.send(json!({ "type": "call", "user_id": bob["user_id"] })).await;
    let call_id = first.expect("incoming_call").await["call_id"].clone();
    let mut second = Tab::hello(&b, json!({ "user": bob })).await;
    assert_eq!(second.expect("incoming_call").await["call_id"], call_id);
    let mut third = Tab::hello(&a, json!({ "user": bob })).await;
    assert_eq!(third.expect("incoming_call").await["call_id"], call_id);
    second.send(json!({ "type": "accept", "call_id": call_id })).await;
    second.expect("call_answered").await;
    for silent in [&mut first, &mut third] {
        silent.expect("answered_elsewhere").await;
        assert_eq!(silent.count("incoming_call").await, 0, "it rang twice");
    }
}

#[tokio::test]
async fn two_who_call_each_other_at_the_same_time_talk() {
    let (_redis, a, b) = two_nodes(&[]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    for _ in 0..20 {
        let (to_bob, to_ada) = (bob.user_id(), ada.user_id());
        ada.send(json!({ "type": "call", "user_id": to_bob })).await;
        bob.send(json!({ "type": "call", "user_id": to_ada })).await;
        let (at_a, at_b) = (ada.expect("call_answered").await, bob.expect("call_answered").await);
        assert_eq!(at_a["call_id"], at_b["call_id"]);
        ada.send(json!({ "type": "hang_up", "call_id": at_a["call_id"] })).await;
        ended(&mut [&mut ada, &mut bob], "hung_up").await;
    }
    is_empty(&[&a, &b]);
}

#[tokio::test]
async fn a_third_is_called_in_over_nodes() {
    let redis = Redis::start();
    let nodes = ["a", "b", "c"].map(|name| redis.node(name, &[]));
    let [a, b, c] = &nodes;
    hear_each_other(&[a, b, c]);
    let (mut ada, mut bob, mut carol) = (Tab::open(a).await, Tab::open(b).await, Tab::open(c).await);
    let (_, incoming) = ring(&mut ada, &mut bob).await;
    bob.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    bob.expect("call_answered").await;
    ada.expect("call_answered").await;
    // The visitor calls somebody in who is on a third node.
    let room_id = &incoming["room_id"];
    bob.send(json!({ "type": "invite", "room_id": room_id, "user_id": carol.user_id() }))
        .await;
    bob.expect("call_ringing").await;
    let invited = carol.expect("incoming_call").await;
    carol.send(json!({ "type": "accept", "call_id": invited["call_id"] })).await;
    let answered = carol.expect("call_answered").await;
    assert_eq!(answered["participants"].as_array().map(Vec::len), Some(2), "{answered}");
    for tab in [&mut ada, &mut bob] {
        tab.expect("participant_joined").await;
        assert_eq!(tab.expect("direct_changed").await["direct"], false);
    }
    a.metric_becomes("tandem_cluster_visitors", 2.0);
    carol.send(json!({ "type": "leave", "room_id": room_id })).await;
    carol.expect("call_ended").await;
    for tab in [&mut ada, &mut bob] {
        tab.expect("participant_left").await;
    }
    bob.send(json!({ "type": "hang_up", "call_id": incoming["call_id"] })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
    is_empty(&[a, b, c]);
}
