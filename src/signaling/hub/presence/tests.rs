//! Who sees who is here: stories under a virtual clock.

use super::super::stories::{ADA, BOB, accept, all_go, call, hang_up};
use super::super::world::{World, user_id};
use super::{LOOKS_MAX, SHOWN_EVERY};
use crate::signaling::protocol::{Command, Event, Presence};

const EVE: u64 = 3;

fn change(world: &mut World, browser: usize, command: Command) {
    world.send(browser, command);
    world.keep_changes(true);
}

fn keep(user: u64) -> Command {
    Command::KeepContact {
        user_id: user_id(user),
        name: String::new(),
    }
}

fn forget(user: u64) -> Command {
    let user_id = user_id(user);
    Command::ForgetContact { user_id }
}

fn block(user: u64) -> Command {
    Command::Block {
        user_id: user_id(user),
        name: String::new(),
    }
}

/// What a browser was told of others' presence, once it is due.
fn seen(world: &mut World, browser: usize) -> Vec<Presence> {
    world.pass(SHOWN_EVERY);
    seen_now(world, browser)
}

fn seen_now(world: &mut World, browser: usize) -> Vec<Presence> {
    let told = world.take(browser).into_iter().filter_map(|(_, event)| match event {
        Event::PresenceChanged { changes } => Some(changes),
        _ => None,
    });
    told.flatten().map(|change| change.presence).collect()
}

/// Ada and Bob, each with the other as a contact, who have seen that they are here.
fn friends() -> (World, usize, usize) {
    let mut world = World::new();
    let (ada, bob) = (world.open(ADA), world.open(BOB));
    change(&mut world, ada, keep(BOB));
    change(&mut world, bob, keep(ADA));
    assert_eq!(seen(&mut world, ada), [Presence::Online]);
    assert_eq!(seen(&mut world, bob), [Presence::Online]);
    (world, ada, bob)
}

#[test]
fn contacts_see_each_other_come_call_and_go() {
    let (mut world, ada, bob) = friends();
    change(&mut world, bob, Command::SetAway { away: true });
    assert_eq!(seen(&mut world, ada), [Presence::Away]);
    let tab = world.open(BOB);
    assert_eq!(seen(&mut world, ada), [Presence::Online], "one of the tabs is looked at");
    world.leave(tab);
    world.pass_ms(20_000);
    assert_eq!(seen(&mut world, ada), [Presence::Away]);
    change(&mut world, bob, Command::SetAway { away: false });
    assert_eq!(seen(&mut world, ada), [Presence::Online]);
    let eve = world.open(EVE);
    world.send(eve, call(BOB));
    assert_eq!(seen(&mut world, ada), [], "it may not be answered");
    accept(&mut world, bob);
    assert_eq!(seen(&mut world, ada), [Presence::InCall]);
    hang_up(&mut world, eve);
    assert_eq!(seen(&mut world, ada), [Presence::Online]);
    world.cut(bob);
    world.pass_ms(1900);
    assert_eq!(seen_now(&mut world, ada), [], "most come back at once");
    world.pass_ms(100);
    assert_eq!(seen(&mut world, ada), [Presence::Offline]);
    world.resume(bob).expect("he comes back");
    assert_eq!(seen(&mut world, ada), [Presence::Online]);
    all_go(world);
}

#[test]
fn a_stranger_who_adds_somebody_sees_nothing_of_them() {
    let mut world = World::new();
    let (eve, bob) = (world.open(EVE), world.open(BOB));
    let mut learned = Vec::new();
    // He is here, is nobody's, has blocked her, and is not there at all: it is one and the same.
    for other in [BOB, 77, BOB, 78] {
        world.take(eve);
        change(&mut world, eve, keep(other));
        world.pass(SHOWN_EVERY);
        world.send(bob, Command::SetAway { away: true });
        world.pass(SHOWN_EVERY);
        world.send(bob, Command::SetAway { away: false });
        world.pass(SHOWN_EVERY);
        let told = world.take(eve);
        let [(Some(_), Event::ContactChanged { contact })] = told.as_slice() else {
            panic!("{told:?}");
        };
        learned.push(contact.presence);
        change(&mut world, eve, forget(other));
        change(&mut world, bob, block(EVE));
    }
    assert_eq!(learned, [Presence::Offline; 4]);
    let told = world.take(bob);
    assert!(
        !told.iter().any(|(_, event)| matches!(event, Event::PresenceChanged { .. })),
        "{told:?}"
    );
    all_go(world);
}

#[test]
fn whoever_is_forgotten_or_blocked_sees_somebody_go() {
    for take_away in [forget(ADA), block(ADA)] {
        let (mut world, ada, bob) = friends();
        change(&mut world, bob, take_away);
        assert_eq!(seen(&mut world, ada), [Presence::Offline]);
        world.send(bob, Command::SetAway { away: true });
        assert_eq!(seen(&mut world, ada), []);
        // Nothing more is told when he does it again, or goes.
        change(&mut world, bob, block(ADA));
        world.cut(bob);
        world.pass_ms(60_000);
        assert_eq!(seen(&mut world, ada), []);
        all_go(world);
    }
}

#[test]
fn what_comes_and_goes_within_a_moment_is_not_told() {
    let (mut world, ada, bob) = friends();
    for away in [true, false, true, false] {
        world.send(bob, Command::SetAway { away });
    }
    assert_eq!(seen(&mut world, ada), []);
    all_go(world);
}

#[test]
fn after_a_restart_everybody_sees_everybody_again() {
    let (mut world, ada, bob) = friends();
    world.restart();
    world.resume(ada).expect("she is back");
    world.resume(bob).expect("he is back");
    assert_eq!(seen(&mut world, ada), [Presence::Online]);
    assert_eq!(seen(&mut world, bob), [Presence::Online]);
    all_go(world);
}

#[test]
fn of_very_many_some_are_told_of_a_moment_later() {
    let mut world = World::new();
    let others = 40;
    let contacts = LOOKS_MAX as u64 / others * 2;
    let ada = world.open(ADA);
    for other in 0..others {
        let person = world.people.entry(user_id(100 + other)).or_default();
        person.contacts.extend((0..contacts).map(|n| user_id(10_000 + n)));
        person.contacts.insert(user_id(ADA));
        change(&mut world, ada, keep(100 + other));
        world.pass_ms(1000);
    }
    let open: Vec<usize> = (0..others).map(|other| world.open(100 + other)).collect();
    world.take(ada);
    let first = seen(&mut world, ada).len();
    let second = seen(&mut world, ada).len();
    assert!(first > 0 && second > 0, "{first} and {second}");
    assert_eq!(first + second, open.len());
    all_go(world);
}
