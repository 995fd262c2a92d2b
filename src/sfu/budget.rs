//! What a participant's network takes now, told sooner than str0m tells it. Pure.
//!
//! str0m's word is the mean of all estimates that it made in the last 3 s: it damps what goes up and down, and is seconds late when a
//! link becomes narrow. So its latest estimate limits its mean. And that is late itself where a short queue overflows before any delay
//! is seen: so when most of what is sent is lost, in two reports one after the other, the budget becomes a part of what still arrives, at once,
//! and the estimate begins anew from there. A blackout is not taken for that: after it, nothing is lost any more.
//!
//! | | mean | latest | lost of late | budget |
//! |---|---|---|---|---|
//! | steady | 2.0 M | 1.9 M | 0 | 2.0 M |
//! | a slow fall | 2.0 M | 1.0 M | 0 | 1.1 M |
//! | a cut to 300 k | 2.0 M | 1.9 M | 0.85, twice | a third of what arrives |
//! | 2.0 M is sent | 2.0 M | 0.4 M | 0.1 | 0.4 M, anew |
//! | 15 % of loss | 2.0 M | 2.0 M | 0.15 | 2.0 M |
//! | a blackout | 2.0 M | 2.0 M | 1.0, then 0 | 2.0 M |

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often str0m is asked for a report.
pub const REPORT_EVERY: Duration = Duration::from_millis(100);

/// The mean may be this much above the latest estimate: that swings by as much on a link that is full.
const ABOVE_LATEST: f64 = 1.1;

/// No link that is merely lossy loses more than this of what is sent.
const LOSS_MAX: f64 = 0.3;

/// So many reports have to say so, one after the other.
const LOSSY_REPORTS: u32 = 2;

/// A cut is to this share of what arrives by count of packets: the small ones of a voice fit into a full queue where large ones do not.
const SHARE_OF_ARRIVED: f64 = 0.35;

/// A cut leaves room for two voices and a small picture, whatever arrives: of a few packets nobody can tell what the link takes. Where
/// this is still too much, the estimate that begins anew finds that out.
const LEAST_BPS: u64 = 180_000;

/// Less than this in a report says nothing of a share.
const BYTES_MIN: u64 = 4_000;

/// What was under way when the budget was cut is lost, and reported as that for so long.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);

/// str0m tells the loss of so long.
const LOSS_WINDOW: Duration = Duration::from_secs(1);

/// What is sent may be this many times the latest estimate, measured over so long.
const OVERSENT: f64 = 2.0;
const OVERSENT_FOR: Duration = Duration::from_millis(250);

/// A cut takes the budget to this share of what it was, or it is none: what is left is the estimate's.
const CUT_SHARE_MAX: f64 = 0.8;

/// After a cut, the budget rises by no more than this every second, until it is what it was. A probe is a short burst, which a link may
/// let pass that takes no more than before: what is sent then shows it, and a little too much of it does no harm.
const RISE_MAX: f64 = 1.2;

/// A change of the budget that is worth telling.
const TELL_ABOVE: f64 = 0.03;

/// What str0m says of a transport at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Report {
    /// Its latest estimate.
    pub estimate_bps: Option<u64>,
    /// The share of what was sent in the last second and is reported that was lost.
    pub loss: Option<f64>,
    /// Of the last packet that was reported: another one says that a report of the browser came in.
    pub round_trip: Option<Duration>,
    /// All media that was ever sent. What probes send besides is not of it.
    pub sent_bytes: u64,
}

/// What has to be done to str0m's estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is far too high: it begins anew here, and what waits to be sent is not worth sending any more.
    Cut(u64),
    /// The losses of the cut are behind: it begins anew once more, without them.
    Settle(u64),
}

/// A transport's budget.
#[derive(Debug, Default)]
pub struct Budget {
    mean_bps: u64,
    latest_bps: Option<u64>,
    /// The browser estimates itself, and str0m's own estimate says nothing.
    is_remote: bool,
    told_bps: u64,
    /// One for each report of the browser, of the last second.
    samples: VecDeque<Sample>,
    state: State,
    /// Since a cut.
    rise: Option<Rise>,
}

/// How the budget comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rise {
    most_bps: f64,
    at: Instant,
    /// What it was before the cut.
    to_bps: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    at: Instant,
    loss: f64,
    round_trip: Option<Duration>,
    sent_bytes: u64,
    /// Of everything that was ever sent, as far as the reports tell.
    lost_bytes: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum State {
    #[default]
    Steady,
    /// So many reports in a row told of more loss than a lossy link has.
    Lossy { reports: u32 },
    /// The budget was cut to this.
    Cut { bps: u64, settles_at: Instant },
}

