//! Which layer goes to whom, and what publishers are asked for because of it.

use std::time::Instant;

use str0m::media::Rid;

use super::{Router, RouterOutput};
use crate::id::Source;
use crate::sfu::allocator::{self, Demand};
use crate::sfu::counters::Counters;
use crate::sfu::cut::{CUT_HEIGHT_PX, Cut};
use crate::sfu::handle::SfuEvent;
use crate::sfu::slot::{Content, Slot};
use crate::sfu::track::{SHARED_BPS_MIN, Track, Wish};

/// What a subscriber's link needs for a slot with audio in it, headers included, ...
const AUDIO_BPS: u64 = 50_000;

/// ... and more than that, where each packet has the frame before in it as well (RFC 2198).
const REDUNDANCY_BPS: u64 = 40_000;

/// Redundancy of audio is for links that have room for it. It may take this share of one, ...
const REDUNDANCY_SHARE_MAX: f64 = 0.25;

/// ... and comes back when it takes no more than this one.
const REDUNDANCY_SHARE_BACK: f64 = 0.2;

/// The encoder of a layer that has one watcher is told to use less, before that watcher has to make do with a lower layer.
const LONE_WATCHER_SHARE: f64 = 0.6;

/// Less than this is no video. A lowest layer with one watcher is carried when there is this much: its encoder is told.
const VIDEO_BPS_MIN: u64 = 60_000;

/// Where pictures take so many times what the link takes, next to nothing of them arrives: what is too much is let go at once.
const HOPELESS: f64 = 1.5;

/// A budget rises to more than what is wanted, so that an improvement has room.
const DESIRED_MARGIN: f64 = 1.3;

impl Router {
    /// Deals a subscriber's bandwidth out to its slots, and sets the targets. True: another slot is paused than before.
    pub(super) fn choose_layers(&mut self, place: usize, now: Instant, out: &mut Vec<RouterOutput>) -> bool {
        let Some(mut member) = self.members.get_mut(place).and_then(Option::take) else {
            return false;
        };
        let mut demands = Vec::new();
        let mut known = Vec::new();
        let (audio_bps, unwraps) = reserve_audio(&member.slots, member.unwraps, member.budget_bps);
        member.unwraps = unwraps;
        let mut desired_bps = 0;
        let mut carried_bps = 0;
        for (index, slot) in member.slots.iter_mut().enumerate() {
            let Some(content) = &mut slot.content else { continue };
            let Some(track) = self.track(content).filter(|_| slot.is_video && !content.sight.hidden) else {
                continue;
            };
            let sufficient = track.sufficient(height_px(content, self.cut), content.sufficient);
            content.sufficient = Some(sufficient);
            if self.cut < Cut::Pictures {
                desired_bps += u64::from(track.nominal_bps(sufficient));
            }
            let current = content.subscription.current_layer();
            let carried = track.known_layers().find(|(layer, _)| Some(*layer) == current);
            carried_bps += carried.map_or(0, |(_, rate_bps)| rate_bps);
            let (layers, demand) = demand_of(content, track, sufficient, self.cut, now);
            demands.push(demand);
            known.push((index, layers));
        }
        let budget_bps = match self.cut {
            Cut::Nothing | Cut::Layers => member.budget_bps.saturating_sub(audio_bps),
            Cut::Pictures => 0,
        };
        let grants = allocator::allocate(budget_bps, &demands);
        let mut pauses = false;
        let is_hopeless = carried_bps as f64 > member.budget_bps as f64 * HOPELESS;
        for (grant, (index, layers)) in grants.into_iter().zip(known) {
            let Some(content) = &mut member.slots[index].content else {
                continue;
            };
            let was_paused = content.paused;
            let rates_bps: Vec<u64> = layers.iter().map(|l| l.1).collect();
            content.receive(grant, &rates_bps, now);
            pauses |= content.paused != was_paused;
            let grant = content.grant;
            let desired = grant.layer.and_then(|layer| layers.get(layer)).map(|l| l.0);
            let target = if content.is_late_down(desired, is_hopeless, now) {
                content.subscription.let_go();
                desired
            } else {
                desired.and_then(|desired| Some(self.track(content)?.best_arriving(desired, grant.bitrate_bps, now)))
            };
            content.subscription.limit = desired
                .and_then(|layer| {
                    let limit = content.subscription.limit;
                    let height_px = height_px(content, self.cut);
                    Some(self.track(content)?.limit(layer, grant.bitrate_bps, height_px, limit))
                })
                .unwrap_or_default();
            content.subscription.desired = desired;
            content.subscription.target = target;
        }
        let desired_bps = ((desired_bps + audio_bps) as f64 * DESIRED_MARGIN) as u64;
        if let Some(link) = member.link.filter(|_| desired_bps != member.told_desired_bps) {
            member.told_desired_bps = desired_bps;
            out.push(RouterOutput::DesiredBitrate {
                to: link.key,
                bitrate_bps: desired_bps,
            });
        }
        self.members[place] = Some(member);
        pauses
    }

