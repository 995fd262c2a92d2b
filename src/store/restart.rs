//! What a restart of the server has to find again: sessions and answered calls here, rooms and links in `rooms.rs`.

use super::database::Flag;
use super::devices::{self, NewDevice, WhichDevices};
use super::files::{self, FileNews, NewFile};
use super::forget;
use super::history::{self, HistoryChange, HistoryNews};
use super::messages::{self, MessageChange, MessageNews};
use super::people::{self, PersonChange, PersonNews};
use super::reports::{self, ReportPage};
use super::rooms::{self, LinkRow, MemberRow, RoomRow};
use super::webhooks::{self, NewWebhook};
use super::{Store, StoreError};
use crate::grants::Grants;
use crate::id::{CallId, DeviceId, LinkId, RoomId, SessionId, UserId};

/// A session that may be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRow {
    pub session: SessionId,
    pub user: UserId,
    /// SHA-256 of the resume secret.
    pub secret_hash: [u8; 32],
    pub grants: Grants,
}

/// An answered call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRow {
    pub call: CallId,
    pub room: RoomId,
    /// Into a room that was there before.
    pub invitation: bool,
    pub caller: SessionId,
    pub caller_user: UserId,
    pub callee_user: UserId,
    /// Unix milliseconds.
    pub answered_at_ms: i64,
}

/// One change of what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    KeepSession(SessionRow),
    ForgetSession(SessionId),
    KeepCall(CallRow),
    ForgetCall(CallId),
    KeepRoom(RoomRow),
    /// With its members.
    ForgetRoom(RoomId),
    KeepMember(MemberRow),
    ForgetMember(SessionId),
    KeepLink(LinkRow),
    ForgetLink(LinkId),
    History(HistoryChange),
    Message(MessageChange),
    /// One is about to be sent.
    BeginFile(NewFile),
    /// One more browser of a user.
    AddDevice(NewDevice),
    /// Browsers of a user are signed out.
    ForgetDevices {
        user: UserId,
        which: WhichDevices,
    },
    Report(ReportPage),
    /// Everything that is theirs.
    ForgetUser(UserId),
    Person {
        user: UserId,
        change: PersonChange,
        /// In each of the user's lists.
        most: u32,
    },
    /// The operator's application is to be told.
    Webhooks(Vec<NewWebhook>),
}

/// What others are to be told once a change is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    History(HistoryNews),
    Message(MessageNews),
    File(FileNews),
    Person(PersonNews),
    DeviceAdded,
    /// Those that were signed in.
    DevicesForgotten(Vec<DeviceId>),
    UserForgotten {
        was_there: bool,
    },
}

/// What came of changes that were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Each with the place of its change.
    pub news: Vec<(usize, News)>,
    /// Messages to endpoints that were put into the queue.
    pub told: usize,
    /// Messages to endpoints that had to go.
    pub dropped: u64,
}

/// What the operator's application is told in the same change.
pub struct Telling<'a> {
    /// Messages about a piece of news.
    pub about: &'a (dyn Fn(&News) -> Vec<NewWebhook> + Sync),
    /// Messages that wait for one endpoint. Beyond it the oldest go.
    pub most: u32,
}

/// The columns of a session, and its user's name.
type SessionColumns = (String, String, Vec<u8>, Option<String>, String);

/// The columns of a call as text.
type CallColumns = (String, String, Flag, String, String, String, i64);

impl Store {
    /// Makes these changes in order, all or none, and notes that the server lives. What is to be told of them comes with the place of
    /// the change among them.
    pub async fn keep(&self, changes: &[Change], now_ms: i64) -> Result<Vec<(usize, News)>, StoreError> {
        let nothing = Telling {
            about: &|_| Vec::new(),
            most: 0,
        };
        Ok(self.keep_telling(changes, now_ms, &nothing).await?.news)
    }

    /// The same, with what is to be told of the news.
    pub async fn keep_telling(&self, changes: &[Change], now_ms: i64, telling: &Telling<'_>) -> Result<Kept, StoreError> {
        self.database.change(|| self.try_to_keep(changes, now_ms, telling)).await
    }

