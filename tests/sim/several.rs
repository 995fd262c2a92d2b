//! Hubs of three nodes that share a store, around a bus under a virtual clock, and pages that come to any of them: what is on one node
//! is found from each.

mod calls;
mod doors;
mod heirs;
mod links;
mod random;
mod store;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tandem::cluster::local::LocalBus;
use tandem::grants::Grants;
use tandem::id::{CallId, ConnectionId, LinkId, NodeId, RoomId, Source, UserId};
use tandem::signaling::hub::{AttachRefused, Hub, HubConfig};
use tandem::signaling::output::Output;
use tandem::signaling::person::Person;
use tandem::signaling::protocol::{CallNow, Command, CommandFrame, ErrorCode, Event, EventFrame, LinkWish, Resume};
use tandem::signaling::session::Departure;

use self::store::Store;
use super::nodes::{Around, Node, attach};

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// Long enough for words.
const A_MOMENT: Duration = Duration::from_millis(200);

fn user(number: u64) -> UserId {
    UserId::from_random(number)
}

fn call(number: u64) -> Command {
    Command::Call {
        user_id: user(number),
        always_through_server: false,
    }
}

/// Why a command was refused.
fn code(event: &Event) -> ErrorCode {
    match event {
        Event::Error { code, .. } => *code,
        other => panic!("refused: {other:?}"),
    }
}

/// A page, and what it was told.
struct Tab {
    node: usize,
    user: u64,
    address: Option<IpAddr>,
    connection: ConnectionId,
    reference: u32,
    told: Vec<EventFrame>,
    resume: Option<Resume>,
    boot_id: String,
    closed: bool,
}

impl Tab {
    fn hear(&mut self, frame: EventFrame) {
        if let Event::Welcome {
            session_id,
            resume_secret,
            resumed,
            last_ref,
            boot_id,
            ..
        } = &frame.event
        {
            boot_id.clone_into(&mut self.boot_id);
            let resume = self.resume.as_ref().filter(|_| *resumed);
            let (seq, tries) = resume.map_or((0, 0), |resume| (resume.seq, resume.tries));
            self.resume = Some(Resume {
                session_id: *session_id,
                secret: resume_secret.clone(),
                seq,
                tries,
            });
            self.reference = self.reference.max(*last_ref);
        }
        if let (Some(seq), Some(resume)) = (frame.seq, &mut self.resume) {
            assert_eq!(seq, resume.seq + 1, "nothing is missed, and nothing comes twice: {frame:?}");
            resume.seq = seq;
        }
        self.told.push(frame);
    }
}

/// What a page is told that comes back to its session.
struct Back {
    boot_id: String,
    call: Option<CallNow>,
}

struct World {
    now: Instant,
    bus: LocalBus,
    nodes: Vec<Node>,
    tabs: Vec<Tab>,
    connections: u64,
    store: Store,
    /// Nodes that are not there any more.
    dead: BTreeSet<usize>,
    starts: u64,
    refused: Vec<AttachRefused>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
    fn new() -> World {
        let mut world = World {
            now: Instant::now(),
            bus: LocalBus::new(StdRng::seed_from_u64(7)),
            nodes: Vec::new(),
            tabs: Vec::new(),
            connections: 0,
            store: Store::default(),
            dead: BTreeSet::new(),
            starts: 0,
            refused: Vec::new(),
        };
        for name in ["a", "b", "c"] {
            let node = world.start(name);
            world.nodes.push(node);
        }
        world.pass(Duration::from_secs(2));
        world
    }

    /// A node with what bears its name.
    fn start(&mut self, name: &str) -> Node {
        self.starts += 1;
        self.store.held.insert(name.to_owned());
        let config = HubConfig {
            // The tabs send no heartbeats.
            call_silence: Duration::from_secs(1 << 30),
            ..HubConfig::default()
        };
        let seed = StdRng::seed_from_u64(self.starts).next_u64();
        let mut hub = Hub::new(config, StdRng::seed_from_u64(seed));
        hub.restore(self.store.of(name), self.now);
        let id = NodeId::from_random(self.starts);
        Node::start_with(hub, id, name.to_owned(), true, &mut self.bus, self.now)
    }

    /// The process dies. Its pages notice, and come back when the test lets them.
    fn kill(&mut self, place: usize) {
        let Node { id, name, .. } = &self.nodes[place];
        self.bus.cut(*id, true);
        self.bus.leave(*id);
        self.store.held.remove(name);
        self.dead.insert(place);
    }

    fn start_again(&mut self, place: usize) {
        let name = self.nodes[place].name.clone();
        self.nodes[place] = self.start(&name);
        self.dead.remove(&place);
    }

    /// Two call each other: (the call, its room).
    fn talk(&mut self, caller: usize, callee: usize) -> (CallId, RoomId) {
        let Event::CallRinging { call_id, .. } = self.answer(caller, call(self.tabs[callee].user)) else {
            panic!("it rings")
        };
        let accept = Command::Accept {
            call_id,
            always_through_server: false,
        };
        let Event::CallAnswered { room_id, .. } = self.answer(callee, accept) else {
            panic!("they talk")
        };
        self.told(caller);
        self.told(callee);
        (call_id, room_id)
    }

    fn open(&mut self, number: u64, node: usize) -> usize {
        self.open_as(number, node, Grants::ALL)
    }

    fn open_as(&mut self, number: u64, node: usize, grants: Grants) -> usize {
        let tab = self.tabs.len();
        self.tabs.push(Tab {
            node,
            user: number,
            address: None,
            connection: ConnectionId::from_random(0),
            reference: 0,
            told: Vec::new(),
            resume: None,
            boot_id: String::new(),
            closed: false,
        });
        self.say_hello(tab, node, grants);
        self.pass(A_MOMENT);
        tab
    }

