//! What happens to people in rooms of several: one story a test, under a virtual clock.

// The architecture test reads a file up to this line.
#[cfg(test)]
use super::stories::{BOB, accept, all_go, call, call_of, hang_up, offer, room_of, talking};
use super::world::{View, World, user_id};
use super::*;
use crate::id::{ParticipantId, Source};
use crate::signaling::output::{JoinOutcome, MediaFact};
use crate::signaling::protocol::{Command, DirectSignal, EndReason, LinkWish, Path, PathReason, Reaction};
use crate::view;

const ADA: u64 = 1;
const EVE: u64 = 3;
const DAN: u64 = 4;

fn invite(world: &World, browser: usize, user: u64) -> Command {
    Command::Invite {
        room_id: room_of(world, browser),
        user_id: user_id(user),
    }
}

fn me(world: &World, browser: usize) -> ParticipantId {
    world.browsers[browser].view.participant().expect("it is in a room")
}

/// Ada calls Bob, and then Eve into the room. All have heard everything.
fn three() -> (World, usize, usize, usize) {
    let (mut world, ada, bob) = talking();
    let eve = world.open(EVE);
    world.told(eve);
    let command = invite(&world, ada, EVE);
    world.send(ada, command);
    assert_eq!(world.told(ada), ["call_ringing"]);
    assert_eq!(world.told(eve), ["incoming_call"]);
    assert!(world.told(bob).is_empty());
    accept(&mut world, eve);
    for one in [ada, bob] {
        assert_eq!(world.told(one), ["participant_joined", "direct_changed false"]);
    }
    assert_eq!(world.told(eve), ["call_answered"]);
    (world, ada, bob, eve)
}

pub(super) const OPEN: LinkWish = LinkWish {
    name: String::new(),
    passphrase: None,
    expires_in_s: None,
    single_use: false,
    lobby: false,
};

pub(super) fn make_link(world: &mut World, browser: usize, room_id: Option<RoomId>, wish: LinkWish) -> LinkId {
    world.told(browser);
    world.send(browser, Command::CreateLink { room_id, wish });
    world.hash_all();
    let heard = world.told(browser);
    assert_eq!(heard[0], "link_created");
    *world.browsers[browser].links.last().expect("it was made")
}

fn join_with(world: &mut World, browser: usize, link_id: LinkId, passphrase: Option<&str>) -> Vec<String> {
    ask_to_join(world, browser, link_id, passphrase);
    world.told(browser)
}

/// What comes of it is still to be heard.
pub(super) fn ask_to_join(world: &mut World, browser: usize, link_id: LinkId, passphrase: Option<&str>) {
    world.told(browser);
    world.send(
        browser,
        Command::Join {
            link_id,
            passphrase: passphrase.map(str::to_owned),
            always_through_server: false,
        },
    );
    world.hash_all();
}

pub(super) fn join(world: &mut World, browser: usize, link_id: LinkId) -> Vec<String> {
    join_with(world, browser, link_id, None)
}

fn revoke(world: &mut World, browser: usize, link_id: LinkId) {
    world.send(browser, Command::RevokeLink { link_id });
    world.told(browser);
}

/// Whatever there is of links goes too.
pub(super) fn all_go_and_links(mut world: World) {
    let links: Vec<LinkId> = world.hub.links.keys().copied().collect();
    for link in links {
        world.hub.remove_link(link);
    }
    world.drain();
    all_go(world);
}

#[test]
fn a_call_of_two_becomes_one_of_three_and_of_two_again() {
    let (mut world, ada, bob, eve) = three();
    assert_eq!((world.hub.counts().rooms, world.hub.counts().participants), (1, 3));
    let signal = Command::Signal {
        room_id: room_of(&world, ada),
        to: me(&world, bob),
        signal: DirectSignal::Restart { generation: 2 },
    };
    world.send(ada, signal.clone());
    assert_eq!(world.told(ada), ["error not_allowed"], "no address leaks to a third");
    hang_up(&mut world, eve);
    assert_eq!(world.told(eve), ["call_ended hung_up"]);
    for one in [ada, bob] {
        assert_eq!(world.told(one), ["participant_left left"]);
    }
    world.pass_ms(2_900);
    world.send(ada, signal.clone());
    assert_eq!(world.told(ada), ["error not_allowed"], "not yet");
    world.pass_ms(100);
    for one in [ada, bob] {
        assert_eq!(world.told(one), ["direct_changed true"]);
        assert!(world.browsers[one].seat.direct);
    }
    let room = &world.hub.rooms[&room_of(&world, ada)];
    assert_eq!(room.generation, 0, "the pages count from 1 again");
    world.send(ada, signal);
    assert_eq!(world.told(bob), ["signaled"]);
    hang_up(&mut world, ada);
    for one in [ada, bob] {
        assert_eq!(world.told(one), ["call_ended hung_up"]);
    }
    let ended = world
        .facts
        .iter()
        .filter(|fact| matches!(fact, Fact::CallEnded { .. }))
        .count();
    assert_eq!(ended, 2, "each call once");
    all_go(world);
}

