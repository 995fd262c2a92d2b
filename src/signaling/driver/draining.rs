//! Draining by the hub's handle (D): asked from outside, carried out in the hub's task.

use tokio::sync::oneshot;

use super::{Driver, HubError, HubHandle, Input};
use crate::signaling::output::Running;

impl HubHandle {
    /// Takes no new calls, rooms and joins from here on, until [`HubHandle::undrain`]; what runs goes on. Says what that is.
    pub async fn drain(&self) -> Result<Running, HubError> {
        self.ask(Some(true)).await
    }

    /// Takes new calls, rooms and joins again.
    pub async fn undrain(&self) -> Result<Running, HubError> {
        self.ask(Some(false)).await
    }

    /// What a restart would cut now, and whether the hub is drained.
    pub async fn running(&self) -> Result<Running, HubError> {
        self.ask(None).await
    }

    /// Whether the server has too much to do to take on more.
    pub async fn set_overloaded(&self, overloaded: bool) -> Result<(), HubError> {
        self.put(Input::Overload(overloaded)).await
    }

    async fn ask(&self, on: Option<bool>) -> Result<Running, HubError> {
        let (reply, answer) = oneshot::channel();
        self.put(Input::Drain { on, reply }).await?;
        answer.await.map_err(|_| HubError::Gone)
    }
}

impl Driver {
    pub(super) fn drain(&mut self, on: Option<bool>, reply: oneshot::Sender<Running>) {
        let before = self.hub.is_draining();
        if let Some(on) = on {
            self.hub.set_draining(on);
        }
        let running = self.hub.running();
        match (before, running.draining) {
            (false, true) => tracing::info!(calls = running.calls, "draining: new calls are refused"),
            (true, false) => tracing::info!("new calls are taken again"),
            (false, false) | (true, true) => {}
        }
        // Whoever asks next should find the metric as it was told.
        self.show();
        // Nobody may be waiting any more.
        let _ = reply.send(running);
    }
}
