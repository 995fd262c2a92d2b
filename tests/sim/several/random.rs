//! Pages that come to any node, call each other, open links, go and come back, while nodes die, start again, are adopted and are cut off:
//! whoever believes to be in a room is in it, each room has one owner, and at the end nothing is left.

use std::collections::BTreeMap;

use rand::RngExt;
use tandem::cluster::local::Weather;

use super::*;

const STEPS: usize = 150;

/// What a page believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum View {
    #[default]
    Idle,
    Ringing {
        call: CallId,
        made: bool,
    },
    Talking(CallId),
    Inside(RoomId),
}

struct Story {
    world: World,
    rng: StdRng,
    seed: u64,
    views: Vec<View>,
    boots: Vec<String>,
    links: Vec<LinkId>,
    done: BTreeMap<&'static str, usize>,
}

impl Story {
    fn new(seed: u64) -> Story {
        let mut story = Story {
            world: World::new(),
            rng: StdRng::seed_from_u64(seed),
            seed,
            views: Vec::new(),
            boots: Vec::new(),
            links: Vec::new(),
            done: BTreeMap::new(),
        };
        for number in 0..8 {
            story.world.open(1 + number, number as usize % 3);
            story.views.push(View::Idle);
            story.boots.push(String::new());
        }
        story
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    /// What the pages make of what they were told.
    fn listen(&mut self) {
        for place in 0..self.world.tabs.len() {
            for frame in std::mem::take(&mut self.world.tabs[place].told) {
                self.hear(place, frame.event);
            }
        }
        self.world.refused.clear();
    }

    fn hear(&mut self, place: usize, event: Event) {
        let view = self.views[place];
        if std::env::var_os("TANDEM_TRACE").is_some() {
            println!(
                "{place} {:?} at {} hears {:.300}",
                view,
                self.world.tabs[place].node,
                format!("{event:?}")
            );
        }
        self.views[place] = match event {
            Event::Welcome {
                resumed: false, boot_id, ..
            } => {
                self.boots[place] = boot_id;
                View::Idle
            }
            Event::Welcome { boot_id, call, .. } => {
                self.count("came back");
                if std::mem::replace(&mut self.boots[place], boot_id.clone()) == boot_id {
                    return;
                }
                self.count("came back to another run");
                match (call, view) {
                    (Some(CallNow::Answered { call_id, .. }), _) => View::Talking(call_id),
                    (Some(CallNow::Joined { room, .. }), _) => View::Inside(room.room_id),
                    (Some(_), view) => view,
                    (None, _) => View::Idle,
                }
            }
            Event::CallRinging { call_id, .. } => View::Ringing {
                call: call_id,
                made: true,
            },
            Event::IncomingCall { call_id, .. } => View::Ringing {
                call: call_id,
                made: false,
            },
            Event::CallAnswered { call_id, .. } => {
                self.count("answered");
                View::Talking(call_id)
            }
            Event::CallEnded { call_id, .. } | Event::AnsweredElsewhere { call_id } => match view {
                View::Ringing { call, .. } | View::Talking(call) if call == call_id => View::Idle,
                view => view,
            },
            Event::RoomJoined { room, .. } => {
                self.count("joined");
                View::Inside(room.room_id)
            }
            Event::RoomLeft { room_id, .. } if view == View::Inside(room_id) => View::Idle,
            Event::LinkCreated { link } => {
                self.links.push(link.link_id);
                view
            }
            _ => view,
        };
    }

    fn is_there(&self, place: usize) -> bool {
        let tab = &self.world.tabs[place];
        !tab.closed && !self.world.dead.contains(&tab.node)
    }

    fn a_live_node(&mut self) -> usize {
        let live: Vec<usize> = (0..3).filter(|node| !self.world.dead.contains(node)).collect();
        live[self.rng.random_range(0..live.len())]
    }

    fn come(&mut self, place: usize) {
        let node = self.a_live_node();
        self.world.detach(place);
        self.world.say_hello(place, node, Grants::ALL);
        // Not heard before the welcome.
        self.world.tabs[place].closed = false;
    }

    fn act(&mut self, place: usize) {
        if !self.is_there(place) || self.rng.random_bool(0.1) {
            return self.come(place);
        }
        let choice = self.rng.random_range(0..10);
        let command = match self.views[place] {
            View::Idle if choice < 4 => Command::Call {
                user_id: user(self.rng.random_range(1..=8)),
                always_through_server: self.rng.random_bool(0.5),
            },
            View::Idle if choice < 9 && !self.links.is_empty() => Command::Join {
                link_id: self.links[self.rng.random_range(0..self.links.len())],
                passphrase: None,
                always_through_server: false,
            },
            View::Idle => Command::CreateLink {
                room_id: None,
                wish: LinkWish {
                    name: String::new(),
                    passphrase: None,
                    expires_in_s: None,
                    single_use: false,
                    lobby: false,
                },
            },
            View::Ringing { call, made: true } if choice < 2 => Command::Cancel { call_id: call },
            View::Ringing { call, made: false } if choice < 7 => Command::Accept {
                call_id: call,
                always_through_server: false,
            },
            View::Ringing { .. } => return,
            View::Talking(call_id) if choice < 2 => Command::HangUp { call_id },
            View::Inside(room_id) if choice < 2 => Command::Leave { room_id },
            View::Talking(_) | View::Inside(_) => return,
        };
        self.world.send_only(place, command);
    }

    fn shake(&mut self) {
        if self.rng.random_bool(0.1) {
            self.world.bus.weather = match self.rng.random_bool(0.5) {
                true => Weather::FAIR,
                false => Weather {
                    lost: 0.2,
                    twice: 0.2,
                    late_max: Duration::from_millis(100),
                    down: self.rng.random_bool(0.1),
                },
            };
        }
        if self.rng.random_bool(0.03) {
            let (node, cut) = (self.rng.random_range(0..3), self.rng.random_bool(0.5));
            let id = self.world.nodes[node].id;
            if !self.world.dead.contains(&node) {
                self.world.bus.cut(id, cut);
            }
        }
        if self.rng.random_bool(0.03) && self.world.dead.len() < 2 {
            let node = self.a_live_node();
            self.count("killed");
            if std::env::var_os("TANDEM_TRACE").is_some() {
                println!("kill {node}");
            }
            self.world.kill(node);
        }
        if self.rng.random_bool(0.04)
            && let Some(node) = self.world.dead.first().copied()
        {
            self.world.start_again(node);
        }
    }

    fn pass(&mut self, long: Duration) {
        self.world.pass(long);
        self.listen();
    }

    /// Everything works, and everybody is there.
    fn heal(&mut self) {
        self.world.bus.weather = Weather::FAIR;
        while let Some(node) = self.world.dead.first().copied() {
            self.world.start_again(node);
        }
        for node in 0..3 {
            let id = self.world.nodes[node].id;
            self.world.bus.cut(id, false);
        }
        for _ in 0..10 {
            self.pass(Duration::from_secs(8));
            for place in 0..self.views.len() {
                if self.world.tabs[place].closed {
                    self.come(place);
                }
            }
        }
        for place in 0..self.views.len() {
            self.come(place);
            self.pass(Duration::from_secs(2));
        }
        self.pass(Duration::from_secs(60));
    }

    fn agree(&self) {
        let inside = |view: &&View| matches!(view, View::Talking(_) | View::Inside(_));
        let believed = self.views.iter().filter(inside).count();
        let mut talks: BTreeMap<CallId, usize> = BTreeMap::new();
        let mut rooms: BTreeSet<RoomId> = BTreeSet::new();
        for view in &self.views {
            match view {
                View::Talking(call) => *talks.entry(*call).or_default() += 1,
                View::Inside(room) => drop(rooms.insert(*room)),
                View::Idle | View::Ringing { .. } => {}
            }
        }
        let counts: Vec<_> = self.world.nodes.iter().map(|node| node.hub.counts()).collect();
        let of = |what: fn(&tandem::signaling::output::Counts) -> usize| counts.iter().map(what).sum::<usize>();
        let seed = self.seed;
        assert!(talks.values().all(|who| *who == 2), "seed {seed}: {talks:?}");
        assert_eq!(believed, of(|c| c.participants), "seed {seed}: {:?} {counts:?}", self.views);
        assert_eq!(talks.len() + rooms.len(), of(|c| c.rooms), "seed {seed}: one owner each");
        assert_eq!(talks.len(), of(|c| c.answered), "seed {seed}");
    }

    fn end(&mut self) {
        for place in 0..self.views.len() {
            let command = match self.views[place] {
                View::Idle => continue,
                View::Talking(call_id) => Command::HangUp { call_id },
                View::Inside(room_id) => Command::Leave { room_id },
                View::Ringing { call, made: true } => Command::Cancel { call_id: call },
                View::Ringing { call, .. } => Command::Decline { call_id: call },
            };
            self.world.send_only(place, command);
            self.pass(Duration::from_secs(1));
        }
        self.pass(Duration::from_secs(30));
        let seed = self.seed;
        assert!(
            self.views.iter().all(|view| *view == View::Idle),
            "seed {seed}: {:?}",
            self.views
        );
        for node in &self.world.nodes {
            let counts = node.hub.counts();
            let left = (
                counts.visitors,
                counts.participants,
                counts.rooms,
                counts.answered,
                counts.ringing,
            );
            assert_eq!(left, (0, 0, 0, 0, 0), "seed {seed}: something is left");
        }
        let sessions: usize = self.world.nodes.iter().map(|node| node.hub.counts().sessions).sum();
        assert_eq!(sessions, self.views.len(), "seed {seed}: one session each");
        assert!(self.world.store.has_no_rooms(), "seed {seed}");
    }
}

#[test]
fn whatever_dies_each_room_has_one_owner_and_everything_an_end() {
    let seeds = match std::env::var("TANDEM_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("TANDEM_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..std::env::var("TANDEM_CLUSTER_SEEDS").map_or(20, |seeds| seeds.parse().expect("a number")),
    };
    let is_one = seeds.end - seeds.start == 1;
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in seeds {
        let mut story = Story::new(seed);
        for _ in 0..STEPS {
            story.shake();
            let place = story.rng.random_range(0..story.views.len());
            story.act(place);
            let long = Duration::from_millis(story.rng.random_range(1..1500));
            story.pass(long);
        }
        story.heal();
        story.agree();
        story.end();
        for (what, count) in &story.done {
            *done.entry(what).or_default() += count;
        }
        *done.entry("adopted").or_default() += story.world.store.adoptions.len();
    }
    println!("{done:?}");
    for what in ["answered", "joined", "killed", "adopted", "came back to another run"] {
        assert!(is_one || done.contains_key(what), "{done:?}");
    }
}
