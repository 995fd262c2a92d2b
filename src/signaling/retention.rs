//! Forgets in the store what is too old or too much (D), beside whatever is written meanwhile.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::keeper::{Archive, DOWN_MAX, ms};
use crate::clock;
use crate::metrics::Metrics;
use crate::store::StoreError;

/// How often the size of the database is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A file that was begun becomes part of a message within this time, or goes.
const UNSAID_LASTS: Duration = Duration::from_secs(3600);

/// So many looks make a day: what is too old is forgotten at the first, and then once a day.
const LOOKS_A_DAY: u32 = 24 * 60;

/// After so long another node sends the webhooks of one that has not said that it lives.
const LIVES_WITHIN: Duration = Duration::from_secs(200);

/// Until it is aborted.
pub(super) async fn run(archive: Archive, metrics: Arc<Metrics>) {
    let mut clock = tokio::time::interval(LOOK_EVERY);
    for look in (0..LOOKS_A_DAY).cycle() {
        clock.tick().await;
        if archive.store.is_shared() {
            note(look_after_others(&archive).await, &metrics);
        }
        if look == 0 {
            note(purge_old(&archive).await, &metrics);
        }
        note(sweep(&archive, &metrics).await, &metrics);
        note(shrink(&archive, &metrics).await, &metrics);
    }
}

/// What nodes have left behind that are gone. Of several nodes that look at the same time, one finds something.
async fn look_after_others(archive: &Archive) -> Result<(), StoreError> {
    let (store, webhooks, now) = (&archive.store, &archive.webhooks, clock::unix_ms());
    for endpoint in webhooks.urls() {
        let taken = store
            .take_over_webhooks(endpoint, now.saturating_sub(ms(LIVES_WITHIN)))
            .await?;
        if taken > 0 {
            tracing::info!(messages = taken, "the webhooks of a node that is gone are sent by this one");
            webhooks.wake();
        }
    }
    let since = now.saturating_sub(ms(DOWN_MAX));
    store.purge(since).await?;
    store.forget_nodes(since).await
}

/// Of several nodes that begin at the same time, one does it.
async fn purge_old(archive: &Archive) -> Result<(), StoreError> {
    let Some(_alone) = archive.store.try_to_clean_up().await? else {
        return Ok(());
    };
    let since = clock::unix_ms().saturating_sub(ms(archive.history_lasts));
    archive.store.purge_history(since, archive.history_calls_max).await?;
    let reports_since = clock::unix_ms().saturating_sub(ms(archive.reports_last));
    archive.store.purge_reports(reports_since).await?;
    archive.store.purge_messages().await?;
    let files_since = clock::unix_ms().saturating_sub(ms(archive.files_last));
    archive.store.empty_old_files(files_since).await?;
    archive.store.purge_old_messages(since).await
}

/// What was begun and never became part of a message, and what no message leads to.
async fn sweep(archive: &Archive, metrics: &Metrics) -> Result<(), StoreError> {
    let now = clock::unix_ms();
    archive.store.sweep_files(now.saturating_sub(ms(UNSAID_LASTS))).await?;
    let bytes = archive.store.file_bytes().await?;
    metrics.file_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    Ok(())
}

async fn shrink(archive: &Archive, metrics: &Metrics) -> Result<(), StoreError> {
    if let Some(bytes_max) = archive.bytes_max
        && !archive.store.shrink(bytes_max).await?
    {
        tracing::warn!(
            bytes_max,
            "store.size_mib_max is too small for the users, contacts and links that there are"
        );
    }
    let used = archive.store.used_bytes().await?;
    metrics.store_bytes.set(i64::try_from(used).unwrap_or(i64::MAX));
    Ok(())
}

fn note(done: Result<(), StoreError>, metrics: &Metrics) {
    if let Err(error) = done {
        metrics.store_failures.with_label_values(&["purge"]).inc();
        tracing::warn!(
            error = &error as &dyn Error,
            "old calls, reports, messages and files not forgotten"
        );
    }
}
