//! What runs of a fault measured: durations and numbers by name, in the order in which they came first.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use super::share;
use crate::talk::Talk;

#[derive(Default)]
pub(super) struct Figures {
    durations: Vec<(&'static str, Vec<Duration>)>,
    /// One of each run.
    numbers: Vec<(&'static str, Vec<u64>)>,
    talks: usize,
    ended: usize,
}

impl Figures {
    pub(super) fn add(&mut self, name: &'static str, took: Duration) {
        match self.durations.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(took),
            None => self.durations.push((name, vec![took])),
        }
    }

    pub(super) fn count(&mut self, name: &'static str, number: u64) {
        match self.numbers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(number),
            None => self.numbers.push((name, vec![number])),
        }
    }

    /// The durations of this name.
    pub(super) fn of(&self, name: &str) -> &[Duration] {
        let found = self.durations.iter().find(|(known, _)| *known == name);
        found.map_or(&[], |(_, values)| values)
    }

    /// Looks at everybody once more, and ends the calls.
    ///
    /// # Errors
    /// What went wrong on a side while it ran.
    pub(super) async fn finish(&mut self, talks: Vec<Talk>) -> anyhow::Result<()> {
        for talk in talks {
            for side in &talk.facts() {
                self.add("picture_gap_ms", side.picture.longest_gap);
                self.add("sound_gap_ms", side.sound.longest_gap);
            }
            self.end(talk).await?;
        }
        Ok(())
    }

    /// # Errors
    /// What went wrong on a side while it ran.
    pub(super) async fn end(&mut self, talk: Talk) -> anyhow::Result<()> {
        self.talks += 1;
        self.ended += usize::from(talk.is_over());
        talk.stop().await
    }

    /// # Errors
    /// A call ended that should have gone on.
    pub(super) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        println!("{}", if as_json { self.json().to_string() } else { self.text() });
        ensure!(self.ended == 0, "{} of {} calls ended", self.ended, self.talks);
        Ok(())
    }

    fn json(&self) -> Value {
        let mut out = json!({ "calls": self.talks, "ended": self.ended });
        for (name, values) in &self.durations {
            out[*name] = spread(values);
        }
        for (name, values) in &self.numbers {
            out[*name] = json!(values);
        }
        out
    }

    fn text(&self) -> String {
        let mut text = format!("{} calls, {} ended\n", self.talks, self.ended);
        text += &table(self.durations.iter().map(|(name, values)| (*name, values.as_slice())));
        for (name, values) in &self.numbers {
            let values: Vec<String> = values.iter().map(u64::to_string).collect();
            text += &format!("\n{name:<32}{}, run by run", values.join(", "));
        }
        text
    }
}

/// How some durations lie, in milliseconds.
pub(super) fn spread(values: &[Duration]) -> Value {
    json!({
        "p50": share(values, 0.5), "p95": share(values, 0.95), "p99": share(values, 0.99), "max": share(values, 1.0), "n": values.len(),
    })
}

/// The same of several, a line each.
pub(super) fn table<'a>(rows: impl Iterator<Item = (&'static str, &'a [Duration])>) -> String {
    let mut text = format!("{:<32}{:>8}{:>8}{:>8}{:>8}", "", "p50", "p95", "p99", "max");
    for (name, values) in rows {
        let at = |part| share(values, part);
        text += &format!(
            "\n{name:<32}{:>8.0}{:>8.0}{:>8.0}{:>8.0}",
            at(0.5),
            at(0.95),
            at(0.99),
            at(1.0)
        );
    }
    text
}
