//! What an operator's application does to rooms, and what the people in them see of it.

use std::time::Duration;

use crate::id::{LinkId, ParticipantId, RoomId, Source};
use crate::signaling::hub::AttachRefused;
use crate::signaling::hub::gatherings::ask_to_join;
use crate::signaling::hub::stories::talking;
use crate::signaling::hub::world::{World, user_id};
use crate::signaling::operator::{RoomChange, RoomKey, RoomWish, Unfit};
use crate::signaling::protocol::{Command, EndReason, Event, LeaveReason};

const HOST: u64 = 1;

fn wish() -> RoomWish {
    RoomWish {
        name: " Weekly\u{202e} ".to_owned(),
        passphrase: None,
        expires_in: None,
        single_use: false,
        lobby: false,
        host: None,
    }
}

fn key(id: &str) -> RoomKey {
    id.parse().expect("an id")
}

fn join(world: &mut World, user: u64, link_id: LinkId) -> usize {
    let browser = world.open(user);
    ask_to_join(world, browser, link_id, None);
    browser
}

/// The one thing that a browser hears is that it is out of the room.
fn is_out(world: &mut World, browser: usize, because: LeaveReason) {
    let heard = world.take(browser);
    let [(None, Event::RoomLeft { reason, .. })] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(*reason, because);
}

fn make(world: &mut World, number: u64, wish: RoomWish) -> RoomKey {
    let made = world.hub.make_room(LinkId::from_random(number), wish, world.now);
    let made = made.expect("there is space");
    world.drain();
    key(&made.id)
}

#[test]
fn a_room_is_made_joined_changed_and_ended() {
    let mut world = World::new();
    let room = make(&mut world, 5, wish());
    let seen = world.hub.look_at_room(room, world.now).expect("it is there");
    assert_eq!((seen.name.as_str(), seen.participants, seen.room), ("Weekly", 0, None));
    let locked = RoomChange {
        locked: Some(true),
        ..RoomChange::default()
    };
    assert_eq!(world.hub.change_room(room, locked.clone(), world.now), Err(Unfit::NobodyIn));

    let ada = join(&mut world, 1, room.link);
    assert_eq!(world.told(ada), ["room_joined"]);
    let bob = join(&mut world, 2, room.link);
    world.told(bob);
    world.told(ada);
    let change = RoomChange {
        name: Some("Daily".to_owned()),
        ..locked
    };
    let seen = world.hub.change_room(room, change, world.now).expect("people are in it");
    world.drain();
    assert!(seen.locked && seen.participants == 2 && seen.name == "Daily" && seen.id == room.link.to_string());
    for browser in [ada, bob] {
        assert_eq!(world.told(browser), ["room_changed"]);
    }
    let eve = join(&mut world, 3, room.link);
    assert_eq!(world.told(eve), ["error room_locked"]);
    world.assert_kept();

    world.hub.close_room(room, world.now).expect("it is there");
    world.drain();
    for browser in [ada, bob] {
        is_out(&mut world, browser, LeaveReason::Closed);
    }
    assert_eq!(world.hub.look_at_room(room, world.now), Err(Unfit::NoSuchRoom));
    let eve = join(&mut world, 3, room.link);
    assert_eq!(world.told(eve), ["error no_such_link"]);
    world.assert_kept();
}

#[test]
fn its_host_admits_and_needs_no_pass_phrase() {
    let mut world = World::new();
    let asked = RoomWish {
        passphrase: Some([7; 32]),
        lobby: true,
        host: Some(user_id(HOST)),
        ..wish()
    };
    let room = make(&mut world, 5, asked);
    let host = join(&mut world, HOST, room.link);
    assert_eq!(world.told(host), ["room_joined"]);
    let open = RoomChange {
        passphrase: Some(None),
        ..RoomChange::default()
    };
    world.hub.change_room(room, open, world.now).expect("it has a link");
    world.drain();
    let guest = join(&mut world, 2, room.link);
    assert_eq!(world.told(guest), ["lobby_entered"]);
    let part = world
        .hub
        .list_participants(room, None, 9, world.now)
        .expect("the room is there");
    let mut standings: Vec<_> = part
        .items
        .iter()
        .map(|one| (one.user.user_id, one.waiting, one.host))
        .collect();
    standings.sort_unstable();
    assert_eq!(standings, [(user_id(HOST), false, true), (user_id(2), true, false)]);
    let waiting = part.items.iter().find(|one| one.waiting).expect("one waits").participant;
    world.hub.remove_participant(room, waiting, world.now).expect("they wait");
    world.drain();
    is_out(&mut world, guest, LeaveReason::Refused);
}

