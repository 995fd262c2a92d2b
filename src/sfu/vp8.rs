//! The payload descriptor of VP8 (RFC 7741 section 4.2).

use str0m::rtp::Vp8Descriptor;

use super::picture::{Part, PictureId, StepUp};

/// What is to be known of a packet, if its descriptor can be read.
pub(super) fn read(payload: &[u8], marker: bool) -> Option<(Part, Option<PictureId>, Option<u8>)> {
    let descriptor = Vp8Descriptor::parse(payload).ok()?;
    let first = *payload.first()?;
    let mut part = Part {
        begins: first & 0x17 == 0x10,
        ends: marker,
        starts_key_frame: descriptor.starts_keyframe(payload),
        ..Part::default()
    };
    if first & 0x80 == 0 {
        return Some((part, None, None));
    }
    let flags = *payload.get(1)?;
    let (has_id, has_tl0_pic_idx, has_temporal) = (flags & 0x80 != 0, flags & 0x40 != 0, flags & 0x20 != 0);
    let is_wide = has_id && payload.get(2)? & 0x80 != 0;
    if has_temporal {
        let at = 2 + usize::from(has_id) + usize::from(is_wide) + usize::from(has_tl0_pic_idx);
        let octet = *payload.get(at)?;
        part.temporal = octet >> 6;
        if octet & 0x20 != 0 {
            part.step_up = StepUp::ToItsLayer;
        }
    }
    let id = descriptor.picture_id().map(|value| PictureId { value, is_wide });
    Some((part, id, descriptor.tl0_pic_idx()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_and_what_they_say() {
        let wide = |value| Some(PictureId { value, is_wide: true });
        let narrow = |value| Some(PictureId { value, is_wide: false });
        type Row = (&'static [u8], u8, StepUp, bool, bool, Option<PictureId>, Option<u8>);
        let rows: [Row; 7] = [
            (&[0x10, 0x00], 0, StepUp::No, true, true, None, None),
            (&[0x00, 0x01], 0, StepUp::No, false, false, None, None),
            // I, L, T: a 15-bit picture id, TL0PICIDX 9, TID 2 with Y.
            (
                &[0x90, 0xe0, 0x81, 0x02, 9, 0xa0, 1],
                2,
                StepUp::ToItsLayer,
                true,
                false,
                wide(258),
                Some(9),
            ),
            (
                &[0x80, 0xe0, 0x05, 9, 0x40, 1],
                1,
                StepUp::No,
                false,
                false,
                narrow(5),
                Some(9),
            ),
            // T alone, and K alone, whose octet says nothing of layers.
            (&[0x90, 0x20, 0x60, 1], 1, StepUp::ToItsLayer, true, false, None, None),
            (&[0x90, 0x10, 0xff, 1], 0, StepUp::No, true, false, None, None),
            // The second partition begins no frame.
            (&[0x91, 0x80, 0x05, 1], 0, StepUp::No, false, false, narrow(5), None),
        ];
        for (payload, temporal, step_up, begins, starts_key_frame, id, tl0_pic_idx) in rows {
            let part = Part {
                temporal,
                step_up,
                begins,
                starts_key_frame,
                ..Part::default()
            };
            assert_eq!(read(payload, false), Some((part, id, tl0_pic_idx)), "{payload:02x?}");
        }
        for payload in [&[][..], &[0x90], &[0x90, 0xe0, 0x81, 0x02, 9, 0xa0]] {
            assert_eq!(read(payload, false), None, "{payload:02x?}");
        }
    }
}
