//! One side of a call of two, and how a call comes to have two.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::interval;

use crate::place::Place;
use crate::session::Session;

/// As often as a page in a call says `ping`.
const PING_EVERY: Duration = Duration::from_secs(1);

/// A call that rings: the caller, the callee, and what both know of it.
pub struct Ring {
    sessions: [Session; 2],
    call: Value,
    room: String,
}

pub struct Side {
    session: Session,
    place: Place,
    call: Value,
    room: String,
    attempt: u32,
}

impl Ring {
    /// Two new users, each from an address of its own, of whom one calls the other.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses a command.
    pub async fn new(url: &str, addresses: [IpAddr; 2]) -> anyhow::Result<Ring> {
        let mut caller = Session::open_from(addresses[0], url).await?;
        let mut callee = Session::open_from(addresses[1], url).await?;
        caller
            .send(json!({ "type": "call", "user_id": callee.user_id, "always_through_server": true }))
            .await?;
        let ringing = caller.expect("call_ringing").await?;
        let incoming = callee.expect("incoming_call").await?;
        ensure!(incoming["room_id"] == ringing["room_id"], "two rooms for one call");
        Ok(Ring {
            room: incoming["room_id"].as_str().context("a room has an id")?.to_owned(),
            call: incoming["call_id"].clone(),
            sessions: [caller, callee],
        })
    }

    /// It is answered, at the moment that is returned, and both sides begin to connect. (Pages do that while it rings, and are faster.)
    ///
    /// # Errors
    /// As of [`Ring::new`].
    pub async fn answer(mut self, places: [Place; 2]) -> anyhow::Result<(Instant, Vec<Side>)> {
        let answered = Instant::now();
        self.sessions[1]
            .send(json!({ "type": "accept", "call_id": self.call }))
            .await?;
        let mut sides = Vec::new();
        for (session, place) in self.sessions.into_iter().zip(places) {
            let mut side = Side {
                session,
                place,
                call: self.call.clone(),
                room: self.room.clone(),
                attempt: 0,
            };
            side.connect().await?;
            sides.push(side);
        }
        Ok((answered, sides))
    }
}

impl Side {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.attempt += 1;
        self.place.offer(&mut self.session, &self.room, self.attempt).await
    }

    /// Until it is told to stop, and hangs up. How often its connection was given up, and made again.
    ///
    /// # Errors
    /// The call ended, or a command was refused.
    pub async fn stay(mut self, mut stop: watch::Receiver<bool>) -> anyhow::Result<usize> {
        let mut ping = interval(PING_EVERY);
        let mut lost = 0;
        loop {
            tokio::select! {
                event = self.session.next() => {
                    let event = event?;
                    if self.place.heed(&event, self.attempt)? {
                        lost += 1;
                        self.connect().await?;
                    }
                    match event["type"].as_str() {
                        Some("call_ended") if *stop.borrow() => return Ok(lost),
                        Some("error" | "call_ended" | "room_left") => bail!("participant {}: {event}", self.place.index),
                        _ => {}
                    }
                }
                _ = ping.tick() => self.session.send(json!({ "type": "ping" })).await?,
                changed = stop.changed() => {
                    changed.context("nobody is left to say when it is over")?;
                    break;
                }
            }
        }
        // The other may have hung up already.
        let _ = self.session.send(json!({ "type": "hang_up", "call_id": self.call })).await;
        Ok(lost)
    }
}
