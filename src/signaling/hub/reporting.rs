//! Reports of calls in the hub: a notebook for each room that a call leads to, what goes into it, and when it is handed to the store.

use std::time::{Duration, Instant};

use super::rooms::Parting;
use super::{Hub, Timer};
use crate::id::{CallId, ParticipantId, RoomId, SessionId, Source, UserId};
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::{EndReason, Happening, LeaveReason, Measured};
use crate::signaling::records::{Asked, Question};
use crate::signaling::report::{Notebook, What, check};
use crate::signaling::room::Member;

/// What is noted waits for so long before the store gets it: a server that is killed loses no more.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// What pages tell.
impl Hub {
    pub(super) fn report_quality(
        &mut self,
        session: SessionId,
        room: RoomId,
        measured: Measured,
        now: Instant,
    ) -> Result<(), Refusal> {
        check(&measured)?;
        let (id, _) = self.in_room(session, room)?;
        self.take_report(session, now)?;
        let (_, member) = self.member(session, room)?;
        member.measured = Some(measured);
        self.in_notebook(room, now, |book| book.measured(id, measured, now));
        Ok(())
    }

    pub(super) fn report_happening(
        &mut self,
        session: SessionId,
        room: RoomId,
        what: Happening,
        now: Instant,
    ) -> Result<(), Refusal> {
        if !is_page_s(what) {
            return Err(Refusal::bad_command("the server notes that itself"));
        }
        let (id, _) = self.in_room(session, room)?;
        self.take_report(session, now)?;
        self.note_for_report(room, Some(id), What::Happened { what }, now);
        Ok(())
    }

    pub(super) fn call_report(&mut self, session: SessionId, reference: u32, call: CallId) {
        let Some(user) = self.user_of(session) else {
            return;
        };
        let asked = Asked { session, reference };
        self.outputs
            .push_back(Output::Read(Question::CallReport { asked, user, call }));
    }

    fn take_report(&mut self, session: SessionId, now: Instant) -> Result<(), Refusal> {
        let has = self
            .sessions
            .get_mut(&session)
            .is_some_and(|session| session.reports.take(now));
        if has {
            return Ok(());
        }
        self.count_limit(Limit::Reports);
        Err(Refusal::rate_limited("too many reports: one every five seconds is enough"))
    }
}

/// What the hub knows itself.
impl Hub {
    /// A call rings into a room.
    pub(super) fn begin_report(&mut self, room_id: RoomId, call: CallId, now: Instant) {
        if !self.notebooks.contains_key(&room_id) {
            let mut book = Notebook::new(now);
            for (id, session) in self.present_in(room_id) {
                if let Some(user) = self.user_of(session) {
                    book.came(id, self.user_info(user), now);
                }
            }
            self.notebooks.insert(room_id, book);
        }
        self.note_for_report(room_id, None, What::Rang { call }, now);
    }

    pub(super) fn report_answered(&mut self, room: RoomId, call: CallId, now: Instant) {
        self.in_notebook(room, now, |book| {
            book.answered = true;
            book.note(None, What::Answered { call }, now);
        });
    }

    pub(super) fn report_over(&mut self, room: RoomId, call: CallId, reason: EndReason, now: Instant) {
        self.note_for_report(room, None, What::Over { call, reason }, now);
    }

    pub(super) fn report_came(&mut self, room: RoomId, id: ParticipantId, session: SessionId, now: Instant) {
        let Some(user) = self.user_of(session) else { return };
        let info = self.user_info(user);
        self.in_notebook(room, now, |book| book.came(id, info, now));
    }

    pub(super) fn report_left(&mut self, room: RoomId, id: ParticipantId, reason: LeaveReason, now: Instant) {
        self.in_notebook(room, now, |book| book.left(id, reason, now));
    }

    /// Which tracks went on or off.
    pub(super) fn report_sources(&mut self, room: RoomId, id: ParticipantId, before: &[Source], after: &[Source], now: Instant) {
        for (source, on, off) in [
            (Source::Microphone, Happening::MicrophoneOn, Happening::MicrophoneOff),
            (Source::Camera, Happening::CameraOn, Happening::CameraOff),
            (Source::Screen, Happening::ScreenShared, Happening::ScreenEnded),
        ] {
            let (was, is) = (before.contains(&source), after.contains(&source));
            if was != is {
                let what = if is { on } else { off };
                self.note_for_report(room, Some(id), What::Happened { what }, now);
            }
        }
    }

