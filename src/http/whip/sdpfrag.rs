//! `application/trickle-ice-sdpfrag` (RFC 8840 section 9): the part of a description that is about ICE.

use super::offer::Credentials;

/// What a client may trickle at once: a browser has some ten.
const CANDIDATES_MAX: usize = 64;

/// RFC 8839 section 5.4.
const UFRAG_CHARS: std::ops::RangeInclusive<usize> = 4..=256;
const PWD_CHARS: std::ops::RangeInclusive<usize> = 22..=256;

/// A fragment that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// None: it is about whichever ICE session there is.
    pub credentials: Option<Credentials>,
}

/// Why a fragment is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFragment {
    #[error("the fragment has a line that is neither an attribute nor an m-line")]
    Line,
    #[error("a candidate of the fragment is malformed")]
    Candidate,
    #[error("the fragment has more than {CANDIDATES_MAX} candidates")]
    Candidates,
    #[error("the fragment has malformed ICE credentials, only half of them, or several")]
    Credentials,
    #[error("the fragment says nothing")]
    Empty,
}

/// Reads a fragment. Candidates are looked at and not kept: a server that is ICE-lite sends no checks (RFC 8445 section 2.5), and
/// learns where a client is from the client's.
pub fn read(text: &str) -> Result<Fragment, BadFragment> {
    let (mut ufrag, mut pwd) = (None, None);
    let (mut lines, mut candidates) = (0, 0);
    for line in text.lines().filter(|line| !line.is_empty()) {
        lines += 1;
        let Some(attribute) = line.strip_prefix("a=") else {
            if line.starts_with("m=") {
                continue;
            }
            return Err(BadFragment::Line);
        };
        match attribute.split_once(':') {
            Some(("ice-ufrag", value)) => once(&mut ufrag, value)?,
            Some(("ice-pwd", value)) => once(&mut pwd, value)?,
            Some(("candidate", value)) => {
                candidates += 1;
                if !is_candidate(value) {
                    return Err(BadFragment::Candidate);
                }
            }
            _ => {}
        }
    }
    if lines == 0 {
        return Err(BadFragment::Empty);
    }
    if candidates > CANDIDATES_MAX {
        return Err(BadFragment::Candidates);
    }
    let credentials = match (ufrag, pwd) {
        (None, None) => None,
        (Some(ufrag), Some(pwd)) if fits(ufrag, UFRAG_CHARS) && fits(pwd, PWD_CHARS) => Some(Credentials {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
        }),
        _ => return Err(BadFragment::Credentials),
    };
    Ok(Fragment { credentials })
}

/// All m-lines are bundled, so they may say the same again and nothing else.
fn once<'a>(known: &mut Option<&'a str>, value: &'a str) -> Result<(), BadFragment> {
    match known.replace(value) {
        Some(before) if before != value => Err(BadFragment::Credentials),
        _ => Ok(()),
    }
}

fn fits(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// RFC 8839 section 5.1: foundation, component, transport, priority, address, port, `typ`, type. Which transports there are and
/// whether the address can be reached is nobody's business here (RFC 9725 section 4.3.2).
fn is_candidate(value: &str) -> bool {
    let words: Vec<&str> = value.split(' ').collect();
    words.len() >= 8
        && words[1].parse::<u16>().is_ok()
        && words[3].parse::<u32>().is_ok()
        && words[5].parse::<u16>().is_ok()
        && words[6] == "typ"
        && words.iter().all(|word| !word.is_empty())
}

/// The ICE part of our answer, for a client that restarted ICE (RFC 9725 section 4.3.3).
pub fn of_answer(answer: &str) -> String {
    const KEPT: [&str; 4] = ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=mid:"];
    const IN_SESSION: [&str; 3] = ["a=ice-lite", "a=ice-options:", "a=group:BUNDLE"];
    let session = answer.lines().take_while(|line| !line.starts_with("m="));
    let in_session =
        |line: &&str| IN_SESSION.iter().any(|kept| line.starts_with(kept)) || KEPT[..2].iter().any(|k| line.starts_with(k));
    let mut lines: Vec<&str> = session.filter(in_session).collect();
    // The first m-line that is not refused speaks for the bundle (RFC 8843 section 7.1.3).
    let is_open = |line: &&str| line.starts_with("m=") && line.split(' ').nth(1) != Some("0");
    let mut media = answer.lines().skip_while(|line| !is_open(line));
    lines.extend(media.next());
    let rest = media.take_while(|line| !line.starts_with("m="));
    lines.extend(rest.filter(|line| KEPT.iter().any(|kept| line.starts_with(kept))));
    lines.push("a=end-of-candidates");
    lines.iter().flat_map(|line| [line, "\r\n"]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 9725 section 4.3.2, the example.
    const TRICKLED: &str = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\n\
        a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:3471623853 1 tcp 1518280447 x.local 9 typ host tcptype active\r\na=end-of-candidates\r\n";

    #[test]
    fn the_example_of_the_rfc_is_read() {
        let fragment = read(TRICKLED).expect("it is one");
        let credentials = fragment.credentials.expect("it has some");
        assert_eq!(
            (credentials.ufrag.as_str(), credentials.pwd.as_str()),
            ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
        );
        assert_eq!(read("a=end-of-candidates\n"), Ok(Fragment { credentials: None }));
    }

    #[test]
    fn what_is_no_fragment_is_told_apart() {
        let many = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n".repeat(CANDIDATES_MAX + 1);
        for (text, why) in [
            ("", BadFragment::Empty),
            ("{\"candidate\": 1}", BadFragment::Line),
            ("v=0\r\n", BadFragment::Line),
            ("a=candidate:1 1 udp\r\n", BadFragment::Candidate),
            (&many, BadFragment::Candidates),
            ("a=ice-ufrag:abcd\r\n", BadFragment::Credentials),
            (
                "a=ice-ufrag:abc\r\na=ice-pwd:0123456789012345678901\r\n",
                BadFragment::Credentials,
            ),
            ("a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n", BadFragment::Credentials),
            (&(TRICKLED.to_owned() + "a=ice-ufrag:Other\r\n"), BadFragment::Credentials),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }

    #[test]
    fn our_part_of_a_restart_is_a_fragment() {
        let answer = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n\
            a=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=recvonly\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";
        let fragment = of_answer(answer);
        assert_eq!(
            fragment,
            "a=group:BUNDLE 0 1\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
            a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n"
        );
        assert!(read(&fragment).expect("it is one").credentials.is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "([am]=[ -~]{0,30}\r?\n|a=candidate:[0-9 a-z.]{0,60}\n|a=ice-(ufrag|pwd):[a-z]{0,30}\n|\\PC{0,9}\n){0,12}") {
            let _ = read(&text);
            let _ = of_answer(&text);
        }
    }
}
