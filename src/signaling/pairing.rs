//! How a user comes to one more browser: by a code that one browser shows and the other gives, good once and for some minutes. Of a code
//! only the hash is here.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::limits::PAIRINGS_MAX;
use super::strangers::Strangers;
use crate::id::{DeviceId, SessionId, UserId};

/// Time to find the other device and to type.
pub const LASTS: Duration = Duration::from_secs(300);

/// Wrong codes of one address at once; a minute brings that many back. A code has 50 bits.
const MISSES_MAX: f64 = 20.0;

/// Crockford's base-32 digits in lower case, as ids have them.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const DIGITS: usize = 10;

/// A code as people read it aloud: `k7mq2-xwd9h`.
pub fn code(random: u64) -> String {
    let digit = |place: usize| char::from(ALPHABET[((random >> (5 * place)) & 31) as usize]);
    let digits: String = (0..DIGITS).map(digit).collect();
    format!("{}-{}", &digits[..DIGITS / 2], &digits[DIGITS / 2..])
}

/// The digits of a code as people type it: either case, `o` for `0`, `i` and `l` for `1`, spaces and dashes anywhere. None: it is none.
pub fn digits(typed: &str) -> Option<String> {
    let mut digits = String::new();
    for c in typed.chars().filter(|c| !matches!(c, '-' | ' ')) {
        let c = match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            c => c,
        };
        if !c.is_ascii() || !ALPHABET.contains(&(c as u8)) || digits.len() == DIGITS {
            return None;
        }
        digits.push(c);
    }
    (digits.len() == DIGITS).then_some(digits)
}

/// A code that is shown somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pairing {
    /// Where it is shown.
    pub session: SessionId,
    /// Whom it brings.
    pub user: UserId,
    pub until: Instant,
}

/// All of them, by the hashes of their codes; each session has one at most.
#[derive(Debug)]
pub struct Pairings {
    by_hash: BTreeMap<[u8; 32], Pairing>,
    of_session: BTreeMap<SessionId, [u8; 32]>,
    strangers: Strangers,
}

impl Default for Pairings {
    fn default() -> Pairings {
        Pairings {
            by_hash: BTreeMap::new(),
            of_session: BTreeMap::new(),
            strangers: Strangers::new(MISSES_MAX),
        }
    }
}

impl Pairings {
    /// One more code, of a session that shows none. False: there are too many.
    pub fn begin(&mut self, hash: [u8; 32], pairing: Pairing) -> bool {
        if self.by_hash.len() >= PAIRINGS_MAX {
            return false;
        }
        self.of_session.insert(pairing.session, hash);
        self.by_hash.insert(hash, pairing);
        true
    }

    /// Whom a code brings, and where it is shown.
    pub fn find(&self, hash: &[u8; 32], now: Instant) -> Option<Pairing> {
        self.by_hash.get(hash).copied().filter(|pairing| now < pairing.until)
    }

    /// What a session shows is over; until when it would have been good. None: it shows nothing.
    pub fn end(&mut self, session: SessionId) -> Option<Instant> {
        let hash = self.of_session.remove(&session)?;
        self.by_hash.remove(&hash).map(|pairing| pairing.until)
    }

    /// Whether one more wrong code may come from there. An address that is not known stands for everybody behind a proxy.
    pub fn may_miss(&mut self, address: Option<IpAddr>, now: Instant) -> bool {
        self.strangers.may_miss(address, now)
    }

    /// A code was wrong.
    pub fn miss(&mut self, address: Option<IpAddr>, now: Instant) {
        self.strangers.miss(address, now);
    }
}

/// What will prove a user in one more browser, until it is there. It is not to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// One more browser of a user, that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    pub device: DeviceId,
    pub user: UserId,
    /// SHA-256 of what follows.
    pub secret_hash: [u8; 32],
    pub secret: Secret,
    /// Which browser it is, as far as it says.
    pub name: String,
    /// The session in which the code was shown.
    pub shown_by: SessionId,
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    fn pairing(session: u64, until: Instant) -> Pairing {
        Pairing {
            session: SessionId::from_random(session),
            user: UserId::from_random(session),
            until,
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let shown = code(0x0123_4567_89ab_cdef);
        assert_eq!(shown.len(), 11);
        let digits_of = digits(&shown).expect("it is one");
        assert_eq!(digits_of, shown.replace('-', ""));
        for typed in [
            shown.to_uppercase(),
            shown.replace('-', " "),
            digits_of.replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(digits(&typed).as_ref(), Some(&digits_of), "{typed}");
        }
        for bad in ["", "k7mq2", "k7mq2-xwd9h1", "k7mq2-xwd9u", "k7mq2-xwd9ä", "ſſſſſ-ſſſſſ"] {
            assert_eq!(digits(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_five_minutes() {
        let (mut pairings, now) = (Pairings::default(), Instant::now());
        let until = now + LASTS;
        assert!(pairings.begin([1; 32], pairing(1, until)) && pairings.begin([2; 32], pairing(2, until)));
        assert_eq!(pairings.find(&[1; 32], now), Some(pairing(1, until)));
        assert_eq!(pairings.find(&[1; 32], until), None, "it is over");
        let session = SessionId::from_random(1);
        assert_eq!((pairings.end(session), pairings.end(session)), (Some(until), None));
        assert_eq!(pairings.find(&[1; 32], now), None, "it is used");
        assert_eq!(pairings.find(&[2; 32], now), Some(pairing(2, until)));
    }

    #[test]
    fn there_are_so_many_codes_and_an_address_guesses_so_often() {
        let (mut pairings, now) = (Pairings::default(), Instant::now());
        let hash = |n: u64| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&n.to_be_bytes());
            hash
        };
        for n in 0..PAIRINGS_MAX as u64 {
            assert!(pairings.begin(hash(n), pairing(n, now + LASTS)));
        }
        assert!(!pairings.begin(hash(u64::MAX), pairing(u64::MAX, now + LASTS)));
        pairings.end(SessionId::from_random(7));
        assert!(
            pairings.begin(hash(u64::MAX), pairing(7, now + LASTS)),
            "in the place of its own"
        );
        let [one, other] = [1, 2].map(|n| Some(IpAddr::from([192, 0, 2, n])));
        let mut missed = 0;
        while pairings.may_miss(one, now) {
            pairings.miss(one, now);
            missed += 1;
        }
        assert_eq!(f64::from(missed), MISSES_MAX);
        assert!(pairings.may_miss(other, now) && pairings.may_miss(None, now));
        assert!(pairings.may_miss(one, now + Duration::from_secs(60)));
    }
}
