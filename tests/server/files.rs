//! Files in chats: sent and fetched over HTTP with tickets of the websocket, for those alone who may read their message.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::bed::{Bed, on_both};
use crate::disk::fill;
use crate::support::{PATIENCE, Server, Tab, settle, talk};

on_both!(
    a_file_is_found_again_by_who_was_there_and_nobody_else,
    a_file_that_breaks_off_leaves_its_place_to_the_next,
);

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and whatever follows";

fn message_id(number: u64) -> String {
    format!("{number:013}")
}

async fn room_of(tab: &mut Tab, server: &Server) -> Value {
    tab.come_back(server).await["call"]["room_id"].clone()
}

/// What is answered to a command.
async fn ask(tab: &mut Tab, command: Value) -> Value {
    let reference = json!(tab.send(command).await);
    loop {
        let event = tab.next().await;
        if event["ref"] == reference {
            return event;
        }
    }
}

/// What the server answers: `file_begun`, or an error.
async fn begin(tab: &mut Tab, room: &Value, number: u64, name: &str, bytes: u64) -> Value {
    let begin = json!({ "type": "send_file", "room_id": room, "message_id": message_id(number), "name": name, "bytes": bytes });
    ask(tab, begin).await
}

/// Sends what there is of a body that is said to be so long, and its head and body of the answer.
fn put(server: &Server, ticket: &Value, length: usize, body: &[u8]) -> (String, Vec<u8>) {
    let ticket = ticket.as_str().unwrap_or("none");
    let head = format!("PUT /files/{ticket} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    exchange(server, &[head.as_bytes(), body].concat())
}

fn get(server: &Server, ticket: &Value) -> (String, Vec<u8>) {
    let ticket = ticket.as_str().unwrap_or("none");
    let head = format!("GET /files/{ticket} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    exchange(server, head.as_bytes())
}

fn exchange(server: &Server, request: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // Whoever is refused early need not be heard to the end.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("an HTTP answer");
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    (head, answer[end + 4..].to_vec())
}

fn is(head: &str, status: u16) {
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
}

/// Sends a file and says it; the message as its sender is told.
async fn send(server: &Server, tab: &mut Tab, room: &Value, number: u64, name: &str, body: &[u8]) -> Value {
    let begun = begin(tab, room, number, name, body.len() as u64).await;
    assert_eq!(begun["type"], "file_begun", "{begun}");
    assert_eq!(begun["message_id"], json!(message_id(number)));
    is(&put(server, &begun["ticket"], body.len(), body).0, 204);
    say(tab, room, number, &begun["file_id"]).await
}

async fn say(tab: &mut Tab, room: &Value, number: u64, file: &Value) -> Value {
    let say = json!({ "type": "say", "room_id": room, "message_id": message_id(number), "text": "", "file_id": file });
    let said = ask(tab, say).await;
    match said["type"].as_str() {
        Some("message") => said["message"].clone(),
        _ => said,
    }
}

/// A ticket, or the code of an error.
async fn open(tab: &mut Tab, question: Value) -> Value {
    let answer = ask(tab, question).await;
    match answer["ticket"].is_string() {
        true => answer["ticket"].clone(),
        false => answer["code"].clone(),
    }
}

async fn a_file_is_found_again_by_who_was_there_and_nobody_else(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, mut b, mut eve) = (Tab::open(&server).await, Tab::open(&server).await, Tab::open(&server).await);
    assert_eq!(a.welcome["file_bytes_max"], json!(25 << 20));
    let call = talk(&mut a, &mut b).await;
    let room = room_of(&mut a, &server).await;
    // More than one chunk, and not a whole number of them.
    let body: Vec<u8> = PNG.iter().copied().chain((0..600_000_u32).map(|n| (n % 251) as u8)).collect();
    let said = send(&server, &mut a, &room, 1, "../plan \u{202e}b.png", &body).await;
    let heard = b.expect("message").await["message"].clone();
    assert_eq!(said, heard);
    let file = &heard["file"];
    assert_eq!(
        (&file["name"], &file["bytes"], &file["kind"], &file["kept"]),
        (&json!("plan b.png"), &json!(body.len()), &json!("png"), &json!(true))
    );
    let in_room = json!({ "type": "open_file", "room_id": room, "number": 1 });
    let ticket = open(&mut b, in_room.clone()).await;
    let (head, fetched) = get(&server, &ticket);
    is(&head, 200);
    assert!(fetched == body, "{} of {} bytes", fetched.len(), body.len());
    for line in [
        "content-type: image/png",
        "content-disposition: attachment; filename=\"plan b.png\"; filename*=utf-8''plan%20b.png",
        "x-content-type-options: nosniff",
        "content-security-policy: sandbox; default-src 'none'; frame-ancestors 'none'",
        "cache-control: private, no-store",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(head.lines().any(|one| one == line), "{line}: {head}");
    }
    assert_eq!(open(&mut eve, in_room.clone()).await, "not_allowed");
    let in_call = json!({ "type": "open_call_file", "call_id": call, "number": 1 });
    assert_eq!(open(&mut eve, in_call.clone()).await, "not_allowed");
    a.send(json!({ "type": "hang_up", "call_id": call })).await;
    b.expect("history_changed").await;
    settle(&server).await;
    server.kill_and_start();
    for tab in [&mut a, &mut b] {
        tab.come_back(&server).await;
        let ticket = open(tab, in_call.clone()).await;
        assert!(get(&server, &ticket).1 == body);
    }
    // A ticket outlives the server, and what it is for does not outlive its user.
    let ticket = open(&mut b, in_call.clone()).await;
    let user = a.user_id();
    let export = server.command().args(["export", &user]).output().expect("it runs");
    let export: Value = serde_json::from_slice(&export.stdout).expect("JSON");
    assert_eq!(export["files"][0]["name"], "plan b.png");
    assert!(server.command().args(["forget", &user]).status().expect("it runs").success());
    is(&get(&server, &ticket).0, 404);
    assert_eq!(open(&mut b, in_call).await, "not_allowed");
}

async fn a_file_that_breaks_off_leaves_its_place_to_the_next(bed: &Bed) {
    let mib = 1 << 20;
    let sizes = ["FILE_MIB_MAX", "USER_FILES_MIB_MAX", "FILES_MIB_MAX"].map(|key| format!("TANDEM__CHAT__{key}"));
    let environment: Vec<(&str, &str)> = sizes.iter().map(|key| (key.as_str(), "1")).collect();
    let server = bed.start_with(&environment);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    let room = room_of(&mut a, &server).await;
    let too_large = begin(&mut a, &room, 1, "a", mib + 1).await;
    assert_eq!(too_large["code"], "too_large");
    let begun = begin(&mut a, &room, 1, "a", mib).await;
    assert_eq!(begun["type"], "file_begun", "{begun}");
    assert_eq!(begin(&mut b, &room, 2, "b", 1).await["code"], "no_space");
    assert_eq!(
        say(&mut a, &room, 1, &begun["file_id"]).await["code"],
        "not_allowed",
        "it is not whole"
    );
    // Half of it, and then the connection is gone.
    let head = format!(
        "PUT /files/{} HTTP/1.1\r\nhost: x\r\ncontent-length: {mib}\r\n\r\n",
        begun["ticket"].as_str().expect("text")
    );
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(&vec![7; mib as usize / 2]).expect("sent");
    drop(stream);
    server.metric_becomes("tandem_files_total{outcome=\"cut\"}", 1.0);
    let mut number = 10;
    let begun = loop {
        let begun = begin(&mut b, &room, number, "b", mib).await;
        if begun["type"] == "file_begun" {
            break begun;
        }
        assert_eq!(begun["code"], "no_space", "{begun}");
        number += 1;
        assert!(number < 25, "its place is not free again");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    // One that is whole, and sent twice.
    let body = vec![7; mib as usize];
    is(&put(&server, &begun["ticket"], body.len(), &body).0, 204);
    is(&put(&server, &begun["ticket"], body.len(), &body).0, 409);
    assert_eq!(
        say(&mut a, &room, 40, &begun["file_id"]).await["code"],
        "not_allowed",
        "it is another's"
    );
    let said = say(&mut b, &room, number, &begun["file_id"]).await;
    assert_eq!(said["file"]["kind"], "other");
    assert_eq!(say(&mut b, &room, 41, &begun["file_id"]).await["code"], "not_allowed", "once");
    assert_eq!(say(&mut b, &room, number, &begun["file_id"]).await, said, "the same message");
    // With its message it goes, and leaves its place within the minute.
    let number = said["number"].clone();
    let delete = json!({ "type": "delete_message", "room_id": room, "number": number });
    assert_eq!(ask(&mut b, delete).await["message"]["file"], Value::Null);
    let gone = json!({ "type": "open_file", "room_id": room, "number": number });
    assert_eq!(open(&mut a, gone).await, "not_allowed");
}

#[tokio::test]
async fn hostile_names_bodies_and_tickets_come_to_nothing() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    let room = room_of(&mut a, &server).await;
    let html = b"<!doctype html><script>alert(document.domain)</script>";
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let polyglot = b"GIF89a/*<script>*/=1;alert(1)//</script>";
    let long = format!("{}.png", "x".repeat(900));
    let hostile: [(&str, &[u8], &str, &str); 6] = [
        ("photo.png", html, "photo.png", "application/octet-stream"),
        ("../../../../etc/passwd", svg, "passwd", "application/octet-stream"),
        (
            "C:\\x\\a\";filename=evil.html",
            html,
            "a_;filename=evil.html",
            "application/octet-stream",
        ),
        ("gif\r\nset-cookie: a=b.gif", polyglot, "gifset-cookie_ a=b.gif", "image/gif"),
        ("\u{202e}gnp.exe", html, "gnp.exe", "application/octet-stream"),
        (&long, PNG, "", "image/png"),
    ];
    for (number, (typed, body, name, content_type)) in (1..).zip(hostile) {
        let said = send(&server, &mut a, &room, number, typed, body).await;
        let shown = said["file"]["name"].as_str().expect("text");
        assert!(shown.chars().count() <= 120, "{shown}");
        assert!(name.is_empty() || shown == name, "{shown}");
        let ticket = open(&mut a, json!({ "type": "open_file", "room_id": room, "number": number })).await;
        let (head, fetched) = get(&server, &ticket);
        is(&head, 200);
        assert_eq!(fetched, body);
        assert!(head.contains(&format!("content-type: {content_type}")), "{head}");
        let disposition = head
            .lines()
            .filter(|line| line.starts_with("content-disposition: attachment; filename=\""));
        assert_eq!(disposition.count(), 1, "{head}");
        assert!(
            head.contains("content-security-policy: sandbox;") && head.contains("nosniff"),
            "{head}"
        );
        assert!(!head.contains("set-cookie:"), "{head}");
    }
    // Another length than was announced.
    for (number, length, sent, status) in [(20, 4, 4, 400), (21, 6, 6, 400)] {
        let begun = begin(&mut a, &room, number, "a", 5).await;
        is(&put(&server, &begun["ticket"], length, &vec![1; sent]).0, status);
        // It was not begun, so it may come as it should.
        is(&put(&server, &begun["ticket"], 5, b"12345").0, 204);
    }
    for (number, body, status) in [(22, "3\r\nabc\r\n0\r\n\r\n", 400), (23, "9\r\nabcdefghi\r\n0\r\n\r\n", 413)] {
        let begun = begin(&mut a, &room, number, "a", 5).await;
        let head = format!(
            "PUT /files/{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{body}",
            begun["ticket"].as_str().expect("text")
        );
        is(&exchange(&server, head.as_bytes()).0, status);
        assert_eq!(say(&mut a, &room, number, &begun["file_id"]).await["code"], "not_allowed");
    }
    // Tickets of another deed, another file, another time, and none.
    let begun = begin(&mut a, &room, 30, "a", 5).await;
    let good = begun["ticket"].as_str().expect("text").to_owned();
    is(&get(&server, &json!(good)).0, 404);
    let other = begin(&mut a, &room, 31, "a", 5).await;
    let mut parts: Vec<&str> = good.split('-').collect();
    parts[1] = other["file_id"].as_str().expect("text");
    for forged in [
        parts.join("-"),
        good.replacen("s-", "f-", 1),
        format!("{good}0"),
        "..%2f..%2ftandem.sqlite3".to_owned(),
        "%00".to_owned(),
        "x".repeat(3000),
    ] {
        is(&put(&server, &json!(forged), 5, b"12345").0, 404);
        is(&get(&server, &json!(forged)).0, 404);
    }
    is(&put(&server, &json!(good), 5, b"12345").0, 204);
    // What a page of another origin asks before.
    let (head, _) = exchange(
        &server,
        b"OPTIONS /files/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: https://other.example\r\n\
          access-control-request-method: PUT\r\naccess-control-request-headers: content-type\r\n\r\n",
    );
    is(&head, 200);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
}

#[tokio::test]
async fn a_server_may_keep_no_files() {
    let server = Server::start_with(&[("TANDEM__CHAT__FILE_MIB_MAX", "0")]);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    assert_eq!(a.welcome["file_bytes_max"], Value::Null);
    talk(&mut a, &mut b).await;
    let room = room_of(&mut a, &server).await;
    assert_eq!(begin(&mut a, &room, 1, "a", 1).await["code"], "not_allowed");
}

#[tokio::test]
async fn a_full_disk_is_said_at_once_and_the_call_goes_on() {
    let server = Server::start_on_a_disk_of(8);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    let room = room_of(&mut a, &server).await;
    let body = vec![7; 6 << 20];
    let begun = begin(&mut a, &room, 1, "a", body.len() as u64).await;
    assert_eq!(begun["type"], "file_begun", "{begun}");
    let filler = server.seen_by_it(&server.data.join("filler"));
    fill(&filler);
    let (head, answer) = put(&server, &begun["ticket"], body.len(), &body);
    is(&head, 507);
    assert!(String::from_utf8_lossy(&answer).contains("disk may be full"));
    a.send(json!({ "type": "publish", "room_id": room, "sources": ["microphone"] }))
        .await;
    assert_eq!(
        b.expect("participant_changed").await["participant"]["sources"],
        json!(["microphone"])
    );
    std::fs::remove_file(&filler).expect("removed");
    let said = send(&server, &mut a, &room, 2, "a.bin", &vec![8; 300_000]).await;
    assert_eq!(said["file"]["bytes"], 300_000);
}
