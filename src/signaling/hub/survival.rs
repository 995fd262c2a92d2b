//! How sessions and calls outlive websockets, pages and the server, one story a test, under a virtual clock.

// The architecture test reads a file up to this line.
#[cfg(test)]
use super::stories::{BOB, accept, ada_and_bob, all_go, call, call_of, end_of_candidates, hang_up, offer, room_of, talking};
use super::world::View;
use super::*;
use crate::signaling::protocol::{CallNow, Command, EndReason, PathReason};

fn answered(call: Option<&CallNow>) -> (u32, u32, u32, bool, bool) {
    match call {
        Some(CallNow::Answered {
            elapsed_ms,
            attempt,
            generation,
            outgoing,
            polite,
            ..
        }) => (*elapsed_ms, *attempt, *generation, *outgoing, *polite),
        other => panic!("an answered call was expected: {other:?}"),
    }
}

#[test]
fn a_page_that_knows_nothing_is_told_its_call() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    let bob = bobs[0];
    assert_eq!(world.browsers[ada].call, None);
    world.send(ada, call(BOB));
    world.pass_ms(500);
    world.leave(bob);
    world.resume(bob).expect("in time");
    let call = world.browsers[bob].call.clone();
    assert!(
        matches!(
            call,
            Some(CallNow::Incoming {
                elapsed_ms: 500,
                attempt: 0,
                ..
            })
        ),
        "{call:?}"
    );
    let room = room_of(&world, ada);
    world.send(ada, offer(room, 3));
    world.leave(ada);
    world.resume(ada).expect("in time");
    let call = world.browsers[ada].call.clone();
    assert!(matches!(call, Some(CallNow::RingingOut { attempt: 3, .. })), "{call:?}");
    accept(&mut world, bob);
    world.pass_ms(700);
    let candidate = end_of_candidates(&world, bob);
    world.send(bob, candidate);
    for (who, attempt) in [(ada, 3), (bob, 0)] {
        world.leave(who);
        world.pass_ms(100);
        world.resume(who).expect("in time");
        let (_, found, generation, outgoing, polite) = answered(world.browsers[who].call.as_ref());
        assert_eq!((found, generation), (attempt, 1));
        assert_eq!((outgoing, polite), (who == ada, who == bob));
    }
    hang_up(&mut world, bob);
    all_go(world);
}

#[test]
fn a_page_that_was_left_ends_the_call_sooner_than_one_that_lost_its_network() {
    for (leave, grace_ms) in [(true, 5_000), (false, 15_000)] {
        let (mut world, ada, bob) = talking();
        world.told(ada);
        if leave {
            world.leave(bob);
        } else {
            world.cut(bob);
        }
        world.pass_ms(2_000);
        assert_eq!(world.told(ada), ["participant_changed reconnecting"]);
        world.pass_ms(grace_ms - 2_001);
        assert!(world.told(ada).is_empty());
        world.pass_ms(1);
        assert_eq!(world.told(ada), ["call_ended connection_lost"]);
        all_go(world);
    }
}

#[test]
fn a_silent_websocket_is_shown_after_3_s_and_given_up_after_15() {
    let (mut world, ada, bob) = talking();
    world.told(ada);
    world.pass_ms(10_000);
    assert!(world.told(ada).is_empty(), "a heartbeat every second is enough");
    world.browsers[bob].mute = true;
    world.pass_ms(1_900);
    assert!(world.told(ada).is_empty());
    world.pass_ms(1_100);
    assert_eq!(world.told(ada), ["participant_changed reconnecting"]);
    assert_eq!(world.browsers[bob].closed, Some(CloseReason::Silent));
    world.pass_ms(12_000);
    assert_eq!(world.told(ada), ["call_ended connection_lost"]);
    all_go(world);
}

#[test]
fn a_caller_who_falls_silent_takes_the_call_back() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    world.browsers[ada].mute = true;
    world.told(bobs[0]);
    world.pass_ms(3_100);
    assert_eq!(world.told(bobs[0]), ["call_ended cancelled"]);
    all_go(world);
}

#[test]
fn a_session_without_a_call_may_be_silent() {
    let mut world = super::world::World::new();
    let ada = world.open(1);
    world.pass_ms(60_000);
    assert!(world.browsers[ada].connection.is_some());
}

#[test]
fn nobody_is_given_up_because_the_server_slept() {
    let (mut world, ada, bob) = talking();
    world.now += Duration::from_secs(20);
    world.hub.handle_timeout(world.now);
    world.drain();
    world.pass_ms(5_000);
    assert!(world.browsers[ada].connection.is_some() && world.browsers[bob].connection.is_some());
    all_go(world);
}

