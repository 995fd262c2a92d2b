//! TURN (RFC 8656) into our own SFU, for browsers that may only speak TLS or TCP. A packet goes down this list:
//! `driver` -> `framing` -> `client` -> `allocation` -> the SFU's handle.
//!
//! No relay socket exists: relayed addresses live inside the process, and the only peers are this server's own SFU addresses
//! (`peers`). Words here are the RFC's: client, allocation, permission, channel, peer.

pub mod allocation;
pub mod client;
pub mod counters;
pub mod credentials;
mod datagrams;
pub mod driver;
pub mod framing;
pub mod ledger;
pub mod message;
pub mod peers;
mod stream;
