//! What is written in calls and rooms: kept before anybody sees it, and found again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection};
use tokio_tungstenite::tungstenite::Message;

use crate::bed::{Bed, on_both};
use crate::support::{PATIENCE, Server, Tab, settle, talk};

on_both!(
    a_call_has_a_chat_that_is_found_again_by_both_and_nobody_else,
    who_comes_later_into_a_room_sees_what_was_said_and_a_new_gathering_begins_empty,
    what_cannot_be_kept_is_said_within_a_second_and_nobody_sees_it,
);

/// An id of a message, as a page draws one.
fn message_id(number: u64) -> String {
    format!("{number:013}")
}

async fn room_of(tab: &mut Tab, server: &Server) -> Value {
    let welcome = tab.come_back(server).await;
    welcome["call"]["room_id"].clone()
}

async fn say(tab: &mut Tab, room: &Value, number: u64, text: &str) {
    tab.send(json!({ "type": "say", "room_id": room, "message_id": message_id(number), "text": text }))
        .await;
}

/// Numbers and texts of what a page is told when it asks.
async fn texts(tab: &mut Tab, question: Value) -> Vec<String> {
    tab.send(question).await;
    let answer = tab.expect("messages").await;
    let brief = |one: &Value| format!("{} {}", one["number"], one["text"].as_str().expect("text"));
    answer["messages"].as_array().expect("a list").iter().map(brief).collect()
}

