//! Webhooks: the operator's application is told what happens, in signed requests (Standard Webhooks 1.0). What happened is kept in the
//! store in the same change as all else that lasts of it, and goes to each endpoint from there, in its own time.

mod courier;
mod message;
mod schedule;
mod signature;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

pub use self::courier::Couriers;
pub use self::message::EventType;
use crate::config::{EndpointConfig, WebhooksConfig};
use crate::id::WebhookId;
use crate::signaling::happening::Happening;
use crate::store::NewWebhook;

/// The endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks {
    endpoints: Arc<[Arc<Endpoint>]>,
    queue_max: u32,
}

#[derive(Debug)]
struct Endpoint {
    config: EndpointConfig,
    /// Not, after it said that it is gone.
    enabled: AtomicBool,
    /// Something may be due.
    wake: Notify,
}

impl Webhooks {
    pub fn new(config: &WebhooksConfig) -> Webhooks {
        let endpoint = |config: &EndpointConfig| {
            Arc::new(Endpoint {
                config: config.clone(),
                enabled: AtomicBool::new(true),
                wake: Notify::new(),
            })
        };
        Webhooks {
            endpoints: config.endpoints.iter().map(endpoint).collect(),
            queue_max: config.queue_max,
        }
    }

    /// Nobody is told anything.
    pub fn none() -> Webhooks {
        Webhooks {
            endpoints: Arc::new([]),
            queue_max: 0,
        }
    }

    pub fn is_none(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Messages that wait for one endpoint, at most.
    pub fn queue_max(&self) -> u32 {
        self.queue_max
    }

    /// A message for each endpoint that wants to know. `draw`: a random number for each.
    pub fn messages(&self, what: &Happening, at_ms: i64, mut draw: impl FnMut() -> u64) -> Vec<NewWebhook> {
        let event = EventType::of(what);
        let wants = |endpoint: &&Arc<Endpoint>| {
            let events = &endpoint.config.events;
            endpoint.enabled.load(Ordering::Relaxed) && (events.is_empty() || events.contains(&event))
        };
        let told = self.endpoints.iter().filter(wants);
        told.map(|endpoint| NewWebhook {
            id: WebhookId::from_random(draw()),
            endpoint: endpoint.config.url.clone(),
            event: event.as_str(),
            payload: message::payload(what, at_ms, endpoint.config.include_text),
        })
        .collect()
    }

    /// Of the endpoints.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.endpoints.iter().map(|endpoint| endpoint.config.url.as_str())
    }

    /// Something was put into the store for the endpoints.
    pub fn wake(&self) {
        for endpoint in self.endpoints.iter() {
            endpoint.wake.notify_one();
        }
    }

    /// Messages go to an endpoint from here on, also if it said that it is gone; false: it is not in the configuration.
    pub fn enable(&self, url: &str) -> bool {
        match self.endpoints.iter().find(|endpoint| endpoint.config.url == url) {
            Some(endpoint) => {
                endpoint.enabled.store(true, Ordering::Relaxed);
                true
            }
            None => false,
        }
    }
}
