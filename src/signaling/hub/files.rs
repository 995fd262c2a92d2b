//! Files in chats, in the hub: who may begin to send one, and who may ask for one. Their bytes never come here.

use std::time::Instant;

use rand::Rng;

use super::Hub;
use crate::id::{CallId, FileId, MessageId, RoomId, SessionId};
use crate::signaling::limits::{Limit, Refusal};
use crate::signaling::names::clean_file_name;
use crate::signaling::output::{Keep, Output};
use crate::signaling::protocol::{ErrorCode, Event};
use crate::signaling::records::{Asked, FileNote, Question};

const KEPT_ELSEWHERE: Refusal = Refusal {
    code: ErrorCode::KeptElsewhere,
    message: "the files of this room are kept by another node, in a store of its own",
};

pub(super) const NO_FILE: Refusal = Refusal {
    code: ErrorCode::NotAllowed,
    message: "there is no such file of this user in this room that is whole and in no message yet",
};

/// What users ask.
impl Hub {
    /// `file`: of which message it is to be part, what it is called, and its bytes.
    pub(super) fn send_file(
        &mut self,
        session: SessionId,
        reference: u32,
        room: RoomId,
        (message, name, bytes): (MessageId, &str, u64),
        now: Instant,
    ) -> Result<(), Refusal> {
        self.in_room(session, room)?;
        self.check_may_say(session)?;
        self.reaches_files(session)?;
        let Some(bounds) = self.config.files else {
            return Err(Refusal::not_allowed("this server keeps no files (chat.file_mib_max)"));
        };
        if bytes == 0 {
            return Err(Refusal::bad_command("a file without a byte"));
        }
        if bytes > bounds.file_bytes_max {
            self.count_limit(Limit::Files);
            return Err(Refusal {
                code: ErrorCode::TooLarge,
                message: "the file has more bytes than welcome.file_bytes_max",
            });
        }
        let Some(begun_by) = self.sessions.get_mut(&session) else {
            return Ok(());
        };
        if !begun_by.files.take(now) {
            self.count_limit(Limit::Files);
            return Err(Refusal::rate_limited("too many files: wait some seconds"));
        }
        let user = begun_by.user;
        let asked = Asked { session, reference };
        self.await_store(asked, now);
        let note = FileNote {
            file: FileId::from_random(self.rng.next_u64()),
            room,
            user,
            message,
            name: clean_file_name(name),
            bytes,
            secret: self.fresh_secret(),
            user_bytes_max: bounds.user_bytes_max,
            bytes_max: bounds.bytes_max,
            asked,
        };
        self.outputs.push_back(Output::Keep(Keep::File(note)));
        Ok(())
    }

    /// Whoever may read the message.
    pub(super) fn open_file(&mut self, session: SessionId, reference: u32, room: RoomId, number: u64) -> Result<(), Refusal> {
        self.in_room(session, room)?;
        self.reaches_files(session)?;
        let Some(reader) = self.user_of(session) else { return Ok(()) };
        self.outputs.push_back(Output::Read(Question::File {
            asked: Asked { session, reference },
            room,
            reader,
            number,
        }));
        Ok(())
    }

    /// A visitor's browser sends and fetches at its home, which has a file only where both keep them in one store.
    fn reaches_files(&self, session: SessionId) -> Result<(), Refusal> {
        match self.is_visitor(session) && !self.neighbours.shares_store {
            true => Err(KEPT_ELSEWHERE),
            false => Ok(()),
        }
    }

    /// Whether the call is one of this user's the store knows.
    pub(super) fn open_call_file(&mut self, session: SessionId, reference: u32, call: CallId, number: u64) {
        let Some(user) = self.user_of(session) else { return };
        self.outputs.push_back(Output::Read(Question::CallFile {
            asked: Asked { session, reference },
            user,
            call,
            number,
        }));
    }
}

/// What the store says.
impl Hub {
    /// To the page that has the bytes, and no other. Whoever is away hears it when they come back.
    pub(super) fn file_begun(&mut self, message_id: MessageId, file_id: FileId, ticket: String, asked: Asked) {
        let reference = self.kept(asked);
        let event = Event::FileBegun {
            message_id,
            file_id,
            ticket,
        };
        self.tell(asked.session, reference, event);
    }

    pub(super) fn no_space(&mut self, of_user: bool, asked: Asked) {
        self.count_limit(Limit::Files);
        let message = match of_user {
            true => "your files have no place for one more: delete messages with some",
            false => "the files on this server have no place for one more: tell who runs it",
        };
        let code = ErrorCode::NoSpace;
        self.refuse_kept(asked, Refusal { code, message });
    }
}

