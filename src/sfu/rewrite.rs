//! Continuity of what one slot sends, over switches between layers and tracks and over packets that are left out: sequence numbers,
//! timestamps, and the picture ids of VP8 and VP9.
//!
//! Gaps of the source stay gaps, so that the subscriber's NACK asks for what is really missing and a late packet still fits in.
//! What is left out leaves none. At a switch the numbers go on right after the highest that was sent:
//!
//! | in: source, seq, picture id | out: seq, picture id | why |
//! |---|---|---|
//! | A 9000, 50 | 1000, 50 | the first packet; below 65 536, as a fresh receiver expects (RFC 3711 section 3.3.1) |
//! | A 9001, 51 | 1001, 51 | |
//! | A 9003, 52 | 1003, 52 | 9002 is missing, and stays missing |
//! | A 9002, 51 | 1002, 51 | it came late |
//! | A 8999, 49 | none | before the packet that was switched at |
//! | B 70, 7 (switch) | 1004, 53 | goes on |
//! | B 71, 8 | 1005, 54 | |
//! | B 69, 6 | none | before the switch |
//! | B 9071, 9 | 1006, 55 | a jump of 9000 is a pause and no loss: it is closed |
//! | B 9072, 10 (left out) | none | a temporal layer that is not wanted |
//! | B 9074, 12 | 1008, 57 | 9073 is missing, and may be wanted: its numbers are kept for it |
//! | B 9075, 13 (left out) | none | |
//! | B 9077, 13 (left out) | none | 9076 is of the same picture, so it is left out too |
//! | B 9078, 14 | 1009, 58 | |
//!
//! Picture ids of VP9 keep their distances over what is left out: its references are such distances.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::counters::Drop;
use super::picture::{Part, PictureId};

/// The first sequence number of a slot.
const FIRST_SEQ: u64 = 1000;

/// A larger jump of the source's sequence numbers is a pause. A quarter of the 16-bit space, far over what NACK can repair.
const JUMP_MAX: u64 = 1 << 10;

/// Stretches that are remembered for what comes late. Half the frame rate of a camera makes 30 a second.
const STRETCHES_MAX: usize = 128;

/// What of a packet has to be continuous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// Extended, so it never wraps.
    pub seq: u64,
    pub timestamp: u32,
    /// Of VP8 and VP9, where the packet has it.
    pub picture_id: Option<PictureId>,
    pub tl0_pic_idx: Option<u8>,
}

/// The state of one slot.
#[derive(Debug, Default)]
pub struct Rewriter {
    source: Option<Source>,
    /// The highest that was sent, and when.
    last: Option<(Numbers, Instant)>,
}

/// How the picture ids of a codec are to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureIds {
    /// No picture may be missing (VP8), so those that were left out are not counted.
    Closed,
    /// They keep their distances (VP9), or there are none.
    Kept,
}

#[derive(Debug)]
struct Source {
    /// The sequence number that was switched at.
    first_in: u64,
    timestamp_offset: u32,
    picture_id_offset: u16,
    tl0_pic_idx_offset: u8,
    picture_ids: PictureIds,
    /// In order, the newest last and open-ended; never empty.
    stretches: VecDeque<Stretch>,
    newest: Option<Newest>,
}

/// Sequence numbers in a row that were treated alike.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// The first one that came in, and what that goes out as. Of what is left out: what the next one goes out as.
    from: u64,
    out: u64,
    passes: bool,
    /// How many pictures were left out before.
    pictures: u16,
}

impl Stretch {
    fn out(&self, seq: u64) -> u64 {
        if self.passes { self.out + (seq - self.from) } else { self.out }
    }
}

/// The highest packet that came in.
#[derive(Debug, Clone, Copy)]
struct Newest {
    numbers: Numbers,
    part: Part,
    passes: bool,
}

