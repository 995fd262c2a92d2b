//! The payload descriptor of VP9 (RFC 9628 section 4.2): reading it, and giving it another picture id.

use super::picture::{Part, PictureId, StepUp};

/// The descriptor, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Descriptor {
    part: Part,
    /// Behind the first octet, where there is one.
    id: Option<PictureId>,
    /// And where in the payload it is.
    tl0_pic_idx: Option<(u8, usize)>,
}

/// What is to be known of a packet, if its descriptor can be read.
pub(super) fn read(payload: &[u8]) -> Option<(Part, Option<PictureId>, Option<u8>)> {
    let descriptor = parse(payload)?;
    Some((descriptor.part, descriptor.id, descriptor.tl0_pic_idx.map(|t| t.0)))
}

/// Writes another picture id and TL0PICIDX into the payload, where it has a place for them. References are distances between picture ids,
/// in both modes, so they hold as long as all ids of a stream are moved by the same.
pub(super) fn rewrite(payload: &mut [u8], id: Option<PictureId>, tl0_pic_idx: Option<u8>) {
    let Some(descriptor) = parse(payload) else { return };
    match id.filter(|id| descriptor.id.is_some_and(|now| now.is_wide == id.is_wide)) {
        Some(PictureId { value, is_wide: true }) => payload[1..3].copy_from_slice(&(value | 0x8000).to_be_bytes()),
        Some(PictureId { value, .. }) => payload[1] = value as u8 & 0x7f,
        None => {}
    }
    if let Some((new, (_, at))) = tl0_pic_idx.zip(descriptor.tl0_pic_idx) {
        payload[at] = new;
    }
}

