#![expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]

// The architecture test reads a file up to this line.
#[cfg(test)]
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::cluster::local::{LocalBus, Weather};

/// Nodes around a bus, under a virtual clock.
struct Sky {
    bus: LocalBus,
    now: Instant,
    nodes: BTreeMap<NodeId, Directory>,
    news: BTreeMap<NodeId, Vec<News>>,
    heard: BTreeMap<(NodeId, NodeId), Vec<String>>,
}

fn node(number: u64) -> NodeId {
    NodeId::from_random(number)
}

fn text(number: u64) -> String {
    number.to_string()
}

impl Sky {
    fn new(seed: u64, count: u64) -> Sky {
        let mut sky = Sky {
            bus: LocalBus::new(StdRng::seed_from_u64(seed)),
            now: Instant::now(),
            nodes: BTreeMap::new(),
            news: BTreeMap::new(),
            heard: BTreeMap::new(),
        };
        (1..=count).for_each(|number| sky.start(number));
        sky
    }

    fn start(&mut self, number: u64) {
        let about = About {
            name: text(number),
            ..About::default()
        };
        self.bus.join(node(number));
        self.nodes.insert(node(number), Directory::new(node(number), about, self.now));
        self.news.insert(node(number), Vec::new());
    }

    fn kill(&mut self, number: u64) {
        self.bus.leave(node(number));
        self.nodes.remove(&node(number));
    }

    fn say(&mut self, from: u64, to: u64, what: u64) {
        let now = self.now;
        self.nodes
            .get_mut(&node(from))
            .expect("it runs")
            .say(node(to), text(what), now);
        self.settle();
    }

    fn settle(&mut self) {
        for (id, directory) in &mut self.nodes {
            while let Some(output) = directory.poll_output() {
                match output {
                    Output::Publish { to, packet } => self.bus.publish(to, &packet, self.now),
                    Output::News(news) => self.news.get_mut(id).expect("it runs").push(news),
                    Output::Word { from, text } => self.heard.entry((from, *id)).or_default().push(text),
                }
            }
        }
    }

    fn pass(&mut self, long: Duration) {
        let end = self.now + long;
        loop {
            let timers = self.nodes.values().map(Directory::poll_timeout);
            let next = timers.chain(self.bus.poll_timeout()).min().unwrap_or(end).max(self.now);
            if next > end {
                break;
            }
            self.now = next;
            while let Some((to, packet)) = self.bus.poll(next) {
                if let Some(directory) = self.nodes.get_mut(&to) {
                    directory.handle_packet(packet, next);
                }
            }
            for directory in self.nodes.values_mut().filter(|d| d.poll_timeout() <= next) {
                directory.handle_timeout(next);
            }
            self.settle();
        }
        self.now = end;
    }

    fn news_of(&mut self, number: u64) -> Vec<News> {
        std::mem::take(self.news.get_mut(&node(number)).expect("it runs"))
    }

    fn heard(&mut self, from: u64, by: u64) -> Vec<String> {
        self.heard.remove(&(node(from), node(by))).unwrap_or_default()
    }
}

#[test]
fn nodes_find_each_other_and_talk() {
    let mut sky = Sky::new(1, 2);
    sky.pass(Duration::from_millis(100));
    assert_eq!(sky.news_of(1), [News::Bus(true), News::Came(node(2))]);
    assert_eq!(sky.news_of(2), [News::Bus(true), News::Came(node(1))]);
    for what in 0..5 {
        sky.say(1, 2, what);
        sky.say(2, 1, what);
    }
    sky.pass(Duration::from_millis(30));
    assert_eq!(sky.heard(1, 2), ["0", "1", "2", "3", "4"]);
    assert_eq!(sky.heard(2, 1).len(), 5);
    sky.pass(Duration::from_secs(1));
    assert_eq!(
        sky.nodes[&node(1)].counts(),
        Counts {
            heard: 1,
            away: 0,
            words_waiting: 0
        }
    );
    let names: Vec<&str> = sky.nodes[&node(1)]
        .reachable()
        .map(|(_, about)| about.name.as_str())
        .collect();
    assert_eq!(names, ["2"]);
}

#[test]
fn what_is_said_while_the_bus_is_gone_comes_when_it_is_back() {
    let mut sky = Sky::new(2, 2);
    sky.pass(Duration::from_secs(1));
    sky.bus.weather.down = true;
    sky.pass(Duration::from_secs(2));
    assert_eq!(sky.news_of(1).last(), Some(&News::Bus(false)));
    assert_eq!(sky.nodes[&node(1)].reachable().count(), 0);
    sky.say(1, 2, 1);
    // Longer than after what a node is gone: nobody is, because nobody could be heard.
    sky.pass(Duration::from_secs(100));
    assert!(sky.heard(1, 2).is_empty());
    sky.bus.weather.down = false;
    sky.pass(Duration::from_secs(1));
    assert_eq!(sky.heard(1, 2), ["1"]);
    assert_eq!(sky.news_of(1), [News::Bus(true)], "nobody was away");
}

