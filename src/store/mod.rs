//! What survives a restart, in one SQLite file: users with what belongs to them, their sessions and histories of calls, links, rooms
//! with who is in them, and what was written there.

mod backup;
mod export;
mod forget;
mod history;
mod identities;
mod listing;
mod messages;
mod people;
mod restart;
mod retention;
mod rooms;

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

pub use self::export::Export;
pub use self::history::{HistoryChange, HistoryNews, HistoryPage, HistoryRow};
pub use self::listing::{ListedCall, ListedUser};
pub use self::messages::{MessageChange, MessageNews, MessagePage, MessageRow, NewMessage};
pub use self::people::{NamedUser, PersonChange, PersonNews, PersonRow, SettingsRow};
pub use self::restart::{CallRow, Change, News, SessionRow};
pub use self::rooms::{LinkRow, MemberRow, RoomRow};
use crate::id::UserId;

/// In the data directory.
const FILE: &str = "tandem.sqlite3";

/// SQLite has one writer at a time; the rest read.
const CONNECTIONS_MAX: u32 = 4;

/// For how long an operation waits for its turn before it fails.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot make {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("there is no database at {path}")]
    Missing {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the database's tables cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A user of this id is there already.
    #[error("the user id is taken")]
    Taken,
    #[error("the database holds a value that cannot be: {0}")]
    Corrupt(&'static str),
}

/// What is kept of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Empty where none was given.
    pub name: String,
    /// Missed calls that the user has not seen.
    pub missed: u32,
}