#[cfg(test)]
mod tests {
    use super::super::stories::{all_go, room_of, talking};
    use super::super::world::{World, user_id};
    use super::*;
    use crate::signaling::hub::FileBounds;
    use crate::signaling::protocol::Command;
    use crate::signaling::records::{Finding, News};

    fn send(room_id: RoomId, name: &str, bytes: u64) -> Command {
        Command::SendFile {
            room_id,
            message_id: MessageId::from_random(1),
            name: name.to_owned(),
            bytes,
        }
    }

    fn begun(world: &mut World) -> FileNote {
        world.files.pop().expect("it is to be kept")
    }

    #[test]
    fn a_file_begins_once_there_is_place_for_it() {
        let (mut world, ada, bob) = talking();
        let room = room_of(&world, ada);
        world.send(ada, send(room, "../../etc/\u{202e}gpj.exe", 9));
        assert!(world.take(ada).is_empty(), "it is not kept yet");
        let note = begun(&mut world);
        assert_eq!((note.name.as_str(), note.bytes, note.user), ("gpj.exe", 9, user_id(1)));
        assert!(!format!("{note:?}").contains(&note.secret));
        let news = News::FileBegun {
            message: note.message,
            file: note.file,
            ticket: "ticket".to_owned(),
            asked: note.asked,
        };
        world.hub.handle_news(news, world.now);
        world.drain();
        let told = world.take(ada);
        assert!(
            matches!(&told[..], [(Some(_), Event::FileBegun { file_id, .. })] if *file_id == note.file),
            "{told:?}"
        );
        assert!(world.take(bob).is_empty(), "the others hear of it with the message");
        all_go(world);
    }

    #[test]
    fn what_is_too_large_too_much_or_not_kept_is_said() {
        let (mut world, ada, bob) = talking();
        let room = room_of(&world, ada);
        let most = 25 << 20;
        for (bytes, told) in [(0, "error bad_command"), (most + 1, "error too_large")] {
            world.send(ada, send(room, "a", bytes));
            assert_eq!(world.told(ada), [told]);
        }
        world.send(ada, send(RoomId::from_random(77), "a", 1));
        assert_eq!(world.told(ada), ["error not_allowed"]);
        assert!(world.files.is_empty());
        for of_user in [true, false] {
            world.send(ada, send(room, "a", most));
            let asked = begun(&mut world).asked;
            world.hub.handle_news(News::NoSpace { of_user, asked }, world.now);
            world.drain();
            assert_eq!(world.told(ada), ["error no_space"]);
        }
        world.send(ada, send(room, "a", 1));
        let asked = begun(&mut world).asked;
        world.hub.handle_news(News::NotKept(asked), world.now);
        world.drain();
        assert_eq!(world.told(ada), ["error not_saved"]);
        for _ in 0..30 {
            world.send(bob, send(room, "a", 1));
        }
        assert_eq!(world.files.len(), 20);
        assert_eq!(world.told(bob)[..1], ["error rate_limited"]);
        all_go(world);
    }

    #[test]
    fn a_server_without_files_says_so() {
        let (mut world, ada, _) = talking();
        let room = room_of(&world, ada);
        world.hub.config.files = None;
        world.send(ada, send(room, "a", 1));
        assert_eq!(world.told(ada), ["error not_allowed"]);
        world.hub.config.files = Some(FileBounds {
            file_bytes_max: 1,
            user_bytes_max: 2,
            bytes_max: 3,
        });
        world.send(ada, send(room, "a", 1));
        let note = begun(&mut world);
        assert_eq!((note.user_bytes_max, note.bytes_max), (2, 3));
        all_go(world);
    }

    #[test]
    fn only_who_is_in_the_room_asks_for_a_file_there() {
        let (mut world, ada, _) = talking();
        let room_id = room_of(&world, ada);
        let eve = world.open(3);
        world.take(eve);
        let open = Command::OpenFile { room_id, number: 1 };
        world.send(eve, open.clone());
        assert_eq!(world.told(eve), ["error not_allowed"]);
        assert!(world.questions.is_empty());
        world.send(ada, open);
        let Some(Question::File {
            asked,
            reader,
            number: 1,
            ..
        }) = world.questions.pop()
        else {
            panic!("nothing was asked")
        };
        assert_eq!(reader, user_id(1));
        let ticket = "ticket".to_owned();
        let file = FileId::from_random(5);
        world.hub.handle_finding(Finding::File { asked, file, ticket }, world.now);
        world.drain();
        assert!(matches!(&world.take(ada)[..], [(Some(_), Event::FileOpened { .. })]));
        all_go(world);
    }
}
