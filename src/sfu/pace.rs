//! When each packet of a picture leaves, where the link was seen to be full. Pure.
//!
//! A key frame is many packets at once, and a bottleneck with a short queue drops what does not fit into it. So pictures leave no faster
//! than [`SHARE`] of the budget, but none waits for longer than about [`WAIT_MAX`]: what waits then leaves faster. Voices pass by.
//! Where no limit is known, nothing waits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::media::SlotPacket;

/// Pictures vary: what leaves in a short time may be more than the budget.
const SHARE: f64 = 1.1;

const WAIT_MAX: Duration = Duration::from_millis(400);

/// What is due within so short a time leaves together: a turn of the worker costs more than it matters to the link.
const TOGETHER: Duration = Duration::from_millis(5);

/// Headers and tags around a payload, in bytes.
const OVERHEAD: usize = 60;

#[derive(Debug, Default)]
pub struct Pace {
    waiting: VecDeque<SlotPacket>,
    /// Of what waits.
    bytes: usize,
    /// When the link has taken what has left.
    free_at: Option<Instant>,
}

impl Pace {
    /// Takes packets in their order, and leaves in the list what is to be sent now. `limit_bps` is what the link takes, if that is known.
    pub fn pass(&mut self, packets: &mut Vec<SlotPacket>, limit_bps: Option<u64>, now: Instant) {
        let Some(limit_bps) = limit_bps else {
            if !self.waiting.is_empty() {
                packets.splice(0..0, self.waiting.drain(..));
            }
            *self = Pace::default();
            return;
        };
        let mut due = Vec::new();
        let mut voice_bytes = 0;
        for packet in packets.drain(..) {
            if packet.is_video {
                self.bytes += packet.payload.len() + OVERHEAD;
                self.waiting.push_back(packet);
            } else {
                voice_bytes += packet.payload.len() + OVERHEAD;
                due.push(packet);
            }
        }
        let bps = (limit_bps as f64 * SHARE).max(self.bytes as f64 * 8.0 / WAIT_MAX.as_secs_f64());
        self.take_room(voice_bytes, bps, now);
        while self.free_at.is_none_or(|at| at <= now + TOGETHER) {
            let Some(packet) = self.waiting.pop_front() else { break };
            let bytes = packet.payload.len() + OVERHEAD;
            self.bytes -= bytes;
            self.take_room(bytes, bps, now);
            due.push(packet);
        }
        *packets = due;
    }

    fn take_room(&mut self, bytes: usize, bps: f64, now: Instant) {
        let begins = self.free_at.map_or(now, |at| at.max(now));
        self.free_at = Some(begins + Duration::from_secs_f64(bytes as f64 * 8.0 / bps));
    }

    /// When something that waits is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.free_at.filter(|_| !self.waiting.is_empty())
    }

    /// What waits is not wanted any more.
    pub fn clear(&mut self) {
        *self = Pace::default();
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use std::sync::Arc;

    use str0m::media::Pt;

    use super::*;
    use crate::sfu::codec::Codec;
    use crate::sfu::media::Extensions;
    use crate::sfu::rewrite::Numbers;

    const LIMIT_BPS: Option<u64> = Some(300_000);

    fn packet(seq: u64, is_video: bool, bytes: usize) -> SlotPacket {
        let numbers = Numbers {
            seq,
            timestamp: 0,
            picture_id: None,
            tl0_pic_idx: None,
        };
        SlotPacket {
            ssrc: 1,
            payload_type: Pt::from(96),
            is_video,
            codec: Codec::Vp8,
            numbers,
            was: numbers,
            marker: false,
            extensions: Extensions::default(),
            payload: Arc::from(vec![0; bytes]),
        }
    }

    fn key_frame(packets: u64) -> Vec<SlotPacket> {
        (0..packets).map(|seq| packet(seq, true, 1000)).collect()
    }

    /// Lets everything leave that waits, and says when the last did, and in which order all did.
    fn drain(pace: &mut Pace, mut left: Vec<SlotPacket>, begin: Instant) -> (Duration, Vec<u64>) {
        let mut now = begin;
        while let Some(at) = pace.poll_timeout() {
            now = at;
            let mut due = Vec::new();
            pace.pass(&mut due, LIMIT_BPS, now);
            left.append(&mut due);
        }
        (now - begin, left.iter().map(|packet| packet.numbers.seq).collect())
    }

    #[test]
    fn a_picture_leaves_as_fast_as_the_link_takes_it_and_voices_pass() {
        let now = Instant::now();
        let mut pace = Pace::default();
        let mut batch = key_frame(10);
        batch.push(packet(99, false, 100));
        pace.pass(&mut batch, LIMIT_BPS, now);
        assert_eq!(batch[0].numbers.seq, 99, "the voice");
        assert!(batch.len() < 4, "{}", batch.len());
        let (took, order) = drain(&mut pace, batch, now);
        assert_eq!(order[1..], (0..10).collect::<Vec<u64>>());
        // 10,600 bytes and 160 at 330 kbit/s, of which the last waits for all before it.
        assert!((220..245).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn nothing_waits_for_long() {
        let now = Instant::now();
        let mut pace = Pace::default();
        let mut batch = key_frame(200);
        pace.pass(&mut batch, LIMIT_BPS, now);
        let (took, order) = drain(&mut pace, batch, now);
        assert_eq!(order.len(), 200);
        assert!(took < WAIT_MAX * 5, "{took:?}");
    }

    #[test]
    fn without_a_limit_everything_leaves_at_once_in_its_order() {
        let now = Instant::now();
        let mut pace = Pace::default();
        let mut batch = key_frame(10);
        pace.pass(&mut batch, LIMIT_BPS, now);
        let first = batch.len() as u64;
        let mut batch = vec![packet(10, true, 1000)];
        pace.pass(&mut batch, None, now);
        let order: Vec<u64> = batch.iter().map(|packet| packet.numbers.seq).collect();
        assert_eq!(order, (first..=10).collect::<Vec<u64>>());
        assert_eq!(pace.poll_timeout(), None);
    }

    #[test]
    fn what_is_not_wanted_any_more_does_not_leave() {
        let mut pace = Pace::default();
        pace.pass(&mut key_frame(10), LIMIT_BPS, Instant::now());
        pace.clear();
        assert_eq!(pace.poll_timeout(), None);
    }
}
