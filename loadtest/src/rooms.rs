//! Rooms full of participants, over the server's websocket and its UDP port: what forwarding costs, how long it takes, and whether
//! anything is lost that nobody chose to leave out.

mod attendance;
mod page;
mod report;
mod whip;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use loadtest::traffic::Traffic;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::limits::Limits;
use crate::look::{Look, Watched};
use crate::media::{self, Media, Milestones, Order};
use crate::place::Place;
use crate::process;
use crate::scrape::Scrape;
use crate::server::Server;
use crate::session::Session;
use attendance::{Attendance, Seat};
pub use report::Report;

/// From the last join until everybody is connected: beyond it, the run has failed.
const CONNECT_WITHIN: Duration = Duration::from_secs(60);

/// Between the last packet that is sent and the last look at what came: for what is on the way, and what is asked for again.
const SETTLE: Duration = Duration::from_millis(1500);

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, clap::Args)]
pub struct Rooms {
    /// The server's websocket; it has to be on this machine
    #[arg(long, default_value = "ws://127.0.0.1:8443/ws")]
    pub url: String,
    /// The server's metrics
    #[arg(long, default_value = "127.0.0.1:9464")]
    pub ops: String,
    #[arg(long, default_value_t = 1)]
    pub rooms: usize,
    /// In each room
    #[arg(long, default_value_t = 50)]
    pub participants: usize,
    /// Participants of each room whose cameras are on; all, if not said
    #[arg(long)]
    pub publishers: Option<usize>,
    /// Who has a camera or a microphone publishes by WHIP, and all others watch by WHEP, one picture and one voice each, in place of the
    /// websocket
    #[arg(long, requires = "publishers")]
    whip: bool,
    /// Cameras have one layer of packets of one size, in place of an encoder's three
    #[arg(long)]
    pub plain: bool,
    #[command(flatten)]
    pub traffic: Traffic,
    /// Participants of each room whose microphones are on
    #[arg(long, default_value_t = 3)]
    pub speakers: usize,
    /// They speak in turns of two seconds; otherwise all at once
    #[arg(long)]
    in_turns: bool,
    /// Cameras that each participant looks at
    #[arg(long, default_value_t = 16)]
    pub tiles: usize,
    /// The width of a tile in pixels; 480 is a grid of 16 on a screen of 1920 × 1080
    #[arg(long, default_value_t = 480)]
    tile_width: u16,
    /// For how long it is measured
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Seconds from the last join to the beginning of that
    #[arg(long, default_value_t = 10)]
    pub warm_up: u64,
    /// Milliseconds from one join to the next
    #[arg(long, default_value_t = 50)]
    join_every_ms: u64,
    /// Threads of the generator that carry media
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The server's process: its CPU time and memory are measured
    #[arg(long)]
    pub server_pid: u32,
    /// Those whom the server refuses because it has too much to do are counted; it ends with 1 if that took more than 100 ms, or if of the
    /// packets of voices more than one in a hundred never came
    #[arg(long)]
    pub admit_some: bool,
    /// Prints one JSON object in place of the table
    #[arg(long)]
    json: bool,
    /// Writes an HTML page with plots to this file as well; the server is then looked at every second
    #[arg(long)]
    html: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
}

impl Rooms {
    /// In each of so many rooms one publisher without simulcast, whom so many look at and hear.
    pub fn one_to_many(
        server: &Server,
        (rooms, subscribers): (usize, usize),
        traffic: Traffic,
        seconds: u64,
        warm_up: u64,
    ) -> Rooms {
        Rooms {
            url: server.url.clone(),
            ops: server.ops.clone(),
            rooms,
            participants: subscribers + 1,
            publishers: Some(1),
            whip: false,
            plain: true,
            traffic,
            speakers: 1,
            in_turns: false,
            tiles: 1,
            tile_width: 1280,
            seconds,
            warm_up,
            join_every_ms: 20,
            threads: 1,
            server_pid: server.pid(),
            admit_some: false,
            json: false,
            html: None,
            limits: Limits::default(),
        }
    }
}

/// # Errors
/// The server cannot be reached or refuses a command, somebody does not get in or is thrown out, something was lost that was not chosen
/// to be left out, or one of the limits does not hold.
pub async fn run(asked: Rooms) -> anyhow::Result<()> {
    let admits_some = asked.admit_some;
    let (json, html, limits) = (asked.json, asked.html.clone(), asked.limits.clone());
    let report = measure(asked).await?;
    if let Some(path) = html {
        page::write(&path, &report)?;
    }
    println!("{}", if json { report.json().to_string() } else { report.table() });
    if admits_some {
        return report.check_voices();
    }
    let losses = report.losses();
    ensure!(losses.is_empty(), "lost, and not chosen to be: {}", losses.join(", "));
    let broken = report.broken(&limits);
    ensure!(broken.is_empty(), "{}", broken.join("; "));
    Ok(())
}

