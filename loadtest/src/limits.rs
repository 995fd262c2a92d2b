//! What a run may measure at most before it counts as failed.

/// What makes it end with 1.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Limits {
    /// The server took more than so many per cent of a core
    #[arg(long)]
    core_percent_max: Option<f64>,
    /// One packet of a hundred took longer than so many milliseconds
    #[arg(long)]
    delay_p99_max_ms: Option<f64>,
    /// Half of those who joined had no media after so many milliseconds
    #[arg(long)]
    join_p50_max_ms: Option<f64>,
    /// One of a hundred had none
    #[arg(long)]
    join_p99_max_ms: Option<f64>,
    /// A participant takes more than so many KiB of the server's resident memory
    #[arg(long)]
    kib_max: Option<f64>,
    /// More than so many per cent of all packets never came
    #[arg(long)]
    missing_percent_max: Option<f64>,
}

/// What was measured, in the units of the limits.
pub struct Figures {
    pub core_percent: f64,
    pub delay_p99_ms: f64,
    pub join_p50_ms: f64,
    pub join_p99_ms: f64,
    pub kib_each: f64,
    pub missing_percent: f64,
}

impl Limits {
    /// Those that do not hold, each as a sentence about `what`.
    pub fn broken(&self, what: &str, is: &Figures) -> Vec<String> {
        let rows = [
            ("% of a core", is.core_percent, self.core_percent_max),
            ("ms of delay at 99 %", is.delay_p99_ms, self.delay_p99_max_ms),
            ("ms to join at 50 %", is.join_p50_ms, self.join_p50_max_ms),
            ("ms to join at 99 %", is.join_p99_ms, self.join_p99_max_ms),
            ("KiB a participant", is.kib_each, self.kib_max),
            ("% that never came", is.missing_percent, self.missing_percent_max),
        ];
        let broken = rows
            .into_iter()
            .filter_map(|(of, is, max)| Some((of, is, max?)))
            .filter(|(_, is, max)| is > max);
        broken
            .map(|(of, is, max)| format!("{what}: {is:.2} {of}, more than {max}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_above_its_limit_is_told() {
        let is = Figures {
            core_percent: 61.0,
            delay_p99_ms: 5.0,
            join_p50_ms: 20.0,
            join_p99_ms: 200.0,
            kib_each: 301.5,
            missing_percent: 0.0,
        };
        let limits = Limits {
            core_percent_max: Some(60.0),
            delay_p99_max_ms: Some(5.0),
            join_p50_max_ms: Some(40.0),
            kib_max: Some(300.0),
            ..Limits::default()
        };
        let broken = [
            "50 calls: 61.00 % of a core, more than 60",
            "50 calls: 301.50 KiB a participant, more than 300",
        ];
        assert_eq!(limits.broken("50 calls", &is), broken);
        assert!(Limits::default().broken("50 calls", &is).is_empty());
    }
}
