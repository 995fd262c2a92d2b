//! A server beside the floor of this machine, by turns: the ratio of the two holds where microseconds do not, on a noisy machine or
//! another one.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use loadtest::traffic::Traffic;
use serde_json::{Value, json};

use crate::floor::{self, Way};
use crate::process;
use crate::rooms::{self, Rooms};
use crate::server::Server;

#[derive(Debug, Clone, clap::Args)]
pub struct Compare {
    /// The server's binary
    #[arg(long, default_value = "target/release/tandem")]
    server: PathBuf,
    /// Subscribers of the one publisher; several may be named
    #[arg(long, value_delimiter = ',', default_value = "10,50,100")]
    subscribers: Vec<usize>,
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

/// # Errors
/// The server cannot be started or measured, or costs more than `--ratio-max` allows.
pub async fn run(asked: &Compare) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for &subscribers in &asked.subscribers {
        let mut turns = Vec::new();
        for _ in 0..asked.runs.max(1) {
            turns.push(turn(asked, subscribers).await?);
        }
        rows.push((subscribers, turns));
    }
    if asked.json {
        println!("{}", json!({ "compare": rows.iter().map(row).collect::<Vec<_>>() }));
    } else {
        println!(
            "{:<13}{:<16}{:<15}{:<8}{:<20}{:<12}{:<14}generator",
            "subscribers", "server us/packet", " floor (sendmmsg)", "ratio", "delay ms p50/p99", "packets/s", "never came"
        );
        for (subscribers, turns) in &rows {
            println!(
                "{subscribers:<13}{:<16.2} {:<16.2}{:<8.2}{:<20}{:<12.0}{:<14}{:.0} % of a core",
                median(turns, |t| t.server_us),
                median(turns, |t| t.floor_us),
                median(turns, |t| t.server_us / t.floor_us),
                format!(
                    "{:.2}/{:.2}",
                    median(turns, |t| t.delay_ms[0]),
                    median(turns, |t| t.delay_ms[1])
                ),
                median(turns, |t| t.packets_out),
                format!("{:.3} %", 100.0 * median(turns, |t| t.missing)),
                median(turns, |t| t.generator_core_percent),
            );
        }
    }
    for (subscribers, turns) in &rows {
        let ratio = median(turns, |t| t.server_us / t.floor_us);
        let max = asked.ratio_max.unwrap_or(f64::INFINITY);
        ensure!(
            ratio <= max,
            "{subscribers} subscribers cost {ratio:.2} floors a packet, more than {max}"
        );
    }
    Ok(())
}

async fn turn(asked: &Compare, subscribers: usize) -> anyhow::Result<Turn> {
    let server = Server::start(&asked.server)?;
    let rooms = Rooms::one_to_many(&server, subscribers, asked.traffic, asked.seconds, asked.warm_up);
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

fn median(turns: &[Turn], of: impl Fn(&Turn) -> f64) -> f64 {
    let mut values: Vec<f64> = turns.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn row((subscribers, turns): &(usize, Vec<Turn>)) -> Value {
    let all = |of: fn(&Turn) -> f64| json!({ "median": median(turns, of), "runs": turns.iter().map(of).collect::<Vec<_>>() });
    json!({
        "subscribers": subscribers,
        "server_us_per_packet_out": all(|t| t.server_us),
        "floor_us_per_packet_out": all(|t| t.floor_us),
        "ratio": all(|t| t.server_us / t.floor_us),
        "delay_ms_p50": all(|t| t.delay_ms[0]),
        "delay_ms_p99": all(|t| t.delay_ms[1]),
        "packets_out_per_second": all(|t| t.packets_out),
        "missing_share": all(|t| t.missing),
        "generator_core_percent": all(|t| t.generator_core_percent),
    })
}
