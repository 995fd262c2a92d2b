//! What transports take and give: media packets with all that is needed of their headers, the m-lines that they come and go on, and
//! datagrams for the network.

use std::sync::Arc;
use std::time::Instant;

use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::{ExtensionValues, RtpWrite};

use super::codec::{Codec, Format};
use super::counters::Drop;
use super::flow::Flow;
use super::picture::Part;
use super::rewrite::Numbers;
use super::{red, vp8, vp9};

/// A media packet that came in.
#[derive(Debug, Clone)]
pub struct MediaPacket {
    pub mid: Mid,
    pub rid: Option<Rid>,
    pub ssrc: u32,
    pub format: Format,
    pub numbers: Numbers,
    pub part: Part,
    pub marker: bool,
    pub extensions: Extensions,
    pub payload: Arc<[u8]>,
}

/// A datagram for a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    pub flow: Flow,
    pub payload: Vec<u8>,
}

/// The header extensions that are worth passing on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extensions {
    pub audio_level: Option<i8>,
    pub voice_activity: Option<bool>,
    pub orientation: Option<str0m::rtp::VideoOrientation>,
}

/// A media packet that goes out, in a slot.
#[derive(Debug, Clone)]
pub struct SlotPacket {
    pub ssrc: u32,
    pub payload_type: Pt,
    pub is_video: bool,
    pub codec: Codec,
    pub numbers: Numbers,
    /// The numbers that are written in the payload.
    pub was: Numbers,
    pub marker: bool,
    pub extensions: Extensions,
    pub payload: Arc<[u8]>,
}

/// An m-line on which the server may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotLine {
    pub mid: Mid,
    pub is_video: bool,
    pub ssrc: u32,
    /// The browser's payload types for what it can receive here.
    pub payload_types: Vec<(Format, Pt)>,
}

/// An m-line on which the browser may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveLine {
    pub mid: Mid,
    pub is_video: bool,
    /// The rids of its simulcast layers in the order offered, lowest first; empty without simulcast.
    pub rids: Vec<Rid>,
}

/// The subscriber's payload type for a packet, and what it can read of the payload. `unwraps`: redundant audio goes without what is
/// redundant.
pub(super) fn payload_for(packet: &MediaPacket, negotiated: &[(Format, Pt)], unwraps: bool) -> Result<(Pt, Arc<[u8]>), Drop> {
    let plain = || negotiated.iter().find(|(format, _)| format.codec == Codec::Opus);
    let is_redundant = packet.format.codec == Codec::Red;
    let is_unwrapped = is_redundant && unwraps && plain().is_some();
    let exact = || negotiated.iter().find(|(format, _)| *format == packet.format);
    let found = exact().or_else(|| negotiated.iter().find(|(format, _)| format.receives(packet.format)));
    if let Some((_, pt)) = found.filter(|_| !is_unwrapped) {
        return Ok((*pt, packet.payload.clone()));
    }
    let (_, pt) = plain().filter(|_| is_redundant).ok_or(Drop::NoCodec)?;
    let primary = red::primary(&packet.payload).ok_or(Drop::BadPayload)?;
    Ok((*pt, Arc::from(primary)))
}

/// Which stream a datagram belongs to, if it is RTP and not RTCP (RFC 3550 section 5.1, RFC 5761 section 4).
pub(super) fn ssrc_of(datagram: &[u8]) -> Option<u32> {
    let [128..=191, kind, _, _, _, _, _, _, a, b, c, d, ..] = *datagram else {
        return None;
    };
    (!(192..=223).contains(&kind)).then_some(u32::from_be_bytes([a, b, c, d]))
}

impl SlotPacket {
    /// Writes the numbers that it has here into its payload.
    pub(super) fn renumber(&self, payload: &mut [u8]) {
        let Numbers {
            picture_id, tl0_pic_idx, ..
        } = self.numbers;
        match self.codec {
            Codec::Vp8 => vp8::rewrite(payload, picture_id, tl0_pic_idx),
            Codec::Vp9 => vp9::rewrite(payload, picture_id, tl0_pic_idx),
            Codec::Opus | Codec::Red | Codec::H264 | Codec::Av1 => {}
        }
    }

