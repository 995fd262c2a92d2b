//! What came of a run: a table for people, JSON for machines, and what was lost.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use super::Rooms;
use super::attendance::Attendance;
use super::page::Moment;
use crate::limits::{Figures, Limits};
use crate::look::Look;
use crate::media::{Measured, Milestones};
use crate::process::Usage;
use crate::quantile::quantile;
use crate::scrape::Scrape;

/// Reasons of `tandem_media_dropped_total` for which a packet is left out on purpose: nobody wants it, or not yet. All others are losses.
const CHOSEN: [&str; 7] = [
    "layer_not_selected",
    "no_watcher",
    "not_published",
    "no_key_frame_yet",
    "before_switch",
    "temporal_layer",
    "spatial_layer",
];

/// What a server with too much to do promises.
const VOICES_MISSING_MAX: f64 = 0.01;
const REFUSED_WITHIN: Duration = Duration::from_millis(100);

pub struct Report {
    asked: Rooms,
    seconds: f64,
    /// Packets a second, into the server and out of it.
    packets_in: f64,
    packets_out: f64,
    datagrams_out: f64,
    delays_us: Vec<u32>,
    /// Frames a second, of each tile that somebody looked at.
    tiles: Vec<f64>,
    tiles_expected: usize,
    layers: [usize; 3],
    joins: Vec<Duration>,
    cpu: Duration,
    worker_cpu: Duration,
    own_cpu: Duration,
    own_batches: u64,
    own_datagrams: u64,
    idle_kib: u64,
    resident_kib: u64,
    packets: u64,
    missing: u64,
    /// The same of voices alone.
    voices: u64,
    voices_missing: u64,
    /// How long it took to be told that the server has too much to do.
    refused: Vec<Duration>,
    /// `tandem_worker_cut`, of the worker that leaves out most.
    cut: f64,
    key_frames_asked: usize,
    /// Connections that the server gave up, before it was measured and while it was.
    made_again: usize,
    /// Second by second, where it was asked for.
    moments: Vec<Moment>,
    drops: Vec<(String, f64)>,
    /// (what, how many): each is a loss that nobody chose.
    lost: Vec<(String, f64)>,
}

