//! Hubs of two nodes that share a store, around a bus under a virtual clock: what changes for a user at one node is known at the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tandem::cluster::local::{LocalBus, Weather};
use tandem::id::{ConnectionId, DeviceId, NodeId, UserId};
use tandem::signaling::hub::HubConfig;
use tandem::signaling::output::{CloseReason, Keep, Output};
use tandem::signaling::person::{Person, PersonNote};
use tandem::signaling::protocol::{Callers, Command, CommandFrame, Event, Settings, UserInfo};
use tandem::signaling::records::{Finding, News, Question, Renewed};
use tandem::signaling::session::Departure;

use super::nodes::{Around, Node, attach};

const A: usize = 0;
const B: usize = 1;

const ADA: u64 = 1;
const BOB: u64 = 2;
const CARA: u64 = 3;

/// Long enough for words, and for what is told together: half a second at each of the two nodes.
const A_MOMENT: Duration = Duration::from_secs(2);

fn user(number: u64) -> UserId {
    UserId::from_random(number)
}

struct Tab {
    node: usize,
    connection: ConnectionId,
    reference: u32,
    told: Vec<Event>,
    closed: Option<CloseReason>,
}

/// What both nodes keep.
#[derive(Default)]
struct Shared {
    people: BTreeMap<UserId, Person>,
    names: BTreeMap<UserId, String>,
    barred: BTreeSet<UserId>,
}

impl Shared {
    fn person(&self, user: UserId) -> Person {
        let mut person = self.people.get(&user).cloned().unwrap_or_default();
        let knows = |other: &UserId| self.people.get(other).is_some_and(|theirs| theirs.knows(user));
        person.known_by = person.contacts.iter().copied().filter(knows).collect();
        person
    }
}

struct World {
    now: Instant,
    bus: LocalBus,
    nodes: Vec<Node>,
    tabs: Vec<Tab>,
    store: Shared,
    /// Questions that the store does not answer.
    fails: bool,
    asked: usize,
    /// Whether the nodes know that they keep things in one place.
    shares_store: bool,
}

impl World {
    fn new() -> World {
        World::sharing(true)
    }

    #[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
    fn sharing(shares_store: bool) -> World {
        let mut world = World {
            now: Instant::now(),
            bus: LocalBus::new(StdRng::seed_from_u64(7)),
            nodes: Vec::new(),
            tabs: Vec::new(),
            store: Shared::default(),
            fails: false,
            asked: 0,
            shares_store,
        };
        for number in [1, 2] {
            let node = world.start(number);
            world.nodes.push(node);
        }
        for number in [ADA, BOB, CARA] {
            world.store.names.insert(user(number), format!("user {number}"));
        }
        world.pass(A_MOMENT);
        world
    }

    fn start(&mut self, number: u64) -> Node {
        let config = HubConfig {
            // The tabs send no heartbeats.
            call_silence: Duration::from_secs(1 << 30),
            ..HubConfig::default()
        };
        let seed = StdRng::seed_from_u64(number).next_u64();
        Node::start(
            NodeId::from_random(number),
            config,
            seed,
            self.shares_store,
            &mut self.bus,
            self.now,
        )
    }

    fn open(&mut self, number: u64, node: usize) -> usize {
        let connection = ConnectionId::from_random(1 + self.tabs.len() as u64);
        let name = &self.store.names[&user(number)];
        let mut attach = attach(user(number), name, self.store.person(user(number)));
        attach.device = Some(DeviceId::from_random(number));
        self.tabs.push(Tab {
            node,
            connection,
            reference: 0,
            told: Vec::new(),
            closed: None,
        });
        let done = self.nodes[node].hub.handle_attach(connection, attach, self.now);
        done.expect("there is room");
        self.pass(A_MOMENT);
        self.tabs.len() - 1
    }

    fn send(&mut self, tab: usize, command: Command) {
        let tab = &mut self.tabs[tab];
        tab.reference += 1;
        let frame = CommandFrame {
            reference: tab.reference,
            command,
        };
        self.nodes[tab.node].hub.handle_command(tab.connection, frame, self.now);
        self.pass(A_MOMENT);
    }

    fn keep_contact(&mut self, tab: usize, number: u64) {
        let user_id = user(number);
        let name = format!("contact {number}");
        self.send(tab, Command::KeepContact { user_id, name });
    }

