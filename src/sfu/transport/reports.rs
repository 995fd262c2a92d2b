//! What the receiver at the other end of a transport reports.

use std::time::Instant;

use super::{Outputs, State, Transport};
use crate::sfu::rtcp::{self, Report};
use crate::sfu::seal::AFTER_REPORTS;

impl Transport {
    /// Reads feedback, which is most of what watchers send, and of which str0m would make nothing: its estimate is off. False: it is
    /// something else, or not genuine.
    pub(super) fn take_feedback(&mut self, datagram: &[u8], now: Instant, out: &mut Outputs) -> bool {
        let opener = self.opener.as_ref().filter(|_| matches!(self.state, State::Connected));
        let Some(opener) = opener.filter(|_| rtcp::is_feedback(datagram, AFTER_REPORTS)) else {
            return false;
        };
        let mut compound = std::mem::take(&mut self.compound);
        let is_genuine = opener.open(datagram, &mut compound).is_some();
        self.proved = is_genuine;
        if let Some(feedback) = compound.get(rtcp::CLEAR..).filter(|_| is_genuine) {
            self.guard(out, |transport, out| transport.handle_feedback(feedback, now, out));
        }
        self.compound = compound;
        is_genuine
    }

    /// What the receiver reports.
    pub(super) fn handle_reports(&mut self, compound: &[u8], now: Instant, out: &mut Outputs) {
        let mut resent = Vec::new();
        let mut feedback = Vec::new();
        rtcp::read(compound, |report| match report {
            Report::Feedback(bytes) => feedback.push(bytes),
            Report::Receives { ssrc } => self.egress.is_received(ssrc),
            Report::Misses { ssrc, first, after } => self.egress.resend(ssrc, first, after, now, &mut resent),
        });
        if let Some(flow) = self.ways.active() {
            for sealed in resent {
                self.send(sealed, flow, now, out);
            }
        }
        for bytes in feedback {
            self.handle_feedback(bytes, now, out);
        }
    }

    fn handle_feedback(&mut self, feedback: &[u8], now: Instant, out: &mut Outputs) {
        let mut told = std::mem::take(&mut self.told);
        self.register.read(feedback, &mut told);
        let epoch = self.began;
        self.tell_budget(out, |budget| budget.handle_feedback(&told, epoch, now));
        self.ask_for_what_is_gone(&told, out);
        told.clear();
        self.told = told;
    }
}