#[test]
fn the_room_of_a_call_is_ended_for_both() {
    let (mut world, ada, bob) = talking();
    let rooms = world.hub.list_rooms(None, 9, world.now);
    let [room] = &rooms.items[..] else { panic!("{rooms:?}") };
    assert!(room.by_call && room.link.is_none() && room.participants == 2);
    let room = key(&room.id);
    let lobby = RoomChange {
        lobby: Some(true),
        ..RoomChange::default()
    };
    assert_eq!(world.hub.change_room(room, lobby, world.now), Err(Unfit::NoLink));
    world.hub.close_room(room, world.now).expect("it is there");
    world.drain();
    for browser in [ada, bob] {
        let heard = world.take(browser);
        assert!(
            matches!(
                &heard[..],
                [(
                    None,
                    Event::CallEnded {
                        reason: EndReason::Removed,
                        ..
                    }
                )]
            ),
            "{heard:?}"
        );
    }
    assert!(!world.hub.has_calls());
    world.assert_kept();
}

#[test]
fn whom_the_operator_mutes_and_removes_is_told_so() {
    let mut world = World::new();
    let room = make(&mut world, 5, wish());
    let ada = join(&mut world, 1, room.link);
    let bob = join(&mut world, 2, room.link);
    let room_id = world
        .hub
        .look_at_room(room, world.now)
        .expect("it is there")
        .room
        .expect("people are in it");
    let sources = vec![Source::Microphone, Source::Camera];
    world.send(bob, Command::Publish { room_id, sources });
    world.told(ada);
    world.told(bob);
    let part = world.hub.list_participants(room, None, 9, world.now).expect("it is there");
    let his = part
        .items
        .iter()
        .find(|one| one.user.user_id == user_id(2))
        .expect("he is in it");
    assert_eq!(his.sources, [Source::Microphone, Source::Camera]);
    let his = his.participant;
    world
        .hub
        .mute_participant(room, his, Source::Microphone, world.now)
        .expect("he is in it");
    world.drain();
    assert_eq!(world.told(bob), ["muted", "participant_changed"]);
    assert_eq!(world.told(ada), ["participant_changed"]);
    world.hub.remove_participant(room, his, world.now).expect("he is in it");
    world.drain();
    is_out(&mut world, bob, LeaveReason::Removed);
    let again = world.hub.remove_participant(room, his, world.now);
    assert_eq!(again, Err(Unfit::NoSuchParticipant));
    let nobody = ParticipantId::from_random(0);
    let muted = world.hub.mute_participant(room, nobody, Source::Camera, world.now);
    assert_eq!(muted, Err(Unfit::NoSuchParticipant));
    let bob = join(&mut world, 2, room.link);
    assert_eq!(world.told(bob), ["error not_allowed"], "the link does not let him in again");
    world.assert_kept();
}

#[test]
fn a_list_comes_in_parts_without_a_gap() {
    let (mut world, _, _) = talking();
    for number in [9, 3, 7, 5, 1] {
        make(&mut world, number, wish());
    }
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let part = world.hub.list_rooms(after, 2, world.now);
        assert!(part.items.len() <= 2);
        seen.extend(part.items.iter().map(|room| room.id.clone()));
        after = part.items.last().map(|room| key(&room.id));
        if !part.more {
            break;
        }
    }
    let mut links: Vec<String> = [1, 3, 5, 7, 9].map(|n| LinkId::from_random(n).to_string()).into();
    assert_eq!(seen.iter().filter(|id| links.contains(id)).count(), 5, "{seen:?}");
    assert_eq!(seen.len(), 6, "and the room of the call: {seen:?}");
    links = seen.clone();
    links.sort_unstable();
    assert_eq!(links, seen);
    let last = RoomKey {
        link: LinkId::from_random(u64::MAX),
        room: RoomId::from_random(u64::MAX),
    };
    assert!(world.hub.list_rooms(Some(last), 2, world.now).items.is_empty());
}

#[test]
fn an_expiry_that_is_put_off_is_put_off() {
    let mut world = World::new();
    let asked = RoomWish {
        expires_in: Some(Duration::from_secs(60)),
        ..wish()
    };
    let room = make(&mut world, 5, asked);
    let later = RoomChange {
        expires_in: Some(Some(Duration::from_secs(120))),
        ..RoomChange::default()
    };
    let seen = world.hub.change_room(room, later, world.now).expect("it has a link");
    assert_eq!(seen.expires_in, Some(Duration::from_secs(120)));
    world.drain();
    world.pass(Duration::from_secs(61));
    assert!(world.hub.look_at_room(room, world.now).is_ok());
    world.pass(Duration::from_secs(60));
    assert_eq!(world.hub.look_at_room(room, world.now), Err(Unfit::NoSuchRoom));
    world.assert_kept();
}

#[test]
fn whom_the_operator_blocks_is_out_until_let_in_again() {
    let (mut world, ada, bob) = talking();
    let user = world.browsers[ada].user;
    world.hub.bar_user(user, world.now);
    world.drain();
    assert_eq!(world.told(ada), ["error not_allowed"]);
    assert!(world.browsers[ada].closed.is_some());
    assert_eq!(world.told(bob), ["call_ended connection_lost"]);
    assert_eq!(world.resume(ada), Err(AttachRefused::Barred));
    world.hub.unbar_user(user, world.now);
    assert_eq!(world.resume(ada), Ok(()));
    world.assert_kept();
}
