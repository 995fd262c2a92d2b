//! What a receiver says of each packet: whether and when it arrived (transport-wide congestion control,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01). Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that are remembered until the receiver says something of them, and for how long.
const SENT_MAX: usize = 4096;
const SENT_FOR: Duration = Duration::from_secs(3);

/// SSRCs of one transport that are told apart: of each slot two.
const SOURCES_MAX: usize = 128;

/// Of IP and UDP, in bytes.
const HEADERS: usize = 28;

/// How feedback counts time: references in these, and differences in those (section 3.1).
const REFERENCE_US: i64 = 64_000;
const DIFFERENCE_US: i64 = 250;

/// One packet that left, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub sent: Instant,
    /// On the link.
    pub bytes: usize,
    /// By the receiver's clock, in microseconds from a moment of its choice. None: it did not arrive.
    pub arrived_us: Option<i64>,
    /// It was told before that it did not arrive: others overtook it.
    pub is_late: bool,
    /// What it belonged to, and how many packets of that have left since.
    pub ssrc: u32,
    pub behind: u32,
}

/// The number that a packet has in its header extension with this id (RFC 8285).
pub fn number_of(datagram: &[u8], id: u8) -> Option<u16> {
    let has_extension = datagram.first()? & 0x10 != 0;
    let sources = usize::from(datagram[0] & 0x0f);
    let extension = datagram.get(12 + 4 * sources..).filter(|_| has_extension)?;
    let (head, rest) = extension.split_at_checked(4)?;
    let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let mut rest = rest.get(..4 * words)?;
    let is_one_byte = head[..2] == [0xbe, 0xde];
    while let [first, after @ ..] = rest {
        if *first == 0 {
            rest = after;
            continue;
        }
        let (its, length, after) = if is_one_byte {
            (first >> 4, usize::from(first & 0x0f) + 1, after)
        } else {
            let (length, after) = after.split_first()?;
            (*first, usize::from(*length), after)
        };
        let (value, after) = after.split_at_checked(length)?;
        if its == id {
            return value.try_into().ok().map(u16::from_be_bytes);
        }
        rest = after;
    }
    None
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    /// Which of its source's packets it was.
    nth: u32,
    bytes: u16,
    /// In the register's list.
    source: u8,
    told: Option<Fate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lost,
    Arrived,
}

/// The packets that left, as long as the receiver may say something of them.
#[derive(Debug, Default)]
pub struct Register {
    /// The number of the first.
    first: u16,
    sent: VecDeque<Sent>,
    /// Each SSRC that packets left with, and how many did.
    sources: Vec<(u32, u32)>,
    /// The last reference, and what it was in microseconds since the first.
    reference: Option<(u32, i64)>,
}

