//! What of rooms and calls the hub has noted in the store, for the time after a restart.

use super::Hub;
use crate::id::{CallId, ParticipantId, RoomId, SessionId};
use crate::signaling::call::Kind;
use crate::signaling::output::{Keep, KeptCall, KeptMember, KeptRoom, Output};
use crate::signaling::room::Origin;

impl Hub {
    pub(super) fn keep_room(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let by_call = match room.origin {
            Origin::Check => return,
            Origin::Call => true,
            Origin::Link => false,
        };
        self.outputs.push_back(Output::Keep(Keep::Room(KeptRoom {
            room: room_id,
            by_call,
            name: room.name.clone(),
            link: room.link,
            locked: room.locked,
            lobby: room.lobby,
            removed: room.removed.iter().copied().collect(),
        })));
    }

    /// With everybody in it.
    pub(super) fn forget_room(&mut self, room_id: RoomId) {
        self.outputs.push_back(Output::Keep(Keep::ForgetRoom(room_id)));
    }

    pub(super) fn keep_call(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        self.outputs.push_back(Output::Keep(Keep::Call(KeptCall {
            call: id,
            room: call.room,
            invitation: call.kind == Kind::Invitation,
            caller: call.caller,
            caller_user: call.caller_user,
            callee_user: call.callee_user,
        })));
    }

    pub(super) fn keep_member(&mut self, room_id: RoomId, participant: ParticipantId) {
        let Some(member) = self.rooms.get(&room_id).and_then(|room| room.members.get(&participant)) else {
            return;
        };
        if self.is_visitor(member.session) && !self.neighbours.shares_store {
            // A restart would not find its session.
            return;
        }
        self.outputs.push_back(Output::Keep(Keep::Member(KeptMember {
            room: room_id,
            participant,
            session: member.session,
            call: member.call,
            place: member.place,
            host: member.host,
            through_server: member.through_server,
        })));
    }

    pub(super) fn forget_member(&mut self, session: SessionId) {
        if self.is_visitor(session) && !self.neighbours.shares_store {
            return;
        }
        self.outputs.push_back(Output::Keep(Keep::ForgetMember(session)));
    }
}
