//! What the hub and the store say to each other of what lasts, as data: notes to keep, questions, and what comes of them.

use std::time::Duration;

use super::hub::restore::Restored;
use super::nodes::Sought;
use super::output::Keep;
use super::pairing::NewDevice;
use super::person::{Person, PersonChange};
use super::protocol::{Browser, CallReport, EndReason, HistoryPlace, HistoryRow, Message, UserInfo};
use crate::id::{CallId, DeviceId, FileId, MessageId, ParticipantId, RoomId, SessionId, UserId};

/// Which command of whom is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    pub session: SessionId,
    /// Its `ref`.
    pub reference: u32,
}

/// For the history of the users of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    Rang {
        call: CallId,
        room: RoomId,
        caller: UserInfo,
        callee: UserInfo,
    },
    /// There may be no such user: the hub knows only who is here.
    NeverRang {
        call: CallId,
        caller: UserInfo,
        callee: UserId,
        reason: EndReason,
    },
    Answered(CallId),
    /// It is over for one of its users.
    Left {
        call: CallId,
        user: UserId,
        reason: EndReason,
        talked: Duration,
    },
    /// It is over for everybody for whom it was not yet.
    Over {
        call: CallId,
        reason: EndReason,
        talked: Duration,
    },
    /// Answered by [`News::Seen`].
    Seen {
        user: UserId,
        asked: Asked,
    },
    /// One of the calls, or all. Answered by [`News::Forgotten`].
    Forget {
        user: UserId,
        call: Option<CallId>,
        asked: Asked,
    },
}

impl Note {
    /// Who waits for an answer.
    pub fn asked(&self) -> Option<Asked> {
        match self {
            Note::Seen { asked, .. } | Note::Forget { asked, .. } => Some(*asked),
            Note::Rang { .. } | Note::NeverRang { .. } | Note::Answered(_) | Note::Left { .. } | Note::Over { .. } => None,
        }
    }
}

/// A change of what was written in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageNote {
    /// Answered by [`News::Said`].
    Say {
        room: RoomId,
        message: MessageId,
        author: UserInfo,
        participant: ParticipantId,
        text: String,
        /// Of the same author, and whole.
        file: Option<FileId>,
        asked: Asked,
    },
    /// Its author's. Answered by [`News::MessageChanged`].
    Edit {
        room: RoomId,
        number: u64,
        user: UserId,
        text: String,
        asked: Asked,
    },
    /// The same.
    Delete {
        room: RoomId,
        number: u64,
        user: UserId,
        of_anybody: bool,
        asked: Asked,
    },
}

impl MessageNote {
    /// Who waits for an answer.
    pub fn asked(&self) -> Asked {
        match self {
            MessageNote::Say { asked, .. } | MessageNote::Edit { asked, .. } | MessageNote::Delete { asked, .. } => *asked,
        }
    }
}

/// A file that is about to be sent. Answered by [`News::FileBegun`].
#[derive(Clone, PartialEq, Eq)]
pub struct FileNote {
    pub file: FileId,
    pub room: RoomId,
    pub user: UserId,
    pub message: MessageId,
    pub name: String,
    pub bytes: u64,
    /// What tickets for it are made with.
    pub secret: String,
    /// Of this user's files, and of all.
    pub user_bytes_max: u64,
    pub bytes_max: u64,
    pub asked: Asked,
}

/// Without its secret.
impl std::fmt::Debug for FileNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let FileNote { file, name, bytes, .. } = self;
        f.debug_struct("FileNote")
            .field("file", file)
            .field("name", name)
            .field("bytes", bytes)
            .finish_non_exhaustive()
    }
}

/// Browsers of a user that are to be signed out. Answered by [`News::SignedOut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignOut {
    pub user: UserId,
    pub which: WhichBrowsers,
    pub asked: Asked,
}

/// Which of a user's browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichBrowsers {
    One(DeviceId),
    AllBut(DeviceId),
}

/// What has come to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A call is over for a user. `missed`: how many calls of that user are missed and not seen.
    Row {
        user: UserId,
        row: HistoryRow,
        missed: u32,
    },
    Seen {
        user: UserId,
        asked: Asked,
    },
    /// Without `asked`: it rings on as another one.
    Forgotten {
        user: UserId,
        call: Option<CallId>,
        missed: u32,
        asked: Option<Asked>,
    },
    /// `again`: it was there before.
    Said {
        room: RoomId,
        message: Message,
        again: bool,
        asked: Asked,
    },
    MessageChanged {
        room: RoomId,
        message: Message,
        asked: Asked,
    },
    /// There is no such message, or it is somebody else's.
    NotTheirs(Asked),
    /// The room has as many messages as it may.
    Full(Asked),
    /// There is no such file of this user in this room, it is not whole, or it is part of a message already.
    NoFile(Asked),
    /// There is place for it.
    FileBegun {
        message: MessageId,
        file: FileId,
        ticket: String,
        asked: Asked,
    },
    /// There is no place for it: among this user's, or anybody's.
    NoSpace {
        of_user: bool,
        asked: Asked,
    },
    Person {
        user: UserId,
        change: PersonChange,
        asked: Asked,
    },
    Paired {
        new: NewDevice,
        asked: Asked,
    },
    /// These browsers of a user are signed out.
    SignedOut {
        user: UserId,
        browsers: Vec<DeviceId>,
        asked: Asked,
    },
    /// Nothing is left of a user; whether there was one. None: the store failed, and nothing has changed.
    UserForgotten {
        user: UserId,
        was_there: Option<bool>,
    },
    /// The user has as many contacts, or has blocked as many, as may be.
    TooMany(Asked),
    /// The store failed, and nothing has changed.
    NotKept(Asked),
}

