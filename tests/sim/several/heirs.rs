//! A node is gone, and another one has what it had.

use tandem::signaling::protocol::{EndReason, LeaveReason};

use super::*;

const GRACE: Duration = Duration::from_secs(15);

fn in_room(back: Option<Back>, room: RoomId) -> usize {
    match back.expect("it is the same session").call {
        Some(CallNow::Joined {
            room: found,
            participants,
            ..
        }) => {
            assert_eq!(found.room_id, room);
            participants.len()
        }
        other => panic!("it is in the room: {other:?}"),
    }
}

fn in_call(back: Option<Back>, call: CallId) {
    let call_now = back.expect("it is the same session").call;
    assert!(
        matches!(call_now, Some(CallNow::Answered { call_id, .. }) if call_id == call),
        "{call_now:?}"
    );
}

/// A room at A with one of each node in it: (tabs, link, room).
fn a_room_of_three(world: &mut World) -> ([usize; 3], LinkId, RoomId) {
    let tabs = [A, B, C].map(|node| world.open(1 + node as u64, node));
    let wish = LinkWish {
        name: "Stand-up".to_owned(),
        passphrase: None,
        expires_in_s: None,
        single_use: false,
        lobby: false,
    };
    let link = world.make_link(tabs[0], wish);
    let mut at = None;
    for tab in tabs {
        let command = Command::Join {
            link_id: link,
            passphrase: None,
            always_through_server: false,
        };
        let Event::RoomJoined { room, .. } = world.answer(tab, command) else {
            panic!("they come in")
        };
        at = Some(room.room_id);
    }
    for tab in tabs {
        world.told(tab);
    }
    (tabs, link, at.expect("there is a room"))
}

fn everybody_leaves(world: &mut World, tabs: &[usize], room_id: RoomId) {
    for tab in tabs {
        world.told(*tab);
        let event = world.answer(*tab, Command::Leave { room_id });
        assert!(
            matches!(
                event,
                Event::RoomLeft {
                    reason: LeaveReason::Left,
                    ..
                }
            ),
            "{event:?}"
        );
    }
    world.is_empty();
    assert!(world.store.has_no_rooms());
}

#[test]
fn its_room_is_at_another_one_for_all_who_were_in_it() {
    for asked in [true, false] {
        let mut world = World::new();
        let (tabs, link, room) = a_room_of_three(&mut world);
        let boots = tabs.map(|tab| world.tabs[tab].boot_id.clone());
        world.kill(A);
        let heir = if asked {
            // At once: nobody has noticed yet that A is gone.
            world.say_hello(tabs[0], B, Grants::ALL);
            world.pass(Duration::from_millis(500));
            let back = world.welcomed(tabs[0]);
            assert_eq!(in_room(back, room), 2);
            B
        } else {
            world.pass(Duration::from_secs(11));
            let (heir, _) = world.store.adoptions.first().cloned().expect("it was adopted");
            let heir = if heir == world.nodes[B].name { B } else { C };
            assert_eq!(in_room(world.come_back(tabs[0], 3 - heir), room), 2);
            heir
        };
        assert_eq!(world.store.adoptions.len(), 1);
        for place in [1, 2] {
            assert!(world.tabs[tabs[place]].closed, "its media is to begin anew");
            assert_eq!(in_room(world.come_back(tabs[place], place), room), 2);
        }
        for (tab, boot) in tabs.iter().zip(boots) {
            assert_ne!(world.tabs[*tab].boot_id, boot);
            world.told(*tab);
        }
        let counts = world.nodes[heir].hub.counts();
        assert_eq!((counts.participants, counts.rooms), (3, 1));
        // They are together, and others come in.
        let reaction = tandem::signaling::protocol::Reaction::Heart;
        world.send(tabs[1], Command::React { room_id: room, reaction });
        for tab in [tabs[0], tabs[2]] {
            assert!(world.told(tab).iter().any(|event| matches!(event, Event::Reacted { .. })));
        }
        let late = world.open(7, 3 - heir);
        let command = Command::Join {
            link_id: link,
            passphrase: None,
            always_through_server: false,
        };
        assert!(matches!(world.answer(late, command), Event::RoomJoined { participants, .. } if participants.len() == 3));
        world.pass(Duration::from_secs(60));
        everybody_leaves(&mut world, &[late, tabs[0], tabs[1], tabs[2]], room);
        assert_eq!(world.store.adoptions.len(), 1, "nothing is adopted twice");
    }
}

