//! The key set of a provider (D): read from a file or a URL, kept while it is good, and read again when it is old or lacks a key.

#![expect(clippy::disallowed_methods, reason = "a driver has the clock and a task")]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::keys::{KeySet, KeySetError};
use crate::config::JwksSource;
use crate::fetch::{FetchError, Fetcher};
use crate::metrics::Metrics;

/// A set of some keys with their certificates is some tens of kilobytes.
const BYTES_MAX: usize = 256 * 1024;

/// From the name of the provider to the last byte of its answer.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// However many tokens name keys that are not there, the set is not read more often than this.
const FLOOR: Duration = Duration::from_secs(5);

/// How old a set may become: a key that was withdrawn is taken for so long.
const AGE_MAX: Duration = Duration::from_secs(600);

/// When it is tried again after a failure, if nobody asks before.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Sign-ins that wait for another look at the set. Those beyond it do not wait.
const ASKS_MAX: usize = 64;

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
    asks: mpsc::Sender<oneshot::Sender<()>>,
}

impl Jwks {
    /// Reads the set, and keeps it fresh. A file has to be there; a provider that cannot be reached is tried again.
    ///
    /// # Errors
    /// The file has no key set, or that of the authority cannot be read.
    pub async fn start(source: JwksSource, metrics: Arc<Metrics>) -> Result<Jwks, JwksError> {
        let reader = Reader::new(source)?;
        let mut first = KeySet::default();
        if matches!(reader, Reader::File(_)) {
            first = reader.read().await?;
        }
        let current = Arc::new(RwLock::new(Arc::new(first)));
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        tokio::spawn(follow(reader, Arc::clone(&current), asked, metrics));
        Ok(Jwks { current, asks })
    }

    /// The last set that was good.
    pub fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The set after another look at its source, unless the last look was a moment ago.
    pub async fn refreshed(&self) -> Arc<KeySet> {
        let (reply, answer) = oneshot::channel();
        if self.asks.try_send(reply).is_ok() {
            // The last good set will have to do where nothing comes.
            let _ = timeout(FETCH_WITHIN + Duration::from_secs(1), answer).await;
        }
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

async fn follow(
    reader: Reader,
    current: Arc<RwLock<Arc<KeySet>>>,
    mut asked: mpsc::Receiver<oneshot::Sender<()>>,
    metrics: Arc<Metrics>,
) {
    let mut due = match reader {
        Reader::File(_) => Instant::now() + AGE_MAX,
        Reader::Url { .. } => Instant::now(),
    };
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
            let read = reader.read().await;
            looked = Some(Instant::now());
            due = Instant::now() + if read.is_ok() { AGE_MAX } else { RETRY_AFTER };
            let result = if read.is_ok() { "ok" } else { "failed" };
            metrics.jwks_reads.with_label_values(&[result]).inc();
            match read {
                Ok(keys) => {
                    if !is_well {
                        tracing::info!(keys = keys.len(), "the key set can be read again");
                    }
                    *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                    is_well = true;
                }
                Err(error) => {
                    // Once: strangers decide how often it is tried.
                    if std::mem::take(&mut is_well) {
                        tracing::warn!(%error, "the key set cannot be read: the last good one is used");
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
