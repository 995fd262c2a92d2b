//! Fifty people in one room, who come, go, look here and there, and have links of every kind: what must hold all the time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tandem::id::{ParticipantId, Source};
use tandem::view::{Tile, View, Weight};

use super::network::{Dice, Link};
use super::world::{World, seed};

const PEOPLE: usize = 50;
const CAMERAS: usize = 30;
const LOOK_EVERY: Duration = Duration::from_millis(100);
const QUIET: i8 = -100;
const SPEECH: i8 = -25;

/// How long a subscription may be above its budget.
const OVER_FOR: Duration = Duration::from_secs(1);

/// Video is measured over this long, and may be this much over: key frames come in bursts.
const MEASURED: usize = 10;
const OVER_MAX: f64 = 1.25;

/// From the first sound to everybody hearing it, with loss.
const HEARD_WITHIN: Duration = Duration::from_millis(800);

/// After it came, or its link changed, nobody knows what the link takes: what is sent above that fills the queue before it, and takes
/// the sound with it, until the estimate has followed.
const SETTLES_WITHIN: Duration = Duration::from_secs(3);

/// A picture that is in a slot and not paused moves at least this often, once it was there for so long.
/// A link that falls from anything to 400 kbit/s drops most of what is under way, until the estimate has followed.
const MOVES_WITHIN: Duration = Duration::from_secs(6);

/// What of the SFU's memory one participant may account for: slots, tracks, watchers, timers, names.
const FOOTPRINT_MAX: usize = 200;

/// What is known of one participant beyond what its browser knows.
struct Watch {
    since: Instant,
    /// When its link changed last.
    link_since: Instant,
    /// Video sent and budget at each of the last looks.
    looks: Vec<(u64, u64)>,
    over_since: Option<Instant>,
    /// What is in each slot, and since when it is.
    slots: BTreeMap<String, (ParticipantId, bool, Instant)>,
}

struct Crowd {
    world: World,
    dice: Dice,
    watches: BTreeMap<ParticipantId, Watch>,
    /// What each looks at, and since when.
    views: BTreeMap<ParticipantId, (View, Instant)>,
    cameras: Vec<ParticipantId>,
    speaker: Option<(ParticipantId, Instant)>,
    looks: u32,
    worst: Worst,
}

/// How near to the bounds it came.
#[derive(Debug, Default)]
struct Worst {
    over: Duration,
    heard_after: Duration,
    still: Duration,
    footprint_each: usize,
    switches: usize,
    pauses: usize,
}

impl Crowd {
    fn new(seed: u64) -> Crowd {
        let mut world = World::new(seed);
        world.grain = Duration::from_millis(1);
        Crowd {
            world,
            dice: Dice::new(seed ^ 0xc0de),
            watches: BTreeMap::new(),
            views: BTreeMap::new(),
            cameras: Vec::new(),
            speaker: None,
            looks: 0,
            worst: Worst::default(),
        }
    }

    fn roll(&mut self, sides: usize) -> usize {
        (self.dice.next() % sides as u64) as usize
    }

    fn anybody(&mut self) -> ParticipantId {
        let index = self.roll(self.watches.len());
        *self.watches.keys().nth(index).expect("there are people")
    }

    fn any_rate(&mut self) -> Option<u64> {
        [Some(400_000), Some(800_000), Some(1_500_000), Some(4_000_000), None, None][self.roll(6)]
    }

    fn join(&mut self) {
        let rate_bps = self.any_rate();
        let link = Link {
            delay: Duration::from_millis(5 + self.roll(60) as u64),
            jitter: Duration::from_millis(self.roll(4) as u64),
            loss: [0.0, 0.0, 0.005, 0.02][self.roll(4)],
            ..Link::GOOD
        };
        let video_slots = [1, 4, 9, 16][self.roll(4)];
        let audio_slots = 1 + self.roll(4);
        let view = self.any_view(video_slots);
        let id = self.world.join_room(link, video_slots, audio_slots, view.clone());
        let has_camera = self.cameras.len() < CAMERAS;
        let member = self.world.member(id);
        member.down.link.rate_bps = rate_bps;
        member.browser.audio_level = QUIET;
        member.browser.dtx = true;
        member.browser.frame_every = Duration::from_millis(100);
        member.browser.camera_on = has_camera;
        if has_camera {
            self.cameras.push(id);
        } else {
            self.world.publish(id, &[Source::Microphone]);
        }
        self.views.insert(id, (view, self.world.now));
        let watch = Watch {
            since: self.world.now,
            link_since: self.world.now,
            looks: Vec::new(),
            over_since: None,
            slots: BTreeMap::new(),
        };
        self.watches.insert(id, watch);
    }

