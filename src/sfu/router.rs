//! The media side of one room: who publishes what, who receives which track in which slot, and the fan-out of every packet.

mod layers;
mod slots;

use std::time::{Duration, Instant};

use str0m::media::{Mid, Rid};

use super::budget::UNPROVED_BPS;
use super::counters::{Counters, Drop};
use super::cut::Cut;
use super::demux::{Link, TransportKey};
use super::handle::{FilledSlot, SfuEvent};
use super::media::{MediaPacket, SlotPacket};
use super::slot::{Content, LayerCounts, Slot};
use super::speaker::{Level, Speakers, Voice};
use super::track::{Arrival, Track};
use super::transport::Answer;
use crate::id::{ParticipantId, RoomId, Source};
use crate::view::View;

/// How often voices are compared, layers chosen anew, and key frames asked for again.
const TICK: Duration = Duration::from_millis(100);

/// A budget that falls below this share of what it was is obeyed at once.
const BUDGET_FALLS: f64 = 0.8;

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
    speakers: Speakers,
    /// Counts the times that a track was switched on.
    starts: u64,
    /// What is left out, because the worker has too much to do.
    cut: Cut,
    tick: Instant,
}

struct Member {
    participant: ParticipantId,
    /// Counts arrivals: tracks get slots in this order.
    joined: u64,
    admitted: bool,
    /// Whether it is sent the media of others.
    receives: bool,
    /// The tracks that are on, and which of all starts in the room it was.
    published: Vec<(Source, u64)>,
    view: View,
    voice: Voice,
    /// A transport of this participant stalled in its handshake, so the next one starts it itself.
    stalled: bool,
    link: Option<Link>,
    tracks: Vec<Track>,
    slots: Vec<Slot>,
    told_slots: Vec<FilledSlot>,
    budget_bps: u64,
    /// Redundant audio goes without what is redundant: there is no room for it.
    unwraps: bool,
    told_desired_bps: u64,
}

