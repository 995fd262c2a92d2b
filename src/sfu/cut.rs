//! What of the pictures is left out while a worker has more to do than it can: a pure function of how busy it was, second by second.
//!
//! **More** is left out when it was busy beyond the limit for a while, one step at a time: first the highest layers of cameras, then
//! all pictures; voices never. **Less**, in the reverse order, when it was well below the limit for as long as its patience lasts. What
//! had to be left out again soon after it came back makes the patience longer, so that pictures do not come and go.

use std::time::{Duration, Instant};

/// How many lines a picture may have whose highest layers are cut: the middle one of three layers has as many.
pub const CUT_HEIGHT_PX: u16 = 360;

/// For how long a worker is busy before the highest layers go. The server refuses whoever is new before (`crate::load`).
const LAYERS_AFTER: Duration = Duration::from_secs(4);

/// For how long it still is before all pictures go: publishers need a second to send less, and it is measured for another.
const PICTURES_AFTER: Duration = Duration::from_secs(3);

/// How far below the limit a worker has to be to be given more to do.
const CALM_SHARE: f64 = 0.8;

/// For how long, at first ...
const PATIENCE_MIN: Duration = Duration::from_secs(10);

/// ... and at most.
const PATIENCE_MAX: Duration = Duration::from_secs(300);

/// Cut again within so many times the patience is soon.
const SOON: u32 = 4;

/// What is left out, each on top of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Cut {
    #[default]
    Nothing,
    /// What of cameras is higher than [`CUT_HEIGHT_PX`]. A screen of half the size could not be read.
    Layers,
    /// Cameras and screens.
    Pictures,
}

impl Cut {
    /// The word for it in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Cut::Nothing => "nothing",
            Cut::Layers => "layers",
            Cut::Pictures => "pictures",
        }
    }

    fn more(self) -> Option<(Cut, Duration)> {
        match self {
            Cut::Nothing => Some((Cut::Layers, LAYERS_AFTER)),
            Cut::Layers => Some((Cut::Pictures, PICTURES_AFTER)),
            Cut::Pictures => None,
        }
    }

    fn less(self) -> Option<Cut> {
        match self {
            Cut::Nothing => None,
            Cut::Layers => Some(Cut::Nothing),
            Cut::Pictures => Some(Cut::Layers),
        }
    }
}

/// Decides how much is cut.
#[derive(Debug)]
pub struct Cutter {
    /// Share of the time, 0 to 1, beyond which a worker has too much to do; 0: never.
    limit: f64,
    cut: Cut,
    state: State,
    patience: Duration,
    /// When something was given back last.
    gave_back: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Busy { since: Instant },
    Calm { since: Instant },
}

impl Cutter {
    pub fn new(limit: f64) -> Cutter {
        Cutter {
            limit,
            cut: Cut::Nothing,
            state: State::Between,
            patience: PATIENCE_MIN,
            gave_back: None,
        }
    }

    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// Which share of the last second the worker was busy -> what is cut from now on.
    pub fn handle_busy(&mut self, busy: f64, now: Instant) -> Cut {
        let is_busy = self.limit > 0.0 && busy >= self.limit;
        let is_calm = busy < self.limit * CALM_SHARE;
        self.state = match self.state {
            busy @ State::Busy { .. } if is_busy => busy,
            calm @ State::Calm { .. } if is_calm => calm,
            _ if is_busy => State::Busy { since: now },
            _ if is_calm => State::Calm { since: now },
            _ => State::Between,
        };
        match (self.state, self.cut.more(), self.cut.less()) {
            (State::Busy { since }, Some((more, after)), _) if now >= since + after => {
                let was_soon = self.gave_back.is_some_and(|at| now < at + self.patience * SOON);
                self.patience = if was_soon {
                    PATIENCE_MAX.min(self.patience * 2)
                } else {
                    PATIENCE_MIN
                };
                self.gave_back = None;
                self.cut = more;
                self.state = State::Busy { since: now };
            }
            (State::Calm { since }, _, Some(less)) if now >= since + self.patience => {
                self.gave_back = Some(now);
                self.cut = less;
                self.state = State::Calm { since: now };
            }
            _ => {}
        }
        self.cut
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests need an instant to begin with")]
mod tests {
    use super::*;

    /// What is cut at the end of each second.
    fn cuts(cutter: &mut Cutter, start: Instant, from: u64, busy: &[f64]) -> Vec<Cut> {
        (from..)
            .zip(busy)
            .map(|(second, busy)| cutter.handle_busy(*busy, start + Duration::from_secs(second)))
            .collect()
    }

    #[test]
    fn layers_go_first_then_pictures_and_they_come_back_in_the_reverse_order() {
        use Cut::{Layers, Nothing, Pictures};
        let (start, mut cutter) = (Instant::now(), Cutter::new(0.98));
        // (for so many seconds, busy, what is cut in the last of them)
        let rows = [
            (60, 0.97, Nothing),
            // A burst is over before it counts.
            (4, 1.0, Nothing),
            (1, 0.9, Nothing),
            (4, 0.98, Nothing),
            (1, 1.0, Layers),
            // That helped: neither more nor less.
            (60, 0.9, Layers),
            (3, 1.0, Layers),
            (1, 1.0, Pictures),
            // There is nothing beyond it.
            (60, 1.0, Pictures),
            (10, 0.3, Pictures),
            (1, 0.3, Layers),
            (9, 0.3, Layers),
            // Not well below: the calm begins anew.
            (1, 0.8, Layers),
            (10, 0.7, Layers),
            (1, 0.7, Nothing),
        ];
        let mut second = 0;
        for (seconds, busy, cut) in rows {
            let found = cuts(&mut cutter, start, second, &vec![busy; seconds]);
            second += seconds as u64;
            assert_eq!(found.last(), Some(&cut), "{busy} until second {second}: {found:?}");
        }
    }

    #[test]
    fn what_had_to_go_again_soon_comes_back_later_each_time() {
        let (start, mut cutter) = (Instant::now(), Cutter::new(0.98));
        let mut second = 0;
        // A load that is too much whenever nothing is cut.
        let mut waits = Vec::new();
        let mut cut_since = None;
        while second < 4000 {
            let busy = if cutter.cut() == Cut::Nothing { 1.0 } else { 0.6 };
            let before = cutter.cut();
            let cut = cutter.handle_busy(busy, start + Duration::from_secs(second));
            match (before, cut) {
                (Cut::Nothing, Cut::Layers) => cut_since = Some(second),
                (Cut::Layers, Cut::Nothing) => waits.extend(cut_since.map(|since| second - since)),
                _ => assert_eq!(before, cut, "pictures have nothing to do with it"),
            }
            second += 1;
        }
        assert_eq!(waits[..6], [11, 21, 41, 81, 161, 301]);
        assert!(waits[6..].iter().all(|wait| *wait == 301), "{waits:?}");

        // Long afterwards it begins as at first.
        let calm = cuts(&mut cutter, start, second, &[0.1; 2000]);
        assert_eq!(calm.last(), Some(&Cut::Nothing));
        cuts(&mut cutter, start, second + 2000, &[1.0; 5]);
        let back = cuts(&mut cutter, start, second + 2005, &[0.1; 11]);
        assert_eq!((back[9], back[10]), (Cut::Layers, Cut::Nothing));
    }

    #[test]
    fn a_limit_of_nought_cuts_nothing() {
        let mut cutter = Cutter::new(0.0);
        assert!(
            cuts(&mut cutter, Instant::now(), 0, &[1.0; 60])
                .iter()
                .all(|cut| *cut == Cut::Nothing)
        );
    }
}
