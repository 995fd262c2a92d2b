//! What happens to people, one story a test, under a virtual clock.

// The architecture test reads a file up to this line.
#[cfg(test)]
use std::collections::BTreeSet;
use std::time::Duration;

use super::world::{View, World, user_id};
use super::*;
use crate::id::{ParticipantId, Source};
use crate::signaling::output::{CloseReason, MediaFact, MediaNews};
use crate::signaling::protocol::{
    Command, DirectSignal, EndReason, ErrorCode, Path, PathProtocol, PathReason, Resume, SourceLine,
};

pub(super) const ADA: u64 = 1;
pub(super) const BOB: u64 = 2;
const EVE: u64 = 3;

pub(super) fn call(user: u64) -> Command {
    Command::Call {
        user_id: user_id(user),
        always_through_server: false,
    }
}

pub(super) fn call_of(world: &World, browser: usize) -> CallId {
    world.browsers[browser].view.call().expect("it has a call")
}

pub(super) fn room_of(world: &World, browser: usize) -> RoomId {
    world.browsers[browser].view.room().expect("it has a room")
}

pub(super) fn accept(world: &mut World, browser: usize) {
    let call_id = call_of(world, browser);
    let always_through_server = false;
    world.send(
        browser,
        Command::Accept {
            call_id,
            always_through_server,
        },
    );
}

pub(super) fn hang_up(world: &mut World, browser: usize) {
    let call_id = call_of(world, browser);
    world.send(browser, Command::HangUp { call_id });
}

pub(super) fn offer(room_id: RoomId, attempt: u32) -> Command {
    Command::Offer {
        room_id,
        attempt,
        sdp: "v=0".to_owned(),
        sources: vec![SourceLine {
            mid: "0".to_owned(),
            source: Source::Microphone,
        }],
    }
}

pub(super) fn end_of_candidates(world: &World, browser: usize) -> Command {
    let View::Talking(_, room_id, _, to) = world.browsers[browser].view else {
        panic!("it is not in a call")
    };
    Command::Signal {
        room_id,
        to,
        signal: DirectSignal::Candidate {
            generation: 1,
            candidate: None,
        },
    }
}

/// Ada with one tab and Bob with `tabs`, who have heard `welcome`.
pub(super) fn ada_and_bob(tabs: usize) -> (World, usize, Vec<usize>) {
    let mut world = World::new();
    let ada = world.open(ADA);
    let bobs: Vec<usize> = (0..tabs).map(|_| world.open(BOB)).collect();
    for browser in 0..=tabs {
        assert_eq!(world.told(browser), ["welcome"]);
    }
    (world, ada, bobs)
}

/// Ada and Bob in a call, who have heard everything about it.
pub(super) fn talking() -> (World, usize, usize) {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    accept(&mut world, bobs[0]);
    assert_eq!(world.told(ada), ["call_ringing", "call_answered"]);
    assert_eq!(world.told(bobs[0]), ["incoming_call", "call_answered"]);
    (world, ada, bobs[0])
}

/// Drops everybody, waits, and looks for what is left.
pub(super) fn all_go(mut world: World) {
    for browser in 0..world.browsers.len() {
        world.cut(browser);
    }
    world.pass(Duration::from_secs(120));
    world.assert_empty();
}

#[test]
fn a_call_is_answered_and_hung_up() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    world.send(ada, call(BOB));
    assert_eq!(world.told(ada), ["call_ringing"]);
    assert_eq!(world.told(bobs[1]), ["incoming_call"]);
    accept(&mut world, bobs[0]);
    assert_eq!(world.told(ada), ["call_answered"]);
    assert_eq!(world.told(bobs[0]), ["incoming_call", "call_answered"]);
    assert_eq!(world.told(bobs[1]), ["answered_elsewhere"]);
    assert_eq!(world.hub.counts().participants, 2);
    world.pass_ms(61_500);
    hang_up(&mut world, bobs[0]);
    let heard = world.take(ada);
    assert!(
        matches!(
            heard[..],
            [(
                None,
                Event::CallEnded {
                    reason: EndReason::HungUp,
                    duration_ms: 61_500,
                    ..
                }
            )]
        ),
        "{heard:?}"
    );
    assert_eq!(world.told(bobs[0]), ["call_ended hung_up"]);
    assert!(world.told(bobs[1]).is_empty());
    all_go(world);
}

