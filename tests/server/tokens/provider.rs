//! Keys of a provider: from a file and by URL, turned over, and while it is away.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::super::support::{Server, Tab};
use super::keys::key_set;
use super::{Signer, claims, refused, server};

/// Longer than the server waits between two looks at the keys.
const FLOOR: Duration = Duration::from_millis(5500);

/// What the provider answers: whole, so that it may be nonsense; empty, and it says nothing at all.
struct Provider {
    url: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<usize>>,
}

impl Provider {
    fn start(keys: &str) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/.well-known/jwks.json", listener.local_addr().expect("bound"));
        let answer = Arc::new(Mutex::new(String::new()));
        let asked = Arc::new(Mutex::new(0));
        let (told, counted) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut request = [0; 2048];
                let length = stream.read(&mut request).expect("a request");
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                assert!(request.starts_with("GET /.well-known/jwks.json HTTP/1.1\r\n"), "{request}");
                *counted.lock().expect("nobody panicked") += 1;
                let answer = told.lock().expect("nobody panicked").clone();
                if answer.is_empty() {
                    silent.push(stream);
                } else {
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        });
        let provider = Provider { url, answer, asked };
        provider.answers("200 OK", keys);
        provider
    }

    fn answers(&self, status: &str, body: &str) {
        let length = body.len();
        self.answers_raw(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ));
    }

    fn answers_raw(&self, answer: String) {
        *self.answer.lock().expect("nobody panicked") = answer;
    }

    fn asked(&self) -> usize {
        *self.asked.lock().expect("nobody panicked")
    }
}

async fn comes_in(server: &Server, signer: &Signer) {
    Tab::hello(server, json!({ "token": signer.sign(&claims(json!({}))) })).await;
}

async fn stays_out(server: &Server, signer: &Signer) {
    refused(server, json!({ "token": signer.sign(&claims(json!({}))) })).await;
}

#[tokio::test]
async fn a_token_of_each_algorithm_is_good_with_its_key_and_with_no_other() {
    let signers = [
        Signer::new("rsa", Algorithm::RS256),
        Signer::new("ec", Algorithm::ES256),
        Signer::new("ed", Algorithm::EdDSA),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, key_set(&signers.each_ref())).expect("written");
    let server = server(&[("TANDEM__AUTH__JWKS", file.to_str().expect("UTF-8"))]);
    comes_in(&server, &Signer::secret("app", super::SECRET)).await;
    for signer in &signers {
        comes_in(&server, signer).await;
        for other in signers.iter().filter(|other| other.id != signer.id) {
            let token = signer.sign_as(Some(&other.id), &claims(json!({})));
            refused(&server, json!({ "token": token })).await;
        }
    }
    let again = Signer::new("rsa", Algorithm::RS512);
    stays_out(&server, &again).await;
    // A file that is turned over is read again for a key that was not in it.
    let next = Signer::new("next", Algorithm::EdDSA);
    std::fs::write(&file, key_set(&[&next])).expect("written");
    comes_in(&server, &next).await;
    stays_out(&server, &signers[0]).await;
}

