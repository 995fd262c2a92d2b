//! What survives a restart, in one file of SQLite or in a database of PostgreSQL: users with what belongs to them, their sessions and
//! histories of calls, links, rooms with who is in them, and what was written there. The same queries serve both.

mod adopt;
mod backup;
mod claim;
mod database;
mod devices;
mod export;
mod files;
mod forget;
mod history;
mod identities;
mod listing;
mod messages;
mod people;
mod place;
mod push;
mod reports;
mod restart;
mod retention;
mod rooms;
mod slow;
mod soundness;
#[cfg(test)]
mod testbed;
mod waiting_pushes;
mod webhooks;

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::adopt::{AbroadRow, Adoption, GuestRow};
pub use self::claim::{Claim, CleaningUp, Held, Tenancy};
use self::database::{Database, Deed, Kind};
pub use self::devices::{DEVICES_MAX, DeviceRow, ListedDevice, NewDevice, WhichDevices};
pub use self::export::Export;
pub use self::files::{FileNews, FileRow, NewFile, StoredFile};
pub use self::history::{HistoryChange, HistoryNews, HistoryPage, HistoryRow};
pub use self::listing::{ListedCall, ListedUser};
pub use self::messages::{MessageChange, MessageNews, MessagePage, MessageRow, NewMessage};
pub use self::people::{NamedUser, PersonChange, PersonNews, PersonRow, SettingsRow};
pub use self::place::{Place, PostgresUrl};
pub use self::push::SubscriptionRow;
pub use self::reports::{ReportPage, ReportRow};
pub use self::restart::{CallRow, Change, Kept, News, SessionRow, Telling};
pub use self::rooms::{LinkRow, MemberRow, RoomRow};
pub use self::soundness::Soundness;
pub use self::waiting_pushes::{PushAbout, PushRow};
pub use self::webhooks::{DeadWebhook, NewWebhook, WebhookRow};
use crate::id::UserId;

