//! Random worlds: pages that say anything at any time over websockets that break, and what must hold all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tandem::id::ParticipantId;
use tandem::sfu::handle::InjectedFault;
use tandem::signaling::output::Fact;

use super::nat::NatKind;
use super::page::{Page, View};
use super::sfu::Sfu;
use super::world::World;
use crate::network::{Dice, Link};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// After so long without a word or a break everything that was on the way has arrived.
const QUIET: Duration = SECOND.saturating_mul(2);

/// And by then everybody who talks has something new to hear and to see. (A frame may be lost, and its repair too.)
const MEDIA_WITHIN: Duration = SECOND.saturating_mul(2);

/// Worlds of an ordinary run.
const SEEDS: u64 = 100;

/// One in so many worlds has the real SFU and real media.
const REAL_EVERY: u64 = 20;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn pick<T: Copy>(dice: &mut Dice, choices: &[T]) -> T {
    choices[dice.next() as usize % choices.len()]
}

/// With media, loss; but neither so much of it nor so much jitter that a handshake or the first picture takes some seconds: stories
/// have that.
fn link(dice: &mut Dice, with_media: bool) -> Link {
    Link {
        delay: MS * pick(dice, &[1, 10, 40, 120]),
        jitter: MS
            * if with_media {
                pick(dice, &[0, 5, 20])
            } else {
                pick(dice, &[0, 5, 60])
            },
        loss: if with_media { pick(dice, &[0.0, 0.0, 0.01]) } else { 0.0 },
        ..Link::GOOD
    }
}

fn open(world: &mut World, has_media: bool) {
    let mut dice = world.dice.clone();
    world.dice.next();
    let link = link(&mut dice, has_media);
    let nat = pick(
        &mut dice,
        &[
            None,
            Some(NatKind::FULL_CONE),
            Some(NatKind::PORT_RESTRICTED_CONE),
            Some(NatKind::SYMMETRIC),
        ],
    );
    let page = if !world.pages.is_empty() && dice.next().is_multiple_of(3) {
        let of = dice.next() as usize % world.pages.len();
        world.open_another(of, link)
    } else {
        world.open(nat, link)
    };
    world.pages[page].always_through_server = dice.next().is_multiple_of(4);
    world.pages[page].publishes_early = dice.next().is_multiple_of(4);
}

/// What a run came across: that nothing went wrong says little where nothing happened.
#[derive(Debug, Default)]
struct Tally {
    worlds: usize,
    with_media: usize,
    /// Ended calls by their reason.
    ends: BTreeMap<&'static str, usize>,
    resumed: usize,
    /// How often it was checked that one page hears another: with real packets, and with the stand-in.
    heard_real: usize,
    heard_stand_in: usize,
    /// For something new to hear and to see, after a quiet period.
    longest_wait: Duration,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.worlds += other.worlds;
        self.with_media += other.with_media;
        self.resumed += other.resumed;
        self.heard_real += other.heard_real;
        self.heard_stand_in += other.heard_stand_in;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        for (reason, count) in other.ends {
            *self.ends.entry(reason).or_default() += count;
        }
    }
}

/// One thing that somebody does, or that happens to somebody.
fn take_step(world: &mut World, dice: &mut Dice, calls: &mut Vec<String>) {
    let page = dice.next() as usize % world.pages.len();
    let now = world.now;
    if let Some(call) = world.pages[page].view.call().map(str::to_owned)
        && !calls.contains(&call)
    {
        calls.push(call);
    }
    match dice.next() % 26 {
        0..6 => {
            let other = dice.next() as usize % world.pages.len();
            let id = world.pages[other].user_id().to_owned();
            world.pages[page].call(&id);
        }
        6..12 => {
            let rings = |p: &usize| matches!(world.pages[*p].view, View::Ringing { .. });
            let page = (0..world.pages.len()).find(rings).unwrap_or(page);
            world.pages[page].command_on_call("accept");
        }
        12 => world.pages[page].command_on_call("decline"),
        13 => world.pages[page].command_on_call("cancel"),
        14 | 15 => world.pages[page].command_on_call("hang_up"),
        // About a call that may be over, or somebody else's.
        16 if !calls.is_empty() => {
            let call = calls[dice.next() as usize % calls.len()].clone();
            let kind = pick(dice, &["accept", "decline", "cancel", "hang_up"]);
            world.pages[page].command(serde_json::json!({"type": kind, "call_id": call}));
        }
        17 | 18 => {
            let noticed = MS * pick(dice, &[0, 30, 400, 25_000]);
            let back = MS * pick(dice, &[50, 300, 1500, 2500, 5000, 14_000, 16_000]);
            world.cut_for(page, noticed, back);
        }
        19 => world.inject(pick(dice, &[InjectedFault::Panic, InjectedFault::Endless]), page),
        20 => world.pages[page].connect(now),
        21 => world.pages[page].rename("Ada"),
        // Only datagrams: the websocket goes on. A handshake that is hit waits longer than a quiet period for its next try.
        22 if world.pages[page].forwarded.as_ref().is_some_and(|f| f.connected) => {
            let dead = Link { loss: 1.0, ..Link::GOOD };
            world.internet.set_links(page, dead, dead);
            world.run(MS * pick(dice, &[300, 1000, 4000]));
            let link = link(dice, true);
            world.internet.set_links(page, link, link);
        }
        23 => world.pages[page].signal_candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host"),
        _ => {}
    }
    let pause = MS * pick(dice, &[0, 1, 7, 30, 200, 900, 3000]);
    world.run(pause);
    if dice.next().is_multiple_of(12) {
        world.run(MS * pick(dice, &[8000, 20_000, 46_000]));
    }
}

