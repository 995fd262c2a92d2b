//! Rooms as the browsers in them see them: invitations, links, lobbies, hosts, and what outlives the process.

use std::time::{Duration, Instant};

use loadtest::participant::Participant;
use serde_json::{Value, json};

use crate::support::{Server, Tab, settle, talk};

/// Calls somebody into the room; their `call_answered`.
async fn invite(inviter: &mut Tab, room: &Value, invited: &mut Tab) -> Value {
    let user = invited.user_id();
    inviter
        .send(json!({ "type": "invite", "room_id": room, "user_id": user }))
        .await;
    let ringing = inviter.expect("call_ringing").await;
    assert_eq!(&ringing["room_id"], room);
    let incoming = invited.expect("incoming_call").await;
    invited
        .send(json!({ "type": "accept", "call_id": incoming["call_id"] }))
        .await;
    invited.expect("call_answered").await
}

/// Makes a link; its id.
async fn make_link(tab: &mut Tab, wish: Value) -> Value {
    let mut command = json!({ "type": "create_link" });
    command
        .as_object_mut()
        .expect("an object")
        .extend(wish.as_object().expect("an object").clone());
    tab.send(command).await;
    tab.expect("link_created").await["link"]["link_id"].clone()
}

async fn join(tab: &mut Tab, link: &Value) -> Value {
    tab.send(json!({ "type": "join", "link_id": link })).await;
    tab.expect("room_joined").await
}

/// Joins in vain; the error's code.
async fn join_fails(tab: &mut Tab, link: &Value, passphrase: Option<&str>) -> Value {
    tab.send(json!({ "type": "join", "link_id": link, "passphrase": passphrase }))
        .await;
    tab.expect("error").await["code"].clone()
}

async fn tabs<const N: usize>(server: &Server) -> [Tab; N] {
    let mut opened = Vec::new();
    for n in 0..N {
        opened.push(Tab::hello(server, json!({ "name": format!("person {n}") })).await);
    }
    opened.try_into().unwrap_or_else(|_| unreachable!("as many as were opened"))
}

/// The others' participant ids.
fn others(event: &Value) -> Vec<&Value> {
    let list = event["participants"].as_array().expect("a list");
    list.iter().map(|participant| &participant["participant_id"]).collect()
}

#[tokio::test]
async fn a_third_is_called_in_and_goes_again() {
    let server = Server::start();
    let [mut a, mut b, mut c] = tabs(&server).await;
    talk(&mut a, &mut b).await;
    let welcome = a.come_back(&server).await;
    let room = welcome["call"]["room_id"].clone();
    let answered = invite(&mut a, &room, &mut c).await;
    assert_eq!(others(&answered).len(), 2);
    assert_eq!((&answered["direct"], &answered["host"]), (&json!(false), &json!(false)));
    for tab in [&mut a, &mut b] {
        let joined = tab.expect("participant_joined").await;
        assert_eq!(joined["participant"]["user"]["name"], "person 2");
        assert_eq!(joined["call_id"], answered["call_id"]);
        assert_eq!(tab.expect("direct_changed").await["direct"], false);
    }
    server.metric_becomes("tandem_participants", 3.0);
    server.metric_becomes("tandem_invitations_total", 1.0);
    c.send(json!({ "type": "hang_up", "call_id": answered["call_id"] })).await;
    let left = Instant::now();
    assert_eq!(c.expect("call_ended").await["reason"], "hung_up");
    for tab in [&mut a, &mut b] {
        assert_eq!(
            tab.expect("participant_left").await["participant_id"],
            answered["participant_id"]
        );
    }
    // Both at once: one who is not listening sends no heartbeat.
    let (at_a, at_b) = tokio::join!(a.expect("direct_changed"), b.expect("direct_changed"));
    assert_eq!((&at_a["direct"], &at_b["direct"]), (&json!(true), &json!(true)));
    assert_ne!(at_a["polite"], at_b["polite"], "one of them gives way");
    assert!(left.elapsed() > Duration::from_millis(2_900), "{:?}", left.elapsed());
    b.send(json!({ "type": "leave", "room_id": room })).await;
    for tab in [&mut a, &mut b] {
        assert_eq!(tab.expect("call_ended").await["reason"], "hung_up");
    }
    server.metric_becomes("tandem_call_ended_total{reason=\"hung_up\"}", 2.0);
    server.metric_becomes("tandem_rooms", 0.0);
}

