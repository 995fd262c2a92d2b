//! How much one remote address may have at once: connections, websockets, websockets without a `hello`, users made, WHIP and WHEP
//! resources, wrong keys of the API, sign-ins.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::signaling::limits::{Limit, TokenBucket};

/// Websockets of one address that may wait for their `hello`: a page says it at once.
const HALF_OPEN_MAX: usize = 32;

/// Users that one address may make at once: a class room on its first day.
const USERS_BURST: f64 = 64.0;

/// Users that one address may make per second in the long run.
const USERS_PER_S: f64 = 0.2;

/// WHIP and WHEP resources of one address: a studio with some encoders, or a wall of screens.
const RESOURCES_MAX: usize = 64;

/// WHIP and WHEP requests for a resource that one address may make at once: each costs the SFU a handshake, and may try a pass phrase.
const REQUESTS_BURST: f64 = 64.0;

/// The same per second in the long run.
const REQUESTS_PER_S: f64 = 1.0;

/// Wrong keys of the API that one address may present at once, and per second in the long run.
const KEYS_BURST: f64 = 20.0;
const KEYS_PER_S: f64 = 0.2;

/// Sign-ins that one address may begin at once: an office in the morning. And per second in the long run.
const SIGN_INS_BURST: f64 = 64.0;
const SIGN_INS_PER_S: f64 = 1.0;

/// Entries above which those that say nothing any more are looked for.
const SWEEP_ABOVE: usize = 4096;

/// What all addresses have. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Addresses {
    connections_max: usize,
    websockets_max: usize,
    entries: Arc<Mutex<HashMap<IpAddr, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    connections: usize,
    websockets: usize,
    half_open: usize,
    users: TokenBucket,
    resources: usize,
    requests: TokenBucket,
    keys: TokenBucket,
    sign_ins: TokenBucket,
}

impl Entry {
    /// Whether it says nothing that a new one would not say.
    fn is_idle(&mut self, now: Instant) -> bool {
        let has_nothing = self.connections + self.websockets + self.resources == 0;
        let buckets = [&mut self.users, &mut self.requests, &mut self.keys, &mut self.sign_ins];
        has_nothing && buckets.into_iter().all(|bucket| bucket.is_full(now))
    }
}

impl Addresses {
    pub fn new(connections_max: usize, websockets_max: usize) -> Addresses {
        Addresses {
            connections_max,
            websockets_max,
            entries: Arc::default(),
        }
    }

    /// A place for one more TCP connection; or the limit that is reached.
    ///
    /// # Errors
    /// The limit.
    pub fn connect(&self, remote: IpAddr, now: Instant) -> Result<ConnectionPlace, Limit> {
        let key = key(remote);
        self.enter_as(key, now, |entry| {
            if entry.connections >= self.connections_max {
                return Err(Limit::ConnectionsPerAddress);
            }
            entry.connections += 1;
            Ok(())
        })?;
        Ok(ConnectionPlace {
            addresses: self.clone(),
            key,
        })
    }

    /// A place for one more websocket, which has said nothing yet; or the limit that is reached.
    ///
    /// # Errors
    /// The limit.
    pub fn enter(&self, remote: IpAddr, now: Instant) -> Result<Place, Limit> {
        let key = key(remote);
        self.enter_as(key, now, |entry| {
            if entry.websockets >= self.websockets_max {
                return Err(Limit::WebsocketsPerAddress);
            }
            if entry.half_open >= HALF_OPEN_MAX {
                return Err(Limit::HalfOpenPerAddress);
            }
            entry.websockets += 1;
            entry.half_open += 1;
            Ok(())
        })?;
        Ok(Place {
            addresses: self.clone(),
            key,
            half_open: true,
        })
    }

    /// A place for one more WHIP or WHEP resource; or the limit that is reached.
    ///
    /// # Errors
    /// The limit.
    pub fn request_resource(&self, remote: IpAddr, now: Instant) -> Result<ResourcePlace, Limit> {
        let key = key(remote);
        self.enter_as(key, now, |entry| {
            if !entry.requests.take(now) {
                return Err(Limit::ResourceRequests);
            }
            if entry.resources >= RESOURCES_MAX {
                return Err(Limit::ResourcesPerAddress);
            }
            entry.resources += 1;
            Ok(())
        })?;
        Ok(ResourcePlace {
            addresses: self.clone(),
            key,
        })
    }

