//! What people write to each other: stories under a virtual clock, with a store that keeps what it is told to.

// The architecture test reads a file up to this line.
#[cfg(test)]
use super::stories::{accept, all_go, hang_up, room_of, talking};
use super::world::World;
use super::*;
use crate::id::MessageId;
use crate::signaling::limits::MESSAGES_BURST;
use crate::signaling::protocol::Command;
use crate::signaling::records::{Finding, MessageNote, News, Question};
use crate::signaling::words::MESSAGE_CHARS_MAX;

fn say(world: &mut World, browser: usize, message: u64, text: &str) {
    let room_id = room_of(world, browser);
    let command = Command::Say {
        room_id,
        message_id: MessageId::from_random(message),
        text: text.to_owned(),
        file_id: None,
    };
    world.send(browser, command);
}

/// What a browser was told of messages, with the `ref` that it answers.
fn heard(world: &mut World, browser: usize) -> Vec<String> {
    let told = world.take(browser).into_iter().filter_map(|(reference, event)| match event {
        Event::Message { message, .. } => {
            let answers = if reference.is_some() { " answered" } else { "" };
            Some(format!("{} {}{answers}", message.number, message.text))
        }
        Event::Error { code, .. } => Some(code.as_str().to_owned()),
        _ => None,
    });
    told.collect()
}

#[test]
fn nobody_hears_a_message_before_it_is_kept() {
    let (mut world, ada, bob) = talking();
    say(&mut world, ada, 1, " hello\u{7}\n");
    assert!(heard(&mut world, ada).is_empty() && heard(&mut world, bob).is_empty());
    world.save_one(true);
    assert_eq!(heard(&mut world, ada), ["1 hello answered"]);
    assert_eq!(heard(&mut world, bob), ["1 hello"]);
    all_go(world);
}

#[test]
fn what_the_store_does_not_keep_in_time_is_said_and_heals() {
    let (mut world, ada, bob) = talking();
    say(&mut world, ada, 1, "slow");
    say(&mut world, ada, 2, "lost");
    world.pass_ms(799);
    assert!(heard(&mut world, ada).is_empty());
    world.pass_ms(1);
    assert_eq!(heard(&mut world, ada), ["not_saved", "not_saved"]);
    // The first was only slow: both are told, and the page forgets its doubt.
    world.save_one(true);
    assert_eq!(heard(&mut world, ada), ["1 slow"]);
    assert_eq!(heard(&mut world, bob), ["1 slow"]);
    let asked = world.written.remove(0).asked();
    world.hub.handle_news(News::NotKept(asked), world.now);
    world.drain();
    assert!(heard(&mut world, ada).is_empty(), "it was said already");
    say(&mut world, ada, 2, "lost");
    let asked = world.written.remove(0).asked();
    world.hub.handle_news(News::NotKept(asked), world.now);
    world.drain();
    assert_eq!(heard(&mut world, ada), ["not_saved"], "at once, where the store says so");
    assert!(heard(&mut world, bob).is_empty());
    all_go(world);
}

#[test]
fn a_message_that_is_sent_again_is_heard_once() {
    let (mut world, ada, bob) = talking();
    say(&mut world, ada, 1, "hello");
    world.save_one(true);
    say(&mut world, ada, 1, "hello");
    world.save_one(true);
    assert_eq!(heard(&mut world, ada), ["1 hello answered", "1 hello answered"]);
    assert_eq!(heard(&mut world, bob), ["1 hello"]);
    all_go(world);
}

#[test]
fn who_is_away_from_a_lively_room_loses_no_session_by_it() {
    let (mut world, ada, bob) = talking();
    world.cut(bob);
    for n in 1..=300 {
        say(&mut world, ada, n, "and another thing");
        world.save_one(true);
        world.pass_ms(250);
        if n % 40 == 0 {
            world.resume(bob).expect("it comes back");
            assert!(world.browsers[bob].resumed);
            world.cut(bob);
        }
    }
    world.resume(bob).expect("it comes back");
    assert!(world.browsers[bob].resumed && heard(&mut world, bob).is_empty());
    say(&mut world, ada, 999, "welcome back");
    world.save_one(true);
    assert_eq!(heard(&mut world, bob), ["301 welcome back"]);
    all_go(world);
}

