//! A disk that is full, and has room again.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Server, Tab};

/// Writes until nothing more fits.
pub fn fill(path: &Path) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("it is made");
    let mut bytes = vec![0x55; 64 * 1024];
    while !bytes.is_empty() {
        match file.write(&bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => bytes.truncate(bytes.len() / 2),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Says something long, and what the answer is: the number that it got, or the code of the error. Within a second, in any case.
async fn say(tab: &mut Tab, room: &Value, number: u32) -> Result<u64, String> {
    let said = Instant::now();
    let message = format!("{number:013}");
    let reference = tab
        .send(json!({ "type": "say", "room_id": room, "message_id": message, "text": "x".repeat(4000) }))
        .await;
    loop {
        let answer = tab.next().await;
        if answer["ref"] == json!(reference) {
            assert!(
                said.elapsed() < Duration::from_secs(1),
                "after {:?}: {answer}",
                said.elapsed()
            );
            return match answer["type"].as_str() {
                Some("message") => Ok(answer["message"]["number"].as_u64().expect("a number")),
                _ => Err(answer["code"].as_str().expect("a code").to_owned()),
            };
        }
    }
}

#[tokio::test]
async fn a_full_disk_costs_no_call_and_what_is_written_is_kept_again_once_there_is_room() {
    let server = Server::start_on_a_disk_of(8);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    a.send(json!({ "type": "call", "user_id": b.welcome["user_id"] })).await;
    let incoming = b.expect("incoming_call").await;
    b.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    b.expect("call_answered").await;
    a.expect("call_answered").await;
    let room = &incoming["room_id"];
    assert_eq!(say(&mut a, room, 1).await, Ok(1));
    b.expect("message").await;

    let filler = server.seen_by_it(&server.data.join("filler"));
    fill(&filler);
    // What the journal has room for already may still be kept.
    let mut kept = 1;
    let mut number = 1;
    loop {
        number += 1;
        match say(&mut a, room, number).await {
            Ok(place) => kept = place,
            Err(code) => {
                assert_eq!(code, "not_saved");
                break;
            }
        }
        assert!(number < 15, "the disk is not full");
    }
    // One failure after the other, more than there are connections to the database: none of them is spoiled by that.
    for _ in 0..8 {
        let again = say(&mut a, room, number).await;
        assert_eq!(again, Err("not_saved".to_owned()));
    }
    assert!(server.metric("tandem_store_failures_total{operation=\"keep\"}") >= 8.0);
    // The call goes on: what is on is told, others call and answer, and come in anew.
    a.send(json!({ "type": "publish", "room_id": room, "sources": ["microphone"] }))
        .await;
    let changed = b.expect("participant_changed").await;
    assert_eq!(changed["participant"]["sources"], json!(["microphone"]));
    let mut again = Tab::beside(&server, &a).await;
    again.send(json!({ "type": "ping" })).await;
    assert_eq!(again.next().await["type"], "pong");

    std::fs::remove_file(&filler).expect("removed");
    assert_eq!(say(&mut a, room, number).await, Ok(kept + 1), "the same message, once more");
    while b.expect("message").await["message"]["number"] != json!(kept + 1) {}
    a.send(json!({ "type": "hang_up", "call_id": incoming["call_id"] })).await;
    assert_eq!(b.expect("call_ended").await["reason"], "hung_up");
    // Nothing was spoiled: a backup is a check of every page.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("copy");
    let said = server.beside_it().arg("backup").arg(&file).output().expect("it runs");
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.contains("bytes, checked"), "{text}");
}
