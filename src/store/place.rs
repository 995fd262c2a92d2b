//! Where the database is: a file of SQLite in the data folder, or a database of PostgreSQL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::any::AnyConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// What a URL may say behind its question mark: the names that sqlx knows. It takes others as well, and logs them with their values.
const PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// Which database it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The data folder.
    Folder(PathBuf),
    Postgres(PostgresUrl),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(folder) => write!(f, "{}", folder.display()),
            Place::Postgres(url) => write!(f, "{url}"),
        }
    }
}

/// The URL of a database of PostgreSQL, as its own tools take it. It may hold a password, and prints none.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<PostgresUrl, &'static str> {
        const EXPECTED: &str =
            "a PostgreSQL URL such as postgres://tandem:password@db.example.org/tandem, or nothing for SQLite in the data folder";
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(EXPECTED);
        }
        let url = AnyConnectOptions::from_str(text).map_err(|_| EXPECTED)?.database_url;
        let mut names_database = !url.path().trim_matches('/').is_empty();
        for (key, _) in url.query_pairs() {
            if !PARAMETERS.contains(&&*key) {
                return Err(
                    "only sslmode, sslrootcert, sslcert, sslkey, host, hostaddr, port, dbname, user, password, application_name and \
                     statement-cache-capacity behind the question mark",
                );
            }
            names_database |= key == "dbname";
        }
        if !names_database {
            return Err("a PostgreSQL URL that names a database, such as postgres://tandem:password@db.example.org/tandem");
        }
        PgConnectOptions::from_str(text)
            .map_err(|_| "a PostgreSQL URL whose sslmode is disable, allow, prefer, require, verify-ca or verify-full, and whose port is a number")?;
        Ok(PostgresUrl(text.to_owned()))
    }

    /// With everything that it holds.
    pub(super) fn secret_text(&self) -> &str {
        &self.0
    }

    /// What of such a text may be shown, also where it is none: a password may be in it.
    pub fn shown(text: &str) -> String {
        match text.split_once("://") {
            Some((scheme, _)) if scheme.len() < 16 => format!("{scheme}://…"),
            _ if text.contains(['@', '=', ' ']) => "…".to_owned(),
            _ => text.to_owned(),
        }
    }
}

/// The host and the database.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It was parsed before.
        let Ok(options) = PgConnectOptions::from_str(&self.0) else {
            return f.write_str("postgres://…");
        };
        match options.get_socket() {
            Some(socket) => write!(f, "postgres://{}", socket.display())?,
            None => write!(f, "postgres://{}:{}", options.get_host(), options.get_port())?,
        }
        write!(f, "/{}", options.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_and_its_password_never_shown() {
        for (text, shown) in [
            (
                "postgres://ada:s3cret@db.example.org/calls",
                "postgres://db.example.org:5432/calls",
            ),
            (
                "postgresql://ada:s3cret@[::1]:5433/calls?sslmode=verify-full",
                "postgres://[::1]:5433/calls",
            ),
            (
                "postgres:///?host=/run/postgresql&dbname=calls&password=s3cret",
                "postgres:///run/postgresql/calls",
            ),
        ] {
            let url = PostgresUrl::parse(text).expect("it is one");
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3cret"));
            assert_eq!(url.secret_text(), text);
        }
    }

    #[test]
    fn what_is_none_is_refused_with_what_would_be_right() {
        for (text, right) in [
            ("mysql://ada:s3cret@db/calls", "postgres://"),
            ("/var/lib/tandem.sqlite3", "SQLite in the data folder"),
            ("host=db password=s3cret", "postgres://"),
            ("postgres://ada:s3cret@db", "names a database"),
            ("postgres://ada:s3cret@db:port/calls", "postgres://"),
            ("postgres://ada:s3cret@db/calls?sslmode=maybe", "verify-full"),
            ("postgres://ada@db/calls?passwort=s3cret", "question mark"),
        ] {
            let refused = PostgresUrl::parse(text).expect_err(text);
            assert!(refused.contains(right), "{text}: {refused}");
            assert!(!PostgresUrl::shown(text).contains("s3cret"), "{text}");
        }
        assert_eq!(PostgresUrl::shown("tandem.sqlite3"), "tandem.sqlite3");
    }
}
