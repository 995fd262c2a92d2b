//! Start and stop.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{PATIENCE, Server, Tab, environment_of, talk};

fn tandem(arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_example_is_a_config_that_passes_the_check() {
    let (fine, example, _) = tandem(&["config", "example"], &[]);
    assert!(fine);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, example).unwrap();
    let (fine, said, _) = tandem(&["config", "check", "--config", path.to_str().unwrap()], &[]);
    assert!(fine && said == "the configuration is right\n", "{said}");
}

#[test]
fn a_bad_value_stops_the_start_with_one_sentence() {
    for (arguments, environment, named) in [
        (
            &["--listen", "nowhere"][..],
            &[][..],
            ["server.listen", "nowhere", "[::]:8443"],
        ),
        (
            &[][..],
            &[("TANDEM__CALLS__RING_TIMEOUT_S", "soon")][..],
            ["calls.ring_timeout_s", "soon", "integer"],
        ),
        (
            &["--config", "/nonexistent.toml"][..],
            &[][..],
            ["--config", "/nonexistent.toml", "no such file"],
        ),
    ] {
        let (fine, _, said) = tandem(arguments, environment);
        assert!(!fine && said.lines().count() == 1, "{said}");
        for part in named {
            assert!(said.contains(part), "{said:?} does not name {part:?}");
        }
    }
}

#[test]
fn a_server_starts_itself_anew_with_its_heap_in_large_pages_and_is_the_same_process() {
    let server = Server::start();
    let environment = environment_of(server.pid());
    assert!(environment.contains(&format!("TANDEM_STARTED_ANEW={}", server.pid())));
    let told = environment
        .iter()
        .any(|one| one.starts_with("GLIBC_TUNABLES=glibc.malloc.hugetlb=1"));
    assert!(told, "{environment:?}");
    let name = std::fs::read_to_string(format!("/proc/{}/comm", server.pid())).expect("it runs");
    assert_eq!(name.trim(), "tandem");
}

#[test]
fn an_operator_who_says_what_the_heap_is_like_is_obeyed() {
    let server = Server::start_with(&[("GLIBC_TUNABLES", "glibc.malloc.arena_max=3")]);
    let environment = environment_of(server.pid());
    assert!(
        !environment.iter().any(|one| one.starts_with("TANDEM_STARTED_ANEW")),
        "{environment:?}"
    );
    assert!(
        environment.contains(&"GLIBC_TUNABLES=glibc.malloc.arena_max=3".to_owned()),
        "{environment:?}"
    );
}

#[tokio::test]
async fn logs_are_json_where_that_is_asked_for() {
    let server = Server::start_with(&[("TANDEM__LOG__FORMAT", "json")]);
    let _tab = Tab::open(&server).await;
    server.said("session started", 1);
    let events = server.logged("");
    let events = events.iter().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let started = events.filter(|event| event["message"] == "started").collect::<Vec<_>>();
    assert_eq!(started.len(), 1, "{started:?}");
    for field in ["timestamp", "level", "target", "listen", "version"] {
        assert!(started[0][field].is_string(), "{field} is missing: {}", started[0]);
    }
}

#[test]
fn a_taken_port_is_named() {
    let server = Server::start();
    let taken = format!("127.0.0.1:{}", server.port);
    let folder = tempfile::tempdir().unwrap();
    let (fine, _, said) = tandem(
        &[
            "--listen",
            &taken,
            "--ops-listen",
            "127.0.0.1:0",
            "--data",
            folder.path().to_str().unwrap(),
        ],
        &[],
    );
    assert!(!fine && said.contains(&taken), "{said}");
}

#[tokio::test]
async fn sigterm_refuses_new_calls_and_ends_within_its_bound() {
    let mut server = Server::start_with(&[("TANDEM__SERVER__STOP_TIMEOUT_S", "2")]);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    let asked = Instant::now();
    server.signal("TERM");
    server.metric_becomes("tandem_draining", 1.0);
    let (head, body) = server.ops("/readyz");
    assert!(head.contains("503") && body == "stopping: 1 calls go on\n", "{head} {body}");
    let mut third = Tab::open(&server).await;
    third.send(json!({"type": "create_link"})).await;
    let refused = third.expect("error").await;
    assert_eq!(refused["code"], "shutting_down", "{refused}");
    assert_eq!(server.wait(Duration::from_secs(8)), Some(0));
    for tab in [&mut a, &mut b, &mut third] {
        tab.expect("server_stopping").await;
    }
    assert!(
        asked.elapsed() >= Duration::from_millis(1500),
        "the running call was not waited for"
    );
}

#[tokio::test]
async fn a_stop_without_calls_is_at_once() {
    let mut server = Server::start_with(&[("TANDEM__SERVER__STOP_TIMEOUT_S", "60")]);
    let mut a = Tab::open(&server).await;
    server.signal("TERM");
    a.expect("server_stopping").await;
    assert_eq!(server.wait(Duration::from_secs(5)), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_the_wait() {
    let mut server = Server::start_with(&[("TANDEM__SERVER__STOP_TIMEOUT_S", "60")]);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    talk(&mut a, &mut b).await;
    server.signal("TERM");
    server.metric_becomes("tandem_draining", 1.0);
    server.signal("TERM");
    assert_eq!(server.wait(Duration::from_secs(5)), Some(0));
    a.expect("server_stopping").await;
}

/// Labels never hold an id: what happens again makes no new series.
#[tokio::test]
async fn the_number_of_series_is_bounded() {
    let server = Server::start();
    let series = || server.ops("/metrics").1.lines().filter(|line| !line.starts_with('#')).count();
    // What workers count is there from the end of the first second on.
    let deadline = std::time::Instant::now() + PATIENCE;
    while !server.ops("/metrics").1.contains("tandem_subscription_layer{") {
        assert!(std::time::Instant::now() < deadline, "the workers count nothing");
    }
    let mut counted = Vec::new();
    for _ in 0..6 {
        let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
        let call_id = talk(&mut a, &mut b).await;
        a.send(json!({"type": "hang_up", "call_id": call_id})).await;
        b.expect("call_ended").await;
        a.send(json!({"type": "create_link"})).await;
        let link = a.expect("link_created").await["link"]["link_id"].clone();
        b.send(json!({"type": "join", "link_id": link})).await;
        b.expect("room_joined").await;
        a.send(json!({"type": "set_name", "name": "x".repeat(5000)})).await;
        a.expect("error").await;
        a.send(json!({"type": "nonsense"})).await;
        a.expect("error").await;
        server.get("/nothing");
        for tab in [&mut a, &mut b] {
            tab.leave().await;
        }
        counted.push(series());
    }
    let (first, last) = (counted[1], counted[5]);
    assert!(first == last && last <= 500, "{counted:?} series");
}
