//! Whether the database can be used, and who can read along on the way to it.

use super::{Facts, Finding, advice, ok, problem};
use crate::store::Soundness;

pub(super) fn finding(facts: &Facts) -> Finding {
    match &facts.database {
        Ok(Soundness::Sqlite) => ok("database", "it opens, or is made at the first start"),
        Ok(Soundness::Postgres {
            at, is_private: false, ..
        }) => advice(
            "database",
            format!("{at} answers, and everybody on the way there can read along"),
            "add ?sslmode=verify-full&sslrootcert=<the authority's file in PEM> to store.url",
        ),
        Ok(Soundness::Postgres {
            at, version, is_made, ..
        }) => {
            let tables = if *is_made {
                "has its tables"
            } else {
                "gets its tables at the first start"
            };
            ok("database", format!("{at} answers (PostgreSQL {version}), and {tables}"))
        }
        Err(error) => match &facts.database_url {
            None => problem(
                "database",
                format!("it does not open: {error}"),
                "run this as the server's user; if that is the case, put the folder back from a backup, or move it away to begin anew",
            ),
            Some(url) => problem(
                "database",
                format!("{url} cannot be used: {error}"),
                "check store.url, and whether psql gets there with it from this machine: a server does not start without it",
            ),
        },
    }
}