impl Router {
    pub fn new(room: RoomId, cut: Cut, now: Instant) -> Router {
        Router {
            room,
            members: Vec::new(),
            speakers: Speakers::default(),
            starts: 0,
            cut,
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
            receives: true,
            published: Vec::new(),
            view: View::default(),
            voice: Voice::default(),
            stalled: false,
            link: None,
            tracks: Vec::new(),
            slots: Vec::new(),
            told_slots: Vec::new(),
            budget_bps: UNPROVED_BPS,
            unwraps: false,
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
            member.budget_bps = UNPROVED_BPS;
            member.link = Some(link);
            for content in self.contents_of(place) {
                content.restart();
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
            content.restart();
        }
        self.assign(now, out);
    }

    pub fn admit(&mut self, place: usize, receives: bool, now: Instant, out: &mut Vec<RouterOutput>) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            member.admitted = true;
            member.receives = receives;
        }
        self.assign(now, out);
    }

    pub fn publish(&mut self, place: usize, sources: &[Source], now: Instant, out: &mut Vec<RouterOutput>) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            let before = std::mem::take(&mut member.published);
            for source in sources {
                if member.has_on(*source) {
                    continue;
                }
                let known = before.iter().find(|(on, _)| on == source).copied();
                if known.is_none() {
                    self.starts += 1;
                    for track in member.tracks.iter_mut().filter(|track| track.source == *source) {
                        track.restart();
                    }
                }
                member.published.push(known.unwrap_or((*source, self.starts)));
            }
        }
        self.assign(now, out);
    }

    /// What the participant looks at from now on.
    pub fn look(&mut self, place: usize, view: View, now: Instant, out: &mut Vec<RouterOutput>) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            member.view = view;
            self.refill_slots_of(place);
            self.choose_layers(place, now, out);
            self.tell_slots(place, out);
            self.tick = now;
        }
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
        if !member.published.iter().any(|(on, _)| *on == source) {
            return counters.drop(Drop::NotPublished);
        }
        if source == Source::Microphone {
            let level = Level {
                audio_level: packet.extensions.audio_level,
                voice_activity: packet.extensions.voice_activity,
                bytes: packet.payload.len(),
            };
            member.voice.handle_packet(level, now);
        }
        let Some(Arrival { layer, is_first }) = arrival else {
            return counters.drop(Drop::LayerNotSelected);
        };
        if packet.marker && source.is_video() {
            track.end_picture(layer);
        }
        if track.watchers.is_empty() {
            return counters.drop(Drop::NoWatcher);
        }
        if is_first {
            // A layer begins with a key frame: whoever has use for it should not have to ask for another.
            for watcher in track.watchers.clone() {
                if self.choose_layers(watcher.member, now, out) {
                    self.tell_slots(watcher.member, out);
                }
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
            match slot.forward(packet, layer, subscriber.unwraps, now) {
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
    pub fn handle_budget(&mut self, place: usize, bitrate_bps: u64, now: Instant) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            if (bitrate_bps as f64) < member.budget_bps as f64 * BUDGET_FALLS {
                self.tick = self.tick.min(now);
            }
            member.budget_bps = bitrate_bps;
        }
    }

    /// Something of a subscriber's pictures is missing for good: key frames mend that. A browser waits for three seconds before it
    /// asks for one itself.
    pub fn handle_broken(&mut self, place: usize, now: Instant) {
        if let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) {
            for content in member.slots.iter_mut().filter_map(|slot| slot.content.as_mut()) {
                if content.source.is_video() {
                    content.subscription.want_key_frame();
                }
            }
            self.tick = self.tick.min(now);
        }
    }

    /// The worker has more to do than before, or less.
    pub fn set_cut(&mut self, cut: Cut, now: Instant) {
        self.cut = cut;
        self.tick = self.tick.min(now);
    }

    /// Call when `poll_timeout` has passed.
    pub fn handle_timeout(&mut self, now: Instant, counters: &mut Counters, out: &mut Vec<RouterOutput>) {
        self.tick = now + TICK;
        let moved = self.listen(now, out);
        if moved {
            self.fill_slots();
        }
        for place in 0..self.members.len() {
            if self.choose_layers(place, now, out) || moved {
                self.tell_slots(place, out);
            }
        }
        for place in 0..self.members.len() {
            let count = self.members[place].as_ref().map_or(0, |m| m.tracks.len());
            for index in 0..count {
                self.tend_track(place, index, now, counters, out);
            }
        }
    }

    pub(super) fn budget_bps(&self, place: usize) -> Option<u64> {
        Some(self.members.get(place)?.as_ref()?.budget_bps)
    }

    /// How many things are kept here, of all kinds.
    pub(super) fn footprint(&self) -> usize {
        let of = |m: &Member| {
            let watchers: usize = m.tracks.iter().map(|t| t.watchers.len()).sum();
            m.tracks.len() + watchers + m.slots.len() + m.told_slots.len() + m.published.len()
        };
        self.members.len() + self.speakers.footprint() + self.members.iter().flatten().map(of).sum::<usize>()
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

    /// Gives everybody's slots and layers another thought, after something happened that they depend on.
    fn assign(&mut self, now: Instant, out: &mut Vec<RouterOutput>) {
        self.fill_slots();
        for place in 0..self.members.len() {
            self.choose_layers(place, now, out);
            self.tell_slots(place, out);
        }
        self.tick = now;
    }

    /// Compares the voices, and tells who speaks. True: somebody else goes first.
    fn listen(&mut self, now: Instant, out: &mut Vec<RouterOutput>) -> bool {
        let members = self.members.iter_mut().flatten();
        let heard = members.filter(|m| m.admitted && m.has_on(Source::Microphone));
        let moved = self.speakers.update(heard.map(|m| (m.participant, &mut m.voice)), now);
        if let Some(speakers) = self.speakers.poll_told(now) {
            out.push(RouterOutput::Event(SfuEvent::SpeakersChanged {
                room: self.room,
                speakers: speakers.to_vec(),
            }));
        }
        moved
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

impl Member {
    fn has_on(&self, source: Source) -> bool {
        self.published.iter().any(|(on, _)| *on == source)
    }
}
