//! A name by which people come into a room: who made it, and whom it lets in.

use std::time::Instant;

use super::limits::{LINK_ATTEMPTS_MAX, TokenBucket};
use super::output::KeptLink;
use crate::id::{LinkId, RoomId, UserId};

/// Kept until it is revoked, expires, is used up, or its room ends.
#[derive(Debug)]
pub struct Link {
    pub maker: UserId,
    /// Of the room.
    pub name: String,
    /// PBKDF2 of the pass phrase.
    pub passphrase: Option<[u8; 32]>,
    pub expires: Option<Instant>,
    pub single_use: bool,
    /// It let its one guest in.
    pub used: bool,
    pub lobby: bool,
    /// Whether its maker is a host in its room.
    pub makes_hosts: bool,
    /// It was made inside of a running room, and ends with it.
    pub is_within: bool,
    /// The room that it leads to, if that is there.
    pub room: Option<RoomId>,
    /// Every try of a pass phrase takes one.
    pub attempts: TokenBucket,
}

impl Link {
    /// Whether this user made it, and so is a host who needs neither pass phrase nor admission.
    pub fn is_owned_by(&self, user: UserId) -> bool {
        self.maker == user && self.makes_hosts
    }

    /// Whether it lets this user in. One that was used up is its maker's way into the room that the guest is in.
    pub fn works_for(&self, user: UserId, now: Instant) -> bool {
        let is_over = self.expires.is_some_and(|expires| now >= expires);
        !is_over && (!self.used || self.is_owned_by(user))
    }

    /// Whether somebody else may yet come in by it.
    pub fn is_open(&self) -> bool {
        !self.used
    }

    pub fn kept(&self, link: LinkId, now: Instant) -> KeptLink {
        KeptLink {
            link,
            maker: self.maker,
            name: self.name.clone(),
            passphrase: self.passphrase,
            expires_in: self.expires.map(|expires| expires.saturating_duration_since(now)),
            single_use: self.single_use,
            used: self.used,
            lobby: self.lobby,
            makes_hosts: self.makes_hosts,
            within: self.room.filter(|_| self.is_within),
        }
    }

    pub fn restored(kept: KeptLink, now: Instant) -> Link {
        Link {
            maker: kept.maker,
            name: kept.name,
            passphrase: kept.passphrase,
            expires: kept.expires_in.and_then(|long| now.checked_add(long)),
            single_use: kept.single_use,
            used: kept.used,
            lobby: kept.lobby,
            makes_hosts: kept.makes_hosts,
            is_within: kept.within.is_some(),
            room: None,
            attempts: attempts(now),
        }
    }
}

/// So many wrong pass phrases a minute, of everybody together.
pub fn attempts(now: Instant) -> TokenBucket {
    TokenBucket::new(LINK_ATTEMPTS_MAX, LINK_ATTEMPTS_MAX / 60.0, now)
}
