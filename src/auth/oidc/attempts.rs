//! Sign-ins that are under way at the provider: each is good once, for some minutes, and in the browser that began it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long somebody may take at the provider: to find the password, and the phone for the second factor.
pub const LASTS: Duration = Duration::from_secs(600);

/// Attempts at a time. Beyond it the oldest goes: somebody who has begun and not come back for longest.
pub const ATTEMPTS_MAX: usize = 4096;

/// One of them.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// SHA-256 of what only the browser that began it knows.
    pub browser_hash: [u8; 32],
    /// What the provider's token has to repeat.
    pub nonce: String,
    /// RFC 7636: what only this server knows until the code is redeemed.
    pub verifier: String,
    /// As the provider was told, to the letter.
    pub redirect_uri: String,
    /// A path of ours to go on to.
    pub to: String,
}

/// By the `state` that the provider gives back.
#[derive(Debug, Default)]
pub struct Attempts {
    by_state: BTreeMap<String, (Instant, Attempt)>,
}

impl Attempts {
    pub fn begin(&mut self, state: String, attempt: Attempt, now: Instant) {
        if self.by_state.len() >= ATTEMPTS_MAX {
            self.by_state.retain(|_, (begun, _)| !is_over(*begun, now));
        }
        if self.by_state.len() >= ATTEMPTS_MAX {
            let oldest = self.by_state.iter().min_by_key(|(_, (begun, _))| *begun);
            let oldest = oldest.map(|(state, _)| state.clone());
            oldest.and_then(|state| self.by_state.remove(&state));
        }
        self.by_state.insert(state, (now, attempt));
    }

    /// The attempt, which is over by this whatever comes of it. None: there was none, or it took too long.
    pub fn take(&mut self, state: &str, now: Instant) -> Option<Attempt> {
        let (begun, attempt) = self.by_state.remove(state)?;
        (!is_over(begun, now)).then_some(attempt)
    }
}

fn is_over(begun: Instant, now: Instant) -> bool {
    now.saturating_duration_since(begun) >= LASTS
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    fn attempt(to: &str) -> Attempt {
        Attempt {
            browser_hash: [0; 32],
            nonce: String::new(),
            verifier: String::new(),
            redirect_uri: String::new(),
            to: to.to_owned(),
        }
    }

    #[test]
    fn an_attempt_is_good_once_and_for_ten_minutes() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        attempts.begin("a".to_owned(), attempt("/a"), now);
        attempts.begin("b".to_owned(), attempt("/b"), now);
        let late = now + LASTS;
        assert_eq!(attempts.take("a", now).expect("it is there").to, "/a");
        assert!(attempts.take("a", now).is_none(), "it was used");
        assert!(attempts.take("b", late).is_none(), "it is over");
        assert!(attempts.take("b", now).is_none(), "and gone by that");
        assert!(attempts.take("", now).is_none());
    }

    #[test]
    fn when_there_are_too_many_those_that_are_over_go_and_then_the_oldest() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let second = |n: usize| now + Duration::from_millis(n as u64);
        for n in 0..ATTEMPTS_MAX {
            attempts.begin(n.to_string(), attempt("/"), second(n));
        }
        attempts.begin("more".to_owned(), attempt("/"), second(ATTEMPTS_MAX));
        assert_eq!(attempts.by_state.len(), ATTEMPTS_MAX);
        assert!(attempts.take("0", second(ATTEMPTS_MAX)).is_none());
        assert!(attempts.take("1", second(ATTEMPTS_MAX)).is_some());
        attempts.begin("and".to_owned(), attempt("/"), second(ATTEMPTS_MAX));
        attempts.begin("late".to_owned(), attempt("/"), now + LASTS + Duration::from_millis(9));
        assert_eq!(attempts.by_state.len(), ATTEMPTS_MAX - 8 + 1, "1 was used; 2 to 9 are over");
    }
}
