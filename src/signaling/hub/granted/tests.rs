//! What a token grants and what it does not, one story a test.

// The architecture test reads a file up to this line.
#[cfg(test)]
use super::*;
use crate::grants::Sources;
use crate::id::{ConnectionId, RoomId};
use crate::signaling::hub::gatherings::join;
use crate::signaling::hub::stories::{accept, all_go, call, offer, room_of};
use crate::signaling::hub::world::{World, user_id};
use crate::signaling::hub::{Attach, AttachRefused, Attaching};
use crate::signaling::output::MediaRequest;
use crate::signaling::protocol::{Command, Event, LinkWish, Reaction, Resume};

const ADA: u64 = 1;
const BOB: u64 = 2;
const EVE: u64 = 3;

fn room() -> LinkId {
    LinkId::from_random(77)
}

/// What `video: {room, roomJoin: true}` grants.
fn bound() -> Grants {
    Grants {
        room: Some(room()),
        create: false,
        appointed: false,
        ..Grants::ALL
    }
}

fn opener() -> Grants {
    Grants { create: true, ..bound() }
}

fn open(world: &mut World, user: u64, grants: Grants) -> usize {
    let browser = world.open_with(user, grants).expect("there is room");
    assert_eq!(world.told(browser)[0], "welcome");
    browser
}

fn make_link(world: &mut World, browser: usize, room_id: Option<RoomId>, passphrase: Option<&str>) -> Vec<String> {
    world.told(browser);
    let wish = LinkWish {
        name: String::new(),
        passphrase: passphrase.map(str::to_owned),
        expires_in_s: None,
        single_use: false,
        lobby: false,
    };
    world.send(browser, Command::CreateLink { room_id, wish });
    world.hash_all();
    world.told(browser)
}

#[test]
fn a_token_for_a_room_opens_that_room_and_no_other() {
    let mut world = World::new();
    let free = world.open(EVE);
    assert_eq!(make_link(&mut world, free, None, None), ["link_created"]);
    let other = *world.browsers[free].links.last().expect("it was made");
    let guest = open(&mut world, ADA, bound());
    assert_eq!(
        join(&mut world, guest, room()),
        ["error no_such_link"],
        "nobody has opened it"
    );
    assert_eq!(join(&mut world, guest, other), ["error not_allowed"]);
    world.send(guest, Command::LookAtLink { link_id: other });
    assert_eq!(world.told(guest), ["error not_allowed"]);
    let host = open(&mut world, BOB, Grants { admin: true, ..opener() });
    assert_eq!(join(&mut world, host, other), ["error not_allowed"]);
    world.send(host, Command::LookAtLink { link_id: room() });
    assert_eq!(world.told(host), ["link_seen"]);
    assert_eq!(join(&mut world, host, room()), ["room_joined"]);
    assert_eq!(join(&mut world, guest, room()), ["room_joined"]);
    assert!(world.browsers[host].seat.host && !world.browsers[guest].seat.host);
    assert!(world.browsers[guest].seat.direct, "two with everything may be direct");
    world.assert_kept();
    world.restart();
    for one in [host, guest] {
        world.resume(one).expect("it comes back");
        assert!(world.browsers[one].resumed);
        world.told(one);
    }
    assert_eq!(
        world.hub.grants(world.browsers[guest].session),
        bound(),
        "what it may do outlives the server"
    );
    for one in [guest, host] {
        let room_id = room_of(&world, one);
        world.send(one, Command::Leave { room_id });
    }
    assert!(!world.hub.links.contains_key(&room()), "the link ends with its room");
    world.hub.remove_link(other);
    world.drain();
    all_go(world);
}

#[test]
fn nobody_is_appointed_host_whose_token_does_not_say_so() {
    let mut world = World::new();
    let first = open(&mut world, ADA, opener());
    assert_eq!(join(&mut world, first, room()), ["room_joined"]);
    let second = open(&mut world, BOB, bound());
    assert_eq!(join(&mut world, second, room()), ["room_joined"]);
    assert!(!world.browsers[first].seat.host && !world.browsers[second].seat.host);
    let room_id = room_of(&world, first);
    world.told(first);
    world.send(first, Command::Lock { room_id, locked: true });
    assert_eq!(world.told(first), ["error not_allowed"]);
    all_go(world);
}

