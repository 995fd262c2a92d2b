//! Rooms in the API: what an application makes people meet in.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::body::{Asked, Body, Whole, check_length, unfit};
use super::page::{List, Page};
use super::{Api, Reach};
use crate::http::problem::Problem;
use crate::id::{LinkId, UserId};
use crate::signaling::operator::{RoomChange, RoomKey, RoomSeen, RoomWish, Unfit};

/// A character has up to four bytes, and a name 1,024.
const NAME_CHARS_MAX: usize = 256;

/// The same: whoever joins may give 256 bytes.
const PASSPHRASE_CHARS_MAX: usize = 64;

/// A room: one that people are in, or a link by which they may come.
#[derive(Debug, Serialize, ToSchema)]
pub struct Room {
    /// Of its link where it has one; else its own.
    id: String,
    kind: Kind,
    /// The page of the room on this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The same with the host that this request reached; on the operator's listener there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// As webhooks and logs name it; none: nobody is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<String>,
    name: String,
    has_passphrase: bool,
    /// For how long its link lets people in; none: until it is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_s: Option<u64>,
    /// It lets in one, and then no one any more.
    single_use: bool,
    /// Whoever comes waits until a host admits them.
    lobby: bool,
    /// Nobody comes in any more.
    locked: bool,
    participants: usize,
    /// In the lobby.
    waiting: usize,
    /// The user who is its host.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
}

/// How a room came to be.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Link,
    Call,
}

impl Room {
    fn new(seen: RoomSeen, reach: &Reach) -> Room {
        let path = seen.link.map(|link| format!("/r/{link}"));
        Room {
            id: seen.id,
            kind: if seen.by_call { Kind::Call } else { Kind::Link },
            url: path.as_ref().and_then(|path| reach.url(path)),
            path,
            room_id: seen.room.map(|room| room.to_string()),
            name: seen.name,
            has_passphrase: seen.has_passphrase,
            // Rounded up: what works for another instant is not said to be over.
            expires_in_s: seen
                .expires_in
                .map(|long| long.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)),
            single_use: seen.single_use,
            lobby: seen.lobby,
            locked: seen.locked,
            participants: seen.participants,
            waiting: seen.waiting,
            host: seen.host.map(|host| host.to_string()),
        }
    }
}

/// A room that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoom {
    /// What people see it called.
    #[serde(default)]
    #[schema(max_length = 256)]
    name: String,
    /// Whoever comes has to know it.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    passphrase: Option<String>,
    /// For how long it lets people in; none: until it is ended.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 4294967295u32)]
    expires_in_s: Option<Whole>,
    /// It lets in one, and then no one any more.
    #[serde(default)]
    single_use: bool,
    /// Whoever comes waits until a host admits them: `host`, or somebody whose token makes them one.
    #[serde(default)]
    lobby: bool,
    /// A user who is its host and needs neither pass phrase nor admission. Without one, whoever comes first is.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}$")]
    host: Option<UserId>,
}

/// What of a room is to be otherwise. What is left out stays; null takes a pass phrase or an expiry away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedRoom {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, max_length = 256)]
    name: Option<String>,
    /// Only of a room that people are in.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    locked: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    lobby: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 4294967295u32)]
    expires_in_s: Option<Option<Whole>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    passphrase: Option<Option<String>>,
}

/// Tells what was said from what was left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[utoipa::path(
    get, path = "/rooms", tag = "rooms", operation_id = "list_rooms", params(Page),
    responses((status = 200, description = "Rooms, in the order of their ids", body = List<Room>))
)]
pub async fn list(State(api): State<Api>, reach: Reach, Asked(page): Asked<Page>) -> Result<Json<List<Room>>, Problem> {
    let (after, limit) = (page.after_room()?, page.limit()? as usize);
    let part = api.ask(move |hub, now| hub.list_rooms(after, limit, now)).await?;
    Ok(Json(List::new(part, |room| Room::new(room, &reach), |room| room.id.clone())))
}

