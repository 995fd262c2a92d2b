//! A worker that has too much to do leaves pictures out, and never a voice.

use std::time::Duration;

use tandem::id::{ParticipantId, Source};
use tandem::sfu::cut::Cut;

use super::network::Link;
use super::world::{World, seed};
use loadtest::participant::Receiver;

const SECOND: Duration = Duration::from_secs(1);

/// A worker that is so busy for so many seconds; what it cuts at the end.
fn busy(world: &mut World, share: f64, seconds: usize) -> Cut {
    let mut cut = Cut::Nothing;
    for _ in 0..seconds {
        world.run(SECOND);
        let now = world.now;
        cut = world.shard.handle_busy(share, now);
    }
    cut
}

fn video(world: &World, id: ParticipantId) -> &Receiver {
    let browser = &world.members[&id].browser;
    &browser.received[&browser.slots[0]]
}

/// Packets of the voice that came, and that are missing.
fn voice(world: &World, id: ParticipantId) -> (usize, u64) {
    let browser = &world.members[&id].browser;
    let receiver = &browser.received[&browser.microphone()];
    (receiver.packets, receiver.missing())
}

fn is_paused(world: &World, id: ParticipantId) -> bool {
    let slots = &world.members[&id].slots;
    slots.iter().any(|slot| slot.source == Source::Camera && slot.paused)
}

#[test]
fn layers_go_then_pictures_and_both_come_back_while_voices_miss_nothing() {
    let mut world = World::new(seed(61));
    let (a, b) = (world.join(Link::GOOD, 1), world.join(Link::GOOD, 1));
    assert_eq!(busy(&mut world, 0.9, 10), Cut::Nothing);
    assert_eq!((video(&world, b).layer, is_paused(&world, b)), (Some(2), false));
    let before = voice(&world, b);
    let sent = world.shard.video_forwarded(world.room, b);

    assert_eq!(busy(&mut world, 1.0, 5), Cut::Layers);
    world.run_until("the middle layer", SECOND, |w| video(w, b).layer == Some(1));
    world.run(SECOND);
    let active = world.members[&a].browser.active_layers();
    assert!(!active.contains(&"f".to_owned()), "nobody encodes for nothing: {active:?}");
    assert!(world.shard.video_forwarded(world.room, b) > sent);

    assert_eq!(busy(&mut world, 1.0, 3), Cut::Pictures);
    world.run(SECOND);
    assert!(is_paused(&world, a) && is_paused(&world, b), "the pages say so");
    let sent = world.shard.video_forwarded(world.room, b);
    // Who comes in meanwhile is heard, and not seen.
    let c = world.join(Link::GOOD, 2);
    world.run(SECOND * 5);
    assert_eq!(world.shard.video_forwarded(world.room, b), sent, "not one packet");
    assert_eq!(world.shard.video_forwarded(world.room, c), 0, "not one packet");
    assert!(voice(&world, c).0 > 200);

    assert_eq!(busy(&mut world, 0.2, 11), Cut::Layers);
    world.run_until("pictures again", SECOND * 4, |w| {
        !is_paused(w, b) && video(w, b).layer == Some(1)
    });
    let decoded = video(&world, b).decoded;
    world.run(SECOND * 2);
    assert!(video(&world, b).decoded > decoded + 40);
    assert_eq!(busy(&mut world, 0.2, 10), Cut::Nothing);
    world.run_until("the highest layer again", SECOND * 20, |w| video(w, b).layer == Some(2));

    let (packets, missing) = voice(&world, b);
    assert_eq!(missing, before.1, "of the voice");
    assert!(packets > before.0 + 45 * 40, "{packets} packets of sound");
    assert_eq!(video(&world, b).broken, 0);
}
