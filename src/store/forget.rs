//! A user is forgotten: everything that is theirs goes, and nothing names them in what is others'.

use super::database::{Kind, Writer};
use super::{Store, StoreError};
use crate::id::UserId;

/// What is theirs alone.
const THEIRS: [&str; 10] = [
    "DELETE FROM users WHERE user_id = $1",
    "DELETE FROM identities WHERE user_id = $1",
    "DELETE FROM devices WHERE user_id = $1",
    "DELETE FROM settings WHERE user_id = $1",
    "DELETE FROM push_subscriptions WHERE user_id = $1",
    "DELETE FROM waiting_pushes WHERE $1 IN (user_id, from_id)",
    "DELETE FROM contacts WHERE $1 IN (user_id, contact_id)",
    "DELETE FROM blocks WHERE $1 IN (user_id, blocked_id)",
    "DELETE FROM members WHERE session_id IN (SELECT session_id FROM sessions WHERE user_id = $1)",
    "DELETE FROM sessions WHERE user_id = $1",
];

/// What names them and is others' too: it names nobody from then on. A message keeps its number; its id, which its author's page drew, becomes the number, so that
/// two who are gone never meet in one.
const OTHERS: [&str; 7] = [
    "UPDATE history SET other_id = $2, other_name = '' WHERE other_id = $1",
    "UPDATE messages SET user_id = $2, name = '', words = '', edited = 0, deleted = 1, message_id = substr(CAST(10000000000000 + number AS TEXT), 2) \
     WHERE user_id = $1",
    "UPDATE report_people SET user_id = $2, name = '' WHERE user_id = $1",
    "UPDATE calls SET caller_user = $2 WHERE caller_user = $1",
    "UPDATE calls SET callee_user = $2 WHERE callee_user = $1",
    "UPDATE rooms SET removed = trim(replace(' ' || removed || ' ', ' ' || $1 || ' ', ' ')) WHERE $2 <> $1",
    "DELETE FROM links WHERE maker = $1 AND $2 <> $1",
];

/// Forgets a user; whether there was one.
pub(super) async fn apply(writer: Writer<'_>, user: UserId) -> Result<bool, StoreError> {
    super::webhooks::forget(writer, user).await?;
    let (user, nobody) = (user.to_string(), UserId::NOBODY.to_string());
    let mut was_there = false;
    for sql in THEIRS {
        let done = sqlx::query(sql).bind(user.clone()).execute(&mut **writer).await?;
        was_there |= done.rows_affected() > 0;
    }
    super::files::forget_of(writer, &user).await?;
    let rooms: Vec<(Option<String>,)> = sqlx::query_as("DELETE FROM history WHERE user_id = $1 RETURNING room_id")
        .bind(user.clone())
        .fetch_all(&mut **writer)
        .await?;
    was_there |= !rooms.is_empty();
    for sql in OTHERS {
        sqlx::query(sql)
            .bind(user.clone())
            .bind(nobody.clone())
            .execute(&mut **writer)
            .await?;
    }
    for room in rooms.into_iter().filter_map(|(room,)| room) {
        super::messages::forget_of(writer, &room).await?;
        super::reports::forget_of(writer, &room).await?;
    }
    Ok(was_there)
}

impl Store {
    /// Forgets a user; whether there was one.
    pub async fn forget(&self, user: UserId) -> Result<bool, StoreError> {
        let attempt = async || {
            let mut transaction = self.database.begin().await?;
            let was_there = apply(&mut transaction, user).await?;
            transaction.commit().await?;
            Ok(was_there)
        };
        self.database.change(attempt).await
    }

    /// Takes what was deleted out of the journal too, as far as nobody reads it just now. PostgreSQL keeps its own as long as it is set up to.
    pub async fn clear_journal(&self) -> Result<(), StoreError> {
        if self.database.kind == Kind::Postgres {
            return Ok(());
        }
        let shrink = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
        self.database.execute(shrink).await.map(drop)
    }

