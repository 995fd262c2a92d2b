//! Participants in the API: who is in a room, or waits to be let in.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::{Asked, Body};
use super::page::{List, Page};
use super::rooms::room_key;
use crate::http::problem::Problem;
use crate::id::{ParticipantId, Source};
use crate::signaling::operator::{ParticipantSeen, Unfit};
use crate::signaling::protocol::{Measured, PathProtocol};
use crate::signaling::record::PathChange;

/// Somebody in a room, or in its lobby.
#[derive(Debug, Serialize, ToSchema)]
pub struct Participant {
    id: String,
    user_id: String,
    /// Empty where none was given.
    name: String,
    /// In the lobby.
    waiting: bool,
    host: bool,
    hand_raised: bool,
    /// Its websocket is gone, and may come back.
    reconnecting: bool,
    /// The tracks that are on.
    sources: Vec<Track>,
    /// How its media flows; none: it has not said so yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<MediaPath>,
    /// What it measured last, every few seconds; none: nothing yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
    /// For how long it has been in.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_s: Option<u64>,
}

/// How the media of a participant flows, as its browser said last.
#[derive(Debug, Serialize, ToSchema)]
struct MediaPath {
    /// `direct`, from browser to browser, or `forwarded` by this server.
    kind: &'static str,
    /// `udp`, `tcp` or `tls`; not every browser can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    /// Whether this server's relay (TURN) lies between: then `protocol` is what reaches that.
    relayed: bool,
    /// Why it was taken, as in `tandem_call_path_total`.
    reason: &'static str,
}

impl From<PathChange> for MediaPath {
    fn from(change: PathChange) -> MediaPath {
        MediaPath {
            kind: change.path.as_str(),
            protocol: change.protocol.map(PathProtocol::as_str),
            relayed: change.relayed,
            reason: change.reason.as_str(),
        }
    }
}

/// What a track carries.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Track {
    Microphone,
    Camera,
    Screen,
    ScreenAudio,
}

impl From<Source> for Track {
    fn from(source: Source) -> Track {
        match source {
            Source::Microphone => Track::Microphone,
            Source::Camera => Track::Camera,
            Source::Screen => Track::Screen,
            Source::ScreenAudio => Track::ScreenAudio,
        }
    }
}

impl From<Track> for Source {
    fn from(track: Track) -> Source {
        match track {
            Track::Microphone => Source::Microphone,
            Track::Camera => Source::Camera,
            Track::Screen => Source::Screen,
            Track::ScreenAudio => Source::ScreenAudio,
        }
    }
}

impl From<ParticipantSeen> for Participant {
    fn from(seen: ParticipantSeen) -> Participant {
        Participant {
            id: seen.participant.to_string(),
            user_id: seen.user.user_id.to_string(),
            name: seen.user.name,
            waiting: seen.waiting,
            host: seen.host,
            hand_raised: seen.hand,
            reconnecting: seen.reconnecting,
            sources: seen.sources.into_iter().map(Track::from).collect(),
            path: seen.path.map(MediaPath::from),
            measured: seen.measured,
            since_s: seen.since.map(|long| long.as_secs()),
        }
    }
}

/// Which track is to be switched off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mute {
    source: Track,
}

#[utoipa::path(
    get, path = "/rooms/{room}/participants", tag = "participants", operation_id = "list_participants",
    params(("room" = String, Path, description = "Its id, or its link's"), Page),
    responses((status = 200, description = "Who is in the room or in its lobby, in the order of their ids", body = List<Participant>))
)]
pub async fn list(
    State(api): State<Api>,
    Path(room): Path<String>,
    Asked(page): Asked<Page>,
) -> Result<Json<List<Participant>>, Problem> {
    let (key, after, limit) = (room_key(&room)?, page.after()?, page.limit()? as usize);
    let part = api.ask(move |hub, now| hub.list_participants(key, after, limit, now)).await?;
    let part = part.map_err(super::refuse)?;
    Ok(Json(List::new(part, Participant::from, |one| one.id.clone())))
}

#[utoipa::path(
    post, path = "/rooms/{room}/participants/{participant}/mute", tag = "participants", operation_id = "mute_participant",
    request_body = Mute,
    params(("room" = String, Path, description = "Its id, or its link's"), ("participant" = String, Path)),
    responses((status = 204, description = "The track is off; its owner may switch it on again"))
)]
pub async fn mute(
    State(api): State<Api>,
    Path((room, participant)): Path<(String, String)>,
    Body(Mute { source }): Body<Mute>,
) -> Result<StatusCode, Problem> {
    let (key, id) = (room_key(&room)?, participant_id(&participant)?);
    let done = api
        .ask(move |hub, now| hub.mute_participant(key, id, source.into(), now))
        .await?;
    done.map_err(super::refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    delete, path = "/rooms/{room}/participants/{participant}", tag = "participants", operation_id = "remove_participant",
    params(("room" = String, Path, description = "Its id, or its link's"), ("participant" = String, Path)),
    responses((status = 204, description = "They are out, and the link does not let their user in again while the room lives"))
)]
pub async fn remove(State(api): State<Api>, Path((room, participant)): Path<(String, String)>) -> Result<StatusCode, Problem> {
    let (key, id) = (room_key(&room)?, participant_id(&participant)?);
    let done = api.ask(move |hub, now| hub.remove_participant(key, id, now)).await?;
    done.map_err(super::refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

fn participant_id(text: &str) -> Result<ParticipantId, Problem> {
    text.parse().map_err(|_| super::refuse(Unfit::NoSuchParticipant))
}
