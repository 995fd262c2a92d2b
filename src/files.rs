//! Files in chats, as far as several folders speak of them: what kind one is, and tickets by which it is sent and fetched. Pure.

use std::fmt::Write;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::id::FileId;

/// Bytes of a file that are kept together, and so much of it is held in memory at a time.
pub const CHUNK_BYTES: usize = 256 << 10;

/// For so long a ticket is good: long enough to begin what it is for.
pub const TICKET_LASTS_S: i64 = 120;

/// Bytes of the proof in a ticket, of the 32 that HMAC gives (RFC 2104 section 5).
const PROOF_BYTES: usize = 16;

/// What a file is, by its first bytes and not by what anybody says: only pictures that every browser shows, and that carry no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    Png,
    Jpeg,
    Webp,
    Gif,
    Other,
}

impl FileKind {
    const ALL: [FileKind; 5] = [FileKind::Png, FileKind::Jpeg, FileKind::Webp, FileKind::Gif, FileKind::Other];

    /// By the first bytes of a file (WHATWG MIME Sniffing section 6.1).
    pub fn of(beginning: &[u8]) -> FileKind {
        let begins = |with: &[u8]| beginning.starts_with(with);
        if begins(b"\x89PNG\r\n\x1a\n") {
            FileKind::Png
        } else if begins(b"\xff\xd8\xff") {
            FileKind::Jpeg
        } else if begins(b"GIF87a") || begins(b"GIF89a") {
            FileKind::Gif
        } else if begins(b"RIFF") && beginning.get(8..14) == Some(b"WEBPVP") {
            FileKind::Webp
        } else {
            FileKind::Other
        }
    }

    /// What it is called in the store and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            FileKind::Png => "png",
            FileKind::Jpeg => "jpeg",
            FileKind::Webp => "webp",
            FileKind::Gif => "gif",
            FileKind::Other => "other",
        }
    }

    pub fn from_name(name: &str) -> Option<FileKind> {
        FileKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What a browser is told.
    pub fn content_type(self) -> &'static str {
        match self {
            FileKind::Png => "image/png",
            FileKind::Jpeg => "image/jpeg",
            FileKind::Webp => "image/webp",
            FileKind::Gif => "image/gif",
            FileKind::Other => "application/octet-stream",
        }
    }
}

/// What a ticket lets whoever has it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Send the bytes of the file.
    Send,
    /// Fetch them.
    Fetch,
}

impl Deed {
    fn letter(self) -> char {
        match self {
            Deed::Send => 's',
            Deed::Fetch => 'f',
        }
    }
}

/// A ticket as it was shown: what it says it is for, and nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub file: FileId,
    text: String,
    /// Unix seconds.
    until: i64,
}

impl Ticket {
    /// Reads what stands in a URL. None: it is no ticket for this.
    pub fn parse(text: &str, deed: Deed) -> Option<Ticket> {
        // Longer than any.
        if text.len() > 128 {
            return None;
        }
        let mut parts = text.split('-');
        let (letter, file, until, _proof) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || letter.chars().ne([deed.letter()]) {
            return None;
        }
        Some(Ticket {
            file: file.parse().ok()?,
            text: text.to_owned(),
            until: i64::from_str_radix(until, 16).ok()?,
        })
    }

    /// Whether it was made with this secret of the file, and its time is not over.
    pub fn is_good(&self, deed: Deed, secret: &str, now_unix: i64) -> bool {
        let right = ticket(deed, self.file, secret, self.until);
        let is_it = aws_lc_rs::constant_time::verify_slices_are_equal(right.as_bytes(), self.text.as_bytes()).is_ok();
        is_it && now_unix < self.until
    }
}

/// Makes a ticket that is good until then (Unix seconds). `secret`: the file's.
pub fn ticket(deed: Deed, file: FileId, secret: &str, until: i64) -> String {
    let mut text = format!("{}-{file}-{until:x}", deed.letter());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let proof = hmac::sign(&key, text.as_bytes());
    text.push('-');
    for byte in &proof.as_ref()[..PROOF_BYTES] {
        // Into a text it cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_kind_is_told_by_the_first_bytes_alone() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n<script>"[..], FileKind::Png),
            (b"\xff\xd8\xff\xe0", FileKind::Jpeg),
            (b"GIF89a", FileKind::Gif),
            (b"RIFF\x10\0\0\0WEBPVP8 ", FileKind::Webp),
            (b"RIFF\x10\0\0\0WAVEfmt ", FileKind::Other),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", FileKind::Other),
            (b"<!doctype html><script>alert(1)</script>", FileKind::Other),
            (b"\x89PNG", FileKind::Other),
            (b"BM", FileKind::Other),
            (b"", FileKind::Other),
        ] {
            assert_eq!(FileKind::of(bytes), kind, "{bytes:?}");
        }
        for kind in FileKind::ALL {
            assert_eq!(FileKind::from_name(kind.as_str()), Some(kind));
            let written = serde_json::to_string(&kind).expect("it is written");
            assert_eq!(written, format!("\"{}\"", kind.as_str()), "the same on the wire");
        }
        assert_eq!(FileKind::from_name("svg"), None);
    }

    #[test]
    fn a_ticket_is_good_for_one_deed_one_file_and_a_time() {
        let file = FileId::from_random(7);
        let text = ticket(Deed::Fetch, file, "secret", 100);
        assert!(!text.contains("secret"));
        let read = Ticket::parse(&text, Deed::Fetch).expect("it is one");
        assert_eq!(read.file, file);
        assert!(read.is_good(Deed::Fetch, "secret", 99));
        assert!(!read.is_good(Deed::Fetch, "secret", 100), "its time is over");
        assert!(!read.is_good(Deed::Fetch, "another", 99));
        assert_eq!(Ticket::parse(&text, Deed::Send), None);
        let forged = [
            text.replacen('f', "s", 1),
            text.replacen("-64-", "-ffff-", 1),
            text.replacen(&file.to_string(), &FileId::from_random(8).to_string(), 1),
        ];
        for text in forged {
            for deed in [Deed::Send, Deed::Fetch] {
                let good = Ticket::parse(&text, deed).is_some_and(|read| read.is_good(deed, "secret", 99));
                assert!(!good, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[sf]-[0-9a-z-]{0,40}|.*") {
            for deed in [Deed::Send, Deed::Fetch] {
                if let Some(read) = Ticket::parse(&text, deed) {
                    prop_assert!(!read.is_good(deed, "secret", 0));
                }
            }
        }
    }
}