impl Budget {
    /// str0m's mean.
    pub fn handle_mean(&mut self, bps: u64) {
        self.mean_bps = bps;
    }

    /// What the browser estimates itself (REMB).
    pub fn handle_remote(&mut self, bps: u64) {
        self.mean_bps = bps;
        self.is_remote = true;
    }

    /// Takes a report, of every [`REPORT_EVERY`] or so.
    pub fn handle_report(&mut self, report: &Report, now: Instant) -> Option<Step> {
        self.latest_bps = report.estimate_bps;
        self.rise(now);
        let sent = self.sample(report, now);
        match self.state {
            State::Cut { bps, settles_at } if now >= settles_at => {
                self.state = State::Steady;
                Some(Step::Settle(bps))
            }
            State::Cut { .. } => None,
            State::Steady | State::Lossy { .. } => {
                let cut = sent.and_then(|sent| self.judge(sent, now));
                cut.or_else(|| self.overtake(now))
            }
        }
    }

    fn rise(&mut self, now: Instant) {
        let Some(rise) = &mut self.rise else { return };
        let elapsed = now.saturating_duration_since(rise.at);
        rise.most_bps *= RISE_MAX.powf(elapsed.as_secs_f64());
        rise.at = now;
        if rise.most_bps >= rise.to_bps as f64 {
            self.rise = None;
        }
    }

    /// What the network takes; none: nobody knows yet.
    pub fn bps(&self) -> Option<u64> {
        let latest = self.latest_bps.filter(|_| !self.is_remote);
        let most = latest.map_or(u64::MAX, |bps| (bps as f64 * ABOVE_LATEST) as u64);
        let most = match self.state {
            State::Cut { bps, .. } => most.min(bps),
            State::Steady | State::Lossy { .. } => most,
        };
        let most = self.rise.map_or(most, |rise| most.min(rise.most_bps as u64));
        Some(self.mean_bps.min(most)).filter(|bps| *bps > 0)
    }

    /// Whether it was cut a moment ago: what is reported now is about what was sent before, and nothing is to be tried.
    pub fn is_cut(&self) -> bool {
        matches!(self.state, State::Cut { .. })
    }

    /// The budget, if it is another one than was told.
    pub fn poll_changed(&mut self) -> Option<u64> {
        let bps = self.bps()?;
        let change = (bps as f64 - self.told_bps as f64).abs();
        if change <= self.told_bps as f64 * TELL_ABOVE {
            return None;
        }
        self.told_bps = bps;
        Some(bps)
    }

    /// Keeps a report that says something new. Gives what was sent since the one before.
    fn sample(&mut self, report: &Report, now: Instant) -> Option<Sent> {
        let loss = report.loss?;
        let before = self.samples.back().copied();
        // Where nothing is lost, nothing is hidden by a report that has not come.
        let is_news = |before: Sample| loss == 0.0 || (before.loss, before.round_trip) != (loss, report.round_trip);
        if !before.is_none_or(is_news) {
            return None;
        }
        while self.samples.front().is_some_and(|first| now > first.at + LOSS_WINDOW) {
            self.samples.pop_front();
        }
        let bytes = before.map_or(0, |before| report.sent_bytes.saturating_sub(before.sent_bytes));
        // Of what is told of the last second, what was not lost before; and it is no more than all of it, whatever was thought before.
        let (told, known) = self.samples.front().zip(before).map_or((0.0, 0.0), |(first, before)| {
            let told = loss * report.sent_bytes.saturating_sub(first.sent_bytes) as f64;
            (told, before.lost_bytes - first.lost_bytes)
        });
        let lost_bytes = (told - known).clamp(0.0, told.min(bytes as f64));
        self.samples.push_back(Sample {
            at: now,
            loss,
            round_trip: report.round_trip,
            sent_bytes: report.sent_bytes,
            lost_bytes: before.map_or(0.0, |before| before.lost_bytes) + lost_bytes,
        });
        let elapsed = now.saturating_duration_since(before?.at);
        if bytes < BYTES_MIN || elapsed.is_zero() {
            return None;
        }
        let lost = lost_bytes / bytes as f64;
        Some(Sent {
            lost,
            arrived_bps: (bytes * 8) as f64 / elapsed.as_secs_f64() * (1.0 - lost),
        })
    }

    fn judge(&mut self, sent: Sent, now: Instant) -> Option<Step> {
        if sent.lost < LOSS_MAX {
            self.state = State::Steady;
            return None;
        }
        let reports = match self.state {
            State::Lossy { reports } => reports + 1,
            State::Steady | State::Cut { .. } => 1,
        };
        if reports < LOSSY_REPORTS {
            self.state = State::Lossy { reports };
            return None;
        }
        // Of the last report alone: the first one is still about what was sent before the link became narrow.
        self.cut((sent.arrived_bps * SHARE_OF_ARRIVED) as u64, now)
    }

