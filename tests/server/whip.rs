//! WHIP and WHEP by plain HTTP requests: publish, watch, restart ICE, end; and every request that makes no sense.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use loadtest::participant::Participant;
use serde_json::{Value, json};

use super::support::{PATIENCE, Server, Tab};

pub const SDP: &str = "application/sdp";
pub const SDPFRAG: &str = "application/trickle-ice-sdpfrag";

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn location(&self) -> String {
        assert_eq!(self.status, 201, "{self:?}");
        self.header("location").expect("a location").to_owned()
    }

    /// Says what is wrong as RFC 9457 has it.
    pub fn is_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let body: Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(body["status"], status);
        assert!(!body["detail"].as_str().expect("text").is_empty());
    }
}

pub fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (head, body) = server.request(&format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        server.port,
        body.len()
    ));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    Answer { status, head, body }
}

fn post(server: &Server, path: &str, offer: &str) -> Answer {
    ask(server, "POST", path, &[("content-type", SDP)], offer)
}

fn end(server: &Server, location: &str) -> u16 {
    ask(server, "DELETE", location, &[], "").status
}

/// An encoder or a player: a WebRTC client on a socket of its own.
pub struct Device {
    pub client: Participant,
    socket: UdpSocket,
    pub offer: String,
}

impl Device {
    /// It sends a camera and a microphone, and receives pictures in so many slots.
    pub fn new(slots: usize) -> Device {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("it can be");
        let (client, offer) = Participant::new(socket.local_addr().expect("an address"), slots, Instant::now());
        Device { client, socket, offer }
    }

    fn post(&mut self, server: &Server, path: &str) -> Answer {
        let answer = post(server, path, &self.offer);
        answer.location();
        self.client.accept_answer(&answer.body, Instant::now());
        answer
    }

    fn turn(&mut self) {
        for (destination, payload) in self.client.sends.drain(..) {
            // A full socket is a lost datagram.
            let _ = self.socket.send_to(&payload, destination);
        }
        let mut buffer = [0; 2048];
        while let Ok((length, source)) = self.socket.recv_from(&mut buffer) {
            self.client.handle_datagram(source, &buffer[..length], Instant::now());
        }
        if self.client.poll_timeout() <= Instant::now() {
            self.client.handle_timeout(Instant::now());
        }
    }

    /// (frames that a decoder would have shown, packets of sound).
    fn received(&self) -> (usize, usize) {
        let picture = self.client.slots.first().and_then(|slot| self.client.received.get(slot));
        let sound = self.client.received.get(&self.client.microphone());
        (
            picture.map_or(0, |receiver| receiver.decoded),
            sound.map_or(0, |receiver| receiver.packets),
        )
    }
}

