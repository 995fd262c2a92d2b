//! Browsers in which users are signed in, each with a secret of its own.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::Writer;
use super::restart::id;
use super::{Store, StoreError, history};
use crate::id::{DeviceId, UserId};

/// Browsers of one user. Beyond it, the one that has not come for longest goes.
pub const DEVICES_MAX: usize = 32;

/// A browser in which a user signs in just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    pub device: DeviceId,
    pub user: UserId,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// Which browser, as far as it says.
    pub name: String,
    /// Unix seconds; none: for ever.
    pub until_unix: Option<i64>,
    /// Of the provider that signed the user in.
    pub id_token: Option<String>,
}

/// What is kept of a browser, and of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    pub device: DeviceId,
    pub user: UserId,
    pub secret_hash: [u8; 32],
    pub until_unix: Option<i64>,
    pub id_token: Option<String>,
    /// The user's.
    pub user_name: String,
    /// Missed calls that the user has not seen.
    pub missed: u32,
}

/// A browser in its user's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDevice {
    pub device: DeviceId,
    pub name: String,
    /// Unix seconds.
    pub added_at_unix: i64,
    /// The last sign-in, in Unix seconds.
    pub seen_at_unix: i64,
}

/// Which of a user's browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichDevices {
    One(DeviceId),
    AllBut(DeviceId),
}

/// Those of a user that have not come for longest, beyond as many as may stay.
const FORGET_OLDEST: &str = "DELETE FROM devices WHERE user_id = $1 AND device_id NOT IN \
     (SELECT device_id FROM devices WHERE user_id = $1 ORDER BY seen_at DESC, added_at DESC, device_id LIMIT $2)";

/// Adds one. Those whose time is over are forgotten by the way.
pub(super) async fn apply(writer: Writer<'_>, new: &NewDevice, now_unix: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM devices WHERE until_unix <= $1")
        .bind(now_unix)
        .execute(&mut **writer)
        .await?;
    sqlx::query(FORGET_OLDEST)
        .bind(new.user.to_string())
        .bind(DEVICES_MAX as i64 - 1)
        .execute(&mut **writer)
        .await?;
    sqlx::query(
        "INSERT INTO devices (device_id, user_id, secret_hash, name, added_at, seen_at, until_unix, id_token) \
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7)",
    )
    .bind(new.device.to_string())
    .bind(new.user.to_string())
    .bind(new.secret_hash.as_slice())
    .bind(new.name.as_str())
    .bind(now_unix)
    .bind(new.until_unix)
    .bind(new.id_token.as_deref())
    .execute(&mut **writer)
    .await?;
    Ok(())
}

/// Signs browsers out, those that were signed in. Nothing is pushed to them any more.
pub(super) async fn forget(writer: Writer<'_>, user: UserId, which: WhichDevices) -> Result<Vec<DeviceId>, StoreError> {
    let (compared, device) = match which {
        WhichDevices::One(device) => ("=", device),
        WhichDevices::AllBut(device) => ("<>", device),
    };
    let subscriptions = format!("DELETE FROM push_subscriptions WHERE user_id = $1 AND device_id {compared} $2");
    sqlx::query(sqlx::AssertSqlSafe(subscriptions))
        .bind(user.to_string())
        .bind(device.to_string())
        .execute(&mut **writer)
        .await?;
    let devices = format!("DELETE FROM devices WHERE user_id = $1 AND device_id {compared} $2 RETURNING device_id");
    let rows: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(devices))
        .bind(user.to_string())
        .bind(device.to_string())
        .fetch_all(&mut **writer)
        .await?;
    rows.iter().map(|(device,)| id(device, "device_id")).collect()
}

impl Store {
    /// Keeps a browser. Those whose time is over are forgotten by the way.
    pub async fn add_device(&self, new: &NewDevice, now_unix: i64) -> Result<(), StoreError> {
        let attempt = || async {
            let mut transaction = self.database.begin().await?;
            apply(&mut transaction, new, now_unix).await?;
            transaction.commit().await?;
            Ok(())
        };
        self.database.change(attempt).await.map_err(StoreError::or_taken)
    }

