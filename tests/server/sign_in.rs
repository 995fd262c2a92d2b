//! Sign-in with a provider: who comes in, and each way in which one that misbehaves, or somebody in between, gets nobody in.

mod provider;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use self::provider::{CLIENT, Provider, SECRET, Wish, fields};
use crate::bed::{Bed, on_both};
use crate::support::{Server, Tab};
use crate::tokens::{Signer, now};

on_both!(
    a_subject_is_the_same_user_in_every_browser_and_after_a_restart,
    whoever_signs_out_is_out_in_all_tabs_and_nobody_else_is,
    whoever_is_blocked_or_forgotten_is_refused,
);

/// The one sentence for those who have not signed in.
const NEEDED: &str = "this server takes people in who have signed in: open its page in a browser";

fn start_on(bed: &Bed, provider: &Provider, more: &[(&str, &str)]) -> Server {
    let mut environment = vec![
        ("TANDEM__AUTH__MODE", "oidc"),
        ("TANDEM__AUTH__OIDC__ISSUER", provider.issuer.as_str()),
        ("TANDEM__AUTH__OIDC__CLIENT_ID", CLIENT),
        ("TANDEM__AUTH__OIDC__CLIENT_SECRET", SECRET),
        ("TANDEM__LOG__FILTER", "info,tandem::auth=debug"),
    ];
    environment.extend_from_slice(more);
    bed.start_with(&environment)
}

fn start(provider: &Provider, more: &[(&str, &str)]) -> Server {
    start_on(&Bed::sqlite(), provider, more)
}

/// A browser's side of it: it follows no redirect by itself, and keeps cookies.
#[derive(Default)]
struct Browser {
    cookies: std::collections::BTreeMap<String, String>,
}

struct Answer {
    status: u16,
    location: String,
    head: String,
    body: String,
}

impl Browser {
    fn ask(&mut self, server: &Server, method: &str, path: &str, headers: &str) -> Answer {
        let port = server.port;
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = match cookies.is_empty() {
            true => String::new(),
            false => format!("cookie: {}\r\n", cookies.join("; ")),
        };
        let (head, body) = server.request(&format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n{cookies}{headers}content-length: 0\r\n\r\n"
        ));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        let mut location = String::new();
        for line in head.lines() {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match name {
                "location" => location = value.to_owned(),
                "set-cookie" => {
                    assert!(value.contains("; HttpOnly; SameSite="), "{value}");
                    let (pair, rest) = value.split_once(';').expect("attributes");
                    let (name, value) = pair.split_once('=').expect("a pair");
                    match rest.contains("Max-Age=0") {
                        true => drop(self.cookies.remove(name)),
                        false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
                    }
                }
                _ => {}
            }
        }
        Answer {
            status,
            location,
            head,
            body,
        }
    }

    fn get(&mut self, server: &Server, path: &str) -> Answer {
        self.ask(server, "GET", path, "")
    }

    /// Sets out for the provider: the URL there, and the state that comes back.
    fn begin(&mut self, server: &Server, to: &str) -> (String, String) {
        let begun = self.get(server, &format!("/auth/sign-in?to={to}"));
        assert_eq!(begun.status, 303, "{}", begun.head);
        let query = begun.location.split_once('?').map_or("", |(_, query)| query);
        let state = fields(query).remove("state").unwrap_or_else(|| panic!("{}", begun.location));
        (begun.location, state)
    }

    /// The whole way; where it ends.
    fn sign_in(&mut self, server: &Server, provider: &Provider, to: &str) -> String {
        let (url, state) = self.begin(server, to);
        let code = provider.code(&url);
        self.come_back(server, &[("code", &code), ("state", &state)])
    }

    fn come_back(&mut self, server: &Server, fields: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let answer = self.get(server, &format!("/auth/callback?{query}"));
        assert_eq!(answer.status, 303, "{}", answer.head);
        assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
        answer.location
    }

    fn is_signed_in(&self) -> bool {
        self.cookies.contains_key("tandem")
    }

    async fn hello(&self, server: &Server, fields: Value) -> (Tab, Value) {
        let cookie = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookie = cookie.collect::<Vec<_>>().join("; ");
        Tab::greet_with_cookie(server, &cookie, fields).await
    }

    async fn open(&self, server: &Server) -> Tab {
        let (mut tab, answer) = self.hello(server, json!({})).await;
        assert_eq!(answer["type"], "welcome", "{answer}");
        tab.welcome = answer;
        tab
    }

    async fn is_refused(&self, server: &Server, fields: Value) {
        let (mut tab, answer) = self.hello(server, fields.clone()).await;
        let expected = json!({ "ref": 1, "type": "error", "code": "not_signed_in", "message": NEEDED });
        assert_eq!(answer, expected, "{fields}");
        assert_eq!(tab.closed().await, Some(1008));
    }
}

