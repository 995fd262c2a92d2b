//! One participant without a websocket: an encoder that publishes by WHIP (RFC 9725), or a player that watches by WHEP.

use std::time::Instant;

use anyhow::{Context, ensure};
use hyper::{Method, StatusCode};
use tokio::sync::watch;

use super::attendance::{Attendance, Seat};
use crate::http;
use crate::session;

impl Seat {
    /// Publishes if it has a camera or a microphone, else watches, until it is told to leave.
    pub async fn attend_by_http(self, mut stop: watch::Receiver<bool>) -> anyhow::Result<Attendance> {
        let place = &self.place;
        let publishes = place.camera || place.microphone;
        let server = session::host(&self.url)?;
        let path = if publishes {
            format!("/whip/{}/p{}", self.link, place.index)
        } else {
            format!("/whep/{}?name=v{}", self.link, place.index)
        };
        let began = Instant::now();
        let (sdp, _) = place.connect();
        let answer = http::ask(server, Method::POST, &path, Some(("application/sdp", sdp))).await?;
        if self.may_be_refused && answer.status == StatusCode::SERVICE_UNAVAILABLE {
            return Ok(Attendance::refused(place.index, began));
        }
        ensure!(
            answer.status == StatusCode::CREATED,
            "{path}: {} {}",
            answer.status,
            answer.body
        );
        let resource = answer.location.context("201 says where the resource is")?;
        place.answer(answer.body);
        let _ = stop.changed().await;
        let ended = http::ask(server, Method::DELETE, &resource, None).await?.status;
        ensure!(
            ended.is_success(),
            "participant {} was gone before the end: {ended}",
            place.index
        );
        Ok(Attendance {
            index: place.index,
            began,
            to_media: !publishes,
            tiles: usize::from(!publishes),
            refused: None,
            lost: Vec::new(),
        })
    }
}
