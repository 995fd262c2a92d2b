//! What breaks inside the server or on the way costs whom it concerns, and nobody else.

use std::time::Duration;

use tandem::sfu::handle::InjectedFault;

use super::{SECOND, call, pair, wait_for_media};
use crate::network::Link;
use crate::whole::nat::NatKind;
use crate::whole::world::World;
use crate::world::seed;

#[test]
fn a_panic_in_a_transport_costs_one_participant_some_seconds() {
    let (mut world, a, b) = pair(World::new(seed(40)));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    world.run(SECOND);
    let bs_address = world.pages[b].forwarded.as_ref().map(|f| f.address);
    world.inject(InjectedFault::Panic, a);
    world.run(Duration::from_millis(200));
    assert_eq!(world.pages[a].heard.iter().filter(|k| *k == "transport_lost").count(), 1);
    let took = wait_for_media(&mut world, [a, b], SECOND * 3);
    println!("media was back {:?} after the fault", took + Duration::from_millis(200));
    assert!(!world.pages[b].heard.contains(&"transport_lost".to_owned()));
    assert_eq!(world.pages[b].forwarded.as_ref().map(|f| f.address), bs_address);
    world.run(SECOND);
    assert_eq!(world.counters.iter().map(|c| c.lost_fault).sum::<u64>(), 1);
    assert_eq!(world.server.sfu.count_transports(), 2);
    let forwarded = world.pages[b].forwarded.as_ref().expect("it goes on");
    let jumps = forwarded.received[&forwarded.slots[0]].picture_id_jumps;
    assert_eq!(jumps, 0, "b's slot went on with another transport");
}

#[test]
fn a_panic_while_the_websocket_is_away_is_mended_when_it_is_back() {
    let (mut world, a, b) = pair(World::new(seed(41)));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    world.cut_for(a, Duration::ZERO, SECOND * 4);
    world.run(SECOND);
    world.inject(InjectedFault::Panic, a);
    world.run(SECOND * 3);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    assert!(world.are_talking(a, b));
}

#[test]
fn media_that_is_cut_off_for_long_comes_back_on_a_new_connection() {
    let (mut world, a, b) = pair(World::new(seed(42)));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    let dead = Link { loss: 1.0, ..Link::GOOD };
    // Only datagrams: the websocket goes on.
    world.internet.set_links(a, dead, dead);
    world.run_until("the transport is given up", SECOND * 30, |w| {
        w.pages[a].heard.contains(&"transport_lost".to_owned())
    });
    world.internet.set_links(a, Link::GOOD, Link::GOOD);
    wait_for_media(&mut world, [a, b], SECOND * 3);
    assert!(world.are_talking(a, b) && !world.pages[b].heard.contains(&"transport_lost".to_owned()));
}

/// Sound and pictures in one direction; none within 30 s.
fn wait_for_media_at(world: &mut World, page: usize) -> Duration {
    let before = world.pages[page].received();
    world.run_until("media at one", SECOND * 30, |w| {
        let (audio, frames) = w.pages[page].received();
        audio > before.0 && frames > before.1
    })
}

#[test]
fn a_nat_that_starts_again_is_mended_by_an_ice_restart() {
    for restarts in [true, false] {
        let mut world = World::new(seed(43));
        let cone = Some(NatKind::PORT_RESTRICTED_CONE);
        let (a, b) = (world.open(cone, Link::GOOD), world.open(None, Link::GOOD));
        call(&mut world, a, b);
        wait_for_media(&mut world, [a, b], SECOND * 2);
        world.internet.restart_nat(a);
        // As long as it takes a page to see that nothing comes any more.
        world.run(SECOND);
        if restarts {
            world.pages[a].restart_ice();
        }
        let begin = world.now;
        let out = wait_for_media_at(&mut world, b);
        let back_in = wait_for_media_at(&mut world, a);
        let took = world.now - begin;
        println!("ICE restart {restarts}: out after {out:?}, in after {:?}", out + back_in);
        assert!(world.are_talking(a, b) && world.pages[a].errors.is_empty());
        // Without a restart the server sends to the old address until nobody has answered from there for 15 s.
        assert!(took < if restarts { SECOND * 2 } else { SECOND * 20 }, "{took:?}");
    }
}
