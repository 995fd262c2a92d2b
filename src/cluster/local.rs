//! A bus inside one process under a virtual clock: what may be lost, repeated, late and in another order is, by a seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::bus::Packet;
use crate::id::NodeId;

/// What the bus does to packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// The share that is lost, and that comes twice.
    pub lost: f64,
    pub twice: f64,
    pub late_max: Duration,
    /// Whether it is gone altogether.
    pub down: bool,
}

impl Weather {
    pub const FAIR: Weather = Weather {
        lost: 0.0,
        twice: 0.0,
        late_max: Duration::from_millis(2),
        down: false,
    };
}

/// Packets on their way.
#[derive(Debug)]
pub struct LocalBus {
    pub weather: Weather,
    rng: StdRng,
    nodes: Vec<NodeId>,
    /// By when they arrive, then by when they were sent.
    flying: BTreeMap<(Instant, u64), (NodeId, Packet)>,
    sent: u64,
    cut: Vec<NodeId>,
}

impl LocalBus {
    pub fn new(rng: StdRng) -> LocalBus {
        LocalBus {
            weather: Weather::FAIR,
            rng,
            nodes: Vec::new(),
            flying: BTreeMap::new(),
            sent: 0,
            cut: Vec::new(),
        }
    }

    pub fn join(&mut self, node: NodeId) {
        self.nodes.push(node);
    }

    pub fn leave(&mut self, node: NodeId) {
        self.nodes.retain(|n| *n != node);
    }

    /// Cuts one node off, or joins it again.
    pub fn cut(&mut self, node: NodeId, cut: bool) {
        self.cut.retain(|n| *n != node);
        if cut {
            self.cut.push(node);
        }
    }

    pub fn publish(&mut self, to: Option<NodeId>, packet: &Packet, now: Instant) {
        let receivers: Vec<NodeId> = match to {
            Some(to) => self.nodes.iter().copied().filter(|node| *node == to).collect(),
            None => self.nodes.clone(),
        };
        for receiver in receivers {
            let Weather {
                lost,
                twice,
                late_max,
                down,
            } = self.weather;
            if down || self.cut.contains(&packet.from) || self.cut.contains(&receiver) || self.rng.random_bool(lost) {
                continue;
            }
            for _ in 0..1 + usize::from(self.rng.random_bool(twice)) {
                let late = late_max.mul_f64(f64::from(self.rng.next_u32()) / f64::from(u32::MAX));
                self.sent += 1;
                self.flying.insert((now + late, self.sent), (receiver, packet.clone()));
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    /// What has arrived, with its receiver.
    pub fn poll(&mut self, now: Instant) -> Option<(NodeId, Packet)> {
        let entry = self.flying.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}
