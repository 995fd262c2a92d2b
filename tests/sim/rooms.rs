//! Stories about rooms of more than two: who is seen and heard, and in which slot.

use std::time::Duration;

use tandem::id::{ParticipantId, Source};
use tandem::sfu::handle::{FilledSlot, SfuCommand};
use tandem::view::{Tile, View, Weight};

use super::network::Link;
use super::world::{World, seed};
use loadtest::participant::Receiver;

const SECOND: Duration = Duration::from_secs(1);
const QUIET: i8 = -100;
const SPEECH: i8 = -25;

fn tile(participant_id: ParticipantId, height_px: u16) -> Tile {
    Tile {
        participant_id,
        source: Source::Camera,
        width_px: (u32::from(height_px) * 16 / 9) as u16,
        height_px,
        weight: Weight::Rest,
    }
}

fn tiles(of: &[ParticipantId]) -> View {
    View::Tiles {
        tiles: of.iter().map(|id| tile(*id, 180)).collect(),
    }
}

/// What is in each slot of a kind, by m-line.
fn slots(world: &World, id: ParticipantId, source: Source) -> Vec<FilledSlot> {
    let slots = world.members[&id].slots.iter();
    slots.filter(|slot| slot.source == source).cloned().collect()
}

fn publishers(world: &World, id: ParticipantId, source: Source) -> Vec<ParticipantId> {
    slots(world, id, source).iter().map(|s| s.publisher).collect()
}

fn receivers(world: &World, id: ParticipantId) -> impl Iterator<Item = &Receiver> {
    world.members[&id].browser.received.values()
}

/// Whether a participant got a packet of this one's voice last in one of its slots.
fn hears(world: &World, id: ParticipantId, speaker: ParticipantId) -> bool {
    let mark = Some(world.members[&speaker].browser.mark);
    let browser = &world.members[&id].browser;
    let slots = browser.audio_slots.iter().filter_map(|mid| browser.received.get(mid));
    slots.into_iter().any(|r| r.mark == mark)
}

#[test]
fn tiles_choose_what_is_seen_and_a_tile_that_stays_keeps_its_slot() {
    let mut world = World::new(seed(40));
    let a = world.join(Link::GOOD, 3);
    let others: Vec<_> = (0..5).map(|_| world.join(Link::GOOD, 0)).collect();
    world.look(a, tiles(&[others[4], others[0], others[2]]));
    world.run(SECOND * 3);
    assert_eq!(publishers(&world, a, Source::Camera).len(), 3);
    let kept = slots(&world, a, Source::Camera)
        .into_iter()
        .find(|s| s.publisher == others[0])
        .expect("it is chosen");
    world.look(a, tiles(&[others[1], others[0], others[3]]));
    world.run(SECOND * 3);
    let mut seen = publishers(&world, a, Source::Camera);
    seen.sort_unstable();
    let mut expected = vec![others[0], others[1], others[3]];
    expected.sort_unstable();
    assert_eq!(seen, expected);
    assert!(slots(&world, a, Source::Camera).contains(&kept), "its picture does not jump");
    for receiver in receivers(&world, a) {
        assert_eq!((receiver.broken, receiver.picture_id_jumps, receiver.missing()), (0, 0, 0));
    }
    let browser = &world.members[&a].browser;
    let mid = browser.slots.iter().find(|mid| mid.to_string() == kept.mid).expect("a slot");
    assert!(browser.received[mid].longest_gap < Duration::from_millis(200));
}

#[test]
fn a_view_may_come_before_everybody_it_names_and_before_its_own_offer() {
    let mut world = World::new(seed(41));
    let late = world.open(Link::GOOD, 0);
    let stranger = ParticipantId::from_random(1);
    let nobody = ParticipantId::from_random(2);
    world.look(nobody, tiles(&[late]));
    let a = world.join_room(Link::GOOD, 2, 1, tiles(&[stranger, late]));
    world.run(SECOND);
    assert!(publishers(&world, a, Source::Camera).is_empty());
    world.admit(late);
    world.publish(late, &[Source::Microphone, Source::Camera]);
    world.run(SECOND * 2);
    assert_eq!(publishers(&world, a, Source::Camera), [late]);
    assert!(receivers(&world, a).any(|r| r.decoded > 20));
}

#[test]
fn a_tile_that_is_not_to_be_seen_keeps_its_slot_and_costs_nothing() {
    let mut world = World::new(seed(42));
    let (a, b) = (world.join(Link::GOOD, 2), world.join(Link::GOOD, 0));
    let c = world.join(Link::GOOD, 0);
    world.look(a, tiles(&[b, c]));
    world.run(SECOND * 5);
    let before = slots(&world, a, Source::Camera);
    let unseen = Tile {
        width_px: 0,
        ..tile(b, 180)
    };
    let view = View::Tiles {
        tiles: vec![unseen, tile(c, 180)],
    };
    world.look(a, view);
    world.run(SECOND);
    let mid = world.members[&a].browser.slots[0];
    let bytes = |w: &World| w.members[&a].browser.received[&mid].bytes;
    let then = bytes(&world);
    world.run(SECOND * 3);
    assert_eq!(slots(&world, a, Source::Camera), before);
    assert_eq!(bytes(&world), then, "nothing is sent");
    assert!(world.members[&b].browser.active_layers().is_empty(), "nor encoded");
    world.look(a, tiles(&[b, c]));
    let frames = world.members[&a].browser.received[&mid].decoded;
    let took = world.run_until("it is seen again", SECOND, |w| {
        w.members[&a].browser.received[&mid].decoded > frames
    });
    assert!(took < Duration::from_millis(300), "{took:?}");
}

