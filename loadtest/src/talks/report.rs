//! What came of so many calls: a line for people, JSON for machines, and which limits do not hold.

use std::time::Duration;

use serde_json::{Value, json};

use crate::limits::{Figures, Limits};
use crate::look::Look;
use crate::media::Measured;
use crate::quantile::quantile;

pub struct Row {
    calls: usize,
    silent: usize,
    /// Packets a second, into the server and out of it.
    packets_in: f64,
    packets_out: f64,
    delays_us: Vec<u32>,
    /// From the answer to the first media of each side.
    joins: Vec<Duration>,
    core_percent: f64,
    worker_core_percent: f64,
    us_per_packet: f64,
    kib_each: f64,
    resident_kib: [u64; 2],
    /// Of all packets, those that never came, neither at first nor when asked for again.
    missing: f64,
    /// Connections that the server gave up.
    lost: usize,
    /// Datagrams that the server's and the generator's sockets had no room for.
    overflows: [u64; 2],
    generator_percent: f64,
    /// Of its thread that carries media, which is one.
    generator_media_percent: f64,
}

impl Row {
    /// `looks`: before the calls, before and after it was measured, and at the end.
    pub fn new(
        calls: usize,
        silent: usize,
        [idle, before, after, end]: &[Look; 4],
        mut joins: Vec<Duration>,
        lost: usize,
        mut measured: Measured,
    ) -> Row {
        let seconds = (after.at - before.at).as_secs_f64();
        let percent = |time: Duration| 100.0 * time.as_secs_f64() / seconds;
        let packets_out = after.media_since(before, "out");
        let (came, missing) = measured
            .heard
            .iter()
            .fold((0, 0), |sum, heard| (sum.0 + heard.packets, sum.1 + heard.missing));
        let participants = 2 * (calls + silent);
        joins.sort_unstable();
        measured.delays_us.sort_unstable();
        Row {
            calls,
            silent,
            packets_in: after.media_since(before, "in"),
            packets_out,
            delays_us: measured.delays_us,
            joins,
            core_percent: percent(after.cpu - before.cpu),
            worker_core_percent: percent(after.worker_cpu - before.worker_cpu),
            us_per_packet: (after.cpu - before.cpu).as_secs_f64() * 1e6 / (packets_out * seconds).max(1.0),
            kib_each: (after.resident_kib as f64 - idle.resident_kib as f64) / participants.max(1) as f64,
            resident_kib: [idle.resident_kib, after.resident_kib],
            missing: missing as f64 / (came + missing).max(1) as f64,
            lost,
            overflows: [end.overflows - before.overflows, measured.overflows],
            generator_percent: percent(after.own_cpu - before.own_cpu),
            generator_media_percent: 100.0 * measured.cpu.as_secs_f64() / (end.at - before.at).as_secs_f64(),
        }
    }

    fn delay_ms(&self, share: f64) -> f64 {
        quantile(&self.delays_us, share).map_or(0.0, |us| f64::from(us) / 1000.0)
    }

    fn join_ms(&self, share: f64) -> f64 {
        quantile(&self.joins, share).map_or(0.0, |join| join.as_secs_f64() * 1000.0)
    }

    pub fn head() -> String {
        format!(
            "{:<12}{:<16}{:<24}{:<22}{:<28}{:<14}{:<22}{:<12}generator",
            "calls",
            "packets/s out",
            "delay ms p50/p99/max",
            "join ms p50/p99/max",
            "server (its workers)",
            "us/packet out",
            "KiB a participant",
            "never came"
        )
    }

    pub fn text(&self) -> String {
        let three = |of: &dyn Fn(f64) -> f64, digits: usize| {
            let [half, most, all] = [0.5, 0.99, 1.0].map(of);
            format!("{half:.digits$}/{most:.digits$}/{all:.digits$}")
        };
        let calls = match self.silent {
            0 => self.calls.to_string(),
            silent => format!("{} + {silent}", self.calls),
        };
        let mut text = format!(
            "{calls:<12}{:<16.0}{:<24}{:<22}{:<28}{:<14.2}{:<22}{:<12}{:.0} % of a core, {:.0} % in its media thread",
            self.packets_out,
            three(&|share| self.delay_ms(share), 2),
            three(&|share| self.join_ms(share), 0),
            format!("{:.1} % of a core ({:.1})", self.core_percent, self.worker_core_percent),
            self.us_per_packet,
            format!("{:.0} ({} -> {})", self.kib_each, self.resident_kib[0], self.resident_kib[1]),
            format!("{:.3} %", 100.0 * self.missing),
            self.generator_percent,
            self.generator_media_percent,
        );
        let full = [("the server's", self.overflows[0]), ("the generator's", self.overflows[1])];
        for (whose, count) in full.into_iter().filter(|full| full.1 > 0) {
            text += &format!("\n  {whose} receive buffer was full for {count} datagrams");
        }
        if self.lost > 0 {
            text += &format!("\n  {} connections were given up and made again", self.lost);
        }
        text
    }

    pub fn json(&self) -> Value {
        let shares = |of: &dyn Fn(f64) -> f64| json!({ "p50": of(0.5), "p90": of(0.9), "p99": of(0.99), "max": of(1.0) });
        json!({
            "calls": self.calls, "silent_calls": self.silent,
            "packets_in_per_second": self.packets_in, "packets_out_per_second": self.packets_out,
            "delay_ms": shares(&|share| self.delay_ms(share)),
            "join_ms": shares(&|share| self.join_ms(share)), "joins": self.joins.len(),
            "server": {
                "core_percent": self.core_percent, "worker_core_percent": self.worker_core_percent,
                "us_per_packet_out": self.us_per_packet, "resident_kib": self.resident_kib, "kib_each": self.kib_each,
            },
            "missing_share": self.missing, "connections_made_again": self.lost, "overflows": self.overflows,
            "generator": { "core_percent": self.generator_percent, "media_core_percent": self.generator_media_percent },
        })
    }

    /// Limits that do not hold.
    pub fn broken(&self, limits: &Limits) -> Vec<String> {
        let is = Figures {
            core_percent: self.core_percent,
            delay_p99_ms: self.delay_ms(0.99),
            join_p50_ms: self.join_ms(0.5),
            join_p99_ms: self.join_ms(0.99),
            kib_each: self.kib_each,
            missing_percent: 100.0 * self.missing,
        };
        limits.broken(&format!("{} calls", self.calls), &is)
    }
}
