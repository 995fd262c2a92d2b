//! The media side of one room: who publishes what, who receives which track in which slot, and the fan-out of every packet.

use std::time::{Duration, Instant};

use str0m::media::{Mid, Rid};

use super::allocator::{self, Demand};
use super::counters::{Counters, Drop};
use super::demux::{Link, TransportKey};
use super::handle::{FilledSlot, SfuEvent};
use super::media::{MediaPacket, SlotPacket};
use super::slot::{Content, LayerCounts, Slot};
use super::track::{Arrival, Track, Watcher, Wish};
use super::transport::Answer;
use crate::id::{ParticipantId, RoomId, Source};

/// How often layers are chosen anew and key frames asked for again.
const TICK: Duration = Duration::from_millis(100);

/// What a subscriber's link needs for a slot with audio in it, headers included.
const AUDIO_BPS: u64 = 50_000;

/// The encoder of a layer that has one watcher is told to use less, before that watcher has to make do with a lower layer.
const LONE_WATCHER_SHARE: f64 = 0.6;

/// The bandwidth estimate looks for more than what is wanted, so that an improvement has room.
const DESIRED_MARGIN: f64 = 1.3;

/// What the router wants done.
#[derive(Debug)]
pub enum RouterOutput {
    Forward {
        to: TransportKey,
        packet: SlotPacket,
    },
    RequestKeyFrames {
        from: TransportKey,
        mid: Mid,
        rids: Vec<Option<Rid>>,
    },
    DesiredBitrate {
        to: TransportKey,
        bitrate_bps: u64,
    },
    Event(SfuEvent),
}

/// One room's media.
pub struct Router {
    room: RoomId,
    /// A member's place is kept while it is in the room: tracks and subscriptions refer to it.
    members: Vec<Option<Member>>,
    tick: Instant,
}

struct Member {
    participant: ParticipantId,
    /// Counts arrivals: tracks get slots in this order.
    joined: u64,
    admitted: bool,
    published: Vec<Source>,
    /// A transport of this participant stalled in its handshake, so the next one starts it itself.
    stalled: bool,
    link: Option<Link>,
    tracks: Vec<Track>,
    slots: Vec<Slot>,
    told_slots: Vec<FilledSlot>,
    estimate_bps: u64,
    told_desired_bps: u64,
}

impl Router {
    pub fn new(room: RoomId, now: Instant) -> Router {
        Router {
            room,
            members: Vec::new(),
            tick: now,
        }
    }

    /// The place of a participant, which is made if it is not there.
    pub fn member(&mut self, participant: ParticipantId) -> usize {
        if let Some(place) = self.find(participant) {
            return place;
        }
        let joined = self.members.iter().flatten().map(|m| m.joined + 1).max().unwrap_or(0);
        let member = Member {
            participant,
            joined,
            admitted: false,
            published: Vec::new(),
            stalled: false,
            link: None,
            tracks: Vec::new(),
            slots: Vec::new(),
            told_slots: Vec::new(),
            estimate_bps: 0,
            told_desired_bps: 0,
        };
        match self.members.iter().position(Option::is_none) {
            Some(place) => {
                self.members[place] = Some(member);
                place
            }
            None => {
                self.members.push(Some(member));
                self.members.len() - 1
            }
        }
    }

    /// The place of a participant.
    pub fn find(&self, participant: ParticipantId) -> Option<usize> {
        self.members
            .iter()
            .position(|m| m.as_ref().is_some_and(|m| m.participant == participant))
    }

    pub fn is_empty(&self) -> bool {
        self.members.iter().all(Option::is_none)
    }

    pub fn link(&self, place: usize) -> Option<Link> {
        self.members.get(place)?.as_ref()?.link
    }

    /// All transports of the room.
    pub fn links(&self) -> Vec<Link> {
        self.members.iter().flatten().filter_map(|m| m.link).collect()
    }

    /// Whether the participant's last transport stalled in its handshake.
    pub fn is_stalled(&self, place: usize) -> bool {
        self.members.get(place).and_then(Option::as_ref).is_some_and(|m| m.stalled)
    }

