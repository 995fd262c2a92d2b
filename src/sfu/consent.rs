//! Stands in for the connectivity checks of clients that send none once they are connected. libnice, and so GStreamer, keeps its connections alive
//! by STUN indications, which prove nothing, and an ICE agent that is lite gives up what was not checked for 15 s. Media that was
//! decrypted proves as much as a check does: who sent it, from which address, and that they are there. Of those who only watch there
//! are receiver reports, which are authenticated as media is; str0m says of them in its statistics.

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use str0m::IceCreds;
use str0m::ice::{StunMessage, TransId};

/// Browsers check every 2.5 s or so, and every 5 s where they obey RFC 7675.
const STAND_IN_AFTER: Duration = Duration::from_secs(7);

/// Enough for a check with the longest user name.
const CHECK_BYTES_MAX: usize = 1024;

/// What is known of a client's checks.
#[derive(Default)]
pub struct Consent {
    /// The last one, real or not.
    checked: Option<Instant>,
    /// `ours:theirs` (RFC 8445 section 7.2.2).
    username: String,
    password: String,
}

impl Consent {
    /// An offer was answered with these credentials of ours.
    pub fn negotiated(&mut self, offer: &str, ours: &IceCreds) {
        let theirs = offer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap_or("");
        self.username = format!("{}:{theirs}", ours.ufrag);
        self.password.clone_from(&ours.pass);
    }

    /// A datagram was taken.
    pub fn arrived(&mut self, datagram: &[u8], now: Instant) {
        // A Binding request (RFC 8489 section 5).
        if datagram.starts_with(&[0, 1]) {
            self.checked = Some(now);
        }
    }

    /// Something came that proves who sent it: what a check would have been, if none came for a while.
    pub fn stand_in(&mut self, now: Instant) -> Option<Vec<u8>> {
        let due = self
            .checked
            .is_some_and(|at| now.saturating_duration_since(at) >= STAND_IN_AFTER);
        if !due {
            return None;
        }
        self.checked = Some(now);
        let check = StunMessage::binding_request(&self.username, TransId::new(), true, 0, 1, false);
        let mut buffer = vec![0; CHECK_BYTES_MAX];
        let length = check.to_bytes(Some(self.password.as_bytes()), &mut buffer, sha1_hmac).ok()?;
        buffer.truncate(length);
        Some(buffer)
    }
}

fn sha1_hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(part);
    }
    let mut tag = [0; 20];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_stood_in_for_only_when_none_came_for_a_while() {
        let (mut consent, start) = (Consent::default(), Instant::now());
        let ours = IceCreds {
            ufrag: "ours".to_owned(),
            pass: "a pass word of ours, long".to_owned(),
        };
        consent.negotiated("v=0\r\na=ice-ufrag:theirs\r\n", &ours);
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(consent.stand_in(at(100)), None, "before ICE was up");
        consent.arrived(&[0, 1, 0, 0], at(100));
        consent.arrived(&[0, 17, 0, 0], at(106));
        assert_eq!(consent.stand_in(at(106)), None);
        let check = consent.stand_in(at(107)).expect("none came for 7 s");
        let message = StunMessage::parse(&check).expect("it is STUN");
        assert_eq!(message.split_username(), Some(("ours", "theirs")));
        assert!(message.verify(ours.pass.as_bytes(), sha1_hmac));
        assert_eq!(consent.stand_in(at(108)), None, "one is enough");
    }
}
