//! What was written in rooms.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::{Flag, Writer};
use super::files::{self, FileRow};
use super::restart::id;
use super::{Store, StoreError};
use crate::id::{CallId, FileId, MessageId, ParticipantId, RoomId, UserId};

/// Messages of one room. Whoever writes without a rest must not fill the disk.
pub const MESSAGES_PER_ROOM_MAX: i64 = 10_000;

/// Of the texts of one page, so that an answer stays small whatever people write.
const PAGE_BYTES_MAX: usize = 48 * 1024;

/// A change of what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageChange {
    /// The same user's message of the same id is there once, however often this is said.
    Say(NewMessage),
    /// Its author's.
    Edit {
        room: RoomId,
        number: u64,
        user: UserId,
        text: String,
    },
    /// Its author's, or anybody's.
    Delete {
        room: RoomId,
        number: u64,
        user: UserId,
        of_anybody: bool,
    },
}

/// A message that has no number yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    pub room: RoomId,
    pub message: MessageId,
    pub user: UserId,
    pub name: String,
    pub participant: ParticipantId,
    pub text: String,
    /// Of the same user in the same room, whole, and in no message yet.
    pub file: Option<FileId>,
}

/// What of it others are to be told, once it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageNews {
    /// `again`: it was there before.
    Said {
        room: RoomId,
        row: MessageRow,
        again: bool,
    },
    Changed {
        room: RoomId,
        row: MessageRow,
    },
    /// There is no such message, or it is somebody else's.
    NotTheirs,
    /// The room has as many as it may.
    Full,
    /// There is no such file that could become part of it.
    NoFile,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// In the order of coming, from 1.
    pub number: u64,
    pub message: MessageId,
    pub user: UserId,
    /// At that time.
    pub name: String,
    pub participant: ParticipantId,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Empty where it was deleted.
    pub text: String,
    pub edited: bool,
    pub deleted: bool,
    pub file: Option<FileRow>,
}

/// A part of what was written in a room, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessagePage {
    pub rows: Vec<MessageRow>,
    /// Whether there are older ones.
    pub more: bool,
}

/// Makes one change, and says what came of it.
pub(super) async fn apply(writer: Writer<'_>, change: &MessageChange, now_ms: i64) -> Result<MessageNews, StoreError> {
    match change {
        MessageChange::Say(new) => say(writer, new, now_ms).await,
        MessageChange::Edit {
            room,
            number,
            user,
            text,
        } => {
            let changed = sqlx::query(
                "UPDATE messages SET words = $1, edited = 1 WHERE room_id = $2 AND number = $3 AND user_id = $4 AND deleted = 0 \
                 RETURNING *",
            )
            .bind(text.clone())
            .bind(room.to_string())
            .bind(as_i64(*number))
            .bind(user.to_string())
            .fetch_optional(&mut **writer)
            .await?;
            news_of(writer, *room, changed).await
        }
        MessageChange::Delete {
            room,
            number,
            user,
            of_anybody,
        } => {
            let changed = sqlx::query(
                "UPDATE messages SET words = '', deleted = 1 WHERE room_id = $1 AND number = $2 AND (user_id = $3 OR $4 = 1) RETURNING *",
            )
            .bind(room.to_string())
            .bind(as_i64(*number))
            .bind(user.to_string())
            .bind(Flag(*of_anybody))
            .fetch_optional(&mut **writer)
            .await?;
            news_of(writer, *room, changed).await
        }
    }
}