    async fn try_to_keep(&self, changes: &[Change], now_ms: i64, telling: &Telling<'_>) -> Result<Kept, StoreError> {
        let mut transaction = self.database.begin().await?;
        let mut news = Vec::new();
        let mut told: Vec<(usize, NewWebhook)> = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            let query = match change {
                Change::History(change) => {
                    let mut changed = Vec::new();
                    history::apply(&mut transaction, change, &self.node, now_ms, &mut changed).await?;
                    news.extend(changed.into_iter().map(|one| (place, News::History(one))));
                    continue;
                }
                Change::Message(change) => {
                    let one = messages::apply(&mut transaction, change, now_ms).await?;
                    news.push((place, News::Message(one)));
                    continue;
                }
                Change::BeginFile(new) => {
                    let came = files::begin(&mut transaction, new, now_ms).await?;
                    news.push((place, News::File(came)));
                    continue;
                }
                Change::AddDevice(new) => {
                    devices::apply(&mut transaction, new, now_ms / 1000).await?;
                    news.push((place, News::DeviceAdded));
                    continue;
                }
                Change::ForgetDevices { user, which } => {
                    let forgotten = devices::forget(&mut transaction, *user, *which).await?;
                    news.push((place, News::DevicesForgotten(forgotten)));
                    continue;
                }
                Change::Report(page) => {
                    reports::apply(&mut transaction, page, now_ms).await?;
                    continue;
                }
                Change::ForgetUser(user) => {
                    let was_there = forget::apply(&mut transaction, *user).await?;
                    news.push((place, News::UserForgotten { was_there }));
                    continue;
                }
                Change::Person { user, change, most } => {
                    let one = people::apply(&mut transaction, *user, change, *most, now_ms).await?;
                    news.push((place, News::Person(one)));
                    continue;
                }
                Change::Webhooks(new) => {
                    told.extend(new.iter().map(|one| (place, one.clone())));
                    continue;
                }
                Change::KeepSession(row) => sqlx::query(
                    "INSERT INTO sessions (session_id, user_id, secret_hash, grants, node) VALUES ($1, $2, $3, $4, $5) \
                         ON CONFLICT (session_id) DO UPDATE SET user_id = excluded.user_id, secret_hash = excluded.secret_hash, \
                         grants = excluded.grants, node = excluded.node",
                )
                .bind(row.session.to_string())
                .bind(row.user.to_string())
                .bind(row.secret_hash.to_vec())
                .bind(written(&row.grants))
                .bind(self.node.to_string()),
                // Another node may have taken it up meanwhile.
                Change::ForgetSession(session) => sqlx::query("DELETE FROM sessions WHERE session_id = $1 AND node = $2")
                    .bind(session.to_string())
                    .bind(self.node.to_string()),
                Change::KeepCall(row) => sqlx::query(
                    "INSERT INTO calls (call_id, room_id, invitation, caller_session, caller_user, callee_user, answered_at_ms, node) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (call_id) DO UPDATE SET room_id = excluded.room_id, \
                     invitation = excluded.invitation, caller_session = excluded.caller_session, \
                     caller_user = excluded.caller_user, callee_user = excluded.callee_user, \
                     answered_at_ms = excluded.answered_at_ms, node = excluded.node",
                )
                .bind(row.call.to_string())
                .bind(row.room.to_string())
                .bind(Flag(row.invitation))
                .bind(row.caller.to_string())
                .bind(row.caller_user.to_string())
                .bind(row.callee_user.to_string())
                .bind(row.answered_at_ms)
                .bind(self.node.to_string()),
                Change::ForgetCall(call) => sqlx::query("DELETE FROM calls WHERE call_id = $1").bind(call.to_string()),
                Change::KeepRoom(row) => rooms::keep_room(row, &self.node),
                Change::ForgetRoom(room) => {
                    rooms::forget_members_of(*room).execute(&mut *transaction).await?;
                    rooms::forget_room(*room).execute(&mut *transaction).await?;
                    messages::forget_of(&mut transaction, &room.to_string()).await?;
                    continue;
                }
                Change::KeepMember(row) => rooms::keep_member(row, &self.node),
                Change::ForgetMember(session) => rooms::forget_member(*session, &self.node),
                Change::KeepLink(row) => rooms::keep_link(row, &self.node),
                Change::ForgetLink(link) => rooms::forget_link(*link, &self.node),
            };
            query.execute(&mut *transaction).await?;
        }
        for (place, one) in &news {
            told.extend((telling.about)(one).into_iter().map(|one| (*place, one)));
        }
        // In the order of what they are about.
        told.sort_by_key(|(place, _)| *place);
        let told: Vec<NewWebhook> = told.into_iter().map(|(_, one)| one).collect();
        let dropped = webhooks::put(&mut transaction, &told, telling.most, &self.node, now_ms).await?;
        let lives = sqlx::query(
            "INSERT INTO nodes (node, at_ms, claim) VALUES ($1, $2, $3) ON CONFLICT (node) DO UPDATE SET at_ms = excluded.at_ms \
             WHERE nodes.claim = excluded.claim OR excluded.claim = 0",
        );
        let lives = lives.bind(self.node.to_string()).bind(now_ms).bind(self.claim);
        if lives.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(StoreError::Adopted);
        }
        transaction.commit().await?;
        Ok(Kept {
            news,
            told: told.len(),
            dropped,
        })
    }

    /// Forgets the sessions, calls and rooms of every node that has not lived since then (Unix milliseconds).
    pub async fn purge(&self, since_ms: i64) -> Result<(), StoreError> {
        for table in [
            "DELETE FROM sessions WHERE node NOT IN (SELECT node FROM nodes WHERE at_ms >= $1)",
            "DELETE FROM calls WHERE node NOT IN (SELECT node FROM nodes WHERE at_ms >= $1)",
            "DELETE FROM rooms WHERE node NOT IN (SELECT node FROM nodes WHERE at_ms >= $1)",
            "DELETE FROM members WHERE node NOT IN (SELECT node FROM nodes WHERE at_ms >= $1)",
        ] {
            self.database.execute(sqlx::query(table).bind(since_ms)).await?;
        }
        Ok(())
    }

    /// The kept sessions of this node, each with its user's name.
    pub async fn sessions(&self) -> Result<Vec<(SessionRow, String)>, StoreError> {
        let rows: Vec<SessionColumns> = self.database.within(sqlx::query_as(
            "SELECT session_id, user_id, s.secret_hash, grants, name FROM sessions s JOIN users USING (user_id) WHERE node = $1 \
             ORDER BY session_id",
        )
        .bind(self.node.to_string())
        .fetch_all(&self.database.pool)).await?;
        let read = rows.into_iter().map(|(session, user, secret_hash, grants, name)| {
            let row = SessionRow {
                session: id(&session, "session_id")?,
                user: id(&user, "user_id")?,
                secret_hash: secret_hash.try_into().map_err(|_| StoreError::Corrupt("secret_hash"))?,
                grants: read_grants(grants.as_deref())?,
            };
            Ok((row, name))
        });
        read.collect()
    }

    /// The kept calls of this node.
    pub async fn calls(&self) -> Result<Vec<CallRow>, StoreError> {
        let rows: Vec<CallColumns> = self
            .database
            .within(
                sqlx::query_as(
                    "SELECT call_id, room_id, invitation, caller_session, caller_user, callee_user, answered_at_ms FROM calls \
             WHERE node = $1 ORDER BY call_id",
                )
                .bind(self.node.to_string())
                .fetch_all(&self.database.pool),
            )
            .await?;
        let read = rows
            .into_iter()
            .map(|(call, room, invitation, caller, caller_user, callee_user, answered_at_ms)| {
                Ok(CallRow {
                    call: id(&call, "call_id")?,
                    room: id(&room, "room_id")?,
                    invitation: invitation.0,
                    caller: id(&caller, "caller_session")?,
                    caller_user: id(&caller_user, "caller_user")?,
                    callee_user: id(&callee_user, "callee_user")?,
                    answered_at_ms,
                })
            });
        read.collect()
    }
}

