//! Reports of calls: what was noted of the rooms that they led to.

use sqlx::Row;

use super::database::Writer;
use super::restart::id;
use super::{Store, StoreError};
use crate::id::{CallId, ParticipantId, RoomId, UserId};

/// Reports that go at once.
const BATCH: i64 = 100;

/// A report stays while somebody has a call of its room in their history.
const IS_NOBODY_S: &str = "NOT EXISTS (SELECT 1 FROM history WHERE history.room_id = reports.room_id)";

/// What is new in the report of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPage {
    pub room: RoomId,
    /// Unix milliseconds; what was said first holds.
    pub began_at_ms: i64,
    /// Who came, with the name of that time.
    pub people: Vec<(ParticipantId, UserId, String)>,
    /// JSON. Empty: nothing was noted.
    pub entries: String,
    /// It is the last.
    pub over: bool,
}

/// The report of a call as it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    pub began_at_ms: i64,
    pub over: bool,
    pub people: Vec<(ParticipantId, UserId, String)>,
    /// JSON, in the order of coming.
    pub pages: Vec<String>,
    /// When the call was over for whoever asks.
    pub until_ms: Option<i64>,
}

pub(super) async fn apply(writer: Writer<'_>, page: &ReportPage, now_ms: i64) -> Result<(), StoreError> {
    let room = page.room.to_string();
    sqlx::query(
        "INSERT INTO reports (room_id, began_at_ms, ended_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (room_id) DO UPDATE SET ended_at_ms = excluded.ended_at_ms",
    )
    .bind(room.clone())
    .bind(page.began_at_ms)
    .bind(page.over.then_some(now_ms))
    .execute(&mut **writer)
    .await?;
    for (participant, user, name) in &page.people {
        sqlx::query(
            "INSERT INTO report_people (room_id, participant_id, user_id, name) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(room.clone())
        .bind(participant.to_string())
        .bind(user.to_string())
        .bind(name.clone())
        .execute(&mut **writer)
        .await?;
    }
    if !page.entries.is_empty() {
        sqlx::query(
            "INSERT INTO report_pages (room_id, number, entries) \
             SELECT $1, COALESCE(MAX(number), 0) + 1, $2 FROM report_pages WHERE room_id = $1",
        )
        .bind(room)
        .bind(page.entries.clone())
        .execute(&mut **writer)
        .await?;
    }
    Ok(())
}

/// Forgets the report of a room that is nobody's any more.
pub(super) async fn forget_of(writer: Writer<'_>, room: &str) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM reports WHERE room_id = $1 AND {IS_NOBODY_S}");
    let done = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(room.to_owned())
        .execute(&mut **writer)
        .await?;
    if done.rows_affected() > 0 {
        forget_parts(writer, room).await?;
    }
    Ok(())
}

async fn forget_parts(writer: Writer<'_>, room: &str) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM report_people WHERE room_id = $1",
        "DELETE FROM report_pages WHERE room_id = $1",
    ] {
        sqlx::query(sql).bind(room.to_owned()).execute(&mut **writer).await?;
    }
    Ok(())
}

impl Store {
    /// The report of a call that was answered: as this user may see it, or all of it. None: there is no such call, or not of this user.
    pub async fn report(&self, call: CallId, user: Option<UserId>) -> Result<Option<ReportRow>, StoreError> {
        self.database.within(self.read_report(call, user)).await
    }

