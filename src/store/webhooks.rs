//! What the operator's application is yet to be told, and what no endpoint took.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::Writer;
use super::restart::id;
use super::{Store, StoreError};
use crate::id::{UserId, WebhookId};

/// Dead letters that are kept. Beyond it the oldest go.
const DEAD_MAX: i64 = 10_000;

/// A message for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    pub id: WebhookId,
    /// Its URL.
    pub endpoint: String,
    pub event: &'static str,
    /// As it is sent.
    pub payload: String,
}

/// One that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    pub id: WebhookId,
    pub payload: String,
    /// That failed.
    pub attempts: u32,
    /// When it is tried next, in Unix milliseconds.
    pub due_at_ms: i64,
}

/// One that no endpoint took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadWebhook {
    pub id: WebhookId,
    pub endpoint: String,
    pub event: String,
    pub payload: String,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    pub attempts: u32,
    pub dead_at_ms: i64,
    /// Of the last attempt.
    pub error: String,
}

/// Puts messages behind all that wait. How many of the oldest had to go, so that no endpoint has more than `most`.
pub(super) async fn put(writer: Writer<'_>, new: &[NewWebhook], most: u32, node: &str, now_ms: i64) -> Result<u64, StoreError> {
    for one in new {
        sqlx::query(
            "INSERT INTO webhooks (webhook_id, endpoint, event, payload, created_at_ms, attempts, due_at_ms, node) \
             VALUES ($1, $2, $3, $4, $5, 0, $5, $6)",
        )
        .bind(one.id.to_string())
        .bind(one.endpoint.clone())
        .bind(one.event)
        .bind(one.payload.clone())
        .bind(now_ms)
        .bind(node.to_owned())
        .execute(&mut **writer)
        .await?;
    }
    let mut dropped = 0;
    let endpoints: BTreeSet<&str> = new.iter().map(|one| one.endpoint.as_str()).collect();
    for endpoint in endpoints {
        let done = sqlx::query(
            "DELETE FROM webhooks WHERE endpoint = $1 AND place <= \
             (SELECT place FROM webhooks WHERE endpoint = $1 ORDER BY place DESC LIMIT 1 OFFSET $2)",
        )
        .bind(endpoint.to_owned())
        .bind(i64::from(most))
        .execute(&mut **writer)
        .await?;
        dropped += done.rows_affected();
    }
    Ok(dropped)
}

/// Takes away what names a user.
pub(super) async fn forget(writer: Writer<'_>, user: UserId) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM webhooks WHERE payload LIKE '%' || $1 || '%'",
        "DELETE FROM dead_webhooks WHERE payload LIKE '%' || $1 || '%'",
    ] {
        sqlx::query(sql).bind(user.to_string()).execute(&mut **writer).await?;
    }
    Ok(())
}

const COLUMNS: &str = "SELECT webhook_id, payload, attempts, due_at_ms FROM webhooks";

fn waiting(row: &AnyRow) -> Result<WebhookRow, StoreError> {
    Ok(WebhookRow {
        id: id(row.try_get("webhook_id")?, "webhook_id")?,
        payload: row.try_get("payload")?,
        attempts: number(row.try_get("attempts")?),
        due_at_ms: row.try_get("due_at_ms")?,
    })
}

fn dead(row: &AnyRow) -> Result<DeadWebhook, StoreError> {
    Ok(DeadWebhook {
        id: id(row.try_get("webhook_id")?, "webhook_id")?,
        endpoint: row.try_get("endpoint")?,
        event: row.try_get("event")?,
        payload: row.try_get("payload")?,
        created_at_ms: row.try_get("created_at_ms")?,
        attempts: number(row.try_get("attempts")?),
        dead_at_ms: row.try_get("dead_at_ms")?,
        error: row.try_get("error")?,
    })
}

fn number(counted: i64) -> u32 {
    u32::try_from(counted).unwrap_or(u32::MAX)
}

/// Waiting messages. Each node sends its own, so that each is sent once, and in the order in which that node put them.
impl Store {
    /// Of those of an endpoint that failed less often than `hold`, the first; of the others, the one that is due next.
    pub async fn next_webhooks(&self, endpoint: &str, hold: u32) -> Result<[Option<WebhookRow>; 2], StoreError> {
        let mut found = [None, None];
        for (found, rest) in found.iter_mut().zip([
            "WHERE endpoint = $1 AND node = $3 AND attempts < $2 ORDER BY place LIMIT 1",
            "WHERE endpoint = $1 AND node = $3 AND attempts >= $2 ORDER BY due_at_ms LIMIT 1",
        ]) {
            let sql = format!("{COLUMNS} {rest}");
            let row = self
                .database
                .within(
                    sqlx::query(sqlx::AssertSqlSafe(sql))
                        .bind(endpoint.to_owned())
                        .bind(i64::from(hold))
                        .bind(self.node.to_string())
                        .fetch_optional(&self.database.pool),
                )
                .await?;
            *found = row.as_ref().map(waiting).transpose()?;
        }
        Ok(found)
    }

