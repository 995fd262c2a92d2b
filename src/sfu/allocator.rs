//! A subscriber's bandwidth, dealt out to what it watches.
//!
//! **Input**: the budget for video (audio is small, is never dropped, and is taken off before), and per demand how much it matters, the
//! layers that are of use with their bitrates, lowest first, and what is carried so far.
//! **Phases**: by weight, and of the same weight in their order, demands get their lowest layers while there is something left, at the
//! least that their encoders can be brought down to; who gets nothing is paused. In the same order they get what these layers have use
//! for. Then, weight by weight, in rounds, each demand is improved by one layer if that fits. What is not carried yet has
//! to fit with room to spare, so that two layers, or a picture and a pause, do not alternate. What remains is shared out as room for the
//! encoders.
//! **Output**: a layer per demand, or none, and what its encoder may use.

use crate::view::Weight;

/// A layer that is not carried yet has to fit this many times.
const UPGRADE_MARGIN: f64 = 1.15;

/// And a picture that is paused this many times, before it is shown again.
const RESUME_MARGIN: f64 = 1.3;

/// One video track that a subscriber watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub weight: Weight,
    /// Bits per second of the layers that are of use, lowest layer first.
    pub layers_bps: Vec<u64>,
    /// Which of them is carried so far.
    pub current: Option<usize>,
    /// It got nothing before.
    pub is_paused: bool,
    /// What the encoder of the lowest layer can be brought down to. Where that fits, it is carried, and its encoder is told.
    pub least_bps: u64,
}

/// What a demand gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    pub layer: Option<usize>,
    /// What the encoder of this layer may use as far as this subscriber is concerned.
    pub bitrate_bps: u64,
}

/// Deals out `budget_bps`. The grants are in the order of the demands.
pub fn allocate(budget_bps: u64, demands: &[Demand]) -> Vec<Grant> {
    let mut left = budget_bps;
    let mut grants = vec![Grant::default(); demands.len()];
    let mut by_weight: Vec<usize> = (0..demands.len()).collect();
    by_weight.sort_by_key(|index| demands[*index].weight);
    for index in &by_weight {
        let demand = &demands[*index];
        let Some(lowest) = demand.layers_bps.first().copied() else {
            continue;
        };
        let least = demand.least_bps.min(lowest);
        let needed = if demand.is_paused {
            times(least, RESUME_MARGIN)
        } else {
            least
        };
        if left >= needed {
            left -= least;
            grants[*index] = Grant {
                layer: Some(0),
                bitrate_bps: least,
            };
        }
    }
    for index in &by_weight {
        let (demand, grant) = (&demands[*index], &mut grants[*index]);
        if let (Some(lowest), Some(_)) = (demand.layers_bps.first(), grant.layer) {
            let more = lowest.saturating_sub(grant.bitrate_bps).min(left);
            left -= more;
            grant.bitrate_bps += more;
        }
    }
    for of_one_weight in by_weight.chunk_by(|a, b| demands[*a].weight == demands[*b].weight) {
        let mut improved = true;
        while improved {
            improved = false;
            for index in of_one_weight {
                improved |= improve(&demands[*index], &mut grants[*index], &mut left);
            }
        }
    }
    let granted = grants.iter().filter(|grant| grant.layer.is_some()).count() as u64;
    for grant in grants.iter_mut().filter(|grant| grant.layer.is_some()) {
        grant.bitrate_bps += left / granted;
    }
    grants
}

/// One layer more, if that fits.
fn improve(demand: &Demand, grant: &mut Grant, left: &mut u64) -> bool {
    let Some(next) = grant.layer.map(|layer| layer + 1) else {
        return false;
    };
    let Some(rate) = demand.layers_bps.get(next).copied() else {
        return false;
    };
    let is_upgrade = demand.current.is_some_and(|current| next > current);
    let needed = if is_upgrade { times(rate, UPGRADE_MARGIN) } else { rate };
    if needed.saturating_sub(grant.bitrate_bps) > *left {
        return false;
    }
    *left = (*left + grant.bitrate_bps).saturating_sub(rate);
    *grant = Grant {
        layer: Some(next),
        bitrate_bps: rate,
    };
    true
}