    async fn read_report(&self, call: CallId, user: Option<UserId>) -> Result<Option<ReportRow>, StoreError> {
        let mut reader = self.database.begin_to_read().await?;
        let found = sqlx::query(
            "SELECT reports.room_id AS room_id, began_at_ms, reports.ended_at_ms AS ended_at_ms, history.ended_at_ms AS until_ms \
             FROM history JOIN reports ON reports.room_id = history.room_id \
             WHERE call_id = $1 AND answered_at_ms IS NOT NULL AND ($2 IS NULL OR user_id = $2) LIMIT 1",
        )
        .bind(call.to_string())
        .bind(user.map(|user| user.to_string()))
        .fetch_optional(&mut *reader)
        .await?;
        let Some(row) = found else { return Ok(None) };
        let room: String = row.try_get("room_id")?;
        let ended_at_ms: Option<i64> = row.try_get("ended_at_ms")?;
        let until_ms: Option<i64> = row.try_get("until_ms")?;
        let people =
            sqlx::query("SELECT participant_id, user_id, name FROM report_people WHERE room_id = $1 ORDER BY participant_id")
                .bind(room.clone())
                .fetch_all(&mut *reader)
                .await?;
        let people = people
            .iter()
            .map(|row| {
                Ok((
                    id(row.try_get("participant_id")?, "participant_id")?,
                    id(row.try_get("user_id")?, "user_id")?,
                    row.try_get("name")?,
                ))
            })
            .collect::<Result<_, StoreError>>()?;
        let pages: Vec<(String,)> = sqlx::query_as("SELECT entries FROM report_pages WHERE room_id = $1 ORDER BY number")
            .bind(room)
            .fetch_all(&mut *reader)
            .await?;
        Ok(Some(ReportRow {
            began_at_ms: row.try_get("began_at_ms")?,
            over: ended_at_ms.is_some(),
            people,
            pages: pages.into_iter().map(|(entries,)| entries).collect(),
            until_ms: until_ms.filter(|_| user.is_some()),
        }))
    }

    /// When the reports of rooms that go on began (Unix milliseconds).
    pub async fn report_beginnings(&self) -> Result<Vec<(RoomId, i64)>, StoreError> {
        let rows: Vec<(String, i64)> = self
            .database
            .within(
                sqlx::query_as(
                    "SELECT room_id, began_at_ms FROM reports WHERE room_id IN (SELECT room_id FROM rooms) ORDER BY room_id",
                )
                .fetch_all(&self.database.pool),
            )
            .await?;
        let read = rows.into_iter().map(|(room, at_ms)| Ok((id(&room, "room_id")?, at_ms)));
        read.collect()
    }

    /// Forgets reports that began before `since_ms` (Unix milliseconds), and those of calls that nobody has in their history any more.
    pub async fn purge_reports(&self, since_ms: i64) -> Result<(), StoreError> {
        while self.database.change(|| self.forget_reports(since_ms)).await? == BATCH {}
        Ok(())
    }

