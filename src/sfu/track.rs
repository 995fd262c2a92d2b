//! One published track: which of its layers arrive and how fast, when a key frame may be asked for, and what is wanted of its encoder.

use std::time::{Duration, Instant};

use str0m::media::{Mid, Rid};

use super::inner_layers::InnerLayers;
use super::media::ReceiveLine;
use super::picture::{Limit, Part};
use crate::id::Source;

/// A layer that was silent for this long does not arrive. A screen that stands still is sent a few times a second at least.
const ARRIVES_WITHIN: Duration = Duration::from_secs(2);

/// Nor does one that is silent for this long while lower ones bring this many pictures: an encoder makes all layers of the same pictures,
/// and leaves the higher ones out where the publisher's uplink or its machine has no room for them.
const LEFT_BEHIND_AFTER: Duration = Duration::from_millis(300);
const LEFT_BEHIND_PICTURES: u32 = 6;

/// How long a layer is measured at a time.
const MEASURE_EVERY: Duration = Duration::from_millis(500);

/// A publisher is asked for key frames at most this often, whoever needs one: a PLI for one layer makes Chromium send one on all.
const KEY_FRAME_EVERY: Duration = Duration::from_millis(300);

/// All layers are wanted for this long after a track starts, to learn which of them arrive.
const LEARN_FOR: Duration = Duration::from_secs(3);

/// What is wanted is said at most this often, unless a layer has to be switched on or off.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// Layers are switched on and off once that has been wanted for so long: when people come and go, views change in several breaths, and
/// each change lets the encoders begin anew. Whoever has nothing to watch meanwhile is not kept waiting.
const SWITCH_AFTER: Duration = Duration::from_millis(400);

/// A change of the maximum bitrate that is worth a message.
const SAY_ABOVE: f64 = 0.15;

/// The most that an encoder of a layer is ever asked for, top layer first.
const NOMINAL_BPS: [u32; 3] = [2_500_000, 700_000, 200_000];

/// The least that an encoder is limited to.
const ENCODER_BPS_MIN: u32 = 60_000;

/// And that of the lowest layer where several watch it: a poor link does not take the picture from everybody else.
pub const SHARED_BPS_MIN: u32 = 120_000;

/// How high the pictures of the layers are, top layer first, when a page encodes 720 lines and a half and a quarter of them.
const LAYER_HEIGHT_PX: [u16; 3] = [720, 360, 180];

/// A tile may be this much higher than the picture in it, before the next layer is of use; and while that is carried, ...
const STRETCH_MAX: f64 = 1.3;

/// ... it is until the tile is no more than this much higher than the smaller picture.
const STRETCH_BACK: f64 = 1.1;

/// A track has no more layers than this, whatever rids arrive.
const LAYERS_MAX: usize = 4;

/// One encoding of a track.
#[derive(Debug)]
pub struct Layer {
    pub rid: Option<Rid>,
    last_packet: Option<Instant>,
    /// Pictures that lower layers brought since then.
    behind: u32,
    measured_from: Option<Instant>,
    bytes: u64,
    /// As measured while it last arrived.
    rate_bps: Option<u64>,
    inner: InnerLayers,
}

impl Layer {
    fn new(rid: Option<Rid>) -> Layer {
        Layer {
            rid,
            last_packet: None,
            behind: 0,
            measured_from: None,
            bytes: 0,
            rate_bps: None,
            inner: InnerLayers::default(),
        }
    }

    pub fn is_arriving(&self, now: Instant) -> bool {
        let within = if self.behind < LEFT_BEHIND_PICTURES {
            ARRIVES_WITHIN
        } else {
            LEFT_BEHIND_AFTER
        };
        self.last_packet.is_some_and(|at| now.saturating_duration_since(at) < within)
    }

    /// Whether any packet of it ever came.
    pub fn has_arrived(&self) -> bool {
        self.last_packet.is_some()
    }

