//! Where one synthetic browser's media is carried, and how its websocket and that media work together: offers, answers, and what is
//! wanted of its camera.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use anyhow::Context;
use loadtest::participant::Participant;
use loadtest::traffic::Traffic;
use serde_json::{Value, json};
use str0m::media::Direction;

use crate::media::{self, Media, Milestones, Order};
use crate::session::Session;

pub struct Place {
    /// Among all participants.
    pub index: usize,
    pub address: SocketAddr,
    pub orders: Sender<Order>,
    pub milestones: Arc<Milestones>,
    pub camera: bool,
    pub microphone: bool,
    /// Slots for pictures and for voices.
    pub tiles: usize,
    pub voices: usize,
    /// Its camera is no encoder, but this.
    pub plainly: Option<Traffic>,
}

impl Place {
    /// One with camera and microphone for a call of two, on this thread.
    pub fn of_two(index: usize, thread: &Media, traffic: Option<Traffic>) -> Place {
        Place {
            index,
            address: media::local_address(index, thread),
            orders: thread.orders.clone(),
            milestones: Arc::default(),
            camera: true,
            microphone: true,
            tiles: 1,
            voices: 1,
            plainly: traffic,
        }
    }

    /// Makes its connection, anew with each attempt.
    ///
    /// # Errors
    /// The websocket is gone.
    pub async fn offer(&self, session: &mut Session, room: &str, attempt: u32) -> anyhow::Result<()> {
        let (sdp, lines) = self.connect();
        session
            .send(json!({ "type": "offer", "room_id": room, "attempt": attempt, "sdp": sdp, "sources": lines }))
            .await?;
        let on = [(self.microphone, "microphone"), (self.camera, "camera")];
        let sources: Vec<&str> = on.iter().filter(|track| track.0).map(|track| track.1).collect();
        session
            .send(json!({ "type": "publish", "room_id": room, "sources": sources }))
            .await
    }

    /// Hands a new participant to its thread: its offer, and what it sends on which m-lines.
    pub fn connect(&self) -> (String, Value) {
        let now = Instant::now();
        let (mut participant, sdp) = Participant::with_slots(self.address, Direction::SendOnly, self.tiles, self.voices, now);
        participant.mark = self.index as u16;
        if let Some(traffic) = &self.plainly {
            participant.send_plainly(traffic);
        }
        participant.camera_on = self.camera;
        participant.microphone_on = self.microphone;
        participant.publish(now);
        let lines = json!([
            { "mid": participant.microphone().to_string(), "source": "microphone" },
            { "mid": participant.camera().to_string(), "source": "camera" },
        ]);
        let _ = self.orders.send(Order::Add {
            index: self.index,
            participant: Box::new(participant),
            milestones: self.milestones.clone(),
        });
        (sdp, lines)
    }

    /// The server answered its offer.
    pub fn answer(&self, sdp: String) {
        let _ = self.orders.send(Order::Answer { index: self.index, sdp });
    }

    /// What the server says of its media. True: its connection is to be made again.
    ///
    /// # Errors
    /// An answer has no SDP.
    pub fn heed(&self, event: &Value, attempt: u32) -> anyhow::Result<bool> {
        match event["type"].as_str() {
            Some("offer_answered") if event["attempt"] == attempt => {
                self.answer(event["sdp"].as_str().context("an answer has SDP")?.to_owned());
            }
            Some("layers_wanted") => {
                let _ = self.orders.send(Order::Want {
                    index: self.index,
                    layers: layers(event),
                });
            }
            Some("transport_lost") if event["attempt"] == attempt => return Ok(true),
            _ => {}
        }
        Ok(false)
    }
}

/// What `layers_wanted` says.
pub fn layers(event: &Value) -> Vec<(Option<String>, bool, u32)> {
    let layers = event["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    layers
        .iter()
        .map(|layer| {
            (
                layer["rid"].as_str().map(str::to_owned),
                layer["active"].as_bool().unwrap_or(false),
                layer["bitrate_bps"].as_u64().map_or(u32::MAX, |bps| bps as u32),
            )
        })
        .collect()
}
