//! Calls of two with all media through the server: how long packets take, how long a call takes to join while the others run, and what the
//! server needs for each, as the number of calls grows.

mod report;
mod side;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use loadtest::traffic::Traffic;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::limits::Limits;
use crate::look::{Look, Watched};
use crate::media::{Media, Milestones, Order};
use crate::place::Place;
use crate::process;
use crate::server::Server;
use report::Row;
use side::{Ring, Side};

/// From the answer to the first media on both sides: beyond it, a call has failed.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// For what the server writes behind, and for what is on the way when publishers fall silent.
const SETTLE: Duration = Duration::from_millis(1500);

/// How often is looked whether media has come.
const LOOK_EVERY: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, clap::Args)]
pub struct Talks {
    /// The server's binary
    #[arg(long, default_value = "target/release/tandem")]
    server: PathBuf,
    /// Calls that run at the same time; several numbers may be named, each with a server of its own
    #[arg(long, value_delimiter = ',', default_value = "50")]
    calls: Vec<usize>,
    /// Further calls in which cameras and microphones are off
    #[arg(long, default_value_t = 0)]
    silent: usize,
    #[command(flatten)]
    traffic: Traffic,
    /// For how long it is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds from the last call to the beginning of that
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Calls that are made and ended one after the other while the others run
    #[arg(long, default_value_t = 30)]
    joins: usize,
    /// Milliseconds from one call to the next
    #[arg(long, default_value_t = 50)]
    call_every_ms: u64,
    /// Prints one JSON object in place of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: Limits,
}

/// # Errors
/// The server cannot be started, refuses a command or gives a connection up, no media comes, or one of the limits does not hold.
pub async fn run(asked: &Talks) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for &calls in &asked.calls {
        let server = tokio::task::block_in_place(|| Server::start(&asked.server))?;
        let asked = asked.clone();
        // On a runtime whose threads leave the server's core alone.
        let row = tokio::task::spawn_blocking(move || {
            process::pin(process::Cores::Others);
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?;
            runtime.block_on(measure(&asked, calls, &server))
        });
        rows.push(row.await??);
    }
    if asked.json {
        println!("{}", json!({ "talks": rows.iter().map(Row::json).collect::<Vec<_>>() }));
    } else {
        println!("{}", Row::head());
        rows.iter().for_each(|row| println!("{}", row.text()));
    }
    let broken: Vec<String> = rows.iter().flat_map(|row| row.broken(&asked.limits)).collect();
    ensure!(broken.is_empty(), "{}", broken.join("; "));
    Ok(())
}

/// So many calls on this server.
async fn measure(asked: &Talks, calls: usize, server: &Server) -> anyhow::Result<Row> {
    let watched = Watched {
        url: server.url.clone(),
        ops: server.ops.clone(),
        pid: server.pid(),
    };
    let thread = Media::start(0, Instant::now(), Vec::new())?;
    let mut world = World {
        asked,
        url: &server.url,
        thread: &thread,
        calls: 0,
        sides: JoinSet::new(),
        stop: watch::channel(false).0,
    };
    // What is there once, however many come.
    world.join_and_leave().await?;
    sleep(SETTLE).await;
    let idle = Look::take(&watched).await?;

    let mut milestones = Vec::new();
    for number in 0..calls + asked.silent {
        let (_, reached) = world.call(number < calls, world.stop.subscribe()).await?;
        if number < calls {
            milestones.extend(reached);
        }
        world.watch_over(Duration::from_millis(asked.call_every_ms)).await?;
    }
    world.wait_for_media(&milestones).await?;
    world.watch_over(Duration::from_secs(asked.warm_up)).await?;

    let before = Look::take(&watched).await?;
    let _ = thread.orders.send(Order::Begin);
    world.watch_over(Duration::from_secs(asked.seconds)).await?;
    let after = Look::take(&watched).await?;
    let mut joins = Vec::new();
    for _ in 0..asked.joins {
        joins.extend(world.join_and_leave().await?);
        world.watch_over(Duration::from_millis(asked.call_every_ms)).await?;
    }
    let _ = thread.orders.send(Order::FallSilent);
    world.watch_over(SETTLE).await?;
    let end = Look::take(&watched).await?;

    world.stop.send_replace(true);
    let mut sides = std::mem::take(&mut world.sides);
    let mut lost = 0;
    while let Some(side) = sides.join_next().await {
        lost += side??;
    }
    let measured = thread.stop();
    Ok(Row::new(
        calls,
        asked.silent,
        &[idle, before, after, end],
        joins,
        lost,
        measured,
    ))
}

struct World<'a> {
    asked: &'a Talks,
    url: &'a str,
    thread: &'a Media,
    /// So far.
    calls: usize,
    /// Each says in the end how often its connection was given up.
    sides: JoinSet<anyhow::Result<usize>>,
    stop: watch::Sender<bool>,
}

impl World<'_> {
    /// One more call. When it was answered, and what becomes of its two sides, which stay until they are told to stop.
    async fn call(&mut self, on: bool, stop: watch::Receiver<bool>) -> anyhow::Result<(Instant, [Arc<Milestones>; 2])> {
        let traffic = Some(self.asked.traffic);
        let places = [0, 1].map(|side| {
            let mut place = Place::of_two(2 * self.calls + side, self.thread, traffic);
            (place.camera, place.microphone) = (on, on);
            place
        });
        self.calls += 1;
        let reached = places.each_ref().map(|place| place.milestones.clone());
        let addresses = places.each_ref().map(|place| place.address.ip());
        let ring = Ring::new(self.url, addresses).await?;
        let (answered, sides) = ring.answer(places).await?;
        for side in sides {
            self.sides.spawn(Side::stay(side, stop.clone()));
        }
        Ok((answered, reached))
    }

    /// One more call, which ends when both sides have media: from the answer to the first media of each.
    async fn join_and_leave(&mut self) -> anyhow::Result<[Duration; 2]> {
        let first = 2 * self.calls;
        let leave = watch::channel(false).0;
        let (answered, reached) = self.call(true, leave.subscribe()).await?;
        self.wait_for_media(&reached).await?;
        leave.send_replace(true);
        // Both have left before anything else is watched over.
        for _ in 0..2 {
            self.sides.join_next().await.context("a call has two sides")???;
        }
        for index in [first, first + 1] {
            let _ = self.thread.orders.send(Order::Remove { index });
        }
        Ok(reached.map(|reached| {
            let came = reached.first_media.get().copied().unwrap_or(answered);
            came.saturating_duration_since(answered)
        }))
    }

    async fn wait_for_media(&mut self, milestones: &[Arc<Milestones>]) -> anyhow::Result<()> {
        let all = async {
            while milestones.iter().any(|reached| reached.first_media.get().is_none()) {
                self.watch_over(LOOK_EVERY).await?;
            }
            anyhow::Ok(())
        };
        timeout(CONNECT_WITHIN, all).await.context("no media in time")?
    }

    /// Waits, and fails as soon as a side is out of its call.
    async fn watch_over(&mut self, wait: Duration) -> anyhow::Result<()> {
        tokio::select! {
            () = sleep(wait) => Ok(()),
            Some(ended) = self.sides.join_next() => {
                ended??;
                bail!("a call ended before its time")
            }
        }
    }
}
