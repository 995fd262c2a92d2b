//! Which pictures and spatial layers of the encoding that is carried pass. Fewer from the next picture on, at once; more only where
//! a decoder can take them up: temporal layers at the points that the encoder marks, spatial ones at a key frame.

use super::counters::Drop;
use super::picture::{Limit, Part, StepUp};
use super::rewrite::Numbers;

/// An encoder that marks no point to step up at is asked for a key frame after so many ticks of the RTP clock: 2 s.
const STEP_UP_WITHIN: u32 = 180_000;

/// The layers of one subscription that pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sieve {
    /// In force since this sequence number.
    limit: Limit,
    since: u64,
    /// In force until then: what comes late is judged by it.
    before: Limit,
    /// Sequence number and timestamp of the newest packet.
    newest: Option<(u64, u32)>,
    /// The highest layers that were seen.
    seen: Limit,
    /// Nothing above the lowest temporal layer passes, since before the newest packet.
    is_base_only: bool,
    /// Since this timestamp, more is wanted than passes.
    wants_more_since: Option<u32>,
}

impl Sieve {
    /// A stream begins with this packet.
    pub fn new(wanted: Limit, packet: &Numbers) -> Sieve {
        Sieve {
            limit: wanted,
            since: packet.seq,
            before: wanted,
            newest: None,
            seen: Limit { spatial: 0, temporal: 0 },
            is_base_only: false,
            wants_more_since: None,
        }
    }

    /// Whether a packet passes. A picture passes as a whole, whenever what is wanted changes.
    pub fn check(&mut self, packet: &Numbers, part: &Part, wanted: Limit) -> Result<(), Drop> {
        if self.newest.is_none_or(|(seq, _)| packet.seq > seq) {
            let newest_before = self.newest;
            let is_same_picture = self.newest.is_some_and(|(_, timestamp)| timestamp == packet.timestamp);
            self.newest = Some((packet.seq, packet.timestamp));
            self.seen.spatial = self.seen.spatial.max(part.spatial);
            self.seen.temporal = self.seen.temporal.max(part.temporal);
            if !is_same_picture {
                self.choose(packet, part, wanted);
            }
            let in_force = newest_before.is_some_and(|(seq, _)| seq >= self.since);
            self.is_base_only = in_force && self.limit.temporal == 0;
        }
        let limit = if packet.seq >= self.since { self.limit } else { self.before };
        if part.temporal > limit.temporal {
            Err(Drop::TemporalLayer)
        } else if part.spatial > limit.spatial {
            Err(Drop::SpatialLayer)
        } else {
            Ok(())
        }
    }

    /// Whether this packet is the last of its picture that passes, though more follows.
    pub fn ends_picture(&self, part: &Part) -> bool {
        part.ends && part.spatial == self.limit.spatial
    }

    /// Whether no temporal layer above the lowest passes, and none of what is missing right before the newest packet would have.
    pub fn is_base_only(&self) -> bool {
        self.is_base_only
    }

    /// Whether only a key frame brings what is wanted.
    pub fn needs_key_frame(&self, wanted: Limit) -> bool {
        let spatial = wanted.spatial.min(self.seen.spatial) > self.limit.spatial;
        spatial || self.has_waited_long()
    }

    fn has_waited_long(&self) -> bool {
        let waited = self.newest.zip(self.wants_more_since);
        waited.is_some_and(|((_, now), since)| now.wrapping_sub(since) > STEP_UP_WITHIN)
    }

    /// A new picture: what passes of it, and of those after it.
    fn choose(&mut self, packet: &Numbers, part: &Part, wanted: Limit) {
        let limit = if part.starts_key_frame {
            wanted
        } else {
            Limit {
                spatial: wanted.spatial.min(self.limit.spatial),
                temporal: self.temporal(part, wanted.temporal),
            }
        };
        if limit != self.limit {
            self.before = self.limit;
            self.limit = limit;
            self.since = packet.seq;
        }
        if wanted.temporal.min(self.seen.temporal) <= limit.temporal {
            self.wants_more_since = None;
        } else {
            self.wants_more_since.get_or_insert(packet.timestamp);
        }
    }