#[tokio::test]
async fn keys_by_url_are_turned_over_and_the_last_good_ones_kept() {
    let [old, new] = ["old", "new"].map(|id| Signer::new(id, Algorithm::ES256));
    let provider = Provider::start(&key_set(&[&old]));
    let server = server(&[("TANDEM__AUTH__JWKS", &provider.url)]);
    comes_in(&server, &old).await;
    assert_eq!(provider.asked(), 1, "at the start");

    tokio::time::sleep(FLOOR).await;
    provider.answers("200 OK", &key_set(&[&old, &new]));
    comes_in(&server, &new).await;
    comes_in(&server, &old).await;
    assert_eq!(provider.asked(), 2);
    // Whoever names keys that are not there has the provider asked once in a while, and no more.
    for n in 0..40 {
        let token = new.sign_as(Some(&format!("guess {n}")), &claims(json!({})));
        refused(&server, json!({ "token": token })).await;
    }
    assert_eq!(provider.asked(), 2, "not within 5 s");

    let mut expected = 2;
    for (status, body) in [
        ("500 Internal Server Error", "away"),
        ("302 Found", "elsewhere"),
        ("200 OK", "<html>sign in</html>"),
        ("200 OK", "{\"keys\":[]}"),
    ] {
        provider.answers(status, body);
        tokio::time::sleep(FLOOR).await;
        stays_out(&server, &Signer::new("third", Algorithm::ES256)).await;
        expected += 1;
        assert_eq!(provider.asked(), expected, "{status} {body}");
        comes_in(&server, &old).await;
        comes_in(&server, &new).await;
    }
    server.metric_becomes("tandem_jwks_reads_total{result=\"failed\"}", 4.0);
    assert_eq!(server.said("the key set cannot be read", 1).len(), 1, "it is said once");

    // One that is withdrawn is good no more once the set is read.
    provider.answers("200 OK", &key_set(&[&new]));
    tokio::time::sleep(FLOOR).await;
    stays_out(&server, &Signer::new("third", Algorithm::ES256)).await;
    stays_out(&server, &old).await;
    comes_in(&server, &new).await;
    assert_eq!(server.said("the key set can be read again", 1).len(), 1);
}

#[tokio::test]
async fn a_provider_that_sends_too_much_or_nothing_is_given_up() {
    let good = Signer::new("good", Algorithm::EdDSA);
    let provider = Provider::start(&key_set(&[&good]));
    let server = server(&[("TANDEM__AUTH__JWKS", &provider.url)]);
    comes_in(&server, &good).await;
    let keys = key_set(&[&Signer::new("other", Algorithm::EdDSA)]);
    let padded = format!("{}{keys}", " ".repeat(300_000));
    provider.answers("200 OK", &padded);
    tokio::time::sleep(FLOOR).await;
    stays_out(&server, &Signer::new("other", Algorithm::EdDSA)).await;
    comes_in(&server, &good).await;
    provider.answers_raw(String::new());
    tokio::time::sleep(FLOOR).await;
    let asked = std::time::Instant::now();
    stays_out(&server, &Signer::new("other", Algorithm::EdDSA)).await;
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    comes_in(&server, &good).await;
}

#[tokio::test]
async fn a_provider_that_comes_later_than_the_server_is_found() {
    let signer = Signer::new("good", Algorithm::ES256);
    let provider = Provider::start("starting");
    provider.answers("503 Service Unavailable", "");
    let server = server(&[("TANDEM__AUTH__JWKS", &provider.url)]);
    stays_out(&server, &signer).await;
    provider.answers("200 OK", &key_set(&[&signer]));
    tokio::time::sleep(FLOOR).await;
    comes_in(&server, &signer).await;
}

#[test]
fn a_file_that_is_no_key_set_stops_the_start_and_the_doctor_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, "{}").expect("written");
    let jwks = file.to_str().expect("UTF-8");
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(arguments)
            .args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"))
            .env("TANDEM__AUTH__MODE", "token")
            .env("TANDEM__LIMITS__SESSIONS", "100")
            .envs(environment.iter().copied())
            .output()
            .expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, _, said) = run(&[], &[("TANDEM__AUTH__JWKS", jwks)]);
    assert!(
        code == Some(1) && said.contains("keys.json") && said.contains("JSON Web Key Set"),
        "{said}"
    );
    let (code, report, _) = run(&["doctor", "--json"], &[("TANDEM__AUTH__JWKS", jwks)]);
    assert!(code == Some(1) && report.contains("keys.json"), "{report}");
    let (code, report, _) = run(&["doctor", "--json"], &[("TANDEM__AUTH__JWKS", "http://127.0.0.1:1/keys")]);
    assert!(code == Some(1) && report.contains("127.0.0.1:1"), "{report}");
    let secret = folder.path().join("app.secret");
    std::fs::write(&secret, "short").expect("written");
    let keys = format!("app:{}", secret.display());
    let (code, report, _) = run(&["doctor", "--json"], &[("TANDEM__AUTH__KEYS", &keys)]);
    assert!(code == Some(1) && report.contains("openssl rand -hex 32"), "{report}");
    assert!(!report.contains("short\""), "{report}");
}
