//! What waits to be sent, and which of it this process has in hand: the store has it too (D).

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::sync::Arc;

use crate::clock;
use crate::metrics::Metrics;
use crate::signaling::protocol::UserInfo;
use crate::signaling::push::{Missed, Nudge};
use crate::store::{PushAbout, PushRow, Store, StoreError};

/// What waits, at most. While it is so much, nothing more is taken.
const WAITING_MAX: usize = 1024;

/// What has waited for longer is nobody told any more: the next page that is opened shows it.
pub(super) const LASTS_S: u32 = 24 * 3600;

/// Somebody is to be told of something.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// In the store. None: that did not take it.
    pub place: Option<i64>,
    pub nudge: Nudge,
    /// Unix milliseconds.
    pub at_ms: i64,
}

impl Waiting {
    fn row(&self) -> PushRow {
        PushRow {
            to: self.nudge.to,
            from: self.nudge.from.user_id,
            from_name: self.nudge.from.name.clone(),
            about: match self.nudge.about {
                Missed::Call(call) => PushAbout::Call(call),
                Missed::Message { room, link } => PushAbout::Message { room, link },
            },
            at_ms: self.at_ms,
        }
    }

    fn of_row((place, row): (i64, PushRow)) -> Waiting {
        let from = UserInfo {
            user_id: row.from,
            name: row.from_name,
        };
        let about = match row.about {
            PushAbout::Call(call) => Missed::Call(call),
            PushAbout::Message { room, link } => Missed::Message { room, link },
        };
        Waiting {
            place: Some(place),
            nudge: Nudge { to: row.to, from, about },
            at_ms: row.at_ms,
        }
    }
}

/// All of it, in the order in which it came.
pub(super) struct Queue {
    store: Store,
    metrics: Arc<Metrics>,
    waiting: VecDeque<Waiting>,
    /// Places in the store of what waits here or is being sent.
    held: BTreeSet<i64>,
}

impl Queue {
    pub fn new(store: Store, metrics: Arc<Metrics>) -> Queue {
        Queue {
            store,
            metrics,
            waiting: VecDeque::new(),
            held: BTreeSet::new(),
        }
    }

    pub fn has_place(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Keeps these. They wait also where the store does not take them.
    pub async fn put(&mut self, nudges: Vec<Nudge>) {
        if nudges.is_empty() {
            return;
        }
        let at_ms = clock::unix_ms();
        let fresh = |nudge| Waiting {
            place: None,
            nudge,
            at_ms,
        };
        let mut new: Vec<Waiting> = nudges.into_iter().map(fresh).collect();
        let rows: Vec<PushRow> = new.iter().map(Waiting::row).collect();
        match self.store.keep_pushes(&rows).await {
            Ok(places) => {
                self.held.extend(&places);
                for (one, place) in new.iter_mut().zip(places) {
                    one.place = Some(place);
                }
            }
            Err(error) => self.failed(&error, "push messages do not outlive a restart: they were not kept"),
        }
        self.waiting.extend(new);
    }

    /// Takes up what waits in the store and is not in hand: of the process before, or of a node that this one has adopted.
    pub async fn look(&mut self) {
        let since_ms = clock::unix_ms() - i64::from(LASTS_S) * 1000;
        let most = self.held.len() + WAITING_MAX;
        match self.store.waiting_pushes(since_ms, most).await {
            Ok(rows) => {
                for row in rows {
                    if self.has_place() && self.held.insert(row.0) {
                        self.waiting.push_back(Waiting::of_row(row));
                    }
                }
            }
            Err(error) => self.failed(&error, "push messages that wait are not read"),
        }
    }

    pub fn next(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// It was sent, or cannot be. Done here alone, since the store may give the place to another at once.
    pub async fn end(&mut self, place: i64) {
        match self.store.end_push(place).await {
            Ok(()) => {
                self.held.remove(&place);
            }
            Err(error) => self.failed(&error, "a push message that was sent may be sent once more after a restart"),
        }
    }

    /// The store did not do something; what follows from that.
    fn failed(&self, error: &StoreError, so: &str) {
        self.metrics.store_failures.with_label_values(&["push"]).inc();
        tracing::warn!(error = error as &dyn Error, "{so}");
    }
}
