//! What people missed and are yet to be told by web push, so that it outlives the process.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::restart::id;
use super::{Store, StoreError};
use crate::id::{CallId, LinkId, RoomId, UserId};

/// Somebody is to be told of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRow {
    pub to: UserId,
    pub from: UserId,
    pub from_name: String,
    pub about: PushAbout,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushAbout {
    Call(CallId),
    Message { room: RoomId, link: Option<LinkId> },
}

fn read(row: &AnyRow) -> Result<(i64, PushRow), StoreError> {
    let text = |column| row.try_get::<Option<String>, _>(column);
    let about = match text("call_id")? {
        Some(call) => PushAbout::Call(id(&call, "call_id")?),
        None => PushAbout::Message {
            room: id(row.try_get("room_id")?, "room_id")?,
            link: text("link_id")?.map(|link| id(&link, "link_id")).transpose()?,
        },
    };
    let read = PushRow {
        to: id(row.try_get("user_id")?, "user_id")?,
        from: id(row.try_get("from_id")?, "from_id")?,
        from_name: row.try_get("from_name")?,
        about,
        at_ms: row.try_get("at_ms")?,
    };
    Ok((row.try_get("place")?, read))
}

impl Store {
    /// Puts these behind all that wait at this node; by what each is ended, in their order.
    pub async fn keep_pushes(&self, rows: &[PushRow]) -> Result<Vec<i64>, StoreError> {
        let attempt = async || {
            let mut transaction = self.database.begin().await?;
            let mut places = Vec::with_capacity(rows.len());
            for row in rows {
                let (call, room, link) = match row.about {
                    PushAbout::Call(call) => (Some(call), None, None),
                    PushAbout::Message { room, link } => (None, Some(room), link),
                };
                let (place,): (i64,) = sqlx::query_as(
                    "INSERT INTO waiting_pushes (node, user_id, from_id, from_name, call_id, room_id, link_id, at_ms) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING place",
                )
                .bind(self.node.to_string())
                .bind(row.to.to_string())
                .bind(row.from.to_string())
                .bind(row.from_name.clone())
                .bind(call.map(|call| call.to_string()))
                .bind(room.map(|room| room.to_string()))
                .bind(link.map(|link| link.to_string()))
                .bind(row.at_ms)
                .fetch_one(&mut *transaction)
                .await?;
                places.push(place);
            }
            transaction.commit().await?;
            Ok(places)
        };
        self.database.change(attempt).await
    }

    /// What waits at this node and is not older, the oldest first, so many at most. What is older is nobody told any more.
    pub async fn waiting_pushes(&self, since_ms: i64, most: usize) -> Result<Vec<(i64, PushRow)>, StoreError> {
        let old = sqlx::query("DELETE FROM waiting_pushes WHERE node = $1 AND at_ms < $2");
        self.database.execute(old.bind(self.node.to_string()).bind(since_ms)).await?;
        let rows = self
            .database
            .within(
                sqlx::query("SELECT * FROM waiting_pushes WHERE node = $1 ORDER BY place LIMIT $2")
                    .bind(self.node.to_string())
                    .bind(i64::try_from(most).unwrap_or(i64::MAX))
                    .fetch_all(&self.database.pool),
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// They were told, or cannot be.
    pub async fn end_push(&self, place: i64) -> Result<(), StoreError> {
        let end = sqlx::query("DELETE FROM waiting_pushes WHERE place = $1").bind(place);
        self.database.execute(end).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::*;
    use crate::store::testbed::{Bed, on_both};

    on_both!(what_waits_is_found_again_in_its_order_until_it_is_ended_too_old_or_forgotten,);

    fn missed(of: u64, from: u64, about: PushAbout, at_ms: i64) -> PushRow {
        PushRow {
            to: user(of),
            from: user(from),
            from_name: format!("name {from}"),
            about,
            at_ms,
        }
    }

    async fn what_waits_is_found_again_in_its_order_until_it_is_ended_too_old_or_forgotten(bed: &Bed) {
        let store = bed.open().await;
        let room = RoomId::from_random(1);
        let link = Some(LinkId::from_random(2));
        let all = [
            missed(1, 2, PushAbout::Call(CallId::from_random(3)), 10),
            missed(1, 2, PushAbout::Message { room, link: None }, 30),
            missed(3, 2, PushAbout::Message { room, link }, 20),
            missed(3, 4, PushAbout::Call(CallId::from_random(4)), 40),
        ];
        let places = store.keep_pushes(&all).await.expect("kept");
        store.close().await;
        let store = bed.open().await;
        let found = async |since_ms, most| {
            let rows = store.waiting_pushes(since_ms, most).await.expect("read");
            rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>()
        };
        assert_eq!(found(0, 9).await, all);
        assert_eq!(found(0, 2).await, all[..2]);
        store.end_push(places[1]).await.expect("ended");
        assert_eq!(found(11, 9).await, all[2..], "what is too old is not told");
        assert_eq!(found(0, 9).await, all[2..], "and does not wait any more");
        store.forget(user(2)).await.expect("forgotten");
        assert_eq!(found(0, 9).await, all[3..]);
    }
}
