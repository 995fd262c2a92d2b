//! When a message is tried again.

use std::time::Duration;

/// How much longer each wait is than the one before.
const FACTOR: u32 = 4;

/// No wait is longer, but for its jitter.
pub const WAIT_MAX: Duration = Duration::from_secs(8 * 3600);

/// A message that failed so often lets those after it pass.
pub const HOLD_ATTEMPTS: u32 = 3;

/// How long to wait after so many attempts that failed. `dice`, 0 to 1, spreads it by a tenth, so that many messages do not come at once.
pub fn wait(first: Duration, failed: u32, dice: f64) -> Duration {
    let factor = FACTOR.saturating_pow(failed.saturating_sub(1));
    let wait = first.saturating_mul(factor).min(WAIT_MAX);
    wait.mul_f64(0.9 + 0.2 * dice.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_take_about_a_day_in_all() {
        let first = Duration::from_secs(5);
        let waits: Vec<u64> = (1..10).map(|failed| wait(first, failed, 0.5).as_secs()).collect();
        assert_eq!(waits, [5, 20, 80, 320, 1280, 5120, 20480, 28800, 28800]);
        assert!((20..28).contains(&(waits.iter().sum::<u64>() / 3600)));
        assert_eq!(wait(first, 1, 0.0).as_millis(), 4500);
        assert_eq!(wait(first, 1, 1.0).as_millis(), 5500);
        assert_eq!(wait(first, u32::MAX, 0.5), WAIT_MAX);
    }
}
