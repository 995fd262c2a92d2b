//! Hubs of several nodes around a bus that loses, repeats and reorders, under a virtual clock: calls over nodes begin once, end once,
//! and leave nothing behind, whatever the weather and whoever is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tandem::cluster::local::{LocalBus, Weather};
use tandem::id::{CallId, ConnectionId, NodeId, UserId};
use tandem::signaling::hub::HubConfig;
use tandem::signaling::output::Output;
use tandem::signaling::person::Person;
use tandem::signaling::protocol::{Command, CommandFrame, EndReason, ErrorCode, Event};
use tandem::signaling::session::Departure;

use super::nodes::{Around, Node, attach};

/// How long any call may go on to ring after whoever could end it is cut off: 3 s until that is noticed, and 3 s of patience.
const RINGS_ON_MAX: Duration = Duration::from_secs(7);

const RING_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Idle,
    /// It has asked for a call, and was not answered.
    Asked(u32),
    Calling(CallId),
    Ringing(CallId),
    Talking(CallId),
}

struct Tab {
    node: usize,
    user: UserId,
    connection: ConnectionId,
    reference: u32,
    view: View,
    since: Instant,
    /// Every call that it was told of, and of which it was told the end.
    known: BTreeSet<CallId>,
    over: BTreeSet<CallId>,
    refused: usize,
}

struct World {
    seed: u64,
    now: Instant,
    rng: StdRng,
    bus: LocalBus,
    nodes: Vec<Node>,
    tabs: Vec<Tab>,
    connections: u64,
    starts: u64,
    /// What became of calls, by whose eyes it was first.
    ends: BTreeMap<&'static str, usize>,
    answered: BTreeSet<CallId>,
    unreachable: usize,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
    fn new(seed: u64, nodes: usize, tabs: usize) -> World {
        let mut world = World {
            seed,
            now: Instant::now(),
            rng: StdRng::seed_from_u64(seed),
            bus: LocalBus::new(StdRng::seed_from_u64(!seed)),
            nodes: Vec::new(),
            tabs: Vec::new(),
            connections: 0,
            starts: 0,
            ends: BTreeMap::new(),
            answered: BTreeSet::new(),
            unreachable: 0,
        };
        for place in 0..nodes {
            let node = world.start();
            world.nodes.insert(place, node);
        }
        world.pass(Duration::from_secs(1));
        for number in 0..tabs {
            // Half of the users have two tabs, mostly on different nodes.
            let user = UserId::from_random(1 + number as u64 * 2 / 3);
            let node = number % nodes;
            world.open(user, node, None);
        }
        world.settle();
        world
    }

    fn start(&mut self) -> Node {
        self.starts += 1;
        let id = NodeId::from_random(self.starts);
        let config = HubConfig {
            ring_timeout: RING_TIMEOUT,
            // The tabs send no heartbeats.
            call_silence: Duration::from_secs(1 << 30),
            ..HubConfig::default()
        };
        Node::start(id, config, self.rng.next_u64(), false, &mut self.bus, self.now)
    }

    /// A tab that was there before has lost its session.
    fn open(&mut self, user: UserId, node: usize, before: Option<usize>) {
        self.connections += 1;
        let connection = ConnectionId::from_random(self.connections);
        let tab = Tab {
            node,
            user,
            connection,
            reference: 0,
            view: View::Idle,
            since: self.now,
            known: BTreeSet::new(),
            over: BTreeSet::new(),
            refused: 0,
        };
        match before {
            Some(place) => self.tabs[place] = tab,
            None => self.tabs.push(tab),
        }
        let attach = attach(user, &user.to_string(), Person::default());
        self.nodes[node]
            .hub
            .handle_attach(connection, attach, self.now)
            .expect("there is room");
    }

    fn send(&mut self, tab: usize, command: Command) -> u32 {
        let now = self.now;
        let tab = &mut self.tabs[tab];
        tab.reference += 1;
        let (node, connection, reference) = (tab.node, tab.connection, tab.reference);
        self.nodes[node]
            .hub
            .handle_command(connection, CommandFrame { reference, command }, now);
        reference
    }

