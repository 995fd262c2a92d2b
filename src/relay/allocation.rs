//! One allocation: its relayed address, its end, and the permissions and channels in it (RFC 8656 sections 3 and 6).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// RFC 8656 section 3.2: what an allocation lives for without a Refresh, and the most that a client may ask for.
pub const LIFETIME_DEFAULT_S: u32 = 600;
pub const LIFETIME_MAX_S: u32 = 3600;

/// RFC 8656 section 9.
pub const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);

/// RFC 8656 section 12.
pub const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// Channel numbers (RFC 8656 section 12).
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4fff;

/// Our SFU has a few addresses; a permission is for one of them, whatever the port.
pub const PERMISSIONS_MAX: usize = 16;

/// A channel is for one address and port: those of the worker that has the room, and of the one of an earlier call.
pub const CHANNELS_MAX: usize = 32;

/// What one allocation may carry in each direction: a page of video tiles, and no more than a home's uplink.
pub const BITRATE_MAX_BPS: u32 = 10_000_000;

/// What may come at once, so that a key frame is not cut: 200 ms of the bitrate.
const BURST_BYTES: f64 = BITRATE_MAX_BPS as f64 / 8.0 * 0.2;

/// The lifetime to grant, in seconds, for the one that was asked (RFC 8656 section 7.2).
pub fn lifetime_s(asked: Option<u32>) -> u32 {
    asked.unwrap_or(0).clamp(LIFETIME_DEFAULT_S, LIFETIME_MAX_S)
}

/// Why a channel was not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindError {
    /// The number is not a channel's, or the number or the peer is bound to another.
    Invalid,
    /// There are as many as there may be.
    Full,
}

/// What one client has from us.
#[derive(Debug)]
pub struct Allocation {
    relayed: SocketAddr,
    expires: Instant,
    permissions: Vec<(IpAddr, Instant)>,
    channels: Vec<Channel>,
    /// Client to peer, and peer to client.
    up: Bucket,
    down: Bucket,
}

#[derive(Debug)]
struct Channel {
    number: u16,
    peer: SocketAddr,
    expires: Instant,
}

impl Allocation {
    pub fn new(relayed: SocketAddr, lifetime_s: u32, now: Instant) -> Allocation {
        Allocation {
            relayed,
            expires: now + Duration::from_secs(lifetime_s.into()),
            permissions: Vec::new(),
            channels: Vec::new(),
            up: Bucket::new(now),
            down: Bucket::new(now),
        }
    }

    pub fn relayed(&self) -> SocketAddr {
        self.relayed
    }

    pub fn expires(&self) -> Instant {
        self.expires
    }

    pub fn refresh(&mut self, lifetime_s: u32, now: Instant) {
        self.expires = now + Duration::from_secs(lifetime_s.into());
    }

    /// Whether permissions for all of these can be had.
    pub fn has_room_for(&mut self, ips: &[IpAddr], now: Instant) -> bool {
        self.permissions.retain(|(_, expires)| *expires > now);
        let mut more: Vec<IpAddr> = ips.iter().copied().filter(|ip| !self.is_permitted(*ip, now)).collect();
        more.sort_unstable();
        more.dedup();
        self.permissions.len() + more.len() <= PERMISSIONS_MAX
    }

    /// Installs or refreshes a permission, where [`Allocation::has_room_for`] it.
    pub fn permit(&mut self, ip: IpAddr, now: Instant) {
        self.permissions.retain(|(permitted, _)| *permitted != ip);
        if self.permissions.len() < PERMISSIONS_MAX {
            self.permissions.push((ip, now + PERMISSION_LIFETIME));
        }
    }

    pub fn is_permitted(&self, ip: IpAddr, now: Instant) -> bool {
        self.permissions
            .iter()
            .any(|(permitted, expires)| *permitted == ip && *expires > now)
    }

    /// Binds or refreshes a channel, with the permission that belongs to it.
    ///
    /// # Errors
    /// See [`BindError`]; nothing has changed then.
    pub fn bind(&mut self, number: u16, peer: SocketAddr, now: Instant) -> Result<(), BindError> {
        self.channels.retain(|channel| channel.expires > now);
        let contradicts = |c: &Channel| (c.number == number) != (c.peer == peer);
        if !CHANNELS.contains(&number) || self.channels.iter().any(contradicts) {
            return Err(BindError::Invalid);
        }
        if !self.has_room_for(&[peer.ip()], now) {
            return Err(BindError::Full);
        }
        let is_new = !self.channels.iter().any(|channel| channel.number == number);
        if is_new && self.channels.len() >= CHANNELS_MAX {
            return Err(BindError::Full);
        }
        self.channels.retain(|channel| channel.number != number);
        let expires = now + CHANNEL_LIFETIME;
        self.channels.push(Channel { number, peer, expires });
        self.permit(peer.ip(), now);
        Ok(())
    }

    /// The peer that a channel is bound to.
    pub fn peer_of(&self, number: u16, now: Instant) -> Option<SocketAddr> {
        let channel = self.channels.iter().find(|c| c.number == number && c.expires > now)?;
        Some(channel.peer)
    }

    /// The channel that is bound to a peer.
    pub fn channel_of(&self, peer: SocketAddr, now: Instant) -> Option<u16> {
        let channel = self.channels.iter().find(|c| c.peer == peer && c.expires > now)?;
        Some(channel.number)
    }

