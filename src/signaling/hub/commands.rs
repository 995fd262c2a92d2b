//! Commands in the hub: which are taken, and which part of the hub carries each out.

use std::time::Instant;

use super::Hub;
use super::people::named;
use crate::id::{ConnectionId, SessionId, UserId};
use crate::signaling::call::Farewell;
use crate::signaling::limits::{Limit, RETRY_AFTER_S, Refusal};
use crate::signaling::names::{NAME_CHARS_MAX, clean_name};
use crate::signaling::output::{CloseReason, Fact, Output};
use crate::signaling::person::PersonChange;
use crate::signaling::protocol::{Command, ErrorCode, Event};
use crate::signaling::push::Subscription;
use crate::signaling::record::PathChange;
use crate::signaling::records::Asked;

impl Hub {
    /// Whether a command counts: not too many, and not one that was taken before.
    pub(super) fn take_command(&mut self, connection: ConnectionId, reference: Option<u32>, now: Instant) -> Option<SessionId> {
        let id = *self.connections.get(&connection)?;
        let session = self.sessions.get_mut(&id)?;
        session.heard = session.heard.max(now);
        let is_new = reference.is_none_or(|reference| reference > session.last_ref);
        if is_new {
            session.last_ref = reference.unwrap_or(session.last_ref);
        }
        if session.commands.take(now) {
            return is_new.then_some(id);
        }
        let has_patience = session.patience.take(now);
        self.count_limit(Limit::CommandRate);
        if is_new {
            self.refuse(id, reference, ErrorCode::RateLimited, "too many commands: wait a second");
        }
        if !has_patience {
            self.close(connection, CloseReason::RateLimited, now);
        }
        None
    }

    pub(super) fn carry_out(
        &mut self,
        connection: ConnectionId,
        session: SessionId,
        reference: u32,
        command: Command,
        now: Instant,
    ) -> Result<(), Refusal> {
        match command {
            Command::Hello { .. } => Err(Refusal::not_allowed("hello comes once, and first")),
            Command::Ping {} => {
                self.send_aside(connection, reference, Event::Pong { ice_servers: None });
                Ok(())
            }
            Command::SetName { name } => self.set_name(session, reference, &name),
            Command::Call {
                user_id,
                always_through_server,
            } => self.call(session, reference, user_id, always_through_server, now),
            Command::Accept {
                call_id,
                always_through_server,
            } => self.accept(session, reference, call_id, always_through_server, now),
            Command::Decline { call_id } => self.say_farewell(session, reference, call_id, Farewell::Decline, now),
            Command::Cancel { call_id } => self.say_farewell(session, reference, call_id, Farewell::Cancel, now),
            Command::HangUp { call_id } => self.say_farewell(session, reference, call_id, Farewell::HangUp, now),
            Command::Offer {
                room_id,
                attempt,
                sdp,
                sources,
            } => self.offer(session, reference, room_id, attempt, sdp, sources),
            Command::Publish { room_id, sources } => self.publish(session, room_id, sources, now),
            Command::Signal { room_id, to, signal } => self.signal(session, room_id, to, signal),
            Command::RequestPath { room_id, path, reason } => self.request_path(session, room_id, path, reason),
            Command::ReportPath {
                room_id,
                path,
                reason,
                protocol,
                relayed,
                setup_ms,
            } => {
                let change = PathChange {
                    path,
                    protocol,
                    relayed,
                    reason,
                };
                self.report_path(session, room_id, change, setup_ms, now)
            }
            Command::ReportQuality { room_id, measured } => self.report_quality(session, room_id, measured, now),
            Command::ReportHappening { room_id, what } => self.report_happening(session, room_id, what, now),
            Command::CallReport { call_id } => {
                self.call_report(session, reference, call_id);
                Ok(())
            }
            Command::Invite { room_id, user_id } => self.invite(session, reference, room_id, user_id, now),
            Command::CreateLink { room_id, wish } => self.create_link(session, reference, room_id, wish, now),
            Command::ListLinks {} => self
                .check_errands(session)
                .map(|()| self.list_links(Asked { session, reference }, now)),
            command @ (Command::RevokeLink { .. } | Command::LookAtLink { .. } | Command::Join { .. }) => {
                self.by_link(Asked { session, reference }, command, now)
            }
            Command::Leave { room_id } => self.leave(session, reference, room_id, now),
            Command::Lock { room_id, locked } => self.lock(session, reference, room_id, locked),
            Command::Admit {
                room_id,
                participant_id,
                admitted,
            } => self.admit(session, room_id, participant_id, admitted, now),
            Command::Mute {
                room_id,
                participant_id,
                source,
            } => self.mute(session, room_id, participant_id, source),
            Command::Remove { room_id, participant_id } => self.remove(session, room_id, participant_id, now),
            Command::RaiseHand { room_id, raised } => self
                .check_may_say(session)
                .and_then(|()| self.raise_hand(session, reference, room_id, raised)),
            Command::React { room_id, reaction } => self
                .check_may_say(session)
                .and_then(|()| self.react(session, room_id, reaction, now)),
            Command::View { room_id, view } => self.view(session, room_id, view),
            Command::StartCheck {} => self.start_check(session, reference, now),
            Command::EndCheck {} => {
                self.end_check_of(session);
                Ok(())
            }
            Command::Say {
                room_id,
                message_id,
                text,
                file_id,
            } => self.say(Asked { session, reference }, room_id, message_id, &text, file_id, now),
            Command::SendFile {
                room_id,
                message_id,
                name,
                bytes,
            } => self.send_file(session, reference, room_id, (message_id, &name, bytes), now),
            Command::OpenFile { room_id, number } => self.open_file(session, reference, room_id, number),
            Command::OpenCallFile { call_id, number } => {
                self.open_call_file(session, reference, call_id, number);
                Ok(())
            }
            Command::EditMessage { room_id, number, text } => self.edit_message(session, reference, room_id, number, &text, now),
            Command::DeleteMessage { room_id, number } => self.delete_message(session, reference, room_id, number, now),
            Command::Messages { room_id, before, limit } => self.messages(session, reference, room_id, before, limit),
            Command::CallMessages { call_id, before, limit } => {
                self.call_messages(session, reference, call_id, before, limit);
                Ok(())
            }
            Command::History { before, limit } => {
                self.history(session, reference, before, limit);
                Ok(())
            }
            Command::SeeHistory {} => {
                self.see_history(session, reference, now);
                Ok(())
            }
            Command::People {} => {
                self.people(session, reference);
                Ok(())
            }
            Command::KeepContact { user_id, name } => {
                let change = PersonChange::KeepContact(named(user_id, &name));
                self.change_person(session, reference, change, now)
            }
            Command::ForgetContact { user_id } => {
                self.change_person(session, reference, PersonChange::ForgetContact(user_id), now)
            }
            Command::Block { user_id, name } => {
                let change = PersonChange::Block(named(user_id, &name));
                self.change_person(session, reference, change, now)
            }
            Command::Unblock { user_id } => self.change_person(session, reference, PersonChange::Unblock(user_id), now),
            Command::Set { settings } => self.change_person(session, reference, PersonChange::Set(settings), now),
            Command::SubscribePush { endpoint, p256dh, auth } => {
                let mut subscription = Subscription::check(endpoint, p256dh, auth)?;
                subscription.browser = self.browser_of(session);
                let change = PersonChange::Subscribe(subscription);
                self.change_person(session, reference, change, now)
            }
            Command::UnsubscribePush { endpoint } => {
                self.change_person(session, reference, PersonChange::Unsubscribe(endpoint), now)
            }
            Command::SetAway { away } => {
                self.set_away(session, away);
                Ok(())
            }
            Command::Browsers {} => self.browsers(session, reference),
            Command::SignOut { browser_id } => self.sign_out(session, reference, browser_id, now),
            Command::Pair {} => self.pair(session, reference, now),
            Command::CancelPairing {} => {
                self.cancel_pairing(session, reference);
                Ok(())
            }
            Command::LookAtPairing { code } => self.look_at_pairing(session, reference, &code, now),
            Command::UsePairing { code } => self.use_pairing(session, reference, &code, now),
            Command::ForgetHistory { call_id } => {
                self.forget_history(session, reference, call_id, now);
                Ok(())
            }
        }
    }

