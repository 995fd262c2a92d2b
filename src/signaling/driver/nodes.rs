//! The hub among those of other nodes (D): words go out and come in over a bus, and what became of whom is logged and counted.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::sync::mpsc;

use super::Driver;
use crate::cluster::bus::{About, Bus, Packet};
use crate::cluster::directory::{Directory, News, Output};
use crate::id::NodeId;
use crate::signaling::nodes::{NodeNews, Word};
use crate::signaling::output::Counts;

/// Takes where the SFUs of the other nodes are reached, each time that one comes or goes.
pub type TellRelay = Box<dyn Fn(Vec<SocketAddr>) + Send>;

/// What joins a hub to those of other nodes.
pub struct Nodes {
    me: NodeId,
    name: String,
    tell_relay: TellRelay,
    directory: Directory,
    bus: Box<dyn Bus>,
    packets: mpsc::Receiver<Packet>,
}

impl Nodes {
    /// `packets`: what comes over the bus.
    pub fn new(me: NodeId, about: About, bus: Box<dyn Bus>, packets: mpsc::Receiver<Packet>, tell_relay: TellRelay) -> Nodes {
        Nodes {
            me,
            name: about.name.clone(),
            tell_relay,
            directory: Directory::new(me, about, Instant::now()),
            bus,
            packets,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn me(&self) -> NodeId {
        self.me
    }
}

/// Never, where there are no other nodes.
pub(super) async fn packet(nodes: &mut Option<Nodes>) -> Packet {
    if let Some(nodes) = nodes
        && let Some(packet) = nodes.packets.recv().await
    {
        return packet;
    }
    std::future::pending().await
}

impl Driver {
    pub(super) fn take_packet(&mut self, packet: Packet) {
        if let Some(nodes) = &mut self.nodes {
            nodes.directory.handle_packet(packet, Instant::now());
        }
    }

    pub(super) fn tend_nodes(&mut self, now: Instant) {
        if let Some(nodes) = &mut self.nodes
            && now >= nodes.directory.poll_timeout()
        {
            nodes.directory.handle_timeout(now);
        }
    }

    pub(super) fn nodes_due(&self) -> Option<Instant> {
        self.nodes.as_ref().map(|nodes| nodes.directory.poll_timeout())
    }

    pub(super) fn say(&mut self, to: NodeId, word: &Word) {
        let Some(nodes) = &mut self.nodes else { return };
        match serde_json::to_string(word) {
            Ok(text) => {
                self.metrics.cluster_words.with_label_values(&["out"]).inc();
                nodes.directory.say(to, text, Instant::now());
            }
            Err(error) => tracing::error!(%error, "a word to another node cannot be written"),
        }
    }

    /// Carries out what the directory says; whether the hub heard something.
    pub(super) fn hear_nodes(&mut self) -> bool {
        let mut heard = false;
        while let Some(output) = self.nodes.as_mut().and_then(|nodes| nodes.directory.poll_output()) {
            let now = Instant::now();
            match output {
                Output::Publish { to, packet } => {
                    if let Some(nodes) = &mut self.nodes {
                        nodes.bus.publish(to, &packet);
                    }
                }
                Output::News(news) => {
                    self.log_node(news);
                    if let (News::Came(_) | News::Gone(_), Some(nodes)) = (news, &self.nodes) {
                        (nodes.tell_relay)(nodes.directory.media_of_others());
                    }
                    let news = self.named(news);
                    self.hub.handle_node(news, now);
                    heard = true;
                }
                Output::Word { from, text } => match serde_json::from_str(&text) {
                    Ok(word) => {
                        self.metrics.cluster_words.with_label_values(&["in"]).inc();
                        self.hub.handle_word(from, word, now);
                        heard = true;
                    }
                    Err(error) => {
                        self.metrics.cluster_packets_lost.with_label_values(&["unreadable"]).inc();
                        tracing::warn!(%from, %error, "a word of another node cannot be read: do both run the same version?");
                    }
                },
            }
        }
        heard
    }

    fn named(&self, news: News) -> NodeNews {
        let name = |node: NodeId| self.nodes.as_ref().and_then(|nodes| nodes.directory.name_of(node));
        match news {
            News::Came(node) => NodeNews::Came(node, name(node).unwrap_or_default().to_owned()),
            News::Away(node) => NodeNews::Away(node),
            News::Back(node) => NodeNews::Back(node),
            News::Gone(node) => NodeNews::Gone(node),
            News::Bus(works) => NodeNews::Bus(works),
        }
    }

    fn log_node(&self, news: News) {
        let name = |node: NodeId| {
            self.nodes
                .as_ref()
                .and_then(|nodes| nodes.directory.name_of(node))
                .unwrap_or_default()
        };
        match news {
            News::Came(node) => tracing::info!(%node, name = name(node), "another node is there"),
            News::Away(node) => tracing::warn!(%node, name = name(node), "another node is not heard"),
            News::Back(node) => tracing::info!(%node, name = name(node), "another node is heard again"),
            News::Gone(node) => tracing::warn!(%node, "another node is gone, and what was between the two is lost"),
            News::Bus(true) => tracing::info!("redis carries words between nodes"),
            News::Bus(false) => {
                tracing::warn!("redis does not carry words between nodes: calls to those on other nodes are refused")
            }
        }
    }

    pub(super) fn show_nodes(&mut self, of_hub: Counts, full: bool) {
        let Some(nodes) = &mut self.nodes else { return };
        nodes.directory.set_load(of_hub.participants as u64, full);
        let counts = nodes.directory.counts();
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let metrics = &self.metrics;
        metrics.cluster_nodes.with_label_values(&["heard"]).set(gauge(counts.heard));
        metrics.cluster_nodes.with_label_values(&["away"]).set(gauge(counts.away));
        metrics.cluster_bus_up.set(i64::from(nodes.directory.works()));
        metrics.cluster_words_waiting.set(gauge(counts.words_waiting));
        metrics.cluster_visitors.set(gauge(of_hub.visitors));
        metrics.cluster_doors.set(gauge(of_hub.doors));
    }

    /// The last thing that is said to others.
    pub(super) fn leave_nodes(&mut self) {
        if let Some(nodes) = &mut self.nodes {
            tracing::debug!(node = %nodes.me, "leaving the other nodes");
            nodes.directory.say_bye();
        }
        self.hear_nodes();
    }
}
