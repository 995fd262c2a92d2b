//! What a drained server goes on doing, and what it refuses: one story a test, under a virtual clock.

// The architecture test reads a file up to this line.
#[cfg(test)]
use super::gatherings::{OPEN, join, make_link};
use super::stories::{all_go, call, hang_up, talking};
use super::world::World;
use crate::signaling::protocol::Command;

const ADA: u64 = 1;
const BOB: u64 = 2;
const EVE: u64 = 3;
const DAN: u64 = 4;

#[test]
fn calls_go_on_and_none_begins() {
    let (mut world, ada, bob) = talking();
    let (eve, dan) = (world.open(EVE), world.open(DAN));
    world.hub.set_draining(true);
    for browser in [ada, bob, eve, dan] {
        world.told(browser);
    }
    let link = Command::CreateLink {
        room_id: None,
        wish: OPEN,
    };
    for command in [call(DAN), link, Command::StartCheck {}] {
        world.send(eve, command);
        assert_eq!(world.told(eve), ["error shutting_down"]);
    }
    world.open(5);
    world.cut(ada);
    world.resume(ada).expect("a session that is there may resume");
    let running = world.hub.running();
    assert_eq!((running.draining, running.calls, running.participants), (true, 1, 2));
    hang_up(&mut world, ada);
    assert!(!world.hub.has_calls());
    all_go(world);
}

#[test]
fn a_drain_is_taken_back_and_a_stop_is_announced() {
    let mut world = World::new();
    let (ada, bob) = (world.open(ADA), world.open(BOB));
    world.hub.set_draining(true);
    world.hub.set_draining(false);
    for browser in [ada, bob] {
        world.told(browser);
    }
    world.send(ada, call(BOB));
    assert_eq!(world.told(ada), ["call_ringing"]);
    assert!(world.hub.has_calls(), "one that rings counts");
    world.hub.announce_stop(world.now);
    world.drain();
    assert_eq!(world.told(ada), ["server_stopping"]);
    all_go(world);
}

#[test]
fn whoever_was_in_a_room_finds_back_into_it_and_nobody_else_comes() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.open(ADA), world.open(BOB), world.open(EVE));
    let link = make_link(&mut world, ada, None, OPEN);
    assert_eq!(join(&mut world, ada, link), ["room_joined"]);
    assert_eq!(join(&mut world, bob, link)[0], "room_joined");
    assert_eq!(world.hub.running().calls, 1);
    world.hub.set_draining(true);
    let room_id = world.hub.links[&link].room.expect("people are in it");
    world.send(bob, Command::Leave { room_id });
    assert_eq!(world.hub.running().calls, 0, "nobody misses a room of one");
    assert_eq!(join(&mut world, eve, link), ["error shutting_down"]);
    assert_eq!(join(&mut world, bob, link)[0], "room_joined");
    for browser in [bob, ada] {
        world.send(browser, Command::Leave { room_id });
    }
    assert_eq!(join(&mut world, bob, link), ["error shutting_down"], "that room is over");
    world.hub.remove_link(link);
    world.drain();
    all_go(world);
}
