//! One websocket: text both ways, in order and late, until it is cut. What was on the way then is lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::network::Dice;

/// What the server writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    Text(String),
    Close,
}

pub struct Websocket {
    /// Which one of all that ever were.
    pub serial: u64,
    delay: Duration,
    jitter: Duration,
    up: VecDeque<(Instant, String)>,
    down: VecDeque<(Instant, Outgoing)>,
}

impl Websocket {
    pub fn new(serial: u64, delay: Duration, jitter: Duration) -> Websocket {
        Websocket {
            serial,
            delay,
            jitter,
            up: VecDeque::new(),
            down: VecDeque::new(),
        }
    }

    pub fn send_up(&mut self, text: String, dice: &mut Dice, now: Instant) {
        let last = self.up.back().map(|(at, _)| *at);
        let at = self.due(last, dice, now);
        self.up.push_back((at, text));
    }

    pub fn send_down(&mut self, outgoing: Outgoing, dice: &mut Dice, now: Instant) {
        let last = self.down.back().map(|(at, _)| *at);
        let at = self.due(last, dice, now);
        self.down.push_back((at, outgoing));
    }

    fn due(&self, last: Option<Instant>, dice: &mut Dice, now: Instant) -> Instant {
        let at = now + self.delay + self.jitter.mul_f64(dice.fraction());
        last.map_or(at, |last| last.max(at))
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let up = self.up.front().map(|(at, _)| *at);
        let down = self.down.front().map(|(at, _)| *at);
        [up, down].into_iter().flatten().min()
    }

    pub fn receive_up(&mut self, now: Instant) -> Option<String> {
        self.up.pop_front_if(|(at, _)| *at <= now).map(|(_, text)| text)
    }

    pub fn receive_down(&mut self, now: Instant) -> Option<Outgoing> {
        self.down.pop_front_if(|(at, _)| *at <= now).map(|(_, outgoing)| outgoing)
    }
}