    async fn forget_reports(&self, since_ms: i64) -> Result<i64, StoreError> {
        let mut transaction = self.database.begin().await?;
        // One that goes on begins anew with its next page, and the oldest part of it is gone.
        let sql = format!(
            "DELETE FROM reports WHERE room_id IN (SELECT room_id FROM reports WHERE began_at_ms < $1 OR {IS_NOBODY_S} LIMIT $2) \
             RETURNING room_id"
        );
        let rooms: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(since_ms)
            .bind(BATCH)
            .fetch_all(&mut *transaction)
            .await?;
        for (room,) in &rooms {
            forget_parts(&mut transaction, room).await?;
        }
        transaction.commit().await?;
        Ok(i64::try_from(rooms.len()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{Change, HistoryChange};
    use super::*;
    use crate::store::testbed::{Bed, a_room, on_both};

    on_both!(
        a_report_is_read_page_by_page_by_who_was_in_the_call,
        a_report_goes_with_its_days_and_with_the_last_history,
        whoever_is_forgotten_is_not_named_in_what_others_keep,
        a_report_goes_on_after_a_restart,
    );

    const CALL: u64 = 5;

    fn room() -> RoomId {
        RoomId::from_random(1)
    }

    fn page(number: u64, over: bool) -> Change {
        Change::Report(ReportPage {
            room: room(),
            began_at_ms: 1_000 + number as i64,
            people: vec![(ParticipantId::from_random(number), user(number), format!("name {number}"))],
            entries: format!("[{number}]"),
            over,
        })
    }

    /// Ada and Bob talk, and each has it in their history.
    async fn a_call(store: &Store) {
        for number in [1, 2] {
            let name = format!("name {number}");
            store.add_user(user(number), &name, 0).await.expect("it is kept");
        }
        let call = CallId::from_random(CALL);
        let named = |number: u64| (user(number), format!("name {number}"));
        let rang = HistoryChange::Rang {
            call,
            room: room(),
            caller: named(1),
            callee: named(2),
        };
        let answered = HistoryChange::Answered(call);
        let over = HistoryChange::Over {
            call,
            reason: "hung_up",
            talked_ms: 4_000,
        };
        store.keep(&[Change::History(rang)], 1_000).await.expect("kept");
        assert_eq!(read(store, Some(1)).await, None, "nobody has answered");
        store
            .keep(&[Change::History(answered), page(1, false)], 2_000)
            .await
            .expect("kept");
        store
            .keep(&[page(2, true), Change::History(over)], 6_000)
            .await
            .expect("kept");
    }

    async fn read(store: &Store, of: Option<u64>) -> Option<ReportRow> {
        store
            .report(CallId::from_random(CALL), of.map(user))
            .await
            .expect("it is read")
    }

    async fn a_report_is_read_page_by_page_by_who_was_in_the_call(bed: &Bed) {
        let store = bed.open().await;
        a_call(&store).await;
        let row = read(&store, Some(2)).await.expect("it is there");
        assert_eq!((row.began_at_ms, row.over, row.until_ms), (1_001, true, Some(6_000)));
        assert_eq!(row.pages, ["[1]", "[2]"]);
        let mut names: Vec<_> = row.people.iter().map(|(_, user, name)| (*user, name.as_str())).collect();
        names.sort();
        assert_eq!(names, [(user(1), "name 1"), (user(2), "name 2")]);
        assert_eq!(read(&store, Some(3)).await, None);
        assert_eq!(read(&store, None).await.expect("the operator sees all").until_ms, None);
        assert_eq!(store.report(CallId::from_random(9), None).await.expect("read"), None);
        let history = store.history(user(1), None, 9).await.expect("read").rows;
        assert!(history[0].report);
        let export = store.export(user(1)).await.expect("read").expect("she is there");
        assert_eq!(export.reports.len(), 1);
    }

    async fn a_report_goes_with_its_days_and_with_the_last_history(bed: &Bed) {
        let store = bed.open().await;
        a_call(&store).await;
        store.purge_reports(1_001).await.expect("nothing is old");
        assert!(read(&store, None).await.is_some());
        let forget = |number| {
            Change::History(HistoryChange::Forget {
                user: user(number),
                call: None,
            })
        };
        store.keep(&[forget(1)], 7_000).await.expect("forgotten");
        assert!(read(&store, Some(2)).await.is_some(), "the other keeps it");
        store.keep(&[forget(2)], 7_000).await.expect("forgotten");
        assert_eq!(parts(&store).await, (0, 0, 0));

        a_call_again(&store).await;
        store.purge_reports(1_002).await.expect("it is old");
        assert_eq!(parts(&store).await, (0, 0, 0));
        let history = store.history(user(1), None, 9).await.expect("read").rows;
        assert!(!history[0].report, "the call is still in the history");
    }

    async fn a_call_again(store: &Store) {
        for user in [1, 2] {
            store
                .keep(&[Change::ForgetUser(super::super::tests::user(user))], 7_000)
                .await
                .expect("gone");
        }
        a_call(store).await;
    }

    /// Rows of each table.
    async fn parts(store: &Store) -> (i64, i64, i64) {
        let sql =
            "SELECT (SELECT COUNT(*) FROM reports), (SELECT COUNT(*) FROM report_people), (SELECT COUNT(*) FROM report_pages)";
        sqlx::query_as(sql).fetch_one(&store.database.pool).await.expect("counted")
    }

    async fn whoever_is_forgotten_is_not_named_in_what_others_keep(bed: &Bed) {
        let store = bed.open().await;
        a_call(&store).await;
        store.keep(&[Change::ForgetUser(user(1))], 7_000).await.expect("forgotten");
        let row = read(&store, Some(2)).await.expect("the other keeps it");
        let nobody = row
            .people
            .iter()
            .find(|(id, ..)| *id == ParticipantId::from_random(1))
            .expect("a place");
        assert_eq!((nobody.1, nobody.2.as_str()), (UserId::NOBODY, ""));
        store.keep(&[Change::ForgetUser(user(2))], 7_000).await.expect("forgotten");
        assert_eq!(parts(&store).await, (0, 0, 0));
    }

    async fn a_report_goes_on_after_a_restart(bed: &Bed) {
        let store = bed.open().await;
        a_call(&store).await;
        assert!(store.report_beginnings().await.expect("read").is_empty(), "its room is over");
        let kept = a_room(room(), true);
        store.keep(&[kept, page(3, false)], 8_000).await.expect("kept");
        assert_eq!(store.report_beginnings().await.expect("read"), [(room(), 1_001)]);
        let row = read(&store, None).await.expect("it is there");
        assert_eq!((row.pages.len(), row.over), (3, false));
    }
}
