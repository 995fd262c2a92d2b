//! Nodes around a bus under a virtual clock: what goes between them is done here, and what their hubs want done besides is the world's.

use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tandem::cluster::bus::About;
use tandem::cluster::directory::{Directory, News, Output as Said};
use tandem::cluster::local::LocalBus;
use tandem::id::NodeId;
use tandem::signaling::hub::{Hub, HubConfig};
use tandem::signaling::nodes::{NodeNews, Word};
use tandem::signaling::output::Output;

pub struct Node {
    pub id: NodeId,
    pub hub: Hub,
    directory: Directory,
}

impl Node {
    pub fn start(id: NodeId, config: HubConfig, seed: u64, shares_store: bool, bus: &mut LocalBus, now: Instant) -> Node {
        let mut hub = Hub::new(config, StdRng::seed_from_u64(seed));
        hub.join_cluster(shares_store);
        bus.join(id);
        Node {
            id,
            hub,
            directory: Directory::new(id, About::default(), now),
        }
    }
}

/// The next thing that a hub wants done, and at which place it is. `None`: nothing is left to do.
pub fn poll_output(nodes: &mut [Node], bus: &mut LocalBus, now: Instant) -> Option<(usize, Output)> {
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
                            News::Came(node) => NodeNews::Came(node),
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
pub fn poll_timeout(nodes: &[Node], bus: &LocalBus) -> Option<Instant> {
    let directories = nodes.iter().map(|node| node.directory.poll_timeout());
    let hubs = nodes.iter().filter_map(|node| node.hub.poll_timeout());
    directories.chain(hubs).chain(bus.poll_timeout()).min()
}

/// Hands over a packet that is due. False: there is none.
pub fn take_packet(nodes: &mut [Node], bus: &mut LocalBus, now: Instant) -> bool {
    let Some((to, packet)) = bus.poll(now) else {
        return false;
    };
    if let Some(node) = nodes.iter_mut().find(|node| node.id == to) {
        node.directory.handle_packet(packet, now);
    }
    true
}

pub fn handle_timeouts(nodes: &mut [Node], now: Instant) {
    for node in nodes {
        if node.directory.poll_timeout() <= now {
            node.directory.handle_timeout(now);
        }
        if node.hub.poll_timeout().is_some_and(|due| due <= now) {
            node.hub.handle_timeout(now);
        }
    }
}
