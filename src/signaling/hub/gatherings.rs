//! What happens to people in rooms of several: one story a test, under a virtual clock.

// The architecture test reads a file up to this line.
#[cfg(test)]
mod hosting;
mod inside;
mod links;

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
