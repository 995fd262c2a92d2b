//! Notes in the store what a restart of the server has to find again (D): sessions and answered calls. The hub never waits for it.

#![expect(clippy::disallowed_methods, reason = "a driver has the clock")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use super::hub::resume::Restored;
use super::output::{Keep, KeptCall, KeptSession};
use crate::metrics::Metrics;
use crate::store::{CallRow, Change, SessionRow, Store, StoreError};

/// Changes written at once: one commit, one wait for the disk.
const BATCH_MAX: usize = 256;

/// How often the store learns that the server lives.
const ALIVE_EVERY: Duration = Duration::from_secs(60);

/// When the server has been down for longer than this, nobody comes back to a session or a call.
const DOWN_MAX: Duration = Duration::from_secs(3600);

/// Writes what comes, in order and in batches, until the hub has ended.
pub(super) async fn run(mut keeps: mpsc::Receiver<Keep>, store: Store, metrics: Arc<Metrics>) {
    let mut alive = tokio::time::interval(ALIVE_EVERY);
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        batch.clear();
        let mut ended = false;
        tokio::select! {
            count = keeps.recv_many(&mut batch, BATCH_MAX) => ended = count == 0,
            _ = alive.tick() => {}
        }
        let now = unix_ms();
        let changes: Vec<Change> = batch.iter().map(|keep| change(keep, now)).collect();
        if let Err(error) = store.keep(&changes, now).await {
            metrics.store_failures.with_label_values(&["keep"]).inc();
            tracing::warn!(
                error = &error as &dyn Error,
                changes = changes.len(),
                "sessions and calls not kept"
            );
        }
        if ended {
            return;
        }
    }
}

/// What there was when the server last lived. Where it cannot be read, browsers begin anew: that is no reason not to start.
pub async fn restore(store: &Store, metrics: &Metrics) -> Restored {
    match read(store).await {
        Ok(restored) => restored,
        Err(error) => {
            metrics.store_failures.with_label_values(&["restore"]).inc();
            tracing::error!(error = &error as &dyn Error, "sessions and calls cannot be read back");
            Restored::default()
        }
    }
}

/// Rows that nobody comes back to are removed before.
async fn read(store: &Store) -> Result<Restored, StoreError> {
    let now = unix_ms();
    let down_max = i64::try_from(DOWN_MAX.as_millis()).unwrap_or(i64::MAX);
    store.purge(now.saturating_sub(down_max)).await?;
    let mut restored = Restored::default();
    for (row, name) in store.sessions().await? {
        let SessionRow {
            session,
            user,
            secret_hash,
        } = row;
        let kept = KeptSession {
            session,
            user,
            secret_hash,
        };
        restored.sessions.push((kept, name));
    }
    for row in store.calls().await? {
        let kept = KeptCall {
            call: row.call,
            room: row.room,
            caller: row.caller,
            callee: row.callee,
            direct: row.direct,
        };
        let lasted = u64::try_from(now.saturating_sub(row.answered_at_ms)).unwrap_or(0);
        restored.calls.push((kept, Duration::from_millis(lasted)));
    }
    Ok(restored)
}

fn change(keep: &Keep, now_ms: i64) -> Change {
    match keep {
        Keep::Session(kept) => Change::KeepSession(SessionRow {
            session: kept.session,
            user: kept.user,
            secret_hash: kept.secret_hash,
        }),
        Keep::ForgetSession(session) => Change::ForgetSession(*session),
        Keep::Call(kept) => Change::KeepCall(CallRow {
            call: kept.call,
            room: kept.room,
            caller: kept.caller,
            callee: kept.callee,
            direct: kept.direct,
            answered_at_ms: now_ms,
        }),
        Keep::ForgetCall(call) => Change::ForgetCall(*call),
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
