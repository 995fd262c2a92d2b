//! Web push as the hub knows it: where a browser is reached while its page is closed, and what it is told then.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::limits::Refusal;
use super::protocol::UserInfo;
use crate::id::{CallId, DeviceId, LinkId, RoomId, UserId};

/// Services give addresses of some 200 bytes.
pub const ENDPOINT_BYTES_MAX: usize = 1024;

/// A key in base 64 has 87.
pub const KEY_BYTES_MAX: usize = 128;

/// RFC 8291 sections 3.1 and 3.2.
const PUBLIC_KEY_BYTES: usize = 65;
const AUTH_BYTES: usize = 16;

/// A browser's subscription (RFC 8030, RFC 8291). Keys are in base 64 for URLs.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    pub endpoint: String,
    pub public_key: String,
    pub auth: String,
    /// The browser, where people are signed in by browsers.
    pub browser: Option<DeviceId>,
}

/// Without what proves a message to the browser.
impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Subscription {
    /// What a browser gave. Whether something is to be sent to that address is looked at when it is.
    pub fn check(endpoint: String, public_key: String, auth: String) -> Result<Subscription, Refusal> {
        let is_url = endpoint.starts_with("https://") || endpoint.starts_with("http://");
        if !is_url || !endpoint.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::bad_command("endpoint has to be an https:// URL"));
        }
        let has = |text: &str, bytes| {
            let padded = text.trim_end_matches('=');
            URL_SAFE_NO_PAD.decode(padded).is_ok_and(|decoded| decoded.len() == bytes)
        };
        if !has(&public_key, PUBLIC_KEY_BYTES) || !has(&auth, AUTH_BYTES) {
            return Err(Refusal::bad_command(
                "p256dh has to be 65 bytes and auth 16, both in base 64 for URLs",
            ));
        }
        let bare = |text: String| text.trim_end_matches('=').to_owned();
        Ok(Subscription {
            endpoint,
            public_key: bare(public_key),
            auth: bare(auth),
            browser: None,
        })
    }
}

/// Something for somebody who has no page open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nudge {
    pub to: UserId,
    pub from: UserInfo,
    pub about: Missed,
}

/// What they missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    Call(CallId),
    /// `link`: by which its room is reached.
    Message {
        room: RoomId,
        link: Option<LinkId>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_subscription_is_refused() {
        let key = URL_SAFE_NO_PAD.encode([4; 65]);
        let auth = URL_SAFE_NO_PAD.encode([1; 16]);
        let check =
            |endpoint: &str, key: &str, auth: &str| Subscription::check(endpoint.to_owned(), key.to_owned(), auth.to_owned());
        let taken = check("https://push.example/1", &key, &format!("{auth}==")).expect("it is one");
        assert_eq!((taken.public_key, taken.auth), (key.clone(), auth.clone()));
        for (endpoint, key, auth) in [
            ("push.example", key.as_str(), auth.as_str()),
            ("ftp://push.example", &key, &auth),
            ("https://push.example/\r\nhost: x", &key, &auth),
            ("https://push.example", &auth, &auth),
            ("https://push.example", &key, &key),
            ("https://push.example", "no key!", &auth),
        ] {
            assert!(check(endpoint, key, auth).is_err(), "{endpoint} {key} {auth}");
        }
    }
}