/// I, P, L, F, B, E, V, Z; the picture id; layers; references; the scalability structure. None where it ends too early, or nothing
/// comes after it.
fn parse(payload: &[u8]) -> Option<Descriptor> {
    let first = *payload.first()?;
    let flag = |bit: u8| first & bit != 0;
    let (has_id, predicted, has_layers, flexible) = (flag(0x80), flag(0x40), flag(0x20), flag(0x10));
    let (begins, ends, has_structure) = (flag(0x08), flag(0x04), flag(0x02));
    let mut at = 1;
    let mut next = || {
        let octet = payload.get(at).copied();
        at += 1;
        octet.map(|octet| (octet, at - 1))
    };
    let mut id = None;
    if has_id {
        let (high, _) = next()?;
        let is_wide = high & 0x80 != 0;
        let value = u16::from(high & 0x7f);
        let value = if is_wide { value << 8 | u16::from(next()?.0) } else { value };
        id = Some(PictureId { value, is_wide });
    }
    let mut part = Part {
        begins,
        ends,
        ..Part::default()
    };
    let mut tl0_pic_idx = None;
    if has_layers {
        let (octet, _) = next()?;
        part.temporal = octet >> 5;
        part.spatial = octet >> 1 & 0x07;
        if octet & 0x10 != 0 {
            part.step_up = StepUp::BeyondItsLayer;
        }
        if !flexible {
            tl0_pic_idx = Some(next()?);
        }
    }
    if flexible && predicted {
        let mut references = 1;
        while next()?.0 & 0x01 != 0 {
            references += 1;
            if references > 3 {
                return None;
            }
        }
    }
    if has_structure {
        let (octet, _) = next()?;
        let (spatial_layers, has_sizes, has_pictures) = (usize::from(octet >> 5) + 1, octet & 0x10 != 0, octet & 0x08 != 0);
        for _ in 0..if has_sizes { spatial_layers * 4 } else { 0 } {
            next()?;
        }
        let pictures = if has_pictures { next()?.0 } else { 0 };
        for _ in 0..pictures {
            let references = next()?.0 >> 2 & 0x03;
            for _ in 0..references {
                next()?;
            }
        }
    }
    next()?;
    part.starts_key_frame = begins && !predicted && part.spatial == 0;
    Some(Descriptor { part, id, tl0_pic_idx })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wide(value: u16) -> PictureId {
        PictureId { value, is_wide: true }
    }

    #[test]
    fn descriptors_and_what_they_say() {
        let part = |spatial, temporal, begins, ends, starts_key_frame| Part {
            spatial,
            temporal,
            begins,
            ends,
            starts_key_frame,
            ..Part::default()
        };
        let up = |part| Part {
            step_up: StepUp::BeyondItsLayer,
            ..part
        };
        let narrow = |value| PictureId { value, is_wide: false };
        type Row = (&'static [u8], Part, Option<PictureId>, Option<u8>);
        let rows: [Row; 9] = [
            (&[0x08, 0], part(0, 0, true, false, true), None, None),
            (&[0x48, 0], part(0, 0, true, false, false), None, None),
            (&[0x84, 0x05, 0], part(0, 0, false, true, false), Some(narrow(5)), None),
            // Non-flexible: a TL0PICIDX follows the layers.
            (
                &[0xa8, 0x81, 0x02, 0x00, 7, 0],
                part(0, 0, true, false, true),
                Some(wide(258)),
                Some(7),
            ),
            (
                &[0xac, 0x81, 0x02, 0x53, 7, 0],
                up(part(1, 2, true, true, false)),
                Some(wide(258)),
                Some(7),
            ),
            // Flexible: none, but up to three references where it is predicted.
            (
                &[0xb8, 0x81, 0x02, 0x00, 0],
                part(0, 0, true, false, true),
                Some(wide(258)),
                None,
            ),
            (
                &[0xf8, 0x81, 0x02, 0x20, 0x03, 0x05, 0x06, 0],
                part(0, 1, true, false, false),
                Some(wide(258)),
                None,
            ),
            // A scalability structure: two spatial layers with their sizes, two pictures with one reference each.
            (
                &[0x8a, 0x01, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 1, 0x24, 1, 0],
                part(0, 0, true, false, true),
                Some(narrow(1)),
                None,
            ),
            (
                &[0xa8, 0x01, 0x02, 7, 0],
                part(1, 0, true, false, false),
                Some(narrow(1)),
                Some(7),
            ),
        ];
        for (payload, part, id, tl0_pic_idx) in rows {
            assert_eq!(read(payload), Some((part, id, tl0_pic_idx)), "{payload:02x?}");
            for short in 0..payload.len() {
                assert_eq!(read(&payload[..short]), None, "{:02x?}", &payload[..short]);
            }
        }
        assert_eq!(read(&[0xf8, 0x01, 0x20, 0x03, 0x05, 0x07, 0x01, 0]), None, "four references");
    }

    #[test]
    fn only_what_has_a_place_is_written() {
        let of = |mut payload: [u8; 6], id| {
            rewrite(&mut payload, Some(id), Some(8));
            payload
        };
        let narrow = PictureId {
            value: 3,
            is_wide: false,
        };
        assert_eq!(
            of([0xa8, 0x81, 0x02, 0x00, 7, 0], wide(0x7fff)),
            [0xa8, 0xff, 0xff, 0x00, 8, 0]
        );
        assert_eq!(
            of([0xa8, 0x81, 0x02, 0x00, 7, 0], narrow),
            [0xa8, 0x81, 0x02, 0x00, 8, 0],
            "of the other width"
        );
        assert_eq!(of([0x08, 0, 1, 2, 3, 4], wide(1)), [0x08, 0, 1, 2, 3, 4], "it has none");
    }

    proptest! {
        #[test]
        fn a_rewritten_descriptor_says_what_it_was_given_and_else_the_same(
            payload in proptest::collection::vec(any::<u8>(), 0..40),
            value in any::<u16>(),
            tl0 in any::<u8>(),
        ) {
            let mut changed = payload.clone();
            let Some((part, id, tl0_pic_idx)) = read(&payload) else {
                rewrite(&mut changed, Some(wide(value & 0x7fff)), Some(tl0));
                prop_assert_eq!(changed, payload);
                return Ok(());
            };
            let new = id.map(|id| PictureId { value: 0, ..id }.plus(value));
            rewrite(&mut changed, new, Some(tl0));
            prop_assert_eq!(read(&changed), Some((part, new, tl0_pic_idx.map(|_| tl0))));
        }
    }
}