#[test]
fn a_call_of_two_comes_back_though_each_finds_another_node() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, A), world.open(2, A));
    let (call_id, _) = world.talk(ada, bob);
    world.kill(A);
    for (tab, node) in [(ada, B), (bob, C)] {
        world.say_hello(tab, node, Grants::ALL);
    }
    world.pass(Duration::from_secs(3));
    for tab in [ada, bob] {
        // Of two that ask at the same time one has to ask again.
        while world.refused.pop().is_some() {
            for tab in [ada, bob] {
                if world.tabs[tab].told.is_empty() {
                    world.say_hello(tab, C, Grants::ALL);
                    world.pass(A_MOMENT);
                }
            }
        }
        in_call(world.welcomed(tab), call_id);
        world.told(tab);
    }
    world.answer(ada, Command::HangUp { call_id });
    assert!(world.told(bob).iter().any(|event| matches!(event, Event::CallEnded { .. })));
    world.is_empty();
    assert!(world.store.has_no_rooms());
}

#[test]
fn a_home_is_gone_and_its_session_stays_in_its_call_elsewhere() {
    // By its owner, which adopts the home itself; and by a third node.
    for adopter in [A, C] {
        let mut world = World::new();
        let (ada, bob) = (world.open(1, A), world.open(2, B));
        let (call_id, room_id) = world.talk(ada, bob);
        world.kill(B);
        world.say_hello(bob, adopter, Grants::ALL);
        world.pass(Duration::from_secs(3));
        in_call(world.welcomed(bob), call_id);
        world.told(ada);
        let reaction = tandem::signaling::protocol::Reaction::Heart;
        world.send(bob, Command::React { room_id, reaction });
        assert!(world.told(ada).iter().any(|event| matches!(event, Event::Reacted { .. })));
        world.pass(Duration::from_secs(70));
        world.told(bob);
        world.answer(bob, Command::HangUp { call_id });
        assert!(world.told(ada).iter().any(|event| matches!(event, Event::CallEnded { .. })));
        world.is_empty();
        assert!(world.store.has_no_rooms());
    }
}

#[test]
fn one_that_starts_again_at_once_has_what_it_had_and_its_calls_with_others() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, A), world.open(2, B));
    let (first, _) = world.talk(ada, bob);
    let (cara, dave) = (world.open(3, B), world.open(4, A));
    let (second, _) = world.talk(cara, dave);
    let (eve, fred) = (world.open(5, A), world.open(6, A));
    let (third, _) = world.talk(eve, fred);
    world.kill(A);
    world.pass(Duration::from_secs(1));
    world.start_again(A);
    // Some are back before it hears the other nodes.
    for tab in [ada, dave, eve, fred] {
        world.say_hello(tab, A, Grants::ALL);
    }
    world.pass(Duration::from_secs(3));
    for (tab, call) in [(ada, first), (dave, second), (eve, third), (fred, third)] {
        in_call(world.welcomed(tab), call);
    }
    assert!(world.tabs[bob].closed, "his media is to begin anew");
    in_call(world.come_back(bob, B), first);
    assert!(!world.tabs[cara].closed, "hers goes on");
    world.pass(Duration::from_secs(70));
    assert!(world.store.adoptions.is_empty());
    for (tab, call_id) in [(bob, first), (dave, second), (fred, third)] {
        world.told(tab);
        world.answer(tab, Command::HangUp { call_id });
    }
    world.is_empty();
    assert!(world.store.has_no_rooms());
}

#[test]
fn one_that_starts_again_later_starts_with_nothing() {
    let mut world = World::new();
    let (tabs, _, room) = a_room_of_three(&mut world);
    world.kill(A);
    world.pass(Duration::from_secs(11));
    assert_eq!(world.store.adoptions.len(), 1);
    world.start_again(A);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.nodes[A].hub.counts().sessions, 0);
    // Its page comes to it, and finds its session where that is.
    assert_eq!(in_room(world.come_back(tabs[0], A), room), 2);
    for tab in [tabs[1], tabs[2]] {
        let node = world.tabs[tab].node;
        assert_eq!(in_room(world.come_back(tab, node), room), 2);
    }
    // And it is adopted again when it dies again.
    let late = world.open(9, A);
    let wish = LinkWish {
        name: "Later".to_owned(),
        passphrase: None,
        expires_in_s: None,
        single_use: false,
        lobby: false,
    };
    let link_id = world.make_link(late, wish);
    world.kill(A);
    world.pass(Duration::from_secs(11));
    assert_eq!(world.store.adoptions.len(), 2);
    assert_eq!(in_room(world.come_back(tabs[0], B), room), 2);
    assert!(matches!(
        world.answer(tabs[1], Command::LookAtLink { link_id }),
        Event::LinkSeen { .. }
    ));
    everybody_leaves(&mut world, &tabs, room);
}

#[test]
fn who_does_not_come_back_is_gone_after_a_while() {
    let mut world = World::new();
    let (tabs, link_id, room) = a_room_of_three(&mut world);
    world.kill(A);
    world.pass(Duration::from_secs(11));
    // Neither Ada, whose node it was, nor Cara, whose node lives.
    assert_eq!(in_room(world.come_back(tabs[1], B), room), 2);
    world.pass(GRACE + Duration::from_secs(6));
    let left = world.told(tabs[1]);
    let left = left.iter().filter(|event| matches!(event, Event::ParticipantLeft { .. }));
    assert_eq!(left.count(), 2);
    everybody_leaves(&mut world, &[tabs[1]], room);
    assert!(matches!(
        world.answer(tabs[1], Command::LookAtLink { link_id }),
        Event::LinkSeen { .. }
    ));
}

