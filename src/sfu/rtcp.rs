//! What a receiver reports in RTCP: which packets it misses, and which streams it knows (RFC 3550 section 6.4, RFC 4585 section 6.2.1).
//! Pure.

/// In a compound, in the order of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report<'a> {
    /// It receives this stream.
    Receives { ssrc: u32 },
    /// It misses these packets of a stream: the first, and those whose bits are set of the 16 after it.
    Misses { ssrc: u32, first: u16, after: u16 },
    /// Transport-wide feedback, from its ninth byte on (feedback.rs).
    Feedback(&'a [u8]),
}

/// In SRTCP this much is in the clear (RFC 3711 section 3.4).
pub const CLEAR: usize = 8;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const TRANSPORT_FEEDBACK: u8 = 205;

/// Whether a datagram is RTCP (RFC 5761 section 4), encrypted or not.
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, 192..=223, ..])
}

/// Whether a datagram that has so many bytes after what it says is transport-wide feedback and nothing else, as its header tells in the
/// clear.
pub fn is_feedback(datagram: &[u8], after: usize) -> bool {
    const PADDED: u8 = 0x20;
    let said = datagram.get(..datagram.len().saturating_sub(after)).and_then(split);
    said.is_some_and(|(packet, rest)| rest.is_empty() && packet[0] & !PADDED == 0x8f && packet[1] == TRANSPORT_FEEDBACK)
}

/// Reads a compound. What cannot be read, and all that comes after it, says nothing.
pub fn read<'a>(mut compound: &'a [u8], mut tell: impl FnMut(Report<'a>)) {
    while let Some((packet, rest)) = split(compound) {
        compound = rest;
        let (count, kind, body) = (packet[0] & 0x1f, packet[1], &packet[4..]);
        match (kind, count) {
            (SENDER_REPORT, _) => blocks(body.get(24..), count, &mut tell),
            (RECEIVER_REPORT, _) => blocks(body.get(4..), count, &mut tell),
            (TRANSPORT_FEEDBACK, 1) => {
                let Some((ssrc, entries)) = body.get(4..).and_then(|body| body.split_first_chunk()) else {
                    continue;
                };
                let ssrc = u32::from_be_bytes(*ssrc);
                for [a, b, c, d] in entries.as_chunks().0 {
                    tell(Report::Misses {
                        ssrc,
                        first: u16::from_be_bytes([*a, *b]),
                        after: u16::from_be_bytes([*c, *d]),
                    });
                }
            }
            (TRANSPORT_FEEDBACK, 15) => {
                if let Some(feedback) = body.get(4..) {
                    tell(Report::Feedback(feedback));
                }
            }
            _ => {}
        }
    }
}

/// The first packet of a compound, and what comes after it.
fn split(compound: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, _, high, low, ..] = compound else { return None };
    let words = usize::from(u16::from_be_bytes([*high, *low])) + 1;
    (first >> 6 == 2).then(|| compound.split_at_checked(4 * words))?
}

fn blocks<'a>(blocks: Option<&[u8]>, count: u8, tell: &mut impl FnMut(Report<'a>)) {
    for [a, b, c, d, ..] in blocks.unwrap_or_default().as_chunks::<24>().0.iter().take(count.into()) {
        tell(Report::Receives {
            ssrc: u32::from_be_bytes([*a, *b, *c, *d]),
        });
    }
}

/// What of a stream a sender report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    pub ssrc: u32,
    pub packets: u32,
    /// Of payloads.
    pub bytes: u32,
}

