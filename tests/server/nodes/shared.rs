//! Two nodes that share one database of PostgreSQL, and a real Redis: people sign in at either, and find what is theirs.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::redis::{Redis, hear_each_other};
use super::{ended, is_empty, meanwhile};
use crate::cluster::Cluster;
use crate::support::{PATIENCE, Server, Tab, ring, settle, talk};

struct Nodes {
    redis: Redis,
    a: Server,
    b: Server,
    url: String,
}

fn nodes_of_one_store(environment: &[(&str, &str)]) -> Nodes {
    let url = Cluster::shared().database();
    let redis = Redis::start();
    let environment = [environment, &[("TANDEM__STORE__URL", &*url)]].concat();
    let (a, b) = (redis.node("a", &environment), redis.node("b", &environment));
    hear_each_other(&[&a, &b]);
    Nodes { redis, a, b, url }
}

/// Asks until the answer is as it is to be: what others do is kept a moment later.
async fn ask_until(tab: &mut Tab, command: Value, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        tab.send(command.clone()).await;
        let answer = tab.expect(kind).await;
        if fits(&answer) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn history_of(tab: &mut Tab, rows: usize) -> Value {
    let command = json!({ "type": "history", "limit": 9 });
    let answer = ask_until(tab, command, "history", |answer| {
        answer["rows"].as_array().map(Vec::len) == Some(rows)
    });
    answer.await["rows"].clone()
}

#[tokio::test]
async fn who_signs_in_at_either_node_finds_what_is_theirs() {
    let Nodes { a, b, .. } = &nodes_of_one_store(&[]);
    let mut ada = Tab::hello(a, json!({ "name": "Ada" })).await;
    let mut bob = Tab::hello(b, json!({ "name": "Bob" })).await;
    ada.send(json!({ "type": "keep_contact", "user_id": bob.user_id(), "name": "Bobby" }))
        .await;
    ada.expect("contact_changed").await;
    let (_, incoming) = ring(&mut ada, &mut bob).await;
    bob.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    bob.expect("call_answered").await;
    ada.expect("call_answered").await;
    bob.send(json!({ "type": "say", "room_id": incoming["room_id"], "message_id": "0000000000001", "text": "hello" }))
        .await;
    bob.expect("message").await;
    ada.expect("message").await;
    bob.send(json!({ "type": "hang_up", "call_id": incoming["call_id"] })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
    // The other way round, and missed.
    let (ringing, _) = ring(&mut bob, &mut ada).await;
    bob.send(json!({ "type": "cancel", "call_id": ringing["call_id"] })).await;
    ended(&mut [&mut ada, &mut bob], "cancelled").await;

    let mut ada_at_b = Tab::hello(b, json!({ "user": ada.credentials() })).await;
    let mut bob_at_a = Tab::hello(a, json!({ "user": bob.credentials() })).await;
    for (tab, other, missed) in [
        (&mut ada, "Bob", true),
        (&mut ada_at_b, "Bob", true),
        (&mut bob, "Ada", false),
        (&mut bob_at_a, "Ada", false),
    ] {
        let rows = history_of(tab, 2).await;
        let [cancelled, talked] = [&rows[0], &rows[1]];
        assert_eq!(
            (&cancelled["reason"], &cancelled["missed"]),
            (&json!("cancelled"), &json!(missed))
        );
        assert_eq!((&talked["reason"], &talked["answered"]), (&json!("hung_up"), &json!(true)));
        assert_eq!(talked["user"]["name"], other);
        tab.send(json!({ "type": "call_messages", "call_id": incoming["call_id"], "limit": 9 }))
            .await;
        let messages = tab.expect("messages").await;
        assert_eq!(messages["messages"][0]["text"], "hello");
        assert_eq!(messages["messages"].as_array().map(Vec::len), Some(1));
    }
    ada_at_b.send(json!({ "type": "people" })).await;
    let people = ada_at_b.expect("people").await;
    assert_eq!(people["contacts"][0]["user"]["name"], "Bobby", "{people}");
    is_empty(&[a, b]);
}

#[tokio::test]
async fn a_node_that_is_killed_takes_up_its_own_while_the_other_goes_on() {
    let Nodes {
        redis: _redis, mut a, b, ..
    } = nodes_of_one_store(&[]);
    let mut at_a = (Tab::open(&a).await, Tab::open(&a).await);
    let mut at_b = (Tab::open(&b).await, Tab::open(&b).await);
    let call_at_b = talk(&mut at_b.0, &mut at_b.1).await;
    let call_at_a = talk(&mut at_a.0, &mut at_a.1).await;
    let mut of_b = [&mut at_b.0, &mut at_b.1];
    meanwhile(&mut of_b, async {
        settle(&a).await;
        settle(&b).await;
    })
    .await;
    let killed = tokio::task::spawn_blocking(move || {
        a.kill_and_start();
        a.metric_becomes("tandem_calls{state=\"answered\"}", 1.0);
        a
    });
    let a = meanwhile(&mut of_b, killed).await.expect("it is there again");
    for tab in [&mut at_a.0, &mut at_a.1] {
        let welcome = meanwhile(&mut of_b, tab.come_back(&a)).await;
        assert_eq!(
            (&welcome["resumed"], &welcome["call"]["call_id"]),
            (&json!(true), &call_at_a),
            "{welcome}"
        );
    }
    b.metric_becomes("tandem_calls{state=\"answered\"}", 1.0);
    for (tabs, call_id) in [(&mut at_b, call_at_b), (&mut at_a, call_at_a)] {
        tabs.0.send(json!({ "type": "hang_up", "call_id": call_id })).await;
        ended(&mut [&mut tabs.0, &mut tabs.1], "hung_up").await;
        let rows = history_of(&mut tabs.0, 1).await;
        assert_eq!(rows[0]["reason"], "hung_up", "it was ended by nobody else");
    }
}

#[tokio::test]
async fn a_second_server_needs_a_redis_and_another_name() {
    let nodes = nodes_of_one_store(&[]);
    let start = |name: Option<&str>| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        command
            .args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .args(["--store-url", &nodes.url]);
        if let Some(name) = name {
            command.envs(nodes.redis.keys(name));
        }
        let child = command
            .stderr(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null());
        (child.spawn().expect("the binary runs"), folder)
    };
    // Both wait for five seconds in vain.
    let (same_name, alone) = (start(Some("b")), start(None));
    let said = |(child, _folder): (std::process::Child, tempfile::TempDir)| {
        let output = child.wait_with_output().expect("it ends");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let (same_name, alone) = (said(same_name), said(alone));
    assert!(
        same_name.contains("\"b\"") && same_name.contains("cluster.node_name"),
        "{same_name}"
    );
    assert!(
        alone.contains("another server uses it") && alone.contains("cluster.redis_url"),
        "{alone}"
    );
    // Beside the data folder of none of them, nobody is forgotten behind their back.
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["forget", "0000-0000-0001", "--data"])
        .arg(tempfile::tempdir().expect("a folder").path())
        .args(["--store-url", &nodes.url])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("a server uses it"), "{said}");
}

