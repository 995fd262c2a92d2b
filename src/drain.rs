//! `tandem drain`: tells the running server to take nothing new, and waits until a restart would cut no call.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::config::Config;
use crate::control::{self, Question};
use crate::signaling::output::Running;

/// How often the server is asked what still runs.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What was wished for on the command line.
#[derive(Debug, clap::Args)]
pub struct Wish {
    /// Wait at most so many seconds for calls to end; 0 does not wait [default: without end]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Take new calls again
    #[arg(long, conflicts_with = "wait")]
    undo: bool,
}

/// Returns whether nothing runs any more, or the drain was taken back.
///
/// # Errors
/// No server runs with this data folder, or it belongs to somebody else.
#[expect(
    clippy::disallowed_methods,
    reason = "a command of the operator's: it has a clock and waits"
)]
pub fn run(config: &Config, wish: &Wish) -> anyhow::Result<bool> {
    if wish.undo {
        ask(&config.data, Question::Undrain)?;
        println!("new calls are taken again");
        return Ok(true);
    }
    let deadline = wish.wait.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut answer = ask(&config.data, Question::Drain)?;
    println!("no new calls, rooms and joins are taken");
    let mut said = None;
    loop {
        if said != Some(answer.calls) {
            println!("{}", left(answer));
            said = Some(answer.calls);
        }
        if answer.calls == 0 {
            return Ok(true);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        std::thread::sleep(ASK_AGAIN);
        answer = ask(&config.data, Question::Running)?;
        anyhow::ensure!(answer.draining, "the drain was taken back");
    }
}

fn left(answer: Running) -> String {
    match answer.calls {
        0 => "no call is left: a restart cuts nothing".to_owned(),
        1 => format!("1 call goes on, with {} participants", answer.participants),
        calls => format!("{calls} calls go on, with {} participants", answer.participants),
    }
}

fn ask(data: &Path, question: Question) -> anyhow::Result<Running> {
    control::ask(data, question)
        .map_err(|error| control::explain(error, data))
        .context("the server cannot be asked")
}