/// Nothing happens for a while: then all who can hear the server agree with it, and who talk hear each other.
fn check_quiet(world: &mut World, tally: &mut Tally) {
    world.run(QUIET);
    // What the server said by itself, or to one who came back, may be on the way still.
    world.run_until("every frame has arrived", SECOND * 2, World::is_settled);
    let mut live = BTreeSet::new();
    for fact in &world.server.facts {
        match fact {
            Fact::CallStarted { call, .. } => live.insert(call.to_string()),
            Fact::CallEnded { call, .. } => live.remove(&call.to_string()),
            _ => false,
        };
    }
    let ends = world.ends();
    assert_eq!(
        live.len(),
        world.server.hub.counts().ringing + world.server.hub.counts().answered
    );
    for (n, page) in world.pages.iter().enumerate().filter(|(_, page)| page.is_welcomed) {
        if let Some(call) = page.view.call() {
            assert!(live.contains(call), "page {n} is in a call that ended: {:?}", page.view);
        }
        for (call, reason) in &page.ended {
            assert_eq!(ends.get(call), Some(&reason.as_str()), "two reasons for {call}");
        }
        if let View::Talking { other, .. } = &page.view {
            let is_other = |p: &Page| matches!(&p.view, View::Talking { me, .. } if me == other);
            let all_are_here = world.pages.iter().all(|page| page.is_welcomed);
            let is_there = world.pages.iter().any(is_other);
            assert!(is_there || !all_are_here, "page {n} talks to nobody");
        }
        let wrong = page
            .errors
            .iter()
            .find(|code| *code != "not_allowed" && *code != "rate_limited");
        assert_eq!(wrong, None, "page {n} was misunderstood");
    }
    let count = world.pages.len();
    let pairs: Vec<(usize, usize)> = (0..count)
        .flat_map(|a| (0..count).map(move |b| (a, b)))
        .filter(|(a, b)| a != b && world.are_talking(*a, *b))
        .filter(|(a, b)| world.pages[*a].is_welcomed && world.pages[*b].is_welcomed)
        .collect();
    match &world.server.sfu {
        Sfu::StandIn(stand_in) => {
            for (to, from) in pairs {
                let View::Talking { me, other, .. } = &world.pages[to].view else {
                    continue;
                };
                let [me, other] = [me, other].map(|id| id.parse::<ParticipantId>().expect("an id"));
                assert!(stand_in.hears(me, other), "page {to} would not hear {from}");
                tally.heard_stand_in += 1;
            }
        }
        Sfu::Real(_) => {
            let before: Vec<_> = world.pages.iter().map(|page| page.received()).collect();
            let waited = world.run_until("sound and pictures for all who talk", MEDIA_WITHIN, |w| {
                pairs.iter().all(|(to, _)| {
                    let (audio, frames) = w.pages[*to].received();
                    audio > before[*to].0 && frames > before[*to].1
                })
            });
            tally.heard_real += pairs.len();
            tally.longest_wait = tally.longest_wait.max(waited);
        }
    }
}

fn run(seed: u64, tally: &mut Tally) {
    let has_media = seed.is_multiple_of(REAL_EVERY);
    let mut world = if has_media {
        World::new(seed)
    } else {
        World::without_media(seed)
    };
    let mut dice = Dice::new(seed);
    for _ in 0..2 + dice.next() % 3 {
        open(&mut world, has_media);
    }
    let mut calls = Vec::new();
    for _ in 0..2 + dice.next() % 3 {
        for _ in 0..3 + dice.next() % if has_media { 6 } else { 15 } {
            take_step(&mut world, &mut dice, &mut calls);
        }
        check_quiet(&mut world, tally);
    }
    // Those who are away may still come back; then everybody goes.
    world.run(SECOND * 17);
    check_quiet(&mut world, tally);
    for page in 0..world.pages.len() {
        world.vanish(page, MS * pick(&mut dice, &[0, 100, 25_000]));
    }
    world.run(SECOND * 90);
    world.assert_empty();
    tally.worlds += 1;
    tally.with_media += usize::from(has_media);
    tally.resumed += world.pages.iter().map(|page| page.resumed).sum::<usize>();
    for reason in world.ends().into_values() {
        *tally.ends.entry(reason).or_default() += 1;
    }
}

/// `TANDEM_SEEDS` worlds, or the one of `TANDEM_SEED`. Without media a seed does the same again; str0m draws randomness of its own,
/// so one with media may have to be run some times.
#[test]
fn whatever_happens_every_call_ends_once_and_nothing_is_left() {
    let tally = Mutex::new(Tally::default());
    if let Some(seed) = number("TANDEM_SEED") {
        return run(seed, &mut Tally::default());
    }
    let seeds = number("TANDEM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(1);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Tally::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        break;
                    }
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed, &mut mine))) {
                        // Nobody needs to look for a second one.
                        next.store(seeds + 1, Ordering::Relaxed);
                        resume_unwind(panic);
                    }
                }
                tally.lock().expect("the other did not panic").add(mine);
            });
        }
    });
    let tally = tally.into_inner().expect("nobody panicked");
    println!("{tally:#?}");
    if seeds >= SEEDS {
        assert_eq!(tally.ends.len(), 7, "not every way to end came about: {:?}", tally.ends);
        assert!(tally.resumed > 0 && tally.heard_real > 0 && tally.heard_stand_in > 0);
    }
}
