//! Media: how one participant's packets reach the others. A packet goes down this list and back up to `transport`:
//! `worker` -> `demux` -> `transport` -> `router` -> `subscription` -> `rewrite` -> `transport`.

pub mod handle;