/// The number is the next in the room. Where another node has given the same one just now, this waits until that is kept or not, and
/// takes the next: there is no gap, and none twice.
async fn say(writer: Writer<'_>, new: &NewMessage, now_ms: i64) -> Result<MessageNews, StoreError> {
    let (room, user, message) = (new.room.to_string(), new.user.to_string(), new.message.to_string());
    let mut claimed = false;
    loop {
        let before = sqlx::query("SELECT * FROM messages WHERE room_id = $1 AND user_id = $2 AND message_id = $3")
            .bind(room.clone())
            .bind(user.clone())
            .bind(message.clone())
            .fetch_optional(&mut **writer)
            .await?;
        if let Some(before) = before {
            let row = with_file(writer, new.room, read(&before)?).await?;
            return Ok(MessageNews::Said {
                room: new.room,
                row,
                again: true,
            });
        }
        if let Some(file) = new.file
            && !claimed
        {
            if !files::claim(writer, file, new.user, new.room).await? {
                return Ok(MessageNews::NoFile);
            }
            claimed = true;
        }
        let made = sqlx::query(
            "INSERT INTO messages (room_id, number, message_id, user_id, name, participant_id, at_ms, words) \
             SELECT $1, last + 1, $2, $3, $4, $5, $6, $7 \
             FROM (SELECT COALESCE(MAX(number), 0) AS last FROM messages WHERE room_id = $1) AS newest WHERE last < $8 \
             ON CONFLICT DO NOTHING RETURNING *",
        )
        .bind(room.clone())
        .bind(message.clone())
        .bind(user.clone())
        .bind(new.name.clone())
        .bind(new.participant.to_string())
        .bind(now_ms)
        .bind(new.text.clone())
        .bind(MESSAGES_PER_ROOM_MAX)
        .fetch_optional(&mut **writer)
        .await?;
        if let Some(row) = made {
            let row = read(&row)?;
            if let Some(file) = new.file {
                files::attach(writer, file, row.number).await?;
            }
            let row = with_file(writer, new.room, row).await?;
            return Ok(MessageNews::Said {
                room: new.room,
                row,
                again: false,
            });
        }
        let (last,): (i64,) = sqlx::query_as("SELECT COALESCE(MAX(number), 0) FROM messages WHERE room_id = $1")
            .bind(room.clone())
            .fetch_one(&mut **writer)
            .await?;
        if last >= MESSAGES_PER_ROOM_MAX {
            if let Some(file) = new.file {
                files::give_back(writer, file).await?;
            }
            return Ok(MessageNews::Full);
        }
    }
}

async fn news_of(writer: Writer<'_>, room: RoomId, changed: Option<AnyRow>) -> Result<MessageNews, StoreError> {
    let Some(row) = changed else {
        return Ok(MessageNews::NotTheirs);
    };
    let row = with_file(writer, room, read(&row)?).await?;
    Ok(MessageNews::Changed { room, row })
}

async fn with_file(writer: Writer<'_>, room: RoomId, row: MessageRow) -> Result<MessageRow, StoreError> {
    let file = match row.deleted {
        true => None,
        false => files::of_message(writer, room, row.number).await?,
    };
    Ok(MessageRow { file, ..row })
}

/// Without its file.
fn read(row: &AnyRow) -> Result<MessageRow, StoreError> {
    let number: i64 = row.try_get("number")?;
    Ok(MessageRow {
        number: u64::try_from(number).map_err(|_| StoreError::Corrupt("number"))?,
        message: id(row.try_get("message_id")?, "message_id")?,
        user: id(row.try_get("user_id")?, "user_id")?,
        name: row.try_get("name")?,
        participant: id(row.try_get("participant_id")?, "participant_id")?,
        at_ms: row.try_get("at_ms")?,
        text: row.try_get("words")?,
        edited: row.try_get::<Flag, _>("edited")?.0,
        deleted: row.try_get::<Flag, _>("deleted")?.0,
        file: None,
    })
}

/// Forgets what was written in a room that nobody is in and that nobody's history leads to.
pub(super) async fn forget_of(writer: Writer<'_>, room: &str) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM messages WHERE room_id = $1 AND {}", is_out_of_reach("$1"));
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(room.to_owned())
        .execute(&mut **writer)
        .await?;
    Ok(())
}

/// The condition that nobody is in a room and that nobody's history leads to it.
pub(super) fn is_out_of_reach(room: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM history WHERE room_id = {room} AND answered_at_ms IS NOT NULL) \
         AND NOT EXISTS (SELECT 1 FROM rooms WHERE room_id = {room})"
    )
}

