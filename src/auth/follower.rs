//! Looks at what somebody else keeps, again and again (D): when it is old, when a look failed, and when somebody asks for it.

#![expect(clippy::disallowed_methods, reason = "a driver has the clock and a task")]

use std::fmt::Display;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// Askers that wait for another look. Those beyond it do not wait.
const ASKS_MAX: usize = 64;

/// How often it is looked.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// However many ask, not more often than this.
    pub floor: Duration,
    /// How long what was seen counts.
    pub age_max: Duration,
    /// After a look that failed, if nobody asks before.
    pub retry_after: Duration,
    /// How long whoever asks waits for a look.
    pub patience: Duration,
}

/// What is looked at.
pub trait Source: Send + Sync + 'static {
    type Error: Display + Send;

    /// Looks at it, and keeps what is there.
    fn look(&self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// It can be seen again.
    fn is_back(&self);

    /// It cannot be seen any more. Told once: strangers decide how often it is tried.
    fn is_away(&self, error: &Self::Error);
}

/// Its task ends when this is dropped.
#[derive(Debug)]
pub struct Follower {
    asks: mpsc::Sender<oneshot::Sender<()>>,
    patience: Duration,
}

impl Follower {
    /// Looks for the first time after so long.
    pub fn start(source: impl Source, rhythm: Rhythm, after: Duration) -> Follower {
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        tokio::spawn(follow(source, rhythm, Instant::now() + after, asked));
        Follower {
            asks,
            patience: rhythm.patience,
        }
    }

    /// Waits for another look, unless the last was a moment ago. What was seen before has to do where none comes.
    pub async fn look(&self) {
        let (reply, answer) = oneshot::channel();
        if self.asks.try_send(reply).is_ok() {
            let _ = timeout(self.patience, answer).await;
        }
    }
}

async fn follow(source: impl Source, rhythm: Rhythm, mut due: Instant, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut looked: Option<Instant> = None;
    let mut is_well = true;
    loop {
        let waiting = tokio::select! {
            ask = asked.recv() => match ask {
                Some(reply) => Some(reply),
                None => return,
            },
            () = sleep_until(due) => None,
        };
        if waiting.is_none() || looked.is_none_or(|at| at.elapsed() >= rhythm.floor) {
            let seen = source.look().await;
            looked = Some(Instant::now());
            due = Instant::now() + if seen.is_ok() { rhythm.age_max } else { rhythm.retry_after };
            match seen {
                Ok(()) if !std::mem::replace(&mut is_well, true) => source.is_back(),
                Ok(()) => {}
                Err(error) => {
                    if std::mem::take(&mut is_well) {
                        source.is_away(&error);
                    }
                }
            }
        }
        if let Some(reply) = waiting {
            // Whoever asked may have given up.
            let _ = reply.send(());
        }
    }
}
