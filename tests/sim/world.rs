//! One SFU, its participants and the network between them, under a virtual clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem::id::{ParticipantId, RoomId, Source};
use tandem::sfu::candidates::Candidates;
use tandem::sfu::counters::Counters;
use tandem::sfu::flow::Flow;
use tandem::sfu::handle::{Certificate, FilledSlot, LostReason, Offer, SfuCommand, SfuEvent};
use tandem::sfu::shard::{CONNECTING_MAX, Shard, ShardConfig};
use tandem::view::View;

use super::network::{Datagram, Dice, Direction, Link, Network};
use crate::sources;
use loadtest::participant::Participant;

pub const SFU: ([u8; 4], u16) = ([10, 0, 0, 1], 3478);

/// A certificate as the server makes one at its start.
pub fn certificate() -> Certificate {
    Certificate::generate().expect("a P-256 key")
}

/// The seed of a test: fixed, unless `TANDEM_SEED` names one. It is printed, and a failed test shows what it printed.
pub fn seed(default: u64) -> u64 {
    let seed = std::env::var("TANDEM_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(default);
    println!("TANDEM_SEED={seed}");
    seed
}

pub struct World {
    pub now: Instant,
    pub room: RoomId,
    pub shard: Shard,
    pub network: Network,
    pub members: BTreeMap<ParticipantId, Member>,
    pub counters: Vec<Counters>,
    /// As the SFU last said.
    pub speakers: Vec<ParticipantId>,
    pub speakers_told: usize,
    /// The smallest step of the clock.
    pub grain: Duration,
    dice: Dice,
    opened: u16,
}

pub struct Member {
    pub browser: Participant,
    pub up: Direction,
    pub down: Direction,
    pub attempt: u32,
    pub answers: Vec<String>,
    pub slots: Vec<FilledSlot>,
    /// Tracks that went on in another slot than before. None ever may.
    pub jumped: usize,
    pub wanted: BTreeMap<Source, Vec<(Option<String>, bool, u32)>>,
    pub wanted_count: usize,
    pub lost: Vec<LostReason>,
    pub refused: usize,
}

impl World {
    pub fn new(seed: u64) -> World {
        World::with_connecting_max(seed, CONNECTING_MAX)
    }

    /// Of an SFU that has few transports waiting for their browser at a time.
    pub fn with_connecting_max(seed: u64, connecting_max: usize) -> World {
        let now = Instant::now();
        let mut dice = Dice::new(seed);
        World {
            now,

            room: RoomId::from_random(dice.next()),
            shard: Shard::new(ShardConfig {
                certificate: certificate(),
                candidates: Candidates {
                    udp: vec![SocketAddr::from(SFU)],
                    tcp: Vec::new(),
                },
                loopback_candidates: Candidates::default(),
                connecting_max,
                busy_max: 0.98,
            }),
            network: Network::new(dice.next()),
            members: BTreeMap::new(),
            counters: Vec::new(),
            speakers: Vec::new(),
            speakers_told: 0,
            grain: Duration::from_micros(100),
            dice,
            opened: 0,
        }
    }

    /// Opens a browser, which offers. Nothing of it is admitted or published.
    pub fn open(&mut self, link: Link, video_slots: usize) -> ParticipantId {
        self.open_with_camera(link, str0m::media::Direction::SendOnly, video_slots)
    }

    pub fn open_with_camera(&mut self, link: Link, camera: str0m::media::Direction, video_slots: usize) -> ParticipantId {
        self.open_with_slots(link, camera, video_slots, 1)
    }

    pub fn open_with_slots(
        &mut self,
        link: Link,
        camera: str0m::media::Direction,
        video_slots: usize,
        audio_slots: usize,
    ) -> ParticipantId {
        let id = ParticipantId::from_random(self.dice.next());
        self.opened += 1;
        let [high, low] = self.opened.to_be_bytes();
        let address = SocketAddr::from(([10, 0, 1 + high, low], 5000));
        let (mut browser, offer) = Participant::with_slots(address, camera, video_slots, audio_slots, self.now);
        browser.mark = self.opened;
        let member = Member {
            browser,
            up: Direction::new(link),
            down: Direction::new(link),
            attempt: 1,
            answers: Vec::new(),
            slots: Vec::new(),
            jumped: 0,
            wanted: BTreeMap::new(),
            wanted_count: 0,
            lost: Vec::new(),
            refused: 0,
        };
        self.members.insert(id, member);
        self.offer(id, offer);
        id
    }

    /// Opens a browser that is in the call, with camera and microphone on.
    pub fn join(&mut self, link: Link, video_slots: usize) -> ParticipantId {
        let id = self.open(link, video_slots);
        self.admit(id);
        self.publish(id, &[Source::Microphone, Source::Camera]);
        id
    }

    /// The same with so many slots for sound, and nobody looked at before it says at whom.
    pub fn join_room(&mut self, link: Link, video_slots: usize, audio_slots: usize, view: View) -> ParticipantId {
        let id = self.open_with_slots(link, str0m::media::Direction::SendOnly, video_slots, audio_slots);
        self.look(id, view);
        self.admit(id);
        self.publish(id, &[Source::Microphone, Source::Camera]);
        id
    }

    pub fn look(&mut self, participant: ParticipantId, view: View) {
        self.command(SfuCommand::View {
            room: self.room,
            participant,
            view,
        });
    }

    pub fn leave(&mut self, participant: ParticipantId) {
        self.command(SfuCommand::Leave {
            room: self.room,
            participant,
        });
        self.members.remove(&participant);
    }

    /// A participant offers again with a new connection.
    pub fn reopen(&mut self, id: ParticipantId) {
        let now = self.now;
        let member = self.members.get_mut(&id).expect("it was opened");
        let mut address = member.browser.address;
        address.set_port(address.port() + 1);
        let slots = member.browser.slots.len();
        let audio_slots = member.browser.audio_slots.len();
        let camera = str0m::media::Direction::SendOnly;
        let (mut browser, offer) = Participant::with_slots(address, camera, slots, audio_slots, now);
        browser.mark = member.browser.mark;
        browser.publish(now);
        member.browser = browser;
        member.attempt += 1;
        self.offer(id, offer);
    }

    pub fn offer(&mut self, id: ParticipantId, sdp: String) {
        let member = &self.members[&id];
        let command = SfuCommand::Offer(Offer {
            room: self.room,
            participant: id,
            attempt: member.attempt,
            sdp,
            sources: sources(&member.browser),
            loopback: false,
        });
        self.command(command);
    }

    pub fn admit(&mut self, participant: ParticipantId) {
        self.command(SfuCommand::Admit {
            room: self.room,
            participant,
            receives: true,
        });
    }

    pub fn publish(&mut self, participant: ParticipantId, sources: &[Source]) {
        let now = self.now;
        self.member(participant).browser.publish(now);
        self.command(SfuCommand::Publish {
            room: self.room,
            participant,
            sources: sources.to_vec(),
        });
    }

    pub fn command(&mut self, command: SfuCommand) {
        self.shard.handle_command(command, self.now);
        self.settle();
    }

    pub fn member(&mut self, id: ParticipantId) -> &mut Member {
        self.members.get_mut(&id).expect("it was opened")
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step(end);
        }
        self.counters.push(self.shard.take_counters());
    }

    /// Lets time pass until something is true.
    pub fn run_until(&mut self, what: &str, within: Duration, mut done: impl FnMut(&World) -> bool) -> Duration {
        let begin = self.now;
        while !done(self) {
            assert!(self.now < begin + within, "not within {within:?}: {what}");
            self.step(begin + within);
        }
        self.now - begin
    }

    /// The sum of a counter since the world began.
    pub fn count(&self, what: impl Fn(&Counters) -> u64) -> u64 {
        self.counters.iter().map(what).sum()
    }

    fn step(&mut self, end: Instant) {
        let browsers = self.members.values().map(|m| m.browser.poll_timeout()).min();
        let next = [self.network.poll_timeout(), self.shard.poll_timeout(), browsers];
        let next = next.into_iter().flatten().min().map_or(end, |at| at.min(end));
        // Time always moves, so that nobody who asks for the present again and again can hold the world.
        self.now = next.max(self.now + self.grain);
        let now = self.now;
        while let Some(Datagram {
            source,
            destination,
            payload,
        }) = self.network.receive(now)
        {
            if destination == SocketAddr::from(SFU) {
                self.shard.handle_datagram(Flow::udp(source, destination), &payload, now);
            } else if let Some(m) = self.members.values_mut().find(|m| m.browser.address == destination) {
                m.browser.handle_datagram(source, &payload, now);
            }
        }
        self.shard.flush(now);
        self.shard.handle_timeout(now);
        for member in self.members.values_mut() {
            if member.browser.poll_timeout() <= now {
                member.browser.handle_timeout(now);
            }
        }
        self.settle();
    }

    /// Puts what everybody sent on the network, and tells browsers what the SFU says.
    fn settle(&mut self) {
        let now = self.now;
        self.shard.flush(now);
        for event in self.shard.poll_events().drain(..).collect::<Vec<_>>() {
            self.tell(event);
        }
        for send in self.shard.poll_sends().drain(..) {
            assert_eq!(send.flow.local, SocketAddr::from(SFU), "sent from the address that was asked");
            let Some(m) = self.members.values_mut().find(|m| m.browser.address == send.flow.remote) else {
                continue;
            };
            let datagram = Datagram {
                source: SocketAddr::from(SFU),
                destination: send.flow.remote,
                payload: send.payload,
            };
            self.network.send(&mut m.down, datagram, now);
        }
        for m in self.members.values_mut() {
            for (destination, payload) in std::mem::take(&mut m.browser.sends) {
                let datagram = Datagram {
                    source: m.browser.address,
                    destination,
                    payload,
                };
                self.network.send(&mut m.up, datagram, now);
            }
        }
    }

    fn tell(&mut self, event: SfuEvent) {
        let now = self.now;
        match event {
            SfuEvent::Answered {
                participant,
                attempt,
                sdp,
                ..
            } => {
                let member = self.member(participant);
                assert_eq!(attempt, member.attempt);
                member.browser.accept_answer(&sdp, now);
                member.answers.push(sdp);
            }
            SfuEvent::Refused { participant, .. } => self.member(participant).refused += 1,
            SfuEvent::SlotsChanged { participant, slots, .. } => {
                let member = self.member(participant);
                let moved = |new: &&FilledSlot| {
                    let same = |old: &&FilledSlot| (old.publisher, old.source) == (new.publisher, new.source);
                    member.slots.iter().find(same).is_some_and(|old| old.mid != new.mid)
                };
                member.jumped += slots.iter().filter(moved).count();
                member.slots = slots;
            }
            SfuEvent::LayersWanted {
                participant,
                source,
                layers,
                ..
            } => {
                let member = self.member(participant);
                member.browser.want(&layers);
                member.wanted.insert(source, layers);
                member.wanted_count += 1;
            }
            SfuEvent::SpeakersChanged { speakers, .. } => {
                self.speakers = speakers;
                self.speakers_told += 1;
            }
            SfuEvent::TransportLost { participant, reason, .. } => self.member(participant).lost.push(reason),
        }
    }
}
