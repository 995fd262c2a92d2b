//! Pages that are open and do nothing: what the server needs for each.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at, sleep};

use crate::process;
use crate::server::Server;
use crate::session::Session;
use crate::socket;

/// As often as a page says `ping` that is in no call.
const PING_EVERY: Duration = Duration::from_secs(25);

/// Sessions that are opened at the same time.
const AT_ONCE: usize = 32;

/// After the last one, for what is written behind.
const SETTLE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub struct Idle {
    /// The server's binary
    #[arg(long, default_value = "target/release/tandem")]
    server: PathBuf,
    #[arg(long, short, default_value_t = 10_000)]
    number: usize,
    /// For how long CPU time is measured
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Prints one JSON object in place of the text
    #[arg(long)]
    json: bool,
    /// Ends with 1 if a session takes more resident memory than so many KiB
    #[arg(long)]
    kib_max: Option<f64>,
}

/// # Errors
/// The server cannot be started, refuses a session or closes one, or takes more memory than `--kib-max` allows.
pub async fn run(asked: &Idle) -> anyhow::Result<()> {
    let server = tokio::task::block_in_place(|| Server::start(&asked.server))?;
    let usage = || process::usage(server.pid()).context("the server is gone");
    let cpu = || process::cpu_time(server.pid(), "").context("the server is gone");
    // What is there once, however many come.
    drop(Session::open(&server.url).await?);
    sleep(SETTLE).await;
    let before = usage()?;
    let began = Instant::now();
    let mut open = JoinSet::new();
    let mut opening = JoinSet::new();
    for index in 0..asked.number {
        let (source, url) = (socket::address_of(index), server.url.clone());
        opening.spawn(async move { Session::open_from(source, &url).await });
        if opening.len() == AT_ONCE {
            let session = opening.join_next().await.context("one is opening")???;
            open.spawn(stay(session));
        }
    }
    while let Some(session) = opening.join_next().await {
        open.spawn(stay(session??));
    }
    let opened = began.elapsed();
    sleep(SETTLE).await;
    let (cpu_before, at) = (cpu()?, Instant::now());
    tokio::select! {
        () = sleep(Duration::from_secs(asked.seconds)) => {}
        Some(ended) = open.join_next() => ended??,
    }
    let core_percent = 100.0 * (cpu()? - cpu_before).as_secs_f64() / at.elapsed().as_secs_f64();
    let after = usage()?;
    let kib_each = (after.resident_kib as f64 - before.resident_kib as f64) / asked.number as f64;
    let per_second = asked.number as f64 / opened.as_secs_f64();
    if asked.json {
        let out = json!({
            "sessions": asked.number, "opened_per_second": per_second, "resident_kib": [before.resident_kib, after.resident_kib],
            "kib_each": kib_each, "core_percent": core_percent,
        });
        println!("{out}");
    } else {
        println!(
            "{} sessions, opened {per_second:.0} a second: {kib_each:.1} KiB each ({} -> {} KiB), {core_percent:.1} % of a core",
            asked.number, before.resident_kib, after.resident_kib
        );
    }
    let max = asked.kib_max.unwrap_or(f64::INFINITY);
    ensure!(kib_each <= max, "a session takes {kib_each:.1} KiB, more than {max}");
    Ok(())
}

/// Until the websocket is closed, which is an error.
async fn stay(mut session: Session) -> anyhow::Result<()> {
    let first = PING_EVERY.mul_f64(rand::random());
    let mut ping = interval_at(tokio::time::Instant::now() + first, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = session.next() => { event?; }
            _ = ping.tick() => session.send(json!({ "type": "ping" })).await?,
        }
    }
}
