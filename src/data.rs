//! What an operator does with the data folder, beside the server that runs with it: `tandem export`, `tandem forget`, `tandem backup`.

use std::path::Path;

use anyhow::Context;

use crate::config::Config;
use crate::control;
use crate::id::UserId;
use crate::store::{Place, Store};

/// Everything that is kept of a user, as JSON.
///
/// # Errors
/// There is no such user, or the database cannot be read.
pub fn export(config: &Config, user: UserId) -> anyhow::Result<String> {
    let export = block_on(async {
        let store = Store::open_beside(&config.store).await?;
        let export = store.export(user).await;
        store.close().await;
        export
    })??;
    let export = export.with_context(|| format!("there is no user {user}"))?;
    Ok(serde_json::to_string_pretty(&export)?)
}

/// Leaves nothing of a user, by the server that runs, or without one.
///
/// # Errors
/// There is no such user, or the store failed; then nothing has changed.
pub fn forget(config: &Config, user: UserId) -> anyhow::Result<()> {
    let was_there = match control::forget(&config.data, user) {
        Ok(was_there) => was_there,
        Err(error) if control::is_nobody(&error) => block_on(forget_alone(&config.store, user))??,
        Err(error) => return Err(error).context("the server that runs cannot be asked"),
    };
    anyhow::ensure!(was_there, "there is no user {user}");
    block_on(async {
        let store = Store::open_beside(&config.store).await?;
        let done = async {
            store.sweep_files(0).await?;
            store.clear_journal().await
        };
        let done = done.await;
        store.close().await;
        done
    })??;
    Ok(())
}

/// No server runs with this data.
async fn forget_alone(place: &Place, user: UserId) -> anyhow::Result<bool> {
    let store = Store::open(place).await?;
    let done = async {
        store.check_unused().await?;
        store.forget(user).await
    };
    let done = done.await;
    store.close().await;
    Ok(done?)
}

/// Writes a sound copy of the database into a new file; its bytes.
///
/// # Errors
/// The file is there already, cannot be written, or the copy is not sound.
pub fn backup(config: &Config, to: &Path) -> anyhow::Result<u64> {
    block_on(async {
        let store = Store::open_beside(&config.store).await?;
        let done = store.backup(to).await;
        store.close().await;
        Ok(done?)
    })?
}

fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    Ok(runtime.block_on(work))
}
