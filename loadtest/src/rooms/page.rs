//! A run as one HTML page without anything outside of it: the table, and plots of delay, packets, CPU time and memory.

use std::fmt::Write;
use std::time::Instant;

use anyhow::anyhow;
use plotters::prelude::*;

use super::report::Report;
use crate::look::Look;

const SIZE: (u32, u32) = (720, 300);
const LABELS: (&str, i32) = ("sans-serif", 14);

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
/// A plot cannot be drawn.
pub fn page(report: &Report) -> anyhow::Result<String> {
    let moments = report.moments();
    let over_time = |name, of: fn(&Moment) -> f64| {
        let points: Vec<(f64, f64)> = moments.iter().map(|moment| (moment.seconds, of(moment))).collect();
        plot(name, "seconds", &points)
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
        plot("Delay in ms, by nines: 1 is 90 %, 2 is 99 % of the packets", "nines", &delays)?,
        over_time("Packets out a second", |moment| moment.packets_out_per_second)?,
        over_time("CPU of the server in % of a core", |moment| moment.core_percent)?,
        over_time("Resident memory in MiB", |moment| moment.resident_kib as f64 / 1024.0)?,
    ];
    let mut page = String::from(concat!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tandem under load</title>",
        "<meta name=\"viewport\" content=\"width=device-width\">",
        "<style>body{font:16px/1.5 sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem}",
        "pre{overflow-x:auto;background:#f4f4f4;padding:1rem}svg{max-width:100%;height:auto}</style>",
        "<h1>Tandem under load</h1>"
    ));
    write!(page, "<pre>{}</pre>", escape(&report.table()))?;
    for plot in plots {
        write!(page, "<figure>{plot}</figure>")?;
    }
    write!(
        page,
        "<details><summary>JSON</summary><pre>{}</pre></details></html>",
        escape(&serde_json::to_string_pretty(&report.json())?)
    )?;
    Ok(page)
}

/// A line from 0 upwards, as SVG.
fn plot(name: &str, across: &str, points: &[(f64, f64)]) -> anyhow::Result<String> {
    let end = points.last().map_or(1.0, |point| point.0).max(1.0);
    let top = points.iter().map(|point| point.1).fold(0.0, f64::max).max(1e-3) * 1.1;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let failed = |error: DrawingAreaErrorKind<_>| anyhow!("a plot could not be drawn: {error}");
        let mut chart = ChartBuilder::on(&area)
            .caption(name, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(35)
            .y_label_area_size(60)
            .build_cartesian_2d(0.0..end, 0.0..top)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc(across)
            .label_style(LABELS)
            .draw()
            .map_err(failed)?;
        chart
            .draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2)))
            .map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