    fn arrive(&mut self, part: &Part, bytes: usize, now: Instant) {
        self.last_packet = Some(now);
        self.behind = 0;
        let from = *self.measured_from.get_or_insert(now);
        let elapsed = now.saturating_duration_since(from);
        if elapsed > ARRIVES_WITHIN {
            // It was silent: what came before and what comes now are not one measurement.
            self.measured_from = Some(now);
            self.bytes = 0;
            self.inner.forget();
        } else if elapsed >= MEASURE_EVERY {
            let rate = (self.bytes * 8) as f64 / elapsed.as_secs_f64();
            let before = self.rate_bps.map_or(rate, |bps| bps as f64);
            self.rate_bps = Some((before * 0.5 + rate * 0.5) as u64);
            self.inner.measure(elapsed);
            self.measured_from = Some(now);
            self.bytes = 0;
        }
        self.bytes += bytes as u64;
        self.inner.arrive(part, bytes);
    }
}

/// A packet's layer, and whether it is the first of it, at all or for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub layer: usize,
    pub is_first: bool,
}

/// Who watches a track: a member's place in the room, and the slot in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watcher {
    pub member: usize,
    pub slot: usize,
}

/// What one watcher would have of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub desired: Option<usize>,
    pub target: Option<usize>,
    pub current: Option<usize>,
    /// What the encoder may use as far as this watcher is concerned.
    pub bitrate_bps: u64,
}

/// What is wanted of one encoding: rid, active, at most this many bits per second.
pub type WantedLayer = (Option<Rid>, bool, u32);

/// A published track.
#[derive(Debug)]
pub struct Track {
    pub source: Source,
    pub mid: Mid,
    /// Lowest first.
    pub layers: Vec<Layer>,
    /// In no particular order.
    pub watchers: Vec<Watcher>,
    started: Option<Instant>,
    key_frame_asked: Option<Instant>,
    /// A key frame was asked for while it was too early to pass that on.
    key_frame_due: bool,
    said: Vec<WantedLayer>,
    said_at: Option<Instant>,
    /// Since when other layers are wanted than was said.
    switch_since: Option<Instant>,
    /// How many would have the lowest layer, when it was last looked at.
    lowest_wishes: usize,
}

impl Track {
    pub fn new(source: Source, line: &ReceiveLine) -> Track {
        let mut layers: Vec<Layer> = line.rids.iter().take(LAYERS_MAX).map(|rid| Layer::new(Some(*rid))).collect();
        if layers.is_empty() {
            layers.push(Layer::new(None));
        }
        let mut track = Track {
            source,
            mid: line.mid,
            layers,
            watchers: Vec::new(),
            started: None,
            key_frame_asked: None,
            key_frame_due: false,
            said: Vec::new(),
            said_at: None,
            switch_since: None,
            lowest_wishes: 0,
        };
        // A browser starts with everything on.
        track.said = track.everything();
        track
    }

    /// The source was switched on again: which layers arrive may be others than before.
    pub fn restart(&mut self) {
        self.started = None;
        for layer in &mut self.layers {
            *layer = Layer::new(layer.rid);
        }
    }

    /// Counts a packet, and says of which layer it is (none: of a rid that was not offered).
    pub fn handle_packet(&mut self, rid: Option<Rid>, part: &Part, bytes: usize, now: Instant) -> Option<Arrival> {
        self.started.get_or_insert(now);
        let layer = self.layers.iter().position(|layer| layer.rid == rid)?;
        let is_first = !self.layers[layer].is_arriving(now);
        self.layers[layer].arrive(part, bytes, now);
        Some(Arrival { layer, is_first })
    }

    /// The last packet of a picture came in this layer: those above should have it as well.
    pub fn end_picture(&mut self, layer: usize) {
        for higher in self.layers.iter_mut().skip(layer + 1) {
            higher.behind = higher.behind.saturating_add(1);
        }
    }

    /// Whether all layers are still wanted, to see which of them arrive.
    fn is_learning(&self, now: Instant) -> bool {
        self.started.is_none_or(|at| now < at + LEARN_FOR)
    }

