//! What the hub has kept by the store, and what comes of it (D); and a user who is forgotten, by the hub's handle.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::oneshot;

use super::{Driver, HubError, HubHandle, Input};
use crate::id::UserId;
use crate::signaling::output::Keep;
use crate::signaling::records::News;

/// Who is told of a user that was forgotten: whether there was such a user; none: the store failed, and nothing is forgotten.
pub(super) type Forgotten = oneshot::Sender<Option<bool>>;

impl HubHandle {
    /// Ends a user's sessions and links, and has the store forget the user. Whether there was one; none: the store failed.
    pub async fn forget(&self, user: UserId) -> Result<Option<bool>, HubError> {
        let (reply, answer) = oneshot::channel();
        self.put(Input::Forget { user, reply }).await?;
        answer.await.map_err(|_| HubError::Gone)
    }
}

impl Driver {
    pub(super) fn forget(&mut self, user: UserId, reply: Forgotten) {
        self.forgetting.push((user, reply));
        self.hub.forget_user(user, Instant::now());
    }

    pub(super) fn take_news(&mut self, news: News) {
        if let News::UserForgotten { user, was_there } = news {
            tracing::info!(was_there, "a user was forgotten");
            for (_, reply) in self.forgetting.extract_if(.., |(forgotten, _)| *forgotten == user) {
                // Nobody may be waiting any more.
                let _ = reply.send(was_there);
            }
        }
        self.hub.handle_news(news, Instant::now());
    }

    /// Hands a change to the keeper. One that finds no place there is lost, and who waits for it is told.
    pub(super) fn keep(&mut self, keep: Keep) {
        // Before the keeper can have kept it.
        self.metrics.store_waiting.inc();
        let (Err(mpsc::error::TrySendError::Full(keep)) | Err(mpsc::error::TrySendError::Closed(keep))) =
            self.keeps.try_send(keep)
        else {
            return;
        };
        self.metrics.store_waiting.dec();
        self.metrics.queue_full.with_label_values(&["keep"]).inc();
        if let Some(news) = News::not_kept(&keep) {
            self.take_news(news);
        }
    }
}