pub(super) fn as_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Store {
    /// The newest messages of a room, but for those of whom the reader has blocked; with `before`, the newest of those with a smaller number.
    pub async fn messages(
        &self,
        room: RoomId,
        reader: UserId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<MessagePage, StoreError> {
        self.messages_until(room, Some(reader), before, i64::MAX, limit).await
    }

    /// The same of the room that a call led into, as far as this user was in it by that call. None: it was not.
    pub async fn call_messages(
        &self,
        user: UserId,
        call: CallId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Option<MessagePage>, StoreError> {
        let found: Option<(String, i64)> = self
            .database
            .within(
                sqlx::query_as(
                    "SELECT room_id, ended_at_ms FROM history WHERE user_id = $1 AND call_id = $2 AND room_id IS NOT NULL \
             AND answered_at_ms IS NOT NULL AND ended_at_ms IS NOT NULL",
                )
                .bind(user.to_string())
                .bind(call.to_string())
                .fetch_optional(&self.database.pool),
            )
            .await?;
        let Some((room, until_ms)) = found else { return Ok(None) };
        let page = self
            .messages_until(id(&room, "room_id")?, None, before, until_ms, limit)
            .await?;
        Ok(Some(page))
    }

    async fn messages_until(
        &self,
        room: RoomId,
        reader: Option<UserId>,
        before: Option<u64>,
        until_ms: i64,
        limit: u32,
    ) -> Result<MessagePage, StoreError> {
        // One more tells whether there are more.
        let found = self
            .database
            .within(
                sqlx::query(
                    "SELECT m.*, f.file_id, f.name AS file_name, f.bytes AS file_bytes, f.kind AS file_kind, f.state AS file_state \
                     FROM messages m LEFT JOIN files f ON f.room_id = m.room_id AND f.number = m.number AND m.deleted = 0 \
                     WHERE m.room_id = $1 AND m.number < $2 AND at_ms <= $3 \
                     AND m.user_id NOT IN (SELECT blocked_id FROM blocks WHERE blocks.user_id = $4) ORDER BY m.number DESC LIMIT $5",
                )
                .bind(room.to_string())
                .bind(before.map_or(i64::MAX, as_i64))
                .bind(until_ms)
                .bind(reader.map(|reader| reader.to_string()))
                .bind(i64::from(limit) + 1)
                .fetch_all(&self.database.pool),
            )
            .await?;
        let mut page = MessagePage::default();
        let mut bytes = 0;
        for row in &found {
            let row = MessageRow {
                file: files::read_joined(row)?,
                ..read(row)?
            };
            bytes += row.text.len() + row.file.as_ref().map_or(0, |file| file.name.len());
            if page.rows.len() >= limit as usize || (bytes > PAGE_BYTES_MAX && !page.rows.is_empty()) {
                page.more = true;
                break;
            }
            page.rows.push(row);
        }
        page.rows.reverse();
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{Change, HistoryChange, News};
    use super::*;
    use crate::store::testbed::{self, Bed, on_both};

    on_both!(
        messages_are_numbered_and_kept_once,
        writers_wait_for_each_other,
        numbers_have_no_gap_however_many_nodes_write,
        only_authors_edit_and_a_host_may_delete,
        messages_are_read_page_by_page_however_long_they_are,
        a_room_takes_so_many_messages,
        a_chat_is_found_by_who_had_part_in_it_and_kept_as_long_as_that,
        what_nobody_can_find_again_is_purged,
    );

    fn room(number: u64) -> RoomId {
        RoomId::from_random(number)
    }

    fn a_room(number: u64) -> Change {
        testbed::a_room(room(number), true)
    }

    fn say(by: u64, message: u64, text: &str) -> Change {
        Change::Message(MessageChange::Say(NewMessage {
            room: room(1),
            message: MessageId::from_random(message),
            user: user(by),
            name: format!("name {by}"),
            participant: ParticipantId::from_random(by),
            text: text.to_owned(),
            file: None,
        }))
    }

    async fn texts(store: &Store) -> Vec<String> {
        let page = store.messages(room(1), user(9), None, 100).await.expect("it is read");
        page.rows.iter().map(|row| format!("{} {}", row.number, row.text)).collect()
    }

    /// What came of a change, in a few words.
    async fn outcome(store: &Store, change: Change) -> String {
        let news = store.keep(&[change], 5).await.expect("kept");
        match &news[..] {
            [(0, News::Message(MessageNews::Said { row, again, .. }))] => format!("{} {} {again}", row.number, row.text),
            [(0, News::Message(MessageNews::Changed { row, .. }))] => {
                format!("{} {} {} {}", row.number, row.text, row.edited, row.deleted)
            }
            [(0, News::Message(MessageNews::NotTheirs))] => "not theirs".to_owned(),
            [(0, News::Message(MessageNews::Full))] => "full".to_owned(),
            other => panic!("{other:?}"),
        }
    }

    async fn messages_are_numbered_and_kept_once(bed: &Bed) {
        let store = bed.open().await;
        let changes = [say(1, 1, "one"), say(2, 1, "two"), say(1, 1, "one again")];
        store.keep(&changes, 5).await.expect("kept");
        assert_eq!(outcome(&store, say(2, 1, "two again")).await, "2 two true");
        store.close().await;
        let store = bed.open().await;
        assert_eq!(outcome(&store, say(1, 2, "three")).await, "3 three false");
        assert_eq!(texts(&store).await, ["1 one", "2 two", "3 three"]);
    }

    async fn writers_wait_for_each_other(bed: &Bed) {
        let store = bed.open().await;
        let writes = async {
            for number in 1..=50 {
                store.keep(&[say(1, number, "text")], 5).await.expect("kept");
            }
        };
        let others = async {
            for number in 1..=50 {
                store.add_user(user(number), "", 0).await.expect("made");
                store.set_name(user(number), "name").await.expect("noted");
            }
        };
        tokio::join!(writes, others);
        assert_eq!(texts(&store).await.len(), 50);
    }

    /// Two rooms at a time, and one node of them in the other order: each of two may wait for the other then.
    async fn numbers_have_no_gap_however_many_nodes_write(bed: &Bed) {
        const EACH: u64 = 20;
        let nodes = [bed.open().await, bed.open().await, bed.open().await];
        let writes = async |node: usize| {
            for message in 0..EACH {
                // The first of each is the same message, said to all nodes.
                let by = if message == 0 { 9 } else { node as u64 };
                let said = |number| {
                    Change::Message(MessageChange::Say(NewMessage {
                        room: room(number),
                        message: MessageId::from_random(message),
                        user: user(by),
                        name: String::new(),
                        participant: ParticipantId::from_random(by),
                        text: "text".to_owned(),
                        file: None,
                    }))
                };
                let order = if node == 2 && message < 3 { [2, 1] } else { [1, 2] };
                let news = nodes[node].keep(&order.map(said), 5).await.expect("kept");
                assert_eq!(news.len(), 2, "{news:?}");
            }
        };
        tokio::join!(writes(0), writes(1), writes(2));
        for number in [1, 2] {
            let page = nodes[0].messages(room(number), user(8), None, 100).await.expect("it is read");
            let numbers: Vec<u64> = page.rows.iter().map(|row| row.number).collect();
            assert_eq!(numbers, (1..=3 * (EACH - 1) + 1).collect::<Vec<_>>());
        }
    }

    async fn only_authors_edit_and_a_host_may_delete(bed: &Bed) {
        let store = bed.open().await;
        store.keep(&[say(1, 1, "one"), say(2, 2, "two")], 5).await.expect("kept");
        let edit = |by, text: &str| {
            Change::Message(MessageChange::Edit {
                room: room(1),
                number: 1,
                user: user(by),
                text: text.to_owned(),
            })
        };
        let delete = |by, number, of_anybody| {
            Change::Message(MessageChange::Delete {
                room: room(1),
                number,
                user: user(by),
                of_anybody,
            })
        };
        assert_eq!(outcome(&store, edit(2, "mine")).await, "not theirs");
        assert_eq!(outcome(&store, edit(1, "uno")).await, "1 uno true false");
        assert_eq!(outcome(&store, delete(2, 1, false)).await, "not theirs");
        assert_eq!(outcome(&store, delete(1, 2, true)).await, "2  false true");
        assert_eq!(outcome(&store, delete(1, 1, false)).await, "1  true true");
        assert_eq!(
            outcome(&store, edit(1, "back")).await,
            "not theirs",
            "what is deleted stays so"
        );
        assert_eq!(outcome(&store, delete(1, 9, true)).await, "not theirs");
        assert_eq!(
            outcome(&store, say(1, 3, "three")).await,
            "3 three false",
            "numbers are not given again"
        );
    }

    async fn messages_are_read_page_by_page_however_long_they_are(bed: &Bed) {
        let store = bed.open().await;
        let long = "x".repeat(PAGE_BYTES_MAX / 2);
        let changes = [
            say(1, 1, "one"),
            say(1, 2, &long),
            say(1, 3, &long),
            say(1, 4, "four"),
            say(1, 5, "five"),
        ];
        store.keep(&changes, 5).await.expect("kept");
        let mut before = None;
        let mut pages = Vec::new();
        loop {
            let page = store.messages(room(1), user(9), before, 2).await.expect("it is read");
            before = page.rows.first().map(|row| row.number);
            pages.push(page.rows.iter().map(|row| row.number).collect::<Vec<_>>());
            if !page.more {
                break;
            }
        }
        assert_eq!(pages, [vec![4, 5], vec![2, 3], vec![1]]);
        let page = store.messages(room(1), user(9), Some(4), 100).await.expect("it is read");
        assert_eq!((page.rows.len(), page.more), (2, true), "a page is bounded in bytes");
    }

    async fn a_room_takes_so_many_messages(bed: &Bed) {
        let store = bed.open().await;
        sqlx::query("INSERT INTO messages VALUES ($1, $2, 'x', 'x', '', 'x', 0, '', 0, 0)")
            .bind(room(1).to_string())
            .bind(MESSAGES_PER_ROOM_MAX)
            .execute(&store.database.pool)
            .await
            .expect("one that is the last");
        assert_eq!(outcome(&store, say(1, 1, "more")).await, "full");
    }

    async fn a_chat_is_found_by_who_had_part_in_it_and_kept_as_long_as_that(bed: &Bed) {
        let store = bed.open().await;
        let call = CallId::from_random(1);
        let rang = HistoryChange::Rang {
            call,
            room: room(1),
            caller: (user(1), "Ada".to_owned()),
            callee: (user(2), "Bob".to_owned()),
        };
        let left = |user| HistoryChange::Left {
            call,
            user,
            reason: "hung_up",
            talked_ms: 1,
        };
        store.keep(&[Change::History(rang)], 10).await.expect("kept");
        let find = async |by| {
            let page = store.call_messages(user(by), call, None, 9).await.expect("it is read");
            page.map(|page| page.rows.len())
        };
        assert_eq!(find(1).await, None, "it was not answered");
        let changes = [a_room(1), Change::History(HistoryChange::Answered(call)), say(1, 1, "one")];
        store.keep(&changes, 20).await.expect("kept");
        assert_eq!(find(1).await, None, "it is not over");
        store.keep(&[Change::History(left(user(1)))], 30).await.expect("kept");
        store.keep(&[say(2, 2, "two")], 40).await.expect("kept");
        store
            .keep(&[Change::ForgetRoom(room(1)), Change::History(left(user(2)))], 50)
            .await
            .expect("kept");
        assert_eq!((find(1).await, find(2).await, find(3).await), (Some(1), Some(2), None));
        let chats = store.history(user(1), None, 9).await.expect("it is read").rows;
        assert!(chats[0].chat);
        for (by, left) in [(1, 2), (2, 0)] {
            let forget = HistoryChange::Forget {
                user: user(by),
                call: Some(call),
            };
            store.keep(&[Change::History(forget)], 60).await.expect("kept");
            assert_eq!(texts(&store).await.len(), left);
        }
    }

    async fn what_nobody_can_find_again_is_purged(bed: &Bed) {
        let store = bed.open().await;
        store.keep(&[a_room(1), say(1, 1, "one")], 10).await.expect("kept");
        store.purge_messages().await.expect("purged");
        assert_eq!(texts(&store).await.len(), 1, "somebody is in the room");
        store.keep(&[Change::ForgetRoom(room(1))], 20).await.expect("kept");
        assert!(texts(&store).await.is_empty(), "a gathering by a link takes its chat along");
        let rang = Change::History(HistoryChange::Rang {
            call: CallId::from_random(1),
            room: room(1),
            caller: (user(1), "Ada".to_owned()),
            callee: (user(2), "Bob".to_owned()),
        });
        store.keep(&[rang, say(1, 1, "one")], 30).await.expect("kept");
        store.purge_messages().await.expect("purged");
        assert!(
            texts(&store).await.is_empty(),
            "of a room that was purged with the rest, and into which nobody came who was called"
        );
    }
}
