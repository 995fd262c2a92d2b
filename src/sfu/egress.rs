//! Media packets on their way out: their header with its extensions (RFC 3550 section 5.1, RFC 8285 section 4.2), their encryption, and
//! what is kept of them to be sent again when a browser says that it misses it (RFC 4588). Pure.
//!
//! str0m does all that too, at some twice the instructions and memory, and goes on doing it for the few clients that negotiate another
//! cipher than AES-GCM (docs/decisions/0018). It still makes the reports on what leaves here, so it is shown one packet of each stream in a
//! second, and what it makes of that is not sent.

mod header;
mod share;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use str0m::media::Pt;

pub use self::header::ExtensionIds;
use self::header::Header;
use self::share::Share;
use super::media::SlotPacket;
use super::rtcp::Count;
use super::seal::{Sample, Sealer};

/// How often str0m is shown a packet of a stream: reports on it say which time of its media is which time of the clock.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// For how long what is kept is of use: a browser that waits for a packet asks for a key frame after three seconds.
pub const KEPT_FOR: Duration = Duration::from_secs(3);

/// Resent bytes may be this share of a stream's in the last one or two seconds. Loss of 10 % in both directions, with bursts, is to be
/// repaired, and of a small picture that is half a dozen packets a second a few more.
pub const RESENT_SHARE_MAX: f64 = 0.5;

/// What was negotiated for one stream.
#[derive(Debug, Clone)]
pub struct StreamLine {
    pub mid: String,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    /// Payload types, and those of what is sent again of them.
    pub rtx_types: Vec<(Pt, Pt)>,
    pub ids: ExtensionIds,
}

/// A packet that is ready to be sent.
pub struct Sealed {
    pub datagram: Vec<u8>,
    /// Which stream it belongs to; what is sent again has one of its own.
    pub ssrc: u32,
    /// Its number over the whole transport, where the receiver is to report on it.
    pub number: Option<u16>,
}

/// All streams of one transport.
pub struct Egress {
    sealer: Option<Sealer>,
    streams: Vec<Stream>,
    /// Of each stream, in the same order.
    counts: Vec<Count>,
    /// Packets kept of each stream of pictures.
    kept_max: usize,
    next_number: u16,
    began: Instant,
}

struct Stream {
    line: StreamLine,
    /// Whether the receiver has reported on it, so that it knows which m-line it belongs to.
    is_known: bool,
    rtx_is_known: bool,
    rtx_index: u64,
    /// In the order of their sequence numbers.
    kept: VecDeque<(Instant, SlotPacket)>,
    share: Share,
    shown: Option<Instant>,
}

impl Egress {
    pub fn new(kept_max: usize, now: Instant) -> Egress {
        Egress {
            sealer: None,
            streams: Vec::new(),
            counts: Vec::new(),
            kept_max,
            next_number: 0,
            began: now,
        }
    }

    /// The streams are these. Those that were there before go on.
    pub fn negotiated(&mut self, lines: Vec<StreamLine>) {
        let mut before = std::mem::take(&mut self.streams);
        let counts = std::mem::take(&mut self.counts);
        for line in lines {
            let known = before.iter().position(|stream| stream.line.ssrc == line.ssrc);
            let ssrc = line.ssrc;
            let count = counts.iter().find(|count| count.ssrc == ssrc).copied();
            self.counts.push(count.unwrap_or(Count {
                ssrc,
                ..Count::default()
            }));
            self.streams.push(match known {
                Some(at) => Stream {
                    line,
                    ..before.swap_remove(at)
                },
                None => Stream {
                    line,
                    is_known: false,
                    rtx_is_known: false,
                    rtx_index: 1,
                    kept: VecDeque::new(),
                    share: Share::default(),
                    shown: None,
                },
            });
        }
    }

