//! Redundant audio (RFC 2198): finding the primary block, for a subscriber whose browser did not negotiate it.

/// A payload has no more blocks than this: browsers send two or three.
const BLOCKS_MAX: usize = 16;

/// The primary block: the frame that a packet would carry without redundancy. Each block before it has a header of four octets (its
/// payload type, how much older it is, its length), the primary one of one octet, and the data follow in the same order.
pub(super) fn primary(payload: &[u8]) -> Option<&[u8]> {
    let mut headers = payload;
    let mut redundant_bytes = 0;
    for _ in 0..BLOCKS_MAX {
        match headers {
            [first, _, high, low, rest @ ..] if first & 0x80 != 0 => {
                redundant_bytes += usize::from(u16::from_be_bytes([*high, *low]) & 0x03ff);
                headers = rest;
            }
            [first, data @ ..] if first & 0x80 == 0 => return data.get(redundant_bytes..).filter(|data| !data.is_empty()),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A payload of these redundant blocks and this primary one.
    fn red(blocks: &[Vec<u8>], primary: &[u8]) -> Vec<u8> {
        let mut payload = Vec::new();
        for (n, block) in blocks.iter().enumerate() {
            let offset = 960 * (blocks.len() - n) as u32;
            let word = 1 << 31 | 111 << 24 | offset << 10 | block.len() as u32;
            payload.extend(word.to_be_bytes());
        }
        payload.push(111);
        blocks.iter().for_each(|block| payload.extend(block));
        payload.extend(primary);
        payload
    }

    #[test]
    fn the_primary_block_is_the_last_one() {
        assert_eq!(primary(&red(&[], &[1, 2])), Some(&[1, 2][..]));
        assert_eq!(primary(&red(&[vec![9; 300], vec![8; 3]], &[1, 2])), Some(&[1, 2][..]));
        assert_eq!(primary(&red(&[vec![]], &[1])), Some(&[1][..]));
        for malformed in [&[][..], &[111], &[0x80], &[0xef, 0, 0, 5, 111, 1, 2], &[0xff; 400]] {
            assert_eq!(primary(malformed), None, "{malformed:02x?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_wrapped_is_found_again(
            blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..6),
            frame in proptest::collection::vec(any::<u8>(), 1..100),
        ) {
            let payload = red(&blocks, &frame);
            prop_assert_eq!(primary(&payload), Some(frame.as_slice()));
        }

        #[test]
        fn no_payload_upsets_it(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = primary(&payload);
        }
    }
}
