//! What a participant's network takes: from str0m's reports to the participant's budget, and back to str0m where it is late.

use std::time::{Duration, Instant};

use str0m::Input;
use str0m::bwe::{Bitrate, BweKind};
use str0m::change::DirectApi;
use str0m::media::Mid;
use str0m::stats::PeerStats;

use super::{RESEND_PACKETS, RESEND_SHARE_MAX, RESEND_WITHIN, Transport, TransportOutput};
use crate::sfu::budget::{Budget, Report, Step};

/// What str0m's pacer is told while it is emptied: all that waits comes out at once.
const EMPTYING: Bitrate = Bitrate::mbps(1000);

/// It hands out one packet a call.
const EMPTYING_CALLS_MAX: u32 = 1000;

/// What came out is the pacer's debt, and would hold up what comes next for half a second. At that rate it is paid in no time.
const PAYS_WITHIN: Duration = Duration::from_millis(2);

/// A probe may be twice what is desired, and on a narrow link that is a burst which takes the sound with it. So no more is desired than
/// the first of these that is above the budget, each so many times the one before.
const DESIRED_STEP_LEAST_BPS: f64 = 150_000.0;
const DESIRED_STEP: f64 = 1.4;
const ABOVE_BUDGET: f64 = 1.1;

/// A link that takes this is not narrow.
const NARROW_BPS: u64 = 2_000_000;

/// What is known of it, and what str0m was told.
#[derive(Default)]
pub(super) struct Congestion {
    budget: Budget,
    /// What has come and was not followed yet.
    report: Option<Report>,
    /// What we would like to send, and what of that str0m was told.
    desired_bps: u64,
    told_desired_bps: u64,
    /// Video that the pacer hands out is thrown away.
    is_emptying: bool,
}

impl Congestion {
    pub(super) fn handle_estimate(&mut self, kind: &BweKind) {
        match kind {
            BweKind::Twcc { estimate, .. } => self.budget.handle_mean(estimate.as_u64()),
            BweKind::Remb { estimate, .. } => self.budget.handle_remote(estimate.as_u64()),
            _ => {}
        }
    }

    pub(super) fn handle_stats(&mut self, stats: &PeerStats) {
        self.report = Some(Report {
            estimate_bps: stats.bwe_tx.map(|bitrate| bitrate.as_u64()),
            loss: stats.egress_loss_fraction.map(f64::from),
            round_trip: stats.rtt,
            sent_bytes: stats.bytes_tx,
        });
    }

    /// Whether a datagram is not sent: RTP, and not RTCP or anything else (RFC 7983, RFC 5761), while the pacer is emptied.
    pub(super) fn discards(&self, datagram: &[u8]) -> bool {
        self.is_emptying && matches!(datagram, [128..=191, kind, ..] if !(192..=223).contains(kind))
    }
}

impl Transport {
    /// What we would like to send, for the bandwidth estimate to look for.
    pub fn set_desired_bitrate(&mut self, desired_bps: u64, now: Instant, out: &mut Vec<TransportOutput>) {
        self.congestion.desired_bps = desired_bps;
        self.look_for_more(now, out);
    }

    /// Follows what str0m has reported, and tells the budget if it is another one.
    pub(super) fn follow_budget(&mut self, now: Instant, out: &mut Vec<TransportOutput>) {
        let Some(report) = self.congestion.report.take() else {
            return;
        };
        let step = self.congestion.budget.handle_report(&report, now);
        if let Some(bps) = self.congestion.budget.poll_changed() {
            out.push(TransportOutput::Estimate(bps));
        }
        match step {
            Some(Step::Cut(bps)) => {
                self.empty_pacer(now, out);
                self.estimate_anew(bps, now, out);
            }
            Some(Step::Settle(bps)) => self.estimate_anew(bps, now, out),
            None => {}
        }
        self.look_for_more(now, out);
    }

    fn look_for_more(&mut self, now: Instant, out: &mut Vec<TransportOutput>) {
        if self.congestion.budget.is_cut() {
            return;
        }
        let desired_bps = self
            .congestion
            .desired_bps
            .min(most_to_look_for(self.congestion.budget.bps()));
        if std::mem::replace(&mut self.congestion.told_desired_bps, desired_bps) == desired_bps {
            return;
        }
        self.drive(now, out, |rtc| {
            rtc.bwe().set_bitrate(Bitrate::ZERO, Bitrate::bps(desired_bps));
            rtc.handle_input(Input::Timeout(now))
        });
    }

    fn estimate_anew(&mut self, bps: u64, now: Instant, out: &mut Vec<TransportOutput>) {
        self.drive(now, out, |rtc| {
            rtc.bwe().reset(Bitrate::bps(bps));
            rtc.handle_input(Input::Timeout(now))
        });
    }

    /// Throws away the video that waits in the pacer, and what might be asked for again: the link takes a fraction of it, and a picture
    /// that fits would have to wait behind it.
    fn empty_pacer(&mut self, now: Instant, out: &mut Vec<TransportOutput>) {
        self.drive(now, out, |rtc| {
            // Nothing is probed meanwhile.
            rtc.bwe().set_bitrate(Bitrate::ZERO, Bitrate::ZERO);
            rtc.bwe().reset(EMPTYING);
            rtc.handle_input(Input::Timeout(now))
        });
        self.congestion.told_desired_bps = 0;
        let lines: Vec<Mid> = self.sending.iter().filter(|line| line.1).map(|line| line.0).collect();
        self.congestion.is_emptying = true;
        for call in 1..=EMPTYING_CALLS_MAX {
            let at = now + Duration::from_micros(u64::from(call));
            let mut waits = false;
            self.drive(at, out, |rtc| {
                waits = lines.iter().any(|mid| waits_in(rtc.direct_api(), *mid));
                rtc.handle_input(Input::Timeout(at))
            });
            if !waits {
                break;
            }
        }
        self.congestion.is_emptying = false;
        let paid = now + PAYS_WITHIN;
        self.drive(paid, out, |rtc| rtc.handle_input(Input::Timeout(paid)));
        self.drive(now, out, |rtc| {
            for mid in lines {
                if let Some(stream) = rtc.direct_api().stream_tx_by_mid(mid, None) {
                    stream.set_rtx_cache(RESEND_PACKETS, RESEND_WITHIN, Some(RESEND_SHARE_MAX));
                }
            }
            rtc.handle_input(Input::Timeout(now))
        });
    }
}

fn waits_in(mut api: DirectApi<'_>, mid: Mid) -> bool {
    let queue = api.stream_tx_by_mid(mid, None).and_then(|stream| stream.queue_info());
    queue.is_some_and(|queue| queue.packet_count() > 0)
}

/// What the estimate may look for at most, with this budget.
fn most_to_look_for(budget_bps: Option<u64>) -> u64 {
    let Some(budget_bps) = budget_bps.filter(|bps| *bps < NARROW_BPS) else {
        return u64::MAX;
    };
    let mut step_bps = DESIRED_STEP_LEAST_BPS;
    while step_bps < budget_bps as f64 * ABOVE_BUDGET {
        step_bps *= DESIRED_STEP;
    }
    step_bps as u64
}
