//! Continuity of what one slot sends, over switches between layers and tracks: sequence numbers, timestamps, and VP8's picture ids.
//!
//! Gaps of the source stay gaps, so that the subscriber's NACK asks for what is really missing and a late packet still fits in.
//! At a switch the numbers go on right after the highest that was sent:
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

use std::time::{Duration, Instant};

use super::counters::Drop;

/// The first sequence number of a slot.
const FIRST_SEQ: u64 = 1000;

/// A larger jump of the source's sequence numbers is a pause. A quarter of the 16-bit space, far over what NACK can repair.
const JUMP_MAX: u64 = 1 << 10;

/// VP8 picture ids have 15 bits (RFC 7741 section 4.2).
const PICTURE_ID_MASK: u16 = 0x7fff;

/// What of a packet has to be continuous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// Extended, so it never wraps.
    pub seq: u64,
    pub timestamp: u32,
    /// Of VP8, where the packet has it.
    pub picture_id: Option<u16>,
    pub tl0_pic_idx: Option<u8>,
}

/// The state of one slot.
#[derive(Debug, Default)]
pub struct Rewriter {
    source: Option<Source>,
    /// The highest that was sent, and when.
    last: Option<(Numbers, Instant)>,
}

#[derive(Debug)]
struct Source {
    /// The sequence number that was switched at, in and out.
    first_in: u64,
    first_out: u64,
    highest_in: u64,
    timestamp_offset: u32,
    picture_id_offset: u16,
    tl0_pic_idx_offset: u8,
}

impl Rewriter {
    /// Goes on with another source, from this packet of it on. Call `rewrite` with the same packet next.
    pub fn switch(&mut self, packet: Numbers, now: Instant, clock_rate: u32) {
        self.source = Some(match &self.last {
            None => Source {
                first_in: packet.seq,
                first_out: FIRST_SEQ,
                highest_in: packet.seq,
                timestamp_offset: 0,
                picture_id_offset: 0,
                tl0_pic_idx_offset: 0,
            },
            Some((last, at)) => {
                let elapsed = ticks(now.saturating_duration_since(*at), clock_rate).max(1);
                Source {
                    first_in: packet.seq,
                    first_out: last.seq + 1,
                    highest_in: packet.seq,
                    timestamp_offset: last.timestamp.wrapping_add(elapsed).wrapping_sub(packet.timestamp),
                    picture_id_offset: match (last.picture_id, packet.picture_id) {
                        (Some(last), Some(next)) => last.wrapping_add(1).wrapping_sub(next),
                        _ => 0,
                    },
                    tl0_pic_idx_offset: match (last.tl0_pic_idx, packet.tl0_pic_idx) {
                        (Some(last), Some(next)) => last.wrapping_add(1).wrapping_sub(next),
                        _ => 0,
                    },
                }
            }
        });
    }

    /// The numbers that a packet of the current source goes out with.
    pub fn rewrite(&mut self, packet: Numbers, now: Instant) -> Result<Numbers, Drop> {
        let source = self.source.as_mut().ok_or(Drop::NoKeyFrameYet)?;
        if packet.seq < source.first_in {
            return Err(Drop::BeforeSwitch);
        }
        if packet.seq.saturating_sub(source.highest_in) > JUMP_MAX {
            source.first_out += source.highest_in - source.first_in + 1;
            source.first_in = packet.seq;
        }
        source.highest_in = source.highest_in.max(packet.seq);
        let out = Numbers {
            seq: source.first_out + (packet.seq - source.first_in),
            timestamp: packet.timestamp.wrapping_add(source.timestamp_offset),
            picture_id: packet
                .picture_id
                .map(|id| id.wrapping_add(source.picture_id_offset) & PICTURE_ID_MASK),
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
}

/// A duration on an RTP clock.
fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    (duration.as_micros() * u128::from(clock_rate) / 1_000_000) as u32
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(seq: u64, picture_id: u16) -> Numbers {
        Numbers {
            seq,
            timestamp: seq as u32 * 3000,
            picture_id: Some(picture_id),
            tl0_pic_idx: Some(picture_id as u8),
        }
    }

    #[test]
    fn the_table_of_the_module() {
        let mut rewriter = Rewriter::default();
        let now = Instant::now();
        let rows = [
            (true, 9000, 50, Ok((1000, 50))),
            (false, 9001, 51, Ok((1001, 51))),
            (false, 9003, 52, Ok((1003, 52))),
            (false, 9002, 51, Ok((1002, 51))),
            (false, 8999, 49, Err(Drop::BeforeSwitch)),
            (true, 70, 7, Ok((1004, 53))),
            (false, 71, 8, Ok((1005, 54))),
            (false, 69, 6, Err(Drop::BeforeSwitch)),
            (false, 9071, 9, Ok((1006, 55))),
        ];
        for (switch, seq, id, expected) in rows {
            if switch {
                rewriter.switch(packet(seq, id), now, 90_000);
            }
            let out = rewriter.rewrite(packet(seq, id), now);
            assert_eq!(out.map(|o| (o.seq, o.picture_id.expect("it has one"))), expected, "in {seq}");
        }
    }

    #[test]
    fn nothing_goes_out_before_the_first_switch() {
        assert_eq!(
            Rewriter::default().rewrite(packet(1, 1), Instant::now()),
            Err(Drop::NoKeyFrameYet)
        );
    }

    #[test]
    fn timestamps_go_on_by_the_time_that_passed() {
        let mut rewriter = Rewriter::default();
        let start = Instant::now();
        rewriter.switch(packet(5, 1), start, 90_000);
        let before = rewriter.rewrite(packet(5, 1), start).expect("sent");
        let later = start + Duration::from_millis(100);
        rewriter.switch(packet(90_000, 1), later, 90_000);
        let after = rewriter.rewrite(packet(90_000, 1), later).expect("sent");
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 9000);
    }

    proptest! {
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
                        picture_id: Some(picture_id.wrapping_add(n as u16) & PICTURE_ID_MASK),
                        tl0_pic_idx: Some(tl0_pic_idx.wrapping_add(n as u8)),
                    };
                    if n == 0 {
                        rewriter.switch(packet, now, 90_000);
                    }
                    let out = rewriter.rewrite(packet, now).expect("in order");
                    if let Some(last) = last {
                        prop_assert_eq!(out.seq, last.seq + 1);
                        prop_assert_eq!(out.timestamp.wrapping_sub(last.timestamp), 2970);
                        prop_assert_eq!(out.picture_id, last.picture_id.map(|id| (id + 1) & PICTURE_ID_MASK));
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
            rewriter.switch(packet(first, 0), now, 90_000);
            for seq in shuffled {
                let out = rewriter.rewrite(packet(seq, 0), now).expect("after the switch");
                prop_assert_eq!(out.seq - FIRST_SEQ, seq - first);
            }
        }
    }
}
