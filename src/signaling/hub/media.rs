//! Media in the hub: forwarded connections, tracks, the negotiation of the direct path, and which path is in use.

use std::time::{Duration, Instant};

use super::Hub;
use super::rooms::NO_SUCH_ROOM;
use crate::id::{ParticipantId, RoomId, SessionId, Source};
use crate::signaling::limits::Refusal;
use crate::signaling::output::{Fact, MediaFact, MediaNews, MediaRequest, Output};
use crate::signaling::protocol::{DirectSignal, Event, Happening, Path, PathReason, SourceLine, TransportLostReason};
use crate::signaling::record::{Entry, PathChange};
use crate::signaling::report::What;
use crate::signaling::room::Standing;
use crate::view::View;

/// A browser counts from the click and the hub from the command, so a reported time may be longer than the call by this.
const SETUP_SLACK: Duration = Duration::from_secs(2);

impl Hub {
    pub(super) fn offer(
        &mut self,
        session: SessionId,
        reference: u32,
        room: RoomId,
        attempt: u32,
        sdp: String,
        sources: Vec<SourceLine>,
    ) -> Result<(), Refusal> {
        // What it may not send has no m-line, whatever is on it.
        let publish = self.grants(session).publish;
        let sources: Vec<SourceLine> = sources.into_iter().filter(|line| publish.has(line.source)).collect();
        for (n, line) in sources.iter().enumerate() {
            let before = &sources[..n];
            if before.iter().any(|b| b.mid == line.mid || b.source == line.source) {
                return Err(Refusal::bad_command("each source has one m-line of its own"));
            }
        }
        let loopback = self.sessions[&session].loopback;
        let (participant, member) = self.member(session, room)?;
        member.offer(attempt, reference)?;
        member.in_sfu = true;
        self.ask_sfu(MediaRequest::Offer {
            room,
            participant,
            attempt,
            sdp,
            sources: sources.into_iter().map(|line| (line.mid, line.source)).collect(),
            loopback,
        });
        Ok(())
    }

    pub(super) fn publish(
        &mut self,
        session: SessionId,
        room: RoomId,
        mut sources: Vec<Source>,
        now: Instant,
    ) -> Result<(), Refusal> {
        // A check measures the way to the server, and nobody receives it.
        if self.room_of(session) == Some(room) {
            self.check_may_publish(session, &sources)?;
        }
        let (participant, member) = self.member(session, room)?;
        sources.sort_unstable();
        sources.dedup();
        let before = std::mem::replace(&mut member.sources, sources.clone());
        member.in_sfu = true;
        self.report_sources(room, participant, &before, &sources, now);
        self.ask_sfu(MediaRequest::Publish {
            room,
            participant,
            sources,
        });
        // In a check there is nobody to show it to.
        if self.room_of(session) == Some(room) {
            self.show_participant_of(session);
        }
        Ok(())
    }

    pub(super) fn view(&mut self, session: SessionId, room: RoomId, view: View) -> Result<(), Refusal> {
        let (participant, member) = self.member(session, room)?;
        member.in_sfu = true;
        self.ask_sfu(MediaRequest::View { room, participant, view });
        Ok(())
    }