/// Carries datagrams until it is so, while the host's page says that it is there.
pub async fn run(what: &str, host: &mut Tab, devices: &mut [&mut Device], mut done: impl FnMut(&[&mut Device]) -> bool) {
    let deadline = Instant::now() + 2 * PATIENCE;
    let mut ping = Instant::now();
    while !done(devices) {
        if ping <= Instant::now() {
            ping += Duration::from_millis(500);
            host.send(json!({ "type": "ping" })).await;
        }
        let received: Vec<_> = devices.iter().map(|device| device.received()).collect();
        assert!(Instant::now() < deadline, "{what}: {received:?}");
        for device in devices.iter_mut() {
            device.turn();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Until the last of these has got this much more of picture and sound.
pub async fn flow(what: &str, host: &mut Tab, devices: &mut [&mut Device]) {
    let (frames, packets) = devices.last().expect("a viewer").received();
    let more = |devices: &[&mut Device]| {
        let (now_frames, now_packets) = devices.last().expect("a viewer").received();
        now_frames >= frames + 30 && now_packets >= packets + 50
    };
    run(what, host, devices, more).await;
}

/// A host in a room with a link: (the host, the link's id, the room's id).
async fn room(server: &Server, wish: Value) -> (Tab, String, Value) {
    let mut host = Tab::hello(server, json!({ "name": "Ada" })).await;
    let mut command = json!({ "type": "create_link" });
    let fields = command.as_object_mut().expect("an object");
    fields.extend(wish.as_object().expect("an object").clone());
    host.send(command).await;
    let link = host.expect("link_created").await["link"]["link_id"]
        .as_str()
        .expect("text")
        .to_owned();
    host.send(json!({ "type": "join", "link_id": link })).await;
    let room = host.expect("room_joined").await["room"]["room_id"].clone();
    (host, link, room)
}

#[tokio::test]
async fn an_encoder_is_seen_in_the_room_a_player_watches_it_and_delete_ends_both() {
    let server = Server::start();
    let (mut host, link, _) = room(&server, json!({})).await;
    let mut encoder = Device::new(0);
    let published = encoder.post(&server, &format!("/whip/{link}/Studio"));
    let studio = host.expect("participant_joined").await["participant"].clone();
    assert_eq!(studio["user"]["name"], "Studio");
    assert_eq!(studio["host"], false);
    let changed = host.expect("participant_changed").await;
    assert_eq!(changed["participant"]["sources"], json!(["microphone", "camera"]));
    assert_eq!(published.header("content-type"), Some(SDP));
    assert!(published.header("etag").expect("an entity tag").starts_with('"'));
    let ice = published.header("link").expect("an ICE server");
    assert!(
        ice.starts_with("<turn:localhost:") && ice.contains("rel=\"ice-server\""),
        "{ice}"
    );
    assert!(published.body.contains("a=ice-lite") && !published.body.contains("a=sendrecv"));

    let mut players = Vec::new();
    let by_id = studio["participant_id"].as_str().expect("text");
    for place in ["", "/Studio", &format!("/{by_id}")] {
        let mut player = Device::new(1);
        let watched = player.post(&server, &format!("/whep/{link}{place}?name=Wall"));
        assert_eq!(host.expect("participant_joined").await["participant"]["user"]["name"], "Wall");
        players.push((player, watched.location()));
    }
    encoder.client.publish(Instant::now());
    for (player, _) in &mut players {
        flow("picture and sound come through", &mut host, &mut [&mut encoder, player]).await;
    }
    assert_eq!(server.metric("tandem_resources{kind=\"whip\"}"), 1.0);
    assert_eq!(server.metric("tandem_resources{kind=\"whep\"}"), 3.0);

    let location = published.location();
    assert!(location.starts_with("/whip/resource/"), "{location}");
    assert_eq!(end(&server, &location.replace("whip", "whep")), 404, "it is no player's");
    for location in players.iter().map(|(_, location)| location).chain([&location]) {
        assert_eq!(end(&server, location), 200);
        host.expect("participant_left").await;
        assert_eq!(end(&server, location), 404, "it has ended");
    }
    server.metric_becomes("tandem_resources{kind=\"whip\"}", 0.0);
    server.metric_becomes("tandem_resources{kind=\"whep\"}", 0.0);
    let is_closed = |devices: &[&mut Device]| devices[0].client.is_closed;
    run("the connection is closed", &mut host, &mut [&mut encoder], is_closed).await;
}

#[tokio::test]
async fn a_player_of_the_whole_room_follows_who_speaks() {
    const SPEAKS: i8 = -20;
    const SILENT: i8 = -127;
    let server = Server::start();
    let (mut host, link, _) = room(&server, json!({})).await;
    let mut encoders: Vec<Device> = (1..=3)
        .map(|mark| {
            let mut encoder = Device::new(0);
            encoder.post(&server, &format!("/whip/{link}/{mark}"));
            encoder.client.mark = mark;
            encoder.client.audio_level = SILENT;
            encoder.client.publish(Instant::now());
            encoder
        })
        .collect();
    let mut player = Device::new(1);
    player.post(&server, &format!("/whep/{link}"));
    let picture_slot = player.client.slots[0];
    let picture = |device: &Device| {
        let received = device.client.received.get(&picture_slot);
        received.map_or((None, 0, 0), |r| (r.mark, r.decoded, r.key_frames))
    };
    for speaker in [2, 1, 3, 2] {
        for encoder in &mut encoders {
            let speaks = encoder.client.mark == speaker;
            encoder.client.audio_level = if speaks { SPEAKS } else { SILENT };
        }
        let (shown, _, key_frames) = picture(&player);
        assert_ne!(shown, Some(speaker), "somebody else is to be seen before");
        let mut all: Vec<&mut Device> = encoders.iter_mut().chain([&mut player]).collect();
        let is_shown = |devices: &[&mut Device]| picture(devices.last().expect("the player")).0 == Some(speaker);
        run("who speaks is shown", &mut host, &mut all, is_shown).await;
        flow("and goes on", &mut host, &mut all).await;
        let (shown, _, key_frames_now) = picture(&player);
        assert_eq!(shown, Some(speaker));
        assert!(key_frames_now > key_frames, "it begins with a key frame");
        let sound = &player.client.received[&player.client.microphone()];
        assert!(sound.heard[&speaker].elapsed() < Duration::from_secs(1), "and is heard");
    }
    let seen = &player.client.received[&picture_slot];
    assert_eq!(
        (seen.broken, seen.picture_id_jumps, seen.tl0_jumps),
        (0, 0, 0),
        "all of it in one stream"
    );
}

#[tokio::test]
async fn ice_is_restarted_by_a_fragment_and_media_goes_on() {
    let server = Server::start();
    let (mut host, link, _) = room(&server, json!({})).await;
    let (mut encoder, mut player) = (Device::new(0), Device::new(1));
    let published = encoder.post(&server, &format!("/whip/{link}"));
    player.post(&server, &format!("/whep/{link}"));
    encoder.client.publish(Instant::now());
    flow("before", &mut host, &mut [&mut encoder, &mut player]).await;

    let location = published.location();
    let etag = published.header("etag").expect("an entity tag").to_owned();
    let value = |sdp: &str, name: &str| {
        let found = sdp
            .lines()
            .find_map(|line| line.strip_prefix(&format!("a={name}:")).map(str::to_owned));
        found.expect("it is there")
    };
    let fragment = |sdp: &str| {
        let (ufrag, pwd) = (value(sdp, "ice-ufrag"), value(sdp, "ice-pwd"));
        format!(
            "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n"
        )
    };
    let patch = |if_match: Option<&str>, kind: &str, body: &str| {
        let headers: Vec<_> = [("content-type", kind)]
            .into_iter()
            .chain(if_match.map(|tag| ("if-match", tag)))
            .collect();
        ask(&server, "PATCH", &location, &headers, body)
    };
    let trickled = fragment(&encoder.offer);
    let taken = patch(Some(&etag), SDPFRAG, &trickled);
    assert_eq!((taken.status, taken.body.as_str()), (204, ""));
    assert_eq!(patch(Some(&etag), SDPFRAG, "a=end-of-candidates\r\n").status, 204);
    patch(None, SDPFRAG, &trickled).is_problem(428);
    let other = patch(Some("\"another\""), SDPFRAG, &trickled);
    other.is_problem(412);
    assert_eq!(other.header("etag"), Some(etag.as_str()));
    patch(Some(&etag), SDPFRAG, "{}").is_problem(400);
    patch(Some(&etag), SDPFRAG, "a=ice-ufrag:abcd\r\n").is_problem(400);
    patch(Some(&etag), SDP, &trickled).is_problem(415);
    patch(Some(&etag), SDPFRAG, &"a=x:y\r\n".repeat(4000)).is_problem(413);

    let again = encoder.client.offer_restart();
    let restarted = patch(Some("*"), SDPFRAG, &fragment(&again));
    assert_eq!(restarted.status, 200, "{restarted:?}");
    assert_eq!(restarted.header("content-type"), Some(SDPFRAG));
    let tag_after = restarted.header("etag").expect("an entity tag");
    assert_ne!(tag_after, etag);
    // What a client knows of the answer, with what the fragment says instead.
    let ours = ["ice-ufrag", "ice-pwd"].map(|name| (name, value(&restarted.body, name)));
    assert_ne!(ours[0].1, value(&published.body, "ice-ufrag"));
    assert!(restarted.body.contains("a=candidate:") && restarted.body.ends_with("a=end-of-candidates\r\n"));
    let candidates: Vec<&str> = restarted
        .body
        .lines()
        .filter(|line| line.starts_with("a=candidate:"))
        .collect();
    let mut answer = String::new();
    for line in published.body.lines().filter(|line| !line.starts_with("a=candidate:")) {
        let new = ours.iter().find(|(name, _)| line.starts_with(&format!("a={name}:")));
        let line = new.map_or(line.to_owned(), |(name, value)| format!("a={name}:{value}"));
        answer.push_str(&(line + "\r\n"));
    }
    for candidate in candidates {
        answer.push_str(&format!("{candidate}\r\n"));
    }
    encoder.client.accept_answer(&answer, Instant::now());
    flow("after", &mut host, &mut [&mut encoder, &mut player]).await;
    patch(Some(&etag), SDPFRAG, &trickled).is_problem(412);
    assert_eq!(patch(Some(tag_after), SDPFRAG, &fragment(&again)).status, 204);
}

#[tokio::test]
async fn requests_that_make_no_sense_get_their_status() {
    let server = Server::start();
    let (_host, link, _) = room(&server, json!({})).await;
    let offer = Device::new(1).offer;
    let sends_nothing = Device::new(1)
        .offer
        .replace("sendrecv", "recvonly")
        .replace("sendonly", "inactive");
    for (path, body, status) in [
        (format!("/whip/{link}"), "", 400),
        (format!("/whip/{link}"), "v=0\r\n", 400),
        (format!("/whip/{link}"), "{\"sdp\": 1}", 400),
        (format!("/whip/{link}"), &offer.replace("a=fingerprint", "a=fingerprin"), 400),
        (format!("/whip/{link}"), &sends_nothing, 400),
        (format!("/whip/{link}/%20"), &offer, 400),
        (format!("/whip/{link}/%ff"), &offer, 400),
        (format!("/whip/{link}"), &format!("{offer}{}", "a=x\r\n".repeat(14_000)), 413),
        (format!("/whip/{link}"), &format!("{offer}{}", "a=x\r\n".repeat(2_000)), 413),
        ("/whip/0000000000000".to_owned(), &offer, 404),
        ("/whip/nonsense".to_owned(), &offer, 404),
        (format!("/whep/{link}/Nobody"), &offer, 404),
    ] {
        let answer = post(&server, &path, body);
        assert_eq!(answer.status, status, "{path}: {} {answer:?}", &body[..body.len().min(60)]);
        answer.is_problem(status);
    }
    let at = format!("/whip/{link}");
    ask(&server, "POST", &at, &[("content-type", "text/plain")], &offer).is_problem(415);
    ask(&server, "POST", &at, &[], &offer).is_problem(415);
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let refused = ask(&server, method, &at, &[], "");
        refused.is_problem(405);
        assert!(refused.header("allow").expect("a list").contains("POST"), "{refused:?}");
    }
    for (method, status) in [("GET", 405), ("PUT", 405), ("POST", 405), ("DELETE", 404), ("PATCH", 404)] {
        ask(&server, method, "/whip/resource/unknown", &[("content-type", SDPFRAG)], "").is_problem(status);
    }
    let headers = [
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "POST"),
    ];
    let allowed = ask(&server, "OPTIONS", &at, &headers, "");
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("*"));
    assert_eq!(allowed.header("accept-post"), Some(SDP));
    let headers = [
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "PATCH"),
    ];
    let allowed = ask(&server, "OPTIONS", "/whep/resource/x", &headers, "");
    assert_eq!(allowed.header("accept-patch"), Some(SDPFRAG));
    assert!(
        allowed
            .header("access-control-allow-methods")
            .expect("a list")
            .contains("PATCH")
    );
    server.metric_becomes("tandem_resources{kind=\"whip\"}", 0.0);
    server.metric_becomes("tandem_participants", 1.0);
}

