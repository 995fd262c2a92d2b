//! What systemd is told (D): that the server is ready, that it stops, and that it is alive (sd_notify(3)). Without `$NOTIFY_SOCKET` all
//! of it does nothing.

#![expect(clippy::disallowed_methods, reason = "a driver: it owns a task")]

use sd_notify::NotifyState;
use tokio::time::timeout;

use crate::signaling::driver::HubHandle;

/// The server is ready. From here on systemd's watchdog hears of it while the hub answers, twice as often as it asks for.
pub fn ready(hub: &HubHandle) {
    tell(&[NotifyState::Ready]);
    let Some(every) = sd_notify::watchdog_enabled() else { return };
    let hub = hub.clone();
    tokio::spawn(async move {
        let half = every / 2;
        loop {
            match timeout(half, hub.running()).await {
                Ok(Ok(_)) => tell(&[NotifyState::Watchdog]),
                // It has ended in order.
                Ok(Err(_)) => return,
                // Said nothing: systemd starts the server anew.
                Err(_) => tracing::error!("the hub does not answer: systemd's watchdog is not told that all is well"),
            }
            tokio::time::sleep(half).await;
        }
    });
}

/// The server takes nothing new, and goes when what runs has ended.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Another process serves from here on, and is the service.
pub fn succeeded_by(pid: i32) {
    if let Ok(pid) = u32::try_from(pid) {
        tell(&[NotifyState::MainPid(pid)]);
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(%error, "systemd was not told");
    }
}
