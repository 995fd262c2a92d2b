//! What a participant's network is thought to take. Pure.
//!
//! A link is thought to take [`UNPROVED_BPS`] until it was seen to be full: packets are lost, or stand in a queue that becomes
//! longer, for two feedbacks in a row. Then the budget becomes a part of what arrived meanwhile, which is what a full link takes. It
//! rises again while neither is seen: slowly near where it failed, faster where what is sent proves that the link takes it.
//!
//! Little that is sent is no sign of a narrow link: most links are not used up most of the time, and an estimate that follows what arrives
//! falls on them whenever a machine stalls (docs/decisions/0012). Loss that stays although less is sent is the link's own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::feedback::Told;

/// What a link is thought to take at the beginning, in bits per second: one picture at its best, or a page of small ones.
pub const UNPROVED_BPS: u64 = 3_000_000;

/// No budget is below this: a voice.
const LEAST_BPS: f64 = 50_000.0;

/// Links lose a little by themselves. Where one is full, more than this share of the packets is lost, and goes on being lost until so many
/// more are missing than that. Of what one feedback says is missing no more than `LOSS_EXCESS_ONCE` counts: a link that was gone for a
/// moment lost all that was sent meanwhile, and is not full.
const LOSS_MAX: f64 = 0.1;
const LOSS_EXCESS: f64 = 4.0;
const LOSS_EXCESS_ONCE: f64 = 3.0;

/// The budget rises only while less than this is lost.
const LOSS_LOW: f64 = 0.03;

/// Loss of which this share is still there after a cut is the link's own, if it is no more than that.
const LOSS_OWN_SHARE: f64 = 0.7;
const LOSS_OWN_MAX: f64 = 0.3;

/// Over about so many packets it is learned what a link loses that is not full.
const LOSS_OWN_PACKETS: f64 = 300.0;

/// A cut to less than this share makes all that was sent before useless.
const COLLAPSE: f64 = 0.5;

/// Packets that take this much longer than the fastest stand in a queue. With half of it the budget does not rise.
const QUEUE_MAX_US: i64 = 100_000;

/// A queue before a full link becomes longer by so much from one feedback to the next, or loses what it has no room for. One that does
/// neither for so many in a row is none: the way through the network has become longer.
const QUEUE_GROWS_US: i64 = 8_000;
const NO_QUEUE_AFTER: u32 = 4;

/// A queue that gets shorter after a cut does neither as well.
const DRAINS_FOR: Duration = Duration::from_secs(3);

/// Over how long feedback has to say that a link is full.
const FULL_FOR_US: i64 = 100_000;

/// Few packets in so short a time say little of how much that is. What arrived over a longer one counts, as long as it is no more than so
/// many times that: then the link was another one before.
const STEADY: f64 = 1.5;

/// A budget is this share of what arrived on the full link.
const CUT_SHARE: f64 = 0.85;

/// A cut that would leave more than this of a budget brings nothing.
const CUT_SHARE_MAX: f64 = 0.95;

/// How much a budget rises in a second: near where it failed, elsewhere, and where what is sent proves it or the link is known to be
/// another one. Where pictures are paused nothing can prove it.
const RISE_NEAR: f64 = 0.05;
const RISE: f64 = 0.1;
const RISE_PROVED: f64 = 0.5;

/// After a cut it does not rise for so long.
const RESTS_FOR: Duration = Duration::from_secs(1);

/// A budget is near where it failed up to this share of it. What arrives beyond that proves that the link is another one: headers take a
/// share that is not counted, and more of it where voices are most of what is sent.
const NEAR_TO: f64 = 1.5;
const BEYOND: f64 = 1.25;

/// What arrives proves a budget from this share of it on.
const PROVED_SHARE: f64 = 0.7;

/// Over which it is measured what arrives.
const ARRIVALS_FOR_US: i64 = 500_000;

/// Feedback on fewer packets is taken together with the next.
const PACKETS_MIN: usize = 8;

/// For how long the shortest delay is remembered, at least: the network may be another one, and clocks differ.
const SHORTEST_FOR: Duration = Duration::from_secs(10);

/// A change of the budget that is worth telling.
const TELL_ABOVE: f64 = 0.03;

