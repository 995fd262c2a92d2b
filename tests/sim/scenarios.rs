//! Stories about calls through the SFU.

use std::net::SocketAddr;
use std::time::Duration;

use str0m::media::Direction;
use tandem::id::{ParticipantId, Source};
use tandem::sfu::counters::Drop;
use tandem::sfu::flow::Flow;
use tandem::sfu::handle::{InjectedFault, LostReason, SfuCommand};

use super::network::{Dice, Link};
use super::world::{SFU, World, seed};
use loadtest::malformed::{Malformed, Shape};
use loadtest::participant::Receiver;

const SECOND: Duration = Duration::from_secs(1);

/// What a participant receives in its first video slot.
fn video(world: &World, id: ParticipantId) -> Option<&Receiver> {
    let browser = &world.members[&id].browser;
    browser.received.get(&browser.slots[0])
}

fn decoded(world: &World, id: ParticipantId) -> usize {
    video(world, id).map_or(0, |r| r.decoded)
}

fn audio_packets(world: &World, id: ParticipantId) -> usize {
    let browser = &world.members[&id].browser;
    browser.received.get(&browser.microphone()).map_or(0, |r| r.packets)
}

fn pair(world: &mut World, link: Link) -> (ParticipantId, ParticipantId) {
    let (a, b) = (world.join(link, 1), world.join(link, 1));
    world.run_until("both see each other", SECOND * 5, |w| decoded(w, a) > 0 && decoded(w, b) > 0);
    (a, b)
}

#[test]
fn two_see_and_hear_each_other() {
    let mut world = World::new(seed(1));
    let (a, b) = pair(&mut world, Link::GOOD);
    world.run(SECOND * 5);
    for (me, other) in [(a, b), (b, a)] {
        let receiver = video(&world, me).expect("there is video");
        assert!(receiver.decoded > 140, "{} frames in 5 s", receiver.decoded);
        assert!(
            receiver.longest_gap < Duration::from_millis(150),
            "{:?}",
            receiver.longest_gap
        );
        assert_eq!(
            (receiver.picture_id_jumps, receiver.missing()),
            (0, 0),
            "over {:?}",
            receiver.layers_seen
        );
        assert!(receiver.first_seq < Some(65_536));
        assert!(audio_packets(&world, me) > 230);
        let sources: Vec<_> = world.members[&me].slots.iter().map(|s| (s.publisher, s.source)).collect();
        assert_eq!(sources, [(other, Source::Microphone), (other, Source::Camera)]);
        assert!(world.members[&me].lost.is_empty());
    }
    assert_eq!(world.shard.count_transports(), (0, 2));
}

#[test]
fn nothing_flows_before_both_are_admitted() {
    let mut world = World::new(seed(2));
    let a = world.open(Link::GOOD, 1);
    let b = world.open(Link::GOOD, 1);
    for id in [a, b] {
        world.publish(id, &[Source::Microphone, Source::Camera]);
    }
    world.run(SECOND * 2);
    assert!(world.members[&a].browser.connected, "it connects while it rings");
    world.admit(a);
    world.run(SECOND);
    assert!(world.members[&b].browser.received.is_empty() && world.members[&b].slots.is_empty());
    assert!(world.members[&a].browser.received.is_empty() && world.members[&a].slots.is_empty());
    assert!(world.count(|c| c.dropped(Drop::NotAdmitted)) > 0);
    world.admit(b);
    let took = world.run_until("media in both directions", SECOND, |w| {
        decoded(w, a) > 0 && decoded(w, b) > 0 && audio_packets(w, a) > 0
    });
    assert!(
        took < Duration::from_millis(250),
        "{took:?} from the answer to the first frame"
    );
}

#[test]
fn one_frame_in_twenty_lost_is_repaired() {
    let mut world = World::new(seed(3));
    let lossy = Link {
        loss: 0.05,
        jitter: Duration::from_millis(3),
        ..Link::GOOD
    };
    let (a, b) = pair(&mut world, lossy);
    world.run(SECOND * 10);
    for id in [a, b] {
        let receiver = video(&world, id).expect("there is video");
        println!("{} frames of 300", receiver.decoded);
        assert!(receiver.decoded > 270, "{} frames of 300", receiver.decoded);
        assert_eq!(receiver.picture_id_jumps, 0);
    }
}

