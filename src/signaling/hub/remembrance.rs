//! What is noted of calls for their users, and what the users are told of it: stories under a virtual clock.

// The architecture test reads a file up to this line.
#[cfg(test)]
use std::time::Duration;

use super::stories::{BOB, accept, ada_and_bob, all_go, call, call_of, hang_up, talking};
use super::world::{World, user_id};
use super::*;
use crate::signaling::limits::HISTORY_PAGE_MAX;
use crate::signaling::protocol::{Command, Direction, EndReason, HistoryRow, UserInfo};
use crate::signaling::records::{Asked, Finding, News, Note, Question};

/// What was noted since this was last asked, in a few words each.
fn noted(world: &mut World) -> Vec<String> {
    let brief = |note: Note| match note {
        Note::Rang { caller, callee, .. } => format!("rang {} {}", caller.user_id, callee.user_id),
        Note::NeverRang { callee, reason, .. } => format!("never_rang {callee} {}", reason.as_str()),
        Note::Answered(_) => "answered".to_owned(),
        Note::Left {
            reason, talked, user, ..
        } => format!("left {user} {} {}", reason.as_str(), talked.as_millis()),
        Note::Over { reason, talked, .. } => format!("over {} {}", reason.as_str(), talked.as_millis()),
        Note::Seen { user, .. } => format!("seen {user}"),
        Note::Forget { user, call, .. } => format!("forget {user} {}", call.is_some()),
    };
    std::mem::take(&mut world.notes).into_iter().map(brief).collect()
}

fn a_row(world: &World, missed: bool) -> HistoryRow {
    HistoryRow {
        call_id: CallId::from_random(9),
        user: UserInfo {
            user_id: world.browsers[0].user,
            name: "Ada".to_owned(),
        },
        direction: Direction::Received,
        rang_at_ms: 1,
        reason: EndReason::NoAnswer,
        answered: false,
        talked_ms: 0,
        missed,
        seen: false,
        chat: false,
        report: false,
    }
}

#[test]
fn a_call_is_noted_from_ringing_to_its_end() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    world.send(ada, call(BOB));
    let (a, b) = (world.browsers[ada].user, world.browsers[bobs[0]].user);
    assert_eq!(noted(&mut world), [format!("rang {a} {b}")]);
    accept(&mut world, bobs[1]);
    assert_eq!(noted(&mut world), ["answered"]);
    world.pass_ms(5000);
    hang_up(&mut world, ada);
    assert_eq!(
        noted(&mut world),
        [format!("left {a} hung_up 5000"), "over hung_up 5000".to_owned()]
    );
    all_go(world);
}

#[test]
fn a_call_that_nobody_answers_ends_for_both_at_once() {
    let (mut world, ada, _) = ada_and_bob(1);
    world.send(ada, call(BOB));
    world.pass_ms(45_000);
    assert_eq!(noted(&mut world)[1..], ["over no_answer 0"]);
    all_go(world);
}

#[test]
fn who_is_not_here_is_noted_as_who_does_not_exist() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.cut(bobs[0]);
    for user in [BOB, 77] {
        world.send(ada, call(user));
        let callee = user_id(user);
        assert_eq!(noted(&mut world), [format!("never_rang {callee} unreachable")]);
        assert_eq!(world.told(ada), ["call_ended unreachable"]);
    }
    all_go(world);
}

#[test]
fn who_is_in_another_call_is_noted_as_called() {
    let (mut world, _, bob) = talking();
    let eve = world.open(3);
    noted(&mut world);
    let callee = world.browsers[bob].user;
    world.send(eve, call(BOB));
    assert_eq!(noted(&mut world), [format!("never_rang {callee} busy")]);
    all_go(world);
}

#[test]
fn each_guest_and_their_inviter_have_an_end_of_their_own() {
    let (mut world, ada, bob) = talking();
    let eve = world.open(3);
    let room_id = super::stories::room_of(&world, ada);
    world.send(
        ada,
        Command::Invite {
            room_id,
            user_id: world.browsers[eve].user,
        },
    );
    accept(&mut world, eve);
    noted(&mut world);
    world.pass_ms(2000);
    let a = world.browsers[ada].user;
    hang_up(&mut world, ada);
    assert_eq!(
        noted(&mut world),
        [format!("left {a} hung_up 2000"), format!("left {a} hung_up 2000")],
        "the call that she made to Bob, and the one to Eve"
    );
    world.pass_ms(1000);
    hang_up(&mut world, bob);
    assert_eq!(noted(&mut world), ["over hung_up 3000", "over hung_up 3000"]);
    all_go(world);
}

#[test]
fn every_tab_is_told_and_the_one_that_asked_is_answered() {
    let (mut world, _, bobs) = ada_and_bob(2);
    let user = world.browsers[bobs[0]].user;
    let row = a_row(&world, true);
    world.hub.handle_news(News::Row { user, row, missed: 1 }, world.now);
    world.drain();
    for bob in &bobs {
        assert_eq!(world.told(*bob), ["history_changed"]);
    }
    world.send(bobs[1], Command::SeeHistory {});
    let [Note::Seen { user, asked }] = world.notes[..] else {
        panic!("{:?}", world.notes)
    };
    world.hub.handle_news(News::Seen { user, asked }, world.now);
    world.drain();
    assert!(matches!(world.take(bobs[0])[..], [(None, Event::HistorySeen {})]));
    assert!(matches!(world.take(bobs[1])[..], [(Some(1), Event::HistorySeen {})]));
    world.send(bobs[0], Command::ForgetHistory { call_id: None });
    let asked = world.notes.pop().and_then(|note| note.asked()).expect("it is asked");
    world.hub.handle_news(News::NotKept(asked), world.now);
    world.drain();
    assert_eq!(world.told(bobs[0]), ["error not_saved"]);
    assert!(world.told(bobs[1]).is_empty());
    all_go(world);
}

#[test]
fn a_history_is_asked_for_in_bounded_parts() {
    let (mut world, ada, _) = ada_and_bob(1);
    for (asked_for, limit) in [(0, 1), (7, 7), (u32::MAX, HISTORY_PAGE_MAX)] {
        world.send(
            ada,
            Command::History {
                before: None,
                limit: asked_for,
            },
        );
        let Some(Question::History { asked, limit: found, .. }) = world.questions.pop() else {
            panic!("nothing was asked")
        };
        assert_eq!(found, limit);
        let rows = vec![a_row(&world, false)];
        let finding = Finding::History {
            asked,
            rows,
            more: true,
            missed: 2,
        };
        world.hub.handle_finding(finding, world.now);
        world.drain();
        let told = world.take(ada);
        assert!(
            matches!(&told[..], [(Some(reference), Event::History { missed: 2, .. })] if *reference == asked.reference),
            "{told:?}"
        );
    }
    let gone = Asked {
        session: SessionId::from_random(77),
        reference: 1,
    };
    for finding in [Finding::Nothing(gone), Finding::TooMany(gone)] {
        world.hub.handle_finding(finding, world.now);
    }
    world.drain();
    all_go(world);
}

#[test]
fn a_call_that_a_restart_does_not_find_again_is_closed_by_the_store() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(ada, call(BOB));
    call_of(&world, bobs[0]);
    noted(&mut world);
    world.restart();
    assert!(noted(&mut world).is_empty(), "the store knows what was not over");
    world.pass(Duration::from_secs(60));
    all_go(world);
}
