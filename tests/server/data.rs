//! `tandem export`, `tandem forget` and `tandem backup`, beside a server that runs.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, on_both};
use crate::support::{PATIENCE, Server, Tab, settle, talk};

on_both!(
    one_persons_data_are_printed_and_nobody_elses,
    nothing_is_left_of_a_forgotten_user_while_the_server_runs,
);

/// Standard output, or standard error.
fn tandem(data: &Path, arguments: &[&str]) -> Result<String, String> {
    run(Command::new(env!("CARGO_BIN_EXE_tandem")).arg("--data").arg(data), arguments)
}

/// The same beside a server, with its configuration.
fn beside(server: &Server, arguments: &[&str]) -> Result<String, String> {
    run(&mut server.command(), arguments)
}

fn run(command: &mut Command, arguments: &[&str]) -> Result<String, String> {
    let output = command.args(arguments).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

fn export(server: &Server, user: &str) -> Value {
    let text = beside(server, &["export", user]).expect("it is printed");
    serde_json::from_str(&text).expect("JSON")
}

async fn say(tab: &mut Tab, room: &Value, message: &str, text: &str) {
    tab.send(json!({ "type": "say", "room_id": room, "message_id": message, "text": text }))
        .await;
    while tab.expect("message").await["message"]["message_id"] != message {}
}

/// Ada and Bob, who have talked and written, and know each other.
async fn acquainted(server: &Server) -> (Tab, Tab, String, String) {
    let (mut a, mut b) = (Tab::open(server).await, Tab::open(server).await);
    let [ada, bob] = [&a, &b].map(|tab| tab.welcome["user_id"].as_str().expect("text").to_owned());
    for (tab, name) in [(&mut a, "Ada Lovelace"), (&mut b, "Bob")] {
        tab.send(json!({ "type": "set_name", "name": name })).await;
        tab.expect("name_changed").await;
    }
    a.send(json!({ "type": "call", "user_id": bob })).await;
    let incoming = b.expect("incoming_call").await;
    b.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    a.expect("call_answered").await;
    say(&mut a, &incoming["room_id"], "0000000000001", "from Ada to Bob").await;
    say(&mut b, &incoming["room_id"], "0000000000002", "from Bob to Ada").await;
    a.send(json!({ "type": "hang_up", "call_id": incoming["call_id"] })).await;
    for tab in [&mut a, &mut b] {
        tab.expect("call_ended").await;
        tab.expect("history_changed").await;
    }
    for (tab, other, name) in [(&mut a, &bob, "Robert"), (&mut b, &ada, "Countess")] {
        tab.send(json!({ "type": "keep_contact", "user_id": other, "name": name }))
            .await;
        tab.expect("contact_changed").await;
    }
    a.send(json!({ "type": "create_link", "name": "Ada's room" })).await;
    a.expect("link_created").await;
    settle(server).await;
    // Names are shown before they are kept, and kept in their order.
    let begun = Instant::now();
    while export(server, &bob)["user"]["name"] != "Bob" {
        assert!(begun.elapsed() < PATIENCE, "the names are not kept");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (a, b, ada, bob)
}

async fn one_persons_data_are_printed_and_nobody_elses(bed: &Bed) {
    let server = bed.start();
    let (_a, _b, ada, bob) = acquainted(&server).await;
    let export = export(&server, &ada);
    assert_eq!(export["user"]["name"], "Ada Lovelace");
    assert_eq!(export["contacts"], json!([{ "user_id": bob, "name": "Robert" }]));
    assert_eq!(export["calls"][0]["other_user_id"], json!(bob));
    assert_eq!(export["calls"][0]["reason"], "hung_up");
    assert_eq!(export["messages"].as_array().expect("a list").len(), 1);
    assert_eq!(export["messages"][0]["text"], "from Ada to Bob");
    assert_eq!(export["links"][0]["name"], "Ada's room");
    assert_eq!(export["sessions"], 1);
    let text = export.to_string();
    for word in ["Countess", "from Bob", "secret"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let unknown = beside(&server, &["export", "k7mq-2xwd-9hpt"]).expect_err("nobody has it");
    assert!(unknown.contains("there is no user k7mq-2xwd-9hpt"), "{unknown}");
    let backup = beside(&server, &["backup", "/none/copy"]).expect_err("it cannot be");
    assert_eq!(backup.contains("pg_dump"), bed.url.is_some(), "{backup}");
    let empty = tempfile::tempdir().expect("a folder");
    let nothing = tandem(empty.path(), &["export", &ada]).expect_err("nothing is there");
    assert!(nothing.contains("there is no database at"), "{nothing}");
}

async fn nothing_is_left_of_a_forgotten_user_while_the_server_runs(bed: &Bed) {
    let mut server = bed.start();
    let (mut a, mut b, ada, bob) = acquainted(&server).await;
    let call = talk(&mut a, &mut b).await;
    beside(&server, &["forget", &ada]).expect("it is done");
    // The call that goes on ends, and the page of who is gone is closed.
    assert_eq!(b.expect("call_ended").await["call_id"], call);
    assert_eq!(a.closed().await, Some(1008));
    let again = beside(&server, &["forget", &ada]).expect_err("nobody is there");
    assert!(again.contains("there is no user"), "{again}");
    let (_, refused) = Tab::greet(&server, json!({ "user": a.credentials() })).await;
    assert_eq!(refused["code"], "not_signed_in", "{refused}");
    // What is Bob's stays, without a word of Ada.
    b.send(json!({ "type": "history", "limit": 9 })).await;
    let history = b.expect("history").await;
    let rows = history["rows"].as_array().expect("a list");
    assert!(
        rows.len() == 2
            && rows
                .iter()
                .all(|row| row["user"] == json!({ "user_id": "0000-0000-0000", "name": "" })),
        "{history}"
    );
    b.send(json!({ "type": "call_messages", "call_id": rows[1]["call_id"], "limit": 9 }))
        .await;
    let messages = b.expect("messages").await;
    assert_eq!(messages["messages"][0]["deleted"], true);
    assert_eq!(messages["messages"][1]["text"], "from Bob to Ada");
    b.send(json!({ "type": "people" })).await;
    assert_eq!(b.expect("people").await["contacts"], json!([]));
    let about_bob = export(&server, &bob).to_string();
    server.kill_and_start();
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE), Some(0));
    for entry in std::fs::read_dir(&server.data).expect("listed") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for trace in ["Ada Lovelace", "from Ada to Bob", "Ada's room", "Countess", ada.as_str()] {
            let found = bytes.windows(trace.len()).any(|window| window == trace.as_bytes());
            assert!(!found && !about_bob.contains(trace), "{trace} is in {}", path.display());
        }
    }
    // Without a server it works as well.
    beside(&server, &["forget", &bob]).expect("it is done");
}