#[test]
fn a_receiver_that_lost_too_much_gets_a_key_frame() {
    let mut world = World::new(seed(4));
    let (a, b) = pair(&mut world, Link::GOOD);
    world.run(SECOND);
    let before = world.members[&a].browser.key_frames_sent;
    world.member(b).down.link.loss = 1.0;
    world.run(SECOND * 2);
    world.member(b).down.link.loss = 0.0;
    let frames = decoded(&world, b);
    world.run_until("video again", SECOND * 2, |w| decoded(w, b) > frames + 5);
    assert!(world.members[&a].browser.key_frames_sent > before);
    assert!(video(&world, b).is_some_and(|r| r.key_frames_asked > 0));
}

#[test]
fn a_fault_costs_one_participant_and_nobody_else_a_frame() {
    for fault in [InjectedFault::Panic, InjectedFault::Endless] {
        let mut world = World::new(seed(5));
        let (a, b) = pair(&mut world, Link::GOOD);
        let c = world.join(Link::GOOD, 2);
        world.run_until("the third sees someone", SECOND * 5, |w| decoded(w, c) > 0);
        world.run(SECOND);
        world.member(a).browser.received.clear();
        world.command(SfuCommand::InjectFault {
            room: world.room,
            participant: c,
            fault,
        });
        world.run(SECOND * 2);
        assert_eq!(world.members[&c].lost, [LostReason::Fault]);
        assert!(world.members[&a].lost.is_empty() && world.members[&b].lost.is_empty());
        let receiver = video(&world, a).expect("a still sees b");
        assert!(
            receiver.longest_gap < Duration::from_millis(150),
            "{:?}",
            receiver.longest_gap
        );
        assert_eq!(world.count(|c| c.lost_fault), 1);

        world.reopen(c);
        world.run_until("it is back", SECOND * 5, |w| decoded(w, c) > 0);
    }
}

#[test]
fn the_layer_follows_the_subscribers_link_down_and_up() {
    let mut world = World::new(seed(6));
    let (a, b) = pair(&mut world, Link::GOOD);
    // A second watcher on a good link, so that the publisher's layers go on as they are.
    let c = world.join(Link::GOOD, 2);
    world.run(SECOND * 10);
    assert_eq!(
        video(&world, b).and_then(|r| r.layer),
        Some(2),
        "the best layer on a good link"
    );
    world.member(b).down.link.rate_bps = Some(600_000);
    world.run_until("a lower layer", SECOND * 10, |w| {
        video(w, b).is_some_and(|r| r.layer < Some(2))
    });
    world.run(SECOND * 5);
    assert!(
        world.members[&a].browser.active_layers().contains(&"f".to_owned()),
        "{c:?} still watches it"
    );
    world.member(b).down.link.rate_bps = None;
    world.run_until("the best layer again", SECOND * 40, |w| {
        video(w, b).is_some_and(|r| r.layer == Some(2))
    });
    let receiver = video(&world, b).expect("there is video");
    assert_eq!(receiver.picture_id_jumps, 0, "over the layers {:?}", receiver.layers_seen);
    assert!(receiver.layers_seen.len() >= 3);
}

#[test]
fn layers_that_nobody_watches_are_not_wanted() {
    let mut world = World::new(seed(7));
    let (a, b) = pair(&mut world, Link::GOOD);
    world.run(SECOND * 10);
    assert_eq!(world.members[&a].browser.active_layers(), ["f"]);
    let spoken = world.members[&a].wanted_count;
    assert!(spoken <= 15, "{spoken} times in 10 s");
    let receiver = video(&world, b).expect("there is video");
    assert!(
        receiver.longest_gap < Duration::from_millis(200),
        "{:?}",
        receiver.longest_gap
    );
}

#[test]
fn a_layer_that_never_arrives_is_not_waited_for() {
    let mut world = World::new(seed(8));
    let a = world.open(Link::GOOD, 1);
    world.member(a).browser.forgo_layer("f");
    world.admit(a);
    world.publish(a, &[Source::Camera]);
    let b = world.join(Link::GOOD, 1);
    world.run_until("video", SECOND * 3, |w| decoded(w, b) > 0);
    world.run(SECOND * 5);
    let receiver = video(&world, b).expect("there is video");
    assert_eq!(receiver.layer, Some(1));
    assert!(
        receiver.longest_gap < Duration::from_millis(150),
        "{:?}",
        receiver.longest_gap
    );
}

