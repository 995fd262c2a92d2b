//! Stories about layers inside of an encoding, and about redundant audio: what is left out is not missed.

use std::time::Duration;

use tandem::id::{ParticipantId, Source};
use tandem::sfu::counters::Drop;

use super::network::Link;
use super::world::{World, seed};
use loadtest::participant::Receiver;

const SECOND: Duration = Duration::from_secs(1);

/// A link on which the camera (0.5 Mbit/s) does not fit beside a voice, but a part of it does.
const SHORT_BPS: u64 = 420_000;

/// And one on which the camera does not fit even if its encoder is told to use less.
const SHORTER_BPS: u64 = 260_000;

fn video(world: &World, id: ParticipantId) -> &Receiver {
    let browser = &world.members[&id].browser;
    &browser.received[&browser.slots[0]]
}

/// A publisher whose camera has three temporal layers in each of these layers, and two who watch it.
fn three(world: &mut World, publisher: Link, layers: &[&str]) -> [ParticipantId; 3] {
    let a = world.open(publisher, 0);
    for rid in ["q", "h", "f"].iter().filter(|rid| !layers.contains(rid)) {
        world.member(a).browser.forgo_layer(rid);
    }
    world.member(a).browser.use_temporal_layers(3);
    world.admit(a);
    world.publish(a, &[Source::Camera]);
    let watchers = [Link::GOOD, Link::GOOD].map(|link| {
        let id = world.open(link, 1);
        world.admit(id);
        world.publish(id, &[Source::Microphone]);
        id
    });
    world.run_until("both see the publisher", SECOND * 5, |w| {
        let sees = |id| w.members[id].browser.received.values().any(|r: &Receiver| r.decoded > 0);
        watchers.iter().all(sees)
    });
    [a, watchers[0], watchers[1]]
}

/// Nothing that came in a row was out of order, and nothing that was decoded built on what was not there.
fn assert_sound(receiver: &Receiver) {
    assert_eq!(
        (receiver.broken, receiver.picture_id_jumps, receiver.tl0_jumps),
        (0, 0, 0),
        "over the layers {:?}, temporal {:?}",
        receiver.layers_seen,
        receiver.temporal
    );
}

#[test]
fn a_short_link_carries_fewer_frames_and_every_one_decodes() {
    let mut world = World::new(seed(41));
    let [_, b, c] = three(&mut world, Link::GOOD, &["h"]);
    world.run(SECOND * 8);
    assert!(
        video(&world, b).temporal.iter().all(|frames| *frames > 30),
        "all of it on a good link"
    );
    world.member(b).down.link.rate_bps = Some(SHORTER_BPS);
    world.run(SECOND * 10);
    let before = video(&world, b).temporal;
    let missing = video(&world, b).missing();
    world.run(SECOND * 10);
    let receiver = video(&world, b);
    let frames = [0, 1, 2].map(|layer| receiver.temporal[layer] - before[layer]);
    println!(
        "frames of each temporal layer in 10 s: {frames:?}; missing {}",
        receiver.missing().saturating_sub(missing)
    );
    assert!(frames[0] >= 55, "{frames:?} in 10 s");
    // What the link's queue drops beside a probe is missing as well; far more is left out.
    assert!(receiver.missing() < missing + 25, "no gaps where packets are left out");
    assert_sound(receiver);
    assert!(world.count(|c| c.dropped(Drop::TemporalLayer)) > 50);
    let other = video(&world, c);
    assert!(other.longest_gap < Duration::from_millis(200), "{:?}", other.longest_gap);
    assert_sound(other);

    world.member(b).down.link.rate_bps = None;
    let top = video(&world, b).temporal[2];
    world.run_until("all frames again", SECOND * 40, |w| video(w, b).temporal[2] > top + 60);
    assert_sound(video(&world, b));
}

