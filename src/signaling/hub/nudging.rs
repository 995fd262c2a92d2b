//! Who is told by web push of what they missed: somebody who has no page open.

use super::Hub;
use crate::id::{RoomId, UserId};
use crate::signaling::output::Output;
use crate::signaling::protocol::{HistoryRow, Message, Presence};
use crate::signaling::push::{Missed, Nudge};

impl Hub {
    /// A call is over for a user. Whether it is a missed one, and one that they are to know of, the store has decided.
    pub(super) fn nudge_of_call(&mut self, to: UserId, row: &HistoryRow) {
        if row.missed && !self.has_page(to) {
            self.outputs.push_back(Output::Push(Nudge {
                to,
                from: row.user.clone(),
                about: Missed::Call(row.call_id),
            }));
        }
    }

    /// A message is kept. For those in the room whose page is away just now, and for those whose page went while they were in it.
    pub(super) fn nudge_of_message(&mut self, room_id: RoomId, message: &Message) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let about = Missed::Message {
            room: room_id,
            link: room.link,
        };
        let mut absent = room.lost.clone();
        absent.extend(room.present().into_iter().filter_map(|(_, session)| self.user_of(session)));
        absent.remove(&message.user.user_id);
        for to in absent {
            if !self.has_page(to) {
                self.outputs.push_back(Output::Push(Nudge {
                    to,
                    from: message.user.clone(),
                    about,
                }));
            }
        }
    }

    fn has_page(&self, user: UserId) -> bool {
        let sessions = self.users.get(&user).into_iter().flat_map(|user| &user.sessions);
        let mut open = sessions.filter_map(|session| self.sessions[session].connection());
        open.next().is_some() || self.far_presence(user) != Presence::Offline
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::gatherings::{OPEN, join, make_link};
    use super::super::stories::{ADA, BOB, ada_and_bob, all_go};
    use super::super::world::{World, user_id};
    use crate::id::{CallId, MessageId, RoomId};
    use crate::signaling::protocol::{Command, Direction, EndReason, HistoryRow, UserInfo};
    use crate::signaling::push::Missed;
    use crate::signaling::records::News;

    const EVE: u64 = 33;

    fn info(user: u64) -> UserInfo {
        UserInfo {
            user_id: user_id(user),
            name: format!("user {user}"),
        }
    }

    /// The store has it that Bob missed a call of Ada's.
    fn miss(world: &mut World, missed: bool) -> usize {
        let row = HistoryRow {
            call_id: CallId::from_random(1),
            user: info(ADA),
            direction: Direction::Received,
            rang_at_ms: 1,
            reason: EndReason::Unreachable,
            answered: false,
            talked_ms: 0,
            missed,
            seen: false,
            chat: false,
            report: false,
        };
        let news = News::Row {
            user: user_id(BOB),
            row,
            missed: 1,
        };
        world.hub.handle_news(news, world.now);
        world.drain();
        std::mem::take(&mut world.nudged).len()
    }

    /// Ada writes into a room: who is to be told of it.
    fn say(world: &mut World, ada: usize, room_id: RoomId, number: u64) -> Vec<u64> {
        for _again in 0..2 {
            let command = Command::Say {
                room_id,
                message_id: MessageId::from_random(number),
                text: "hello".to_owned(),
                file_id: None,
            };
            world.send(ada, command);
            world.save_one(true);
        }
        let nudged = std::mem::take(&mut world.nudged);
        assert!(
            nudged
                .iter()
                .all(|one| matches!(one.about, Missed::Message { link: Some(_), .. }))
        );
        let users = nudged.iter().map(|one| (1..100).find(|user| user_id(*user) == one.to));
        users.map(|user| user.expect("one of ours")).collect()
    }

    #[test]
    fn a_call_that_was_missed_is_for_whoever_has_no_page_open() {
        let (mut world, _, bobs) = ada_and_bob(2);
        assert_eq!(miss(&mut world, true), 0, "pages are open");
        world.cut(bobs[0]);
        assert_eq!(miss(&mut world, true), 0, "one still is");
        world.cut(bobs[1]);
        assert_eq!(miss(&mut world, true), 1, "they may come back, but are not here");
        assert_eq!(miss(&mut world, false), 0, "it was none");
        world.pass(Duration::from_secs(60));
        assert_eq!(miss(&mut world, true), 1);
        all_go(world);
    }

    #[test]
    fn a_message_is_for_whose_page_went_while_they_were_in_the_room() {
        let (mut world, ada, bobs) = ada_and_bob(1);
        let eve = world.open(EVE);
        let link = make_link(&mut world, ada, None, OPEN);
        for browser in [ada, bobs[0], eve] {
            assert_eq!(join(&mut world, browser, link)[0], "room_joined");
        }
        let room = world.browsers[ada].view.room().expect("she is in it");
        assert!(say(&mut world, ada, room, 1).is_empty());
        world.cut(bobs[0]);
        assert_eq!(say(&mut world, ada, room, 2), [BOB]);
        world.pass(Duration::from_secs(20));
        assert_eq!(say(&mut world, ada, room, 3), [BOB], "also when they are out of it");
        world.send(eve, Command::Leave { room_id: room });
        world.cut(eve);
        assert_eq!(say(&mut world, ada, room, 4), [BOB], "she left");
        let again = world.open(BOB);
        assert!(say(&mut world, ada, room, 5).is_empty(), "a page is open");
        world.told(again);
        assert_eq!(join(&mut world, again, link)[0], "room_joined");
        world.send(again, Command::Leave { room_id: room });
        world.cut(again);
        assert!(say(&mut world, ada, room, 6).is_empty(), "he left too");
        world.hub.remove_link(link);
        world.drain();
        all_go(world);
    }
}
