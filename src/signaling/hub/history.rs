//! The history of calls in the hub: what is noted of a call, and what its users ask of theirs.

use std::time::{Duration, Instant};

use super::Hub;
use super::files::NO_FILE;
use crate::id::{CallId, SessionId, UserId};
use crate::signaling::limits::{HISTORY_PAGE_MAX, Limit, Refusal};
use crate::signaling::nodes::Word;
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::{EndReason, ErrorCode, Event, HistoryPlace};
use crate::signaling::records::{Asked, Finding, News, Note, Question};

const NOT_THEIRS: Refusal = Refusal {
    code: ErrorCode::NotAllowed,
    message: "there is nothing like that of this user",
};

const NOT_READ: Refusal = Refusal {
    code: ErrorCode::NotLoaded,
    message: "the store could not be read: try again",
};

/// What happens to calls.
impl Hub {
    pub(super) fn note(&mut self, note: Note) {
        self.outputs.push_back(Output::Keep(Keep::History(note)));
    }

    pub(super) fn note_ringing(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let note = Note::Rang {
            call: id,
            room: call.room,
            caller: self.user_info(call.caller_user),
            callee: self.user_info(call.callee_user),
        };
        self.note(note);
    }

    pub(super) fn note_never_rang(&mut self, call: CallId, caller: SessionId, callee: UserId, reason: EndReason) {
        let Some(user) = self.user_of(caller) else {
            return;
        };
        let caller = self.user_info(user);
        self.note(Note::NeverRang {
            call,
            caller,
            callee,
            reason,
        });
    }

    pub(super) fn note_left(&mut self, call: CallId, user: UserId, reason: EndReason, talked: Duration) {
        self.note(Note::Left {
            call,
            user,
            reason,
            talked,
        });
    }

    pub(super) fn note_over(&mut self, call: CallId, reason: EndReason, talked: Duration) {
        self.note(Note::Over { call, reason, talked });
    }

    /// Whoever leaves a room talks no more with those they called into it.
    pub(super) fn note_invitations_left(&mut self, inviter: SessionId, reason: EndReason, now: Instant) {
        let Some(session) = self.sessions.get(&inviter) else { return };
        let (user, room) = (session.user, session.room.and_then(|room| self.rooms.get(&room)));
        let members = room.into_iter().flat_map(|room| room.members.values());
        let calls = members.filter_map(|member| self.calls.get(&member.call?));
        let ours = calls.filter(|call| call.caller == inviter && call.is_answered() && !call.involves(inviter));
        let left: Vec<_> = ours.map(|call| (call.id, call.lasted(now))).collect();
        for (call, talked) in left {
            self.note_left(call, user, reason, talked);
        }
    }
}

/// What users ask.
impl Hub {
    pub(super) fn history(&mut self, session: SessionId, reference: u32, before: Option<HistoryPlace>, limit: u32) {
        let Some(user) = self.user_of(session) else {
            return;
        };
        self.outputs.push_back(Output::Read(Question::History {
            asked: Asked { session, reference },
            user,
            before,
            limit: limit.clamp(1, HISTORY_PAGE_MAX),
        }));
    }

    pub(super) fn see_history(&mut self, session: SessionId, reference: u32, now: Instant) {
        let Some(user) = self.user_of(session) else {
            return;
        };
        let asked = Asked { session, reference };
        self.await_store(asked, now);
        self.note(Note::Seen { user, asked });
    }

    pub(super) fn forget_history(&mut self, session: SessionId, reference: u32, call: Option<CallId>, now: Instant) {
        let Some(user) = self.user_of(session) else {
            return;
        };
        let asked = Asked { session, reference };
        self.await_store(asked, now);
        self.note(Note::Forget { user, call, asked });
    }
}

