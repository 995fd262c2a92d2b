//! The provider as it describes itself (D): asked at the start, again and again while it is away, and once an hour after that.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::metadata::{Metadata, address_of};
use crate::auth::follower::{Follower, Rhythm, Source};
use crate::auth::jwks::Jwks;
use crate::config::{JwksSource, OidcAuth};
use crate::fetch::{AnyError, Fetcher};
use crate::metrics::Metrics;

/// The largest that are known have some kilobytes.
const BYTES_MAX: usize = 256 * 1024;

/// From the name of the provider to the last byte of its answer.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

const RHYTHM: Rhythm = Rhythm {
    floor: Duration::from_secs(2),
    age_max: Duration::from_secs(3600),
    retry_after: Duration::from_secs(15),
    patience: FETCH_WITHIN.saturating_add(Duration::from_secs(1)),
};

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
    follower: Follower,
}

impl Provider {
    /// Begins to ask. One that is away is tried again.
    pub fn start(config: &OidcAuth, fetcher: Fetcher, metrics: Arc<Metrics>) -> Provider {
        let current = Arc::default();
        let issuer = Issuer {
            name: config.issuer.clone(),
            authority: config.authority.clone(),
            fetcher,
            metrics,
            current: Arc::clone(&current),
        };
        let follower = Follower::start(issuer, RHYTHM, Duration::ZERO);
        Provider { current, follower }
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
        self.follower.look().await;
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

struct Issuer {
    name: String,
    authority: Option<PathBuf>,
    fetcher: Fetcher,
    metrics: Arc<Metrics>,
    current: Arc<RwLock<Option<Arc<Known>>>>,
}

impl Source for Issuer {
    type Error = AnyError;

    async fn look(&self) -> Result<(), AnyError> {
        let metadata = ask(&self.fetcher, &self.name).await?;
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

    fn is_back(&self) {
        tracing::info!(issuer = self.name, "the sign-in provider can be reached again");
    }

    fn is_away(&self, error: &AnyError) {
        tracing::warn!(%error, "the sign-in provider cannot be reached: it is tried again, and nobody can sign in until then");
    }
}
