//! A link that becomes narrow in mid-call: smaller pictures come at once, none stands still for long, and every voice goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use str0m::media::Mid;
use tandem::id::ParticipantId;
use tandem::view::View;

use super::network::Link;
use super::world::{World, seed};

const SECOND: Duration = Duration::from_secs(1);
const NARROW_BPS: u64 = 300_000;
const LOW_WITHIN: Duration = Duration::from_secs(3);
const STILL_MAX: Duration = Duration::from_secs(1);
/// A queue that is empty soon after less is sent.
const QUEUE_SHORT: Duration = Duration::from_millis(100);
const QUIET_MAX: Duration = Duration::from_millis(600);
/// In 20 s, of both pictures: one of them has room for most of the time.
const FRAMES_MIN: usize = 100;
/// On the good link again.
const BEST_WITHIN: Duration = Duration::from_secs(30);
/// How often we look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Two who publish with two temporal layers in each of three layers and with redundant audio, and one who watches both.
struct Room {
    world: World,
    publishers: [ParticipantId; 2],
    viewer: ParticipantId,
}

/// What the viewer noticed.
#[derive(Debug, Default)]
struct Noticed {
    /// When every picture was of the lowest layer or paused, and not all were paused.
    low_after: Option<Duration>,
    still: BTreeMap<Mid, Duration>,
    quiet: Duration,
    pauses: usize,
    /// Pictures that were carried all the time since they were low.
    frames: usize,
}

impl Room {
    fn new(seed: u64) -> Room {
        let mut world = World::new(seed);
        let publishers = [0, 1].map(|_| {
            let id = world.join_room(Link::GOOD, 2, 2, View::Everything);
            let browser = &mut world.member(id).browser;
            browser.use_temporal_layers(2);
            browser.sends_red = true;
            id
        });
        let viewer = world.join_room(Link::GOOD, 2, 2, View::Everything);
        world.member(viewer).browser.camera_on = false;
        world.publish(viewer, &[tandem::id::Source::Microphone]);
        let mut room = Room {
            world,
            publishers,
            viewer,
        };
        room.wait_for_the_best(SECOND * 40);
        room.world.run(SECOND * 3);
        room
    }

    fn wait_for_the_best(&mut self, within: Duration) -> Duration {
        let viewer = self.viewer;
        self.world.run_until("both at their best", within, |w| {
            let browser = &w.members[&viewer].browser;
            let best = |mid| browser.received.get(mid).is_some_and(|r| r.layer == Some(2));
            browser.slots.iter().all(best)
        })
    }

    fn narrow(&mut self, link: Link) {
        self.world.member(self.viewer).down.link = link;
    }

    /// Lets time pass and looks at the viewer.
    fn watch(&mut self, duration: Duration) -> Noticed {
        let mut noticed = Noticed::default();
        let begin = self.world.now;
        let mut shown_since: BTreeMap<Mid, Instant> = BTreeMap::new();
        let frames = |world: &World, id: &ParticipantId| -> usize {
            let browser = &world.members[id].browser;
            browser
                .slots
                .iter()
                .filter_map(|mid| browser.received.get(mid))
                .map(|r| r.decoded)
                .sum()
        };
        let before = frames(&self.world, &self.viewer);
        while self.world.now < begin + duration {
            self.world.run(LOOK_EVERY);
            self.world.counters.truncate(1);
            let now = self.world.now;
            let member = &self.world.members[&self.viewer];
            let mut is_low = true;
            let mut carried = 0;
            for mid in &member.browser.slots {
                let slot = member.slots.iter().find(|slot| slot.mid == mid.to_string());
                let receiver = &member.browser.received[mid];
                if slot.is_none_or(|slot| slot.paused) {
                    noticed.pauses += usize::from(shown_since.remove(mid).is_some());
                    continue;
                }
                let since = *shown_since.entry(*mid).or_insert(now);
                carried += 1;
                is_low &= receiver.layer == Some(0);
                let still = now - receiver.last_decoded.map_or(since, |at| at.max(since)).max(begin);
                let worst = noticed.still.entry(*mid).or_default();
                *worst = (*worst).max(still);
            }
            if is_low && carried > 0 {
                noticed.low_after.get_or_insert(now - begin);
            }
            for publisher in &self.publishers {
                let mark = self.world.members[publisher].browser.mark;
                let heard = member.browser.received.values().filter_map(|r| r.heard.get(&mark)).max();
                noticed.quiet = noticed.quiet.max(now - heard.copied().unwrap_or(begin).max(begin));
            }
        }
        noticed.frames = frames(&self.world, &self.viewer) - before;
        noticed
    }
}

#[test]
fn a_link_cut_to_300_kbit_gets_the_low_layer_and_no_picture_stands_still() {
    for (number, queue_ms) in [60, 100, 200, 300, 500].into_iter().enumerate() {
        let queue = Duration::from_millis(queue_ms);
        let mut room = Room::new(seed(70 + number as u64));
        room.narrow(Link {
            rate_bps: Some(NARROW_BPS),
            queue,
            ..Link::GOOD
        });
        let noticed = room.watch(SECOND * 20);
        println!("queue of {queue_ms} ms: {noticed:?}");
        assert!(noticed.low_after.is_some_and(|at| at < LOW_WITHIN), "{noticed:?}");
        // What stands in a long queue has to leave it first.
        let still_max = if queue > QUEUE_SHORT { STILL_MAX + queue } else { STILL_MAX };
        assert!(noticed.still.values().all(|still| *still <= still_max), "{noticed:?}");
        assert!(noticed.quiet <= QUIET_MAX, "{noticed:?}");
        assert!(noticed.frames >= FRAMES_MIN, "{noticed:?}");
        room.narrow(Link::GOOD);
        println!("the best again after {:?}", room.wait_for_the_best(BEST_WITHIN));
    }
}
