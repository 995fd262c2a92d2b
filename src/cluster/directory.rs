//! Which nodes there are, which of them are heard, whether the bus works; and words to them and from them. Feed it with packets, take
//! every [`Output`], and call [`Directory::handle_timeout`] when [`Directory::poll_timeout`] is due.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::bus::{About, Body, Known, Packet, VERSION};
use super::link::{Greeting, Link};
use crate::id::NodeId;

/// Nodes that one node knows. Those beyond are not heard.
pub const NODES_MAX: usize = 64;

/// Addresses of one node's SFU. Those beyond are not reached through relays.
pub const MEDIA_MAX: usize = 64;

/// Between two beats.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// The bus does not work when the last beat has not come back for so long.
const ECHO_WITHIN: Duration = Duration::from_millis(1500);

/// A node counts as away when it is not heard for so long while the bus works.
pub const AWAY_AFTER: Duration = Duration::from_secs(3);

/// And as gone after so long: what was to be said to it is forgotten.
pub const GONE_AFTER: Duration = Duration::from_secs(60);

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To one node, or to all.
    Publish { to: Option<NodeId>, packet: Packet },
    /// For whoever uses the directory, in order with [`Output::Word`].
    News(News),
    /// What another node says.
    Word { from: NodeId, text: String },
}

/// What became of a node or the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It is there, and words reach it.
    Came(NodeId),
    /// It is not heard; words wait.
    Away(NodeId),
    /// It is heard again, and nothing was lost.
    Back(NodeId),
    /// Nothing is left of what was between the two. It may come anew.
    Gone(NodeId),
    /// Whether the bus works.
    Bus(bool),
}

#[derive(Debug)]
struct Neighbour {
    link: Link,
    about: About,
    heard: Instant,
    away: bool,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub heard: usize,
    pub away: usize,
    pub words_waiting: usize,
}

#[derive(Debug)]
pub struct Directory {
    me: NodeId,
    about: About,
    neighbours: BTreeMap<NodeId, Neighbour>,
    /// Of the link made last.
    epoch: u64,
    beats: u64,
    next_beat: Instant,
    /// When a beat of this node came back last.
    echoed: Option<Instant>,
    works: bool,
    outputs: VecDeque<Output>,
}