#[test]
fn an_answered_call_survives_the_server() {
    let (mut world, ada, bob) = talking();
    let view = world.browsers[ada].view;
    let room = room_of(&world, ada);
    world.send(ada, offer(room, 2));
    world.pass_ms(60_000);
    world.restart();
    assert_eq!(world.hub.counts().answered, 1);
    assert_eq!(world.sfu[&room].len(), 2, "both may connect again");
    for who in [ada, bob] {
        world.take(who);
        world.pass_ms(500);
        world.resume(who).expect("in time");
        assert!(world.browsers[who].resumed);
        let (elapsed_ms, attempt, generation, ..) = answered(world.browsers[who].call.as_ref());
        assert!(
            elapsed_ms >= 60_000 && attempt == 0 && generation == 0,
            "{elapsed_ms} {attempt} {generation}"
        );
    }
    assert_eq!(world.browsers[ada].view, view);
    assert!(
        !world.told(ada).iter().any(|event| event.contains("reconnecting")),
        "a quick return is no flicker"
    );
    let seq = world.browsers[ada].seq;
    world.take(bob);
    hang_up(&mut world, ada);
    assert_eq!(world.told(bob), ["call_ended hung_up"]);
    assert_eq!(world.browsers[ada].seq, seq + 1, "events are counted on");
    world.restart();
    assert_eq!(world.hub.counts().answered, 0, "what is over stays over");
    all_go(world);
}

#[test]
fn after_a_restart_both_have_the_usual_time_to_come_back() {
    let (mut world, ada, bob) = talking();
    world.restart();
    world.pass_ms(1_000);
    world.resume(ada).expect("in time");
    world.take(ada);
    world.pass_ms(1_000);
    assert_eq!(world.told(ada), ["participant_changed reconnecting"]);
    world.pass_ms(13_000);
    assert_eq!(world.told(ada), ["call_ended connection_lost"]);
    world.resume(bob).expect("there is room");
    assert!(!world.browsers[bob].resumed);
    all_go(world);
}

#[test]
fn a_ringing_call_dies_with_the_server() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    world.restart();
    for who in [ada, bobs[0]] {
        world.resume(who).expect("in time");
        assert!(world.browsers[who].resumed && world.browsers[who].call.is_none());
    }
    assert_eq!(world.browsers[ada].view, View::Idle);
    all_go(world);
}

#[test]
fn who_calls_again_after_a_restart_rings_at_those_who_are_not_back_yet() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    world.restart();
    world.resume(ada).expect("in time");
    world.send(ada, call(BOB));
    assert!(
        matches!(world.browsers[ada].view, View::Calling(..)),
        "{:?}",
        world.browsers[ada].view
    );
    world.resume(bobs[0]).expect("in time");
    assert!(matches!(world.browsers[bobs[0]].call, Some(CallNow::Incoming { .. })));
    accept(&mut world, bobs[0]);
    assert!(matches!(world.browsers[ada].view, View::Talking(..)));
    all_go(world);
}

#[test]
fn a_hang_up_that_is_said_again_is_done_already() {
    let (mut world, ada, bob) = talking();
    let call_id = call_of(&world, ada);
    hang_up(&mut world, ada);
    world.take(ada);
    world.take(bob);
    for who in [ada, bob] {
        world.send(who, Command::HangUp { call_id });
        assert!(world.told(who).is_empty());
    }
    let ended = |fact: &&Fact| {
        matches!(
            fact,
            Fact::CallEnded {
                reason: EndReason::HungUp,
                ..
            }
        )
    };
    assert_eq!(world.facts.iter().filter(ended).count(), 1);
    all_go(world);
}

#[test]
fn what_the_store_has_wrong_is_left_out() {
    let (mut world, ada, _) = talking();
    world.forget_session(ada);
    world.restart();
    assert_eq!((world.hub.counts().sessions, world.hub.counts().answered), (1, 0));
    assert_eq!(world.kept_calls(), 0, "and forgotten there");
    world.pass_ms(15_000);
    world.assert_empty();
}

#[test]
fn limits_are_counted_by_name() {
    let mut world = super::world::World::new();
    let ada = world.open(1);
    for name in ["x".repeat(65), "y".repeat(2_000)] {
        world.send(ada, Command::SetName { name });
    }
    for _ in 0..120 {
        let (path, reason) = (crate::signaling::protocol::Path::Direct, PathReason::Loss);
        let room_id = RoomId::from_random(1);
        world.send(ada, Command::RequestPath { room_id, path, reason });
    }
    for _ in 0..16 {
        let _ = world.try_open(1);
    }
    let reached = |limit| world.facts.contains(&Fact::LimitReached { limit });
    for limit in [
        Limit::NameChars,
        Limit::FieldBytes,
        Limit::CommandRate,
        Limit::SessionsPerUser,
    ] {
        assert!(reached(limit), "{limit:?}");
    }
}
