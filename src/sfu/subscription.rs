//! One participant receiving one track: which layer it should carry, which one it does, and at which packet it changes over.
//!
//! A switch, up or down, happens only at a key frame of the target; until then the layer before goes on. Down at once is possible
//! inside of an encoding only: so while a lower layer is waited for, the one before goes on with the lowest of its temporal layers.

use super::counters::Drop;
use super::picture::{Limit, Part};
use super::rewrite::Numbers;
use super::sieve::Sieve;

/// What to do with a packet of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Forward,
    /// Forward, and this packet is where its stream begins in the slot.
    Switch,
    /// It is of the layer that is carried, and left out of it: what follows closes up.
    LeaveOut(Drop),
    Drop(Drop),
}

/// The layers of a subscription, by their rank in the track, lowest 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// What the allocator would like.
    pub desired: Option<usize>,
    /// What it shall carry: the best layer that arrives and is not above `desired`, as far as there is one.
    pub target: Option<usize>,
    /// What of the target it shall carry.
    pub limit: Limit,
    /// What it carries: the layer and its SSRC.
    current: Option<(usize, u32)>,
    sieve: Sieve,
    /// Something of what it carries is missing at the subscriber's.
    is_broken: bool,
    /// The subscriber cannot decode the track, so there is nothing to wait for.
    is_undecodable: bool,
}

impl Subscription {
    /// Decides about one packet.
    pub fn handle_packet(&mut self, layer: usize, ssrc: u32, packet: &Numbers, part: &Part) -> Decision {
        self.is_undecodable = false;
        let Some(target) = self.target else {
            self.current = None;
            return Decision::Drop(Drop::LayerNotSelected);
        };
        if self.current == Some((layer, ssrc)) {
            self.is_broken &= !part.starts_key_frame;
            let wanted = self.wanted();
            return match self.sieve.check(packet, part, wanted) {
                Ok(()) => Decision::Forward,
                Err(reason) => Decision::LeaveOut(reason),
            };
        }
        if layer != target {
            return Decision::Drop(Drop::LayerNotSelected);
        }
        if !part.starts_key_frame {
            return Decision::Drop(Drop::NoKeyFrameYet);
        }
        self.current = Some((layer, ssrc));
        self.is_broken = false;
        self.sieve = Sieve::new(self.limit, packet);
        match self.sieve.check(packet, part, self.limit) {
            Ok(()) => Decision::Switch,
            Err(reason) => Decision::LeaveOut(reason),
        }
    }

    /// What of the layer that it carries is wanted.
    fn wanted(&self) -> Limit {
        // A lower layer that is desired may not arrive yet, because nobody wanted it.
        let lowest = self.desired.into_iter().chain(self.target).min();
        let goes_down = self
            .current_layer()
            .zip(lowest)
            .is_some_and(|(current, lowest)| lowest < current);
        Limit {
            temporal: if goes_down { 0 } else { self.limit.temporal },
            ..self.limit
        }
    }

    /// Whether this packet is the last of its picture that is carried, though more of it came in.
    pub fn ends_picture(&self, part: &Part) -> bool {
        self.sieve.ends_picture(part)
    }

    /// Whether no temporal layer above the lowest passes, here and right before.
    pub fn is_base_only(&self) -> bool {
        self.sieve.is_base_only()
    }

    /// The subscriber's browser did not negotiate the track's codec.
    pub fn set_undecodable(&mut self) {
        self.current = None;
        self.is_undecodable = true;
    }

    /// Whether it waits for a key frame of its target.
    pub fn is_waiting(&self) -> bool {
        let waits = self.is_broken || self.current_layer() != self.target || self.sieve.needs_key_frame(self.wanted());
        self.target.is_some() && !self.is_undecodable && waits
    }

    /// The layer that it carries.
    pub fn current_layer(&self) -> Option<usize> {
        self.current.map(|(layer, _)| layer)
    }

    /// What it carries is too much, and the lower layer does not come: better nothing for a moment than more than there is room for.
    pub fn let_go(&mut self) {
        self.current = None;
    }

    /// Something of what it carries is missing, and will not be sent again.
    pub fn want_key_frame(&mut self) {
        self.is_broken = self.current.is_some();
    }

