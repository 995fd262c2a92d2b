//! Tests of the store run on both databases: a story is told on a bed, which is an empty one of either.

use std::path::Path;

use self::cluster::Cluster;
use super::{Change, Place, PostgresUrl, RoomRow, Store, StoreError};
use crate::id::{RoomId, UserId};

#[path = "../../tests/postgres/cluster.rs"]
mod cluster;

/// An empty database, for as long as this is there.
pub(crate) struct Bed {
    pub(crate) place: Place,
    folder: Option<tempfile::TempDir>,
}

impl Bed {
    pub(crate) fn sqlite() -> Bed {
        let folder = tempfile::tempdir().expect("a directory");
        Bed {
            place: Place::Folder(folder.path().to_owned()),
            folder: Some(folder),
        }
    }

    pub(crate) fn postgres() -> Bed {
        let url = Cluster::shared().database();
        Bed {
            place: Place::Postgres(PostgresUrl::parse(&url).expect("it is one")),
            folder: None,
        }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.place).await.expect("it opens")
    }

    /// Where its files are, if they are known.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(tempfile::TempDir::path)
    }
}

impl Store {
    /// A user of whom nothing is known but a name.
    pub(crate) async fn add_user(&self, user: UserId, name: &str, now_unix: i64) -> Result<(), StoreError> {
        self.database.execute(super::keep_user(user, name, now_unix)).await.map(drop)
    }
}

/// A room that has begun.
pub(crate) fn a_room(room: RoomId, by_call: bool) -> Change {
    Change::KeepRoom(RoomRow {
        room,
        by_call,
        name: String::new(),
        link: None,
        locked: false,
        lobby: false,
        removed: Vec::new(),
    })
}

/// Makes two tests of each of these stories, one for each database.
macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::store::testbed::Bed::sqlite()).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::store::testbed::Bed::postgres()).await;
            })*
        }
    };
}

pub(crate) use on_both;
