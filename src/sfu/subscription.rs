//! One participant receiving one track: which layer it should carry, which one it does, and at which packet it changes over.
//!
//! A switch, up or down, happens only at a key frame of the target; until then the layer before goes on.

use super::counters::Drop;

/// What to do with a packet of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Forward,
    /// Forward, and this packet is where its stream begins in the slot.
    Switch,
    Drop(Drop),
}

/// The layers of a subscription, by their rank in the track, lowest 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// What the allocator would like.
    pub desired: Option<usize>,
    /// What it shall carry: the best layer that arrives and is not above `desired`, as far as there is one.
    pub target: Option<usize>,
    /// What it carries: the layer and its SSRC.
    current: Option<(usize, u32)>,
}

impl Subscription {
    /// Decides about one packet.
    pub fn handle_packet(&mut self, layer: usize, ssrc: u32, starts_key_frame: bool) -> Decision {
        let Some(target) = self.target else {
            self.current = None;
            return Decision::Drop(Drop::LayerNotSelected);
        };
        if self.current == Some((layer, ssrc)) {
            return Decision::Forward;
        }
        if layer != target {
            return Decision::Drop(Drop::LayerNotSelected);
        }
        if !starts_key_frame {
            return Decision::Drop(Drop::NoKeyFrameYet);
        }
        self.current = Some((layer, ssrc));
        Decision::Switch
    }

    /// Whether it waits for a key frame of its target.
    pub fn is_waiting(&self) -> bool {
        self.target.is_some() && self.current.map(|(layer, _)| layer) != self.target
    }

    /// The layer that it carries.
    pub fn current_layer(&self) -> Option<usize> {
        self.current.map(|(layer, _)| layer)
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

    #[test]
    fn it_changes_over_at_a_key_frame_of_the_target_only() {
        let mut subscription = to(0);
        assert!(subscription.is_waiting());
        assert_eq!(subscription.handle_packet(0, 10, false), Decision::Drop(Drop::NoKeyFrameYet));
        assert_eq!(
            subscription.handle_packet(1, 11, true),
            Decision::Drop(Drop::LayerNotSelected)
        );
        assert_eq!(subscription.handle_packet(0, 10, true), Decision::Switch);
        assert_eq!(subscription.handle_packet(0, 10, false), Decision::Forward);
        assert!(!subscription.is_waiting());

        subscription.target = Some(1);
        assert_eq!(subscription.handle_packet(1, 11, false), Decision::Drop(Drop::NoKeyFrameYet));
        assert_eq!(
            subscription.handle_packet(0, 10, false),
            Decision::Forward,
            "the layer before goes on"
        );
        assert_eq!(subscription.handle_packet(1, 11, true), Decision::Switch);
        assert_eq!(
            subscription.handle_packet(0, 10, true),
            Decision::Drop(Drop::LayerNotSelected)
        );
    }

    #[test]
    fn a_layer_that_comes_back_under_another_ssrc_begins_anew() {
        let mut subscription = to(0);
        assert_eq!(subscription.handle_packet(0, 10, true), Decision::Switch);
        assert_eq!(subscription.handle_packet(0, 12, false), Decision::Drop(Drop::NoKeyFrameYet));
        assert_eq!(subscription.handle_packet(0, 12, true), Decision::Switch);
    }

    #[test]
    fn without_a_target_nothing_goes_on() {
        let mut subscription = to(0);
        assert_eq!(subscription.handle_packet(0, 10, true), Decision::Switch);
        subscription.target = None;
        assert_eq!(
            subscription.handle_packet(0, 10, false),
            Decision::Drop(Drop::LayerNotSelected)
        );
        subscription.target = Some(0);
        assert_eq!(subscription.handle_packet(0, 10, false), Decision::Drop(Drop::NoKeyFrameYet));
    }
}
