//! Calls as each of their two users had them.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::{Flag, Writer};
use super::messages;
use super::people;
use super::reports;
use super::restart::id;
use super::{Store, StoreError};
use crate::id::{CallId, RoomId, UserId};

/// What happened to a call, for the history of its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryChange {
    Rang {
        call: CallId,
        room: RoomId,
        /// With the name that the other saw.
        caller: (UserId, String),
        callee: (UserId, String),
    },
    /// It reached nobody. Whether there is such a user only the store knows: the caller's row is the same in any case.
    NeverRang {
        call: CallId,
        caller: (UserId, String),
        callee: UserId,
        reason: &'static str,
    },
    Answered(CallId),
    /// It is over for one of its users.
    Left {
        call: CallId,
        user: UserId,
        reason: &'static str,
        talked_ms: i64,
    },
    /// It is over for whom it is not yet.
    Over {
        call: CallId,
        reason: &'static str,
        talked_ms: i64,
    },
    /// The user has seen what calls were missed.
    Seen(UserId),
    /// One of them, or all.
    Forget {
        user: UserId,
        call: Option<CallId>,
    },
}

/// What of a history has changed, once it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryNews {
    /// A call that is over. `missed`: how many calls of this user are missed and not seen.
    Row {
        user: UserId,
        row: HistoryRow,
        missed: u32,
    },
    Seen(UserId),
    Forgotten {
        user: UserId,
        call: Option<CallId>,
        missed: u32,
    },
}

/// A call that is over, as one of its users had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    pub call: CallId,
    pub other: UserId,
    /// Empty where it was not known.
    pub other_name: String,
    /// By this user, or to it.
    pub made: bool,
    /// Unix milliseconds.
    pub rang_at_ms: i64,
    pub answered: bool,
    pub talked_ms: i64,
    pub reason: String,
    pub missed: bool,
    pub seen: bool,
    /// Whether something was written in it while this user had part in it.
    pub chat: bool,
    /// Whether there is a report of it.
    pub report: bool,
}

/// A part of a history, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    pub rows: Vec<HistoryRow>,
    /// Whether there are older ones.
    pub more: bool,
    /// Missed and not seen, in the whole history.
    pub missed: u32,
}

/// Pages ring anew whom they rang when their server or its node was lost, which is known after this long at most: the call that they rang
/// then was the same to people.
const RANG_ON_WITHIN_MS: i64 = 30_000;

/// For so long a call may have rung.
const RANG_FOR_MS: i64 = 10 * 60_000;

/// It is among so many of a user's last calls, so that whoever calls all the time costs no more.
const RANG_AMONG: i64 = 64;

/// How an unanswered call, which ends for the reason $1, is a missed one for whom it was for.
const MISSED: &str = "CASE WHEN made = 0 AND answered_at_ms IS NULL \
    AND $1 IN ('no_answer', 'cancelled', 'unreachable', 'busy', 'connection_lost') THEN 1 ELSE 0 END";

/// As a column of `users`: how many calls of the user are missed and not seen.
pub(super) const MISSED_OF_USER: &str =
    "(SELECT COUNT(*) FROM history WHERE history.user_id = users.user_id AND missed = 1 AND seen = 0)";

const COLUMNS: &str = "call_id, other_id, other_name, made, rang_at_ms, answered_at_ms, talked_ms, reason, missed, seen, \
    CASE WHEN answered_at_ms IS NOT NULL AND EXISTS (SELECT 1 FROM messages WHERE messages.room_id = history.room_id \
    AND at_ms <= ended_at_ms) THEN 1 ELSE 0 END AS chat, \
    CASE WHEN answered_at_ms IS NOT NULL AND EXISTS (SELECT 1 FROM reports WHERE reports.room_id = history.room_id) \
    THEN 1 ELSE 0 END AS report";