    /// str0m encrypted `packet`, and this is what with: from here on it is done here.
    pub fn begin(&mut self, sample: &Sample, packet: &[u8]) {
        let seq = u16::from_be_bytes([sample.header[2], sample.header[3]]);
        // Only what str0m is shown first is its sample, and the numbers of a slot begin below the first wrap.
        if self.sealer.is_none() && packet.starts_with(&sample.header) {
            self.sealer = Sealer::like(sample, seq.into());
        }
    }

    /// Whether packets are encrypted here.
    pub fn is_on(&self) -> bool {
        self.sealer.is_some()
    }

    /// How much of each stream was sent.
    pub fn counts(&mut self) -> &mut Vec<Count> {
        &mut self.counts
    }

    /// Whether str0m is to be shown this packet.
    pub fn is_shown(&mut self, packet: &SlotPacket, now: Instant) -> bool {
        let Some(at) = self.find(packet.ssrc) else { return false };
        let shown = &mut self.streams[at].shown;
        let is_due = shown.is_none_or(|shown| now >= shown + SHOW_EVERY);
        if is_due {
            *shown = Some(now);
        }
        is_due
    }

    /// The packet as it is sent, in `buffer`. None: its stream is none of ours, or it was sent already.
    pub fn seal(&mut self, packet: SlotPacket, now: Instant, buffer: Vec<u8>) -> Option<Sealed> {
        let at = self.find(packet.ssrc)?;
        let (sealer, stream) = (self.sealer.as_ref()?, &mut self.streams[at]);
        let place = stream.place_for(&packet)?;
        let header = Header {
            ssrc: packet.ssrc,
            payload_type: packet.payload_type,
            index: packet.numbers.seq,
            mid: (!stream.is_known).then_some(&*stream.line.mid),
            packet: &packet,
        };
        let since = now.saturating_duration_since(self.began);
        let sealed = header.seal(buffer, None, &stream.line.ids, sealer, &mut self.next_number, since)?;
        let count = &mut self.counts[at];
        count.packets = count.packets.wrapping_add(1);
        count.bytes = count.bytes.wrapping_add(packet.payload.len() as u32);
        if let Some(place) = place {
            stream.share.sent(packet.payload.len(), now);
            stream.kept.insert(place, (now, packet));
            if stream.kept.len() > self.kept_max {
                stream.kept.pop_front();
            }
        }
        Some(sealed)
    }

    /// The receiver misses these packets of a stream: the first, and those whose bits are set of the 16 after it. What is kept of them is
    /// sent again.
    pub fn resend(&mut self, ssrc: u32, first: u16, after: u16, now: Instant, out: &mut Vec<Sealed>) {
        let Some(at) = self.find(ssrc) else { return };
        let bits = (0..16).filter(|bit| after >> bit & 1 == 1).map(|bit| bit + 1);
        for later in std::iter::once(0).chain(bits) {
            let resent = self.resend_one(at, first.wrapping_add(later), now);
            out.extend(resent);
        }
    }

    fn resend_one(&mut self, at: usize, seq: u16, now: Instant) -> Option<Sealed> {
        let (sealer, stream) = (self.sealer.as_ref()?, &mut self.streams[at]);
        let share = stream.share.of(now);
        let (sent, packet) = stream.kept(seq)?;
        let line = &stream.line;
        let ssrc = line.rtx_ssrc?;
        let (_, payload_type) = *line.rtx_types.iter().find(|(of, _)| *of == packet.payload_type)?;
        if now.saturating_duration_since(*sent) > KEPT_FOR || share > RESENT_SHARE_MAX {
            return None;
        }
        let header = Header {
            ssrc,
            payload_type,
            index: stream.rtx_index,
            mid: (!stream.rtx_is_known).then_some(&*line.mid),
            packet,
        };
        let since = now.saturating_duration_since(self.began);
        let sealed = header.seal(Vec::new(), Some(seq), &line.ids, sealer, &mut self.next_number, since)?;
        let bytes = packet.payload.len();
        stream.rtx_index += 1;
        stream.share.resent(bytes, now);
        Some(sealed)
    }