impl Report {
    pub fn new(
        asked: &Rooms,
        idle: Usage,
        looks: &[Look],
        settled: &Scrape,
        measured: Vec<Measured>,
        milestones: &[Arc<Milestones>],
        attendances: &[Attendance],
    ) -> Report {
        let (before, after) = (&looks[0], &looks[looks.len() - 1]);
        let seconds = (after.at - before.at).as_secs_f64();
        let mut joins: Vec<Duration> = attendances
            .iter()
            .filter(|a| a.to_media)
            .filter_map(|a| Some(milestones[a.index].first_media.get()?.saturating_duration_since(a.began)))
            .collect();
        joins.sort_unstable();
        let mut refused: Vec<Duration> = attendances.iter().filter_map(|a| a.refused).collect();
        refused.sort_unstable();
        let mut report = Report {
            asked: asked.clone(),
            seconds,
            packets_in: after.media_since(before, "in"),
            packets_out: after.media_since(before, "out"),
            datagrams_out: after.grown_since(before, "tandem_udp_datagrams_total{direction=\"out\"}"),
            delays_us: Vec::new(),
            tiles: Vec::new(),
            tiles_expected: attendances.iter().map(|a| a.tiles).sum(),
            layers: [0; 3],
            joins,
            cpu: after.cpu - before.cpu,
            worker_cpu: after.worker_cpu - before.worker_cpu,
            own_cpu: after.own_cpu - before.own_cpu,
            own_batches: 0,
            own_datagrams: 0,
            idle_kib: idle.resident_kib,
            resident_kib: after.resident_kib,
            packets: 0,
            missing: 0,
            voices: 0,
            voices_missing: 0,
            refused,
            cut: settled.by_label("tandem_worker_cut").map(|(_, cut)| cut).fold(0.0, f64::max),
            key_frames_asked: 0,
            made_again: attendances.iter().map(|a| a.lost.len()).sum(),
            moments: looks
                .windows(2)
                .map(|pair| Moment::between(&pair[0], &pair[1], before.at))
                .collect(),
            drops: Vec::new(),
            lost: Vec::new(),
        };
        let (mut send_lost, mut overflows) = (0, 0);
        for mut thread in measured {
            report.delays_us.append(&mut thread.delays_us);
            report.own_batches += thread.batches;
            report.own_datagrams += thread.datagrams_in;
            send_lost += thread.send_lost;
            overflows += thread.overflows;
            for heard in thread.heard {
                let tiles = heard.frames.iter().filter(|frames| **frames > 0);
                report.tiles.extend(tiles.map(|frames| *frames as f64 / seconds));
                report.packets += heard.packets;
                report.missing += heard.missing;
                report.voices += heard.voices;
                report.voices_missing += heard.voices_missing;
                report.key_frames_asked += heard.key_frames_asked;
                for (layer, slots) in heard.layers {
                    report.layers[usize::from(layer).min(2)] += slots;
                }
            }
        }
        report.delays_us.sort_unstable();
        report.tiles.sort_by(f64::total_cmp);
        let during = |at: &&Instant| **at >= before.at;
        let cut = attendances.iter().flat_map(|a| &a.lost).filter(during).count();
        report.lose("connections", cut as f64);
        report.note_drops(&before.scrape, settled);
        report.lose(
            "the server's receive buffer was full",
            (after.overflows - before.overflows) as f64,
        );
        report.lose("sequence numbers that never came", report.missing as f64);
        report.lose(
            "tiles without a picture",
            report.tiles_expected.saturating_sub(report.tiles.len()) as f64,
        );
        report.lose("the generator's receive buffer was full", overflows as f64);
        report.lose("the generator could not send", send_lost as f64);
        report
    }

    fn lose(&mut self, what: &str, count: f64) {
        if count > 0.0 {
            self.lost.push((what.to_owned(), count));
        }
    }

    /// What the server says that it dropped.
    fn note_drops(&mut self, before: &Scrape, settled: &Scrape) {
        for (family, what) in [
            ("tandem_media_dropped_total", "dropped"),
            ("tandem_udp_send_lost_total", "not sent"),
            ("tandem_queue_full_total", "queue full"),
        ] {
            for (label, count) in settled.by_label(family) {
                let earlier = before
                    .by_label(family)
                    .find(|(l, _)| *l == label)
                    .map_or(0.0, |(_, count)| count);
                let count = count - earlier;
                if count <= 0.0 {
                    continue;
                }
                self.drops.push((format!("{what}: {label}"), count));
                if what != "dropped" || !CHOSEN.contains(&label) {
                    self.lose(&format!("{what}: {label}"), count);
                }
            }
        }
    }

    /// Whether a server with too much to do kept what it promises those who are in, and those who are not.
    ///
    /// # Errors
    /// More than one in a hundred packets of voices never came, or a refusal took more than 100 ms.
    pub fn check_voices(&self) -> anyhow::Result<()> {
        let share = self.voices_missing_share();
        ensure!(share <= VOICES_MISSING_MAX, "{:.2} % of voices never came", 100.0 * share);
        let slowest = self.refused.last().copied().unwrap_or_default();
        ensure!(slowest <= REFUSED_WITHIN, "somebody was refused after {slowest:?}");
        Ok(())
    }

    fn voices_missing_share(&self) -> f64 {
        self.voices_missing as f64 / (self.voices + self.voices_missing).max(1) as f64
    }

    fn refused_ms(&self, share: f64) -> f64 {
        quantile(&self.refused, share).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }

    /// What was lost that nobody chose to leave out.
    pub fn losses(&self) -> Vec<String> {
        self.lost.iter().map(|(what, count)| format!("{what} {count}")).collect()
    }

