//! A whole SFU and its browsers in one process: under a virtual clock on a simulated network, and once over real sockets.

#![expect(unreachable_pub, reason = "a test binary: nothing of it is reachable from anywhere")]

mod network;
mod participant;
mod scenarios;
#[expect(clippy::disallowed_methods, reason = "real sockets have the real clock")]
mod sockets;
mod whole;
#[expect(clippy::disallowed_methods, reason = "a virtual clock has to start somewhere")]
mod world;
