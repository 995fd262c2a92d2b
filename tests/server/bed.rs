//! Stories about what lasts are told on both databases: on a bed, which has an empty one of either for the server.

use crate::cluster::Cluster;
use crate::support::Server;

/// Where a server keeps what lasts.
pub struct Bed {
    /// None: SQLite in the data folder.
    pub url: Option<String>,
}

impl Bed {
    pub fn sqlite() -> Bed {
        Bed { url: None }
    }

    pub fn postgres() -> Bed {
        Bed {
            url: Some(Cluster::shared().database()),
        }
    }

    pub fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// Starts with config keys from the environment.
    pub fn start_with(&self, environment: &[(&str, &str)]) -> Server {
        let mut environment = environment.to_vec();
        environment.extend(self.url.as_deref().map(|url| ("TANDEM__STORE__URL", url)));
        Server::start_with(&environment)
    }
}

/// Makes two tests of each of these stories, one for each database. What a story plays besides the browsers goes on while it waits.
macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story(&$crate::bed::Bed::sqlite()).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story(&$crate::bed::Bed::postgres()).await;
            })*
        }
    };
}

pub(crate) use on_both;
