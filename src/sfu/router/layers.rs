//! Which layer goes to whom, and what publishers are asked for because of it.

use std::time::Instant;

use str0m::media::Rid;

use super::{AUDIO_BPS, DESIRED_MARGIN, LONE_WATCHER_SHARE, Router, RouterOutput};
use crate::id::Source;
use crate::sfu::allocator::{self, Demand};
use crate::sfu::counters::Counters;
use crate::sfu::handle::SfuEvent;
use crate::sfu::slot::Content;
use crate::sfu::track::Wish;

impl Router {
    /// Deals a subscriber's bandwidth out to its slots, and sets the targets.
    pub(super) fn choose_layers(&mut self, place: usize, now: Instant, out: &mut Vec<RouterOutput>) {
        let Some(member) = self.members.get_mut(place).and_then(Option::take) else {
            return;
        };
        let mut member = member;
        let mut demands = Vec::new();
        let mut known = Vec::new();
        let mut audio_bps = 0;
        let mut desired_bps = 0;
        for (index, slot) in member.slots.iter().enumerate() {
            let Some(content) = &slot.content else { continue };
            if !slot.is_video {
                audio_bps += AUDIO_BPS;
                continue;
            }
            if content.sight.hidden {
                continue;
            }
            let Some(track) = self.track(content) else { continue };
            let carried = content.subscription.desired;
            let mut layers: Vec<(usize, u64)> = track.known_layers().collect();
            for (_, rate) in layers
                .iter_mut()
                .filter(|(l, _)| track.watchers.len() == 1 && Some(*l) == carried)
            {
                *rate = (*rate as f64 * LONE_WATCHER_SHARE) as u64;
            }
            demands.push(Demand {
                layers_bps: layers.iter().map(|l| l.1).collect(),
                current: carried.and_then(|carried| layers.iter().position(|l| l.0 == carried)),
            });
            desired_bps += u64::from(track.nominal_bps(track.layers.len().saturating_sub(1)));
            known.push((index, layers));
        }
        let estimate_bps = if member.estimate_bps == 0 {
            u64::MAX / 4
        } else {
            member.estimate_bps
        };
        let grants = allocator::allocate(estimate_bps.saturating_sub(audio_bps), &demands);
        for (grant, (index, layers)) in grants.into_iter().zip(known) {
            let Some(content) = &mut member.slots[index].content else {
                continue;
            };
            let desired = grant.layer.and_then(|layer| layers.get(layer)).map(|l| l.0);
            let target = desired.and_then(|desired| Some(self.track(content)?.best_arriving(desired, now)));
            content.subscription.limit = desired
                .and_then(|layer| {
                    let limit = content.subscription.limit;
                    Some(self.track(content)?.limit(layer, grant.bitrate_bps, limit))
                })
                .unwrap_or_default();
            content.grant = grant;
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
        let wishes: Vec<Wish> = contents.iter().map(|c| c.wish()).collect();
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
