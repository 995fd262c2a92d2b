//! `tandem upgrade`: another process of the real binary takes the place of the one that runs.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::supervised::Notices;
use crate::support::{PATIENCE, Server, Tab, environment_of, talk};

/// The process that took over, which nobody here is the parent of.
struct Successor {
    pid: String,
}

impl Successor {
    fn is_alive(&self) -> bool {
        Path::new("/proc")
            .join(&self.pid)
            .join("fd")
            .read_dir()
            .is_ok_and(|mut files| files.next().is_some())
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .args(["-s", name, &self.pid])
                .status()
                .expect("kill runs")
                .success()
        );
    }

    fn end(&self) {
        self.signal("TERM");
        let deadline = Instant::now() + PATIENCE;
        while self.is_alive() {
            assert!(Instant::now() < deadline, "the new process does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "KILL", &self.pid]).output();
    }
}

fn upgrade(server: &Server) -> Output {
    server.command().arg("upgrade").output().expect("the binary runs")
}

fn successor(done: &Output) -> Successor {
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said = String::from_utf8_lossy(&done.stdout);
    let pid = said.split_whitespace().nth(1).expect("it names the process").to_owned();
    assert_eq!(said.trim(), format!("process {pid} serves from now on"));
    Successor { pid }
}

#[tokio::test]
async fn another_process_takes_over_and_loses_neither_a_request_nor_a_call() {
    let mut server = Server::start();
    let (mut ada, mut bob) = (Tab::open(&server).await, Tab::open(&server).await);
    let call_id = talk(&mut ada, &mut bob).await;
    let stop = Arc::new(AtomicBool::new(false));
    let asking = {
        let (stop, port) = (stop.clone(), server.port);
        std::thread::spawn(move || {
            let mut answered = 0;
            while !stop.load(Ordering::Relaxed) {
                let first = crate::supervised::get(([127, 0, 0, 1], port).into()).expect("an answer");
                assert!(first.starts_with("HTTP/1.1 200"), "{first}");
                answered += 1;
            }
            answered
        })
    };
    let successor = successor(&upgrade(&server));
    assert_ne!(successor.pid, server.pid().to_string());
    let anew = format!("TANDEM_STARTED_ANEW={}", successor.pid);
    assert!(environment_of(&successor.pid).contains(&anew), "its heap is as the old one's");
    let before = ada.welcome["boot_id"].clone();
    for tab in [&mut ada, &mut bob] {
        tab.expect("server_stopping").await;
        let welcome = tab.come_back(&server).await;
        assert_ne!(welcome["boot_id"], before);
        assert_eq!(welcome["call"]["state"], "answered");
    }
    // Nothing of theirs goes through its SFU, so there is nothing to wait for.
    assert_eq!(server.wait(PATIENCE), Some(0));
    stop.store(true, Ordering::Relaxed);
    assert!(asking.join().expect("every request was answered") > 0);
    assert!(successor.is_alive());

    // The folder's door leads to the new process.
    let drained = server
        .command()
        .args(["drain", "--wait", "0"])
        .output()
        .expect("the binary runs");
    assert!(String::from_utf8_lossy(&drained.stdout).contains("1 call goes on"));
    ada.send(serde_json::json!({ "type": "hang_up", "call_id": call_id })).await;
    bob.expect("call_ended").await;
    successor.end();
}

#[tokio::test]
async fn a_process_that_cannot_serve_takes_nothing_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let server = Server::start_with(&[
        ("TANDEM__TLS__MODE", "files"),
        ("TANDEM__TLS__CERTIFICATE", &text(&certificate)),
        ("TANDEM__TLS__KEY", &text(&key)),
    ]);
    let mut ada = Tab::open(&server).await;
    std::fs::write(&certificate, "no certificate").expect("written");
    let done = upgrade(&server);
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("the new process ended before it served"), "{said}");
    ada.send(serde_json::json!({ "type": "set_name", "name": "Ada" })).await;
    ada.expect("name_changed").await;
    assert!(server.get("/").0.starts_with("HTTP/1.1 200"));

    std::fs::write(&certificate, made.cert.pem()).expect("written");
    let successor = successor(&upgrade(&server));
    ada.expect("server_stopping").await;
    ada.come_back(&server).await;
    successor.end();
}

#[test]
fn systemd_hears_which_process_is_the_service() {
    let notices = Notices::new();
    let hear = || notices.hear();
    let mut server = Server::start_with(&[("NOTIFY_SOCKET", &*notices.path)]);
    assert_eq!(hear(), "READY=1");
    let successor = successor(&upgrade(&server));
    assert_eq!(server.wait(PATIENCE), Some(0));
    let mut heard = [hear(), hear()];
    heard.sort();
    // The first is the new process's, and no news: the service has been ready all the time, and never stops.
    assert_eq!(heard, [format!("MAINPID={}", successor.pid), "READY=1".to_owned()]);
    successor.end();
    assert_eq!(hear(), "STOPPING=1");
}

#[test]
fn without_a_server_there_is_nothing_to_upgrade() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .arg("--data")
        .arg(folder.path())
        .arg("upgrade")
        .output()
        .expect("the binary runs");
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("no server runs with the data folder"), "{said}");
}