    pub(super) fn signal(
        &mut self,
        session: SessionId,
        room: RoomId,
        to: ParticipantId,
        signal: DirectSignal,
    ) -> Result<(), Refusal> {
        let (from, others) = self.in_room(session, room)?;
        if !self.is_direct(room) {
            return Err(Refusal::not_allowed("this call goes through the server"));
        }
        let other = others.iter().find(|(id, _)| *id == to).ok_or(NO_SUCH_ROOM)?.1;
        let room_id = room;
        let (DirectSignal::Description { generation, .. }
        | DirectSignal::Candidate { generation, .. }
        | DirectSignal::Restart { generation }) = &signal;
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.generation = room.generation.max(*generation);
        }
        self.tell(other, None, Event::Signaled { room_id, from, signal });
        Ok(())
    }

    pub(super) fn request_path(
        &mut self,
        session: SessionId,
        room: RoomId,
        path: Path,
        reason: PathReason,
    ) -> Result<(), Refusal> {
        let (from, others) = self.on_path(session, room, path)?;
        let [(_, other)] = others[..] else {
            return Err(Refusal::not_allowed("a path is between two"));
        };
        let event = Event::PathRequested {
            room_id: room,
            participant_id: from,
            path,
            reason,
        };
        self.tell(other, None, event);
        Ok(())
    }

    pub(super) fn report_path(
        &mut self,
        session: SessionId,
        room: RoomId,
        change: PathChange,
        setup_ms: Option<u32>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let PathChange {
            path,
            protocol,
            relayed,
            reason,
        } = change;
        let (from, others) = self.on_path(session, room, path)?;
        self.outputs.push_back(Output::Count(Fact::Path { change }));
        let since = self.since(room, from);
        let mut lasted = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let call_id = self.sessions.get(&session).and_then(|session| session.call);
        if let Some(call) = call_id.and_then(|call| self.calls.get_mut(&call)) {
            lasted = call.lasted(now);
            let after = lasted;
            call.record.note(Entry { after, by: from, change });
        }
        let (_, member) = self.member(session, room)?;
        member.path = Some(change);
        let is_first = !std::mem::replace(&mut member.has_reported, true);
        let setup_ms = setup_ms.filter(|ms| is_first && Duration::from_millis((*ms).into()) <= lasted + SETUP_SLACK);
        let what = What::Path {
            path,
            protocol,
            relayed,
            reason,
            setup_ms,
        };
        self.note_for_report(room, Some(from), what, now);
        if let Some(setup) = setup_ms.map(|ms| Duration::from_millis(ms.into())) {
            let seconds = setup.as_secs_f64();
            self.outputs.push_back(Output::Count(Fact::Setup { call: call_id, seconds }));
        }
        // Of several, nobody falls silent on a path for one; but when the third came, the two let go of theirs.
        let others = if others.len() == 1 || reason == PathReason::Group {
            others
        } else {
            Vec::new()
        };
        for (_, other) in others {
            let event = Event::PathChanged {
                room_id: room,
                participant_id: from,
                path,
                reason,
                protocol,
            };
            self.tell(other, None, event);
        }
        Ok(())
    }

    /// The SFU said something about a participant's transport. About one that is gone, it comes too late.
    pub fn handle_media(&mut self, fact: MediaFact, now: Instant) {
        let (room_id, participant, what) = match fact {
            MediaFact::Transport { room, participant, what } => (room, participant, what),
            MediaFact::Speakers { room, speakers } => {
                self.set_speakers(room, speakers);
                self.settle(now);
                return;
            }
        };
        let member = self.rooms.get_mut(&room_id).and_then(|r| r.members.get_mut(&participant));
        if let Some(member) = member {
            let session = member.session;
            match what {
                MediaNews::Answered { attempt, sdp } => {
                    if let Some(reference) = member.answered(attempt) {
                        let event = Event::OfferAnswered { room_id, attempt, sdp };
                        self.tell(session, Some(reference), event);
                    }
                }
                MediaNews::Refused { attempt, code, message } => {
                    if let Some(reference) = member.answered(attempt) {
                        self.refuse(session, Some(reference), code, &message);
                    }
                }
                MediaNews::SlotsChanged { attempt, slots } => {
                    if member.is_latest(attempt) {
                        self.tell(session, None, Event::SlotsChanged { room_id, attempt, slots });
                    }
                }
                MediaNews::LayersWanted { source, layers } => {
                    let event = Event::LayersWanted { room_id, source, layers };
                    self.tell(session, None, event);
                }
                MediaNews::TransportLost { attempt, reason } => {
                    if member.lost(attempt) {
                        if reason != TransportLostReason::Closed {
                            self.report_of(session, Happening::MediaLost, now);
                        }
                        let event = Event::TransportLost {
                            room_id,
                            attempt,
                            reason,
                        };
                        self.tell(session, None, event);
                    }
                }
            }
        }
        self.settle(now);
    }

    /// What a session is in a room, and who the others are, if this path is open to them.
    fn on_path(
        &self,
        session: SessionId,
        room: RoomId,
        path: Path,
    ) -> Result<(ParticipantId, Vec<(ParticipantId, SessionId)>), Refusal> {
        let found = self.in_room(session, room)?;
        if path == Path::Direct && !self.is_direct(room) {
            return Err(Refusal::not_allowed("this call goes through the server"));
        }
        Ok(found)
    }

    /// Since when a participant is in a room.
    fn since(&self, room: RoomId, participant: ParticipantId) -> Option<Instant> {
        match self.rooms.get(&room)?.members.get(&participant)?.standing {
            Standing::Present { since } => Some(since),
            Standing::Ringing | Standing::Waiting => None,
        }
    }

    fn is_direct(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_some_and(|room| room.direct)
    }
}