/// A transport's budget.
#[derive(Debug)]
pub struct Budget {
    bps: f64,
    /// The browser estimates itself (REMB), and is believed.
    remote_bps: Option<u64>,
    /// What would be sent if there were room for all, in bits per second.
    desired_bps: u64,
    /// Where the link was full last.
    failed: Option<Failed>,
    /// Only what was sent after it tells what it brought.
    cut_at: Option<Instant>,
    /// What was lost when it was cut, until it is known what that brought.
    cut_loss: Option<f64>,
    /// What the link loses by itself.
    loss_own: f64,
    risen_at: Option<Instant>,
    gathered: Gathered,
    /// Packets lost beyond what a link loses that is not full, lately.
    loss_excess: f64,
    full: Option<Full>,
    collapsed: bool,
    /// Of the feedback before.
    queue_us: i64,
    /// In how many feedbacks in a row packets took longer, and it was no queue.
    still_waits: u32,
    shortest: Shortest,
    /// When how much arrived, of late.
    arrivals: VecDeque<(i64, usize)>,
    told_bps: u64,
}

/// What feedback said since it was judged last.
#[derive(Debug, Default)]
struct Gathered {
    packets: usize,
    /// Less those that were lost before, and came.
    lost: f64,
    /// The shortest delay, in microseconds, between two clocks.
    delay_us: Option<i64>,
}

/// The link seems to be full.
#[derive(Debug, Clone, Copy)]
struct Full {
    /// When the last packet had arrived that came before.
    since_us: i64,
    bytes: usize,
    packets: usize,
    lost: f64,
}

/// What a link took that was full.
#[derive(Debug, Clone, Copy)]
struct Failed {
    /// What arrived, in bits per second.
    arrived_bps: f64,
    /// The budget, where that was less.
    budget_bps: f64,
    /// More has arrived since: the link is another one.
    is_another: bool,
}

impl Failed {
    fn is_near(&self, bps: f64) -> bool {
        !self.is_another && (self.budget_bps * CUT_SHARE..self.budget_bps * NEAR_TO).contains(&bps)
    }
}

/// The shortest delay of late.
#[derive(Debug, Default)]
struct Shortest {
    now_us: Option<i64>,
    before_us: Option<i64>,
    since: Option<Instant>,
}

impl Shortest {
    fn note(&mut self, delay_us: i64, now: Instant) {
        if self.since.is_none_or(|since| now >= since + SHORTEST_FOR) {
            self.since = Some(now);
            self.before_us = self.now_us.take();
        }
        self.now_us = Some(self.now_us.map_or(delay_us, |known| known.min(delay_us)));
    }

    fn us(&self) -> i64 {
        self.now_us.into_iter().chain(self.before_us).min().unwrap_or_default()
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            bps: UNPROVED_BPS as f64,
            remote_bps: None,
            desired_bps: 0,
            failed: None,
            cut_at: None,
            cut_loss: None,
            loss_own: 0.0,
            risen_at: None,
            gathered: Gathered::default(),
            loss_excess: 0.0,
            full: None,
            collapsed: false,
            queue_us: 0,
            still_waits: 0,
            shortest: Shortest::default(),
            arrivals: VecDeque::new(),
            told_bps: 0,
        }
    }
}

impl Budget {
    /// What the browser estimates itself.
    pub fn handle_remote_estimate(&mut self, bps: u64) {
        self.remote_bps = Some(bps);
    }

    /// What would be sent if there were room for all.
    pub fn set_desired(&mut self, bps: u64) {
        self.desired_bps = bps;
    }

    /// Takes what a feedback says. `epoch` is any moment, the same each time.
    pub fn handle_feedback(&mut self, told: &[Told], epoch: Instant, now: Instant) {
        let before_us = self.arrivals.back().map(|arrival| arrival.0);
        let mut arrived = 0;
        for packet in told {
            let counts = self.cut_at.is_none_or(|at| packet.sent > at);
            match (packet.arrived_us, packet.is_late) {
                _ if !counts => {}
                (None, _) => self.gathered.lost += 1.0,
                (Some(_), true) => self.gathered.lost -= 1.0,
                (Some(_), false) => {}
            }
            self.gathered.packets += usize::from(counts && !packet.is_late);
            let Some(arrived_us) = packet.arrived_us else { continue };
            let delay_us = arrived_us - packet.sent.saturating_duration_since(epoch).as_micros() as i64;
            self.shortest.note(delay_us, now);
            if counts {
                self.gathered.delay_us = Some(self.gathered.delay_us.map_or(delay_us, |known| known.min(delay_us)));
            }
            arrived += packet.bytes;
            self.arrivals.push_back((arrived_us, packet.bytes));
        }
        let Some((last_us, _)) = self.arrivals.back().copied() else {
            return;
        };
        while self.arrivals.front().is_some_and(|(at, _)| last_us - at > ARRIVALS_FOR_US) {
            self.arrivals.pop_front();
        }
        if let Some(full) = &mut self.full {
            full.bytes += arrived;
        }
        if self.gathered.packets >= PACKETS_MIN {
            let gathered = std::mem::take(&mut self.gathered);
            self.judge(&gathered, before_us.unwrap_or(last_us), last_us, arrived, now);
        }
    }

