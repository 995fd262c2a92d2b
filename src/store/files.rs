//! Files in chats, in chunks of the database: so they are copied, moved, bounded and deleted with all else, and every node has them.

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use super::database::{Kind, Writer};
use super::messages::as_i64;
use super::restart::id;
use super::{Store, StoreError};
use crate::files::FileKind;
use crate::id::{CallId, FileId, RoomId, UserId};

/// Chunks that are deleted at once: whoever writes meanwhile waits for so many at most.
const CHUNKS_AT_ONCE: i64 = 16;

/// Files that are emptied at once where the database is to shrink.
const FILES_AT_ONCE: i64 = 4;

/// Files of one user that are being sent at a time.
const SENDING_MAX: i64 = 4;

/// A file that is about to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct NewFile {
    pub file: FileId,
    pub room: RoomId,
    pub user: UserId,
    pub name: String,
    pub bytes: u64,
    /// What tickets for it are made with.
    pub secret: String,
    /// Of this user's files, and of all. Of several nodes that begin files in the same moment each counts without the others, so these
    /// may be overrun by some files.
    pub user_bytes_max: u64,
    pub bytes_max: u64,
}

/// Without its secret.
impl std::fmt::Debug for NewFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewFile").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileNews {
    Begun,
    /// The user's files have no place for it.
    UserIsFull,
    /// All files together have none.
    Full,
}

/// A file in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    pub file: FileId,
    pub name: String,
    pub bytes: u64,
    pub kind: FileKind,
    /// Whether its bytes are there.
    pub kept: bool,
}

/// A file as it is sent and fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredFile {
    pub name: String,
    pub bytes: u64,
    pub kind: FileKind,
    pub secret: String,
    /// Whether all of its bytes are there.
    pub whole: bool,
}

/// Without its secret.
impl std::fmt::Debug for StoredFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredFile")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// One as its sender's own data. The bytes are to be had on the page.
#[derive(Debug, Serialize, FromRow)]
pub struct ExportedFile {
    pub file_id: String,
    pub room_id: String,
    /// Of its message; none: it is in none.
    pub number: Option<i64>,
    pub name: String,
    pub bytes: i64,
    pub kind: String,
    pub begun_at_ms: i64,
}