    /// Something happened to a participant that its page need not tell.
    pub(super) fn report_of(&mut self, session: SessionId, what: Happening, now: Instant) {
        let Some(room) = self.room_of(session) else { return };
        if let Ok((id, _)) = self.in_room(session, room) {
            self.note_for_report(room, Some(id), What::Happened { what }, now);
        }
    }

    pub(super) fn note_for_report(&mut self, room: RoomId, by: Option<ParticipantId>, what: What, now: Instant) {
        self.in_notebook(room, now, |book| book.note(by, what, now));
    }

    /// What is noted is handed on after a while, once somebody has answered.
    fn in_notebook(&mut self, room: RoomId, now: Instant, deed: impl FnOnce(&mut Notebook)) {
        let Some(book) = self.notebooks.get_mut(&room) else { return };
        deed(book);
        if book.answered && book.has_news() && book.due.is_none() {
            let due = now + KEEP_EVERY;
            book.due = Some(due);
            self.timers.insert((due, Timer::KeepReport(room)));
        }
    }

    /// There is nothing more to note.
    fn close_notebook(&mut self, room: RoomId) -> Option<Notebook> {
        let book = self.notebooks.remove(&room)?;
        if let Some(due) = book.due {
            self.timers.remove(&(due, Timer::KeepReport(room)));
        }
        Some(book)
    }
}

/// The store.
impl Hub {
    pub(super) fn keep_report(&mut self, room: RoomId, now: Instant) {
        let Some(book) = self.notebooks.get_mut(&room) else {
            return;
        };
        book.due = None;
        let page = book.page(false, now);
        self.outputs.push_back(Output::Keep(Keep::Report { room, page }));
    }

    /// A room is over: everybody goes with it. To be called before anything of that is noted in histories.
    pub(super) fn end_report<'a>(
        &mut self,
        room: RoomId,
        members: impl Iterator<Item = (&'a ParticipantId, &'a Member)>,
        first: Option<(SessionId, Parting)>,
        others: Parting,
        now: Instant,
    ) {
        let Some(mut book) = self.close_notebook(room) else {
            return;
        };
        let mut over = std::collections::BTreeMap::new();
        for (id, member) in members.filter(|(_, member)| member.standing.is_present()) {
            let why = first
                .filter(|(session, _)| *session == member.session)
                .map_or(others, |(_, why)| why);
            book.left(*id, why.leave_reason(), now);
            if let Some(call) = member.call {
                // The last one's is the call's.
                let is_first = why != others;
                let reason = over.entry(call).or_insert(why.end_reason());
                if !is_first {
                    *reason = why.end_reason();
                }
            }
        }
        for (call, reason) in over {
            book.note(None, What::Over { call, reason }, now);
        }
        if book.answered {
            let page = book.page(true, now);
            self.outputs.push_back(Output::Keep(Keep::Report { room, page }));
        }
    }

    /// A call that nobody answered needs no report: the history says all of it.
    pub(super) fn drop_report(&mut self, room: RoomId) {
        self.close_notebook(room);
    }

    /// A room of before a restart goes on, and so does its report.
    pub(super) fn resume_report(&mut self, room: RoomId, began: Instant, now: Instant) {
        let mut book = Notebook::new(began);
        book.answered = true;
        for (id, _) in self.present_in(room) {
            book.stayed(id);
        }
        self.notebooks.insert(room, book);
        self.note_for_report(room, None, What::Restarted, now);
    }

    pub(super) fn forget_in_reports(&mut self, user: UserId) {
        for book in self.notebooks.values_mut() {
            book.forget(user);
        }
    }
}

/// Whether a page tells of it.
fn is_page_s(what: Happening) -> bool {
    match what {
        Happening::MicrophoneSwitched
        | Happening::CameraSwitched
        | Happening::MicrophoneLost
        | Happening::CameraLost
        | Happening::MicrophoneSilenced
        | Happening::CameraSilenced
        | Happening::MicrophoneRestored
        | Happening::CameraRestored
        | Happening::PageHidden
        | Happening::PageShown => true,
        Happening::MicrophoneOn
        | Happening::MicrophoneOff
        | Happening::CameraOn
        | Happening::CameraOff
        | Happening::ScreenShared
        | Happening::ScreenEnded
        | Happening::Away
        | Happening::Back
        | Happening::MediaLost => false,
    }
}

#[cfg(test)]
mod tests;
