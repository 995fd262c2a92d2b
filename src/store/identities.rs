//! What is kept of the operator's tokens: which user a subject is, and which tokens were used up.

use super::restart::id;
use super::{Store, StoreError, history, keep_user};
use crate::id::UserId;

impl Store {
    /// Which user a subject is, with the name, and how many calls of that user are missed and not seen.
    pub async fn identity(&self, subject: &str) -> Result<Option<(UserId, String, u32)>, StoreError> {
        let sql = format!(
            "SELECT users.user_id, name, {} FROM identities JOIN users USING (user_id) WHERE subject = $1",
            history::MISSED_OF_USER
        );
        let row: Option<(String, String, i64)> = self
            .database
            .within(
                sqlx::query_as(sqlx::AssertSqlSafe(sql))
                    .bind(subject.to_owned())
                    .fetch_optional(&self.database.pool),
            )
            .await?;
        row.map(|(user, name, missed)| Ok((id(&user, "user_id")?, name, history::count(missed))))
            .transpose()
    }

    /// Makes a user for a subject, both or neither. Fails with [`StoreError::Taken`] if one of them is there already.
    pub async fn create_identity(&self, subject: &str, user: UserId, name: &str, now_unix: i64) -> Result<(), StoreError> {
        let attempt = || async {
            let mut transaction = self.database.begin().await?;
            sqlx::query("INSERT INTO identities (subject, user_id) VALUES ($1, $2)")
                .bind(subject)
                .bind(user.to_string())
                .execute(&mut *transaction)
                .await?;
            keep_user(user, name, now_unix).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(())
        };
        self.database.change(attempt).await.map_err(StoreError::or_taken)
    }

    /// Notes that a token is used up; false: it was before. Those that have run out are forgotten.
    pub async fn use_token(&self, token: &str, until_unix: i64, now_unix: i64) -> Result<bool, StoreError> {
        let forget = sqlx::query("DELETE FROM used_tokens WHERE until_unix < $1");
        self.database.execute(forget.bind(now_unix)).await?;
        let note = sqlx::query("INSERT INTO used_tokens (token_id, until_unix) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        Ok(self.database.execute(note.bind(token).bind(until_unix)).await? == 1)
    }

    /// A token was used in vain.
    pub async fn forget_use(&self, token: &str) -> Result<(), StoreError> {
        let forget = sqlx::query("DELETE FROM used_tokens WHERE token_id = $1");
        self.database.execute(forget.bind(token)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testbed::{Bed, on_both};

    on_both!(a_subject_is_one_user_for_ever, a_token_is_used_up_until_it_has_run_out,);

    async fn a_subject_is_one_user_for_ever(bed: &Bed) {
        let store = bed.open().await;
        let [ada, bob] = [1, 2].map(UserId::from_random);
        assert_eq!(store.identity("ada").await.expect("it is read"), None);
        store.create_identity("ada", ada, "Ada", 0).await.expect("made");
        for (subject, user) in [("ada", bob), ("bob", ada)] {
            let again = store.create_identity(subject, user, "", 0).await;
            assert!(matches!(again, Err(StoreError::Taken)), "{subject}");
        }
        assert_eq!(
            store.identity("bob").await.expect("it is read"),
            None,
            "neither of both is kept"
        );
        store.create_identity("bob", bob, "", 0).await.expect("made");
        store.close().await;
        let store = bed.open().await;
        let found = store.identity("ada").await.expect("it is read");
        assert_eq!(found, Some((ada, "Ada".to_owned(), 0)));
        assert_eq!(store.identity("Ada").await.expect("it is read"), None, "case counts");
    }

    async fn a_token_is_used_up_until_it_has_run_out(bed: &Bed) {
        let store = bed.open().await;
        assert!(store.use_token("a", 100, 50).await.expect("kept"));
        assert!(!store.use_token("a", 100, 50).await.expect("read"));
        store.close().await;
        let store = bed.open().await;
        assert!(!store.use_token("a", 100, 100).await.expect("read"));
        store.forget_use("a").await.expect("forgotten");
        assert!(store.use_token("a", 100, 100).await.expect("kept"));
        assert!(store.use_token("b", 300, 200).await.expect("kept"));
        let left: (i64,) = sqlx::query_as("SELECT count(*) FROM used_tokens")
            .fetch_one(&store.database.pool)
            .await
            .expect("counted");
        assert_eq!(left.0, 1, "what ran out is forgotten");
    }
}