    /// The most that is asked of the encoder of a layer.
    pub fn nominal_bps(&self, layer: usize) -> u32 {
        let from_top = self.layers.len().saturating_sub(layer + 1);
        NOMINAL_BPS[from_top.min(NOMINAL_BPS.len() - 1)]
    }

    /// The layers that ever arrived, lowest first, with their bitrates.
    pub fn known_layers(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let known = self.layers.iter().enumerate().filter(|(_, layer)| layer.has_arrived());
        known.map(|(index, layer)| (index, layer.rate_bps.unwrap_or(u64::from(self.nominal_bps(index)))))
    }

    /// What of a layer fits into a bitrate and suffices for a tile of this height, for a watcher that carries `before` of it.
    pub fn limit(&self, layer: usize, bitrate_bps: u64, height_px: u16, before: Limit) -> Limit {
        let most = self.spatial(height_px, before);
        self.layers
            .get(layer)
            .map_or(Limit::ALL, |layer| layer.inner.limit(bitrate_bps, most, before))
    }

    /// What a layer takes as far as a tile of this height has use for it.
    pub fn rate_bps(&self, layer: usize, measured_bps: u64, height_px: u16, before: Limit) -> u64 {
        let spatial = self.spatial(height_px, before);
        let inner = self.layers.get(layer).map(|layer| &layer.inner);
        let partial = inner.filter(|inner| spatial < inner.highest().spatial);
        partial.map_or(measured_bps, |inner| {
            let temporal = u8::MAX;
            inner.rate_bps(Limit { spatial, temporal })
        })
    }

    /// The highest spatial layer of one encoding that is of use for a tile of this height. They are halves and quarters, too; where
    /// there are several encodings, the sizes are theirs.
    fn spatial(&self, height_px: u16, before: Limit) -> u8 {
        let [layer] = self.layers.as_slice() else { return u8::MAX };
        let top = layer.inner.highest().spatial;
        let carried = (before.spatial < top).then_some(usize::from(before.spatial));
        match sufficient(usize::from(top), height_px, carried) {
            spatial if spatial < usize::from(top) => spatial as u8,
            _ => u8::MAX,
        }
    }

    /// The layer that suffices for a tile of this height, where `before` did so far.
    pub fn sufficient(&self, height_px: u16, before: Option<usize>) -> usize {
        sufficient(self.layers.len().saturating_sub(1), height_px, before)
    }

    /// The best layer that arrives up to `desired`; else, because it is off, the next one above that fits into so many bits per second.
    /// Where there is none, `desired` has to be waited for.
    pub fn best_arriving(&self, desired: usize, bitrate_bps: u64, now: Instant) -> usize {
        let arriving = |layer: &usize| self.layers.get(*layer).is_some_and(|l| l.is_arriving(now));
        let fits = |layer: &usize| self.layers[*layer].rate_bps.is_none_or(|rate_bps| rate_bps <= bitrate_bps);
        (0..=desired)
            .rev()
            .find(arriving)
            .or_else(|| (desired..self.layers.len()).find(arriving).filter(fits))
            .unwrap_or(desired)
    }

    /// Whether nobody but this watcher would have the lowest layer.
    pub fn has_lowest_alone(&self, wish: Option<Wish>, now: Instant) -> bool {
        let is_its = wish.is_some_and(|wish| self.is_wished(self.lowest(), &wish, now));
        self.lowest_wishes <= usize::from(is_its)
    }

    /// The lowest layer that ever arrived.
    fn lowest(&self) -> usize {
        self.known_layers().next().map_or(0, |(index, _)| index)
    }

    fn is_wished(&self, layer: usize, wish: &Wish, now: Instant) -> bool {
        let is_carried = wish.current == Some(layer) && self.layers[layer].is_arriving(now);
        is_carried || [wish.desired, wish.target].contains(&Some(layer))
    }

