//! Users in the API: who there is, and whom the operator keeps out.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::body::Asked;
use super::page::{self, List};
use super::{Api, failed};
use crate::clock;
use crate::http::problem::Problem;
use crate::id::UserId;
use crate::signaling::operator::Part;
use crate::store::ListedUser;

/// Somebody who has come at least once.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    id: String,
    /// Empty where none was given.
    name: String,
    /// Unix seconds.
    created_at_unix: i64,
    /// The last sign-in, in Unix seconds.
    seen_at_unix: i64,
    /// Since when the operator keeps them out, in Unix seconds; none: they may come in.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_at_unix: Option<i64>,
}

impl From<ListedUser> for User {
    fn from(row: ListedUser) -> User {
        User {
            id: row.user.to_string(),
            name: row.name,
            created_at_unix: row.created_at_unix,
            seen_at_unix: row.seen_at_unix,
            blocked_at_unix: row.blocked_at_unix,
        }
    }
}

/// Which part of the list is asked for.
#[derive(Debug, serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserPage {
    /// The `next_cursor` of the part before.
    #[param(pattern = "^[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}$")]
    cursor: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
}

#[utoipa::path(
    get, path = "/users", tag = "users", operation_id = "list_users", params(UserPage),
    responses((status = 200, description = "Users, in the order of their ids", body = List<User>))
)]
pub async fn list(State(api): State<Api>, Asked(asked): Asked<UserPage>) -> Result<Json<List<User>>, Problem> {
    let (after, limit) = (page::cursor(asked.cursor.as_deref())?, page::limit(asked.limit)?);
    let users = api.store.users(after, limit + 1).await.map_err(failed)?;
    let part = Part::first(users, limit as usize);
    Ok(Json(List::new(part, User::from, |user| user.id.clone())))
}

#[utoipa::path(
    get, path = "/users/{user}", tag = "users", operation_id = "get_user", params(("user" = String, Path)),
    responses((status = 200, description = "The user", body = User))
)]
pub async fn show(State(api): State<Api>, Path(user): Path<String>) -> Result<Json<User>, Problem> {
    let found = api.store.listed_user(user_id(&user)?).await.map_err(failed)?;
    found.map(|row| Json(User::from(row))).ok_or_else(no_such_user)
}

#[utoipa::path(
    put, path = "/users/{user}/block", tag = "users", operation_id = "block_user", params(("user" = String, Path)),
    responses((status = 204, description = "Their sessions have ended, and they cannot come in any more"))
)]
pub async fn block(State(api): State<Api>, Path(user): Path<String>) -> Result<StatusCode, Problem> {
    let user = user_id(&user)?;
    if !api.store.set_blocked(user, Some(clock::unix_s())).await.map_err(failed)? {
        return Err(no_such_user());
    }
    api.ask(move |hub, now| hub.bar_user(user, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    delete, path = "/users/{user}/block", tag = "users", operation_id = "unblock_user", params(("user" = String, Path)),
    responses((status = 204, description = "They may come in"))
)]
pub async fn unblock(State(api): State<Api>, Path(user): Path<String>) -> Result<StatusCode, Problem> {
    let user = user_id(&user)?;
    if !api.store.set_blocked(user, None).await.map_err(failed)? {
        return Err(no_such_user());
    }
    api.ask(move |hub, now| hub.unbar_user(user, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_such_user() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such user")
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| no_such_user())
}