#[test]
fn the_role_of_the_direct_path_follows_the_order_of_coming() {
    let (mut world, ada, bob, eve) = three();
    hang_up(&mut world, ada);
    world.pass_ms(3_000);
    let polite = |world: &mut World, browser: usize| {
        let found = world.take(browser).into_iter().find_map(|(_, event)| match event {
            Event::DirectChanged {
                polite, direct: true, ..
            } => Some(polite),
            _ => None,
        });
        found.expect("it was told")
    };
    assert_eq!((polite(&mut world, bob), polite(&mut world, eve)), (false, true));
    all_go(world);
}

#[test]
fn whoever_wants_no_direct_path_keeps_it_off() {
    let (mut world, ada, bob) = talking();
    let eve = world.open(EVE);
    let command = invite(&world, ada, EVE);
    world.send(ada, command);
    let call_id = call_of(&world, eve);
    world.send(
        eve,
        Command::Accept {
            call_id,
            always_through_server: true,
        },
    );
    hang_up(&mut world, bob);
    world.told(ada);
    world.pass_ms(10_000);
    assert!(world.told(ada).is_empty(), "Eve minds");
    all_go(world);
}

#[test]
fn a_third_who_comes_and_goes_and_comes_leaves_it_forwarded() {
    let (mut world, ada, bob, eve) = three();
    hang_up(&mut world, eve);
    world.pass_ms(1_000);
    let command = invite(&world, bob, EVE);
    world.send(bob, command);
    accept(&mut world, eve);
    world.pass_ms(1_900);
    hang_up(&mut world, eve);
    world.told(ada);
    world.pass_ms(2_000);
    assert!(world.told(ada).is_empty(), "3 s from when they were two the last time");
    world.pass_ms(1_000);
    assert_eq!(world.told(ada), ["direct_changed true"]);
    all_go(world);
}

#[test]
fn every_outcome_of_an_invitation() {
    type Act = fn(&mut World, usize, usize);
    let decline: Act = |world, _, eve| {
        let call_id = call_of(world, eve);
        world.send(eve, Command::Decline { call_id });
    };
    let cancel: Act = |world, ada, eve| {
        let call_id = call_of(world, eve);
        world.send(ada, Command::Cancel { call_id });
    };
    let wait: Act = |world, _, _| world.pass_ms(45_000);
    let go: Act = |world, _, eve| {
        world.leave(eve);
        world.pass_ms(15_000);
    };
    for (act, reason) in [
        (decline, "call_ended declined"),
        (cancel, "call_ended cancelled"),
        (wait, "call_ended no_answer"),
        (go, "call_ended unreachable"),
    ] {
        let (mut world, ada, bob) = talking();
        let eve = world.open(EVE);
        let command = invite(&world, ada, EVE);
        world.send(ada, command);
        world.told(ada);
        act(&mut world, ada, eve);
        assert_eq!(world.told(ada), [reason]);
        if world.browsers[eve].connection.is_some() {
            assert_eq!(world.told(eve), ["welcome", "incoming_call", reason]);
        }
        assert!(world.told(bob).is_empty(), "it is between the two");
        assert!(matches!(world.browsers[ada].view, View::Talking(..)));
        assert!(world.hub.rooms[&room_of(&world, ada)].direct, "nothing happened to the room");
        all_go(world);
    }
}

#[test]
fn an_invitation_that_cannot_ring_ends_at_once() {
    let (mut world, ada, bob, _) = three();
    let dan = world.open(DAN);
    let fay = world.open(5);
    world.send(dan, call(5));
    for (user, heard) in [
        (DAN, "call_ended busy"),
        (5, "call_ended busy"),
        (99, "call_ended unreachable"),
        (BOB, "error not_allowed"),
        (ADA, "error not_allowed"),
    ] {
        let command = invite(&world, ada, user);
        world.send(ada, command);
        assert_eq!(world.told(ada), [heard], "{user}");
    }
    let room_id = room_of(&world, ada);
    world.told(fay);
    world.send(
        fay,
        Command::Invite {
            room_id,
            user_id: user_id(DAN),
        },
    );
    assert_eq!(world.told(fay), ["error not_allowed"], "it is not in that room");
    assert!(world.told(bob).is_empty());
    all_go(world);
}

