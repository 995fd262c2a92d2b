//! Whom users have blocked and what they chose: stories under a virtual clock, with a store that keeps what it is told to.

use super::super::gatherings::{OPEN, all_go_and_links, join, make_link};
use super::super::stories::{ADA, BOB, accept, ada_and_bob, all_go, call, hang_up, room_of, talking};
use super::super::world::{World, user_id};
use crate::id::MessageId;
use crate::signaling::limits::CHANGES_BURST;
use crate::signaling::output::Fact;
use crate::signaling::protocol::{Callers, Command, Event, LinkWish, Settings};
use crate::signaling::records::{Finding, News, Question};

fn block(user: u64) -> Command {
    Command::Block {
        user_id: user_id(user),
        name: "them".to_owned(),
    }
}

fn unblock(user: u64) -> Command {
    let user_id = user_id(user);
    Command::Unblock { user_id }
}

fn keep_contact(user: u64) -> Command {
    Command::KeepContact {
        user_id: user_id(user),
        name: "them".to_owned(),
    }
}

fn set(callers: Callers, always_through_server: bool) -> Command {
    Command::Set {
        settings: Settings {
            callers,
            always_through_server,
        },
    }
}

fn do_and_keep(world: &mut World, browser: usize, command: Command) {
    world.send(browser, command);
    world.keep_changes(true);
}

/// All that a call of Ada's to a user brings: what she is told but for the call's id, and what is counted and noted of it.
fn called(world: &mut World, ada: usize, user: u64) -> String {
    world.take(ada);
    world.facts.clear();
    world.notes.clear();
    world.send(ada, call(user));
    let told = world.take(ada);
    let told: Vec<String> = told
        .into_iter()
        .map(|(reference, event)| match event {
            Event::CallEnded { reason, duration_ms, .. } => format!("{} {duration_ms} {}", reason.as_str(), reference.is_some()),
            event => format!("{event:?}"),
        })
        .collect();
    let counted = world.facts.iter().map(|fact| match fact {
        Fact::CallEnded { reason, lasted, .. } => format!("{} {lasted:?}", reason.as_str()),
        fact => format!("{fact:?}"),
    });
    let counted: Vec<String> = counted.collect();
    format!("{told:?} {counted:?} {}", world.notes.len())
}

#[test]
fn whoever_is_blocked_calls_somebody_who_is_not_there() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    let nobody = called(&mut world, ada, 77);
    assert!(nobody.contains("unreachable"), "{nobody}");
    do_and_keep(&mut world, bobs[0], block(ADA));
    assert_eq!(world.told(bobs[0]), ["blocked"]);
    assert_eq!(world.told(bobs[1]), ["blocked"]);
    assert_eq!(called(&mut world, ada, BOB), nobody);
    assert!(world.told(bobs[0]).is_empty());
    // Also while he talks with somebody else, where others hear that he is busy.
    let eve = world.open(3);
    world.send(eve, call(BOB));
    accept(&mut world, bobs[0]);
    assert_eq!(called(&mut world, ada, BOB), nobody);
    hang_up(&mut world, eve);
    do_and_keep(&mut world, bobs[0], unblock(ADA));
    world.take(bobs[0]);
    assert!(called(&mut world, ada, BOB).contains("CallRinging"));
    all_go(world);
}

#[test]
fn calls_of_the_blocked_count_as_calls_in_vain() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    do_and_keep(&mut world, bobs[0], block(ADA));
    world.take(ada);
    let mut count = 0;
    loop {
        world.send(ada, call(BOB));
        if world.told(ada) != ["call_ended unreachable"] {
            break;
        }
        count += 1;
    }
    assert_eq!(f64::from(count), crate::signaling::limits::MISSES_MAX);
    all_go(world);
}

#[test]
fn whoever_has_blocked_somebody_may_call_them() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    do_and_keep(&mut world, bobs[0], block(ADA));
    world.take(bobs[0]);
    world.send(bobs[0], call(ADA));
    assert_eq!(world.told(bobs[0]), ["call_ringing"]);
    assert_eq!(world.told(ada), ["incoming_call"]);
    all_go(world);
}