impl Directory {
    pub fn new(me: NodeId, about: About, now: Instant) -> Directory {
        Directory {
            me,
            about,
            neighbours: BTreeMap::new(),
            epoch: 0,
            beats: 0,
            next_beat: now,
            echoed: None,
            works: false,
            outputs: VecDeque::new(),
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_timeout(&self) -> Instant {
        let links = self.neighbours.values().filter_map(|n| n.link.due(self.works));
        let due = links.chain([self.next_beat]).min();
        due.unwrap_or(self.next_beat)
    }

    /// Whether the bus works.
    pub fn works(&self) -> bool {
        self.works
    }

    /// What others are told of this node with the next beat.
    pub fn set_load(&mut self, participants: u64, full: bool) {
        (self.about.participants, self.about.full) = (participants, full);
    }

    /// What a node calls itself.
    pub fn name_of(&self, node: NodeId) -> Option<&str> {
        self.neighbours.get(&node).map(|neighbour| neighbour.about.name.as_str())
    }

    /// Where the SFUs of all others are reached that are known, heard or not.
    pub fn media_of_others(&self) -> Vec<SocketAddr> {
        let all = self.neighbours.values();
        all.flat_map(|n| n.about.media.iter().take(MEDIA_MAX)).copied().collect()
    }

    /// Those that words reach now.
    pub fn reachable(&self) -> impl Iterator<Item = (NodeId, &About)> {
        let works = self.works;
        let there = self
            .neighbours
            .iter()
            .filter(move |(_, n)| works && !n.away && n.link.epochs().is_some());
        there.map(|(id, n)| (*id, &n.about))
    }

    pub fn counts(&self) -> Counts {
        let agreed = || self.neighbours.values().filter(|n| n.link.epochs().is_some());
        Counts {
            heard: agreed().filter(|n| !n.away).count(),
            away: agreed().filter(|n| n.away).count(),
            words_waiting: self.neighbours.values().map(|n| n.link.waiting()).sum(),
        }
    }

    /// Says something to a node. To one that is not there, it is lost; so it is told by [`News::Gone`] before or after.
    pub fn say(&mut self, to: NodeId, text: String, now: Instant) {
        let Some(neighbour) = self.neighbours.get_mut(&to) else {
            return;
        };
        if neighbour.link.epochs().is_none() {
            return;
        }
        match neighbour.link.say(text.clone(), now) {
            Ok(number) => self.publish_word(to, number, text),
            Err(_) => self.begin_anew(to, now),
        }
    }

    fn publish_word(&mut self, to: NodeId, number: u64, text: String) {
        let Some(link) = self.neighbours.get(&to).map(|n| &n.link) else {
            return;
        };
        let Some((mine, yours)) = link.epochs() else { return };
        let taken = link.taken();
        let body = Body::Word {
            to,
            mine,
            yours,
            number,
            taken,
            text,
        };
        self.publish(Some(to), body);
    }

    fn publish(&mut self, to: Option<NodeId>, body: Body) {
        let packet = Packet {
            v: VERSION,
            from: self.me,
            body,
        };
        self.outputs.push_back(Output::Publish { to, packet });
    }

    /// The last packet: this node ends.
    pub fn say_bye(&mut self) {
        self.publish(None, Body::Bye {});
    }

    pub fn handle_packet(&mut self, packet: Packet, now: Instant) {
        if packet.v != VERSION {
            return;
        }
        let from = packet.from;
        if from == self.me {
            if let Body::Beat { number, .. } = packet.body
                && number == self.beats
            {
                self.hear_myself(now);
            }
            return;
        }
        match packet.body {
            Body::Beat { about, links, .. } => {
                let Some(known) = self.meet(from, now) else { return };
                known.about = about;
                let mine = links.into_iter().find(|link| link.node == self.me);
                match mine {
                    Some(link) => {
                        if self.greet(from, link.mine, link.yours, now) {
                            self.acknowledged(from, link.taken);
                        }
                    }
                    // It does not know of this node yet.
                    None => self.hear(from, now),
                }
            }
            Body::Word {
                to,
                mine,
                yours,
                number,
                taken,
                text,
            } if to == self.me => {
                if self.meet(from, now).is_none() || !self.greet(from, mine, Some(yours), now) {
                    return;
                }
                self.acknowledged(from, taken);
                let Some(neighbour) = self.neighbours.get_mut(&from) else {
                    return;
                };
                for text in neighbour.link.take(number, text, now) {
                    self.outputs.push_back(Output::Word { from, text });
                }
            }
            Body::Taken { to, mine, yours, taken } if to == self.me => {
                if self.greet(from, mine, Some(yours), now) {
                    self.acknowledged(from, taken);
                }
            }
            Body::Word { .. } | Body::Taken { .. } => {}
            Body::Bye {} => self.lose(from),
        }
    }

    fn hear_myself(&mut self, now: Instant) {
        self.echoed = Some(now);
        if self.works {
            return;
        }
        self.works = true;
        for neighbour in self.neighbours.values_mut() {
            // Nobody was heard while the bus did not work.
            neighbour.heard = now;
        }
        self.outputs.push_back(Output::News(News::Bus(true)));
    }

    fn meet(&mut self, node: NodeId, now: Instant) -> Option<&mut Neighbour> {
        if !self.neighbours.contains_key(&node) {
            if self.neighbours.len() >= NODES_MAX {
                return None;
            }
            self.epoch += 1;
            let neighbour = Neighbour {
                link: Link::new(self.epoch),
                about: About::default(),
                heard: now,
                away: false,
            };
            self.neighbours.insert(node, neighbour);
            // So that both need not wait for the next beat to know each other.
            self.next_beat = now;
        }
        self.neighbours.get_mut(&node)
    }

    /// Whether the packet belongs to the link as both know it.
    fn greet(&mut self, node: NodeId, theirs: u64, mine: Option<u64>, now: Instant) -> bool {
        let Some(neighbour) = self.neighbours.get_mut(&node) else {
            return false;
        };
        if neighbour.link.theirs().is_none_or(|known| theirs > known) {
            // The other is to know soon that it is known.
            self.next_beat = now;
        }
        match neighbour.link.greet(theirs, mine) {
            Greeting::Stale => return false,
            Greeting::Known => {}
            Greeting::Agreed => {
                self.outputs.push_back(Output::News(News::Came(node)));
                self.next_beat = now;
            }
            Greeting::Anew => {
                self.begin_anew(node, now);
                if let Some(neighbour) = self.neighbours.get_mut(&node) {
                    neighbour.link.greet(theirs, mine);
                }
            }
        }
        self.hear(node, now);
        let link = self.neighbours.get(&node).map(|n| &n.link);
        link.and_then(Link::epochs).is_some_and(|(own, _)| mine == Some(own))
    }

    fn hear(&mut self, node: NodeId, now: Instant) {
        let Some(neighbour) = self.neighbours.get_mut(&node) else {
            return;
        };
        neighbour.heard = now;
        if std::mem::take(&mut neighbour.away) && neighbour.link.epochs().is_some() {
            self.outputs.push_back(Output::News(News::Back(node)));
        }
    }

    fn acknowledged(&mut self, node: NodeId, taken: u64) {
        if let Some(neighbour) = self.neighbours.get_mut(&node) {
            neighbour.link.acknowledged(taken);
        }
    }

    /// What was between the two is over, and they begin anew.
    fn begin_anew(&mut self, node: NodeId, now: Instant) {
        self.epoch += 1;
        let Some(neighbour) = self.neighbours.get_mut(&node) else {
            return;
        };
        let was_there = neighbour.link.epochs().is_some();
        neighbour.link = Link::new(self.epoch);
        self.next_beat = now;
        if was_there {
            self.outputs.push_back(Output::News(News::Gone(node)));
        }
    }

    /// It ended in order. It is as if it were not heard: what it had may come back.
    fn lose(&mut self, node: NodeId) {
        let Some(neighbour) = self.neighbours.get_mut(&node) else {
            return;
        };
        if !std::mem::replace(&mut neighbour.away, true) && neighbour.link.epochs().is_some() {
            self.outputs.push_back(Output::News(News::Away(node)));
        }
    }

    fn forget(&mut self, node: NodeId) {
        let Some(neighbour) = self.neighbours.remove(&node) else {
            return;
        };
        if neighbour.link.epochs().is_some() {
            self.outputs.push_back(Output::News(News::Gone(node)));
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.look_after(now);
        let nodes: Vec<NodeId> = self.neighbours.keys().copied().collect();
        for node in nodes {
            self.tend(node, now);
        }
        if now >= self.next_beat {
            self.beat(now);
        }
    }

    /// Whether the bus works and, if so, who is not heard over it.
    fn look_after(&mut self, now: Instant) {
        if self.works && self.echoed.is_none_or(|at| now > at + ECHO_WITHIN) {
            self.works = false;
            self.outputs.push_back(Output::News(News::Bus(false)));
        }
        if !self.works {
            return;
        }
        let mut gone = Vec::new();
        for (node, neighbour) in &mut self.neighbours {
            let silent = now.saturating_duration_since(neighbour.heard);
            if silent > GONE_AFTER {
                gone.push(*node);
            } else if silent > AWAY_AFTER && !std::mem::replace(&mut neighbour.away, true) && neighbour.link.epochs().is_some() {
                self.outputs.push_back(Output::News(News::Away(*node)));
            }
        }
        for node in gone {
            self.forget(node);
        }
    }

    fn tend(&mut self, node: NodeId, now: Instant) {
        let works = self.works;
        let Some(neighbour) = self.neighbours.get_mut(&node) else {
            return;
        };
        let repeats = if works { neighbour.link.repeat(now) } else { Vec::new() };
        let acknowledges = neighbour.link.acknowledges(now);
        if acknowledges && let Some((mine, yours)) = neighbour.link.epochs() {
            let taken = neighbour.link.taken();
            let to = node;
            self.publish(Some(to), Body::Taken { to, mine, yours, taken });
        }
        for (number, text) in repeats {
            self.publish_word(node, number, text);
        }
    }

    fn beat(&mut self, now: Instant) {
        self.next_beat = now + BEAT_EVERY;
        self.beats += 1;
        let links = self.neighbours.iter().map(|(node, neighbour)| Known {
            node: *node,
            mine: neighbour.link.mine(),
            yours: neighbour.link.theirs(),
            taken: neighbour.link.taken(),
        });
        let body = Body::Beat {
            number: self.beats,
            about: self.about.clone(),
            links: links.collect(),
        };
        self.publish(None, body);
    }
}

#[cfg(test)]
mod tests;