    /// Whether this address may be told once more that its key is wrong; if so, it is counted.
    pub fn may_try_key(&self, remote: IpAddr, now: Instant) -> bool {
        let counted = self.enter_as(key(remote), now, |entry| match entry.keys.take(now) {
            true => Ok(()),
            false => Err(Limit::ApiKeys),
        });
        counted.is_ok()
    }

    /// Whether this address may begin one more sign-in; if so, it is counted.
    pub fn may_sign_in(&self, remote: IpAddr, now: Instant) -> bool {
        let counted = self.enter_as(key(remote), now, |entry| match entry.sign_ins.take(now) {
            true => Ok(()),
            false => Err(Limit::SignIns),
        });
        counted.is_ok()
    }

    fn enter_as(
        &self,
        key: Option<IpAddr>,
        now: Instant,
        enter: impl FnOnce(&mut Entry) -> Result<(), Limit>,
    ) -> Result<(), Limit> {
        let Some(key) = key else { return Ok(()) };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= SWEEP_ABOVE {
            entries.retain(|_, entry| !entry.is_idle(now));
        }
        enter(entries.entry(key).or_insert_with(|| Entry {
            connections: 0,
            websockets: 0,
            half_open: 0,
            users: TokenBucket::new(USERS_BURST, USERS_PER_S, now),
            resources: 0,
            requests: TokenBucket::new(REQUESTS_BURST, REQUESTS_PER_S, now),
            keys: TokenBucket::new(KEYS_BURST, KEYS_PER_S, now),
            sign_ins: TokenBucket::new(SIGN_INS_BURST, SIGN_INS_PER_S, now),
        }))
    }

    fn with(&self, key: Option<IpAddr>, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = key.and_then(|key| entries.get_mut(&key)) {
            change(entry);
        }
    }
}

/// The place of one websocket. It is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    addresses: Addresses,
    key: Option<IpAddr>,
    half_open: bool,
}

impl Place {
    /// The websocket has said its `hello`.
    pub fn greeted(&mut self) {
        if std::mem::take(&mut self.half_open) {
            self.addresses.with(self.key, |entry| entry.half_open -= 1);
        }
    }

    /// Whether this address may make one more user; if so, it is counted.
    pub fn may_make_user(&self, now: Instant) -> bool {
        let mut may = true;
        self.addresses.with(self.key, |entry| may = entry.users.take(now));
        may
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.greeted();
        self.addresses.with(self.key, |entry| entry.websockets -= 1);
    }
}

/// The place of one TCP connection. It is free again when this is dropped.
#[derive(Debug)]
pub struct ConnectionPlace {
    addresses: Addresses,
    key: Option<IpAddr>,
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.addresses.with(self.key, |entry| entry.connections -= 1);
    }
}

/// The place of one WHIP or WHEP resource. It is free again when this is dropped.
#[derive(Debug)]
pub struct ResourcePlace {
    addresses: Addresses,
    key: Option<IpAddr>,
}

impl Drop for ResourcePlace {
    fn drop(&mut self) {
        self.addresses.with(self.key, |entry| entry.resources -= 1);
    }
}