    /// How many wait for an endpoint.
    pub async fn waiting_webhooks(&self, endpoint: &str) -> Result<i64, StoreError> {
        let (count,): (i64,) = self
            .database
            .within(
                sqlx::query_as("SELECT COUNT(*) FROM webhooks WHERE endpoint = $1 AND node = $2")
                    .bind(endpoint.to_owned())
                    .bind(self.node.to_string())
                    .fetch_one(&self.database.pool),
            )
            .await?;
        Ok(count)
    }

    /// It was taken.
    pub async fn end_webhook(&self, webhook: WebhookId) -> Result<(), StoreError> {
        let end = sqlx::query("DELETE FROM webhooks WHERE webhook_id = $1").bind(webhook.to_string());
        self.database.execute(end).await.map(drop)
    }

    /// It failed so often, and is to be tried again.
    pub async fn put_off_webhook(&self, webhook: WebhookId, attempts: u32, due_at_ms: i64) -> Result<(), StoreError> {
        let change = sqlx::query("UPDATE webhooks SET attempts = $1, due_at_ms = $2 WHERE webhook_id = $3")
            .bind(i64::from(attempts))
            .bind(due_at_ms)
            .bind(webhook.to_string());
        self.database.execute(change).await.map(drop)
    }

    /// It is tried no more: a message that waits, after so many attempts.
    pub async fn bury_webhook(&self, webhook: WebhookId, attempts: u32, now_ms: i64, error: &str) -> Result<u64, StoreError> {
        let (which, webhook) = ("webhook_id = $1 AND node = $2", webhook.to_string());
        self.bury(which, &webhook, Some(attempts), now_ms, error).await
    }

    /// Everything that waits for an endpoint is tried no more; how many.
    pub async fn bury_webhooks_of(&self, endpoint: &str, now_ms: i64, error: &str) -> Result<u64, StoreError> {
        self.bury("endpoint = $1 AND node = $2", endpoint, None, now_ms, error).await
    }

    /// What waits for an endpoint and was to be sent by nodes that have not lived since then (Unix milliseconds) is this node's from here
    /// on; how many.
    pub async fn take_over_webhooks(&self, endpoint: &str, since_ms: i64) -> Result<u64, StoreError> {
        let take = sqlx::query(
            "UPDATE webhooks SET node = $1 WHERE endpoint = $2 AND node <> $1 AND node NOT IN (SELECT node FROM nodes WHERE at_ms >= $3)",
        );
        let take = take.bind(self.node.to_string()).bind(endpoint.to_owned()).bind(since_ms);
        self.database.execute(take).await
    }

    /// Endpoints that messages wait for.
    pub async fn webhook_endpoints(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = self
            .database
            .within(
                sqlx::query_as("SELECT DISTINCT endpoint FROM webhooks WHERE node = $1 ORDER BY endpoint")
                    .bind(self.node.to_string())
                    .fetch_all(&self.database.pool),
            )
            .await?;
        Ok(rows.into_iter().map(|(endpoint,)| endpoint).collect())
    }

    async fn bury(
        &self,
        which: &'static str,
        value: &str,
        attempts: Option<u32>,
        now_ms: i64,
        error: &str,
    ) -> Result<u64, StoreError> {
        let copy = format!(
            "INSERT INTO dead_webhooks (webhook_id, endpoint, event, payload, created_at_ms, attempts, dead_at_ms, error) \
             SELECT webhook_id, endpoint, event, payload, created_at_ms, COALESCE($3, attempts), $4, $5 FROM webhooks WHERE {which}"
        );
        let remove = format!("DELETE FROM webhooks WHERE {which}");
        let attempt = async || {
            let mut transaction = self.database.begin().await?;
            let done = sqlx::query(sqlx::AssertSqlSafe(copy.clone()))
                .bind(value.to_owned())
                .bind(self.node.to_string())
                .bind(attempts.map(i64::from))
                .bind(now_ms)
                .bind(error.to_owned())
                .execute(&mut *transaction)
                .await?;
            sqlx::query(sqlx::AssertSqlSafe(remove.clone()))
                .bind(value.to_owned())
                .bind(self.node.to_string())
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "DELETE FROM dead_webhooks WHERE webhook_id IN \
                 (SELECT webhook_id FROM dead_webhooks ORDER BY dead_at_ms DESC, webhook_id LIMIT 1000 OFFSET $1)",
            )
            .bind(DEAD_MAX)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(done.rows_affected())
        };
        self.database.change(attempt).await
    }
}

