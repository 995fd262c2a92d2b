//! Several nodes: `directory` knows which there are and carries words between them, once and in order, over a `bus` that may lose,
//! repeat and reorder. What the words say it does not know.

pub mod bus;
pub mod directory;
pub mod link;
pub mod local;
pub mod redis;
