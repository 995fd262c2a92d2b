//! Users and calls as the operator's application lists them, and whom the operator keeps out.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::restart::id;
use super::{Store, StoreError};
use crate::id::{CallId, RoomId, UserId};

/// A user in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    pub user: UserId,
    pub name: String,
    pub created_at_unix: i64,
    /// The last sign-in.
    pub seen_at_unix: i64,
    pub blocked_at_unix: Option<i64>,
}

/// A call in a list, as whoever made it has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCall {
    pub call: CallId,
    pub room: Option<RoomId>,
    pub caller: UserId,
    pub callee: UserId,
    /// Unix milliseconds.
    pub rang_at_ms: i64,
    pub answered_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
    pub talked_ms: i64,
    pub reason: Option<String>,
}

const USER_COLUMNS: &str = "SELECT user_id, name, created_at, seen_at, blocked_at FROM users";

fn user(row: &AnyRow) -> Result<ListedUser, StoreError> {
    Ok(ListedUser {
        user: id(row.try_get("user_id")?, "user_id")?,
        name: row.try_get("name")?,
        created_at_unix: row.try_get("created_at")?,
        seen_at_unix: row.try_get("seen_at")?,
        blocked_at_unix: row.try_get("blocked_at")?,
    })
}

fn call(row: &AnyRow) -> Result<ListedCall, StoreError> {
    let room: Option<String> = row.try_get("room_id")?;
    Ok(ListedCall {
        call: id(row.try_get("call_id")?, "call_id")?,
        room: room.map(|room| id(&room, "room_id")).transpose()?,
        caller: id(row.try_get("user_id")?, "user_id")?,
        callee: id(row.try_get("other_id")?, "other_id")?,
        rang_at_ms: row.try_get("rang_at_ms")?,
        answered_at_ms: row.try_get("answered_at_ms")?,
        ended_at_ms: row.try_get("ended_at_ms")?,
        talked_ms: row.try_get("talked_ms")?,
        reason: row.try_get("reason")?,
    })
}

impl Store {
    /// In the order of their ids, after this one.
    pub async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<ListedUser>, StoreError> {
        let sql = format!("{USER_COLUMNS} WHERE user_id > $1 ORDER BY user_id LIMIT $2");
        let rows = self
            .database
            .within(
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(after.map(|user| user.to_string()).unwrap_or_default())
                    .bind(i64::from(limit))
                    .fetch_all(&self.database.pool),
            )
            .await?;
        rows.iter().map(user).collect()
    }

    pub async fn listed_user(&self, user_id: UserId) -> Result<Option<ListedUser>, StoreError> {
        let sql = format!("{USER_COLUMNS} WHERE user_id = $1");
        let row = self
            .database
            .within(
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(user_id.to_string())
                    .fetch_optional(&self.database.pool),
            )
            .await?;
        row.as_ref().map(user).transpose()
    }

    /// Keeps a user out since then, or lets them in again; false: there is no such user.
    pub async fn set_blocked(&self, user: UserId, since_unix: Option<i64>) -> Result<bool, StoreError> {
        let change = sqlx::query(
            "UPDATE users SET blocked_at = CASE WHEN $1 IS NULL THEN NULL ELSE COALESCE(blocked_at, $1) END WHERE user_id = $2",
        )
        .bind(since_unix)
        .bind(user.to_string());
        Ok(self.database.execute(change).await? > 0)
    }

    /// Whom the operator keeps out.
    pub async fn blocked_users(&self) -> Result<Vec<UserId>, StoreError> {
        let rows: Vec<(String,)> = self
            .database
            .within(
                sqlx::query_as("SELECT user_id FROM users WHERE blocked_at IS NOT NULL ORDER BY user_id")
                    .fetch_all(&self.database.pool),
            )
            .await?;
        rows.iter().map(|(user,)| id(user, "user_id")).collect()
    }

    /// Newest first: of this user, made or received; that rang at this time or later; before this one.
    pub async fn calls_made(
        &self,
        user: Option<UserId>,
        since_ms: i64,
        before: Option<(i64, CallId)>,
        limit: u32,
    ) -> Result<Vec<ListedCall>, StoreError> {
        let (at_ms, before) = before.map_or((i64::MAX, String::new()), |(at_ms, call)| (at_ms, call.to_string()));
        let rows = self.database.within(sqlx::query(
            "SELECT call_id, room_id, user_id, other_id, rang_at_ms, answered_at_ms, ended_at_ms, talked_ms, reason FROM history \
             WHERE made = 1 AND rang_at_ms >= $1 AND (rang_at_ms, call_id) < ($2, $3) AND ($4 IS NULL OR $4 IN (user_id, other_id)) \
             ORDER BY rang_at_ms DESC, call_id DESC LIMIT $5",
        )
        .bind(since_ms)
        .bind(at_ms)
        .bind(before)
        .bind(user.map(|user| user.to_string()))
        .bind(i64::from(limit))
        .fetch_all(&self.database.pool)).await?;
        rows.iter().map(call).collect()
    }
}