#[test]
fn nothing_waits_for_a_short_call_that_is_over() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    let mut waiting = Vec::new();
    for _ in 0..5 {
        world.send(ada, call(BOB));
        accept(&mut world, bobs[0]);
        hang_up(&mut world, ada);
        world.send(ada, call(BOB));
        let call_id = call_of(&world, ada);
        world.send(ada, Command::Cancel { call_id });
        world.pass_ms(500);
        waiting.push(world.hub.timers.len());
    }
    assert!(waiting.iter().all(|count| *count == waiting[0]), "{waiting:?}");
    all_go(world);
}

#[test]
fn a_late_accept_is_refused_and_changes_nothing() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    world.send(ada, call(BOB));
    let call_id = call_of(&world, bobs[1]);
    accept(&mut world, bobs[0]);
    let always_through_server = false;
    world.send(
        bobs[1],
        Command::Accept {
            call_id,
            always_through_server,
        },
    );
    assert_eq!(
        world.told(bobs[1]),
        ["welcome", "incoming_call", "answered_elsewhere", "error not_allowed"][1..]
    );
    assert!(matches!(world.browsers[bobs[0]].view, View::Talking(..)));
    all_go(world);
}

#[test]
fn one_tab_declines_for_all() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    world.send(ada, call(BOB));
    let call_id = call_of(&world, bobs[1]);
    world.send(bobs[1], Command::Decline { call_id });
    assert_eq!(world.told(ada), ["call_ringing", "call_ended declined"]);
    for bob in bobs {
        assert_eq!(world.told(bob), ["incoming_call", "call_ended declined"]);
    }
    all_go(world);
}

#[test]
fn the_caller_cancels_and_nobody_else_can() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    let eve = world.open(EVE);
    world.send(ada, call(BOB));
    let call_id = call_of(&world, ada);
    for other in [bobs[0], eve] {
        world.send(other, Command::Cancel { call_id });
        assert_eq!(world.told(other).pop().as_deref(), Some("error not_allowed"));
    }
    world.send(ada, Command::Cancel { call_id });
    assert_eq!(world.told(ada), ["call_ringing", "call_ended cancelled"]);
    assert_eq!(world.told(bobs[0]), ["call_ended cancelled"]);
    all_go(world);
}

#[test]
fn a_cancel_that_crosses_the_answer_hangs_up() {
    let (mut world, ada, bob) = talking();
    let call_id = call_of(&world, ada);
    world.send(ada, Command::Cancel { call_id });
    assert_eq!(world.told(ada), ["call_ended hung_up"]);
    assert_eq!(world.told(bob), ["call_ended hung_up"]);
    all_go(world);
}

#[test]
fn no_answer_after_45_s_ends_the_call_for_both() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    world.pass_ms(44_999);
    assert_eq!(world.told(ada), ["call_ringing"]);
    world.pass_ms(1);
    assert_eq!(world.told(ada), ["call_ended no_answer"]);
    assert_eq!(world.told(bobs[0]), ["incoming_call", "call_ended no_answer"]);
    all_go(world);
}

#[test]
fn nobody_there_and_no_such_user_are_the_same() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.cut(bobs[0]);
    for user in [BOB, EVE, 99] {
        world.send(ada, call(user));
        let reference = world.browsers[ada].reference;
        let heard = world.take(ada);
        assert!(
            matches!(
                heard[..],
                [(
                    Some(r),
                    Event::CallEnded {
                        reason: EndReason::Unreachable,
                        duration_ms: 0,
                        ..
                    }
                )] if r == reference
            ),
            "{heard:?}"
        );
    }
    assert!(world.media.is_empty());
    all_go(world);
}

#[test]
fn a_tab_that_comes_back_in_time_rings() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    world.cut(bobs[1]);
    world.send(ada, call(BOB));
    world.pass_ms(5_000);
    world.resume(bobs[1]).expect("it goes on");
    assert_eq!(world.told(bobs[1]), ["welcome", "incoming_call"]);
    accept(&mut world, bobs[1]);
    assert_eq!(world.told(ada), ["call_ringing", "call_answered"]);
    all_go(world);
}

