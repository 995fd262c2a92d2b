//! Sign-in with the operator's own tokens: who comes in, who does not, and what they may do then.

mod bad;
mod keys;
mod media;
mod provider;
mod rooms;

use serde_json::{Value, json};

use super::support::{Server, Tab};
use crate::bed::{Bed, on_both};
pub use keys::{Signer, now};

on_both!(
    a_subject_is_the_same_user_with_every_token_and_after_a_restart,
    without_a_token_nobody_comes_in_and_a_session_goes_on_without,
    a_token_for_one_sign_in_is_good_for_one_even_after_a_restart,
    a_sign_in_that_came_to_nothing_does_not_use_a_token_up,
);

/// The secret of the key "app".
pub const SECRET: &str = "4fd1c9b1e5a04cf3a7d90d6c1f3e55aa-app";

/// The one sentence for all of them.
pub const REFUSED: &str = "this server takes people in with a good token of its operator's";

/// A server that takes tokens of the key "app", and of what else the environment says.
pub fn server(more: &[(&str, &str)]) -> Server {
    server_on(&Bed::sqlite(), more)
}

fn server_on(bed: &Bed, more: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let file = folder.join("app.secret");
    std::fs::write(&file, format!("{SECRET}\n")).expect("written");
    let keys = format!("app:{}", file.display());
    let mut environment = vec![
        ("TANDEM__AUTH__MODE", "token"),
        ("TANDEM__AUTH__KEYS", keys.as_str()),
        ("TANDEM__LOG__FILTER", "debug"),
    ];
    environment.extend_from_slice(more);
    bed.start_with(&environment)
}

/// What every token says, and more.
pub fn claims(more: Value) -> Value {
    let mut claims = json!({ "sub": "ada", "exp": now() + 600 });
    let fields = claims.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    claims
}

/// Signed with the secret of the server.
pub fn token(more: Value) -> String {
    Signer::secret("app", SECRET).sign(&claims(more))
}

pub async fn open(server: &Server, more: Value) -> Tab {
    Tab::hello(server, json!({ "token": token(more) })).await
}

/// Says hello with this, is refused as all are, and the websocket is closed.
pub async fn refused(server: &Server, hello: Value) {
    let (mut tab, answer) = Tab::greet(server, hello.clone()).await;
    let expected = json!({ "ref": 1, "type": "error", "code": "not_signed_in", "message": REFUSED });
    assert_eq!(answer, expected, "{hello}");
    assert_eq!(tab.closed().await, Some(1008), "{hello}");
}

async fn a_subject_is_the_same_user_with_every_token_and_after_a_restart(bed: &Bed) {
    let mut server = server_on(bed, &[]);
    let ada = open(&server, json!({ "name": "Ada" })).await;
    assert_eq!(ada.welcome["name"], "Ada");
    assert_eq!(ada.welcome["secret"], Value::Null, "nobody but the token proves who this is");
    assert_eq!(ada.welcome["grants"]["rename"], false);
    let other = open(&server, json!({ "sub": "bob" })).await;
    assert_ne!(other.user_id(), ada.user_id());
    assert_eq!(other.welcome["grants"], Value::Null, "everything");
    server.kill_and_start();
    let again = open(&server, json!({ "name": "Ada Lovelace" })).await;
    assert_eq!(
        (again.user_id(), &again.welcome["name"]),
        (ada.user_id(), &json!("Ada Lovelace"))
    );
    let nameless = open(&server, json!({})).await;
    assert_eq!(nameless.welcome["name"], "Ada Lovelace");
    server.metric_becomes("tandem_tokens_total{outcome=\"accepted\"}", 2.0);
}

async fn without_a_token_nobody_comes_in_and_a_session_goes_on_without(bed: &Bed) {
    let server = server_on(bed, &[("TANDEM__AUTH__LEEWAY_S", "0")]);
    refused(&server, json!({})).await;
    refused(&server, json!({ "user": { "user_id": "0000-0000-0000", "secret": "x" } })).await;
    let mut ada = open(
        &server,
        json!({ "exp": now() + 2, "video": { "roomJoin": true, "roomCreate": true } }),
    )
    .await;
    let expired = token(json!({ "exp": now() + 1 }));
    tokio::time::sleep(std::time::Duration::from_millis(3200)).await;
    refused(&server, json!({ "token": expired })).await;
    ada.send(json!({ "type": "ping" })).await;
    ada.expect("pong").await;
    // By what proves the session alone, with a token that is over, and with none.
    for hello in [json!({}), json!({ "token": expired })] {
        let mut hello = hello;
        hello["resume"] = ada.resume();
        let (mut tab, welcome) = Tab::greet(&server, hello).await;
        assert_eq!(
            (&welcome["type"], &welcome["resumed"]),
            (&json!("welcome"), &json!(true)),
            "{welcome}"
        );
        assert_eq!(welcome["grants"]["appointed"], false, "what it may do is what it was");
        tab.welcome = welcome;
        ada = tab;
    }
    let mut guess = ada.resume();
    guess["secret"] = json!("guess");
    refused(&server, json!({ "resume": guess })).await;
    server.metric_becomes("tandem_tokens_total{outcome=\"missing\"}", 3.0);
    server.metric_becomes("tandem_tokens_total{outcome=\"expired\"}", 1.0);
}

