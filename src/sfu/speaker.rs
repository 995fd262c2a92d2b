//! Who speaks, from the audio levels that browsers put beside each packet (RFC 6464), and whose voices and pictures go first.
//!
//! A [`Voice`] is the loudness of one microphone, smoothed by how fast it may change: a click is over before it counts, and a pause
//! between words is no silence. [`Speakers`] keeps the voices of a room in an order that changes as seldom as it can:
//!
//! | | |
//! |---|---|
//! | who says something goes before who does not | at once, so that the beginning of a word is heard |
//! | of two who do, the louder one | when it was louder by [`LOUDER_DB`] for [`LOUDER_FOR`] |
//! | of two who do not, who spoke last | as it comes of the above: silence alone moves nobody |
//!
//! Pictures follow more slowly than voices: an "mhm" is to be heard, and nobody has to look at it.

use std::time::{Duration, Instant};

use crate::id::ParticipantId;

/// A level says how far below the loudest possible sound it is, and this far is silence (RFC 6464 section 3).
const SILENCE_DB: f64 = 127.0;

/// A voice speaks when it is this much louder than silence: -50 dBov. A quiet room behind a noise suppressor is below.
const SPEAKS_DB: f64 = 77.0;

/// And until it is no louder than this.
const SILENT_DB: f64 = 62.0;

/// But only as long as a pause between words is it worth a slot that somebody else wants to be heard in.
const HEARD_FOR: Duration = Duration::from_millis(400);

/// Loudness rises by at most so much in a second: 130 ms from silence to speech.
const RISE_DB: f64 = 600.0;

/// And falls by so much: a pause of a second within a sentence is no silence.
const FALL_DB: f64 = 30.0;

/// A sender that knows no voice activity in it. Some never say that they do, so it is not the same as silence.
const INACTIVE_DB: f64 = 10.0;

/// What counts for sound whose sender says no level, as recorders and players do: it is heard, and gives way to whoever speaks up.
const UNKNOWN_DB: f64 = SPEAKS_DB + 3.0;

/// A smaller Opus packet than this has nothing in it (DTX).
const DTX_BYTES_MAX: usize = 3;

/// A packet stands for at least, and for at most, so much time.
const PACKET: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(60));

/// Nothing for this long is silence (DTX, or a microphone that was switched off).
const GAP: Duration = Duration::from_millis(150);

/// A voice takes another one's place in the order when it is louder by this much, ...
const LOUDER_DB: f64 = 6.0;

/// ... for this long.
const LOUDER_FOR: Duration = Duration::from_secs(1);

/// Who is the first to be heard for this long is the one to look at.
const PICTURE_AFTER: Duration = Duration::from_secs(1);

/// Who speaks is told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(300);

/// And so many at most: nobody can tell more voices apart.
const TOLD_MAX: usize = 8;

/// What a packet of audio says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    /// 0 for the loudest, -127 for silence.
    pub audio_level: Option<i8>,
    pub voice_activity: Option<bool>,
    pub bytes: usize,
}

impl Level {
    /// How much louder than silence, in dB.
    fn loudness_db(self) -> f64 {
        let Some(level) = self.audio_level else {
            return if self.bytes <= DTX_BYTES_MAX { 0.0 } else { UNKNOWN_DB };
        };
        let loudness = SILENCE_DB + f64::from(level.clamp(-127, 0));
        match self.voice_activity {
            Some(false) => (loudness - INACTIVE_DB).max(0.0),
            Some(true) | None => loudness,
        }
    }
}

/// The loudness of one microphone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Voice {
    loudness_db: f64,
    /// Until when it is accounted for.
    at: Option<Instant>,
    speaks: bool,
    /// When it was loud last.
    loud_at: Option<Instant>,
}

impl Voice {
    /// Takes the level of a packet.
    pub fn handle_packet(&mut self, level: Level, now: Instant) {
        let passed = self.at.map_or(PACKET.0, |at| now.saturating_duration_since(at));
        let loudness_db = level.loudness_db();
        self.approach(loudness_db, passed.clamp(PACKET.0, PACKET.1));
        self.at = Some(now);
        if self.loudness_db >= SPEAKS_DB && loudness_db > SILENT_DB {
            self.loud_at = Some(now);
        }
    }

    /// Lets time pass, and says whether it speaks.
    fn settle(&mut self, now: Instant) -> bool {
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        if passed >= GAP {
            self.approach(0.0, passed);
            self.at = Some(now);
        }
        self.speaks = self.loudness_db >= if self.speaks { SILENT_DB } else { SPEAKS_DB };
        self.speaks
    }