#[test]
fn a_hundred_thousand_guesses_from_one_address_find_nobody_and_are_few() {
    let mut world = World::new();
    let address = Some(std::net::IpAddr::from([192, 0, 2, 1]));
    let bob = world.open(BOB);
    world.told(bob);
    let mut answers = BTreeMap::new();
    // As many users as there is room for, each with its own guesses.
    for user in 0..1000 {
        let guesser = world.open(1000 + user);
        world.browsers[guesser].address = address;
        world.cut(guesser);
        world.resume(guesser).expect("it comes back, from there");
        world.told(guesser);
        for guess in 0..100 {
            world.send(guesser, call(1_000_000 + user * 100 + guess));
            for told in world.told(guesser) {
                *answers.entry(told).or_insert(0) += 1;
            }
            world.pass_ms(20);
        }
    }
    // 30 at once, and 30 in each of the 33 minutes.
    let reached = answers["call_ended unreachable"];
    assert!((900..=1060).contains(&reached), "{answers:?}");
    assert_eq!(answers.values().sum::<i32>(), 100_000, "{answers:?}");
    assert_eq!(
        answers["error rate_limited"],
        100_000 - reached,
        "no ring, and no other answer"
    );
    assert!(world.told(bob).is_empty());
    // Whoever is elsewhere calls as before.
    let ada = world.open(ADA);
    world.told(ada);
    world.send(ada, call(BOB));
    assert_eq!(world.told(ada), ["call_ringing"]);
}

#[test]
fn guessing_user_ids_is_slow() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    for guess in 100..110 {
        world.send(ada, call(guess));
    }
    assert_eq!(world.told(ada), ["call_ended unreachable"; 10]);
    for user in [110, BOB] {
        world.send(ada, call(user));
        assert_eq!(world.told(ada), ["error rate_limited"], "whether or not there is such a user");
    }
    world.pass_ms(6_100);
    world.send(ada, call(BOB));
    assert_eq!(world.told(bobs[0]), ["incoming_call"]);
    all_go(world);
}

#[test]
fn whoever_calls_or_is_called_is_busy() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    let eve = world.open(EVE);
    assert_eq!(world.told(eve), ["welcome"]);
    world.send(ada, call(BOB));
    for answered in [false, true] {
        if answered {
            accept(&mut world, bobs[0]);
        }
        for user in [ADA, BOB] {
            world.send(eve, call(user));
            assert_eq!(world.told(eve), ["call_ended busy"]);
        }
    }
    let busy = world.ends.values().filter(|ends| ends[..] == [EndReason::Busy]).count();
    assert_eq!(busy, 4);
    all_go(world);
}

#[test]
fn a_session_has_one_call() {
    let (mut world, ada, bob) = talking();
    let _eve = world.open(EVE);
    for browser in [ada, bob] {
        for user in [ADA, BOB, EVE] {
            world.send(browser, call(user));
            assert_eq!(world.told(browser), ["error not_allowed"]);
        }
    }
    all_go(world);
}

#[test]
fn a_session_where_it_rings_calls_nobody_else() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    let eve = world.open(EVE);
    world.send(ada, call(BOB));
    for user in [EVE, BOB, 99] {
        world.send(bobs[0], call(user));
    }
    assert_eq!(world.told(bobs[0])[1..], ["error not_allowed"; 3]);
    assert_eq!(world.told(eve), ["welcome"]);
    assert_eq!(world.told(ada), ["call_ringing"]);
    all_go(world);
}

#[test]
fn two_who_call_each_other_are_connected() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    world.send(ada, call(BOB));
    let first = call_of(&world, ada);
    world.send(bobs[0], call(ADA));
    assert_eq!(world.told(ada), ["call_ringing", "call_answered"]);
    let heard = world.take(bobs[0]);
    let (reference, answered) = heard.last().expect("an answer");
    assert_eq!(*reference, Some(1));
    assert!(matches!(answered, Event::CallAnswered { call_id, polite: true, .. } if *call_id == first));
    assert_eq!(world.told(bobs[1]), ["incoming_call", "answered_elsewhere"]);
    all_go(world);
}

#[test]
fn two_tabs_of_one_user_call_each_other() {
    let mut world = World::new();
    let (first, second, third) = (world.open(ADA), world.open(ADA), world.open(ADA));
    world.send(first, call(ADA));
    assert_eq!(world.told(first), ["welcome", "call_ringing"]);
    accept(&mut world, second);
    assert_eq!(world.told(first), ["call_answered"]);
    assert_eq!(world.told(second), ["welcome", "incoming_call", "call_answered"]);
    assert_eq!(world.told(third), ["welcome", "incoming_call", "answered_elsewhere"]);
    hang_up(&mut world, first);
    assert_eq!(world.told(second), ["call_ended hung_up"]);
    // And when both try at once.
    world.send(first, call(ADA));
    world.send(second, call(ADA));
    assert_eq!(world.told(second), ["incoming_call", "call_answered"]);
    all_go(world);
}