async fn a_call_has_a_chat_that_is_found_again_by_both_and_nobody_else(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, mut b, mut eve) = (Tab::open(&server).await, Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut a, &mut b).await;
    let room = room_of(&mut a, &server).await;
    say(&mut a, &room, 1, "https://example.org/?a=1&b=<2>").await;
    let mine = a.expect("message").await;
    assert_eq!(
        (&mine["message"]["number"], &mine["message"]["message_id"]),
        (&json!(1), &json!(message_id(1)))
    );
    assert!(mine["ref"].is_u64(), "the sender's is its acknowledgement: {mine}");
    let theirs = b.expect("message").await;
    assert_eq!(theirs["message"]["text"], "https://example.org/?a=1&b=<2>");
    say(&mut a, &room, 1, "again").await;
    assert_eq!(a.expect("message").await["message"]["number"], 1, "the same message");
    say(&mut b, &room, 1, "hello").await;
    assert_eq!(a.expect("message").await["message"]["number"], 2);
    b.expect("message").await;
    b.send(json!({ "type": "edit_message", "room_id": room, "number": 1, "text": "mine" }))
        .await;
    assert_eq!(b.expect("error").await["code"], "not_allowed");
    b.send(json!({ "type": "edit_message", "room_id": room, "number": 2, "text": "hello!" }))
        .await;
    assert_eq!(a.expect("message_changed").await["message"]["edited"], true);
    b.expect("message_changed").await;
    a.send(json!({ "type": "delete_message", "room_id": room, "number": 2 }))
        .await;
    let gone = b.expect("message_changed").await;
    assert_eq!(
        (&gone["message"]["deleted"], &gone["message"]["text"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(b.count("message").await, 0);
    a.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    assert_eq!(b.expect("history_changed").await["row"]["chat"], true);
    settle(&server).await;
    server.kill_and_start();
    let ask = json!({ "type": "call_messages", "call_id": call_id, "limit": 50 });
    for tab in [&mut a, &mut b] {
        tab.come_back(&server).await;
        assert_eq!(texts(tab, ask.clone()).await, ["1 https://example.org/?a=1&b=<2>", "2 "]);
    }
    eve.come_back(&server).await;
    eve.send(ask.clone()).await;
    assert_eq!(eve.expect("error").await["code"], "not_allowed");
    for tab in [&mut a, &mut b] {
        tab.send(json!({ "type": "forget_history", "call_id": call_id })).await;
        tab.expect("history_forgotten").await;
        tab.send(ask.clone()).await;
        assert_eq!(tab.expect("error").await["code"], "not_allowed");
    }
}

async fn who_comes_later_into_a_room_sees_what_was_said_and_a_new_gathering_begins_empty(bed: &Bed) {
    let server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    a.send(json!({ "type": "create_link" })).await;
    let link = a.expect("link_created").await["link"]["link_id"].clone();
    let join = json!({ "type": "join", "link_id": link });
    a.send(join.clone()).await;
    let room = a.expect("room_joined").await["room"]["room_id"].clone();
    for number in 1..=3 {
        say(&mut a, &room, number, "early").await;
        a.expect("message").await;
    }
    b.send(json!({ "type": "messages", "room_id": room, "limit": 2 })).await;
    assert_eq!(b.expect("error").await["code"], "not_allowed", "not before the door");
    b.send(join.clone()).await;
    b.expect("room_joined").await;
    b.send(json!({ "type": "messages", "room_id": room, "limit": 2 })).await;
    let page = b.expect("messages").await;
    assert_eq!((&page["messages"][0]["number"], &page["more"]), (&json!(2), &json!(true)));
    let before = json!({ "type": "messages", "room_id": room, "before": 2, "limit": 2 });
    assert_eq!(texts(&mut b, before).await, ["1 early"]);
    for tab in [&mut a, &mut b] {
        tab.send(json!({ "type": "leave", "room_id": room })).await;
        tab.expect("room_left").await;
    }
    a.send(join).await;
    let room = a.expect("room_joined").await["room"]["room_id"].clone();
    assert!(
        texts(&mut a, json!({ "type": "messages", "room_id": room, "limit": 9 }))
            .await
            .is_empty()
    );
}

async fn what_cannot_be_kept_is_said_within_a_second_and_nobody_sees_it(bed: &Bed) {
    let server = bed.start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    let room = room_of(&mut a, &server).await;
    // Somebody else holds what writers have to wait for.
    sqlx::any::install_default_drivers();
    let (url, lock) = match &bed.url {
        None => (
            format!("sqlite://{}/tandem.sqlite3", server.data.display()),
            "BEGIN IMMEDIATE",
        ),
        Some(url) => (url.clone(), "BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE"),
    };
    let mut other = AnyConnection::connect(&url).await.expect("it opens");
    sqlx::raw_sql(lock).execute(&mut other).await.expect("locked");
    let said = Instant::now();
    say(&mut a, &room, 1, "hello").await;
    assert_eq!(a.expect("error").await["code"], "not_saved");
    assert!(said.elapsed() < Duration::from_secs(1), "{:?}", said.elapsed());
    assert_eq!(b.count("message").await, 0);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("free again");
    say(&mut a, &room, 1, "hello").await;
    assert_eq!(b.expect("message").await["message"]["number"], 1);
    a.expect("message").await;
    let kept = texts(&mut b, json!({ "type": "messages", "room_id": room, "limit": 9 })).await;
    assert_eq!(kept, ["1 hello"], "once");
}

/// Somebody who writes on and on, through every end of the server: what is not acknowledged is sent again.
struct Chatter {
    port: u16,
    credentials: Value,
    resume: Value,
    room: Value,
    user: String,
    /// The first of its message ids.
    next: u64,
    /// Number by message id.
    acknowledged: BTreeMap<String, u64>,
    /// Of the others.
    heard: BTreeSet<u64>,
    waits: Vec<Duration>,
}

impl Chatter {
    fn of(tab: &Tab, port: u16, room: &Value, first: u64) -> Chatter {
        Chatter {
            port,
            credentials: tab.credentials(),
            resume: tab.resume(),
            room: room.clone(),
            user: tab.user_id(),
            next: first,
            acknowledged: BTreeMap::new(),
            heard: BTreeSet::new(),
            waits: Vec::new(),
        }
    }

    /// Until `stop`, and the last message is acknowledged.
    async fn write(mut self, stop: Arc<AtomicBool>) -> Chatter {
        let mut waiting: Option<(String, Instant)> = None;
        loop {
            let url = format!("ws://127.0.0.1:{}/ws", self.port);
            let Ok((mut socket, _)) = tokio_tungstenite::connect_async(url).await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let hello = json!({ "ref": 0, "type": "hello", "protocol": 1, "user": self.credentials, "resume": self.resume });
            let mut reference = 0;
            let mut alive = socket.send(Message::text(hello.to_string())).await.is_ok();
            let mut welcomed = false;
            let mut due = Instant::now();
            while alive {
                if welcomed && due <= Instant::now() {
                    if waiting.is_none() {
                        if stop.load(Ordering::Relaxed) {
                            return self;
                        }
                        waiting = Some((message_id(self.next), Instant::now()));
                        self.next += 1;
                    }
                    let id = &waiting.as_ref().expect("it was just made").0;
                    reference += 1;
                    let command = json!({ "ref": reference, "type": "say", "room_id": self.room, "message_id": id, "text": id });
                    alive = socket.send(Message::text(command.to_string())).await.is_ok();
                    due = Instant::now() + Duration::from_millis(900);
                }
                let wait = due.saturating_duration_since(Instant::now());
                let text = match tokio::time::timeout(wait.min(Duration::from_secs(1)), socket.next()).await {
                    Err(_) => continue,
                    Ok(Some(Ok(Message::Text(text)))) => text,
                    Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => break,
                    Ok(Some(Ok(_))) => continue,
                };
                let event: Value = serde_json::from_str(&text).expect("JSON");
                if let Some(seq) = event["seq"].as_u64() {
                    self.resume["seq"] = seq.into();
                }
                match event["type"].as_str() {
                    Some("welcome") => {
                        assert_eq!(event["resumed"], true, "the session goes on: {event}");
                        reference = event["last_ref"].as_u64().expect("a number");
                        welcomed = true;
                        due = Instant::now();
                    }
                    Some("message") => {
                        let message = &event["message"];
                        let number = message["number"].as_u64().expect("a number");
                        let id = message["message_id"].as_str().expect("an id");
                        if message["user"]["user_id"] != self.user {
                            assert!(self.heard.insert(number), "shown twice: {event}");
                        } else if let Some((_, said)) = waiting.take_if(|(waiting, _)| waiting == id) {
                            self.waits.push(said.elapsed());
                            self.acknowledged.insert(id.to_owned(), number);
                            due = Instant::now() + Duration::from_millis(200);
                        }
                    }
                    Some("error") if event["code"] == "not_allowed" => panic!("the room is full, or gone: {event}"),
                    Some("error") => due = Instant::now() + Duration::from_millis(300),
                    _ => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn from_environment(key: &str, usual: u64) -> u64 {
    std::env::var(key).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

/// A room keeps 10,000 messages.
const IN_ONE_ROOM: usize = 8;

/// TANDEM_KILLS=200 TANDEM_CHATTERS=40 for a longer look; TANDEM_SEED replays the moments of a run.
#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_message_is_lost_or_doubled_by_kills_on_sqlite() {
    no_acknowledged_message_is_lost_or_doubled_by_kills(&Bed::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_message_is_lost_or_doubled_by_kills_on_postgres() {
    no_acknowledged_message_is_lost_or_doubled_by_kills(&Bed::postgres()).await;
}

async fn no_acknowledged_message_is_lost_or_doubled_by_kills(bed: &Bed) {
    let kills = from_environment("TANDEM_KILLS", 5);
    let chatters = from_environment("TANDEM_CHATTERS", 8);
    let seed = from_environment("TANDEM_SEED", u64::from(std::process::id()));
    let mut dice = StdRng::seed_from_u64(seed);
    let mut server = bed.start();
    let mut tabs = Vec::new();
    for _ in 0..chatters {
        tabs.push(Tab::open(&server).await);
    }
    let mut rooms = Vec::new();
    for together in tabs.chunks_mut(IN_ONE_ROOM) {
        together[0].send(json!({ "type": "create_link" })).await;
        let link = together[0].expect("link_created").await["link"]["link_id"].clone();
        let mut room = Value::Null;
        for tab in together {
            tab.send(json!({ "type": "join", "link_id": link })).await;
            room = tab.expect("room_joined").await["room"]["room_id"].clone();
        }
        rooms.push(room);
    }
    for tab in &mut tabs {
        // What came before is seen.
        tab.count("participant_joined").await;
    }
    settle(&server).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut running = Vec::new();
    for (place, tab) in tabs.into_iter().enumerate() {
        let first = (place as u64 + 1) * 1_000_000;
        let chatter = Chatter::of(&tab, server.port, &rooms[place / IN_ONE_ROOM], first);
        tab.vanish();
        running.push(tokio::spawn(chatter.write(Arc::clone(&stop))));
    }
    let began = Instant::now();
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(dice.random_range(100..1500))).await;
        server.kill_and_start();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut done = Vec::new();
    for one in running {
        done.push(
            tokio::time::timeout(PATIENCE * 2, one)
                .await
                .expect("in time")
                .expect("no panic"),
        );
    }
    // Everything that is kept, page by page, by one in each room.
    let mut kept: BTreeMap<(usize, u64), (String, String)> = BTreeMap::new();
    for (place, room) in rooms.iter().enumerate() {
        let first = &done[place * IN_ONE_ROOM];
        let mut reader = Tab::hello(&server, json!({ "user": first.credentials, "resume": first.resume })).await;
        reader.seq = first.resume["seq"].as_u64().expect("a number");
        let mut before = Value::Null;
        loop {
            reader
                .send(json!({ "type": "messages", "room_id": room, "before": before, "limit": 100 }))
                .await;
            let page = reader.expect("messages").await;
            for one in page["messages"].as_array().expect("a list") {
                let text = |key: &str| one[key].as_str().expect("text").to_owned();
                assert_eq!(text("message_id"), text("text"));
                let author = one["user"]["user_id"].as_str().expect("an id").to_owned();
                let number = one["number"].as_u64().expect("a number");
                let before = kept.insert((place, number), (author, text("text")));
                assert!(before.is_none(), "a number is given once");
            }
            before = page["messages"][0]["number"].clone();
            if page["more"] != true {
                break;
            }
        }
    }
    let mut waits: Vec<Duration> = done.iter().flat_map(|one| one.waits.clone()).collect();
    waits.sort_unstable();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    let acknowledged: usize = done.iter().map(|one| one.acknowledged.len()).sum();
    let texts: BTreeSet<&(String, String)> = kept.values().collect();
    let doubled = kept.len() - texts.len();
    let mut lost = 0;
    for (place, one) in done.iter().enumerate() {
        for (id, number) in &one.acknowledged {
            let found = kept.get(&(place / IN_ONE_ROOM, *number));
            lost += usize::from(found != Some(&(one.user.clone(), id.clone())));
        }
    }
    println!(
        "{kills} kills in {:.1} s, {chatters} chatters: {acknowledged} acknowledged, {lost} lost, {doubled} doubled; \
         acknowledged after {} ms (median), {} ms (99 %); seed {seed}",
        began.elapsed().as_secs_f64(),
        at(50).as_millis(),
        at(99).as_millis(),
    );
    assert!(acknowledged > 0);
    assert_eq!((lost, doubled), (0, 0), "seed {seed}");
}