    /// What is kept of a browser, if it is signed in.
    pub async fn device(&self, device: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        let sql = format!(
            "SELECT users.user_id, secret_hash, until_unix, id_token, users.name, {} AS missed \
             FROM devices JOIN users USING (user_id) WHERE device_id = $1",
            history::MISSED_OF_USER
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(device.to_string())
            .fetch_optional(&self.database.pool);
        let Some(row) = self.database.within(row).await? else {
            return Ok(None);
        };
        let hash: Vec<u8> = row.try_get("secret_hash")?;
        Ok(Some(DeviceRow {
            device,
            user: id(row.try_get("user_id")?, "user_id")?,
            secret_hash: hash.try_into().map_err(|_| StoreError::Corrupt("secret_hash"))?,
            until_unix: row.try_get("until_unix")?,
            id_token: row.try_get("id_token")?,
            user_name: row.try_get("name")?,
            missed: history::count(row.try_get("missed")?),
        }))
    }

    /// What is kept of that browser of a user which has this secret, if its time is not over.
    pub async fn device_with(
        &self,
        user: UserId,
        secret_hash: &[u8; 32],
        now_unix: i64,
    ) -> Result<Option<DeviceRow>, StoreError> {
        let rows: Vec<(String, Vec<u8>)> = self
            .database
            .within(
                sqlx::query_as(
                    "SELECT device_id, secret_hash FROM devices WHERE user_id = $1 AND (until_unix IS NULL OR until_unix > $2)",
                )
                .bind(user.to_string())
                .bind(now_unix)
                .fetch_all(&self.database.pool),
            )
            .await?;
        // All are compared, so that the time does not tell which.
        let is_it = |kept: &[u8]| aws_lc_rs::constant_time::verify_slices_are_equal(kept, secret_hash).is_ok();
        let found: Vec<&String> = rows
            .iter()
            .filter(|(_, kept)| is_it(kept))
            .map(|(device, _)| device)
            .collect();
        match found.first() {
            Some(device) => self.device(id(device, "device_id")?).await,
            None => Ok(None),
        }
    }

    /// Notes that a user signed in once more, with a browser that is called so by now.
    pub async fn touch_device(&self, user: UserId, device: DeviceId, name: &str, now_unix: i64) -> Result<(), StoreError> {
        let attempt = || async {
            let mut transaction = self.database.begin().await?;
            sqlx::query("UPDATE devices SET seen_at = $1, name = $2 WHERE device_id = $3")
                .bind(now_unix)
                .bind(name)
                .bind(device.to_string())
                .execute(&mut *transaction)
                .await?;
            sqlx::query("UPDATE users SET seen_at = $1 WHERE user_id = $2")
                .bind(now_unix)
                .bind(user.to_string())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        };
        self.database.change(attempt).await
    }

    /// Signs browsers of a user out: those that were signed in.
    pub async fn forget_devices(&self, user: UserId, which: WhichDevices) -> Result<Vec<DeviceId>, StoreError> {
        let attempt = || async {
            let mut transaction = self.database.begin().await?;
            let forgotten = forget(&mut transaction, user, which).await?;
            transaction.commit().await?;
            Ok(forgotten)
        };
        self.database.change(attempt).await
    }

    /// A user's browsers, in the order of their coming.
    pub async fn devices_of(&self, user: UserId) -> Result<Vec<ListedDevice>, StoreError> {
        let rows =
            sqlx::query("SELECT device_id, name, added_at, seen_at FROM devices WHERE user_id = $1 ORDER BY added_at, device_id")
                .bind(user.to_string())
                .fetch_all(&self.database.pool);
        let rows = self.database.within(rows).await?;
        rows.iter().map(listed).collect()
    }
}

fn listed(row: &AnyRow) -> Result<ListedDevice, StoreError> {
    Ok(ListedDevice {
        device: id(row.try_get("device_id")?, "device_id")?,
        name: row.try_get("name")?,
        added_at_unix: row.try_get("added_at")?,
        seen_at_unix: row.try_get("seen_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{Change, PersonChange, SubscriptionRow};
    use super::*;
    use crate::store::testbed::{Bed, on_both};

    on_both!(
        a_browser_is_kept_until_its_time_is_over_or_it_is_signed_out,
        a_user_has_so_many_browsers_and_the_one_that_was_away_for_longest_goes,
        all_others_are_signed_out_and_told_nothing_more,
    );

    fn device(number: u64) -> DeviceId {
        DeviceId::from_random(number)
    }

    fn new(number: u64, of: u64, until_unix: Option<i64>) -> NewDevice {
        NewDevice {
            device: device(number),
            user: user(of),
            secret_hash: [number as u8; 32],
            name: "Firefox, Linux".to_owned(),
            until_unix,
            id_token: until_unix.map(|_| "token".to_owned()),
        }
    }

    async fn a_browser_is_kept_until_its_time_is_over_or_it_is_signed_out(bed: &Bed) {
        let store = bed.open().await;
        store.add_user(user(1), "Ada", 0).await.expect("made");
        store.add_user(user(2), "Bob", 0).await.expect("made");
        for one in [new(1, 1, Some(100)), new(2, 1, None), new(3, 2, None)] {
            store.add_device(&one, 10).await.expect("kept");
        }
        let again = store.add_device(&new(2, 2, None), 10).await;
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        store.close().await;
        let store = bed.open().await;
        let ada = DeviceRow {
            device: device(1),
            user: user(1),
            secret_hash: [1; 32],
            until_unix: Some(100),
            id_token: Some("token".to_owned()),
            user_name: "Ada".to_owned(),
            missed: 0,
        };
        assert_eq!(store.device(device(1)).await.expect("read"), Some(ada));
        let bob = store.device(device(3)).await.expect("read").expect("it is there");
        assert_eq!((bob.user, bob.until_unix, bob.id_token), (user(2), None, None));
        for (of, hash, found) in [
            (1, 2, Some(device(2))),
            (1, 3, None),
            (2, 3, Some(device(3))),
            (1, 1, Some(device(1))),
        ] {
            let with = store.device_with(user(of), &[hash; 32], 99).await.expect("read");
            assert_eq!(with.map(|row| row.device), found, "{of} {hash}");
        }
        assert_eq!(
            store.device_with(user(1), &[1; 32], 100).await.expect("read"),
            None,
            "its time is over"
        );
        store
            .touch_device(user(1), device(2), "Firefox, Android", 50)
            .await
            .expect("noted");
        let listed = store.devices_of(user(1)).await.expect("read");
        let seen: Vec<_> = listed
            .iter()
            .map(|one| (one.device, one.name.as_str(), one.added_at_unix, one.seen_at_unix))
            .collect();
        assert_eq!(
            seen,
            [(device(1), "Firefox, Linux", 10, 10), (device(2), "Firefox, Android", 10, 50)]
        );

        let one = |number| WhichDevices::One(device(number));
        let others = store.forget_devices(user(2), one(1)).await.expect("read");
        assert_eq!(others, [], "it is another's");
        store.add_device(&new(4, 2, None), 100).await.expect("kept");
        assert_eq!(store.device(device(1)).await.expect("read"), None, "its time is over");
        let forgotten = store.forget_devices(user(1), one(2)).await.expect("forgotten");
        assert_eq!(forgotten, [device(2)]);
        assert_eq!(store.forget_devices(user(1), one(2)).await.expect("read"), []);
        assert_eq!(store.devices_of(user(1)).await.expect("read"), []);
        assert_eq!(store.devices_of(user(2)).await.expect("read").len(), 2);
    }

    async fn a_user_has_so_many_browsers_and_the_one_that_was_away_for_longest_goes(bed: &Bed) {
        let store = bed.open().await;
        store.add_user(user(1), "Ada", 0).await.expect("made");
        store.add_user(user(2), "Bob", 0).await.expect("made");
        store.add_device(&new(99, 2, None), 0).await.expect("kept");
        for number in 0..DEVICES_MAX as u64 {
            store.add_device(&new(number, 1, None), number as i64).await.expect("kept");
        }
        store.touch_device(user(1), device(0), "", 1000).await.expect("noted");
        store.add_device(&new(50, 1, None), 1001).await.expect("kept");
        assert_eq!(store.devices_of(user(1)).await.expect("read").len(), DEVICES_MAX);
        assert_eq!(store.device(device(1)).await.expect("read"), None, "the oldest but one");
        for stays in [0, 2, 50, 99] {
            assert!(store.device(device(stays)).await.expect("read").is_some(), "{stays}");
        }
    }

    async fn all_others_are_signed_out_and_told_nothing_more(bed: &Bed) {
        let store = bed.open().await;
        store.create_user("Ada", &new(1, 1, None), 0).await.expect("made");
        store.create_user("Bob", &new(4, 2, None), 0).await.expect("made");
        for number in [2, 3] {
            store.add_device(&new(number, 1, None), 10).await.expect("kept");
        }
        let subscribe = |of, number: Option<u64>| Change::Person {
            user: user(of),
            change: PersonChange::Subscribe(SubscriptionRow {
                endpoint: format!("https://push.example/{of}/{number:?}"),
                public_key: String::new(),
                auth: String::new(),
                device: number.map(device),
            }),
            most: 9,
        };
        let all = [(1, None), (1, Some(1)), (1, Some(2)), (1, Some(3)), (2, Some(4))];
        let subscribed: Vec<Change> = all.into_iter().map(|(of, number)| subscribe(of, number)).collect();
        store.keep(&subscribed, 0).await.expect("kept");

        let mut forgotten = store
            .forget_devices(user(1), WhichDevices::AllBut(device(2)))
            .await
            .expect("forgotten");
        forgotten.sort_unstable();
        assert_eq!(forgotten, [device(1), device(3)]);
        let left = store.devices_of(user(1)).await.expect("read");
        assert_eq!(left.iter().map(|one| one.device).collect::<Vec<_>>(), [device(2)]);
        assert_eq!(store.device_with(user(1), &[1; 32], 20).await.expect("read"), None);
        for (of, are_left) in [(1, &[None, Some(device(2))][..]), (2, &[Some(device(4))])] {
            let mut subscriptions = store.subscriptions(user(of), UserId::NOBODY).await.expect("read");
            subscriptions.sort_by_key(|row| row.device);
            assert_eq!(
                subscriptions.iter().map(|row| row.device).collect::<Vec<_>>(),
                are_left,
                "{of}"
            );
        }
        assert_eq!(store.devices_of(user(2)).await.expect("read").len(), 1);
    }
}
