//! What carries packets between nodes, and what they look like.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::NodeId;

/// Packets of another version are not read.
pub const VERSION: u8 = 1;

/// Carries packets: to one node, or to all, the sender included. It may lose, repeat and reorder them.
pub trait Bus: Send {
    /// Never waits. What cannot be taken is lost.
    fn publish(&mut self, to: Option<NodeId>, packet: &Packet);
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    pub v: u8,
    pub from: NodeId,
    #[serde(flatten)]
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// To all, again and again: the sender lives.
    Beat {
        number: u64,
        about: About,
        /// Where it stands with every node that it knows.
        links: Vec<Known>,
    },
    /// Something that one node says to another.
    Word {
        to: NodeId,
        mine: u64,
        yours: u64,
        /// From 1 on, without gaps.
        number: u64,
        /// The last one that was taken of the other's.
        taken: u64,
        text: String,
    },
    /// Acknowledges words where none goes the other way.
    Taken { to: NodeId, mine: u64, yours: u64, taken: u64 },
    /// To all: the sender ends.
    Bye {},
}

/// A node as the others see it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct About {
    /// For people.
    pub name: String,
    /// Participants on it.
    pub participants: u64,
    /// Whether it takes nothing new.
    pub full: bool,
    /// Where its SFU is reached: what it advertises, with every worker's port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<SocketAddr>,
}

/// Where a node stands with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub node: NodeId,
    /// The sender's epoch of their link, which grows each time that it begins anew.
    pub mine: u64,
    /// The other's, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yours: Option<u64>,
    /// The last word that was taken of the other's.
    pub taken: u64,
}