#[test]
fn a_track_that_is_switched_off_leaves_its_slot() {
    let mut world = World::new(seed(9));
    let (a, b) = pair(&mut world, Link::GOOD);
    world.publish(a, &[Source::Microphone]);
    world.run(SECOND);
    assert_eq!(world.members[&b].slots.len(), 1);
    let frames = decoded(&world, b);
    world.run(SECOND);
    assert_eq!(decoded(&world, b), frames);
    world.publish(a, &[Source::Microphone, Source::Camera]);
    world.run_until("the camera again", SECOND, |w| decoded(w, b) > frames);
    assert_eq!(video(&world, b).map(|r| r.picture_id_jumps), Some(0));
}

#[test]
fn a_slot_more_is_one_offer_more_and_costs_no_frame() {
    let mut world = World::new(seed(10));
    let (a, b) = pair(&mut world, Link::GOOD);
    let c = world.join(Link::GOOD, 2);
    world.run(SECOND * 2);
    assert_eq!(
        world.members[&a].slots.iter().filter(|s| s.source == Source::Camera).count(),
        1
    );
    let offer = world.member(a).browser.offer_slot();
    world.offer(a, offer);
    world.run(SECOND * 2);
    let cameras: Vec<_> = world.members[&a]
        .slots
        .iter()
        .filter(|s| s.source == Source::Camera)
        .map(|s| s.publisher)
        .collect();
    assert_eq!(cameras, [b, c]);
    let browser = &world.members[&a].browser;
    assert!(browser.received.get(&browser.slots[1]).is_some_and(|r| r.decoded > 30));
    assert!(video(&world, a).is_some_and(|r| r.longest_gap < Duration::from_millis(200)));
}

#[test]
fn an_ice_restart_is_not_seen() {
    let mut world = World::new(seed(11));
    let (a, b) = pair(&mut world, Link::GOOD);
    world.run(SECOND);
    let offer = world.member(a).browser.offer_restart();
    world.offer(a, offer);
    world.run(SECOND * 25);
    assert_eq!(world.members[&a].answers.len(), 2);
    for id in [a, b] {
        assert!(world.members[&id].lost.is_empty());
        assert!(video(&world, id).is_some_and(|r| r.longest_gap < Duration::from_millis(250)));
    }
}

/// Somebody whose first handshake stalled, and who offers once more.
fn join_again_after_a_stall(world: &mut World) -> ParticipantId {
    let stalled = Link {
        no_dtls: true,
        ..Link::GOOD
    };
    let a = world.join(stalled, 1);
    let took = world.run_until("the transport is given up", SECOND * 5, |w| !w.members[&a].lost.is_empty());
    assert!(took > SECOND * 3, "{took:?}");
    assert_eq!(world.members[&a].lost, [LostReason::Handshake]);
    assert!(world.members[&a].answers[0].contains("a=setup:passive"));
    world.member(a).up.link.no_dtls = false;
    world.member(a).down.link.no_dtls = false;
    world.reopen(a);
    a
}

#[test]
fn a_handshake_that_stalls_is_tried_once_more_the_other_way_round() {
    let mut world = World::new(seed(17));
    let b = world.join(Link::GOOD, 1);
    let a = join_again_after_a_stall(&mut world);
    world.run_until("both see each other", SECOND * 5, |w| decoded(w, a) > 0 && decoded(w, b) > 0);
    assert!(world.members[&a].answers[1].contains("a=setup:active"));
}

#[test]
fn a_forged_client_hello_stalls_no_handshake_in_which_we_are_the_client() {
    let mut world = World::new(seed(17));
    let a = join_again_after_a_stall(&mut world);
    let forged = Flow::udp(world.members[&a].browser.address, SocketAddr::from(SFU));
    let mut malformed = Malformed::new(seed(17));
    for _ in 0..1_000 {
        let hello = malformed.of(Shape::ClientHello, "");
        world.shard.handle_datagram(forged, &hello, world.now);
        world.run(Duration::from_millis(1));
    }
    world.run(SECOND);
    assert!(world.members[&a].answers[1].contains("a=setup:active"));
    assert_eq!(world.members[&a].lost.len(), 1, "only the first was lost");
    assert_eq!(world.shard.count_transports(), (0, 1));
}

