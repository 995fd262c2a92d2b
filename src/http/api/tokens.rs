//! Tokens in the API: made for the application that does not sign its own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::{Body, Whole, check_length, unfit};
use crate::auth::issue::{Wish, issue};
use crate::http::problem::Problem;
use crate::id::LinkId;

/// A subject has 256 bytes, and a character up to four.
const USER_CHARS_MAX: usize = 64;

const NAME_CHARS_MAX: usize = 256;

/// A year.
const TTL_S_MAX: u32 = 31_536_000;

/// A token that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Who it is for, as the application knows them: the same text is the same user.
    #[schema(min_length = 1, max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    user: String,
    /// How others see them; none: they choose it.
    #[serde(default)]
    #[schema(max_length = 256)]
    name: Option<String>,
    /// The only room that it opens, by its id; none: any.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f][0-9a-hjkmnp-tv-z]{12}$")]
    room: Option<LinkId>,
    /// For how long it lets them sign in.
    #[serde(default = "an_hour")]
    #[schema(value_type = u32, minimum = 1, maximum = 31536000, default = 3600)]
    ttl_s: Whole,
    /// A host wherever they come in.
    #[serde(default)]
    admin: bool,
    /// May make rooms and call; with `room`, may open that one.
    #[serde(default)]
    create: bool,
    #[serde(default = "yes")]
    #[schema(default = true)]
    publish: bool,
    #[serde(default = "yes")]
    #[schema(default = true)]
    subscribe: bool,
    /// Good for one sign-in.
    #[serde(default)]
    once: bool,
    /// Which of auth.keys signs it; may be left out where there is one.
    #[serde(default)]
    key: Option<String>,
}

fn an_hour() -> Whole {
    Whole(3600)
}

fn yes() -> bool {
    true
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// For the page (`/#token=…`), WHIP and WHEP.
    token: String,
    expires_in_s: u32,
}

#[utoipa::path(
    post, path = "/tokens", tag = "tokens", operation_id = "create_token", request_body = NewToken,
    responses((status = 201, description = "With auth.mode = \"token\": it lets its user in", body = Token))
)]
pub async fn create(State(api): State<Api>, Body(new): Body<NewToken>) -> Result<(StatusCode, Json<Token>), Problem> {
    check_length("user", &new.user, 1, USER_CHARS_MAX)?;
    if new.user.contains(char::is_control) {
        return Err(unfit("user has a control character"));
    }
    if let Some(name) = &new.name {
        check_length("name", name, 0, NAME_CHARS_MAX)?;
    }
    let Whole(ttl_s) = new.ttl_s;
    if !(1..=TTL_S_MAX).contains(&ttl_s) {
        return Err(unfit(format!("ttl_s is {ttl_s}: expected 1 to {TTL_S_MAX}")));
    }
    let wish = Wish {
        key: new.key,
        user: new.user,
        name: new.name,
        room: new.room.map(|room| room.to_string()),
        ttl: std::time::Duration::from_secs(ttl_s.into()),
        admin: new.admin,
        create: new.create,
        no_publish: !new.publish,
        no_subscribe: !new.subscribe,
        once: new.once,
    };
    let token = issue(&api.auth, &wish).map_err(|error| Problem::new(StatusCode::CONFLICT, format!("{error:#}")))?;
    let expires_in_s = ttl_s;
    Ok((StatusCode::CREATED, Json(Token { token, expires_in_s })))
}
