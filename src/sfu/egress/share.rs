//! How much of what a stream sends is sent again.

use std::time::{Duration, Instant};

pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// How many bytes were sent and resent, in this window and the one before.
#[derive(Default)]
pub(super) struct Share {
    began: Option<Instant>,
    now: (u64, u64),
    before: (u64, u64),
}

impl Share {
    fn turn(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        if passed < WINDOW {
            return;
        }
        let is_next = passed < 2 * WINDOW;
        self.before = if is_next { self.now } else { (0, 0) };
        self.now = (0, 0);
        self.began = Some(now);
    }

    pub fn sent(&mut self, bytes: usize, now: Instant) {
        self.turn(now);
        self.now.0 += bytes as u64;
    }

    pub fn resent(&mut self, bytes: usize, now: Instant) {
        self.turn(now);
        self.now.1 += bytes as u64;
    }

    /// How much of it all was resent.
    pub fn of(&mut self, now: Instant) -> f64 {
        self.turn(now);
        let sent = self.now.0 + self.before.0;
        let resent = self.now.1 + self.before.1;
        resent as f64 / (sent + resent).max(1) as f64
    }
}