async fn a_subject_is_the_same_user_in_every_browser_and_after_a_restart(bed: &Bed) {
    let provider = Provider::start();
    let mut server = start_on(bed, &provider, &[]);
    let mut browser = Browser::default();
    browser.is_refused(&server, json!({})).await;
    let to = browser.sign_in(&server, &provider, "/r/0stand1ngr00m");
    assert_eq!(to, "/r/0stand1ngr00m", "the way goes on to where it came from");
    assert_eq!(
        browser.cookies.len(),
        1,
        "nothing is left of the attempt: {:?}",
        browser.cookies
    );
    let ada = browser.open(&server).await;
    assert_eq!(ada.welcome["name"], "Ada", "which the provider tells when it is asked");
    assert_eq!(ada.welcome["secret"], Value::Null);
    assert_eq!(ada.welcome["grants"]["rename"], false);
    server.kill_and_start();
    assert_eq!(browser.open(&server).await.user_id(), ada.user_id());
    let mut phone = Browser::default();
    phone.sign_in(&server, &provider, "/");
    assert_ne!(phone.cookies["tandem"], browser.cookies["tandem"]);
    assert_eq!(phone.open(&server).await.user_id(), ada.user_id());
    provider.wish(Wish {
        claims: json!({ "sub": "bob", "name": "Bob" }),
        ..Wish::default()
    });
    let mut other = Browser::default();
    assert_eq!(other.sign_in(&server, &provider, "/"), "/");
    let bob = other.open(&server).await;
    assert_ne!(bob.user_id(), ada.user_id());
    assert_eq!(bob.welcome["name"], "Bob", "here it stands in the token");
    server.metric_becomes("tandem_sign_ins_total{outcome=\"accepted\"}", 2.0);
}