    /// Whether so many payload bytes may still go to a peer.
    pub fn may_send(&mut self, bytes: usize, now: Instant) -> bool {
        self.up.take(bytes, now)
    }

    /// Whether so many payload bytes may still go to the client.
    pub fn may_receive(&mut self, bytes: usize, now: Instant) -> bool {
        self.down.take(bytes, now)
    }

    /// (permissions, channels) that are kept, among them some that have expired.
    pub fn count(&self) -> (usize, usize) {
        (self.permissions.len(), self.channels.len())
    }
}

/// A token bucket of bytes, filled at [`BITRATE_MAX_BPS`].
#[derive(Debug)]
struct Bucket {
    bytes: f64,
    filled: Instant,
}

impl Bucket {
    fn new(now: Instant) -> Bucket {
        Bucket {
            bytes: BURST_BYTES,
            filled: now,
        }
    }

    fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let elapsed_s = now.saturating_duration_since(self.filled).as_secs_f64();
        self.bytes = (self.bytes + elapsed_s * f64::from(BITRATE_MAX_BPS) / 8.0).min(BURST_BYTES);
        self.filled = self.filled.max(now);
        let bytes = bytes as f64;
        let is_there = bytes <= self.bytes;
        if is_there {
            self.bytes -= bytes;
        }
        is_there
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to start its clock somewhere")]
mod tests {
    use super::*;

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, 7], port))
    }

    fn allocation(now: Instant) -> Allocation {
        Allocation::new(peer(50_000), LIFETIME_DEFAULT_S, now)
    }

    #[test]
    fn lifetimes_stay_within_the_rfcs() {
        for (asked, granted) in [
            (None, 600),
            (Some(1), 600),
            (Some(600), 600),
            (Some(1800), 1800),
            (Some(3600), 3600),
            (Some(u32::MAX), 3600),
        ] {
            assert_eq!(lifetime_s(asked), granted, "{asked:?}");
        }
    }

    #[test]
    fn a_permission_lasts_five_minutes_from_its_last_request() {
        let now = Instant::now();
        let mut allocation = allocation(now);
        let ip = peer(1).ip();
        assert!(!allocation.is_permitted(ip, now));
        allocation.permit(ip, now);
        let later = now + Duration::from_secs(200);
        allocation.permit(ip, later);
        assert!(allocation.is_permitted(ip, now + PERMISSION_LIFETIME));
        assert!(!allocation.is_permitted(ip, later + PERMISSION_LIFETIME));
        assert_eq!(allocation.count(), (1, 0));
    }

    #[test]
    fn a_channel_has_one_peer_and_a_peer_one_channel() {
        let now = Instant::now();
        let mut allocation = allocation(now);
        assert_eq!(allocation.bind(0x4000, peer(1), now), Ok(()));
        assert_eq!(allocation.bind(0x4000, peer(1), now), Ok(()), "a refresh");
        assert_eq!(allocation.bind(0x4000, peer(2), now), Err(BindError::Invalid));
        assert_eq!(allocation.bind(0x4001, peer(1), now), Err(BindError::Invalid));
        for number in [0, 0x3fff, 0x5000, 0xffff] {
            assert_eq!(allocation.bind(number, peer(3), now), Err(BindError::Invalid), "{number:#x}");
        }
        assert!(
            allocation.is_permitted(peer(9).ip(), now),
            "the permission that belongs to it"
        );
        let end = now + CHANNEL_LIFETIME;
        assert_eq!(allocation.peer_of(0x4000, end - Duration::from_secs(1)), Some(peer(1)));
        assert_eq!(
            (allocation.peer_of(0x4000, end), allocation.channel_of(peer(1), end)),
            (None, None)
        );
        assert_eq!(allocation.bind(0x4000, peer(2), end), Ok(()), "free again");
    }

    #[test]
    fn permissions_and_channels_are_bounded() {
        let now = Instant::now();
        let mut allocation = allocation(now);
        for n in 0..100 {
            let ip = IpAddr::from([203, 0, 113, n]);
            if allocation.has_room_for(&[ip, ip], now) {
                allocation.permit(ip, now);
            }
        }
        assert_eq!(allocation.count(), (PERMISSIONS_MAX, 0));
        let known = IpAddr::from([203, 0, 113, 0]);
        assert!(allocation.has_room_for(&[known], now), "it is there already");
        let bound = (0..100).filter(|n| allocation.bind(0x4000 + n, SocketAddr::new(known, 1 + n), now).is_ok());
        assert_eq!(bound.count(), CHANNELS_MAX);
        assert_eq!(allocation.bind(0x4500, peer(1), now), Err(BindError::Full));
        let later = now + CHANNEL_LIFETIME;
        assert_eq!(allocation.bind(0x4500, peer(1), later), Ok(()), "what has expired makes room");
    }

    #[test]
    fn each_direction_carries_its_bitrate_and_no_more() {
        let now = Instant::now();
        let mut allocation = allocation(now);
        let mut taken = [0, 0];
        for n in 0..20_000 {
            let at = now + Duration::from_micros(n * 100);
            taken[0] += if allocation.may_send(1200, at) { 1200 } else { 0 };
            taken[1] += if allocation.may_receive(1200, at) { 1200 } else { 0 };
        }
        for bytes in taken {
            // Two seconds, and the burst.
            assert!((2_700_000..=2_760_000).contains(&bytes), "{bytes} bytes in two seconds");
        }
    }
}
