//! What one client is answered, a case a test, under a virtual clock.

// The architecture test reads a file up to this line.
#[cfg(test)]
use std::time::Duration;

use super::*;
use crate::relay::allocation::{CHANNEL_LIFETIME, CHANNELS_MAX, PERMISSION_LIFETIME, PERMISSIONS_MAX};
use crate::relay::credentials::{self, CREDENTIAL_TTL_S, Credential, NONCE_TTL_S, SECRET_BYTES};
use crate::relay::ledger::ALLOCATIONS_PER_SESSION_MAX;
use crate::relay::peers::{HOSTILE, Peers};

const SFU: &str = "203.0.113.7:8443";
const SFU_V6: &str = "[2a00::7]:8443";
/// (type, value).
type Attribute<'a> = (u16, &'a [u8]);

const UDP_ONLY: Attribute<'static> = (attribute::REQUESTED_TRANSPORT, &[UDP, 0, 0, 0]);

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A server with one client, and a browser's side of it.
struct World {
    relay: Arc<Relay>,
    ledger: Ledger,
    client: Client,
    session: SessionId,
    credential: Credential,
    nonce: String,
    now: Now,
    transaction: u32,
    out: Vec<Output>,
}

impl World {
    fn new() -> World {
        World::with(false, &[SFU, SFU_V6])
    }

    fn with(is_stream: bool, peers: &[&str]) -> World {
        let peers = Peers::new(peers.iter().map(|peer| addr(peer)));
        let relay = Arc::new(Relay {
            keys: Keys::new(&[7; SECRET_BYTES]),
            reach: Reach::new(peers.clone()),
        });
        let now = Now {
            instant: Instant::now(),
            unix_s: 1_800_000_000,
        };
        let session = SessionId::from_random(1);
        let address = addr("198.51.100.9:4000");
        let mut ledger = Ledger::new(peers);
        ledger.begin_session(session);
        World {
            credential: relay.keys.mint(session, now.unix_s),
            nonce: relay.keys.nonce(address, now.unix_s),
            client: Client::new(relay.clone(), address, is_stream),
            relay,
            ledger,
            session,
            now,
            transaction: 0,
            out: Vec::new(),
        }
    }

