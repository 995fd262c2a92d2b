//! Synthetic browsers against a running Tandem. `loadtest calls` sets up and ends calls over the websocket, without media.

#![allow(
    clippy::disallowed_methods,
    reason = "a load generator lives in real time and starts many tasks"
)]

mod calls;
mod process;
mod session;

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
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Calls(calls) => calls::run(calls).await,
    }
}