/// Makes one change, and adds what it changed to the news.
pub(super) async fn apply(
    writer: Writer<'_>,
    change: &HistoryChange,
    node: &str,
    now_ms: i64,
    news: &mut Vec<HistoryNews>,
) -> Result<(), StoreError> {
    match change {
        HistoryChange::Rang {
            call,
            room,
            caller,
            callee,
        } => {
            let sides = [(caller.0, callee, true), (callee.0, caller, false)];
            // Who calls another tab of their own has made a call.
            let count = if caller.0 == callee.0 { 1 } else { 2 };
            for (user, (other, name), made) in sides.into_iter().take(count) {
                sqlx::query(
                    "INSERT INTO history (user_id, call_id, other_id, other_name, room_id, made, rang_at_ms, node) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
                )
                .bind(user.to_string())
                .bind(call.to_string())
                .bind(other.to_string())
                .bind(name.clone())
                .bind(room.to_string())
                .bind(Flag(made))
                .bind(now_ms)
                .bind(node.to_owned())
                .execute(&mut **writer)
                .await?;
                forget_lost_ring(writer, *call, user, *other, made, now_ms, news).await?;
            }
        }
        HistoryChange::NeverRang {
            call,
            caller,
            callee,
            reason,
        } => {
            // The name is the one that this user saw last: asking for an id tells nobody's.
            sqlx::query(
                "INSERT INTO history (user_id, call_id, other_id, other_name, made, rang_at_ms) VALUES ($1, $2, $3, \
                 COALESCE((SELECT other_name FROM history WHERE user_id = $1 AND other_id = $3 AND other_name <> '' \
                 ORDER BY rang_at_ms DESC LIMIT 1), ''), 1, $4) ON CONFLICT DO NOTHING",
            )
            .bind(caller.0.to_string())
            .bind(call.to_string())
            .bind(callee.to_string())
            .bind(now_ms)
            .execute(&mut **writer)
            .await?;
            if caller.0 != *callee {
                let sql = format!(
                    "INSERT INTO history (user_id, call_id, other_id, other_name, made, rang_at_ms) \
                     SELECT user_id, $1, $2, $3, 0, $4 FROM users WHERE user_id = $5 AND {} ON CONFLICT DO NOTHING",
                    people::may_call("$5", "$2")
                );
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(call.to_string())
                    .bind(caller.0.to_string())
                    .bind(caller.1.clone())
                    .bind(now_ms)
                    .bind(callee.to_string())
                    .execute(&mut **writer)
                    .await?;
            }
            end(writer, *call, None, reason, 0, now_ms, news).await?;
        }
        HistoryChange::Answered(call) => {
            sqlx::query("UPDATE history SET answered_at_ms = $1 WHERE call_id = $2 AND reason IS NULL")
                .bind(now_ms)
                .bind(call.to_string())
                .execute(&mut **writer)
                .await?;
        }
        HistoryChange::Left {
            call,
            user,
            reason,
            talked_ms,
        } => end(writer, *call, Some(*user), reason, *talked_ms, now_ms, news).await?,
        HistoryChange::Over { call, reason, talked_ms } => {
            end(writer, *call, None, reason, *talked_ms, now_ms, news).await?;
        }
        HistoryChange::Seen(user) => {
            sqlx::query("UPDATE history SET seen = 1 WHERE user_id = $1 AND missed = 1 AND seen = 0")
                .bind(user.to_string())
                .execute(&mut **writer)
                .await?;
            news.push(HistoryNews::Seen(*user));
        }
        HistoryChange::Forget { user, call } => {
            // What is not over yet is not in the list, and comes into it later.
            let rooms: Vec<(Option<String>,)> = sqlx::query_as(
                "DELETE FROM history WHERE user_id = $1 AND reason IS NOT NULL AND ($2 IS NULL OR call_id = $2) RETURNING room_id",
            )
            .bind(user.to_string())
            .bind(call.map(|call| call.to_string()))
            .fetch_all(&mut **writer)
            .await?;
            for room in rooms.into_iter().filter_map(|(room,)| room) {
                messages::forget_of(writer, &room).await?;
                reports::forget_of(writer, &room).await?;
            }
            let (user, call) = (*user, *call);
            let missed = missed(writer, user).await?;
            news.push(HistoryNews::Forgotten { user, call, missed });
        }
    }
    Ok(())
}

