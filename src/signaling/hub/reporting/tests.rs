//! What is noted for reports of calls, under a virtual clock.

use super::super::stories::{ADA, BOB, accept, ada_and_bob, all_go, call, call_of, hang_up, room_of, talking};
use super::super::world::{World, user_id};
use super::*;
use crate::signaling::protocol::{CallReport, Command, ErrorCode, Event, Path, PathProtocol, PathReason};
use crate::signaling::records::Finding;
use crate::signaling::report::{Noted, make};

fn measured(sent_loss: u16) -> Measured {
    Measured {
        path: Path::Direct,
        lasted_ms: 5_000,
        received_loss_permille: Some(0),
        sent_loss_permille: Some(sent_loss),
        jitter_ms: Some(3),
        round_trip_ms: Some(20),
        frames_per_s: Some(30),
        frozen_permille: Some(0),
    }
}

fn quality(world: &World, browser: usize, sent_loss: u16) -> Command {
    Command::ReportQuality {
        room_id: room_of(world, browser),
        measured: measured(sent_loss),
    }
}

fn happening(world: &World, browser: usize, what: Happening) -> Command {
    Command::ReportHappening {
        room_id: room_of(world, browser),
        what,
    }
}

fn path(world: &World, browser: usize, path: Path, reason: PathReason, setup_ms: Option<u32>) -> Command {
    Command::ReportPath {
        room_id: room_of(world, browser),
        path,
        reason,
        protocol: Some(PathProtocol::Udp),
        relayed: false,
        setup_ms,
    }
}

/// What the store would have of the one room, made into its report.
fn report(world: &World) -> CallReport {
    let mut noted = Noted::default();
    for (_, page) in &world.pages {
        noted.people.extend(page.people.iter().cloned());
        noted.entries.extend(page.entries.iter().cloned());
        noted.over = page.over;
    }
    make(noted)
}

#[test]
fn a_report_tells_how_a_call_was_set_up_went_and_ended() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    let bob = bobs[0];
    world.send(ada, call(BOB));
    let id = call_of(&world, ada);
    world.pass_ms(3_000);
    accept(&mut world, bob);
    world.pass_ms(400);
    let first = path(&world, ada, Path::Forwarded, PathReason::FirstMedia, Some(390));
    world.send(ada, first);
    let room_id = room_of(&world, ada);
    let sources = vec![Source::Microphone, Source::Camera];
    world.send(ada, Command::Publish { room_id, sources });
    world.pass_ms(1_600);
    let direct = path(&world, ada, Path::Direct, PathReason::DirectReady, None);
    world.send(ada, direct);
    for loss in [0, 90, 70, 0] {
        world.pass_ms(5_000);
        let said = quality(&world, ada, loss);
        world.send(ada, said);
    }
    let switched = happening(&world, bob, Happening::MicrophoneSwitched);
    world.send(bob, switched);
    world.pass_ms(1_000);
    hang_up(&mut world, bob);

    let report = report(&world);
    assert!(report.over);
    let rang = &report.calls[0];
    assert_eq!((rang.call_id, rang.rang_ms, rang.answered_ms), (id, 0, Some(3_000)));
    assert_eq!((rang.over_ms, rang.reason), (Some(26_000), Some(EndReason::HungUp)));
    assert_eq!(report.participants.len(), 2, "who did not answer is not in it");
    let of = |user| {
        report
            .participants
            .iter()
            .find(|one| one.user.user_id == user_id(user))
            .expect("they were in it")
    };
    let (a, b) = (of(ADA), of(BOB));
    assert_eq!((a.came_ms, a.setup_ms, a.left_ms), (3_000, Some(390), Some(26_000)));
    let paths: Vec<_> = a.paths.iter().map(|p| (p.path, p.from_ms, p.until_ms, p.reason)).collect();
    assert_eq!(
        paths,
        [
            (Path::Forwarded, 3_400, 5_000, PathReason::FirstMedia),
            (Path::Direct, 5_000, 26_000, PathReason::DirectReady)
        ]
    );
    let marks: Vec<_> = a.marks.iter().map(|mark| mark.what).collect();
    assert_eq!(marks, [Happening::MicrophoneOn, Happening::CameraOn]);
    assert_eq!(b.marks[0].what, Happening::MicrophoneSwitched);
    assert_eq!(a.measured.len(), 4);
    let [spell] = &report.spells[..] else {
        panic!("one bad time: {:?}", report.spells)
    };
    assert_eq!(
        (spell.participant_id, spell.loss_permille),
        (Some(a.participant_id), Some(80))
    );
    assert_eq!((spell.from_ms, spell.until_ms), (10_000, 20_000));
    all_go(world);
}

#[test]
fn what_is_noted_reaches_the_store_while_the_call_goes_on() {
    let (mut world, ada, _) = talking();
    assert!(world.pages.is_empty(), "not at once");
    world.pass_ms(10_000);
    assert_eq!(world.pages.len(), 1);
    world.pass_ms(60_000);
    assert_eq!(world.pages.len(), 1, "nothing is new");
    let said = quality(&world, ada, 0);
    world.send(ada, said);
    world.pass_ms(9_999);
    assert_eq!(world.pages.len(), 1);
    world.pass_ms(1);
    assert_eq!(world.pages.len(), 2);
    all_go(world);
}

#[test]
fn a_call_that_nobody_answers_has_no_report() {
    let (mut world, ada, _) = ada_and_bob(1);
    world.send(ada, call(BOB));
    world.pass_ms(45_000);
    assert!(world.pages.is_empty());
    all_go(world);
}