#[test]
fn a_host_by_token_needs_neither_pass_phrase_nor_admission_and_passes_a_lock() {
    let mut world = World::new();
    let maker = world.open(ADA);
    make_link(&mut world, maker, None, Some("open sesame"));
    let link = *world.browsers[maker].links.last().expect("it was made");
    join(&mut world, maker, link);
    let room_id = room_of(&world, maker);
    world.send(maker, Command::Lock { room_id, locked: true });
    let guest = open(
        &mut world,
        BOB,
        Grants {
            room: Some(link),
            ..bound()
        },
    );
    assert_eq!(join(&mut world, guest, link), ["error room_locked"]);
    let admin = Grants {
        admin: true,
        ..Grants::ALL
    };
    let host = open(&mut world, EVE, admin);
    assert_eq!(join(&mut world, host, link), ["room_joined"]);
    assert!(world.browsers[host].seat.host);
    world.send(host, Command::Lock { room_id, locked: false });
    assert_eq!(join(&mut world, guest, link), ["room_joined"], "its token names the room");
    let free = open(&mut world, 4, Grants { admin: false, ..admin });
    assert_eq!(join(&mut world, free, link), ["error passphrase_needed"]);
    world.hub.remove_link(link);
    world.drain();
    all_go(world);
}

#[test]
fn without_room_create_nobody_is_called_and_no_link_made() {
    let mut world = World::new();
    let ada = open(
        &mut world,
        ADA,
        Grants {
            create: false,
            ..Grants::ALL
        },
    );
    let bob = world.open(BOB);
    world.send(ada, call(BOB));
    world.send(ada, call(99));
    assert_eq!(
        world.told(ada),
        ["error not_allowed", "error not_allowed"],
        "the answer tells nothing of whom"
    );
    assert_eq!(make_link(&mut world, ada, None, None), ["error not_allowed"]);
    world.told(bob);
    world.send(bob, call(ADA));
    accept(&mut world, ada);
    let room_id = room_of(&world, ada);
    world.told(ada);
    world.send(
        ada,
        Command::Invite {
            room_id,
            user_id: user_id(EVE),
        },
    );
    assert_eq!(world.told(ada), ["error not_allowed"]);
    assert_eq!(make_link(&mut world, ada, Some(room_id), None), ["error not_allowed"]);
    all_go(world);
}

#[test]
fn calls_ring_where_they_may_be_answered() {
    let mut world = World::new();
    let ada = world.open(ADA);
    world.told(ada);
    let bob = open(&mut world, BOB, bound());
    let eve = open(
        &mut world,
        EVE,
        Grants {
            join: false,
            ..Grants::ALL
        },
    );
    world.send(ada, call(BOB));
    world.send(ada, call(EVE));
    assert_eq!(world.told(ada), ["call_ended unreachable", "call_ended unreachable"]);
    let free = world.open(BOB);
    world.told(free);
    world.send(ada, call(BOB));
    assert_eq!(world.told(ada), ["call_ringing"]);
    let late = open(&mut world, BOB, bound());
    for silent in [bob, eve, late] {
        assert!(world.told(silent).is_empty());
    }
    assert_eq!(world.told(free), ["incoming_call"]);
    all_go(world);
}

#[test]
fn what_may_not_be_sent_is_refused_has_no_m_line_and_takes_no_direct_path() {
    let mut world = World::new();
    let publish = Sources {
        microphone: true,
        ..Sources::NONE
    };
    let ada = open(&mut world, ADA, Grants { publish, ..opener() });
    let bob = open(&mut world, BOB, bound());
    join(&mut world, ada, room());
    join(&mut world, bob, room());
    assert!(!world.browsers[bob].seat.direct);
    let room_id = room_of(&world, ada);
    let publish = |sources: &[Source]| Command::Publish {
        room_id,
        sources: sources.to_vec(),
    };
    for (sources, told) in [
        (&[Source::Camera][..], &["error not_allowed"][..]),
        (&[Source::Microphone, Source::Screen], &["error not_allowed"]),
        (&[Source::Microphone], &[]),
        (&[], &[]),
    ] {
        world.told(ada);
        world.send(ada, publish(sources));
        assert_eq!(world.told(ada), told, "{sources:?}");
    }
    let line = |mid: &str, source| crate::signaling::protocol::SourceLine {
        mid: mid.to_owned(),
        source,
    };
    let sources = vec![
        line("0", Source::Microphone),
        line("1", Source::Camera),
        line("2", Source::Screen),
    ];
    let connection = world.browsers[ada].connection.expect("it is there");
    let frame = crate::signaling::protocol::CommandFrame {
        reference: 900,
        command: match offer(room_id, 1) {
            Command::Offer {
                room_id, attempt, sdp, ..
            } => Command::Offer {
                room_id,
                attempt,
                sdp,
                sources,
            },
            other => panic!("{other:?}"),
        },
    };
    world.hub.handle_command(connection, frame, world.now);
    let offered = std::iter::from_fn(|| world.hub.poll_output()).find_map(|output| match output {
        Output::Media(MediaRequest::Offer { sources, .. }) => Some(sources),
        _ => None,
    });
    assert_eq!(offered, Some(vec![("0".to_owned(), Source::Microphone)]));
}