#[tokio::test]
async fn a_pass_phrase_is_the_bearer_token() {
    let server = Server::start();
    let (_host, link, _) = room(&server, json!({ "passphrase": "open sesame" })).await;
    let offer = Device::new(1).offer;
    let with = |path: &str, token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [("content-type", SDP), ("authorization", authorization.as_str())];
        ask(&server, "POST", path, &headers, &offer)
    };
    for side in ["whip", "whep"] {
        let at = format!("/{side}/{link}");
        for refused in [post(&server, &at, &offer), with(&at, "close sesame")] {
            refused.is_problem(401);
            assert!(refused.header("www-authenticate").expect("a challenge").starts_with("Bearer"));
        }
        with(&at, "open sesame").location();
    }
}

#[tokio::test]
async fn a_room_that_lets_nobody_in_is_closed_to_encoders_as_well() {
    let server = Server::start();
    let (mut host, link, room_id) = room(&server, json!({})).await;
    let offer = Device::new(1).offer;
    let at = format!("/whip/{link}/Studio");
    let location = post(&server, &at, &offer).location();
    let studio = host.expect("participant_joined").await["participant"]["participant_id"].clone();
    post(&server, &at, &offer).is_problem(409);
    host.send(json!({ "type": "remove", "room_id": room_id, "participant_id": studio }))
        .await;
    server.metric_becomes("tandem_resources{kind=\"whip\"}", 0.0);
    assert_eq!(end(&server, &location), 404, "it was removed");
    host.send(json!({ "type": "lock", "room_id": room_id, "locked": true })).await;
    host.expect("room_changed").await;
    post(&server, &format!("/whip/{link}"), &offer).is_problem(403);
    post(&server, &format!("/whep/{link}"), &offer).is_problem(403);

    let (_other_host, lobby, _) = room(&server, json!({ "lobby": true })).await;
    post(&server, &format!("/whip/{lobby}"), &offer).is_problem(403);
}

#[tokio::test]
async fn an_encoder_is_no_host_and_does_not_outlive_the_server() {
    let mut server = Server::start();
    let (mut host, link, room_id) = room(&server, json!({})).await;
    let offer = Device::new(0).offer;
    post(&server, &format!("/whip/{link}/Studio"), &offer).location();
    let mut guest = Tab::hello(&server, json!({ "name": "Bob" })).await;
    guest.send(json!({ "type": "join", "link_id": link })).await;
    assert_eq!(guest.expect("room_joined").await["host"], false);
    host.send(json!({ "type": "leave", "room_id": room_id })).await;
    host.expect("room_left").await;
    let promoted = guest.expect("participant_changed").await;
    let (id, is_host) = (&promoted["participant"]["user"]["user_id"], &promoted["participant"]["host"]);
    assert_eq!((id, is_host), (&json!(guest.user_id()), &json!(true)), "{promoted}");
    server.signal("TERM");
    for _ in ["the host", "the encoder"] {
        guest.expect("participant_left").await;
    }
    assert_eq!(server.wait(PATIENCE), Some(0));
}