#[tokio::test]
async fn what_changes_at_one_node_is_known_at_the_other() {
    let Nodes { a, b, .. } = &nodes_of_one_store(&[]);
    let mut ada = Tab::hello(a, json!({ "name": "Ada" })).await;
    let mut ada_at_b = Tab::hello(b, json!({ "user": ada.credentials() })).await;
    let mut bob = Tab::hello(b, json!({ "name": "Bob" })).await;
    ada.send(json!({ "type": "keep_contact", "user_id": bob.user_id(), "name": "Bobby" }))
        .await;
    for tab in [&mut ada, &mut ada_at_b] {
        assert_eq!(tab.expect("contact_changed").await["contact"]["user"]["name"], "Bobby");
    }
    bob.send(json!({ "type": "keep_contact", "user_id": ada.user_id(), "name": "A" }))
        .await;
    bob.expect("contact_changed").await;
    for (of, presence) in [(None, "online"), (Some(true), "away"), (Some(false), "online")] {
        if let Some(away) = of {
            bob.send(json!({ "type": "set_away", "away": away })).await;
        }
        for tab in [&mut ada, &mut ada_at_b] {
            // What a node hears first it tells first: that she knows him, or that he is there.
            let mut changed = tab.expect("presence_changed").await;
            if of.is_none() && changed["changes"][0]["presence"] == "offline" {
                changed = tab.expect("presence_changed").await;
            }
            let expected = json!([{ "user_id": bob.user_id(), "presence": presence }]);
            assert_eq!(changed["changes"], expected);
        }
    }
    ada.send(json!({ "type": "set_name", "name": "Ada L" })).await;
    assert_eq!(ada_at_b.expect("name_changed").await["name"], "Ada L");
    let (ringing, incoming) = ring(&mut bob, &mut ada).await;
    assert_eq!(ada_at_b.expect("incoming_call").await["call_id"], incoming["call_id"]);
    bob.send(json!({ "type": "cancel", "call_id": ringing["call_id"] })).await;
    for tab in [&mut ada, &mut ada_at_b] {
        let changed = tab.expect("history_changed").await;
        assert_eq!(
            (&changed["row"]["call_id"], &changed["missed"]),
            (&ringing["call_id"], &json!(1))
        );
    }
    ada.send(json!({ "type": "see_history" })).await;
    ada_at_b.expect("history_seen").await;

    // The operator, at the node where she is not.
    let path = format!("/api/v1/users/{}/block", bob.user_id());
    assert!(
        a.operate("PUT", &path, "host: localhost\r\ncontent-length: 0\r\n")
            .0
            .contains("204")
    );
    assert_eq!(bob.expect("error").await["code"], "not_allowed");
    bob.closed().await;
    let said = a.command().args(["forget", &ada.user_id()]).output().expect("it runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    for mut tab in [ada, ada_at_b] {
        assert_eq!(tab.closed().await, Some(1008));
    }
}

