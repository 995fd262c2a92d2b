//! Whose a database is: one server's alone, or that of several nodes, each with a name of its own. A node takes up at its start what bears
//! its name, so no two of a name may use a database at the same time, and none beside a server that takes up all.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::Connection;
use tokio::time::sleep;

use super::database::{Deed, Kind};
use super::{Store, StoreError};

/// For the advisory lock: "tandem". A server that is alone has it, or nodes share it.
const KEY: i64 = 0x7461_6e64_656d;

/// The same for whoever deletes what is too old.
const CLEANING_KEY: i64 = KEY + 1;

const ALONE: &str = "SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1::bigint ELSE 0::bigint END";
const SHARED: &str = "SELECT CASE WHEN pg_try_advisory_lock_shared($1) THEN 1::bigint ELSE 0::bigint END";

/// PostgreSQL notices within milliseconds that a killed server is gone; one that ends has some seconds to.
const ATTEMPTS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(250);

/// What is taken up by whose it is.
pub(super) const OWNED: [(&str, &str); 8] = [
    ("sessions", ""),
    ("calls", ""),
    ("rooms", ""),
    ("members", ""),
    ("links", ""),
    ("history", "reason IS NULL AND "),
    ("webhooks", ""),
    ("waiting_pushes", ""),
];

/// With whom a server shares the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenancy {
    Alone,
    /// With other nodes: this is the name of this one.
    Among(String),
}

impl Tenancy {
    fn name(&self) -> &str {
        match self {
            Tenancy::Alone => "",
            Tenancy::Among(name) => name,
        }
    }
}

/// Held for as long as the server runs. PostgreSQL takes it back with the connection.
#[derive(Debug)]
pub struct Claim {
    tenancy: Tenancy,
    /// Nobody else can have it.
    is_file: bool,
    connection: Option<AnyConnection>,
}

/// Held while what is too old is deleted.
#[derive(Debug)]
pub struct CleaningUp {
    _connection: Option<AnyConnection>,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It was held all the time.
    Still,
    /// The connection was gone, and with it the claim for a while.
    Again,
    /// Another server has it by now.
    NotAnyMore,
    /// Another node has taken up what this one had.
    Adopted,
}

