//! A subscriber's bandwidth, dealt out to what it watches.
//!
//! **Input**: the budget for video (audio is small, is never dropped, and is taken off before), and per demand the layers that can
//! be had with their bitrates, lowest first, and the one carried so far.
//! **Phases**: every demand in its order gets its lowest layer while there is something left; then, in rounds, each demand in its
//! order is improved by one layer if that fits. A layer above the one carried has to fit with room to spare, so that two layers do
//! not alternate. What remains is shared out as room for the encoders.
//! **Output**: a layer per demand, or none, and what its encoder may use.

/// A layer that is not carried yet has to fit this many times.
const UPGRADE_MARGIN: f64 = 1.15;

/// Less than this is no video. A lowest layer that is over the budget is still carried when there is this much: its encoder is told.
const VIDEO_BPS_MIN: u64 = 60_000;

/// One video track that a subscriber watches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    /// Bits per second of the layers, lowest layer first.
    pub layers_bps: Vec<u64>,
    /// Which of them is carried so far.
    pub current: Option<usize>,
}

/// What a demand gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    pub layer: Option<usize>,
    /// What the encoder of this layer may use as far as this subscriber is concerned.
    pub bitrate_bps: u64,
}

/// Deals out `budget_bps`. The grants are in the order of the demands, which is also their priority.
pub fn allocate(budget_bps: u64, demands: &[Demand]) -> Vec<Grant> {
    let mut left = budget_bps;
    let mut grants: Vec<Grant> = demands
        .iter()
        .map(|demand| match demand.layers_bps.first() {
            Some(lowest) if left >= VIDEO_BPS_MIN => {
                let bitrate_bps = (*lowest).min(left);
                left -= bitrate_bps;
                Grant {
                    layer: Some(0),
                    bitrate_bps,
                }
            }
            _ => Grant::default(),
        })
        .collect();
    let mut improved = true;
    while improved {
        improved = false;
        for (demand, grant) in demands.iter().zip(&mut grants) {
            let Some(next) = grant.layer.map(|layer| layer + 1) else {
                continue;
            };
            let Some(rate) = demand.layers_bps.get(next).copied() else {
                continue;
            };
            let is_upgrade = demand.current.is_none_or(|current| next > current);
            let needed = if is_upgrade && demand.current.is_some() {
                (rate as f64 * UPGRADE_MARGIN) as u64
            } else {
                rate
            };
            if needed.saturating_sub(grant.bitrate_bps) <= left {
                left = (left + grant.bitrate_bps).saturating_sub(rate);
                *grant = Grant {
                    layer: Some(next),
                    bitrate_bps: rate,
                };
                improved = true;
            }
        }
    }
    let granted = grants.iter().filter(|grant| grant.layer.is_some()).count() as u64;
    for grant in grants.iter_mut().filter(|grant| grant.layer.is_some()) {
        grant.bitrate_bps += left / granted;
    }
    grants
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn demand(layers_kbps: &[u64], current: Option<usize>) -> Demand {
        Demand {
            layers_bps: layers_kbps.iter().map(|k| k * 1000).collect(),
            current,
        }
    }

    #[test]
    fn budgets_and_what_they_buy() {
        let three = || demand(&[150, 500, 1500], None);
        type Row = (u64, Vec<Demand>, &'static [Option<usize>]);
        let rows: [Row; 12] = [
            (10_000, vec![three()], &[Some(2)]),
            (1_500, vec![three()], &[Some(2)]),
            (1_499, vec![three()], &[Some(1)]),
            (499, vec![three()], &[Some(0)]),
            (100, vec![three()], &[Some(0)]),
            (59, vec![three()], &[None]),
            // A layer that is carried stays while it fits; another one needs a margin.
            (1_500, vec![demand(&[150, 500, 1500], Some(2))], &[Some(2)]),
            (1_700, vec![demand(&[150, 500, 1500], Some(1))], &[Some(1)]),
            (1_726, vec![demand(&[150, 500, 1500], Some(1))], &[Some(2)]),
            // Everybody first gets the lowest layer, then the first ones get better.
            (2_000, vec![three(), three(), three()], &[Some(1), Some(1), Some(1)]),
            (700, vec![three(), three()], &[Some(1), Some(0)]),
            (10_000, vec![demand(&[], None), three()], &[None, Some(2)]),
        ];
        for (kbps, demands, expected) in rows {
            let layers: Vec<_> = allocate(kbps * 1000, &demands).iter().map(|g| g.layer).collect();
            assert_eq!(layers, expected, "{kbps} kbit/s for {demands:?}");
        }
    }

    #[test]
    fn a_lone_encoder_may_use_the_whole_budget_and_no_more() {
        assert_eq!(allocate(900_000, &[demand(&[150, 500, 1500], None)])[0].bitrate_bps, 900_000);
        assert_eq!(allocate(100_000, &[demand(&[150], None)])[0].bitrate_bps, 100_000);
    }

    proptest! {
        #[test]
        fn the_budget_is_never_exceeded(
            budget in 0u64..20_000_000,
            demands in proptest::collection::vec(
                (proptest::collection::vec(1u64..3_000_000, 0..4), proptest::option::of(0usize..4)),
                0..20,
            ),
        ) {
            let demands: Vec<Demand> =
                demands.into_iter().map(|(layers_bps, current)| Demand { layers_bps, current }).collect();
            let grants = allocate(budget, &demands);
            prop_assert_eq!(grants.len(), demands.len());
            prop_assert!(grants.iter().map(|g| g.bitrate_bps).sum::<u64>() <= budget);
            for (grant, demand) in grants.iter().zip(&demands) {
                prop_assert!(grant.layer.is_none_or(|layer| layer < demand.layers_bps.len()));
            }
        }
    }
}
