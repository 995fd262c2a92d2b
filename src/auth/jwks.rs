//! The key set of a provider (D): read from a file or a URL, kept while it is good, and read again when it is old or lacks a key.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::follower::{Follower, Rhythm, Source};
use super::keys::{KeySet, KeySetError};
use crate::config::JwksSource;
use crate::fetch::{FetchError, Fetcher};
use crate::metrics::Metrics;

/// A set of some keys with their certificates is some tens of kilobytes.
const BYTES_MAX: usize = 256 * 1024;

/// From the name of the provider to the last byte of its answer.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// A key that was withdrawn is taken until the set is too old.
const RHYTHM: Rhythm = Rhythm {
    floor: Duration::from_secs(5),
    age_max: Duration::from_secs(600),
    retry_after: Duration::from_secs(30),
    patience: FETCH_WITHIN.saturating_add(Duration::from_secs(1)),
};

/// Why there is no key set.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{from}: {problem}")]
    Fetch { from: String, problem: String },
    #[error("{from}: {source}")]
    KeySet { from: String, source: KeySetError },
    #[error("auth.jwks_ca {0}")]
    Setup(#[from] FetchError),
}

/// The set that is in use. Its task ends when this is dropped.
#[derive(Debug)]
pub struct Jwks {
    current: Arc<RwLock<Arc<KeySet>>>,
    follower: Follower,
}

impl Jwks {
    /// Reads the set, and keeps it fresh. A file has to be there; a provider that cannot be reached is tried again.
    ///
    /// # Errors
    /// The file has no key set, or that of the authority cannot be read.
    pub async fn start(source: JwksSource, metrics: Arc<Metrics>) -> Result<Jwks, JwksError> {
        let reader = Reader::new(source)?;
        let (first, after) = match reader {
            Reader::File(_) => (reader.read().await?, RHYTHM.age_max),
            Reader::Url { .. } => (KeySet::default(), Duration::ZERO),
        };
        let current = Arc::new(RwLock::new(Arc::new(first)));
        let set = Set {
            reader,
            current: Arc::clone(&current),
            metrics,
        };
        let follower = Follower::start(set, RHYTHM, after);
        Ok(Jwks { current, follower })
    }

    /// The last set that was good.
    pub fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The set after another look at its source, unless the last look was a moment ago.
    pub async fn refreshed(&self) -> Arc<KeySet> {
        self.follower.look().await;
        self.current()
    }
}

/// Reads a set once, for `tandem doctor`: how many keys it has.
///
/// # Errors
/// One sentence.
pub async fn look_at(source: &JwksSource) -> Result<usize, JwksError> {
    Ok(Reader::new(source.clone())?.read().await?.len())
}

/// The set where it is kept, and the copy that is in use.
struct Set {
    reader: Reader,
    current: Arc<RwLock<Arc<KeySet>>>,
    metrics: Arc<Metrics>,
}

impl Source for Set {
    type Error = JwksError;

    async fn look(&self) -> Result<(), JwksError> {
        let read = self.reader.read().await;
        let result = if read.is_ok() { "ok" } else { "failed" };
        self.metrics.jwks_reads.with_label_values(&[result]).inc();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read?);
        Ok(())
    }

    fn is_back(&self) {
        let keys = self.current.read().unwrap_or_else(PoisonError::into_inner).len();
        tracing::info!(keys, "the key set can be read again");
    }

    fn is_away(&self, error: &JwksError) {
        tracing::warn!(%error, "the key set cannot be read: the last good one is used");
    }
}

/// Where the set is read from, again and again.
enum Reader {
    File(PathBuf),
    Url { url: String, fetcher: Fetcher },
}

impl Reader {
    fn new(source: JwksSource) -> Result<Reader, JwksError> {
        Ok(match source {
            JwksSource::File(path) => Reader::File(path),
            JwksSource::Url { url, authority } => {
                let fetcher = Fetcher::new(authority.as_deref())?;
                Reader::Url { url, fetcher }
            }
        })
    }

    async fn read(&self) -> Result<KeySet, JwksError> {
        match self {
            Reader::File(path) => {
                let text = read_file(path).map_err(|source| JwksError::File {
                    path: path.clone(),
                    source,
                })?;
                key_set(&path.display().to_string(), &text)
            }
            Reader::Url { url, fetcher } => {
                let text = fetcher
                    .get(url, BYTES_MAX, FETCH_WITHIN)
                    .await
                    .map_err(|problem| JwksError::Fetch {
                        from: url.clone(),
                        problem: problem.to_string(),
                    })?;
                key_set(url, &text)
            }
        }
    }
}

fn key_set(from: &str, text: &[u8]) -> Result<KeySet, JwksError> {
    KeySet::from_jwks(text).map_err(|source| JwksError::KeySet {
        from: from.to_owned(),
        source,
    })
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let bytes_max = BYTES_MAX as u64;
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut text)?;
    if text.len() > BYTES_MAX {
        return Err(std::io::Error::other(format!("it has more than {BYTES_MAX} bytes")));
    }
    Ok(text)
}