    fn is_heard(&self, now: Instant) -> bool {
        self.loud_at.is_some_and(|at| now < at + HEARD_FOR)
    }

    fn approach(&mut self, loudness_db: f64, passed: Duration) {
        let (fall, rise) = (FALL_DB * passed.as_secs_f64(), RISE_DB * passed.as_secs_f64());
        self.loudness_db = loudness_db.clamp(self.loudness_db - fall, self.loudness_db + rise);
    }
}

/// The voices of a room.
#[derive(Debug, Default)]
pub struct Speakers {
    /// First the one most worth hearing.
    order: Vec<Ranked>,
    /// First the one most worth looking at.
    pictures: Vec<ParticipantId>,
    /// Who is the first to be heard, and since when.
    foremost: Option<(ParticipantId, Instant)>,
    told: Vec<ParticipantId>,
    told_at: Option<Instant>,
}

#[derive(Debug)]
struct Ranked {
    participant: ParticipantId,
    loudness_db: f64,
    speaks: bool,
    is_heard: bool,
    /// Since when it is louder than the one before it.
    louder_since: Option<Instant>,
}

impl Speakers {
    /// Looks at everybody whose microphone is on, newcomers last. True: whose voices and pictures go first has changed.
    pub fn update<'a>(&mut self, voices: impl Iterator<Item = (ParticipantId, &'a mut Voice)>, now: Instant) -> bool {
        let mut gone = std::mem::take(&mut self.order);
        let before: Vec<ParticipantId> = gone.iter().map(|r| r.participant).collect();
        let mut newcomers = Vec::new();
        let mut heard = Vec::with_capacity(gone.len());
        for (participant, voice) in voices {
            let speaks = voice.settle(now);
            let place = before.iter().position(|p| *p == participant);
            let louder_since = place.and_then(|place| gone[place].louder_since.take());
            let ranked = Ranked {
                participant,
                loudness_db: voice.loudness_db,
                speaks,
                is_heard: voice.is_heard(now),
                louder_since,
            };
            match place {
                Some(place) => heard.push((place, ranked)),
                None => newcomers.push(ranked),
            }
        }
        heard.sort_by_key(|(place, _)| *place);
        self.order = heard.into_iter().map(|(_, ranked)| ranked).chain(newcomers).collect();
        self.sort(now);
        let moved = self.order.iter().map(|r| r.participant).ne(before);
        self.choose_picture(now) || moved
    }

    fn sort(&mut self, now: Instant) {
        let order = &mut self.order;
        for index in 1..order.len() {
            let mut place = index;
            while place > 0 && order[place].is_heard && !order[place - 1].is_heard {
                order.swap(place - 1, place);
                order[place - 1].louder_since = None;
                place -= 1;
            }
        }
        for place in 1..order.len() {
            let (before, this) = (&order[place - 1], &order[place]);
            let is_louder = this.is_heard && this.loudness_db >= before.loudness_db + LOUDER_DB;
            let since = is_louder.then(|| this.louder_since.unwrap_or(now));
            order[place].louder_since = since;
            if since.is_some_and(|since| now >= since + LOUDER_FOR) {
                order[place].louder_since = None;
                order.swap(place - 1, place);
            }
        }
    }

    fn choose_picture(&mut self, now: Instant) -> bool {
        let order = &self.order;
        let before = self.pictures.len();
        self.pictures.retain(|p| order.iter().any(|r| r.participant == *p));
        let mut changed = self.pictures.len() != before;
        for ranked in order {
            if !self.pictures.contains(&ranked.participant) {
                self.pictures.push(ranked.participant);
                changed = true;
            }
        }
        let Some(first) = order.first().filter(|first| first.speaks).map(|r| r.participant) else {
            self.foremost = None;
            return changed;
        };
        let since = match self.foremost {
            Some((participant, since)) if participant == first => since,
            _ => now,
        };
        self.foremost = Some((first, since));
        if now >= since + PICTURE_AFTER && self.pictures.first() != Some(&first) {
            self.pictures.retain(|p| *p != first);
            self.pictures.insert(0, first);
            changed = true;
        }
        changed
    }

    /// Everybody with a microphone, first the one most worth hearing.
    pub fn voices(&self) -> impl Iterator<Item = ParticipantId> + '_ {
        self.order.iter().map(|r| r.participant)
    }

    /// Everybody with a microphone, first the one most worth looking at: who speaks, then who spoke last.
    pub fn pictures(&self) -> &[ParticipantId] {
        &self.pictures
    }

    /// How many things are kept here.
    pub(super) fn footprint(&self) -> usize {
        self.order.len() + self.pictures.len() + self.told.len()
    }

    /// Who speaks, loudest first, where that is worth telling: it changed, and not a moment ago. Nobody wonders who it is where
    /// one microphone is on.
    pub fn poll_told(&mut self, now: Instant) -> Option<&[ParticipantId]> {
        if self.told_at.is_some_and(|at| now < at + TELL_EVERY) {
            return None;
        }
        let several = self.order.len() > 1;
        let speaking = self.order.iter().filter(|r| r.speaks && several).map(|r| r.participant);
        let speaking: Vec<ParticipantId> = speaking.take(TOLD_MAX).collect();
        if speaking == self.told {
            return None;
        }
        self.told = speaking;
        self.told_at = Some(now);
        Some(&self.told)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: usize) -> ParticipantId {
        ParticipantId::from_random(n as u64)
    }

    fn level(dbov: i8) -> Level {
        Level {
            audio_level: Some(dbov),
            voice_activity: Some(true),
            bytes: 80,
        }
    }

    /// Some microphones under a clock: levels for a while, a packet each 20 ms, and a look at them each 100 ms.
    struct Room {
        voices: Vec<Voice>,
        speakers: Speakers,
        now: Instant,
        told: Vec<(Duration, Vec<ParticipantId>)>,
        start: Instant,
    }

    impl Room {
        fn of(count: usize) -> Room {
            let now = Instant::now();
            let mut room = Room {
                voices: vec![Voice::default(); count],
                speakers: Speakers::default(),
                now,
                told: Vec::new(),
                start: now,
            };
            room.look();
            room
        }

        fn look(&mut self) -> bool {
            let voices = self.voices.iter_mut().enumerate().map(|(n, voice)| (id(n), voice));
            let changed = self.speakers.update(voices, self.now);
            if let Some(told) = self.speakers.poll_told(self.now) {
                self.told.push((self.now - self.start, told.to_vec()));
            }
            changed
        }

        fn hear(&mut self, ms: u64, levels: &[Option<Level>]) {
            for step in 1..=ms / 20 {
                self.now += Duration::from_millis(20);
                for (voice, level) in self.voices.iter_mut().zip(levels) {
                    if let Some(level) = level {
                        voice.handle_packet(*level, self.now);
                    }
                }
                if step % 5 == 0 {
                    self.look();
                }
            }
        }

        fn speaking(&self) -> Vec<ParticipantId> {
            self.told.last().map(|t| t.1.clone()).unwrap_or_default()
        }

        fn voices(&self) -> Vec<ParticipantId> {
            self.speakers.voices().collect()
        }
    }

    #[test]
    fn what_counts_as_speech() {
        let quiet = |dbov| Level {
            voice_activity: Some(false),
            ..level(dbov)
        };
        let unknown = |bytes| Level {
            bytes,
            ..Level::default()
        };
        for (what, level, speaks) in [
            ("speech", level(-30), true),
            ("soft speech", level(-48), true),
            ("a fan", level(-60), false),
            ("a muted track", level(-127), false),
            ("the loudest sound", level(0), true),
            ("speech of a sender without voice activity", quiet(-30), true),
            ("what is too soft for speech, and said to be none", quiet(-45), false),
            ("a recorder without levels", unknown(80), true),
            ("its silence", unknown(2), false),
            ("no level that there is", level(i8::MIN), false),
        ] {
            let mut room = Room::of(2);
            room.hear(1000, &[Some(level)]);
            assert_eq!(room.speaking() == [id(0)], speaks, "{what}: {level:?}");
        }
    }

    #[test]
    fn speech_begins_soon_and_a_pause_between_words_does_not_end_it() {
        let mut room = Room::of(2);
        room.hear(3000, &[Some(level(-90)), None]);
        room.hear(200, &[Some(level(-25)), None]);
        assert_eq!(room.speaking(), [id(0)]);
        room.hear(2000, &[Some(level(-25)), None]);
        room.hear(800, &[Some(level(-127)), None]);
        assert_eq!(room.speaking(), [id(0)], "a pause");
        room.hear(1000, &[Some(level(-127)), None]);
        assert!(room.speaking().is_empty(), "the end");
        room.hear(40, &[Some(level(-10)), None]);
        room.hear(1000, &[Some(level(-90)), None]);
        assert!(room.speaking().is_empty(), "a click");
    }

    #[test]
    fn a_microphone_that_sends_nothing_falls_silent() {
        let mut room = Room::of(2);
        room.hear(1000, &[Some(level(-20)), None]);
        assert_eq!(room.speaking(), [id(0)]);
        room.hear(2500, &[None, None]);
        assert!(room.speaking().is_empty());
    }

    #[test]
    fn who_speaks_goes_first_at_once_and_who_is_louder_after_a_while() {
        let mut room = Room::of(4);
        assert_eq!(room.voices(), [id(0), id(1), id(2), id(3)]);
        let [soft, loud, quiet] = [Some(level(-35)), Some(level(-20)), Some(level(-100))];
        room.hear(300, &[quiet, quiet, quiet, soft]);
        assert_eq!(room.voices(), [id(3), id(0), id(1), id(2)]);
        room.hear(500, &[quiet, quiet, loud, soft]);
        assert_eq!(room.voices(), [id(3), id(2), id(0), id(1)], "both speak, and one came first");
        room.hear(1000, &[quiet, quiet, loud, soft]);
        assert_eq!(room.voices(), [id(2), id(3), id(0), id(1)]);
        room.hear(4000, &[quiet, quiet, quiet, quiet]);
        assert_eq!(room.voices(), [id(2), id(3), id(0), id(1)], "silence moves nobody");
    }

    #[test]
    fn two_who_are_as_loud_keep_their_order() {
        let mut room = Room::of(2);
        for n in 0..200 {
            let (a, b) = if n % 2 == 0 { (-25, -29) } else { (-29, -25) };
            room.hear(100, &[Some(level(a)), Some(level(b))]);
        }
        assert_eq!(room.told.len(), 1, "{:?}", room.told);
    }

    #[test]
    fn a_picture_does_not_follow_an_interjection() {
        let mut room = Room::of(3);
        let [speech, quiet] = [Some(level(-25)), Some(level(-100))];
        room.hear(3000, &[quiet, speech, quiet]);
        assert_eq!(room.speakers.pictures()[0], id(1));
        room.hear(1500, &[quiet, quiet, quiet]);
        room.hear(400, &[quiet, quiet, speech]);
        assert_eq!(room.voices()[0], id(2), "it is heard");
        assert_eq!(room.speakers.pictures()[0], id(1), "it is not looked at");
        room.hear(2000, &[quiet, quiet, speech]);
        assert_eq!(room.speakers.pictures(), [id(2), id(1), id(0)]);
    }

    #[test]
    fn one_microphone_alone_is_no_speaker() {
        let mut room = Room::of(1);
        room.hear(2000, &[Some(level(-20))]);
        assert!(room.told.is_empty());
    }

    #[test]
    fn who_leaves_speaks_no_more() {
        let mut room = Room::of(3);
        room.hear(1000, &[Some(level(-20)), Some(level(-100)), Some(level(-20))]);
        assert_eq!(room.speaking().len(), 2);
        room.voices.truncate(2);
        room.hear(1000, &[Some(level(-20)), Some(level(-100))]);
        assert_eq!(room.speaking(), [id(0)]);
        assert_eq!(room.voices(), [id(0), id(1)]);
        assert_eq!(room.speakers.pictures().len(), 2);
    }

    proptest! {
        /// Whatever is heard: everybody is in the order once, who speaks before who does not, and it is told a few times a second.
        #[test]
        fn the_order_holds_everybody_and_changes_are_few(
            steps in proptest::collection::vec(
                (1u64..8, proptest::collection::vec(proptest::option::weighted(0.8, any::<(i8, bool)>()), 6)),
                1..60,
            ),
        ) {
            let mut room = Room::of(6);
            for (ticks, levels) in steps {
                let levels: Vec<_> = levels
                    .into_iter()
                    .map(|l| l.map(|(level, voice)| Level { audio_level: Some(level), voice_activity: Some(voice), bytes: 80 }))
                    .collect();
                room.hear(ticks * 100, &levels);
                let mut everybody = room.voices();
                everybody.sort_unstable();
                prop_assert_eq!(everybody, (0..6).map(id).collect::<Vec<_>>());
                let mut pictures = room.speakers.pictures().to_vec();
                pictures.sort_unstable();
                prop_assert_eq!(pictures, (0..6).map(id).collect::<Vec<_>>());
                prop_assert!(room.speakers.order.is_sorted_by_key(|r| !r.is_heard));
                prop_assert!(room.voices.iter().all(|v| (0.0..=SILENCE_DB).contains(&v.loudness_db)));
            }
            for two in room.told.windows(2) {
                prop_assert!(two[1].0 - two[0].0 >= TELL_EVERY);
                prop_assert_ne!(&two[0].1, &two[1].1);
            }
        }
    }
}
