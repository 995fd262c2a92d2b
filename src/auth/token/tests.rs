//! Every token that is not good is refused for its reason, and the good ones say what they say.

// The architecture test reads a file up to this line.
#[cfg(test)]
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"a secret of thirty-two bytes, or more of them";

fn key() -> Key {
    Key {
        algorithm: Algorithm::HS256,
        verifier: DecodingKey::from_secret(SECRET),
    }
}

fn claims() -> Value {
    json!({ "sub": "ada", "exp": get_current_timestamp() + 600, "iss": "app" })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn signed(claims: &Value) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("app".to_owned());
    encode(&header, claims, &EncodingKey::from_secret(SECRET)).expect("it is signed")
}

/// Parts as they are, with a good signature.
fn signed_raw(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("it is signed");
    format!("{message}.{signature}")
}

fn prove_by(text: &str, rules: &Rules) -> Result<Token, Fault> {
    read(text)?.prove(&key(), rules)
}

fn prove(text: &str) -> Result<Token, Fault> {
    prove_by(text, &Rules::default())
}

fn video(grant: Value) -> Result<Grants, Fault> {
    prove(&signed(&with(claims(), "video", grant))).map(|token| token.grants)
}

#[test]
fn a_token_without_a_grant_says_who_somebody_is() {
    let token = prove(&signed(&claims())).expect("it is good");
    assert_eq!((token.subject.as_str(), &token.name, &token.once), ("ada", &None, &None));
    assert_eq!(token.grants, Grants::ALL);
    let named = prove(&signed(&with(claims(), "name", json!("Ada")))).expect("it is good");
    assert_eq!(named.name.as_deref(), Some("Ada"));
    assert!(!named.grants.rename);
    let blank = prove(&signed(&with(claims(), "name", json!("  ")))).expect("it is good");
    assert!(blank.name.is_none() && blank.grants.rename);
}

#[test]
fn without_a_kid_the_issuer_names_the_key_as_livekit_has_it() {
    let text = encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(SECRET)).expect("signed");
    assert_eq!(read(&text).expect("it is read").key_id, "app");
    assert!(prove(&text).is_ok());
}

#[test]
fn a_grant_is_read_as_livekit_writes_it() {
    let room = LinkId::from_random(5);
    let nothing = Grants {
        join: false,
        create: false,
        appointed: false,
        ..Grants::ALL
    };
    let microphone = Sources {
        microphone: true,
        ..Sources::NONE
    };
    for (grant, expected) in [
        (json!({}), nothing),
        (
            json!({"roomJoin": true, "roomList": true, "roomRecord": true}),
            Grants { join: true, ..nothing },
        ),
        (
            json!({"room": room.to_string(), "roomJoin": true, "roomAdmin": true, "roomCreate": true, "hidden": false}),
            Grants {
                room: Some(room),
                join: true,
                admin: true,
                create: true,
                ..nothing
            },
        ),
        (json!({"room": ""}), nothing),
        (
            json!({"canPublish": false, "canPublishSources": ["camera"]}),
            Grants {
                publish: Sources::NONE,
                ..nothing
            },
        ),
        (json!({"canPublish": true, "canPublishSources": []}), nothing),
        (
            json!({"canPublishSources": ["microphone"]}),
            Grants {
                publish: microphone,
                ..nothing
            },
        ),
        (
            json!({"canPublishSources": ["camera", "screen_share", "screen_share_audio"]}),
            Grants {
                publish: Sources {
                    microphone: false,
                    ..Sources::ALL
                },
                ..nothing
            },
        ),
        (
            json!({"canSubscribe": false, "canPublishData": false}),
            Grants {
                subscribe: false,
                data: false,
                ..nothing
            },
        ),
    ] {
        assert_eq!(video(grant.clone()), Ok(expected), "{grant}");
    }
    for (grant, fault) in [
        (json!(null), Fault::Claims),
        (json!([]), Fault::Claims),
        (json!("all"), Fault::Claims),
        (json!({"room": "standup"}), Fault::Claims),
        (json!({"room": 7}), Fault::Claims),
        (json!({"roomJoin": "true"}), Fault::Claims),
        (json!({"roomAdmin": 1}), Fault::Claims),
        (json!({"canPublishSources": ["hologram"]}), Fault::Claims),
        (json!({"hidden": true}), Fault::Unsupported),
        (json!({"recorder": true}), Fault::Unsupported),
        (json!({"agent": true}), Fault::Unsupported),
    ] {
        assert_eq!(video(grant.clone()), Err(fault), "{grant}");
    }
}

