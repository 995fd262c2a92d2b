//! The media path of one worker without sockets and clocks, for counting its instructions: `node benches/instructions.mjs` runs this under
//! callgrind, which collects only inside of [`measured`]. A count does not depend on what else the machine does.
//!
//! `media_path NAME` sets one shape up, lets it settle, and prints how many packets went out while it was measured.

#![expect(clippy::disallowed_methods, reason = "a virtual clock has to start somewhere")]

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use loadtest::participant::Participant;
use loadtest::traffic::Traffic;
use str0m::media::Direction;
use tandem::id::{ParticipantId, RoomId, Source};
use tandem::sfu::candidates::Candidates;
use tandem::sfu::flow::Flow;
use tandem::sfu::handle::{Certificate, Offer, SfuCommand, SfuEvent};
use tandem::sfu::shard::{CONNECTING_MAX, Shard, ShardConfig};
use tandem::view::View;

const SFU: ([u8; 4], u16) = ([10, 0, 0, 1], 3478);

/// Until bandwidth is known, and nothing is left out for the lack of it.
const SETTLE: Duration = Duration::from_secs(8);
const MEASURE: Duration = Duration::from_secs(2);
/// What arrives within so long is one batch, as a socket would give it.
const BATCH: Duration = Duration::from_millis(1);
/// From the worker to a browser. Without any, no feedback would say when a packet arrived.
const DELAY: Duration = Duration::from_millis(10);

struct Shape {
    name: &'static str,
    /// Of the one who publishes, in each room; 0: calls of two, in which both do.
    subscribers: u8,
    rooms: u8,
    burst: u32,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "one_to_ten",
        subscribers: 10,
        rooms: 1,
        burst: 1,
    },
    Shape {
        name: "one_to_ten_in_bursts",
        subscribers: 10,
        rooms: 1,
        burst: 10,
    },
    Shape {
        name: "one_to_fifty",
        subscribers: 50,
        rooms: 1,
        burst: 1,
    },
    Shape {
        name: "twenty_calls",
        subscribers: 0,
        rooms: 20,
        burst: 1,
    },
];

fn main() {
    let asked = std::env::args().nth(1).unwrap_or_default();
    let Some(shape) = SHAPES.iter().find(|shape| shape.name == asked) else {
        SHAPES.iter().for_each(|shape| println!("{}", shape.name));
        return;
    };
    let mut world = World::new(shape);
    world.run(SETTLE, rehearsed);
    world.shard.take_counters();
    world.run(MEASURE, measured);
    let counters = world.shard.take_counters();
    println!("{}", counters.audio_out.packets + counters.video_out.packets);
}

struct World {
    now: Instant,
    shard: Shard,
    browsers: BTreeMap<SocketAddr, Browser>,
    on_the_way: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
}

struct Browser {
    id: ParticipantId,
    participant: Participant,
}

type Batch = Vec<(SocketAddr, Vec<u8>)>;

impl World {
    fn new(shape: &Shape) -> World {
        let now = Instant::now();
        let mut world = World {
            now,
            shard: Shard::new(ShardConfig {
                certificate: Certificate::generate().expect("a P-256 key"),
                candidates: Candidates {
                    udp: vec![SocketAddr::from(SFU)],
                    tcp: Vec::new(),
                },
                loopback_candidates: Candidates::default(),
                connecting_max: CONNECTING_MAX,
                busy_max: 0.0,
            }),
            browsers: BTreeMap::new(),
            on_the_way: VecDeque::new(),
        };
        let traffic = Traffic {
            video_packets: 250,
            video_bytes: 1100,
            burst: shape.burst,
        };
        let others = shape.subscribers.max(1);
        for room in 0..shape.rooms {
            for number in 0..=others {
                let publishes = number == 0 || shape.subscribers == 0;
                world.join(room, room * (others + 1) + number, publishes, &traffic);
            }
        }
        world
    }

