//! TURN (RFC 8656) into the SFUs of this deployment, for browsers that may only speak TLS or TCP. A packet goes down this list:
//! `driver` -> `framing` -> `client` -> `allocation` -> the SFU's handle.
//!
//! Into our own SFU no socket leads: relayed addresses live inside the process. To the SFUs of other nodes an allocation has a socket
//! (`others`). Nobody else is a peer (`peers`). Words here are the RFC's: client, allocation, permission, channel, peer.

pub mod allocation;
pub mod client;
pub mod counters;
pub mod credentials;
mod datagrams;
pub mod driver;
pub mod framing;
pub mod ledger;
pub mod message;
mod others;
pub mod peers;
mod stream;