#[test]
fn a_block_ends_what_rings_between_the_two_like_any_ending() {
    // Bob, who is called, blocks: Ada hears what she hears where he declines.
    let (mut world, ada, bobs) = ada_and_bob(2);
    world.send(ada, call(BOB));
    world.take(bobs[0]);
    world.take(bobs[1]);
    world.told(ada);
    world.send(bobs[1], block(ADA));
    assert!(world.told(ada).is_empty(), "it is not kept yet");
    world.keep_changes(true);
    assert_eq!(world.told(ada), ["call_ended declined"]);
    assert_eq!(world.told(bobs[0]), ["call_ended declined", "blocked"]);
    assert_eq!(world.told(bobs[1]), ["call_ended declined", "blocked"]);
    all_go(world);
    // Ada, who calls, blocks: Bob hears what he hears where she gives up.
    let (mut world, ada, bobs) = ada_and_bob(1);
    let eve = world.open(3);
    world.send(ada, call(BOB));
    world.take(ada);
    world.take(bobs[0]);
    world.take(eve);
    do_and_keep(&mut world, ada, block(3));
    assert_eq!(world.told(ada), ["blocked"], "it is about somebody else");
    do_and_keep(&mut world, ada, block(BOB));
    assert_eq!(world.told(bobs[0]), ["call_ended cancelled"]);
    assert_eq!(world.told(ada), ["call_ended cancelled", "blocked"]);
    all_go(world);
    // What is answered goes on.
    let (mut world, ada, bob) = talking();
    do_and_keep(&mut world, bob, block(ADA));
    assert!(world.told(ada).is_empty());
    assert_eq!(world.told(bob), ["blocked"]);
    all_go(world);
}

#[test]
fn a_link_leads_nowhere_for_whom_its_host_has_blocked() {
    for in_the_room in [true, false] {
        let (mut world, ada, bobs) = ada_and_bob(1);
        let eve = world.open(3);
        let link = make_link(&mut world, ada, None, OPEN);
        if in_the_room {
            assert_eq!(join(&mut world, ada, link), ["room_joined"]);
        }
        do_and_keep(&mut world, ada, block(BOB));
        assert_eq!(join(&mut world, bobs[0], link), ["error no_such_link"]);
        world.send(bobs[0], Command::LookAtLink { link_id: link });
        let stranger = Command::LookAtLink {
            link_id: crate::id::LinkId::from_random(77),
        };
        let told = world.take(bobs[0]);
        world.send(bobs[0], stranger);
        let known = world.take(bobs[0]);
        let without_ref = |told: Vec<(Option<u32>, Event)>| told.into_iter().map(|(_, event)| event).collect::<Vec<_>>();
        assert_eq!(without_ref(told), without_ref(known), "the same to the last word");
        assert_eq!(join(&mut world, eve, link), ["room_joined"], "others come in");
        do_and_keep(&mut world, ada, unblock(BOB));
        assert_eq!(join(&mut world, bobs[0], link), ["room_joined"]);
        all_go_and_links(world);
    }
}

#[test]
fn who_waits_for_a_host_who_blocks_them_is_sent_away() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    let eve = world.open(3);
    let link = make_link(&mut world, ada, None, LinkWish { lobby: true, ..OPEN });
    join(&mut world, ada, link);
    for who in [bobs[0], eve] {
        assert_eq!(join(&mut world, who, link), ["lobby_entered"]);
    }
    do_and_keep(&mut world, ada, block(BOB));
    assert_eq!(world.told(bobs[0]), ["room_left refused"]);
    assert!(world.told(eve).is_empty(), "she waits on");
    assert_eq!(join(&mut world, bobs[0], link), ["error no_such_link"]);
    all_go_and_links(world);
}

#[test]
fn nobody_is_blocked_before_it_is_kept() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    world.send(bobs[0], block(ADA));
    world.keep_changes(false);
    assert_eq!(world.told(bobs[0]), ["error not_saved"]);
    assert!(called(&mut world, ada, BOB).contains("CallRinging"));
    all_go(world);
}

#[test]
fn blocks_and_settings_outlive_the_hub_and_the_sessions() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    do_and_keep(&mut world, bobs[0], block(ADA));
    world.restart();
    world.resume(ada).expect("she is back");
    world.resume(bobs[0]).expect("he is back");
    assert!(called(&mut world, ada, BOB).contains("unreachable"));
    world.cut(bobs[0]);
    world.pass_ms(60_000);
    world.open(BOB);
    assert!(called(&mut world, ada, BOB).contains("unreachable"));
    all_go(world);
}

