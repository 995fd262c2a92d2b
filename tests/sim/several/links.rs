//! A link is good on every node.

use tandem::signaling::protocol::{ErrorCode, LeaveReason};

use super::*;

fn look(link_id: LinkId) -> Command {
    Command::LookAtLink { link_id }
}

fn join(link_id: LinkId, passphrase: Option<&str>) -> Command {
    Command::Join {
        link_id,
        passphrase: passphrase.map(str::to_owned),
        always_through_server: false,
    }
}

fn named(name: &str) -> LinkWish {
    LinkWish {
        name: name.to_owned(),
        passphrase: None,
        expires_in_s: None,
        single_use: false,
        lobby: false,
    }
}

#[test]
fn it_is_seen_and_opens_from_each_node() {
    let mut world = World::new();
    let (ada, bob, cara) = (world.open(1, A), world.open(2, B), world.open(3, C));
    let link = world.make_link(ada, named("Stand-up"));
    let Event::LinkSeen { link: seen } = world.answer(bob, look(link)) else {
        panic!("it is there")
    };
    assert_eq!((seen.name.as_str(), seen.mine, seen.participants), ("Stand-up", false, 0));
    let Event::RoomJoined { room, .. } = world.answer(bob, join(link, None)) else {
        panic!("he comes in")
    };
    let Event::RoomJoined {
        participants, direct, ..
    } = world.answer(cara, join(link, None))
    else {
        panic!("she comes in")
    };
    assert_eq!((participants.len(), direct), (1, true));
    let Event::RoomJoined { participants, host, .. } = world.answer(ada, join(link, None)) else {
        panic!("the maker comes in")
    };
    assert_eq!((participants.len(), host), (2, true));
    assert_eq!(world.nodes[A].hub.counts().visitors, 2);
    let said = Command::React {
        room_id: room.room_id,
        reaction: tandem::signaling::protocol::Reaction::Applause,
    };
    world.told(cara);
    world.send(bob, said);
    assert!(world.told(cara).iter().any(|event| matches!(event, Event::Reacted { .. })));
    // One who is in it has nothing else.
    assert_eq!(code(&world.answer(bob, join(link, None))), ErrorCode::NotAllowed);
    let left = Command::Leave { room_id: room.room_id };
    for tab in [bob, cara, ada] {
        let Event::RoomLeft { reason, .. } = world.answer(tab, left.clone()) else {
            panic!("they go")
        };
        assert_eq!(reason, LeaveReason::Left);
    }
    world.is_empty();
    assert!(
        matches!(world.answer(cara, join(link, None)), Event::RoomJoined { .. }),
        "again"
    );
}

#[test]
fn what_it_asks_for_holds_for_those_of_other_nodes() {
    let mut world = World::new();
    let (ada, bob, cara) = (world.open(1, A), world.open(2, B), world.open(3, C));
    let wish = LinkWish {
        passphrase: Some("sesame".to_owned()),
        single_use: true,
        ..named("Secret")
    };
    let link = world.make_link(ada, wish);
    assert_eq!(code(&world.answer(bob, join(link, None))), ErrorCode::PassphraseNeeded);
    for _ in 0..3 {
        assert_eq!(
            code(&world.answer(bob, join(link, Some("wrong")))),
            ErrorCode::PassphraseNeeded
        );
    }
    assert!(matches!(
        world.answer(bob, join(link, Some("sesame"))),
        Event::RoomJoined { .. }
    ));
    assert_eq!(code(&world.answer(cara, look(link))), ErrorCode::NoSuchLink, "it is used up");
    assert_eq!(code(&world.answer(cara, join(link, Some("sesame")))), ErrorCode::NoSuchLink);
    // Whoever guesses is stopped at home, whichever node has the link.
    let wish = LinkWish {
        passphrase: Some("sesame".to_owned()),
        ..named("Other")
    };
    let link = world.make_link(ada, wish);
    let codes: Vec<ErrorCode> = (0..6).map(|_| code(&world.answer(cara, join(link, Some("wrong"))))).collect();
    assert_eq!(codes[4..], [ErrorCode::PassphraseNeeded, ErrorCode::RateLimited]);
    assert_eq!(world.nodes[A].hub.counts().visitors, 1, "only who is in");
}

#[test]
fn who_waits_in_a_lobby_of_another_node_is_let_in_or_not() {
    let mut world = World::new();
    let (ada, bob, cara) = (world.open(1, A), world.open(2, B), world.open(3, C));
    let wish = LinkWish {
        lobby: true,
        ..named("Doctor")
    };
    let link = world.make_link(ada, wish);
    let Event::RoomJoined { room, .. } = world.answer(ada, join(link, None)) else {
        panic!("she is the host")
    };
    for tab in [bob, cara] {
        assert!(matches!(world.answer(tab, join(link, None)), Event::LobbyEntered { .. }));
    }
    let waiting = world.told(ada).into_iter().rev().find_map(|event| match event {
        Event::LobbyChanged { waiting, .. } => Some(waiting),
        _ => None,
    });
    let waiting = waiting.expect("she sees who waits");
    for (one, admitted) in waiting.iter().zip([true, false]) {
        let command = Command::Admit {
            room_id: room.room_id,
            participant_id: one.participant_id,
            admitted,
        };
        world.send(ada, command);
    }
    assert!(world.told(bob).iter().any(|event| matches!(event, Event::RoomJoined { .. })));
    assert!(world.told(cara).iter().any(|event| matches!(
        event,
        Event::RoomLeft {
            reason: LeaveReason::Refused,
            ..
        }
    )));
    world.send(bob, Command::Leave { room_id: room.room_id });
    world.send(ada, Command::Leave { room_id: room.room_id });
    world.is_empty();
}