#[test]
fn nobody_calls_the_only_tab_from_itself() {
    let mut world = World::new();
    let ada = world.open(ADA);
    world.send(ada, call(ADA));
    assert_eq!(world.told(ada), ["welcome", "call_ended unreachable"]);
    all_go(world);
}

#[test]
fn a_phone_that_comes_online_rings() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    let phone = world.open(BOB);
    assert_eq!(world.told(phone), ["welcome", "incoming_call"]);
    accept(&mut world, phone);
    assert_eq!(world.told(bobs[0]), ["incoming_call", "answered_elsewhere"]);
    let tablet = world.open(BOB);
    assert_eq!(world.told(tablet), ["welcome"], "an answered call does not ring");
    all_go(world);
}

#[test]
fn a_vanished_caller_stops_the_ringing_after_3_s() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    world.cut(ada);
    world.pass_ms(2_900);
    assert_eq!(world.told(bobs[0]), ["incoming_call"]);
    world.resume(ada).expect("it goes on");
    world.pass_ms(5_000);
    assert!(world.told(bobs[0]).is_empty(), "the caller came back");
    world.cut(ada);
    world.pass_ms(3_000);
    assert_eq!(world.told(bobs[0]), ["call_ended cancelled"]);
    world.resume(ada).expect("it goes on");
    assert_eq!(
        world.told(ada),
        ["call_ringing", "welcome", "welcome", "call_ended cancelled"]
    );
    all_go(world);
}

#[test]
fn a_vanished_callee_rings_until_the_grace_is_over() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    world.send(ada, call(BOB));
    world.cut(bobs[0]);
    world.pass_ms(5_000);
    world.cut(bobs[1]);
    world.pass_ms(14_999);
    assert_eq!(world.told(ada), ["call_ringing"]);
    world.pass_ms(1);
    assert_eq!(world.told(ada), ["call_ended unreachable"]);
    all_go(world);
}

#[test]
fn a_participant_that_vanishes_is_shown_and_then_given_up() {
    let (mut world, ada, bob) = talking();
    world.cut(bob);
    world.pass_ms(1_999);
    assert!(world.told(ada).is_empty());
    world.pass_ms(1);
    assert_eq!(world.told(ada), ["participant_changed reconnecting"]);
    world.pass_ms(12_999);
    assert!(world.told(ada).is_empty());
    world.pass_ms(1);
    assert_eq!(world.told(ada), ["call_ended connection_lost"]);
    all_go(world);
}

#[test]
fn a_participant_that_comes_back_goes_on() {
    let (mut world, ada, bob) = talking();
    world.cut(bob);
    world.pass_ms(1_000);
    world.resume(bob).expect("it goes on");
    world.pass_ms(20_000);
    assert!(world.told(ada).is_empty(), "a quick resume is not shown");
    world.cut(bob);
    world.pass_ms(3_000);
    let signal = end_of_candidates(&world, ada);
    world.send(ada, signal);
    world.resume(bob).expect("it goes on");
    assert_eq!(world.told(ada), ["participant_changed reconnecting", "participant_changed"]);
    assert_eq!(world.told(bob), ["welcome", "welcome", "signaled"]);
    all_go(world);
}

#[test]
fn who_was_away_at_the_answer_is_shown_as_such() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    world.cut(ada);
    world.pass_ms(2_500);
    accept(&mut world, bobs[0]);
    world.pass_ms(0);
    assert_eq!(
        world.told(bobs[0]),
        ["incoming_call", "call_answered", "participant_changed reconnecting"]
    );
    all_go(world);
}

#[test]
fn a_resume_takes_over_from_the_older_websocket() {
    let (mut world, ada, bob) = talking();
    let old = world.browsers[ada].connection;
    let resume = world.resume_of(ada, 1);
    // The browser knows nothing of the old one any more.
    world.browsers[ada].connection = None;
    world.attach(ada, Some(resume)).expect("it goes on");
    assert!(world.browsers[ada].resumed);
    assert_ne!(world.browsers[ada].connection, old);
    assert!(!world.hub.connections.contains_key(&old.expect("there was one")));
    world.pass_ms(30_000);
    assert!(world.told(bob).is_empty(), "nobody noticed");
    all_go(world);
}

