//! When to order a certificate, and when to try again. Times are seconds since 1970.

use std::time::Duration;

/// A third of its life before its end: 30 of 90 days, 2 of 6, time for a week of failures in all but the shortest.
const RENEW_FRACTION: i64 = 3;

/// Let's Encrypt takes five failed validations of a name an hour; this schedule makes five in the first hour and fewer after it.
const RETRY_FIRST: Duration = Duration::from_secs(15);
const RETRY_FACTOR: u32 = 4;
const RETRY_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// When a certificate of this validity is to be replaced.
pub fn renew_at(not_before: i64, not_after: i64) -> i64 {
    not_after - not_after.saturating_sub(not_before).max(0) / RENEW_FRACTION
}

/// How long to wait after this many failures in a row, at least 1.
pub fn retry_delay(failures: u32) -> Duration {
    let factor = RETRY_FACTOR.saturating_pow(failures.saturating_sub(1));
    RETRY_FIRST.saturating_mul(factor).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_a_third_before_its_end() {
        const DAY: i64 = 86_400;
        for (life, left) in [(90 * DAY, 30 * DAY), (6 * DAY, 2 * DAY), (30, 10), (0, 0), (-5, 0)] {
            assert_eq!(renew_at(1000, 1000 + life), 1000 + life - left, "{life} s");
        }
    }

    #[test]
    fn failures_stay_below_what_the_server_takes() {
        let seconds: Vec<u64> = (1..=9).map(|n| retry_delay(n).as_secs()).collect();
        assert_eq!(seconds, [15, 60, 240, 960, 3840, 15_360, 21_600, 21_600, 21_600]);
        assert_eq!(retry_delay(u32::MAX), RETRY_MAX);
        let in_the_first_hour = 1 + seconds
            .iter()
            .scan(0, |at, delay| {
                *at += delay;
                Some(*at)
            })
            .filter(|at| *at < 3600)
            .count();
        assert_eq!(in_the_first_hour, 5);
    }
}
