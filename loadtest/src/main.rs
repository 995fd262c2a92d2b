//! Synthetic browsers against a running Tandem. `loadtest calls` sets up and ends calls over the websocket, without
//! media; `loadtest attack` floods a server that carries a call; `loadtest rooms` fills rooms and measures what forwarding costs,
//! `loadtest talks` the same for calls of two; `loadtest fault` does to a server what happens to servers.

#![allow(
    clippy::disallowed_methods,
    reason = "a load generator lives in real time and starts many tasks"
)]

mod attack;
mod calls;
mod compare;
mod fault;
mod floor;
mod http;
mod idle;
mod limits;
mod look;
mod media;
mod page;
mod place;
mod process;
mod quantile;
mod redis;
mod rooms;
mod scrape;
mod server;
mod session;
mod socket;
mod talk;
mod talks;

use clap::{Parser, Subcommand};

/// Synthetic browsers against a running Tandem.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sets up and ends calls over the websocket, without media
    Calls(calls::Calls),
    /// Sends malformed datagrams and forged handshakes while a call with media runs
    Attack(attack::Attack),
    /// Fills rooms with participants, and measures latency, loss and cost of forwarding
    Rooms(rooms::Rooms),
    /// Connects calls of two, all media through the server, and measures delay, joins, cost and memory
    Talks(talks::Talks),
    /// Does to a server that carries calls, to Redis or to those who talk what happens to them, and measures what they notice
    Fault(fault::Fault),
    /// Keeps many pages open that do nothing, and measures what the server needs for them
    Idle(idle::Idle),
    /// Measures what forwarding costs at least on this machine
    Floor(floor::Floor),
    /// Measures a server beside the floor, by turns
    Compare(compare::Compare),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Calls(calls) => calls::run(calls).await,
        Command::Attack(attack) => attack::run(attack).await,
        Command::Rooms(rooms) => rooms::run(rooms).await,
        Command::Talks(talks) => talks::run(&talks).await,
        Command::Fault(fault) => fault::run(&fault).await,
        Command::Idle(idle) => idle::run(&idle).await,
        Command::Floor(floor) => tokio::task::spawn_blocking(move || floor::run(&floor)).await?,
        Command::Compare(compare) => compare::run(&compare).await,
    }
}
