//! The header of a packet that goes out (RFC 3550 section 5.1), with its extensions in the one-byte form (RFC 8285 section 4.2).

use std::time::Duration;

use str0m::media::Pt;

use crate::sfu::media::{Extensions, SlotPacket};

/// Header, extensions, original sequence number and tag: so much more than its payload a packet may have, in bytes.
const AROUND: usize = 80;

/// A mid in an extension may be so long (RFC 8285 section 4.2).
const MID_MAX: usize = 16;

/// The ids of the header extensions that are sent, as they were negotiated for one m-line. Those that only fit into the two-byte form are
/// left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtensionIds {
    pub mid: Option<u8>,
    pub absolute_send_time: Option<u8>,
    /// Of the number over the whole transport.
    pub number: Option<u8>,
    pub audio_level: Option<u8>,
    pub orientation: Option<u8>,
}

/// What the header of a packet says.
pub(super) struct Header<'a> {
    pub ssrc: u32,
    pub payload_type: Pt,
    /// The sequence number, without its wrap.
    pub index: u64,
    /// Where the receiver does not know yet which m-line this is.
    pub mid: Option<&'a str>,
    /// All else is that of this one.
    pub packet: &'a SlotPacket,
}

impl Header<'_> {
    /// A datagram that begins with it, in a buffer that held another one. `since` is the time by a clock of our choice.
    pub fn write(&self, mut to: Vec<u8>, ids: &ExtensionIds, number: Option<u16>, since: Duration) -> Vec<u8> {
        const EXTENDED: u8 = 0x10;
        to.clear();
        to.reserve(self.packet.payload.len() + AROUND);
        let marker = u8::from(self.packet.marker) << 7;
        to.extend_from_slice(&[0x80 | EXTENDED, marker | *self.payload_type]);
        to.extend_from_slice(&(self.index as u16).to_be_bytes());
        to.extend_from_slice(&self.packet.numbers.timestamp.to_be_bytes());
        to.extend_from_slice(&self.ssrc.to_be_bytes());
        let begin = to.len();
        to.extend_from_slice(&[0xbe, 0xde, 0, 0]);
        let Extensions {
            audio_level,
            voice_activity,
            orientation,
        } = self.packet.extensions;
        if let (Some(id), Some(mid)) = (ids.mid, self.mid.filter(|mid| !mid.is_empty())) {
            extend(&mut to, id, mid.as_bytes().get(..MID_MAX).unwrap_or(mid.as_bytes()));
        }
        if let Some(id) = ids.absolute_send_time {
            // Seconds with 18 bits after the point, of which 24 bits are sent.
            let time = ((since.as_micros() as u64) << 18) / 1_000_000;
            extend(&mut to, id, &(time as u32).to_be_bytes()[1..]);
        }
        if let (Some(id), Some(number)) = (ids.number, number) {
            extend(&mut to, id, &number.to_be_bytes());
        }
        if let (Some(id), Some(level), Some(voice)) = (ids.audio_level, audio_level, voice_activity) {
            extend(&mut to, id, &[u8::from(voice) << 7 | level.unsigned_abs() & 0x7f]);
        }
        if let (Some(id), Some(orientation)) = (ids.orientation, orientation) {
            extend(&mut to, id, &[orientation as u8]);
        }
        let length = to.len() - begin - 4;
        if length == 0 {
            to.truncate(begin);
            to[0] &= !EXTENDED;
            return to;
        }
        to.resize(begin + 4 + length.next_multiple_of(4), 0);
        to[begin + 3] = length.div_ceil(4) as u8;
        to
    }
}

fn extend(to: &mut Vec<u8>, id: u8, value: &[u8]) {
    to.push(id << 4 | (value.len() - 1) as u8 & 0x0f);
    to.extend_from_slice(value);
}
