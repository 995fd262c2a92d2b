//! One participant's websocket: joins by a link, connects, publishes, looks at the others, and stays.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::interval;

use crate::place::Place;
use crate::session::Session;

/// As often as a page in a call says `ping`.
const PING_EVERY: Duration = Duration::from_secs(1);

/// A page waits until its layout has settled.
const VIEW_EVERY: Duration = Duration::from_millis(250);

/// Who somebody is to be in a room.
pub struct Seat {
    pub url: String,
    pub link: String,
    pub place: Place,
    pub tile_width: u16,
    /// Not to be let in is no fault where the server has too much to do.
    pub may_be_refused: bool,
}

/// How it went.
pub struct Attendance {
    pub index: usize,
    /// When `join` was sent.
    pub began: Instant,
    /// Whether somebody published already.
    pub to_media: bool,
    /// Tiles that the last view named.
    pub tiles: usize,
    /// It was not let in, because the server had too much to do: how long that answer took.
    pub refused: Option<Duration>,
    /// When the server gave up a connection, which was then made again, as a page does.
    pub lost: Vec<Instant>,
}

impl Attendance {
    /// Of somebody who was not let in.
    pub fn refused(index: usize, began: Instant) -> Attendance {
        Attendance {
            index,
            began,
            to_media: false,
            tiles: 0,
            refused: Some(began.elapsed()),
            lost: Vec::new(),
        }
    }
}

impl Seat {
    /// Stays until it is told to leave.
    pub async fn attend(self, mut stop: watch::Receiver<bool>) -> anyhow::Result<Attendance> {
        let mut session = Session::open(&self.url).await?;
        let began = Instant::now();
        session.send(json!({ "type": "join", "link_id": self.link })).await?;
        let joined = loop {
            let event = session.next().await?;
            match event["type"].as_str() {
                Some("room_joined") => break event,
                Some("error") if self.may_be_refused && event["code"] == "overloaded" => {
                    return Ok(Attendance::refused(self.place.index, began));
                }
                Some("error") => bail!("not let in: {event}"),
                _ => {}
            }
        };
        let text = |value: &Value| value.as_str().map(str::to_owned).context("an id is text");
        let (room, own) = (text(&joined["room"]["room_id"])?, text(&joined["participant_id"])?);
        // Whether their cameras are on.
        let mut others: BTreeMap<String, bool> = BTreeMap::new();
        for participant in joined["participants"].as_array().into_iter().flatten() {
            note(&mut others, participant)?;
        }
        let mut attendance = Attendance {
            index: self.place.index,
            began,
            to_media: others.values().any(|camera| *camera),
            tiles: 0,
            refused: None,
            lost: Vec::new(),
        };
        let mut attempt = 1;
        self.place.offer(&mut session, &room, attempt).await?;
        let mut ping = interval(PING_EVERY);
        let mut look = interval(VIEW_EVERY);
        let mut view = Vec::new();
        loop {
            tokio::select! {
                event = session.next() => {
                    let event = event?;
                    if self.place.heed(&event, attempt)? {
                        attendance.lost.push(Instant::now());
                        attempt += 1;
                        self.place.offer(&mut session, &room, attempt).await?;
                    }
                    match event["type"].as_str() {
                        Some("participant_joined" | "participant_changed") => note(&mut others, &event["participant"])?,
                        Some("participant_left") => {
                            others.remove(&text(&event["participant_id"])?);
                        }
                        Some("error" | "room_left" | "lobby_entered") => bail!("participant {}: {event}", self.place.index),
                        _ => {}
                    }
                }
                _ = ping.tick() => session.send(json!({ "type": "ping" })).await?,
                _ = look.tick() => {
                    others.remove(&own);
                    let tiles = choose(&others, &own, self.place.tiles);
                    if tiles != view {
                        session.send(self.view(&room, &tiles)).await?;
                        attendance.tiles = tiles.len();
                        view = tiles;
                    }
                }
                _ = stop.changed() => break,
            }
        }
        session.send(json!({ "type": "leave", "room_id": room })).await?;
        Ok(attendance)
    }

    fn view(&self, room: &str, tiles: &[String]) -> Value {
        let tile = |id: &String| {
            json!({
                "participant_id": id, "source": "camera", "weight": "rest",
                "width_px": self.tile_width, "height_px": u32::from(self.tile_width) * 9 / 16,
            })
        };
        let tiles: Vec<Value> = tiles.iter().map(tile).collect();
        json!({ "type": "view", "room_id": room, "view": { "kind": "tiles", "tiles": tiles } })
    }
}

fn note(others: &mut BTreeMap<String, bool>, participant: &Value) -> anyhow::Result<()> {
    let id = participant["participant_id"].as_str().context("a participant has an id")?;
    let sources = participant["sources"].as_array().into_iter().flatten();
    others.insert(id.to_owned(), sources.into_iter().any(|source| source == "camera"));
    Ok(())
}

/// Those who come after oneself in the order of their ids, in a ring: so everybody is looked at by as many.
fn choose(others: &BTreeMap<String, bool>, own: &str, tiles: usize) -> Vec<String> {
    let after = others.range(own.to_owned()..);
    let ring = after.chain(others.range(..own.to_owned()));
    let cameras = ring.filter(|(_, camera)| **camera);
    cameras.take(tiles).map(|(id, _)| id.clone()).collect()
}
