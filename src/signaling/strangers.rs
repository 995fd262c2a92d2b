//! How often the people at one address may miss together, whoever they are: ids and codes are not to be guessed with many users.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use super::limits::TokenBucket;

/// Addresses above which those that say nothing any more are looked for.
const SWEEP_ABOVE: usize = 4096;

/// Guesses that found nothing, by where they came from.
#[derive(Debug)]
pub struct Strangers {
    misses_max: f64,
    misses: BTreeMap<IpAddr, TokenBucket>,
}

impl Strangers {
    /// So many may miss at once; a minute brings that many back.
    pub fn new(misses_max: f64) -> Strangers {
        Strangers {
            misses_max,
            misses: BTreeMap::new(),
        }
    }

    /// Whether one more may miss. An address that is not known stands for everybody behind a proxy, and is not limited.
    pub fn may_miss(&mut self, address: Option<IpAddr>, now: Instant) -> bool {
        let bucket = address.and_then(|address| self.misses.get_mut(&address));
        bucket.is_none_or(|bucket| bucket.has(now))
    }

    /// One missed.
    pub fn miss(&mut self, address: Option<IpAddr>, now: Instant) {
        let Some(address) = address else { return };
        if self.misses.len() >= SWEEP_ABOVE {
            self.misses.retain(|_, bucket| !bucket.is_full(now));
        }
        let new = || TokenBucket::new(self.misses_max, self.misses_max / 60.0, now);
        self.misses.entry(address).or_insert_with(new).take(now);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::signaling::limits::ADDRESS_MISSES_MAX;

    #[test]
    fn an_address_misses_so_often_in_a_minute_and_others_do_not_notice() {
        let (mut strangers, now) = (Strangers::new(ADDRESS_MISSES_MAX), Instant::now());
        let [one, other] = [1, 2].map(|n| Some(IpAddr::from([192, 0, 2, n])));
        let mut missed = 0;
        while strangers.may_miss(one, now) {
            strangers.miss(one, now);
            missed += 1;
        }
        assert_eq!(f64::from(missed), ADDRESS_MISSES_MAX);
        assert!(strangers.may_miss(other, now) && strangers.may_miss(None, now));
        assert!(strangers.may_miss(one, now + Duration::from_secs(60)));
    }

    #[test]
    fn addresses_that_say_nothing_any_more_are_forgotten() {
        let (mut strangers, now) = (Strangers::new(ADDRESS_MISSES_MAX), Instant::now());
        for n in 0..SWEEP_ABOVE as u32 {
            strangers.miss(Some(IpAddr::from(n.to_be_bytes())), now);
        }
        strangers.miss(Some(IpAddr::from([255, 0, 0, 1])), now + Duration::from_secs(60));
        assert_eq!(strangers.misses.len(), 1);
    }
}
