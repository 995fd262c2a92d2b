//! TURN over UDP (D): datagrams come from the SFU's ports and answers go out of them. Each allocation has a task and a queue of its
//! own, so that a flood of strangers fills nothing but the strangers' queue.

#![expect(
    clippy::disallowed_methods,
    reason = "a driver: it owns a task per allocation and reads the clock"
)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use dashmap::DashMap;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::counters::{Drop as DropReason, Refusal};
use super::driver::{Carrier, Shared, Transport, Wake};
use super::message::{self, Class};
use crate::rate::RateLimit;

/// Requests that may wait for the one task that answers clients without an allocation: 20 ms of its time.
const STRANGERS_MAX: usize = 1024;

/// Datagrams that may wait for the task of one allocation: 100 ms of its bitrate.
const DATAGRAMS_MAX: usize = 128;

/// (the client's address, ours).
type FiveTuple = (SocketAddr, SocketAddr);

/// The clients on UDP.
pub(super) struct Datagrams {
    clients: Arc<DashMap<FiveTuple, mpsc::Sender<Vec<u8>>>>,
    strangers: mpsc::Sender<(FiveTuple, Vec<u8>)>,
}

/// What the tasks have in common.
#[derive(Clone)]
struct Common {
    shared: Arc<Shared>,
    clients: Arc<DashMap<FiveTuple, mpsc::Sender<Vec<u8>>>>,
    /// For answers to addresses that may be forged.
    limit: Arc<Mutex<RateLimit>>,
}

impl Datagrams {
    pub fn start(shared: Arc<Shared>) -> Arc<Datagrams> {
        let (strangers, waiting) = mpsc::channel(STRANGERS_MAX);
        let common = Common {
            shared,
            clients: Arc::default(),
            limit: Arc::new(Mutex::new(RateLimit::new())),
        };
        let clients = common.clients.clone();
        tokio::spawn(answer_strangers(common, waiting));
        Arc::new(Datagrams { clients, strangers })
    }

    /// Hands a datagram to the task of its allocation, or a request to the strangers' task. Never waits.
    pub fn handle(&self, shared: &Shared, source: SocketAddr, destination: SocketAddr, datagram: Vec<u8>) {
        let tuple = (source, destination);
        let sent = match self.clients.get(&tuple) {
            Some(client) => client.try_send(datagram),
            None => Err(TrySendError::Closed(datagram)),
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => shared.drop(DropReason::QueueFull),
            Err(TrySendError::Closed(datagram)) => {
                if !matches!(message::kind_of(&datagram), Some((Class::Request, _))) {
                    shared.drop(DropReason::NoAllocation);
                } else if self.strangers.try_send((tuple, datagram)).is_err() {
                    shared.drop(DropReason::QueueFull);
                }
            }
        }
    }
}

/// Answers everybody who has no allocation, and keeps nothing of those who do not get one.
async fn answer_strangers(common: Common, mut waiting: mpsc::Receiver<(FiveTuple, Vec<u8>)>) {
    loop {
        let (tuple, datagram) = tokio::select! {
            () = common.shared.stop.cancelled() => return,
            next = waiting.recv() => match next {
                Some(next) => next,
                None => return,
            },
        };
        // It may have made one since: a request that was sent twice.
        if let Some(client) = common.clients.get(&tuple) {
            let _ = client.try_send(datagram);
            continue;
        }
        let mut carrier = Carrier::new(common.shared.clone(), tuple.0, Transport::Udp);
        carrier.handle(&datagram);
        if carrier.has_allocation() {
            let (queue, datagrams) = mpsc::channel(DATAGRAMS_MAX);
            common.clients.insert(tuple, queue);
            answer(&common, tuple, &mut carrier);
            tokio::spawn(carry(common.clone(), tuple, carrier, datagrams));
        } else {
            answer(&common, tuple, &mut carrier);
        }
    }
}

/// Runs one allocation to its end.
async fn carry(common: Common, tuple: FiveTuple, mut carrier: Carrier, mut datagrams: mpsc::Receiver<Vec<u8>>) {
    while carrier.has_allocation() {
        let deadline = carrier.poll_timeout();
        tokio::select! {
            wake = carrier.wakes.next(deadline, true) => match wake {
                Wake::FromPeer(datagram) => carrier.handle_from_peer(datagram),
                Wake::Ended => break,
                Wake::Timeout => carrier.handle_timeout(),
            },
            Some(datagram) = datagrams.recv() => carrier.handle(&datagram),
        }
        answer(&common, tuple, &mut carrier);
    }
    common.clients.remove(&tuple);
}

fn answer(common: &Common, (client, server): FiveTuple, carrier: &mut Carrier) {
    for answer in carrier.answers.drain(..) {
        let may = !answer.to_stranger || {
            let mut limit = common.limit.lock().unwrap_or_else(PoisonError::into_inner);
            limit.allow(client.ip(), Instant::now())
        };
        if may {
            common.shared.sfu.send_udp(server, client, answer.bytes);
        } else {
            common.shared.refuse(Refusal::RateLimited);
        }
    }
}
