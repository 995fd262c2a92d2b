//! What those who are in a room do, see and survive.

// The architecture test reads a file up to this line.
#[cfg(test)]
use super::*;

#[test]
fn hands_keep_the_order_in_which_they_went_up() {
    let (mut world, ada, bob, eve) = three();
    let room_id = room_of(&world, ada);
    let hand = |raised| Command::RaiseHand { room_id, raised };
    world.send(eve, hand(true));
    world.send(eve, hand(true));
    world.send(bob, hand(true));
    assert_eq!(world.told(ada), ["participant_changed"; 2]);
    let of = |world: &World, browser: usize| {
        let id = me(world, browser);
        world.browsers[ada].seat.others[&id].hand
    };
    assert_eq!((of(&world, eve), of(&world, bob)), (Some(1), Some(2)));
    assert_eq!(world.browsers[eve].seat.hand, Some(1), "she is told too");
    world.send(eve, hand(false));
    world.send(eve, hand(true));
    assert_eq!(
        (of(&world, eve), of(&world, bob)),
        (Some(3), Some(2)),
        "at the end of the line"
    );
    for one in [eve, bob] {
        world.send(one, hand(false));
    }
    world.send(bob, hand(true));
    assert_eq!(of(&world, bob), Some(1));
    all_go(world);
}

#[test]
fn reactions_and_speakers_are_for_those_who_are_there() {
    let (mut world, ada, bob, eve) = three();
    let room_id = room_of(&world, ada);
    let reaction = Reaction::Heart;
    world.cut(eve);
    let seq = world.browsers[ada].seq;
    for _ in 0..11 {
        world.send(ada, Command::React { room_id, reaction });
    }
    let heard = world.told(ada);
    assert_eq!(heard[..10], ["reacted"; 10]);
    assert_eq!(heard[10..], ["error rate_limited"]);
    assert_eq!(world.browsers[ada].seq, seq + 1, "only the error is counted");
    assert_eq!(world.told(bob).len(), 10);
    let speakers = vec![me(&world, bob), ParticipantId::from_random(9)];
    let room = room_id;
    let fact = MediaFact::Speakers { room, speakers };
    for _ in 0..2 {
        world.hub.handle_media(fact.clone(), world.now);
        world.drain();
    }
    let heard = world.take(ada);
    let at_bob = me(&world, bob);
    assert!(
        matches!(&heard[..], [(None, Event::SpeakersChanged { participant_ids, .. })] if participant_ids[..] == [at_bob]),
        "{heard:?}"
    );
    world.told(eve);
    world.resume(eve).expect("in time");
    assert_eq!(world.told(eve), ["welcome", "speakers_changed"], "and not what is over");
    all_go(world);
}

#[test]
fn a_view_is_the_sfu_s() {
    let (mut world, ada, _, eve) = three();
    let room_id = room_of(&world, ada);
    world.media.clear();
    let view = view::View::Speaker;
    world.send(eve, Command::View { room_id, view });
    assert_eq!(world.media, ["view"]);
    assert!(world.told(eve).is_empty());
    all_go(world);
}

#[test]
fn paths_are_between_two_and_reports_of_a_group_are_for_all() {
    let (mut world, ada, bob, eve) = three();
    let room_id = room_of(&world, ada);
    let report = |path, reason| Command::ReportPath {
        room_id,
        path,
        reason,
        protocol: None,
        relayed: false,
        setup_ms: None,
    };
    world.send(ada, report(Path::Direct, PathReason::DirectReady));
    let (path, reason) = (Path::Forwarded, PathReason::Loss);
    world.send(ada, Command::RequestPath { room_id, path, reason });
    assert_eq!(world.told(ada), ["error not_allowed"; 2]);
    world.send(ada, report(Path::Forwarded, PathReason::Group));
    for one in [bob, eve] {
        assert_eq!(world.told(one), ["path_changed group"]);
    }
    world.send(ada, report(Path::Forwarded, PathReason::UdpLoss));
    assert!(world.told(bob).is_empty(), "of several, nobody falls silent for one");
    let paths = world.facts.iter().filter(|fact| matches!(fact, Fact::Path { .. })).count();
    assert_eq!(paths, 2);
    all_go(world);
}

#[test]
fn a_room_is_full_for_whoever_comes_by_whatever_way() {
    let (mut world, ada, bob, eve) = three();
    world.hub.config.participants_per_room_max = 3;
    let (dan, fay) = (world.open(DAN), world.open(5));
    let room = room_of(&world, ada);
    let link = make_link(&mut world, ada, Some(room), OPEN);
    assert_eq!(join(&mut world, dan, link), ["error room_full"]);
    let command = invite(&world, bob, DAN);
    world.told(bob);
    world.send(bob, command.clone());
    assert_eq!(world.told(bob), ["error room_full"]);
    // Two ring for one place.
    hang_up(&mut world, eve);
    world.send(bob, command);
    let command = invite(&world, bob, 5);
    world.send(bob, command);
    accept(&mut world, dan);
    world.told(fay);
    accept(&mut world, fay);
    assert_eq!(world.told(fay), ["error room_full"]);
    hang_up(&mut world, dan);
    accept(&mut world, fay);
    assert_eq!(world.told(fay), ["call_answered"]);
    let limit = Limit::ParticipantsPerRoom;
    assert!(world.facts.contains(&Fact::LimitReached { limit }));
    let outcome = JoinOutcome::Refused(ErrorCode::RoomFull);
    assert!(world.facts.contains(&Fact::Join { outcome }));
    all_go(world);
}

#[test]
fn a_room_of_three_survives_the_server() {
    let (mut world, ada, bob, eve) = three();
    let dan = world.open(DAN);
    let room = room_of(&world, ada);
    let link = make_link(&mut world, ada, Some(room), OPEN);
    join(&mut world, dan, link);
    world.assert_kept();
    world.pass_ms(10_000);
    world.restart();
    assert_eq!((world.hub.counts().participants, world.hub.counts().answered), (4, 2));
    for one in [ada, bob, eve, dan] {
        world.take(one);
        world.resume(one).expect("in time");
        let seat = &world.browsers[one].seat;
        assert_eq!((seat.others.len(), seat.direct, seat.host), (3, false, one == ada));
        assert_eq!(seat.room.as_ref().and_then(|room| room.link_id), Some(link));
    }
    let call = world.browsers[dan].call.clone();
    assert!(matches!(call, Some(CallNow::Joined { elapsed_ms: 10_000, .. })), "{call:?}");
    for one in [ada, bob, eve] {
        world.take(dan);
        hang_up(&mut world, one);
        assert_eq!(world.told(one).pop().as_deref(), Some("call_ended hung_up"));
    }
    assert!(matches!(world.browsers[dan].view, View::Joined(..)));
    let ended = world.facts.iter().filter(|fact| {
        matches!(
            fact,
            Fact::CallEnded {
                reason: EndReason::HungUp,
                ..
            }
        )
    });
    assert_eq!(ended.count(), 2);
    world.assert_kept();
    all_go(world);
}

#[test]
fn a_room_whose_others_do_not_come_back_ends_as_ever() {
    let (mut world, ada, _, _) = three();
    world.restart();
    world.resume(ada).expect("in time");
    world.told(ada);
    world.pass_ms(15_000);
    let heard = world.told(ada);
    assert_eq!(
        heard.last().map(String::as_str),
        Some("call_ended connection_lost"),
        "{heard:?}"
    );
    all_go(world);
}
