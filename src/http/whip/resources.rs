//! Which WHIP and WHEP resources there are: looked up by ids that nobody can guess, bounded in number.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::offer::Side;
use super::sdpfrag::Fragment;
use super::session::{Patched, Unpatched};
use crate::auth;
use crate::http::addresses;
use crate::id::{LinkId, UserId};
use crate::metrics::Metrics;

/// On this node: each is a transport of the SFU and a participant of a room.
const RESOURCES_MAX: usize = 1000;

/// Requests that wait for one resource. When it is full, the next one waits at its connection.
const ASKS_MAX: usize = 8;

/// What a request wants of a resource.
pub enum Ask {
    Patch {
        if_match: Option<String>,
        fragment: Fragment,
        reply: oneshot::Sender<Result<Patched, Unpatched>>,
    },
    End {
        done: oneshot::Sender<()>,
    },
}

/// All resources. Cheap to clone.
#[derive(Clone)]
pub struct Resources {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
    /// Seeded by the process.
    hasher: RandomState,
    metrics: Arc<Metrics>,
}

struct Entry {
    side: Side,
    asks: mpsc::Sender<Ask>,
}

/// A resource's place among the others. It is free again when this is dropped.
pub struct Registered {
    pub id: String,
    pub asks: mpsc::Receiver<Ask>,
    side: Side,
    resources: Resources,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    Full,
    NoRandom,
}

impl Resources {
    pub fn new(metrics: Arc<Metrics>) -> Resources {
        Resources {
            entries: Arc::default(),
            hasher: RandomState::new(),
            metrics,
        }
    }

    /// A place under a new id.
    ///
    /// # Errors
    /// There are too many, or no random numbers.
    pub fn add(&self, side: Side) -> Result<Registered, NoPlace> {
        let id = auth::random_secret().map_err(|_| NoPlace::NoRandom)?;
        let (sender, asks) = mpsc::channel(ASKS_MAX);
        let mut entries = self.entries();
        if entries.len() >= RESOURCES_MAX {
            return Err(NoPlace::Full);
        }
        entries.insert(id.clone(), Entry { side, asks: sender });
        self.metrics.resources.with_label_values(&[side.as_str()]).inc();
        Ok(Registered {
            id,
            asks,
            side,
            resources: self.clone(),
        })
    }

    /// Who somebody is that has no account: the same user as long as address, room and name are the same, so that whom a host
    /// removed stays out. A proxy on this machine speaks for everybody, so there each is somebody else.
    pub fn user(&self, remote: IpAddr, link: LinkId, name: &str, registered: &Registered) -> UserId {
        let bits = match addresses::key(remote) {
            Some(address) => self.hasher.hash_one((address, link, name)),
            None => self.hasher.hash_one(&registered.id),
        };
        UserId::from_random(bits)
    }

    /// Where to ask this resource.
    pub fn find(&self, side: Side, id: &str) -> Option<mpsc::Sender<Ask>> {
        let entries = self.entries();
        let entry = entries.get(id).filter(|entry| entry.side == side)?;
        Some(entry.asks.clone())
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.resources.entries().remove(&self.id);
        let gauge = &self.resources.metrics.resources;
        gauge.with_label_values(&[self.side.as_str()]).dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_found_on_its_side_while_it_lives() {
        let resources = Resources::new(Arc::new(Metrics::new()));
        let one = resources.add(Side::Publish).expect("room");
        let other = resources.add(Side::Publish).expect("room");
        assert_ne!(one.id, other.id);
        assert!(one.id.len() >= 32, "it can be guessed");
        assert!(resources.find(Side::Publish, &one.id).is_some());
        assert!(resources.find(Side::Watch, &one.id).is_none());
        let id = one.id.clone();
        drop(one);
        assert!(resources.find(Side::Publish, &id).is_none());
    }

    #[test]
    fn whoever_comes_back_from_the_same_address_under_the_same_name_is_the_same() {
        let resources = Resources::new(Arc::new(Metrics::new()));
        let places = [resources.add(Side::Publish), resources.add(Side::Publish)].map(|place| place.expect("room"));
        let link = LinkId::from_random(1);
        let user = |address: &str, link, name, n: usize| resources.user(address.parse().expect("one"), link, name, &places[n]);
        let studio = user("192.0.2.1", link, "Studio", 0);
        assert_eq!(studio, user("::ffff:192.0.2.1", link, "Studio", 1));
        assert_ne!(studio, user("192.0.2.2", link, "Studio", 1));
        assert_ne!(studio, user("192.0.2.1", LinkId::from_random(2), "Studio", 1));
        assert_ne!(studio, user("192.0.2.1", link, "Stage", 1));
        assert_ne!(user("127.0.0.1", link, "Studio", 0), user("127.0.0.1", link, "Studio", 1));
    }

    #[test]
    fn resources_are_bounded() {
        let resources = Resources::new(Arc::new(Metrics::new()));
        let mut all: Vec<_> = (0..RESOURCES_MAX)
            .map(|_| resources.add(Side::Watch).expect("room"))
            .collect();
        assert_eq!(resources.add(Side::Watch).err(), Some(NoPlace::Full));
        all.pop();
        assert!(resources.add(Side::Watch).is_ok());
    }
}