async fn whoever_signs_out_is_out_in_all_tabs_and_nobody_else_is(bed: &Bed) {
    let provider = Provider::start();
    let server = start_on(bed, &provider, &[]);
    let [mut here, mut there] = [Browser::default(), Browser::default()];
    here.sign_in(&server, &provider, "/");
    there.sign_in(&server, &provider, "/");
    let (mut one, mut two, mut far) = (here.open(&server).await, here.open(&server).await, there.open(&server).await);
    let (resume, shown) = (one.resume(), here.cookies["tandem"].clone());
    let origin = format!("origin: http://localhost:{}\r\n", server.port);
    for elsewhere in ["", "origin: http://evil.example\r\n", "origin: null\r\n"] {
        let refused = here.ask(&server, "POST", "/auth/sign-out", elsewhere);
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    assert_eq!(here.get(&server, "/auth/sign-out").status, 405, "no link signs anybody out");
    let done = here.ask(&server, "POST", "/auth/sign-out", &origin);
    assert_eq!(done.status, 200, "{}", done.body);
    let answer: Value = serde_json::from_str(&done.body).expect("JSON");
    let url = answer["url"].as_str().expect("the provider signs out too");
    let (at, query) = url.split_once('?').expect("a query");
    let asked = fields(query);
    assert_eq!(at, format!("{}/logout", provider.issuer));
    assert_eq!(
        asked["post_logout_redirect_uri"],
        format!("http://localhost:{}/", server.port)
    );
    assert_eq!(
        (asked["client_id"].as_str(), asked["id_token_hint"].matches('.').count()),
        (CLIENT, 2)
    );
    assert!(!here.is_signed_in());
    assert_eq!(one.closed().await, Some(1008));
    assert_eq!(two.closed().await, Some(1008));
    // Not with what it kept either.
    here.cookies.insert("tandem".to_owned(), shown);
    here.is_refused(&server, json!({ "resume": resume })).await;
    far.send(json!({ "type": "ping" })).await;
    far.expect("pong").await;
    let again = here.ask(&server, "POST", "/auth/sign-out", &origin);
    assert_eq!((again.status, again.body.as_str()), (200, "{\"url\":null}"));
}

async fn whoever_is_blocked_or_forgotten_is_refused(bed: &Bed) {
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    let provider = Provider::start();
    let server = start_on(bed, &provider, &[("TANDEM__API__KEYS", KEY)]);
    let mut browser = Browser::default();
    browser.sign_in(&server, &provider, "/");
    let mut ada = browser.open(&server).await;
    let user = ada.user_id();
    let authorization = format!("authorization: Bearer {KEY}\r\n");
    let blocked = Browser::default().ask(&server, "PUT", &format!("/api/v1/users/{user}/block"), &authorization);
    assert_eq!(blocked.status, 204, "{}", blocked.body);
    assert_eq!(ada.expect("error").await["code"], "not_allowed");
    assert_eq!(ada.closed().await, Some(1008));
    let (_, answer) = browser.hello(&server, json!({})).await;
    assert_eq!(answer["code"], "not_allowed", "{answer}");
    let mut other = Browser::default();
    assert_eq!(other.sign_in(&server, &provider, "/r/x"), "/r/x#sign-in=blocked");
    assert!(!other.is_signed_in());
    Browser::default().ask(&server, "DELETE", &format!("/api/v1/users/{user}/block"), &authorization);
    browser.open(&server).await;
    let export = server.command().args(["export", &user]).output().expect("it runs");
    let export: Value = serde_json::from_slice(&export.stdout).expect("JSON");
    assert_eq!(export["identities"], json!([format!("{} ada", provider.issuer)]));
    assert_eq!(export["devices"].as_array().expect("a list").len(), 1);
    assert!(
        !export
            .to_string()
            .contains(browser.cookies["tandem"].split_once('.').expect("two parts").1)
    );
    let done = server.command().args(["forget", &user]).status().expect("it runs");
    assert!(done.success());
    browser.is_refused(&server, json!({})).await;
}

#[tokio::test]
async fn an_attempt_is_good_once_in_its_own_browser_and_with_its_own_state() {
    let provider = Provider::start();
    let server = start(&provider, &[]);
    let mut ada = Browser::default();
    // Nobody began this one.
    for query in [
        "",
        "?state=x&code=y",
        "?state=&code=&iss=",
        "?code=1&code=2",
        "?error=access_denied",
    ] {
        let answer = ada.get(&server, &format!("/auth/callback{query}"));
        assert_eq!(
            (answer.status, answer.location.as_str()),
            (303, "/#sign-in=attempt"),
            "{query}"
        );
    }
    // Somebody else's answer, by a link that was sent to her; and hers, which another browser brings.
    let mut eve = Browser::default();
    let (url, state) = eve.begin(&server, "/");
    let code = provider.code(&url);
    assert_eq!(
        ada.come_back(&server, &[("code", &code), ("state", &state)]),
        "/#sign-in=attempt"
    );
    assert_eq!(
        eve.come_back(&server, &[("code", &code), ("state", &state)]),
        "/#sign-in=attempt",
        "it is used"
    );
    // One that she began meanwhile has another state.
    let (url, state) = ada.begin(&server, "/");
    let code = provider.code(&url);
    assert_eq!(
        ada.come_back(&server, &[("code", &code), ("state", &format!("{state}x"))]),
        "/#sign-in=attempt"
    );
    assert!(!ada.is_signed_in() && !eve.is_signed_in());
    // A code twice: the second time there is no attempt, and in another attempt the provider refuses it.
    let (url, state) = ada.begin(&server, "/");
    let code = provider.code(&url);
    let back = [("code", code.as_str()), ("state", state.as_str())];
    assert_eq!(ada.come_back(&server, &back), "/");
    assert!(ada.is_signed_in());
    assert_eq!(ada.come_back(&server, &back), "/#sign-in=attempt");
    assert!(ada.is_signed_in(), "what was before stays");
    let (_, state) = ada.begin(&server, "/");
    assert_eq!(
        ada.come_back(&server, &[("code", &code), ("state", &state)]),
        "/#sign-in=exchange"
    );
    server.said("the code was refused with 400", 1);
}

#[tokio::test]
async fn no_token_that_is_not_of_this_provider_for_us_and_for_this_attempt_signs_anybody_in() {
    let provider = Provider::start();
    let server = start(&provider, &[("TANDEM__AUTH__LEEWAY_S", "0")]);
    let good = json!({ "iss": provider.issuer, "aud": CLIENT, "sub": "ada", "exp": now() + 600 });
    let stranger = Signer::new("one", Algorithm::ES256);
    let secret = Signer::secret("one", SECRET);
    let unsigned = |header: &str| stranger.sign_raw(header, &good.to_string());
    let none = unsigned("{\"alg\":\"none\"}").rsplit_once('.').expect("parts").0.to_owned() + ".";
    let mut wishes: Vec<Wish> = [
        json!({ "nonce": "of another attempt" }),
        json!({ "nonce": null }),
        json!({ "iss": "https://id.example" }),
        json!({ "iss": format!("{}/", provider.issuer) }),
        json!({ "aud": "another client" }),
        json!({ "aud": [CLIENT, "another client"] }),
        json!({ "azp": "another client" }),
        json!({ "exp": now() - 1 }),
        json!({ "exp": null }),
        json!({ "nbf": now() + 600 }),
        json!({ "sub": "" }),
        json!({ "sub": null }),
    ]
    .into_iter()
    .map(|claims| Wish {
        claims,
        ..Wish::default()
    })
    .collect();
    let tokens = [
        stranger.sign(&good),
        secret.sign(&good),
        none,
        unsigned("{\"alg\":\"ES256\",\"kid\":\"two\"}"),
        unsigned("{\"alg\":\"RS256\",\"kid\":\"one\"}"),
        String::new(),
        "nonsense".to_owned(),
        "x".repeat(100_000),
    ];
    wishes.extend(tokens.map(|token| Wish {
        id_token: Some(token),
        ..Wish::default()
    }));
    let number = wishes.len();
    for (n, wish) in wishes.into_iter().enumerate() {
        let named = format!("{n}: {} {:?}", wish.claims, wish.id_token);
        provider.wish(wish);
        let mut browser = Browser::default();
        assert_eq!(browser.sign_in(&server, &provider, "/"), "/#sign-in=id_token", "{named}");
        assert!(!browser.is_signed_in(), "{named}");
    }
    server.metric_becomes("tandem_sign_ins_total{outcome=\"id_token\"}", number as f64);
    provider.wish(Wish::default());
    assert_eq!(Browser::default().sign_in(&server, &provider, "/"), "/");
}

#[tokio::test]
async fn what_the_provider_answers_has_to_make_sense() {
    let provider = Provider::start();
    let server = start(&provider, &[]);
    let wishes = [
        Wish {
            status: Some("400 Bad Request"),
            ..Wish::default()
        },
        Wish {
            user_info: json!({ "sub": "eve" }),
            ..Wish::default()
        },
        Wish {
            user_info: json!({ "sub": null }),
            ..Wish::default()
        },
        Wish {
            user_info: json!("away"),
            ..Wish::default()
        },
    ];
    for wish in wishes {
        provider.wish(wish);
        assert_eq!(Browser::default().sign_in(&server, &provider, "/"), "/#sign-in=exchange");
    }
    let logged = server.said("invalid_grant", 1);
    assert!(
        logged.len() == 1 && logged[0].contains("invalid_grant not\\nhere"),
        "{logged:?}"
    );
    provider.wish(Wish::default());
    let mut ada = Browser::default();
    let (_, state) = ada.begin(&server, "/r/x");
    let back = [("error", "access_denied"), ("error_description", "no"), ("state", &state)];
    assert_eq!(ada.come_back(&server, &back), "/r/x#sign-in=declined");
    // RFC 9207: somebody mixes providers up.
    let (url, state) = ada.begin(&server, "/");
    let code = provider.code(&url);
    let back = [("code", code.as_str()), ("state", &state), ("iss", "https://id.example")];
    assert_eq!(ada.come_back(&server, &back), "/#sign-in=issuer");
    let (url, state) = ada.begin(&server, "/");
    let code = provider.code(&url);
    let back = [("code", code.as_str()), ("state", &state), ("iss", &provider.issuer)];
    assert_eq!(ada.come_back(&server, &back), "/");
}

#[tokio::test]
async fn who_may_come_in_is_said_by_claims() {
    let provider = Provider::start();
    let domain = [("TANDEM__AUTH__OIDC__EMAIL_DOMAINS", "example.org,example.com")];
    let group = [("TANDEM__AUTH__OIDC__REQUIRED_CLAIM", "groups=calls")];
    for (environment, told, ends) in [
        (&domain, json!({}), "/"),
        (&domain, json!({ "email": "ada@EXAMPLE.COM", "email_verified": "true" }), "/"),
        (
            &domain,
            json!({ "email": "ada@example.org.evil.example" }),
            "/#sign-in=not_allowed",
        ),
        (
            &domain,
            json!({ "email": "ada@example.org@evil.example" }),
            "/#sign-in=not_allowed",
        ),
        (&domain, json!({ "email": "example.org" }), "/#sign-in=not_allowed"),
        (&domain, json!({ "email": null }), "/#sign-in=not_allowed"),
        (&domain, json!({ "email_verified": false }), "/#sign-in=not_allowed"),
        (&domain, json!({ "email_verified": null }), "/#sign-in=not_allowed"),
        (&group, json!({ "groups": ["a", "calls"] }), "/"),
        (&group, json!({ "groups": "calls" }), "/"),
        (&group, json!({ "groups": "calls and more" }), "/#sign-in=not_allowed"),
        (&group, json!({ "groups": ["Calls"] }), "/#sign-in=not_allowed"),
        (&group, json!({ "groups": [["calls"]] }), "/#sign-in=not_allowed"),
        (&group, json!({ "groups": { "calls": true } }), "/#sign-in=not_allowed"),
        (&group, json!({}), "/#sign-in=not_allowed"),
    ] {
        provider.wish(Wish {
            user_info: told.clone(),
            ..Wish::default()
        });
        let server = start(&provider, environment);
        let mut browser = Browser::default();
        assert_eq!(browser.sign_in(&server, &provider, "/"), ends, "{told}");
        assert_eq!(browser.is_signed_in(), ends == "/");
    }
}

#[tokio::test]
async fn the_way_leads_nowhere_but_to_paths_of_this_server() {
    let provider = Provider::start();
    let server = start(&provider, &[]);
    for to in [
        "//evil.example",
        "/%5Cevil.example",
        "https://evil.example/",
        "%0d%0aset-cookie:x=y",
        "/auth/sign-in",
        "",
    ] {
        assert_eq!(Browser::default().sign_in(&server, &provider, to), "/", "{to}");
    }
    for to in ["/call/k7mq-2xwd-9hpt", "/r/0stand1ngr00m%3Fuser%3D2"] {
        let ends = to.replace("%3F", "?").replace("%3D", "=");
        assert_eq!(Browser::default().sign_in(&server, &provider, to), ends);
    }
    // Where a proxy changes the Host header, the operator says it.
    let server = start(&provider, &[("TANDEM__AUTH__OIDC__ORIGIN", "https://call.example.org/")]);
    let mut browser = Browser::default();
    let (url, _) = browser.begin(&server, "/");
    let asked = fields(url.split_once('?').expect("a query").1);
    assert_eq!(asked["redirect_uri"], "https://call.example.org/auth/callback");
    assert!(browser.cookies.contains_key("__Host-tandem-attempt"), "{:?}", browser.cookies);
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_nobody_from_starting_and_is_found_later() {
    let provider = Provider::start();
    provider.wish(Wish {
        away: true,
        ..Wish::default()
    });
    let server = start(&provider, &[]);
    let away = |browser: &mut Browser| browser.get(&server, "/auth/sign-in?to=/r/x").location;
    assert_eq!(away(&mut Browser::default()), "/r/x#sign-in=provider_away");
    assert_eq!(away(&mut Browser::default()), "/r/x#sign-in=provider_away");
    assert_eq!(
        server.said("the sign-in provider cannot be reached", 1).len(),
        1,
        "it is said once"
    );
    provider.wish(Wish {
        metadata: json!({ "issuer": "https://id.example" }),
        ..Wish::default()
    });
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    assert_eq!(
        away(&mut Browser::default()),
        "/r/x#sign-in=provider_away",
        "another one answers there"
    );
    provider.wish(Wish::default());
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&server, &provider, "/"), "/");
    // Whoever is in stays in while it is away.
    provider.wish(Wish {
        away: true,
        ..Wish::default()
    });
    browser.open(&server).await;
    assert_eq!(Browser::default().sign_in(&server, &provider, "/"), "/#sign-in=exchange");
    let doctor = server.command().args(["doctor", "--json"]).output().expect("it runs");
    let report = String::from_utf8(doctor.stdout).expect("UTF-8");
    assert!(report.contains("auth.oidc.issuer to the letter"), "{report}");
}