#[test]
fn issuer_and_audience_are_asked_for_where_they_are_set() {
    let rules = Rules {
        issuer: Some("app".to_owned()),
        audience: Some("tandem".to_owned()),
        leeway_s: 0,
    };
    let good = with(claims(), "aud", json!("tandem"));
    assert!(prove_by(&signed(&good), &rules).is_ok());
    assert!(prove_by(&signed(&with(claims(), "aud", json!(["x", "tandem"]))), &rules).is_ok());
    for (bad, fault) in [
        (claims(), Fault::Audience),
        (with(good.clone(), "aud", json!("x")), Fault::Audience),
        (with(good.clone(), "aud", json!([])), Fault::Audience),
        (with(good.clone(), "aud", json!(7)), Fault::Audience),
        (with(good.clone(), "iss", json!("x")), Fault::Issuer),
        (with(good.clone(), "iss", json!(7)), Fault::Issuer),
    ] {
        let refused = prove_by(&signed(&bad), &rules).expect_err("it was taken");
        assert!(refused == fault || refused == Fault::Claims, "{bad}: {refused:?}");
    }
    // Without a rule, an audience is somebody else.
    assert_eq!(prove(&signed(&good)), Err(Fault::Audience));
}

#[test]
fn clocks_may_differ_by_the_leeway() {
    let now = get_current_timestamp();
    let rules = Rules {
        leeway_s: 30,
        ..Rules::default()
    };
    for (name, at, fault) in [
        ("exp", now - 20, None),
        ("exp", now - 40, Some(Fault::Expired)),
        ("exp", 0, Some(Fault::Expired)),
        ("nbf", now + 20, None),
        ("nbf", now + 40, Some(Fault::NotYet)),
    ] {
        let found = prove_by(&signed(&with(claims(), name, json!(at))), &rules);
        assert_eq!(found.err(), fault, "{name} {at}");
    }
}

#[test]
fn a_token_for_one_sign_in_has_an_id_and_is_over_in_a_day() {
    let now = get_current_timestamp();
    let once = |jti: Value, exp: u64| prove(&signed(&json!({"sub": "a", "exp": exp, "jti": jti, "once": true})));
    let good = once(json!("x"), now + 60).expect("it is good").once.expect("it is for one");
    assert_eq!(good.id, "x");
    assert!(good.until_unix >= now as i64 + 60);
    for (jti, exp) in [
        (json!("x"), now + 25 * 3600),
        (json!("x"), u64::MAX / 2),
        (json!(null), now + 60),
        (json!(""), now + 60),
        (json!(7), now + 60),
        (json!("x".repeat(257)), now + 60),
        (json!("a\nb"), now + 60),
    ] {
        assert_eq!(once(jti.clone(), exp), Err(Fault::Claims), "{jti} {exp}");
    }
}