    /// Microseconds of the whole server's CPU time for a packet out.
    pub fn server_us_per_packet(&self) -> f64 {
        self.us_per_packet(self.cpu)
    }

    /// A second.
    pub fn packets_out(&self) -> f64 {
        self.packets_out
    }

    /// Of all sequence numbers, those that never came.
    pub fn missing_share(&self) -> f64 {
        self.missing as f64 / (self.packets + self.missing).max(1) as f64
    }

    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    pub fn generator_core_percent(&self) -> f64 {
        self.core_percent(self.own_cpu)
    }

    /// By the sender's clock.
    pub fn delay_ms(&self, share: f64) -> f64 {
        quantile(&self.delays_us, share).map_or(0.0, |us| f64::from(us) / 1000.0)
    }

    fn join_ms(&self, share: f64) -> f64 {
        quantile(&self.joins, share).map_or(0.0, |join| join.as_secs_f64() * 1000.0)
    }

    fn core_percent(&self, cpu: Duration) -> f64 {
        100.0 * cpu.as_secs_f64() / self.seconds
    }

    fn us_per_packet(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / (self.packets_out * self.seconds).max(1.0)
    }

    fn kib_each(&self) -> f64 {
        self.resident_kib.saturating_sub(self.idle_kib) as f64 / self.participants().max(1) as f64
    }

    /// Limits that do not hold.
    pub fn broken(&self, limits: &Limits) -> Vec<String> {
        let is = Figures {
            core_percent: self.core_percent(self.cpu),
            delay_p99_ms: self.delay_ms(0.99),
            join_p50_ms: self.join_ms(0.5),
            join_p99_ms: self.join_ms(0.99),
            kib_each: self.kib_each(),
            missing_percent: 100.0 * self.missing_share(),
        };
        limits.broken(&format!("{} rooms", self.asked.rooms), &is)
    }

    fn participants(&self) -> usize {
        self.asked.rooms * self.asked.participants
    }