#[test]
fn an_answer_names_the_stream_of_every_slot_and_where_to_find_us() {
    let mut world = World::new(seed(18));
    let a = world.join(Link::GOOD, 3);
    let answer = &world.members[&a].answers[0];
    let sections: Vec<&str> = answer.split("m=").skip(1).collect();
    assert_eq!(sections.len(), 5);
    for (section, groups) in sections.iter().zip([0, 0, 1, 1, 1]) {
        assert_eq!(section.matches("a=ssrc-group:FID").count(), groups, "{section}");
    }
    assert!(sections[0].contains("a=ssrc:"), "the microphone's m-line is a slot as well");
    assert!(sections[1].contains("a=simulcast:recv q;h;f"), "{}", sections[1]);
    assert!(answer.contains("a=ice-lite"));
    assert!(answer.contains("10.0.0.1 3478 typ host"));
}

/// str0m makes no send stream there, and our browsers, which are str0m too, would not know what to do with it: so only what is sent.
#[test]
fn the_cameras_m_line_can_be_a_slot_as_well() {
    let mut world = World::new(seed(21));
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let id = world.open_with_camera(Link::GOOD, Direction::SendRecv, 0);
            world.admit(id);
            world.publish(id, &[Source::Camera]);
            id
        })
        .collect();
    world.run(SECOND * 3);
    for id in ids {
        let answer = &world.members[&id].answers[0];
        assert_eq!(answer.matches("a=ssrc-group:FID").count(), 1, "{answer}");
        assert_eq!(world.members[&id].slots.len(), 1);
    }
    assert!(world.count(|c| c.video_out.packets) > 300);
}

#[test]
fn noise_costs_nobody_a_frame() {
    let mut world = World::new(seed(19));
    let (a, b) = pair(&mut world, Link::GOOD);
    let mut dice = Dice::new(seed(19));
    let forged = world.members[&a].browser.address;
    let stranger = SocketAddr::from(([192, 0, 2, 9], 9));
    let firsts = [0, 1, 2, 20, 21, 22, 23, 63, 128, 144, 191, 255];
    for _ in 0..3000 {
        let length = dice.next() as usize % 200;
        let mut noise: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
        noise.insert(0, firsts[dice.next() as usize % firsts.len()]);
        let source = if dice.next().is_multiple_of(2) { forged } else { stranger };
        world
            .shard
            .handle_datagram(Flow::udp(source, SocketAddr::from(SFU)), &noise, world.now);
        world.run(Duration::from_millis(1));
    }
    // A fatal DTLS alert in the clear, as anybody can forge it.
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];
    world
        .shard
        .handle_datagram(Flow::udp(forged, SocketAddr::from(SFU)), &alert, world.now);
    world.run(SECOND);
    for id in [a, b] {
        assert!(world.members[&id].lost.is_empty());
        let receiver = video(&world, id).expect("there is video");
        assert!(
            receiver.longest_gap < Duration::from_millis(150),
            "{:?}",
            receiver.longest_gap
        );
        assert_eq!(receiver.missing(), 0);
    }
    assert!(world.count(|c| c.dropped(Drop::UnknownAddress)) > 500);
}

#[test]
fn a_stun_server_answers_whoever_asks_but_not_for_ever() {
    let mut world = World::new(seed(20));
    let stranger = SocketAddr::from(([192, 0, 2, 9], 9));
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend([7; 12]);
    world
        .shard
        .handle_datagram(Flow::udp(stranger, SocketAddr::from(SFU)), &request, world.now);
    let answers: Vec<_> = world.shard.poll_sends().drain(..).collect();
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].flow.remote, answers[0].payload.len()), (stranger, 32));
    for _ in 0..10_000 {
        world
            .shard
            .handle_datagram(Flow::udp(stranger, SocketAddr::from(SFU)), &request, world.now);
    }
    assert!(world.shard.poll_sends().len() < 300);
    world.shard.poll_sends().clear();
}

#[test]
fn a_browser_that_never_comes_is_given_up_after_15_s() {
    let mut world = World::new(seed(12));
    let dead = Link { loss: 1.0, ..Link::GOOD };
    let a = world.join(dead, 1);
    world.run(Duration::from_millis(14_900));
    assert!(world.members[&a].lost.is_empty());
    world.run(Duration::from_millis(200));
    assert_eq!(world.members[&a].lost, [LostReason::Timeout]);
    assert_eq!(world.shard.count_transports(), (0, 0));
}