fn named(name: &str) -> Value {
    json!({ "type": "create_link", "name": name })
}

/// Comes into the room of a link.
async fn join(tab: &mut Tab, link: &Value) -> Value {
    tab.send(json!({ "type": "join", "link_id": link })).await;
    tab.expect("room_joined").await
}

async fn make_link(tab: &mut Tab, wish: Value) -> Value {
    tab.send(wish).await;
    tab.expect("link_created").await["link"]["link_id"].clone()
}

#[tokio::test]
async fn a_link_opens_on_the_other_node() {
    let Nodes { a, b, .. } = &nodes_of_one_store(&[]);
    let mut ada = Tab::hello(a, json!({ "name": "Ada" })).await;
    let mut bob = Tab::hello(b, json!({ "name": "Bob" })).await;
    let mut wish = named("Stand-up");
    wish["passphrase"] = json!("sesame");
    let link = make_link(&mut ada, wish).await;
    bob.send(json!({ "type": "look_at_link", "link_id": link })).await;
    let seen = bob.expect("link_seen").await;
    assert_eq!(
        (&seen["link"]["name"], &seen["link"]["has_passphrase"]),
        (&json!("Stand-up"), &json!(true))
    );
    for (passphrase, answer) in [("wrong", "error"), ("sesame", "room_joined")] {
        bob.send(json!({ "type": "join", "link_id": link, "passphrase": passphrase }))
            .await;
        let answered = bob.answer().await;
        assert_eq!(answered["type"], answer, "{answered}");
    }
    let joined = join(&mut ada, &link).await;
    assert_eq!(joined["participants"][0]["user"]["name"], "Bob", "{joined}");
    a.metric_becomes("tandem_cluster_visitors", 1.0);
    bob.send(json!({ "type": "look_at_link", "link_id": "0000000000001" })).await;
    assert_eq!(bob.expect("error").await["code"], "no_such_link");
    for tab in [&mut bob, &mut ada] {
        tab.send(json!({ "type": "leave", "room_id": joined["room"]["room_id"] }))
            .await;
        tab.expect("room_left").await;
    }
    is_empty(&[a, b]);
}

