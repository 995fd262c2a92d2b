//! What the operator's application is told, where it wants to be.

use std::time::Duration;

use super::Hub;
use crate::id::{CallId, ParticipantId, RoomId, SessionId, UserId};
use crate::signaling::call::{Call, Kind};
use crate::signaling::happening::{CallOf, Happening, Presence, RoomOf};
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::{EndReason, LeaveReason};
use crate::signaling::room::{Origin, Room};

impl Hub {
    pub(super) fn tell_call_started(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        self.happened(Happening::CallStarted {
            of: call_of(call),
            invitation: call.kind == Kind::Invitation,
        });
    }

    pub(super) fn tell_call_answered(&mut self, id: CallId, rang: Duration) {
        let Some(call) = self.calls.get(&id) else { return };
        self.happened(Happening::CallAnswered { of: call_of(call), rang });
    }

    /// It is gone from the hub already.
    pub(super) fn tell_call_ended(&mut self, call: &Call, reason: EndReason, lasted: Duration) {
        self.happened(Happening::CallEnded {
            of: call_of(call),
            answered: call.is_answered(),
            reason,
            lasted,
        });
    }

    pub(super) fn tell_never_rang(&mut self, call: CallId, caller: SessionId, callee: UserId, reason: EndReason) {
        let Some(caller) = self.user_of(caller) else { return };
        let of = CallOf {
            call,
            room: None,
            caller,
            callee,
        };
        self.happened(Happening::CallEnded {
            of,
            answered: false,
            reason,
            lasted: Duration::ZERO,
        });
    }

    /// A participant came in; the first of all opens the room.
    pub(super) fn tell_joined(&mut self, room_id: RoomId, participant: ParticipantId, session: SessionId) {
        let Some((at, is_first)) = self.rooms.get(&room_id).and_then(|room| {
            let at = room_of(room_id, room)?;
            Some((at, room.present_count() == 1))
        }) else {
            return;
        };
        let Some(user) = self.user_of(session) else { return };
        if is_first {
            self.happened(Happening::RoomStarted(at));
        }
        self.happened(Happening::ParticipantJoined(Presence { at, participant, user }));
    }

    /// A participant of a room that goes on has left it, or is about to.
    pub(super) fn tell_left(&mut self, room_id: RoomId, participant: ParticipantId, session: SessionId, reason: LeaveReason) {
        let at = self.rooms.get(&room_id).and_then(|room| room_of(room_id, room));
        if let (Some(at), Some(user)) = (at, self.user_of(session)) {
            let who = Presence { at, participant, user };
            self.happened(Happening::ParticipantLeft { who, reason });
        }
    }

    /// Everybody left a room, with these reasons. It is gone from the hub already.
    pub(super) fn tell_room_ended(
        &mut self,
        room_id: RoomId,
        room: &Room,
        left: impl Iterator<Item = (ParticipantId, SessionId, LeaveReason)>,
    ) {
        let Some(at) = room_of(room_id, room) else { return };
        let mut was_open = false;
        for (participant, session, reason) in left {
            was_open = true;
            if let Some(user) = self.user_of(session) {
                let who = Presence { at, participant, user };
                self.happened(Happening::ParticipantLeft { who, reason });
            }
        }
        if was_open {
            self.happened(Happening::RoomEnded(at));
        }
    }

    fn happened(&mut self, what: Happening) {
        if self.config.tells_application {
            self.outputs.push_back(Output::Keep(Keep::Happened(what)));
        }
    }
}

fn call_of(call: &Call) -> CallOf {
    CallOf {
        call: call.id,
        room: Some(call.room),
        caller: call.caller_user,
        callee: call.callee_user,
    }
}

/// None: in it, one checks their connection.
fn room_of(room_id: RoomId, room: &Room) -> Option<RoomOf> {
    match room.origin {
        Origin::Check => None,
        Origin::Call | Origin::Link => Some(RoomOf {
            room: room_id,
            link: room.link,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::gatherings::{OPEN, join, make_link};
    use super::super::stories::{BOB, ada_and_bob, all_go, call, hang_up, talking};
    use super::super::world::World;
    use super::*;

    /// What was told since the last look, in a few words.
    fn told(world: &mut World) -> Vec<String> {
        let names = std::mem::take(&mut world.happened).into_iter().map(|what| match what {
            Happening::CallStarted { .. } => "call_started".to_owned(),
            Happening::CallAnswered { .. } => "call_answered".to_owned(),
            Happening::CallEnded { reason, answered, .. } => format!("call_ended {} {answered}", reason.as_str()),
            Happening::CallMissed { .. } | Happening::Message { .. } => panic!("the store tells that"),
            Happening::RoomStarted(room) => format!("room_started {}", room.link.is_some()),
            Happening::RoomEnded(_) => "room_ended".to_owned(),
            Happening::ParticipantJoined(_) => "joined".to_owned(),
            Happening::ParticipantLeft { reason, .. } => format!("left {reason:?}"),
        });
        names.collect()
    }

    #[test]
    fn a_call_is_told_from_its_ringing_to_its_end() {
        let (mut world, _, bob) = talking();
        let answered = ["call_started", "call_answered", "room_started false", "joined", "joined"];
        assert_eq!(told(&mut world), answered);
        hang_up(&mut world, bob);
        let mut ended = told(&mut world);
        ended.sort();
        assert_eq!(ended, ["call_ended hung_up true", "left Closed", "left Left", "room_ended"]);
        all_go(world);
    }

    #[test]
    fn a_call_that_reaches_nobody_has_an_end_alone() {
        let (mut world, ada, _) = ada_and_bob(0);
        world.send(ada, call(BOB));
        assert_eq!(told(&mut world), ["call_ended unreachable false"]);
        all_go(world);
    }

    #[test]
    fn a_room_is_told_with_its_link_and_a_check_is_not() {
        let (mut world, ada, bobs) = ada_and_bob(1);
        let link = make_link(&mut world, ada, None, OPEN);
        for browser in [ada, bobs[0]] {
            assert_eq!(join(&mut world, browser, link)[0], "room_joined");
        }
        assert_eq!(told(&mut world), ["room_started true", "joined", "joined"]);
        world.cut(bobs[0]);
        world.pass(Duration::from_secs(20));
        assert_eq!(told(&mut world), ["left ConnectionLost"]);
        world.cut(ada);
        world.pass(Duration::from_secs(20));
        assert_eq!(told(&mut world), ["left ConnectionLost", "room_ended"]);
        world.hub.remove_link(link);
        world.drain();
        all_go(world);
    }
}