#[test]
fn invitations_at_once_are_bounded() {
    let (mut world, ada, _) = talking();
    let many: Vec<usize> = (10..21).map(|user| world.open(user)).collect();
    for user in 10..21 {
        let command = invite(&world, ada, user);
        world.send(ada, command);
    }
    let heard = world.told(ada);
    assert_eq!(heard[..10], ["call_ringing"; 10]);
    assert_eq!(heard[10..], ["error rate_limited"]);
    let limit = Limit::Invitations;
    assert!(world.facts.contains(&Fact::LimitReached { limit }));
    for browser in &many[..10] {
        accept(&mut world, *browser);
    }
    assert_eq!(world.hub.counts().participants, 12);
    all_go(world);
}

#[test]
fn a_page_that_is_loaded_again_knows_whom_it_rings() {
    let (mut world, ada, bob) = talking();
    let eve = world.open(EVE);
    world.told(eve);
    let command = invite(&world, ada, EVE);
    world.send(ada, command);
    let rings = |world: &mut World, browser: usize| {
        world.leave(browser);
        world.resume(browser).expect("in time");
        match world.browsers[browser].call.clone() {
            Some(CallNow::Answered { invitations, .. }) => invitations,
            call => panic!("{call:?}"),
        }
    };
    assert_eq!(rings(&mut world, bob), [], "they are not Bob's");
    let found = rings(&mut world, ada);
    assert_eq!(found.iter().map(|one| one.user.user_id).collect::<Vec<_>>(), [user_id(EVE)]);
    let call_id = found[0].call_id;
    world.send(ada, Command::Cancel { call_id });
    assert_eq!(world.told(eve), ["incoming_call", "call_ended cancelled"]);
    assert_eq!(rings(&mut world, ada), []);
    all_go(world);
}

#[test]
fn one_tab_answers_an_invitation_for_all() {
    let (mut world, ada, _) = talking();
    let (eve, beside) = (world.open(EVE), world.open(EVE));
    let command = invite(&world, ada, EVE);
    world.send(ada, command);
    accept(&mut world, eve);
    assert_eq!(world.told(beside), ["welcome", "incoming_call", "answered_elsewhere"]);
    let late = world.open(EVE);
    assert_eq!(world.told(late), ["welcome"]);
    all_go(world);
}

#[test]
fn whoever_is_invited_by_the_one_they_call_is_connected() {
    let (mut world, ada, _) = talking();
    let eve = world.open(EVE);
    let command = invite(&world, ada, EVE);
    world.send(ada, command);
    world.told(eve);
    world.send(eve, call(ADA));
    assert_eq!(world.told(eve), ["call_answered"]);
    all_go(world);
}

#[test]
fn an_inviter_who_goes_takes_the_invitation_back() {
    let (mut world, ada, bob, _) = three();
    let dan = world.open(DAN);
    let command = invite(&world, bob, DAN);
    world.send(bob, command);
    world.told(bob);
    hang_up(&mut world, bob);
    assert_eq!(world.told(bob), ["call_ended cancelled", "call_ended hung_up"]);
    assert_eq!(world.told(dan), ["welcome", "incoming_call", "call_ended cancelled"]);
    assert!(matches!(world.browsers[ada].view, View::Talking(..)));
    all_go(world);
}

#[test]
fn one_alone_waits_for_whom_they_called_in() {
    for answers in [true, false] {
        let (mut world, ada, bob) = talking();
        let eve = world.open(EVE);
        let command = invite(&world, bob, EVE);
        world.send(bob, command);
        hang_up(&mut world, ada);
        assert_eq!(world.told(ada), ["call_ended hung_up"]);
        assert_eq!(
            world.told(bob),
            [
                "call_ringing",
                "participant_left left",
                "direct_changed false",
                "participant_changed"
            ]
        );
        if answers {
            accept(&mut world, eve);
            assert_eq!(world.told(bob), ["participant_joined", "direct_changed true"]);
            assert!(world.browsers[eve].seat.direct);
        } else {
            let call_id = call_of(&world, eve);
            world.send(eve, Command::Decline { call_id });
            assert_eq!(world.told(bob), ["call_ended declined", "call_ended hung_up"]);
            assert_eq!(world.hub.counts().rooms, 0);
        }
        all_go(world);
    }
}