async fn a_token_for_one_sign_in_is_good_for_one_even_after_a_restart(bed: &Bed) {
    let mut server = server_on(bed, &[]);
    let once = |jti: &str| json!({ "token": token(json!({ "jti": jti, "once": true })) });
    let first = Tab::hello(&server, once("a")).await;
    refused(&server, once("a")).await;
    let mut resumed = once("a");
    resumed["resume"] = first.resume();
    let (_, welcome) = Tab::greet(&server, resumed).await;
    assert_eq!(welcome["resumed"], true, "a session that is there needs no token");
    server.kill_and_start();
    refused(&server, once("a")).await;
    Tab::hello(&server, once("b")).await;
    // Two at once: one of them.
    let hello = once("c");
    let answers = futures_util::future::join_all((0..8).map(|_| Tab::greet(&server, hello.clone()))).await;
    let welcomed = answers.iter().filter(|(_, answer)| answer["type"] == "welcome").count();
    assert_eq!(welcomed, 1);
}

async fn a_sign_in_that_came_to_nothing_does_not_use_a_token_up(bed: &Bed) {
    let server = server_on(bed, &[("TANDEM__LIMITS__SESSIONS_PER_USER", "1")]);
    let mut first = open(&server, json!({})).await;
    let once = json!({ "token": token(json!({ "jti": "a", "once": true })) });
    let (_, answer) = Tab::greet(&server, once.clone()).await;
    assert_eq!(answer["code"], "rate_limited", "{answer}");
    first.leave().await;
    first.closed().await;
    // The hub hears of it a moment later.
    let mut answer = Value::Null;
    for _ in 0..50 {
        answer = Tab::greet(&server, once.clone()).await.1;
        if answer["type"] == "welcome" {
            break;
        }
        assert_eq!(answer["code"], "rate_limited", "{answer}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(answer["type"], "welcome", "{answer}");
}

#[tokio::test]
async fn a_server_that_takes_none_says_so() {
    let server = Server::start();
    let (_, answer) = Tab::greet(&server, json!({ "token": token(json!({})) })).await;
    assert_eq!(answer["code"], "not_allowed", "{answer}");
    let (_, body) = server.get("/api/v1/server");
    assert!(body.contains("\"sign_in\":{\"mode\":\"open\"}"), "{body}");
}

#[test]
fn the_page_learns_where_tokens_come_from() {
    let server = server(&[("TANDEM__AUTH__SIGN_IN_URL", "https://intranet.example/calls")]);
    let (_, body) = server.get("/api/v1/server");
    assert!(
        body.contains("\"mode\":\"token\",\"url\":\"https://intranet.example/calls\""),
        "{body}"
    );
}

#[tokio::test]
async fn the_command_prints_tokens_that_are_good() {
    let server = server(&[("TANDEM__AUTH__ISSUER", "app"), ("TANDEM__AUTH__AUDIENCE", "calls")]);
    let file = server.data.join("copy.secret");
    std::fs::write(&file, SECRET).expect("written");
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
            .arg("token")
            .args(arguments)
            .env("TANDEM__AUTH__MODE", "token")
            .env("TANDEM__AUTH__KEYS", format!("app:{}", file.display()))
            .env("TANDEM__AUTH__ISSUER", "app")
            .env("TANDEM__AUTH__AUDIENCE", "calls")
            .output()
            .expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").trim().to_owned();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (fine, printed, _) = run(&["--user", "ada", "--name", "Ada"]);
    assert!(fine);
    let ada = Tab::hello(&server, json!({ "token": printed })).await;
    assert_eq!(ada.welcome["name"], "Ada");
    let (fine, printed, _) = run(&[
        "--key",
        "app",
        "--room",
        "new",
        "--create",
        "--admin",
        "--once",
        "--ttl",
        "5m",
        "--no-publish",
    ]);
    assert!(fine);
    let host = Tab::hello(&server, json!({ "token": printed })).await;
    let grants = &host.welcome["grants"];
    assert_eq!(
        (&grants["admin"], &grants["create"]),
        (&json!(true), &json!(true)),
        "{grants}"
    );
    assert_eq!(grants["publish"]["camera"], false);
    assert_eq!(grants["room"].as_str().expect("a room").len(), 13);
    refused(&server, json!({ "token": printed })).await;
    for (arguments, named) in [
        (&["--key", "other"][..], "other"),
        (&["--room", "standup"], "standup"),
        (&["--ttl", "soon"], "90s"),
    ] {
        let (fine, printed, said) = run(arguments);
        assert!(!fine && printed.is_empty() && said.contains(named), "{said}");
        assert!(!said.contains(SECRET));
    }
}