    fn hear(&mut self, place: usize, reference: Option<u32>, event: Event) {
        let (seed, now) = (self.seed, self.now);
        let tab = &mut self.tabs[place];
        let told = format!("seed {seed}, tab {place}, which is {:?}: {event:?}", tab.view);
        let view = match event {
            Event::CallRinging { call_id, .. } => {
                assert!(matches!(tab.view, View::Asked(asked) if Some(asked) == reference), "{told}");
                assert!(tab.known.insert(call_id), "told twice: {told}");
                View::Calling(call_id)
            }
            Event::IncomingCall { call_id, .. } => {
                assert!(!tab.over.contains(&call_id), "rung after the end: {told}");
                assert!(tab.known.insert(call_id), "rung twice: {told}");
                assert!(matches!(tab.view, View::Idle | View::Asked(_)), "{told}");
                View::Ringing(call_id)
            }
            Event::CallAnswered { call_id, .. } => {
                assert!(
                    matches!(tab.view, View::Calling(id) | View::Ringing(id) if id == call_id),
                    "{told}"
                );
                self.answered.insert(call_id);
                View::Talking(call_id)
            }
            Event::AnsweredElsewhere { call_id } => {
                assert!(tab.view == View::Ringing(call_id), "{told}");
                assert!(tab.over.insert(call_id), "{told}");
                View::Idle
            }
            Event::CallEnded { call_id, reason, .. } => {
                assert!(tab.over.insert(call_id), "it ended twice: {told}");
                match tab.view {
                    View::Calling(id) | View::Ringing(id) | View::Talking(id) => assert_eq!(id, call_id, "{told}"),
                    View::Asked(asked) => assert_eq!(Some(asked), reference, "{told}"),
                    View::Idle => panic!("there was no call: {told}"),
                }
                *self.ends.entry(reason.as_str()).or_default() += 1;
                if let View::Ringing(_) = tab.view {
                    let rang = now - tab.since;
                    assert!(rang < RING_TIMEOUT + RINGS_ON_MAX, "it rang for {rang:?}: {told}");
                }
                View::Idle
            }
            Event::Error { code, .. } => {
                tab.refused += 1;
                if code == ErrorCode::NodeUnreachable {
                    self.unreachable += 1;
                    if let View::Asked(asked) = tab.view
                        && Some(asked) == reference
                    {
                        let long = now - tab.since;
                        assert!(long < Duration::from_secs(2), "refused after {long:?}: {told}");
                    }
                }
                match tab.view {
                    View::Asked(asked) if Some(asked) == reference => View::Idle,
                    view => view,
                }
            }
            _ => return,
        };
        if view != tab.view {
            tab.since = now;
        }
        tab.view = view;
    }

    /// Something that somebody does.
    fn act(&mut self, place: usize) {
        let choice = self.rng.random_range(0..10);
        let through_server = self.rng.random_bool(0.2);
        match self.tabs[place].view {
            View::Idle => {
                let other = self.rng.random_range(0..self.tabs.len());
                let user_id = self.tabs[other].user;
                self.tabs[place].view = View::Asked(self.tabs[place].reference + 1);
                self.tabs[place].since = self.now;
                self.send(
                    place,
                    Command::Call {
                        user_id,
                        always_through_server: through_server,
                    },
                );
            }
            View::Asked(_) => {}
            View::Calling(call_id) if choice < 2 => {
                self.send(place, Command::Cancel { call_id });
            }
            View::Ringing(call_id) if choice < 6 => {
                self.send(
                    place,
                    Command::Accept {
                        call_id,
                        always_through_server: through_server,
                    },
                );
            }
            View::Ringing(call_id) if choice < 8 => {
                self.send(place, Command::Decline { call_id });
            }
            View::Talking(call_id) if choice < 5 => {
                self.send(place, Command::HangUp { call_id });
            }
            View::Calling(_) | View::Ringing(_) | View::Talking(_) => {}
        }
        self.settle();
    }

    /// The process dies; another takes its place, and its tabs open new sessions there or elsewhere.
    fn kill(&mut self, place: usize) {
        self.bus.leave(self.nodes[place].id);
        let node = self.start();
        self.nodes[place] = node;
        for tab in 0..self.tabs.len() {
            if self.tabs[tab].node == place {
                let (user, node) = (self.tabs[tab].user, self.rng.random_range(0..self.nodes.len()));
                self.open(user, node, Some(tab));
            }
        }
        self.settle();
    }

    /// A page is left, and its session with it.
    fn leave(&mut self, place: usize) {
        let (node, connection, user) = (self.tabs[place].node, self.tabs[place].connection, self.tabs[place].user);
        self.nodes[node].hub.handle_detach(connection, Departure::Left, self.now);
        self.open(user, node, Some(place));
        self.settle();
    }