    /// With an allocation.
    fn allocated() -> World {
        let mut world = World::new();
        assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), Ok(()));
        world
    }

    fn wait(&mut self, seconds: u64) {
        self.now.instant += Duration::from_secs(seconds);
        self.now.unix_s += seconds;
        self.client.handle_timeout(self.now.instant, &mut self.ledger, &mut self.out);
    }

    fn write(&mut self, method: Method, attributes: &[(u16, &[u8])]) -> Writer {
        self.transaction += 1;
        let mut transaction = [0; 12];
        transaction[..4].copy_from_slice(&self.transaction.to_be_bytes());
        let message = Writer::new(Class::Request, method, transaction);
        attributes
            .iter()
            .fold(message, |message, (kind, value)| message.attribute(*kind, value))
    }

    fn signed(&mut self, message: Writer) -> Vec<u8> {
        let credential = self.credential.clone();
        let nonce = self.nonce.clone();
        let key = credentials::long_term_key(&credential.username, REALM, &credential.password);
        message
            .attribute(attribute::USERNAME, credential.username.as_bytes())
            .attribute(attribute::REALM, REALM.as_bytes())
            .attribute(attribute::NONCE, nonce.as_bytes())
            .sign(&key)
    }

    /// Sends a request; the answer, and whether it was given to a stranger.
    fn give(&mut self, request: &[u8]) -> Option<(Vec<u8>, bool)> {
        let before = self.out.len();
        self.client.handle_request(
            request,
            self.now,
            u64::from(self.transaction) << 32,
            &mut self.ledger,
            &mut self.out,
        );
        let answer = match self.out.get(before..)? {
            [.., Output::ToClient(answer)] => (answer.clone(), false),
            [.., Output::ToStranger(answer)] => (answer.clone(), true),
            _ => return None,
        };
        Some(answer)
    }

    /// The error code that a request gets, with the integrity of the answer checked where one is due.
    fn outcome(&mut self, request: &[u8]) -> Result<(), u16> {
        let (answer, to_stranger) = self.give(request).expect("an answer");
        let message = Message::parse(&answer).expect("a message");
        assert_eq!(message.transaction(), Message::parse(request).expect("ours").transaction());
        if !to_stranger {
            let key = credentials::long_term_key(&self.credential.username, REALM, &self.credential.password);
            assert!(message.is_signed_with(&key), "an answer that nobody can trust");
        }
        match message.attribute(attribute::ERROR_CODE) {
            None => {
                assert_eq!(message.class, Class::Success);
                Ok(())
            }
            Some(code) => {
                assert_eq!(message.class, Class::Error);
                Err(u16::from(code[2]) * 100 + u16::from(code[3]))
            }
        }
    }

    fn ask(&mut self, method: Method, attributes: &[(u16, &[u8])]) -> Result<(), u16> {
        let message = self.write(method, attributes);
        let request = self.signed(message);
        self.outcome(&request)
    }

    fn permit(&mut self, peer: SocketAddr) -> Result<(), u16> {
        let message = self
            .write(Method::CreatePermission, &[])
            .xor_address(attribute::XOR_PEER_ADDRESS, peer);
        let request = self.signed(message);
        self.outcome(&request)
    }

    fn bind(&mut self, number: u16, peer: SocketAddr) -> Result<(), u16> {
        let number = (u32::from(number) << 16).to_be_bytes();
        let message = self
            .write(Method::ChannelBind, &[(attribute::CHANNEL_NUMBER, &number)])
            .xor_address(attribute::XOR_PEER_ADDRESS, peer);
        let request = self.signed(message);
        self.outcome(&request)
    }

    /// What a Send indication to a peer comes to.
    fn send(&mut self, peer: SocketAddr, payload: &[u8]) -> Option<Output> {
        let bytes = Writer::new(Class::Indication, Method::Send, [3; 12])
            .xor_address(attribute::XOR_PEER_ADDRESS, peer)
            .attribute(attribute::DATA, payload)
            .finish();
        self.data(&bytes)
    }

    fn data(&mut self, bytes: &[u8]) -> Option<Output> {
        let before = self.out.len();
        self.client.handle_data(bytes, self.now.instant, &mut self.out);
        self.out.get(before).cloned()
    }

    fn receive(&mut self, peer: SocketAddr, payload: &[u8]) -> Option<Output> {
        let before = self.out.len();
        self.client.handle_from_peer(peer, payload, self.now.instant, &mut self.out);
        self.out.get(before).cloned()
    }

    fn refused(&mut self, reason: Refusal) -> u64 {
        self.client.take_counters().refused(reason)
    }

    fn dropped(&mut self, reason: Drop) -> u64 {
        self.client.take_counters().dropped(reason)
    }
}

#[test]
fn a_browser_gets_from_a_challenge_to_media_in_both_directions() {
    let mut world = World::new();
    let first = world.write(Method::Allocate, &[UDP_ONLY]).finish();
    let (challenge, to_stranger) = world.give(&first).expect("a challenge");
    let challenge = Message::parse(&challenge).expect("a message");
    assert!(to_stranger);
    assert_eq!(challenge.text(attribute::REALM), Some(REALM));
    world.nonce = challenge.text(attribute::NONCE).expect("a nonce").to_owned();
    let second = world.write(Method::Allocate, &[UDP_ONLY, (attribute::LIFETIME, &[0, 0, 0x0b, 0xb8])]);
    let second = world.signed(second);
    let (answer, _) = world.give(&second).expect("an answer");
    let answer = Message::parse(&answer).expect("a message");
    assert_eq!(answer.class, Class::Success);
    assert_eq!(answer.number(attribute::LIFETIME), Some(Some(3000)));
    let relayed = world.out.iter().find_map(|output| match output {
        Output::Allocated { relayed, session } if *session == world.session => Some(*relayed),
        _ => None,
    });
    assert_eq!(relayed.map(|relayed| relayed.ip()), Some(addr(SFU).ip()));
    assert_eq!(world.send(addr(SFU), b"early"), None);
    assert_eq!(world.dropped(Drop::NoPermission), 1);

    assert_eq!(
        world.permit(addr("203.0.113.7:0")),
        Ok(()),
        "a permission is for an address, not a port"
    );
    let payload = b"ping".to_vec();
    assert_eq!(
        world.send(addr(SFU), b"ping"),
        Some(Output::ToPeer {
            peer: addr(SFU),
            payload: payload.clone()
        })
    );
    let Some(Output::ToClient(indication)) = world.receive(addr(SFU), b"pong") else {
        panic!("nothing came back");
    };
    let indication = Message::parse(&indication).expect("a message");
    assert_eq!((indication.class, indication.method), (Class::Indication, Method::Data));
    assert_eq!(indication.peers().collect::<Vec<_>>(), [Some(addr(SFU))]);
    assert_eq!(indication.attribute(attribute::DATA), Some(&b"pong"[..]));

    assert_eq!(world.bind(0x4000, addr(SFU)), Ok(()));
    let sent = world.data(b"\x40\x00\x00\x04ping");
    assert_eq!(
        sent,
        Some(Output::ToPeer {
            peer: addr(SFU),
            payload
        })
    );
    let back = world.receive(addr(SFU), b"pong");
    assert_eq!(back, Some(Output::ToClient(b"\x40\x00\x00\x04pong".to_vec())));
    let counters = world.client.take_counters();
    assert_eq!((counters.bytes_in, counters.bytes_out), (8, 8));
}