    /// What is sent is far above what str0m has come to: it waits, and what would fit waits behind it.
    fn overtake(&mut self, now: Instant) -> Option<Step> {
        let latest_bps = self.latest_bps.filter(|_| !self.is_remote)?;
        let newest = self.samples.back()?;
        let since = |sample: &&Sample| newest.at.saturating_duration_since(sample.at);
        let before = self.samples.iter().rev().find(|sample| since(sample) >= OVERSENT_FOR)?;
        let sent_bits = (newest.sent_bytes.saturating_sub(before.sent_bytes) * 8) as f64;
        let sent_bps = sent_bits / since(&before).as_secs_f64();
        if sent_bps < latest_bps as f64 * OVERSENT {
            return None;
        }
        self.cut(latest_bps, now)
    }

    fn cut(&mut self, bps: u64, now: Instant) -> Option<Step> {
        let bps = bps.max(LEAST_BPS);
        if bps as f64 > self.told_bps as f64 * CUT_SHARE_MAX {
            self.state = State::Steady;
            return None;
        }
        self.rise = Some(Rise {
            most_bps: bps as f64,
            at: now,
            to_bps: self.rise.map_or(self.told_bps, |rise| rise.to_bps),
        });
        self.state = State::Cut {
            bps,
            settles_at: now + SETTLES_WITHIN,
        };
        Some(Step::Cut(bps))
    }
}

