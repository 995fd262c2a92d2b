//! Flows that are not the worker's own UDP port (D): how TCP connections and the relay hand datagrams to a worker and get them back.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::flow::{End, Flow, Via};
use super::handle::Shared;
use super::stun;
use crate::metrics::Metrics;
use crate::udp::Outgoing;

/// What the SFU sends by a link: the address of ours that sends, and the datagram. Where it is full, datagrams are lost, as they are on
/// a network that is full.
pub type LinkOutbox = Sender<(SocketAddr, Vec<u8>)>;

/// What comes through a worker's second queue, which commands must not wait behind.
pub(super) enum Frame {
    Arrived {
        flow: Flow,
        payload: Vec<u8>,
        outbox: LinkOutbox,
    },
    /// Of the UDP port, where another process receives at it.
    Passed { flow: Flow, payload: Vec<u8> },
    /// To be sent from the worker's UDP port as it is.
    Leaving(Outgoing),
}

/// One browser's end that datagrams come from and go to. Dropping it ends it, once `outbox`'s receiver is gone too.
pub struct Link {
    shared: Arc<Shared>,
    via: Via,
    remote: SocketAddr,
    outbox: LinkOutbox,
    /// Of a TCP connection: the worker that answers to the ufrag of its first check.
    worker: OnceLock<usize>,
}

impl Link {
    pub(super) fn new(shared: Arc<Shared>, via: Via, remote: SocketAddr, outbox: LinkOutbox) -> Link {
        Link {
            shared,
            via,
            remote,
            outbox,
            worker: OnceLock::new(),
        }
    }

    /// Hands a datagram over that was sent to `local`, one of our candidates. Never waits. False: there is no worker for it, or it is far
    /// behind.
    pub fn deliver(&self, local: SocketAddr, payload: Vec<u8>) -> bool {
        let Some(worker) = self.worker(local, &payload) else {
            return false;
        };
        let flow = Flow {
            via: self.via,
            remote: self.remote,
            local,
        };
        let outbox = self.outbox.clone();
        self.shared.hand(worker, Frame::Arrived { flow, payload, outbox })
    }

    fn worker(&self, local: SocketAddr, payload: &[u8]) -> Option<usize> {
        match self.via {
            Via::Udp | Via::Relay => self.shared.worker_at(local.port()),
            Via::Tcp => self.worker.get().copied().or_else(|| {
                let ufrag = stun::parse_binding_request(payload)?.ufrag?;
                let worker = self.shared.worker_of_ufrag(ufrag)?;
                Some(*self.worker.get_or_init(|| worker))
            }),
        }
    }
}

/// The links of one worker.
#[derive(Default)]
pub(super) struct Links {
    outboxes: HashMap<End, LinkOutbox>,
}

impl Links {
    /// A datagram came by this flow: what is sent back goes into this outbox.
    pub fn arrived(&mut self, flow: Flow, outbox: LinkOutbox) {
        match self.outboxes.get_mut(&flow.end()) {
            Some(known) if known.same_channel(&outbox) => {}
            Some(known) => *known = outbox,
            None => {
                self.outboxes.insert(flow.end(), outbox);
            }
        }
    }

    pub fn send(&mut self, flow: Flow, payload: Vec<u8>, metrics: &Metrics) {
        let Some(outbox) = self.outboxes.get(&flow.end()) else {
            return;
        };
        match outbox.try_send((flow.local, payload)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => metrics.queue_full.with_label_values(&["link"]).inc(),
            Err(TrySendError::Closed(_)) => {
                self.outboxes.remove(&flow.end());
            }
        }
    }

    /// Forgets the links that are gone.
    pub fn prune(&mut self) {
        self.outboxes.retain(|_, outbox| !outbox.is_closed());
    }
}