#[utoipa::path(
    post, path = "/rooms", tag = "rooms", operation_id = "create_room", request_body = NewRoom,
    responses((
        status = 201, description = "The room: give people its url", body = Room,
        headers(("location" = String, description = "Where it is in this API"))
    ))
)]
pub async fn create(State(api): State<Api>, reach: Reach, Body(new): Body<NewRoom>) -> Result<Response, Problem> {
    check_length("name", &new.name, 0, NAME_CHARS_MAX)?;
    if new.expires_in_s == Some(Whole(0)) {
        return Err(unfit("expires_in_s is 0: a room that is over before it begins"));
    }
    let link = LinkId::from_random(super::random()?);
    let wish = RoomWish {
        name: new.name,
        passphrase: hashed(&api, link, new.passphrase).await?,
        expires_in: new.expires_in_s.map(seconds),
        single_use: new.single_use,
        lobby: new.lobby,
        host: new.host,
    };
    let made = api.ask(move |hub, now| hub.make_room(link, wish, now)).await?;
    let room = Room::new(made.map_err(super::refuse)?, &reach);
    let location = format!("/api/v1/rooms/{}", room.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(room)).into_response())
}

#[utoipa::path(
    get, path = "/rooms/{room}", tag = "rooms", operation_id = "get_room", params(("room" = String, Path, description = "Its id, or its link's")),
    responses((status = 200, description = "The room", body = Room))
)]
pub async fn show(State(api): State<Api>, reach: Reach, Path(room): Path<String>) -> Result<Json<Room>, Problem> {
    let key = room_key(&room)?;
    let seen = api.ask(move |hub, now| hub.look_at_room(key, now)).await?;
    Ok(Json(Room::new(seen.map_err(super::refuse)?, &reach)))
}

#[utoipa::path(
    patch, path = "/rooms/{room}", tag = "rooms", operation_id = "change_room", request_body = ChangedRoom,
    params(("room" = String, Path, description = "Its id, or its link's")),
    responses((status = 200, description = "The room as it is now", body = Room))
)]
pub async fn change(
    State(api): State<Api>,
    reach: Reach,
    Path(room): Path<String>,
    Body(changed): Body<ChangedRoom>,
) -> Result<Json<Room>, Problem> {
    let key = room_key(&room)?;
    if let Some(name) = &changed.name {
        check_length("name", name, 0, NAME_CHARS_MAX)?;
    }
    if changed.expires_in_s == Some(Some(Whole(0))) {
        return Err(unfit("expires_in_s is 0: end the room instead"));
    }
    let passphrase = match changed.passphrase {
        None => None,
        Some(None) => Some(None),
        Some(given) => {
            let seen = api
                .ask(move |hub, now| hub.look_at_room(key, now))
                .await?
                .map_err(super::refuse)?;
            let link = seen.link.ok_or_else(|| super::refuse(Unfit::NoLink))?;
            Some(hashed(&api, link, given).await?)
        }
    };
    let change = RoomChange {
        name: changed.name,
        locked: changed.locked,
        lobby: changed.lobby,
        expires_in: changed.expires_in_s.map(|s| s.map(seconds)),
        passphrase,
    };
    let seen = api.ask(move |hub, now| hub.change_room(key, change, now)).await?;
    Ok(Json(Room::new(seen.map_err(super::refuse)?, &reach)))
}

#[utoipa::path(
    delete, path = "/rooms/{room}", tag = "rooms", operation_id = "end_room",
    params(("room" = String, Path, description = "Its id, or its link's")),
    responses((status = 204, description = "Everybody has been sent away, and its link leads nowhere any more"))
)]
pub async fn end(State(api): State<Api>, Path(room): Path<String>) -> Result<StatusCode, Problem> {
    let key = room_key(&room)?;
    let done = api.ask(move |hub, now| hub.close_room(key, now)).await?;
    done.map_err(super::refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

impl Page {
    fn after_room(&self) -> Result<Option<RoomKey>, Problem> {
        let id: Option<LinkId> = self.after()?;
        Ok(id.and_then(|id| id.to_string().parse().ok()))
    }
}

/// What no room is called is answered like a room that is not there.
pub fn room_key(text: &str) -> Result<RoomKey, Problem> {
    text.parse().map_err(|_| super::refuse(Unfit::NoSuchRoom))
}

fn seconds(Whole(s): Whole) -> std::time::Duration {
    std::time::Duration::from_secs(s.into())
}

async fn hashed(api: &Api, link: LinkId, passphrase: Option<String>) -> Result<Option<[u8; 32]>, Problem> {
    let Some(passphrase) = passphrase else { return Ok(None) };
    check_length("passphrase", &passphrase, 1, PASSPHRASE_CHARS_MAX)?;
    api.hash(link, passphrase).await.map(Some)
}

/// By which host a request came, for the addresses of rooms.
pub fn origin(headers: &HeaderMap, authority: Option<&str>, tls: bool) -> Option<String> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(authority)?;
    // Where a proxy in front ends TLS, it says so. Whoever else says it harms nobody but themselves.
    let behind_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let scheme = if tls || behind_tls { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}
