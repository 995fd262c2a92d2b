//! What belongs to users: contacts, whom they have blocked, and settings.

use serde::Serialize;

use super::database::{Deed, Flag, Writer};
use super::push::{self, SubscriptionRow};
use super::restart::id;
use super::{Store, StoreError};
use crate::id::UserId;

/// What a user changes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonChange {
    KeepContact(NamedUser),
    ForgetContact(UserId),
    Block(NamedUser),
    Unblock(UserId),
    Set(SettingsRow),
    /// A browser of theirs is to be told what they miss.
    Subscribe(SubscriptionRow),
    /// By its endpoint.
    Unsubscribe(String),
}

/// Another user with the name that a user gave them.
pub type NamedUser = (UserId, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SettingsRow {
    pub contacts_only: bool,
    pub always_through_server: bool,
}

/// All that belongs to one user, in the order of ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonRow {
    pub contacts: Vec<NamedUser>,
    pub blocked: Vec<NamedUser>,
    pub settings: SettingsRow,
    /// Those of the contacts who have this user as one and have not blocked them. Read where several nodes share the database.
    pub known_by: Vec<UserId>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonNews {
    Changed,
    /// As many as may be are there.
    TooMany,
}

/// The condition that a call of one user may be known to another, who may not have been there.
pub(super) fn may_call(callee: &str, caller: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM blocks WHERE user_id = {callee} AND blocked_id = {caller}) \
         AND (NOT EXISTS (SELECT 1 FROM settings WHERE user_id = {callee} AND contacts_only = 1) \
         OR EXISTS (SELECT 1 FROM contacts WHERE user_id = {callee} AND contact_id = {caller}))"
    )
}

/// Makes one change, unless it makes a list longer than `most`.
pub(super) async fn apply(
    writer: Writer<'_>,
    user: UserId,
    change: &PersonChange,
    most: u32,
    now_ms: i64,
) -> Result<PersonNews, StoreError> {
    match change {
        PersonChange::Subscribe(row) => {
            push::subscribe(writer, user, row, now_ms).await?;
            return Ok(PersonNews::Changed);
        }
        PersonChange::Unsubscribe(endpoint) => {
            push::unsubscribe(writer, user, endpoint).await?;
            return Ok(PersonNews::Changed);
        }
        _ => {}
    }
    let user = user.to_string();
    let add = |sql, (other, name): &NamedUser| -> Deed<'_> {
        sqlx::query(sql)
            .bind(user.clone())
            .bind(other.to_string())
            .bind(name.clone())
            .bind(now_ms)
            .bind(i64::from(most))
    };
    let query = match change {
        PersonChange::KeepContact(contact) => add(
            "INSERT INTO contacts (user_id, contact_id, name, since_ms) SELECT $1, $2, $3, $4 \
             WHERE (SELECT COUNT(*) FROM contacts WHERE user_id = $1 AND contact_id <> $2) < $5 \
             ON CONFLICT (user_id, contact_id) DO UPDATE SET name = excluded.name",
            contact,
        ),
        PersonChange::Block(other) => add(
            "INSERT INTO blocks (user_id, blocked_id, name, since_ms) SELECT $1, $2, $3, $4 \
             WHERE (SELECT COUNT(*) FROM blocks WHERE user_id = $1 AND blocked_id <> $2) < $5 \
             ON CONFLICT (user_id, blocked_id) DO UPDATE SET name = excluded.name",
            other,
        ),
        PersonChange::ForgetContact(other) => sqlx::query("DELETE FROM contacts WHERE user_id = $1 AND contact_id = $2")
            .bind(user)
            .bind(other.to_string()),
        PersonChange::Unblock(other) => sqlx::query("DELETE FROM blocks WHERE user_id = $1 AND blocked_id = $2")
            .bind(user)
            .bind(other.to_string()),
        PersonChange::Set(settings) => sqlx::query(
            "INSERT INTO settings (user_id, contacts_only, always_through_server) VALUES ($1, $2, $3) ON CONFLICT (user_id) \
                 DO UPDATE SET contacts_only = excluded.contacts_only, always_through_server = excluded.always_through_server",
        )
        .bind(user)
        .bind(Flag(settings.contacts_only))
        .bind(Flag(settings.always_through_server)),
        PersonChange::Subscribe(_) | PersonChange::Unsubscribe(_) => return Ok(PersonNews::Changed),
    };
    let done = query.execute(&mut **writer).await?;
    let adds = matches!(change, PersonChange::KeepContact(_) | PersonChange::Block(_));
    Ok(if adds && done.rows_affected() == 0 {
        PersonNews::TooMany
    } else {
        PersonNews::Changed
    })
}

