//! Every token that is not good is refused with the same code and the same words, over the real websocket and by HTTP.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::super::support::Tab;
use super::keys::key_set;
use super::{REFUSED, SECRET, Signer, claims, now, refused, server};

/// (what is wrong with it, the token, the reason that the operator is told).
fn table(rsa: &Signer, ec: &Signer, other: &Signer) -> Vec<(&'static str, String, &'static str)> {
    let app = Signer::secret("app", SECRET);
    let sign = |more: Value| app.sign(&claims(more));
    let good = sign(json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    let text = claims(json!({ "aud": "calls", "iss": "app" })).to_string();
    let plain = |header: &str| format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&text));
    // The public key as the secret: in every form in which somebody might have it.
    let confused = |secret: &[u8], kid: &str| {
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&text));
        let key = jsonwebtoken::EncodingKey::from_secret(secret);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signed");
        format!("{message}.{signature}")
    };
    let modulus = URL_SAFE_NO_PAD.decode(rsa.jwk["n"].as_str().expect("text")).expect("digits");
    let renamed = |algorithm: &str, kid: &str| app.sign_raw(&json!({ "alg": algorithm, "kid": kid }).to_string(), &text);
    let own_key = json!({ "alg": "ES256", "kid": "ec", "jwk": other.jwk }).to_string();
    let own_url =
        json!({ "alg": "ES256", "kid": "ec", "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/" }).to_string();
    let raw = |claims: &str| app.sign_raw("{\"alg\":\"HS256\",\"kid\":\"app\"}", claims);
    let mut rows = vec![
        ("nothing", String::new(), "malformed"),
        ("a word", "token".to_owned(), "malformed"),
        ("dots", "..".to_owned(), "malformed"),
        ("no signature", format!("{head}.{body}."), "signature"),
        ("two parts", format!("{head}.{body}"), "malformed"),
        ("four parts", format!("{good}.{signature}"), "malformed"),
        ("truncated", format!("{head}.{body}.{}", &signature[8..]), "signature"),
        (
            "cut in the claims",
            format!("{head}.{}.{signature}", &body[..body.len() - 4]),
            "signature",
        ),
        ("padding", format!("{good}="), "malformed"),
        (
            "base64 of the other alphabet",
            format!("{head}.{body}.{}", STANDARD.encode([0xfb; 32])),
            "malformed",
        ),
        ("no base64 in the header", format!("!{head}.{body}.{signature}"), "malformed"),
        ("a blank before", format!(" {good}"), "malformed"),
        ("a line end", format!("{good}\r\n"), "malformed"),
        ("a NUL", format!("{good}\u{0}"), "malformed"),
        ("oversized", sign(json!({ "metadata": "x".repeat(8192) })), "too_large"),
        (
            "another secret",
            Signer::secret("app", "another secret of thirty-two bytes").sign(&claims(json!({}))),
            "signature",
        ),
        (
            "the empty secret",
            Signer::secret("app", "").sign(&claims(json!({}))),
            "signature",
        ),
        ("alg none", plain("{\"alg\":\"none\",\"kid\":\"app\"}"), "malformed"),
        ("alg None", plain("{\"alg\":\"None\",\"kid\":\"app\"}"), "malformed"),
        ("alg none with a signature", renamed("none", "app"), "malformed"),
        ("alg empty", plain("{\"alg\":\"\",\"kid\":\"app\"}"), "malformed"),
        ("no alg", plain("{\"kid\":\"app\"}"), "malformed"),
        ("alg HS512 for HS256", renamed("HS512", "app"), "algorithm"),
        ("alg RS256 for HS256", renamed("RS256", "app"), "algorithm"),
        ("alg ES256 for RS256", renamed("ES256", "rsa"), "algorithm"),
        (
            "two algs",
            app.sign_raw("{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"app\"}", &text),
            "malformed",
        ),
        (
            "RSA key in PEM as a secret",
            confused(rsa.public_pem().as_bytes(), "rsa"),
            "algorithm",
        ),
        ("RSA key in DER as a secret", confused(&rsa.public, "rsa"), "algorithm"),
        ("RSA modulus as a secret", confused(&modulus, "rsa"), "algorithm"),
        ("EC key as a secret", confused(&ec.public, "ec"), "algorithm"),
        (
            "a key of one's own in the header",
            other.sign_raw(&own_key, &text),
            "signature",
        ),
        (
            "addresses of keys in the header",
            other.sign_raw(&own_url, &text),
            "signature",
        ),
        (
            "another key of the same kind",
            other.sign_as(Some("ec"), &serde_json::from_str(&text).expect("JSON")),
            "signature",
        ),
        (
            "the secret in the key set",
            Signer::secret("oct", "published").sign(&claims(json!({}))),
            "unknown_key",
        ),
        (
            "no kid and no issuer",
            app.sign_as(None, &claims(json!({ "iss": null }))),
            "unknown_key",
        ),
        (
            "a critical extension",
            app.sign_raw("{\"alg\":\"HS256\",\"kid\":\"app\",\"crit\":[\"b64\"],\"b64\":false}", &text),
            "malformed",
        ),
        (
            "encrypted",
            app.sign_raw("{\"alg\":\"HS256\",\"kid\":\"app\",\"enc\":\"A128GCM\"}", &text),
            "malformed",
        ),
        ("expired", sign(json!({ "exp": now() - 60 })), "expired"),
        ("expired in 1970", sign(json!({ "exp": 0 })), "expired"),
        ("not yet", sign(json!({ "nbf": now() + 600 })), "not_yet"),
        ("no exp", raw("{\"sub\":\"ada\",\"aud\":\"calls\",\"iss\":\"app\"}"), "claims"),
        ("exp null", sign(json!({ "exp": null })), "claims"),
        ("exp a text", sign(json!({ "exp": (now() + 600).to_string() })), "claims"),
        ("exp below zero", sign(json!({ "exp": -1 })), "claims"),
        ("exp beyond all numbers", sign(json!({ "exp": 1e300 })), "claims"),
        ("nbf a text", sign(json!({ "nbf": "0" })), "claims"),
        ("no sub", sign(json!({ "sub": null })), "claims"),
        ("sub empty", sign(json!({ "sub": "" })), "claims"),
        ("sub a number", sign(json!({ "sub": 7 })), "claims"),
        ("sub with a NUL", sign(json!({ "sub": "ada\u{0}" })), "claims"),
        ("sub too long", sign(json!({ "sub": "x".repeat(300) })), "claims"),
        ("two subs", raw(&text.replacen('{', "{\"sub\":\"eve\",", 1)), "claims"),
        ("two exps", raw(&text.replacen('{', "{\"exp\":9999999999,", 1)), "claims"),
        ("another issuer", sign(json!({ "iss": "evil" })), "issuer"),
        ("no issuer", sign(json!({ "iss": null })), "issuer"),
        ("another audience", sign(json!({ "aud": "mail" })), "audience"),
        ("other audiences", sign(json!({ "aud": ["mail", "files"] })), "audience"),
        ("no audience", sign(json!({ "aud": null })), "audience"),
        ("name a list", sign(json!({ "name": ["Ada"] })), "claims"),
        (
            "a grant of the wrong type",
            sign(json!({ "video": { "roomJoin": "true" } })),
            "claims",
        ),
        ("a grant that is null", sign(json!({ "video": null })), "claims"),
        (
            "a room that is none",
            sign(json!({ "video": { "room": "../../etc", "roomJoin": true } })),
            "claims",
        ),
        (
            "hidden",
            sign(json!({ "video": { "hidden": true, "roomJoin": true } })),
            "unsupported",
        ),
        ("once without an id", sign(json!({ "once": true })), "claims"),
        (
            "once for a week",
            sign(json!({ "once": true, "jti": "a", "exp": now() + 604_800 })),
            "claims",
        ),
        ("claims that are a list", raw("[]"), "claims"),
        ("claims that are no JSON", raw("{\"sub\":"), "claims"),
        ("claims nested too deep", raw(&"[".repeat(3000)), "claims"),
    ];
    // A key id is looked up in a list, and nothing else is done with it.
    for kid in [
        "other",
        "APP",
        "app ",
        "../app",
        "/etc/tandem/app.secret",
        "file:///dev/null",
        "/dev/null",
        "http://127.0.0.1:9/keys.json",
        "app' OR '1'='1",
        "app\" UNION SELECT 'x",
        "app\u{0}",
        "app|cat /etc/passwd",
        "${jndi:ldap://x}",
        "*",
        "",
    ] {
        let token = app.sign_as(Some(kid), &claims(json!({ "aud": "calls", "iss": "app" })));
        rows.push(("kid", token, "unknown_key"));
    }
    rows
}