/// A call that rang when its server was lost, and rings on as this one, is none of its own.
async fn forget_lost_ring(
    writer: Writer<'_>,
    rings_on_as: CallId,
    user: UserId,
    other: UserId,
    made: bool,
    now_ms: i64,
    news: &mut Vec<HistoryNews>,
) -> Result<(), StoreError> {
    let lost = sqlx::query(
        "DELETE FROM history WHERE user_id = $1 AND ended_at_ms > $3 AND other_id = $4 AND made = $5 AND call_id <> $6 \
         AND answered_at_ms IS NULL AND reason = 'connection_lost' AND call_id IN (SELECT call_id FROM history \
         WHERE user_id = $1 AND rang_at_ms > $2 ORDER BY rang_at_ms DESC LIMIT $7) RETURNING call_id",
    )
    .bind(user.to_string())
    .bind(now_ms - RANG_FOR_MS)
    .bind(now_ms - RANG_ON_WITHIN_MS)
    .bind(other.to_string())
    .bind(Flag(made))
    .bind(rings_on_as.to_string())
    .bind(RANG_AMONG)
    .fetch_all(&mut **writer)
    .await?;
    for row in lost {
        let call = Some(id(row.try_get("call_id")?, "call_id")?);
        let missed = missed(writer, user).await?;
        news.push(HistoryNews::Forgotten { user, call, missed });
    }
    Ok(())
}

/// Ends a call for one of its users, or for whom it is not over yet.
async fn end(
    writer: Writer<'_>,
    call: CallId,
    user: Option<UserId>,
    reason: &str,
    talked_ms: i64,
    now_ms: i64,
    news: &mut Vec<HistoryNews>,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE history SET missed = {MISSED}, reason = $1, ended_at_ms = $2, \
         talked_ms = CASE WHEN answered_at_ms IS NULL THEN 0 ELSE $3 END \
         WHERE call_id = $4 AND reason IS NULL AND ($5 IS NULL OR user_id = $5) RETURNING user_id, {COLUMNS}"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(reason.to_owned())
        .bind(now_ms)
        .bind(talked_ms)
        .bind(call.to_string())
        .bind(user.map(|user| user.to_string()))
        .fetch_all(&mut **writer)
        .await?;
    for row in rows {
        let user = id(row.try_get("user_id")?, "user_id")?;
        let row = read(&row)?;
        let missed = missed(writer, user).await?;
        news.push(HistoryNews::Row { user, row, missed });
    }
    Ok(())
}

fn close_where(whose: &str) -> String {
    const LIVED: &str = "(SELECT at_ms FROM nodes WHERE nodes.node = history.node)";
    format!(
        "UPDATE history SET reason = 'connection_lost', missed = CASE WHEN made = 0 AND answered_at_ms IS NULL THEN 1 ELSE 0 END, \
         ended_at_ms = CASE WHEN {LIVED} > rang_at_ms THEN {LIVED} ELSE rang_at_ms END, \
         talked_ms = CASE WHEN {LIVED} > answered_at_ms THEN {LIVED} - answered_at_ms ELSE 0 END \
         WHERE reason IS NULL AND {whose} AND call_id NOT IN (SELECT call_id FROM calls)"
    )
}

async fn missed(writer: Writer<'_>, user: UserId) -> Result<u32, StoreError> {
    let count: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM history WHERE user_id = $1 AND missed = 1 AND seen = 0")
        .bind(user.to_string())
        .fetch_one(&mut **writer)
        .await?;
    Ok(self::count(count.0))
}

/// What the database counted.
pub(super) fn count(counted: i64) -> u32 {
    u32::try_from(counted).unwrap_or(u32::MAX)
}

fn read(row: &AnyRow) -> Result<HistoryRow, StoreError> {
    let answered_at_ms: Option<i64> = row.try_get("answered_at_ms")?;
    Ok(HistoryRow {
        call: id(row.try_get("call_id")?, "call_id")?,
        other: id(row.try_get("other_id")?, "other_id")?,
        other_name: row.try_get("other_name")?,
        made: row.try_get::<Flag, _>("made")?.0,
        rang_at_ms: row.try_get("rang_at_ms")?,
        answered: answered_at_ms.is_some(),
        talked_ms: row.try_get("talked_ms")?,
        reason: row.try_get("reason")?,
        missed: row.try_get::<Flag, _>("missed")?.0,
        seen: row.try_get::<Flag, _>("seen")?.0,
        chat: row.try_get::<Flag, _>("chat")?.0,
        report: row.try_get::<Flag, _>("report")?.0,
    })
}