/// Dead letters.
impl Store {
    /// In the order of their ids, after this one.
    pub async fn dead_webhooks(&self, after: Option<WebhookId>, limit: u32) -> Result<Vec<DeadWebhook>, StoreError> {
        let rows = self
            .database
            .within(
                sqlx::query("SELECT * FROM dead_webhooks WHERE webhook_id > $1 ORDER BY webhook_id LIMIT $2")
                    .bind(after.map(|webhook| webhook.to_string()).unwrap_or_default())
                    .bind(i64::from(limit))
                    .fetch_all(&self.database.pool),
            )
            .await?;
        rows.iter().map(dead).collect()
    }

    pub async fn dead_webhook(&self, webhook: WebhookId) -> Result<Option<DeadWebhook>, StoreError> {
        let row = self
            .database
            .within(
                sqlx::query("SELECT * FROM dead_webhooks WHERE webhook_id = $1")
                    .bind(webhook.to_string())
                    .fetch_optional(&self.database.pool),
            )
            .await?;
        row.as_ref().map(dead).transpose()
    }

    /// It waits again, as if it had never been tried; false: there is no such dead letter.
    pub async fn revive_webhook(&self, webhook: WebhookId, now_ms: i64) -> Result<bool, StoreError> {
        let attempt = async || {
            let mut transaction = self.database.begin().await?;
            let done = sqlx::query(
                "INSERT INTO webhooks (webhook_id, endpoint, event, payload, created_at_ms, attempts, due_at_ms, node) \
                 SELECT webhook_id, endpoint, event, payload, created_at_ms, 0, $2, $3 FROM dead_webhooks WHERE webhook_id = $1",
            )
            .bind(webhook.to_string())
            .bind(now_ms)
            .bind(self.node.to_string())
            .execute(&mut *transaction)
            .await?;
            sqlx::query("DELETE FROM dead_webhooks WHERE webhook_id = $1")
                .bind(webhook.to_string())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(done.rows_affected() > 0)
        };
        self.database.change(attempt).await
    }

