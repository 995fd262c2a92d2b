//! Media: how one participant's packets reach the others. A packet goes down this list and back up to `transport`:
//! `worker` -> `shard` -> `demux` -> `transport` -> `router` -> `subscription` -> `rewrite` -> `transport`.

pub mod allocator;
mod budget;
pub mod candidates;
mod certificate;
pub mod choice;
pub mod codec;
pub mod consent;
pub mod counters;
pub mod demux;
mod feedback;
pub mod flow;
pub mod handle;
mod handshake;
pub mod ice_tcp;
mod inner_layers;
pub mod link;
pub mod media;
mod pace;
pub mod picture;
mod red;
pub mod rewrite;
pub mod router;
pub mod sdp;
pub mod shard;
pub mod sieve;
pub mod slot;
pub mod speaker;
pub mod stun;
pub mod subscription;
mod tap;
pub mod track;
pub mod transport;
mod vp8;
mod vp9;
pub mod ways;
mod worker;
