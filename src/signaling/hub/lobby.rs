//! The lobby in the hub: who waits, and who lets them in.

use std::time::Instant;

use super::Hub;
use crate::id::{ParticipantId, RoomId, SessionId};
use crate::signaling::limits::Refusal;
use crate::signaling::protocol::{Event, LeaveReason, Waiting};
use crate::signaling::room::{Room, Standing};

impl Hub {
    pub(super) fn admit(
        &mut self,
        host: SessionId,
        room_id: RoomId,
        participant: ParticipantId,
        admitted: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.check_host(host, room_id)?;
        let member = self.rooms.get(&room_id).and_then(|room| room.members.get(&participant));
        let waiting = member
            .filter(|member| member.standing == Standing::Waiting)
            .map(|member| member.session);
        let Some(session) = waiting else {
            return Err(Refusal::not_allowed("nobody like that waits"));
        };
        if !admitted {
            self.leave_lobby(session, LeaveReason::Refused, None, now);
            return Ok(());
        }
        self.check_space(room_id)?;
        self.come_in(session, room_id, None, now);
        self.show_lobby(room_id);
        Ok(())
    }

    /// Somebody waits no more, and did not come in.
    pub(super) fn leave_lobby(&mut self, id: SessionId, reason: LeaveReason, reference: Option<u32>, now: Instant) {
        let Some(room_id) = self.room_of(id) else { return };
        self.take_out(id);
        self.tell(id, reference, Event::RoomLeft { room_id, reason });
        self.show_lobby(room_id);
        self.look_after(room_id, now);
    }

    /// Who waits, in the order of coming.
    fn waiting_in(&self, room_id: RoomId) -> Vec<Waiting> {
        let waiting = self.rooms.get(&room_id).map(Room::waiting).unwrap_or_default();
        let shown = waiting.iter().filter_map(|(participant_id, session)| {
            let user = self.user_info(self.sessions.get(session)?.user);
            let participant_id = *participant_id;
            Some(Waiting { participant_id, user })
        });
        shown.collect()
    }

    /// Shows the hosts what one who waits is called now.
    pub(super) fn show_in_lobby(&mut self, id: SessionId) {
        let Some(room_id) = self.room_of(id) else { return };
        if self
            .member(id, room_id)
            .is_ok_and(|(_, member)| member.standing == Standing::Waiting)
        {
            self.show_lobby(room_id);
        }
    }

    /// Shows the hosts of a room who waits.
    pub(super) fn show_lobby(&mut self, room_id: RoomId) {
        let waiting = self.waiting_in(room_id);
        let Some(room) = self.rooms.get(&room_id) else { return };
        let hosts: Vec<SessionId> = room
            .present()
            .into_iter()
            .filter(|(id, _)| room.is_host(*id))
            .map(|(_, session)| session)
            .collect();
        for to in hosts {
            let waiting = waiting.clone();
            self.tell(to, None, Event::LobbyChanged { room_id, waiting });
        }
    }

    /// The same to one who has just become a host, or came back.
    pub(super) fn show_lobby_to(&mut self, host: SessionId, room_id: RoomId) {
        let waiting = self.waiting_in(room_id);
        if !waiting.is_empty() {
            self.tell(host, None, Event::LobbyChanged { room_id, waiting });
        }
    }
}
