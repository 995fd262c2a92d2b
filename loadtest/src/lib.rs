//! Synthetic browsers: what the load generator and the simulations have in common.

pub mod malformed;
pub mod participant;
pub mod temporal;
pub mod traffic;
