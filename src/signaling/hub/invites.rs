//! Invitations in the hub: calls that ring somebody into a room that is there.

use std::time::Instant;

use super::Hub;
use super::calls::Found;
use super::seeking::Leads;
use crate::id::{RoomId, SessionId, UserId};
use crate::signaling::call::Kind;
use crate::signaling::limits::{INVITATIONS_MAX, Limit, Refusal};
use crate::signaling::protocol::{EndReason, Invitation};

impl Hub {
    pub(super) fn invite(
        &mut self,
        inviter: SessionId,
        reference: u32,
        room_id: RoomId,
        user: UserId,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.in_room(inviter, room_id)?;
        self.check_may_invite(inviter)?;
        let Some(room) = self.rooms.get(&room_id) else { return Ok(()) };
        let is_in = |session: &SessionId| self.sessions.get(session).is_some_and(|s| s.user == user);
        if room.members.values().any(|m| m.standing.is_present() && is_in(&m.session)) {
            return Err(Refusal::not_allowed("they are in this room already"));
        }
        if room.invitations.len() >= INVITATIONS_MAX {
            self.count_limit(Limit::Invitations);
            return Err(Refusal::rate_limited("too many are being called into this room"));
        }
        self.check_space(room_id)?;
        match self.find(inviter, reference, user, now)? {
            Found::Nowhere => {}
            Found::Elsewhere(id) => {
                let leads = Leads {
                    kind: Kind::Invitation,
                    room: Some(room_id),
                    through_server: false,
                };
                self.seek(id, inviter, reference, user, leads, now);
            }
            Found::At(id, at) => {
                if let Some(room) = self.rooms.get_mut(&room_id) {
                    room.invitations.insert(id);
                }
                self.begin_ringing(id, room_id, Kind::Invitation, (inviter, reference), (user, at), now);
                self.ask_others(id);
            }
        }
        Ok(())
    }

    /// Whom a session calls into its room now.
    pub(super) fn invitations_of(&self, session: SessionId, room: RoomId) -> Vec<Invitation> {
        let ids = self.rooms.get(&room).map(|room| &room.invitations);
        let calls = ids.into_iter().flatten().filter_map(|id| self.calls.get(id));
        let ours = calls.filter(|call| call.caller == session);
        ours.map(|call| Invitation {
            call_id: call.id,
            user: self.user_info(call.callee_user),
        })
        .collect()
    }

    /// Whoever leaves a room does not call others into it any more.
    pub(super) fn cancel_invitations_of(&mut self, session: SessionId, room: RoomId, now: Instant) {
        let invitations = self.rooms.get(&room).map(|room| room.invitations.clone()).unwrap_or_default();
        for id in invitations {
            if self.calls.get(&id).is_some_and(|call| call.caller == session) {
                self.stop_ringing(id, EndReason::Cancelled, None, now);
            }
        }
    }
}