    fn judge(&mut self, gathered: &Gathered, before_us: i64, last_us: i64, arrived: usize, now: Instant) {
        let (packets, lost) = (gathered.packets as f64, gathered.lost);
        let loss = (lost / packets).max(0.0);
        let queue_us = gathered
            .delay_us
            .map_or(self.queue_us, |delay_us| delay_us - self.shortest.us());
        let grows = queue_us > self.queue_us.saturating_add(QUEUE_GROWS_US);
        self.queue_us = queue_us;
        self.learn_from_cut(loss, now);
        let waits = queue_us > QUEUE_MAX_US;
        let is_queued = waits && (grows || lost > 0.0);
        self.still_waits = if waits && !is_queued { self.still_waits + 1 } else { 0 };
        if self.still_waits >= NO_QUEUE_AFTER && !self.was_cut_within(DRAINS_FOR, now) {
            self.shortest = Shortest::default();
        }
        let is_lossy = loss > LOSS_MAX + self.loss_own;
        if lost <= 0.0 {
            // It was a burst, and is over.
            self.loss_excess /= 2.0;
        }
        let excess = lost - (LOSS_MAX + self.loss_own) * packets;
        self.loss_excess = (self.loss_excess + excess.min(LOSS_EXCESS_ONCE)).max(0.0);
        if self.loss_excess > 0.0 || is_queued {
            let full = self.full.get_or_insert(Full {
                since_us: before_us,
                bytes: arrived,
                packets: 0,
                lost: 0.0,
            });
            full.packets += gathered.packets;
            full.lost += gathered.lost;
            let is_long = last_us - full.since_us >= FULL_FOR_US && full.packets > gathered.packets;
            if is_long && (is_queued || (is_lossy && self.loss_excess > LOSS_EXCESS)) {
                self.cut(last_us, now);
            }
            return;
        }
        self.full = None;
        self.loss_own += (loss.min(LOSS_MAX) - self.loss_own) * (packets / LOSS_OWN_PACKETS).min(1.0);
        if loss < LOSS_LOW + self.loss_own * 2.0 && queue_us < QUEUE_MAX_US / 2 {
            self.rise(now);
        } else {
            self.risen_at = Some(now);
        }
    }

    fn learn_from_cut(&mut self, loss: f64, now: Instant) {
        if let Some(cut_loss) = self.cut_loss
            && !self.was_cut_within(RESTS_FOR, now)
        {
            self.cut_loss = None;
            let is_queued = self.queue_us > QUEUE_MAX_US / 2;
            if !is_queued && (cut_loss * LOSS_OWN_SHARE..LOSS_OWN_MAX).contains(&loss) {
                self.loss_own = loss;
            }
        }
    }

    fn was_cut_within(&self, duration: Duration, now: Instant) -> bool {
        self.cut_at.is_some_and(|at| now < at + duration)
    }

    fn cut(&mut self, last_us: i64, now: Instant) {
        let Some(full) = self.full.take() else { return };
        let seconds = (last_us - full.since_us) as f64 / 1e6;
        let while_full_bps = full.bytes as f64 * 8.0 / seconds;
        let of_late_bps = self.arrives_bps();
        let is_steady = of_late_bps < while_full_bps * STEADY;
        let arrives_bps = if is_steady {
            while_full_bps.max(of_late_bps)
        } else {
            while_full_bps
        };
        let loss = full.lost / full.packets as f64;
        let before = self.bps;
        let mut bps = arrives_bps * CUT_SHARE;
        if bps > before * CUT_SHARE_MAX {
            // The budget fell that far before, and more than it says is sent: what is resent counts for nothing in it.
            if self.was_cut_within(RESTS_FOR, now) {
                return;
            }
            bps = before * CUT_SHARE;
        }
        self.failed = Some(Failed {
            arrived_bps: arrives_bps,
            budget_bps: arrives_bps.min(before),
            is_another: false,
        });
        self.bps = bps.max(LEAST_BPS);
        self.collapsed |= self.bps < before * COLLAPSE;
        self.loss_excess = 0.0;
        self.cut_at = Some(now);
        self.cut_loss = (loss > LOSS_MAX).then_some(loss);
        self.risen_at = Some(now + RESTS_FOR);
        self.queue_us = i64::MAX / 2;
    }