#[test]
fn loss_and_disorder_around_what_is_left_out_are_repaired() {
    let mut world = World::new(seed(42));
    let lossy = Link {
        loss: 0.02,
        jitter: Duration::from_millis(8),
        ..Link::GOOD
    };
    let [a, b, _] = three(&mut world, lossy, &["h"]);
    world.run(SECOND * 4);
    world.member(b).down.link = Link {
        rate_bps: Some(SHORT_BPS),
        ..lossy
    };
    world.run(SECOND * 10);
    let before = video(&world, b).temporal;
    let asked = world.members[&a].browser.key_frames_sent;
    world.run(SECOND * 20);
    let receiver = video(&world, b);
    let frames = [0, 1, 2].map(|layer| receiver.temporal[layer] - before[layer]);
    let keys = world.members[&a].browser.key_frames_sent - asked;
    println!(
        "frames of each temporal layer in 20 s: {frames:?}; {keys} key frames sent, {} numbers missing",
        receiver.missing()
    );
    assert!(frames[0] > 30, "{frames:?} of 150 base frames");
    assert_sound(receiver);
}

#[test]
fn what_is_lost_between_packets_that_are_left_out_is_resent() {
    let mut world = World::new(seed(45));
    let [_, b, _] = three(&mut world, Link::GOOD, &["h"]);
    world.run(SECOND * 4);
    world.member(b).down.link = Link {
        rate_bps: Some(SHORT_BPS),
        loss: 0.05,
        ..Link::GOOD
    };
    world.run(SECOND * 8);
    let before = (
        video(&world, b).packets,
        video(&world, b).missing(),
        video(&world, b).temporal,
    );
    world.run(SECOND * 20);
    let receiver = video(&world, b);
    let packets = receiver.packets - before.0;
    let missing = receiver.missing().saturating_sub(before.1);
    println!(
        "{missing} of {packets} packets missing; frames {:?}, then {:?}",
        before.2, receiver.temporal
    );
    assert!(
        packets > 150 && missing * 50 < packets as u64,
        "{missing} of {packets} at a loss of 5 %"
    );
    assert_sound(receiver);
}

#[test]
fn a_lower_layer_is_waited_for_with_the_base_of_the_higher_one() {
    let mut world = World::new(seed(43));
    let far = Link {
        delay: Duration::from_millis(150),
        ..Link::GOOD
    };
    let [_, b, _] = three(&mut world, far, &["q", "h", "f"]);
    world.run(SECOND * 10);
    assert_eq!(video(&world, b).layer, Some(2));
    let before = world.count(|c| c.dropped(Drop::TemporalLayer));
    // Less than the highest layer takes, and not so little that nothing of it would arrive.
    world.member(b).down.link.rate_bps = Some(1_200_000);
    world.run_until("a lower layer", SECOND * 10, |w| video(w, b).layer < Some(2));
    world.run(SECOND);
    let dropped = world.count(|c| c.dropped(Drop::TemporalLayer)) - before;
    assert!(dropped > 10, "{dropped} packets of 300 ms of the highest layer");
    assert_sound(video(&world, b));
}

#[test]
fn redundant_audio_is_passed_on_as_it_is_with_its_level() {
    let mut world = World::new(seed(44));
    let (a, b) = (world.join(Link::GOOD, 1), world.join(Link::GOOD, 1));
    world.run(SECOND * 2);
    world.member(a).browser.sends_red = true;
    world.run(SECOND * 2);
    let sound = |world: &World, id: ParticipantId| {
        let browser = &world.members[&id].browser;
        let receiver = &browser.received[&browser.microphone()];
        (receiver.packets, receiver.red, receiver.missing())
    };
    let (packets, red, missing) = sound(&world, b);
    assert!(packets > 150 && red > 90 && packets > red + 50, "{red} of {packets}");
    assert_eq!(missing, 0, "the change cost no number");
    assert_eq!(sound(&world, a).1, 0);
    world.member(a).browser.sends_red = false;
    world.run(SECOND);
    let (after, still, missing) = sound(&world, b);
    assert!(after > packets + 40 && still < red + 5);
    assert_eq!(missing, 0);
}