#[test]
fn a_hello_that_is_late_does_not_take_the_session_from_a_newer_websocket() {
    let (mut world, ada, bob) = talking();
    world.cut(ada);
    world.resume(ada).expect("it goes on");
    let newer = world.browsers[ada].connection;
    let late = world.resume_of(ada, 1);
    world.attach(ada, Some(late)).expect("it is closed, not refused");
    assert_eq!(world.browsers[ada].closed, Some(CloseReason::Replaced), "the late one");
    world.browsers[ada].connection = newer;
    assert_eq!(
        world.hub.connections.get(&newer.expect("there is one")),
        Some(&world.browsers[ada].session)
    );
    world.pass_ms(0);
    world.told(bob);
    world.pass_ms(2000);
    assert!(world.told(bob).is_empty(), "nobody noticed");
    all_go(world);
}

#[test]
fn only_the_secret_of_the_session_resumes_it() {
    let (mut world, ada, bob) = talking();
    world.cut(ada);
    let good = world.resume_of(ada, 1);
    let eve = world.open(EVE);
    world.cut(eve);
    world.attach(eve, Some(good.clone())).expect("a new session");
    assert!(!world.browsers[eve].resumed, "another user's session");
    let almost = format!("{}g", &good.secret[..31]);
    for secret in [String::new(), almost, good.secret[..31].to_owned()] {
        let resume = Resume { secret, ..good.clone() };
        let thief = world.open(ADA);
        world.cut(thief);
        world.attach(thief, Some(resume)).expect("a new session");
        assert!(!world.browsers[thief].resumed);
    }
    world.resume(ada).expect("it goes on");
    assert!(world.browsers[ada].resumed);
    assert!(world.told(bob).is_empty(), "nobody noticed");
    all_go(world);
}

#[test]
fn a_resume_that_cannot_be_whole_starts_afresh() {
    let (mut world, ada, bob) = talking();
    let session = world.browsers[ada].session;
    world.cut(ada);
    world.browsers[ada].seq += 1; // it claims what it was never sent
    world.resume(ada).expect("a new session");
    assert!(!world.browsers[ada].resumed);
    assert!(!world.hub.sessions.contains_key(&session));
    assert_eq!(world.told(bob), ["call_ended connection_lost"]);
    all_go(world);
}

#[test]
fn a_session_that_misses_too_much_ends() {
    let (mut world, ada, bob) = talking();
    world.cut(bob);
    for _ in 0..257 {
        let Some(View::Talking(..)) = world.browsers.get(ada).map(|b| b.view) else {
            break;
        };
        let signal = end_of_candidates(&world, ada);
        world.send(ada, signal);
        world.pass_ms(20);
    }
    assert_eq!(
        world.told(ada),
        ["participant_changed reconnecting", "call_ended connection_lost"]
    );
    assert_eq!(world.hub.counts().sessions, 1);
    all_go(world);
}

#[test]
fn commands_are_taken_once() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    let call_id = call_of(&world, ada);
    world.cut(ada);
    world.resume(ada).expect("it goes on");
    assert_eq!(world.browsers[ada].last_ref, 1);
    world.browsers[ada].reference = 0;
    world.send(ada, call(BOB));
    assert_eq!(world.told(ada), ["call_ringing", "welcome"], "sent again, and ignored");
    world.send(ada, Command::Cancel { call_id });
    assert_eq!(world.told(ada), ["call_ended cancelled"]);
    assert_eq!(world.told(bobs[0]), ["incoming_call", "call_ended cancelled"]);
    all_go(world);
}

#[test]
fn direct_is_negotiated_only_if_nobody_minds() {
    for (caller, callee) in [(false, false), (true, false), (false, true)] {
        let (mut world, ada, bobs) = ada_and_bob(1);
        let user_id = user_id(BOB);
        world.send(
            ada,
            Command::Call {
                user_id,
                always_through_server: caller,
            },
        );
        let (call_id, room_id) = (call_of(&world, ada), room_of(&world, ada));
        world.send(
            bobs[0],
            Command::Accept {
                call_id,
                always_through_server: callee,
            },
        );
        world.told(bobs[0]);
        let signal = end_of_candidates(&world, ada);
        world.send(ada, signal);
        world.send(
            ada,
            Command::RequestPath {
                room_id,
                path: Path::Direct,
                reason: PathReason::DirectReady,
            },
        );
        let refused = ["error not_allowed", "error not_allowed"];
        if caller || callee {
            assert_eq!(world.told(ada)[2..], refused);
            assert!(world.told(bobs[0]).is_empty());
        } else {
            assert_eq!(world.told(bobs[0]), ["signaled", "path_requested direct_ready"]);
        }
        all_go(world);
    }
}

