//! Which track is in which slot, and who is told.

use super::{Member, Router, RouterOutput};
use crate::id::{ParticipantId, Source};
use crate::sfu::choice::{Chosen, Offered, Stage};
use crate::sfu::handle::{FilledSlot, SfuEvent};
use crate::sfu::slot::{Content, Slot};
use crate::sfu::track::Watcher;

impl Router {
    /// Gives everybody's slots what they are to carry.
    pub(super) fn fill_slots(&mut self) {
        let stage = self.stage();
        for place in 0..self.members.len() {
            self.fill_slots_of(place, &stage);
        }
        self.index_watchers();
    }

    /// The same for one who looks at something else.
    pub(super) fn refill_slots_of(&mut self, place: usize) {
        let stage = self.stage();
        self.fill_slots_of(place, &stage);
        self.index_watchers();
    }

    fn stage(&self) -> Stage {
        let mut offered = Vec::new();
        for (place, member) in self.members.iter().enumerate() {
            let Some(member) = member.as_ref().filter(|m| m.admitted) else {
                continue;
            };
            offered.extend(member.published.iter().map(|(source, started)| Offered {
                place,
                participant: member.participant,
                source: *source,
                joined: member.joined,
                started: *started,
            }));
        }
        let voices: Vec<ParticipantId> = self.speakers.voices().collect();
        Stage::new(&offered, &voices, self.speakers.pictures())
    }

    fn fill_slots_of(&mut self, place: usize, stage: &Stage) {
        let is_served = |m: &&mut Member| m.admitted && m.receives && m.link.is_some();
        let Some(member) = self.members[place].as_mut().filter(is_served) else {
            return;
        };
        let count = |is_video| member.slots.iter().filter(|slot| slot.is_video == is_video).count();
        let video = stage.choose_video(&member.view, place, count(true));
        let audio = stage.choose_audio(&member.view, place, count(false));
        fill(member, true, &video);
        fill(member, false, &audio);
    }

    /// Tells a participant what is in its slots, if that is news.
    pub(super) fn tell_slots(&mut self, place: usize, out: &mut Vec<RouterOutput>) {
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
                paused: c.paused,
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

    /// Tells each track who is to have its packets. A picture that is not to be seen has no watcher.
    fn index_watchers(&mut self) {
        let mut found: Vec<(usize, Source, Watcher)> = Vec::new();
        for (member, of) in self.members.iter_mut().enumerate() {
            for (slot, of) in of.iter().flat_map(|m| m.slots.iter().enumerate()) {
                if let Some(content) = of.content.as_ref().filter(|c| !c.sight.hidden) {
                    found.push((content.publisher, content.source, Watcher { member, slot }));
                }
            }
            for track in of.iter_mut().flat_map(|m| &mut m.tracks) {
                track.watchers.clear();
            }
        }
        for (publisher, source, watcher) in found {
            if let Some(track) = self.track_of(publisher, source) {
                track.watchers.push(watcher);
            }
        }
    }
}

/// Puts the chosen tracks into the slots of a kind. A track that has a slot keeps it, so that no picture jumps.
fn fill(member: &mut Member, is_video: bool, chosen: &[Chosen]) {
    let mut slots: Vec<&mut Slot> = member.slots.iter_mut().filter(|s| s.is_video == is_video).collect();
    let holds = |slot: &Slot, offered: &Offered| slot.content.as_ref().is_some_and(|content| content.is_of(offered));
    for slot in &mut slots {
        if !chosen.iter().any(|(offered, _)| holds(slot, offered)) {
            slot.content = None;
        }
    }
    for (offered, sight) in chosen {
        let its = slots.iter().position(|slot| holds(slot, offered));
        match its.or_else(|| slots.iter().position(|slot| slot.content.is_none())) {
            Some(index) => {
                let content = slots[index].content.get_or_insert_with(|| Content::new(offered));
                content.look(*sight);
            }
            None => return,
        }
    }
}
