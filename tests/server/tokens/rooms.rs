//! What a token grants, over the real websocket.

use serde_json::{Value, json};

use super::super::support::{Tab, ring};
use super::{open, server};

/// An id that an application chose.
const ROOM: &str = "0stand1ngr00m";

async fn refusal(tab: &mut Tab, command: Value) -> Value {
    tab.send(command).await;
    tab.expect("error").await["code"].clone()
}

#[tokio::test]
async fn a_token_for_a_room_is_for_that_room() {
    let server = server(&[]);
    let grant = |more: Value| {
        let mut video = json!({ "room": ROOM, "roomJoin": true });
        let fields = video.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        video
    };
    let host = json!({ "sub": "ada", "name": "Ada", "video": grant(json!({ "roomAdmin": true, "roomCreate": true })) });
    let mut host = open(&server, host).await;
    let mut guest = open(&server, json!({ "sub": "bob", "name": "Bob", "video": grant(json!({})) })).await;
    let room = host.welcome["grants"]["room"].clone();
    let join = json!({ "type": "join", "link_id": room });
    assert_eq!(
        refusal(&mut guest, join.clone()).await,
        "no_such_link",
        "nobody has opened it"
    );
    assert_eq!(
        refusal(&mut host, json!({ "type": "join", "link_id": "1111111111111" })).await,
        "not_allowed"
    );
    assert_eq!(
        refusal(&mut host, json!({ "type": "call", "user_id": guest.user_id() })).await,
        "not_allowed"
    );
    assert_eq!(refusal(&mut host, json!({ "type": "create_link" })).await, "not_allowed");
    assert_eq!(
        refusal(&mut guest, json!({ "type": "set_name", "name": "Eve" })).await,
        "not_allowed"
    );

    host.send(join.clone()).await;
    let joined = host.expect("room_joined").await;
    assert_eq!(joined["host"], true);
    guest.send(join.clone()).await;
    let joined = guest.expect("room_joined").await;
    assert_eq!((&joined["host"], &joined["direct"]), (&json!(false), &json!(true)));
    let room_id = joined["room"]["room_id"].clone();
    let me = joined["participant_id"].clone();
    assert_eq!(
        refusal(&mut guest, json!({ "type": "lock", "room_id": room_id, "locked": true })).await,
        "not_allowed"
    );
    host.send(json!({ "type": "remove", "room_id": room_id, "participant_id": me }))
        .await;
    assert_eq!(guest.expect("room_left").await["reason"], "removed");
    assert_eq!(refusal(&mut guest, join).await, "not_allowed");
}

#[tokio::test]
async fn who_may_only_watch_publishes_nothing_and_is_not_connected_directly() {
    let server = server(&[]);
    let mut host = open(&server, json!({ "sub": "ada" })).await;
    host.send(json!({ "type": "create_link", "passphrase": "open sesame" })).await;
    let link = host.expect("link_created").await["link"]["link_id"].clone();
    host.send(json!({ "type": "join", "link_id": link })).await;
    host.expect("room_joined").await;
    let video = json!({ "room": link, "roomJoin": true, "canPublish": false, "canPublishData": false });
    let mut guest = open(&server, json!({ "sub": "bob", "video": video })).await;
    // The application has let it in: that is worth more than the pass phrase.
    guest.send(json!({ "type": "join", "link_id": link })).await;
    let joined = guest.expect("room_joined").await;
    assert_eq!(joined["direct"], false);
    let room_id = joined["room"]["room_id"].clone();
    let publish = |sources: Value| json!({ "type": "publish", "room_id": room_id, "sources": sources });
    assert_eq!(refusal(&mut guest, publish(json!(["microphone"]))).await, "not_allowed");
    assert_eq!(refusal(&mut guest, publish(json!(["camera", "screen"]))).await, "not_allowed");
    assert_eq!(
        refusal(
            &mut guest,
            json!({ "type": "raise_hand", "room_id": room_id, "raised": true })
        )
        .await,
        "not_allowed"
    );
    guest.send(publish(json!([]))).await;
    guest.send(json!({ "type": "ping" })).await;
    guest.expect("pong").await;
    assert_eq!(guest.count("error").await, 0);
    assert_eq!(guest.welcome["grants"]["publish"]["microphone"], false);
}

#[tokio::test]
async fn two_whom_the_application_knows_call_each_other() {
    let server = server(&[]);
    let mut ada = open(&server, json!({ "sub": "ada", "name": "Ada" })).await;
    let mut bob = open(&server, json!({ "sub": "bob", "name": "Bob" })).await;
    let (_, incoming) = ring(&mut ada, &mut bob).await;
    assert_eq!(incoming["user"]["name"], "Ada");
    bob.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    assert_eq!(ada.expect("call_answered").await["direct"], true);
}