    fn temporal(&self, part: &Part, wanted: u8) -> u8 {
        let passes = self.limit.temporal;
        match part.step_up {
            _ if wanted <= passes => wanted,
            StepUp::ToItsLayer if part.begins && part.temporal == passes + 1 => part.temporal,
            StepUp::BeyondItsLayer if part.begins && part.temporal <= passes => wanted,
            StepUp::No | StepUp::ToItsLayer | StepUp::BeyondItsLayer => passes,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use std::collections::HashSet;
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::sfu::picture::PictureId;
    use crate::sfu::rewrite::{PictureIds, Rewriter};

    fn limit(spatial: u8, temporal: u8) -> Limit {
        Limit { spatial, temporal }
    }

    fn at(seq: u64, picture: u32) -> Numbers {
        Numbers {
            seq,
            timestamp: picture.wrapping_mul(3000),
            ..Numbers::default()
        }
    }

    fn vp8(temporal: u8, syncs: bool) -> Part {
        Part {
            temporal,
            begins: true,
            ends: true,
            step_up: if syncs { StepUp::ToItsLayer } else { StepUp::No },
            ..Part::default()
        }
    }

    fn vp9(spatial: u8, temporal: u8, up: bool) -> Part {
        Part {
            spatial,
            temporal,
            begins: true,
            ends: true,
            step_up: if up { StepUp::BeyondItsLayer } else { StepUp::No },
            ..Part::default()
        }
    }

    #[test]
    fn fewer_at_once_and_more_layer_by_layer_where_vp8_syncs() {
        let mut sieve = Sieve::new(Limit::ALL, &at(0, 0));
        let rows = [
            (vp8(0, false), 7, true),
            (vp8(2, false), 7, true),
            (vp8(1, false), 0, false),
            (vp8(2, false), 0, false),
            (vp8(0, false), 7, true),
            (vp8(2, true), 7, false),
            (vp8(1, false), 7, false),
            (vp8(2, false), 7, false),
            (vp8(0, false), 7, true),
            (vp8(1, true), 7, true),
            (vp8(2, false), 7, false),
            (vp8(2, true), 7, true),
            (vp8(1, false), 1, true),
            (vp8(2, false), 1, false),
        ];
        for (n, (part, wanted, passes)) in rows.into_iter().enumerate() {
            let checked = sieve.check(&at(n as u64, n as u32), &part, limit(u8::MAX, wanted));
            assert_eq!(checked.is_ok(), passes, "row {n}");
        }
    }

    #[test]
    fn vp9_steps_up_behind_a_point_that_says_so() {
        let mut sieve = Sieve::new(limit(7, 0), &at(0, 0));
        let rows = [
            (vp9(0, 0, false), false, true),
            (vp9(0, 2, true), false, false),
            (vp9(0, 0, false), true, true),
            (vp9(0, 2, true), true, false),
            (vp9(0, 0, true), true, true),
            (vp9(0, 2, false), true, true),
        ];
        for (n, (part, all, passes)) in rows.into_iter().enumerate() {
            let wanted = if all { Limit::ALL } else { limit(7, 0) };
            assert_eq!(sieve.check(&at(n as u64, n as u32), &part, wanted).is_ok(), passes, "row {n}");
        }
    }

    #[test]
    fn a_picture_passes_as_a_whole_and_what_comes_late_as_its_like_did() {
        let mut sieve = Sieve::new(Limit::ALL, &at(0, 0));
        let part = |begins| Part {
            begins,
            ends: !begins,
            ..vp8(1, false)
        };
        assert!(sieve.check(&at(0, 0), &part(true), Limit::ALL).is_ok());
        let base = limit(u8::MAX, 0);
        assert!(sieve.check(&at(2, 0), &part(false), base).is_ok(), "in the middle of it");
        assert_eq!(sieve.check(&at(3, 1), &part(true), base), Err(Drop::TemporalLayer));
        assert!(sieve.check(&at(1, 0), &part(false), base).is_ok(), "late, of the first");
    }

    #[test]
    fn spatial_layers_go_at_the_next_picture_and_come_back_with_a_key_frame() {
        let mut sieve = Sieve::new(Limit::ALL, &at(0, 0));
        assert!(sieve.check(&at(0, 0), &vp9(0, 0, false), Limit::ALL).is_ok());
        assert!(
            sieve.check(&at(1, 0), &vp9(1, 0, false), limit(0, 7)).is_ok(),
            "of the picture under way"
        );
        assert!(!sieve.ends_picture(&vp9(0, 0, false)));
        assert!(sieve.check(&at(2, 1), &vp9(0, 0, false), limit(0, 7)).is_ok());
        assert!(sieve.ends_picture(&vp9(0, 0, false)), "now it is the last that passes");
        let dropped = sieve.check(&at(3, 1), &vp9(1, 0, false), limit(0, 7));
        assert_eq!(dropped, Err(Drop::SpatialLayer));
        assert!(!sieve.needs_key_frame(limit(0, 7)));
        assert!(sieve.needs_key_frame(Limit::ALL));
        let key = Part {
            starts_key_frame: true,
            ..vp9(0, 0, false)
        };
        assert!(sieve.check(&at(4, 2), &vp9(0, 0, false), Limit::ALL).is_ok());
        assert!(sieve.check(&at(5, 2), &vp9(1, 0, false), Limit::ALL).is_err());
        assert!(sieve.check(&at(6, 3), &key, Limit::ALL).is_ok());
        assert!(sieve.check(&at(7, 3), &vp9(1, 0, false), Limit::ALL).is_ok());
        assert!(!sieve.needs_key_frame(Limit::ALL));
    }

    #[test]
    fn an_encoder_that_marks_no_point_is_asked_for_a_key_frame() {
        let mut sieve = Sieve::new(limit(7, 0), &at(0, 0));
        for n in 0..=70 {
            let _ = sieve.check(&at(n, n as u32), &vp8(n as u8 % 2, false), Limit::ALL);
            assert_eq!(sieve.needs_key_frame(Limit::ALL), n > 61, "picture {n}");
        }
        let key = Part {
            starts_key_frame: true,
            ..vp8(0, false)
        };
        assert!(sieve.check(&at(71, 71), &key, Limit::ALL).is_ok());
        assert!(!sieve.needs_key_frame(Limit::ALL));
    }

    /// Frames of three temporal layers in two rounds: in the first one the upper layers begin anew.
    const PATTERN: [u8; 8] = [0, 2, 1, 2, 0, 2, 1, 2];

    fn numbers(seq: u64, picture: usize, id: u16) -> Numbers {
        let zero = PictureId { value: 0, is_wide: true };
        Numbers {
            picture_id: Some(zero.plus(id.wrapping_add(picture as u16))),
            ..at(seq, picture as u32)
        }
    }

    fn distance(after: Numbers, before: Numbers) -> Option<u16> {
        after
            .picture_id
            .zip(before.picture_id)
            .map(|(after, before)| after.since(before))
    }

    proptest! {
        /// Whatever is wanted from picture to picture: what passes of a VP8 stream builds on nothing that did not, and goes out as
        /// if it were all.
        #[test]
        fn what_passes_of_vp8_decodes(
            wanted in proptest::collection::vec(0u8..4, 10..200),
            (seq, id, packets) in (any::<u32>(), any::<u16>(), 1u64..4),
        ) {
            let now = Instant::now();
            let mut rewriter = Rewriter::default();
            let mut sieve = None;
            let mut passed = HashSet::new();
            let mut last = [0; 3];
            let mut out_before: Option<Numbers> = None;
            for (n, wanted) in wanted.into_iter().enumerate() {
                let (temporal, syncs) = (PATTERN[n % 8], n % 8 == 1 || n % 8 == 2);
                let layers = if syncs { 0 } else { usize::from(temporal) };
                let builds_on: Vec<usize> = if n == 0 { Vec::new() } else { last[..=layers].to_vec() };
                last[usize::from(temporal)] = n;
                for index in 0..packets {
                    let packet = numbers(u64::from(seq) + n as u64 * packets + index, n, id);
                    let part = Part {
                        begins: index == 0,
                        ends: index + 1 == packets,
                        starts_key_frame: n == 0 && index == 0,
                        ..vp8(temporal, syncs)
                    };
                    let sieve = sieve.get_or_insert_with(|| {
                        rewriter.switch(packet, now, 90_000, PictureIds::Closed);
                        Sieve::new(limit(7, wanted), &packet)
                    });
                    if sieve.check(&packet, &part, limit(7, wanted)).is_err() {
                        prop_assert!(!passed.contains(&n), "not a part of it");
                        rewriter.leave_out(packet, &part, sieve.is_base_only());
                        continue;
                    }
                    prop_assert!(index == 0 || passed.contains(&n), "the whole picture");
                    passed.insert(n);
                    prop_assert!(builds_on.iter().all(|frame| passed.contains(frame)), "picture {} on {:?}", n, builds_on);
                    let out = rewriter.rewrite(packet, &part, sieve.is_base_only(), now).expect("it came in order");
                    if let Some(before) = out_before.replace(out) {
                        prop_assert_eq!(out.seq, before.seq + 1);
                        prop_assert_eq!(distance(out, before), Some(u16::from(index == 0)));
                    }
                }
            }
        }

        /// The same of VP9 with three spatial layers, which build on each other at key pictures only; the last packet of each
        /// picture that passes has the marker, and no other.
        #[test]
        fn what_passes_of_vp9_decodes(
            wanted in proptest::collection::vec((0u8..4, 0u8..4), 10..200),
            (seq, id, key_every) in (any::<u32>(), any::<u16>(), 1usize..7),
        ) {
            const PACKETS: u64 = 2;
            let now = Instant::now();
            let mut rewriter = Rewriter::default();
            let mut sieve = None;
            let mut passed: HashSet<(usize, u8)> = HashSet::new();
            let mut last: [Option<usize>; 3] = [None; 3];
            let mut out_before: Option<(Numbers, Numbers)> = None;
            for (n, (spatial, temporal)) in wanted.into_iter().enumerate() {
                let wanted = limit(spatial, temporal);
                let (temporal, is_key) = (PATTERN[n % 8], n % (8 * key_every) == 0);
                let layers = if is_key { 0 } else { usize::from(temporal) + 1 };
                let builds_on: Vec<usize> = last[..layers].iter().flatten().copied().collect();
                if n % 8 == 0 {
                    last = [None; 3];
                }
                last[usize::from(temporal)] = Some(n);
                let mut markers = Vec::new();
                for spatial in 0..3 {
                    for index in 0..PACKETS {
                        let packet = numbers(u64::from(seq) + (n as u64 * 3 + u64::from(spatial)) * PACKETS + index, n, id);
                        let part = Part {
                            begins: index == 0,
                            ends: index + 1 == PACKETS,
                            starts_key_frame: is_key && spatial == 0 && index == 0,
                            ..vp9(spatial, temporal, n % 8 == 0)
                        };
                        let sieve = sieve.get_or_insert_with(|| {
                            rewriter.switch(packet, now, 90_000, PictureIds::Kept);
                            Sieve::new(wanted, &packet)
                        });
                        if sieve.check(&packet, &part, wanted).is_err() {
                            rewriter.leave_out(packet, &part, sieve.is_base_only());
                            continue;
                        }
                        prop_assert!(index == 0 || passed.contains(&(n, spatial)), "the whole of it");
                        passed.insert((n, spatial));
                        prop_assert!(builds_on.iter().all(|frame| passed.contains(&(*frame, spatial))));
                        prop_assert!(spatial == 0 || !is_key || passed.contains(&(n, spatial - 1)));
                        markers.push(sieve.ends_picture(&part) || (spatial == 2 && part.ends));
                        let out = rewriter.rewrite(packet, &part, sieve.is_base_only(), now).expect("it came in order");
                        if let Some((packet_before, before)) = out_before.replace((packet, out)) {
                            prop_assert_eq!(out.seq, before.seq + 1);
                            prop_assert_eq!(distance(out, before), distance(packet, packet_before));
                        }
                    }
                }
                if let Some((ends, rest)) = markers.split_last() {
                    prop_assert!(*ends && !rest.contains(&true), "picture {}: {:?}", n, markers);
                }
            }
        }
    }
}