    fn leave(&mut self) {
        let id = self.anybody();
        if self.speaker.is_some_and(|(speaker, _)| speaker == id) {
            self.speaker = None;
        }
        self.world.leave(id);
        self.watches.remove(&id);
        self.views.remove(&id);
        self.cameras.retain(|camera| *camera != id);
    }

    fn any_view(&mut self, most: usize) -> View {
        match self.roll(8) {
            0 => View::Everything,
            1 => View::Speaker,
            2 if !self.watches.is_empty() => View::Participant {
                participant_id: self.anybody(),
            },
            _ => {
                let count = self.roll(most + 2);
                let tiles = (0..count).filter_map(|_| {
                    let index = self.roll(PEOPLE);
                    let height_px = [90, 180, 240, 400, 720][self.roll(5)];
                    let is_hidden = self.roll(10) == 0;
                    Some(Tile {
                        participant_id: *self.cameras.get(index)?,
                        source: Source::Camera,
                        width_px: if is_hidden { 0 } else { height_px },
                        height_px,
                        weight: [Weight::Pinned, Weight::Speaker, Weight::Rest, Weight::Rest][self.roll(4)],
                    })
                });
                View::Tiles { tiles: tiles.collect() }
            }
        }
    }

    /// Somebody does something.
    fn act(&mut self) {
        match self.roll(8) {
            0 => self.leave(),
            1 | 2 if self.watches.len() < PEOPLE => self.join(),
            1..=4 => {
                let id = self.anybody();
                let slots = self.world.members[&id].browser.slots.len();
                let view = self.any_view(slots);
                self.views.insert(id, (view.clone(), self.world.now));
                self.world.look(id, view);
            }
            5 => {
                let id = self.anybody();
                let rate_bps = self.any_rate();
                self.world.member(id).down.link.rate_bps = rate_bps;
                self.watches.get_mut(&id).expect("it is there").link_since = self.world.now;
            }
            _ => self.speak(),
        }
    }

    /// The word goes to somebody else.
    fn speak(&mut self) {
        if let Some((before, _)) = self.speaker {
            self.world.member(before).browser.audio_level = QUIET;
        }
        let id = self.anybody();
        self.world.member(id).browser.audio_level = SPEECH;
        self.speaker = Some((id, self.world.now));
    }

    /// Lets time pass, and looks that everything holds.
    fn run(&mut self, duration: Duration) {
        let end = self.world.now + duration;
        while self.world.now < end {
            self.world.run(LOOK_EVERY);
            self.world.counters.truncate(1);
            self.looks += 1;
            self.look_at_budgets();
            self.look_at_pictures();
            self.look_at_speaker();
            let each = self.world.shard.footprint() / self.watches.len().max(1);
            self.worst.footprint_each = self.worst.footprint_each.max(each);
            assert!(each < FOOTPRINT_MAX, "{each} things are kept for each participant");
        }
    }

    fn look_at_budgets(&mut self) {
        let (now, room) = (self.world.now, self.world.room);
        for (id, watch) in &mut self.watches {
            let Some(budget_bps) = self.world.shard.budget_bps(room, *id) else {
                continue;
            };
            let forwarded = self.world.shard.video_forwarded(room, *id);
            watch.looks.push((forwarded, budget_bps));
            if watch.looks.len() <= MEASURED {
                continue;
            }
            let (before, _) = watch.looks.remove(0);
            let sent = watch.looks[MEASURED - 1].0.saturating_sub(before);
            let rate_bps = sent as f64 * 8.0 / (LOOK_EVERY * MEASURED as u32).as_secs_f64();
            let budget_bps = watch.looks.iter().map(|l| l.1).max().unwrap_or_default() as f64;
            if rate_bps <= budget_bps * OVER_MAX {
                watch.over_since = None;
                continue;
            }
            let over = now - *watch.over_since.get_or_insert(now);
            self.worst.over = self.worst.over.max(over);
            assert!(
                over <= OVER_FOR,
                "{id} is sent {rate_bps:.0} bit/s of video for {over:?}, and its budget is {budget_bps:.0}: {:?} {:?} {:?}",
                self.views[id].0,
                self.world.members[id].slots,
                self.world.members[id]
                    .browser
                    .received
                    .values()
                    .map(|r| (r.layer, r.key_frames_asked))
                    .collect::<Vec<_>>(),
            );
        }
    }

