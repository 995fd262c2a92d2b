//! One pair of nodes: words are numbered, acknowledged and repeated, so that they come once and in order while the link lasts. A link
//! begins when each knows the other's epoch of it; a higher epoch begins it anew.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Words that wait to be acknowledged.
pub const WORDS_MAX: usize = 8192;

/// The same in bytes.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;

/// After so long without an acknowledgement a word is said again.
const REPEAT_AFTER: Duration = Duration::from_millis(300);

/// Words that are said again at once.
const REPEATS_MAX: usize = 256;

/// Words that came before one that is missing, and wait for it.
const AHEAD_MAX: usize = 1024;

/// For so long an acknowledgement waits for a word that could carry it.
const ACKNOWLEDGE_AFTER: Duration = Duration::from_millis(20);

/// Words wait for an acknowledgement in numbers beyond the bounds: the link has to begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

/// What a greeting of the other node means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// Nothing new.
    Known,
    /// From now on each knows the other.
    Agreed,
    /// It is older than what is known.
    Stale,
    /// The other has begun anew: this link is over.
    Anew,
}

#[derive(Debug)]
struct Unacknowledged {
    number: u64,
    text: String,
    said: Instant,
}

/// One node's end.
#[derive(Debug)]
pub struct Link {
    mine: u64,
    theirs: Option<u64>,
    agreed: bool,
    last: u64,
    window: VecDeque<Unacknowledged>,
    bytes: usize,
    taken: u64,
    ahead: BTreeMap<u64, String>,
    acknowledge_at: Option<Instant>,
}

impl Link {
    /// `mine`: higher than in every link before between the two.
    pub fn new(mine: u64) -> Link {
        Link {
            mine,
            theirs: None,
            agreed: false,
            last: 0,
            window: VecDeque::new(),
            bytes: 0,
            taken: 0,
            ahead: BTreeMap::new(),
            acknowledge_at: None,
        }
    }

    pub fn mine(&self) -> u64 {
        self.mine
    }

    pub fn theirs(&self) -> Option<u64> {
        self.theirs
    }

    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The epochs for a packet, where each knows the other.
    pub fn epochs(&self) -> Option<(u64, u64)> {
        self.theirs.filter(|_| self.agreed).map(|theirs| (self.mine, theirs))
    }

    /// The other said in which epoch it is, and in which it believes this node to be.
    pub fn greet(&mut self, theirs: u64, mine: Option<u64>) -> Greeting {
        match self.theirs {
            Some(known) if theirs < known => return Greeting::Stale,
            Some(known) if theirs > known && self.agreed => return Greeting::Anew,
            Some(_) | None => self.theirs = Some(theirs),
        }
        if mine == Some(self.mine) && !self.agreed {
            self.agreed = true;
            return Greeting::Agreed;
        }
        Greeting::Known
    }

    /// A word to be said; its number.
    pub fn say(&mut self, text: String, now: Instant) -> Result<u64, Overflow> {
        if self.window.len() >= WORDS_MAX || self.bytes + text.len() > BYTES_MAX {
            return Err(Overflow);
        }
        self.last += 1;
        self.bytes += text.len();
        self.acknowledge_at = None;
        self.window.push_back(Unacknowledged {
            number: self.last,
            text,
            said: now,
        });
        Ok(self.last)
    }

    /// The other has taken all up to this one.
    pub fn acknowledged(&mut self, taken: u64) {
        while self.window.front().is_some_and(|word| word.number <= taken) {
            if let Some(word) = self.window.pop_front() {
                self.bytes -= word.text.len();
            }
        }
    }

    /// A word came: what can be handed on, in order.
    pub fn take(&mut self, number: u64, text: String, now: Instant) -> Vec<String> {
        self.acknowledge_at.get_or_insert(now + ACKNOWLEDGE_AFTER);
        if number <= self.taken || self.ahead.len() >= AHEAD_MAX && number != self.taken + 1 {
            return Vec::new();
        }
        self.ahead.insert(number, text);
        let mut ready = Vec::new();
        while let Some(text) = self.ahead.remove(&(self.taken + 1)) {
            self.taken += 1;
            ready.push(text);
        }
        ready
    }