#[test]
fn whoever_left_a_room_may_be_called_again() {
    let (mut world, ada, bob, eve) = three();
    hang_up(&mut world, ada);
    world.told(ada);
    let dan = world.open(DAN);
    world.send(dan, call(ADA));
    assert_eq!(
        world.told(ada),
        ["incoming_call"],
        "the call that she made goes on without her"
    );
    world.send(dan, call(BOB));
    world.told(dan);
    hang_up(&mut world, bob);
    assert_eq!(
        world.told(eve).pop().as_deref(),
        Some("call_ended hung_up"),
        "nobody stays alone"
    );
    all_go(world);
}

#[test]
fn a_participant_of_three_who_vanishes_leaves_two() {
    let (mut world, ada, bob, eve) = three();
    world.cut(eve);
    world.pass_ms(2_000);
    assert_eq!(world.told(ada), ["participant_changed reconnecting"]);
    world.pass_ms(13_000);
    assert_eq!(world.told(ada), ["participant_left connection_lost"]);
    world.told(bob);
    world.leave(bob);
    world.pass_ms(5_000);
    assert_eq!(
        world.told(ada),
        [
            "participant_changed reconnecting",
            "direct_changed true",
            "call_ended connection_lost"
        ]
    );
    all_go(world);
}

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
fn hands_keep_the_order_in_which_they_went_up() {
    let (mut world, ada, bob, eve) = three();
    let room_id = room_of(&world, ada);
    let hand = |raised| Command::RaiseHand { room_id, raised };
    world.send(eve, hand(true));
    world.send(eve, hand(true));
    world.send(bob, hand(true));
    assert_eq!(world.told(ada), ["participant_changed"; 2]);
    let of = |world: &World, browser: usize| {
        let id = me(world, browser);
        world.browsers[ada].seat.others[&id].hand
    };
    assert_eq!((of(&world, eve), of(&world, bob)), (Some(1), Some(2)));
    assert_eq!(world.browsers[eve].seat.hand, Some(1), "she is told too");
    world.send(eve, hand(false));
    world.send(eve, hand(true));
    assert_eq!(
        (of(&world, eve), of(&world, bob)),
        (Some(3), Some(2)),
        "at the end of the line"
    );
    for one in [eve, bob] {
        world.send(one, hand(false));
    }
    world.send(bob, hand(true));
    assert_eq!(of(&world, bob), Some(1));
    all_go(world);
}

#[test]
fn reactions_and_speakers_are_for_those_who_are_there() {
    let (mut world, ada, bob, eve) = three();
    let room_id = room_of(&world, ada);
    let reaction = Reaction::Heart;
    world.cut(eve);
    let seq = world.browsers[ada].seq;
    for _ in 0..11 {
        world.send(ada, Command::React { room_id, reaction });
    }
    let heard = world.told(ada);
    assert_eq!(heard[..10], ["reacted"; 10]);
    assert_eq!(heard[10..], ["error rate_limited"]);
    assert_eq!(world.browsers[ada].seq, seq + 1, "only the error is counted");
    assert_eq!(world.told(bob).len(), 10);
    let speakers = vec![me(&world, bob), ParticipantId::from_random(9)];
    let room = room_id;
    let fact = MediaFact::Speakers { room, speakers };
    for _ in 0..2 {
        world.hub.handle_media(fact.clone(), world.now);
        world.drain();
    }
    let heard = world.take(ada);
    let at_bob = me(&world, bob);
    assert!(
        matches!(&heard[..], [(None, Event::SpeakersChanged { participant_ids, .. })] if participant_ids[..] == [at_bob]),
        "{heard:?}"
    );
    world.told(eve);
    world.resume(eve).expect("in time");
    assert_eq!(world.told(eve), ["welcome", "speakers_changed"], "and not what is over");
    all_go(world);
}

#[test]
fn a_view_is_the_sfu_s() {
    let (mut world, ada, _, eve) = three();
    let room_id = room_of(&world, ada);
    world.media.clear();
    let view = view::View::Speaker;
    world.send(eve, Command::View { room_id, view });
    assert_eq!(world.media, ["view"]);
    assert!(world.told(eve).is_empty());
    all_go(world);
}