#[test]
fn with_slots_enough_every_voice_keeps_one_and_with_few_the_loudest_are_heard() {
    let mut world = World::new(seed(43));
    let rich = world.join_room(Link::GOOD, 0, 6, View::Everything);
    let poor = world.join_room(Link::GOOD, 0, 2, View::Everything);
    let others: Vec<_> = (0..4).map(|_| world.join_room(Link::GOOD, 0, 1, View::Everything)).collect();
    for member in world.members.values_mut() {
        member.browser.audio_level = QUIET;
    }
    world.run(SECOND * 2);
    let of_rich = slots(&world, rich, Source::Microphone);
    assert_eq!(of_rich.len(), 5);
    for round in 0..8 {
        let speaker = others[(round * 3) % 4];
        world.member(speaker).browser.audio_level = SPEECH;
        let took = world.run_until("the speaker is heard", SECOND, |w| {
            [rich, poor]
                .iter()
                .chain(&others)
                .all(|id| *id == speaker || hears(w, *id, speaker))
        });
        assert!(took < Duration::from_millis(450), "{took:?}");
        world.run(SECOND);
        assert_eq!(world.speakers.first(), Some(&speaker));
        world.member(speaker).browser.audio_level = QUIET;
        world.run(SECOND * 2);
        assert!(world.speakers.is_empty());
    }
    assert_eq!(slots(&world, rich, Source::Microphone), of_rich, "nobody moved");
    assert_eq!(slots(&world, poor, Source::Microphone).len(), 2);
    assert!(world.speakers_told <= 16, "{} times", world.speakers_told);
    for id in [rich, poor].iter().chain(&others) {
        for receiver in receivers(&world, *id) {
            assert_eq!(receiver.missing(), 0);
            assert!(
                receiver.longest_gap < Duration::from_millis(45),
                "a switch is not heard: {:?}",
                receiver.longest_gap
            );
        }
    }
}

#[test]
fn a_viewer_with_one_slot_of_each_kind_follows_the_speaker() {
    let mut world = World::new(seed(44));
    let viewer = world.open_with_slots(Link::GOOD, str0m::media::Direction::SendOnly, 1, 1);
    world.look(viewer, View::Speaker);
    world.admit(viewer);
    let lone = world.join(Link::GOOD, 0);
    world.run(SECOND * 2);
    assert_eq!(
        publishers(&world, viewer, Source::Camera),
        [lone],
        "a lone publisher is simply shown"
    );
    assert!(hears(&world, viewer, lone));
    world.member(lone).browser.audio_level = QUIET;
    let others: Vec<_> = (0..2).map(|_| world.join(Link::GOOD, 0)).collect();
    for id in &others {
        world.member(*id).browser.audio_level = QUIET;
    }
    world.run(SECOND * 2);
    for speaker in [others[1], others[0], lone] {
        world.member(speaker).browser.audio_level = SPEECH;
        world.run_until("the speaker is heard and seen", SECOND * 2, |w| {
            hears(w, viewer, speaker) && publishers(w, viewer, Source::Camera) == [speaker]
        });
        world.run(SECOND * 2);
        world.member(speaker).browser.audio_level = QUIET;
        world.run(SECOND * 3);
        assert_eq!(publishers(&world, viewer, Source::Camera), [speaker], "who spoke last");
    }
    for receiver in receivers(&world, viewer) {
        assert_eq!((receiver.broken, receiver.picture_id_jumps, receiver.missing()), (0, 0, 0));
        assert!(
            receiver.longest_gap < Duration::from_millis(400),
            "{:?}",
            receiver.longest_gap
        );
    }
}

#[test]
fn one_participant_may_be_looked_at_alone() {
    let mut world = World::new(seed(45));
    let others: Vec<_> = (0..3).map(|_| world.join(Link::GOOD, 0)).collect();
    let view = View::Participant {
        participant_id: others[1],
    };
    let a = world.join_room(Link::GOOD, 2, 3, view);
    world.run(SECOND * 2);
    let filled: Vec<_> = world.members[&a].slots.iter().map(|s| (s.publisher, s.source)).collect();
    assert_eq!(filled, [(others[1], Source::Microphone), (others[1], Source::Camera)]);
    world.leave(others[1]);
    world.run(SECOND);
    assert!(world.members[&a].slots.is_empty());
    world.command(SfuCommand::CloseRoom { room: world.room });
    assert_eq!(world.shard.count_transports(), (0, 0));
}
