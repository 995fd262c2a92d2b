//! Locks, lobbies, and what hosts do.

// The architecture test reads a file up to this line.
#[cfg(test)]
use super::*;

#[test]
fn a_locked_room_lets_in_its_maker_and_whom_it_invites() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.open(ADA), world.open(BOB), world.open(EVE));
    let link = make_link(&mut world, ada, None, OPEN);
    join(&mut world, ada, link);
    join(&mut world, bob, link);
    let room_id = room_of(&world, ada);
    let locked = true;
    world.told(ada);
    world.send(bob, Command::Lock { room_id, locked });
    assert_eq!(world.told(bob), ["error not_allowed"], "he is no host");
    world.send(ada, Command::Lock { room_id, locked });
    assert_eq!(
        (world.told(ada), world.told(bob)),
        (vec!["room_changed".to_owned()], vec!["room_changed".to_owned()])
    );
    assert_eq!(join(&mut world, eve, link), ["error room_locked"]);
    world.restart();
    for one in [ada, bob, eve] {
        world.resume(one).expect("in time");
    }
    assert_eq!(
        join(&mut world, eve, link).pop().as_deref(),
        Some("error room_locked"),
        "also after a restart"
    );
    world.send(ada, Command::Leave { room_id });
    assert_eq!(join(&mut world, ada, link), ["room_joined"]);
    let command = invite(&world, bob, EVE);
    world.send(bob, command);
    accept(&mut world, eve);
    assert_eq!(world.hub.counts().participants, 3);
    all_go_and_links(world);
}

#[test]
fn whoever_comes_into_a_lobby_waits_for_a_host() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.open(ADA), world.open(BOB), world.open(EVE));
    let lobby = true;
    let link = make_link(&mut world, ada, None, LinkWish { lobby, ..OPEN });
    assert_eq!(join(&mut world, bob, link), ["lobby_entered"]);
    assert_eq!((world.hub.counts().rooms, world.hub.counts().waiting), (0, 1));
    assert_eq!(join(&mut world, ada, link), ["room_joined", "lobby_changed"]);
    assert_eq!(join(&mut world, eve, link), ["lobby_entered"]);
    assert_eq!(world.told(ada), ["lobby_changed"]);
    let (at_bob, at_eve) = (me(&world, bob), me(&world, eve));
    assert_eq!(world.browsers[ada].seat.lobby, [at_bob, at_eve]);
    let room_id = room_of(&world, ada);
    let admit = |participant_id, admitted| Command::Admit {
        room_id,
        participant_id,
        admitted,
    };
    world.send(eve, admit(at_eve, true));
    assert_eq!(world.told(eve), ["error not_allowed"]);
    // Connections warm up, and carry nothing yet.
    world.send(bob, offer(room_id, 1));
    assert_eq!(world.media.iter().filter(|asked| *asked == "admit").count(), 1);
    world.send(ada, admit(at_bob, true));
    assert_eq!(world.told(bob), ["room_joined"]);
    assert_eq!(me(&world, bob), at_bob, "it is who waited");
    assert_eq!(
        world.told(ada),
        ["participant_joined", "direct_changed true", "lobby_changed"]
    );
    world.send(ada, admit(at_eve, false));
    assert_eq!(world.told(eve), ["room_left refused"]);
    assert_eq!(world.told(ada), ["lobby_changed"]);
    world.send(ada, admit(at_eve, true));
    assert_eq!(world.told(ada), ["error not_allowed"]);
    // One that vanishes waits no more.
    join(&mut world, eve, link);
    world.cut(eve);
    world.pass_ms(15_000);
    assert_eq!(world.told(ada), ["lobby_changed", "lobby_changed"]);
    assert!(world.browsers[ada].seat.lobby.is_empty());
    all_go_and_links(world);
}

#[test]
fn nobody_waits_for_a_room_that_is_over_or_for_a_host_who_is_gone() {
    let mut world = World::new();
    let (ada, bob, eve, dan) = (world.open(ADA), world.open(BOB), world.open(EVE), world.open(DAN));
    let lobby = true;
    let link = make_link(&mut world, ada, None, LinkWish { lobby, ..OPEN });
    join(&mut world, ada, link);
    join(&mut world, bob, link);
    let (room_id, participant_id) = (room_of(&world, ada), me(&world, bob));
    world.send(
        ada,
        Command::Admit {
            room_id,
            participant_id,
            admitted: true,
        },
    );
    join(&mut world, eve, link);
    world.told(bob);
    world.send(ada, Command::Leave { room_id });
    assert_eq!(
        world.told(bob),
        [
            "participant_left left",
            "direct_changed false",
            "participant_changed",
            "lobby_changed"
        ]
    );
    assert!(world.browsers[bob].seat.host);
    world.send(bob, Command::Leave { room_id });
    assert_eq!(world.told(eve), ["room_left closed"]);
    // And one who waits before anybody came may go again.
    join(&mut world, dan, link);
    let room_id = room_of(&world, dan);
    world.send(dan, Command::Leave { room_id });
    assert_eq!(world.told(dan), ["room_left left"]);
    assert!(world.hub.rooms.is_empty());
    all_go_and_links(world);
}