/// In the data directory.
const FILE: &str = "tandem.sqlite3";

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
    #[error("the database does not answer")]
    Slow,
    /// It is there, and cannot be used as it is.
    #[error("{0}")]
    Unusable(&'static str),
    #[error("another node of the name {0:?} uses it: give each node a cluster.node_name of its own (docs/cluster.md)")]
    NodeTaken(String),
    #[error("another node has taken up what this one had, which was away for the database and for the other nodes")]
    Adopted,
    #[error("it is a database of PostgreSQL: {0}")]
    NotForPostgres(&'static str),
    /// A user of this id is there already.
    #[error("the user id is taken")]
    Taken,
    #[error("the database holds a value that cannot be: {0}")]
    Corrupt(&'static str),
}

impl StoreError {
    /// Whether another writer was in the way, and the same may be done anew (SQLSTATE 40001, 40P01).
    fn is_in_the_way(&self) -> bool {
        match self {
            StoreError::Database(sqlx::Error::Database(error)) => matches!(error.code().as_deref(), Some("40001" | "40P01")),
            _ => false,
        }
    }

    /// Whether the database is not to be reached for now, and what was not done may be done later (SQLSTATE classes 08 and 57, 53300).
    pub fn is_away(&self) -> bool {
        match self {
            StoreError::Slow | StoreError::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            StoreError::Database(sqlx::Error::Database(error)) => error
                .code()
                .is_some_and(|code| code.len() == 5 && (code.starts_with("08") || code.starts_with("57P") || code == "53300")),
            _ => false,
        }
    }

    fn or_taken(self) -> StoreError {
        match self {
            StoreError::Database(sqlx::Error::Database(error)) if error.is_unique_violation() => StoreError::Taken,
            other => other,
        }
    }
}

/// What is kept of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Empty where none was given.
    pub name: String,
    /// Missed calls that the user has not seen.
    pub missed: u32,
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    /// Whose what is kept here is, where several nodes share the database. Empty: there is only one server.
    node: Arc<str>,
    /// Which start of that node this is, as the database knows it.
    claim: i64,
}

impl Store {
    /// Opens the database, and brings its tables up to date. A folder is made if it is not there.
    pub async fn open(place: &Place) -> Result<Store, StoreError> {
        let database = match place {
            Place::Folder(folder) => {
                let path = folder.join(FILE);
                make_private(folder, &path).map_err(|source| StoreError::File {
                    path: path.clone(),
                    source,
                })?;
                Database::sqlite(&path).await?
            }
            Place::Postgres(url) => {
                soundness::check_postgres(url).await?;
                Database::postgres(url)?
            }
        };
        database.migrate().await?;
        Ok(Store::of_nobody(database))
    }

    /// Opens a database that is there, beside a server that may use it. Its tables are as they are.
    pub async fn open_beside(place: &Place) -> Result<Store, StoreError> {
        let database = match place {
            Place::Folder(folder) => {
                let path = folder.join(FILE);
                if let Err(source) = std::fs::metadata(&path) {
                    return Err(StoreError::Missing { path, source });
                }
                Database::sqlite(&path).await?
            }
            Place::Postgres(url) => {
                if !soundness::check_postgres(url).await?.is_made() {
                    return Err(StoreError::Unusable("there are no tables of Tandem in the database"));
                }
                Database::postgres(url)?
            }
        };
        Ok(Store::of_nobody(database))
    }

    fn of_nobody(database: Database) -> Store {
        let node = Arc::from("");
        Store {
            database,
            node,
            claim: 0,
        }
    }

    /// Whether other nodes may use the database too.
    pub fn is_shared(&self) -> bool {
        self.database.kind == Kind::Postgres && !self.node.is_empty()
    }

    /// Keeps a user with the first browser of theirs. Fails with [`StoreError::Taken`] if there is one of this id.
    pub async fn create_user(&self, name: &str, first: &NewDevice, now_unix: i64) -> Result<(), StoreError> {
        let attempt = || async {
            let mut transaction = self.database.begin().await?;
            keep_user(first.user, name, now_unix).execute(&mut *transaction).await?;
            devices::apply(&mut transaction, first, now_unix).await?;
            transaction.commit().await?;
            Ok(())
        };
        self.database.change(attempt).await.map_err(StoreError::or_taken)
    }

    /// What is kept of a user, if there is one.
    pub async fn user(&self, user: UserId) -> Result<Option<UserRow>, StoreError> {
        let sql = format!("SELECT name, {} FROM users WHERE user_id = $1", history::MISSED_OF_USER);
        let row: Option<(String, i64)> = self
            .database
            .within(
                sqlx::query_as(sqlx::AssertSqlSafe(sql))
                    .bind(user.to_string())
                    .fetch_optional(&self.database.pool),
            )
            .await?;
        Ok(row.map(|(name, missed)| UserRow {
            name,
            missed: history::count(missed),
        }))
    }

    /// Changes a user's name. Of a user that is not there, nothing is kept.
    pub async fn set_name(&self, user: UserId, name: &str) -> Result<(), StoreError> {
        let change = sqlx::query("UPDATE users SET name = $1 WHERE user_id = $2");
        self.database
            .execute(change.bind(name).bind(user.to_string()))
            .await
            .map(drop)
    }

    /// Finishes what is under way and lets go of the database.
    pub async fn close(&self) {
        self.database.pool.close().await;
    }
}

fn keep_user(user: UserId, name: &str, now_unix: i64) -> Deed<'_> {
    sqlx::query("INSERT INTO users (user_id, name, created_at, seen_at) VALUES ($1, $2, $3, $3)")
        .bind(user.to_string())
        .bind(name)
        .bind(now_unix)
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
    use crate::id::DeviceId;
    use crate::store::testbed::{Bed, on_both};

    on_both!(
        users_survive_a_restart,
        an_id_is_given_once,
        a_closed_store_fails_and_does_not_panic,
    );

    pub(super) fn user(number: u64) -> UserId {
        UserId::from_random(number)
    }

    async fn users_survive_a_restart(bed: &Bed) {
        let store = bed.open().await;
        store.add_user(user(1), "Ada", 100).await.expect("it is kept");
        store.add_user(user(2), "", 100).await.expect("it is kept");
        store.set_name(user(2), "Grace").await.expect("it is changed");
        store.close().await;

        Store::check(&bed.place).await.expect("it is sound");
        let store = bed.open().await;
        Store::check(&bed.place).await.expect("it is sound, and in use");
        let ada = UserRow {
            name: "Ada".to_owned(),
            missed: 0,
        };
        assert_eq!(store.user(user(1)).await.expect("it is read"), Some(ada));
        let grace = store.user(user(2)).await.expect("it is read").expect("she is there");
        assert_eq!(grace.name, "Grace");
        assert_eq!(store.user(user(3)).await.expect("it is read"), None);
    }

    async fn an_id_is_given_once(bed: &Bed) {
        let store = bed.open().await;
        let first = |device, of| NewDevice {
            device: DeviceId::from_random(device),
            user: user(of),
            secret_hash: [7; 32],
            name: String::new(),
            until_unix: None,
            id_token: None,
        };
        store.create_user("Ada", &first(1, 1), 100).await.expect("it is kept");
        for (device, of) in [(2, 1), (1, 2)] {
            let again = store.create_user("Eve", &first(device, of), 100).await;
            assert!(matches!(again, Err(StoreError::Taken)), "{device} {of}");
        }
        let ada = store.user(user(1)).await.expect("it is read").expect("she is there");
        assert_eq!(ada.name, "Ada");
        assert_eq!(store.user(user(2)).await.expect("it is read"), None, "neither is kept");
    }

    async fn a_closed_store_fails_and_does_not_panic(bed: &Bed) {
        let store = bed.open().await;
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
        let place = Place::Folder(directory.path().to_owned());
        assert!(Store::check(&place).await.is_err());
        assert!(Store::open(&place).await.is_err());
    }

    #[tokio::test]
    async fn a_server_that_is_not_to_be_used_is_named_and_its_password_is_not() {
        let good = Bed::postgres().place.to_string();
        let host = good.strip_prefix("postgres://").expect("a URL");
        for (url, said) in [
            (format!("postgres://tandem:s3cret@{host}"), "password authentication failed"),
            (
                format!("postgres://tandem:s3cret@{host}?sslmode=verify-full"),
                "UnknownIssuer",
            ),
            (format!("postgres://tandem:s3cret@{host}?sslmode=disable"), "no encryption"),
            ("postgres://tandem:s3cret@127.0.0.1:1/none".to_owned(), "refused"),
        ] {
            let place = Place::Postgres(PostgresUrl::parse(&url).expect("it is one"));
            for refused in [
                Store::check(&place).await.expect_err("it is looked at"),
                Store::open(&place).await.expect_err("it is opened"),
                Store::open_beside(&place).await.expect_err("it is opened"),
            ] {
                let text = format!("{:#}", anyhow::Error::from(refused));
                assert!(text.contains(said) && !text.contains("s3cret"), "{text}");
            }
        }
        let empty = Store::open_beside(&Bed::postgres().place)
            .await
            .expect_err("nothing is there");
        assert!(empty.to_string().contains("no tables"), "{empty}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&Place::Folder(directory.path().to_owned()))
            .await
            .expect("it opens");
        store.add_user(user(1), "Ada", 100).await.expect("it is kept");
        let mut files = 0;
        for entry in std::fs::read_dir(directory.path()).expect("it is listed") {
            let mode = entry.expect("an entry").metadata().expect("its mode").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            files += 1;
        }
        assert_eq!(files, 3, "the database, its journal and the journal's index");
    }
}
