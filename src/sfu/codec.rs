//! What the server has to know of a codec: its clock, what a packet says of its picture, and who can receive it. Only payload headers
//! in the clear are read, so that end-to-end encrypted media passes: of a frame itself the first byte at most.

use str0m::format::{Codec as StrCodec, PayloadParams};
use str0m::media::Pt;

use super::picture::{Part, PictureId};
use super::rewrite::PictureIds;
use super::{vp8, vp9};

/// A codec that is forwarded. Browsers send the first one that they know of those in our answer: VP8 of video, which alone all of them
/// encode in simulcast with temporal layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    Opus,
    /// Opus with the frames before in each packet (RFC 2198).
    Red,
    Vp8,
    Vp9,
    H264,
    Av1,
}

/// What two ends must agree on for a payload of one to be understood by the other: payload types differ from browser to browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    pub codec: Codec,
    /// VP9 and AV1: the profile. H.264: `profile-level-id` without the level, and the packetization mode.
    pub variant: u32,
}

impl Format {
    /// Whether who negotiated this can receive that.
    pub fn receives(self, sent: Format) -> bool {
        if self.codec != Codec::H264 || sent.codec != Codec::H264 {
            return self == sent;
        }
        // Constrained baseline is the part that all profiles have in common (RFC 6184 section 8.1); single NAL units are
        // understood in every packetization mode.
        const CONSTRAINED_BASELINE: u32 = 0x42e0;
        let (profile, mode) = (self.variant >> 8, self.variant & 0xff);
        let (sent_profile, sent_mode) = (sent.variant >> 8, sent.variant & 0xff);
        (profile == sent_profile || sent_profile == CONSTRAINED_BASELINE) && mode >= sent_mode
    }
}

impl Codec {
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Opus | Codec::Red => 48_000,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::Av1 => 90_000,
        }
    }

    /// What becomes of picture ids where pictures are left out.
    pub fn picture_ids(self) -> PictureIds {
        match self {
            Codec::Vp8 => PictureIds::Closed,
            Codec::Opus | Codec::Red | Codec::Vp9 | Codec::H264 | Codec::Av1 => PictureIds::Kept,
        }
    }

    /// What a packet says of its picture: which part of it it is, its id, and TL0PICIDX.
    pub fn read(self, payload: &[u8], marker: bool) -> (Part, Option<PictureId>, Option<u8>) {
        let starts = |starts_key_frame| {
            let part = Part {
                starts_key_frame,
                ..Part::default()
            };
            (part, None, None)
        };
        match self {
            Codec::Opus | Codec::Red => starts(true),
            Codec::Vp8 => vp8::read(payload, marker).unwrap_or_default(),
            Codec::Vp9 => vp9::read(payload).unwrap_or_default(),
            Codec::H264 => starts(h264_starts_key_frame(payload)),
            Codec::Av1 => starts(av1_starts_key_frame(payload)),
        }
    }
}

/// A negotiated payload type and what it stands for, if that is forwarded; and that of its redundant form.
pub fn formats_of(params: &PayloadParams) -> Vec<(Pt, Format)> {
    let spec = params.spec();
    let (codec, variant) = match spec.codec {
        StrCodec::Opus => (Codec::Opus, 0),
        StrCodec::Vp8 => (Codec::Vp8, 0),
        StrCodec::Vp9 => (Codec::Vp9, spec.format.profile_id.unwrap_or(0)),
        StrCodec::Av1 => (Codec::Av1, u32::from(spec.format.profile.unwrap_or(0))),
        StrCodec::H264 => {
            let profile = spec.format.profile_level_id.unwrap_or(0x42_e0_1f) >> 8;
            let mode = u32::from(spec.format.packetization_mode.unwrap_or(0));
            (Codec::H264, profile << 8 | mode)
        }
        _ => return Vec::new(),
    };
    let red = params.red().filter(|_| codec == Codec::Opus);
    let red = red.map(|pt| {
        let format = Format {
            codec: Codec::Red,
            variant: 0,
        };
        (pt, format)
    });
    [(params.pt(), Format { codec, variant })].into_iter().chain(red).collect()
}

/// The aggregation header of AV1's payload format (section 4.4): a new coded video sequence (N) that does not go on with an OBU of the
/// packet before (Z). It begins with a sequence header and a key frame.
fn av1_starts_key_frame(payload: &[u8]) -> bool {
    payload.len() > 1 && payload[0] & 0x88 == 0x08
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
            (Codec::Red, &[][..], true),
            (Codec::Av1, &[0x18, 0x0a], true),
            (Codec::Av1, &[0x98, 0x0a], false),
            (Codec::Av1, &[0x10, 0x0a], false),
            (Codec::Av1, &[0x08], false),
            (Codec::Vp8, &[0x10, 0x00], true),
            (Codec::Vp8, &[0x10, 0x01], false),
            (Codec::Vp8, &[0x00, 0x00], false),
            (Codec::Vp8, &[0x90, 0x80, 0x81, 0x02, 0x00], true),
            (Codec::Vp8, &[0x11, 0x00], false),
            (Codec::Vp8, &[], false),
            (Codec::Vp9, &[0x08, 0x00], true),
            (Codec::Vp9, &[0x48, 0x00], false),
            (Codec::Vp9, &[0xa8, 0x80, 0x01, 0x00, 0x07, 0x00], true),
            (Codec::Vp9, &[0xa8, 0x80, 0x01, 0x02, 0x07, 0x00], false),
            (Codec::Vp9, &[0xa8], false),
            (Codec::H264, &[0x65, 0], true),
            (Codec::H264, &[0x41, 0], false),
            (Codec::H264, &[0x78, 0, 9, 0x67], true),
            (Codec::H264, &[0x7c, 0x85], true),
            (Codec::H264, &[0x7c, 0x05], false),
        ] {
            assert_eq!(
                codec.read(payload, false).0.starts_key_frame,
                expected,
                "{codec:?} {payload:02x?}"
            );
        }
    }

    #[test]
    fn h264_is_understood_by_whoever_can_decode_and_unpack_it() {
        let h264 = |profile: u32, mode: u32| Format {
            codec: Codec::H264,
            variant: profile << 8 | mode,
        };
        for (negotiated, sent, expected) in [
            (h264(0x42e0, 1), h264(0x42e0, 1), true),
            (h264(0x42e0, 1), h264(0x42e0, 0), true),
            (h264(0x42e0, 0), h264(0x42e0, 1), false),
            (h264(0x6400, 1), h264(0x42e0, 1), true),
            (h264(0x4200, 1), h264(0x42e0, 1), true),
            (h264(0x42e0, 1), h264(0x6400, 1), false),
            (h264(0x6400, 1), h264(0x4d00, 1), false),
        ] {
            assert_eq!(negotiated.receives(sent), expected, "{sent:x?} at {negotiated:x?}");
        }
        let vp9 = |variant| Format {
            codec: Codec::Vp9,
            variant,
        };
        assert!(vp9(2).receives(vp9(2)) && !vp9(0).receives(vp9(2)) && !h264(0x42e0, 1).receives(vp9(0)));
    }

    proptest::proptest! {
        #[test]
        fn no_payload_upsets_the_parsers(payload in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            for codec in [Codec::Opus, Codec::Red, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
                let _ = codec.read(&payload, false);
            }
        }
    }
}
