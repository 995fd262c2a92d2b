//! Half of a room disappears without a word: how long until the others are told, and whether the server has its memory back.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::time::sleep;

use super::figures::Figures;
use super::{Fault, SETTLE};
use crate::process;
use crate::scrape::Scrape;
use crate::server::Server;
use crate::talk::{Fate, Talk};

/// Everybody is told within this.
const WITHIN: Duration = Duration::from_secs(60);

/// All runs on one server: what it keeps of those who are gone adds up.
pub(super) async fn all(asked: &Fault, figures: &mut Figures) -> anyhow::Result<()> {
    let server = tokio::task::block_in_place(|| Server::start(&asked.server))?;
    for _ in 0..asked.runs.max(1) {
        once(asked, &server, figures).await?;
        let usage = process::usage(server.pid()).context("the server is gone")?;
        figures.count("resident_kib", usage.resident_kib);
    }
    Ok(())
}

async fn once(asked: &Fault, server: &Server, figures: &mut Figures) -> anyhow::Result<()> {
    // The first two speak, and stay.
    let number = asked.participants.max(3);
    let vanish = (number / 2).max(1);
    let talk = Talk::gather(&server.url, number).await?;
    sleep(SETTLE).await;
    talk.reset_gaps();
    sleep(Duration::from_millis(200)).await;
    let fault = Instant::now();
    for side in number - vanish..number {
        talk.strike(side, Fate::Vanish);
    }
    let stay = number - vanish;
    let told_all = |talk: &Talk| talk.facts()[..stay].iter().all(|side| side.told_gone.len() >= vanish);
    while !told_all(&talk) {
        ensure!(fault.elapsed() < WITHIN, "not everybody was told");
        ensure!(!talk.is_over(), "somebody who stayed is out of the room");
        sleep(Duration::from_millis(20)).await;
    }
    for side in &talk.facts()[..stay] {
        figures.add("sound_gap_of_the_others_ms", side.sound.longest_gap);
        for (name, told) in [("shown_as_away_ms", &side.told_away), ("gone_ms", &side.told_gone)] {
            for at in told {
                figures.add(name, at.saturating_duration_since(fault));
            }
        }
    }
    while transports(server).await? > stay as f64 {
        ensure!(fault.elapsed() < WITHIN, "their transports are there still");
        sleep(Duration::from_millis(100)).await;
    }
    figures.add("transports_gone_ms", fault.elapsed());
    figures.end(talk).await?;
    while transports(server).await? > 0.0 {
        ensure!(fault.elapsed() < WITHIN, "transports of those who left are there still");
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn transports(server: &Server) -> anyhow::Result<f64> {
    let scrape = Scrape::take(&server.ops).await?;
    Ok(scrape.by_label("tandem_transports").map(|(_, count)| count).sum())
}
