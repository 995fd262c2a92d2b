//! A user on one more browser: by a code that is good once, and then by a secret of its own.

use serde_json::{Value, json};

use crate::bed::{Bed, on_both};
use crate::support::{Server, Tab, ring};

on_both!(
    a_code_brings_its_user_to_one_more_browser_for_ever,
    a_browser_that_is_signed_out_does_not_come_back,
);

/// The code that a tab is shown.
async fn code(tab: &mut Tab) -> Value {
    tab.send(json!({ "type": "pair" })).await;
    let begun = tab.answer().await;
    assert_eq!(
        (&begun["type"], &begun["expires_in_s"]),
        (&json!("pairing_begun"), &json!(300)),
        "{begun}"
    );
    begun["code"].clone()
}

async fn give(tab: &mut Tab, code: &Value) -> Value {
    tab.send(json!({ "type": "use_pairing", "code": code })).await;
    tab.answer().await
}

async fn a_code_brings_its_user_to_one_more_browser_for_ever(bed: &Bed) {
    let mut server = bed.start();
    let mut ada = Tab::hello(&server, json!({ "name": "Ada" })).await;
    let code = code(&mut ada).await;
    let mut phones = [Tab::open(&server).await, Tab::open(&server).await];
    phones[0].send(json!({ "type": "look_at_pairing", "code": code })).await;
    let seen = phones[0].answer().await;
    assert_eq!(seen["user"], json!({ "user_id": ada.user_id(), "name": "Ada" }), "{seen}");
    // Both at once: one of them.
    let [one, two] = &mut phones;
    let answers = [give(one, &code), give(two, &code)];
    let answers = futures_util::future::join_all(answers).await;
    let paired: Vec<&Value> = answers.iter().filter(|answer| answer["type"] == "paired").collect();
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer["code"] == "no_such_code").collect();
    assert_eq!((paired.len(), refused.len()), (1, 1), "{answers:?}");
    assert_eq!(ada.expect("pairing_over").await["used_by"], "");
    assert_eq!(paired[0]["user_id"], json!(ada.user_id()));
    let credentials = json!({ "user_id": ada.user_id(), "secret": paired[0]["secret"] });
    let mine = ada.credentials();
    assert_ne!(credentials["secret"], mine["secret"], "each has its own");
    server.kill_and_start();
    let mut phone = Tab::hello(&server, json!({ "user": credentials })).await;
    assert_eq!(
        (phone.welcome["name"].as_str(), &phone.welcome["secret"]),
        (Some("Ada"), &Value::Null)
    );
    let mut ada = Tab::hello(&server, json!({ "user": mine })).await;
    // Both ring.
    let mut bob = Tab::open(&server).await;
    ring(&mut bob, &mut ada).await;
    phone.expect("incoming_call").await;
    for spoiled in ["", "x"] {
        let guess = json!({ "user_id": ada.user_id(), "secret": spoiled });
        let (_, answer) = Tab::greet(&server, json!({ "user": guess })).await;
        assert_eq!(answer["code"], "not_signed_in");
    }
    let other = json!({ "user_id": bob.user_id(), "secret": credentials["secret"] });
    let (_, answer) = Tab::greet(&server, json!({ "user": other })).await;
    assert_eq!(answer["code"], "not_signed_in", "it is Ada's alone");

    let user = ada.user_id();
    let export = server.command().args(["export", &user]).output().expect("it runs");
    let export: Value = serde_json::from_slice(&export.stdout).expect("JSON");
    assert_eq!(export["devices"].as_array().expect("a list").len(), 2);
    assert!(!export.to_string().contains(credentials["secret"].as_str().expect("text")));
    let done = server.command().args(["forget", &user]).status().expect("it runs");
    assert!(done.success());
    let (_, answer) = Tab::greet(&server, json!({ "user": credentials })).await;
    assert_eq!(answer["code"], "not_signed_in");
}

/// The browsers of a tab's user.
async fn browsers(tab: &mut Tab) -> Vec<Value> {
    tab.send(json!({ "type": "browsers" })).await;
    let answer = tab.answer().await;
    assert_eq!(answer["type"], "browsers", "{answer}");
    answer["browsers"].as_array().expect("a list").clone()
}

