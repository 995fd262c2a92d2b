//! Limits on an offer before anything else looks at it, and the lines that an answer needs besides str0m's.

use str0m::media::{Mid, Rid};

/// An offer beyond these is refused: two people need 3 m-lines and under 10 KiB.
const BYTES_MAX: usize = 64 << 10;
const LINES_MAX: usize = 2000;
const LINE_BYTES_MAX: usize = 1024;
const MEDIA_LINES_MAX: usize = 64;
const CANDIDATES_MAX: usize = 64;

/// The offer is larger than any browser's in this application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    #[error("the offer has more than {BYTES_MAX} bytes")]
    Bytes,
    #[error("the offer has more than {LINES_MAX} lines")]
    Lines,
    #[error("a line of the offer has more than {LINE_BYTES_MAX} bytes")]
    Line,
    #[error("the offer has more than {MEDIA_LINES_MAX} m-lines")]
    MediaLines,
    #[error("the offer has more than {CANDIDATES_MAX} candidates")]
    Candidates,
}

/// Refuses what would make the real parser work for long (threats T12).
pub fn check_limits(offer: &str) -> Result<(), TooLarge> {
    if offer.len() > BYTES_MAX {
        return Err(TooLarge::Bytes);
    }
    let (mut lines, mut media_lines, mut candidates) = (0, 0, 0);
    for line in offer.lines() {
        lines += 1;
        media_lines += usize::from(line.starts_with("m="));
        candidates += usize::from(line.starts_with("a=candidate:"));
        if line.len() > LINE_BYTES_MAX {
            return Err(TooLarge::Line);
        }
    }
    if lines > LINES_MAX {
        Err(TooLarge::Lines)
    } else if media_lines > MEDIA_LINES_MAX {
        Err(TooLarge::MediaLines)
    } else if candidates > CANDIDATES_MAX {
        Err(TooLarge::Candidates)
    } else {
        Ok(())
    }
}

/// A stream that the server sends on an m-line and that str0m's answer does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendStream {
    pub mid: String,
    pub ssrc: u32,
    pub rtx: Option<u32>,
}

/// Adds the `a=ssrc` lines of these streams to their m-sections, where they are not there. Without them Chromium has no RTX.
pub fn name_streams(answer: &str, streams: &[SendStream]) -> String {
    if streams.is_empty() {
        return answer.to_owned();
    }
    let mut sections = sections(answer);
    for section in &mut sections {
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:"));
        let Some(stream) = streams.iter().find(|s| mid == Some(&s.mid)) else {
            continue;
        };
        let SendStream { ssrc, rtx, .. } = stream;
        if section.contains(&format!("a=ssrc:{ssrc} ")) {
            continue;
        }
        section.push_str(&format!("a=ssrc:{ssrc} cname:tandem\r\n"));
        if let Some(rtx) = rtx {
            section.push_str(&format!("a=ssrc:{rtx} cname:tandem\r\na=ssrc-group:FID {ssrc} {rtx}\r\n"));
        }
    }
    sections.concat()
}

/// Puts our candidates into the first m-section that is not refused. str0m has them in the first of all, and no client looks for them
/// in one that was refused (RFC 8843 section 7.3.1: what is bundled has them where the bundle begins).
pub fn place_candidates(answer: &str) -> String {
    let mut sections = sections(answer);
    let is_refused = |section: &String| section.split(' ').nth(1) == Some("0");
    let media = |section: &&String| section.starts_with("m=");
    if !sections.iter().find(media).is_some_and(is_refused) {
        return answer.to_owned();
    }
    let mut candidates = String::new();
    for section in &mut sections {
        if !section.starts_with("m=") {
            continue;
        }
        if is_refused(section) {
            let (moved, kept): (Vec<&str>, Vec<&str>) = section.lines().partition(|line| line.starts_with("a=candidate:"));
            candidates.extend(moved.iter().flat_map(|line| [line, "\r\n"]));
            *section = kept.iter().flat_map(|line| [line, "\r\n"]).collect();
        } else {
            section.push_str(&candidates);
            return sections.concat();
        }
    }
    answer.to_owned()
}

