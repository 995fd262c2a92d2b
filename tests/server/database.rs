//! A database of PostgreSQL that freezes, is killed and comes back, while the server runs; and what the server says of it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::{PATIENCE, Server, Tab, talk};

const PASSWORD: &str = "a-password-of-tests";

/// Says something, and what the answer is, within a second: the number that it got, or the code of the error.
async fn say(tab: &mut Tab, room: &Value, number: u32) -> Result<u64, String> {
    let said = Instant::now();
    let reference = tab
        .send(json!({ "type": "say", "room_id": room, "message_id": format!("{number:013}"), "text": "words" }))
        .await;
    loop {
        let answer = tab.next().await;
        if answer["ref"] == json!(reference) {
            assert!(said.elapsed() < Duration::from_secs(1), "{:?}: {answer}", said.elapsed());
            return match answer["type"].as_str() {
                Some("message") => Ok(answer["message"]["number"].as_u64().expect("a number")),
                _ => Err(answer["code"].as_str().expect("a code").to_owned()),
            };
        }
    }
}

/// Says the same until it is kept; how long that took.
async fn say_again(tab: &mut Tab, room: &Value, number: u32) -> (u64, Duration) {
    let began = Instant::now();
    loop {
        match say(tab, room, number).await {
            Ok(place) => return (place, began.elapsed()),
            Err(code) => assert_eq!(code, "not_saved"),
        }
        assert!(began.elapsed() < PATIENCE * 2, "it does not heal");
    }
}

/// The call goes on: what is on is told, a websocket comes back to its session, and others ring and answer.
async fn all_goes_on(server: &Server, [a, b, c, d]: [&mut Tab; 4], room: &Value, source: &str) {
    a.send(json!({ "type": "publish", "room_id": room, "sources": [source] }))
        .await;
    loop {
        let changed = b.expect("participant_changed").await;
        if changed["participant"]["sources"] == json!([source]) {
            break;
        }
    }
    b.come_back(server).await;
    let call = talk(c, d).await;
    c.send(json!({ "type": "hang_up", "call_id": call })).await;
    assert_eq!(d.expect("call_ended").await["reason"], "hung_up");
}

#[tokio::test]
async fn a_database_that_freezes_or_is_killed_costs_no_call_and_all_is_kept_again_when_it_is_back() {
    let cluster = Cluster::start();
    let url = cluster.database();
    // The folder of the certificate is made as well.
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start_in(data, &[("TANDEM__STORE__URL", &url), ("TANDEM__LOG__FILTER", "debug")]);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let (mut c, mut d) = (Tab::open(&server).await, Tab::open(&server).await);
    a.send(json!({ "type": "call", "user_id": b.user_id() })).await;
    let incoming = b.expect("incoming_call").await;
    b.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    b.expect("call_answered").await;
    a.expect("call_answered").await;
    let room = &incoming["room_id"];
    assert_eq!(say(&mut a, room, 1).await, Ok(1));

    cluster.say("stop");
    assert_eq!(say(&mut a, room, 2).await, Err("not_saved".to_owned()));
    all_goes_on(&server, [&mut a, &mut b, &mut c, &mut d], room, "microphone").await;
    cluster.say("continue");
    let (place, after_freeze) = say_again(&mut a, room, 2).await;
    assert_eq!(place, 2, "once, and without a gap");

    cluster.say("kill");
    assert_eq!(say(&mut a, room, 3).await, Err("not_saved".to_owned()));
    all_goes_on(&server, [&mut a, &mut b, &mut c, &mut d], room, "camera").await;
    cluster.say("start");
    let (place, after_kill) = say_again(&mut a, room, 3).await;
    assert_eq!(place, 3);
    println!("kept again {after_freeze:?} after the freeze and {after_kill:?} after the kill");
    assert!(server.metric("tandem_store_failures_total{operation=\"keep\"}") >= 1.0);
    // What nobody waited for is kept as well.
    c.send(json!({ "type": "history", "limit": 9 })).await;
    let history = c.expect("history").await;
    let rows = history["rows"].as_array().expect("a list");
    assert!(
        rows.len() == 2 && rows.iter().all(|row| row["reason"] == "hung_up"),
        "{history}"
    );

    // Whoever comes anew comes in, and finds what was kept.
    let mut again = Tab::beside(&server, &a).await;
    again.send(json!({ "type": "ping" })).await;
    assert_eq!(again.next().await["type"], "pong");
    a.send(json!({ "type": "messages", "room_id": room, "limit": 9 })).await;
    let messages = a.expect("messages").await;
    assert_eq!(messages["messages"].as_array().expect("a list").len(), 3, "{messages}");
    a.send(json!({ "type": "hang_up", "call_id": incoming["call_id"] })).await;
    a.expect("call_ended").await;
    assert!(!server.logged("").is_empty());
    assert_eq!(
        server.logged(PASSWORD),
        Vec::<String>::new(),
        "the password is not in the log"
    );
}

#[test]
fn a_url_that_is_none_or_leads_nowhere_is_said_in_one_sentence() {
    let said = |url: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .args(["--store-url", url])
            .output()
            .expect("the binary runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let wrong = said("mysql://tandem:s3cret@127.0.0.1/tandem");
    assert!(wrong.contains("store.url") && wrong.contains("postgres://"), "{wrong}");
    let nowhere = said("postgres://tandem:s3cret@127.0.0.1:1/tandem");
    assert!(
        nowhere.contains("postgres://127.0.0.1:1/tandem") && nowhere.contains("refused"),
        "{nowhere}"
    );
    for text in [wrong, nowhere] {
        assert!(!text.contains("s3cret") && text.trim_end().lines().count() == 1, "{text}");
    }
}
