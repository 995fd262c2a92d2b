//! What a WHIP or WHEP offer says, before the SFU sees it: which m-lines are to carry what, and the ICE credentials.

use crate::id::Source;
use crate::signaling::protocol::SourceLine;

/// Which way media goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// WHIP: into the room.
    Publish,
    /// WHEP: out of it.
    Watch,
}

impl Side {
    /// The name in paths and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Publish => "whip",
            Side::Watch => "whep",
        }
    }
}

/// Why an offer is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadOffer {
    #[error("the body is no SDP offer: it has to begin with v=0")]
    NotSdp,
    #[error("the offer has no m-lines")]
    NoMedia,
    #[error("an m-line of the offer has no a=mid, so that it cannot be bundled (RFC 9143)")]
    NoMid,
    #[error("the offer has no a=ice-ufrag or no a=ice-pwd")]
    NoCredentials,
    #[error("the offer would send nothing: at least one m-line has to be sendonly or sendrecv")]
    SendsNothing,
    #[error("the offer would receive nothing: at least one m-line has to be recvonly or sendrecv")]
    ReceivesNothing,
}

/// An offer that can be shown to the SFU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// With one direction on each m-line: whoever publishes gets nothing (RFC 9725 section 4.2), whoever watches sends nothing.
    pub sdp: String,
    /// What is published on which m-line.
    pub sources: Vec<SourceLine>,
    pub credentials: Credentials,
}

/// One end's part of an ICE session (RFC 8839 section 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

const DIRECTIONS: [&str; 4] = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];

/// An m-line and the attributes below it, or what stands above the first.
struct Section<'a> {
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.lines
            .iter()
            .find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
    }

    fn direction(&self) -> Option<&'a str> {
        self.lines.iter().copied().find(|line| DIRECTIONS.contains(line))
    }

    /// None: neither sound nor picture.
    fn is_video(&self) -> Option<bool> {
        let first = self.lines.first()?;
        if first.starts_with("m=video ") {
            Some(true)
        } else {
            first.starts_with("m=audio ").then_some(false)
        }
    }

    /// RFC 8843 section 6: a port of 0 is a refusal, except on what is only to be bundled.
    fn is_refused(&self) -> bool {
        self.lines.first().is_some_and(|line| line.split(' ').nth(1) == Some("0")) && !self.lines.contains(&"a=bundle-only")
    }
}

fn sections(sdp: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section { lines: Vec::new() }];
    for line in sdp.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            sections.push(Section { lines: Vec::new() });
        }
        if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    sections
}

/// Reads an offer, and gives each of its m-lines the one direction that it may have.
pub fn read(sdp: &str, side: Side) -> Result<Offered, BadOffer> {
    if !(sdp.starts_with("v=0\r\n") || sdp.starts_with("v=0\n")) {
        return Err(BadOffer::NotSdp);
    }
    let sections = sections(sdp);
    let Some((session, media)) = sections.split_first().filter(|(_, media)| !media.is_empty()) else {
        return Err(BadOffer::NoMedia);
    };
    let credentials = credentials(&sections).ok_or(BadOffer::NoCredentials)?;
    let mut free = vec![Source::ScreenAudio, Source::Screen, Source::Microphone, Source::Camera];
    let mut sources = Vec::new();
    let mut lines: Vec<&str> = session.lines.iter().copied().filter(|l| !DIRECTIONS.contains(l)).collect();
    let mut flows = false;
    for section in media {
        let Some(mid) = section.attribute("mid").filter(|mid| !mid.is_empty()) else {
            return Err(BadOffer::NoMid);
        };
        let Some(is_video) = section.is_video() else {
            lines.extend(&section.lines);
            continue;
        };
        // RFC 8866 section 6.7: sendrecv, where nothing is said.
        let offered = section.direction().or(session.direction()).unwrap_or("a=sendrecv");
        let (wanted, other) = match side {
            Side::Publish => ("a=sendonly", "a=recvonly"),
            Side::Watch => ("a=recvonly", "a=sendonly"),
        };
        let direction = if offered == other || offered == "a=inactive" || section.is_refused() {
            "a=inactive"
        } else {
            wanted
        };
        lines.extend(section.lines.iter().filter(|line| !DIRECTIONS.contains(line)));
        lines.push(direction);
        if direction == "a=inactive" {
            continue;
        }
        flows = true;
        if side == Side::Publish
            && let Some(at) = free.iter().rposition(|source| source.is_video() == is_video)
        {
            let source = free.remove(at);
            let mid = mid.to_owned();
            sources.push(SourceLine { mid, source });
        }
    }
    match (flows, side) {
        (false, Side::Publish) => Err(BadOffer::SendsNothing),
        (false, Side::Watch) => Err(BadOffer::ReceivesNothing),
        (true, _) => Ok(Offered {
            sdp: joined(&lines),
            sources,
            credentials,
        }),
    }
}

