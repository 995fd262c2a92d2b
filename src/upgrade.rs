//! `tandem upgrade`: has the running server start its binary again, and hand all calls over to the new process.

use anyhow::Context;

use crate::config::Config;
use crate::control;

/// Returns the id of the process that serves now.
///
/// # Errors
/// No server runs with this data folder, it belongs to somebody else, or the new process did not come to serve; then the old one goes on,
/// unless that one had the database already.
pub fn run(config: &Config) -> anyhow::Result<u32> {
    control::upgrade(&config.data)
        .map_err(|error| control::explain(error, &config.data))
        .context("the server was not upgraded")
}