#[test]
fn a_node_that_was_killed_is_away_within_seconds_and_gone_after_a_minute() {
    let mut sky = Sky::new(3, 3);
    sky.pass(Duration::from_secs(1));
    sky.news_of(1);
    sky.kill(3);
    sky.pass(Duration::from_millis(2900));
    assert_eq!(sky.news_of(1), []);
    sky.pass(Duration::from_millis(1200));
    assert_eq!(sky.news_of(1), [News::Away(node(3))]);
    sky.pass(GONE_AFTER);
    assert_eq!(sky.news_of(1), [News::Gone(node(3))]);
    assert_eq!(sky.nodes[&node(1)].neighbours.len(), 1);
}

#[test]
fn a_node_that_is_cut_off_for_a_while_loses_nothing() {
    let mut sky = Sky::new(4, 2);
    sky.pass(Duration::from_secs(1));
    sky.bus.cut(node(2), true);
    sky.say(1, 2, 1);
    sky.say(2, 1, 2);
    sky.pass(Duration::from_secs(20));
    sky.bus.cut(node(2), false);
    sky.pass(Duration::from_secs(2));
    assert_eq!((sky.heard(1, 2), sky.heard(2, 1)), (vec![text(1)], vec![text(2)]));
    let about_2: Vec<News> = sky.news_of(1).into_iter().skip(1).collect();
    assert_eq!(about_2, [News::Came(node(2)), News::Away(node(2)), News::Back(node(2))]);
    assert!(!sky.news_of(2).contains(&News::Gone(node(1))));
}

#[test]
fn two_that_lost_each_other_begin_anew_on_both_sides() {
    let mut sky = Sky::new(5, 2);
    sky.pass(Duration::from_secs(1));
    sky.bus.cut(node(2), true);
    sky.say(1, 2, 1);
    sky.pass(GONE_AFTER + AWAY_AFTER + Duration::from_secs(5));
    sky.bus.cut(node(2), false);
    sky.pass(Duration::from_secs(3));
    for (number, other) in [(1, 2), (2, 1)] {
        let news = sky.news_of(number);
        let gone = news
            .iter()
            .position(|n| *n == News::Gone(node(other)))
            .expect("the end is told");
        assert!(news[gone..].contains(&News::Came(node(other))), "{news:?}");
    }
    assert!(sky.heard(1, 2).is_empty(), "it belongs to what is over");
    sky.say(1, 2, 2);
    sky.say(2, 1, 3);
    sky.pass(Duration::from_secs(1));
    assert_eq!((sky.heard(1, 2), sky.heard(2, 1)), (vec![text(2)], vec![text(3)]));
}

#[test]
fn who_says_bye_is_away_at_once() {
    let mut sky = Sky::new(6, 2);
    sky.pass(Duration::from_secs(1));
    sky.news_of(1);
    sky.nodes.get_mut(&node(2)).expect("it runs").say_bye();
    sky.settle();
    sky.kill(2);
    sky.pass(Duration::from_millis(10));
    assert_eq!(sky.news_of(1), [News::Away(node(2))]);
}

#[test]
fn packets_of_another_version_and_for_others_are_not_read() {
    let mut sky = Sky::new(7, 1);
    let now = sky.now;
    let directory = sky.nodes.get_mut(&node(1)).expect("it runs");
    let mut packet = Packet {
        v: VERSION + 1,
        from: node(2),
        body: Body::Beat {
            number: 1,
            about: About::default(),
            links: Vec::new(),
        },
    };
    directory.handle_packet(packet.clone(), now);
    assert!(directory.neighbours.is_empty());
    packet.v = VERSION;
    packet.body = Body::Taken {
        to: node(3),
        mine: 1,
        yours: 1,
        taken: 9,
    };
    directory.handle_packet(packet, now);
    assert!(directory.neighbours.is_empty());
}

#[test]
fn as_many_nodes_as_may_be_are_known() {
    let mut sky = Sky::new(8, 1);
    let now = sky.now;
    let directory = sky.nodes.get_mut(&node(1)).expect("it runs");
    for number in 2..200 {
        let body = Body::Beat {
            number: 1,
            about: About::default(),
            links: Vec::new(),
        };
        let from = node(number);
        directory.handle_packet(Packet { v: VERSION, from, body }, now);
    }
    assert_eq!(directory.neighbours.len(), NODES_MAX);
}

/// Whatever the weather: words of a link come once, in order and without gaps, and all of them where the link lasted.
#[test]
fn words_come_once_and_in_order_in_any_weather() {
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut sky = Sky::new(seed, 3);
        sky.pass(Duration::from_secs(1));
        let mut said = 0;
        for _ in 0..60 {
            sky.bus.weather = Weather {
                lost: rng.random_range(0.0..0.5),
                twice: rng.random_range(0.0..0.5),
                late_max: Duration::from_millis(rng.random_range(1..400)),
                down: rng.random_bool(0.05),
            };
            sky.bus.cut(node(3), rng.random_bool(0.1));
            for _ in 0..rng.random_range(0..20) {
                said += 1;
                sky.say(1, 2, said);
                sky.say(3, 1, said);
            }
            sky.pass(Duration::from_millis(rng.random_range(1..1500)));
        }
        sky.bus.weather = Weather::FAIR;
        sky.bus.cut(node(3), false);
        sky.pass(Duration::from_secs(10));
        let all: Vec<String> = (1..=said).map(text).collect();
        assert_eq!(sky.heard(1, 2), all, "seed {seed}");
        assert_eq!(sky.heard(3, 1), all, "seed {seed}");
    }
}