#[tokio::test]
async fn a_page_that_comes_back_to_the_other_node_keeps_its_call() {
    let Nodes { a, b, .. } = &nodes_of_one_store(&[]);
    let mut ada = Tab::hello(a, json!({ "name": "Ada" })).await;
    let mut bob = Tab::hello(a, json!({ "name": "Bob" })).await;
    let call_id = talk(&mut ada, &mut bob).await;
    let boot_id = bob.welcome["boot_id"].clone();
    for node in [b, a, b] {
        let welcome = meanwhile(&mut [&mut ada], bob.come_back(node)).await;
        assert_eq!(
            (&welcome["call"]["call_id"], &welcome["boot_id"]),
            (&call_id, &boot_id),
            "{welcome}"
        );
    }
    b.metric_becomes("tandem_cluster_doors", 1.0);
    let room_id = bob.welcome["call"]["room_id"].clone();
    for (from, to) in [(0, 1), (1, 0)] {
        let tabs = [&mut ada, &mut bob];
        tabs[from]
            .send(json!({ "type": "publish", "room_id": room_id, "sources": ["microphone"] }))
            .await;
        let tabs = [&mut ada, &mut bob];
        tabs[to].expect("participant_changed").await;
    }
    bob.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
    // With a wrong secret it is another session.
    let mut resume = bob.resume();
    resume["secret"] = json!("0".repeat(32));
    let (_other, welcome) = Tab::greet(b, json!({ "user": bob.credentials(), "resume": resume })).await;
    assert_eq!(welcome["resumed"], false, "{welcome}");
    is_empty(&[a, b]);
}

#[tokio::test]
async fn what_a_killed_node_had_is_at_another_one() {
    let url = Cluster::shared().database();
    let redis = Redis::start();
    let environment = [("TANDEM__STORE__URL", &*url)];
    let [a, b, c] = ["a", "b", "c"].map(|name| redis.node(name, &environment));
    hear_each_other(&[&a, &b, &c]);
    // A room of three at A, with one page on each node; and a call of two at A.
    let mut ada = Tab::hello(&a, json!({ "name": "Ada" })).await;
    let mut bob = Tab::hello(&b, json!({ "name": "Bob" })).await;
    let mut cara = Tab::hello(&c, json!({ "name": "Cara" })).await;
    let link = make_link(&mut ada, named("Stand-up")).await;
    let room = join(&mut ada, &link).await["room"]["room_id"].clone();
    join(&mut bob, &link).await;
    join(&mut cara, &link).await;
    let (mut dave, mut eve) = (Tab::open(&a).await, Tab::open(&a).await);
    let call_id = talk(&mut dave, &mut eve).await;
    meanwhile(&mut [&mut ada, &mut bob, &mut cara, &mut dave, &mut eve], settle(&a)).await;
    let since = Instant::now();
    a.signal("KILL");
    // Ada's page comes back at B, and asks for its room.
    let welcome = meanwhile(&mut [&mut bob, &mut cara], ada.come_back(&b)).await;
    println!(
        "a killed node: the room is there again after {} ms",
        since.elapsed().as_millis()
    );
    assert_eq!(
        (&welcome["call"]["state"], &welcome["call"]["room"]["room_id"]),
        (&json!("joined"), &room),
        "{welcome}"
    );
    // Those whose nodes live are told to begin their media anew.
    for (tab, node) in [(&mut bob, &b), (&mut cara, &c)] {
        assert_eq!(tab.closed().await, Some(1013));
        let welcome = tab.come_back(node).await;
        assert_eq!(welcome["call"]["room"]["room_id"], room, "{welcome}");
        assert_eq!(welcome["call"]["participants"].as_array().map(Vec::len), Some(2), "{welcome}");
    }
    // The call of two, each of whom finds another node.
    for (tab, node) in [(&mut dave, &c), (&mut eve, &b)] {
        let welcome = meanwhile(&mut [&mut ada, &mut bob, &mut cara], tab.come_back(node)).await;
        assert_eq!(welcome["call"]["call_id"], call_id, "{welcome}");
    }
    dave.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    ended(&mut [&mut dave, &mut eve], "hung_up").await;
    // The room works as before, and so does its link.
    cara.send(json!({ "type": "raise_hand", "room_id": room, "raised": true }))
        .await;
    for tab in [&mut ada, &mut bob] {
        loop {
            let changed = tab.expect("participant_changed").await;
            if changed["participant"]["hand"].is_number() {
                break;
            }
        }
    }
    let mut late = Tab::open(&c).await;
    let joined = join(&mut late, &link).await;
    assert_eq!(joined["participants"].as_array().map(Vec::len), Some(3), "{joined}");
    for tab in [&mut late, &mut cara, &mut bob, &mut ada] {
        tab.send(json!({ "type": "leave", "room_id": room })).await;
        tab.expect("room_left").await;
    }
    is_empty(&[&b, &c]);
    b.metric_becomes("tandem_cluster_adoptions_total", 1.0);
    assert_eq!(b.said("a node is gone, and what it had is here", 1).len(), 1);
    assert!(c.logged("a node is gone, and what it had is here").is_empty(), "one of them");
    // It starts again with nothing.
    let mut a = a;
    a.kill_and_start();
    a.metric_becomes("tandem_cluster_nodes{state=\"heard\"}", 2.0);
    assert_eq!(a.metric("tandem_sessions"), 0.0);
}