#[test]
fn hostile_peers_are_refused_26_of_26() {
    // Private and loopback addresses of our own, to see that their neighbours and other forms are refused even so.
    for peers in [&[SFU, SFU_V6][..], &["10.0.0.2:8443", "[fd00::2]:8443", "203.0.113.7:8443"]] {
        let mut refused = 0;
        for ip in HOSTILE {
            let mut world = World::with(false, peers);
            let ip: IpAddr = ip.parse().expect("an address");
            let family: &[u8] = if ip.is_ipv6() {
                &[FAMILY_V6, 0, 0, 0]
            } else {
                &[FAMILY_V4, 0, 0, 0]
            };
            let asked = [UDP_ONLY, (attribute::REQUESTED_ADDRESS_FAMILY, family)];
            assert_eq!(world.ask(Method::Allocate, &asked), Ok(()));
            let peer = SocketAddr::new(ip, 8443);
            let answers = (world.permit(peer), world.bind(0x4000, peer));
            assert_eq!(answers, (Err(403), Err(403)), "{ip}");
            assert_eq!(world.send(peer, b"x"), None, "{ip}");
            refused += 1;
        }
        assert_eq!(refused, 26);
    }
}

#[test]
fn other_forms_of_our_own_address_are_refused() {
    let mut world = World::new();
    let asked = [UDP_ONLY, (attribute::REQUESTED_ADDRESS_FAMILY, &[FAMILY_V6, 0, 0, 0][..])];
    assert_eq!(world.ask(Method::Allocate, &asked), Ok(()));
    for form in [
        "::ffff:203.0.113.7",
        "64:ff9b::203.0.113.7",
        "2002:cb00:7107::",
        "::203.0.113.7",
    ] {
        let peer = SocketAddr::new(form.parse().expect("an address"), 8443);
        assert_eq!((world.permit(peer), world.bind(0x4000, peer)), (Err(403), Err(403)), "{form}");
    }
    assert_eq!(world.permit(addr(SFU)), Err(443), "the other family");
    assert_eq!(world.bind(0x4000, addr(SFU)), Err(443));
    assert_eq!(world.permit(addr(SFU_V6)), Ok(()));
}

#[test]
fn only_the_ports_of_our_sfu_are_reached() {
    let mut world = World::allocated();
    assert_eq!(world.permit(addr(SFU)), Ok(()));
    assert_eq!(world.send(addr("203.0.113.7:22"), b"x"), None);
    assert_eq!(world.dropped(Drop::NotOurPeer), 1);
    assert_eq!(world.bind(0x4000, addr("203.0.113.7:22")), Err(403));
    assert_eq!(world.refused(Refusal::ForbiddenPeer), 1);
}

#[test]
fn one_bad_peer_of_several_spoils_the_request() {
    let mut world = World::allocated();
    let message = world
        .write(Method::CreatePermission, &[])
        .xor_address(attribute::XOR_PEER_ADDRESS, addr(SFU))
        .xor_address(attribute::XOR_PEER_ADDRESS, addr("8.8.8.8:53"));
    let request = world.signed(message);
    assert_eq!(world.outcome(&request), Err(403));
    assert_eq!(world.send(addr(SFU), b"x"), None);
    assert_eq!(world.dropped(Drop::NoPermission), 1);
}

