//! A copy of the database as it is at one moment, made while a server uses it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::database::Kind;
use super::{Store, StoreError};

impl Store {
    /// Writes a sound copy into a file that is not there yet, readable by its owner alone, and returns its bytes. The name is given to
    /// it only when all is there, checked and on the disk.
    ///
    /// # Errors
    /// There is such a file, it cannot be written, or the copy is not sound; then nothing is left of it.
    pub async fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        if self.database.kind == Kind::Postgres {
            return Err(StoreError::NotForPostgres("copy it with pg_dump, which is made for that"));
        }
        let fault = |source: io::Error| StoreError::File {
            path: to.to_owned(),
            source,
        };
        if to.exists() {
            return Err(fault(io::ErrorKind::AlreadyExists.into()));
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".part");
        let part = Path::new(&name);
        let done = self.copy_into(part).await;
        let moved = match done {
            Ok(()) => place(part, to).map_err(fault),
            Err(error) => Err(error),
        };
        if moved.is_err() {
            // There may be none.
            let _ = fs::remove_file(part);
        }
        moved
    }

    async fn copy_into(&self, part: &Path) -> Result<(), StoreError> {
        let fault = |source: io::Error| StoreError::File {
            path: part.to_owned(),
            source,
        };
        // What another attempt left. VACUUM writes into a file that is there as long as it is empty.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(part).map_err(fault)?;
        let path = part.to_str().ok_or_else(|| fault(io::ErrorKind::InvalidFilename.into()))?;
        self.database.execute(sqlx::query("VACUUM INTO $1").bind(path)).await?;
        let options = SqliteConnectOptions::new().filename(part).read_only(true).immutable(true);
        let mut copy = SqliteConnection::connect_with(&options).await?;
        let said: (String,) = sqlx::query_as("PRAGMA integrity_check(1)").fetch_one(&mut copy).await?;
        copy.close().await?;
        match said.0.as_str() {
            "ok" => Ok(()),
            _ => Err(StoreError::Corrupt("a page of the copy")),
        }
    }
}

/// On the disk first, then under its name.
fn place(part: &Path, to: &Path) -> io::Result<u64> {
    let file = File::open(part)?;
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    // Unlike a renaming, this fails where somebody was quicker.
    fs::hard_link(part, to).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::rename(part, to),
    })?;
    let _ = fs::remove_file(part);
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{Place, PostgresUrl};
    use super::*;
    use crate::store::database::Database;

    #[tokio::test]
    async fn a_copy_is_whole_private_and_never_takes_the_place_of_another_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&Place::Folder(directory.path().join("data")))
            .await
            .expect("it opens");
        store.add_user(user(1), "Ada", 100).await.expect("it is kept");
        let folder = directory.path().join("copy");
        fs::create_dir(&folder).expect("made");
        let to = folder.join("tandem.sqlite3");
        let bytes = store.backup(&to).await.expect("it is copied");
        assert_eq!(bytes, fs::metadata(&to).expect("it is there").len());
        assert_eq!(fs::read_dir(&folder).expect("listed").count(), 1, "nothing else is left");
        assert!(matches!(store.backup(&to).await, Err(StoreError::File { .. })));
        assert!(store.backup(&folder.join("no/such/folder")).await.is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&to).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let copy = Store::open(&Place::Folder(folder)).await.expect("it opens");
        assert!(copy.user(user(1)).await.expect("it is read").is_some());
    }

    #[tokio::test]
    async fn of_postgresql_its_own_tool_makes_one() {
        // It need not be there to be known.
        let url = PostgresUrl::parse("postgres://127.0.0.1:1/none").expect("it is one");
        let store = Store::of_nobody(Database::postgres(&url).expect("it connects later"));
        let refused = store.backup(Path::new("copy")).await.expect_err("it is none of SQLite");
        assert!(refused.to_string().contains("pg_dump"), "{refused}");
    }
}
