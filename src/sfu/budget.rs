//! What a participant's network is thought to take. Pure.
//!
//! It is str0m's estimate, but for the first seconds. That estimate follows what arrives, and where little is sent yet, a short stall of
//! either machine looks to it like a full link: it falls to a part of that little, and every picture is paused until the next probe, on
//! a link that would take them all. So at the beginning a low estimate is believed only once the link was seen to be full: packets are
//! lost, or stand in a queue. Then it begins anew with what arrives; and after a while without either, with what is usual.
//!
//! | since it connected | estimate | lost of late | above the shortest round trip | budget |
//! |---|---|---|---|---|
//! | 1 s | 0.2 M | 0 | 10 ms | 2 M |
//! | 1 s | 5 M | 0 | 10 ms | 5 M |
//! | 1 s | 0.2 M | 0.1, twice | 10 ms | 0.2 M |
//! | 1 s | 0.2 M | 0 | 300 ms, three times | 0.2 M |
//! | 4 s | 0.2 M | 0 | 10 ms | 1.5 M |
//! | 10 s | 0.2 M | 0 | 10 ms | 0.2 M |

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often str0m is asked for a report.
pub const REPORT_EVERY: Duration = Duration::from_millis(200);

/// What a link is thought to take at the beginning, in bits per second.
pub const UNPROVED_BPS: u64 = 2_000_000;

/// For how long after it connected: while others come to be seen.
const UNPROVED_FOR: Duration = Duration::from_secs(4);

/// With what an estimate begins, in bits per second; anew as well, on a link that was not full all that time. One that had fallen to next
/// to nothing meanwhile would stay there, where a client cannot be probed.
pub const INITIAL_BPS: u64 = 1_500_000;

/// A link that is not full loses less than this, ...
const LOSS_MAX: f64 = 0.03;

/// ... or only in fewer reports in a row: a stall of a machine loses packets once.
const LOSSY_REPORTS: u32 = 2;

/// Packets that take this much longer than the fastest stand in a queue, ...
const QUEUE_MAX: Duration = Duration::from_millis(150);

/// ... if so many different round trips in a row say so.
const QUEUED_REPORTS: u32 = 3;

/// Over which it is measured what arrives, and what of that an estimate begins anew with. No lower than this: two voices and a picture
/// at its least.
const LATE: Duration = Duration::from_millis(600);
const ARRIVED_SHARE: f64 = 0.85;
const ANEW_BPS_MIN: u64 = 250_000;

/// A change of the budget that is worth telling.
const TELL_ABOVE: f64 = 0.03;

/// What str0m says of a transport at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Report {
    /// The share of the packets of the last second that was lost, of those that were reported on.
    pub loss: Option<f64>,
    /// Of the last packet that was reported on.
    pub round_trip: Option<Duration>,
    /// Of media, since the beginning.
    pub sent_bytes: u64,
}

/// A transport's budget.
#[derive(Debug, Default)]
pub struct Budget {
    /// In bits per second.
    estimate_bps: u64,
    /// None: it is not connected yet.
    connected: Option<Instant>,
    /// The estimate holds.
    is_proved: bool,
    lossy_reports: u32,
    queued_reports: u32,
    round_trip: Option<Duration>,
    shortest: Option<Duration>,
    /// When how much had been sent, of the last [`LATE`].
    sent: VecDeque<(Instant, u64)>,
    anew_bps: Option<u64>,
    told_bps: u64,
}

impl Budget {
    /// The transport is connected.
    pub fn handle_connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    /// str0m's word.
    pub fn handle_estimate(&mut self, bps: u64) {
        self.estimate_bps = bps;
    }

    /// The browser estimates itself (REMB), and is believed.
    pub fn handle_remote_estimate(&mut self, bps: u64) {
        self.estimate_bps = bps;
        self.is_proved = true;
    }

    /// Takes a report, of every [`REPORT_EVERY`].
    pub fn handle_report(&mut self, report: &Report, now: Instant) {
        if self.is_proved {
            return;
        }
        match report.loss {
            Some(loss) if loss > LOSS_MAX => self.lossy_reports += 1,
            _ => self.lossy_reports = 0,
        }
        if let Some(round_trip) = report.round_trip.filter(|_| report.round_trip != self.round_trip) {
            self.round_trip = report.round_trip;
            let shortest = self.shortest.map_or(round_trip, |known| known.min(round_trip));
            self.shortest = Some(shortest);
            self.queued_reports = if round_trip > shortest + QUEUE_MAX {
                self.queued_reports + 1
            } else {
                0
            };
        }
        let arrives_bps = self.arrives_bps(report, now);
        if self.lossy_reports >= LOSSY_REPORTS || self.queued_reports >= QUEUED_REPORTS {
            self.is_proved = true;
            self.anew_bps = Some(((arrives_bps * ARRIVED_SHARE) as u64).max(ANEW_BPS_MIN));
        }
        if !self.is_proved && self.connected.is_some_and(|at| now >= at + UNPROVED_FOR) {
            self.is_proved = true;
            if self.estimate_bps < INITIAL_BPS {
                self.estimate_bps = INITIAL_BPS;
                self.anew_bps = Some(INITIAL_BPS);
            }
        }
    }

    /// The estimate holds from now on: what was seen of the link tells more than one that was not obeyed, and str0m's is to begin anew with
    /// this, in bits per second.
    pub fn poll_anew(&mut self) -> Option<u64> {
        self.anew_bps.take()
    }