    /// What a tab was told since the last look, in a few words.
    fn told(&mut self, tab: usize) -> Vec<String> {
        let told = std::mem::take(&mut self.tabs[tab].told);
        let names = told.into_iter().filter_map(|event| {
            let number = |user: UserId| (1..9).find(|n| self::user(*n) == user).unwrap_or_default();
            Some(match event {
                Event::Welcome { .. } => return None,
                Event::PresenceChanged { changes } => {
                    let changes = changes.iter().map(|of| format!("{} {:?}", number(of.user_id), of.presence));
                    changes.collect::<Vec<_>>().join(", ")
                }
                Event::ContactChanged { contact } => {
                    format!("contact {} {:?}", number(contact.user.user_id), contact.presence)
                }
                Event::ContactForgotten { user_id } => format!("no contact {}", number(user_id)),
                Event::Blocked { user } => format!("blocked {}", number(user.user_id)),
                Event::Unblocked { user_id } => format!("unblocked {}", number(user_id)),
                Event::SettingsChanged { settings } => format!("{:?}", settings.callers),
                Event::NameChanged { name } => format!("name {name}"),
                Event::People { contacts, blocked, .. } => {
                    let contacts = contacts.iter().map(|contact| number(contact.user.user_id));
                    format!("people {:?} {}", contacts.collect::<Vec<_>>(), blocked.len())
                }
                other => format!("{other:?}"),
            })
        });
        names.collect()
    }

    fn answer(&mut self, question: &Question) -> Finding {
        if let Question::Adopt(_) = question {
            // All of them live.
            return question.unanswered(false);
        }
        self.asked += 1;
        let Question::Renewal { users, barred } = question else {
            panic!("nobody asked for that: {question:?}")
        };
        if self.fails {
            return question.unanswered(false);
        }
        let named = |users: &BTreeSet<UserId>| {
            let named = users.iter().map(|user_id| UserInfo {
                user_id: *user_id,
                name: String::new(),
            });
            named.collect()
        };
        let renewed = users.iter().map(|user| {
            let person = self.store.person(*user);
            Renewed {
                user: *user,
                name: self.store.names.get(user).cloned(),
                contacts: named(&person.contacts),
                blocked: named(&person.blocked),
                person,
            }
        });
        Finding::Renewal {
            users: renewed.collect(),
            barred: barred.then(|| self.store.barred.iter().copied().collect()),
        }
    }

    /// B hears nothing for so long that words are lost, while something changes behind its back.
    fn while_apart(&mut self, doing: impl FnOnce(&mut World)) {
        let b = self.nodes[B].id;
        self.bus.cut(b, true);
        doing(self);
        self.pass(Duration::from_secs(70));
        self.bus.cut(b, false);
        self.pass(Duration::from_secs(5));
    }
}

impl Around for World {
    fn parts(&mut self) -> (&mut [Node], &mut LocalBus, &mut Instant) {
        (&mut self.nodes, &mut self.bus, &mut self.now)
    }

    fn carry_out(&mut self, place: usize, output: Output) {
        let now = self.now;
        match output {
            Output::Send { connection, frame } => {
                if let Some(tab) = self.tabs.iter_mut().find(|tab| tab.connection == connection) {
                    tab.told.push(frame.event);
                }
            }
            Output::Close { connection, why } => {
                if let Some(tab) = self.tabs.iter_mut().find(|tab| tab.connection == connection) {
                    tab.closed = Some(why);
                }
            }
            Output::SaveName { user, name } => {
                self.store.names.insert(user, name);
            }
            Output::Keep(Keep::Person(PersonNote { user, change, asked })) => {
                self.store.people.entry(user).or_default().apply(&change);
                let news = News::Person { user, change, asked };
                self.nodes[place].hub.handle_news(news, now);
            }
            Output::Keep(Keep::ForgetUser(user)) => {
                self.store.people.remove(&user);
                let was_there = Some(self.store.names.remove(&user).is_some());
                self.nodes[place]
                    .hub
                    .handle_news(News::UserForgotten { user, was_there }, now);
            }
            Output::Read(question) => {
                let finding = self.answer(&question);
                self.nodes[place].hub.handle_finding(finding, now);
            }
            _ => {}
        }
    }
}

/// Ada at A and Bob at B, each of whom has the other as a contact.
fn who_know_each_other() -> (World, usize, usize) {
    let mut world = World::new();
    let (ada, bob) = (world.open(ADA, A), world.open(BOB, B));
    world.keep_contact(ada, BOB);
    assert_eq!(world.told(ada), ["contact 2 Offline"], "he does not know her");
    world.keep_contact(bob, ADA);
    assert_eq!(world.told(ada), ["2 Online"]);
    let told = world.told(bob).join("; ");
    assert!(told.starts_with("contact 1") && told.ends_with("Online"), "{told}");
    (world, ada, bob)
}