    fn rise(&mut self, now: Instant) {
        let since = self.risen_at.replace(self.risen_at.map_or(now, |at| at.max(now)));
        let passed = since.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64().min(0.5));
        let arrives_bps = self.arrives_bps();
        if let Some(failed) = &mut self.failed {
            failed.is_another |= arrives_bps > failed.arrived_bps * BEYOND;
        }
        let share = if self.failed.is_some_and(|failed| failed.is_near(self.bps)) {
            RISE_NEAR
        } else if self.failed.is_none_or(|failed| failed.is_another) || arrives_bps > self.bps * PROVED_SHARE {
            RISE_PROVED
        } else {
            RISE
        };
        let most = UNPROVED_BPS.max(self.desired_bps) as f64;
        if self.bps < most {
            self.bps = (self.bps * (1.0 + share * passed)).min(most);
        } else {
            self.failed = None;
        }
    }

    /// What arrived of late, in bits per second.
    fn arrives_bps(&self) -> f64 {
        let bytes: usize = self.arrivals.iter().map(|arrival| arrival.1).sum();
        bytes as f64 * 8.0 * 1e6 / ARRIVALS_FOR_US as f64
    }

    /// In bits per second.
    pub fn bps(&self) -> u64 {
        self.remote_bps.unwrap_or(self.bps as u64)
    }

    /// What the link takes, in bits per second, if it was seen to be full.
    pub fn limit_bps(&self) -> Option<u64> {
        self.remote_bps.or(self.failed.map(|_| self.bps as u64))
    }

    /// Whether it has fallen so deep since this was asked last that what was sent before is of no use any more.
    pub fn poll_collapsed(&mut self) -> bool {
        std::mem::take(&mut self.collapsed)
    }

    /// The budget, if it has changed by something since this was asked last.
    pub fn poll_changed(&mut self) -> Option<u64> {
        let (now, told) = (self.bps(), self.told_bps);
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

    const FEEDBACK_EVERY: Duration = Duration::from_millis(50);
    const PACKET: usize = 1000;

    /// A link with a queue, a sender of packets of one size, and a receiver that gives feedback.
    struct Link {
        rate_bps: f64,
        /// Every so many-th packet is lost.
        loses_each: usize,
        queue: Duration,
        /// So many times what the budget says is sent.
        sends_share: f64,
        /// From the queue to the receiver.
        way: Duration,
        /// The receiver's machine does nothing until then.
        stalls_until: Duration,
        /// The link loses everything until then.
        gone_until: Duration,
        free_at: Duration,
        count: usize,
        now: Duration,
        begin: Instant,
        budget: Budget,
    }

    impl Link {
        fn new(rate_bps: f64) -> Link {
            Link {
                rate_bps,
                loses_each: usize::MAX,
                queue: Duration::from_millis(100),
                sends_share: 1.0,
                way: Duration::from_millis(20),
                stalls_until: Duration::ZERO,
                gone_until: Duration::ZERO,
                free_at: Duration::ZERO,
                count: 0,
                now: Duration::ZERO,
                begin: Instant::now(),
                budget: Budget::default(),
            }
        }

        /// Sends at a rate for so long, or at the budget's if that is less.
        fn send(&mut self, rate_bps: f64, duration: Duration) {
            let (end, mut told) = (self.now + duration, Vec::new());
            let mut feedback_at = self.now + FEEDBACK_EVERY;
            while self.now < end {
                let rate_bps = rate_bps.min(self.budget.bps() as f64 * self.sends_share);
                self.now += Duration::from_secs_f64(PACKET as f64 * 8.0 / rate_bps);
                self.count += 1;
                let begins = self.free_at.max(self.now);
                let fits = begins - self.now < self.queue;
                let is_gone = self.now < self.gone_until;
                let arrives = fits && !is_gone && !self.count.is_multiple_of(self.loses_each);
                if fits {
                    self.free_at = begins + Duration::from_secs_f64(PACKET as f64 * 8.0 / self.rate_bps);
                }
                let arrived = (self.free_at + self.way).max(self.stalls_until);
                told.push(Told {
                    sent: self.begin + self.now,
                    bytes: PACKET,
                    arrived_us: arrives.then_some(arrived.as_micros() as i64 + 5_000_000),
                    is_late: false,
                    ssrc: 1,
                    behind: 0,
                });
                if self.now >= feedback_at.max(self.stalls_until).max(self.gone_until) {
                    self.budget.handle_feedback(&told, self.begin, self.begin + self.now);
                    told.clear();
                    feedback_at = self.now + FEEDBACK_EVERY;
                }
            }
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_link_that_is_not_full_is_thought_to_take_what_is_usual() {
        let mut link = Link::new(50e6);
        link.send(200_000.0, SECOND * 20);
        assert_eq!((link.budget.bps(), link.budget.limit_bps()), (UNPROVED_BPS, None));
    }

    #[test]
    fn more_is_tried_where_more_is_desired() {
        let mut link = Link::new(50e6);
        link.budget.set_desired(8_000_000);
        link.send(8e6, SECOND * 5);
        assert_eq!((link.budget.bps(), link.budget.limit_bps()), (8_000_000, None));
    }

    #[test]
    fn a_full_link_is_seen_within_a_moment_and_what_it_takes() {
        for rate_bps in [100e3, 300e3, 1e6, 2e6] {
            let mut link = Link::new(50e6);
            link.send(3e6, SECOND * 2);
            link.rate_bps = rate_bps;
            link.send(3e6, Duration::from_millis(500));
            let share = link.budget.bps() as f64 / rate_bps;
            assert!((0.6..1.0).contains(&share), "{share} of {rate_bps}");
            assert_eq!(link.budget.poll_collapsed(), rate_bps < 1.5e6, "{rate_bps}");
            link.send(3e6, SECOND * 20);
            let share = link.budget.bps() as f64 / rate_bps;
            assert!((0.6..1.3).contains(&share), "{share} of {rate_bps} later");
        }
    }

    #[test]
    fn more_than_the_budget_says_fills_no_link_for_long() {
        for sends_share in [1.2, 1.5, 1.75, 2.0] {
            let mut link = Link::new(420e3);
            link.sends_share = sends_share;
            link.queue = Duration::from_millis(200);
            link.send(3e6, SECOND * 20);
            let mut standing = 0;
            for _ in 0..200 {
                link.send(3e6, SECOND / 10);
                standing += usize::from(link.free_at > link.now + Duration::from_millis(150));
            }
            assert!(standing < 60, "{standing} of 200 times at {sends_share}");
            assert!(link.budget.bps() as f64 * sends_share > 420e3 * 0.5, "{}", link.budget.bps());
            link.rate_bps = 50e6;
            link.send(3e6, SECOND * 15);
            assert_eq!(link.budget.bps(), UNPROVED_BPS);
        }
    }

    #[test]
    fn a_link_that_is_wide_again_is_used_again() {
        let mut link = Link::new(300e3);
        link.send(3e6, SECOND * 10);
        link.rate_bps = 50e6;
        link.send(3e6, SECOND * 15);
        assert_eq!((link.budget.bps(), link.budget.limit_bps()), (UNPROVED_BPS, None));
    }

    #[test]
    fn loss_that_is_the_links_own_is_no_full_link() {
        for loses_each in [100, 20, 12] {
            let mut link = Link::new(50e6);
            link.loses_each = loses_each;
            link.send(1e6, SECOND * 60);
            assert_eq!(link.budget.bps(), UNPROVED_BPS, "one of {loses_each}");
        }
    }

    #[test]
    fn a_machine_that_stalls_is_no_full_link() {
        let mut link = Link::new(50e6);
        link.send(300e3, SECOND * 5);
        link.stalls_until = link.now + Duration::from_millis(700);
        link.send(300e3, SECOND * 5);
        assert_eq!(link.budget.bps(), UNPROVED_BPS);
    }

    #[test]
    fn a_link_that_was_gone_is_not_full() {
        for (rate_bps, gone_for_ms) in [(100e3, 1000), (300e3, 300), (300e3, 1000), (2e6, 1000), (2e6, 3000)] {
            let mut link = Link::new(50e6);
            link.loses_each = 12;
            link.gone_until = Duration::from_millis(gone_for_ms);
            link.send(rate_bps, SECOND * 5);
            assert_eq!(link.budget.bps(), UNPROVED_BPS, "{rate_bps} bit/s, gone for {gone_for_ms} ms");
        }
    }

    #[test]
    fn a_longer_way_is_no_queue() {
        let mut link = Link::new(50e6);
        link.send(300e3, SECOND * 5);
        link.way = Duration::from_millis(250);
        link.send(300e3, SECOND * 20);
        assert_eq!(link.budget.bps(), UNPROVED_BPS);
    }

    #[test]
    fn a_browser_that_estimates_itself_is_believed() {
        let mut budget = Budget::default();
        budget.handle_remote_estimate(100_000);
        assert_eq!((budget.poll_changed(), budget.limit_bps()), (Some(100_000), Some(100_000)));
        budget.handle_remote_estimate(101_000);
        assert_eq!(budget.poll_changed(), None, "a small change is not told");
    }
}