async fn a_browser_that_is_signed_out_does_not_come_back(bed: &Bed) {
    let mut server = bed.start();
    let mut ada = Tab::hello(&server, json!({ "name": "Ada" })).await;
    let mut known = browsers(&mut ada).await;
    assert!(matches!(&known[..], [this] if this["is_this"] == true), "{known:?}");
    // Their ids, in the order of their coming, and what they prove themselves with.
    let mut ids = vec![known[0]["browser_id"].clone()];
    let mut others = Vec::new();
    for _ in 0..2 {
        let code = code(&mut ada).await;
        let mut other = Tab::open(&server).await;
        let paired = give(&mut other, &code).await;
        ada.expect("pairing_over").await;
        others.push(json!({ "user_id": ada.user_id(), "secret": paired["secret"] }));
        known = browsers(&mut ada).await;
        let new = known.iter().find(|one| !ids.contains(&one["browser_id"]));
        ids.push(new.expect("one more")["browser_id"].clone());
    }
    let mut phone = Tab::hello(&server, json!({ "user": others[0] })).await;
    let mut bob = Tab::open(&server).await;
    ring(&mut bob, &mut phone).await;
    ada.expect("incoming_call").await;

    ada.send(json!({ "type": "sign_out", "browser_id": ids[1] })).await;
    assert_eq!(ada.answer().await["browser_ids"], json!([ids[1]]));
    assert_eq!(phone.closed().await, Some(1008));
    let (_, answer) = Tab::greet(&server, json!({ "user": others[0] })).await;
    assert_eq!(answer["code"], "not_signed_in");
    assert_eq!(browsers(&mut ada).await.len(), 2);

    server.kill_and_start();
    let (_, answer) = Tab::greet(&server, json!({ "user": others[0] })).await;
    assert_eq!(answer["code"], "not_signed_in");
    let mut third = Tab::hello(&server, json!({ "user": others[1] })).await;
    third.send(json!({ "type": "sign_out" })).await;
    assert_eq!(third.answer().await["browser_ids"], json!([ids[0]]));
    let (_, answer) = Tab::greet(&server, json!({ "user": ada.credentials() })).await;
    assert_eq!(answer["code"], "not_signed_in", "also the first one");
    assert_eq!(browsers(&mut third).await.len(), 1);
}

#[tokio::test]
async fn codes_are_not_to_be_guessed() {
    let server = Server::start();
    let mut ada = Tab::open(&server).await;
    let right = code(&mut ada).await;
    let mut tries = 0;
    // Another browser for every five: the address is what counts then.
    let refused = 'all: loop {
        let mut eve = Tab::connect_from(&server, "127.0.0.9").await.expect("taken");
        eve.send(json!({ "type": "hello", "protocol": 1 })).await;
        eve.expect("welcome").await;
        for _ in 0..5 {
            let answer = give(&mut eve, &json!(format!("00000-{tries:05}"))).await;
            if answer["code"] == "rate_limited" {
                break 'all give(&mut eve, &right).await;
            }
            assert_eq!(answer["code"], "no_such_code", "{answer}");
            tries += 1;
        }
        assert!(tries <= 25, "{tries}");
    };
    assert_eq!(refused["code"], "rate_limited", "also the right one");
    assert!(tries >= 20, "{tries}");
    // Elsewhere it is good.
    let mut phone = Tab::open(&server).await;
    for typed in ["", "k7mq2", "k7mq2-xwd9h-x", "ä", "k7mq-2xwd-9hpt"] {
        let answer = give(&mut phone, &json!(typed)).await;
        if answer["code"] == "no_such_code" {
            continue;
        }
        assert_eq!(answer["code"], "rate_limited", "{typed} {answer}");
    }
    let mut another = Tab::open(&server).await;
    assert_eq!(give(&mut another, &right).await["type"], "paired");
    ada.expect("pairing_over").await;
    let long = json!("x".repeat(1000));
    assert_eq!(give(&mut ada, &long).await["code"], "too_large");
}

#[tokio::test]
async fn where_people_sign_in_there_are_no_codes() {
    let server = crate::tokens::server(&[]);
    let mut ada = crate::tokens::open(&server, json!({})).await;
    for command in [
        json!({ "type": "pair" }),
        json!({ "type": "look_at_pairing", "code": "00000-00000" }),
        json!({ "type": "use_pairing", "code": "00000-00000" }),
    ] {
        ada.send(command.clone()).await;
        assert_eq!(ada.answer().await["code"], "not_allowed", "{command}");
    }
}
