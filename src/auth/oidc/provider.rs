//! The provider as it describes itself (D): asked at the start, again and again while it is away, and once an hour after that.

#![expect(clippy::disallowed_methods, reason = "a driver has the clock and a task")]

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::metadata::{Metadata, address_of};
use crate::auth::jwks::Jwks;
use crate::config::{JwksSource, OidcAuth};
use crate::fetch::{AnyError, Fetcher};
use crate::metrics::Metrics;

/// The largest that are known have some kilobytes.
const BYTES_MAX: usize = 256 * 1024;

/// From the name of the provider to the last byte of its answer.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// However many people want to sign in while it is away, it is not asked more often than this.
const FLOOR: Duration = Duration::from_secs(2);

/// How long what it said counts.
const AGE_MAX: Duration = Duration::from_secs(3600);

/// When it is tried again after a failure, if nobody asks before.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// Sign-ins that wait for another look. Those beyond it do not wait.
const ASKS_MAX: usize = 64;

/// A provider that was heard.
#[derive(Debug)]
pub struct Known {
    pub metadata: Metadata,
    /// What its tokens are signed with.
    pub keys: Jwks,
}

/// Its task ends when this is dropped.
#[derive(Debug)]
pub struct Provider {
    current: Arc<RwLock<Option<Arc<Known>>>>,
    asks: mpsc::Sender<oneshot::Sender<()>>,
}

impl Provider {
    /// Begins to ask. One that is away is tried again.
    pub fn start(config: &OidcAuth, fetcher: Fetcher, metrics: Arc<Metrics>) -> Provider {
        let current = Arc::default();
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let follower = Follower {
            issuer: config.issuer.clone(),
            authority: config.authority.clone(),
            fetcher,
            metrics,
            current: Arc::clone(&current),
        };
        tokio::spawn(follower.run(asked));
        Provider { current, asks }
    }

    /// As it was last heard; none: not yet.
    pub fn current(&self) -> Option<Arc<Known>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same after another look, where it was not heard yet.
    pub async fn known(&self) -> Option<Arc<Known>> {
        if let Some(known) = self.current() {
            return Some(known);
        }
        let (reply, answer) = oneshot::channel();
        if self.asks.try_send(reply).is_ok() {
            let _ = timeout(FETCH_WITHIN + Duration::from_secs(1), answer).await;
        }
        self.current()
    }
}

/// Asks it once, for `tandem doctor`.
///
/// # Errors
/// One sentence.
pub async fn look_at(config: &OidcAuth) -> Result<(), AnyError> {
    let fetcher = Fetcher::new(config.authority.as_deref())?;
    ask(&fetcher, &config.issuer).await.map(drop)
}

async fn ask(fetcher: &Fetcher, issuer: &str) -> Result<Metadata, AnyError> {
    let address = address_of(issuer);
    let text = fetcher.get(&address, BYTES_MAX, FETCH_WITHIN).await;
    let text = text.map_err(|error| format!("{address}: {error}"))?;
    Metadata::read(&text, issuer).map_err(|error| format!("{address}: {error}").into())
}

struct Follower {
    issuer: String,
    authority: Option<PathBuf>,
    fetcher: Fetcher,
    metrics: Arc<Metrics>,
    current: Arc<RwLock<Option<Arc<Known>>>>,
}

impl Follower {
    async fn run(self, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
        let mut due = Instant::now();
        let mut looked: Option<Instant> = None;
        let mut is_well = true;
        loop {
            let waiting = tokio::select! {
                ask = asked.recv() => match ask {
                    Some(reply) => Some(reply),
                    None => return,
                },
                () = sleep_until(due) => None,
            };
            if waiting.is_none() || looked.is_none_or(|at| at.elapsed() >= FLOOR) {
                let heard = self.hear().await;
                looked = Some(Instant::now());
                due = Instant::now() + if heard.is_ok() { AGE_MAX } else { RETRY_AFTER };
                match heard {
                    Ok(()) if !is_well => {
                        tracing::info!(issuer = self.issuer, "the sign-in provider can be reached again");
                        is_well = true;
                    }
                    Ok(()) => {}
                    // Once: strangers decide how often it is tried.
                    Err(error) => {
                        if std::mem::take(&mut is_well) {
                            tracing::warn!(%error, "the sign-in provider cannot be reached: it is tried again, and nobody can sign in until then");
                        }
                    }
                }
            }
            if let Some(reply) = waiting {
                // Whoever asked may have given up.
                let _ = reply.send(());
            }
        }
    }

    async fn hear(&self) -> Result<(), AnyError> {
        let metadata = ask(&self.fetcher, &self.issuer).await?;
        let before = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if before.is_some_and(|before| before.metadata == metadata) {
            return Ok(());
        }
        let source = JwksSource::Url {
            url: metadata.jwks_uri.clone(),
            authority: self.authority.clone(),
        };
        let keys = Jwks::start(source, Arc::clone(&self.metrics)).await?;
        let known = Some(Arc::new(Known { metadata, keys }));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }
}