#[tokio::test]
async fn the_sfu_answers_everybody_in_a_room() {
    let server = Server::start();
    let [mut a, mut b, mut c] = tabs(&server).await;
    let link = make_link(&mut a, json!({ "name": "Stand-up" })).await;
    let mut room = Value::Null;
    for tab in [&mut a, &mut b, &mut c] {
        room = join(tab, &link).await["room"]["room_id"].clone();
    }
    for tab in [&mut a, &mut b, &mut c] {
        let address = "127.0.0.1:9".parse().expect("an address");
        let (participant, sdp) = Participant::new(address, 2, Instant::now());
        let sources = json!([
            { "mid": participant.microphone().to_string(), "source": "microphone" },
            { "mid": participant.camera().to_string(), "source": "camera" },
        ]);
        let reference = tab
            .send(json!({ "type": "offer", "room_id": room, "attempt": 1, "sdp": sdp, "sources": sources }))
            .await;
        let answer = tab.expect("offer_answered").await;
        assert_eq!(answer["ref"], reference);
        assert!(
            answer["sdp"].as_str().is_some_and(|sdp| sdp.contains("a=candidate")),
            "{answer}"
        );
        tab.send(json!({ "type": "view", "room_id": room, "view": { "kind": "speaker" } }))
            .await;
        tab.send(json!({ "type": "publish", "room_id": room, "sources": ["microphone", "camera"] }))
            .await;
    }
    let changed = a.expect("participant_changed").await;
    assert_eq!(changed["participant"]["sources"], json!(["microphone", "camera"]));
    assert_eq!(a.count("error").await, 0);
}

#[tokio::test]
async fn a_link_with_a_pass_phrase() {
    let server = Server::start();
    let [mut a, mut b] = tabs(&server).await;
    let link = make_link(&mut a, json!({ "passphrase": "open sesame" })).await;
    b.send(json!({ "type": "look_at_link", "link_id": link })).await;
    let seen = b.expect("link_seen").await;
    assert_eq!(
        (&seen["link"]["has_passphrase"], &seen["link"]["mine"]),
        (&json!(true), &json!(false))
    );
    for wrong in [None, Some("open sesam")] {
        assert_eq!(join_fails(&mut b, &link, wrong).await, "passphrase_needed");
    }
    b.send(json!({ "type": "join", "link_id": link, "passphrase": "open sesame" }))
        .await;
    b.expect("room_joined").await;
    // Its maker needs none.
    let joined = join(&mut a, &link).await;
    assert_eq!((&joined["host"], &joined["direct"]), (&json!(true), &json!(true)));
    for wrong in 0.. {
        let mut c = Tab::open(&server).await;
        let code = join_fails(&mut c, &link, Some("x")).await;
        if code == "rate_limited" {
            break;
        }
        assert_eq!(code, "passphrase_needed");
        assert!(wrong < 40, "guesses are not limited");
    }
    assert!(server.metric("tandem_limit_reached_total{limit=\"passphrase_attempts\"}") >= 1.0);
    assert!(server.metric("tandem_joins_total{outcome=\"passphrase_needed\"}") >= 3.0);
}

