//! How calls begin and end.

use std::time::Duration;

use super::{SECOND, call, pair, ring};
use crate::network::Link;
use crate::whole::page::View;
use crate::whole::world::World;
use crate::world::seed;

/// One call from the first page to the last frame.
#[test]
fn hello_call() {
    // A world from a seed: on failure it prints the seed, the last frames and how to run it again.
    let mut world = World::new(seed(1));
    // Two pages in the open, each with a user of its own, each 10 ms away.
    let (ada, bob) = (world.open(None, Link::GOOD), world.open(None, Link::GOOD));
    let bobs_id = world.pages[bob].user_id().to_owned();
    // What the page says is text, and takes its time.
    world.pages[ada].call(&bobs_id);
    world.run_until("it rings", SECOND, |w| matches!(w.pages[bob].view, View::Ringing { .. }));
    world.pages[bob].command_on_call("accept");
    world.run_until("both talk", SECOND, |w| w.are_talking(ada, bob));
    // Media is real: encoded, encrypted, forwarded, decrypted, and looked at as a decoder would.
    world.run_until("sound and pictures both ways", SECOND, |w| {
        [ada, bob]
            .iter()
            .all(|p| w.pages[*p].received().0 > 0 && w.pages[*p].received().1 > 0)
    });
    world.pages[bob].command_on_call("hang_up");
    world.run(SECOND);
    for page in [ada, bob] {
        assert_eq!(world.pages[page].ended[0].1, "hung_up");
    }
    // Everybody goes, and nothing is left of it.
    for page in [ada, bob] {
        world.vanish(page, Duration::ZERO);
    }
    world.run(SECOND * 20);
    world.assert_empty();
}

/// Both were told of one end, for this reason, and nothing is left after it but their sessions.
fn assert_ended(world: &mut World, pages: &[usize], reason: &str) {
    world.run(SECOND);
    for page in pages {
        let reasons: Vec<_> = world.pages[*page].ended.iter().map(|(_, reason)| reason).collect();
        assert_eq!(reasons, [reason], "page {page}");
        assert_eq!(world.pages[*page].view, View::Idle);
        assert!(world.pages[*page].errors.is_empty(), "{:?}", world.pages[*page].errors);
    }
    assert!(!world.server.hub.has_calls());
    assert_eq!(world.server.sfu.count_transports(), 0);
    for page in 0..world.pages.len() {
        world.cut(page, Duration::ZERO);
    }
    world.run(SECOND * 20);
    world.assert_empty();
}

#[test]
fn either_may_hang_up() {
    for who in [0, 1] {
        let (mut world, a, b) = pair(World::without_media(seed(2)));
        call(&mut world, a, b);
        world.run(SECOND);
        world.pages[who].command_on_call("hang_up");
        assert_ended(&mut world, &[a, b], "hung_up");
    }
}

#[test]
fn both_hang_up_in_the_same_moment() {
    let (mut world, a, b) = pair(World::without_media(seed(3)));
    call(&mut world, a, b);
    world.pages[a].command_on_call("hang_up");
    world.pages[b].command_on_call("hang_up");
    world.run(SECOND);
    let refused: usize = [a, b].iter().map(|p| world.pages[*p].errors.len()).sum();
    println!("{refused} of two were told that the call was over already");
    for page in [a, b] {
        world.pages[page].errors.clear();
    }
    assert_ended(&mut world, &[a, b], "hung_up");
}

#[test]
fn a_declined_call_ends_for_both() {
    let (mut world, a, b) = pair(World::without_media(seed(4)));
    ring(&mut world, a, b);
    world.pages[b].command_on_call("decline");
    assert_ended(&mut world, &[a, b], "declined");
}

#[test]
fn a_cancelled_call_ends_for_both() {
    let (mut world, a, b) = pair(World::without_media(seed(5)));
    ring(&mut world, a, b);
    world.pages[a].command_on_call("cancel");
    assert_ended(&mut world, &[a, b], "cancelled");
}

