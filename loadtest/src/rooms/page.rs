//! A run as an HTML page: the table, and plots of delay, packets, CPU time and memory.

use std::path::Path;
use std::time::Instant;

use super::report::Report;
use crate::look::Look;
use crate::page::{self, plot};

/// What the server did in one second of a run.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Since it was measured.
    pub seconds: f64,
    pub packets_out_per_second: f64,
    pub core_percent: f64,
    pub resident_kib: u64,
}

impl Moment {
    /// From one look to the next, of a run that began then.
    pub fn between(earlier: &Look, later: &Look, began: Instant) -> Moment {
        Moment {
            seconds: (later.at - began).as_secs_f64(),
            packets_out_per_second: later.media_since(earlier, "out"),
            core_percent: 100.0 * (later.cpu - earlier.cpu).as_secs_f64() / (later.at - earlier.at).as_secs_f64(),
            resident_kib: later.resident_kib,
        }
    }
}

/// # Errors
/// A plot cannot be drawn, or the file not be written.
pub fn write(path: &Path, report: &Report) -> anyhow::Result<()> {
    let moments = report.moments();
    let over_time = |name, of: fn(&Moment) -> f64| {
        let points: Vec<(f64, f64)> = moments.iter().map(|moment| (moment.seconds, of(moment))).collect();
        plot(name, "seconds", &[("", points)])
    };
    // By the share of packets that took longer, so that the slowest of them have as much room as all others.
    let delays: Vec<(f64, f64)> = (0..=400)
        .map(|step| {
            (
                f64::from(step) / 100.0,
                report.delay_ms(1.0 - 10f64.powf(-f64::from(step) / 100.0)),
            )
        })
        .collect();
    let plots = [
        plot(
            "Delay in ms, by nines: 1 is 90 %, 2 is 99 % of the packets",
            "nines",
            &[("", delays)],
        )?,
        over_time("Packets out a second", |moment| moment.packets_out_per_second)?,
        over_time("CPU of the server in % of a core", |moment| moment.core_percent)?,
        over_time("Resident memory in MiB", |moment| moment.resident_kib as f64 / 1024.0)?,
    ];
    page::write(path, "Tandem under load", &report.table(), &plots, &report.json())
}