/// None for everything, which is most often the case.
fn written(grants: &Grants) -> Option<String> {
    (*grants != Grants::ALL).then(|| serde_json::to_string(grants).expect("its keys are text"))
}

pub(super) fn read_grants(grants: Option<&str>) -> Result<Grants, StoreError> {
    let Some(grants) = grants else { return Ok(Grants::ALL) };
    serde_json::from_str(grants).map_err(|_| StoreError::Corrupt("grants"))
}

pub(super) fn id<T: std::str::FromStr>(text: &str, column: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testbed::{Bed, on_both};

    on_both!(sessions_and_calls_survive_a_restart_until_they_end,);

    async fn sessions_and_calls_survive_a_restart_until_they_end(bed: &Bed) {
        let store = bed.open().await;
        let users = [1, 2, 3].map(UserId::from_random);
        for user in &users[..2] {
            store.add_user(*user, "Ada", 0).await.expect("it is kept");
        }
        let sessions = [0u8, 1, 2].map(|n| SessionRow {
            session: SessionId::from_random(n.into()),
            user: users[usize::from(n)],
            secret_hash: [n; 32],
            grants: Grants {
                admin: n == 1,
                ..Grants::ALL
            },
        });
        let call = |n| CallRow {
            call: CallId::from_random(n),
            room: RoomId::from_random(n),
            invitation: n == 1,
            caller: sessions[0].session,
            caller_user: users[0],
            callee_user: users[1],
            answered_at_ms: 99,
        };
        let changes: Vec<Change> = sessions.map(Change::KeepSession).into_iter().collect();
        store.keep(&changes, 1000).await.expect("kept");
        store
            .keep(&[Change::KeepCall(call(1)), Change::KeepCall(call(5))], 2000)
            .await
            .expect("kept");
        store.close().await;

        let store = bed.open().await;
        let found = store.sessions().await.expect("read");
        let known = [0, 1].map(|n| (sessions[n], "Ada".to_owned()));
        assert_eq!(found, known, "a session without its user is none");
        assert_eq!(store.calls().await.expect("read"), [call(1), call(5)]);
        let changes = [
            Change::ForgetCall(call(1).call),
            Change::ForgetSession(sessions[0].session),
            Change::ForgetCall(CallId::from_random(77)),
        ];
        store.keep(&changes, 3000).await.expect("forgotten");
        assert_eq!(store.calls().await.expect("read"), [call(5)]);
        store.purge(3000).await.expect("nothing is old");
        assert_eq!(store.sessions().await.expect("read").len(), 1);
        store.purge(3001).await.expect("all is old");
        assert!(store.sessions().await.expect("read").is_empty() && store.calls().await.expect("read").is_empty());
    }
}