/// What is counted as one address. A proxy on this machine speaks for everybody, from one of two addresses.
pub fn key(remote: IpAddr) -> Option<IpAddr> {
    match remote.to_canonical() {
        IpAddr::V4(ip) if ip == std::net::Ipv4Addr::LOCALHOST => None,
        IpAddr::V4(ip) => Some(ip.into()),
        IpAddr::V6(ip) if ip.is_loopback() => None,
        IpAddr::V6(ip) => Some(std::net::Ipv6Addr::from_bits(ip.to_bits() & !(u128::MAX >> 64)).into()),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_has_so_many_websockets_and_a_closed_one_makes_room() {
        let (addresses, now) = (Addresses::new(9, 2), Instant::now());
        let first = addresses.enter(ip("192.0.2.1"), now).expect("the first");
        let _second = addresses.enter(ip("::ffff:192.0.2.1"), now).expect("the second");
        assert_eq!(addresses.enter(ip("192.0.2.1"), now).err(), Some(Limit::WebsocketsPerAddress));
        let _other = addresses.enter(ip("192.0.2.2"), now).expect("another address");
        drop(first);
        addresses.enter(ip("192.0.2.1"), now).expect("there is room again");
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_proxy_on_this_machine_is_none() {
        let (addresses, now) = (Addresses::new(9, 1), Instant::now());
        let _one = addresses.enter(ip("2001:db8::1"), now).expect("the first");
        assert!(addresses.enter(ip("2001:db8::ffff:0:0:1"), now).is_err());
        let _other = addresses.enter(ip("2001:db8:0:1::1"), now).expect("another network");
        let local: Vec<_> = (0..600)
            .map(|n| addresses.enter(ip(["127.0.0.1", "::1"][n % 2]), now))
            .collect();
        assert!(local.iter().all(Result::is_ok));
    }

    #[test]
    fn those_that_say_nothing_are_fewer() {
        let (addresses, now) = (Addresses::new(9, 1000), Instant::now());
        let mut places: Vec<Place> = (0..HALF_OPEN_MAX)
            .map(|_| addresses.enter(ip("192.0.2.1"), now).expect("room"))
            .collect();
        assert_eq!(addresses.enter(ip("192.0.2.1"), now).err(), Some(Limit::HalfOpenPerAddress));
        places[0].greeted();
        places[0].greeted();
        let _one = addresses.enter(ip("192.0.2.1"), now).expect("one said hello");
        assert!(addresses.enter(ip("192.0.2.1"), now).is_err());
    }

    #[test]
    fn users_are_made_at_a_rate() {
        let (addresses, now) = (Addresses::new(9, 9), Instant::now());
        let place = addresses.enter(ip("192.0.2.1"), now).expect("room");
        let made = (0..999).filter(|_| place.may_make_user(now)).count();
        assert_eq!(made as f64, USERS_BURST);
        drop(place);
        let again = addresses.enter(ip("192.0.2.1"), now).expect("room");
        assert!(!again.may_make_user(now), "a new websocket brings no new users");
        assert!(again.may_make_user(now + Duration::from_secs(5)));
    }

    #[test]
    fn connections_are_bounded_apart_from_websockets() {
        let (addresses, now) = (Addresses::new(2, 9), Instant::now());
        let first = addresses.connect(ip("192.0.2.1"), now).expect("the first");
        let _second = addresses.connect(ip("::ffff:192.0.2.1"), now).expect("the second");
        assert_eq!(
            addresses.connect(ip("192.0.2.1"), now).err(),
            Some(Limit::ConnectionsPerAddress)
        );
        let _websocket = addresses
            .enter(ip("192.0.2.1"), now)
            .expect("a websocket is counted for itself");
        drop(first);
        addresses.connect(ip("192.0.2.1"), now).expect("there is room again");
    }

    #[test]
    fn wrong_keys_are_tried_at_a_rate() {
        let (addresses, now) = (Addresses::new(9, 9), Instant::now());
        let tried = (0..999).filter(|_| addresses.may_try_key(ip("192.0.2.1"), now)).count();
        assert_eq!(tried as f64, KEYS_BURST);
        assert!(addresses.may_try_key(ip("192.0.2.2"), now), "another address has its own");
        assert!(addresses.may_try_key(ip("192.0.2.1"), now + Duration::from_secs(5)));
    }

    #[test]
    fn resources_are_bounded_and_asked_for_at_a_rate() {
        let (addresses, now) = (Addresses::new(9, 9), Instant::now());
        let places: Vec<_> = (0..RESOURCES_MAX)
            .map(|_| addresses.request_resource(ip("192.0.2.1"), now).expect("room"))
            .collect();
        let again = |at| addresses.request_resource(ip("192.0.2.1"), at).err();
        assert_eq!(again(now), Some(Limit::ResourceRequests));
        let later = now + Duration::from_secs(2);
        assert_eq!(again(later), Some(Limit::ResourcesPerAddress));
        drop(places);
        assert_eq!(again(later), None);
        assert_eq!(again(later), Some(Limit::ResourceRequests), "what was refused counts as well");
    }
}