fn times(bps: u64, factor: f64) -> u64 {
    (bps as f64 * factor) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn demand(layers_kbps: &[u64], current: Option<usize>) -> Demand {
        Demand {
            weight: Weight::Rest,
            layers_bps: layers_kbps.iter().map(|k| k * 1000).collect(),
            current,
            is_paused: false,
            least_bps: 60_000,
        }
    }

    fn of(weight: Weight) -> Demand {
        Demand {
            weight,
            least_bps: u64::MAX,
            ..demand(&[150, 500, 1500], None)
        }
    }

    #[test]
    fn budgets_and_what_they_buy() {
        let three = || demand(&[150, 500, 1500], None);
        // Its encoder obeys nobody.
        let fixed = |current| Demand {
            least_bps: u64::MAX,
            ..demand(&[150, 500, 1500], current)
        };
        let paused = || Demand {
            is_paused: true,
            ..fixed(None)
        };
        type Row = (u64, Vec<Demand>, &'static [Option<usize>]);
        let rows: [Row; 26] = [
            (10_000, vec![three()], &[Some(2)]),
            (1_500, vec![three()], &[Some(2)]),
            (1_499, vec![three()], &[Some(1)]),
            (499, vec![three()], &[Some(0)]),
            (100, vec![three()], &[Some(0)]),
            (59, vec![three()], &[None]),
            // Only an encoder that obeys can be brought down to what there is.
            (149, vec![fixed(None)], &[None]),
            (150, vec![fixed(None)], &[Some(0)]),
            // A layer that is carried stays while it fits; another one needs a margin.
            (1_500, vec![demand(&[150, 500, 1500], Some(2))], &[Some(2)]),
            (1_700, vec![demand(&[150, 500, 1500], Some(1))], &[Some(1)]),
            (1_726, vec![demand(&[150, 500, 1500], Some(1))], &[Some(2)]),
            // So does a picture that is paused.
            (190, vec![paused()], &[None]),
            (195, vec![paused()], &[Some(0)]),
            // Everybody first gets the lowest layer, then the first ones get better.
            (2_000, vec![three(), three(), three()], &[Some(1), Some(1), Some(1)]),
            (700, vec![three(), three()], &[Some(1), Some(0)]),
            (10_000, vec![demand(&[], None), three()], &[None, Some(2)]),
            // Two encoders that obey share what one would use up.
            (130, vec![three(), three()], &[Some(0), Some(0)]),
            (119, vec![three(), three()], &[Some(0), None]),
            // Who does not get the lowest layer is paused: the last.
            (449, vec![fixed(None), fixed(None), fixed(None)], &[Some(0), Some(0), None]),
            // A small tile has no use for more than its layer.
            (9_000, vec![demand(&[150], None), three()], &[Some(0), Some(2)]),
            // What matters more comes first, and gets all that it has use for before others get better.
            (200, vec![of(Weight::Rest), of(Weight::Pinned)], &[None, Some(0)]),
            (1_700, vec![of(Weight::Rest), of(Weight::Pinned)], &[Some(0), Some(2)]),
            (1_700, vec![of(Weight::Speaker), of(Weight::Screen)], &[Some(0), Some(2)]),
            (
                2_200,
                vec![of(Weight::Rest), of(Weight::Speaker), of(Weight::Pinned)],
                &[Some(0), Some(1), Some(2)],
            ),
            (
                600,
                vec![
                    of(Weight::Rest),
                    of(Weight::Rest),
                    of(Weight::Speaker),
                    of(Weight::Screen),
                    of(Weight::Pinned),
                ],
                &[Some(0), None, Some(0), Some(0), Some(0)],
            ),
            (0, vec![of(Weight::Screen)], &[None]),
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

    #[test]
    fn what_is_left_of_the_lowest_layers_goes_to_the_first() {
        let both = [demand(&[150], None), demand(&[150], None)];
        let shares: Vec<u64> = allocate(200_000, &both).iter().map(|grant| grant.bitrate_bps).collect();
        assert_eq!(shares, [140_000, 60_000]);
    }

    const WEIGHTS: [Weight; 4] = [Weight::Screen, Weight::Pinned, Weight::Speaker, Weight::Rest];

    proptest! {
        #[test]
        fn the_budget_is_never_exceeded_and_nobody_goes_before_what_matters_more(
            budget in 0u64..20_000_000,
            demands in proptest::collection::vec(
                (
                    proptest::collection::vec(1u64..3_000_000, 0..4),
                    proptest::option::of(0usize..4),
                    0usize..4,
                    any::<bool>(),
                    prop_oneof![Just(60_000u64), Just(u64::MAX)],
                ),
                0..20,
            ),
        ) {
            let demands: Vec<Demand> = demands
                .into_iter()
                .map(|(layers_bps, current, weight, is_paused, least_bps)| Demand {
                    weight: WEIGHTS[weight],
                    layers_bps,
                    current,
                    is_paused,
                    least_bps,
                })
                .collect();
            let grants = allocate(budget, &demands);
            prop_assert_eq!(grants.len(), demands.len());
            prop_assert!(grants.iter().map(|g| g.bitrate_bps).sum::<u64>() <= budget);
            for (grant, demand) in grants.iter().zip(&demands) {
                prop_assert!(grant.layer.is_none_or(|layer| layer < demand.layers_bps.len()));
                if demand.least_bps == u64::MAX && let Some(layer) = grant.layer {
                    prop_assert!(grant.bitrate_bps >= demand.layers_bps[layer], "what cannot be brought down fits");
                }
            }
            for (loser, _) in demands.iter().zip(&grants).filter(|(d, g)| g.layer.is_none() && !d.layers_bps.is_empty()) {
                let least = |d: &Demand| d.least_bps.min(d.layers_bps[0]);
                let unjust = demands.iter().zip(&grants).any(|(d, g)| {
                    g.layer.is_some() && d.weight > loser.weight && !loser.is_paused
                        && least(d) >= least(loser) && g.bitrate_bps >= least(loser)
                });
                prop_assert!(!unjust, "{:?} got nothing, and something that matters less did", loser);
            }
        }
    }
}