/// Makes place for a file, if there is any.
pub(super) async fn begin(writer: Writer<'_>, new: &NewFile, now_ms: i64) -> Result<FileNews, StoreError> {
    let (of_user, of_all): (i64, i64) = sqlx::query_as(
        "SELECT CAST(COALESCE(SUM(CASE WHEN user_id = $1 THEN bytes ELSE 0 END), 0) AS BIGINT), \
         CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM files WHERE state < 3",
    )
    .bind(new.user.to_string())
    .fetch_one(&mut **writer)
    .await?;
    let fits = |taken: i64, most: u64| u64::try_from(taken).unwrap_or(0).saturating_add(new.bytes) <= most;
    if !fits(of_user, new.user_bytes_max) {
        return Ok(FileNews::UserIsFull);
    }
    if !fits(of_all, new.bytes_max) {
        return Ok(FileNews::Full);
    }
    sqlx::query(
        "INSERT INTO files (file_id, room_id, user_id, name, bytes, secret, begun_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.file.to_string())
    .bind(new.room.to_string())
    .bind(new.user.to_string())
    .bind(new.name.clone())
    .bind(as_i64(new.bytes))
    .bind(new.secret.clone())
    .bind(now_ms)
    .execute(&mut **writer)
    .await?;
    Ok(FileNews::Begun)
}

/// A message that is about to be written takes a file for itself; whether there is such a one, whole and in no message.
pub(super) async fn claim(writer: Writer<'_>, file: FileId, user: UserId, room: RoomId) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE files SET number = 0 WHERE file_id = $1 AND user_id = $2 AND room_id = $3 AND state = 2 AND number IS NULL",
    )
    .bind(file.to_string())
    .bind(user.to_string())
    .bind(room.to_string())
    .execute(&mut **writer)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The message has its number.
pub(super) async fn attach(writer: Writer<'_>, file: FileId, number: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE files SET number = $1 WHERE file_id = $2")
        .bind(as_i64(number))
        .bind(file.to_string())
        .execute(&mut **writer)
        .await?;
    Ok(())
}

/// The message was not written after all.
pub(super) async fn give_back(writer: Writer<'_>, file: FileId) -> Result<(), StoreError> {
    sqlx::query("UPDATE files SET number = NULL WHERE file_id = $1")
        .bind(file.to_string())
        .execute(&mut **writer)
        .await?;
    Ok(())
}

pub(super) async fn of_message(writer: Writer<'_>, room: RoomId, number: u64) -> Result<Option<FileRow>, StoreError> {
    let row = sqlx::query(
        "SELECT file_id, name AS file_name, bytes AS file_bytes, kind AS file_kind, state AS file_state FROM files \
         WHERE room_id = $1 AND number = $2",
    )
    .bind(room.to_string())
    .bind(as_i64(number))
    .fetch_optional(&mut **writer)
    .await?;
    Ok(row.as_ref().map(read_joined).transpose()?.flatten())
}

/// Of a message with the columns of its file, if it has one.
pub(super) fn read_joined(row: &AnyRow) -> Result<Option<FileRow>, StoreError> {
    let Some(file) = row.try_get::<Option<String>, _>("file_id")? else {
        return Ok(None);
    };
    Ok(Some(FileRow {
        file: id(&file, "file_id")?,
        name: row.try_get("file_name")?,
        bytes: as_u64(row.try_get("file_bytes")?)?,
        kind: kind(row.try_get("file_kind")?)?,
        kept: row.try_get::<i64, _>("file_state")? == 2,
    }))
}

/// What the files of a user hold cannot be had any more. Their bytes go with [`Store::sweep_files`].
pub(super) async fn forget_of(writer: Writer<'_>, user: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM files WHERE user_id = $1")
        .bind(user.to_owned())
        .execute(&mut **writer)
        .await?;
    Ok(())
}

/// Sending.
impl Store {
    /// What is kept of a file, whoever asks.
    pub async fn file(&self, file: FileId) -> Result<Option<StoredFile>, StoreError> {
        let row = sqlx::query("SELECT name, bytes, kind, secret, state FROM files WHERE file_id = $1")
            .bind(file.to_string())
            .fetch_optional(&self.database.pool);
        let Some(row) = self.database.within(row).await? else {
            return Ok(None);
        };
        Ok(Some(StoredFile {
            name: row.try_get("name")?,
            bytes: as_u64(row.try_get("bytes")?)?,
            kind: kind(row.try_get("kind")?)?,
            secret: row.try_get("secret")?,
            whole: row.try_get::<i64, _>("state")? == 2,
        }))
    }

    /// Its bytes are about to come, once. False: they have before, or its user sends too many at a time.
    pub async fn begin_filling(&self, file: FileId) -> Result<bool, StoreError> {
        let begin = sqlx::query(
            "UPDATE files SET state = 1 WHERE file_id = $1 AND state = 0 \
             AND (SELECT COUNT(*) FROM files o WHERE o.user_id = files.user_id AND o.state = 1) < $2",
        );
        let begin = begin.bind(file.to_string()).bind(SENDING_MAX);
        Ok(self.database.execute(begin).await? == 1)
    }

    /// Keeps the next of them. False: the file is gone.
    pub async fn fill(&self, file: FileId, place: u32, content: &[u8]) -> Result<bool, StoreError> {
        let keep = sqlx::query(
            "INSERT INTO file_chunks (file_id, place, content) SELECT file_id, $2, $3 FROM files WHERE file_id = $1 AND state = 1",
        );
        let keep = keep.bind(file.to_string()).bind(i64::from(place)).bind(content);
        Ok(self.database.execute(keep).await? == 1)
    }

    /// All are there. False: the file is gone.
    pub async fn finish_filling(&self, file: FileId, kind: FileKind) -> Result<bool, StoreError> {
        let finish = sqlx::query("UPDATE files SET state = 2, kind = $2 WHERE file_id = $1 AND state = 1");
        let finish = finish.bind(file.to_string()).bind(kind.as_str());
        Ok(self.database.execute(finish).await? == 1)
    }

    /// They will never all be there. What came goes at once.
    pub async fn drop_file(&self, file: FileId) -> Result<(), StoreError> {
        let forget = sqlx::query("DELETE FROM files WHERE file_id = $1 AND state < 2");
        self.database.execute(forget.bind(file.to_string())).await?;
        self.drop_chunks(Some(file)).await
    }
}

/// Fetching.
impl Store {
    /// The next of a file's bytes. None: there are no more, or the file is gone.
    pub async fn chunk(&self, file: FileId, place: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let found: Option<(Vec<u8>,)> = self
            .database
            .within(
                sqlx::query_as(
                    "SELECT content FROM file_chunks c JOIN files f USING (file_id) WHERE f.file_id = $1 AND place = $2 AND state = 2",
                )
                .bind(file.to_string())
                .bind(i64::from(place))
                .fetch_optional(&self.database.pool),
            )
            .await?;
        Ok(found.map(|(content,)| content))
    }

    /// The file of a message in a room, with its secret; none also where the reader has blocked who sent it.
    pub async fn file_in_room(&self, room: RoomId, reader: UserId, number: u64) -> Result<Option<(FileId, String)>, StoreError> {
        let found = sqlx::query_as(
            "SELECT f.file_id, f.secret FROM files f JOIN messages m ON m.room_id = f.room_id AND m.number = f.number \
             WHERE f.room_id = $1 AND f.number = $2 AND f.state = 2 AND m.deleted = 0 \
             AND m.user_id NOT IN (SELECT blocked_id FROM blocks WHERE blocks.user_id = $3)",
        )
        .bind(room.to_string())
        .bind(as_i64(number))
        .bind(reader.to_string())
        .fetch_optional(&self.database.pool);
        with_secret(self.database.within(found).await?)
    }

    /// The same in the room that a call led into, as far as this user was in it by that call.
    pub async fn file_in_call(&self, user: UserId, call: CallId, number: u64) -> Result<Option<(FileId, String)>, StoreError> {
        let found = sqlx::query_as(
            "SELECT f.file_id, f.secret FROM history h JOIN messages m ON m.room_id = h.room_id \
             JOIN files f ON f.room_id = m.room_id AND f.number = m.number \
             WHERE h.user_id = $1 AND h.call_id = $2 AND h.answered_at_ms IS NOT NULL AND h.ended_at_ms IS NOT NULL \
             AND m.number = $3 AND m.at_ms <= h.ended_at_ms AND m.deleted = 0 AND f.state = 2",
        )
        .bind(user.to_string())
        .bind(call.to_string())
        .bind(as_i64(number))
        .fetch_optional(&self.database.pool);
        with_secret(self.database.within(found).await?)
    }
}

/// Retention.
impl Store {
    /// At the start: what was being sent is cut. Where several nodes share a database, another one may still take it, and it goes by its age.
    pub async fn forget_cut_files(&self) -> Result<(), StoreError> {
        if self.database.kind == Kind::Postgres {
            return Ok(());
        }
        self.database
            .execute(sqlx::query("DELETE FROM files WHERE state < 2"))
            .await?;
        Ok(())
    }

    /// Files that were begun before then (Unix milliseconds) and are in no message go, those whose message is gone, and the bytes of
    /// all that are gone or emptied.
    pub async fn sweep_files(&self, unsaid_since_ms: i64) -> Result<(), StoreError> {
        let forget = sqlx::query(
            "DELETE FROM files WHERE (number IS NULL AND begun_at_ms < $1) OR (number IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM messages m WHERE m.room_id = files.room_id AND m.number = files.number AND m.deleted = 0))",
        );
        self.database.execute(forget.bind(unsaid_since_ms)).await?;
        self.drop_chunks(None).await
    }

    /// Empties files that were begun before then (Unix milliseconds): their messages stay, and say what was there.
    pub async fn empty_old_files(&self, since_ms: i64) -> Result<(), StoreError> {
        let empty = sqlx::query("UPDATE files SET state = 3 WHERE state = 2 AND begun_at_ms < $1");
        self.database.execute(empty.bind(since_ms)).await?;
        self.drop_chunks(None).await
    }

    /// Empties some of the oldest files; how many.
    pub(super) async fn empty_oldest_files(&self) -> Result<u64, StoreError> {
        let empty = sqlx::query(
            "UPDATE files SET state = 3 WHERE file_id IN (SELECT file_id FROM files WHERE state = 2 ORDER BY begun_at_ms, file_id LIMIT $1)",
        );
        let emptied = self.database.execute(empty.bind(FILES_AT_ONCE)).await?;
        self.drop_chunks(None).await?;
        Ok(emptied)
    }

    /// The bytes that there is place for in files.
    pub async fn file_bytes(&self) -> Result<u64, StoreError> {
        let (bytes,): (i64,) = self
            .database
            .within(
                sqlx::query_as("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM files WHERE state < 3")
                    .fetch_one(&self.database.pool),
            )
            .await?;
        as_u64(bytes)
    }

    /// Of one file that is gone or emptied, or of all.
    async fn drop_chunks(&self, of: Option<FileId>) -> Result<(), StoreError> {
        loop {
            let drop = sqlx::query(
                "DELETE FROM file_chunks WHERE (file_id, place) IN (SELECT c.file_id, c.place FROM file_chunks c \
                 LEFT JOIN files f ON f.file_id = c.file_id WHERE (f.file_id IS NULL OR f.state = 3) AND (c.file_id = $1 OR $2 = 1) \
                 LIMIT $3)",
            )
            .bind(of.map(|file| file.to_string()).unwrap_or_default())
            .bind(i64::from(of.is_none()))
            .bind(CHUNKS_AT_ONCE);
            if self.database.execute(drop).await? < CHUNKS_AT_ONCE as u64 {
                return Ok(());
            }
        }
    }
}

fn with_secret(found: Option<(String, String)>) -> Result<Option<(FileId, String)>, StoreError> {
    let Some((file, secret)) = found else { return Ok(None) };
    Ok(Some((id(&file, "file_id")?, secret)))
}

fn kind(name: &str) -> Result<FileKind, StoreError> {
    FileKind::from_name(name).ok_or(StoreError::Corrupt("kind"))
}

fn as_u64(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Corrupt("bytes"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{Change, HistoryChange, MessageChange, MessageNews, NewMessage, News, PersonChange};
    use super::*;
    use crate::id::{MessageId, ParticipantId};
    use crate::store::testbed::{Bed, a_room, on_both};

    on_both!(
        a_file_is_filled_once_becomes_part_of_one_message_and_is_found_again,
        there_is_place_for_so_many_bytes,
        only_who_may_read_the_message_gets_its_file,
        what_is_in_no_message_goes_after_a_time,
        old_files_are_emptied_and_their_messages_stay,
        a_file_goes_with_its_message_and_with_its_user,
    );

    fn room() -> RoomId {
        RoomId::from_random(1)
    }

    fn file(number: u64) -> FileId {
        FileId::from_random(number)
    }

    fn new(number: u64, of: u64, bytes: u64) -> NewFile {
        NewFile {
            file: file(number),
            room: room(),
            user: user(of),
            name: format!("plan {number}.pdf"),
            bytes,
            secret: format!("secret {number}"),
            user_bytes_max: 100,
            bytes_max: 150,
        }
    }

    async fn begin(store: &Store, new: NewFile, now_ms: i64) -> FileNews {
        let news = store.keep(&[Change::BeginFile(new)], now_ms).await.expect("kept");
        let [(0, News::File(came))] = news[..] else {
            panic!("{news:?}")
        };
        came
    }

    async fn fill(store: &Store, number: u64, chunks: &[&[u8]]) {
        assert!(store.begin_filling(file(number)).await.expect("begun"));
        for (place, chunk) in chunks.iter().enumerate() {
            assert!(store.fill(file(number), place as u32, chunk).await.expect("kept"));
        }
        assert!(store.finish_filling(file(number), FileKind::Png).await.expect("kept"));
    }

    /// Begins, fills and says it.
    async fn sent(store: &Store, number: u64, of: u64, now_ms: i64) {
        assert_eq!(begin(store, new(number, of, 2), now_ms).await, FileNews::Begun);
        fill(store, number, &[b"ab"]).await;
        let said = say(store, number, of, Some(number), now_ms).await;
        assert!(matches!(said, MessageNews::Said { .. }), "{said:?}");
    }

    async fn say(store: &Store, message: u64, of: u64, with: Option<u64>, now_ms: i64) -> MessageNews {
        let say = Change::Message(MessageChange::Say(NewMessage {
            room: room(),
            message: MessageId::from_random(message),
            user: user(of),
            name: String::new(),
            participant: ParticipantId::from_random(of),
            text: String::new(),
            file: with.map(file),
        }));
        let mut news = store.keep(&[say], now_ms).await.expect("kept");
        match news.pop() {
            Some((0, News::Message(said))) => said,
            other => panic!("{other:?}"),
        }
    }

    async fn open_room(store: &Store) {
        store.keep(&[a_room(room(), false)], 0).await.expect("kept");
    }

    /// What a reader finds in the room: numbers, names of files and whether they are kept.
    async fn found(store: &Store) -> Vec<(u64, String, bool)> {
        let page = store.messages(room(), user(9), None, 9).await.expect("read");
        let files = page.rows.into_iter().filter_map(|row| Some((row.number, row.file?)));
        files.map(|(number, file)| (number, file.name, file.kept)).collect()
    }

    async fn chunks(store: &Store) -> i64 {
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM file_chunks")
            .fetch_one(&store.database.pool)
            .await
            .expect("counted");
        count
    }

    async fn a_file_is_filled_once_becomes_part_of_one_message_and_is_found_again(bed: &Bed) {
        let store = bed.open().await;
        open_room(&store).await;
        assert_eq!(begin(&store, new(1, 1, 5), 0).await, FileNews::Begun);
        assert_eq!(say(&store, 1, 1, Some(1), 1).await, MessageNews::NoFile, "it is not whole");
        assert!(!store.fill(file(1), 0, b"x").await.expect("asked"), "it is not begun");
        fill(&store, 1, &[b"abc", b"de"]).await;
        assert!(!store.begin_filling(file(1)).await.expect("asked"), "once");
        assert!(!store.fill(file(1), 2, b"x").await.expect("asked"), "it is whole");
        assert_eq!(say(&store, 1, 2, Some(1), 1).await, MessageNews::NoFile, "it is another's");
        for again in [false, true] {
            let said = say(&store, 1, 1, Some(1), 1).await;
            let MessageNews::Said {
                row, again: was_there, ..
            } = said
            else {
                panic!("{said:?}")
            };
            assert_eq!((row.number, was_there), (1, again));
            let kept = FileRow {
                file: file(1),
                name: "plan 1.pdf".to_owned(),
                bytes: 5,
                kind: FileKind::Png,
                kept: true,
            };
            assert_eq!(row.file, Some(kept));
        }
        assert_eq!(say(&store, 2, 1, Some(1), 1).await, MessageNews::NoFile, "it is in a message");
        store.close().await;
        let store = bed.open().await;
        store.forget_cut_files().await.expect("forgotten");
        store.sweep_files(i64::MAX).await.expect("swept");
        let stored = store.file(file(1)).await.expect("read").expect("it is there");
        assert!(stored.whole && stored.secret == "secret 1" && !format!("{stored:?}").contains("secret 1"));
        let mut read = Vec::new();
        let mut place = 0;
        while let Some(chunk) = store.chunk(file(1), place).await.expect("read") {
            read.extend(chunk);
            place += 1;
        }
        assert_eq!(read, b"abcde");
        assert_eq!(found(&store).await, [(1, "plan 1.pdf".to_owned(), true)]);
        assert_eq!(store.file_bytes().await.expect("read"), 5);
    }

    async fn there_is_place_for_so_many_bytes(bed: &Bed) {
        let store = bed.open().await;
        for (number, of, bytes, came) in [
            (1, 1, 60, FileNews::Begun),
            (2, 1, 41, FileNews::UserIsFull),
            (3, 1, 40, FileNews::Begun),
            (4, 2, 51, FileNews::Full),
            (5, 2, 50, FileNews::Begun),
            (6, 3, 1, FileNews::Full),
        ] {
            assert_eq!(begin(&store, new(number, of, bytes), 0).await, came, "{number}");
        }
        store.drop_file(file(1)).await.expect("dropped");
        assert_eq!(begin(&store, new(6, 3, 60), 0).await, FileNews::Begun);
        // One user sends so many at a time.
        let wide = |number| NewFile {
            user_bytes_max: 1000,
            bytes_max: 1000,
            ..new(number, 7, 1)
        };
        for number in 10..15 {
            begin(&store, wide(number), 0).await;
            let may = store.begin_filling(file(number)).await.expect("asked");
            assert_eq!(may, number < 14, "{number}");
        }
    }

    async fn only_who_may_read_the_message_gets_its_file(bed: &Bed) {
        let store = bed.open().await;
        let call = CallId::from_random(1);
        let changes = [
            Change::History(HistoryChange::Rang {
                call,
                room: room(),
                caller: (user(1), String::new()),
                callee: (user(2), String::new()),
            }),
            Change::History(HistoryChange::Answered(call)),
        ];
        store.keep(&changes, 0).await.expect("kept");
        sent(&store, 1, 1, 5).await;
        let over = Change::History(HistoryChange::Over {
            call,
            reason: "hung_up",
            talked_ms: 1,
        });
        store.keep(&[over], 10).await.expect("kept");
        sent(&store, 2, 1, 20).await;
        let in_call = async |of, number| store.file_in_call(user(of), call, number).await.expect("read");
        assert_eq!(in_call(2, 1).await, Some((file(1), "secret 1".to_owned())));
        assert_eq!(in_call(2, 2).await, None, "it was sent when they had left");
        assert_eq!(in_call(3, 1).await, None, "they had no part in it");
        let in_room = async |of, number| store.file_in_room(room(), user(of), number).await.expect("read");
        assert_eq!(in_room(3, 2).await, Some((file(2), "secret 2".to_owned())));
        assert_eq!(in_room(3, 3).await, None);
        let block = Change::Person {
            user: user(3),
            change: PersonChange::Block((user(1), String::new())),
            most: 9,
        };
        store.keep(&[block], 30).await.expect("kept");
        assert_eq!(in_room(3, 2).await, None, "they have blocked who sent it");
    }

    async fn what_is_in_no_message_goes_after_a_time(bed: &Bed) {
        let store = bed.open().await;
        open_room(&store).await;
        sent(&store, 1, 1, 0).await;
        assert_eq!(begin(&store, new(2, 1, 2), 100).await, FileNews::Begun);
        assert!(store.begin_filling(file(2)).await.expect("begun"));
        assert!(store.fill(file(2), 0, b"a").await.expect("kept"));
        begin(&store, new(3, 1, 1), 100).await;
        fill(&store, 3, &[b"z"]).await;
        store.sweep_files(100).await.expect("swept");
        assert_eq!(chunks(&store).await, 3);
        store.sweep_files(101).await.expect("swept");
        assert_eq!(chunks(&store).await, 1);
        assert!(!store.fill(file(2), 1, b"b").await.expect("asked"), "it is gone");
        assert!(!store.finish_filling(file(2), FileKind::Other).await.expect("asked"));
        begin(&store, new(4, 1, 1), 200).await;
        assert!(store.begin_filling(file(4)).await.expect("begun"));
        store.forget_cut_files().await.expect("forgotten");
        let still = store.file(file(4)).await.expect("read").is_some();
        assert_eq!(still, bed.folder().is_none(), "of several nodes another may take it");
        assert_eq!(found(&store).await.len(), 1);
    }

    async fn old_files_are_emptied_and_their_messages_stay(bed: &Bed) {
        let store = bed.open().await;
        open_room(&store).await;
        for number in 1..=3 {
            sent(&store, number, 1, number as i64).await;
        }
        store.empty_old_files(2).await.expect("emptied");
        let kept = |store: &Store| {
            let store = store.clone();
            async move { found(&store).await.into_iter().map(|(.., kept)| kept).collect::<Vec<_>>() }
        };
        assert_eq!(kept(&store).await, [false, true, true]);
        assert_eq!(store.file_in_room(room(), user(9), 1).await.expect("read"), None);
        assert_eq!(store.chunk(file(1), 0).await.expect("read"), None);
        assert_eq!((chunks(&store).await, store.file_bytes().await.expect("read")), (2, 4));
        assert_eq!(store.empty_oldest_files().await.expect("emptied"), 2);
        assert_eq!(kept(&store).await, [false; 3]);
        assert_eq!(store.empty_oldest_files().await.expect("none is left"), 0);
    }

    async fn a_file_goes_with_its_message_and_with_its_user(bed: &Bed) {
        let store = bed.open().await;
        store.add_user(user(2), "Bob", 0).await.expect("made");
        open_room(&store).await;
        for (number, of) in [(1, 1), (2, 1), (3, 2)] {
            sent(&store, number, of, 0).await;
        }
        let delete = Change::Message(MessageChange::Delete {
            room: room(),
            number: 1,
            user: user(1),
            of_anybody: false,
        });
        let news = store.keep(&[delete], 1).await.expect("kept");
        let [(0, News::Message(MessageNews::Changed { row, .. }))] = &news[..] else {
            panic!("{news:?}")
        };
        assert_eq!(row.file, None);
        let named: Vec<u64> = found(&store).await.into_iter().map(|(number, ..)| number).collect();
        assert_eq!(named, [2, 3]);
        assert_eq!(store.file_in_room(room(), user(9), 1).await.expect("read"), None);
        store.sweep_files(0).await.expect("swept");
        assert_eq!(chunks(&store).await, 2);
        let export = store.export(user(2)).await.expect("read").expect("he is there");
        assert_eq!(
            (export.files[0].name.as_str(), export.files[0].number),
            ("plan 3.pdf", Some(3))
        );
        assert!(store.forget(user(2)).await.expect("forgotten"));
        assert_eq!(store.file(file(3)).await.expect("read"), None);
        store.sweep_files(0).await.expect("swept");
        assert_eq!(chunks(&store).await, 1);
        store.keep(&[Change::ForgetRoom(room())], 2).await.expect("kept");
        store.sweep_files(0).await.expect("swept");
        assert_eq!(chunks(&store).await, 0);
    }
}