#[test]
fn contacts_on_two_nodes_see_each_other_come_talk_and_go() {
    let (mut world, ada, bob) = who_know_each_other();
    world.send(bob, Command::SetAway { away: true });
    assert_eq!(world.told(ada), ["2 Away"]);
    // A second page on her own node counts as well, and the one in a call more than both.
    let bob_at_a = world.open(BOB, A);
    assert_eq!(world.told(ada), ["2 Online"]);
    let cara = world.open(CARA, B);
    world.send(
        bob,
        Command::Call {
            user_id: user(CARA),
            always_through_server: false,
        },
    );
    let Some(Event::IncomingCall { call_id, .. }) = world.tabs[cara].told.pop() else {
        panic!("it rings")
    };
    world.send(
        cara,
        Command::Accept {
            call_id,
            always_through_server: false,
        },
    );
    assert_eq!(world.told(ada), ["2 InCall"]);
    world.send(bob, Command::HangUp { call_id });
    assert_eq!(world.told(ada), ["2 Online"]);
    let (node, connection) = (world.tabs[bob_at_a].node, world.tabs[bob_at_a].connection);
    let now = world.now;
    world.nodes[node].hub.handle_detach(connection, Departure::Left, now);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.told(ada), ["2 Away"]);
    world.told(bob);
    world.send(
        bob,
        Command::Block {
            user_id: user(ADA),
            name: String::new(),
        },
    );
    assert_eq!(
        (world.told(ada), world.told(bob)),
        (
            vec!["2 Offline".to_owned()],
            vec!["blocked 1".to_owned(), "1 Offline".to_owned()]
        )
    );
    world.send(bob, Command::Unblock { user_id: user(ADA) });
    assert_eq!(world.told(ada), ["2 Away"]);
    // Who comes finds it as it is.
    let again = world.open(ADA, B);
    world.keep_contact(again, BOB);
    assert_eq!(world.told(again), ["contact 2 Away"]);
}

#[test]
fn who_was_on_a_node_that_is_gone_is_not_there() {
    let (mut world, ada, bob) = who_know_each_other();
    let b = world.nodes[B].id;
    world.bus.cut(b, true);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.told(ada), ["2 Offline"]);
    world.bus.cut(b, false);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.told(ada), ["2 Online"], "no word was lost");
    world.bus.cut(b, true);
    world.pass(Duration::from_secs(70));
    assert_eq!(world.told(ada), ["2 Offline"]);
    world.bus.cut(b, false);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.told(ada), ["2 Online"], "all was said anew");
    // Without a bus nobody knows, and nobody is told otherwise.
    world.told(bob);
    world.bus.weather = Weather {
        down: true,
        ..Weather::FAIR
    };
    world.pass(Duration::from_secs(90));
    assert!(world.told(ada).is_empty() && world.told(bob).is_empty());
}

#[test]
fn what_somebody_changes_at_one_node_their_pages_at_the_other_know() {
    let mut world = World::new();
    let (phone, laptop) = (world.open(ADA, A), world.open(ADA, B));
    world.bus.weather = Weather {
        lost: 0.2,
        twice: 0.2,
        late_max: Duration::from_millis(50),
        down: false,
    };
    let settings = Settings {
        callers: Callers::Contacts,
        always_through_server: false,
    };
    let bob = UserInfo {
        user_id: user(BOB),
        name: String::new(),
    };
    for command in [
        Command::KeepContact {
            user_id: bob.user_id,
            name: "Bob".to_owned(),
        },
        Command::ForgetContact { user_id: bob.user_id },
        Command::Block {
            user_id: bob.user_id,
            name: "Bob".to_owned(),
        },
        Command::Unblock { user_id: bob.user_id },
        Command::Set { settings },
        Command::SetName {
            name: "Ada L".to_owned(),
        },
    ] {
        world.send(phone, command);
    }
    world.pass(Duration::from_secs(5));
    let all = [
        "contact 2 Offline",
        "no contact 2",
        "blocked 2",
        "unblocked 2",
        "Contacts",
        "name Ada L",
    ];
    assert_eq!(
        (world.told(phone), world.told(laptop)),
        (all.map(str::to_owned).to_vec(), all.map(str::to_owned).to_vec())
    );
    // And it holds there: Bob is no contact, so he reaches nobody.
    let bob = world.open(BOB, B);
    world.send(
        bob,
        Command::Call {
            user_id: user(ADA),
            always_through_server: false,
        },
    );
    world.pass(Duration::from_secs(3));
    assert!(world.told(bob).join(" ").contains("Unreachable"));
    assert!(world.told(laptop).is_empty() && world.told(phone).is_empty());
}

