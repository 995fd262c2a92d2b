//! Stories about calls through the whole server. The one to read first is `calls::hello_call`.

mod calls;
mod faults;
mod media;
mod paths;
mod websockets;

use std::time::Duration;

use super::page::View;
use super::world::World;
use crate::network::Link;

const SECOND: Duration = Duration::from_secs(1);

/// Two pages of two users in the open.
fn pair(mut world: World) -> (World, usize, usize) {
    let (a, b) = (world.open(None, Link::GOOD), world.open(None, Link::GOOD));
    (world, a, b)
}

/// One page calls the user of another, until it rings there.
fn ring(world: &mut World, from: usize, to: usize) {
    let id = world.pages[to].user_id().to_owned();
    world.pages[from].call(&id);
    world.run_until("it rings at both", SECOND * 2, |w| {
        matches!(w.pages[from].view, View::Calling { .. }) && matches!(w.pages[to].view, View::Ringing { .. })
    });
    // Long enough for the offers to be answered, as a person takes to answer.
    world.run(Duration::from_millis(500));
}

/// The same, and it is answered.
fn call(world: &mut World, from: usize, to: usize) {
    ring(world, from, to);
    world.pages[to].command_on_call("accept");
    world.run_until("both talk", SECOND * 2, |w| w.are_talking(from, to));
}

/// Waits until sound and pictures come to each from the other; how long that took.
fn wait_for_media(world: &mut World, pages: [usize; 2], within: Duration) -> Duration {
    let before = pages.map(|page| world.pages[page].received());
    world.run_until("media both ways", within, |w| {
        (0..2).all(|n| {
            let (audio, frames) = w.pages[pages[n]].received();
            // A new connection counts from zero.
            let (heard, seen) = if audio < before[n].0 { (0, 0) } else { before[n] };
            audio > heard && frames > seen
        })
    })
}