    fn set_name(&mut self, session: SessionId, reference: u32, name: &str) -> Result<(), Refusal> {
        self.check_may_rename(session)?;
        let user_id = self.sessions[&session].user;
        if name.chars().count() > NAME_CHARS_MAX {
            self.count_limit(Limit::NameChars);
        }
        let Some(user) = self.users.get_mut(&user_id) else {
            return Ok(());
        };
        let name = clean_name(name);
        if user.name == name {
            self.tell(session, Some(reference), Event::NameChanged { name });
            return Ok(());
        }
        user.name.clone_from(&name);
        self.outputs.push_back(Output::SaveName {
            user: user_id,
            name: name.clone(),
        });
        self.show_name(user_id, &name, Some((session, reference)));
        self.say_renamed(user_id, &name);
        Ok(())
    }

    /// A sign-in brought another name than the user's other sessions know. It is kept already.
    pub(super) fn rename(&mut self, user_id: UserId, name: &str) {
        let name = clean_name(name);
        match self.users.get_mut(&user_id) {
            Some(user) if user.name != name => user.name.clone_from(&name),
            _ => return,
        }
        self.show_name(user_id, &name, None);
    }

    fn show_name(&mut self, user_id: UserId, name: &str, asked: Option<(SessionId, u32)>) {
        let sessions = self.users.get(&user_id).map(|user| user.sessions.clone()).unwrap_or_default();
        for to in sessions {
            let reference = asked.filter(|(session, _)| *session == to).map(|(_, reference)| reference);
            if !self.is_visitor(to) {
                let name = name.to_owned();
                self.tell(to, reference, Event::NameChanged { name });
            }
            self.say_named(to, name);
            self.show_participant_of(to);
            self.show_in_lobby(to);
        }
    }

    pub(super) fn refuse(&mut self, session: SessionId, reference: Option<u32>, code: ErrorCode, message: &str) {
        self.outputs.push_back(Output::Count(Fact::Refused { code }));
        let message = message.to_owned();
        let retry_after_s = (code == ErrorCode::Overloaded).then_some(RETRY_AFTER_S);
        self.tell(
            session,
            reference,
            Event::Error {
                code,
                message,
                retry_after_s,
            },
        );
    }
}
