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

/// Writes another picture id and TL0PICIDX into the payload, where it has a place for them.
pub(super) fn rewrite(payload: &mut [u8], id: Option<PictureId>, tl0_pic_idx: Option<u8>) {
    let [first, flags, rest @ ..] = payload else { return };
    if *first & 0x80 == 0 {
        return;
    }
    let (has_id, has_tl0_pic_idx) = (*flags & 0x80 != 0, *flags & 0x40 != 0);
    let width = match rest.first() {
        Some(octet) if has_id => 1 + usize::from(octet & 0x80 != 0),
        _ => 0,
    };
    let Some((place, rest)) = rest.split_at_mut_checked(width) else {
        return;
    };
    match (place, id) {
        ([octet], Some(PictureId { value, is_wide: false })) => *octet = value as u8 & 0x7f,
        ([high, low], Some(PictureId { value, is_wide: true })) => [*high, *low] = (value | 0x8000).to_be_bytes(),
        _ => {}
    }
    if let (true, [octet, ..], Some(new)) = (has_tl0_pic_idx, rest, tl0_pic_idx) {
        *octet = new;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn only_what_has_a_place_is_written() {
        let (wide, narrow) = (
            PictureId {
                value: 0x7fff,
                is_wide: true,
            },
            PictureId {
                value: 3,
                is_wide: false,
            },
        );
        let of = |mut payload: [u8; 7], id| {
            rewrite(&mut payload, Some(id), Some(8));
            payload
        };
        assert_eq!(
            of([0x90, 0xe0, 0x81, 2, 9, 0xa0, 1], wide),
            [0x90, 0xe0, 0xff, 0xff, 8, 0xa0, 1]
        );
        assert_eq!(
            of([0x90, 0xe0, 0x81, 2, 9, 0xa0, 1], narrow),
            [0x90, 0xe0, 0x81, 2, 8, 0xa0, 1],
            "of the other width"
        );
        assert_eq!(of([0x90, 0xe0, 0x01, 9, 0xa0, 1, 1], narrow), [0x90, 0xe0, 3, 8, 0xa0, 1, 1]);
        assert_eq!(
            of([0x90, 0x40, 9, 0xa0, 1, 1, 1], narrow),
            [0x90, 0x40, 8, 0xa0, 1, 1, 1],
            "TL0PICIDX alone"
        );
        assert_eq!(
            of([0x10, 0xe0, 9, 9, 9, 9, 9], wide),
            [0x10, 0xe0, 9, 9, 9, 9, 9],
            "no extension"
        );
    }

    proptest! {
        #[test]
        fn a_rewritten_descriptor_says_what_it_was_given_and_else_the_same(
            payload in proptest::collection::vec(any::<u8>(), 0..40),
            value in any::<u16>(),
            tl0 in any::<u8>(),
        ) {
            let mut changed = payload.clone();
            let before = read(&payload, false);
            let new = before.and_then(|(_, id, _)| id).map(|id| PictureId { value: 0, ..id }.plus(value));
            rewrite(&mut changed, new, Some(tl0));
            prop_assert_eq!(changed.len(), payload.len());
            if let Some((part, _, tl0_pic_idx)) = before {
                prop_assert_eq!(read(&changed, false), Some((part, new, tl0_pic_idx.map(|_| tl0))));
            }
        }
    }
}
