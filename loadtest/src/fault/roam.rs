//! The address of one side changes in mid-call: for how long the other one gets nothing.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::time::sleep;

use super::figures::Figures;
use super::{Fault, SETTLE, is_back};
use crate::server::Server;
use crate::talk::{Fate, Media, Talk};

/// Media is back on both sides within this.
const WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn once(asked: &Fault, fate: Fate, figures: &mut Figures) -> anyhow::Result<()> {
    let server = tokio::task::block_in_place(|| Server::start(&asked.server))?;
    let mut talks = Vec::new();
    for _ in 0..asked.talks.max(1) {
        talks.push(Talk::start(&server.url, Media::forwarded()).await?);
    }
    sleep(SETTLE).await;
    talks.iter().for_each(Talk::reset_gaps);
    sleep(Duration::from_millis(200)).await;
    let fault = Instant::now();
    for talk in &talks {
        talk.strike(1, fate);
    }
    // What was on the way still comes.
    sleep(Duration::from_millis(200)).await;
    let moved = Instant::now();
    for talk in &talks {
        while !talk.facts().iter().all(|side| is_back(side, moved)) {
            ensure!(fault.elapsed() < WITHIN, "media does not come back");
            ensure!(!talk.is_over(), "a call ended");
            sleep(Duration::from_millis(5)).await;
        }
    }
    sleep(SETTLE).await;
    figures.finish(talks).await
}