    /// The publisher's transport is another one: its streams begin anew.
    pub fn restart(&mut self) {
        *self = Subscription::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(target: usize) -> Subscription {
        Subscription {
            target: Some(target),
            ..Subscription::default()
        }
    }

    /// A packet of one picture after the other.
    fn arrive(subscription: &mut Subscription, layer: usize, ssrc: u32, starts_key_frame: bool) -> Decision {
        let part = Part {
            starts_key_frame,
            ..Part::default()
        };
        subscription.handle_packet(layer, ssrc, &Numbers::default(), &part)
    }

    #[test]
    fn it_changes_over_at_a_key_frame_of_the_target_only() {
        let mut subscription = to(0);
        assert!(subscription.is_waiting());
        assert_eq!(arrive(&mut subscription, 0, 10, false), Decision::Drop(Drop::NoKeyFrameYet));
        assert_eq!(arrive(&mut subscription, 1, 11, true), Decision::Drop(Drop::LayerNotSelected));
        assert_eq!(arrive(&mut subscription, 0, 10, true), Decision::Switch);
        assert_eq!(arrive(&mut subscription, 0, 10, false), Decision::Forward);
        assert!(!subscription.is_waiting());

        subscription.target = Some(1);
        assert_eq!(arrive(&mut subscription, 1, 11, false), Decision::Drop(Drop::NoKeyFrameYet));
        assert_eq!(
            arrive(&mut subscription, 0, 10, false),
            Decision::Forward,
            "the layer before goes on"
        );
        assert_eq!(arrive(&mut subscription, 1, 11, true), Decision::Switch);
        assert_eq!(arrive(&mut subscription, 0, 10, true), Decision::Drop(Drop::LayerNotSelected));
    }

    #[test]
    fn a_layer_that_comes_back_under_another_ssrc_begins_anew() {
        let mut subscription = to(0);
        assert_eq!(arrive(&mut subscription, 0, 10, true), Decision::Switch);
        assert_eq!(arrive(&mut subscription, 0, 12, false), Decision::Drop(Drop::NoKeyFrameYet));
        assert_eq!(arrive(&mut subscription, 0, 12, true), Decision::Switch);
    }

    #[test]
    fn without_a_target_nothing_goes_on() {
        let mut subscription = to(0);
        assert_eq!(arrive(&mut subscription, 0, 10, true), Decision::Switch);
        subscription.target = None;
        assert_eq!(
            arrive(&mut subscription, 0, 10, false),
            Decision::Drop(Drop::LayerNotSelected)
        );
        subscription.target = Some(0);
        assert_eq!(arrive(&mut subscription, 0, 10, false), Decision::Drop(Drop::NoKeyFrameYet));
    }

    #[test]
    fn while_it_waits_for_a_lower_layer_the_one_before_goes_on_with_its_base() {
        let mut subscription = to(1);
        let mut picture = 0;
        let mut arrive = |subscription: &mut Subscription, layer, temporal, starts_key_frame| {
            picture += 1;
            let packet = Numbers {
                seq: picture,
                timestamp: picture as u32 * 3000,
                ..Numbers::default()
            };
            let part = Part {
                temporal,
                begins: true,
                starts_key_frame,
                ..Part::default()
            };
            subscription.handle_packet(layer, layer as u32, &packet, &part)
        };
        assert_eq!(arrive(&mut subscription, 1, 0, true), Decision::Switch);
        assert_eq!(arrive(&mut subscription, 1, 1, false), Decision::Forward);
        subscription.target = Some(0);
        assert_eq!(arrive(&mut subscription, 1, 0, false), Decision::Forward);
        assert_eq!(
            arrive(&mut subscription, 1, 1, false),
            Decision::LeaveOut(Drop::TemporalLayer)
        );
        assert_eq!(arrive(&mut subscription, 0, 0, true), Decision::Switch);
        assert_eq!(
            arrive(&mut subscription, 0, 1, false),
            Decision::Forward,
            "of the target all goes on"
        );
        subscription.target = Some(1);
        assert_eq!(arrive(&mut subscription, 0, 1, false), Decision::Forward, "and on the way up");

        assert_eq!(arrive(&mut subscription, 1, 0, true), Decision::Switch);
        subscription.desired = Some(0);
        assert_eq!(
            arrive(&mut subscription, 1, 1, false),
            Decision::LeaveOut(Drop::TemporalLayer),
            "the lower layer does not arrive yet"
        );
    }

    #[test]
    fn what_is_missing_is_mended_by_a_key_frame() {
        let mut subscription = to(0);
        subscription.want_key_frame();
        assert_eq!(arrive(&mut subscription, 0, 10, true), Decision::Switch);
        assert!(!subscription.is_waiting());
        subscription.want_key_frame();
        assert!(subscription.is_waiting());
        assert_eq!(
            arrive(&mut subscription, 0, 10, false),
            Decision::Forward,
            "and it goes on meanwhile"
        );
        assert!(subscription.is_waiting());
        assert_eq!(arrive(&mut subscription, 0, 10, true), Decision::Forward);
        assert!(!subscription.is_waiting());
    }

    #[test]
    fn who_cannot_decode_the_track_waits_for_nothing() {
        let mut subscription = to(0);
        assert!(subscription.is_waiting());
        subscription.set_undecodable();
        assert!(!subscription.is_waiting());
    }
}
