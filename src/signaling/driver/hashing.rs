//! Slow hashes of pass phrases, made beside the hub (D).

use std::time::Instant;

use tokio::sync::mpsc;

use super::Driver;
use crate::id::{LinkId, SessionId};
use crate::signaling::passphrase::slow_hash;

/// Pass phrases that wait to be hashed: about as many as one processor does while people have patience. When it is full, one is refused.
pub(super) const PASSPHRASES_MAX: usize = 64;

/// Whose pass phrase, and its slow hash.
pub(super) type Hashed = (SessionId, Option<[u8; 32]>);

/// One after the other, so that whoever guesses costs no more than one processor.
pub(super) async fn hash_passphrases(mut passphrases: mpsc::Receiver<(SessionId, LinkId, String)>, hashed: mpsc::Sender<Hashed>) {
    while let Some((session, link, passphrase)) = passphrases.recv().await {
        let hash = tokio::task::spawn_blocking(move || slow_hash(link, &passphrase)).await.ok();
        if hashed.send((session, hash)).await.is_err() {
            return;
        }
    }
}

impl Driver {
    /// Has a slow hash computed beside the hub; what cannot wait is told so.
    pub(super) fn hash(&mut self, session: SessionId, link: LinkId, passphrase: String) {
        if self.passphrases.try_send((session, link, passphrase)).is_err() {
            self.metrics.queue_full.with_label_values(&["passphrases"]).inc();
            self.hub.handle_hashed(session, None, Instant::now());
        }
    }
}