    fn arrives_bps(&mut self, report: &Report, now: Instant) -> f64 {
        self.sent.push_back((now, report.sent_bytes));
        while self
            .sent
            .get(1)
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= LATE)
        {
            self.sent.pop_front();
        }
        let (since, before) = self.sent[0];
        let passed = now.saturating_duration_since(since).max(REPORT_EVERY);
        let sent_bps = report.sent_bytes.saturating_sub(before) as f64 * 8.0 / passed.as_secs_f64();
        sent_bps * (1.0 - report.loss.unwrap_or_default())
    }

    /// Whether the estimate holds, for good.
    pub fn is_proved(&self) -> bool {
        self.is_proved
    }

    /// In bits per second, if it has changed by something since this was asked last.
    pub fn poll_changed(&mut self) -> Option<u64> {
        let least = if self.is_proved { 0 } else { UNPROVED_BPS };
        let (now, told) = (self.estimate_bps.max(least), self.told_bps);
        if now.abs_diff(told) as f64 <= told as f64 * TELL_ABOVE {
            return None;
        }
        self.told_bps = now;
        Some(now)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use super::*;

    const CLEAN: (f64, u64) = (0.0, 20);

    /// The budget after str0m's estimate, and reports of (loss, round trip in ms) one after the other.
    fn after(estimate_bps: u64, reports: &[(f64, u64)]) -> Option<u64> {
        let mut budget = Budget::default();
        let mut now = Instant::now();
        budget.handle_connected(now);
        budget.handle_estimate(estimate_bps);
        for (number, (loss, round_trip)) in [&[CLEAN], reports].concat().into_iter().enumerate() {
            now += REPORT_EVERY;
            let report = Report {
                loss: Some(loss),
                // No two are alike.
                round_trip: Some(Duration::from_millis(round_trip) + Duration::from_micros(number as u64)),
                sent_bytes: 0,
            };
            budget.handle_report(&report, now);
        }
        budget.poll_changed()
    }

    #[test]
    fn an_early_estimate_is_believed_when_the_link_was_seen_to_be_full() {
        type Row = (&'static str, u64, &'static [(f64, u64)], u64);
        let rows: [Row; 12] = [
            ("nothing is lost, nothing waits", 200_000, &[CLEAN; 5], UNPROVED_BPS),
            ("more than was thought", 5_000_000, &[CLEAN; 5], 5_000_000),
            (
                "something is lost once",
                200_000,
                &[(0.5, 20), CLEAN, (0.5, 20), CLEAN],
                UNPROVED_BPS,
            ),
            ("a little is lost", 200_000, &[(0.02, 20); 9], UNPROVED_BPS),
            ("something is lost", 200_000, &[(0.1, 20), (0.1, 20)], 200_000),
            ("a stall", 200_000, &[(0.0, 800), (0.0, 300), CLEAN], UNPROVED_BPS),
            ("a queue", 200_000, &[(0.0, 200), (0.0, 300), (0.0, 400)], 200_000),
            ("what was seen stays", 200_000, &[(0.1, 20), (0.1, 20), CLEAN, CLEAN], 200_000),
            ("a far network is no queue", 200_000, &[(0.0, 160); 9], UNPROVED_BPS),
            ("before it is over", 200_000, &[CLEAN; 18], UNPROVED_BPS),
            ("when it is over", 200_000, &[CLEAN; 19], INITIAL_BPS),
            ("one that is higher", 1_800_000, &[CLEAN; 19], 1_800_000),
        ];
        for (what, estimate_bps, reports, expected) in rows {
            assert_eq!(after(estimate_bps, reports), Some(expected), "{what}");
        }
    }

    #[test]
    fn an_estimate_begins_anew_with_what_arrives_on_a_full_link() {
        for (sent_bytes_each, loss, expected) in [(25_000, 0.2, 680_000), (25_000, 0.02, 0), (100, 0.2, ANEW_BPS_MIN)] {
            let mut budget = Budget::default();
            let mut now = Instant::now();
            for number in 1..=4 {
                now += REPORT_EVERY;
                let report = Report {
                    loss: Some(loss),
                    round_trip: None,
                    sent_bytes: number * sent_bytes_each,
                };
                budget.handle_report(&report, now);
            }
            assert_eq!(
                budget.poll_anew().unwrap_or_default(),
                expected,
                "{sent_bytes_each} bytes, {loss}"
            );
            assert_eq!(budget.poll_anew(), None);
        }
    }

    #[test]
    fn the_same_round_trip_twice_is_one() {
        let mut budget = Budget::default();
        for ms in [20, 900, 900, 900, 900] {
            let report = Report {
                loss: None,
                round_trip: Some(Duration::from_millis(ms)),
                sent_bytes: 0,
            };
            budget.handle_report(&report, Instant::now());
        }
        assert!(!budget.is_proved());
    }

    #[test]
    fn a_browser_that_estimates_itself_is_believed() {
        let mut budget = Budget::default();
        budget.handle_remote_estimate(100_000);
        assert_eq!(budget.poll_changed(), Some(100_000));
    }

    #[test]
    fn small_changes_are_not_told() {
        let mut budget = Budget::default();
        assert_eq!(budget.poll_changed(), Some(UNPROVED_BPS));
        budget.handle_estimate(2_050_000);
        assert_eq!(budget.poll_changed(), None);
        budget.handle_estimate(2_200_000);
        assert_eq!(budget.poll_changed(), Some(2_200_000));
    }
}
