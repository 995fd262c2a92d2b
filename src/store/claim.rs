//! Whose a database is. A server takes up all sessions, rooms and calls that it finds at its start, so two must not share one.

use std::time::Duration;

use sqlx::AnyConnection;
use tokio::time::sleep;

use super::database::Kind;
use super::{Store, StoreError};

/// For the advisory lock: "tandem".
const KEY: i64 = 0x7461_6e64_656d;

/// PostgreSQL notices within milliseconds that a killed server is gone; one that ends has some seconds to.
const ATTEMPTS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(250);

/// Held for as long as the server runs. PostgreSQL takes it back with the connection.
#[derive(Debug)]
pub struct Claim {
    _connection: Option<AnyConnection>,
}

impl Store {
    /// Makes the database this server's alone, where others can reach it. (A file is in a data folder, which one server has.)
    ///
    /// # Errors
    /// [`StoreError::Unusable`]: another server has it, and did not let go of it within five seconds.
    pub async fn claim(&self) -> Result<Claim, StoreError> {
        if self.database.kind == Kind::Sqlite {
            return Ok(Claim { _connection: None });
        }
        let mut connection = self.database.within(self.database.pool.acquire()).await?.detach();
        for _ in 0..ATTEMPTS {
            let asked = sqlx::query_as("SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1::bigint ELSE 0::bigint END").bind(KEY);
            let (is_ours,): (i64,) = self.database.within(asked.fetch_one(&mut connection)).await?;
            if is_ours == 1 {
                return Ok(Claim {
                    _connection: Some(connection),
                });
            }
            sleep(BETWEEN).await;
        }
        Err(StoreError::Unusable(
            "another server uses it: give each server a database of its own (docs/cluster.md)",
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::store::StoreError;
    use crate::store::testbed::Bed;

    #[tokio::test]
    async fn a_database_is_for_one_server_until_that_lets_go_of_it() {
        let bed = Bed::postgres();
        let (one, other) = (bed.open().await, bed.open().await);
        let claim = one.claim().await.expect("nobody has it");
        let refused = other.claim().await.expect_err("it is taken");
        assert!(matches!(refused, StoreError::Unusable(_)), "{refused}");
        drop(claim);
        other.claim().await.expect("nobody has it any more");
    }
}
