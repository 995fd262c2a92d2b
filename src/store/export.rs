//! What is kept of one user, as their own data.

use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;

use super::database::{Flag, Writer};
use super::files::ExportedFile;
use super::people::{NamedUser, SettingsRow};
use super::push::ExportedSubscription;
use super::{Store, StoreError};
use crate::id::UserId;

/// Times are Unix seconds where they end in `_at`, Unix milliseconds where in `_at_ms`.
#[derive(Debug, Serialize)]
pub struct Export {
    pub user: ExportedUser,
    /// Subjects of the operator's tokens.
    pub identities: Vec<String>,
    pub settings: SettingsRow,
    pub contacts: Vec<ExportedName>,
    pub blocked: Vec<ExportedName>,
    pub calls: Vec<ExportedCall>,
    /// What the user wrote.
    pub messages: Vec<ExportedMessage>,
    /// What the user sent, without its bytes.
    pub files: Vec<ExportedFile>,
    pub links: Vec<ExportedLink>,
    /// Browsers in which the user is signed in beside the one that made the user. What proves them is not told.
    pub devices: Vec<ExportedDevice>,
    /// What was noted of the user in reports of calls.
    pub reports: Vec<ExportedReport>,
    /// Browsers that are told what the user missed.
    pub push: Vec<ExportedSubscription>,
    /// Open pages, or some that may be resumed. What proves them is not told.
    pub sessions: i64,
}

#[derive(Debug, Serialize)]
pub struct ExportedUser {
    pub user_id: String,
    pub name: String,
    pub created_at: i64,
    pub last_sign_in_at: i64,
}

#[derive(Debug, Serialize)]
pub struct ExportedName {
    pub user_id: String,
    pub name: String,
}

#[derive(Debug, Serialize, FromRow)]
pub struct ExportedCall {
    pub call_id: String,
    #[sqlx(rename = "other_id")]
    pub other_user_id: String,
    pub other_name: String,
    #[sqlx(rename = "made")]
    made_by_this_user: Flag,
    pub rang_at_ms: i64,
    pub answered_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
    pub talked_ms: i64,
    pub reason: Option<String>,
    missed: Flag,
}

#[derive(Debug, Serialize, FromRow)]
pub struct ExportedMessage {
    pub room_id: String,
    pub number: i64,
    #[sqlx(rename = "at_ms")]
    pub written_at_ms: i64,
    pub name: String,
    #[sqlx(rename = "words")]
    pub text: String,
    edited: Flag,
    deleted: Flag,
}

#[derive(Debug, Serialize, FromRow)]
pub struct ExportedLink {
    pub link_id: String,
    pub name: String,
    pub expires_at_ms: Option<i64>,
}

#[derive(Debug, Serialize, FromRow)]
pub struct ExportedDevice {
    pub device_id: String,
    pub name: String,
    pub added_at: i64,
    #[sqlx(rename = "seen_at")]
    pub last_sign_in_at: i64,
    #[sqlx(rename = "until_unix")]
    pub signed_in_until: Option<i64>,
    /// What the provider told when it signed the user in there.
    pub id_token: Option<String>,
}

/// A participant that the user was.
#[derive(Debug, Serialize)]
pub struct ExportedReport {
    pub room_id: String,
    pub participant_id: String,
    pub name: String,
    pub began_at_ms: i64,
    /// Of this participant.
    pub entries: Vec<Value>,
}

impl Store {
    /// Everything that is kept of a user at one moment, if there is one.
    pub async fn export(&self, user: UserId) -> Result<Option<Export>, StoreError> {
        self.database.within(self.read_all_of(user)).await
    }

    async fn read_all_of(&self, user: UserId) -> Result<Option<Export>, StoreError> {
        let person = self.person(user).await?;
        let mut reader = self.database.begin_to_read().await?;
        let id = user.to_string();
        let found: Option<(String, i64, i64)> = sqlx::query_as("SELECT name, created_at, seen_at FROM users WHERE user_id = $1")
            .bind(id.clone())
            .fetch_optional(&mut *reader)
            .await?;
        let Some((name, created_at, last_sign_in_at)) = found else {
            return Ok(None);
        };
        let identities: Vec<(String,)> = sqlx::query_as("SELECT subject FROM identities WHERE user_id = $1 ORDER BY subject")
            .bind(id.clone())
            .fetch_all(&mut *reader)
            .await?;
        let calls = sqlx::query_as("SELECT * FROM history WHERE user_id = $1 ORDER BY rang_at_ms, call_id")
            .bind(id.clone())
            .fetch_all(&mut *reader)
            .await?;
        let messages = sqlx::query_as("SELECT * FROM messages WHERE user_id = $1 ORDER BY at_ms, room_id, number")
            .bind(id.clone())
            .fetch_all(&mut *reader)
            .await?;
        let files = sqlx::query_as(
            "SELECT file_id, room_id, number, name, bytes, kind, begun_at_ms FROM files WHERE user_id = $1 ORDER BY begun_at_ms, file_id",
        )
        .bind(id.clone())
        .fetch_all(&mut *reader)
        .await?;
        let links = sqlx::query_as("SELECT * FROM links WHERE maker = $1 ORDER BY link_id")
            .bind(id.clone())
            .fetch_all(&mut *reader)
            .await?;
        let devices = sqlx::query_as("SELECT * FROM devices WHERE user_id = $1 ORDER BY added_at, device_id")
            .bind(id.clone())
            .fetch_all(&mut *reader)
            .await?;
        let reports = reports_of(&mut reader, &id).await?;
        let push =
            sqlx::query_as("SELECT endpoint, since_ms FROM push_subscriptions WHERE user_id = $1 ORDER BY since_ms, endpoint")
                .bind(id.clone())
                .fetch_all(&mut *reader)
                .await?;
        let (sessions,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM sessions WHERE user_id = $1")
            .bind(id.clone())
            .fetch_one(&mut *reader)
            .await?;
        let named = |(user, name): NamedUser| ExportedName {
            user_id: user.to_string(),
            name,
        };
        Ok(Some(Export {
            user: ExportedUser {
                user_id: id,
                name,
                created_at,
                last_sign_in_at,
            },
            identities: identities.into_iter().map(|(subject,)| subject).collect(),
            settings: person.settings,
            contacts: person.contacts.into_iter().map(named).collect(),
            blocked: person.blocked.into_iter().map(named).collect(),
            calls,
            messages,
            files,
            links,
            devices,
            reports,
            push,
            sessions,
        }))
    }
}

async fn reports_of(reader: Writer<'_>, user: &str) -> Result<Vec<ExportedReport>, StoreError> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT room_id, participant_id, name, began_at_ms FROM report_people JOIN reports USING (room_id) WHERE user_id = $1 \
         ORDER BY began_at_ms, room_id, participant_id",
    )
    .bind(user.to_owned())
    .fetch_all(&mut **reader)
    .await?;
    let mut reports = Vec::with_capacity(rows.len());
    for (room_id, participant_id, name, began_at_ms) in rows {
        let pages: Vec<(String,)> = sqlx::query_as("SELECT entries FROM report_pages WHERE room_id = $1 ORDER BY number")
            .bind(room_id.clone())
            .fetch_all(&mut **reader)
            .await?;
        let all = pages
            .iter()
            .filter_map(|(entries,)| serde_json::from_str::<Vec<Value>>(entries).ok());
        let entries = all.flatten().filter(|entry| entry["by"] == participant_id.as_str()).collect();
        reports.push(ExportedReport {
            room_id,
            participant_id,
            name,
            began_at_ms,
            entries,
        });
    }
    Ok(reports)
}
