//! The server's end of one participant's connection is broken from inside, again and again: what the others in the room lose, and how
//! long the one is away.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::time::sleep;

use super::figures::Figures;
use super::{BACK_WITHIN, Fault, SETTLE};
use crate::server::Server;
use crate::talk::{Facts, Flow, Talk};

/// Gaps are measured from so long before a fault to so long after it.
const MARGIN: Duration = Duration::from_millis(100);

/// All runs are in one room on one server. The first two in it speak: everybody hears one of them all the time, and none is broken.
pub(super) async fn all(asked: &Fault, figures: &mut Figures) -> anyhow::Result<()> {
    let environment = [("TANDEM_INJECT_FAULTS", "1")];
    let server = tokio::task::block_in_place(|| Server::start_with(&asked.server, &environment))?;
    let talk = Talk::gather(&server.url, asked.participants.max(4)).await?;
    sleep(SETTLE).await;
    let (mut missing, mut not_shown) = (0, 0);
    for run in 0..asked.runs.max(1) {
        let lost = once(run, &server, &talk, figures).await?;
        missing += lost.0;
        not_shown += lost.1 as u64;
    }
    figures.count("injected", asked.runs.max(1) as u64);
    figures.count("packets_the_others_miss", missing);
    figures.count("pictures_the_others_miss", not_shown);
    figures.end(talk).await?;
    ensure!(
        missing == 0 && not_shown == 0,
        "the others miss {missing} packets, and {not_shown} pictures of theirs could not be shown"
    );
    Ok(())
}

/// What the others lost: packets, and pictures.
async fn once(run: usize, server: &Server, talk: &Talk, figures: &mut Figures) -> anyhow::Result<(u64, usize)> {
    let number = talk.participants.len();
    let broken = 2 + run % (number - 2);
    // Each looks at the one after it.
    let watcher = broken - 1;
    let fault = ["panic", "endless"][run % 2];
    talk.reset_gaps();
    sleep(MARGIN).await;
    let before = talk.facts();
    let (room, participant) = (&talk.room, &talk.participants[broken]);
    let injected = Instant::now();
    let said = tokio::task::block_in_place(|| server.control(&format!("fault {fault} {room} {participant}")))?;
    ensure!(said.contains("true"), "the server injects no fault: {said}");

    let mut lost_at = None;
    loop {
        let facts = talk.facts();
        ensure!(!talk.is_over(), "somebody is out of the room");
        ensure!(injected.elapsed() < BACK_WITHIN, "the one whose connection broke is not back");
        if facts[broken].lost > before[broken].lost {
            let lost_at = *lost_at.get_or_insert_with(Instant::now);
            let came = |flow: &Flow| flow.last.is_some_and(|last| last > lost_at);
            let one = &facts[broken];
            if came(&one.picture) && came(&one.sound) && came(&facts[watcher].picture) {
                break;
            }
        }
        sleep(Duration::from_millis(2)).await;
    }
    figures.add("back_ms", injected.elapsed());
    figures.add(["back_after_panic_ms", "back_after_endless_ms"][run % 2], injected.elapsed());
    sleep(MARGIN).await;

    let others = |side: &usize| *side != broken;
    let after = talk.facts();
    let mut lost = (0, 0);
    for side in (0..number).filter(others) {
        let (before, after): (&Facts, &Facts) = (&before[side], &after[side]);
        ensure!(after.lost == before.lost, "another one's connection was lost as well");
        lost.0 += after.missing.saturating_sub(before.missing);
        lost.1 += after.not_shown.saturating_sub(before.not_shown);
        figures.add("sound_gap_of_the_others_ms", after.sound.longest_gap);
        if side != watcher {
            figures.add("picture_gap_of_the_others_ms", after.picture.longest_gap);
        }
    }
    Ok(lost)
}