#[test]
fn what_an_allocate_asks_for_is_granted_or_refused_as_the_rfc_says() {
    let family = attribute::REQUESTED_ADDRESS_FAMILY;
    let v6_only: &[u8] = &[FAMILY_V6, 0, 0, 0];
    let token: (u16, &[u8]) = (attribute::RESERVATION_TOKEN, &[1; 8]);
    let cases: [(&[Attribute<'_>], Result<(), u16>); 17] = [
        (&[], Err(400)),
        (&[(attribute::REQUESTED_TRANSPORT, &[UDP])], Err(400)),
        (&[(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0])], Err(442)),
        (&[UDP_ONLY, (family, &[FAMILY_V4, 0, 0, 0])], Ok(())),
        (&[UDP_ONLY, (family, v6_only)], Ok(())),
        (&[UDP_ONLY, (family, &[3, 0, 0, 0])], Err(440)),
        (&[UDP_ONLY, (family, &[1])], Err(400)),
        (&[UDP_ONLY, (attribute::EVEN_PORT, &[0])], Ok(())),
        (&[UDP_ONLY, (attribute::EVEN_PORT, &[0x80])], Err(508)),
        (&[UDP_ONLY, (attribute::EVEN_PORT, &[])], Err(400)),
        (&[UDP_ONLY, token], Err(508)),
        (&[UDP_ONLY, token, (attribute::EVEN_PORT, &[0])], Err(400)),
        (&[UDP_ONLY, token, (family, v6_only)], Err(400)),
        (&[UDP_ONLY, (attribute::DONT_FRAGMENT, &[])], Ok(())),
        (&[UDP_ONLY, (attribute::ADDITIONAL_ADDRESS_FAMILY, v6_only)], Ok(())),
        (
            &[UDP_ONLY, (family, v6_only), (attribute::ADDITIONAL_ADDRESS_FAMILY, v6_only)],
            Err(400),
        ),
        (&[UDP_ONLY, (0x7abc, &[1, 2])], Err(420)),
    ];
    for (attributes, expected) in cases {
        let mut world = World::new();
        assert_eq!(world.ask(Method::Allocate, attributes), expected, "{attributes:?}");
        assert_eq!(world.client.has_allocation(), expected.is_ok());
        assert_eq!(world.ledger.count().1, usize::from(expected.is_ok()));
    }
    let mut world = World::with(false, &[SFU]);
    assert_eq!(
        world.ask(Method::Allocate, &[UDP_ONLY, (family, v6_only)]),
        Err(440),
        "no such peers"
    );
}

#[test]
fn unknown_attributes_are_named() {
    let mut world = World::new();
    let message = world.write(Method::Allocate, &[UDP_ONLY, (0x7abc, &[]), (0xc057, &[]), (0x0033, &[])]);
    let request = world.signed(message);
    let (answer, _) = world.give(&request).expect("an answer");
    let answer = Message::parse(&answer).expect("a message");
    let named = answer.attribute(attribute::UNKNOWN_ATTRIBUTES);
    assert_eq!(named, Some(&[0x7a, 0xbc, 0x00, 0x33][..]));
}

#[test]
fn a_lost_answer_is_given_again_and_a_second_allocation_is_not() {
    let mut world = World::new();
    let message = world.write(Method::Allocate, &[UDP_ONLY]);
    let request = world.signed(message);
    let first = world.give(&request).expect("an answer");
    world.wait(CREDENTIAL_TTL_S + 1);
    assert_eq!(world.give(&request), Some(first), "the same transaction");
    assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), Err(437), "another one");
    assert_eq!(world.ledger.count().1, 1);
    assert_eq!(world.out.iter().filter(|o| matches!(o, Output::Allocated { .. })).count(), 1);
}

#[test]
fn an_allocation_lives_from_refresh_to_refresh() {
    let mut world = World::allocated();
    world.wait(599);
    assert_eq!(world.ask(Method::Refresh, &[]), Ok(()), "long after the credential's own end");
    world.wait(599);
    assert!(world.client.has_allocation());
    assert_eq!(world.ask(Method::Refresh, &[(attribute::LIFETIME, &[0xff; 4])]), Ok(()));
    world.wait(3599);
    assert!(world.client.has_allocation(), "at most an hour, but that");
    world.wait(1);
    assert!(!world.client.has_allocation());
    assert_eq!(world.out.last(), Some(&Output::Freed));
    assert_eq!(world.ledger.count(), (1, 0));

    let mut world = World::allocated();
    assert_eq!(
        world.ask(Method::Refresh, &[(attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])]),
        Err(443)
    );
    assert_eq!(world.ask(Method::Refresh, &[(attribute::LIFETIME, &[1])]), Err(400));
    assert_eq!(world.ask(Method::Refresh, &[(attribute::LIFETIME, &[0; 4])]), Ok(()));
    assert!(!world.client.has_allocation() && world.ledger.count() == (1, 0));
    assert_eq!(world.ask(Method::Refresh, &[(attribute::LIFETIME, &[0; 4])]), Err(437));
}