#[test]
fn whoever_may_not_subscribe_is_admitted_as_such() {
    for subscribe in [true, false] {
        let mut world = World::new();
        let ada = open(&mut world, ADA, Grants { subscribe, ..opener() });
        let connection = world.browsers[ada].connection.expect("it is there");
        let command = Command::Join {
            link_id: room(),
            passphrase: None,
            always_through_server: false,
        };
        let frame = crate::signaling::protocol::CommandFrame { reference: 900, command };
        world.hub.handle_command(connection, frame, world.now);
        let admitted = std::iter::from_fn(|| world.hub.poll_output()).find_map(|output| match output {
            Output::Media(MediaRequest::Admit { receives, .. }) => Some(receives),
            _ => None,
        });
        assert_eq!(admitted, Some(subscribe));
    }
}

#[test]
fn who_may_say_nothing_raises_no_hand() {
    let mut world = World::new();
    let ada = open(&mut world, ADA, Grants { data: false, ..opener() });
    join(&mut world, ada, room());
    let room_id = room_of(&world, ada);
    let reaction = Reaction::Heart;
    world.send(ada, Command::RaiseHand { room_id, raised: true });
    world.send(ada, Command::React { room_id, reaction });
    assert_eq!(world.told(ada), ["error not_allowed", "error not_allowed"]);
    all_go(world);
}

#[test]
fn a_name_that_comes_with_the_token_is_the_name_everywhere() {
    let mut world = World::new();
    let named = Grants {
        rename: false,
        ..Grants::ALL
    };
    let first = world.open(ADA);
    world.told(first);
    let name = "Eve".to_owned();
    world.send(first, Command::SetName { name: name.clone() });
    assert_eq!(world.told(first), ["name_changed"]);
    let second = open(&mut world, ADA, named);
    assert_eq!(world.told(first), ["name_changed"], "the token's name goes before");
    world.told(second);
    world.send(second, Command::SetName { name });
    assert_eq!(world.told(second), ["error not_allowed"]);
    all_go(world);
}

#[test]
fn a_session_is_resumed_by_its_secret_alone_and_nothing_else_is() {
    let mut world = World::new();
    let ada = open(&mut world, ADA, bound());
    world.told(ada);
    let good = world.resume_of(ada, 1);
    let attach = |resume| Attach {
        identity: None,
        new_secret: None,
        missed: None,
        resume,
        reference: 1,
        loopback: false,
        address: None,
        unattended: false,
        device: None,
        browser: String::new(),
    };
    let guess = Resume {
        secret: "guess".to_owned(),
        ..good.clone()
    };
    for (n, resume) in [None, Some(guess)].into_iter().enumerate() {
        let connection = ConnectionId::from_random(900 + n as u64);
        let refused = world.hub.handle_attach(connection, attach(resume), world.now);
        assert_eq!(refused, Err(AttachRefused::NotSignedIn));
    }
    let connection = ConnectionId::from_random(990);
    let done = world.hub.handle_attach(connection, attach(Some(good)), world.now);
    assert_eq!(done, Ok(Attaching::Done));
    let said = std::iter::from_fn(|| world.hub.poll_output()).find_map(|output| match output {
        Output::Send { frame, .. } => Some(frame.event),
        _ => None,
    });
    let Some(Event::Welcome { resumed, grants, .. }) = said else {
        panic!("{said:?}")
    };
    assert!(resumed);
    assert_eq!(grants, Some(bound()));
}