    /// Every user that there is, for tests.
    #[cfg(test)]
    pub(super) async fn user_ids(&self) -> Result<Vec<UserId>, StoreError> {
        let rows: Vec<(String,)> = self
            .database
            .within(sqlx::query_as("SELECT user_id FROM users").fetch_all(&self.database.pool))
            .await?;
        rows.iter().map(|(user,)| super::restart::id(user, "user_id")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{
        Change, HistoryChange, LinkRow, MessageChange, NewDevice, NewMessage, News, PersonChange, RoomRow, SessionRow,
    };
    use super::*;
    use crate::grants::Grants;
    use crate::id::{CallId, DeviceId, LinkId, MessageId, ParticipantId, RoomId, SessionId};
    use crate::store::testbed::{Bed, on_both};

    on_both!(nothing_names_whoever_is_forgotten_and_others_keep_what_is_theirs,);

    fn say(by: u64, message: u64, text: &str) -> Change {
        Change::Message(MessageChange::Say(NewMessage {
            room: RoomId::from_random(1),
            message: MessageId::from_random(message),
            user: user(by),
            name: format!("name {by}"),
            participant: ParticipantId::from_random(by),
            text: text.to_owned(),
            file: None,
        }))
    }

    fn knows(of: u64, other: u64) -> [Change; 2] {
        let named = (user(other), format!("name {other}"));
        [PersonChange::KeepContact(named.clone()), PersonChange::Block(named)].map(|change| Change::Person {
            user: user(of),
            change,
            most: 9,
        })
    }

    async fn nothing_names_whoever_is_forgotten_and_others_keep_what_is_theirs(bed: &Bed) {
        let store = bed.open().await;
        store.create_identity("subject 1", user(1), "name 1", 0).await.expect("made");
        let device = NewDevice {
            device: DeviceId::from_random(1),
            user: user(1),
            secret_hash: [4; 32],
            name: "browser 1".to_owned(),
            until_unix: None,
            id_token: Some("id token 1".to_owned()),
        };
        store.add_device(&device, 0).await.expect("kept");
        store.add_user(user(2), "name 2", 0).await.expect("made");
        let (call, room) = (CallId::from_random(1), RoomId::from_random(1));
        let mut changes = vec![
            Change::KeepSession(SessionRow {
                session: SessionId::from_random(1),
                user: user(1),
                secret_hash: [3; 32],
                grants: Grants::ALL,
            }),
            Change::KeepLink(LinkRow {
                link: LinkId::from_random(1),
                maker: user(1),
                name: "name 1's".to_owned(),
                passphrase: None,
                expires_at_ms: None,
                single_use: false,
                used: false,
                lobby: false,
                makes_hosts: true,
                within: None,
            }),
            Change::KeepRoom(RoomRow {
                room,
                by_call: true,
                name: String::new(),
                link: None,
                locked: false,
                lobby: false,
                removed: vec![user(3), user(1), user(4)],
            }),
            Change::History(HistoryChange::Rang {
                call,
                room,
                caller: (user(1), "name 1".to_owned()),
                callee: (user(2), "name 2".to_owned()),
            }),
            Change::History(HistoryChange::Answered(call)),
            say(1, 7, "words of 1"),
            say(2, 8, "words of 2"),
            say(3, 7, "words of 3"),
            Change::History(HistoryChange::Over {
                call,
                reason: "hung_up",
                talked_ms: 1,
            }),
        ];
        changes.extend(knows(1, 2));
        changes.extend(knows(2, 1));
        store.keep(&changes, 5).await.expect("kept");
        // Two who are gone, and whose pages drew the same id.
        for (gone, was_there) in [(1, true), (3, false), (1, false)] {
            let news = store.keep(&[Change::ForgetUser(user(gone))], 6).await.expect("forgotten");
            assert_eq!(news, [(0, News::UserForgotten { was_there })]);
        }
        store.clear_journal().await.expect("written");

        assert_eq!(store.user_ids().await.expect("read"), [user(2)]);
        let history = store.history(user(2), None, 9).await.expect("read").rows;
        assert_eq!((history.len(), history[0].other), (1, UserId::NOBODY));
        assert_eq!(UserId::NOBODY.to_string(), "0000-0000-0000", "as the page knows it");
        let page = store.messages(room, user(9), None, 9).await.expect("read");
        let texts: Vec<_> = page
            .rows
            .iter()
            .map(|row| (row.number, row.text.as_str(), row.deleted))
            .collect();
        assert_eq!(texts, [(1, "", true), (2, "words of 2", false), (3, "", true)]);
        assert_eq!(store.person(user(2)).await.expect("read"), Default::default());
        assert!(store.sessions().await.expect("read").is_empty());
        assert!(store.links().await.expect("read").is_empty());
        assert_eq!(store.rooms().await.expect("read")[0].removed, [user(4)]);
        store.close().await;
        let Some(folder) = bed.folder() else { return };
        for entry in std::fs::read_dir(folder).expect("listed") {
            let bytes = std::fs::read(entry.expect("an entry").path()).expect("read");
            for trace in [
                "name 1",
                "subject 1",
                "browser 1",
                "id token 1",
                "words of 1",
                &user(1).to_string(),
            ] {
                let found = bytes.windows(trace.len()).any(|window| window == trace.as_bytes());
                assert!(!found, "{trace} is in the file");
            }
        }
    }
}