#[test]
fn a_cancel_that_crosses_the_answer_hangs_up() {
    let (mut world, a, b) = pair(World::without_media(seed(6)));
    ring(&mut world, a, b);
    world.pages[b].command_on_call("accept");
    world.run(Duration::from_millis(12));
    world.pages[a].command_on_call("cancel");
    world.run(SECOND);
    for page in [a, b] {
        // What they published at the answer came after the end.
        let errors = std::mem::take(&mut world.pages[page].errors);
        assert!(errors.iter().all(|code| code == "not_allowed"), "{errors:?}");
    }
    assert_ended(&mut world, &[a, b], "hung_up");
}

#[test]
fn no_answer_after_45_s_ends_the_call_for_both() {
    let (mut world, a, b) = pair(World::new(seed(7)));
    ring(&mut world, a, b);
    world.run(SECOND * 44);
    assert!(matches!(world.pages[b].view, View::Ringing { .. }));
    assert_eq!(world.server.sfu.count_transports(), 2, "they connect while it rings");
    world.run(SECOND);
    assert_ended(&mut world, &[a, b], "no_answer");
}

#[test]
fn who_talks_is_busy() {
    let (mut world, a, b) = pair(World::without_media(seed(8)));
    let c = world.open(None, Link::GOOD);
    call(&mut world, a, b);
    let id = world.pages[b].user_id().to_owned();
    world.pages[c].call(&id);
    world.run(SECOND);
    assert_eq!(world.pages[c].ended[0].1, "busy");
    assert!(world.are_talking(a, b), "and is not disturbed");
    world.pages[a].command_on_call("hang_up");
    assert_ended(&mut world, &[a, b], "hung_up");
}

#[test]
fn nobody_and_somebody_who_is_away_are_unreachable() {
    let (mut world, a, b) = pair(World::without_media(seed(9)));
    let id = world.pages[b].user_id().to_owned();
    world.pages[a].call("zzzz-zzzz-zzzz");
    world.run(SECOND);
    world.vanish(b, Duration::ZERO);
    world.run(SECOND);
    world.pages[a].call(&id);
    world.run(SECOND);
    let reasons: Vec<_> = world.pages[a].ended.iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, ["unreachable", "unreachable"]);
}

#[test]
fn two_who_call_each_other_talk() {
    for head_start_ms in [0, 5, 11] {
        let (mut world, a, b) = pair(World::new(seed(10)));
        let ids = [a, b].map(|page| world.pages[page].user_id().to_owned());
        world.pages[a].call(&ids[1]);
        world.run(Duration::from_millis(head_start_ms));
        world.pages[b].call(&ids[0]);
        world.run_until("they talk", SECOND, |w| w.are_talking(a, b));
        world.run_until("media flows", SECOND * 2, |w| {
            [a, b]
                .iter()
                .all(|p| w.pages[*p].received().0 > 10 && w.pages[*p].received().1 > 0)
        });
        world.pages[a].command_on_call("hang_up");
        assert_ended(&mut world, &[a, b], "hung_up");
    }
}

#[test]
fn it_rings_on_every_page_and_the_first_answer_wins() {
    let (mut world, a, b) = pair(World::without_media(seed(11)));
    let b2 = world.open_another(b, Link::GOOD);
    ring(&mut world, a, b);
    assert!(matches!(world.pages[b2].view, View::Ringing { .. }));
    world.pages[b].command_on_call("accept");
    world.pages[b2].command_on_call("accept");
    world.run(SECOND);
    let talking = [b, b2].map(|page| world.are_talking(a, page));
    assert_eq!(talking.iter().filter(|t| **t).count(), 1);
    assert_eq!(world.server.sfu.count_transports(), 2, "the one that lost has left");
    let lost = if talking[0] { b2 } else { b };
    assert_eq!(world.pages[lost].view, View::Idle);
    assert_eq!(world.pages[lost].heard.last().map(String::as_str), Some("error"));
    assert!(world.pages[lost].heard.contains(&"answered_elsewhere".to_owned()));
}