/// Puts what was really sent into the sender reports of a compound.
pub fn put_counts(compound: &mut [u8], counts: &[Count]) {
    let mut at = 0;
    while let Some((packet, _)) = compound.get(at..).and_then(split) {
        let (kind, length) = (packet[1], packet.len());
        if let (SENDER_REPORT, Some([a, b, c, d])) = (kind, packet.get(4..8)) {
            let ssrc = u32::from_be_bytes([*a, *b, *c, *d]);
            let count = counts.iter().find(|count| count.ssrc == ssrc);
            if let (Some(count), Some(place)) = (count, compound.get_mut(at + 20..at + 28)) {
                place[..4].copy_from_slice(&count.packets.to_be_bytes());
                place[4..].copy_from_slice(&count.bytes.to_be_bytes());
            }
        }
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(count: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        [&[0x80 | count, kind, 0, (body.len() / 4) as u8], body].concat()
    }

    fn all(compound: &[u8]) -> Vec<Report<'_>> {
        let mut all = Vec::new();
        read(compound, |report| all.push(report));
        all
    }

    #[test]
    fn a_compound_is_read_to_its_end() {
        let block = |ssrc: u8| [&[0, 0, 0, ssrc][..], &[9; 20]].concat();
        let receiver = packet(2, RECEIVER_REPORT, &[&[0, 0, 0, 7][..], &block(1), &block(2)].concat());
        let sender = packet(1, SENDER_REPORT, &[&[9; 24][..], &block(3)].concat());
        let source = packet(1, 202, &[9; 8]);
        let missing = packet(1, TRANSPORT_FEEDBACK, &[9, 9, 9, 9, 0, 0, 0, 4, 0, 5, 0x80, 1, 0, 9, 0, 0]);
        let feedback = packet(15, TRANSPORT_FEEDBACK, &[9, 9, 9, 9, 1, 2, 3, 4]);
        let compound = [receiver, sender, source, missing, feedback].concat();
        let misses = |first, after| Report::Misses { ssrc: 4, first, after };
        assert_eq!(
            all(&compound),
            [
                Report::Receives { ssrc: 1 },
                Report::Receives { ssrc: 2 },
                Report::Receives { ssrc: 3 },
                misses(5, 0x8001),
                misses(9, 0),
                Report::Feedback(&[1, 2, 3, 4]),
            ]
        );
    }

    #[test]
    fn more_blocks_than_there_are_and_other_versions_say_nothing() {
        assert_eq!(all(&packet(3, RECEIVER_REPORT, &[0; 4])), []);
        assert_eq!(all(&[0x41, RECEIVER_REPORT, 0, 0]), []);
        assert_eq!(all(&[0x81, RECEIVER_REPORT, 0, 9, 0, 0]), []);
    }

    #[test]
    fn feedback_is_told_from_other_reports_by_its_header() {
        let feedback = packet(15, TRANSPORT_FEEDBACK, &[9; 12]);
        let padded = packet(0x20 | 15, TRANSPORT_FEEDBACK, &[9; 12]);
        let misses = packet(1, TRANSPORT_FEEDBACK, &[9; 12]);
        let picture = packet(15, 206, &[9; 12]);
        let two = [&feedback[..], &misses].concat();
        let rows = [
            (&feedback, true),
            (&padded, true),
            (&misses, false),
            (&picture, false),
            (&two, false),
        ];
        for (said, expected) in rows {
            assert_eq!(is_feedback(&[&said[..], &[7; 20]].concat(), 20), expected, "{said:?}");
        }
        assert!(!is_feedback(&feedback[..12], 20) && !is_feedback(&[], 20));
    }

    #[test]
    fn sender_reports_get_their_own_counts() {
        let report = |ssrc: u8| packet(0, SENDER_REPORT, &[&[0, 0, 0, ssrc][..], &[9; 20]].concat());
        let mut compound = [report(1), packet(1, 202, &[9; 8]), report(2), report(3)].concat();
        let count = |ssrc, packets, bytes| Count { ssrc, packets, bytes };
        put_counts(&mut compound, &[count(3, 5, 0x0102), count(1, 7, 8)]);
        let counts = |at: usize| compound[at + 20..at + 28].to_vec();
        assert_eq!(counts(0), [0, 0, 0, 7, 0, 0, 0, 8]);
        assert_eq!(counts(40), [9; 8], "nothing is known of it");
        assert_eq!(counts(68), [0, 0, 0, 5, 0, 0, 1, 2]);
        assert_eq!(compound[..20], report(1)[..20]);
    }

    #[test]
    fn only_rtcp_is_rtcp() {
        assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x8f, 205]));
        assert!(!is_rtcp(&[0x80, 96]) && !is_rtcp(&[0x80, 0xe0]) && !is_rtcp(&[22, 200]) && !is_rtcp(&[]));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            all(&bytes);
            put_counts(&mut bytes, &[Count::default()]);
        }
    }
}
