//! Calls to somebody whose node is not heard, and to somebody who is nowhere.

use std::time::Duration;

use tandem::signaling::protocol::{EndReason, ErrorCode, Event};

use super::super::nodes::Around;
use super::{A, B, C, World, call, code};

fn is_nowhere(event: &Event) -> bool {
    matches!(
        event,
        Event::CallEnded {
            reason: EndReason::Unreachable,
            ..
        }
    )
}

#[test]
fn who_may_be_at_a_node_that_is_not_heard_is_not_said_to_be_nowhere() {
    for cut in [&[B][..], &[B, C]] {
        let mut world = World::new();
        let (ada, bob) = (world.open(1, A), world.open(2, B));
        // Presence is told a moment later.
        world.pass(Duration::from_secs(2));
        let cut: Vec<_> = cut.iter().map(|place| world.nodes[*place].id).collect();
        for node in &cut {
            world.bus.cut(*node, true);
        }
        world.pass(Duration::from_secs(5));
        assert_eq!(code(&world.answer(ada, call(2))), ErrorCode::NodeUnreachable);
        assert!(
            is_nowhere(&world.answer(ada, call(3))),
            "nobody has said that there is such a one"
        );
        for node in cut {
            world.bus.cut(node, false);
        }
        world.pass(Duration::from_secs(2));
        world.told(bob);
        assert!(matches!(world.answer(ada, call(2)), Event::CallRinging { .. }));
        assert!(matches!(world.told(bob)[..], [Event::IncomingCall { .. }]));
    }
}

#[test]
fn who_does_not_come_back_to_the_heir_is_nowhere() {
    let mut world = World::new();
    let (ada, bob, cara) = (world.open(1, A), world.open(2, B), world.open(3, C));
    // Presence is told a moment later.
    world.pass(Duration::from_secs(2));
    world.detach(bob);
    world.kill(B);
    world.pass(Duration::from_secs(40));
    // One of the two is at the heir.
    for caller in [ada, cara] {
        assert!(is_nowhere(&world.answer(caller, call(2))));
    }
}