/// What a refusal by HTTP says.
fn sentence_of(status: u16, body: &str) -> (u16, Value) {
    let problem: Value = serde_json::from_str(body).expect("JSON");
    (status, problem["detail"].clone())
}

#[tokio::test]
async fn all_bad_tokens_are_refused_alike_and_counted_by_what_is_wrong() {
    let rsa = Signer::new("rsa", Algorithm::RS256);
    let ec = Signer::new("ec", Algorithm::ES256);
    let other = Signer::new("other", Algorithm::ES256);
    let published = key_set(&[&rsa, &ec, &Signer::secret("oct", "published")]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, &published).expect("written");
    let jwks = file.to_str().expect("UTF-8");
    let server = server(&[
        ("TANDEM__AUTH__JWKS", jwks),
        ("TANDEM__AUTH__ISSUER", "app"),
        ("TANDEM__AUTH__AUDIENCE", "calls"),
    ]);
    // A good one of each, so that the table proves something.
    for signer in [&Signer::secret("app", SECRET), &rsa, &ec] {
        let token = signer.sign(&claims(json!({ "aud": "calls", "iss": "app" })));
        Tab::hello(&server, json!({ "token": token })).await;
    }
    let rows = table(&rsa, &ec, &other);
    assert!(rows.len() >= 40);
    let mut counted = std::collections::BTreeMap::new();
    for (what, token, reason) in &rows {
        let token = fill_in(token, reason);
        eprintln!("{what}");
        refused(&server, json!({ "token": token })).await;
        *counted.entry(*reason).or_insert(0.0) += 1.0;
        if !token.is_empty() && token.bytes().all(|byte| (0x21..0x7f).contains(&byte)) && token.len() < 16_000 {
            let (head, body) = server.request(&format!(
                "POST /whep/0000000000001 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/sdp\r\nauthorization: \
                 Bearer {token}\r\ncontent-length: {}\r\n\r\n{OFFER}",
                OFFER.len()
            ));
            let status = head
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .expect("a status");
            assert_eq!(sentence_of(status, &body), (401, json!(REFUSED)), "{what}: {head}");
            assert!(
                head.to_lowercase()
                    .contains("www-authenticate: bearer realm=\"tandem\", error=\"invalid_token\""),
                "{head}"
            );
            *counted.entry(*reason).or_insert(0.0) += 1.0;
        }
    }
    for (reason, number) in counted {
        server.metric_becomes(&format!("tandem_tokens_total{{outcome=\"{reason}\"}}"), number);
    }
    let log = server.logged("");
    for line in log {
        assert!(
            !line.contains(SECRET) && !line.contains("eyJ"),
            "a token or a secret was logged: {line}"
        );
    }
}

/// The rows are about one thing each; all else is as the server wants it.
fn fill_in(token: &str, reason: &str) -> String {
    let mut parts = token.split('.');
    let (Some(head), Some(body), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return token.to_owned();
    };
    let decode = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
    };
    let (Some(header), Some(mut claims)) = (decode(head), decode(body)) else {
        return token.to_owned();
    };
    let is_ours = header == json!({ "typ": "JWT", "alg": "HS256", "kid": "app" });
    let is_about_claims = !["signature", "malformed"].contains(&reason);
    let Some(fields) = claims.as_object_mut().filter(|_| is_ours && is_about_claims) else {
        return token.to_owned();
    };
    for (name, value) in [("iss", "app"), ("aud", "calls")] {
        match fields.get(name) {
            None => fields.insert(name.to_owned(), json!(value)),
            Some(Value::Null) => fields.remove(name),
            Some(_) => None,
        };
    }
    Signer::secret("app", SECRET).sign(&claims)
}

/// A WHEP offer that would be answered.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=fingerprint:sha-256 \
AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA\r\na=setup:actpass\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
a=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";