    /// An offer was answered. A link with another key or attempt is another transport; the same one has perhaps got more slots.
    pub fn connect(
        &mut self,
        place: usize,
        link: Link,
        answer: &Answer,
        sources: &[(String, Source)],
        now: Instant,
        out: &mut Vec<RouterOutput>,
    ) {
        let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        if member.link != Some(link) {
            member.tracks.clear();
            member.slots.clear();
            member.told_slots.clear();
            member.told_desired_bps = 0;
            member.estimate_bps = 0;
            member.link = Some(link);
            for content in self.contents_of(place) {
                content.subscription.restart();
            }
        }
        let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        member.tracks.retain(|track| {
            sources
                .iter()
                .any(|(mid, source)| Mid::from(mid.as_str()) == track.mid && *source == track.source)
        });
        for (mid, source) in sources {
            let mid = Mid::from(mid.as_str());
            let line = answer.lines.iter().find(|l| l.mid == mid && l.is_video == source.is_video());
            if let Some(line) = line.filter(|_| member.tracks.iter().all(|t| t.source != *source)) {
                member.tracks.push(Track::new(*source, line));
            }
        }
        member
            .slots
            .retain(|slot| answer.slots.iter().any(|l| l.mid == slot.mid && l.ssrc == slot.ssrc));
        for line in &answer.slots {
            match member.slots.iter_mut().find(|slot| slot.mid == line.mid) {
                Some(slot) => slot.payload_types.clone_from(&line.payload_types),
                None => member.slots.push(Slot::new(line)),
            }
        }
        self.assign(now, out);
    }

