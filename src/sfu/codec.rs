//! What the server has to know of a codec: its clock, and where a key frame begins. Only payload headers in the clear are read, so
//! that end-to-end encrypted media passes: of a frame itself the first byte at most.

use str0m::format::{Codec as StrCodec, PayloadParams};
use str0m::media::Pt;

/// A codec that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    Opus,
    Vp8,
    Vp9,
    H264,
}

/// What two ends must agree on for a payload of one to be understood by the other: payload types differ from browser to browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    pub codec: Codec,
    /// VP9: `profile-id`. H.264: `profile-level-id` without the level, and the packetization mode.
    pub variant: u32,
}

impl Codec {
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Opus => 48_000,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 => 90_000,
        }
    }

    /// Whether a receiver can start with this packet: it begins a key frame, or needs none (audio).
    pub fn starts_key_frame(self, payload: &[u8]) -> bool {
        match self {
            Codec::Opus => true,
            Codec::Vp8 => str0m::rtp::Vp8Descriptor::parse(payload).is_ok_and(|d| d.starts_keyframe(payload)),
            Codec::Vp9 => vp9_starts_key_frame(payload),
            Codec::H264 => h264_starts_key_frame(payload),
        }
    }
}

/// A negotiated payload type and what it stands for, if that is forwarded.
pub fn format_of(params: &PayloadParams) -> Option<(Pt, Format)> {
    let spec = params.spec();
    let (codec, variant) = match spec.codec {
        StrCodec::Opus => (Codec::Opus, 0),
        StrCodec::Vp8 => (Codec::Vp8, 0),
        StrCodec::Vp9 => (Codec::Vp9, spec.format.profile_id.unwrap_or(0)),
        StrCodec::H264 => {
            let profile = spec.format.profile_level_id.unwrap_or(0x42_e0_1f) >> 8;
            let mode = u32::from(spec.format.packetization_mode.unwrap_or(0));
            (Codec::H264, profile << 8 | mode)
        }
        _ => return None,
    };
    Some((params.pt(), Format { codec, variant }))
}

/// RFC 9628 section 4.2: not inter-predicted (P), begins a frame (B), and of the base spatial layer.
fn vp9_starts_key_frame(payload: &[u8]) -> bool {
    let Some(&first) = payload.first() else { return false };
    let (has_picture_id, predicted, has_layers, begins) =
        (first & 0x80 != 0, first & 0x40 != 0, first & 0x20 != 0, first & 0x08 != 0);
    if predicted || !begins {
        return false;
    }
    if !has_layers {
        return true;
    }
    let wide = has_picture_id && payload.get(1).is_some_and(|b| b & 0x80 != 0);
    let layer = 1 + usize::from(has_picture_id) + usize::from(wide);
    payload.get(layer).is_some_and(|b| (b >> 1) & 0x07 == 0)
}

/// RFC 6184 section 5: an IDR slice or a sequence parameter set, alone, first in a STAP-A, or begun in a FU-A.
fn h264_starts_key_frame(payload: &[u8]) -> bool {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let kind_at = |index: usize| payload.get(index).map(|b| b & 0x1f);
    match kind_at(0) {
        Some(IDR | SPS) => true,
        Some(STAP_A) => matches!(kind_at(3), Some(IDR | SPS)),
        Some(FU_A) => payload.get(1).is_some_and(|b| b & 0x80 != 0) && matches!(kind_at(1), Some(IDR | SPS)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_found_by_their_first_packet() {
        for (codec, payload, expected) in [
            (Codec::Opus, &[][..], true),
            (Codec::Vp8, &[0x10, 0x00], true),
            (Codec::Vp8, &[0x10, 0x01], false),
            (Codec::Vp8, &[0x00, 0x00], false),
            (Codec::Vp8, &[0x90, 0x80, 0x81, 0x02, 0x00], true),
            (Codec::Vp8, &[], false),
            (Codec::Vp9, &[0x08, 0x00], true),
            (Codec::Vp9, &[0x48, 0x00], false),
            (Codec::Vp9, &[0xa8, 0x80, 0x01, 0x00], true),
            (Codec::Vp9, &[0xa8, 0x80, 0x01, 0x02], false),
            (Codec::Vp9, &[0xa8], false),
            (Codec::H264, &[0x65, 0], true),
            (Codec::H264, &[0x41, 0], false),
            (Codec::H264, &[0x78, 0, 9, 0x67], true),
            (Codec::H264, &[0x7c, 0x85], true),
            (Codec::H264, &[0x7c, 0x05], false),
        ] {
            assert_eq!(codec.starts_key_frame(payload), expected, "{codec:?} {payload:02x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_payload_upsets_the_parsers(payload in proptest::collection::vec(proptest::num::u8::ANY, 0..20)) {
            for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264] {
                let _ = codec.starts_key_frame(&payload);
            }
        }
    }
}