    /// False: there is no such dead letter.
    pub async fn delete_dead_webhook(&self, webhook: WebhookId) -> Result<bool, StoreError> {
        let delete = sqlx::query("DELETE FROM dead_webhooks WHERE webhook_id = $1").bind(webhook.to_string());
        Ok(self.database.execute(delete).await? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Change, Telling};
    use super::*;
    use crate::store::testbed::{Bed, on_both};

    on_both!(
        messages_wait_in_order_and_those_that_failed_often_aside,
        the_oldest_make_room,
        what_is_dead_is_listed_tried_again_or_deleted,
        nothing_names_whoever_is_forgotten,
    );

    #[tokio::test]
    async fn each_node_sends_its_own_until_it_is_gone() {
        use super::super::Tenancy;
        let bed = Bed::postgres();
        let (mut a, mut b) = (bed.open().await, bed.open().await);
        let _claims = (
            a.claim(Tenancy::Among("a".to_owned())).await.expect("it is shared"),
            b.claim(Tenancy::Among("b".to_owned())).await.expect("it is shared"),
        );
        put(&a, "x", 1..=2).await;
        put(&b, "x", 3..=3).await;
        assert_eq!((next(&a, "x").await[0], next(&b, "x").await[0]), (Some(1), Some(3)));
        let waiting = async |store: &Store| store.waiting_webhooks("x").await.expect("read");
        assert_eq!((waiting(&a).await, waiting(&b).await), (2, 1));
        b.bury_webhooks_of("x", 10, "not there").await.expect("buried");
        assert_eq!((waiting(&a).await, waiting(&b).await), (2, 0));
        // Both have lived at 10.
        assert_eq!(b.take_over_webhooks("x", 10).await.expect("looked"), 0);
        b.keep(&[], 20).await.expect("it lives");
        assert_eq!(b.take_over_webhooks("y", 15).await.expect("looked"), 0);
        assert_eq!(b.take_over_webhooks("x", 15).await.expect("looked"), 2);
        assert_eq!((next(&a, "x").await[0], next(&b, "x").await[0]), (None, Some(1)));
    }

    fn webhook(number: u64) -> WebhookId {
        WebhookId::from_random(number)
    }

    async fn put(store: &Store, endpoint: &str, numbers: std::ops::RangeInclusive<u64>) -> u64 {
        let new = numbers.map(|number| NewWebhook {
            id: webhook(number),
            endpoint: endpoint.to_owned(),
            event: "call.started",
            payload: format!("{{\"user_id\":\"{}\"}}", UserId::from_random(number)),
        });
        let telling = Telling {
            about: &|_| Vec::new(),
            most: 5,
        };
        let change = Change::Webhooks(new.collect());
        store.keep_telling(&[change], 10, &telling).await.expect("kept").dropped
    }

    async fn next(store: &Store, endpoint: &str) -> [Option<u64>; 2] {
        let found = store.next_webhooks(endpoint, 3).await.expect("read");
        found.map(|row| row.map(|row| (1..100).find(|number| webhook(*number) == row.id).expect("one of ours")))
    }

    async fn messages_wait_in_order_and_those_that_failed_often_aside(bed: &Bed) {
        let store = bed.open().await;
        // Not in the order of ids.
        put(&store, "a", 9..=9).await;
        put(&store, "a", 2..=3).await;
        put(&store, "b", 1..=1).await;
        store.close().await;
        let store = bed.open().await;
        assert_eq!(next(&store, "a").await, [Some(9), None]);
        store.put_off_webhook(webhook(9), 1, 1000).await.expect("noted");
        assert_eq!(next(&store, "a").await, [Some(9), None], "the others wait for it");
        store.put_off_webhook(webhook(9), 3, 1000).await.expect("noted");
        assert_eq!(next(&store, "a").await, [Some(2), Some(9)]);
        store.end_webhook(webhook(2)).await.expect("taken");
        assert_eq!(next(&store, "a").await, [Some(3), Some(9)]);
        assert_eq!(store.waiting_webhooks("a").await.expect("counted"), 2);
        assert_eq!(store.webhook_endpoints().await.expect("read"), ["a", "b"]);
        assert_eq!(next(&store, "b").await, [Some(1), None]);
        assert_eq!(next(&store, "c").await, [None, None]);
    }

    async fn the_oldest_make_room(bed: &Bed) {
        let store = bed.open().await;
        assert_eq!(put(&store, "a", 1..=5).await, 0);
        assert_eq!(put(&store, "b", 11..=12).await, 0);
        assert_eq!(put(&store, "a", 6..=7).await, 2);
        assert_eq!(store.waiting_webhooks("a").await.expect("counted"), 5);
        assert_eq!(next(&store, "a").await, [Some(3), None]);
        assert_eq!(next(&store, "b").await, [Some(11), None]);
    }

    async fn what_is_dead_is_listed_tried_again_or_deleted(bed: &Bed) {
        let store = bed.open().await;
        put(&store, "a", 1..=3).await;
        put(&store, "b", 4..=4).await;
        assert_eq!(store.bury_webhook(webhook(2), 10, 50, "no answer").await.expect("buried"), 1);
        assert_eq!(store.bury_webhook(webhook(2), 10, 50, "no answer").await.expect("gone"), 0);
        assert_eq!(store.bury_webhooks_of("a", 60, "410 Gone").await.expect("buried"), 2);
        let listed = store.dead_webhooks(None, 2).await.expect("read");
        assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [webhook(1), webhook(2)]);
        let found = store.dead_webhook(webhook(2)).await.expect("read").expect("it is there");
        assert_eq!(
            (found.attempts, found.created_at_ms, found.dead_at_ms, found.error.as_str()),
            (10, 10, 50, "no answer")
        );
        let rest = store.dead_webhooks(Some(webhook(2)), 9).await.expect("read");
        assert_eq!((rest.len(), rest[0].attempts), (1, 0));
        assert!(store.revive_webhook(webhook(2), 70).await.expect("done"));
        assert!(!store.revive_webhook(webhook(2), 70).await.expect("done"));
        assert_eq!(next(&store, "a").await, [Some(2), None]);
        assert!(store.delete_dead_webhook(webhook(1)).await.expect("done"));
        assert!(!store.delete_dead_webhook(webhook(1)).await.expect("done"));
        assert_eq!(store.dead_webhooks(None, 9).await.expect("read").len(), 1);
    }

    async fn nothing_names_whoever_is_forgotten(bed: &Bed) {
        let store = bed.open().await;
        put(&store, "a", 1..=4).await;
        store.bury_webhook(webhook(3), 10, 50, "no answer").await.expect("buried");
        for number in [1, 3] {
            store.forget(UserId::from_random(number)).await.expect("forgotten");
        }
        assert_eq!(store.waiting_webhooks("a").await.expect("counted"), 2);
        assert!(store.dead_webhooks(None, 9).await.expect("read").is_empty());
    }
}