/// # Errors
/// The server cannot be reached or refuses a command, or somebody does not get in or is thrown out.
pub async fn measure(mut asked: Rooms) -> anyhow::Result<Report> {
    asked.threads = asked.threads.clamp(1, asked.rooms * asked.participants);
    asked.speakers = asked.speakers.min(asked.participants);
    asked.tiles = if asked.whip {
        1
    } else {
        asked.tiles.min(asked.participants - 1)
    };
    let idle = process::usage(asked.server_pid).context("--server-pid names no process of ours")?;
    let watched = Watched {
        url: asked.url.clone(),
        ops: asked.ops.clone(),
        pid: asked.server_pid,
    };
    let epoch = Instant::now();
    let threads = start_threads(&asked, epoch)?;
    let mut makers = Vec::new();
    let mut tasks = JoinSet::new();
    let mut milestones = Vec::new();
    let (stop, stopped) = watch::channel(false);
    let joins = (asked.rooms * asked.participants) as u64;
    let progress = ProgressBar::new(joins + asked.warm_up + asked.seconds);
    progress.set_style(ProgressStyle::with_template("{msg:10} {wide_bar} {elapsed}, {eta} to go")?);
    progress.set_message("joining");
    let mut links = Vec::new();
    for _ in 0..asked.rooms {
        let mut maker = Session::open(&asked.url).await?;
        maker.send(json!({ "type": "create_link", "name": "load" })).await?;
        let created = maker.expect("link_created").await?;
        let link = created["link"]["link_id"].as_str().context("a link has an id")?.to_owned();
        makers.push(maker);
        links.push(link);
    }
    let mut refused = Vec::new();
    for (room, link) in links.iter().enumerate() {
        for place in 0..asked.participants {
            let index = room * asked.participants + place;
            let thread = &threads[index % threads.len()];
            let reached = Arc::<Milestones>::default();
            milestones.push(reached.clone());
            let seat = Seat {
                url: asked.url.clone(),
                link: link.clone(),
                place: Place {
                    index,
                    address: media::local_address(index, thread),
                    orders: thread.orders.clone(),
                    milestones: reached,
                    camera: place < asked.publishers.unwrap_or(asked.participants),
                    microphone: place < asked.speakers,
                    tiles: asked.tiles,
                    voices: if asked.whip { 1 } else { asked.speakers.clamp(1, 4) },
                    plainly: asked.plain.then_some(asked.traffic),
                },
                tile_width: asked.tile_width,
                may_be_refused: asked.admit_some,
            };
            if asked.whip {
                tasks.spawn(seat.attend_by_http(stopped.clone()));
            } else {
                tasks.spawn(seat.attend(stopped.clone()));
            }
            watch_over(&mut tasks, &mut refused, Duration::from_millis(asked.join_every_ms)).await?;
            progress.inc(1);
        }
    }
    let connected = async {
        while milestones.iter().filter(|m| m.connected.get().is_none()).count() > refused.len() {
            watch_over(&mut tasks, &mut refused, Duration::from_millis(20)).await?;
        }
        anyhow::Ok(())
    };
    timeout(CONNECT_WITHIN, connected)
        .await
        .context("not everybody was connected in time")??;
    progress.set_message("warming up");
    for _ in 0..asked.warm_up {
        watch_over(&mut tasks, &mut refused, SECOND).await?;
        progress.inc(1);
    }

    progress.set_message("measuring");
    let mut looks = vec![Look::take(&watched).await?];
    order(&threads, || Order::Begin);
    for second in 1..=asked.seconds {
        watch_over(&mut tasks, &mut refused, SECOND).await?;
        progress.inc(1);
        if second == asked.seconds || asked.html.is_some() {
            looks.push(Look::take(&watched).await?);
        }
    }
    progress.finish_and_clear();
    order(&threads, || Order::FallSilent);
    watch_over(&mut tasks, &mut refused, SETTLE).await?;
    let settled = Scrape::take(&asked.ops).await?;
    let measured = threads.into_iter().map(Media::stop).collect();
    stop.send_replace(true);
    let mut attendances = refused;
    while let Some(done) = tasks.join_next().await {
        attendances.push(done??);
    }
    Ok(Report::new(
        &asked,
        idle,
        &looks,
        &settled,
        measured,
        &milestones,
        &attendances,
    ))
}

fn start_threads(asked: &Rooms, epoch: Instant) -> anyhow::Result<Vec<Media>> {
    let speakers = (0..asked.rooms).flat_map(|room| (0..asked.speakers).map(move |place| (room, place)));
    let indices: Vec<usize> = speakers.map(|(room, place)| room * asked.participants + place).collect();
    (0..asked.threads)
        .map(|number| {
            // In every room the same place has its turn.
            let turns = (0..asked.speakers).map(|place| {
                let same = |index: &&usize| *index % asked.participants == place && *index % asked.threads == number;
                indices.iter().filter(same).copied().collect()
            });
            let turns: Vec<Vec<usize>> = if asked.in_turns { turns.collect() } else { Vec::new() };
            Media::start(number, epoch, turns)
        })
        .collect()
}

fn order(threads: &[Media], make: impl Fn() -> Order) {
    for thread in threads {
        let _ = thread.orders.send(make());
    }
}

/// Waits, and fails as soon as somebody is out of the room. Those who were not let in are noted.
async fn watch_over(
    tasks: &mut JoinSet<anyhow::Result<Attendance>>,
    refused: &mut Vec<Attendance>,
    wait: Duration,
) -> anyhow::Result<()> {
    let over = sleep(wait);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return Ok(()),
            Some(ended) = tasks.join_next() => {
                let attendance = ended??;
                ensure!(attendance.refused.is_some(), "a participant left before the end");
                refused.push(attendance);
            }
        }
    }
}
