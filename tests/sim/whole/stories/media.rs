//! What is seen and heard through the server.

use std::time::Duration;

use super::{SECOND, call, pair, ring, wait_for_media};
use crate::network::Link;
use crate::whole::world::World;
use crate::world::seed;
use loadtest::participant::Receiver;

fn video(world: &World, page: usize) -> &Receiver {
    let forwarded = world.pages[page].forwarded.as_ref().expect("it is connected");
    forwarded.received.get(&forwarded.slots[0]).expect("there is video")
}

#[test]
fn media_flows_at_once_after_the_answer_and_never_before() {
    let (mut world, a, b) = pair(World::new(seed(20)));
    for page in [a, b] {
        world.pages[page].publishes_early = true;
    }
    ring(&mut world, a, b);
    world.run(SECOND * 3);
    for page in [a, b] {
        let forwarded = world.pages[page].forwarded.as_ref().expect("it offered");
        assert!(forwarded.connected, "it connects while it rings");
        assert!(forwarded.received.is_empty(), "something was forwarded before the answer");
    }
    world.pages[b].command_on_call("accept");
    let took = wait_for_media(&mut world, [a, b], SECOND);
    assert!(
        took < Duration::from_millis(300),
        "{took:?} from the click to the first frame at both"
    );
    world.run(SECOND * 3);
    for page in [a, b] {
        assert_eq!((video(&world, page).picture_id_jumps, video(&world, page).missing()), (0, 0));
    }
}

#[test]
fn one_packet_in_twenty_lost_is_repaired() {
    let lossy = Link {
        loss: 0.05,
        jitter: Duration::from_millis(8),
        ..Link::GOOD
    };
    let mut world = World::new(seed(21));
    let (a, b) = (world.open(None, lossy), world.open(None, lossy));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    let before = [a, b].map(|page| video(&world, page).decoded);
    world.run(SECOND * 8);
    for (n, page) in [a, b].into_iter().enumerate() {
        let frames = video(&world, page).decoded - before[n];
        println!("{frames} of 242 frames");
        assert!(frames > 215, "{frames} of 242 frames");
        assert_eq!(video(&world, page).picture_id_jumps, 0);
    }
}

#[test]
fn after_a_gap_comes_a_key_frame() {
    let (mut world, a, b) = pair(World::new(seed(22)));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    world.run(SECOND);
    let sent = |world: &World| world.pages[a].forwarded.as_ref().map_or(0, |f| f.key_frames_sent);
    let key_frames = sent(&world);
    let dead = Link { loss: 1.0, ..Link::GOOD };
    world.internet.set_links(b, Link::GOOD, dead);
    world.run(SECOND * 2);
    world.internet.set_links(b, Link::GOOD, Link::GOOD);
    let before = video(&world, b).decoded;
    world.run_until("video again", SECOND * 2, |w| video(w, b).decoded > before + 5);
    assert!(sent(&world) > key_frames && video(&world, b).key_frames_asked > 0);
}

#[test]
fn a_call_through_the_server_carries_no_signal() {
    for who in [0, 1] {
        let (mut world, a, b) = pair(World::new(seed(23)));
        world.pages[who].always_through_server = true;
        call(&mut world, a, b);
        wait_for_media(&mut world, [a, b], SECOND * 2);
        for (from, to) in [(a, b), (b, a)] {
            assert!(world.pages[from].direct.is_none(), "it was told that direct is not allowed");
            // A page that tries all the same.
            world.pages[from].signal_candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host");
            world.run(SECOND);
            assert_eq!(world.pages[from].errors, ["not_allowed"]);
            assert!(!world.pages[to].heard.contains(&"signaled".to_owned()));
        }
    }
}

/// Packets overtake each other here by more than a feedback's time.
#[test]
fn a_gap_of_the_publisher_ends_for_a_watcher_with_much_jitter_too() {
    let mut world = World::new(seed(24));
    let lossy = Link {
        loss: 0.02,
        delay: Duration::from_millis(40),
        ..Link::GOOD
    };
    let wild = Link {
        jitter: Duration::from_millis(60),
        ..Link::GOOD
    };
    let (a, b) = (world.open(None, lossy), world.open(None, wild));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    let dead = Link { loss: 1.0, ..lossy };
    world.internet.set_links(a, dead, dead);
    world.run(SECOND);
    world.internet.set_links(a, lossy, lossy);
    let took = wait_for_media(&mut world, [a, b], SECOND * 6);
    println!("pictures were back after {took:?}");
}