#[test]
fn nothing_is_adopted_that_lives_or_while_the_store_is_away() {
    let mut world = World::new();
    let (tabs, _, room) = a_room_of_three(&mut world);
    // A lives, and is cut off: those in its room see that, and then it is back.
    let a = world.nodes[A].id;
    world.bus.cut(a, true);
    world.pass(Duration::from_secs(12));
    world.bus.cut(a, false);
    world.pass(Duration::from_secs(2));
    assert!(world.store.adoptions.is_empty());
    world.store.is_away = true;
    world.kill(A);
    world.pass(Duration::from_secs(11));
    world.store.is_away = false;
    world.pass(Duration::from_secs(4));
    assert_eq!(world.store.adoptions.len(), 1, "it is tried again");
    for tab in tabs {
        let node = world.tabs[tab].node.max(B);
        assert_eq!(in_room(world.come_back(tab, node), room), 2);
    }
    everybody_leaves(&mut world, &tabs, room);
}

#[test]
fn what_rang_is_rung_anew_by_the_page_of_whoever_called() {
    for heir in [B, C] {
        let mut world = World::new();
        let (ada, bob) = (world.open(1, A), world.open(2, B));
        world.send(ada, call(2));
        let told = world.told(bob);
        assert!(matches!(told[..], [Event::IncomingCall { .. }]), "{told:?}");
        world.kill(A);
        world.say_hello(ada, heir, Grants::ALL);
        world.pass(Duration::from_millis(500));
        let back = world.welcomed(ada).expect("it is the same session");
        assert!(back.call.is_none());
        world.told(ada);
        let event = world.answer(ada, call(2));
        assert!(matches!(event, Event::CallRinging { .. }), "{event:?}");
        let told = world.told(bob);
        let [
            Event::CallEnded {
                reason: EndReason::ConnectionLost,
                ..
            },
            Event::IncomingCall { call_id, .. },
        ] = told[..]
        else {
            panic!("one ends, another one rings: {told:?}")
        };
        let accept = Command::Accept {
            call_id,
            always_through_server: false,
        };
        let event = world.answer(bob, accept);
        assert!(matches!(event, Event::CallAnswered { .. }), "{event:?}");
        world.told(ada);
        world.send(bob, Command::HangUp { call_id });
        world.is_empty();
    }
}

#[test]
fn who_waits_in_a_lobby_is_told_and_may_ask_again() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, A), world.open(2, B));
    let wish = LinkWish {
        name: "Stand-up".to_owned(),
        passphrase: None,
        expires_in_s: None,
        single_use: false,
        lobby: true,
    };
    let link_id = world.make_link(ada, wish);
    let join = || Command::Join {
        link_id,
        passphrase: None,
        always_through_server: false,
    };
    let Event::RoomJoined { room, .. } = world.answer(ada, join()) else {
        panic!("it is hers")
    };
    let event = world.answer(bob, join());
    assert!(matches!(event, Event::LobbyEntered { .. }), "{event:?}");
    world.kill(A);
    world.say_hello(ada, C, Grants::ALL);
    world.pass(Duration::from_millis(500));
    in_room(world.welcomed(ada), room.room_id);
    // Its room is another node's: the page begins anew.
    let back = world.come_back(bob, B).expect("it is the same session");
    world.pass(A_MOMENT);
    let told = world.told(bob);
    let left = |event: &Event| {
        matches!(
            event,
            Event::RoomLeft {
                reason: LeaveReason::ConnectionLost,
                ..
            }
        )
    };
    assert!(back.call.is_none() && told.iter().any(left), "{:?} {told:?}", back.call);
    let event = world.answer(bob, join());
    assert!(matches!(event, Event::LobbyEntered { .. }), "{event:?}");
    for tab in [ada, bob] {
        world.send(tab, Command::Leave { room_id: room.room_id });
    }
    world.is_empty();
}

#[test]
fn a_link_of_a_dead_node_opens_on_the_first_that_is_asked() {
    let mut world = World::new();
    let ada = world.open(1, A);
    let wish = LinkWish {
        name: "Stand-up".to_owned(),
        passphrase: None,
        expires_in_s: None,
        single_use: false,
        lobby: false,
    };
    let link_id = world.make_link(ada, wish);
    let bob = world.open(2, B);
    world.kill(A);
    world.send(bob, Command::LookAtLink { link_id });
    world.pass(Duration::from_secs(2));
    let seen = world.told(bob);
    assert!(
        matches!(&seen[..], [Event::LinkSeen { link }] if link.name == "Stand-up"),
        "{seen:?}"
    );
}