    /// Asks again for key frames that are waited for, and says what is wanted of the track's encodings.
    pub(super) fn tend_track(
        &mut self,
        place: usize,
        index: usize,
        now: Instant,
        counters: &mut Counters,
        out: &mut Vec<RouterOutput>,
    ) {
        let Some(member) = self.members[place].as_ref() else { return };
        let track = &member.tracks[index];
        let (source, participant) = (track.source, member.participant);
        if !source.is_video() || !member.has_on(source) || !member.admitted {
            return;
        }
        let contents: Vec<&Content> = track
            .watchers
            .iter()
            .filter_map(|w| self.members.get(w.member)?.as_ref()?.slots.get(w.slot)?.content.as_ref())
            .collect();
        let arrives = |c: &&&Content| {
            let layer = c.subscription.target.and_then(|target| track.layers.get(target));
            c.subscription.is_waiting() && layer.is_some_and(|layer| layer.is_arriving(now))
        };
        let waiting = contents.iter().filter(arrives).count() > 0;
        let due = track.key_frame_is_due(now);
        let wishes: Vec<Wish> = contents.iter().filter(|c| !c.paused).map(|c| c.wish()).collect();
        if waiting || due {
            self.ask_key_frame(place, source, now, counters, out);
        }
        let Some(track) = self.members[place].as_mut().and_then(|m| m.tracks.get_mut(index)) else {
            return;
        };
        if let Some(wanted) = track.poll_wanted(&wishes, now) {
            let layers = wanted
                .iter()
                .map(|(rid, active, bps)| (rid.map(|r| r.to_string()), *active, *bps));
            out.push(RouterOutput::Event(SfuEvent::LayersWanted {
                room: self.room,
                participant,
                source,
                layers: layers.collect(),
            }));
        }
    }

    pub(super) fn ask_key_frame(
        &mut self,
        publisher: usize,
        source: Source,
        now: Instant,
        counters: &mut Counters,
        out: &mut Vec<RouterOutput>,
    ) {
        let Some(member) = self.members.get_mut(publisher).and_then(Option::as_mut) else {
            return;
        };
        let (Some(link), Some(track)) = (member.link, member.tracks.iter_mut().find(|t| t.source == source)) else {
            return;
        };
        if !track.ask_key_frame(now) {
            counters.key_frames_throttled += 1;
            return;
        }
        counters.key_frames_requested += 1;
        let (mid, watchers) = (track.mid, track.watchers.clone());
        let mut layers: Vec<usize> = watchers
            .iter()
            .filter_map(|w| self.members.get(w.member)?.as_ref()?.slots.get(w.slot)?.content.as_ref())
            .filter_map(|content| content.subscription.target)
            .collect();
        layers.sort_unstable();
        layers.dedup();
        let track = self.members[publisher]
            .as_ref()
            .and_then(|m| m.tracks.iter().find(|t| t.source == source));
        let rids: Vec<Option<Rid>> = layers.iter().filter_map(|l| Some(track?.layers.get(*l)?.rid)).collect();
        if !rids.is_empty() {
            out.push(RouterOutput::RequestKeyFrames {
                from: link.key,
                mid,
                rids,
            });
        }
    }
}

/// The lines that a picture has use for.
fn height_px(content: &Content, cut: Cut) -> u16 {
    let height_px = content.sight.height_px;
    if cut >= Cut::Layers && content.source == Source::Camera {
        height_px.min(CUT_HEIGHT_PX)
    } else {
        height_px
    }
}

/// The layers of a track that are of use with their measured bitrates, and what is demanded of them.
fn demand_of(content: &Content, track: &Track, sufficient: usize, cut: Cut, now: Instant) -> (Vec<(usize, u64)>, Demand) {
    let mut layers: Vec<(usize, u64)> = track.known_layers().collect();
    let of_use = layers.iter().filter(|l| l.0 <= sufficient).count();
    layers.truncate(of_use.max(1));
    for (layer, rate_bps) in &mut layers {
        *rate_bps = track.rate_bps(*layer, *rate_bps, height_px(content, cut), content.subscription.limit);
    }
    let carried = content.subscription.desired;
    let obeys = content.obeys(now);
    let is_lone = track.watchers.len() == 1;
    let wish = (!content.paused).then(|| content.wish());
    let has_lowest_alone = is_lone || track.has_lowest_alone(wish, now);
    let lowest = layers.first().map(|l| l.0);
    let rate_bps = |(layer, measured): &(usize, u64)| {
        let obeys_it = obeys && (is_lone || (has_lowest_alone && Some(*layer) == lowest));
        if obeys_it && Some(*layer) == carried {
            (*measured as f64 * LONE_WATCHER_SHARE) as u64
        } else {
            *measured
        }
    };
    let demand = Demand {
        weight: content.sight.weight,
        layers_bps: layers.iter().map(rate_bps).collect(),
        current: carried.and_then(|carried| layers.iter().position(|l| l.0 == carried)),
        is_paused: content.paused,
        least_bps: match (obeys, has_lowest_alone) {
            (false, _) => u64::MAX,
            (true, true) => VIDEO_BPS_MIN,
            (true, false) => u64::from(SHARED_BPS_MIN),
        },
    };
    (layers, demand)
}

/// What a subscriber's link needs for its audio, in bits per second, and whether audio goes without redundancy (`unwraps`, as it did so
/// far), because that would take too much.
fn reserve_audio(slots: &[Slot], unwraps: bool, budget_bps: u64) -> (u64, bool) {
    let (mut plain_bps, mut redundancy_bps) = (0, 0);
    for content in slots
        .iter()
        .filter(|slot| !slot.is_video)
        .filter_map(|slot| slot.content.as_ref())
    {
        plain_bps += AUDIO_BPS;
        redundancy_bps += if content.is_redundant { REDUNDANCY_BPS } else { 0 };
    }
    let share_max = if unwraps {
        REDUNDANCY_SHARE_BACK
    } else {
        REDUNDANCY_SHARE_MAX
    };
    let unwraps = redundancy_bps as f64 > budget_bps as f64 * share_max;
    (plain_bps + if unwraps { 0 } else { redundancy_bps }, unwraps)
}
