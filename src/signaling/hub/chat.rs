//! What is written in rooms, in the hub: who may, and who is told once the store has it.

use std::time::{Duration, Instant};

use super::{Hub, Timer};
use crate::id::{CallId, FileId, MessageId, RoomId, SessionId, UserId};
use crate::signaling::limits::{Limit, MESSAGES_PAGE_MAX, Refusal};
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::{ErrorCode, Event};
use crate::signaling::records::{Asked, MessageNote, Question};
use crate::signaling::words::{MESSAGE_CHARS_MAX, clean_text};

/// After so long without a word of the store, who asked is told that it is not kept. What comes of it after all is told as well.
pub(super) const SAVE_PATIENCE: Duration = Duration::from_millis(800);

const NOT_SAVED: Refusal = Refusal {
    code: ErrorCode::NotSaved,
    message: "the store could not keep it: try again",
};

/// What users ask.
impl Hub {
    pub(super) fn say(
        &mut self,
        asked: Asked,
        room: RoomId,
        message: MessageId,
        text: &str,
        file: Option<FileId>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let session = asked.session;
        let (participant, _) = self.in_room(session, room)?;
        let text = self.take_text(session, text, file.is_some(), now)?;
        let author = self.user_info(self.sessions[&session].user);
        self.have_kept(
            MessageNote::Say {
                room,
                message,
                author,
                participant,
                text,
                file,
                asked,
            },
            now,
        );
        Ok(())
    }

    pub(super) fn edit_message(
        &mut self,
        session: SessionId,
        reference: u32,
        room: RoomId,
        number: u64,
        text: &str,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.in_room(session, room)?;
        let text = self.take_text(session, text, false, now)?;
        let user = self.sessions[&session].user;
        let asked = Asked { session, reference };
        self.have_kept(
            MessageNote::Edit {
                room,
                number,
                user,
                text,
                asked,
            },
            now,
        );
        Ok(())
    }

    /// One's own; a host's, anybody's.
    pub(super) fn delete_message(
        &mut self,
        session: SessionId,
        reference: u32,
        room: RoomId,
        number: u64,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.in_room(session, room)?;
        self.take_message(session, now)?;
        let user = self.sessions[&session].user;
        let of_anybody = self.is_host_in(session, room);
        let asked = Asked { session, reference };
        self.have_kept(
            MessageNote::Delete {
                room,
                number,
                user,
                of_anybody,
                asked,
            },
            now,
        );
        Ok(())
    }

    /// What was written in the room that a session is in.
    pub(super) fn messages(
        &mut self,
        session: SessionId,
        reference: u32,
        room: RoomId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<(), Refusal> {
        self.in_room(session, room)?;
        let Some(reader) = self.user_of(session) else { return Ok(()) };
        self.outputs.push_back(Output::Read(Question::Messages {
            asked: Asked { session, reference },
            room,
            reader,
            before,
            limit: limit.clamp(1, MESSAGES_PAGE_MAX),
        }));
        Ok(())
    }

    /// What was written in a call that is over. Whether it is one of this user's the store knows.
    pub(super) fn call_messages(&mut self, session: SessionId, reference: u32, call: CallId, before: Option<u64>, limit: u32) {
        let Some(user) = self.user_of(session) else {
            return;
        };
        self.outputs.push_back(Output::Read(Question::CallMessages {
            asked: Asked { session, reference },
            user,
            call,
            before,
            limit: limit.clamp(1, MESSAGES_PAGE_MAX),
        }));
    }

    /// `may_be_empty`: something else says it.
    fn take_text(&mut self, session: SessionId, text: &str, may_be_empty: bool, now: Instant) -> Result<String, Refusal> {
        self.check_may_say(session)?;
        let text = clean_text(text);
        if text.is_empty() && !may_be_empty {
            return Err(Refusal::bad_command("a message without a text"));
        }
        if text.chars().count() > MESSAGE_CHARS_MAX {
            self.count_limit(Limit::FieldBytes);
            return Err(Refusal {
                code: ErrorCode::TooLarge,
                message: "the text is too long",
            });
        }
        self.take_message(session, now)?;
        Ok(text)
    }

    fn take_message(&mut self, session: SessionId, now: Instant) -> Result<(), Refusal> {
        if self
            .sessions
            .get_mut(&session)
            .is_some_and(|session| session.messages.take(now))
        {
            return Ok(());
        }
        self.count_limit(Limit::Messages);
        Err(Refusal::rate_limited("too many messages: wait a second"))
    }

    fn have_kept(&mut self, note: MessageNote, now: Instant) {
        self.await_store(note.asked(), now);
        self.outputs.push_back(Output::Keep(Keep::Message(note)));
    }
}

/// What the store says.
impl Hub {
    /// Whoever asked is told within a second that it was not kept.
    pub(super) fn await_store(&mut self, asked: Asked, now: Instant) {
        self.unkept.insert(asked);
        self.timers.insert((now + SAVE_PATIENCE, Timer::Unkept(asked)));
    }

    /// The `ref` that this answers, unless it was answered already.
    pub(super) fn kept(&mut self, asked: Asked) -> Option<u32> {
        self.unkept.remove(&asked).then_some(asked.reference)
    }

    /// It was not kept, or not in time.
    pub(super) fn not_kept(&mut self, asked: Asked) {
        self.refuse_kept(asked, NOT_SAVED);
    }

    /// The message is kept: everybody in the room is told, and whoever sent it even if they are not in it any more. It is not replayed:
    /// fifteen seconds away from a lively room would overrun that, and who comes back asks for the messages. Whoever has blocked its
    /// author is not told.
    pub(super) fn tell_message(&mut self, room_id: RoomId, author: UserId, asked: Asked, again: bool, event: &Event) {
        let reference = self.kept(asked);
        let mut to: Vec<SessionId> = self.present_in(room_id).into_iter().map(|(_, session)| session).collect();
        if again {
            // The others have heard it.
            to.clear();
        }
        to.retain(|session| self.user_of(*session).is_none_or(|user| !self.has_blocked(user, author)));
        if !to.contains(&asked.session) {
            to.push(asked.session);
        }
        for session in to {
            let reference = reference.filter(|_| session == asked.session);
            self.tell_now(session, reference, event.clone());
        }
    }
}
