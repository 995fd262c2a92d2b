//! Calls set up and ended over the websocket: how long ringing and answering take, and whether the server keeps anything of them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::process;
use crate::quantile::quantile;
use crate::server::Server;
use crate::session::Session;

/// The least time from a pair's call to its next: the caller sends two commands in it, and a session may send 50 a second.
const CALL_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub struct Calls {
    /// The server's websocket
    #[arg(long, default_value = "ws://127.0.0.1:8443/ws")]
    url: String,
    /// A server's binary: one of its own is started, and looked at
    #[arg(long, conflicts_with_all = ["url", "server_pid"])]
    server: Option<PathBuf>,
    /// Calls in all
    #[arg(long, short, default_value_t = 1000)]
    number: u32,
    /// Pairs of users that call at the same time
    #[arg(long, short, default_value_t = 100)]
    pairs: u32,
    /// The server's process: its memory and file handles are shown before and after
    #[arg(long)]
    server_pid: Option<u32>,
    /// Calls before it is looked at for the first time, at most half of all: what it allots once is no leak
    #[arg(long, default_value_t = 10_000)]
    first: u32,
    /// Ends with 1 if its resident memory grew by more than so many bytes for each call after that
    #[arg(long)]
    bytes_per_call_max: Option<f64>,
    /// Prints one JSON object in place of the table
    #[arg(long)]
    json: bool,
}

/// One of the times of a call.
type Pick = fn(&Times) -> Duration;

/// What one call took.
struct Times {
    /// From `call` to `incoming_call`.
    ring: Duration,
    /// From `accept` to `call_answered` at the caller.
    answer: Duration,
    /// From `hang_up` to `call_ended` at the other.
    end: Duration,
}

/// # Errors
/// The server cannot be reached, a call did not go as it should, or more is left of each than `--bytes-per-call-max` allows.
pub async fn run(asked: Calls) -> anyhow::Result<()> {
    let server = asked.server.as_ref();
    let server = server.map(|binary| tokio::task::block_in_place(|| Server::start(binary)));
    let server = server.transpose()?;
    let url = server.as_ref().map_or(&asked.url, |server| &server.url);
    let pid = server.as_ref().map(Server::pid).or(asked.server_pid);
    let mut pairs = Vec::new();
    for _ in 0..asked.pairs.max(1) {
        pairs.push((Session::open(url).await?, Session::open(url).await?));
    }
    let usage = || {
        pid.map(|pid| process::usage(pid).context("the server is no process of ours"))
            .transpose()
    };
    let each = asked.number.div_ceil(asked.pairs.max(1));
    let first = asked.first.div_ceil(asked.pairs.max(1)).min(each.div_ceil(2));
    let began = Instant::now();
    let (mut all, pairs) = rounds(pairs, first).await?;
    let before = usage()?;
    let (more, _still_open) = rounds(pairs, each - first).await?;
    let counted = more.len();
    all.extend(more);
    let took = began.elapsed();
    let looks = before.zip(usage()?).map(|(before, after)| Looks { before, after, counted });
    report(&asked, &all, took, looks.as_ref());
    if let (Some(max), Some(looks)) = (asked.bytes_per_call_max, looks) {
        let grew = looks.bytes_per_call();
        ensure!(grew <= max, "resident memory grew by {grew:.1} bytes a call, more than {max}");
    }
    Ok(())
}

/// The server before and after so many calls.
struct Looks {
    before: process::Usage,
    after: process::Usage,
    counted: usize,
}

impl Looks {
    /// By how much its resident memory grew; less than 0 where it has less.
    fn bytes_per_call(&self) -> f64 {
        let grew_kib = self.after.resident_kib as f64 - self.before.resident_kib as f64;
        grew_kib * 1024.0 / self.counted.max(1) as f64
    }
}

/// All pairs at once, each so many calls one after the other; the pairs stay connected.
async fn rounds(pairs: Vec<(Session, Session)>, each: u32) -> anyhow::Result<(Vec<Times>, Vec<(Session, Session)>)> {
    let mut tasks = JoinSet::new();
    for (mut caller, mut callee) in pairs {
        tasks.spawn(async move {
            let mut times = Vec::new();
            let mut next = tokio::time::interval(CALL_EVERY);
            next.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for _ in 0..each {
                next.tick().await;
                times.push(call(&mut caller, &mut callee).await?);
            }
            anyhow::Ok((times, (caller, callee)))
        });
    }
    let (mut all, mut pairs) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (times, pair) = done??;
        all.extend(times);
        pairs.push(pair);
    }
    Ok((all, pairs))
}

async fn call(caller: &mut Session, callee: &mut Session) -> anyhow::Result<Times> {
    let began = Instant::now();
    caller.send(json!({ "type": "call", "user_id": callee.user_id })).await?;
    let incoming = callee.expect("incoming_call").await?;
    let ring = began.elapsed();
    let began = Instant::now();
    callee
        .send(json!({ "type": "accept", "call_id": incoming["call_id"] }))
        .await?;
    caller.expect("call_answered").await?;
    let answer = began.elapsed();
    let began = Instant::now();
    caller
        .send(json!({ "type": "hang_up", "call_id": incoming["call_id"] }))
        .await?;
    let ended = callee.expect("call_ended").await?;
    let end = began.elapsed();
    ensure!(ended["reason"] == "hung_up", "the call ended otherwise: {ended}");
    caller.expect("call_ended").await?;
    Ok(Times { ring, answer, end })
}

fn report(asked: &Calls, all: &[Times], took: Duration, looks: Option<&Looks>) {
    let share = |pick: Pick, share: f64| {
        let mut values: Vec<Duration> = all.iter().map(pick).collect();
        values.sort_unstable();
        quantile(&values, share).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
    };
    let rows: [(&str, Pick); 3] = [("ring", |t| t.ring), ("answer", |t| t.answer), ("end", |t| t.end)];
    let per_second = all.len() as f64 / took.as_secs_f64();
    if asked.json {
        let mut out = json!({ "calls": all.len(), "seconds": took.as_secs_f64(), "calls_per_second": per_second });
        for (name, pick) in rows {
            out[format!("{name}_ms")] = json!({ "p50": share(pick, 0.5), "p99": share(pick, 0.99) });
        }
        if let Some(looks) = looks {
            out["bytes_per_call"] = json!(looks.bytes_per_call());
            for (name, u) in [("before", looks.before), ("after", looks.after)] {
                out[name] = json!({ "resident_kib": u.resident_kib, "file_handles": u.file_handles, "threads": u.threads });
            }
        }
        println!("{out}");
        return;
    }
    println!(
        "{} calls by {} pairs in {:.1} s: {per_second:.0} calls/s",
        all.len(),
        asked.pairs,
        took.as_secs_f64()
    );
    println!("{:<8}{:>10}{:>10}", "", "p50 ms", "p99 ms");
    for (name, pick) in rows {
        println!("{name:<8}{:>10.2}{:>10.2}", share(pick, 0.5), share(pick, 0.99));
    }
    if let Some(looks) = looks {
        let Looks { before, after, counted } = looks;
        println!(
            "server, over the last {counted} calls: {:.1} bytes a call",
            looks.bytes_per_call()
        );
        println!("  resident      {} -> {} KiB", before.resident_kib, after.resident_kib);
        println!("  file handles  {} -> {}", before.file_handles, after.file_handles);
        println!("  threads       {} -> {}", before.threads, after.threads);
    }
}