    /// Those who believe that they talk do so with somebody who believes it too.
    fn agree(&self) {
        let mut talking: BTreeMap<CallId, usize> = BTreeMap::new();
        for tab in &self.tabs {
            if let View::Talking(call) = tab.view {
                *talking.entry(call).or_default() += 1;
            }
        }
        let counts: Vec<_> = self.nodes.iter().map(|node| node.hub.counts()).collect();
        let answered: usize = counts.iter().map(|counts| counts.answered).sum();
        assert!(talking.values().all(|count| *count == 2), "seed {}: {talking:?}", self.seed);
        assert_eq!(talking.len(), answered, "seed {}: each call has one owner", self.seed);
    }

    fn end_everything(&mut self) {
        for place in 0..self.tabs.len() {
            match self.tabs[place].view {
                View::Talking(call_id) => self.send(place, Command::HangUp { call_id }),
                View::Calling(call_id) => self.send(place, Command::Cancel { call_id }),
                View::Ringing(call_id) => self.send(place, Command::Decline { call_id }),
                View::Idle | View::Asked(_) => continue,
            };
            self.settle();
        }
        self.pass(Duration::from_secs(5));
        for (place, tab) in self.tabs.iter().enumerate() {
            assert_eq!(tab.view, View::Idle, "seed {}, tab {place}: its call has no end", self.seed);
        }
        for node in &self.nodes {
            let counts = node.hub.counts();
            assert_eq!(
                (counts.ringing, counts.answered, counts.participants, counts.visitors),
                (0, 0, 0, 0),
                "seed {}: something is left",
                self.seed
            );
        }
    }
}

impl Around for World {
    fn parts(&mut self) -> (&mut [Node], &mut LocalBus, &mut Instant) {
        (&mut self.nodes, &mut self.bus, &mut self.now)
    }

    fn carry_out(&mut self, _: usize, output: Output) {
        let Output::Send { connection, frame } = output else {
            return;
        };
        if let Some(tab) = self.tabs.iter().position(|tab| tab.connection == connection) {
            self.hear(tab, frame.reference, frame.event);
        }
    }
}

fn weather(rng: &mut StdRng) -> Weather {
    Weather {
        lost: rng.random_range(0.0..0.4),
        twice: rng.random_range(0.0..0.3),
        late_max: Duration::from_millis(rng.random_range(1..300)),
        down: rng.random_bool(0.08),
    }
}

#[test]
fn calls_over_nodes_begin_and_end_once_in_any_weather() {
    let seeds = match std::env::var("TANDEM_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("TANDEM_SEED is a number");
            seed..seed + 1
        }
        Err(_) => {
            let seeds = std::env::var("TANDEM_CLUSTER_SEEDS").map_or(20, |seeds| seeds.parse().expect("a number"));
            0..seeds
        }
    };
    let (mut answered, mut unreachable, mut refused) = (0, 0, 0);
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in seeds {
        let mut world = World::new(seed, 3, 9);
        let kills = world.rng.random_bool(0.5);
        for _ in 0..120 {
            if world.rng.random_bool(0.2) {
                world.bus.weather = weather(&mut world.rng);
            }
            if world.rng.random_bool(0.03) {
                let (node, cut) = (world.rng.random_range(0..3), world.rng.random_bool(0.5));
                let id = world.nodes[node].id;
                world.bus.cut(id, cut);
            }
            if kills && world.rng.random_bool(0.02) {
                let node = world.rng.random_range(0..3);
                world.kill(node);
            }
            let place = world.rng.random_range(0..world.tabs.len());
            if world.rng.random_bool(0.02) {
                world.leave(place);
            } else {
                world.act(place);
            }
            let long = Duration::from_millis(world.rng.random_range(1..1200));
            world.pass(long);
        }
        world.bus.weather = Weather::FAIR;
        for node in 0..world.nodes.len() {
            let id = world.nodes[node].id;
            world.bus.cut(id, false);
        }
        // Longer than a call rings, and than a node that was killed is waited for.
        world.pass(Duration::from_secs(70));
        world.agree();
        world.end_everything();
        answered += world.answered.len();
        unreachable += world.unreachable;
        refused += world.tabs.iter().map(|tab| tab.refused).sum::<usize>();
        for (reason, count) in &world.ends {
            *ends.entry(reason).or_default() += count;
        }
    }
    println!("{answered} calls were answered, {unreachable} refused as unreachable of {refused}; ends: {ends:?}");
    assert!(answered > 0 && ends.len() > 3, "nothing happened: {ends:?}");
    for reason in [
        EndReason::HungUp,
        EndReason::Declined,
        EndReason::Busy,
        EndReason::ConnectionLost,
    ] {
        assert!(
            ends.contains_key(reason.as_str()) || std::env::var_os("TANDEM_SEED").is_some(),
            "{ends:?}"
        );
    }
}