#[test]
fn permissions_and_channels_end_by_themselves() {
    let mut world = World::allocated();
    assert_eq!(
        world.ask(Method::Refresh, &[(attribute::LIFETIME, &[0, 0, 0x0e, 0x10])]),
        Ok(())
    );
    assert_eq!(world.bind(0x4000, addr(SFU)), Ok(()));
    world.wait(PERMISSION_LIFETIME.as_secs());
    assert_eq!(world.data(b"\x40\x00\x00\x01x"), None);
    assert_eq!(world.dropped(Drop::NoPermission), 1);
    assert_eq!(world.receive(addr(SFU), b"x"), None);
    assert_eq!(world.dropped(Drop::NoPermission), 1);
    assert_eq!(world.permit(addr(SFU)), Ok(()));
    assert!(world.data(b"\x40\x00\x00\x01x").is_some(), "the channel was there still");
    world.wait(CHANNEL_LIFETIME.as_secs() - PERMISSION_LIFETIME.as_secs());
    assert_eq!(world.permit(addr(SFU)), Ok(()));
    assert_eq!(world.data(b"\x40\x00\x00\x01x"), None);
    assert_eq!(world.dropped(Drop::NoChannel), 1);
    let bytes = world.receive(addr(SFU), b"x").map(|output| match output {
        Output::ToClient(bytes) => bytes[0],
        other => panic!("{other:?}"),
    });
    assert_eq!(bytes, Some(0), "a Data indication, with the channel gone");
}

#[test]
fn credentials_that_are_forged_or_old_open_nothing() {
    let mut world = World::new();
    let good = world.credential.clone();
    let forgeries: [(String, String); 5] = [
        (good.username.clone(), good.password.to_lowercase()),
        (good.username.replace("1800000300", "1900000300"), good.password.clone()),
        (format!("1800000300:{}", SessionId::from_random(2)), good.password.clone()),
        ("alice".to_owned(), good.password.clone()),
        (String::new(), String::new()),
    ];
    for (username, password) in forgeries {
        world.credential = Credential {
            username,
            password,
            ttl_s: CREDENTIAL_TTL_S,
        };
        assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), Err(401));
        assert_eq!(world.refused(Refusal::WrongCredential), 1);
    }
    world.credential = world.relay.keys.mint(SessionId::from_random(2), world.now.unix_s);
    assert_eq!(
        world.ask(Method::Allocate, &[UDP_ONLY]),
        Err(401),
        "a session that is not alive"
    );
    world.credential = good;
    world.wait(CREDENTIAL_TTL_S);
    assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), Ok(()), "at its last second");
    world.client.free(&mut world.ledger, &mut world.out);
    world.wait(1);
    assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), Err(401));
    assert_eq!(world.refused(Refusal::ExpiredCredential), 1);
    world.wait(NONCE_TTL_S);
    assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), Err(438));
    assert_eq!(world.ledger.count().1, 0);
}

#[test]
fn a_signature_without_what_belongs_to_it_is_a_bad_request() {
    let mut world = World::new();
    let key = credentials::long_term_key("", REALM, "");
    let request = world.write(Method::Allocate, &[UDP_ONLY]).sign(&key);
    assert_eq!(world.outcome(&request), Err(400));
}

#[test]
fn only_its_maker_uses_an_allocation() {
    let mut world = World::allocated();
    let other = SessionId::from_random(2);
    world.ledger.begin_session(other);
    world.credential = world.relay.keys.mint(other, world.now.unix_s);
    assert_eq!(world.ask(Method::Refresh, &[(attribute::LIFETIME, &[0; 4])]), Err(441));
    assert_eq!(world.permit(addr(SFU)), Err(441));
    assert_eq!(world.bind(0x4000, addr(SFU)), Err(441));
    assert!(world.client.has_allocation());
}

#[test]
fn a_session_has_its_share_over_all_clients_and_nothing_after_its_end() {
    let mut world = World::allocated();
    let mut others = Vec::new();
    for n in 1..=ALLOCATIONS_PER_SESSION_MAX {
        let address = addr("198.51.100.9:5000");
        let mut client = Client::new(world.relay.clone(), address, false);
        world.nonce = world.relay.keys.nonce(address, world.now.unix_s);
        std::mem::swap(&mut world.client, &mut client);
        let expected = if n < ALLOCATIONS_PER_SESSION_MAX { Ok(()) } else { Err(486) };
        assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), expected, "number {n}");
        std::mem::swap(&mut world.client, &mut client);
        others.push(client);
    }
    world.ledger.end_session(world.session);
    for client in &mut others {
        client.free(&mut world.ledger, &mut world.out);
    }
    world.client.free(&mut world.ledger, &mut world.out);
    assert_eq!(world.ledger.count(), (0, 0));
    world.nonce = world.relay.keys.nonce(addr("198.51.100.9:4000"), world.now.unix_s);
    assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), Err(401));
}