impl Rewriter {
    /// Goes on with another source, from this packet of it on. Call `rewrite` with the same packet next.
    pub fn switch(&mut self, packet: Numbers, now: Instant, clock_rate: u32, picture_ids: PictureIds) {
        let mut source = Source {
            first_in: packet.seq,
            timestamp_offset: 0,
            picture_id_offset: 0,
            tl0_pic_idx_offset: 0,
            picture_ids,
            stretches: VecDeque::new(),
            newest: None,
        };
        let mut first_out = FIRST_SEQ;
        if let Some((last, at)) = &self.last {
            let elapsed = ticks(now.saturating_duration_since(*at), clock_rate).max(1);
            first_out = last.seq + 1;
            source.timestamp_offset = last.timestamp.wrapping_add(elapsed).wrapping_sub(packet.timestamp);
            if let (Some(last), Some(next)) = (last.picture_id, packet.picture_id) {
                source.picture_id_offset = last.value.wrapping_add(1).wrapping_sub(next.value);
            }
            if let (Some(last), Some(next)) = (last.tl0_pic_idx, packet.tl0_pic_idx) {
                source.tl0_pic_idx_offset = last.wrapping_add(1).wrapping_sub(next);
            }
        }
        source.stretches.push_back(Stretch {
            from: packet.seq,
            out: first_out,
            passes: true,
            pictures: 0,
        });
        self.source = Some(source);
    }

    /// The numbers that a packet of the current source goes out with. `base_only`: no temporal layer above the lowest passes.
    pub fn rewrite(&mut self, packet: Numbers, part: &Part, base_only: bool, now: Instant) -> Result<Numbers, Drop> {
        let source = self.source.as_mut().ok_or(Drop::NoKeyFrameYet)?;
        let stretch = source.place(packet, part, true, base_only)?;
        let out = Numbers {
            seq: stretch.out(packet.seq),
            timestamp: packet.timestamp.wrapping_add(source.timestamp_offset),
            picture_id: packet
                .picture_id
                .map(|id| id.plus(source.picture_id_offset.wrapping_sub(stretch.pictures))),
            tl0_pic_idx: packet.tl0_pic_idx.map(|idx| idx.wrapping_add(source.tl0_pic_idx_offset)),
        };
        match &mut self.last {
            Some((last, _)) if last.seq >= out.seq => {}
            Some((last, at)) => {
                *last = Numbers {
                    picture_id: out.picture_id.or(last.picture_id),
                    tl0_pic_idx: out.tl0_pic_idx.or(last.tl0_pic_idx),
                    ..out
                };
                *at = now;
            }
            None => self.last = Some((out, now)),
        }
        Ok(out)
    }

    /// A packet of the current source is left out: what follows closes up.
    pub fn leave_out(&mut self, packet: Numbers, part: &Part, base_only: bool) {
        if let Some(source) = &mut self.source {
            // What comes late had a number kept for it, which stays unused.
            let _ = source.place(packet, part, false, base_only);
        }
    }
}

impl Source {
    /// The stretch that a packet is in.
    fn place(&mut self, packet: Numbers, part: &Part, passes: bool, base_only: bool) -> Result<Stretch, Drop> {
        if packet.seq < self.first_in {
            return Err(Drop::BeforeSwitch);
        }
        let last = *self.stretches.back().ok_or(Drop::TooLate)?;
        let this = Newest {
            numbers: packet,
            part: *part,
            passes,
        };
        let Some(newest) = self
            .newest
            .filter(|newest| newest.numbers.seq + 1 != packet.seq || !newest.passes || !passes)
        else {
            self.newest = Some(this);
            return Ok(last);
        };
        if packet.seq <= newest.numbers.seq {
            let after = self.stretches.partition_point(|stretch| stretch.from <= packet.seq);
            let stretch = after.checked_sub(1).and_then(|index| self.stretches.get(index));
            return stretch.copied().filter(|stretch| stretch.passes).ok_or(Drop::TooLate);
        }
        let gap = packet.seq - newest.numbers.seq - 1;
        let mut pictures = last.pictures;
        if gap > 0 {
            let left_out = self.left_out_between(&newest, &this, base_only);
            pictures = pictures.wrapping_add(left_out.unwrap_or(0));
            self.go_on(newest.numbers.seq + 1, gap <= JUMP_MAX && left_out.is_none(), pictures);
        }
        if !passes && self.picture_ids == PictureIds::Closed && packet.timestamp != newest.numbers.timestamp {
            pictures = pictures.wrapping_add(1);
        }
        self.newest = Some(this);
        Ok(self.go_on(packet.seq, passes, pictures))
    }

