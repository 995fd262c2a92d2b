//! Which pairs of networks connect directly, and that all connect through the server.

use super::{SECOND, call, wait_for_media};
use crate::network::Link;
use crate::whole::nat::{Behaviour, NatKind};
use crate::whole::world::World;
use crate::world::seed;

const OPEN: Option<NatKind> = None;
const FULL_CONE: Option<NatKind> = Some(NatKind::FULL_CONE);
const RESTRICTED: Option<NatKind> = Some(NatKind::RESTRICTED_CONE);
const CONE: Option<NatKind> = Some(NatKind::PORT_RESTRICTED_CONE);
const SYMMETRIC: Option<NatKind> = Some(NatKind::SYMMETRIC);

/// Symmetric for every address, not for every port.
const BY_ADDRESS: Option<NatKind> = Some(NatKind::new(Behaviour::AddressDependent, Behaviour::AddressDependent, false));

/// Whether a call between two networks finds a direct path. Through the server there has to be one.
fn is_direct(one: Option<NatKind>, other: Option<NatKind>, seed: u64) -> bool {
    let mut world = World::new(seed);
    let (a, b) = (world.open(one, Link::GOOD), world.open(other, Link::GOOD));
    call(&mut world, a, b);
    wait_for_media(&mut world, [a, b], SECOND * 2);
    let hears = |w: &World, page: usize| w.pages[page].direct.as_ref().is_some_and(|d| d.heard > 0);
    let end = world.now + SECOND * 4;
    while world.now < end && !(hears(&world, a) && hears(&world, b)) {
        world.run(SECOND / 10);
    }
    let direct = [a, b].map(|page| hears(&world, page));
    assert_eq!(direct[0], direct[1], "sound one way only: {one:?} x {other:?}");
    // Whatever became of it: through the server it goes on.
    wait_for_media(&mut world, [a, b], SECOND);
    world.run(SECOND / 5);
    for page in [a, b] {
        let told = world.pages[page].heard.contains(&"path_changed".to_owned());
        assert_eq!(told, direct[0], "the other says which path it uses");
        assert!(world.pages[page].errors.is_empty(), "{:?}", world.pages[page].errors);
    }
    direct[0]
}

#[test]
fn what_nats_let_through_connects_directly() {
    let pairs = [
        (OPEN, OPEN),
        (OPEN, CONE),
        (OPEN, SYMMETRIC),
        (FULL_CONE, FULL_CONE),
        (FULL_CONE, SYMMETRIC),
        (RESTRICTED, SYMMETRIC),
        (CONE, CONE),
        (CONE, RESTRICTED),
        (CONE, FULL_CONE),
    ];
    for (n, (one, other)) in pairs.into_iter().enumerate() {
        assert!(is_direct(one, other, seed(50) + n as u64), "{one:?} x {other:?}");
    }
}

#[test]
fn what_nats_do_not_let_through_goes_through_the_server() {
    let pairs = [
        (CONE, SYMMETRIC),
        (SYMMETRIC, CONE),
        (SYMMETRIC, SYMMETRIC),
        (SYMMETRIC, BY_ADDRESS),
    ];
    for (n, (one, other)) in pairs.into_iter().enumerate() {
        assert!(!is_direct(one, other, seed(51) + n as u64), "{one:?} x {other:?}");
    }
}