    /// The participant's transport is gone; its place is kept.
    pub fn disconnect(&mut self, place: usize, stalled: bool, now: Instant, out: &mut Vec<RouterOutput>) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            member.link = None;
            member.tracks.clear();
            member.slots.clear();
            member.told_slots.clear();
            member.stalled |= stalled;
        }
        for content in self.contents_of(place) {
            content.subscription.restart();
        }
        self.assign(now, out);
    }

    pub fn admit(&mut self, place: usize, now: Instant, out: &mut Vec<RouterOutput>) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            member.admitted = true;
        }
        self.assign(now, out);
    }

    pub fn publish(&mut self, place: usize, sources: &[Source], now: Instant, out: &mut Vec<RouterOutput>) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            for track in &mut member.tracks {
                if sources.contains(&track.source) && !member.published.contains(&track.source) {
                    track.restart();
                }
            }
            member.published = sources.to_vec();
        }
        self.assign(now, out);
    }

    pub fn leave(&mut self, place: usize, now: Instant, out: &mut Vec<RouterOutput>) {
        if let Some(member) = self.members.get_mut(place) {
            *member = None;
        }
        self.assign(now, out);
    }

    /// Passes a packet on to everybody who watches its track.
    pub fn handle_media(
        &mut self,
        place: usize,
        packet: &MediaPacket,
        now: Instant,
        counters: &mut Counters,
        out: &mut Vec<RouterOutput>,
    ) {
        let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) else {
            return counters.drop(Drop::NotAdmitted);
        };
        if !member.admitted {
            return counters.drop(Drop::NotAdmitted);
        }
        let Some(track) = member.tracks.iter_mut().find(|track| track.mid == packet.mid) else {
            return counters.drop(Drop::NotPublished);
        };
        let source = track.source;
        let arrival = track.handle_packet(packet.rid, &packet.part, packet.payload.len(), now);
        if !member.published.contains(&source) {
            return counters.drop(Drop::NotPublished);
        }
        let Some(Arrival { layer, is_first }) = arrival else {
            return counters.drop(Drop::LayerNotSelected);
        };
        if track.watchers.is_empty() {
            return counters.drop(Drop::NoWatcher);
        }
        if is_first {
            // A layer begins with a key frame: whoever has use for it should not have to ask for another.
            for watcher in track.watchers.clone() {
                self.choose_layers(watcher.member, now, out);
            }
        }
        let watchers = self.track_of(place, source).map(|track| std::mem::take(&mut track.watchers));
        let watchers = watchers.unwrap_or_default();
        for watcher in &watchers {
            let Some(subscriber) = self.members.get_mut(watcher.member).and_then(Option::as_mut) else {
                continue;
            };
            let (Some(link), Some(slot)) = (subscriber.link, subscriber.slots.get_mut(watcher.slot)) else {
                continue;
            };
            match slot.forward(packet, layer, now) {
                Ok(packet) => out.push(RouterOutput::Forward { to: link.key, packet }),
                Err(reason) => counters.drop(reason),
            }
        }
        if let Some(track) = self.track_of(place, source) {
            track.watchers = watchers;
        }
    }

    /// A subscriber needs a key frame in one of its slots.
    pub fn handle_key_frame_wanted(
        &mut self,
        place: usize,
        mid: Mid,
        now: Instant,
        counters: &mut Counters,
        out: &mut Vec<RouterOutput>,
    ) {
        counters.key_frames_asked += 1;
        let member = self.members.get(place).and_then(Option::as_ref);
        let content = member.and_then(|m| m.slots.iter().find(|slot| slot.mid == mid)?.content.as_ref());
        if let Some((publisher, source)) = content.map(|c| (c.publisher, c.source)) {
            self.ask_key_frame(publisher, source, now, counters, out);
        }
    }

    /// What a subscriber's network is thought to take.
    pub fn handle_estimate(&mut self, place: usize, bitrate_bps: u64) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            member.estimate_bps = bitrate_bps;
        }
    }

    /// Call when `poll_timeout` has passed.
    pub fn handle_timeout(&mut self, now: Instant, counters: &mut Counters, out: &mut Vec<RouterOutput>) {
        self.tick = now + TICK;
        for place in 0..self.members.len() {
            self.choose_layers(place, now, out);
        }
        for place in 0..self.members.len() {
            let count = self.members[place].as_ref().map_or(0, |m| m.tracks.len());
            for index in 0..count {
                self.tend_track(place, index, now, counters, out);
            }
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.members.iter().flatten().any(|m| m.admitted).then_some(self.tick)
    }

    /// Subscriptions that carry video, by the rank of the layer from the top: high, middle, low; and those without simulcast.
    pub fn count_layers(&self, counts: &mut LayerCounts) {
        for slot in self.members.iter().flatten().flat_map(|m| &m.slots).filter(|s| s.is_video) {
            let Some(content) = &slot.content else { continue };
            let Some(layer) = content.subscription.current_layer() else {
                continue;
            };
            let publisher = self.members.get(content.publisher).and_then(Option::as_ref);
            let track = publisher.and_then(|m| m.tracks.iter().find(|t| t.source == content.source));
            counts.add(layer, track.map_or(0, |t| t.layers.len()));
        }
    }

    /// Gives every published track of everybody else a slot of its kind, as long as there are slots: microphones and cameras
    /// first, in the order of joining. What has a slot keeps it.
    fn assign(&mut self, now: Instant, out: &mut Vec<RouterOutput>) {
        let mut offered: Vec<(u8, u64, usize, ParticipantId, Source)> = Vec::new();
        for (place, member) in self.members.iter().enumerate() {
            let Some(member) = member.as_ref().filter(|m| m.admitted) else {
                continue;
            };
            for source in &member.published {
                let rank = match source {
                    Source::Microphone | Source::Camera => 0,
                    Source::Screen | Source::ScreenAudio => 1,
                };
                offered.push((rank, member.joined, place, member.participant, *source));
            }
        }
        offered.sort_unstable();
        for place in 0..self.members.len() {
            let Some(member) = self.members[place].as_mut().filter(|m| m.admitted && m.link.is_some()) else {
                continue;
            };
            for is_video in [false, true] {
                let slots = member.slots.iter().filter(|slot| slot.is_video == is_video).count();
                let chosen: Vec<(usize, ParticipantId, Source)> = offered
                    .iter()
                    .filter(|o| o.2 != place && o.4.is_video() == is_video)
                    .take(slots)
                    .map(|o| (o.2, o.3, o.4))
                    .collect();
                let mut slots: Vec<&mut Slot> = member.slots.iter_mut().filter(|s| s.is_video == is_video).collect();
                for slot in &mut slots {
                    if slot.content.as_ref().is_some_and(|c| !chosen.contains(&c.what())) {
                        slot.content = None;
                    }
                }
                for what in chosen {
                    if slots.iter().any(|s| s.content.as_ref().is_some_and(|c| c.what() == what)) {
                        continue;
                    }
                    if let Some(slot) = slots.iter_mut().find(|slot| slot.content.is_none()) {
                        slot.content = Some(Content::new(what));
                    }
                }
            }
            self.tell_slots(place, out);
        }
        self.index_watchers();
        for place in 0..self.members.len() {
            self.choose_layers(place, now, out);
        }
        self.tick = now;
    }

    fn tell_slots(&mut self, place: usize, out: &mut Vec<RouterOutput>) {
        let Some(member) = self.members[place].as_mut() else { return };
        let Some(link) = member.link else { return };
        let full = member
            .slots
            .iter()
            .filter_map(|slot| Some((slot.mid, slot.content.as_ref()?)));
        let slots: Vec<_> = full
            .map(|(mid, c)| FilledSlot {
                mid: mid.to_string(),
                publisher: c.participant,
                source: c.source,
                paused: false,
            })
            .collect();
        if slots != member.told_slots {
            member.told_slots.clone_from(&slots);
            out.push(RouterOutput::Event(SfuEvent::SlotsChanged {
                room: self.room,
                participant: member.participant,
                attempt: link.attempt,
                slots,
            }));
        }
    }

    fn index_watchers(&mut self) {
        let mut found: Vec<(usize, Source, Watcher)> = Vec::new();
        for (member, of) in self.members.iter().enumerate() {
            for (slot, of) in of.iter().flat_map(|m| m.slots.iter().enumerate()) {
                if let Some(content) = &of.content {
                    found.push((content.publisher, content.source, Watcher { member, slot }));
                }
            }
        }
        for (place, member) in self.members.iter_mut().enumerate() {
            for track in member.iter_mut().flat_map(|m| &mut m.tracks) {
                track.watchers = found
                    .iter()
                    .filter(|(publisher, source, _)| *publisher == place && *source == track.source)
                    .map(|f| f.2)
                    .collect();
            }
        }
    }

    /// Deals a subscriber's bandwidth out to its slots, and sets the targets.
    fn choose_layers(&mut self, place: usize, now: Instant, out: &mut Vec<RouterOutput>) {
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
                    Some(
                        self.track(content)?
                            .limit(layer, grant.bitrate_bps, content.subscription.limit),
                    )
                })
                .unwrap_or_default();
            content.grant = grant;
            content.subscription.desired = desired;
            content.subscription.target = target;
        }
        for slot in member.slots.iter_mut().filter(|slot| !slot.is_video) {
            if let Some(content) = &mut slot.content {
                content.subscription.target = Some(0);
            }
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
    fn tend_track(&mut self, place: usize, index: usize, now: Instant, counters: &mut Counters, out: &mut Vec<RouterOutput>) {
        let Some(member) = self.members[place].as_ref() else { return };
        let track = &member.tracks[index];
        let (source, participant) = (track.source, member.participant);
        if !source.is_video() || !member.published.contains(&source) || !member.admitted {
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

    fn ask_key_frame(
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

    fn track_of(&mut self, place: usize, source: Source) -> Option<&mut Track> {
        let member = self.members.get_mut(place)?.as_mut()?;
        member.tracks.iter_mut().find(|track| track.source == source)
    }

    fn track(&self, content: &Content) -> Option<&Track> {
        let publisher = self.members.get(content.publisher)?.as_ref()?;
        publisher.tracks.iter().find(|track| track.source == content.source)
    }

    /// Everything that slots carry of this publisher.
    fn contents_of(&mut self, publisher: usize) -> impl Iterator<Item = &mut Content> {
        let slots = self.members.iter_mut().flatten().flat_map(|m| &mut m.slots);
        slots
            .filter_map(|slot| slot.content.as_mut())
            .filter(move |content| content.publisher == publisher)
    }
}