impl News {
    /// What is told of a change that was not kept, if anybody waits for it.
    pub fn not_kept(keep: &Keep) -> Option<News> {
        match keep {
            Keep::ForgetUser(user) => Some(News::UserForgotten {
                user: *user,
                was_there: None,
            }),
            _ => keep.asked().map(News::NotKept),
        }
    }
}

/// Something to be read beside the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Answered by [`Finding::History`].
    History {
        asked: Asked,
        user: UserId,
        before: Option<HistoryPlace>,
        limit: u32,
    },
    /// Answered by [`Finding::Messages`].
    Messages {
        asked: Asked,
        room: RoomId,
        /// Who is not shown what those wrote whom they have blocked.
        reader: UserId,
        before: Option<u64>,
        limit: u32,
    },
    /// Of a call that is over. Answered by [`Finding::Messages`], or [`Finding::NotTheirs`].
    CallMessages {
        asked: Asked,
        user: UserId,
        call: CallId,
        before: Option<u64>,
        limit: u32,
    },
    /// The file of a message in a room. Answered by [`Finding::File`], or [`Finding::NotTheirs`].
    File {
        asked: Asked,
        room: RoomId,
        /// Who does not get what those sent whom they have blocked.
        reader: UserId,
        number: u64,
    },
    /// The same in a call that is over.
    CallFile {
        asked: Asked,
        user: UserId,
        call: CallId,
        number: u64,
    },
    /// Answered by [`Finding::People`].
    People { asked: Asked, user: UserId },
    /// Answered by [`Finding::Browsers`].
    Browsers { asked: Asked, user: UserId },
    /// Of a call that this user had part in. Answered by [`Finding::CallReport`], or [`Finding::NotTheirs`].
    CallReport { asked: Asked, user: UserId, call: CallId },
    /// What a node has left that is gone is to be taken up, if it is gone. Answered by [`Finding::Adopted`].
    Adopt(Lost),
    /// What belongs to these users, and, `barred`, whom the operator keeps out. Answered by [`Finding::Renewal`], or
    /// [`Finding::NoRenewal`].
    Renewal { users: Vec<UserId>, barred: bool },
}

impl Question {
    /// The answer where the store could not be read; or, `too_many`, where too many wait for it.
    pub fn unanswered(&self, too_many: bool) -> Finding {
        match self {
            Question::History { asked, .. }
            | Question::Messages { asked, .. }
            | Question::CallMessages { asked, .. }
            | Question::File { asked, .. }
            | Question::CallFile { asked, .. }
            | Question::People { asked, .. }
            | Question::Browsers { asked, .. }
            | Question::CallReport { asked, .. } => match too_many {
                true => Finding::TooMany(*asked),
                false => Finding::Nothing(*asked),
            },
            Question::Adopt(lost) => Finding::Adopted {
                lost: lost.clone(),
                outcome: Adoption::NotFree(None),
            },
            Question::Renewal { users, .. } => Finding::NoRenewal(users.clone()),
        }
    }
}

/// What is to be found by adopting the node that had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The node of this name.
    Node(String),
    /// Whoever had this.
    Of(Sought),
}

/// What came of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adoption {
    /// There is no such thing.
    Unknown,
    /// It is this node's already.
    Ours,
    /// The node is not gone, another one adopts it, or the store cannot be asked. With the name of the node that has it, if that is known.
    NotFree(Option<String>),
    /// What the node of this name had is this node's.
    Adopted { node: String, restored: Box<Restored> },
}

/// What belongs to a user, as the store has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    pub user: UserId,
    /// None: there is no such user any more.
    pub name: Option<String>,
    pub person: Person,
    /// With the names that the user gave.
    pub contacts: Vec<UserInfo>,
    pub blocked: Vec<UserInfo>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    History {
        asked: Asked,
        rows: Vec<HistoryRow>,
        more: bool,
        missed: u32,
    },
    Messages {
        asked: Asked,
        room: Option<RoomId>,
        call: Option<CallId>,
        messages: Vec<Message>,
        more: bool,
    },
    File {
        asked: Asked,
        file: FileId,
        ticket: String,
    },
    People {
        asked: Asked,
        user: UserId,
        contacts: Vec<UserInfo>,
        blocked: Vec<UserInfo>,
    },
    /// Without saying which one it is that asks.
    Browsers {
        asked: Asked,
        browsers: Vec<Browser>,
    },
    CallReport {
        asked: Asked,
        call: CallId,
        report: Box<CallReport>,
    },
    /// There is no such call in the history of this user, or nobody answered it.
    NotTheirs(Asked),
    Renewal {
        users: Vec<Renewed>,
        barred: Option<Vec<UserId>>,
    },
    NoRenewal(Vec<UserId>),
    Adopted {
        lost: Lost,
        outcome: Adoption,
    },
    /// It could not be read.
    Nothing(Asked),
    /// Too many wait for an answer.
    TooMany(Asked),
}
