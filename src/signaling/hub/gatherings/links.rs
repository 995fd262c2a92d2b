//! Links: who may come in by one, how often, and for how long.

// The architecture test reads a file up to this line.
#[cfg(test)]
use super::*;

#[test]
fn a_link_leads_into_a_room_that_ends_with_the_last() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.open(ADA), world.open(BOB), world.open(EVE));
    let name = "Stand-up".to_owned();
    let link = make_link(&mut world, ada, None, LinkWish { name, ..OPEN });
    world.told(bob);
    world.send(bob, Command::LookAtLink { link_id: link });
    let seen = world.take(bob);
    assert!(
        matches!(&seen[..], [(Some(1), Event::LinkSeen { link })] if link.name == "Stand-up" && !link.mine && link.participants == 0),
        "{seen:?}"
    );
    assert_eq!(join(&mut world, bob, link), ["room_joined"]);
    assert!(world.browsers[bob].seat.host, "nobody else is there");
    assert_eq!(join(&mut world, ada, link), ["room_joined"]);
    assert!(world.browsers[ada].seat.host && world.browsers[ada].seat.direct);
    assert_eq!(world.told(bob), ["participant_joined", "direct_changed true"]);
    assert_eq!(join(&mut world, eve, link), ["room_joined"]);
    assert!(!world.browsers[eve].seat.host);
    let room_id = room_of(&world, eve);
    for one in [ada, bob] {
        world.send(one, Command::Leave { room_id });
        world.send(one, Command::Leave { room_id });
        assert_eq!(
            world.told(one).pop().as_deref(),
            Some("room_left left"),
            "said again, it is done"
        );
    }
    assert_eq!(world.hub.counts().participants, 1, "one may stay");
    assert!(world.browsers[eve].seat.host, "she has been there longest");
    world.send(eve, Command::Leave { room_id });
    assert_eq!(world.hub.counts().rooms, 0);
    assert_eq!(join(&mut world, bob, link), ["room_joined"], "the link outlives the room");
    assert_ne!(room_of(&world, bob), room_id);
    revoke(&mut world, ada, link);
    assert_eq!(world.told(bob), ["room_changed"]);
    assert_eq!(join(&mut world, eve, link), ["error no_such_link"]);
    all_go(world);
}

#[test]
fn a_link_of_a_running_call_ends_with_it() {
    let (mut world, ada, bob) = talking();
    let eve = world.open(EVE);
    let room = room_of(&world, ada);
    let link = make_link(&mut world, ada, Some(room), OPEN);
    assert_eq!(world.told(bob), ["room_changed"]);
    world.send(
        bob,
        Command::CreateLink {
            room_id: Some(room),
            wish: OPEN,
        },
    );
    assert_eq!(world.told(bob), ["error not_allowed"], "a room has one link");
    assert_eq!(join(&mut world, eve, link), ["room_joined"]);
    assert_eq!(world.told(ada), ["participant_joined", "direct_changed false"]);
    hang_up(&mut world, ada);
    hang_up(&mut world, bob);
    assert!(
        matches!(world.browsers[eve].view, View::Joined(..)),
        "who came by a link may wait for others"
    );
    world.send(eve, Command::Leave { room_id: room });
    assert_eq!(join(&mut world, eve, link), ["error no_such_link"]);
    all_go(world);
}

#[test]
fn a_single_use_link_lets_one_guest_in_and_its_maker() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.open(ADA), world.open(BOB), world.open(EVE));
    let single_use = true;
    let link = make_link(&mut world, ada, None, LinkWish { single_use, ..OPEN });
    assert_eq!(join(&mut world, bob, link), ["room_joined"]);
    assert_eq!(world.browsers[bob].seat.room.as_ref().expect("it is told").link_id, None);
    assert_eq!(join(&mut world, eve, link), ["error no_such_link"]);
    assert_eq!(join(&mut world, ada, link), ["room_joined"]);
    world.send(ada, Command::ListLinks {});
    let heard = world.take(ada);
    assert!(matches!(&heard[..], [(_, Event::Links { links })] if links.is_empty()));
    let room_id = Some(room_of(&world, bob));
    world.told(bob);
    world.send(bob, Command::CreateLink { room_id, wish: OPEN });
    assert_eq!(
        world.told(bob),
        ["error not_allowed"],
        "it is one guest's, and the guest makes no way for others"
    );
    world.restart();
    for one in [ada, bob, eve] {
        world.resume(one).expect("in time");
    }
    assert_eq!(join(&mut world, eve, link), ["error no_such_link"]);
    let room_id = room_of(&world, ada);
    for one in [ada, bob] {
        world.send(one, Command::Leave { room_id });
    }
    world.assert_kept();
    assert!(world.hub.links.is_empty(), "it leads nowhere any more");
    all_go(world);
}

#[test]
fn a_link_expires_and_nobody_is_sent_away() {
    let mut world = World::new();
    let (ada, bob) = (world.open(ADA), world.open(BOB));
    let expires_in_s = Some(60);
    let link = make_link(&mut world, ada, None, LinkWish { expires_in_s, ..OPEN });
    world.pass_ms(30_500);
    world.restart();
    for one in [ada, bob] {
        world.resume(one).expect("in time");
        world.told(one);
    }
    world.send(ada, Command::ListLinks {});
    let heard = world.take(ada);
    assert!(
        matches!(&heard[..], [(_, Event::Links { links })] if links[0].expires_in_s == Some(30)),
        "{heard:?}"
    );
    assert_eq!(join(&mut world, bob, link), ["room_joined"]);
    world.pass_ms(29_400);
    assert_eq!(join(&mut world, ada, link), ["room_joined"]);
    world.told(bob);
    world.pass_ms(200);
    assert_eq!(world.told(bob), ["room_changed"]);
    let room_id = room_of(&world, ada);
    world.send(ada, Command::Leave { room_id });
    assert_eq!(join(&mut world, ada, link), ["error no_such_link"]);
    all_go(world);
}

