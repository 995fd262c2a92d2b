//! A network that loses, delays and limits, and does the same again for the same seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Numbers that look random (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What one participant's access does to datagrams, in each direction.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub delay: Duration,
    pub jitter: Duration,
    /// 0 to 1.
    pub loss: f64,
    /// DTLS does not get through (RFC 7983: first byte 20 to 63).
    pub no_dtls: bool,
    /// A bottleneck.
    pub rate_bps: Option<u64>,
    /// The longest that it holds a datagram.
    pub queue: Duration,
}

impl Link {
    pub const GOOD: Link = Link {
        delay: Duration::from_millis(10),
        jitter: Duration::ZERO,
        loss: 0.0,
        no_dtls: false,
        rate_bps: None,
        queue: Duration::from_millis(200),
    };
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Datagram {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub payload: Vec<u8>,
}

/// One direction of a link.
#[derive(Debug, Clone, Copy)]
pub struct Direction {
    pub link: Link,
    free_at: Option<Instant>,
}

impl Direction {
    pub fn new(link: Link) -> Direction {
        Direction { link, free_at: None }
    }
}

/// Everything that is under way.
pub struct Network {
    dice: Dice,
    under_way: BinaryHeap<Reverse<(Instant, u64, Datagram)>>,
    count: u64,
}

impl Network {
    pub fn new(seed: u64) -> Network {
        Network {
            dice: Dice::new(seed),
            under_way: BinaryHeap::new(),
            count: 0,
        }
    }

    pub fn send(&mut self, direction: &mut Direction, datagram: Datagram, now: Instant) {
        let link = direction.link;
        let is_dtls = matches!(datagram.payload.first(), Some(20..=63));
        if self.dice.fraction() < link.loss || (is_dtls && link.no_dtls) {
            return;
        }
        let mut at = now;
        if let Some(rate_bps) = link.rate_bps {
            let start = direction.free_at.map_or(now, |free| free.max(now));
            if start.saturating_duration_since(now) > link.queue {
                return;
            }
            at = start + Duration::from_secs_f64((datagram.payload.len() + 28) as f64 * 8.0 / rate_bps as f64);
            direction.free_at = Some(at);
        }
        at += link.delay + link.jitter.mul_f64(self.dice.fraction());
        self.count += 1;
        self.under_way.push(Reverse((at, self.count, datagram)));
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((at, ..))| *at)
    }

    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        if self.poll_timeout()? > now {
            return None;
        }
        self.under_way.pop().map(|Reverse((_, _, datagram))| datagram)
    }
}