impl Claim {
    /// Looks whether the claim is still held, and takes it again where the database was away.
    pub async fn renew(&mut self, store: &Store) -> Result<Held, StoreError> {
        if self.is_file {
            return Ok(Held::Still);
        }
        if store.is_adopted().await? {
            return Ok(Held::Adopted);
        }
        if let Some(connection) = &mut self.connection
            && store.database.within(connection.ping()).await.is_ok()
        {
            return Ok(Held::Still);
        }
        // It may only hang, and hold what is asked for.
        self.connection = None;
        match store.lock(&self.tenancy, ATTEMPTS).await {
            Ok(connection) => {
                self.connection = Some(connection);
                Ok(Held::Again)
            }
            Err(StoreError::Unusable(_) | StoreError::NodeTaken(_)) => Ok(Held::NotAnyMore),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
impl Claim {
    /// As when the connection breaks.
    pub(super) fn lose(&mut self) {
        self.connection = None;
    }
}

impl Store {
    /// Makes the database this server's, with what is in it of the time before. (A file is in a data folder, which one server has.)
    ///
    /// # Errors
    /// [`StoreError::Unusable`] and [`StoreError::NodeTaken`]: another server has it, and did not let go of it within five seconds.
    pub async fn claim(&mut self, tenancy: Tenancy) -> Result<Claim, StoreError> {
        let is_file = self.database.kind == Kind::Sqlite;
        let connection = match is_file {
            true => None,
            false => Some(self.lock(&tenancy, ATTEMPTS).await?),
        };
        self.node = tenancy.name().into();
        self.take_up(is_file || tenancy == Tenancy::Alone).await?;
        self.begin_to_write().await?;
        Ok(Claim {
            tenancy,
            is_file,
            connection,
        })
    }

    /// Whether no server has the database just now, as far as that can be known.
    ///
    /// # Errors
    /// [`StoreError::Unusable`]: one has.
    pub async fn check_unused(&self) -> Result<(), StoreError> {
        if self.database.kind == Kind::Postgres {
            self.lock(&Tenancy::Alone, 1).await.map_err(|error| match error {
                StoreError::Unusable(_) => {
                    StoreError::Unusable("a server uses it: say this where the data folder (server.data) of that server is")
                }
                other => other,
            })?;
        }
        Ok(())
    }

    /// What an earlier start of this node has put off, and would write yet, changes nothing from here on.
    #[expect(clippy::disallowed_methods, reason = "a number that no other start has")]
    async fn begin_to_write(&mut self) -> Result<(), StoreError> {
        self.claim = 1 + i64::from(rand::random::<u32>());
        let begin = sqlx::query(
            "INSERT INTO nodes (node, at_ms, claim) VALUES ($1, 0, $2) ON CONFLICT (node) DO UPDATE SET claim = excluded.claim",
        );
        let begin = begin.bind(self.node.to_string()).bind(self.claim);
        self.database.execute(begin).await.map(drop)
    }

    /// For whoever deletes what is too old: two at a time would stand in each other's way. None: another node is at it.
    pub async fn try_to_clean_up(&self) -> Result<Option<CleaningUp>, StoreError> {
        if !self.is_shared() {
            return Ok(Some(CleaningUp { _connection: None }));
        }
        let mut connection = self.database.within(self.database.pool.acquire()).await?.detach();
        let is_ours = self.ask(&mut connection, sqlx::query(ALONE).bind(CLEANING_KEY)).await?;
        Ok(is_ours.then_some(CleaningUp {
            _connection: Some(connection),
        }))
    }

    async fn lock(&self, tenancy: &Tenancy, most: u32) -> Result<AnyConnection, StoreError> {
        let mut connection = self.database.within(self.database.pool.acquire()).await?.detach();
        // So that the lock of a machine that lost its power is free after seconds.
        let notices = sqlx::raw_sql("SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3");
        self.database.within(notices.execute(&mut connection)).await?;
        let mut attempts = 1;
        loop {
            match self.try_to_claim(&mut connection, tenancy).await? {
                None => return Ok(connection),
                Some(refusal) if attempts == most => return Err(refusal),
                Some(_) => attempts += 1,
            }
            sleep(BETWEEN).await;
        }
    }

    /// None: it is taken.
    async fn try_to_claim(&self, connection: &mut AnyConnection, tenancy: &Tenancy) -> Result<Option<StoreError>, StoreError> {
        let Tenancy::Among(name) = tenancy else {
            let is_ours = self.ask(connection, sqlx::query(ALONE).bind(KEY)).await?;
            return Ok((!is_ours).then_some(StoreError::Unusable(
                "another server uses it: give each server a database of its own, or let those that share one be nodes of a cluster, each \
                 with cluster.redis_url and a cluster.node_name of its own (docs/cluster.md)",
            )));
        };
        if !self.ask(connection, sqlx::query(SHARED).bind(KEY)).await? {
            return Ok(Some(StoreError::Unusable(
                "a server uses it that is no node of a cluster: give that one a cluster.redis_url too, or stop it (docs/cluster.md)",
            )));
        }
        let is_ours = self.ask(connection, lock_of(name)).await?;
        Ok((!is_ours).then(|| StoreError::NodeTaken(name.clone())))
    }

    pub(super) async fn ask(&self, connection: &mut AnyConnection, question: Deed<'_>) -> Result<bool, StoreError> {
        use sqlx::Row;
        let row = self.database.within(question.fetch_one(connection)).await?;
        Ok(row.try_get::<i64, _>(0)? == 1)
    }

    /// What was nobody's, or, `all`, anybody's, is this server's from here on.
    async fn take_up(&self, all: bool) -> Result<(), StoreError> {
        let whose = if all { "node <> $1" } else { "node = '' AND node <> $1" };
        let attempt = async || {
            let mut transaction = self.database.begin().await?;
            for (table, which) in OWNED {
                let sql = format!("UPDATE {table} SET node = $1 WHERE {which}{whose}");
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(self.node.to_string())
                    .execute(&mut *transaction)
                    .await?;
            }
            // It lived when whoever had it did.
            let lived = format!(
                "INSERT INTO nodes (node, at_ms) SELECT $1, MAX(at_ms) FROM nodes WHERE {whose} HAVING COUNT(*) > 0 ON CONFLICT (node) \
                 DO UPDATE SET at_ms = CASE WHEN excluded.at_ms > nodes.at_ms THEN excluded.at_ms ELSE nodes.at_ms END"
            );
            let others = format!("DELETE FROM nodes WHERE {whose}");
            for sql in [lived, others] {
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(self.node.to_string())
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(())
        };
        self.database.change(attempt).await
    }
}

pub(super) fn lock_of(node: &str) -> Deed<'_> {
    sqlx::query(
        "SELECT CASE WHEN pg_try_advisory_lock(hashtextextended('tandem node ' || $1, 0)) THEN 1::bigint ELSE 0::bigint END",
    )
    .bind(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Grants;
    use crate::id::{CallId, RoomId, SessionId, UserId};
    use crate::store::testbed::{Bed, on_both};
    use crate::store::{Change, HistoryChange, SessionRow};

    fn among(name: &str) -> Tenancy {
        Tenancy::Among(name.to_owned())
    }

    async fn refused(bed: &Bed, tenancy: Tenancy) -> String {
        let mut store = bed.open().await;
        store.claim(tenancy).await.expect_err("it is taken").to_string()
    }

    #[tokio::test]
    async fn a_database_is_for_one_server_until_that_lets_go_of_it() {
        let bed = Bed::postgres();
        let (mut one, mut other) = (bed.open().await, bed.open().await);
        let claim = one.claim(Tenancy::Alone).await.expect("nobody has it");
        let (alone, node) = tokio::join!(refused(&bed, Tenancy::Alone), refused(&bed, among("a")));
        assert!(alone.contains("cluster.redis_url"), "{alone}");
        assert!(node.contains("no node of a cluster"), "{node}");
        drop(claim);
        other.claim(Tenancy::Alone).await.expect("nobody has it any more");
    }

    #[tokio::test]
    async fn nodes_of_different_names_share_a_database() {
        let bed = Bed::postgres();
        let (mut one, mut other) = (bed.open().await, bed.open().await);
        let mut claim = one.claim(among("a")).await.expect("nobody has it");
        let _other = other.claim(among("b")).await.expect("it is shared");
        let (same, alone) = tokio::join!(refused(&bed, among("a")), refused(&bed, Tenancy::Alone));
        assert!(same.contains("\"a\"") && same.contains("cluster.node_name"), "{same}");
        assert!(alone.contains("another server uses it"), "{alone}");
        // A connection that is lost takes the claim along, and it is taken again.
        assert_eq!(claim.renew(&one).await.expect("it is looked at"), Held::Still);
        end_connection(&other, &mut claim).await;
        assert_eq!(claim.renew(&one).await.expect("it is looked at"), Held::Again);
        let third = bed.open().await;
        third.lock(&among("a"), 1).await.expect_err("it is taken");
        end_connection(&other, &mut claim).await;
        let mut third = bed.open().await;
        let _third = third.claim(among("a")).await.expect("nobody has it now");
        assert_eq!(claim.renew(&one).await.expect("it is looked at"), Held::NotAnyMore);
    }

    async fn end_connection(by: &Store, claim: &mut Claim) {
        use sqlx::Row;
        let connection = claim.connection.as_mut().expect("PostgreSQL");
        let row = sqlx::query("SELECT pg_backend_pid()::bigint").fetch_one(connection).await;
        let pid: i64 = row.expect("it is asked").get(0);
        let end = sqlx::query("SELECT CASE WHEN pg_terminate_backend($1::int, 5000) THEN 1::bigint ELSE 0::bigint END").bind(pid);
        end.fetch_one(&by.database.pool).await.expect("it is ended");
    }

    on_both!(what_was_before_is_taken_up,);

    async fn sessions(store: &Store) -> usize {
        store.sessions().await.expect("read").len()
    }

    async fn what_was_before_is_taken_up(bed: &Bed) {
        let session = |n: u8| SessionRow {
            session: SessionId::from_random(n.into()),
            user: UserId::from_random(1),
            secret_hash: [n; 32],
            grants: Grants::ALL,
        };
        // As a migration leaves it.
        let mut store = bed.open().await;
        store.add_user(UserId::from_random(1), "Ada", 0).await.expect("kept");
        store.keep(&[Change::KeepSession(session(1))], 1000).await.expect("kept");
        let claim = store.claim(among("a")).await.expect("nobody has it");
        assert_eq!(sessions(&store).await, 1, "what was nobody's is the first node's");
        store.purge(1000).await.expect("nothing is old");
        assert_eq!(sessions(&store).await, 1, "and lived when that did");
        drop(claim);
        // Alone, it has everything.
        let mut alone = bed.open().await;
        let claim = alone.claim(Tenancy::Alone).await.expect("nobody has it");
        assert_eq!((sessions(&alone).await, sessions(&store).await), (1, 0));
        drop(claim);
        store.claim(among("b")).await.expect("nobody has it");
        assert_eq!(sessions(&store).await, 1);
    }

    #[tokio::test]
    async fn a_node_has_only_its_own() {
        let bed = Bed::postgres();
        let (mut a, mut b) = (bed.open().await, bed.open().await);
        let _claims = (
            a.claim(among("a")).await.expect("it is shared"),
            b.claim(among("b")).await.expect("it is shared"),
        );
        let session = |n: u8| SessionRow {
            session: SessionId::from_random(n.into()),
            user: UserId::from_random(1),
            secret_hash: [n; 32],
            grants: Grants::ALL,
        };
        a.add_user(UserId::from_random(1), "Ada", 0).await.expect("kept");
        let rang = |n: u64| {
            let side = |n| (UserId::from_random(n), String::new());
            Change::History(HistoryChange::Rang {
                call: CallId::from_random(n),
                room: RoomId::from_random(n),
                caller: side(1),
                callee: side(2),
            })
        };
        a.keep(&[Change::KeepSession(session(1)), rang(1)], 1000).await.expect("kept");
        b.keep(
            &[Change::KeepSession(session(2)), Change::KeepSession(session(3)), rang(2)],
            9000,
        )
        .await
        .expect("kept");
        assert_eq!((sessions(&a).await, sessions(&b).await), (1, 2));
        let over = async || {
            let page = a.history(UserId::from_random(2), None, 9).await.expect("read");
            page.rows.into_iter().map(|row| row.call).collect::<Vec<_>>()
        };
        b.close_history().await.expect("closed");
        assert_eq!(over().await, [CallId::from_random(2)], "the other's may go on");
        // Whose session it is not any more does not end it.
        a.keep(&[Change::ForgetSession(session(2).session)], 1000)
            .await
            .expect("kept");
        assert_eq!(sessions(&b).await, 2);
        // One that has not lived for so long loses what it had, and the other does not.
        b.purge(5000).await.expect("purged");
        assert_eq!((sessions(&a).await, sessions(&b).await), (0, 2));
        b.forget_nodes(5000).await.expect("forgotten");
        assert_eq!(over().await.len(), 2, "nobody else would end it");
    }
}