#[test]
fn what_a_visitor_changes_holds_for_the_call_at_the_other_node() {
    for shares_store in [true, false] {
        let mut world = World::sharing(shares_store);
        let (ada, bob) = (world.open(ADA, A), world.open(BOB, B));
        let always_through_server = false;
        let ring = |world: &mut World| {
            let user_id = user(BOB);
            world.send(
                ada,
                Command::Call {
                    user_id,
                    always_through_server,
                },
            );
            world.tabs[bob].told.iter().rev().find_map(|event| match event {
                Event::IncomingCall { call_id, .. } => Some(*call_id),
                _ => None,
            })
        };
        // Who goes through the server from now on does so in a call at Ada's node.
        let call_id = ring(&mut world).expect("it rings");
        world.send(
            bob,
            Command::Accept {
                call_id,
                always_through_server,
            },
        );
        world.told(ada);
        let settings = Settings {
            callers: Callers::Anyone,
            always_through_server: true,
        };
        world.send(bob, Command::Set { settings });
        let told = world.told(ada).join(" ");
        assert!(told.contains("DirectChanged"), "{told}");
        world.send(bob, Command::HangUp { call_id });
        // A block ends what rings, for both and at once; but not what is answered.
        let blocked = UserInfo {
            user_id: user(ADA),
            name: String::new(),
        };
        ring(&mut world).expect("it rings");
        for tab in [ada, bob] {
            world.told(tab);
        }
        let block = Command::Block {
            user_id: blocked.user_id,
            name: blocked.name,
        };
        world.send(bob, block);
        for tab in [ada, bob] {
            let told = world.told(tab).join(" ");
            assert!(
                told.contains("CallEnded") && told.contains("Declined"),
                "{shares_store}: {told}"
            );
            assert_eq!(told.matches("blocked 1").count(), usize::from(tab == bob), "{told}");
        }
        assert_eq!(ring(&mut world), None, "she reaches him no more");
        for node in &world.nodes {
            assert_eq!((node.hub.counts().ringing, node.hub.counts().visitors), (0, 0));
        }
    }
}

#[test]
fn whom_the_operator_keeps_out_forgets_or_signs_out_is_out_everywhere() {
    let mut world = World::new();
    let (ada, bob, cara) = (world.open(ADA, B), world.open(BOB, B), world.open(CARA, B));
    let now = world.now;
    world.nodes[A].hub.bar_user(user(ADA), now);
    world.nodes[A].hub.forget_user(user(BOB), now);
    world.nodes[A]
        .hub
        .end_sessions_in(user(CARA), DeviceId::from_random(CARA), now);
    world.pass(A_MOMENT);
    assert!(world.tabs[ada].closed.is_some(), "she is kept out");
    assert_eq!(world.tabs[bob].closed, Some(CloseReason::Forgotten));
    assert_eq!(world.tabs[cara].closed, Some(CloseReason::SignedOut));
    let attach = attach(user(ADA), "", Person::default());
    let connection = ConnectionId::from_random(99);
    assert!(world.nodes[B].hub.handle_attach(connection, attach.clone(), now).is_err());
    world.nodes[A].hub.unbar_user(user(ADA), now);
    world.pass(A_MOMENT);
    let now = world.now;
    assert!(world.nodes[B].hub.handle_attach(connection, attach, now).is_ok());
}

#[test]
fn what_was_missed_is_read_anew() {
    let (mut world, ada, bob) = who_know_each_other();
    let (ada_at_b, cara) = (world.open(ADA, B), world.open(CARA, B));
    world.told(ada_at_b);
    world.while_apart(|world| {
        world.send(
            ada,
            Command::Block {
                user_id: user(BOB),
                name: String::new(),
            },
        );
        world.send(
            ada,
            Command::SetName {
                name: "Ada L".to_owned(),
            },
        );
        world.store.barred.insert(user(CARA));
        let now = world.now;
        world.nodes[A].hub.bar_user(user(CARA), now);
        world.fails = true;
    });
    assert!(world.tabs[cara].closed.is_none(), "the store could not be read");
    world.fails = false;
    world.pass(Duration::from_secs(3));
    assert!(world.tabs[cara].closed.is_some(), "the operator keeps her out");
    let told = world.told(ada_at_b);
    assert!(
        told.contains(&"people [2] 1".to_owned()) && told.contains(&"name Ada L".to_owned()),
        "{told:?}"
    );
    assert_eq!(world.told(bob).last().map(String::as_str), Some("1 Offline"));
    // Nothing is asked for again and again.
    let asked = world.asked;
    world.pass(Duration::from_secs(60));
    assert_eq!(world.asked, asked);
    assert!(asked < 30, "{asked}");
}