    /// How many whole pictures are missing between two packets, if all that is missing there is certainly to be left out.
    fn left_out_between(&self, before: &Newest, after: &Newest, base_only: bool) -> Option<u16> {
        if before.numbers.timestamp == after.numbers.timestamp {
            return (!before.passes && !after.passes).then_some(0);
        }
        let ids = before.numbers.picture_id.zip(after.numbers.picture_id);
        let (first, second) = ids.filter(|(a, b)| self.picture_ids == PictureIds::Closed && a.is_wide == b.is_wide)?;
        let missing = second.since(first).checked_sub(1)?;
        let (is_whole, begins) = (before.part.ends, after.part.begins);
        let rest_is_left_out = (is_whole || !before.passes) && (begins || !after.passes);
        if missing == 0 {
            return (rest_is_left_out && !(is_whole && begins)).then_some(0);
        }
        // Every picture of the base layer counts TL0PICIDX up, so none of the missing ones is of it.
        let base = before.numbers.tl0_pic_idx?.wrapping_add(u8::from(after.part.temporal == 0));
        (rest_is_left_out && base_only && after.numbers.tl0_pic_idx == Some(base)).then_some(missing)
    }

    /// From this sequence number on, packets pass or do not.
    fn go_on(&mut self, from: u64, passes: bool, pictures: u16) -> Stretch {
        let last = self.stretches.back().copied();
        match self.stretches.back_mut() {
            Some(back) if back.passes == passes => {
                back.pictures = pictures;
                *back
            }
            _ => {
                if self.stretches.len() == STRETCHES_MAX {
                    self.stretches.pop_front();
                }
                let out = last.map_or(FIRST_SEQ, |last| last.out(from));
                let stretch = Stretch {
                    from,
                    out,
                    passes,
                    pictures,
                };
                self.stretches.push_back(stretch);
                stretch
            }
        }
    }
}