/// What stands above the first m-line, and each m-line with what stands below it. Empty sections there are none.
fn sections(text: &str) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for line in text.lines() {
        if sections.is_empty() || line.starts_with("m=") {
            sections.push(String::new());
        }
        let section = sections.last_mut().expect("one was just pushed");
        section.push_str(line);
        section.push_str("\r\n");
    }
    sections
}

/// The rids that our answer agrees to receive on an m-line, in the order of the offer.
pub fn rids_of(answer: &str, mid: Mid) -> Vec<Rid> {
    let mut rids = Vec::new();
    let mut section = Vec::new();
    let wanted = format!("a=mid:{mid}");
    for line in answer.lines().chain(["m="]) {
        if line.starts_with("m=") {
            if section.contains(&wanted.as_str()) {
                let recv = section
                    .iter()
                    .find_map(|l: &&str| l.strip_prefix("a=simulcast:"))
                    .and_then(|l| l.split("recv ").nth(1));
                let names = recv.and_then(|l| l.split(' ').next()).unwrap_or("");
                rids = names
                    .split(';')
                    .filter_map(|alternatives| alternatives.split(',').next())
                    .map(|rid| rid.trim_start_matches('~'))
                    .filter(|rid| !rid.is_empty())
                    .map(Rid::from)
                    .collect();
            }
            section.clear();
        }
        section.push(line);
    }
    rids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_where_a_client_looks_for_them() {
        let candidate = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n";
        let refused = "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n";
        let taken = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";
        let other = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n";
        assert_eq!(
            place_candidates(&format!("v=0\r\n{refused}{candidate}{taken}{other}")),
            format!("v=0\r\n{refused}{taken}{candidate}{other}")
        );
        for fine in [
            format!("v=0\r\n{taken}{candidate}{refused}"),
            format!("v=0\r\n{refused}{candidate}"),
            "v=0\r\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(place_candidates(&fine), fine);
        }
    }

    #[test]
    fn the_rids_of_an_m_line_are_in_the_order_offered() {
        let answer = "v=0\r\nm=audio 9\r\na=mid:0\r\nm=video 9\r\na=mid:1\r\na=rid:q recv\r\na=simulcast:recv q;h;~f\r\nm=video 9\r\na=mid:2\r\n";
        let names = |mid| -> Vec<String> { rids_of(answer, Mid::from(mid)).iter().map(ToString::to_string).collect() };
        assert_eq!(names("1"), ["q", "h", "f"]);
        assert!(names("0").is_empty());
        assert!(names("2").is_empty());
    }

    #[test]
    fn each_limit_is_held() {
        let lines = |line: &str, n: usize| line.repeat(n);
        for (offer, expected) in [
            (lines("m=audio 9\r\n", 64), Ok(())),
            (lines("m=audio 9\r\n", 65), Err(TooLarge::MediaLines)),
            (lines("a=candidate:1\r\n", 65), Err(TooLarge::Candidates)),
            (lines("a\r\n", 2001), Err(TooLarge::Lines)),
            (lines("a", 1025), Err(TooLarge::Line)),
            (lines("aaaaaaa\r\n", 8000), Err(TooLarge::Bytes)),
        ] {
            assert_eq!(check_limits(&offer), expected);
        }
    }

    #[test]
    fn streams_are_named_once_and_in_their_own_section() {
        let answer = "v=0\r\nm=audio 9\r\na=mid:0\r\nm=video 9\r\na=mid:1\r\n";
        let streams = [SendStream {
            mid: "1".to_owned(),
            ssrc: 7,
            rtx: Some(8),
        }];
        let named = name_streams(answer, &streams);
        assert_eq!(
            named,
            format!("{answer}a=ssrc:7 cname:tandem\r\na=ssrc:8 cname:tandem\r\na=ssrc-group:FID 7 8\r\n")
        );
        assert_eq!(name_streams(&named, &streams), named);
    }
}
