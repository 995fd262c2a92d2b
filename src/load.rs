//! Whether the server has too much to do to take on more: a pure function of what was measured, with hysteresis, so that it does not
//! change its mind with every join.

use std::time::{Duration, Instant};

/// For how long all has to be well below the limits before new calls are taken again.
pub const CALM: Duration = Duration::from_secs(3);

/// For how long the workers have to be busy: a burst, as when many come at once, is over before.
const BURST: Duration = Duration::from_secs(3);

/// How far below its limit a resource has to be to be called well below.
const CALM_SHARE: f64 = 0.9;

/// What may run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Memory,
    Files,
    Workers,
}

impl Resource {
    pub const ALL: [Resource; 3] = [Resource::Memory, Resource::Files, Resource::Workers];

    /// The label of `tandem_overloaded`.
    pub fn as_str(self) -> &'static str {
        match self {
            Resource::Workers => "workers",
            Resource::Memory => "memory",
            Resource::Files => "files",
        }
    }
}

/// Shares of what there is, 0 to 1: in use, or the limits, of which 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shares {
    /// The time that the media workers are busy, on average.
    pub workers: f64,
    /// Resident memory.
    pub memory: f64,
    /// Open file handles.
    pub files: f64,
}

impl Shares {
    fn of(&self, resource: Resource) -> f64 {
        match resource {
            Resource::Workers => self.workers,
            Resource::Memory => self.memory,
            Resource::Files => self.files,
        }
    }
}

/// Which resources are short.
#[derive(Debug)]
pub struct Load {
    limits: Shares,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fine,
    /// The workers have been busy since then, which may be a burst.
    Burst {
        since: Instant,
    },
    /// Above a limit, of which this was one.
    Short(Resource),
    /// Well below since then.
    Calming {
        short: Resource,
        since: Instant,
    },
}

impl Load {
    pub fn new(limits: Shares) -> Load {
        Load {
            limits,
            state: State::Fine,
        }
    }

    /// What is in use now -> which resource is short, if any.
    pub fn handle_measured(&mut self, used: Shares, now: Instant) -> Option<Resource> {
        let above = |share: f64| {
            Resource::ALL.into_iter().find(|&resource| {
                let limit = self.limits.of(resource);
                limit > 0.0 && used.of(resource) >= limit * share
            })
        };
        self.state = match (self.state, above(1.0), above(CALM_SHARE)) {
            (State::Fine, Some(Resource::Workers), _) => State::Burst { since: now },
            (burst @ State::Burst { since }, Some(Resource::Workers), _) if now < since + BURST => burst,
            (_, Some(short), _) => State::Short(short),
            (State::Fine | State::Burst { .. }, None, _) => State::Fine,
            (State::Short(short) | State::Calming { short, .. }, None, Some(_)) => State::Short(short),
            (State::Short(short), None, None) => State::Calming { short, since: now },
            (State::Calming { since, .. }, None, None) if now >= since + CALM => State::Fine,
            (calming @ State::Calming { .. }, None, None) => calming,
        };
        match self.state {
            State::Fine | State::Burst { .. } => None,
            State::Short(short) | State::Calming { short, .. } => Some(short),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests need an instant to begin with")]
mod tests {
    use super::*;

    const LIMITS: Shares = Shares {
        workers: 0.8,
        memory: 0.9,
        files: 0.5,
    };

    #[test]
    fn a_limit_is_kept_until_all_is_calm() {
        let start = Instant::now();
        let mut load = Load::new(LIMITS);
        // (seconds, workers, memory, files, what is short)
        for (at, workers, memory, files, short) in [
            (-5.0, 0.79, 0.89, 0.49, None),
            // A burst, and then more than one.
            (-4.0, 0.9, 0.1, 0.1, None),
            (-3.0, 0.79, 0.1, 0.1, None),
            (-2.0, 0.8, 0.1, 0.1, None),
            (0.9, 0.9, 0.1, 0.1, None),
            (1.0, 0.8, 0.1, 0.1, Some(Resource::Workers)),
            // Below the limit is not well below.
            (2.0, 0.79, 0.1, 0.1, Some(Resource::Workers)),
            (3.0, 0.7, 0.1, 0.1, Some(Resource::Workers)),
            (5.9, 0.7, 0.1, 0.1, Some(Resource::Workers)),
            // Back above nine tenths: the calm begins anew.
            (6.0, 0.73, 0.1, 0.1, Some(Resource::Workers)),
            (7.0, 0.7, 0.1, 0.1, Some(Resource::Workers)),
            (9.9, 0.7, 0.1, 0.1, Some(Resource::Workers)),
            (10.0, 0.7, 0.1, 0.1, None),
            // What was never short may come near its limit.
            (11.0, 0.79, 0.85, 0.46, None),
            (12.0, 0.1, 0.95, 0.1, Some(Resource::Memory)),
            (13.0, 0.1, 0.95, 0.6, Some(Resource::Memory)),
            (14.0, 0.1, 0.1, 0.6, Some(Resource::Files)),
            (15.0, 0.1, 0.1, 0.1, Some(Resource::Files)),
            (18.0, 0.1, 0.1, 0.1, None),
            // Memory does not wait for a burst to end.
            (19.0, 0.9, 0.1, 0.1, None),
            (19.1, 0.9, 0.95, 0.1, Some(Resource::Memory)),
        ] {
            let used = Shares { workers, memory, files };
            let found = load.handle_measured(used, start + Duration::from_secs_f64(at + 5.0));
            assert_eq!(found, short, "after {at} s");
        }
    }

    #[test]
    fn a_limit_of_nought_is_none() {
        let mut load = Load::new(Shares::default());
        let used = Shares {
            workers: 1.0,
            memory: 1.0,
            files: 1.0,
        };
        assert_eq!(load.handle_measured(used, Instant::now()), None);
    }
}