    fn look_at_pictures(&mut self) {
        let now = self.world.now;
        for (id, watch) in &mut self.watches {
            let member = &self.world.members[id];
            assert_eq!(member.jumped, 0, "a track of {id} went on in another slot");
            assert!(member.lost.is_empty() && member.refused == 0, "{id}: {:?}", member.lost);
            let before = std::mem::take(&mut watch.slots);
            for slot in member.slots.iter().filter(|slot| slot.source.is_video()) {
                let is_hidden = match &self.views[id].0 {
                    View::Tiles { tiles } => tiles
                        .iter()
                        .find(|t| t.participant_id == slot.publisher)
                        .is_some_and(|t| t.width_px == 0),
                    _ => false,
                };
                let shown = (slot.publisher, !slot.paused && !is_hidden);
                let same = before.get(&slot.mid).filter(|was| (was.0, was.1) == shown);
                let since = same.map_or(now, |was| was.2);
                self.worst.switches += usize::from(same.is_none());
                self.worst.pauses += usize::from(same.is_none() && slot.paused);
                watch.slots.insert(slot.mid.clone(), (shown.0, shown.1, since));
            }
            for (mid, receiver) in &member.browser.received {
                assert_eq!((receiver.broken, receiver.picture_id_jumps), (0, 0), "{id} in {mid}");
                let Some((publisher, true, since)) = watch.slots.get(&mid.to_string()) else {
                    continue;
                };
                let still = now - receiver.last_decoded.map_or(*since, |at| at.max(*since));
                self.worst.still = self.worst.still.max(still);
                assert!(
                    still < MOVES_WITHIN,
                    "{id} sees a still picture of {publisher} for {still:?} in {mid}, {:?} of {:?}",
                    member.down.link,
                    self.world.shard.budget_bps(self.world.room, *id),
                );
            }
        }
    }

    fn look_at_speaker(&mut self) {
        let now = self.world.now;
        let Some((speaker, since)) = self.speaker else { return };
        let mark = self.world.members[&speaker].browser.mark;
        for (id, watch) in self.watches.iter().filter(|(id, _)| **id != speaker) {
            let since = since.max(watch.link_since + SETTLES_WITHIN);
            let since = since.max(self.watches[&speaker].since + Duration::from_secs(1));
            let (view, looked) = &self.views[id];
            let since = since.max(*looked);
            if now < since + HEARD_WITHIN || matches!(view, View::Participant { .. }) {
                continue;
            }
            let browser = &self.world.members[id].browser;
            let heard = browser.received.values().filter_map(|r| r.heard.get(&mark)).max();
            let deaf = now - heard.map_or(since, |at| (*at).max(since));
            self.worst.heard_after = self.worst.heard_after.max(deaf);
            assert!(
                deaf <= HEARD_WITHIN,
                "{id} does not hear {speaker} for {deaf:?}, {:?} and {:?}, in {:?}",
                self.world.members[&speaker].up.link,
                self.world.members[id].down.link,
                self.world.members[id].slots
            );
        }
    }
}

#[test]
fn fifty_in_a_room_who_come_and_go_and_look_here_and_there() {
    let mut crowd = Crowd::new(seed(50));
    for _ in 0..10 {
        for _ in 0..PEOPLE / 10 {
            crowd.join();
        }
        crowd.run(Duration::from_millis(300));
    }
    crowd.speak();
    for _ in 0..40 {
        crowd.act();
        crowd.run(Duration::from_millis(400));
    }
    println!("{:?}", crowd.worst);
    assert!(crowd.worst.switches > 200, "there was something to look at");
    let mut world = crowd.world;
    let everybody: Vec<_> = world.members.keys().copied().collect();
    for id in everybody {
        world.leave(id);
    }
    assert_eq!(world.shard.count_transports(), (0, 0));
    world.run(Duration::from_secs(1));
    let left = world.shard.footprint();
    assert!(
        left <= 2 * (PEOPLE + 20),
        "{left} things are left, and only places of transports may be"
    );
}
