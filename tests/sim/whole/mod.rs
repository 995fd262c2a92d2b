//! The whole server in one simulated world: the real hub, the real SFU (or a stand-in for it), and pages that speak the wire protocol
//! as text over websockets that break, with media over an internet of NATs. One virtual clock drives them all.

mod alarm;
mod direct;
mod internet;
mod nat;
mod page;
mod random;
mod server;
mod sfu;
mod stand_in;
mod stories;
mod websocket;
#[expect(clippy::disallowed_methods, reason = "a virtual clock has to start somewhere")]
mod world;