    fn join(&mut self, room: u8, number: u8, publishes: bool, traffic: &Traffic) {
        let participant = ParticipantId::from_random(u64::from(number) + 1);
        let address = SocketAddr::from(([10, 0, 1, number + 1], 5000));
        let (mut browser, sdp) = Participant::with_slots(address, Direction::SendOnly, 1, 1, self.now);
        browser.send_plainly(traffic);
        browser.camera_on = publishes;
        browser.microphone_on = publishes;
        browser.publish(self.now);
        let sources = vec![
            (browser.microphone().to_string(), Source::Microphone),
            (browser.camera().to_string(), Source::Camera),
        ];
        self.browsers.insert(
            address,
            Browser {
                id: participant,
                participant: browser,
            },
        );
        let room = RoomId::from_random(u64::from(room) + 1);
        let published = if publishes {
            vec![Source::Microphone, Source::Camera]
        } else {
            Vec::new()
        };
        for command in [
            SfuCommand::View {
                room,
                participant,
                view: View::default(),
            },
            SfuCommand::Admit {
                room,
                participant,
                receives: true,
            },
            SfuCommand::Offer(Offer {
                room,
                participant,
                attempt: 1,
                sdp,
                sources,
                loopback: false,
            }),
            SfuCommand::Publish {
                room,
                participant,
                sources: published,
            },
        ] {
            self.shard.handle_command(command, self.now);
            self.deliver();
        }
    }

    fn run(&mut self, time: Duration, turn: fn(&mut Shard, &Batch, Instant)) {
        let end = self.now + time;
        while self.now < end {
            self.now += BATCH;
            let mut batch = Vec::new();
            for (address, browser) in &mut self.browsers {
                let participant = &mut browser.participant;
                if participant.poll_timeout() <= self.now {
                    participant.handle_timeout(self.now);
                }
                batch.extend(participant.sends.drain(..).map(|(_, datagram)| (*address, datagram)));
            }
            turn(&mut self.shard, &batch, self.now);
            self.deliver();
        }
    }

    /// What the worker sends goes on its way, what was on it arrives, and what it says is heard at once.
    fn deliver(&mut self) {
        let sends = self.shard.poll_sends().drain(..);
        self.on_the_way
            .extend(sends.map(|send| (self.now + DELAY, send.flow.remote, send.payload)));
        while let Some((_, to, datagram)) = self.on_the_way.pop_front_if(|(at, ..)| *at <= self.now) {
            if let Some(browser) = self.browsers.get_mut(&to) {
                browser
                    .participant
                    .handle_datagram(SocketAddr::from(SFU), &datagram, self.now);
            }
        }
        for event in self.shard.poll_events().drain(..) {
            let (SfuEvent::Answered { participant, .. } | SfuEvent::LayersWanted { participant, .. }) = &event else {
                continue;
            };
            let Some(browser) = self.browsers.values_mut().find(|browser| browser.id == *participant) else {
                continue;
            };
            match &event {
                SfuEvent::Answered { sdp, .. } => browser.participant.accept_answer(sdp, self.now),
                SfuEvent::LayersWanted { layers, .. } => browser.participant.want(layers),
                _ => {}
            }
        }
    }
}

/// What a worker does with what one receive call gave it.
#[inline(always)]
fn work(shard: &mut Shard, batch: &Batch, now: Instant) {
    for (source, datagram) in batch {
        shard.handle_datagram(Flow::udp(*source, SocketAddr::from(SFU)), datagram, now);
    }
    shard.flush(now);
    if shard.poll_timeout().is_some_and(|at| at <= now) {
        shard.handle_timeout(now);
    }
}

/// Not the same code as [`measured`]: the linker would make one function of the two, and both would be counted.
#[inline(never)]
fn rehearsed(shard: &mut Shard, batch: &Batch, now: Instant) {
    work(shard, batch, now);
    std::hint::black_box(batch.len());
}

#[inline(never)]
fn measured(shard: &mut Shard, batch: &Batch, now: Instant) {
    work(shard, batch, now);
}
