//! A slot: what it carries, and the continuity of what it sends over everything that it carries in turn.

use std::time::{Duration, Instant};

use str0m::media::{Mid, Pt};

use super::allocator::Grant;
use super::choice::{Offered, Sight};
use super::codec::{Codec, Format};
use super::counters::Drop;
use super::media::{self, MediaPacket, SlotLine, SlotPacket};
use super::rewrite::Rewriter;
use super::subscription::{Decision, Subscription};
use super::track::Wish;
use crate::id::{ParticipantId, Source};

/// One place in a participant's transport in which the server sends some track.
pub(super) struct Slot {
    pub(super) mid: Mid,
    pub(super) is_video: bool,
    pub(super) ssrc: u32,
    pub(super) payload_types: Vec<(Format, Pt)>,
    /// Outlives subscriptions: what the slot sends is continuous over all of them.
    rewriter: Rewriter,
    pub(super) content: Option<Content>,
}

/// What a slot carries.
pub(super) struct Content {
    pub(super) publisher: usize,
    /// To notice that another participant has the place.
    pub(super) participant: ParticipantId,
    pub(super) source: Source,
    pub(super) sight: Sight,
    pub(super) subscription: Subscription,
    pub(super) grant: Grant,
    /// Its audio comes with redundancy.
    pub(super) is_redundant: bool,
    /// Bandwidth, or the worker, does not suffice for it now.
    pub(super) paused: bool,
    paused_at: Option<Instant>,
    /// The layer that suffices for the tile.
    pub(super) sufficient: Option<usize>,
    /// Since when more comes than was granted, though the encoder was told.
    over_since: Option<Instant>,
    /// Since when it carries a higher layer than it has room for, or would if it had not let it go.
    down_since: Option<Instant>,
}

/// A lower layer that is to take over comes within this time (its encoder has to be switched on, or asked for a key frame), or the
/// higher one is let go without it.
const DOWN_WITHIN: Duration = Duration::from_millis(600);

/// A picture that was paused stays so for this long.
const PAUSE_MIN: Duration = Duration::from_secs(2);

/// An encoder that was told to use less does so within this time, or it never does.
const OBEYS_WITHIN: Duration = Duration::from_secs(3);

/// What comes may be this much more than what was granted: encoders are no clocks.
const OVER_MAX: f64 = 1.25;

impl Slot {
    pub(super) fn new(line: &SlotLine) -> Slot {
        Slot {
            mid: line.mid,
            is_video: line.is_video,
            ssrc: line.ssrc,
            payload_types: line.payload_types.clone(),
            rewriter: Rewriter::default(),
            content: None,
        }
    }

    /// The packet as it goes out in this slot, or why it does not. `unwraps`: there is no room for redundancy of audio.
    pub(super) fn forward(
        &mut self,
        packet: &MediaPacket,
        layer: usize,
        unwraps: bool,
        now: Instant,
    ) -> Result<SlotPacket, Drop> {
        let content = self.content.as_mut().ok_or(Drop::NoWatcher)?;
        content.is_redundant = packet.format.codec == Codec::Red;
        let found = media::payload_for(packet, &self.payload_types, unwraps);
        if found == Err(Drop::NoCodec) {
            content.subscription.set_undecodable();
        }
        let (payload_type, payload) = found?;
        let subscription = &mut content.subscription;
        let decision = subscription.handle_packet(layer, packet.ssrc, &packet.numbers, &packet.part);
        let base_only = subscription.is_base_only();
        match decision {
            Decision::Forward => {}
            Decision::Switch => {
                let codec = packet.format.codec;
                self.rewriter
                    .switch(packet.numbers, now, codec.clock_rate(), codec.picture_ids());
            }
            Decision::LeaveOut(reason) => {
                self.rewriter.leave_out(packet.numbers, &packet.part, base_only);
                return Err(reason);
            }
            Decision::Drop(reason) => return Err(reason),
        }
        Ok(SlotPacket {
            ssrc: self.ssrc,
            payload_type,
            is_video: self.is_video,
            codec: packet.format.codec,
            numbers: self.rewriter.rewrite(packet.numbers, &packet.part, base_only, now)?,
            was: packet.numbers,
            marker: packet.marker || subscription.ends_picture(&packet.part),
            extensions: packet.extensions,
            payload,
        })
    }
}