#[tokio::test]
async fn what_a_killed_node_had_comes_back_unasked() {
    let Nodes { redis: _redis, a, b, .. } = nodes_of_one_store(&[("TANDEM__CALLS__RESUME_TIMEOUT_S", "12")]);
    let mut ada = Tab::hello(&a, json!({ "name": "Ada" })).await;
    let (mut bob, mut cara) = (Tab::open(&b).await, Tab::open(&b).await);
    let link = make_link(&mut ada, named("Stand-up")).await;
    let room = join(&mut ada, &link).await["room"]["room_id"].clone();
    join(&mut bob, &link).await;
    join(&mut cara, &link).await;
    meanwhile(&mut [&mut bob, &mut cara], settle(&a)).await;
    let since = Instant::now();
    a.signal("KILL");
    // Nobody comes from A; the others are shown as away until it is adopted.
    let (one, other) = tokio::join!(closed_while_it_beats(&mut bob), closed_while_it_beats(&mut cara));
    assert_eq!((one, other), (Some(1013), Some(1013)));
    println!("adopted unasked after {} ms", since.elapsed().as_millis());
    for tab in [&mut bob, &mut cara] {
        let welcome = tab.come_back(&b).await;
        assert_eq!(welcome["call"]["room"]["room_id"], room, "{welcome}");
    }
    // Ada does not come back.
    let left = meanwhile(&mut [&mut bob], cara.expect("participant_left")).await;
    assert_eq!(left["reason"], "connection_lost", "{left}");
    assert_eq!(bob.expect("participant_left").await["reason"], "connection_lost");
    b.metric_becomes("tandem_participants", 2.0);
}