impl Store {
    /// The calls of a user that are over, newest first. `before`: only those that rang before this one.
    pub async fn history(&self, user: UserId, before: Option<(i64, CallId)>, limit: u32) -> Result<HistoryPage, StoreError> {
        self.database.within(self.read_history(user, before, limit)).await
    }

    async fn read_history(&self, user: UserId, before: Option<(i64, CallId)>, limit: u32) -> Result<HistoryPage, StoreError> {
        // One more tells whether there are more.
        let sql = format!(
            "SELECT {COLUMNS} FROM history WHERE user_id = $1 AND reason IS NOT NULL AND (rang_at_ms, call_id) < ($2, $3) \
             ORDER BY rang_at_ms DESC, call_id DESC LIMIT $4"
        );
        let (at_ms, call) = before.map_or((i64::MAX, String::new()), |(at_ms, call)| (at_ms, call.to_string()));
        let mut reader = self.database.begin_to_read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(user.to_string())
            .bind(at_ms)
            .bind(call)
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *reader)
            .await?;
        let missed = missed(&mut reader, user).await?;
        let more = rows.len() > limit as usize;
        let rows = rows.iter().take(limit as usize).map(read).collect::<Result<_, _>>()?;
        Ok(HistoryPage { rows, more, missed })
    }

    /// After a restart: ends what was not over when this node last lived, and is not among the calls that go on.
    pub async fn close_history(&self) -> Result<(), StoreError> {
        let close = close_where("history.node = $1");
        let close = sqlx::query(sqlx::AssertSqlSafe(close)).bind(self.node.to_string());
        self.database.execute(close).await.map(drop)
    }

    /// The same for nodes that have not lived since then (Unix milliseconds), of which nothing is left from here on.
    pub async fn forget_nodes(&self, since_ms: i64) -> Result<(), StoreError> {
        let close = close_where("history.node NOT IN (SELECT node FROM nodes WHERE at_ms >= $1)");
        self.database
            .execute(sqlx::query(sqlx::AssertSqlSafe(close)).bind(since_ms))
            .await?;
        let forget = sqlx::query("DELETE FROM nodes WHERE at_ms < $1").bind(since_ms);
        self.database.execute(forget).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{CallRow, Change};
    use super::*;
    use crate::id::SessionId;
    use crate::store::testbed::{Bed, on_both};

    on_both!(
        each_of_the_two_has_a_row_of_its_own,
        what_nobody_answered_is_missed_until_it_is_seen,
        who_is_called_in_vain_is_told_if_there_is_such_a_user,
        a_history_is_read_page_by_page,
        a_restart_closes_what_does_not_go_on,
        a_call_that_rings_on_over_a_restart_is_one,
        old_calls_and_too_many_are_purged,
        a_call_to_another_tab_of_ones_own_is_one_that_was_made,
    );

    async fn store(bed: &Bed) -> Store {
        let store = bed.open().await;
        for number in [1, 2] {
            let name = format!("name {number}");
            store.add_user(user(number), &name, 0).await.expect("it is kept");
        }
        store
    }

    fn call(number: u64) -> CallId {
        CallId::from_random(number)
    }

    fn rang(number: u64) -> Change {
        Change::History(HistoryChange::Rang {
            call: call(number),
            room: RoomId::from_random(number),
            caller: (user(1), "Ada".to_owned()),
            callee: (user(2), "Bob".to_owned()),
        })
    }

    fn over(number: u64, reason: &'static str) -> Change {
        Change::History(HistoryChange::Over {
            call: call(number),
            reason,
            talked_ms: 4000,
        })
    }

    fn never_rang(number: u64, callee: u64, reason: &'static str) -> Change {
        Change::History(HistoryChange::NeverRang {
            call: call(number),
            caller: (user(1), "Ada".to_owned()),
            callee: user(callee),
            reason,
        })
    }

    /// Each row in a few words.
    async fn rows(store: &Store, of: u64) -> Vec<String> {
        let page = store.history(user(of), None, 100).await.expect("it is read");
        let brief = |row: &HistoryRow| {
            let made = if row.made { "made" } else { "received" };
            let missed = match (row.missed, row.seen) {
                (true, false) => " missed",
                (true, true) => " seen",
                (false, _) => "",
            };
            format!("{made} {} {} {}{missed}", row.other_name, row.reason, row.talked_ms)
        };
        page.rows.iter().map(brief).collect()
    }

    async fn each_of_the_two_has_a_row_of_its_own(bed: &Bed) {
        let store = store(bed).await;
        store.keep(&[rang(1)], 1000).await.expect("kept");
        assert!(rows(&store, 1).await.is_empty(), "what is not over is not in the list");
        let answered = Change::History(HistoryChange::Answered(call(1)));
        store.keep(&[answered], 2000).await.expect("kept");
        let left = HistoryChange::Left {
            call: call(1),
            user: user(1),
            reason: "hung_up",
            talked_ms: 3000,
        };
        let news = store.keep(&[Change::History(left)], 5000).await.expect("kept");
        assert_eq!(news.len(), 1, "the other goes on: {news:?}");
        let news = store.keep(&[over(1, "connection_lost")], 6000).await.expect("kept");
        assert_eq!(news.len(), 1, "{news:?}");
        assert_eq!(rows(&store, 1).await, ["made Bob hung_up 3000"]);
        assert_eq!(rows(&store, 2).await, ["received Ada connection_lost 4000"]);
        let forget = HistoryChange::Forget {
            user: user(2),
            call: Some(call(1)),
        };
        store.keep(&[Change::History(forget)], 7000).await.expect("kept");
        assert!(rows(&store, 2).await.is_empty());
        assert_eq!(rows(&store, 1).await.len(), 1, "the other keeps its own");
    }

    async fn what_nobody_answered_is_missed_until_it_is_seen(bed: &Bed) {
        let store = store(bed).await;
        for (number, reason, missed) in [
            (1, "no_answer", 1),
            (2, "cancelled", 2),
            (3, "declined", 2),
            (4, "unreachable", 3),
            (5, "connection_lost", 4),
        ] {
            store.keep(&[rang(number)], number as i64).await.expect("kept");
            let news = store.keep(&[over(number, reason)], number as i64).await.expect("kept");
            let found = news.iter().filter_map(|(_, news)| match news {
                crate::store::News::History(HistoryNews::Row { user: of, missed, .. }) if *of == user(2) => Some(*missed),
                _ => None,
            });
            assert_eq!(found.collect::<Vec<_>>(), [missed], "{reason}");
        }
        assert_eq!(store.user(user(2)).await.expect("read").expect("there").missed, 4);
        assert_eq!(
            store.user(user(1)).await.expect("read").expect("there").missed,
            0,
            "who calls misses nothing"
        );
        let seen = Change::History(HistoryChange::Seen(user(2)));
        store.keep(&[seen], 9).await.expect("kept");
        let page = store.history(user(2), None, 9).await.expect("read");
        assert_eq!((page.rows.len(), page.missed), (5, 0));
        assert_eq!(rows(&store, 2).await[1], "received Ada unreachable 0 seen");
    }

    async fn who_is_called_in_vain_is_told_if_there_is_such_a_user(bed: &Bed) {
        let store = store(bed).await;
        let changes = [never_rang(1, 2, "unreachable"), never_rang(2, 77, "unreachable")];
        store.keep(&changes, 1000).await.expect("kept");
        assert_eq!(rows(&store, 2).await, ["received Ada unreachable 0 missed"]);
        let made = rows(&store, 1).await;
        assert_eq!(
            made,
            ["made  unreachable 0", "made  unreachable 0"],
            "nothing tells them apart"
        );
        store.keep(&[rang(3), over(3, "hung_up")], 2000).await.expect("kept");
        store.keep(&[never_rang(4, 2, "busy")], 3000).await.expect("kept");
        assert_eq!(rows(&store, 1).await[0], "made Bob busy 0", "the name that was seen last");
    }

    async fn a_history_is_read_page_by_page(bed: &Bed) {
        let store = store(bed).await;
        for number in 1..=7 {
            // Two of them at the same time.
            let at_ms = (number as i64).min(6);
            store
                .keep(&[rang(number), over(number, "declined")], at_ms)
                .await
                .expect("kept");
        }
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = store.history(user(1), before, 2).await.expect("read");
            let Some(last) = page.rows.last() else { break };
            before = Some((last.rang_at_ms, last.call));
            seen.extend(page.rows.iter().map(|row| row.call));
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1].map(call));
        let forget = HistoryChange::Forget {
            user: user(1),
            call: None,
        };
        store.keep(&[Change::History(forget)], 9).await.expect("kept");
        assert!(rows(&store, 1).await.is_empty());
        assert_eq!(rows(&store, 2).await.len(), 7);
    }

    async fn a_call_that_rings_on_over_a_restart_is_one(bed: &Bed) {
        let store = store(bed).await;
        store.keep(&[rang(1)], 1000).await.expect("kept");
        store.keep(&[over(1, "cancelled")], 2000).await.expect("kept");
        store.keep(&[rang(2)], 60_000).await.expect("kept");
        store.close().await;
        let store = bed.open().await;
        store.close_history().await.expect("closed");
        assert_eq!(rows(&store, 1).await, ["made Bob connection_lost 0", "made Bob cancelled 0"]);
        let news = store.keep(&[rang(3)], 62_000).await.expect("kept");
        let forgotten = news.iter().filter_map(|(_, news)| match news {
            crate::store::News::History(HistoryNews::Forgotten { user, call, missed }) => Some((*user, *call, *missed)),
            _ => None,
        });
        let gone = Some(call(2));
        assert_eq!(forgotten.collect::<Vec<_>>(), [(user(1), gone, 0), (user(2), gone, 1)]);
        assert_eq!(rows(&store, 2).await, ["received Ada cancelled 0 missed"]);
        store.keep(&[over(3, "connection_lost")], 70_000).await.expect("kept");
        store.keep(&[rang(4)], 120_000).await.expect("kept");
        assert_eq!(rows(&store, 2).await.len(), 2, "who calls again after a while calls again");
    }

    async fn a_restart_closes_what_does_not_go_on(bed: &Bed) {
        let store = store(bed).await;
        let answered = |number| Change::History(HistoryChange::Answered(call(number)));
        let goes_on = CallRow {
            call: call(3),
            room: RoomId::from_random(3),
            invitation: false,
            caller: SessionId::from_random(1),
            caller_user: user(1),
            callee_user: user(2),
            answered_at_ms: 2000,
        };
        store.keep(&[rang(1), rang(2), rang(3)], 1000).await.expect("kept");
        let changes = [answered(2), answered(3), Change::KeepCall(goes_on)];
        store.keep(&changes, 2000).await.expect("kept");
        store.keep(&[], 2500).await.expect("it lives");
        store.close().await;
        let store = bed.open().await;
        store.close_history().await.expect("closed");
        assert_eq!(
            rows(&store, 2).await,
            ["received Ada connection_lost 500", "received Ada connection_lost 0 missed"]
        );
        store.keep(&[over(3, "hung_up")], 9000).await.expect("kept");
        assert_eq!(rows(&store, 1).await[0], "made Bob hung_up 4000");
    }

    async fn old_calls_and_too_many_are_purged(bed: &Bed) {
        let store = store(bed).await;
        for number in 1..=6 {
            let changes = [rang(number), over(number, "declined")];
            store.keep(&changes, number as i64 * 100).await.expect("kept");
        }
        store.keep(&[rang(9)], 1).await.expect("one that rings still");
        store.purge_history(200, 1000).await.expect("purged");
        assert_eq!(rows(&store, 1).await.len(), 5);
        store.purge_history(200, 2).await.expect("purged");
        let left = store.history(user(1), None, 9).await.expect("read").rows;
        assert_eq!(left.iter().map(|row| row.call).collect::<Vec<_>>(), [call(6), call(5)]);
        store.keep(&[over(9, "no_answer")], 700).await.expect("kept");
        assert_eq!(rows(&store, 2).await.len(), 3, "a live one was left alone");
    }

    async fn a_call_to_another_tab_of_ones_own_is_one_that_was_made(bed: &Bed) {
        let store = store(bed).await;
        let own = HistoryChange::Rang {
            call: call(1),
            room: RoomId::from_random(1),
            caller: (user(1), "Ada".to_owned()),
            callee: (user(1), "Ada".to_owned()),
        };
        store
            .keep(&[Change::History(own), over(1, "no_answer")], 1000)
            .await
            .expect("kept");
        store.keep(&[never_rang(2, 1, "unreachable")], 900).await.expect("kept");
        assert_eq!(rows(&store, 1).await, ["made Ada no_answer 0", "made Ada unreachable 0"]);
    }
}
