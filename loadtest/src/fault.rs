//! What happens to servers, to Redis and to those who talk: how long media is away, who is told when, and whether anything is over that
//! should go on.

mod drain;
mod figures;
mod redis_down;
mod roam;
mod transport_panic;
mod vanish;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::ValueEnum;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::sleep;

use self::figures::Figures;
use crate::quantile::quantile;
use crate::server::Server;
use crate::talk::{Facts, Fate, Media, Talk};

/// Before the fault, so that all that was said is on the disk and media runs.
const SETTLE: Duration = Duration::from_secs(2);

/// From the fault until everybody sees and hears again: beyond it, media counts as not come back.
const BACK_WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// SIGKILL, and another process on the same folder and port
    Kill9,
    /// SIGTERM, which waits for no call, and another process
    Restart,
    /// `tandem upgrade`: another process takes over while the first one still carries media
    Upgrade,
    /// One of two nodes that share a database is stopped (SIGTERM) with all calls on it
    Drain,
    /// Redis is killed for five seconds under calls over two nodes of its own
    RedisDown,
    /// Half of a room disappears without a word; all runs on one server
    Vanish,
    /// The server's end of one connection in a room panics, or does not come to an end, in turn; all runs on one server
    TransportPanic,
    /// One side's datagrams come from another address, and nobody says so
    Rebind,
    /// One side is in another network: its websocket is cut, and its connection is made anew
    Roam,
}

#[derive(Debug, clap::Args)]
pub struct Fault {
    kind: Kind,
    /// The server's binary
    #[arg(long, default_value = "target/release/tandem")]
    server: PathBuf,
    /// Of `drain`: an empty database of PostgreSQL
    #[arg(long, value_name = "URL")]
    store_url: Option<String>,
    /// Calls of two, or rooms of as many as `--participants` says
    #[arg(long, default_value_t = 1)]
    talks: usize,
    /// In each; all media goes through the server
    #[arg(long, default_value_t = 10)]
    participants: usize,
    /// Media goes from one side of a call of two to the other, in `kill9`, `restart`, `upgrade`, `drain` and `redis-down`
    #[arg(long, conflicts_with = "participants")]
    direct: bool,
    #[arg(long, default_value_t = 10)]
    runs: usize,
    /// Prints one JSON object in place of the text
    #[arg(long)]
    json: bool,
    /// Ends with 1 if one of a hundred did not hear a voice for longer than so many milliseconds
    #[arg(long)]
    sound_gap_p99_max_ms: Option<u64>,
    /// Ends with 1 if half of all were without media for longer than so many milliseconds after the new process listened, or after their
    /// connection was broken
    #[arg(long)]
    back_p50_max_ms: Option<u64>,
}

impl Fault {
    fn media(&self) -> Media {
        if self.direct { Media::Direct } else { Media::forwarded() }
    }

    fn check_gaps(&self, of_voices: &[Duration]) -> anyhow::Result<()> {
        if let Some(max) = self.sound_gap_p99_max_ms {
            let p99 = share(of_voices, 0.99);
            ensure!(
                p99 <= max as f64,
                "a voice was away for {p99:.0} ms in one of a hundred, more than {max}"
            );
        }
        Ok(())
    }

    fn check_back(&self, after: &[Duration]) -> anyhow::Result<()> {
        if let Some(max) = self.back_p50_max_ms {
            let p50 = share(after, 0.5);
            ensure!(
                p50 <= max as f64,
                "media was back after {p50:.0} ms at the median, more than {max}"
            );
        }
        Ok(())
    }
}

/// What all runs measured.
#[derive(Default)]
struct Outcome {
    /// Of each participant: from when the new process listened to the first picture and voice after that.
    back: Vec<Duration>,
    /// The longest gap of its picture and of the voice that it hears.
    picture_gap: Vec<Duration>,
    sound_gap: Vec<Duration>,
    /// From the signal until the process was gone, and from then until the next listened.
    stopping: Vec<Duration>,
    starting: Vec<Duration>,
    talks: usize,
    ended: usize,
    /// Participants whose room is not as it was: it has fewer in it, or is not locked any more.
    changed: usize,
}

/// # Errors
/// The server cannot be started, media does not begin, a call or room is over or other than before, or media took longer to come back than `--back-p50-max-ms` allows.
pub async fn run(asked: &Fault) -> anyhow::Result<()> {
    ensure!(
        !asked.direct || !matches!(asked.kind, Kind::Vanish | Kind::TransportPanic | Kind::Rebind | Kind::Roam),
        "--direct is for kill9, restart, upgrade, drain and redis-down: the others are about connections to the server"
    );
    let mut outcome = Outcome::default();
    let mut figures = Figures::default();
    for _ in 0..asked.runs.max(1) {
        match asked.kind {
            Kind::Kill9 | Kind::Restart | Kind::Upgrade => once(asked, &mut outcome).await?,
            Kind::Drain => drain::once(asked, &mut figures).await?,
            Kind::RedisDown => redis_down::once(asked, &mut figures).await?,
            Kind::Rebind => roam::once(asked, Fate::Rebind, &mut figures).await?,
            Kind::Roam => roam::once(asked, Fate::Roam, &mut figures).await?,
            Kind::Vanish => {
                vanish::all(asked, &mut figures).await?;
                break;
            }
            Kind::TransportPanic => {
                transport_panic::all(asked, &mut figures).await?;
                break;
            }
        }
    }
    if !matches!(asked.kind, Kind::Kill9 | Kind::Restart | Kind::Upgrade) {
        figures.print(asked.json)?;
        asked.check_back(figures.of("back_ms"))?;
        return asked.check_gaps(figures.of("sound_gap_ms"));
    }
    println!(
        "{}",
        if asked.json {
            outcome.json().to_string()
        } else {
            outcome.text()
        }
    );
    ensure!(outcome.ended == 0, "{} of {} calls ended", outcome.ended, outcome.talks);
    ensure!(outcome.changed == 0, "{} found their room changed", outcome.changed);
    asked.check_gaps(&outcome.sound_gap)?;
    asked.check_back(&outcome.back)
}