/// All that is written at once goes through one of these.
type Writer<'a> = &'a mut sqlx::Transaction<'static, sqlx::Sqlite>;

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the database in a directory, which is made if it is not there, and brings its tables up to date.
    pub async fn open(directory: &Path) -> Result<Store, StoreError> {
        let path = directory.join(FILE);
        make_private(directory, &path).map_err(|source| StoreError::File {
            path: path.clone(),
            source,
        })?;
        let store = Store::connect(&path).await?;
        sqlx::migrate!("./migrations").run(&store.pool).await?;
        Ok(store)
    }

    /// Opens a database that is there, beside a server that may use it. Its tables are as they are.
    pub async fn open_beside(directory: &Path) -> Result<Store, StoreError> {
        let path = directory.join(FILE);
        match std::fs::metadata(&path) {
            Ok(_) => Store::connect(&path).await,
            Err(source) => Err(StoreError::Missing { path, source }),
        }
    }

    async fn connect(path: &Path) -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is deleted is to be gone, and not to lie in the file until something else is written over it.
            .pragma("secure_delete", "ON")
            .busy_timeout(WAIT_MAX);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(WAIT_MAX)
            .connect_with(options)
            .await?;
        Ok(Store { pool })
    }

    /// Whether the database in a directory opens and is sound, if there is one. Changes nothing, and may be asked while a server uses it.
    pub async fn check(directory: &Path) -> Result<(), StoreError> {
        let path = directory.join(FILE);
        if !path.exists() {
            return Ok(());
        }
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true)
            .busy_timeout(WAIT_MAX);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WAIT_MAX)
            .connect_with(options)
            .await?;
        let said: (String,) = sqlx::query_as("PRAGMA quick_check(1)").fetch_one(&pool).await?;
        pool.close().await;
        match said.0.as_str() {
            "ok" => Ok(()),
            _ => Err(StoreError::Corrupt("a page")),
        }
    }

    /// Keeps a user. Fails with [`StoreError::Taken`] if there is one of this id.
    pub async fn create_user(&self, user: UserId, secret_hash: &[u8; 32], name: &str, now_unix: i64) -> Result<(), StoreError> {
        let made = sqlx::query("INSERT INTO users (user_id, secret_hash, name, created_at, seen_at) VALUES (?, ?, ?, ?, ?)")
            .bind(user.to_string())
            .bind(secret_hash.as_slice())
            .bind(name)
            .bind(now_unix)
            .bind(now_unix)
            .execute(&self.pool)
            .await;
        match made {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(e)) if e.is_unique_violation() => Err(StoreError::Taken),
            Err(e) => Err(e.into()),
        }
    }

    /// What is kept of a user, if there is one.
    pub async fn user(&self, user: UserId) -> Result<Option<UserRow>, StoreError> {
        let sql = format!(
            "SELECT secret_hash, name, {} FROM users WHERE user_id = ?",
            history::MISSED_OF_USER
        );
        let row: Option<(Vec<u8>, String, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(user.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some((secret_hash, name, missed)) = row else {
            return Ok(None);
        };
        Ok(Some(UserRow {
            secret_hash: secret_hash.try_into().map_err(|_| StoreError::Corrupt("secret_hash"))?,
            name,
            missed: history::count(missed),
        }))
    }

    /// Changes a user's name. Of a user that is not there, nothing is kept.
    pub async fn set_name(&self, user: UserId, name: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET name = ? WHERE user_id = ?")
            .bind(name)
            .bind(user.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Notes that a user signed in.
    pub async fn touch(&self, user: UserId, now_unix: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET seen_at = ? WHERE user_id = ?")
            .bind(now_unix)
            .bind(user.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Finishes what is under way and lets go of the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Makes the file before SQLite does, so that nobody else may read it; SQLite gives its journal the same mode.
fn make_private(directory: &Path, path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn user(number: u64) -> UserId {
        UserId::from_random(number)
    }

    /// An empty one, for as long as its folder is there.
    pub(super) async fn store() -> (Store, tempfile::TempDir) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).await.expect("it opens");
        (store, directory)
    }

    #[tokio::test]
    async fn users_survive_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("data");
        let store = Store::open(&path).await.expect("it opens");
        store.create_user(user(1), &[7; 32], "Ada", 100).await.expect("it is kept");
        store.create_user(user(2), &[8; 32], "", 100).await.expect("it is kept");
        store.set_name(user(2), "Grace").await.expect("it is changed");
        store.touch(user(2), 200).await.expect("it is noted");
        store.close().await;

        Store::check(&path).await.expect("it is sound");
        let store = Store::open(&path).await.expect("it opens again");
        Store::check(&path).await.expect("it is sound, and in use");
        let ada = UserRow {
            secret_hash: [7; 32],
            name: "Ada".to_owned(),
            missed: 0,
        };
        assert_eq!(store.user(user(1)).await.expect("it is read"), Some(ada));
        let grace = store.user(user(2)).await.expect("it is read").expect("she is there");
        assert_eq!(grace.name, "Grace");
        assert_eq!(store.user(user(3)).await.expect("it is read"), None);
    }

    #[tokio::test]
    async fn an_id_is_given_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).await.expect("it opens");
        store.create_user(user(1), &[7; 32], "Ada", 100).await.expect("it is kept");
        let again = store.create_user(user(1), &[8; 32], "Eve", 100).await;
        assert!(matches!(again, Err(StoreError::Taken)));
        let ada = store.user(user(1)).await.expect("it is read").expect("she is there");
        assert_eq!(ada.name, "Ada");
    }

    #[tokio::test]
    async fn a_closed_store_fails_and_does_not_panic() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).await.expect("it opens");
        store.close().await;
        assert!(matches!(store.user(user(1)).await, Err(StoreError::Database(_))));
        assert!(matches!(store.set_name(user(1), "Ada").await, Err(StoreError::Database(_))));
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(
            directory.path().join(FILE),
            "not a database, and long enough to be looked at".repeat(99),
        )
        .expect("it is written");
        assert!(Store::check(directory.path()).await.is_err());
        assert!(Store::open(directory.path()).await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).await.expect("it opens");
        store.create_user(user(1), &[7; 32], "Ada", 100).await.expect("it is kept");
        let mut files = 0;
        for entry in std::fs::read_dir(directory.path()).expect("it is listed") {
            let mode = entry.expect("an entry").metadata().expect("its mode").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            files += 1;
        }
        assert_eq!(files, 3, "the database, its journal and the journal's index");
    }
}