#[tokio::test]
async fn links_are_used_up_expire_and_are_revoked() {
    let server = Server::start();
    let [mut a, mut b, mut c] = tabs(&server).await;
    let once = make_link(&mut a, json!({ "single_use": true })).await;
    join(&mut b, &once).await;
    assert_eq!(join_fails(&mut c, &once, None).await, "no_such_link");
    let joined = join(&mut a, &once).await;
    a.send(json!({ "type": "leave", "room_id": joined["room"]["room_id"] })).await;
    assert_eq!(a.expect("room_left").await["reason"], "left");

    let short = make_link(&mut a, json!({ "expires_in_s": 1 })).await;
    let long = make_link(&mut a, json!({ "expires_in_s": 3600 })).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        c.send(json!({ "type": "look_at_link", "link_id": short })).await;
        let answer = c.next().await;
        if answer["code"] == "no_such_link" {
            break;
        }
        assert!(Instant::now() < deadline, "it does not expire: {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    a.send(json!({ "type": "list_links" })).await;
    let links = a.expect("links").await["links"].clone();
    assert_eq!(links.as_array().map(Vec::len), Some(1), "{links}");
    assert_eq!(links[0]["link_id"], long);
    c.send(json!({ "type": "revoke_link", "link_id": long })).await;
    assert_eq!(c.expect("error").await["code"], "not_allowed");
    a.send(json!({ "type": "revoke_link", "link_id": long })).await;
    assert_eq!(a.expect("links").await["links"], json!([]));
    assert_eq!(join_fails(&mut c, &long, None).await, "no_such_link");
}

#[tokio::test]
async fn hosts_lock_mute_and_remove() {
    let server = Server::start();
    let [mut a, mut b, mut c, mut d] = tabs(&server).await;
    let link = make_link(&mut a, json!({})).await;
    let room = join(&mut a, &link).await["room"]["room_id"].clone();
    let at_b = join(&mut b, &link).await["participant_id"].clone();
    let at_c = join(&mut c, &link).await["participant_id"].clone();
    b.send(json!({ "type": "lock", "room_id": room, "locked": true })).await;
    assert_eq!(b.expect("error").await["code"], "not_allowed", "he is no host");
    a.send(json!({ "type": "lock", "room_id": room, "locked": true })).await;
    for tab in [&mut a, &mut b] {
        assert_eq!(tab.expect("room_changed").await["room"]["locked"], true);
    }
    assert_eq!(join_fails(&mut d, &link, None).await, "room_locked");

    b.send(json!({ "type": "publish", "room_id": room, "sources": ["microphone"] }))
        .await;
    c.expect("participant_changed").await;
    a.send(json!({ "type": "mute", "room_id": room, "participant_id": at_b, "source": "microphone" }))
        .await;
    assert_eq!(b.expect("muted").await["source"], "microphone");
    assert_eq!(c.expect("participant_changed").await["participant"]["sources"], json!([]));

    a.send(json!({ "type": "remove", "room_id": room, "participant_id": at_c }))
        .await;
    assert_eq!(c.expect("room_left").await["reason"], "removed");
    assert_eq!(b.expect("participant_left").await["reason"], "removed");
    a.send(json!({ "type": "lock", "room_id": room, "locked": false })).await;
    assert_eq!(a.expect("room_changed").await["room"]["locked"], false);
    assert_eq!(join_fails(&mut c, &link, None).await, "not_allowed");
    join(&mut d, &link).await;
}

#[tokio::test]
async fn a_lobby_has_its_door_kept_by_a_host() {
    let server = Server::start();
    let [mut a, mut b, mut c] = tabs(&server).await;
    let link = make_link(&mut a, json!({ "lobby": true })).await;
    b.send(json!({ "type": "join", "link_id": link })).await;
    let entered = b.expect("lobby_entered").await;
    server.metric_becomes("tandem_lobby", 1.0);
    let room = join(&mut a, &link).await["room"]["room_id"].clone();
    let changed = a.expect("lobby_changed").await;
    assert_eq!(changed["waiting"][0]["user"]["name"], "person 1");
    c.send(json!({ "type": "join", "link_id": link })).await;
    let at_c = c.expect("lobby_entered").await["participant_id"].clone();
    a.expect("lobby_changed").await;
    a.send(json!({ "type": "admit", "room_id": room, "participant_id": entered["participant_id"], "admitted": true }))
        .await;
    a.send(json!({ "type": "admit", "room_id": room, "participant_id": at_c, "admitted": false }))
        .await;
    let joined = b.expect("room_joined").await;
    assert_eq!(joined["participant_id"], entered["participant_id"]);
    assert_eq!(c.expect("room_left").await["reason"], "refused");
    server.metric_becomes("tandem_lobby", 0.0);
    server.metric_becomes("tandem_joins_total{outcome=\"lobby\"}", 2.0);
    server.metric_becomes("tandem_joins_total{outcome=\"entered\"}", 2.0);
}

#[tokio::test]
async fn hands_and_reactions_are_shown_to_all() {
    let server = Server::start();
    let [mut a, mut b, mut c] = tabs(&server).await;
    let link = make_link(&mut a, json!({})).await;
    let mut room = Value::Null;
    for tab in [&mut a, &mut b, &mut c] {
        room = join(tab, &link).await["room"]["room_id"].clone();
    }
    for (tab, place) in [(&mut c, 1), (&mut b, 2)] {
        tab.send(json!({ "type": "raise_hand", "room_id": room, "raised": true }))
            .await;
        assert_eq!(a.expect("participant_changed").await["participant"]["hand"], place);
    }
    for _ in 0..11 {
        b.send(json!({ "type": "react", "room_id": room, "reaction": "applause" }))
            .await;
    }
    assert_eq!(b.expect("error").await["code"], "rate_limited");
    let reacted = a.expect("reacted").await;
    assert_eq!((&reacted["reaction"], &reacted["seq"]), (&json!("applause"), &Value::Null));
    assert_eq!(c.count("reacted").await, 10);
}

#[tokio::test]
async fn a_room_is_full_at_its_limit() {
    let server = Server::start_with(&[("TANDEM__LIMITS__PARTICIPANTS_PER_ROOM", "2")]);
    let [mut a, mut b, mut c] = tabs(&server).await;
    let link = make_link(&mut a, json!({})).await;
    join(&mut a, &link).await;
    let room = join(&mut b, &link).await["room"]["room_id"].clone();
    assert_eq!(join_fails(&mut c, &link, None).await, "room_full");
    a.send(json!({ "type": "invite", "room_id": room, "user_id": c.user_id() }))
        .await;
    assert_eq!(a.expect("error").await["code"], "room_full");
    server.metric_becomes("tandem_limit_reached_total{limit=\"participants_per_room\"}", 2.0);
    b.send(json!({ "type": "leave", "room_id": room })).await;
    b.expect("room_left").await;
    join(&mut c, &link).await;
}

#[tokio::test]
async fn rooms_and_links_survive_a_kill() {
    let mut server = Server::start();
    let [mut a, mut b, mut c, mut d] = tabs(&server).await;
    let name = "Stand-up";
    let link = make_link(&mut a, json!({ "name": name, "passphrase": "open sesame" })).await;
    let room = join(&mut a, &link).await["room"]["room_id"].clone();
    b.send(json!({ "type": "join", "link_id": link, "passphrase": "open sesame" }))
        .await;
    b.expect("room_joined").await;
    let answered = invite(&mut b, &room, &mut c).await;
    a.send(json!({ "type": "lock", "room_id": room, "locked": true })).await;
    a.expect("room_changed").await;
    settle(&server).await;
    server.kill_and_start();
    for (tab, state) in [(&mut a, "joined"), (&mut b, "joined"), (&mut c, "answered")] {
        let call = tab.come_back(&server).await["call"].clone();
        assert_eq!((&call["state"], &call["room"]["room_id"]), (&json!(state), &room), "{call}");
        assert_eq!((&call["room"]["name"], &call["room"]["locked"]), (&json!(name), &json!(true)));
        assert_eq!(others(&call).len(), 2);
    }
    assert_eq!(server.metric("tandem_participants"), 3.0);
    d.come_back(&server).await;
    assert_eq!(join_fails(&mut d, &link, Some("open sesame")).await, "room_locked");
    c.send(json!({ "type": "hang_up", "call_id": answered["call_id"] })).await;
    c.expect("call_ended").await;
    for tab in [&mut a, &mut b] {
        tab.expect("participant_left").await;
        tab.send(json!({ "type": "leave", "room_id": room })).await;
        assert_eq!(tab.expect("room_left").await["reason"], "left");
    }
    // The link outlives its room, with its pass phrase.
    settle(&server).await;
    server.kill_and_start();
    d.come_back(&server).await;
    assert_eq!(join_fails(&mut d, &link, Some("x")).await, "passphrase_needed");
    d.send(json!({ "type": "join", "link_id": link, "passphrase": "open sesame" }))
        .await;
    let joined = d.expect("room_joined").await;
    assert_ne!(joined["room"]["room_id"], room);
    assert_eq!(
        (&joined["room"]["name"], &joined["room"]["locked"]),
        (&json!(name), &json!(false))
    );
}

#[tokio::test]
async fn a_page_of_a_room_that_is_loaded_again_goes_on() {
    let server = Server::start();
    let [mut a, mut b] = tabs(&server).await;
    let link = make_link(&mut a, json!({ "lobby": true })).await;
    let joined = join(&mut a, &link).await;
    b.send(json!({ "type": "join", "link_id": link })).await;
    let waiting = b.expect("lobby_entered").await;
    for tab in [&mut a, &mut b] {
        tab.leave().await;
    }
    let call = a.come_back(&server).await["call"].clone();
    assert_eq!(
        (&call["state"], &call["participant_id"], &call["host"]),
        (&json!("joined"), &joined["participant_id"], &json!(true))
    );
    let lobby = a.expect("lobby_changed").await;
    assert_eq!(
        lobby["waiting"][0]["participant_id"], waiting["participant_id"],
        "a host is told who waits"
    );
    let call = b.come_back(&server).await["call"].clone();
    assert_eq!(
        (&call["state"], &call["participant_id"]),
        (&json!("waiting"), &waiting["participant_id"])
    );
}
