//! What TURN sends over a stream: STUN messages and ChannelData one after the other, the latter padded (RFC 8656 section 12.5).

/// RFC 8656 section 12.4: channel number and length.
pub const CHANNEL_HEADER_BYTES: usize = 4;

/// Bytes of one frame. Browsers stay below 1,500, as on UDP.
pub const FRAME_BYTES_MAX: usize = 4096;

/// Something that is no frame, or too large for one. The stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a TURN frame")]
pub struct BadFrame;

/// Cuts a stream into frames.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    read: usize,
}

impl Deframer {
    /// What came in goes to the end of this.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.drain(..self.read);
        self.read = 0;
        &mut self.buffer
    }

    /// The next whole frame, without its padding; `None` until more has come in.
    ///
    /// # Errors
    /// The stream is not TURN, and stays so.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, BadFrame> {
        let Some(rest) = self.buffer.get(self.read..).filter(|rest| rest.len() >= CHANNEL_HEADER_BYTES) else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (frame, padded) = match rest[0] {
            // RFC 8489 section 5: the length does not count the header, and is a multiple of 4.
            0x00..=0x3f if length % 4 == 0 => (20 + length, 20 + length),
            0x40..=0x4f => {
                let frame = CHANNEL_HEADER_BYTES + length;
                (frame, frame.next_multiple_of(4))
            }
            _ => return Err(BadFrame),
        };
        if padded > FRAME_BYTES_MAX {
            return Err(BadFrame);
        }
        if rest.len() < padded {
            return Ok(None);
        }
        let begin = self.read;
        self.read += padded;
        Ok(Some(&self.buffer[begin..begin + frame]))
    }
}

/// The channel and the payload of ChannelData; over UDP, padding may follow it (RFC 8656 section 12.5).
pub fn read_channel_data(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = bytes.split_at_checked(CHANNEL_HEADER_BYTES)?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    Some((u16::from_be_bytes([head[0], head[1]]), rest.get(..length)?))
}

/// ChannelData with a payload of at most 65,535 bytes, padded for a stream.
pub fn write_channel_data(number: u16, payload: &[u8], is_stream: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CHANNEL_HEADER_BYTES + payload.len().next_multiple_of(4));
    bytes.extend(number.to_be_bytes());
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend(payload);
    if is_stream {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All frames of a stream that arrives in pieces.
    fn frames(stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, BadFrame> {
        let mut deframer = Deframer::default();
        let mut frames = Vec::new();
        for piece in stream.chunks(piece.max(1)) {
            deframer.buffer().extend(piece);
            while let Some(frame) = deframer.next_frame()? {
                frames.push(frame.to_vec());
            }
            assert!(deframer.buffer().len() < FRAME_BYTES_MAX, "what waits is less than a frame");
        }
        Ok(frames)
    }

    #[test]
    fn padding_is_for_streams_and_not_handed_on() {
        assert_eq!(write_channel_data(0x4001, b"abc", false), b"\x40\x01\0\x03abc");
        assert_eq!(write_channel_data(0x4001, b"abc", true), b"\x40\x01\0\x03abc\0");
        let mut stream = write_channel_data(0x4001, b"abc", true);
        stream.extend([0, 1, 0, 4].iter().chain(&[9; 20]));
        stream.extend(write_channel_data(0x4fff, b"", true));
        for piece in 1..stream.len() {
            let found = frames(&stream, piece).expect("frames");
            assert_eq!(found.len(), 3, "in pieces of {piece}");
            assert_eq!(read_channel_data(&found[0]), Some((0x4001, &b"abc"[..])));
            assert_eq!(found[1].len(), 24);
            assert_eq!(read_channel_data(&found[2]), Some((0x4fff, &b""[..])));
        }
    }

    #[test]
    fn what_is_no_frame_ends_the_stream() {
        for bad in [
            &b"GET / HTTP/1.1"[..],
            b"\x00\x01\x00\x03",
            b"\x00\x01\xff\xfc",
            b"\x40\x00\xff\xff",
            b"\x50\0\0\0",
            b"\xff\xff\xff\xff",
        ] {
            assert_eq!(frames(bad, 4), Err(BadFrame), "{bad:?}");
        }
    }

    #[test]
    fn channel_data_that_is_cut_is_none() {
        assert_eq!(read_channel_data(b"\x40\x00\x00"), None);
        assert_eq!(read_channel_data(b"\x40\x00\x00\x02a"), None);
        assert_eq!(read_channel_data(b"\x40\x00\x00\x01a\0\0\0"), Some((0x4000, &b"a"[..])));
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_deframer(stream in prop::collection::vec(any::<u8>(), 0..6000), piece in 1..600usize) {
            let _ = frames(&stream, piece);
        }

        #[test]
        fn pieces_do_not_matter(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20), piece in 1..600usize) {
            let stream: Vec<u8> = payloads.iter().flat_map(|p| write_channel_data(0x4abc, p, true)).collect();
            let found = frames(&stream, piece).expect("frames");
            let read: Vec<_> = found.iter().filter_map(|f| read_channel_data(f)).map(|(_, p)| p.to_vec()).collect();
            prop_assert_eq!(read, payloads);
        }
    }
}