#[test]
fn a_stranger_reaches_nobody() {
    let (mut world, ada, bob) = talking();
    let eve = world.open(EVE);
    world.told(eve);
    let (call_id, room_id) = (call_of(&world, ada), room_of(&world, ada));
    let View::Talking(_, _, _, to) = world.browsers[ada].view else {
        panic!("it talks")
    };
    let (path, reason) = (Path::Forwarded, PathReason::DirectLost);
    let signal = DirectSignal::Candidate {
        generation: 1,
        candidate: None,
    };
    let always_through_server = false;
    let media = world.media.len();
    for command in [
        Command::Accept {
            call_id,
            always_through_server,
        },
        Command::Decline { call_id },
        Command::Cancel { call_id },
        offer(room_id, 1),
        Command::Publish {
            room_id,
            sources: Vec::new(),
        },
        Command::Signal { room_id, to, signal },
        Command::RequestPath { room_id, path, reason },
        Command::ReportPath {
            room_id,
            path,
            reason,
            protocol: None,
            relayed: false,
            setup_ms: Some(1),
        },
    ] {
        world.send(eve, command);
        assert_eq!(world.told(eve), ["error not_allowed"]);
    }
    world.send(eve, Command::HangUp { call_id });
    assert!(world.told(eve).is_empty(), "as with a call that is over");
    assert!(world.told(ada).is_empty() && world.told(bob).is_empty());
    assert_eq!(world.media.len(), media, "the SFU was not asked");
    all_go(world);
}

#[test]
fn forwarded_connections_warm_up_while_it_rings() {
    let (mut world, ada, bobs) = ada_and_bob(3);
    world.send(ada, call(BOB));
    let room = room_of(&world, ada);
    for browser in [ada, bobs[0], bobs[1]] {
        world.send(browser, offer(room, 1));
    }
    let room_of_ada = &world.hub.rooms[&room];
    let participant = room_of_ada.participant(world.browsers[ada].session).expect("she is in it");
    let sdp = "v=0 answer".to_owned();
    let what = MediaNews::Answered { attempt: 1, sdp };
    let fact = MediaFact::Transport { room, participant, what };
    world.hub.handle_media(fact.clone(), world.now);
    world.drain();
    let heard = world.take(ada);
    assert!(
        matches!(heard[1], (Some(2), Event::OfferAnswered { attempt: 1, .. })),
        "{heard:?}"
    );
    world.hub.handle_media(fact, world.now);
    world.drain();
    assert!(world.told(ada).is_empty(), "one offer has one answer");
    accept(&mut world, bobs[0]);
    // bobs[1] offered and has to leave; bobs[2] never was there.
    assert_eq!(world.media, ["offer 1", "offer 1", "offer 1", "leave", "admit", "admit"]);
    world.send(bobs[1], offer(room, 2));
    assert_eq!(world.told(bobs[1]).pop().as_deref(), Some("error not_allowed"));
    hang_up(&mut world, ada);
    assert_eq!(world.media.last().map(String::as_str), Some("close_room"));
    all_go(world);
}

fn start_check(world: &mut World, browser: usize) -> RoomId {
    world.send(browser, Command::StartCheck {});
    assert_eq!(world.told(browser), ["check_started"]);
    *world.browsers[browser].checks.last().expect("it has begun")
}

#[test]
fn a_check_is_a_room_for_oneself() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    let room = start_check(&mut world, ada);
    world.send(bobs[0], offer(room, 1));
    assert_eq!(world.told(bobs[0]), ["error not_allowed"], "it is for nobody else");
    world.send(ada, offer(room, 1));
    let room_id = room;
    let sources = vec![Source::Camera];
    world.send(ada, Command::Publish { room_id, sources });
    let participant = world.hub.rooms[&room]
        .participant(world.browsers[ada].session)
        .expect("she is in it");
    let sdp = "v=0 answer".to_owned();
    let what = MediaNews::Answered { attempt: 1, sdp };
    world
        .hub
        .handle_media(MediaFact::Transport { room, participant, what }, world.now);
    world.drain();
    assert_eq!(world.told(ada), ["offer_answered"]);
    assert!(!world.hub.has_calls() && world.hub.counts().rooms == 0, "it is no call");
    let (path, reason) = (Path::Forwarded, PathReason::FirstMedia);
    world.send(ada, Command::RequestPath { room_id, path, reason });
    assert_eq!(world.told(ada), ["error not_allowed"], "there is nobody to ask");
    world.send(ada, Command::EndCheck {});
    world.send(ada, Command::EndCheck {});
    assert!(world.told(ada).is_empty(), "ending what has ended is no error");
    assert_eq!(world.media, ["admit", "offer 1", "publish [Camera]", "close_room"]);
    world.send(ada, offer(room, 2));
    assert_eq!(world.told(ada), ["error not_allowed"]);
    all_go(world);
}