    /// The receiver reports on a stream.
    pub fn is_received(&mut self, ssrc: u32) {
        for stream in &mut self.streams {
            stream.is_known |= stream.line.ssrc == ssrc;
            stream.rtx_is_known |= stream.line.rtx_ssrc == Some(ssrc);
        }
    }

    /// What is kept is of no use any more; from here on so many packets are.
    pub fn forget(&mut self, kept_max: usize) {
        self.kept_max = kept_max;
        for stream in &mut self.streams {
            stream.kept = VecDeque::new();
        }
    }

    /// Few, so a list is the fastest map.
    fn find(&self, ssrc: u32) -> Option<usize> {
        self.counts.iter().position(|count| count.ssrc == ssrc)
    }
}

impl Stream {
    /// Where a packet comes in what is kept, if it is; none of a packet that was sent already, whose nonce must not be used again.
    fn place_for(&self, packet: &SlotPacket) -> Option<Option<usize>> {
        let is_kept = packet.is_video && self.line.rtx_ssrc.is_some();
        let seq = packet.numbers.seq;
        if !is_kept || self.kept.back().is_none_or(|(_, last)| last.numbers.seq < seq) {
            return Some(is_kept.then_some(self.kept.len()));
        }
        let found = self.kept.binary_search_by_key(&seq, |(_, kept)| kept.numbers.seq);
        found.err().map(Some)
    }

    fn kept(&self, seq: u16) -> Option<&(Instant, SlotPacket)> {
        let last = self.kept.back()?.1.numbers.seq;
        let extended = last.checked_sub((last as u16).wrapping_sub(seq).into())?;
        let at = self.kept.binary_search_by_key(&extended, |(_, kept)| kept.numbers.seq);
        self.kept.get(at.ok()?)
    }
}