/// What the store says.
impl Hub {
    /// Something has come to be kept, or has not.
    pub fn handle_news(&mut self, news: News, now: Instant) {
        match news {
            News::Row { user, row, missed } => {
                self.nudge_of_call(user, &row);
                self.tell_user(user, None, &Event::HistoryChanged { row, missed });
            }
            News::Seen { user, asked } => self.tell_user(user, Some(asked), &Event::HistorySeen {}),
            News::Forgotten {
                user,
                call,
                missed,
                asked,
            } => {
                let event = Event::HistoryForgotten { call_id: call, missed };
                self.tell_user(user, asked, &event);
            }
            News::Said {
                room,
                message,
                again,
                asked,
            } => {
                let author = message.user.user_id;
                if !again {
                    self.nudge_of_message(room, &message);
                }
                let event = Event::Message { room_id: room, message };
                self.tell_message(room, author, asked, again, &event);
            }
            News::MessageChanged { room, message, asked } => {
                let author = message.user.user_id;
                let event = Event::MessageChanged { room_id: room, message };
                self.tell_message(room, author, asked, false, &event);
            }
            News::UserForgotten { user, was_there } => {
                self.say_forgotten(user, was_there.is_some());
                if was_there.is_some() {
                    self.end_sessions_of(user, now);
                }
            }
            News::Paired { new, asked } => self.paired(new, asked),
            News::SignedOut { user, browsers, asked } => self.signed_out(user, browsers, asked, now),
            News::Person { user, change, asked } => self.person_changed(user, &change, asked, now),
            News::TooMany(asked) => {
                self.count_limit(Limit::People);
                self.refuse_kept(
                    asked,
                    Refusal::not_allowed("as many as may be are in this list: take some out"),
                );
            }
            News::NotTheirs(asked) => self.refuse_kept(asked, NOT_THEIRS),
            News::Full(asked) => {
                self.count_limit(Limit::Messages);
                self.refuse_kept(asked, Refusal::not_allowed("this room keeps no more messages"));
            }
            News::NoFile(asked) => self.refuse_kept(asked, NO_FILE),
            News::FileBegun {
                message,
                file,
                ticket,
                asked,
            } => self.file_begun(message, file, ticket, asked),
            News::NoSpace { of_user, asked } => self.no_space(of_user, asked),
            News::NotKept(asked) => self.not_kept(asked),
        }
        self.settle(now);
    }

    /// What was asked of the store.
    pub fn handle_finding(&mut self, finding: Finding, now: Instant) {
        match finding {
            Finding::History {
                asked,
                rows,
                more,
                missed,
            } => self.tell(asked.session, Some(asked.reference), Event::History { rows, more, missed }),
            Finding::Messages {
                asked,
                room,
                call,
                messages,
                more,
            } => {
                let event = Event::Messages {
                    room_id: room,
                    call_id: call,
                    messages,
                    more,
                };
                self.tell(asked.session, Some(asked.reference), event);
            }
            Finding::File { asked, file, ticket } => {
                let event = Event::FileOpened { file_id: file, ticket };
                self.tell_now(asked.session, Some(asked.reference), event);
            }
            Finding::Adopted { lost, outcome } => self.adopted(lost, outcome, now),
            Finding::Renewal { users, barred } => self.renewed(users, barred, now),
            Finding::NoRenewal(users) => self.not_renewed(users, now),
            Finding::CallReport { asked, call, report } => {
                let event = Event::CallReport { call_id: call, report };
                self.tell_now(asked.session, Some(asked.reference), event);
            }
            Finding::People {
                asked,
                user,
                contacts,
                blocked,
            } => self.people_found(asked, user, contacts, blocked),
            Finding::Browsers { asked, browsers } => self.browsers_found(asked, browsers),
            Finding::NotTheirs(asked) => self.refuse_asked(asked, NOT_THEIRS),
            Finding::Nothing(asked) => self.refuse_asked(asked, NOT_READ),
            Finding::TooMany(asked) => self.refuse_asked(asked, Refusal::rate_limited("too many ask at once: try again")),
        }
        self.settle(now);
    }

    /// The store says that it is not so, to whoever still waits for its word.
    pub(super) fn refuse_kept(&mut self, asked: Asked, refusal: Refusal) {
        if self.kept(asked).is_some() {
            self.refuse_asked(asked, refusal);
        }
    }

    fn refuse_asked(&mut self, asked: Asked, refusal: Refusal) {
        self.refuse(asked.session, Some(asked.reference), refusal.code, refusal.message);
    }

    /// Tells every session of a user, and the one that asked that this is its answer.
    fn tell_user(&mut self, user: UserId, asked: Option<Asked>, event: &Event) {
        self.tell_user_here(user, asked, event);
        let event = event.clone();
        self.say_of_users(&Word::Told { user, event });
    }

    /// The same for those that are here.
    pub(super) fn tell_user_here(&mut self, user: UserId, asked: Option<Asked>, event: &Event) {
        let answers = asked.and_then(|asked| self.kept(asked));
        let sessions: Vec<SessionId> = self
            .users
            .get(&user)
            .map(|user| user.sessions.iter().copied().collect())
            .unwrap_or_default();
        for to in sessions {
            if self.is_visitor(to) {
                // Its home tells it.
                continue;
            }
            let reference = answers.filter(|_| asked.is_some_and(|asked| asked.session == to));
            self.tell(to, reference, event.clone());
        }
    }
}