#[test]
fn a_check_ends_by_itself() {
    let (mut world, ada, _) = ada_and_bob(1);
    start_check(&mut world, ada);
    world.pass_ms(14_900);
    assert_eq!(world.media, ["admit"]);
    world.pass_ms(200);
    assert_eq!(world.media, ["admit", "close_room"]);
    start_check(&mut world, ada);
    start_check(&mut world, ada);
    let again = ["admit", "close_room", "admit", "close_room", "admit"];
    assert_eq!(world.media, again, "one after the other");
    world.cut(ada);
    world.pass_ms(15_000);
    assert_eq!(
        world.media.last().map(String::as_str),
        Some("close_room"),
        "it ends with the session"
    );
    all_go(world);
}

#[test]
fn a_check_and_a_call_do_not_touch() {
    let (mut world, ada, bob) = talking();
    let check = start_check(&mut world, ada);
    let (room_id, sources) = (check, vec![Source::Camera]);
    world.send(ada, Command::Publish { room_id, sources });
    assert!(world.told(bob).is_empty(), "the call's tracks are other ones");
    hang_up(&mut world, ada);
    assert!(world.hub.rooms.contains_key(&check));
    all_go(world);
}

#[test]
fn checks_are_few() {
    let (mut world, ada, _) = ada_and_bob(1);
    for _ in 0..6 {
        start_check(&mut world, ada);
    }
    world.send(ada, Command::StartCheck {});
    assert_eq!(world.told(ada), ["error rate_limited"]);
    let limit = Limit::Checks;
    assert!(world.facts.contains(&Fact::LimitReached { limit }));
    world.pass_ms(10_000);
    start_check(&mut world, ada);
    all_go(world);
}

#[test]
fn what_the_sfu_says_reaches_the_participant() {
    let (mut world, ada, bob) = talking();
    let View::Talking(_, room, participant, _) = world.browsers[ada].view else {
        panic!("it talks")
    };
    world.send(ada, offer(room, 2));
    let say = |world: &mut World, participant: ParticipantId, what: MediaNews| {
        let fact = MediaFact::Transport { room, participant, what };
        world.hub.handle_media(fact, world.now);
        world.drain();
        world.told(ada)
    };
    let too_large = MediaNews::Refused {
        attempt: 2,
        code: ErrorCode::TooLarge,
        message: "too many m-lines".to_owned(),
    };
    assert_eq!(say(&mut world, participant, too_large), ["error too_large"]);
    for (attempt, heard) in [(1, &[][..]), (2, &["slots_changed"][..])] {
        let slots = Vec::new();
        let news = MediaNews::SlotsChanged { attempt, slots };
        assert_eq!(say(&mut world, participant, news), heard);
    }
    let lost = |attempt| MediaNews::TransportLost {
        attempt,
        reason: crate::signaling::protocol::TransportLostReason::Fault,
    };
    assert!(say(&mut world, participant, lost(1)).is_empty(), "it was replaced");
    assert_eq!(say(&mut world, participant, lost(2)), ["transport_lost fault"]);
    let stranger = ParticipantId::from_random(1);
    assert!(say(&mut world, stranger, lost(2)).is_empty());
    assert!(world.told(bob).is_empty());
    all_go(world);
}

#[test]
fn tracks_and_names_are_shown_to_the_other() {
    let (mut world, ada, bob) = talking();
    let room_id = room_of(&world, ada);
    let sources = vec![Source::Camera, Source::Microphone, Source::Camera];
    world.send(ada, Command::Publish { room_id, sources });
    let name = " Ada\u{202e} ".to_owned();
    world.send(ada, Command::SetName { name });
    assert_eq!(world.told(ada), ["name_changed"]);
    assert_eq!(world.saved, [(user_id(ADA), "Ada".to_owned())]);
    let heard = world.take(bob);
    let Some((_, Event::ParticipantChanged { participant, .. })) = heard.last() else {
        panic!("{heard:?}")
    };
    assert_eq!(participant.user.name, "Ada");
    assert_eq!(participant.sources, [Source::Microphone, Source::Camera]);
    assert_eq!(heard.len(), 2);
    let again = world.open(ADA);
    let heard = world.take(again);
    assert!(
        matches!(&heard[0].1, Event::Welcome { name, .. } if name == "Ada"),
        "fresher than what the store says"
    );
    all_go(world);
}