#[tokio::test]
async fn nobody_comes_in_by_another_door() {
    let provider = Provider::start();
    let server = start(&provider, &[]);
    let mut browser = Browser::default();
    browser.sign_in(&server, &provider, "/");
    let shown = browser.cookies["tandem"].clone();
    let (device, secret) = shown.split_once('.').expect("two parts");
    for spoiled in [
        String::new(),
        device.to_owned(),
        format!("{device}."),
        format!("{device}.{}", secret.replace(char::is_alphanumeric, "a")),
        format!("{device}.{secret}x"),
        format!("0000000000000.{secret}"),
        format!(".{secret}"),
        "x".repeat(5000),
    ] {
        let mut browser = Browser::default();
        browser.cookies.insert("tandem".to_owned(), spoiled);
        browser.is_refused(&server, json!({})).await;
    }
    let stranger = Browser::default();
    let user = json!({ "user_id": "0000-0000-0000", "secret": "x" });
    stranger.is_refused(&server, json!({ "user": user, "name": "Eve" })).await;
    stranger.is_refused(&server, json!({ "guest_of": "0stand1ngr00m" })).await;
    let (_, answer) = stranger.hello(&server, json!({ "token": "x.y.z" })).await;
    assert_eq!(answer["code"], "not_allowed", "{answer}");
    let (head, body) = server.get("/api/v1/server");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        body.contains("\"sign_in\":{\"mode\":\"oidc\",\"url\":\"/auth/sign-in\",\"guests\":false}"),
        "{body}"
    );
    // And where nobody signs in with a provider, there is no such way.
    let open = Server::start();
    assert_eq!(Browser::default().get(&open, "/auth/sign-in").status, 404);
}