    /// Whether to acknowledge now in a packet of its own.
    pub fn acknowledges(&mut self, now: Instant) -> bool {
        self.acknowledge_at.take_if(|at| *at <= now).is_some()
    }

    /// What to say again: (number, text).
    pub fn repeat(&mut self, now: Instant) -> Vec<(u64, String)> {
        let old = |word: &&mut Unacknowledged| now >= word.said + REPEAT_AFTER;
        let words = self.window.iter_mut().take(REPEATS_MAX).filter(old);
        words
            .map(|word| {
                word.said = now;
                (word.number, word.text.clone())
            })
            .collect()
    }

    /// When there is something to acknowledge or, if the bus `works`, to repeat.
    pub fn due(&self, works: bool) -> Option<Instant> {
        let oldest = self
            .window
            .iter()
            .take(REPEATS_MAX)
            .map(|word| word.said + REPEAT_AFTER)
            .min();
        [self.acknowledge_at, oldest.filter(|_| works)].into_iter().flatten().min()
    }

    /// Words that wait to be acknowledged.
    pub fn waiting(&self) -> usize {
        self.window.len()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    fn agreed() -> Link {
        let mut link = Link::new(1);
        assert_eq!(link.greet(1, None), Greeting::Known);
        assert_eq!(link.epochs(), None);
        assert_eq!(link.greet(1, Some(1)), Greeting::Agreed);
        link
    }

    #[test]
    fn words_come_once_and_in_order() {
        let (mut link, now) = (agreed(), Instant::now());
        let text = |n: u64| n.to_string();
        assert!(link.take(2, text(2), now).is_empty());
        assert_eq!(link.take(1, text(1), now), ["1", "2"]);
        assert!(link.take(2, text(2), now).is_empty(), "again");
        assert!(!link.acknowledges(now));
        assert!(link.acknowledges(now + ACKNOWLEDGE_AFTER));
        assert!(!link.acknowledges(now + ACKNOWLEDGE_AFTER), "once");
        assert_eq!(link.taken(), 2);
    }

    #[test]
    fn what_is_not_acknowledged_is_repeated() {
        let (mut link, now) = (agreed(), Instant::now());
        for text in ["a", "b", "c"] {
            link.say(text.to_owned(), now).expect("there is room");
        }
        link.acknowledged(1);
        assert!(link.repeat(now).is_empty());
        let later = now + REPEAT_AFTER;
        assert_eq!(link.due(true), Some(later));
        assert_eq!(link.due(false), None);
        assert_eq!(link.repeat(later), [(2, "b".to_owned()), (3, "c".to_owned())]);
        assert!(link.repeat(later).is_empty());
        link.acknowledged(3);
        assert_eq!((link.waiting(), link.bytes), (0, 0));
    }

    #[test]
    fn the_window_is_bounded() {
        let (mut link, now) = (agreed(), Instant::now());
        for _ in 0..WORDS_MAX {
            link.say(String::new(), now).expect("there is room");
        }
        assert_eq!(link.say(String::new(), now), Err(Overflow));
        let mut link = agreed();
        link.say("x".repeat(BYTES_MAX), now).expect("there is room");
        assert_eq!(link.say("x".to_owned(), now), Err(Overflow));
    }

    #[test]
    fn who_is_ahead_by_too_much_waits() {
        let (mut link, now) = (agreed(), Instant::now());
        for number in 2..4000 {
            link.take(number, String::new(), now);
        }
        assert_eq!(link.ahead.len(), AHEAD_MAX);
        assert_eq!(link.take(1, String::new(), now).len(), AHEAD_MAX + 1);
    }

    #[test]
    fn an_epoch_never_goes_back() {
        let mut link = agreed();
        assert_eq!(link.greet(0, Some(1)), Greeting::Stale);
        assert_eq!(link.greet(2, None), Greeting::Anew);
        let mut link = Link::new(2);
        assert_eq!(link.greet(2, Some(1)), Greeting::Known, "it means a link before");
        assert_eq!(link.greet(3, Some(2)), Greeting::Agreed, "none was agreed on yet");
    }
}