#[test]
fn a_browser_that_falls_silent_is_given_up_within_30_s() {
    let mut world = World::new(seed(13));
    let (a, b) = pair(&mut world, Link::GOOD);
    world.member(a).up.link.loss = 1.0;
    world.member(a).down.link.loss = 1.0;
    world.run_until("it is given up", SECOND * 30, |w| !w.members[&a].lost.is_empty());
    assert_eq!(world.members[&a].lost, [LostReason::Timeout]);
    assert!(world.members[&b].lost.is_empty());
    let member = world.member(a);
    member.up.link = Link::GOOD;
    member.down.link = Link::GOOD;
    world.reopen(a);
    let before = decoded(&world, b);
    world.run_until("both again", SECOND * 5, |w| decoded(w, a) > 0 && decoded(w, b) > before);
    assert_eq!(
        video(&world, b).map(|r| r.picture_id_jumps),
        Some(0),
        "b's slot went on with another transport"
    );
}

#[test]
fn leaving_frees_everything() {
    let mut world = World::new(seed(14));
    let (a, b) = pair(&mut world, Link::GOOD);
    world.command(SfuCommand::Leave {
        room: world.room,
        participant: a,
    });
    world.run(SECOND);
    assert!(world.members[&b].slots.is_empty());
    assert_eq!(world.shard.count_transports(), (0, 1));
    world.command(SfuCommand::CloseRoom { room: world.room });
    assert_eq!(world.shard.count_transports(), (0, 0));
    world.run(SECOND);
    assert!(world.members[&b].browser.is_closed, "it was told");
    assert!(world.members[&b].lost.is_empty());
}

#[test]
fn an_offer_beyond_the_limits_is_refused_and_changes_nothing() {
    let mut world = World::new(seed(15));
    let (a, b) = pair(&mut world, Link::GOOD);
    world.offer(a, "m=audio 9 RTP/AVP 0\r\n".repeat(100));
    world.offer(a, "v=0\r\nnonsense".to_owned());
    assert_eq!(world.members[&a].refused, 2);
    let before = decoded(&world, b);
    world.run(SECOND);
    assert!(decoded(&world, b) > before + 20);
    assert_eq!(world.count(|c| c.refused_too_large), 1, "the other was only nonsense");
}

#[test]
fn five_in_a_room_see_as_many_as_they_have_slots_for() {
    let mut world = World::new(seed(16));
    let ids: Vec<_> = (0..5).map(|_| world.join(Link::GOOD, 3)).collect();
    world.run(SECOND * 5);
    for id in ids {
        let browser = &world.members[&id].browser;
        for slot in &browser.slots {
            let receiver = &browser.received[slot];
            // Until bandwidth is known, every other frame of a layer may be left out.
            assert!(receiver.decoded > 60, "{}", receiver.decoded);
            assert_eq!(receiver.picture_id_jumps, 0);
        }
        assert_eq!(
            world.members[&id].slots.iter().filter(|s| s.source == Source::Camera).count(),
            3
        );
    }
}

#[test]
fn half_open_transports_are_limited_and_make_room_when_they_connect() {
    let mut world = World::with_connecting_max(seed(31), 2);
    let link = Link::GOOD;
    let ids = [world.open(link, 1), world.open(link, 1), world.open(link, 1)];
    assert_eq!(ids.map(|id| world.members[&id].refused), [0, 0, 1]);
    assert_eq!(world.shard.count_transports(), (2, 0));
    assert_eq!(world.shard.take_counters().refused_half_open, 1);
    world.run_until("the first two connect", SECOND * 5, |w| w.shard.count_transports() == (0, 2));
    world.reopen(ids[2]);
    world.run_until("the third connects", SECOND * 5, |w| w.shard.count_transports() == (0, 3));
}

#[test]
fn who_may_not_be_sent_anything_is_seen_and_sees_nothing() {
    let mut world = World::new(seed(90));
    let (a, b) = (world.join(Link::GOOD, 1), world.open(Link::GOOD, 1));
    let room = world.room;
    world.command(SfuCommand::Admit {
        room,
        participant: b,
        receives: false,
    });
    world.publish(b, &[Source::Microphone, Source::Camera]);
    world.run_until("it is seen", SECOND * 5, |w| decoded(w, a) > 30 && audio_packets(w, a) > 50);
    let received = &world.members[&b].browser.received;
    assert!(received.values().all(|r| r.packets == 0), "it was sent something");
    assert!(world.members[&b].slots.is_empty());
}
