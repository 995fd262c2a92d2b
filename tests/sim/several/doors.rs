//! A page comes back to another node than that of its session, and finds that as it was.

use tandem::signaling::protocol::{EndReason, Reaction};

use super::*;

fn applaud(room_id: RoomId) -> Command {
    let reaction = Reaction::Applause;
    Command::React { room_id, reaction }
}

#[test]
fn a_session_resumes_on_each_node_and_misses_nothing() {
    let mut world = World::new();
    // Bob's home is A, and so is the owner of his call; in the second round his call is at C.
    for owner in [A, C] {
        let (ada, bob) = (world.open(1, owner), world.open(2, A));
        let (call_id, room_id) = world.talk(ada, bob);
        for node in [B, A, C, B] {
            world.detach(bob);
            // Told while he is away.
            world.send(
                ada,
                Command::Publish {
                    room_id,
                    sources: vec![Source::Camera],
                },
            );
            let back = world.come_back(bob, node).expect("it is his session");
            assert!(
                matches!(back.call, Some(CallNow::Answered { call_id: found, .. }) if found == call_id),
                "at node {node}"
            );
            assert_eq!(back.boot_id, world.tabs[bob].boot_id, "nothing of his media has changed");
            let told = world.told(bob);
            assert!(
                told.iter().any(|event| matches!(event, Event::ParticipantChanged { .. })),
                "{told:?}"
            );
            world.send(
                ada,
                Command::Publish {
                    room_id,
                    sources: Vec::new(),
                },
            );
            world.told(ada);
            world.send(bob, applaud(room_id));
            assert!(world.told(ada).iter().any(|event| matches!(event, Event::Reacted { .. })));
            world.told(bob);
        }
        assert_eq!(world.nodes[B].hub.counts().doors, 1);
        let Event::CallEnded { reason, .. } = world.answer(bob, Command::HangUp { call_id }) else {
            panic!("it is over")
        };
        assert_eq!(reason, EndReason::HungUp);
        assert!(world.told(ada).iter().any(|event| matches!(event, Event::CallEnded { .. })));
        world.is_empty();
        for tab in [ada, bob] {
            world.detach(tab);
        }
        world.pass(Duration::from_secs(20));
        assert_eq!(world.nodes[B].hub.counts().doors, 0);
        assert!(world.nodes.iter().all(|node| node.hub.counts().sessions == 0));
    }
}

#[test]
fn a_call_rings_at_a_page_behind_a_door() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, C), world.open(2, A));
    world.come_back(bob, B).expect("it is his session");
    let (call_id, _) = world.talk(ada, bob);
    world.answer(ada, Command::HangUp { call_id });
    assert!(world.told(bob).iter().any(|event| matches!(event, Event::CallEnded { .. })));
    let (call_id, _) = world.talk(bob, ada);
    world.answer(bob, Command::HangUp { call_id });
    world.is_empty();
}

#[test]
fn another_node_lets_in_only_who_has_the_secret() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, A), world.open(2, A));
    let (call_id, _) = world.talk(ada, bob);
    let eve = world.open(3, C);
    world.tabs[eve].resume = world.tabs[bob].resume.clone();
    assert!(world.come_back(eve, C).is_none(), "another user");
    let tries = world.tabs[bob].resume.clone();
    world.tabs[eve].user = 2;
    world.tabs[eve].resume = tries.map(|resume| Resume {
        secret: "0".repeat(32),
        ..resume
    });
    assert!(world.come_back(eve, C).is_none(), "another secret");
    assert!(world.told(bob).is_empty() && !world.tabs[bob].closed);
    world.answer(bob, Command::HangUp { call_id });
}

#[test]
fn the_door_is_shut_and_another_one_opens() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, A), world.open(2, A));
    let (call_id, _) = world.talk(ada, bob);
    world.come_back(bob, B).expect("it is his session");
    // The node of the door dies.
    world.kill(B);
    world.pass(Duration::from_secs(6));
    let back = world.come_back(bob, C).expect("it is his session");
    assert!(back.call.is_some());
    // Another window goes on with the session: this door is shut.
    let window = world.open(2, B);
    world.tabs[window].resume = world.tabs[bob].resume.clone();
    world.come_back(window, A).expect("it is his session");
    assert!(world.tabs[bob].closed);
    let bob = window;
    world.answer(bob, Command::HangUp { call_id });
    world.is_empty();
}

/// A node that stood still takes what came meanwhile, and by then the page has its session by another websocket.
#[test]
fn a_hello_that_is_late_does_not_shut_a_newer_door() {
    for (newer, late) in [(B, C), (B, A), (A, C)] {
        let mut world = World::new();
        let (ada, bob) = (world.open(1, A), world.open(2, A));
        let (call_id, _) = world.talk(ada, bob);
        let nobody = world.open(2, late);
        world.detach(nobody);
        world.tabs[nobody].told.clear();
        // Its first try to come back is the late one.
        world.tabs[nobody].resume = world.tabs[bob].resume.clone();
        for _ in 0..2 {
            world.come_back(bob, newer).expect("it is his session");
        }
        world.say_hello(nobody, late, Grants::ALL);
        world.pass(A_MOMENT);
        let tab = &world.tabs[nobody];
        assert!(tab.closed && tab.told.is_empty(), "{newer}, {late}: {:?}", tab.told);
        assert!(!world.tabs[bob].closed, "{newer}, {late}");
        world.answer(bob, Command::HangUp { call_id });
        world.detach(nobody);
        world.pass(Duration::from_secs(16));
        world.is_empty();
    }
}

#[test]
fn while_the_node_of_a_session_is_not_heard_its_page_tries_again() {
    let mut world = World::new();
    let (ada, bob) = (world.open(1, A), world.open(2, A));
    let (call_id, _) = world.talk(ada, bob);
    let a = world.nodes[A].id;
    world.bus.cut(a, true);
    world.detach(bob);
    for _ in 0..3 {
        world.say_hello(bob, B, Grants::ALL);
        world.pass(Duration::from_secs(2));
        assert_eq!(
            world.refused.pop(),
            Some(AttachRefused::Unreachable),
            "A lives: its name is held"
        );
    }
    world.bus.cut(a, false);
    world.pass(Duration::from_secs(2));
    let back = world.come_back(bob, B).expect("it is his session");
    assert!(back.call.is_some());
    world.answer(bob, Command::HangUp { call_id });
    assert!(world.told(ada).iter().any(|event| matches!(event, Event::CallEnded { .. })));
    world.is_empty();
}

#[test]
fn a_session_that_nobody_has_begins_anew() {
    let mut world = World::new();
    let bob = world.open(2, A);
    world.detach(bob);
    world.pass(Duration::from_secs(20));
    assert!(world.come_back(bob, B).is_none());
    assert_eq!(world.nodes[B].hub.counts().sessions, 1);
}
