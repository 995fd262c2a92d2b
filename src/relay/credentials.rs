//! Who may use the relay: credentials that any clerk with the key can check, and nonces that need no memory.
//!
//! A user name is `<unix expiry>:<session id>` and its password a MAC of it (draft-uberti-behave-turn-rest-00), so nothing is kept
//! for a credential until it is used. The key lives as long as the process, and so do credentials.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::id::SessionId;

/// What browsers hash into the long-term key (RFC 8489 section 9.2.2). Short, because every challenge carries it.
pub const REALM: &str = "tandem";

/// For how long an allocation can be made with a credential, in seconds. A page asks for a fresh one whenever it connects.
pub const CREDENTIAL_TTL_S: u64 = 300;

/// For how long a nonce is taken, in seconds: RFC 8656 section 5 advises a change at least once an hour.
pub const NONCE_TTL_S: u64 = 3600;

/// Four bytes of time and fourteen of MAC; 24 letters of base 64.
const NONCE_BYTES: usize = 18;
pub const NONCE_LETTERS: usize = 24;

/// Random bytes that [`Keys`] are made of.
pub const SECRET_BYTES: usize = 64;

/// A user name and its password, for one session. Not `Debug`: passwords are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    pub username: String,
    pub password: String,
    /// Seconds for which an allocation can be made with it. One that was made lives as long as its session.
    pub ttl_s: u64,
}

/// What a user name says, with the key of whoever knows its password.
pub struct User {
    pub session: SessionId,
    /// Seconds since 1970 after which no allocation is made with it.
    pub expires_unix_s: u64,
    pub key: hmac::Key,
}

/// The secrets of the relay.
pub struct Keys {
    passwords: hmac::Key,
    nonces: hmac::Key,
}

impl Keys {
    pub fn new(secret: &[u8; SECRET_BYTES]) -> Keys {
        let (passwords, nonces) = secret.split_at(SECRET_BYTES / 2);
        Keys {
            passwords: hmac::Key::new(hmac::HMAC_SHA256, passwords),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, nonces),
        }
    }

    /// A credential that is good for `CREDENTIAL_TTL_S` from `now_unix_s`.
    pub fn mint(&self, session: SessionId, now_unix_s: u64) -> Credential {
        let username = format!("{}:{session}", now_unix_s.saturating_add(CREDENTIAL_TTL_S));
        let password = self.password(&username);
        Credential {
            username,
            password,
            ttl_s: CREDENTIAL_TTL_S,
        }
    }

    /// Reads a user name; `None` if it is not of our form. That it was ever minted only a signature with its key proves.
    pub fn user(&self, username: &str) -> Option<User> {
        let (expires, session) = username.split_once(':')?;
        Some(User {
            expires_unix_s: expires.parse().ok()?,
            session: session.parse().ok()?,
            key: long_term_key(username, REALM, &self.password(username)),
        })
    }

    /// A nonce for this client, good for `NONCE_TTL_S`.
    pub fn nonce(&self, client: SocketAddr, now_unix_s: u64) -> String {
        let time = (now_unix_s as u32).to_be_bytes();
        let mut nonce = time.to_vec();
        nonce.extend(&self.nonce_mac(client, time).as_ref()[..NONCE_BYTES - time.len()]);
        STANDARD.encode(nonce)
    }

    /// Whether a nonce was made for this client, and not too long ago.
    pub fn is_fresh(&self, nonce: &[u8], client: SocketAddr, now_unix_s: u64) -> bool {
        if nonce.len() != NONCE_LETTERS {
            return false;
        }
        let Ok(nonce) = STANDARD.decode(nonce) else { return false };
        let Some((time, mac)) = nonce.split_first_chunk::<4>() else {
            return false;
        };
        // 32 bits of seconds go round once in 136 years.
        let age_s = (now_unix_s as u32).wrapping_sub(u32::from_be_bytes(*time));
        let right = self.nonce_mac(client, *time);
        right
            .as_ref()
            .get(..mac.len())
            .is_some_and(|right| constant_time::verify_slices_are_equal(right, mac).is_ok())
            && u64::from(age_s) <= NONCE_TTL_S
    }

    fn nonce_mac(&self, client: SocketAddr, time: [u8; 4]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.nonces);
        context.update(&time);
        match client.ip() {
            IpAddr::V4(ip) => context.update(&ip.octets()),
            IpAddr::V6(ip) => context.update(&ip.octets()),
        }
        context.update(&client.port().to_be_bytes());
        context.sign()
    }

    fn password(&self, username: &str) -> String {
        STANDARD.encode(hmac::sign(&self.passwords, username.as_bytes()))
    }
}

/// MD5 of user name, realm and password (RFC 8489 section 9.2.2): the only derivation that browsers speak. What it protects is good
/// for minutes, and cannot be found by trying: the password is 256 bits.
pub fn long_term_key(username: &str, realm: &str, password: &str) -> hmac::Key {
    let key = Md5::new()
        .chain_update(username)
        .chain_update(":")
        .chain_update(realm)
        .chain_update(":")
        .chain_update(password)
        .finalize();
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_credential_names_its_session_and_its_end() {
        let keys = Keys::new(&[7; SECRET_BYTES]);
        let session = SessionId::from_random(42);
        let credential = keys.mint(session, NOW);
        let user = keys.user(&credential.username).expect("our own user name");
        assert_eq!((user.session, user.expires_unix_s), (session, NOW + CREDENTIAL_TTL_S));
        let right = long_term_key(&credential.username, REALM, &credential.password);
        assert_eq!(hmac::sign(&right, b"x").as_ref(), hmac::sign(&user.key, b"x").as_ref());
        let other = Keys::new(&[8; SECRET_BYTES])
            .user(&credential.username)
            .expect("the same form");
        assert_ne!(hmac::sign(&right, b"x").as_ref(), hmac::sign(&other.key, b"x").as_ref());
    }

    #[test]
    fn user_names_of_another_form_are_nobody() {
        let keys = Keys::new(&[7; SECRET_BYTES]);
        let session = SessionId::from_random(42);
        for bad in [
            "",
            ":",
            "alice",
            &format!("{session}"),
            &format!("-1:{session}"),
            &format!("99999999999999999999:{session}"),
            "1800000000:alice",
            "1800000000:",
        ] {
            assert!(keys.user(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_nonce_is_for_one_client_and_one_hour() {
        let keys = Keys::new(&[7; SECRET_BYTES]);
        let nonce = keys.nonce(client(1), NOW);
        assert_eq!(nonce.len(), NONCE_LETTERS);
        let fresh = |nonce: &str, client, now| keys.is_fresh(nonce.as_bytes(), client, now);
        assert!(fresh(&nonce, client(1), NOW) && fresh(&nonce, client(1), NOW + NONCE_TTL_S));
        assert!(!fresh(&nonce, client(1), NOW + NONCE_TTL_S + 1), "too old");
        assert!(!fresh(&nonce, client(1), NOW - 1), "from the future");
        assert!(!fresh(&nonce, client(2), NOW), "another client");
        assert!(
            !Keys::new(&[8; SECRET_BYTES]).is_fresh(nonce.as_bytes(), client(1), NOW),
            "another server"
        );
        for bad in ["", "x", &nonce[1..], &"!".repeat(NONCE_LETTERS), &"A".repeat(NONCE_LETTERS)] {
            assert!(!fresh(bad, client(1), NOW), "{bad:?}");
        }
    }
}