#[test]
fn answers_to_strangers_are_small() {
    let mut world = World::new();
    for (method, attributes) in [
        (Method::Allocate, &[UDP_ONLY][..]),
        (Method::Refresh, &[]),
        (Method::CreatePermission, &[]),
        (Method::ChannelBind, &[]),
    ] {
        let request = world.write(method, attributes).finish();
        let (answer, to_stranger) = world.give(&request).expect("an answer");
        assert!(to_stranger);
        let ratio = answer.len() as f64 / request.len() as f64;
        assert!(ratio <= 2.5, "{method:?}: {} bytes for {}", answer.len(), request.len());
    }
    let unknown = world.write(Method::Other(0x0a), &[]).finish();
    assert_eq!(world.give(&unknown), None, "a method that is not supported");
    assert_eq!(world.dropped(Drop::Malformed), 1);
}

#[test]
fn a_binding_request_is_answered_on_every_transport() {
    let mut world = World::with(true, &[SFU]);
    let request = world.write(Method::Binding, &[]).finish();
    let (answer, to_stranger) = world.give(&request).expect("an answer");
    assert!(to_stranger && answer.len() == 32);
}

#[test]
fn bad_channels_are_bad_requests() {
    let mut world = World::allocated();
    assert_eq!(
        world.ask(Method::ChannelBind, &[(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0])]),
        Err(400)
    );
    assert_eq!(world.ask(Method::CreatePermission, &[]), Err(400));
    assert_eq!(
        world.ask(Method::CreatePermission, &[(attribute::XOR_PEER_ADDRESS, &[0, 1, 0])]),
        Err(400)
    );
    assert_eq!(world.bind(0x3fff, addr(SFU)), Err(400));
    assert_eq!(world.bind(0x4000, addr(SFU)), Ok(()));
    assert_eq!(world.bind(0x4001, addr(SFU)), Err(400));
}

#[test]
fn data_that_belongs_nowhere_is_dropped_with_its_reason() {
    let mut world = World::new();
    assert_eq!(world.data(b"\x40\x00\x00\x01x"), None);
    assert_eq!(world.receive(addr(SFU), b"x"), None);
    assert_eq!(world.dropped(Drop::NoAllocation), 2);
    let mut world = World::allocated();
    assert_eq!(world.permit(addr(SFU)), Ok(()));
    for bad in [&b"\x40\x00\x00\x02x"[..], b"\x40", b"", b"\x00\x16\x00\x00", b"\xff"] {
        assert_eq!(world.data(bad), None, "{bad:?}");
        assert_eq!(world.dropped(Drop::Malformed), 1, "{bad:?}");
    }
    assert_eq!(world.data(b"\x40\x01\x00\x01x"), None);
    assert_eq!(world.dropped(Drop::NoChannel), 1);
}

#[test]
fn a_stream_gets_padding() {
    let mut world = World::with(true, &[SFU]);
    assert_eq!(world.ask(Method::Allocate, &[UDP_ONLY]), Ok(()));
    assert_eq!(world.bind(0x4000, addr(SFU)), Ok(()));
    let back = world.receive(addr(SFU), b"x");
    assert_eq!(back, Some(Output::ToClient(b"\x40\x00\x00\x01x\0\0\0".to_vec())));
}

#[test]
fn an_allocation_carries_its_bitrate_and_no_more() {
    let mut world = World::allocated();
    assert_eq!(world.bind(0x4000, addr(SFU)), Ok(()));
    let mut frame = b"\x40\x00\x04\xb0".to_vec();
    frame.resize(1204, 0);
    let carried = (0..1000).filter(|_| world.data(&frame).is_some()).count();
    assert!((200..220).contains(&carried), "{carried} at once");
    assert_eq!(world.dropped(Drop::Bandwidth), 1000 - carried as u64);
    let back = (0..1000).filter(|_| world.receive(addr(SFU), &frame[4..]).is_some()).count();
    assert_eq!(back, carried, "the other direction has its own share");
}

mod random;
