//! Websockets that break in the middle of things.

use std::time::Duration;

use super::{SECOND, call, pair, ring, wait_for_media};
use crate::whole::page::View;
use crate::whole::world::World;
use crate::world::seed;

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_websocket_that_comes_back_costs_no_frame_and_no_event() {
    let (mut world, a, b) = pair(World::new(seed(30)));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    world.run(SECOND * 3);
    for page in [a, b] {
        world.pages[page].forwarded.as_mut().expect("connected").received.clear();
    }
    world.cut_for(a, MS * 20, SECOND * 6);
    // Said meanwhile: heard afterwards, once.
    world.run(SECOND);
    world.pages[a].rename("Ada");
    world.pages[b].rename("Bob");
    world.run(SECOND * 3);
    assert!(world.pages[b].other_is_reconnecting, "after two seconds it is shown");
    world.run(SECOND * 5);
    assert!(!world.pages[b].other_is_reconnecting && world.are_talking(a, b));
    assert_eq!((world.pages[a].resumed, world.pages[a].begun), (1, 1));
    let renamed = world.pages[a].heard.iter().filter(|kind| *kind == "name_changed");
    assert_eq!(
        renamed.count(),
        1,
        "a command that was never taken was sent again, and taken once"
    );
    for page in [a, b] {
        let (audio, frames) = world.pages[page].received();
        assert!(audio > 420 && frames > 250, "{audio} packets, {frames} frames in 9 s");
        let forwarded = world.pages[page].forwarded.as_ref().expect("connected");
        let gap = forwarded.received[&forwarded.slots[0]].longest_gap;
        assert!(gap < MS * 150, "media stood still for {gap:?}");
    }
}

#[test]
fn a_websocket_that_breaks_at_any_moment_of_a_call_loses_nothing() {
    for at_ms in (0..120).step_by(5) {
        let (mut world, a, b) = pair(World::without_media(seed(31)));
        let id = world.pages[b].user_id().to_owned();
        world.pages[a].call(&id);
        world.run(MS * at_ms);
        // A callee who is away when the call comes is unreachable, as it should be: that is another story.
        let (cut, other) = if at_ms % 2 == 0 || at_ms <= 10 { (a, b) } else { (b, a) };
        world.cut_for(cut, MS * (at_ms / 3), MS * 700);
        for _ in 0..100 {
            world.run(MS * 20);
            if matches!(world.pages[b].view, View::Ringing { .. }) && world.pages[b].is_welcomed {
                world.pages[b].command_on_call("accept");
                world.run(SECOND);
                break;
            }
        }
        assert!(world.are_talking(a, b), "cut at {at_ms} ms");
        world.pages[other].command_on_call("hang_up");
        world.run(SECOND);
        assert!([a, b].iter().all(|page| world.pages[*page].ended.len() == 1));
    }
}

#[test]
fn a_silent_websocket_is_replaced_by_the_one_that_resumes() {
    let (mut world, a, b) = pair(World::without_media(seed(32)));
    call(&mut world, a, b);
    // The server does not notice for longer than the page is away.
    world.cut_for(a, SECOND * 25, SECOND);
    world.run(SECOND * 40);
    assert!(world.are_talking(a, b));
    assert!(!world.pages[b].other_is_reconnecting);
    world.pages[b].command_on_call("hang_up");
    world.run(SECOND);
    assert_eq!(world.pages[a].ended.len(), 1);
}

#[test]
fn a_participant_who_vanishes_is_given_up_after_15_s() {
    let (mut world, a, b) = pair(World::new(seed(33)));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    world.vanish(a, Duration::ZERO);
    world.run(MS * 1900);
    assert!(!world.pages[b].other_is_reconnecting);
    world.run(MS * 200);
    assert!(world.pages[b].other_is_reconnecting);
    let took = world.run_until("the call ends", SECOND * 15, |w| !w.pages[b].ended.is_empty()) + MS * 2100;
    assert!(took > MS * 14_990 && took < MS * 15_100, "{took:?}");
    assert_eq!(world.pages[b].ended[0].1, "connection_lost");
    assert_eq!(world.server.sfu.count_transports(), 0);
    world.vanish(b, Duration::ZERO);
    world.run(SECOND * 16);
    world.assert_empty();
}

#[test]
fn a_caller_who_vanishes_stops_the_ringing() {
    let (mut world, a, b) = pair(World::new(seed(34)));
    ring(&mut world, a, b);
    world.vanish(a, Duration::ZERO);
    let took = world.run_until("it stops", SECOND * 4, |w| !w.pages[b].ended.is_empty());
    assert!(took > MS * 2990 && took < MS * 3100, "{took:?}");
    assert_eq!(world.pages[b].ended[0].1, "cancelled");
    assert_eq!(world.server.sfu.count_transports(), 0);
}

#[test]
fn a_callee_who_vanishes_stops_the_calling() {
    let (mut world, a, b) = pair(World::without_media(seed(35)));
    ring(&mut world, a, b);
    world.vanish(b, Duration::ZERO);
    world.run_until("it stops", SECOND * 16, |w| !w.pages[a].ended.is_empty());
    assert_eq!(world.pages[a].ended[0].1, "unreachable");
}

#[test]
fn a_page_that_comes_back_too_late_begins_anew() {
    let (mut world, a, b) = pair(World::without_media(seed(36)));
    call(&mut world, a, b);
    world.cut_for(a, Duration::ZERO, SECOND * 16);
    world.run(SECOND * 20);
    assert_eq!((world.pages[a].resumed, world.pages[a].begun), (0, 2));
    assert_eq!(world.pages[a].view, View::Idle);
    assert_eq!(world.pages[b].ended[0].1, "connection_lost");
    call(&mut world, a, b);
}