impl Store {
    /// All that belongs to a user. Of one who is not there, or has nothing: nothing.
    pub async fn person(&self, user: UserId) -> Result<PersonRow, StoreError> {
        self.database.within(self.read_person(user)).await
    }

    async fn read_person(&self, user: UserId) -> Result<PersonRow, StoreError> {
        let mut reader = self.database.begin_to_read().await?;
        let mut lists = [Vec::new(), Vec::new()];
        let queries = [
            "SELECT contact_id, name FROM contacts WHERE user_id = $1 ORDER BY contact_id",
            "SELECT blocked_id, name FROM blocks WHERE user_id = $1 ORDER BY blocked_id",
        ];
        for (list, query) in lists.iter_mut().zip(queries) {
            let rows: Vec<(String, String)> = sqlx::query_as(query).bind(user.to_string()).fetch_all(&mut *reader).await?;
            for (other, name) in rows {
                list.push((id(&other, "contact_id or blocked_id")?, name));
            }
        }
        let settings: Option<(Flag, Flag)> =
            sqlx::query_as("SELECT contacts_only, always_through_server FROM settings WHERE user_id = $1")
                .bind(user.to_string())
                .fetch_optional(&mut *reader)
                .await?;
        let mut known_by = Vec::new();
        if self.is_shared() {
            let rows: Vec<(String,)> = sqlx::query_as(
                "SELECT theirs.user_id FROM contacts ours JOIN contacts theirs ON theirs.user_id = ours.contact_id \
                 AND theirs.contact_id = ours.user_id WHERE ours.user_id = $1 AND NOT EXISTS (SELECT 1 FROM blocks \
                 WHERE blocks.user_id = theirs.user_id AND blocked_id = $1) ORDER BY theirs.user_id",
            )
            .bind(user.to_string())
            .fetch_all(&mut *reader)
            .await?;
            for (other,) in rows {
                known_by.push(id(&other, "user_id")?);
            }
        }
        let (contacts_only, always_through_server) = settings.unwrap_or_default();
        let [contacts, blocked] = lists;
        Ok(PersonRow {
            contacts,
            blocked,
            settings: SettingsRow {
                contacts_only: contacts_only.0,
                always_through_server: always_through_server.0,
            },
            known_by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::user;
    use super::super::{Change, HistoryChange, News, Tenancy};
    use super::*;
    use crate::id::CallId;
    use crate::store::testbed::{Bed, on_both};

    on_both!(
        what_belongs_to_a_user_survives_a_restart,
        each_list_has_a_bound_and_those_in_it_may_be_renamed,
        a_call_that_was_not_to_ring_is_in_its_makers_history_alone,
    );

    const MOST: u32 = 3;

    async fn store(bed: &Bed) -> Store {
        let store = bed.open().await;
        for number in [1, 2] {
            store.add_user(user(number), "", 0).await.expect("it is kept");
        }
        store
    }

    fn named(number: u64, name: &str) -> NamedUser {
        (user(number), name.to_owned())
    }

    async fn change(store: &Store, of: u64, change: PersonChange) -> PersonNews {
        let user = user(of);
        let change = Change::Person {
            user,
            change,
            most: MOST,
        };
        let news = store.keep(&[change], 1).await.expect("it is kept");
        match news.as_slice() {
            [(0, News::Person(news))] => *news,
            other => panic!("{other:?}"),
        }
    }

    async fn what_belongs_to_a_user_survives_a_restart(bed: &Bed) {
        let store = store(bed).await;
        for one in [
            PersonChange::KeepContact(named(2, "Bob")),
            PersonChange::KeepContact(named(3, "Eve")),
            PersonChange::KeepContact(named(2, "Robert")),
            PersonChange::ForgetContact(user(3)),
            PersonChange::Block(named(4, "Mallory")),
            PersonChange::Block(named(5, "")),
            PersonChange::Unblock(user(5)),
            PersonChange::Set(SettingsRow {
                contacts_only: true,
                always_through_server: false,
            }),
        ] {
            assert_eq!(change(&store, 1, one).await, PersonNews::Changed);
        }
        store.close().await;
        let store = bed.open().await;
        let expected = PersonRow {
            contacts: vec![named(2, "Robert")],
            blocked: vec![named(4, "Mallory")],
            settings: SettingsRow {
                contacts_only: true,
                always_through_server: false,
            },
            known_by: Vec::new(),
        };
        assert_eq!(store.person(user(1)).await.expect("it is read"), expected);
        assert_eq!(store.person(user(2)).await.expect("it is read"), PersonRow::default());
    }

    #[tokio::test]
    async fn by_whom_somebody_is_known_is_read_where_nodes_share_the_database() {
        let mut store = store(&Bed::postgres()).await;
        let keep = |other| PersonChange::KeepContact(named(other, "them"));
        for (by, one) in [
            (1, keep(2)),
            (1, keep(3)),
            (1, keep(4)),
            (2, keep(1)),
            (3, keep(1)),
            (3, PersonChange::Block(named(1, "Mallory"))),
            (5, keep(1)),
        ] {
            change(&store, by, one).await;
        }
        assert!(store.person(user(1)).await.expect("read").known_by.is_empty(), "nobody asks");
        let _claim = store.claim(Tenancy::Among("a".to_owned())).await.expect("it is shared");
        let known_by = store.person(user(1)).await.expect("read").known_by;
        assert_eq!(known_by, [user(2)], "not who has blocked them, and not who is no contact");
    }

    async fn each_list_has_a_bound_and_those_in_it_may_be_renamed(bed: &Bed) {
        let store = store(bed).await;
        for other in 2..2 + u64::from(MOST) {
            let contact = PersonChange::KeepContact(named(other, "a"));
            assert_eq!(change(&store, 1, contact).await, PersonNews::Changed);
            assert_eq!(
                change(&store, 1, PersonChange::Block(named(other, "a"))).await,
                PersonNews::Changed
            );
        }
        assert_eq!(
            change(&store, 1, PersonChange::KeepContact(named(9, ""))).await,
            PersonNews::TooMany
        );
        assert_eq!(
            change(&store, 1, PersonChange::Block(named(9, ""))).await,
            PersonNews::TooMany
        );
        assert_eq!(
            change(&store, 1, PersonChange::KeepContact(named(2, "b"))).await,
            PersonNews::Changed
        );
        assert_eq!(
            change(&store, 2, PersonChange::KeepContact(named(9, ""))).await,
            PersonNews::Changed
        );
        let person = store.person(user(1)).await.expect("it is read");
        assert_eq!((person.contacts.len(), person.contacts[0].1.as_str()), (MOST as usize, "b"));
    }

    async fn a_call_that_was_not_to_ring_is_in_its_makers_history_alone(bed: &Bed) {
        let store = store(bed).await;
        let mut calls = 0;
        let mut call = async || {
            calls += 1;
            let never_rang = Change::History(HistoryChange::NeverRang {
                call: CallId::from_random(calls),
                caller: named(1, "Ada"),
                callee: user(2),
                reason: "unreachable",
            });
            store.keep(&[never_rang], 1).await.expect("it is kept");
            let rows = async |of| store.history(user(of), None, 10).await.expect("it is read").rows.len();
            assert_eq!(rows(1).await as u64, calls);
            rows(2).await
        };
        assert_eq!(call().await, 1);
        change(&store, 2, PersonChange::Block(named(1, ""))).await;
        assert_eq!(call().await, 1);
        change(&store, 2, PersonChange::Unblock(user(1))).await;
        assert_eq!(call().await, 2);
        let contacts_only = SettingsRow {
            contacts_only: true,
            always_through_server: false,
        };
        change(&store, 2, PersonChange::Set(contacts_only)).await;
        assert_eq!(call().await, 2);
        change(&store, 2, PersonChange::KeepContact(named(1, ""))).await;
        assert_eq!(call().await, 3);
    }
}