/// A duration on an RTP clock.
fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    (duration.as_micros() * u128::from(clock_rate) / 1_000_000) as u32
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn wide(value: u16) -> PictureId {
        PictureId {
            value: value & 0x7fff,
            is_wide: true,
        }
    }

    fn packet(seq: u64, picture_id: u16) -> Numbers {
        Numbers {
            seq,
            timestamp: u32::from(picture_id) * 3000,
            picture_id: Some(wide(picture_id)),
            tl0_pic_idx: Some(picture_id as u8),
        }
    }

    const WHOLE: Part = Part {
        spatial: 0,
        temporal: 0,
        step_up: crate::sfu::picture::StepUp::No,
        begins: true,
        ends: true,
        starts_key_frame: false,
    };

    fn switch(rewriter: &mut Rewriter, packet: Numbers, now: Instant) {
        rewriter.switch(packet, now, 90_000, PictureIds::Closed);
    }

    #[test]
    fn the_table_of_the_module() {
        #[derive(PartialEq)]
        enum How {
            Switch,
            Go,
            LeaveOut,
        }
        use How::{Go, LeaveOut, Switch};
        let mut rewriter = Rewriter::default();
        let now = Instant::now();
        let rows = [
            (Switch, 9000, 50, Some((1000, 50))),
            (Go, 9001, 51, Some((1001, 51))),
            (Go, 9003, 52, Some((1003, 52))),
            (Go, 9002, 51, Some((1002, 51))),
            (Go, 8999, 49, None),
            (Switch, 70, 7, Some((1004, 53))),
            (Go, 71, 8, Some((1005, 54))),
            (Go, 69, 6, None),
            (Go, 9071, 9, Some((1006, 55))),
            (LeaveOut, 9072, 10, None),
            (Go, 9074, 12, Some((1008, 57))),
            (LeaveOut, 9075, 13, None),
            (LeaveOut, 9077, 13, None),
            (Go, 9078, 14, Some((1009, 58))),
            (Go, 9073, 11, Some((1007, 56))),
            (Go, 9076, 13, None),
        ];
        for (how, seq, id, expected) in rows {
            let packet = packet(seq, id);
            if how == LeaveOut {
                rewriter.leave_out(packet, &WHOLE, false);
                continue;
            }
            if how == Switch {
                switch(&mut rewriter, packet, now);
            }
            let out = rewriter.rewrite(packet, &WHOLE, false, now);
            let out = out.ok().map(|o| (o.seq, o.picture_id.expect("it has one").value));
            assert_eq!(out, expected, "in {seq}");
        }
    }

    #[test]
    fn nothing_goes_out_before_the_first_switch() {
        assert_eq!(
            Rewriter::default().rewrite(packet(1, 1), &WHOLE, false, Instant::now()),
            Err(Drop::NoKeyFrameYet)
        );
    }

    #[test]
    fn timestamps_go_on_by_the_time_that_passed() {
        let mut rewriter = Rewriter::default();
        let start = Instant::now();
        switch(&mut rewriter, packet(5, 1), start);
        let before = rewriter.rewrite(packet(5, 1), &WHOLE, false, start).expect("sent");
        let later = start + Duration::from_millis(100);
        switch(&mut rewriter, packet(90_000, 1), later);
        let after = rewriter.rewrite(packet(90_000, 1), &WHOLE, false, later).expect("sent");
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 9000);
    }

    /// Opus that falls silent (DTX) goes on in its sequence numbers and jumps in its timestamps, and so it goes out.
    #[test]
    fn silence_keeps_its_length_and_costs_no_number() {
        let mut rewriter = Rewriter::default();
        let start = Instant::now();
        let at = |seq: u64, timestamp: u32| Numbers {
            seq,
            timestamp,
            ..Numbers::default()
        };
        rewriter.switch(at(7, 960), start, 48_000, PictureIds::Kept);
        let mut sent = Vec::new();
        for (seq, timestamp) in [(7, 960), (8, 1920), (9, 1920 + 19_200), (10, 1920 + 19_200 + 960)] {
            let out = rewriter.rewrite(at(seq, timestamp), &WHOLE, false, start).expect("sent");
            sent.push((out.seq - FIRST_SEQ, out.timestamp));
        }
        assert_eq!(sent, [(0, 960), (1, 1920), (2, 21_120), (3, 22_080)]);
    }

    #[test]
    fn what_is_certainly_left_out_leaves_no_gap_though_it_never_came() {
        let now = Instant::now();
        let part = |temporal, begins, ends| Part {
            temporal,
            begins,
            ends,
            ..WHOLE
        };
        let numbers = |seq, id: u16, tl0| Numbers {
            tl0_pic_idx: Some(tl0),
            ..packet(seq, id)
        };
        let base = part(0, true, true);
        // (what came before 200 and when, what comes after it, whether the gap between them closes)
        let rows = [
            (
                "the rest of a picture that is left out",
                (numbers(198, 2, 1), part(1, true, false)),
                (numbers(200, 3, 2), base),
                true,
                true,
            ),
            (
                "the beginning of one",
                (numbers(198, 1, 1), base),
                (numbers(200, 2, 1), part(1, false, true)),
                true,
                false,
            ),
            (
                "the rest of one that passes",
                (numbers(198, 1, 1), part(0, true, false)),
                (numbers(200, 2, 2), base),
                false,
                false,
            ),
            (
                "a whole picture above the base",
                (numbers(198, 1, 1), base),
                (numbers(200, 3, 2), base),
                true,
                false,
            ),
            (
                "a whole picture of the base",
                (numbers(198, 1, 1), base),
                (numbers(200, 3, 3), base),
                false,
                false,
            ),
        ];
        for (what, (before, part_before), (after, part_after), closes, left_out_before) in rows {
            let mut rewriter = Rewriter::default();
            let first = numbers(197, 0, 0);
            switch(&mut rewriter, first, now);
            rewriter.rewrite(first, &base, true, now).expect("sent");
            if left_out_before {
                rewriter.leave_out(before, &part_before, true);
            } else {
                rewriter.rewrite(before, &part_before, true, now).expect("sent");
            }
            if part_after.temporal > 0 {
                rewriter.leave_out(after, &part_after, true);
            } else {
                rewriter.rewrite(after, &part_after, true, now).expect("sent");
            }
            let late = rewriter.rewrite(numbers(199, 2, 1), &base, true, now);
            assert_eq!(late.is_err(), closes, "{what}");
        }
    }

    #[test]
    fn picture_ids_of_seven_bits_wrap_as_such() {
        let mut rewriter = Rewriter::default();
        let now = Instant::now();
        let narrow = |seq, value| Numbers {
            picture_id: Some(PictureId { value, is_wide: false }),
            ..packet(seq, seq as u16)
        };
        switch(&mut rewriter, narrow(1, 120), now);
        rewriter.rewrite(narrow(1, 120), &WHOLE, false, now).expect("sent");
        switch(&mut rewriter, narrow(50, 3), now);
        let mut out = Vec::new();
        for n in 0..20 {
            let sent = rewriter
                .rewrite(narrow(50 + n, 3 + n as u16), &WHOLE, false, now)
                .expect("sent");
            out.push(sent.picture_id.expect("it has one").value);
        }
        let expected: Vec<u16> = (121..141).map(|id| id & 0x7f).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn what_is_remembered_of_the_past_is_bounded() {
        let mut rewriter = Rewriter::default();
        let now = Instant::now();
        switch(&mut rewriter, packet(0, 0), now);
        for n in 0..10_000 {
            let packet = packet(n, n as u16);
            if n % 2 == 1 {
                rewriter.leave_out(packet, &WHOLE, false);
            } else {
                rewriter.rewrite(packet, &WHOLE, false, now).expect("sent");
            }
        }
        let source = rewriter.source.as_ref().expect("there is one");
        assert_eq!(source.stretches.len(), STRETCHES_MAX);
        assert_eq!(rewriter.rewrite(packet(5, 5), &WHOLE, false, now), Err(Drop::TooLate));
    }

    /// What a source sends: packets of pictures with their layers, some of them lost, some of them late.
    #[derive(Debug, Clone)]
    struct Picture {
        packets: u8,
        temporal: u8,
        is_left_out: bool,
        lost: u8,
        late: u8,
    }

    fn pictures() -> impl Strategy<Value = Vec<Picture>> {
        let picture = (1u8..5, 0u8..3, any::<bool>(), 0u8..16, 0u8..16);
        let picture = picture.prop_map(|(packets, temporal, is_left_out, lost, late)| Picture {
            packets,
            temporal,
            is_left_out: is_left_out && temporal > 0,
            // One in four pictures loses something, and of one in four something comes late.
            lost: if lost < 4 { 1 << lost } else { 0 },
            late: if late < 4 { 1 << late } else { 0 },
        });
        proptest::collection::vec(picture, 1..120)
    }

    type Sent = (Numbers, Part, bool);

    /// The packets of a source in the order in which they come.
    fn packets_of(pictures: &[Picture], seq: u64, timestamp: u32, id: u16, tl0: u8) -> Vec<Sent> {
        let (mut seq, mut tl0) = (seq, tl0);
        let mut come: Vec<(usize, Sent)> = Vec::new();
        for (n, picture) in pictures.iter().enumerate() {
            tl0 = tl0.wrapping_add(u8::from(picture.temporal == 0));
            for index in 0..picture.packets {
                let numbers = Numbers {
                    seq,
                    timestamp: timestamp.wrapping_add(n as u32 * 3000),
                    picture_id: Some(wide(id.wrapping_add(n as u16))),
                    tl0_pic_idx: Some(tl0),
                };
                let part = Part {
                    temporal: picture.temporal,
                    begins: index == 0,
                    ends: index + 1 == picture.packets,
                    ..WHOLE
                };
                seq += 1;
                // The first picture, which is switched at, comes as it was sent.
                let at = come.len();
                if n > 0 && picture.lost & 1 << index != 0 {
                    continue;
                }
                let late = if n > 0 && picture.late & 1 << index != 0 { 7 } else { 0 };
                come.push((at * 2 + late * 2 + late % 2, (numbers, part, !picture.is_left_out || n == 0)));
            }
        }
        come.sort_by_key(|(at, _)| *at);
        come.into_iter().map(|(_, sent)| sent).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever sources are switched between, and wherever their counters stand when they wrap: what goes out in order has
        /// sequence numbers, picture ids and timestamps that go up by one step and never back.
        #[test]
        fn sources_in_order_come_out_as_one(
            sources in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<u16>(), any::<u8>(), 1u64..200), 1..20),
        ) {
            let mut rewriter = Rewriter::default();
            let mut now = Instant::now();
            let mut last: Option<Numbers> = None;
            for (seq, timestamp, picture_id, tl0_pic_idx, packets) in sources {
                for n in 0..packets {
                    now += Duration::from_millis(33);
                    let packet = Numbers {
                        seq: u64::from(seq) + n,
                        timestamp: timestamp.wrapping_add(n as u32 * 2970),
                        picture_id: Some(wide(picture_id.wrapping_add(n as u16))),
                        tl0_pic_idx: Some(tl0_pic_idx.wrapping_add(n as u8)),
                    };
                    if n == 0 {
                        switch(&mut rewriter, packet, now);
                    }
                    let out = rewriter.rewrite(packet, &WHOLE, false, now).expect("in order");
                    if let Some(last) = last {
                        prop_assert_eq!(out.seq, last.seq + 1);
                        prop_assert_eq!(out.timestamp.wrapping_sub(last.timestamp), 2970);
                        prop_assert_eq!(out.picture_id, last.picture_id.map(|id| id.plus(1)));
                        prop_assert_eq!(out.tl0_pic_idx, last.tl0_pic_idx.map(|idx| idx.wrapping_add(1)));
                    } else {
                        prop_assert!(out.seq < 65_536);
                    }
                    last = Some(out);
                }
            }
        }

        /// Packets of one source in any order keep their distances, and no number is given twice.
        #[test]
        fn disorder_and_loss_keep_their_distances(mut seqs in proptest::collection::vec(100u64..400, 1..100)) {
            seqs.sort_unstable();
            seqs.dedup();
            let first = seqs[0];
            let mut shuffled = seqs.clone();
            shuffled.rotate_left(1);
            let mut rewriter = Rewriter::default();
            let now = Instant::now();
            switch(&mut rewriter, packet(first, 0), now);
            rewriter.rewrite(packet(first, 0), &WHOLE, false, now).expect("the first");
            for seq in shuffled {
                let out = rewriter.rewrite(packet(seq, 0), &WHOLE, false, now).expect("after the switch");
                prop_assert_eq!(out.seq - FIRST_SEQ, seq - first);
            }
        }

        /// Whatever is left out, lost and late, over switches and wherever the counters wrap: what goes out is in the order of what
        /// came in, no number is given twice, and there is no gap where nothing was lost on the way in.
        #[test]
        fn what_is_left_out_is_not_missed(
            sources in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<u16>(), any::<u8>(), pictures()), 1..6),
        ) {
            let mut rewriter = Rewriter::default();
            let mut now = Instant::now();
            let mut last_seq = FIRST_SEQ - 1;
            let mut last_id: Option<PictureId> = None;
            for (seq, timestamp, id, tl0, pictures) in sources {
                now += Duration::from_millis(20);
                let packets = packets_of(&pictures, u64::from(seq), timestamp, id, tl0);
                switch(&mut rewriter, packets[0].0, now);
                let mut sent: BTreeMap<u64, (Numbers, Numbers)> = BTreeMap::new();
                let mut received: BTreeMap<u64, bool> = BTreeMap::new();
                for (numbers, part, passes) in &packets {
                    received.insert(numbers.seq, *passes);
                    if !passes {
                        rewriter.leave_out(*numbers, part, false);
                        continue;
                    }
                    let out = rewriter.rewrite(*numbers, part, false, now);
                    let out = out.map_err(|drop| TestCaseError::fail(format!("{drop:?} for {numbers:?}")))?;
                    prop_assert!(out.seq > last_seq, "after what the source before sent");
                    prop_assert!(sent.insert(numbers.seq, (*numbers, out)).is_none());
                }
                let in_order: Vec<&(Numbers, Numbers)> = sent.values().collect();
                if let Some(last_id) = last_id {
                    prop_assert_eq!(in_order[0].1.picture_id, Some(last_id.plus(1)));
                }
                for pair in in_order.windows(2) {
                    let [(from, out), (next_from, next_out)] = pair else { unreachable!() };
                    prop_assert!(next_out.seq > out.seq, "in the order of the source");
                    let gap = next_out.seq - out.seq - 1;
                    let missing = (from.seq + 1..next_from.seq).filter(|seq| !received.contains_key(seq)).count() as u64;
                    // What was left out late had its number already.
                    let late = (from.seq + 1..next_from.seq).filter(|seq| {
                        received.get(seq) == Some(&false)
                            && packets.iter().position(|p| p.0.seq == *seq)
                                > packets.iter().position(|p| p.0.seq > *seq)
                    });
                    prop_assert!(gap <= missing + late.count() as u64, "{gap} of {missing} between {from:?} and {next_from:?}");
                    let ids = next_out.picture_id.zip(out.picture_id).map(|(next, id)| next.since(id));
                    let were = next_from.picture_id.zip(from.picture_id).map(|(next, id)| next.since(id));
                    prop_assert!(ids <= were);
                    prop_assert_eq!(ids == Some(0), were == Some(0), "one picture, one id");
                    if missing == 0 && gap == 0 {
                        prop_assert!(ids <= Some(1), "{:?} after {:?}", next_out, out);
                    }
                }
                let highest = in_order.last().expect("the first was sent").1;
                (last_seq, last_id) = (highest.seq, highest.picture_id);
            }
        }
    }
}