#[tokio::test]
async fn a_backup_of_a_running_server_is_whole_and_starts() {
    let server = Server::start();
    let (mut a, _b, ada, _bob) = acquainted(&server).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tandem.sqlite3");
    let name = file.to_str().expect("text");
    // While it is written to.
    let data = server.data.clone();
    let to = name.to_owned();
    let backup = tokio::task::spawn_blocking(move || tandem(&data, &["backup", &to]));
    for number in 0..20 {
        a.send(json!({ "type": "keep_contact", "user_id": "k7mq-2xwd-9hpt", "name": format!("n {number}") }))
            .await;
        a.expect("contact_changed").await;
    }
    let said = backup.await.expect("it ran").expect("it is written");
    assert!(said.contains("bytes, checked"), "{said}");
    let twice = tandem(&server.data, &["backup", name]).expect_err("it is there");
    assert!(twice.contains("exists"), "{twice}");
    let nowhere = tandem(&server.data, &["backup", "/no/such/folder/file"]).expect_err("it cannot be");
    assert!(nowhere.contains("/no/such/folder/file"), "{nowhere}");
    let restored = Server::start_in(folder.path().to_owned(), &[]);
    assert_eq!(export(&restored, &ada)["user"]["name"], "Ada Lovelace");
    a.come_back(&restored).await;
}