#[test]
fn a_drop_and_a_restart_are_in_the_report_which_goes_on() {
    let (mut world, ada, bob) = talking();
    world.pass_ms(4_000);
    world.cut(bob);
    world.pass_ms(1_000);
    world.resume(bob).expect("in time");
    world.pass_ms(10_000);
    world.restart();
    for browser in [ada, bob] {
        world.resume(browser).expect("in time");
    }
    world.pass_ms(5_000);
    let said = quality(&world, bob, 0);
    world.send(bob, said);
    hang_up(&mut world, ada);
    let report = report(&world);
    assert!(report.over);
    assert_eq!((report.restarts_ms.len(), report.lasted_ms), (1, 20_000), "{report:?}");
    let b = report
        .participants
        .iter()
        .find(|one| one.user.user_id == user_id(BOB))
        .expect("he was there");
    let marks: Vec<_> = b.marks.iter().map(|mark| (mark.at_ms, mark.what)).collect();
    assert_eq!(marks[..2], [(4_000, Happening::Away), (5_000, Happening::Back)]);
    assert_eq!(b.measured.len(), 1, "who stayed goes on to be measured");
    all_go(world);
}

#[test]
fn who_is_called_in_later_and_who_leaves_first_are_in_it() {
    let (mut world, ada, bob) = talking();
    let eve = world.open(3);
    let room_id = room_of(&world, ada);
    world.pass_ms(2_000);
    let user_id = world.browsers[eve].user;
    world.send(ada, Command::Invite { room_id, user_id });
    world.pass_ms(1_000);
    accept(&mut world, eve);
    world.pass_ms(2_000);
    hang_up(&mut world, bob);
    world.pass_ms(1_000);
    hang_up(&mut world, ada);
    let report = report(&world);
    let times: Vec<_> = report.participants.iter().map(|one| (one.came_ms, one.left_ms)).collect();
    assert_eq!(times.len(), 3);
    assert!(times.contains(&(0, Some(5_000))) && times.contains(&(0, Some(6_000))) && times.contains(&(3_000, Some(6_000))));
    let calls: Vec<_> = report
        .calls
        .iter()
        .map(|call| (call.rang_ms, call.answered_ms, call.over_ms))
        .collect();
    assert_eq!(calls, [(0, Some(0), Some(6_000)), (2_000, Some(3_000), Some(6_000))]);
    all_go(world);
}

#[test]
fn nonsense_floods_and_strangers_are_refused() {
    let (mut world, ada, bob) = talking();
    let eve = world.open(3);
    let room_id = room_of(&world, ada);
    let refused = |world: &mut World, browser: usize, command: Command| {
        world.take(browser);
        world.send(browser, command);
        match &world.take(browser)[..] {
            [(Some(_), Event::Error { code, .. })] => Some(*code),
            [] => None,
            other => panic!("{other:?}"),
        }
    };
    let bad = Command::ReportQuality {
        room_id,
        measured: measured(1001),
    };
    assert_eq!(refused(&mut world, ada, bad), Some(ErrorCode::BadCommand));
    let servers = happening(&world, ada, Happening::Away);
    assert_eq!(refused(&mut world, ada, servers), Some(ErrorCode::BadCommand));
    let strangers = quality(&world, ada, 0);
    assert_eq!(refused(&mut world, eve, strangers), Some(ErrorCode::NotAllowed));
    let mut taken = 0;
    let said = quality(&world, bob, 0);
    while refused(&mut world, bob, said.clone()).is_none() {
        taken += 1;
    }
    assert_eq!(taken, 30);
    world.pass_ms(2_000);
    assert_eq!(refused(&mut world, bob, said), None);
    all_go(world);
}

#[test]
fn a_user_asks_the_store_and_is_answered_once() {
    let (mut world, ada, _) = ada_and_bob(1);
    let call_id = CallId::from_random(5);
    world.send(ada, Command::CallReport { call_id });
    let Some(Question::CallReport { asked, user, call }) = world.questions.pop() else {
        panic!("it is read: {:?}", world.questions)
    };
    assert_eq!((user, call), (user_id(ADA), call_id));
    let report = Box::new(make(Noted::default()));
    world
        .hub
        .handle_finding(Finding::CallReport { asked, call, report }, world.now);
    world.drain();
    assert_eq!(world.told(ada), ["call_report"]);
    world.hub.handle_finding(Finding::NotTheirs(asked), world.now);
    world.drain();
    assert_eq!(world.told(ada), ["error not_allowed"]);
    all_go(world);
}

#[test]
fn whoever_is_forgotten_is_not_named_afterwards() {
    let (mut world, _, _) = talking();
    world.hub.forget_user(user_id(BOB), world.now);
    world.drain();
    let (_, page) = world.pages.pop().expect("the call is over");
    assert!(page.over && page.people.len() == 2, "before the store forgets");
    assert_eq!(world.forgotten_users, [user_id(BOB)]);
    all_go(world);
}

#[test]
fn the_operator_sees_what_was_measured_last() {
    let (mut world, ada, _) = talking();
    let said = quality(&world, ada, 12);
    world.send(ada, said);
    let room = room_of(&world, ada);
    let key = room.to_string().parse().expect("a key");
    let part = world.hub.list_participants(key, None, 9, world.now).expect("it is there");
    let seen: Vec<_> = part.items.iter().filter_map(|one| one.measured).collect();
    assert_eq!(seen, [measured(12)]);
    all_go(world);
}
