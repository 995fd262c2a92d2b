//! Nodes around a bus under a virtual clock: what goes between them is done here, and what their hubs want done besides is the world's.

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use tandem::cluster::bus::About;
use tandem::cluster::directory::{Directory, News, Output as Said};
use tandem::cluster::local::LocalBus;
use tandem::grants::Grants;
use tandem::id::{NodeId, UserId};
use tandem::signaling::hub::{Attach, Hub, HubConfig, Identity};
use tandem::signaling::nodes::{NodeNews, Word};
use tandem::signaling::output::Output;
use tandem::signaling::person::Person;

pub struct Node {
    pub id: NodeId,
    pub hub: Hub,
    pub name: String,
    directory: Directory,
}

impl Node {
    pub fn start(id: NodeId, config: HubConfig, seed: u64, shares_store: bool, bus: &mut LocalBus, now: Instant) -> Node {
        let hub = Hub::new(config, StdRng::seed_from_u64(seed));
        Node::start_with(hub, id, id.to_string(), shares_store, bus, now)
    }

    /// With what it takes up, and a name.
    pub fn start_with(mut hub: Hub, id: NodeId, name: String, shares_store: bool, bus: &mut LocalBus, now: Instant) -> Node {
        hub.join_cluster(id, &name, shares_store);
        bus.join(id);
        Node {
            id,
            hub,
            directory: Directory::new(
                id,
                About {
                    name: name.clone(),
                    ..About::default()
                },
                now,
            ),
            name,
        }
    }
}

/// A world around nodes.
pub trait Around {
    /// The nodes, the bus between them, and what time it is.
    fn parts(&mut self) -> (&mut [Node], &mut LocalBus, &mut Instant);

    /// Does what the hub at this place wants.
    fn carry_out(&mut self, place: usize, output: Output);

    /// Until nobody wants anything.
    fn settle(&mut self) {
        loop {
            let (nodes, bus, now) = self.parts();
            let Some((place, output)) = poll_output(nodes, bus, *now) else {
                return;
            };
            self.carry_out(place, output);
        }
    }

    /// Lets time pass.
    fn pass(&mut self, long: Duration) {
        self.settle();
        let end = *self.parts().2 + long;
        loop {
            let (nodes, bus, now) = self.parts();
            let next = poll_timeout(nodes, bus).unwrap_or(end).max(*now);
            if next > end {
                break;
            }
            *now = next;
            while {
                let (nodes, bus, _) = self.parts();
                take_packet(nodes, bus, next)
            } {
                self.settle();
            }
            handle_timeouts(self.parts().0, next);
            self.settle();
        }
        *self.parts().2 = end;
    }
}

/// A page of a user that is opened.
pub fn attach(user_id: UserId, name: &str, person: Person) -> Attach {
    Attach {
        identity: Some(Identity {
            user_id,
            name: name.to_owned(),
            grants: Grants::ALL,
            person,
        }),
        new_secret: None,
        missed: None,
        resume: None,
        reference: 0,
        loopback: false,
        address: None,
        unattended: false,
        device: None,
        browser: String::new(),
    }
}

/// The next thing that a hub wants done, and at which place it is. `None`: nothing is left to do.
fn poll_output(nodes: &mut [Node], bus: &mut LocalBus, now: Instant) -> Option<(usize, Output)> {
    loop {
        let mut moved = false;
        for (place, node) in nodes.iter_mut().enumerate() {
            while let Some(output) = node.hub.poll_output() {
                let Output::Say { to, word } = output else {
                    return Some((place, output));
                };
                moved = true;
                let text = serde_json::to_string(&word).expect("it is written");
                node.directory.say(to, text, now);
            }
            while let Some(output) = node.directory.poll_output() {
                moved = true;
                match output {
                    Said::Publish { to, packet } => bus.publish(to, &packet, now),
                    Said::News(news) => {
                        let news = match news {
                            News::Came(other) => {
                                let name = node.directory.name_of(other).unwrap_or_default();
                                NodeNews::Came(other, name.to_owned())
                            }
                            News::Away(node) => NodeNews::Away(node),
                            News::Back(node) => NodeNews::Back(node),
                            News::Gone(node) => NodeNews::Gone(node),
                            News::Bus(works) => NodeNews::Bus(works),
                        };
                        node.hub.handle_node(news, now);
                    }
                    Said::Word { from, text } => {
                        let word: Word = serde_json::from_str(&text).expect("it is read as it was written");
                        node.hub.handle_word(from, word, now);
                    }
                }
            }
        }
        if !moved {
            return None;
        }
    }
}

/// When something is due, at a node or on the bus.
fn poll_timeout(nodes: &[Node], bus: &LocalBus) -> Option<Instant> {
    let directories = nodes.iter().map(|node| node.directory.poll_timeout());
    let hubs = nodes.iter().filter_map(|node| node.hub.poll_timeout());
    directories.chain(hubs).chain(bus.poll_timeout()).min()
}

/// Hands over a packet that is due. False: there is none.
fn take_packet(nodes: &mut [Node], bus: &mut LocalBus, now: Instant) -> bool {
    let Some((to, packet)) = bus.poll(now) else {
        return false;
    };
    if let Some(node) = nodes.iter_mut().find(|node| node.id == to) {
        node.directory.handle_packet(packet, now);
    }
    true
}

fn handle_timeouts(nodes: &mut [Node], now: Instant) {
    for node in nodes {
        if node.directory.poll_timeout() <= now {
            node.directory.handle_timeout(now);
        }
        if node.hub.poll_timeout().is_some_and(|due| due <= now) {
            node.hub.handle_timeout(now);
        }
    }
}