#[test]
fn a_guest_who_used_the_link_up_sends_the_other_waiters_away() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.open(ADA), world.open(BOB), world.open(EVE));
    let (single_use, lobby) = (true, true);
    let wish = LinkWish {
        single_use,
        lobby,
        ..OPEN
    };
    let link = make_link(&mut world, ada, None, wish);
    join(&mut world, ada, link);
    join(&mut world, bob, link);
    join(&mut world, eve, link);
    let (room_id, participant_id) = (room_of(&world, ada), me(&world, bob));
    world.send(
        ada,
        Command::Admit {
            room_id,
            participant_id,
            admitted: true,
        },
    );
    assert_eq!(world.told(eve), ["room_left closed"]);
    assert_eq!(world.hub.counts().waiting, 0);
    all_go(world);
}

#[test]
fn whoever_was_removed_does_not_come_back_by_the_link() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.open(ADA), world.open(BOB), world.open(EVE));
    let link = make_link(&mut world, ada, None, OPEN);
    for one in [ada, bob, eve] {
        join(&mut world, one, link);
    }
    let room_id = room_of(&world, ada);
    let remove = |participant_id| Command::Remove { room_id, participant_id };
    let (at_ada, at_bob) = (me(&world, ada), me(&world, bob));
    world.send(bob, remove(at_ada));
    world.send(ada, remove(at_ada));
    world.send(ada, remove(ParticipantId::from_random(9)));
    world.told(eve);
    world.send(ada, remove(at_bob));
    assert_eq!(world.told(bob).pop().as_deref(), Some("room_left removed"));
    assert_eq!(world.told(eve), ["participant_left removed"]);
    assert_eq!(join(&mut world, bob, link), ["error not_allowed"]);
    let again = world.open(BOB);
    assert_eq!(join(&mut world, again, link), ["error not_allowed"], "in another tab neither");
    world.restart();
    for one in [ada, bob, eve] {
        world.resume(one).expect("in time");
    }
    assert_eq!(join(&mut world, bob, link).pop().as_deref(), Some("error not_allowed"));
    let command = invite(&world, eve, BOB);
    world.send(eve, command);
    assert_eq!(world.told(bob), ["incoming_call"], "somebody may call him in");
    for one in [ada, eve] {
        world.send(one, Command::Leave { room_id });
    }
    assert_eq!(
        join(&mut world, bob, link).pop().as_deref(),
        Some("room_joined"),
        "another room"
    );
    all_go_and_links(world);
}

#[test]
fn a_host_who_removes_the_other_of_two_ends_the_call() {
    let (mut world, ada, bob) = talking();
    let (room_id, participant_id) = (room_of(&world, ada), me(&world, bob));
    world.send(ada, Command::Remove { room_id, participant_id });
    assert_eq!(world.told(bob), ["call_ended removed"]);
    assert_eq!(world.told(ada), ["call_ended hung_up"]);
    all_go(world);
}

#[test]
fn a_host_switches_a_track_off_and_its_owner_may_switch_it_on() {
    let (mut world, ada, bob, eve) = three();
    let room_id = room_of(&world, ada);
    let sources = vec![Source::Microphone, Source::Camera];
    let publish = Command::Publish { room_id, sources };
    world.send(eve, publish.clone());
    for one in [ada, bob] {
        assert_eq!(world.told(one), ["participant_changed"]);
    }
    let mute = Command::Mute {
        room_id,
        participant_id: me(&world, eve),
        source: Source::Microphone,
    };
    world.send(bob, mute.clone());
    assert_eq!(world.told(bob), ["error not_allowed"], "he is no host");
    world.media.clear();
    world.send(ada, mute.clone());
    assert_eq!(world.media, ["publish [Camera]"]);
    let heard = world.take(eve);
    let by = me(&world, ada);
    assert!(
        matches!(&heard[..], [
            (None, Event::Muted { by: found, source: Source::Microphone, .. }),
            (None, Event::ParticipantChanged { participant, .. }),
        ] if *found == Some(by) && participant.sources == [Source::Camera]),
        "{heard:?}"
    );
    assert_eq!(world.told(bob), ["participant_changed"]);
    world.told(ada);
    world.send(ada, mute);
    assert!(world.told(ada).is_empty() && world.told(eve).is_empty(), "it is off");
    world.send(eve, publish);
    assert_eq!(world.told(bob), ["participant_changed"]);
    all_go(world);
}

#[test]
fn a_name_is_shown_in_the_room_and_in_the_lobby() {
    let mut world = World::new();
    let (ada, bob) = (world.open(ADA), world.open(BOB));
    let lobby = true;
    let link = make_link(&mut world, ada, None, LinkWish { lobby, ..OPEN });
    join(&mut world, ada, link);
    join(&mut world, bob, link);
    world.told(ada);
    let name = "Robert".to_owned();
    world.send(bob, Command::SetName { name });
    let heard = world.take(ada);
    assert!(
        matches!(&heard[..], [(_, Event::LobbyChanged { waiting, .. })] if waiting[0].user.name == "Robert"),
        "{heard:?}"
    );
    all_go_and_links(world);
}
