//! A server beside the floor of this machine, by turns: the ratio of the two holds where microseconds do not, on a noisy machine or
//! another one.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use loadtest::traffic::Traffic;
use serde_json::{Value, json};

use crate::floor::{self, Way};
use crate::page;
use crate::process;
use crate::rooms::{self, Rooms};
use crate::server::Server;

#[derive(Debug, Clone, clap::Args)]
pub struct Compare {
    /// The server's binary
    #[arg(long, default_value = "target/release/tandem")]
    server: PathBuf,
    /// Subscribers of each publisher; several may be named
    #[arg(long, value_delimiter = ',', default_value = "10,50,100")]
    subscribers: Vec<usize>,
    /// Rooms with one publisher each; several may be named. The floor is that of one
    #[arg(long, value_delimiter = ',', default_value = "1")]
    rooms: Vec<usize>,
    #[command(flatten)]
    traffic: Traffic,
    /// Turns of the server and the floor; medians are told
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// For how long the server is measured in each
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Prints one JSON object in place of the table
    #[arg(long)]
    json: bool,
    /// Writes an HTML page with plots to this file as well
    #[arg(long)]
    html: Option<PathBuf>,
    /// Ends with 1 if the server costs more than so many floors for a packet
    #[arg(long)]
    ratio_max: Option<f64>,
}

/// What one turn measured.
struct Turn {
    server_us: f64,
    floor_us: f64,
    delay_ms: [f64; 2],
    packets_out: f64,
    missing: f64,
    generator_core_percent: f64,
}

/// What the turns of so many rooms with so many subscribers each measured.
struct Row {
    rooms: usize,
    subscribers: usize,
    turns: Vec<Turn>,
}

/// # Errors
/// The server cannot be started or measured, or costs more than `--ratio-max` allows.
pub async fn run(asked: &Compare) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for &rooms in &asked.rooms {
        for &subscribers in &asked.subscribers {
            let mut turns = Vec::new();
            for _ in 0..asked.runs.max(1) {
                turns.push(turn(asked, rooms, subscribers).await?);
            }
            rows.push(Row {
                rooms,
                subscribers,
                turns,
            });
        }
    }
    let json = json!({ "compare": rows.iter().map(Row::json).collect::<Vec<_>>() });
    if asked.json {
        println!("{json}");
    } else {
        print!("{}", table(&rows)?);
    }
    if let Some(path) = &asked.html {
        page::write(path, "Tandem beside the floor", &table(&rows)?, &plots(&rows)?, &json)?;
    }
    for row in &rows {
        let ratio = row.median(Turn::ratio);
        let max = asked.ratio_max.unwrap_or(f64::INFINITY);
        let subscribers = row.subscribers;
        ensure!(
            ratio <= max,
            "{subscribers} subscribers cost {ratio:.2} floors a packet, more than {max}"
        );
    }
    Ok(())
}

async fn turn(asked: &Compare, rooms: usize, subscribers: usize) -> anyhow::Result<Turn> {
    let server = Server::start(&asked.server)?;
    let rooms = Rooms::one_to_many(&server, (rooms, subscribers), asked.traffic, asked.seconds, asked.warm_up);
    // On a runtime whose threads leave the server's core alone.
    let report = tokio::task::spawn_blocking(move || {
        process::pin(process::Cores::Others);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        runtime.block_on(rooms::measure(rooms))
    })
    .await??;
    drop(server);
    let (traffic, time) = (asked.traffic, Duration::from_secs(asked.seconds.min(3)));
    let floor_us = tokio::task::spawn_blocking(move || floor::measure(Way::Sendmmsg, subscribers, traffic, time)).await??;
    Ok(Turn {
        server_us: report.server_us_per_packet(),
        floor_us,
        delay_ms: [report.delay_ms(0.5), report.delay_ms(0.99)],
        packets_out: report.packets_out(),
        missing: report.missing_share(),
        generator_core_percent: report.generator_core_percent(),
    })
}

impl Turn {
    fn ratio(&self) -> f64 {
        self.server_us / self.floor_us
    }
}

impl Row {
    fn median(&self, of: impl Fn(&Turn) -> f64) -> f64 {
        let mut values: Vec<f64> = self.turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    fn json(&self) -> Value {
        let all =
            |of: fn(&Turn) -> f64| json!({ "median": self.median(of), "runs": self.turns.iter().map(of).collect::<Vec<_>>() });
        json!({
            "rooms": self.rooms,
            "subscribers": self.subscribers,
            "server_us_per_packet_out": all(|t| t.server_us),
            "floor_us_per_packet_out": all(|t| t.floor_us),
            "ratio": all(Turn::ratio),
            "delay_ms_p50": all(|t| t.delay_ms[0]),
            "delay_ms_p99": all(|t| t.delay_ms[1]),
            "packets_out_per_second": all(|t| t.packets_out),
            "missing_share": all(|t| t.missing),
            "generator_core_percent": all(|t| t.generator_core_percent),
        })
    }
}

fn table(rows: &[Row]) -> Result<String, std::fmt::Error> {
    let mut table = String::new();
    writeln!(
        table,
        "{:<7}{:<13}{:<18}{:<18}{:<8}{:<20}{:<12}{:<14}generator",
        "rooms", "subscribers", "server us/packet", "floor (sendmmsg)", "ratio", "delay ms p50/p99", "packets/s", "never came"
    )?;
    for row in rows {
        let delay_ms = [0, 1].map(|share| row.median(|t| t.delay_ms[share]));
        writeln!(
            table,
            "{:<7}{:<13}{:<18.2}{:<18.2}{:<8.2}{:<20}{:<12.0}{:<14}{:.0} % of a core",
            row.rooms,
            row.subscribers,
            row.median(|t| t.server_us),
            row.median(|t| t.floor_us),
            row.median(Turn::ratio),
            format!("{:.2}/{:.2}", delay_ms[0], delay_ms[1]),
            row.median(|t| t.packets_out),
            format!("{:.3} %", 100.0 * row.median(|t| t.missing)),
            row.median(|t| t.generator_core_percent),
        )?;
    }
    Ok(table)
}

/// What rows are told apart by.
type Axis = (&'static str, fn(&Row) -> usize);

const ROOMS: Axis = ("rooms", |row| row.rooms);
const SUBSCRIBERS: Axis = ("subscribers", |row| row.subscribers);

/// What a packet costs as the fan-out grows, for each number of rooms; and as rooms become more, for each fan-out.
fn plots(rows: &[Row]) -> anyhow::Result<Vec<String>> {
    let mut plots = plots_along(rows, SUBSCRIBERS, ROOMS)?;
    plots.extend(plots_along(rows, ROOMS, SUBSCRIBERS)?);
    Ok(plots)
}

/// One for each value of the other axis of which there are several rows.
fn plots_along(rows: &[Row], (across, along): Axis, (name, fixed): Axis) -> anyhow::Result<Vec<String>> {
    let mut plots = Vec::new();
    for value in rows.iter().map(fixed).collect::<BTreeSet<_>>() {
        let its: Vec<&Row> = rows.iter().filter(|row| fixed(row) == value).collect();
        if its.len() < 2 {
            continue;
        }
        let line = |of: fn(&Turn) -> f64| its.iter().map(|row| (along(row) as f64, row.median(of))).collect();
        let lines = [("server", line(|t| t.server_us)), ("floor", line(|t| t.floor_us))];
        plots.push(page::plot(
            &format!("CPU time of a packet out in µs, {value} {name}"),
            across,
            &lines,
        )?);
    }
    Ok(plots)
}