#[test]
fn only_who_is_in_a_room_writes_and_reads_there() {
    let (mut world, ada, bob) = talking();
    let eve = world.open(3);
    let room_id = room_of(&world, ada);
    let message_id = MessageId::from_random(1);
    let text = "let me in".to_owned();
    for command in [
        Command::Say {
            room_id,
            message_id,
            text: text.clone(),
            file_id: None,
        },
        Command::EditMessage {
            room_id,
            number: 1,
            text,
        },
        Command::DeleteMessage { room_id, number: 1 },
        Command::Messages {
            room_id,
            before: None,
            limit: 9,
        },
    ] {
        world.send(eve, command);
        assert_eq!(heard(&mut world, eve), ["not_allowed"]);
    }
    // While it rings she is not in it.
    let user_id = world.browsers[eve].user;
    world.send(ada, Command::Invite { room_id, user_id });
    let look = Command::Messages {
        room_id,
        before: None,
        limit: 9,
    };
    world.send(eve, look.clone());
    assert_eq!(heard(&mut world, eve), ["not_allowed"]);
    assert!(world.written.is_empty() && world.questions.is_empty());
    accept(&mut world, eve);
    world.send(eve, look);
    let Some(Question::Messages { asked, .. }) = world.questions.pop() else {
        panic!("it is read")
    };
    let finding = Finding::Messages {
        asked,
        room: Some(room_id),
        call: None,
        messages: Vec::new(),
        more: false,
    };
    world.hub.handle_finding(finding, world.now);
    world.drain();
    assert_eq!(world.told(eve).last().map(String::as_str), Some("messages"));
    say(&mut world, eve, 1, "here I am");
    world.save_one(true);
    assert_eq!(heard(&mut world, bob), ["1 here I am"]);
    all_go(world);
}

#[test]
fn texts_are_bounded_in_length_and_rate() {
    let (mut world, ada, _) = talking();
    say(&mut world, ada, 1, " \u{0}\n");
    say(&mut world, ada, 1, &"é".repeat(MESSAGE_CHARS_MAX + 1));
    say(&mut world, ada, 1, &"x".repeat(5 * MESSAGE_CHARS_MAX));
    assert_eq!(heard(&mut world, ada), ["bad_command", "too_large", "too_large"]);
    say(&mut world, ada, 1, &"é".repeat(MESSAGE_CHARS_MAX));
    for n in 2..=MESSAGES_BURST as u64 + 1 {
        say(&mut world, ada, n, "again");
    }
    assert_eq!(heard(&mut world, ada), ["rate_limited"]);
    world.pass_ms(200);
    heard(&mut world, ada);
    say(&mut world, ada, 99, "later");
    assert!(heard(&mut world, ada).is_empty());
    all_go(world);
}

#[test]
fn a_host_takes_anybody_s_message_away_and_others_their_own() {
    let (mut world, ada, bob) = talking();
    let room_id = room_of(&world, ada);
    for (who, host) in [(ada, true), (bob, false)] {
        world.send(who, Command::DeleteMessage { room_id, number: 1 });
        let Some(MessageNote::Delete { of_anybody, asked, .. }) = world.written.pop() else {
            panic!("nothing was asked")
        };
        assert_eq!(of_anybody, host);
        world.hub.handle_news(News::NotTheirs(asked), world.now);
        world.drain();
        assert_eq!(heard(&mut world, who), ["not_allowed"]);
    }
    all_go(world);
}

#[test]
fn who_hung_up_meanwhile_is_told_that_it_was_kept() {
    let (mut world, ada, bob) = talking();
    say(&mut world, ada, 1, "bye");
    hang_up(&mut world, ada);
    world.save_one(true);
    assert_eq!(heard(&mut world, ada), ["1 bye answered"]);
    assert!(heard(&mut world, bob).is_empty());
    all_go(world);
}

#[test]
fn a_call_that_is_over_is_asked_of_the_store() {
    let (mut world, ada, _) = talking();
    let call_id = super::stories::call_of(&world, ada);
    hang_up(&mut world, ada);
    world.take(ada);
    world.send(
        ada,
        Command::CallMessages {
            call_id,
            before: Some(7),
            limit: 9999,
        },
    );
    let Some(Question::CallMessages { asked, user, limit, .. }) = world.questions.pop() else {
        panic!("nothing was asked")
    };
    assert_eq!(
        (user, limit),
        (world.browsers[ada].user, crate::signaling::limits::MESSAGES_PAGE_MAX)
    );
    world.hub.handle_finding(Finding::NotTheirs(asked), world.now);
    world.drain();
    assert_eq!(heard(&mut world, ada), ["not_allowed"]);
    all_go(world);
}
