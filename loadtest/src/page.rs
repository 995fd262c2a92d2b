//! What was measured as one HTML page without anything outside of it: a table, plots, and the same as JSON.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use plotters::prelude::*;
use serde_json::Value;

const SIZE: (u32, u32) = (720, 300);
const LABELS: (&str, i32) = ("sans-serif", 14);
const COLOURS: [RGBColor; 3] = [BLUE, RED, GREEN];

/// A line of a plot: its name, or none where it is the only one, and its points from left to right.
pub type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// Writes it to this file.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, title: &str, table: &str, plots: &[String], json: &Value) -> anyhow::Result<()> {
    let page = html(title, table, plots, json)?;
    fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))
}

fn html(title: &str, table: &str, plots: &[String], json: &Value) -> anyhow::Result<String> {
    let title = escape(title);
    let mut page = format!(
        concat!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title>",
            "<meta name=\"viewport\" content=\"width=device-width\">",
            "<style>body{{font:16px/1.5 sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem}}",
            "pre{{overflow-x:auto;background:#f4f4f4;padding:1rem}}svg{{max-width:100%;height:auto}}</style>",
            "<h1>{0}</h1>"
        ),
        title
    );
    write!(page, "<pre>{}</pre>", escape(table))?;
    for plot in plots {
        write!(page, "<figure>{plot}</figure>")?;
    }
    write!(
        page,
        "<details><summary>JSON</summary><pre>{}</pre></details></html>",
        escape(&serde_json::to_string_pretty(json)?)
    )?;
    Ok(page)
}

/// Lines from 0 upwards, as SVG.
///
/// # Errors
/// It cannot be drawn.
pub fn plot(name: &str, across: &str, lines: &[Line]) -> anyhow::Result<String> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let end = points().map(|point| point.0).fold(1.0, f64::max);
    let top = points().map(|point| point.1).fold(1e-3, f64::max) * 1.1;
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
        for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            let drawn = chart.draw_series(line).map_err(failed)?;
            if !name.is_empty() {
                drawn
                    .label(*name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 15, y)], colour.stroke_width(2)));
            }
        }
        if lines.len() > 1 {
            chart
                .configure_series_labels()
                .label_font(LABELS)
                .background_style(WHITE.mix(0.8))
                .draw()
                .map_err(failed)?;
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