    /// Whether its payload has other numbers than it has here.
    pub(super) fn is_renumbered(&self) -> bool {
        (self.numbers.picture_id, self.numbers.tl0_pic_idx) != (self.was.picture_id, self.was.tl0_pic_idx)
    }
}

/// The packet as str0m takes it.
pub(super) fn rtp_write(packet: &SlotPacket, now: Instant) -> RtpWrite {
    let mut payload = packet.payload.clone();
    if packet.is_renumbered() {
        payload = Arc::from(&*payload);
        if let Some(bytes) = Arc::get_mut(&mut payload) {
            packet.renumber(bytes);
        }
    }
    let Extensions {
        audio_level,
        voice_activity,
        orientation,
    } = packet.extensions;
    let extensions = ExtensionValues {
        audio_level,
        voice_activity,
        video_orientation: orientation,
        ..ExtensionValues::default()
    };
    let Numbers { seq, timestamp, .. } = packet.numbers;
    RtpWrite::new(packet.payload_type, seq.into(), timestamp, now, payload)
        .marker(packet.marker)
        .ext_vals(extensions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(codec: Codec, payload: &[u8]) -> MediaPacket {
        MediaPacket {
            mid: Mid::from("0"),
            rid: None,
            ssrc: 1,
            format: Format { codec, variant: 0 },
            numbers: Numbers::default(),
            part: Part::default(),
            marker: false,
            extensions: Extensions::default(),
            payload: Arc::from(payload),
        }
    }

    #[test]
    fn only_media_belongs_to_a_stream() {
        let rtp = [0x80, 0xe0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 9];
        assert_eq!(ssrc_of(&rtp), Some(0x01020304));
        assert_eq!(ssrc_of(&rtp[..11]), None);
        let with_kind = |kind| [&[0x80, kind], &rtp[2..]].concat();
        assert_eq!(ssrc_of(&with_kind(200)), None, "a report");
        assert_eq!(ssrc_of(&with_kind(224)), Some(0x01020304));
        assert_eq!(ssrc_of(&[22; 40]), None, "DTLS");
    }

    #[test]
    fn redundant_audio_is_unwrapped_for_who_cannot_read_it() {
        let of = |codec| Format { codec, variant: 0 };
        let (opus, red) = ((of(Codec::Opus), Pt::from(109)), (of(Codec::Red), Pt::from(63)));
        let wrapped = [0x80 | 111, 0x0f, 0x00, 2, 111, 7, 7, 1, 2, 3];
        type Row<'a> = (Codec, &'a [u8], Vec<(Format, Pt)>, bool, Result<(u8, Vec<u8>), Drop>);
        let rows: [Row<'_>; 9] = [
            (Codec::Opus, &[1, 2, 3], vec![opus, red], false, Ok((109, vec![1, 2, 3]))),
            (Codec::Opus, &[1, 2, 3], vec![opus, red], true, Ok((109, vec![1, 2, 3]))),
            (Codec::Red, &wrapped, vec![opus, red], false, Ok((63, wrapped.to_vec()))),
            (Codec::Red, &wrapped, vec![opus, red], true, Ok((109, vec![1, 2, 3]))),
            (Codec::Red, &wrapped, vec![red], true, Ok((63, wrapped.to_vec()))),
            (Codec::Red, &wrapped, vec![opus], false, Ok((109, vec![1, 2, 3]))),
            (Codec::Red, &wrapped[..6], vec![opus], false, Err(Drop::BadPayload)),
            (Codec::Red, &wrapped, vec![], false, Err(Drop::NoCodec)),
            (Codec::Vp9, &[0x08, 0], vec![opus, red], false, Err(Drop::NoCodec)),
        ];
        for (codec, payload, negotiated, unwraps, expected) in rows {
            let found = payload_for(&audio(codec, payload), &negotiated, unwraps);
            let found = found.map(|(pt, payload)| (*pt, payload.to_vec()));
            assert_eq!(found, expected, "{codec:?} for {negotiated:?}, {unwraps}");
        }
    }
}
