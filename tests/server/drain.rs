//! `tandem drain`, and a server that is drained.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::{Server, Tab, talk};

fn drain(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(["drain", "--data"]).arg(data).args(arguments);
    command
}

/// (exit code, standard output, standard error)
fn outcome(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_drain_waits_for_the_calls_and_takes_no_new_ones() {
    let server = Server::start();
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut a, &mut b).await;
    let (code, said, _) = outcome(drain(&server.data, &["--wait", "0"]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("1 call goes on, with 2 participants"), "{said}");
    let (head, body) = server.ops("/readyz");
    assert!(head.contains("503") && body == "draining: 1 calls go on\n", "{head} {body}");
    assert_eq!(server.metric("tandem_draining"), 1.0);

    let mut waiting = drain(&server.data, &[])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut third = Tab::open(&server).await;
    third.send(json!({"type": "call", "user_id": a.user_id()})).await;
    assert_eq!(third.expect("error").await["code"], "shutting_down");
    a.send(json!({"type": "ping"})).await;
    a.expect("pong").await;
    assert!(waiting.try_wait().expect("a child").is_none(), "it waits for the call");
    a.send(json!({"type": "hang_up", "call_id": call_id})).await;
    b.expect("call_ended").await;
    let ended = tokio::task::spawn_blocking(move || waiting.wait_with_output().expect("a child"));
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
    let ended = ended.expect("it ends with the call").expect("no panic");
    assert_eq!(ended.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("no call is left"));

    let (code, said, _) = outcome(drain(&server.data, &["--undo"]));
    assert_eq!((code, said.as_str()), (Some(0), "new calls are taken again\n"));
    assert!(server.ops("/readyz").0.contains("200"));
    third.send(json!({"type": "create_link"})).await;
    third.expect("link_created").await;
}

#[test]
fn where_no_server_runs_there_is_nothing_to_drain() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _, said) = outcome(drain(folder.path(), &[]));
    assert_eq!(code, Some(1));
    assert!(said.contains("no server runs") && said.contains("--data"), "{said}");
}

#[tokio::test]
async fn the_control_socket_is_the_servers_own_and_takes_the_place_of_a_killed_one() {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;

    let mut server = Server::start();
    let path = server.data.join("control.sock");
    let mode = || std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    server.kill_and_start();
    let mut bad = std::os::unix::net::UnixStream::connect(&path).expect("the new one listens");
    bad.write_all(b"stop everything now, please\n").expect("sent");
    let mut answer = String::new();
    // What was not read resets the connection behind the answer.
    let _ = bad.read_to_string(&mut answer);
    assert!(answer.contains("expected drain"), "{answer}");
    let (code, ..) = outcome(drain(&server.data, &["--wait", "0"]));
    assert_eq!(code, Some(0));
    server.signal("TERM");
    server.wait(Duration::from_secs(5));
    assert!(!path.exists(), "it goes with the server");
}
