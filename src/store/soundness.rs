//! Whether a database can be used, looked at without changing anything.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use super::place::{Place, PostgresUrl};
use super::{FILE, Store, StoreError};

/// For how long a look waits, at a lock or at a server.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What a database is that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Soundness {
    /// A file, or none yet.
    Sqlite,
    Postgres {
        /// Its host and name, without user and password.
        at: String,
        version: String,
        /// Whether what goes there is, or does not leave this machine.
        is_private: bool,
        /// Whether the tables are there.
        is_made: bool,
    },
}

impl Soundness {
    pub(super) fn is_made(&self) -> bool {
        matches!(self, Soundness::Postgres { is_made: true, .. })
    }
}

impl Store {
    /// Whether the database opens and is sound, if there is one. Changes nothing, and may be asked while a server uses it.
    pub async fn check(place: &Place) -> Result<Soundness, StoreError> {
        match place {
            Place::Folder(folder) => check_sqlite(&folder.join(FILE)).await,
            Place::Postgres(url) => check_postgres(url).await,
        }
    }
}

async fn check_sqlite(path: &Path) -> Result<Soundness, StoreError> {
    if !path.exists() {
        return Ok(Soundness::Sqlite);
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
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
        "ok" => Ok(Soundness::Sqlite),
        _ => Err(StoreError::Corrupt("a page")),
    }
}

/// Says what is wrong more plainly than a pool does, which tries again until its time is over.
pub(super) async fn check_postgres(url: &PostgresUrl) -> Result<Soundness, StoreError> {
    match timeout(WAIT_MAX, look_at_postgres(url)).await {
        Ok(seen) => seen,
        Err(_) => Err(StoreError::Slow),
    }
}

async fn look_at_postgres(url: &PostgresUrl) -> Result<Soundness, StoreError> {
    let options = PgConnectOptions::from_str(url.secret_text())?;
    let mut connection: PgConnection = options.connect().await?;
    let (version, encoding, is_private, schema, may_create, is_made): (String, String, bool, Option<String>, Option<bool>, bool) =
        sqlx::query_as(
            "SELECT current_setting('server_version'), current_setting('server_encoding'), \
             (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) OR COALESCE(inet_server_addr() << '127.0.0.0/8' \
             OR inet_server_addr() = '::1', true), current_schema()::text, has_schema_privilege(current_schema(), 'CREATE'), \
             to_regclass('messages') IS NOT NULL",
        )
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    if encoding != "UTF8" {
        return Err(StoreError::Unusable(
            "its encoding is not UTF8: make it anew with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        ));
    }
    if schema.is_none() || may_create != Some(true) {
        return Err(StoreError::Unusable(
            "its user may not make tables there: make that user its owner with ALTER DATABASE … OWNER TO …",
        ));
    }
    Ok(Soundness::Postgres {
        at: url.to_string(),
        version,
        is_private,
        is_made,
    })
}
