//! How many answers one network may have of us while nothing is proven about who asks.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Instant;

/// Answers a second to one prefix (/24 of IPv4, /56 of IPv6), and how many may come at once.
const ANSWERS_PER_SECOND: f64 = 100.0;
const ANSWERS_AT_ONCE: f64 = 200.0;

/// Prefixes are spread over this many buckets; those that meet in one share it, so memory is bounded whatever is forged.
const BUCKETS: usize = 4096;

/// A token bucket per prefix.
pub struct RateLimit {
    buckets: Vec<Bucket>,
    /// Seeded by the process, so that nobody can choose to share a bucket with somebody else.
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Option<Instant>,
}

impl RateLimit {
    pub fn new() -> RateLimit {
        RateLimit {
            buckets: vec![
                Bucket {
                    tokens: ANSWERS_AT_ONCE,
                    filled: None
                };
                BUCKETS
            ],
            hasher: RandomState::new(),
        }
    }

    /// Whether one more answer may go to this address.
    pub fn allow(&mut self, source: IpAddr, now: Instant) -> bool {
        let prefix: [u8; 7] = match source {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                [4, a, b, c, 0, 0, 0]
            }
            IpAddr::V6(ip) => ip.octets()[..7].try_into().expect("7 of 16 bytes"),
        };
        let index = self.hasher.hash_one((source.is_ipv4(), prefix)) as usize % BUCKETS;
        let bucket = &mut self.buckets[index];
        if let Some(filled) = bucket.filled {
            let elapsed = now.saturating_duration_since(filled).as_secs_f64();
            bucket.tokens = (bucket.tokens + elapsed * ANSWERS_PER_SECOND).min(ANSWERS_AT_ONCE);
        }
        bucket.filled = Some(now);
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

impl Default for RateLimit {
    fn default() -> RateLimit {
        RateLimit::new()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_prefix_cannot_have_more_than_its_share() {
        let mut limit = RateLimit::new();
        let now = Instant::now();
        let allowed = (0..20_000u32)
            .filter(|n| {
                limit.allow(
                    IpAddr::from([192, 0, 2, *n as u8]),
                    now + Duration::from_micros(u64::from(*n) * 50),
                )
            })
            .count();
        assert!((290..=310).contains(&allowed), "{allowed} answers in a second");
    }
}
