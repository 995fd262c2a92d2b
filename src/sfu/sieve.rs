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
mod tests {
    use super::*;

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
}