#[test]
fn one_that_nobody_has_is_none_and_one_that_cannot_be_asked_for_may_be_there() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, A), world.open(2, B));
    let link = world.make_link(ada, named("Here"));
    let none = LinkId::from_random(77);
    for command in [look(none), join(none, None)] {
        assert_eq!(code(&world.answer(bob, command)), ErrorCode::NoSuchLink);
    }
    let a = world.nodes[A].id;
    world.bus.cut(a, true);
    world.send(bob, look(link));
    world.send(bob, look(none));
    world.pass(Duration::from_secs(2));
    let codes: Vec<ErrorCode> = world.told(bob).iter().map(code).collect();
    // The store knows of the one, and of no other.
    assert_eq!(codes, [ErrorCode::NodeUnreachable, ErrorCode::NoSuchLink]);
    world.pass(Duration::from_secs(5));
    assert_eq!(
        code(&world.answer(bob, join(link, None))),
        ErrorCode::NodeUnreachable,
        "at once"
    );
    world.bus.cut(a, false);
    world.pass(Duration::from_secs(2));
    assert!(matches!(world.answer(bob, join(link, None)), Event::RoomJoined { .. }));
    // The owner goes while he is in: as with a call.
    world.bus.cut(a, true);
    world.pass(Duration::from_secs(25));
    assert!(world.told(bob).iter().any(|event| matches!(
        event,
        Event::RoomLeft {
            reason: LeaveReason::ConnectionLost,
            ..
        }
    )));
}

#[test]
fn its_maker_sees_and_revokes_it_from_each_node() {
    let mut world = World::new();
    let (ada, ada_at_b, eve) = (world.open(1, A), world.open(1, B), world.open(2, C));
    let (one, two) = (world.make_link(ada, named("one")), world.make_link(ada_at_b, named("two")));
    let names = |event: Event| match event {
        Event::Links { links } => {
            let mut names: Vec<String> = links.into_iter().map(|link| link.name).collect();
            names.sort();
            names
        }
        other => panic!("{other:?}"),
    };
    for tab in [ada, ada_at_b] {
        assert_eq!(names(world.answer(tab, Command::ListLinks {})), ["one", "two"]);
    }
    assert_eq!(
        code(&world.answer(eve, Command::RevokeLink { link_id: one })),
        ErrorCode::NotAllowed
    );
    assert_eq!(names(world.answer(ada_at_b, Command::RevokeLink { link_id: one })), ["two"]);
    assert_eq!(code(&world.answer(eve, look(one))), ErrorCode::NoSuchLink);
    assert!(names(world.answer(ada, Command::RevokeLink { link_id: two })).is_empty());
}

#[test]
fn the_room_that_a_token_names_is_made_once() {
    let mut world = World::new();
    for number in 0..8 {
        let link = LinkId::from_random(500 + number);
        let mut tabs = Vec::new();
        for node in [A, B, C] {
            let grants = Grants {
                room: Some(link),
                ..Grants::ALL
            };
            tabs.push(world.open_as(10 + node as u64, node, grants));
        }
        // All at the same time.
        for tab in &tabs {
            world.send_only(*tab, join(link, None));
        }
        world.pass(A_MOMENT);
        let rooms: usize = world.nodes.iter().map(|node| node.hub.counts().rooms).sum();
        let present: usize = world.nodes.iter().map(|node| node.hub.counts().participants).sum();
        assert_eq!((rooms, present), (1, 3), "room {number}");
        for tab in tabs {
            world.detach(tab);
        }
        world.pass(Duration::from_secs(30));
        world.is_empty();
    }
}

#[test]
fn a_page_that_is_loaded_anew_finds_its_room_on_the_other_node() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, A), world.open(2, B));
    let link = world.make_link(ada, named("Stand-up"));
    let Event::RoomJoined { room, .. } = world.answer(bob, join(link, None)) else {
        panic!("he comes in")
    };
    let call = world.come_back(bob, B).and_then(|back| back.call).expect("he has a room");
    assert!(matches!(call, CallNow::Joined { room: found, .. } if found.room_id == room.room_id));
}

#[test]
fn whoever_guesses_links_does_not_have_all_nodes_asked_again_and_again() {
    let mut world = World::new();
    let (ada, eve, bob) = (world.open(1, A), world.open(2, B), world.open(3, B));
    let link = world.make_link(ada, named("Here"));
    for (tab, last) in [(eve, 1), (bob, 2)] {
        world.tabs[tab].address = Some(IpAddr::from([192, 0, 2, last]));
        world.come_back(tab, B).expect("it is the same session");
    }
    let codes: Vec<ErrorCode> = (0..40)
        .map(|guess| code(&world.answer(eve, look(LinkId::from_random(1000 + guess)))))
        .collect();
    assert!(codes[..30].iter().all(|code| *code == ErrorCode::NoSuchLink), "{codes:?}");
    assert_eq!(codes[39], ErrorCode::RateLimited);
    assert!(
        matches!(world.answer(bob, look(link)), Event::LinkSeen { .. }),
        "others do not notice"
    );
    world.pass(Duration::from_secs(60));
    assert!(matches!(world.answer(eve, look(link)), Event::LinkSeen { .. }));
}