    /// A watcher needs a key frame. True: ask the publisher; false: it was asked a moment ago, and will be again if need be.
    pub fn ask_key_frame(&mut self, now: Instant) -> bool {
        if self.key_frame_asked.is_some_and(|at| now < at + KEY_FRAME_EVERY) {
            self.key_frame_due = true;
            return false;
        }
        self.key_frame_asked = Some(now);
        self.key_frame_due = false;
        true
    }

    /// Whether a key frame that was put off has to be asked for.
    pub fn key_frame_is_due(&self, now: Instant) -> bool {
        self.key_frame_due && self.key_frame_asked.is_none_or(|at| now >= at + KEY_FRAME_EVERY)
    }

    /// What is wanted of the track's encodings, where that has changed enough to be said.
    pub fn poll_wanted(&mut self, wishes: &[Wish], now: Instant) -> Option<&[WantedLayer]> {
        let wanted = self.wanted(wishes, now);
        let lowest = self.lowest();
        self.lowest_wishes = wishes.iter().filter(|wish| self.is_wished(lowest, wish, now)).count();
        let activity = |list: &[WantedLayer]| list.iter().map(|l| l.1).collect::<Vec<_>>();
        let differs = activity(&wanted) != activity(&self.said);
        let since = differs.then(|| self.switch_since.unwrap_or(now));
        self.switch_since = since;
        let switched = since.is_some_and(|since| now >= since + SWITCH_AFTER) || self.is_lacking(wishes);
        let changed = wanted
            .iter()
            .zip(&self.said)
            .any(|(new, old)| new.1 && old.1 && (f64::from(new.2) - f64::from(old.2)).abs() > f64::from(old.2) * SAY_ABOVE);
        let early = self.said_at.is_some_and(|at| now < at + SAY_EVERY);
        if !switched && (!changed || early) {
            return None;
        }
        self.switch_since = None;
        self.said = wanted;
        self.said_at = Some(now);
        Some(&self.said)
    }

    /// Whether a watcher needs a layer that is off: it has to make do with less than it carries, or there is nothing else.
    fn is_lacking(&self, wishes: &[Wish]) -> bool {
        let is_off = |layer: usize| self.said.get(layer).is_some_and(|said| !said.1);
        let nothing = self.said.iter().all(|said| !said.1);
        wishes.iter().any(|wish| match (wish.current, wish.desired) {
            (Some(current), Some(desired)) => is_off(desired) && (desired < current || is_off(current)),
            (None, Some(_)) => nothing,
            (_, None) => false,
        })
    }

    fn wanted(&self, wishes: &[Wish], now: Instant) -> Vec<WantedLayer> {
        let mut wanted = self.everything();
        if self.is_learning(now) && wishes.len() != 1 {
            return wanted;
        }
        let lowest = self.lowest();
        for (index, (_, active, bitrate_bps)) in wanted.iter_mut().enumerate() {
            // What was carried before a silence, as while two talk directly, is not to begin again.
            let of_this = |wish: &&Wish| self.is_wished(index, wish, now);
            // A layer that never came costs nothing, and may only be late.
            let may_come = !self.layers[index].has_arrived() && !wishes.is_empty();
            *active = self.is_learning(now) || may_come || wishes.iter().any(|wish| of_this(&wish));
            // Of spatial layers a poor link takes fewer, and a small tile too: that is no reason for others to get less.
            let is_divisible = self.layers[index].inner.highest().spatial > 0;
            if wishes.len() == 1 || (index == lowest && !is_divisible) {
                let limit = wishes.iter().filter(of_this).map(|wish| wish.bitrate_bps).min();
                let limit = limit.map_or(*bitrate_bps, |bps| u32::try_from(bps).unwrap_or(u32::MAX));
                let is_shared = wishes.iter().filter(of_this).count() > 1;
                let least = if is_shared { SHARED_BPS_MIN } else { ENCODER_BPS_MIN };
                *bitrate_bps = (*bitrate_bps).min(limit.max(least));
            }
        }
        wanted
    }

