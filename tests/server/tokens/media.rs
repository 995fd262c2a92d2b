//! WHIP and WHEP where tokens are taken: the bearer token is one of them.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::support::{Server, Tab};
use super::super::whip::{Answer, Device, ask, flow};
use super::{REFUSED, open, server, token};

fn post(server: &Server, path: &str, bearer: Option<&str>, offer: &str) -> Answer {
    let authorization = bearer.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", "application/sdp")];
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    ask(server, "POST", path, &headers, offer)
}

/// A host in a room with a link, and the link's id.
async fn room(server: &Server) -> (Tab, String) {
    let mut host = open(server, json!({ "sub": "host" })).await;
    host.send(json!({ "type": "create_link", "passphrase": "open sesame" })).await;
    let link = host.expect("link_created").await["link"]["link_id"]
        .as_str()
        .expect("text")
        .to_owned();
    host.send(json!({ "type": "join", "link_id": link })).await;
    host.expect("room_joined").await;
    (host, link)
}

fn grant(link: &str, more: Value) -> Value {
    let mut video = json!({ "room": link, "roomJoin": true });
    let fields = video.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    json!({ "sub": "encoder", "video": video })
}

#[tokio::test]
async fn encoders_and_players_come_with_a_token_and_have_the_rights_that_it_grants() {
    let server = server(&[]);
    let (mut host, link) = room(&server).await;
    let (mut encoder, mut player) = (Device::new(0), Device::new(1));
    let whip = format!("/whip/{link}/Studio");
    let whep = format!("/whep/{link}");
    for (path, offer) in [(&whip, &encoder.offer), (&whep, &player.offer)] {
        let none = post(&server, path, None, offer);
        none.is_problem(401);
        assert_eq!(none.header("www-authenticate"), Some("Bearer realm=\"tandem\""));
        assert!(none.body.contains(REFUSED), "{none:?}");
        let bad = post(&server, path, Some("open sesame"), offer);
        bad.is_problem(401);
        assert_eq!(
            bad.header("www-authenticate"),
            Some("Bearer realm=\"tandem\", error=\"invalid_token\"")
        );
        assert!(bad.body.contains(REFUSED), "{bad:?}");
    }
    let mute = token(grant(&link, json!({ "canPublish": false })));
    let deaf = token(grant(&link, json!({ "canSubscribe": false })));
    let elsewhere = token(grant("1111111111111", json!({})));
    for (path, offer, bearer) in [
        (&whip, &encoder.offer, &mute),
        (&whep, &player.offer, &deaf),
        (&whip, &encoder.offer, &elsewhere),
        (&whep, &player.offer, &elsewhere),
    ] {
        let refused = post(&server, path, Some(bearer), offer);
        refused.is_problem(403);
        let challenge = refused.header("www-authenticate").expect("a challenge");
        assert!(challenge.contains("insufficient_scope"), "{challenge}");
    }
    // Some of its tracks it may not send.
    let half = token(grant(&link, json!({ "canPublishSources": ["microphone"] })));
    post(&server, &whip, Some(&half), &encoder.offer).is_problem(403);

    // The room has a pass phrase, and the token names the room.
    let once = json!({ "jti": "encoder", "once": true, "name": "Stage" });
    let mut claims = grant(&link, json!({ "canSubscribe": false, "roomAdmin": true }));
    claims
        .as_object_mut()
        .expect("an object")
        .extend(once.as_object().expect("an object").clone());
    let bearer = token(claims);
    let published = post(&server, &whip, Some(&bearer), &encoder.offer);
    let location = published.location();
    encoder.client.accept_answer(&published.body, Instant::now());
    let participant = host.expect("participant_joined").await["participant"].clone();
    assert_eq!(participant["user"]["name"], "Stage", "the name comes with the token");
    assert_eq!(participant["host"], false, "nobody is at an encoder");
    post(&server, &whip, Some(&bearer), &Device::new(0).offer).is_problem(401);

    let watched = post(
        &server,
        &whep,
        Some(&token(grant(&link, json!({ "canPublish": false })))),
        &player.offer,
    );
    watched.location();
    player.client.accept_answer(&watched.body, Instant::now());
    encoder.client.publish(Instant::now());
    flow("what is published is watched", &mut host, &mut [&mut encoder, &mut player]).await;
    // The resource's id is the permission to end it.
    assert_eq!(ask(&server, "DELETE", &location, &[], "").status, 200);
}
