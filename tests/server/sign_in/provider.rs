//! A small provider that tells whatever a test wants, right or wrong.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::tokens::{Signer, now};

pub const CLIENT: &str = "tandem";
pub const SECRET: &str = "the client's / secret";

/// What it does wrong.
#[derive(Default)]
pub struct Wish {
    /// Put over the claims of the token.
    pub claims: Value,
    /// In place of the token that was signed.
    pub id_token: Option<String>,
    /// Of the token endpoint, in place of 200.
    pub status: Option<&'static str>,
    /// Put over what is told of the user; null: nothing is told.
    pub user_info: Value,
    /// Put over its description of itself.
    pub metadata: Value,
    pub away: bool,
}

/// What it remembers of those whom it was sent.
struct Code {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

#[derive(Default)]
struct State {
    wish: Wish,
    codes: BTreeMap<String, Code>,
}

pub struct Provider {
    pub issuer: String,
    signer: Signer,
    state: Mutex<State>,
}

/// The fields of a query or a form.
pub fn fields(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

impl Provider {
    pub fn start() -> Arc<Provider> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let provider = Arc::new(Provider {
            issuer: format!("http://{}", listener.local_addr().expect("bound")),
            signer: Signer::new("one", Algorithm::ES256),
            state: Mutex::default(),
        });
        let serving = Arc::clone(&provider);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.serve(stream.expect("a connection")));
            }
        });
        provider
    }

    pub fn wish(&self, wish: Wish) {
        self.state.lock().expect("nobody panicked").wish = wish;
    }

    /// The code that somebody brings back who was sent here with this URL.
    pub fn code(&self, url: &str) -> String {
        let (at, query) = url.split_once('?').expect("a query");
        assert_eq!(at, format!("{}/authorize", self.issuer));
        let asked = fields(query);
        assert_eq!(
            (asked["response_type"].as_str(), asked["client_id"].as_str()),
            ("code", CLIENT)
        );
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let mut state = self.state.lock().expect("nobody panicked");
        let code = format!("code {}", state.codes.len());
        let kept = Code {
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        state.codes.insert(code.clone(), kept);
        code
    }

    fn serve(&self, mut stream: TcpStream) {
        let request = read(&mut stream);
        let (head, body) = request.split_once("\r\n\r\n").expect("a request");
        let path = head.split(' ').nth(1).expect("a path");
        let (status, answer) = self.answer(path, head, body);
        let length = answer.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
        );
    }

    fn answer(&self, path: &str, head: &str, body: &str) -> (&'static str, String) {
        let mut state = self.state.lock().expect("nobody panicked");
        if state.wish.away {
            return ("503 Service Unavailable", String::new());
        }
        let issuer = &self.issuer;
        match path {
            "/.well-known/openid-configuration" => {
                let known = json!({
                    "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
                    "jwks_uri": format!("{issuer}/jwks"), "userinfo_endpoint": format!("{issuer}/userinfo"),
                    "end_session_endpoint": format!("{issuer}/logout"),
                });
                ("200 OK", over(known, &state.wish.metadata).to_string())
            }
            "/jwks" => ("200 OK", json!({ "keys": [self.signer.jwk] }).to_string()),
            "/token" => self.redeem(&mut state, head, body),
            "/userinfo" => {
                assert!(head.to_lowercase().contains("authorization: bearer opaque"), "{head}");
                let told = json!({ "sub": "ada", "name": "Ada", "email": "ada@Example.org", "email_verified": true });
                match &state.wish.user_info {
                    Value::String(_) => ("500 Internal Server Error", String::new()),
                    wish => ("200 OK", over(told, wish).to_string()),
                }
            }
            _ => ("404 Not Found", String::new()),
        }
    }

    /// RFC 6749 section 4.1.3 and RFC 7636 section 4.6, as strict as a good provider.
    fn redeem(&self, state: &mut State, head: &str, body: &str) -> (&'static str, String) {
        if let Some(status) = state.wish.status {
            return (
                status,
                json!({ "error": "invalid_grant", "error_description": "not\nhere" }).to_string(),
            );
        }
        let asked = fields(body);
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let both = format!("{}:{}", encoded(CLIENT), encoded(SECRET));
        let proof = base64::engine::general_purpose::STANDARD.encode(both);
        assert!(head.contains(&format!("authorization: Basic {proof}")), "{head}");
        assert_eq!(asked["grant_type"], "authorization_code");
        let Some(code) = state.codes.remove(&asked["code"]) else {
            return ("400 Bad Request", json!({ "error": "invalid_grant" }).to_string());
        };
        assert_eq!(asked["redirect_uri"], code.redirect_uri);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, asked["code_verifier"].as_bytes());
        assert_eq!(URL_SAFE_NO_PAD.encode(hash), code.challenge);
        let claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "ada", "nonce": code.nonce, "exp": now() + 60, "iat": now(),
        });
        let claims = over(claims, &state.wish.claims);
        let id_token = state.wish.id_token.clone().unwrap_or_else(|| self.signer.sign(&claims));
        let answer = json!({ "id_token": id_token, "access_token": "opaque", "token_type": "Bearer" });
        ("200 OK", answer.to_string())
    }
}

/// With these fields put over it; null takes one away.
fn over(mut value: Value, wish: &Value) -> Value {
    let fields = value.as_object_mut().expect("an object");
    for (name, value) in wish.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(fields.remove(name)),
            _ => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    value
}

/// A request with its body.
fn read(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    loop {
        let length = stream.read(&mut bytes).expect("a request");
        text.push_str(std::str::from_utf8(&bytes[..length]).expect("UTF-8"));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(length > 0, "{text}");
            continue;
        };
        let lower = head.to_lowercase();
        let wanted = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= wanted.map_or(0, |wanted| wanted.parse().expect("a number")) {
            return text;
        }
    }
}
