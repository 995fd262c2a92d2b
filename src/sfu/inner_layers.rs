//! The spatial and temporal layers inside of one encoding: how fast each comes, and how many of them fit.

use std::time::Duration;

use super::picture::{Limit, Part};

/// An encoding has no more spatial and temporal layers inside than this.
const INNER_LAYERS_MAX: usize = 4;

/// Layers inside of an encoding that are carried stay while they need no more than this share of what there is: the encoder is told,
/// and needs a moment.
const CARRIED_OVER_MAX: f64 = 1.2;

/// An encoder is now and then this much over what it was told.
const ENCODER_OVER: f64 = 0.05;

/// The layers inside of one encoding: bytes by spatial and temporal index while they are measured, and then bits per second.
#[derive(Debug, Clone, Copy, Default)]
pub struct InnerLayers {
    bytes: [[u64; INNER_LAYERS_MAX]; INNER_LAYERS_MAX],
    rates_bps: [[u64; INNER_LAYERS_MAX]; INNER_LAYERS_MAX],
}

impl InnerLayers {
    pub fn arrive(&mut self, part: &Part, bytes: usize) {
        let index = |layer: u8| usize::from(layer).min(INNER_LAYERS_MAX - 1);
        self.bytes[index(part.spatial)][index(part.temporal)] += bytes as u64;
    }

    pub fn measure(&mut self, elapsed: Duration) {
        for (rates, bytes) in self.rates_bps.iter_mut().flatten().zip(self.bytes.iter().flatten()) {
            let rate = (bytes * 8) as f64 / elapsed.as_secs_f64();
            *rates = if *rates == 0 { rate } else { *rates as f64 * 0.5 + rate * 0.5 } as u64;
        }
        self.forget();
    }

    /// What came and was not measured yet counts no more.
    pub fn forget(&mut self) {
        self.bytes = Default::default();
    }

    /// What it takes to carry these.
    pub fn rate_bps(&self, limit: Limit) -> u64 {
        let rows = self.rates_bps.iter().zip(0..=limit.spatial);
        rows.flat_map(|(row, _)| row.iter().zip(0..=limit.temporal))
            .map(|(rate, _)| rate)
            .sum()
    }

    /// The highest layers that come.
    pub fn highest(&self) -> Limit {
        let mut highest = Limit { spatial: 0, temporal: 0 };
        for (spatial, row) in (0..).zip(&self.rates_bps) {
            for (temporal, _) in (0..).zip(row).filter(|(_, rate)| **rate > 0) {
                highest.spatial = highest.spatial.max(spatial);
                highest.temporal = highest.temporal.max(temporal);
            }
        }
        highest
    }

    /// As much of it as this bitrate takes, and no more spatial layers than `most`: first half the frame rate of all that comes, then
    /// lower spatial layers, and of the lowest the lowest frame rate. What is carried (`before`) may be a little over it, what is not has to fit.
    pub fn limit(&self, bitrate_bps: u64, most: u8, before: Limit) -> Limit {
        let highest = self.highest();
        let fits = |limit: Limit| {
            let carried = limit.spatial <= before.spatial && limit.temporal <= before.temporal;
            let slack = if carried { CARRIED_OVER_MAX } else { 1.0 + ENCODER_OVER };
            self.rate_bps(limit) as f64 <= bitrate_bps as f64 * slack
        };
        for spatial in (0..=highest.spatial.min(most)).rev() {
            let lowest = if spatial == 0 { 0 } else { highest.temporal.saturating_sub(1) };
            for temporal in (lowest..=highest.temporal).rev() {
                let limit = Limit { spatial, temporal };
                if fits(limit) {
                    // All that comes: what has not come yet is not to be left out.
                    return if limit == highest { Limit::ALL } else { limit };
                }
            }
        }
        Limit { spatial: 0, temporal: 0 }
    }
}
