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