impl Register {
    /// A packet leaves.
    pub fn leaves(&mut self, number: u16, ssrc: u32, bytes: usize, now: Instant) {
        let next = self.first.wrapping_add(self.sent.len() as u16);
        if number != next {
            self.sent.clear();
        }
        if self.sent.is_empty() {
            self.first = number;
        }
        let is_done = |sent: &Sent| sent.told == Some(Fate::Arrived) || now.saturating_duration_since(sent.at) > SENT_FOR;
        while self.sent.len() >= SENT_MAX || self.sent.front().is_some_and(is_done) {
            self.sent.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        let source = self.source(ssrc);
        let count = &mut self.sources[source].1;
        *count = count.wrapping_add(1);
        self.sent.push_back(Sent {
            at: now,
            nth: *count,
            bytes: (bytes + HEADERS).min(u16::MAX.into()) as u16,
            source: source as u8,
            told: None,
        });
    }

    /// Where an SSRC is in the list. Few, so a list is the fastest map; all beyond what it holds count as one.
    fn source(&mut self, ssrc: u32) -> usize {
        if let Some(known) = self.sources.iter().position(|source| source.0 == ssrc) {
            return known;
        }
        if self.sources.len() < SOURCES_MAX {
            self.sources.push((ssrc, 0));
        }
        self.sources.len() - 1
    }

    /// Reads feedback, from its ninth byte on, and notes what it says that was not said before. What cannot be read says nothing.
    pub fn read(&mut self, feedback: &[u8], out: &mut Vec<Told>) {
        let [_, _, _, _, a, b, c, d, r0, r1, r2, _, rest @ ..] = feedback else {
            return;
        };
        let (base, count) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        if count > SENT_MAX {
            return;
        }
        let mut arrives_us = self.since_first(u32::from_be_bytes([0, *r0, *r1, *r2]));
        let Some((symbols, mut differences)) = symbols(rest, count) else {
            return;
        };
        for (index, symbol) in symbols.into_iter().enumerate() {
            let arrived_us = match (symbol, differences) {
                (1, [small, after @ ..]) => {
                    differences = after;
                    arrives_us += i64::from(*small) * DIFFERENCE_US;
                    Some(arrives_us)
                }
                (2, [high, low, after @ ..]) => {
                    differences = after;
                    arrives_us += i64::from(i16::from_be_bytes([*high, *low])) * DIFFERENCE_US;
                    Some(arrives_us)
                }
                (0, _) => None,
                _ => return,
            };
            let place = base.wrapping_add(index as u16).wrapping_sub(self.first);
            let Some(sent) = self.sent.get_mut(usize::from(place)) else {
                continue;
            };
            let fate = if arrived_us.is_some() { Fate::Arrived } else { Fate::Lost };
            if sent.told == Some(Fate::Arrived) || sent.told == Some(fate) {
                continue;
            }
            let (ssrc, count) = self.sources[usize::from(sent.source)];
            out.push(Told {
                sent: sent.at,
                bytes: sent.bytes.into(),
                arrived_us,
                is_late: sent.told.is_some(),
                ssrc,
                behind: count.wrapping_sub(sent.nth),
            });
            sent.told = Some(fate);
        }
    }

    /// A reference of 24 bits, which wraps, in microseconds since the first.
    fn since_first(&mut self, reference: u32) -> i64 {
        let us = match self.reference {
            None => 0,
            Some((last, us)) => {
                let difference = (reference.wrapping_sub(last) << 8) as i32 >> 8;
                us + i64::from(difference) * REFERENCE_US
            }
        };
        self.reference = Some((reference, us));
        us
    }
}

/// What is said of so many packets (0: not arrived, 1 and 2: arrived, with a difference of as many bytes), and what comes after it.
fn symbols(mut rest: &[u8], count: usize) -> Option<(Vec<u8>, &[u8])> {
    let mut symbols = Vec::with_capacity(count);
    while symbols.len() < count {
        let (chunk, after) = rest.split_first_chunk()?;
        rest = after;
        let chunk = u16::from_be_bytes(*chunk);
        let left = count - symbols.len();
        match chunk >> 14 {
            0 | 1 => {
                let run = usize::from(chunk & 0x1fff).min(left);
                symbols.extend(std::iter::repeat_n((chunk >> 13 & 3) as u8, run));
                if run == 0 {
                    return None;
                }
            }
            2 => symbols.extend((0..14).rev().map(|bit| (chunk >> bit & 1) as u8).take(left)),
            _ => symbols.extend((0..7).rev().map(|pair| (chunk >> (2 * pair) & 3) as u8).take(left)),
        }
    }
    Some((symbols, rest))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feedback from its ninth byte on.
    fn feedback(base: u16, count: u16, reference: u32, chunks: &[u16], differences: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(base.to_be_bytes());
        bytes.extend(count.to_be_bytes());
        bytes.extend(&reference.to_be_bytes()[1..]);
        bytes.push(0);
        bytes.extend(chunks.iter().flat_map(|chunk| chunk.to_be_bytes()));
        bytes.extend(differences);
        bytes
    }

    fn register(first: u16, packets: u16) -> Register {
        let mut register = Register::default();
        let now = Instant::now();
        for index in 0..packets {
            register.leaves(first.wrapping_add(index), 1, 100, now);
        }
        register
    }

    fn read(register: &mut Register, feedback: &[u8]) -> Vec<Option<i64>> {
        let mut told = Vec::new();
        register.read(feedback, &mut told);
        assert!(told.iter().all(|packet| packet.bytes == 100 + HEADERS));
        told.into_iter().map(|packet| packet.arrived_us).collect()
    }

    #[test]
    fn each_kind_of_chunk_is_read() {
        type Row = (&'static str, u16, &'static [u16], &'static [u8], &'static [Option<i64>]);
        let rows: [Row; 6] = [
            (
                "a run of arrived",
                3,
                &[0x2003],
                &[4, 4, 4],
                &[Some(1000), Some(2000), Some(3000)],
            ),
            ("a run of lost", 2, &[0x0002], &[], &[None, None]),
            ("one bit each", 3, &[0xa800], &[4, 8], &[Some(1000), None, Some(3000)]),
            (
                "two bits each, one of them before the one before",
                3,
                &[0xd200],
                &[8, 0xff, 0xfc],
                &[Some(2000), None, Some(1000)],
            ),
            ("a run and more", 3, &[0x0002, 0xa000], &[4], &[None, None, Some(1000)]),
            ("a difference is missing", 2, &[0x2002], &[4], &[Some(1000)]),
        ];
        for (what, count, chunks, differences, expected) in rows {
            let told = read(&mut register(7, 5), &feedback(7, count, 5, chunks, differences));
            assert_eq!(told, expected, "{what}");
        }
    }

    #[test]
    fn numbers_and_references_wrap() {
        let mut register = register(u16::MAX, 4);
        let told = read(&mut register, &feedback(u16::MAX, 2, 0xff_ffff, &[0x2002], &[0, 4]));
        assert_eq!(told, [Some(0), Some(1000)]);
        let told = read(&mut register, &feedback(1, 2, 0, &[0x2002], &[0, 4]));
        assert_eq!(told, [Some(64_000), Some(65_000)]);
    }

    #[test]
    fn a_packet_is_told_of_once_and_strangers_never() {
        let mut register = register(10, 2);
        let same = feedback(9, 4, 0, &[0x2004], &[0, 0, 0, 0]);
        assert_eq!(read(&mut register, &same).len(), 2);
        assert_eq!(read(&mut register, &same), []);
    }

    #[test]
    fn a_packet_that_was_overtaken_is_told_of_again() {
        let mut register = register(10, 3);
        assert_eq!(
            read(&mut register, &feedback(10, 2, 0, &[0x8000 | 1 << 12], &[0])),
            [None, Some(0)]
        );
        let mut told = Vec::new();
        register.read(&feedback(10, 1, 0, &[0x2001], &[4]), &mut told);
        assert_eq!(
            told.iter()
                .map(|packet| (packet.arrived_us, packet.is_late))
                .collect::<Vec<_>>(),
            [(Some(1000), true)]
        );
        assert_eq!(read(&mut register, &feedback(10, 2, 0, &[0x0002], &[])), []);
    }

    #[test]
    fn it_is_told_how_many_of_the_same_source_have_left_since() {
        let (mut register, now) = (Register::default(), Instant::now());
        for (number, ssrc) in [7, 9, 7, 7, 9].into_iter().enumerate() {
            register.leaves(number as u16, ssrc, 100, now);
        }
        let mut told = Vec::new();
        register.read(&feedback(0, 2, 5, &[0x0002], &[]), &mut told);
        let told: Vec<_> = told.iter().map(|packet| (packet.ssrc, packet.behind)).collect();
        assert_eq!(told, [(7, 2), (9, 1)]);
    }

    #[test]
    fn sources_beyond_those_that_are_told_apart_are_taken() {
        let (mut register, now) = (Register::default(), Instant::now());
        for number in 0..300 {
            register.leaves(number, number.into(), 100, now);
        }
        assert_eq!(register.sources.len(), SOURCES_MAX);
        assert_eq!(read(&mut register, &feedback(299, 1, 5, &[0x2001], &[4])).len(), 1);
    }

    #[test]
    fn what_left_is_forgotten_in_time() {
        let mut register = Register::default();
        let now = Instant::now();
        for number in 0..=u16::MAX {
            register.leaves(number, 1, 1, now);
        }
        assert_eq!(register.sent.len(), SENT_MAX);
        register.leaves(0, 1, 1, now + SENT_FOR * 2);
        assert_eq!(register.sent.len(), 1);
    }

    #[test]
    fn what_arrived_is_kept_no_longer_than_what_is_missing_before_it() {
        let now = Instant::now();
        let (mut register, mut told) = (Register::default(), Vec::new());
        for number in 0..10 {
            register.leaves(number, 1, 100, now);
        }
        // All but the fifth arrived.
        register.read(&feedback(0, 10, 0, &[0xbdf0], &[4; 9]), &mut told);
        assert_eq!(told.iter().filter(|told| told.arrived_us.is_some()).count(), 9);
        register.leaves(10, 1, 100, now);
        assert_eq!(
            register.sent.len(),
            7,
            "the fifth may yet come, and is the first of what is kept"
        );
        told.clear();
        register.read(&feedback(4, 1, 0, &[0x2001], &[4]), &mut told);
        assert!(told[0].is_late && told[0].arrived_us.is_some());
        register.leaves(11, 1, 100, now);
        assert_eq!(register.sent.len(), 2);
    }

    #[test]
    fn the_number_is_found_in_both_kinds_of_header() {
        let packet = |extension: &[u8]| [&[0x90; 1][..], &[0; 11], extension, &[9; 20]].concat();
        let rows: [(&str, Vec<u8>, Option<u16>); 6] = [
            (
                "one byte",
                packet(&[0xbe, 0xde, 0, 2, 0x10, 7, 0, 0x31, 1, 2, 0, 0]),
                Some(0x0102),
            ),
            ("two bytes", packet(&[0x10, 0, 0, 1, 3, 2, 1, 2]), Some(0x0102)),
            ("another id", packet(&[0xbe, 0xde, 0, 1, 0x41, 1, 2, 0]), None),
            ("another length", packet(&[0xbe, 0xde, 0, 1, 0x30, 1, 0, 0]), None),
            ("beyond its end", packet(&[0xbe, 0xde, 0, 1, 0x3f, 1, 2, 0]), None),
            ("no extension", [0x80; 20].to_vec(), None),
        ];
        for (what, datagram, expected) in rows {
            assert_eq!(number_of(&datagram, 3), expected, "{what}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), id in any::<u8>()) {
            let mut told = Vec::new();
            let mut register = register(0, 50);
            register.read(&bytes, &mut told);
            prop_assert!(told.len() <= 50);
            number_of(&bytes, id);
        }
    }
}
