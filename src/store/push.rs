//! Where browsers are reached while no page of their user is open, and what push messages are signed with.

use serde::Serialize;
use sqlx::{FromRow, Row};

use super::database::Writer;
use super::restart::id;
use super::{Store, StoreError};
use crate::id::{DeviceId, UserId};

/// Of one user. One more takes the place of the oldest.
const SUBSCRIPTIONS_MAX: i64 = 8;

/// A browser's subscription. Keys are in base 64 for URLs.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionRow {
    pub endpoint: String,
    pub public_key: String,
    pub auth: String,
    /// The browser, where it is signed in as one.
    pub device: Option<DeviceId>,
}

/// Without what proves a message to the browser.
impl std::fmt::Debug for SubscriptionRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriptionRow").finish_non_exhaustive()
    }
}

/// One as its user's own data. What proves messages to the browser is not told.
#[derive(Debug, Serialize, FromRow)]
pub struct ExportedSubscription {
    pub endpoint: String,
    pub since_ms: i64,
}

/// Keeps a subscription. A browser that another user subscribed from is this user's now.
pub(super) async fn subscribe(writer: Writer<'_>, user: UserId, row: &SubscriptionRow, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO push_subscriptions (endpoint, user_id, public_key, auth, since_ms, device_id) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (endpoint) DO UPDATE SET user_id = excluded.user_id, public_key = excluded.public_key, auth = excluded.auth, \
         since_ms = excluded.since_ms, device_id = excluded.device_id",
    )
    .bind(row.endpoint.clone())
    .bind(user.to_string())
    .bind(row.public_key.clone())
    .bind(row.auth.clone())
    .bind(now_ms)
    .bind(row.device.map(|device| device.to_string()))
    .execute(&mut **writer)
    .await?;
    sqlx::query(
        "DELETE FROM push_subscriptions WHERE user_id = $1 AND endpoint IN \
         (SELECT endpoint FROM push_subscriptions WHERE user_id = $1 ORDER BY since_ms DESC, endpoint LIMIT 100 OFFSET $2)",
    )
    .bind(user.to_string())
    .bind(SUBSCRIPTIONS_MAX)
    .execute(&mut **writer)
    .await?;
    Ok(())
}

/// A user's own.
pub(super) async fn unsubscribe(writer: Writer<'_>, user: UserId, endpoint: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM push_subscriptions WHERE user_id = $1 AND endpoint = $2")
        .bind(user.to_string())
        .bind(endpoint.to_owned())
        .execute(&mut **writer)
        .await?;
    Ok(())
}

impl Store {
    /// The key that push messages are signed with: this one, if there is none yet.
    pub async fn push_key(&self, fresh: &str) -> Result<String, StoreError> {
        let keep = sqlx::query("INSERT INTO push_key (one, key) VALUES (1, $1) ON CONFLICT DO NOTHING");
        self.database.execute(keep.bind(fresh)).await?;
        let (key,): (String,) = self
            .database
            .within(sqlx::query_as("SELECT key FROM push_key").fetch_one(&self.database.pool))
            .await?;
        Ok(key)
    }

    /// Where a user is reached. Nowhere for what comes of somebody whom the user has blocked.
    pub async fn subscriptions(&self, user: UserId, from: UserId) -> Result<Vec<SubscriptionRow>, StoreError> {
        let rows = self
            .database
            .within(
                sqlx::query(
                    "SELECT endpoint, public_key, auth, device_id FROM push_subscriptions WHERE user_id = $1 \
                     AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.user_id = $1 AND blocked_id = $2) ORDER BY since_ms, endpoint",
                )
                .bind(user.to_string())
                .bind(from.to_string())
                .fetch_all(&self.database.pool),
            )
            .await?;
        let read = rows.iter().map(|row| {
            Ok(SubscriptionRow {
                endpoint: row.try_get("endpoint")?,
                public_key: row.try_get("public_key")?,
                auth: row.try_get("auth")?,
                device: row
                    .try_get::<Option<String>, _>("device_id")?
                    .map(|text| id(&text, "device_id"))
                    .transpose()?,
            })
        });
        read.collect()
    }

    /// The service says that nobody is reached there any more.
    pub async fn end_subscription(&self, endpoint: &str) -> Result<(), StoreError> {
        let end = sqlx::query("DELETE FROM push_subscriptions WHERE endpoint = $1");
        self.database.execute(end.bind(endpoint)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{Change, PersonChange};
    use super::*;
    use crate::store::testbed::{Bed, on_both};

    on_both!(
        the_key_is_made_once,
        a_subscription_is_one_users_and_there_are_so_many,
        whoever_is_blocked_reaches_nobody,
    );

    async fn change(store: &Store, of: u64, change: PersonChange, at_ms: i64) {
        let user = user(of);
        let change = Change::Person { user, change, most: 9 };
        store.keep(&[change], at_ms).await.expect("kept");
    }

    fn subscription(name: &str) -> PersonChange {
        PersonChange::Subscribe(SubscriptionRow {
            endpoint: format!("https://push.example/{name}"),
            public_key: format!("key of {name}"),
            auth: "secret".to_owned(),
            device: None,
        })
    }

    async fn found(store: &Store, of: u64) -> Vec<String> {
        let rows = store.subscriptions(user(of), user(99)).await.expect("read");
        rows.iter()
            .map(|row| row.endpoint.replace("https://push.example/", ""))
            .collect()
    }

    async fn the_key_is_made_once(bed: &Bed) {
        let store = bed.open().await;
        assert_eq!(store.push_key("first").await.expect("made"), "first");
        store.close().await;
        assert_eq!(bed.open().await.push_key("second").await.expect("found"), "first");
    }

    async fn a_subscription_is_one_users_and_there_are_so_many(bed: &Bed) {
        let store = bed.open().await;
        for name in 0..9 {
            change(&store, 1, subscription(&name.to_string()), name).await;
        }
        assert_eq!(found(&store, 1).await, ["1", "2", "3", "4", "5", "6", "7", "8"]);
        // Another signs in at the same browser.
        change(&store, 2, subscription("3"), 20).await;
        assert_eq!(found(&store, 2).await, ["3"]);
        change(&store, 1, PersonChange::Unsubscribe("https://push.example/3".to_owned()), 30).await;
        assert_eq!(found(&store, 2).await, ["3"], "it is another's");
        change(&store, 2, PersonChange::Unsubscribe("https://push.example/3".to_owned()), 30).await;
        assert!(found(&store, 2).await.is_empty());
        store.end_subscription("https://push.example/4").await.expect("done");
        assert_eq!(found(&store, 1).await, ["1", "2", "5", "6", "7", "8"]);
        store.forget(user(1)).await.expect("forgotten");
        assert!(found(&store, 1).await.is_empty());
    }

    async fn whoever_is_blocked_reaches_nobody(bed: &Bed) {
        let store = bed.open().await;
        change(&store, 1, subscription("a"), 1).await;
        change(&store, 1, PersonChange::Block((user(99), String::new())), 2).await;
        assert!(found(&store, 1).await.is_empty());
        assert_eq!(store.subscriptions(user(1), user(98)).await.expect("read").len(), 1);
    }
}
