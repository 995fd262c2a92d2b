//! What is forgotten of histories and of what was written: by age, by number, and by the size of the database. In batches, so that
//! whoever writes meanwhile waits for one batch at most.

use super::database::Kind;
use super::messages::is_out_of_reach;
use super::{Store, StoreError};

/// Rows that go at once.
const BATCH: u64 = 500;

/// Beyond its bound, the database is shrunk to this part of it, so that it is not at it again with the next message.
const SHRINK_TO: f64 = 0.9;

/// A newest message stays while its room lives: it has the number that the next one counts on from.
const IS_NOT_LAST: &str = "number < (SELECT MAX(number) FROM messages n WHERE n.room_id = m.room_id)";

impl Store {
    /// Forgets calls that rang before `since_ms` (Unix milliseconds), and all but the newest `most` of each user.
    pub async fn purge_history(&self, since_ms: i64, most: u32) -> Result<(), StoreError> {
        while self.forget_calls(since_ms).await?.0 == BATCH {}
        let many: Vec<(String,)> = self
            .database
            .within(
                sqlx::query_as("SELECT user_id FROM history WHERE reason IS NOT NULL GROUP BY user_id HAVING COUNT(*) > $1")
                    .bind(i64::from(most))
                    .fetch_all(&self.database.pool),
            )
            .await?;
        for (user,) in many {
            loop {
                let forget = sqlx::query(
                    "DELETE FROM history WHERE user_id = $1 AND call_id IN (SELECT call_id FROM history WHERE user_id = $1 \
                     AND reason IS NOT NULL ORDER BY rang_at_ms DESC, call_id DESC LIMIT $2 OFFSET $3)",
                )
                .bind(user.clone())
                .bind(BATCH as i64)
                .bind(i64::from(most));
                if self.database.execute(forget).await? < BATCH {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Forgets what was written in rooms that nobody is in and that nobody's history leads to.
    pub async fn purge_messages(&self) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT DISTINCT room_id FROM messages m WHERE {}",
            is_out_of_reach("m.room_id")
        );
        let rooms: Vec<(String,)> = self
            .database
            .within(sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&self.database.pool))
            .await?;
        for (room,) in rooms {
            while self.forget_messages_of(&room).await? == BATCH {}
        }
        Ok(())
    }

    /// Forgets what was written before `since_ms` (Unix milliseconds) in rooms that go on for longer than that.
    pub async fn purge_old_messages(&self, since_ms: i64) -> Result<(), StoreError> {
        while self.forget_oldest_messages(since_ms).await? == BATCH {}
        Ok(())
    }

    /// The bytes of the database that are in use, without its journal. PostgreSQL has no such figure, and says how large it is.
    pub async fn used_bytes(&self) -> Result<u64, StoreError> {
        if self.database.kind == Kind::Postgres {
            let (bytes,): (i64,) = self
                .database
                .within(sqlx::query_as("SELECT pg_database_size(current_database())").fetch_one(&self.database.pool))
                .await?;
            return Ok(u64::try_from(bytes).unwrap_or(0));
        }
        let (pages, free, size): (i64, i64, i64) = self.database.within(sqlx::query_as(
            "SELECT page_count, freelist_count, page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
        )
        .fetch_one(&self.database.pool)).await?;
        Ok(u64::try_from((pages - free) * size).unwrap_or(0))
    }

    /// Empties the oldest files, then forgets the oldest calls with what was written in them, then the oldest messages of rooms that go on, where the database uses
    /// more than so many bytes. Whether it is within them now: users, contacts and links are never taken.
    pub async fn shrink(&self, bytes_max: u64) -> Result<bool, StoreError> {
        if self.database.kind == Kind::Postgres {
            return Err(StoreError::NotForPostgres(
                "what is deleted makes it no smaller, so there is no end to shrinking it",
            ));
        }
        if self.used_bytes().await? <= bytes_max {
            return Ok(true);
        }
        let target = (bytes_max as f64 * SHRINK_TO) as u64;
        while self.empty_oldest_files().await? > 0 {
            let used = self.used_bytes().await?;
            if used <= target {
                return Ok(true);
            }
        }
        loop {
            let (calls, rooms) = self.forget_calls(i64::MAX).await?;
            let mut gone = calls;
            self.purge_reports(i64::MIN).await?;
            for room in rooms {
                while self.forget_messages_of(&room).await? == BATCH {}
            }
            if calls == 0 {
                gone = self.forget_oldest_messages(i64::MAX).await?;
            }
            let used = self.used_bytes().await?;
            if used <= target || gone == 0 {
                return Ok(used <= bytes_max);
            }
        }
    }

    /// A batch of the oldest: how many went, and the rooms that they led to.
    async fn forget_calls(&self, since_ms: i64) -> Result<(u64, Vec<String>), StoreError> {
        let rows: Vec<(Option<String>,)> = self
            .database
            .within(
                sqlx::query_as(
                    "DELETE FROM history WHERE (user_id, call_id) IN (SELECT user_id, call_id FROM history WHERE rang_at_ms < $1 \
             AND reason IS NOT NULL ORDER BY rang_at_ms LIMIT $2) RETURNING room_id",
                )
                .bind(since_ms)
                .bind(BATCH as i64)
                .fetch_all(&self.database.pool),
            )
            .await?;
        let count = rows.len() as u64;
        let mut rooms: Vec<String> = rows.into_iter().filter_map(|(room,)| room).collect();
        rooms.sort();
        rooms.dedup();
        Ok((count, rooms))
    }

    async fn forget_messages_of(&self, room: &str) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM messages WHERE room_id = $1 AND number IN (SELECT number FROM messages WHERE room_id = $1 LIMIT $2) AND {}",
            is_out_of_reach("$1")
        );
        let forget = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(room.to_owned()).bind(BATCH as i64);
        self.database.execute(forget).await
    }

    async fn forget_oldest_messages(&self, since_ms: i64) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM messages WHERE (room_id, number) IN (SELECT room_id, number FROM messages m WHERE at_ms < $1 AND {IS_NOT_LAST} \
             ORDER BY at_ms LIMIT $2)"
        );
        let forget = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(since_ms).bind(BATCH as i64);
        self.database.execute(forget).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{Change, HistoryChange, MessageChange, NewMessage};
    use super::*;
    use crate::id::{CallId, MessageId, ParticipantId, RoomId};
    use crate::store::testbed::{Bed, a_room, on_both};

    on_both!(
        more_than_a_batch_of_old_calls_goes,
        a_room_that_goes_on_loses_what_is_old_and_counts_on,
    );

    fn say(room: u64, message: u64, bytes: usize) -> Change {
        Change::Message(MessageChange::Say(NewMessage {
            room: RoomId::from_random(room),
            message: MessageId::from_random(message),
            user: user(1),
            name: String::new(),
            participant: ParticipantId::from_random(1),
            text: "x".repeat(bytes),
            file: None,
        }))
    }

    /// A call that rang at that time, in which so much was written.
    async fn talked(store: &Store, number: u64, at_ms: i64, bytes: usize) {
        let call = CallId::from_random(number);
        let changes = [
            Change::History(HistoryChange::Rang {
                call,
                room: RoomId::from_random(number),
                caller: (user(1), String::new()),
                callee: (user(2), String::new()),
            }),
            Change::History(HistoryChange::Answered(call)),
            say(number, 1, bytes),
            Change::History(HistoryChange::Over {
                call,
                reason: "hung_up",
                talked_ms: 1,
            }),
        ];
        store.keep(&changes, at_ms).await.expect("kept");
    }

    async fn calls(store: &Store) -> Vec<i64> {
        let page = store.history(user(1), None, 10_000).await.expect("read");
        page.rows.iter().map(|row| row.rang_at_ms).collect()
    }

    async fn more_than_a_batch_of_old_calls_goes(bed: &Bed) {
        let store = bed.open().await;
        let count = BATCH + 20;
        for number in 0..count {
            talked(&store, number, number as i64, 1).await;
        }
        store
            .purge_history(i64::try_from(BATCH).expect("small") + 10, u32::MAX)
            .await
            .expect("purged");
        assert_eq!(calls(&store).await.len(), 10);
        store.purge_history(0, 3).await.expect("purged");
        assert_eq!(calls(&store).await, [519, 518, 517]);
        store.purge_messages().await.expect("purged");
        for (number, left) in [(516, 0), (519, 1)] {
            let page = store
                .messages(RoomId::from_random(number), user(9), None, 9)
                .await
                .expect("read");
            assert_eq!(page.rows.len(), left);
        }
    }

    async fn a_room_that_goes_on_loses_what_is_old_and_counts_on(bed: &Bed) {
        let store = bed.open().await;
        store.keep(&[a_room(RoomId::from_random(7), false)], 0).await.expect("kept");
        for message in 0..4 {
            store.keep(&[say(7, message, 1)], message as i64).await.expect("kept");
        }
        let numbers = async |store: &Store| -> Vec<u64> {
            let page = store.messages(RoomId::from_random(7), user(9), None, 9).await.expect("read");
            page.rows.iter().map(|row| row.number).collect()
        };
        store.purge_old_messages(2).await.expect("purged");
        assert_eq!(numbers(&store).await, [3, 4]);
        store.purge_old_messages(100).await.expect("purged");
        store.keep(&[say(7, 9, 1)], 200).await.expect("kept");
        assert_eq!(numbers(&store).await, [4, 5]);
    }

    #[tokio::test]
    async fn beyond_its_size_the_oldest_goes_first_and_users_stay() {
        let bed = Bed::sqlite();
        let store = bed.open().await;
        store.add_user(user(1), "Ada", 0).await.expect("made");
        let empty = store.used_bytes().await.expect("read");
        for number in 0..1200 {
            talked(&store, number, number as i64, 3000).await;
        }
        let full = store.used_bytes().await.expect("read");
        assert!(store.shrink(full).await.expect("looked"));
        assert_eq!(calls(&store).await.len(), 1200, "it is within its bound");
        let bound = empty + (full - empty) / 2;
        assert!(store.shrink(bound).await.expect("shrunk"));
        let left = calls(&store).await;
        assert!(store.used_bytes().await.expect("read") <= bound);
        assert_eq!(left.first(), Some(&1199), "the newest stay");
        assert!(left.len() > 100 && left.len() < 700, "{}", left.len());
        assert!(!store.shrink(1).await.expect("shrunk"), "that is not to be had");
        assert!(calls(&store).await.is_empty());
        assert!(store.user(user(1)).await.expect("read").is_some());
    }
}