    fn everything(&self) -> Vec<WantedLayer> {
        let layers = self.layers.iter().enumerate();
        layers
            .map(|(index, layer)| (layer.rid, true, self.nominal_bps(index)))
            .collect()
    }
}

/// The layer of those up to `top` that suffices for a tile of this height, where `before` did so far.
fn sufficient(top: usize, height_px: u16, before: Option<usize>) -> usize {
    let suffices = |layer: &usize| {
        let is_large = before.is_some_and(|before| before <= *layer);
        let stretch = if is_large { STRETCH_MAX } else { STRETCH_BACK };
        let height = LAYER_HEIGHT_PX[(top - layer).min(LAYER_HEIGHT_PX.len() - 1)];
        f64::from(height_px) <= f64::from(height) * stretch
    };
    (0..top).find(suffices).unwrap_or(top)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use super::*;

    fn camera() -> Track {
        Track::new(
            Source::Camera,
            &ReceiveLine {
                mid: Mid::from("1"),
                is_video: true,
                rids: ["q", "h", "f"].map(Rid::from).into(),
            },
        )
    }

    fn rid(name: &str) -> Option<Rid> {
        Some(Rid::from(name))
    }

    /// A packet of each layer of a camera.
    fn all_arrive(track: &mut Track, now: Instant) {
        for name in ["q", "h", "f"] {
            track.handle_packet(rid(name), &Part::default(), 1000, now);
        }
    }

    fn wish(layer: usize, bitrate_bps: u64) -> Wish {
        Wish {
            desired: Some(layer),
            target: Some(layer),
            current: Some(layer),
            bitrate_bps,
        }
    }

    fn active(wanted: Option<&[WantedLayer]>) -> Option<Vec<bool>> {
        wanted.map(|list| list.iter().map(|l| l.1).collect())
    }

    #[test]
    fn the_best_layer_is_one_that_arrives() {
        let mut track = camera();
        let now = Instant::now();
        const PLENTY: u64 = 9_000_000;
        assert_eq!(
            track.best_arriving(2, PLENTY, now),
            2,
            "nothing arrives: wait for what is desired"
        );
        track.handle_packet(rid("h"), &Part::default(), 1000, now);
        assert_eq!(track.best_arriving(2, PLENTY, now), 1);
        assert_eq!(track.best_arriving(0, PLENTY, now), 1);
        track.handle_packet(rid("q"), &Part::default(), 1000, now);
        assert_eq!(track.best_arriving(0, PLENTY, now), 0);
        assert_eq!(track.handle_packet(rid("x"), &Part::default(), 1000, now), None);
        let again = Arrival {
            layer: 0,
            is_first: false,
        };
        assert_eq!(track.handle_packet(rid("q"), &Part::default(), 1000, now), Some(again));
        assert_eq!(track.best_arriving(2, PLENTY, now + ARRIVES_WITHIN), 2);
    }

    #[test]
    fn a_layer_that_lower_ones_leave_behind_does_not_arrive() {
        const PLENTY: u64 = 9_000_000;
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        // Of a camera, of a screen that hardly changes, and of an encoder that leaves out a few pictures of its highest layer.
        for (every_ms, pictures, best) in [(33, 20, 1), (66, 7, 1), (66, 5, 2), (900, 2, 2), (10, 20, 2)] {
            let mut track = camera();
            all_arrive(&mut track, start);
            for n in 1..=pictures {
                track.handle_packet(rid("h"), &Part::default(), 1000, at(n * every_ms));
                track.end_picture(1);
            }
            let now = at(pictures * every_ms);
            assert_eq!(track.best_arriving(2, PLENTY, now), best, "{pictures} each {every_ms} ms");
            track.handle_packet(rid("f"), &Part::default(), 1000, now);
            assert_eq!(track.best_arriving(2, PLENTY, now), 2, "it is back with its first packet");
        }
    }

    #[test]
    fn a_layer_that_is_off_is_waited_for_where_the_next_one_is_too_much() {
        let mut track = camera();
        let start = Instant::now();
        for n in 0..200 {
            track.handle_packet(rid("h"), &Part::default(), 1250, start + Duration::from_millis(n * 10));
        }
        let now = start + Duration::from_secs(2);
        assert_eq!(track.best_arriving(0, 1_100_000, now), 1);
        assert_eq!(track.best_arriving(0, 500_000, now), 0);
        assert_eq!(track.best_arriving(1, 500_000, now), 1, "it is what was granted");
    }

    #[test]
    fn who_has_the_lowest_layer_alone_may_have_it_brought_down() {
        let mut track = camera();
        let start = Instant::now();
        all_arrive(&mut track, start);
        let now = start + LEARN_FOR;
        let (poor, rich) = (wish(0, 70_000), wish(2, 9_000_000));
        let wanted = track.poll_wanted(&[poor, rich], now).expect("it is said");
        assert_eq!(wanted[0].2, 70_000);
        assert!(track.has_lowest_alone(Some(poor), now));
        assert!(!track.has_lowest_alone(Some(rich), now) && !track.has_lowest_alone(None, now));
        track.poll_wanted(&[rich], now);
        assert!(track.has_lowest_alone(None, now), "who waits for it");
        track.poll_wanted(&[poor, poor, rich], now);
        assert!(!track.has_lowest_alone(Some(poor), now));
    }

    #[test]
    fn a_rate_is_measured_while_the_layer_arrives_and_remembered_after() {
        let mut track = camera();
        let start = Instant::now();
        for n in 0..200 {
            track.handle_packet(rid("q"), &Part::default(), 1250, start + Duration::from_millis(n * 10));
        }
        let (layer, bps) = track.known_layers().next().expect("q arrives");
        assert_eq!(layer, 0);
        assert!((950_000..1_050_000).contains(&bps), "{bps}");
        track.handle_packet(rid("q"), &Part::default(), 1250, start + Duration::from_secs(60));
        assert_eq!(track.known_layers().next(), Some((0, bps)), "a pause is no slow second");
    }

    #[test]
    fn key_frames_are_asked_for_at_intervals_and_none_is_forgotten() {
        let mut track = camera();
        let now = Instant::now();
        assert!(track.ask_key_frame(now));
        assert!(!track.key_frame_is_due(now + KEY_FRAME_EVERY));
        assert!(!track.ask_key_frame(now + Duration::from_millis(100)));
        assert!(!track.key_frame_is_due(now + Duration::from_millis(200)));
        assert!(track.key_frame_is_due(now + KEY_FRAME_EVERY));
        assert!(track.ask_key_frame(now + KEY_FRAME_EVERY));
        assert!(!track.key_frame_is_due(now + KEY_FRAME_EVERY * 5));
    }

    #[test]
    fn after_learning_only_what_is_watched_is_wanted() {
        let mut track = camera();
        let start = Instant::now();
        all_arrive(&mut track, start);
        let two = [wish(2, 9_000_000), wish(2, 9_000_000)];
        assert_eq!(track.poll_wanted(&two, start), None, "everything is on anyway");
        let later = start + LEARN_FOR;
        assert_eq!(track.poll_wanted(&two, later), None);
        let later = later + SWITCH_AFTER;
        assert_eq!(active(track.poll_wanted(&two, later)), Some(vec![false, false, true]));
        assert_eq!(track.poll_wanted(&two, later), None, "said once");
        let mixed = [wish(2, 9_000_000), wish(0, 100_000)];
        assert_eq!(
            active(track.poll_wanted(&mixed, later)),
            Some(vec![true, false, true]),
            "it needs what is off"
        );
        assert_eq!(track.poll_wanted(&[], later), None);
        let later = later + SWITCH_AFTER;
        assert_eq!(active(track.poll_wanted(&[], later)), Some(vec![false, false, false]));
    }

    #[test]
    fn encodings_change_once_when_views_change_in_several_breaths() {
        let mut track = camera();
        let start = Instant::now();
        all_arrive(&mut track, start);
        let low = wish(0, 9_000_000);
        let newcomer = |desired| Wish {
            desired: Some(desired),
            target: Some(0),
            current: None,
            bitrate_bps: 9_000_000,
        };
        let upgrade = Wish {
            desired: Some(2),
            target: Some(0),
            ..low
        };
        let at = |ms| start + LEARN_FOR + Duration::from_millis(ms);
        assert_eq!(track.poll_wanted(&[low, low], at(0)), None);
        let quiet = SWITCH_AFTER.as_millis() as u64;
        assert_eq!(
            active(track.poll_wanted(&[low, low], at(quiet))),
            Some(vec![true, false, false])
        );
        assert_eq!(
            track.poll_wanted(&[low, newcomer(2)], at(1000)),
            None,
            "it has not said its size yet"
        );
        assert_eq!(track.poll_wanted(&[low, newcomer(1)], at(1100)), None);
        assert_eq!(track.poll_wanted(&[low, newcomer(0)], at(1200)), None);
        assert_eq!(
            track.poll_wanted(&[low, low], at(1000 + quiet)),
            None,
            "and needs no other layer"
        );
        assert_eq!(track.poll_wanted(&[low, upgrade], at(2000)), None);
        assert_eq!(
            active(track.poll_wanted(&[low, upgrade], at(2000 + quiet))),
            Some(vec![true, false, true])
        );
        let off = at(3000);
        assert_eq!(track.poll_wanted(&[], off), None);
        assert_eq!(
            active(track.poll_wanted(&[], off + SWITCH_AFTER)),
            Some(vec![false, false, false])
        );
        let first = [newcomer(1)];
        assert_eq!(
            active(track.poll_wanted(&first, at(5000))),
            Some(vec![true, true, false]),
            "there is nothing else"
        );
    }

    #[test]
    fn a_tile_has_use_for_no_more_than_about_its_size() {
        let track = camera();
        for (height_px, before, expected) in [
            (0, None, 0),
            (180, None, 0),
            (198, None, 0),
            (210, None, 1),
            (210, Some(0), 0),
            (210, Some(1), 1),
            (240, Some(0), 1),
            (190, Some(1), 0),
            (400, None, 2),
            (400, Some(1), 1),
            (480, Some(1), 2),
            (390, Some(2), 1),
            (u16::MAX, None, 2),
        ] {
            assert_eq!(track.sufficient(height_px, before), expected, "{height_px} after {before:?}");
        }
        let single = Track::new(
            Source::Screen,
            &ReceiveLine {
                mid: Mid::from("2"),
                is_video: true,
                rids: Vec::new(),
            },
        );
        assert_eq!(single.sufficient(10, None), 0);
        assert_eq!(single.sufficient(u16::MAX, None), 0);
    }

    #[test]
    fn a_small_tile_has_use_for_few_of_the_spatial_layers_inside_of_an_encoding() {
        let line = ReceiveLine {
            mid: Mid::from("1"),
            is_video: true,
            rids: Vec::new(),
        };
        let mut track = Track::new(Source::Camera, &line);
        let mut now = Instant::now();
        // Bytes of each spatial layer every 100 ms: 80, 160 and 480 kbit/s.
        for _ in 0..20 {
            now += Duration::from_millis(100);
            for (spatial, bytes) in [(0, 1000), (1, 2000), (2, 6000)] {
                let part = Part {
                    spatial,
                    ..Part::default()
                };
                track.handle_packet(None, &part, bytes, now);
            }
        }
        let measured_bps = track.known_layers().next().expect("it came").1;
        for (height_px, before, spatial, kbps) in [
            (720, Limit::ALL, u8::MAX, 720),
            (360, Limit::ALL, 1, 240),
            (180, Limit::ALL, 0, 80),
            (210, Limit::ALL, 1, 240),
            (210, Limit { spatial: 0, temporal: 0 }, 0, 80),
        ] {
            let limit = track.limit(0, 10_000_000, height_px, before);
            assert_eq!(limit.spatial, spatial, "{height_px}");
            let rate_bps = track.rate_bps(0, measured_bps, height_px, before);
            assert!((rate_bps / 1000).abs_diff(kbps) <= kbps / 10, "{height_px}: {rate_bps}");
        }
        assert_eq!(
            track.limit(0, 100_000, 720, Limit::ALL).spatial,
            0,
            "there is room for no more"
        );
        let wishes = [wish(0, 2_000_000), wish(0, 130_000)];
        let later = now + LEARN_FOR;
        assert_eq!(track.poll_wanted(&wishes, later), None, "whoever has little takes less of it");
    }

    #[test]
    fn a_poor_link_among_many_does_not_take_the_picture_from_all() {
        let mut track = camera();
        let start = Instant::now();
        all_arrive(&mut track, start);
        let wishes = [wish(0, 10_000), wish(0, 9_000_000), wish(2, 10_000)];
        let wanted = track.poll_wanted(&wishes, start + LEARN_FOR).map(<[_]>::to_vec);
        let wanted: Vec<_> = wanted.into_iter().flatten().map(|l| (l.1, l.2)).collect();
        assert_eq!(wanted, [(true, SHARED_BPS_MIN), (false, 700_000), (true, 2_500_000)]);
    }

    #[test]
    fn what_was_carried_before_a_silence_is_wanted_no_more() {
        let mut track = camera();
        let start = Instant::now();
        all_arrive(&mut track, start);
        let smaller = Wish {
            current: Some(2),
            ..wish(0, 9_000_000)
        };
        let later = start + LEARN_FOR;
        track.handle_packet(rid("f"), &Part::default(), 1000, later);
        assert_eq!(track.poll_wanted(&[smaller], later), None);
        let wanted = active(track.poll_wanted(&[smaller], later + SWITCH_AFTER));
        assert_eq!(
            wanted,
            Some(vec![true, false, true]),
            "it goes on until the smaller one has come"
        );
        let silent = later + ARRIVES_WITHIN;
        assert_eq!(track.poll_wanted(&[smaller], silent), None);
        let wanted = active(track.poll_wanted(&[smaller], silent + SWITCH_AFTER));
        assert_eq!(wanted, Some(vec![true, false, false]));
    }

    #[test]
    fn a_layer_that_never_came_stays_wanted() {
        let mut track = camera();
        let start = Instant::now();
        track.handle_packet(rid("q"), &Part::default(), 1000, start);
        track.handle_packet(rid("h"), &Part::default(), 1000, start);
        let wishes = [wish(1, 900_000), wish(1, 900_000)];
        let later = start + LEARN_FOR;
        assert_eq!(track.poll_wanted(&wishes, later), None);
        let wanted = track.poll_wanted(&wishes, later + SWITCH_AFTER);
        assert_eq!(active(wanted), Some(vec![false, true, true]));
    }

    #[test]
    fn a_lone_watcher_limits_its_layer_to_its_link_without_chatter() {
        let mut track = camera();
        let start = Instant::now();
        all_arrive(&mut track, start);
        let mut limit = |bps, ms| {
            let now = start + LEARN_FOR + Duration::from_millis(ms);
            track.poll_wanted(&[wish(2, bps)], now).map(|w| w[2].2)
        };
        assert_eq!(limit(1_000_000, 0), Some(1_000_000));
        assert_eq!(limit(1_100_000, 2000), None, "10 % more");
        assert_eq!(limit(1_500_000, 2100), Some(1_500_000));
        assert_eq!(limit(600_000, 2200), None, "too early");
        assert_eq!(limit(600_000, 3200), Some(600_000));
        assert_eq!(limit(9_000_000, 5000), Some(2_500_000));
        assert_eq!(limit(10, 7000), Some(ENCODER_BPS_MIN));
    }
}
