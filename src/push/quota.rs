//! How many push messages somebody may cause and get: who calls and writes again and again is shown on a closed phone only so often.

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Instant;

use crate::id::UserId;
use crate::signaling::limits::TokenBucket;

/// To one user: so many at once, and then one in so many seconds.
const TO_ONE: (f64, f64) = (20.0, 1.0 / 60.0);

/// The same for what comes of one other user.
const FROM_ONE: (f64, f64) = (3.0, 1.0 / 300.0);

/// Users and pairs of them are spread over this many buckets; those that meet in one share it.
const BUCKETS: usize = 8192;

/// Two sets of token buckets of a fixed size.
pub struct Quota {
    to: Buckets,
    pairs: Buckets,
}

struct Buckets {
    buckets: Vec<Option<TokenBucket>>,
    size: (f64, f64),
    /// Seeded by the process, so that nobody can choose to share a bucket with somebody else.
    hasher: RandomState,
}

impl Buckets {
    fn new(size: (f64, f64)) -> Buckets {
        Buckets {
            buckets: (0..BUCKETS).map(|_| None).collect(),
            size,
            hasher: RandomState::new(),
        }
    }

    fn take(&mut self, whose: impl Hash, now: Instant) -> bool {
        let place = self.hasher.hash_one(whose) as usize % BUCKETS;
        let (burst, per_s) = self.size;
        self.buckets[place]
            .get_or_insert_with(|| TokenBucket::new(burst, per_s, now))
            .take(now)
    }
}

impl Quota {
    pub fn new() -> Quota {
        Quota {
            to: Buckets::new(TO_ONE),
            pairs: Buckets::new(FROM_ONE),
        }
    }

    /// Whether one more may go. What one user causes beyond theirs takes nothing from what others may.
    pub fn take(&mut self, to: UserId, from: UserId, now: Instant) -> bool {
        self.pairs.take((to, from), now) && self.to.take(to, now)
    }
}

impl Default for Quota {
    fn default() -> Quota {
        Quota::new()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_cannot_flood_another_nor_use_up_what_others_may() {
        let mut quota = Quota::new();
        let now = Instant::now();
        let [bob, eve, ada] = [1, 2, 3].map(UserId::from_random);
        let sent = (0..100).filter(|_| quota.take(bob, eve, now)).count();
        assert_eq!(sent, 3);
        assert!(quota.take(bob, ada, now), "somebody else");
        assert!(!quota.take(bob, eve, now + Duration::from_secs(290)));
        assert!(quota.take(bob, eve, now + Duration::from_secs(310)));
        let many = (10..200).filter(|from| quota.take(bob, UserId::from_random(*from), now + Duration::from_secs(310)));
        assert!((10..=20).contains(&many.count()), "all of them together");
    }
}
