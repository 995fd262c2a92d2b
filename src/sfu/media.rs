//! What transports take and give: media packets with all that is needed of their headers, the m-lines that they come and go on, and
//! datagrams for the network.

use std::sync::Arc;
use std::time::Instant;

use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::{ExtensionValues, RtpWrite, Vp8Descriptor, Vp8Patch};

use super::codec::Format;
use super::flow::Flow;
use super::rewrite::Numbers;

/// A media packet that came in.
#[derive(Debug, Clone)]
pub struct MediaPacket {
    pub mid: Mid,
    pub rid: Option<Rid>,
    pub ssrc: u32,
    pub format: Format,
    pub numbers: Numbers,
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
    pub numbers: Numbers,
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

/// The packet as str0m takes it.
pub(super) fn rtp_write(packet: SlotPacket, now: Instant) -> RtpWrite {
    let patch = patch_of(&packet);
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
    let write = RtpWrite::new(packet.payload_type, seq.into(), timestamp, now, packet.payload)
        .marker(packet.marker)
        .ext_vals(extensions)
        .nackable(packet.is_video);
    match patch {
        Some(patch) => write.vp8_patch(patch),
        None => write,
    }
}

/// How a VP8 payload descriptor has to be changed, if it has what is to be changed.
fn patch_of(packet: &SlotPacket) -> Option<Vp8Patch> {
    const SHORT_PICTURE_ID_MASK: u16 = 0x7f;
    let picture_id = packet.numbers.picture_id?;
    let descriptor = Vp8Descriptor::parse(&packet.payload).ok()?;
    let build = |picture_id| {
        let patch = descriptor.patch().picture_id(picture_id);
        match packet.numbers.tl0_pic_idx {
            Some(idx) => patch.tl0_pic_idx(idx).build(),
            None => patch.build(),
        }
    };
    build(picture_id).or_else(|_| build(picture_id & SHORT_PICTURE_ID_MASK)).ok()
}
