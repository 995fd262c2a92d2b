//! The connections to the database, whichever it is, and what differs between SQLite and PostgreSQL when one talks to it.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions, AnyTypeInfo, install_default_drivers};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::migrate::Migrator;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Decode, Encode, Row, Transaction, Type};
use tokio::time::{sleep, timeout};

use super::StoreError;
use super::place::PostgresUrl;
use super::slow::Watch;

/// SQLite has one writer at a time; the rest read.
const SQLITE_CONNECTIONS_MAX: u32 = 4;

/// Each is a process of the database server.
const POSTGRES_CONNECTIONS_MAX: u32 = 8;

/// For how long an operation waits for its turn before it fails.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The same for a connection to PostgreSQL, which may be gone: what is asked next waits behind it.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(2);

/// For how long an operation waits for PostgreSQL. One that is frozen says nothing, and neither does a network that is cut.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// For how long a connection that comes back may take to say that it is fine.
const CHECK_WAIT_MAX: Duration = Duration::from_secs(1);

/// How often an operation is begun that others get in the way of.
const ATTEMPTS_MAX: u32 = 8;

/// How long it waits before the second, and twice that before each after it: who was not in the way writes on meanwhile, and would be in
/// the way again at once.
const REST: Duration = Duration::from_millis(5);

/// Deleted bytes are to be gone, and not to lie in the file until something else is written over them. Each connection keeps
/// 128 KiB of pages: the kernel has the file in memory as well.
const SQLITE_SET_UP: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -128";

/// A node that froze in the middle of a change lets go of what others wait for.
const POSTGRES_SET_UP: &str = "SET idle_in_transaction_session_timeout = '15s'";

/// A statement that is in no change begins one of its own, in the same moment. To be sent as it is: a prepared one comes in several
/// messages, each with a time of its own. Within a change that has failed it fails as well.
const POSTGRES_IS_IDLE: &str = "SELECT now() = statement_timestamp()";

/// Tables as they were shipped: a file of these is never changed.
pub(super) static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("./migrations/sqlite");
pub(super) static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("./migrations/postgres");

/// All that is written at once goes through one of these.
pub(super) type Writer<'a> = &'a mut Transaction<'static, Any>;

/// Something to be done in the database.
pub(super) type Deed<'q> = Query<'q, Any, AnyArguments>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) pool: AnyPool,
    pub(super) kind: Kind,
}

impl Database {
    /// A file that is there.
    pub(super) async fn sqlite(file: &Path) -> Result<Database, StoreError> {
        let options = AnyPoolOptions::new()
            .max_connections(SQLITE_CONNECTIONS_MAX)
            .acquire_timeout(WAIT_MAX);
        let pool = set_up(options, Kind::Sqlite)
            .connect_with(AnyConnectOptions::from_str(&sqlite_url(file)?)?)
            .await?;
        Ok(Database {
            pool,
            kind: Kind::Sqlite,
        })
    }

    /// Connects with the first question.
    pub(super) fn postgres(url: &PostgresUrl) -> Result<Database, StoreError> {
        let options = AnyPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS_MAX)
            .acquire_timeout(CONNECT_WAIT_MAX);
        let pool = set_up(options, Kind::Postgres).connect_lazy_with(AnyConnectOptions::from_str(url.secret_text())?);
        Ok(Database {
            pool,
            kind: Kind::Postgres,
        })
    }

    /// Brings the tables up to date. Of several nodes that start at once, one does.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        match self.kind {
            Kind::Sqlite => SQLITE_MIGRATIONS.run(&self.pool).await?,
            Kind::Postgres => POSTGRES_MIGRATIONS.run(&self.pool).await?,
        }
        Ok(())
    }

    /// Waits for what was asked, but not for ever: SQLite has limits of its own, and is part of this process.
    pub(super) async fn within<T, E>(&self, asked: impl Future<Output = Result<T, E>>) -> Result<T, StoreError>
    where
        StoreError: From<E>,
    {
        let watch = Watch::start(&asked);
        let done = match self.kind {
            Kind::Sqlite => asked.await.map_err(StoreError::from),
            Kind::Postgres => match timeout(ANSWER_WAIT_MAX, asked).await {
                Ok(done) => done.map_err(StoreError::from),
                Err(_) => Err(StoreError::Slow),
            },
        };
        watch.end(done.as_ref().err());
        done
    }

    /// Does one thing by itself; how many rows that changed.
    pub(super) async fn execute(&self, deed: Deed<'_>) -> Result<u64, StoreError> {
        let done = self.within(deed.execute(&self.pool)).await?;
        Ok(done.rows_affected())
    }

    /// Makes a change that is all or nothing, anew where other writers got in the way of it.
    pub(super) async fn change<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut attempts = 1;
        loop {
            match self.within(attempt()).await {
                Err(error) if attempts < ATTEMPTS_MAX && error.is_in_the_way() => {
                    sleep(REST * 2_u32.pow(attempts - 1)).await;
                    attempts += 1;
                }
                done => return done,
            }
        }
    }

    /// Begins a change. In SQLite a writer from its first word: one that has read before it writes fails where another has written
    /// meanwhile, and does not wait. In PostgreSQL writers go side by side: what has to be counted on says so itself, in the query.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let words = match self.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        Ok(self.pool.begin_with(words).await?)
    }

    /// Begins to read everything as it is at one moment.
    pub(super) async fn begin_to_read(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let words = match self.kind {
            Kind::Sqlite => "BEGIN",
            Kind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(self.pool.begin_with(words).await?)
    }
}