#[test]
fn only_contacts_ring_where_only_contacts_are_wanted() {
    let (mut world, ada, bobs) = ada_and_bob(2);
    let nobody = called(&mut world, ada, 77);
    do_and_keep(&mut world, bobs[0], set(Callers::Contacts, false));
    assert_eq!(called(&mut world, ada, BOB), nobody);
    // Another tab of his own is no stranger.
    world.take(bobs[1]);
    world.send(bobs[0], call(BOB));
    assert_eq!(world.told(bobs[1]), ["incoming_call"]);
    world.send(
        bobs[0],
        Command::Cancel {
            call_id: super::super::stories::call_of(&world, bobs[0]),
        },
    );
    do_and_keep(&mut world, bobs[0], keep_contact(ADA));
    assert!(called(&mut world, ada, BOB).contains("CallRinging"));
    all_go(world);
}

#[test]
fn what_the_blocked_write_in_a_room_is_not_shown() {
    let (mut world, ada, bob) = talking();
    do_and_keep(&mut world, bob, block(ADA));
    world.told(bob);
    for (browser, message) in [(ada, 1), (bob, 2)] {
        let room_id = room_of(&world, browser);
        world.send(
            browser,
            Command::Say {
                room_id,
                message_id: MessageId::from_random(message),
                text: "hello".to_owned(),
                file_id: None,
            },
        );
        world.save_one(true);
    }
    assert_eq!(world.told(ada), ["message", "message"], "she is told as ever");
    assert_eq!(world.told(bob), ["message"]);
    let room_id = room_of(&world, bob);
    world.send(
        bob,
        Command::Messages {
            room_id,
            before: None,
            limit: 10,
        },
    );
    assert!(matches!(world.questions.last(), Some(Question::Messages { reader, .. }) if *reader == user_id(BOB)));
    all_go(world);
}

#[test]
fn media_of_those_who_want_it_so_goes_through_the_server() {
    for chooser in [ADA, BOB] {
        let (mut world, ada, bobs) = ada_and_bob(1);
        let one = if chooser == ADA { ada } else { bobs[0] };
        do_and_keep(&mut world, one, set(Callers::Anyone, true));
        assert_eq!(world.told(one), ["settings_changed"]);
        world.send(ada, call(BOB));
        accept(&mut world, bobs[0]);
        assert!(!world.browsers[ada].seat.direct && !world.browsers[bobs[0]].seat.direct);
        all_go(world);
    }
}

#[test]
fn a_direct_call_goes_on_through_the_server_once_one_wants_it() {
    let (mut world, ada, bob) = talking();
    assert!(world.browsers[ada].seat.direct);
    do_and_keep(&mut world, bob, set(Callers::Anyone, true));
    assert_eq!(world.told(ada), ["direct_changed false"]);
    assert_eq!(world.told(bob), ["direct_changed false", "settings_changed"]);
    world.assert_kept();
    do_and_keep(&mut world, bob, set(Callers::Anyone, false));
    world.pass_ms(60_000);
    assert!(
        world.told(ada).is_empty(),
        "not back within the call: its addresses may be others by now"
    );
    all_go(world);
}

#[test]
fn what_belongs_to_a_user_is_read_with_what_the_hub_knows() {
    let (mut world, ada, bobs) = ada_and_bob(1);
    do_and_keep(&mut world, ada, set(Callers::Contacts, true));
    world.take(ada);
    world.send(ada, Command::People {});
    let Some(Question::People { asked, user }) = world.questions.pop() else {
        panic!("nothing is asked");
    };
    let contact = super::named(user_id(BOB), " Bob\u{202e} ");
    let finding = Finding::People {
        asked,
        user,
        contacts: vec![contact.clone()],
        blocked: Vec::new(),
    };
    world.hub.handle_finding(finding, world.now);
    world.drain();
    let told = world.take(ada);
    let [(Some(_), Event::People { contacts, settings, .. })] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(contacts[0].user.name, "Bob");
    assert_eq!(settings.callers, Callers::Contacts);
    assert!(settings.always_through_server);
    assert!(world.told(bobs[0]).is_empty());
    all_go(world);
}

#[test]
fn nobody_changes_without_end_or_knows_themselves() {
    let (mut world, ada, _) = ada_and_bob(1);
    world.send(ada, keep_contact(ADA));
    assert_eq!(world.told(ada), ["error bad_command"]);
    let mut count = 0;
    loop {
        world.send(ada, keep_contact(100 + count));
        let told = world.told(ada);
        if !told.is_empty() {
            assert_eq!(told, ["error rate_limited"]);
            break;
        }
        count += 1;
    }
    assert_eq!(count as f64, CHANGES_BURST);
    let asked = world.changed[0].asked;
    world.hub.handle_news(News::TooMany(asked), world.now);
    world.drain();
    assert_eq!(world.told(ada), ["error not_allowed"]);
    world.keep_changes(true);
    world.pass_ms(2000);
    all_go(world);
}