    fn say_hello(&mut self, tab: usize, node: usize, grants: Grants) {
        self.connections += 1;
        let connection = ConnectionId::from_random(self.connections);
        let now = self.now;
        let tab = &mut self.tabs[tab];
        let mut attach = attach(user(tab.user), &format!("user {}", tab.user), Person::default());
        attach.identity.as_mut().expect("it has one").grants = grants;
        if let Some(resume) = &mut tab.resume {
            resume.tries += 1;
        }
        attach.resume.clone_from(&tab.resume);
        attach.address = tab.address;
        (tab.node, tab.connection, tab.closed) = (node, connection, false);
        let done = self.nodes[node].hub.handle_attach(connection, attach, now);
        done.expect("there is room");
    }

    /// Another websocket of the same page, at any node. None: the session is another one.
    fn come_back(&mut self, tab: usize, node: usize) -> Option<Back> {
        self.detach(tab);
        self.say_hello(tab, node, Grants::ALL);
        self.pass(A_MOMENT);
        self.welcomed(tab)
    }

    fn welcomed(&mut self, tab: usize) -> Option<Back> {
        let told = &mut self.tabs[tab].told;
        let at = told.iter().rposition(|frame| matches!(frame.event, Event::Welcome { .. }));
        match told.remove(at.expect("it is welcome")).event {
            Event::Welcome {
                resumed: true,
                boot_id,
                call,
                ..
            } => Some(Back { boot_id, call }),
            _ => None,
        }
    }

    /// The websocket of a page is gone.
    fn detach(&mut self, tab: usize) {
        let Tab { node, connection, .. } = self.tabs[tab];
        let now = self.now;
        self.nodes[node].hub.handle_detach(connection, Departure::Dropped, now);
        self.settle();
    }

    fn send_only(&mut self, tab: usize, command: Command) -> u32 {
        let tab = &mut self.tabs[tab];
        tab.reference += 1;
        let reference = tab.reference;
        let frame = CommandFrame { reference, command };
        self.nodes[tab.node].hub.handle_command(tab.connection, frame, self.now);
        reference
    }

    fn send(&mut self, tab: usize, command: Command) -> u32 {
        let reference = self.send_only(tab, command);
        self.pass(A_MOMENT);
        reference
    }

    /// What a tab was told since the last look.
    fn told(&mut self, tab: usize) -> Vec<Event> {
        let told = std::mem::take(&mut self.tabs[tab].told);
        let shown = told.into_iter().map(|frame| frame.event);
        let matters = |event: &Event| !matches!(event, Event::Welcome { .. } | Event::PresenceChanged { .. });
        shown.filter(matters).collect()
    }

    /// The answer to a command that was just sent, and nothing else.
    fn answer(&mut self, tab: usize, command: Command) -> Event {
        let reference = self.send(tab, command);
        let told = std::mem::take(&mut self.tabs[tab].told);
        let answers: Vec<EventFrame> = told.into_iter().filter(|f| f.reference == Some(reference)).collect();
        let [EventFrame { event, .. }] = &answers[..] else {
            panic!("one answer: {answers:?}")
        };
        event.clone()
    }

    fn make_link(&mut self, tab: usize, wish: LinkWish) -> LinkId {
        match self.answer(tab, Command::CreateLink { room_id: None, wish }) {
            Event::LinkCreated { link } => link.link_id,
            other => panic!("{other:?}"),
        }
    }

    /// Nobody has anything any more.
    fn is_empty(&self) {
        for (place, node) in self.nodes.iter().enumerate().filter(|(place, _)| !self.dead.contains(place)) {
            let counts = node.hub.counts();
            assert_eq!(
                (
                    counts.visitors,
                    counts.participants,
                    counts.rooms,
                    counts.answered,
                    counts.ringing
                ),
                (0, 0, 0, 0, 0),
                "at node {place}"
            );
        }
    }
}

impl Around for World {
    fn parts(&mut self) -> (&mut [Node], &mut LocalBus, &mut Instant) {
        (&mut self.nodes, &mut self.bus, &mut self.now)
    }

    fn carry_out(&mut self, place: usize, output: Output) {
        if self.dead.contains(&place) {
            return;
        }
        match output {
            Output::Keep(keep) => self.store.keep(&self.nodes[place].name, keep),
            Output::Read(question) => {
                let finding = self.store.answer(&self.nodes[place].name, &question);
                self.nodes[place].hub.handle_finding(finding, self.now);
            }
            Output::Attached {
                connection,
                done: Err(refused),
            } => {
                self.refused.push(refused);
                if let Some(tab) = self.tabs.iter_mut().find(|tab| tab.connection == connection) {
                    tab.closed = true;
                }
            }
            Output::Send { connection, frame } => {
                if let Some(tab) = self.tabs.iter_mut().find(|tab| tab.connection == connection) {
                    tab.hear(frame);
                }
            }
            Output::Close { connection, .. } => {
                if let Some(tab) = self.tabs.iter_mut().find(|tab| tab.connection == connection) {
                    tab.closed = true;
                }
            }
            Output::Hash { session, passphrase, .. } => {
                let mut hash = [0; 32];
                hash[..passphrase.len()].copy_from_slice(passphrase.as_bytes());
                self.nodes[place].hub.handle_hashed(session, Some(hash), self.now);
            }
            _ => {}
        }
    }
}