#[tokio::test]
async fn a_guest_comes_into_one_room_and_gives_its_pass_phrase() {
    let provider = Provider::start();
    let server = start(&provider, &[("TANDEM__AUTH__OIDC__GUESTS", "true")]);
    let mut browser = Browser::default();
    browser.sign_in(&server, &provider, "/");
    let mut ada = browser.open(&server).await;
    let mut links = Vec::new();
    for passphrase in [Value::Null, json!("open sesame")] {
        ada.send(json!({ "type": "create_link", "name": "", "passphrase": passphrase, "single_use": false, "lobby": false }))
            .await;
        links.push(ada.expect("link_created").await["link"]["link_id"].clone());
    }
    let stranger = Browser::default();
    stranger.is_refused(&server, json!({})).await;
    let (mut guest, welcome) = stranger.hello(&server, json!({ "guest_of": links[0], "name": "Gast" })).await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    let grants = &welcome["grants"];
    assert_eq!(
        (&grants["room"], &grants["guest"], &grants["create"]),
        (&links[0], &json!(true), &json!(false))
    );
    for (command, code) in [
        (json!({ "type": "call", "user_id": ada.user_id() }), "not_allowed"),
        (json!({ "type": "join", "link_id": links[1] }), "not_allowed"),
        (
            json!({ "type": "create_link", "name": "", "single_use": false, "lobby": false }),
            "not_allowed",
        ),
    ] {
        guest.send(command.clone()).await;
        let answer = guest.answer().await;
        assert_eq!(answer["code"], code, "{command} {answer}");
    }
    guest.send(json!({ "type": "join", "link_id": links[0] })).await;
    assert_eq!(guest.answer().await["type"], "room_joined");
    // With what it kept to the door of the other room: another session, and one that still knows the phrase or not.
    let credentials = json!({ "user_id": welcome["user_id"], "secret": welcome["secret"] });
    let resume = json!({ "session_id": welcome["session_id"], "secret": welcome["resume_secret"], "seq": guest.seq });
    let hello = json!({ "guest_of": links[1], "user": credentials, "resume": resume });
    let (mut there, again) = stranger.hello(&server, hello).await;
    assert_eq!(
        (&again["user_id"], &again["resumed"]),
        (&welcome["user_id"], &json!(false)),
        "{again}"
    );
    for (passphrase, answers) in [
        (Value::Null, "error"),
        (json!("guess"), "error"),
        (json!("open sesame"), "room_joined"),
    ] {
        there
            .send(json!({ "type": "join", "link_id": links[1], "passphrase": passphrase }))
            .await;
        let answer = there.answer().await;
        assert_eq!(answer["type"], answers, "{answer}");
    }
    // Whoever is signed in is themselves, whatever else is said.
    let (_, welcome) = browser
        .hello(&server, json!({ "guest_of": links[0], "user": credentials }))
        .await;
    assert_eq!(
        (&welcome["user_id"], &welcome["grants"]["room"]),
        (&json!(ada.user_id()), &Value::Null)
    );
}

#[tokio::test]
async fn one_address_begins_so_many_sign_ins() {
    let provider = Provider::start();
    let server = start(&provider, &[]);
    // What this machine asks of itself is not counted; so it is asked by another of its addresses.
    let ask = |from: [u8; 4]| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&std::net::SocketAddr::from((from, 0)).into()).expect("bound");
        let to: std::net::SocketAddr = ([127, 0, 0, 1], server.port).into();
        socket.connect(&to.into()).expect("it listens");
        let mut stream = std::net::TcpStream::from(socket);
        let request = "GET /auth/sign-in HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, request.as_bytes()).expect("sent");
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).expect("an answer");
        answer
    };
    let limited = |from| (0..70).filter(|_| ask(from).contains("#sign-in=rate_limited")).count();
    assert!(limited([127, 0, 0, 9]) >= 3);
    assert!(!ask([127, 0, 0, 8]).contains("rate_limited"));
    assert!(server.metric("tandem_limit_reached_total{limit=\"sign_ins\"}") >= 3.0);
}