#[test]
fn a_token_that_is_none_is_refused_for_its_reason() {
    let good = signed(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    let text = claims().to_string();
    let twice = text.replacen("{", "{\"sub\":\"eve\",", 1);
    for (bad, fault) in [
        (String::new(), Fault::Malformed),
        ("..".to_owned(), Fault::Malformed),
        (format!("{head}.{body}"), Fault::Malformed),
        (format!("{head}.{body}."), Fault::Signature),
        (format!("{good}.x"), Fault::Malformed),
        (format!("{head}.{body}.{}", &signature[4..]), Fault::Signature),
        (format!("{head}.{body}.{signature}="), Fault::Malformed),
        (format!("{head}.{body}x.{signature}"), Fault::Signature),
        (format!(" {good}"), Fault::Malformed),
        (format!("{good}\n"), Fault::Malformed),
        ("x".repeat(TOKEN_BYTES_MAX + 1), Fault::TooLarge),
        (signed_raw("{\"alg\":\"none\"}", &text), Fault::Malformed),
        (signed_raw("{\"alg\":\"HS256\"", &text), Fault::Malformed),
        (signed_raw("{\"alg\":\"HS512\",\"kid\":\"app\"}", &text), Fault::Algorithm),
        (signed_raw("{\"alg\":\"RS256\",\"kid\":\"app\"}", &text), Fault::Algorithm),
        (signed_raw("{\"alg\":\"HS256\",\"alg\":\"none\"}", &text), Fault::Malformed),
        (signed_raw("{\"alg\":\"HS256\",\"typ\":\"JWE\"}", &text), Fault::Malformed),
        (signed_raw("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", &text), Fault::Malformed),
        (signed_raw("{\"alg\":\"HS256\",\"zip\":\"DEF\"}", &text), Fault::Malformed),
        (signed_raw("{\"alg\":\"HS256\",\"kid\":\"\"}", &text), Fault::UnknownKey),
        (signed_raw("{\"alg\":\"HS256\",\"kid\":7}", &text), Fault::Malformed),
        (
            signed_raw("{\"alg\":\"HS256\"}", "{\"sub\":\"a\",\"exp\":9999999999}"),
            Fault::UnknownKey,
        ),
        (signed_raw("{\"alg\":\"HS256\",\"kid\":\"app\"}", &twice), Fault::Claims),
        (signed_raw("{\"alg\":\"HS256\",\"kid\":\"app\"}", "[]"), Fault::Claims),
        (signed_raw("{\"alg\":\"HS256\",\"kid\":\"app\"}", "{"), Fault::Claims),
        (signed(&json!({"sub": "a"})), Fault::Claims),
        (signed(&json!({"exp": 9_999_999_999u64})), Fault::Claims),
        (signed(&with(claims(), "exp", json!("tomorrow"))), Fault::Claims),
        (signed(&with(claims(), "exp", json!(-1))), Fault::Claims),
        (signed(&with(claims(), "exp", json!(1e300))), Fault::Claims),
        (signed(&with(claims(), "nbf", json!("now"))), Fault::Claims),
        (signed(&with(claims(), "sub", json!(7))), Fault::Claims),
        (signed(&with(claims(), "sub", json!(""))), Fault::Claims),
        (signed(&with(claims(), "sub", json!("a\u{0}b"))), Fault::Claims),
        (signed(&with(claims(), "sub", json!("x".repeat(257)))), Fault::Claims),
        (signed(&with(claims(), "name", json!(["a"]))), Fault::Claims),
        (signed(&with(claims(), "once", json!("yes"))), Fault::Claims),
    ] {
        assert_eq!(prove(&bad), Err(fault), "{bad}");
    }
}

#[test]
fn each_fault_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = Fault::ALL.iter().map(|fault| fault.as_str()).collect();
    assert_eq!(names.len(), Fault::ALL.len());
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(text in ".*", head in ".*", body in ".*") {
        let _ = prove(&text);
        let _ = prove(&signed_raw(&head, &body));
        let _ = prove(&signed_raw("{\"alg\":\"HS256\",\"kid\":\"app\"}", &body));
    }

    #[test]
    fn no_byte_of_a_good_token_may_be_another(place in any::<prop::sample::Index>(), byte in 0x20u8..0x7f) {
        let good = signed(&claims());
        let mut bytes = good.clone().into_bytes();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        let text = String::from_utf8(bytes).expect("ASCII");
        // The last digit of a signature of 32 bytes carries two bits that mean nothing.
        prop_assume!(place + 1 != good.len());
        prop_assert!(prove(&text).is_err());
    }
}