#[test]
fn the_first_report_tells_the_setup_time_if_it_can_be_true() {
    let (mut world, ada, bob) = talking();
    let room_id = room_of(&world, ada);
    let (path, reason) = (Path::Forwarded, PathReason::FirstMedia);
    world.pass_ms(300);
    let report = |setup_ms| Command::ReportPath {
        room_id,
        path,
        reason,
        protocol: Some(PathProtocol::Tcp),
        relayed: true,
        setup_ms,
    };
    world.send(ada, report(Some(280)));
    world.send(ada, report(Some(290)));
    world.send(bob, report(Some(4_000_000_000)));
    let setups = |world: &World| world.facts.iter().filter(|f| matches!(f, Fact::Setup { .. })).count();
    assert!(world.facts.iter().any(|f| matches!(
        f,
        Fact::Setup {
            call: Some(_),
            seconds: 0.28
        }
    )));
    assert_eq!(setups(&world), 1);
    assert_eq!(world.facts.iter().filter(|f| matches!(f, Fact::Path { .. })).count(), 3);
    let heard = world.take(bob);
    assert_eq!(heard.len(), 2);
    for (_, event) in heard {
        let Event::PathChanged { reason, protocol, .. } = event else {
            panic!("{event:?}")
        };
        assert_eq!((reason, protocol), (PathReason::FirstMedia, Some(PathProtocol::Tcp)));
    }
    let call_id = call_of(&world, ada);
    world.send(ada, Command::HangUp { call_id });
    let records = world.facts.iter().filter_map(|fact| match fact {
        Fact::CallEnded { record, .. } => Some(record),
        _ => None,
    });
    let [record] = records.collect::<Vec<_>>()[..] else {
        panic!("one call ended")
    };
    assert_eq!(record.to_string(), "forwarded/tcp+relay first_media x3");
    assert!(record.entries().iter().all(|entry| entry.after == Duration::from_millis(300)));
    let by: BTreeSet<_> = record.entries().iter().map(|entry| entry.by).collect();
    assert_eq!(by.len(), 2);
    all_go(world);
}

#[test]
fn too_many_commands_are_refused_and_then_the_websocket_is_closed() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    for _ in 0..100 {
        world.send(ada, Command::Ping {});
    }
    assert_eq!(world.told(ada), ["pong"; 100]);
    for _ in 0..100 {
        world.send(ada, call(BOB));
    }
    assert_eq!(world.told(ada), ["error rate_limited"; 100]);
    assert!(world.told(bobs[0]).is_empty(), "what is refused changes nothing");
    world.send(ada, Command::Ping {});
    assert_eq!(world.browsers[ada].closed, Some(CloseReason::RateLimited));
    world.pass_ms(10_000);
    world.resume(ada).expect("it goes on");
    assert!(world.browsers[ada].resumed);
    all_go(world);
}

#[test]
fn what_is_too_large_is_refused_and_the_session_goes_on() {
    let (mut world, ada, _) = talking();
    let room_id = room_of(&world, ada);
    let sdp = "x".repeat(limits::SDP_BYTES_MAX + 1);
    world.send(
        ada,
        Command::Offer {
            room_id,
            attempt: 1,
            sdp,
            sources: Vec::new(),
        },
    );
    assert_eq!(world.told(ada), ["error too_large"]);
    let connection = world.browsers[ada].connection.expect("it is there");
    world
        .hub
        .handle_bad_frame(connection, None, ErrorCode::BadCommand, "not JSON", world.now);
    world.drain();
    world.send(ada, Command::Ping {});
    assert_eq!(world.told(ada), ["error bad_command", "pong"]);
    all_go(world);
}

#[test]
fn sessions_of_a_user_are_bounded_and_idle_ones_give_way() {
    let mut world = World::new();
    let first = world.open(ADA);
    for _ in 1..16 {
        world.open(ADA);
    }
    assert_eq!(world.try_open(ADA), Err(AttachRefused::TooManyOfUser));
    world.open(BOB);
    world.cut(first);
    world.open(ADA);
    assert_eq!(world.hub.counts().sessions, 17);
    world.resume(first).expect_err("its place is taken");
    all_go(world);
}