#[test]
fn a_pass_phrase_is_asked_of_all_but_the_maker() {
    let mut world = World::new();
    let (ada, bob) = (world.open(ADA), world.open(BOB));
    let passphrase = Some("open sesame".to_owned());
    let link = make_link(&mut world, ada, None, LinkWish { passphrase, ..OPEN });
    for wrong in [None, Some(""), Some("open sesame "), Some("x")] {
        assert_eq!(
            join_with(&mut world, bob, link, wrong),
            ["error passphrase_needed"],
            "{wrong:?}"
        );
    }
    assert_eq!(join_with(&mut world, bob, link, Some("open sesame")), ["room_joined"]);
    assert_eq!(join(&mut world, ada, link), ["room_joined"]);
    all_go_and_links(world);
}

#[test]
fn guessing_a_pass_phrase_is_slow() {
    let mut world = World::new();
    let ada = world.open(ADA);
    let passphrase = Some("open sesame".to_owned());
    let link = make_link(&mut world, ada, None, LinkWish { passphrase, ..OPEN });
    let bob = world.open(BOB);
    for _ in 0..5 {
        assert_eq!(join_with(&mut world, bob, link, Some("x")), ["error passphrase_needed"]);
    }
    assert_eq!(join_with(&mut world, bob, link, Some("open sesame")), ["error rate_limited"]);
    let limit = Limit::PassphraseAttempts;
    assert!(world.facts.contains(&Fact::LimitReached { limit }));
    // With other sessions it goes no faster than the link allows.
    let mut tried = 5;
    for user in 100.. {
        let eve = world.open(user);
        let heard: Vec<String> = (0..5).flat_map(|_| join_with(&mut world, eve, link, Some("y"))).collect();
        tried += heard.iter().filter(|event| *event == "error passphrase_needed").count();
        if heard.iter().any(|event| event == "error rate_limited") {
            break;
        }
    }
    assert_eq!(tried, 30);
    world.pass_ms(12_100);
    assert_eq!(join_with(&mut world, bob, link, Some("open sesame")), ["room_joined"]);
    all_go_and_links(world);
}

#[test]
fn a_slow_hash_that_comes_too_late_is_about_nothing() {
    let mut world = World::new();
    let (ada, bob) = (world.open(ADA), world.open(BOB));
    let passphrase = Some("open sesame".to_owned());
    let link_id = make_link(&mut world, ada, None, LinkWish { passphrase, ..OPEN });
    let passphrase = Some("open sesame".to_owned());
    let command = Command::Join {
        link_id,
        passphrase,
        always_through_server: false,
    };
    world.told(bob);
    world.send(bob, command.clone());
    world.send(bob, command.clone());
    assert_eq!(world.told(bob), ["error rate_limited"], "one at a time");
    revoke(&mut world, ada, link_id);
    world.hash_all();
    assert_eq!(world.told(bob), ["error no_such_link"]);
    world.send(bob, command);
    world.cut(bob);
    world.pass_ms(15_000);
    world.hash_all();
    world.hub.handle_hashed(world.browsers[ada].session, Some([0; 32]), world.now);
    all_go(world);
}

#[test]
fn links_of_a_user_are_bounded() {
    let mut world = World::new();
    let ada = world.open(ADA);
    for _ in 0..limits::LINKS_PER_USER_MAX {
        make_link(&mut world, ada, None, OPEN);
        world.pass_ms(3_100);
    }
    world.send(
        ada,
        Command::CreateLink {
            room_id: None,
            wish: OPEN,
        },
    );
    assert_eq!(world.told(ada), ["error rate_limited"]);
    let limit = Limit::LinksPerUser;
    assert!(world.facts.contains(&Fact::LimitReached { limit }));
    let bob = world.open(BOB);
    let link_id = *world.browsers[ada].links.last().expect("there are many");
    world.told(bob);
    world.send(bob, Command::RevokeLink { link_id });
    assert_eq!(world.told(bob), ["error not_allowed"]);
    revoke(&mut world, ada, link_id);
    make_link(&mut world, ada, None, OPEN);
    all_go_and_links(world);
}

#[test]
fn a_session_in_a_room_by_a_link_is_busy_and_watched() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.open(ADA), world.open(BOB), world.open(EVE));
    let link = make_link(&mut world, ada, None, OPEN);
    join(&mut world, ada, link);
    join(&mut world, bob, link);
    world.told(eve);
    world.send(eve, call(ADA));
    assert_eq!(world.told(eve), ["call_ended busy"]);
    world.send(ada, call(EVE));
    assert_eq!(world.told(ada).pop().as_deref(), Some("error not_allowed"));
    world.browsers[bob].mute = true;
    world.pass_ms(3_100);
    assert_eq!(world.told(ada), ["participant_changed reconnecting"]);
    world.pass_ms(12_100);
    assert_eq!(world.told(ada), ["participant_left connection_lost", "direct_changed false"]);
    all_go_and_links(world);
}
