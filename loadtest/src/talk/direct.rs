//! The negotiation of a connection between the two sides of a call, which the server carries as signals.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, ensure};
use loadtest::participant::Participant;
use serde_json::{Value, json};

use crate::session::Session;

/// A side's place in it.
pub(super) struct Role {
    /// It waits for the other's offer.
    polite: bool,
    /// The other's id.
    other: String,
}

impl Role {
    /// Of what the server says when the call is answered.
    ///
    /// # Errors
    /// The two may not connect.
    pub fn read(answered: &Value) -> anyhow::Result<Role> {
        ensure!(answered["direct"] == true, "the server lets the two not connect: {answered}");
        let other = answered["participants"][0]["participant_id"].as_str();
        Ok(Role {
            polite: answered["polite"] == true,
            other: other.context("the other has an id")?.to_owned(),
        })
    }

    /// Agrees with the other, from this address.
    ///
    /// # Errors
    /// The websocket is closed, or what the other says is no offer or answer.
    pub async fn connect(&self, session: &mut Session, room: &str, address: SocketAddr) -> anyhow::Result<Participant> {
        if self.polite {
            let offer = described(session, "offer").await?;
            let made = Participant::answer_directly(address, &offer, Instant::now());
            let (participant, answer) = made.with_context(|| format!("no offer of two m-lines: {offer}"))?;
            self.describe(session, room, "answer", &answer).await?;
            return Ok(participant);
        }
        let (mut participant, offer) = Participant::offer_directly(address, Instant::now());
        self.describe(session, room, "offer", &offer).await?;
        participant.accept_answer(&described(session, "answer").await?, Instant::now());
        Ok(participant)
    }

    async fn describe(&self, session: &mut Session, room: &str, kind: &str, sdp: &str) -> anyhow::Result<()> {
        let signal = json!({ "kind": "description", "generation": 1, "sdp_type": kind, "sdp": sdp });
        let command = json!({ "type": "signal", "room_id": room, "to": self.other, "signal": signal });
        session.send(command).await
    }
}

/// What the other offers or answers.
async fn described(session: &mut Session, kind: &str) -> anyhow::Result<String> {
    let signal = session.expect("signaled").await?["signal"].take();
    ensure!(signal["sdp_type"] == kind, "no {kind}, but {signal}");
    Ok(signal["sdp"].as_str().context("a description has SDP")?.to_owned())
}