#[tokio::test]
async fn a_node_that_starts_again_at_once_has_what_it_had_and_its_visitors_come_back() {
    let Nodes {
        redis: _redis, mut a, b, ..
    } = nodes_of_one_store(&[]);
    let mut ada = Tab::hello(&a, json!({ "name": "Ada" })).await;
    let mut bob = Tab::hello(&b, json!({ "name": "Bob" })).await;
    let call_id = talk(&mut ada, &mut bob).await;
    let other = talk_the_other_way(&a, &b).await;
    let (mut dave, mut cara, second) = other;
    meanwhile(&mut [&mut ada, &mut bob, &mut cara, &mut dave], async {
        settle(&a).await;
        settle(&b).await;
    })
    .await;
    let killed = tokio::task::spawn_blocking(move || {
        a.kill_and_start();
        a
    });
    let a = meanwhile(&mut [&mut bob, &mut cara], killed)
        .await
        .expect("it is there again");
    // One is a visitor of B, the other has a visitor from there.
    let welcome = ada.come_back(&a).await;
    assert_eq!(welcome["call"]["call_id"], call_id, "{welcome}");
    let welcome = dave.come_back(&a).await;
    assert_eq!(welcome["call"]["call_id"], second, "{welcome}");
    assert_eq!(bob.closed().await, Some(1013));
    let welcome = bob.come_back(&b).await;
    assert_eq!(welcome["call"]["call_id"], call_id, "{welcome}");
    for (one, two, call_id) in [(&mut ada, &mut bob, call_id), (&mut dave, &mut cara, second)] {
        one.send(json!({ "type": "hang_up", "call_id": call_id })).await;
        ended(&mut [one, two], "hung_up").await;
    }
    is_empty(&[&a, &b]);
}

/// The close code of a websocket that is closed after some seconds, in a call.
async fn closed_while_it_beats(tab: &mut Tab) -> Option<u16> {
    let deadline = Instant::now() + 2 * PATIENCE;
    while Instant::now() < deadline {
        tab.beat().await;
        if let Ok(code) = tokio::time::timeout(Duration::from_millis(500), tab.closed()).await {
            return code;
        }
    }
    panic!("it is not closed");
}

/// Somebody of B calls somebody of A: (of A, of B, the call).
async fn talk_the_other_way(a: &Server, b: &Server) -> (Tab, Tab, Value) {
    let (mut dave, mut cara) = (Tab::open(a).await, Tab::open(b).await);
    let call_id = talk(&mut cara, &mut dave).await;
    (dave, cara, call_id)
}

#[tokio::test]
async fn the_call_of_a_node_that_is_stopped_is_at_another_one() {
    let Nodes {
        redis: _redis, mut a, b, ..
    } = nodes_of_one_store(&[("TANDEM__SERVER__STOP_TIMEOUT_S", "60")]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&a).await);
    let call_id = talk(&mut ada, &mut bob).await;
    meanwhile(&mut [&mut ada, &mut bob], settle(&a)).await;
    // It does not wait for the call, which goes on elsewhere.
    a.signal("TERM");
    for tab in [&mut ada, &mut bob] {
        assert_eq!(closed_while_it_beats(tab).await, Some(1001));
    }
    // While the node still ends it has its name, and its pages try again.
    let mut refused = 0;
    for tab in [&mut ada, &mut bob] {
        let welcome = loop {
            let (back, answer) = Tab::greet(&b, json!({ "user": tab.credentials(), "resume": tab.resume() })).await;
            if answer["type"] == "welcome" {
                let seq = tab.seq;
                *tab = back;
                tab.seq = seq;
                break answer;
            }
            assert_eq!(answer["code"], "node_unreachable", "{answer}");
            refused += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(
            (&welcome["resumed"], &welcome["call"]["call_id"]),
            (&json!(true), &call_id),
            "{welcome}"
        );
    }
    println!("a stopped node: refused {refused} times before its call was there again");
    assert_eq!(a.wait(PATIENCE), Some(0));
    bob.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
    is_empty(&[&b]);
}

#[tokio::test]
async fn a_node_that_was_adopted_behind_its_back_ends() {
    let Nodes {
        redis: _redis,
        mut a,
        b,
        url,
    } = nodes_of_one_store(&[]);
    let ada = Tab::hello(&a, json!({ "name": "Ada" })).await;
    // As an adopter leaves it.
    let done = Command::new("psql")
        .args([&url, "-qc", "UPDATE nodes SET claim = 0 WHERE node = 'a'"])
        .status();
    assert!(done.expect("psql runs").success());
    let code = a.wait(2 * PATIENCE);
    assert!(code.is_some_and(|code| code != 0), "it is to be started again: {code:?}");
    let mut again = Tab::hello(&b, json!({ "user": ada.credentials() })).await;
    again.send(json!({ "type": "ping" })).await;
    again.expect("pong").await;
}
