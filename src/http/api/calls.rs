//! Calls in the API: who called whom, and what became of it.

use std::fmt;
use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Asked, unfit};
use super::page::{self, List};
use super::{Api, failed};
use crate::http::problem::Problem;
use crate::id::{CallId, UserId};
use crate::signaling::operator::Part;
use crate::signaling::protocol::CallReport;
use crate::signaling::reader;
use crate::store::ListedCall;

/// A call, as the history of whoever made it has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Call {
    id: String,
    /// None: it never rang.
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<String>,
    caller_id: String,
    callee_id: String,
    /// Unix milliseconds.
    rang_at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at_ms: Option<i64>,
    talked_ms: i64,
    /// Why it is over (docs/protocol.md); none: it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<ListedCall> for Call {
    fn from(row: ListedCall) -> Call {
        Call {
            id: row.call.to_string(),
            room_id: row.room.map(|room| room.to_string()),
            caller_id: row.caller.to_string(),
            callee_id: row.callee.to_string(),
            rang_at_ms: row.rang_at_ms,
            answered_at_ms: row.answered_at_ms,
            ended_at_ms: row.ended_at_ms,
            talked_ms: row.talked_ms,
            reason: row.reason,
        }
    }
}

/// Which calls are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallPage {
    /// Only those of this user, made or received.
    #[param(pattern = "^[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}$")]
    user: Option<String>,
    /// Only those that rang at this time or later, in Unix milliseconds.
    #[param(minimum = 0, maximum = 9007199254740991i64)]
    since_ms: Option<i64>,
    /// The `next_cursor` of the part before.
    #[param(pattern = "^[1-9][0-9]{0,14}-[0-9a-f][0-9a-hjkmnp-tv-z]{12}$")]
    cursor: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
}

#[utoipa::path(
    get, path = "/calls", tag = "calls", operation_id = "list_calls", params(CallPage),
    responses((status = 200, description = "Calls, newest first, for as long as histories keep them", body = List<Call>))
)]
pub async fn list(State(api): State<Api>, Asked(asked): Asked<CallPage>) -> Result<Json<List<Call>>, Problem> {
    let user = asked.user.as_deref().map(str::parse::<UserId>).transpose();
    let user = user.map_err(|error| unfit(format!("user: {error}")))?;
    let since_ms = asked.since_ms.unwrap_or(0);
    if !(0..1 << 53).contains(&since_ms) {
        return Err(unfit(format!("since_ms is {since_ms}: expected 0 to 9007199254740991")));
    }
    let before = page::cursor(asked.cursor.as_deref())?.map(|Place(at_ms, call)| (at_ms, call));
    let limit = page::limit(asked.limit)?;
    let calls = api
        .store
        .calls_made(user, since_ms, before, limit + 1)
        .await
        .map_err(failed)?;
    let part = Part::first(calls, limit as usize);
    Ok(Json(List::new(part, Call::from, |call| {
        format!("{}-{}", call.rang_at_ms, call.id)
    })))
}

#[utoipa::path(
    get, path = "/calls/{call}/report", tag = "calls", operation_id = "get_call_report", params(("call" = String, Path)),
    responses((status = 200, description = "How an answered call was set up, went and ended, as far as that is known so far", body = CallReport))
)]
pub async fn report(State(api): State<Api>, Path(call): Path<String>) -> Result<Json<CallReport>, Problem> {
    let no_report = || Problem::new(StatusCode::NOT_FOUND, "there is no report of such a call");
    let call: CallId = call.parse().map_err(|_| no_report())?;
    let found = api.store.report(call, None).await.map_err(failed)?;
    found.map(|row| Json(reader::report(row))).ok_or_else(no_report)
}

/// Where a call stands in the list: when it rang, and its id.
struct Place(i64, CallId);

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let (at_ms, call) = text.split_once('-').ok_or(())?;
        Ok(Place(at_ms.parse().map_err(drop)?, call.parse().map_err(drop)?))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}