/// What was sent between two reports.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sent {
    /// 0 to 1.
    lost: f64,
    arrived_bps: f64,
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use super::*;

    const TICK: Duration = REPORT_EVERY;

    /// A link on which so much a second is sent, and what str0m would report of it.
    struct Bench {
        budget: Budget,
        now: Instant,
        /// Bytes and the share that was lost, of each tick of the last second.
        ticks: VecDeque<(u64, f64)>,
        sent_bytes: u64,
        count: u32,
        steps: Vec<(u32, Step)>,
    }

    impl Bench {
        fn new(bps: u64) -> Bench {
            let mut budget = Budget::default();
            budget.handle_mean(bps);
            let mut bench = Bench {
                budget,
                now: Instant::now(),
                ticks: VecDeque::new(),
                sent_bytes: 0,
                count: 0,
                steps: Vec::new(),
            };
            for _ in 0..20 {
                bench.tick(bps, 0.0, Some(bps));
            }
            bench.count = 0;
            bench.budget.poll_changed();
            bench
        }

        fn tick(&mut self, sent_bps: u64, lost: f64, estimate_bps: Option<u64>) {
            self.now += TICK;
            self.count += 1;
            let bytes = sent_bps / 8 / 10;
            self.sent_bytes += bytes;
            self.ticks.push_back((bytes, lost));
            if self.ticks.len() > 10 {
                self.ticks.pop_front();
            }
            let sent: u64 = self.ticks.iter().map(|t| t.0).sum();
            let gone: f64 = self.ticks.iter().map(|t| t.0 as f64 * t.1).sum();
            let report = Report {
                estimate_bps,
                loss: Some(gone / sent as f64),
                round_trip: Some(Duration::from_millis(u64::from(self.count))),
                sent_bytes: self.sent_bytes,
            };
            if let Some(step) = self.budget.handle_report(&report, self.now) {
                self.steps.push((self.count, step));
            }
        }
    }

    const M: u64 = 1_000_000;

    #[test]
    fn the_mean_is_limited_by_the_latest_estimate() {
        for (mean, latest, expected) in [
            (2 * M, Some(1_900_000), 2 * M),
            (2 * M, Some(M), 1_100_000),
            (M, Some(2 * M), M),
            (2 * M, None, 2 * M),
        ] {
            let mut bench = Bench::new(2 * M);
            bench.budget.handle_mean(mean);
            bench.tick(M, 0.0, latest);
            assert_eq!(bench.budget.bps(), Some(expected), "mean {mean}, latest {latest:?}");
        }
        let mut bench = Bench::new(2 * M);
        bench.budget.handle_remote(3 * M);
        bench.tick(2 * M, 0.0, Some(M));
        assert_eq!(bench.budget.bps(), Some(3 * M), "the browser's own word");
        assert_eq!(Budget::default().bps(), None);
    }

    #[test]
    fn what_most_is_lost_of_is_cut_to_what_arrives() {
        for (before, link) in [
            (2 * M, 300_000),
            (4 * M, 300_000),
            (M, 300_000),
            (2 * M, M),
            (600_000, 300_000),
        ] {
            let mut bench = Bench::new(before);
            for _ in 0..LOSSY_REPORTS {
                bench.tick(before, 1.0 - link as f64 / before as f64, Some(before));
            }
            let [(2, Step::Cut(bps))] = bench.steps[..] else {
                panic!("{before} to {link}: {:?}", bench.steps);
            };
            let expected = (link as f64 * SHARE_OF_ARRIVED).max(LEAST_BPS as f64);
            assert!((bps as f64 - expected).abs() < 0.1 * expected, "{before} to {link}: {bps}");
            assert_eq!(bench.budget.bps(), Some(bps), "at once");
            // What is sent then arrives, and str0m has begun anew.
            for _ in 0..30 {
                bench.tick(bps, 0.0, Some(bps));
            }
            let settled = bench.steps.get(1).copied();
            assert_eq!(settled, Some((7, Step::Settle(bps))));
            assert_eq!(bench.steps.len(), 2, "{:?}", bench.steps);
        }
    }

    #[test]
    fn loss_of_a_lossy_link_and_a_blackout_are_no_cut() {
        for losses in [
            &[0.05; 40][..],
            &[0.15; 40],
            &[0.25, 0.0, 0.28, 0.1, 0.2, 0.29, 0.0, 0.25],
            &[1.0, 0.0, 0.0, 0.0],
            &[0.0, 1.0, 0.02, 0.0, 1.0, 0.0],
            // What leaves the second that is told of was not lost once more.
            &[
                0.2, 0.28, 0.29, 0.2, 0.29, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
            ],
        ] {
            let mut bench = Bench::new(2 * M);
            for lost in losses {
                bench.tick(2 * M, *lost, Some(2 * M));
            }
            assert_eq!(bench.steps, [], "{losses:?}");
            assert_eq!(bench.budget.bps(), Some(2 * M));
        }
    }

    #[test]
    fn a_link_on_which_nothing_arrives_keeps_room_for_a_voice() {
        let mut bench = Bench::new(2 * M);
        bench.tick(2 * M, 1.0, Some(2 * M));
        bench.tick(2 * M, 1.0, Some(2 * M));
        assert_eq!(bench.steps, [(2, Step::Cut(LEAST_BPS))]);
    }

    #[test]
    fn a_second_cut_is_seen_after_the_first_has_settled() {
        let mut bench = Bench::new(4 * M);
        for _ in 0..3 {
            bench.tick(4 * M, 0.5, Some(4 * M));
        }
        for _ in 0..30 {
            bench.tick(1_800_000, 0.0, Some(1_800_000));
        }
        for _ in 0..3 {
            bench.tick(1_800_000, 0.8, Some(1_800_000));
        }
        let cuts = bench.steps.iter().filter(|(_, step)| matches!(step, Step::Cut(_)));
        assert_eq!(cuts.count(), 2, "{:?}", bench.steps);
    }

    #[test]
    fn an_estimate_that_is_far_below_what_is_sent_is_followed_at_once() {
        for (latest, expected) in [
            (1_900_000, None),
            (1_100_000, None),
            (900_000, Some(900_000)),
            (150_000, Some(LEAST_BPS)),
        ] {
            let mut bench = Bench::new(2 * M);
            bench.tick(2 * M, 0.0, Some(latest));
            let cut = bench.steps.first().map(|(_, step)| *step);
            assert_eq!(cut, expected.map(Step::Cut), "{latest}");
        }
        let mut bench = Bench::new(2 * M);
        bench.budget.handle_remote(2 * M);
        bench.tick(2 * M, 0.0, Some(150_000));
        assert_eq!(bench.steps, [], "the browser's own word");
    }

    #[test]
    fn after_a_cut_the_budget_comes_back_step_by_step() {
        let mut bench = Bench::new(2 * M);
        for _ in 0..LOSSY_REPORTS {
            bench.tick(2 * M, 0.85, Some(2 * M));
        }
        assert_eq!(bench.budget.bps(), Some(LEAST_BPS));
        let mut before = LEAST_BPS;
        for second in 1..=14 {
            for _ in 0..10 {
                bench.tick(before, 0.0, Some(2 * M));
            }
            let bps = bench.budget.bps().expect("it is known");
            let most = (before as f64 * RISE_MAX * 1.01) as u64;
            assert!(
                bps > before && bps <= most || bps == 2 * M,
                "{bps} after {before}, second {second}"
            );
            before = bps;
        }
        assert_eq!(before, 2 * M, "as before");
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut bench = Bench::new(2 * M);
        assert_eq!(bench.budget.poll_changed(), None);
        bench.budget.handle_mean(1_980_000);
        assert_eq!(bench.budget.poll_changed(), None, "1 %");
        bench.budget.handle_mean(1_500_000);
        assert_eq!(bench.budget.poll_changed(), Some(1_500_000));
    }
}
