//! Where the database is, and how large it may be.

use std::path::Path;

use serde::Deserialize;

use super::ConfigError;
use crate::store::{Place, PostgresUrl};

/// A pebibyte.
const MIB_MAX: usize = 1 << 30;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreFile {
    url: String,
    size_mib_max: usize,
}

impl StoreFile {
    /// Where the database is, and how large it may be.
    pub(super) fn check(self, data: &Path) -> Result<(Place, Option<u64>), ConfigError> {
        let place = match self.url.as_str() {
            "" => Place::Folder(data.to_owned()),
            url => Place::Postgres(PostgresUrl::parse(url).map_err(|expected| ConfigError::Value {
                key: "store.url",
                value: PostgresUrl::shown(url),
                expected,
            })?),
        };
        let wrong = |expected| ConfigError::Value {
            key: "store.size_mib_max",
            value: self.size_mib_max.to_string(),
            expected,
        };
        match self.size_mib_max {
            0 => Ok((place, None)),
            _ if matches!(place, Place::Postgres(_)) => Err(wrong(
                "0, because store.url is set: whoever runs PostgreSQL bounds its disk, and history.days bounds what is kept",
            )),
            mib if mib <= MIB_MAX => Ok((place, Some((mib as u64) << 20))),
            _ => Err(wrong("0 for no bound, or up to 1073741824 mebibytes")),
        }
    }
}
