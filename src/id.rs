//! The identifiers of everything, as newtypes.
//!
//! All are random 64-bit numbers (a user id: 60 bits) written in Crockford's base 32 without the letters that are mistaken for
//! digits. Randomness is the maker's argument: nothing here draws any.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de::Error as _};

/// Crockford's base-32 digits in lower case: no `i`, `l`, `o` or `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Digits in a user id: 12 x 5 = 60 bits.
const USER_ID_DIGITS: usize = 12;

/// Digits in every other id: 13 x 5 = 65 bits, enough for a `u64`.
const ID_DIGITS: usize = 13;

/// The text was not an identifier of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: expected {digits} letters and digits")]
pub struct ParseIdError {
    kind: &'static str,
    digits: usize,
}

fn encode(mut value: u64, digits: usize) -> String {
    let mut text = vec![b'0'; digits];
    for digit in text.iter_mut().rev() {
        *digit = ALPHABET[(value & 31) as usize];
        value >>= 5;
    }
    text.iter().map(|&b| char::from(b)).collect()
}

/// Reads digits as people type them: either case, `o` for `0`, `i` and `l` for `1`, spaces and dashes anywhere.
fn decode(text: &str, digits: usize) -> Option<u64> {
    let mut value: u64 = 0;
    let mut seen = 0;
    for c in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
        let c = match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            c => c,
        };
        let digit = ALPHABET.iter().position(|&a| char::from(a) == c)? as u64;
        seen += 1;
        if seen > digits {
            return None;
        }
        value = value.checked_mul(32)?.checked_add(digit)?;
    }
    (seen == digits).then_some(value)
}

/// A durable identity: 60 bits, shown as `k7mq-2xwd-9hpt`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(u64);

impl UserId {
    /// Whoever is no user: what an operator makes is of nobody, and so is what somebody made who is forgotten. No user is given this id but by a chance of 2^-60.
    pub const NOBODY: UserId = UserId(0);

    /// Takes the low 60 bits of a random number.
    pub fn from_random(bits: u64) -> UserId {
        UserId(bits & ((1 << (USER_ID_DIGITS * 5)) - 1))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = encode(self.0, USER_ID_DIGITS);
        write!(f, "{}-{}-{}", &text[0..4], &text[4..8], &text[8..12])
    }
}

impl FromStr for UserId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<UserId, ParseIdError> {
        decode(text, USER_ID_DIGITS).map(UserId).ok_or(ParseIdError {
            kind: "user id",
            digits: USER_ID_DIGITS,
        })
    }
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// Takes a random number.
            pub fn from_random(bits: u64) -> $name {
                $name(bits)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode(self.0, ID_DIGITS))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<$name, ParseIdError> {
                decode(text, ID_DIGITS).map($name).ok_or(ParseIdError { kind: $kind, digits: ID_DIGITS })
            }
        }
    };
}

random_id!(
    /// One open browser tab, which may be resumed after a drop of its websocket.
    SessionId,
    "session id"
);
random_id!(
    /// One websocket. A session has one at a time.
    ConnectionId,
    "connection id"
);
random_id!(
    /// One invitation, from ringing to its end.
    CallId,
    "call id"
);
random_id!(
    /// Where participants meet.
    RoomId,
    "room id"
);
random_id!(
    /// One session inside one room.
    ParticipantId,
    "participant id"
);

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

random_id!(
    /// What lets whoever has it into a room: `/r/<link id>`.
    LinkId,
    "link id"
);

random_id!(
    /// One running process: each start is another node.
    NodeId,
    "node id"
);

random_id!(
    /// One message to one endpoint of the operator's application.
    WebhookId,
    "webhook id"
);
random_id!(
    /// Something written in a room: drawn by the sender's page, so that it may be sent again.
    MessageId,
    "message id"
);

random_id!(
    /// A file that was sent, or begun to be, in a room.
    FileId,
    "file id"
);

random_id!(
    /// One browser in which a user is signed in.
    DeviceId,
    "device id"
);

as_text!(
    UserId,
    DeviceId,
    SessionId,
    ConnectionId,
    WebhookId,
    CallId,
    RoomId,
    ParticipantId,
    LinkId,
    MessageId,
    FileId,
    NodeId
);

/// What a track carries. A participant has at most one track of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Microphone,
    Camera,
    Screen,
    ScreenAudio,
}

impl Source {
    /// Whether the track is video (else it is audio).
    pub fn is_video(self) -> bool {
        matches!(self, Source::Camera | Source::Screen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_read_as_people_type_it() {
        let id = UserId::from_random(0x0123_4567_89ab_cdef);
        let text = id.to_string();
        assert_eq!(text.len(), 14);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().replace('-', " ").parse(), Ok(id));
        assert_eq!(text.replace('0', "O").replace('1', "l").parse(), Ok(id));
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for bad in [
            "",
            "abc",
            "uuuu-uuuu-uuuu",
            "0000-0000-00000",
            "0000-0000-000!",
            "äöüä-öüäö-üäöü",
        ] {
            assert!(bad.parse::<UserId>().is_err(), "{bad:?} was taken");
        }
        assert!("zzzzzzzzzzzzz".parse::<CallId>().is_err(), "65 bits were taken for 64");
    }

    #[test]
    fn every_64_bit_id_survives_its_text() {
        for bits in [0, 1, u64::MAX, 0xdead_beef_0bad_cafe] {
            let id = CallId::from_random(bits);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
