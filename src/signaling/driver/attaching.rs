//! Websockets and their sessions (D): at once, or when other nodes were asked.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::{Driver, Outgoing};
use crate::id::ConnectionId;
use crate::signaling::hub::{Attach, AttachRefused, Attaching};
use crate::signaling::session::Departure;

/// Who waits for a session.
pub(super) type Attached = oneshot::Sender<Result<ConnectionId, AttachRefused>>;

impl Driver {
    pub(super) fn attach(&mut self, new: Attach, outbox: mpsc::Sender<Outgoing>, reply: Attached, now: Instant) {
        let connection = ConnectionId::from_random(self.next_connection);
        self.next_connection += 1;
        let done = match self.hub.handle_attach(connection, new, now) {
            Ok(Attaching::Later) => {
                self.arriving.insert(connection, (outbox, reply));
                return;
            }
            Ok(Attaching::Done) => Ok(()),
            Err(refused) => Err(refused),
        };
        self.end_attach(connection, done, (outbox, reply), now);
    }

    pub(super) fn end_attach(
        &mut self,
        connection: ConnectionId,
        done: Result<(), AttachRefused>,
        (outbox, reply): (mpsc::Sender<Outgoing>, Attached),
        now: Instant,
    ) {
        if done.is_ok() {
            self.outboxes.insert(connection, outbox);
        }
        if reply.send(done.map(|()| connection)).is_err() && done.is_ok() {
            // The websocket went while it waited.
            self.outboxes.remove(&connection);
            self.hub.handle_detach(connection, Departure::Dropped, now);
        }
    }
}
