//! Dead letters in the API: messages to the operator's application that no endpoint took.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Asked;
use super::page::{List, Page};
use super::{Api, failed};
use crate::clock;
use crate::http::problem::Problem;
use crate::id::WebhookId;
use crate::signaling::operator::Part;
use crate::store::DeadWebhook;

/// A message that no endpoint took.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Its `webhook-id`.
    id: String,
    /// The URL that it was for.
    endpoint: String,
    /// Such as `call.ended`.
    event: String,
    /// As it was sent.
    #[schema(value_type = Object)]
    payload: Value,
    /// Unix milliseconds.
    created_at_ms: i64,
    dead_at_ms: i64,
    attempts: u32,
    /// Of the last attempt.
    error: String,
}

impl From<DeadWebhook> for DeadLetter {
    fn from(row: DeadWebhook) -> DeadLetter {
        DeadLetter {
            id: row.id.to_string(),
            endpoint: row.endpoint,
            event: row.event,
            payload: serde_json::from_str(&row.payload).unwrap_or_default(),
            created_at_ms: row.created_at_ms,
            dead_at_ms: row.dead_at_ms,
            attempts: row.attempts,
            error: row.error,
        }
    }
}

#[utoipa::path(
    get, path = "/webhooks/dead", tag = "webhooks", operation_id = "list_dead_webhooks", params(Page),
    responses((status = 200, description = "Messages that no endpoint took, in the order of their ids", body = List<DeadLetter>))
)]
pub async fn list(State(api): State<Api>, Asked(page): Asked<Page>) -> Result<Json<List<DeadLetter>>, Problem> {
    let (after, limit) = (page.after()?, page.limit()?);
    let dead = api.store.dead_webhooks(after, limit + 1).await.map_err(failed)?;
    let part = Part::first(dead, limit as usize);
    Ok(Json(List::new(part, DeadLetter::from, |letter| letter.id.clone())))
}

#[utoipa::path(
    post, path = "/webhooks/dead/{webhook}/retry", tag = "webhooks", operation_id = "retry_dead_webhook",
    params(("webhook" = String, Path)),
    responses((status = 202, description = "It waits to be sent, as if it had never been tried; an endpoint that was gone is told of all again"))
)]
pub async fn retry(State(api): State<Api>, Path(webhook): Path<String>) -> Result<StatusCode, Problem> {
    let webhook = webhook_id(&webhook)?;
    let found = api.store.dead_webhook(webhook).await.map_err(failed)?;
    let letter = found.ok_or_else(no_such_letter)?;
    if !api.webhooks.enable(&letter.endpoint) {
        let detail = "its endpoint is not in the configuration: add it to webhooks.endpoints, or delete the letter";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    if !api.store.revive_webhook(webhook, clock::unix_ms()).await.map_err(failed)? {
        return Err(no_such_letter());
    }
    api.webhooks.wake();
    Ok(StatusCode::ACCEPTED)
}

#[utoipa::path(
    delete, path = "/webhooks/dead/{webhook}", tag = "webhooks", operation_id = "delete_dead_webhook",
    params(("webhook" = String, Path)),
    responses((status = 204, description = "It is not in the list any more"))
)]
pub async fn delete(State(api): State<Api>, Path(webhook): Path<String>) -> Result<StatusCode, Problem> {
    match api.store.delete_dead_webhook(webhook_id(&webhook)?).await.map_err(failed)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_such_letter()),
    }
}

fn no_such_letter() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such dead letter")
}

fn webhook_id(text: &str) -> Result<WebhookId, Problem> {
    text.parse().map_err(|_| no_such_letter())
}
