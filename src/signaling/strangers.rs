//! How often the people at one address may call in vain together, whoever they are: user ids are not to be guessed with many users.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use super::limits::{ADDRESS_MISSES_MAX, TokenBucket};

/// Addresses above which those that say nothing any more are looked for.
const SWEEP_ABOVE: usize = 4096;

/// Calls that reached nobody, by where they came from.
#[derive(Debug, Default)]
pub struct Strangers {
    misses: BTreeMap<IpAddr, TokenBucket>,
}

impl Strangers {
    /// Whether one more call may reach nobody. An address that is not known stands for everybody behind a proxy, and is not limited.
    pub fn may_miss(&mut self, address: Option<IpAddr>, now: Instant) -> bool {
        let bucket = address.and_then(|address| self.misses.get_mut(&address));
        bucket.is_none_or(|bucket| bucket.has(now))
    }

    /// A call reached nobody.
    pub fn miss(&mut self, address: Option<IpAddr>, now: Instant) {
        let Some(address) = address else { return };
        if self.misses.len() >= SWEEP_ABOVE {
            self.misses.retain(|_, bucket| !bucket.is_full(now));
        }
        let new = || TokenBucket::new(ADDRESS_MISSES_MAX, ADDRESS_MISSES_MAX / 60.0, now);
        self.misses.entry(address).or_insert_with(new).take(now);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_misses_so_often_in_a_minute_and_others_do_not_notice() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
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
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        for n in 0..SWEEP_ABOVE as u32 {
            strangers.miss(Some(IpAddr::from(n.to_be_bytes())), now);
        }
        strangers.miss(Some(IpAddr::from([255, 0, 0, 1])), now + Duration::from_secs(60));
        assert_eq!(strangers.misses.len(), 1);
    }
}