impl Header<'_> {
    /// The packet with this header, in `buffer`. `original`: the sequence number that it had when it was sent first (RFC 4588 section 4).
    /// None: it cannot be sent, and `next_number` is as it was.
    fn seal(
        &self,
        buffer: Vec<u8>,
        original: Option<u16>,
        ids: &ExtensionIds,
        sealer: &Sealer,
        next_number: &mut u16,
        since: Duration,
    ) -> Option<Sealed> {
        let number = ids.number.map(|_| *next_number);
        let mut datagram = self.write(buffer, ids, number, since);
        let length = datagram.len();
        datagram.extend(original.into_iter().flat_map(u16::to_be_bytes));
        let payload = datagram.len();
        datagram.extend_from_slice(&self.packet.payload);
        if self.packet.is_renumbered() {
            self.packet.renumber(&mut datagram[payload..]);
        }
        sealer.seal(&mut datagram, length, self.ssrc, self.index)?;
        *next_number = next_number.wrapping_add(u16::from(number.is_some()));
        Some(Sealed {
            datagram,
            ssrc: self.ssrc,
            number,
        })
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use std::sync::Arc;

    use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    use super::*;
    use crate::sfu::codec::Codec;
    use crate::sfu::feedback::number_of;
    use crate::sfu::media::Extensions;
    use crate::sfu::rewrite::Numbers;
    use crate::sfu::seal::Key;

    const IDS: ExtensionIds = ExtensionIds {
        mid: Some(4),
        absolute_send_time: Some(2),
        number: Some(3),
        audio_level: Some(1),
        orientation: Some(13),
    };
    const CAMERA: u32 = 7;
    const CAMERA_RTX: u32 = 8;
    const VOICE: u32 = 9;

    fn lines() -> Vec<StreamLine> {
        let line = |mid: &str, ssrc, rtx_ssrc| StreamLine {
            mid: mid.to_owned(),
            ssrc,
            rtx_ssrc,
            rtx_types: vec![(Pt::from(96), Pt::from(97))],
            ids: IDS,
        };
        vec![line("0", VOICE, None), line("1", CAMERA, Some(CAMERA_RTX))]
    }

    /// With a key and a salt of zeroes.
    fn egress(kept_max: usize, now: Instant) -> Egress {
        let mut egress = Egress::new(kept_max, now);
        egress.negotiated(lines());
        let header = [0; 12];
        let (key, nonce) = (Key::Aes128([0; 16]), [0; 12]);
        egress.begin(&Sample { key, nonce, header }, &[0; 40]);
        assert!(egress.is_on());
        egress
    }

    fn packet(ssrc: u32, seq: u64) -> SlotPacket {
        let numbers = Numbers {
            seq,
            timestamp: 1000 + seq as u32,
            picture_id: None,
            tl0_pic_idx: None,
        };
        SlotPacket {
            ssrc,
            payload_type: Pt::from(96),
            is_video: ssrc == CAMERA,
            codec: Codec::H264,
            numbers,
            was: numbers,
            marker: true,
            extensions: Extensions::default(),
            payload: Arc::from([seq as u8; 100]),
        }
    }

    struct Opened {
        payload_type: u8,
        seq: u16,
        timestamp: u32,
        ssrc: u32,
        /// In their order, ids and values.
        extensions: Vec<(u8, Vec<u8>)>,
        payload: Vec<u8>,
    }

    /// What a browser makes of a datagram that has this index.
    fn open(datagram: &[u8], index: u64) -> Opened {
        let word = |at: usize| u32::from_be_bytes(datagram[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(datagram[0] & 0xef, 0x80, "version 2, no padding, no sources");
        let ssrc = word(8);
        let mut header = 12;
        let mut extensions = Vec::new();
        if datagram[0] & 0x10 != 0 {
            assert_eq!(word(12) >> 16, 0xbede);
            let end = 16 + 4 * (word(12) as usize & 0xffff);
            let mut rest = &datagram[16..end];
            while let [first, after @ ..] = rest {
                let length = usize::from(first & 0x0f) + 1;
                let padding = *first == 0;
                if !padding {
                    extensions.push((first >> 4, after[..length].to_vec()));
                }
                rest = if padding { after } else { &after[length..] };
            }
            header = end;
        }
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[0; 16]).expect("a key"));
        let (head, body) = datagram.split_at(header);
        let mut body = body.to_vec();
        let payload = key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(head), &mut body)
            .expect("it is genuine");
        Opened {
            payload_type: datagram[1] & 0x7f,
            seq: (word(0) & 0xffff) as u16,
            timestamp: word(4),
            ssrc,
            extensions,
            payload: payload.to_vec(),
        }
    }

    #[test]
    fn a_packet_says_what_it_is_and_what_was_negotiated() {
        let now = Instant::now();
        let mut egress = egress(10, now);
        let mut voice = packet(VOICE, 1000);
        voice.extensions.audio_level = Some(-37);
        voice.extensions.voice_activity = Some(true);
        let sealed = egress
            .seal(voice, now + Duration::from_millis(1500), Vec::new())
            .expect("it is sealed");
        assert_eq!((sealed.ssrc, sealed.number), (VOICE, Some(0)));
        assert_eq!(number_of(&sealed.datagram, 3), Some(0));
        assert_eq!(sealed.datagram[1], 0x80 | 96, "the marker");
        let opened = open(&sealed.datagram, 1000);
        assert_eq!(
            (opened.payload_type, opened.seq, opened.timestamp, opened.ssrc),
            (96, 1000, 2000, VOICE)
        );
        let absolute = (3u32 << 17).to_be_bytes()[1..].to_vec();
        let expected = [(4, vec![b'0']), (2, absolute), (3, vec![0, 0]), (1, vec![0x80 | 37])];
        assert_eq!(opened.extensions, expected);
        assert_eq!(opened.payload, [1000_u64 as u8; 100]);
    }

    #[test]
    fn without_extensions_there_is_no_place_for_them() {
        let now = Instant::now();
        let mut egress = egress(10, now);
        let mut bare = lines();
        bare[0].ids = ExtensionIds::default();
        egress.negotiated(bare);
        let sealed = egress.seal(packet(VOICE, 70_000), now, Vec::new()).expect("it is sealed");
        assert_eq!((sealed.datagram.len(), sealed.number), (12 + 100 + 16, None));
        assert_eq!(
            open(&sealed.datagram, 70_000).seq,
            4464,
            "it has wrapped, and its nonce has not"
        );
    }

    #[test]
    fn the_mid_is_left_out_once_the_receiver_knows_the_stream() {
        let now = Instant::now();
        let mut egress = egress(10, now);
        let has_mid = |egress: &mut Egress, seq| {
            let sealed = egress.seal(packet(CAMERA, seq), now, Vec::new()).expect("it is sealed");
            open(&sealed.datagram, seq).extensions.contains(&(4, vec![b'1']))
        };
        assert!(has_mid(&mut egress, 1000));
        egress.is_received(VOICE);
        assert!(has_mid(&mut egress, 1001));
        egress.is_received(CAMERA);
        assert!(!has_mid(&mut egress, 1002));
        egress.negotiated(lines());
        assert!(!has_mid(&mut egress, 1003), "another offer makes no other stream of it");
    }

    #[test]
    fn numbers_in_payloads_are_those_of_the_slot() {
        let now = Instant::now();
        let mut egress = egress(10, now);
        let mut picture = packet(CAMERA, 1000);
        picture.codec = Codec::Vp8;
        picture.payload = Arc::from([0x90, 0xe0, 0x81, 0x02, 9, 0xa0, 1]);
        let wide = |value| Some(crate::sfu::picture::PictureId { value, is_wide: true });
        (picture.was.picture_id, picture.was.tl0_pic_idx) = (wide(258), Some(9));
        (picture.numbers.picture_id, picture.numbers.tl0_pic_idx) = (wide(5), Some(1));
        let sealed = egress.seal(picture.clone(), now, Vec::new()).expect("it is sealed");
        let expected = [0x90, 0xe0, 0x80, 5, 1, 0xa0, 1];
        assert_eq!(open(&sealed.datagram, 1000).payload, expected);
        let mut resent = Vec::new();
        egress.resend(CAMERA, 1000, 0, now, &mut resent);
        assert_eq!(open(&resent[0].datagram, 1).payload, [&[3, 232][..], &expected].concat());
        assert_eq!(*picture.payload, [0x90, 0xe0, 0x81, 0x02, 9, 0xa0, 1], "others have it too");
    }

    #[test]
    fn what_is_missed_is_sent_again_as_it_was() {
        let now = Instant::now();
        let mut egress = egress(100, now);
        for seq in 65_530..65_545 {
            egress.seal(packet(CAMERA, seq), now, Vec::new()).expect("it is sealed");
        }
        let mut resent = Vec::new();
        // 65,535 and, after the wrap, 65,537 and 65,540; 65,551 has not left.
        egress.resend(CAMERA, 65_535, 1 << 1 | 1 << 4 | 1 << 15, now, &mut resent);
        let opened: Vec<Opened> = (1..)
            .zip(&resent)
            .map(|(index, sealed)| open(&sealed.datagram, index))
            .collect();
        assert_eq!(opened.iter().map(|one| one.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(
            opened.iter().map(|one| one.timestamp).collect::<Vec<_>>(),
            [66_535, 66_537, 66_540]
        );
        assert!(opened.iter().all(|one| (one.payload_type, one.ssrc) == (97, CAMERA_RTX)));
        assert_eq!(opened[0].payload, [&[0xff, 0xff][..], &[0xff; 100]].concat());
        assert_eq!(opened[1].payload, [&[0, 1][..], &[1; 100]].concat());
        assert_eq!(
            resent.iter().map(|sealed| sealed.number).collect::<Vec<_>>(),
            [Some(15), Some(16), Some(17)]
        );
        egress.resend(VOICE, 1000, 0, now, &mut resent);
        egress.resend(77, 1000, 0, now, &mut resent);
        assert_eq!(resent.len(), 3, "nothing is kept of a voice, nor of a stranger");
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_time() {
        let now = Instant::now();
        let mut egress = egress(4, now);
        for seq in 1000..1010 {
            egress.seal(packet(CAMERA, seq), now, Vec::new()).expect("it is sealed");
        }
        let asked = |egress: &mut Egress, first, after, at| {
            let mut resent = Vec::new();
            egress.resend(CAMERA, first, after, at, &mut resent);
            resent.len()
        };
        assert_eq!(asked(&mut egress, 1005, 0, now), 0);
        assert_eq!(asked(&mut egress, 1006, 0x7, now), 4);
        assert_eq!(asked(&mut egress, 1009, 0, now + KEPT_FOR * 2), 0);
        egress.forget(4);
        assert_eq!(asked(&mut egress, 1009, 0, now), 0);
    }

    #[test]
    fn a_late_packet_has_its_place_and_no_packet_leaves_twice() {
        let now = Instant::now();
        let mut egress = egress(4, now);
        for seq in [1000, 1003, 1001, 1002] {
            assert!(egress.seal(packet(CAMERA, seq), now, Vec::new()).is_some());
        }
        assert!(egress.seal(packet(CAMERA, 1001), now, Vec::new()).is_none());
        let mut resent = Vec::new();
        egress.resend(CAMERA, 1000, 0x7, now, &mut resent);
        let opened = (1..)
            .zip(&resent)
            .map(|(index, sealed)| open(&sealed.datagram, index).timestamp);
        assert_eq!(opened.collect::<Vec<_>>(), [2000, 2001, 2002, 2003]);
    }

    #[test]
    fn no_more_than_a_share_is_sent_again() {
        let now = Instant::now();
        let mut egress = egress(100, now);
        for seq in 1000..1020 {
            egress.seal(packet(CAMERA, seq), now, Vec::new()).expect("it is sealed");
        }
        let mut resent = Vec::new();
        for _ in 0..10 {
            egress.resend(CAMERA, 1000, 0x1ff, now, &mut resent);
        }
        // As many as were sent, and the one that shows that it is enough.
        assert_eq!(resent.len(), 21);
        let later = now + share::WINDOW * 2;
        egress.seal(packet(CAMERA, 1020), later, Vec::new()).expect("it is sealed");
        egress.resend(CAMERA, 1020, 0, later, &mut resent);
        assert_eq!(resent.len(), 22);
    }

    #[test]
    fn counts_are_of_payloads_and_of_what_left_first() {
        let now = Instant::now();
        let mut egress = egress(10, now);
        for seq in 1000..1003 {
            egress.seal(packet(CAMERA, seq), now, Vec::new()).expect("it is sealed");
        }
        egress.resend(CAMERA, 1000, 0, now, &mut Vec::new());
        egress.negotiated(lines().into_iter().rev().collect());
        let count = |ssrc, packets, bytes| Count { ssrc, packets, bytes };
        assert_eq!(*egress.counts(), [count(CAMERA, 3, 300), count(VOICE, 0, 0)]);
    }

    #[test]
    fn str0m_is_shown_a_packet_of_each_stream_in_a_second() {
        let now = Instant::now();
        let mut egress = egress(10, now);
        let mut shown = |ssrc, after| egress.is_shown(&packet(ssrc, 1000), now + Duration::from_millis(after));
        assert!(shown(CAMERA, 0) && shown(VOICE, 10));
        assert!(!shown(CAMERA, 990));
        assert!(shown(CAMERA, 1000));
        assert!(!shown(77, 0), "a stranger");
    }

    #[test]
    fn a_sample_of_another_packet_begins_nothing() {
        let now = Instant::now();
        let mut egress = Egress::new(10, now);
        egress.negotiated(lines());
        let (key, nonce, header) = (Key::Aes128([0; 16]), [0; 12], [1; 12]);
        egress.begin(&Sample { key, nonce, header }, &[0; 40]);
        assert!(!egress.is_on());
        assert!(egress.seal(packet(CAMERA, 1000), now, Vec::new()).is_none());
    }
}