#[test]
fn paths_are_between_two_and_reports_of_a_group_are_for_all() {
    let (mut world, ada, bob, eve) = three();
    let room_id = room_of(&world, ada);
    let report = |path, reason| Command::ReportPath {
        room_id,
        path,
        reason,
        protocol: None,
        setup_ms: None,
    };
    world.send(ada, report(Path::Direct, PathReason::DirectReady));
    let (path, reason) = (Path::Forwarded, PathReason::Loss);
    world.send(ada, Command::RequestPath { room_id, path, reason });
    assert_eq!(world.told(ada), ["error not_allowed"; 2]);
    world.send(ada, report(Path::Forwarded, PathReason::Group));
    for one in [bob, eve] {
        assert_eq!(world.told(one), ["path_changed group"]);
    }
    world.send(ada, report(Path::Forwarded, PathReason::UdpLoss));
    assert!(world.told(bob).is_empty(), "of several, nobody falls silent for one");
    let paths = world.facts.iter().filter(|fact| matches!(fact, Fact::Path { .. })).count();
    assert_eq!(paths, 2);
    all_go(world);
}

#[test]
fn a_room_is_full_for_whoever_comes_by_whatever_way() {
    let (mut world, ada, bob, eve) = three();
    world.hub.config.participants_per_room_max = 3;
    let (dan, fay) = (world.open(DAN), world.open(5));
    let room = room_of(&world, ada);
    let link = make_link(&mut world, ada, Some(room), OPEN);
    assert_eq!(join(&mut world, dan, link), ["error room_full"]);
    let command = invite(&world, bob, DAN);
    world.told(bob);
    world.send(bob, command.clone());
    assert_eq!(world.told(bob), ["error room_full"]);
    // Two ring for one place.
    hang_up(&mut world, eve);
    world.send(bob, command);
    let command = invite(&world, bob, 5);
    world.send(bob, command);
    accept(&mut world, dan);
    world.told(fay);
    accept(&mut world, fay);
    assert_eq!(world.told(fay), ["error room_full"]);
    hang_up(&mut world, dan);
    accept(&mut world, fay);
    assert_eq!(world.told(fay), ["call_answered"]);
    let limit = Limit::ParticipantsPerRoom;
    assert!(world.facts.contains(&Fact::LimitReached { limit }));
    let outcome = JoinOutcome::Refused(ErrorCode::RoomFull);
    assert!(world.facts.contains(&Fact::Join { outcome }));
    all_go(world);
}

#[test]
fn a_room_of_three_survives_the_server() {
    let (mut world, ada, bob, eve) = three();
    let dan = world.open(DAN);
    let room = room_of(&world, ada);
    let link = make_link(&mut world, ada, Some(room), OPEN);
    join(&mut world, dan, link);
    world.assert_kept();
    world.pass_ms(10_000);
    world.restart();
    assert_eq!((world.hub.counts().participants, world.hub.counts().answered), (4, 2));
    for one in [ada, bob, eve, dan] {
        world.take(one);
        world.resume(one).expect("in time");
        let seat = &world.browsers[one].seat;
        assert_eq!((seat.others.len(), seat.direct, seat.host), (3, false, one == ada));
        assert_eq!(seat.room.as_ref().and_then(|room| room.link_id), Some(link));
    }
    let call = world.browsers[dan].call.clone();
    assert!(matches!(call, Some(CallNow::Joined { elapsed_ms: 10_000, .. })), "{call:?}");
    for one in [ada, bob, eve] {
        world.take(dan);
        hang_up(&mut world, one);
        assert_eq!(world.told(one).pop().as_deref(), Some("call_ended hung_up"));
    }
    assert!(matches!(world.browsers[dan].view, View::Joined(..)));
    let ended = world.facts.iter().filter(|fact| {
        matches!(
            fact,
            Fact::CallEnded {
                reason: EndReason::HungUp,
                ..
            }
        )
    });
    assert_eq!(ended.count(), 2);
    world.assert_kept();
    all_go(world);
}

#[test]
fn a_room_whose_others_do_not_come_back_ends_as_ever() {
    let (mut world, ada, _, _) = three();
    world.restart();
    world.resume(ada).expect("in time");
    world.told(ada);
    world.pass_ms(15_000);
    let heard = world.told(ada);
    assert_eq!(
        heard.last().map(String::as_str),
        Some("call_ended connection_lost"),
        "{heard:?}"
    );
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