/// The credentials of a description. Those of bundled m-lines are the same (RFC 8843 section 7.1.1).
fn credentials(sections: &[Section<'_>]) -> Option<Credentials> {
    let first = |name| sections.iter().find_map(|section| section.attribute(name));
    Some(Credentials {
        ufrag: first("ice-ufrag")?.to_owned(),
        pwd: first("ice-pwd")?.to_owned(),
    })
}

/// The same offer, made anew for an ICE restart. Candidates belong to one ICE session, and a server that is ICE-lite needs none.
pub fn restarted(sdp: &str, new: &Credentials) -> String {
    let ufrag = format!("a=ice-ufrag:{}", new.ufrag);
    let pwd = format!("a=ice-pwd:{}", new.pwd);
    let lines = sdp.lines().filter_map(|line| match line {
        _ if line.starts_with("a=ice-ufrag:") => Some(ufrag.as_str()),
        _ if line.starts_with("a=ice-pwd:") => Some(pwd.as_str()),
        _ if line.starts_with("a=candidate:") || line == "a=end-of-candidates" => None,
        _ => Some(line),
    });
    joined(&lines.collect::<Vec<_>>())
}

fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [line, "\r\n"]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";

    fn offer(media: &[(&str, &str)]) -> String {
        let media = media.iter().enumerate().map(|(mid, (kind, direction))| {
            let direction = if direction.is_empty() {
                String::new()
            } else {
                format!("a={direction}\r\n")
            };
            format!("m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\n{direction}a=rtpmap:96 x/90000\r\n")
        });
        SESSION.to_owned() + &media.collect::<String>()
    }

    fn directions(sdp: &str) -> Vec<&str> {
        sdp.lines().filter(|line| DIRECTIONS.contains(line)).collect()
    }

    #[test]
    fn a_publisher_only_sends_and_the_first_lines_are_microphone_and_camera() {
        let offered = read(
            &offer(&[
                ("audio", "sendonly"),
                ("video", "sendrecv"),
                ("video", ""),
                ("video", "recvonly"),
                ("audio", "inactive"),
            ]),
            Side::Publish,
        );
        let offered = offered.expect("an offer");
        assert_eq!(
            directions(&offered.sdp),
            ["a=sendonly", "a=sendonly", "a=sendonly", "a=inactive", "a=inactive"]
        );
        let sources: Vec<_> = offered.sources.iter().map(|line| (line.mid.as_str(), line.source)).collect();
        assert_eq!(
            sources,
            [("0", Source::Microphone), ("1", Source::Camera), ("2", Source::Screen)]
        );
        assert_eq!(offered.credentials.ufrag, "abcd");
    }

    #[test]
    fn a_viewer_only_receives() {
        let text = offer(&[("audio", "sendrecv"), ("video", "recvonly"), ("video", "sendonly")]);
        let offered = read(&text, Side::Watch).expect("an offer");
        assert_eq!(directions(&offered.sdp), ["a=recvonly", "a=recvonly", "a=inactive"]);
        assert_eq!(offered.sources, []);
    }

    #[test]
    fn a_direction_above_the_m_lines_holds_below_and_data_is_left_alone() {
        let text = offer(&[("audio", "")]).replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n")
            + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:9\r\n";
        let offered = read(&text, Side::Publish).expect("an offer");
        assert_eq!(directions(&offered.sdp), ["a=sendonly"]);
        assert!(
            offered
                .sdp
                .ends_with("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:9\r\n")
        );
        assert_eq!(read(&text, Side::Watch), Err(BadOffer::ReceivesNothing));
    }

    #[test]
    fn what_is_no_offer_is_told_apart() {
        let fine = offer(&[("audio", "sendonly")]);
        for (text, why) in [
            ("", BadOffer::NotSdp),
            ("{}", BadOffer::NotSdp),
            (SESSION, BadOffer::NoMedia),
            (&fine.replace("a=mid:0\r\n", ""), BadOffer::NoMid),
            (&fine.replace("ice-pwd", "ice-pw"), BadOffer::NoCredentials),
            (&fine.replace("sendonly", "recvonly"), BadOffer::SendsNothing),
            (&fine.replace("m=audio 9", "m=audio 0"), BadOffer::SendsNothing),
        ] {
            assert_eq!(read(text, Side::Publish), Err(why), "{text}");
        }
        let bundled = fine
            .replace("m=audio 9", "m=audio 0")
            .replace("a=mid", "a=bundle-only\r\na=mid");
        assert!(read(&bundled, Side::Publish).is_ok());
    }

    #[test]
    fn a_restart_has_other_credentials_and_no_candidates() {
        let text = offer(&[("audio", "sendonly")]) + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";
        let new = Credentials {
            ufrag: "wxyz".to_owned(),
            pwd: "9876543210987654321098".to_owned(),
        };
        let again = restarted(&text, &new);
        assert_eq!(read(&again, Side::Publish).expect("an offer").credentials, new);
        assert!(!again.contains("candidate"));
        assert_eq!(again.lines().count() + 2, text.lines().count());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(v=0\r\n)?([mva]=[ -~]{0,20}\r?\n|m=audio 0\n|a=mid:\n|a=ice-ufrag:a\n){0,12}") {
            for side in [Side::Publish, Side::Watch] {
                if let Ok(offered) = read(&text, side) {
                    prop_assert!(read(&offered.sdp, side).is_ok());
                }
            }
        }
    }
}
