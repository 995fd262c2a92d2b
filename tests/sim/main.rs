//! A whole SFU and its browsers in one process: under a virtual clock on a simulated network, and once over real sockets.

#![expect(unreachable_pub, reason = "a test binary: nothing of it is reachable from anywhere")]

mod cluster;
mod crowd;
mod cut;
mod layers;
mod narrow;
mod network;
mod nodes;
mod rooms;
mod scenarios;
mod several;
#[expect(clippy::disallowed_methods, reason = "real sockets have the real clock")]
mod sockets;
mod users;
mod whole;
#[expect(clippy::disallowed_methods, reason = "a virtual clock has to start somewhere")]
mod world;

use loadtest::participant::Participant;
use tandem::id::Source;

/// Which track a participant sends on which m-line.
fn sources(participant: &Participant) -> Vec<(String, Source)> {
    vec![
        (participant.microphone().to_string(), Source::Microphone),
        (participant.camera().to_string(), Source::Camera),
    ]
}
