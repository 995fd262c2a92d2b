//! Lists in parts: `limit` says how many, `cursor` where to go on.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::unfit;
use crate::http::problem::Problem;
use crate::signaling::operator::Part;

/// Where nothing is said.
const ITEMS: u32 = 50;

/// In one answer.
const ITEMS_MAX: u32 = 100;

/// Which part of a list is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The `next_cursor` of the part before.
    #[param(pattern = "^[0-9a-f][0-9a-hjkmnp-tv-z]{12}$")]
    cursor: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
}

impl Page {
    /// Where to go on.
    pub fn after<T: FromStr + ToString>(&self) -> Result<Option<T>, Problem> {
        cursor(self.cursor.as_deref())
    }

    pub fn limit(&self) -> Result<u32, Problem> {
        limit(self.limit)
    }
}

/// A cursor as it was given out, and no other text for it.
pub fn cursor<T: FromStr + ToString>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let read = text.parse::<T>().ok().filter(|read| read.to_string() == text);
    match read {
        Some(read) => Ok(Some(read)),
        None => Err(unfit("cursor is not one that a list gave out")),
    }
}

pub fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(ITEMS) {
        limit @ 1..=ITEMS_MAX => Ok(limit),
        limit => Err(unfit(format!("limit is {limit}: expected 1 to {ITEMS_MAX}"))),
    }
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// For the next part; none: this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// `shown`: an item in the words of the API. `cursor`: what of it says where it stands.
    pub fn new<S>(part: Part<S>, mut shown: impl FnMut(S) -> T, cursor: impl Fn(&T) -> String) -> List<T> {
        let items: Vec<T> = part.items.into_iter().map(&mut shown).collect();
        let next_cursor = items.last().filter(|_| part.more).map(cursor);
        List { items, next_cursor }
    }
}