    pub fn json(&self) -> Value {
        let tiles = |share: f64| {
            self.tiles
                .get((self.tiles.len() as f64 * share) as usize)
                .copied()
                .unwrap_or(0.0)
        };
        json!({
            "rooms": self.asked.rooms, "participants": self.asked.participants,
            "publishers": self.asked.publishers.unwrap_or(self.asked.participants), "speakers": self.asked.speakers,
            "tiles": self.asked.tiles, "seconds": self.seconds,
            "packets_in_per_second": self.packets_in, "packets_out_per_second": self.packets_out,
            "datagrams_out_per_second": self.datagrams_out,
            "delay_ms": { "p50": self.delay_ms(0.5), "p90": self.delay_ms(0.9), "p99": self.delay_ms(0.99), "max": self.delay_ms(1.0) },
            "voices_received": self.voices, "voices_missing_share": self.voices_missing_share(),
            "refused": { "number": self.refused.len(), "p50_ms": self.refused_ms(0.5), "max_ms": self.refused_ms(1.0) },
            "worker_cut": self.cut,
            "packets_received": self.packets, "missing": self.missing, "key_frames_asked": self.key_frames_asked,
            "connections_made_again": self.made_again,
            "tiles_shown": self.tiles.len(), "tiles_expected": self.tiles_expected,
            "tile_frames_per_second": { "min": tiles(0.0), "p50": tiles(0.5) },
            "slots_by_layer": self.layers,
            "join_ms": { "p50": self.join_ms(0.5), "p99": self.join_ms(0.99), "max": self.join_ms(1.0) },
            "server": {
                "core_percent": self.core_percent(self.cpu), "worker_core_percent": self.core_percent(self.worker_cpu),
                "us_per_packet_out": self.us_per_packet(self.cpu), "worker_us_per_packet_out": self.us_per_packet(self.worker_cpu),
                "resident_kib": self.resident_kib, "idle_kib": self.idle_kib, "kib_each": self.kib_each(),
            },
            "generator": {
                "core_percent": self.core_percent(self.own_cpu),
                "datagrams_per_receive": self.own_datagrams as f64 / self.own_batches.max(1) as f64,
            },
            "drops": self.drops.iter().map(|(what, count)| json!([what, count])).collect::<Vec<_>>(),
            "lost": self.losses(),
        })
    }

    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, text: String| {
            let _ = writeln!(out, "{name:<20}{text}");
        };
        let asked = &self.asked;
        let cameras = asked.publishers.unwrap_or(asked.participants);
        row(
            "rooms",
            format!(
                "{} of {} participants: {cameras} cameras, {} microphones, {} tiles each, {:.1} s",
                asked.rooms, asked.participants, asked.speakers, asked.tiles, self.seconds
            ),
        );
        row(
            "packets/s",
            format!(
                "{:.0} in, {:.0} out ({:.0} datagrams out)",
                self.packets_in, self.packets_out, self.datagrams_out
            ),
        );
        row(
            "delay ms",
            format!(
                "p50 {:.2}, p90 {:.2}, p99 {:.2}, max {:.2}",
                self.delay_ms(0.5),
                self.delay_ms(0.9),
                self.delay_ms(0.99),
                self.delay_ms(1.0)
            ),
        );
        let middle = self.tiles.get(self.tiles.len() / 2).copied().unwrap_or(0.0);
        let least = self.tiles.first().copied().unwrap_or(0.0);
        row(
            "tiles",
            format!(
                "{} of {} shown; frames/s p50 {middle:.1}, least {least:.1}; layers q {}, h {}, f {}",
                self.tiles.len(),
                self.tiles_expected,
                self.layers[0],
                self.layers[1],
                self.layers[2]
            ),
        );
        row(
            "join to media ms",
            format!(
                "p50 {:.0}, p99 {:.0}, max {:.0}",
                self.join_ms(0.5),
                self.join_ms(0.99),
                self.join_ms(1.0)
            ),
        );
        row(
            "server CPU",
            format!(
                "{:.1} % of a core ({:.1} % in its workers); {:.2} us for a packet out ({:.2} in its workers)",
                self.core_percent(self.cpu),
                self.core_percent(self.worker_cpu),
                self.us_per_packet(self.cpu),
                self.us_per_packet(self.worker_cpu)
            ),
        );
        let each = self.kib_each();
        row(
            "server memory",
            format!(
                "{} KiB, {} KiB before; {each:.0} KiB a participant",
                self.resident_kib, self.idle_kib
            ),
        );
        let per_receive = self.own_datagrams as f64 / self.own_batches.max(1) as f64;
        row(
            "generator",
            format!(
                "{:.1} % of a core, {per_receive:.1} datagrams a receive call",
                self.core_percent(self.own_cpu)
            ),
        );
        row(
            "received",
            format!(
                "{} packets, {} never came; {} key frames asked for; {} connections made again",
                self.packets, self.missing, self.key_frames_asked, self.made_again
            ),
        );
        if asked.admit_some {
            row(
                "voices",
                format!(
                    "{} packets, {} never came ({:.2} %); pictures cut: {}",
                    self.voices,
                    self.voices_missing,
                    100.0 * self.voices_missing_share(),
                    ["nothing", "the highest layers", "all"][(self.cut as usize).min(2)]
                ),
            );
            row(
                "refused",
                format!(
                    "{} of {} after p50 {:.1} ms, max {:.1} ms",
                    self.refused.len(),
                    self.participants(),
                    self.refused_ms(0.5),
                    self.refused_ms(1.0)
                ),
            );
        }
        for (what, count) in &self.drops {
            let lost = self.lost.iter().any(|(lost, _)| lost == what);
            row(if lost { "LOST" } else { "left out" }, format!("{what} {count}"));
        }
        out.trim_end().to_owned()
    }
}