async fn once(asked: &Fault, outcome: &mut Outcome) -> anyhow::Result<()> {
    let mut server = tokio::task::block_in_place(|| Server::start(&asked.server))?;
    let talks = Talk::many(asked.talks.max(1), || {
        let participants = if asked.direct { 2 } else { asked.participants };
        let (url, media) = (server.url.clone(), asked.media());
        async move {
            if participants <= 2 {
                Talk::start(&url, media).await
            } else {
                Talk::gather(&url, participants).await
            }
        }
    })
    .await?;
    sleep(SETTLE).await;
    talks.iter().for_each(Talk::reset_gaps);
    let fault = Instant::now();
    let (stopping, listened) = tokio::task::block_in_place(|| match asked.kind {
        Kind::Kill9 => server.restart(Signal::KILL),
        Kind::Restart => server.restart(Signal::TERM),
        Kind::Upgrade => server.upgrade(),
        Kind::Drain | Kind::RedisDown | Kind::Vanish | Kind::TransportPanic | Kind::Rebind | Kind::Roam => {
            unreachable!("it ends no server")
        }
    })?;
    outcome.stopping.push(stopping);
    outcome.starting.push((listened - fault).saturating_sub(match asked.kind {
        Kind::Kill9 | Kind::Restart => stopping,
        // It is gone only after the new one serves.
        _ => Duration::ZERO,
    }));

    if matches!(asked.kind, Kind::Upgrade) {
        // The old process is gone, so what comes from here on is the new one's.
        sleep(SETTLE).await;
    }
    let sides: usize = talks.iter().map(|talk| talk.facts().len()).sum();
    let mut back: Vec<Option<Duration>> = vec![None; sides];
    while back.iter().any(Option::is_none) && fault.elapsed() < BACK_WITHIN && !talks.iter().any(Talk::is_over) {
        sleep(Duration::from_millis(5)).await;
        let facts = talks.iter().flat_map(Talk::facts);
        for (since, facts) in back.iter_mut().zip(facts) {
            if since.is_none() && is_back(&facts, listened) {
                *since = Some(listened.elapsed());
            }
        }
    }
    // A gap that is not over yet is not counted by a side that has stopped to look.
    sleep(Duration::from_millis(500)).await;
    outcome.talks += talks.len();
    for talk in talks {
        let facts = talk.facts();
        for side in &facts {
            outcome.picture_gap.push(side.picture.longest_gap);
            outcome.sound_gap.push(side.sound.longest_gap);
            outcome.changed += usize::from(!is_as_before(side, facts.len()));
        }
        outcome.ended += usize::from(talk.is_over());
        talk.stop().await?;
    }
    if !matches!(asked.kind, Kind::Upgrade) {
        outcome
            .back
            .extend(back.into_iter().map(|since| since.unwrap_or(BACK_WITHIN)));
    }
    Ok(())
}

fn is_back(facts: &Facts, since: Instant) -> bool {
    [&facts.picture, &facts.sound]
        .iter()
        .all(|flow| flow.last.is_some_and(|last| last > since))
}

/// Whether the server knows the room as it was: a call of two has no room of its own to be locked.
fn is_as_before(side: &Facts, number: usize) -> bool {
    let call = &side.call;
    let others = call["participants"].as_array().map_or(0, Vec::len);
    match call["state"].as_str() {
        Some("answered") => true,
        Some("joined") => others + 1 == number && call["room"]["locked"] == true,
        _ => false,
    }
}

/// In milliseconds.
fn share(values: &[Duration], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    quantile(&sorted, share).map_or(0.0, |value| value.as_secs_f64() * 1000.0)
}

impl Outcome {
    /// What was measured: an upgrade has no moment at which media could come back.
    fn rows(&self) -> impl Iterator<Item = (&'static str, &[Duration])> {
        let rows: [(_, &[Duration]); 5] = [
            ("media_back_after_listening_ms", &self.back),
            ("picture_gap_ms", &self.picture_gap),
            ("sound_gap_ms", &self.sound_gap),
            ("stopping_ms", &self.stopping),
            ("starting_ms", &self.starting),
        ];
        rows.into_iter().filter(|(_, values)| !values.is_empty())
    }

    fn json(&self) -> Value {
        let mut out = json!({ "calls": self.talks, "ended": self.ended, "rooms_changed": self.changed });
        for (name, values) in self.rows() {
            out[name] = figures::spread(values);
        }
        out
    }

    fn text(&self) -> String {
        let text = format!(
            "{} calls, {} ended, {} found their room changed\n",
            self.talks, self.ended, self.changed
        );
        text + &figures::table(self.rows())
    }
}