impl Content {
    pub(super) fn new(offered: &Offered) -> Content {
        let mut content = Content {
            publisher: offered.place,
            participant: offered.participant,
            source: offered.source,
            sight: Sight::full(offered.source),
            subscription: Subscription::default(),
            grant: Grant::default(),
            is_redundant: false,
            paused: false,
            paused_at: None,
            sufficient: None,
            over_since: None,
            down_since: None,
        };
        content.restart();
        content
    }

    /// The publisher's streams begin anew.
    pub(super) fn restart(&mut self) {
        self.subscription.restart();
        if !self.source.is_video() {
            // Audio is never dropped.
            self.subscription.target = Some(0);
        }
    }

    /// It is looked at in this way from now on.
    pub(super) fn look(&mut self, sight: Sight) {
        self.sight = sight;
        if sight.hidden {
            self.subscription.restart();
            self.grant = Grant::default();
            self.paused = false;
            self.over_since = None;
        }
    }

    /// Whether its encoder does as it is told.
    pub(super) fn obeys(&self, now: Instant) -> bool {
        self.over_since.is_none_or(|since| now < since + OBEYS_WITHIN)
    }

    /// Whether the way down to `desired` takes too long, or there is no time for it.
    pub(super) fn is_late_down(&mut self, desired: Option<usize>, is_hopeless: bool, now: Instant) -> bool {
        match (self.subscription.current_layer(), desired) {
            (Some(current), Some(desired)) if current > desired => {
                self.down_since.get_or_insert(now);
            }
            (None, Some(_)) => {}
            _ => self.down_since = None,
        }
        self.down_since.is_some_and(|since| is_hopeless || now >= since + DOWN_WITHIN)
    }

    /// Takes what the allocator gives it, of layers of so many bits per second (none: it has nothing to show yet).
    pub(super) fn receive(&mut self, grant: Grant, rates_bps: &[u64], now: Instant) {
        let rests = self.paused && self.paused_at.is_some_and(|at| now < at + PAUSE_MIN);
        let paused = !rates_bps.is_empty() && (grant.layer.is_none() || rests);
        if paused && !self.paused {
            self.paused_at = Some(now);
        }
        self.paused = paused;
        self.grant = if paused { Grant::default() } else { grant };
        if let Some(rate_bps) = self.grant.layer.and_then(|layer| rates_bps.get(layer)) {
            let is_over = *rate_bps as f64 > self.grant.bitrate_bps as f64 * OVER_MAX;
            self.over_since = is_over.then(|| self.over_since.unwrap_or(now));
        }
    }

    /// What it would have of the track's encodings.
    pub(super) fn wish(&self) -> Wish {
        Wish {
            desired: self.subscription.desired,
            target: self.subscription.target,
            current: self.subscription.current_layer(),
            bitrate_bps: self.grant.bitrate_bps,
        }
    }

    pub(super) fn is_of(&self, offered: &Offered) -> bool {
        (self.publisher, self.participant, self.source) == (offered.place, offered.participant, offered.source)
    }
}

/// Subscriptions that carry video, by layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerCounts {
    pub low: u64,
    pub middle: u64,
    pub high: u64,
    pub single: u64,
}

impl LayerCounts {
    /// Counts a subscription to this layer of so many.
    pub(super) fn add(&mut self, layer: usize, layers: usize) {
        match layers {
            0 => {}
            1 => self.single += 1,
            layers if layer + 1 == layers => self.high += 1,
            _ if layer == 0 => self.low += 1,
            _ => self.middle += 1,
        }
    }
}