fn set_up(options: AnyPoolOptions, kind: Kind) -> AnyPoolOptions {
    install_default_drivers();
    let words = match kind {
        Kind::Sqlite => SQLITE_SET_UP,
        Kind::Postgres => POSTGRES_SET_UP,
    };
    options
        .after_connect(move |connection, _| Box::pin(async move { sqlx::raw_sql(words).execute(connection).await.map(drop) }))
        .after_release(move |connection, _| Box::pin(async move { Ok(is_fine(connection, kind).await) }))
}

/// Whether a connection may be used again. Whoever gave up waiting left its answer under way, and one that hangs is not to keep its
/// place. And where SQLite took a change back by itself, as on a full disk, sqlx takes the connection for one within a change for ever.
/// The other way round with PostgreSQL: of who gave up while a change began, sqlx does not know that it has begun, and what the next ones
/// write would be gone with it. Only the server can say.
async fn is_fine(connection: &mut AnyConnection, kind: Kind) -> bool {
    let is_idle = async {
        match kind {
            Kind::Sqlite => connection.ping().await.map(|()| true),
            Kind::Postgres => {
                let row = sqlx::raw_sql(POSTGRES_IS_IDLE).fetch_one(&mut *connection).await?;
                row.try_get(0)
            }
        }
    };
    matches!(timeout(CHECK_WAIT_MAX, is_idle).await, Ok(Ok(true))) && !connection.is_in_transaction()
}

/// Every byte that means something in a URL is escaped.
fn sqlite_url(file: &Path) -> Result<String, StoreError> {
    let fault = |source| StoreError::File {
        path: file.to_owned(),
        source,
    };
    let path = std::path::absolute(file).map_err(fault)?;
    let path = path.to_str().ok_or_else(|| {
        fault(std::io::Error::new(
            std::io::ErrorKind::InvalidFilename,
            "its name is not UTF-8",
        ))
    })?;
    let mut url = "sqlite://".to_owned();
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => url.push(char::from(byte)),
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(url)
}

/// Truth as both databases keep it: 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub(super) struct Flag(pub(super) bool);

impl Type<Any> for Flag {
    fn type_info() -> AnyTypeInfo {
        <i64 as Type<Any>>::type_info()
    }

    fn compatible(other: &AnyTypeInfo) -> bool {
        <i64 as Type<Any>>::compatible(other)
    }
}

impl Encode<'_, Any> for Flag {
    fn encode_by_ref(&self, buffer: &mut <Any as sqlx::Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Any>>::encode_by_ref(&i64::from(self.0), buffer)
    }
}

impl<'r> Decode<'r, Any> for Flag {
    fn decode(value: <Any as sqlx::Database>::ValueRef<'r>) -> Result<Flag, BoxDynError> {
        match <i64 as Decode<'r, Any>>::decode(value)? {
            0 => Ok(Flag(false)),
            1 => Ok(Flag(true)),
            other => Err(format!("{other} is neither 0 nor 1").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::UserId;
    use crate::store::testbed::Bed;

    /// Tables with their columns, and indexes.
    async fn names(bed: &Bed, sql: &'static str) -> BTreeSet<(String, String)> {
        let store = bed.open().await;
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&store.database.pool).await.expect("read");
        rows.into_iter().filter(|(table, _)| table != "_sqlx_migrations").collect()
    }

    #[tokio::test]
    async fn both_databases_have_the_same_tables() {
        let newest = |migrator: &Migrator| migrator.iter().map(|one| one.version).max();
        assert_eq!(
            newest(&SQLITE_MIGRATIONS),
            newest(&POSTGRES_MIGRATIONS),
            "a change is a file of the same number in migrations/sqlite and in migrations/postgres"
        );
        let sqlite = "SELECT tables.name, columns.name FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns \
            WHERE tables.type = 'table' UNION SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
        let postgres = "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public' \
            UNION SELECT tablename::text, indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'";
        assert_eq!(names(&Bed::sqlite(), sqlite).await, names(&Bed::postgres(), postgres).await);
    }

    /// Whoever waits for the beginning of a change may be gone before it has begun.
    async fn who_gives_up_leaves_no_change_open(bed: Bed) {
        let store = bed.open().await;
        let pool = &store.database.pool;
        let mut held = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            held.push(pool.acquire().await.expect("a connection"));
        }
        let mut given_up = 0;
        for connection in &mut held {
            let mut begin = std::pin::pin!(connection.begin_with("BEGIN"));
            // The database may be as fast.
            given_up += usize::from(futures_util::poll!(&mut begin).is_pending());
        }
        assert!(given_up > 0);
        drop(held);
        let users: Vec<UserId> = (1..=40).map(UserId::from_random).collect();
        // At the same time, so that all connections have some.
        let mut writing = tokio::task::JoinSet::new();
        for user in users.clone() {
            let store = store.clone();
            writing.spawn(async move { store.add_user(user, "Ada", 0).await });
        }
        for written in writing.join_all().await {
            written.expect("it is written");
        }
        // What was written is in the database by now, or is never there.
        drop(store);
        let store = bed.open().await;
        for user in users {
            assert!(store.user(user).await.expect("read").is_some(), "what was written is gone");
        }
    }

    #[tokio::test]
    async fn who_gives_up_leaves_no_change_open_in_sqlite() {
        who_gives_up_leaves_no_change_open(Bed::sqlite()).await;
    }

    #[tokio::test]
    async fn who_gives_up_leaves_no_change_open_in_postgres() {
        who_gives_up_leaves_no_change_open(Bed::postgres()).await;
    }

    #[test]
    fn any_name_of_a_file_is_one_in_the_url() {
        for (file, url) in [
            ("/a/b.sqlite3", "sqlite:///a/b.sqlite3"),
            ("/a%41/ü?#", "sqlite:///a%2541/%C3%BC%3F%23"),
        ] {
            assert_eq!(sqlite_url(Path::new(file)).expect("it is text"), url);
        }
    }
}
