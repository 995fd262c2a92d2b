//! A node that is gone is adopted by another one, whole: what bears its name bears the other's from then on. PostgreSQL judges, as at a
//! start: only a name whose lock nobody holds is free, and the adopter holds it until all is done.

use sqlx::AnyConnection;

use super::claim::{OWNED, lock_of};
use super::{SessionRow, Store, StoreError};
use crate::id::{CallId, LinkId, RoomId, SessionId};
use crate::store::database::Kind;
use crate::store::restart::{id, read_grants};

/// A name that is held for as long as it takes to adopt what bears it.
#[derive(Debug)]
pub struct Adoption {
    /// As that node would have it.
    pub of: Store,
    by: Store,
    _connection: AnyConnection,
}

/// A participant of a room of this node whose session is another node's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestRow {
    pub session: SessionRow,
    /// The user's.
    pub name: String,
    /// The name of the node that has the session.
    pub home: String,
}

/// A session of this node that is in a room of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbroadRow {
    pub session: SessionId,
    pub room: RoomId,
    pub call: Option<CallId>,
    /// The name of the node that has the room.
    pub owner: String,
}

impl Store {
    /// The name of the node that has a session.
    pub async fn node_of_session(&self, session: SessionId) -> Result<Option<String>, StoreError> {
        let query = "SELECT node FROM sessions WHERE session_id = $1";
        self.node_of(query, session.to_string()).await
    }

    /// The name of the node that has a link.
    pub async fn node_of_link(&self, link: LinkId) -> Result<Option<String>, StoreError> {
        let query = "SELECT node FROM links WHERE link_id = $1";
        self.node_of(query, link.to_string()).await
    }

    async fn node_of(&self, query: &'static str, what: String) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = self
            .database
            .within(sqlx::query_as(query).bind(what).fetch_optional(&self.database.pool))
            .await?;
        Ok(row.map(|(node,)| node))
    }

    /// What this node calls itself. Empty: there are no others.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Takes the name of a node that is gone, to read and then to adopt what it had. None: it is not gone, or another one adopts it.
    pub async fn try_to_adopt(&self, node: &str) -> Result<Option<Adoption>, StoreError> {
        if !self.is_shared() || node.is_empty() || node == &*self.node {
            return Ok(None);
        }
        let mut connection = self.database.within(self.database.pool.acquire()).await?.detach();
        if !self.ask(&mut connection, lock_of(node)).await? {
            return Ok(None);
        }
        let mut of = self.clone();
        of.node = node.into();
        Ok(Some(Adoption {
            of,
            by: self.clone(),
            _connection: connection,
        }))
    }

    /// Participants of rooms of this node whose sessions are those of other nodes.
    pub async fn guests(&self) -> Result<Vec<GuestRow>, StoreError> {
        type Columns = (String, String, Vec<u8>, Option<String>, String, String);
        if self.database.kind == Kind::Sqlite {
            return Ok(Vec::new());
        }
        let rows: Vec<Columns> = self
            .database
            .within(
                sqlx::query_as(
                    "SELECT s.session_id, s.user_id, s.secret_hash, s.grants, u.name, s.node FROM members m \
                     JOIN sessions s ON s.session_id = m.session_id JOIN users u ON u.user_id = s.user_id \
                     WHERE m.node = $1 AND s.node <> $1 ORDER BY s.session_id",
                )
                .bind(self.node.to_string())
                .fetch_all(&self.database.pool),
            )
            .await?;
        let read = rows.into_iter().map(|(session, user, secret_hash, grants, name, home)| {
            let session = SessionRow {
                session: id(&session, "session_id")?,
                user: id(&user, "user_id")?,
                secret_hash: secret_hash.try_into().map_err(|_| StoreError::Corrupt("secret_hash"))?,
                grants: read_grants(grants.as_deref())?,
            };
            Ok(GuestRow { session, name, home })
        });
        read.collect()
    }

    /// Sessions of this node that are in rooms of others.
    pub async fn abroad(&self) -> Result<Vec<AbroadRow>, StoreError> {
        type Columns = (String, String, Option<String>, String);
        if self.database.kind == Kind::Sqlite {
            return Ok(Vec::new());
        }
        let rows: Vec<Columns> = self
            .database
            .within(
                sqlx::query_as(
                    "SELECT m.session_id, m.room_id, m.call_id, m.node FROM members m JOIN sessions s ON s.session_id = m.session_id \
                     WHERE s.node = $1 AND m.node <> $1 ORDER BY m.session_id",
                )
                .bind(self.node.to_string())
                .fetch_all(&self.database.pool),
            )
            .await?;
        let read = rows.into_iter().map(|(session, room, call, owner)| {
            Ok(AbroadRow {
                session: id(&session, "session_id")?,
                room: id(&room, "room_id")?,
                call: call.map(|call| id(&call, "call_id")).transpose()?,
                owner,
            })
        });
        read.collect()
    }

    /// Whether another node has taken up what this one had, while this one was away for the database.
    pub async fn is_adopted(&self) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = self
            .database
            .within(
                sqlx::query_as("SELECT claim FROM nodes WHERE node = $1")
                    .bind(self.node.to_string())
                    .fetch_optional(&self.database.pool),
            )
            .await?;
        Ok(row.is_some_and(|(claim,)| claim == 0 && self.claim != 0))
    }
}

impl Adoption {
    /// All that bears the name is the adopter's from here on, and whoever still writes by that name changes nothing.
    pub async fn complete(self) -> Result<(), StoreError> {
        let Adoption { of, by, _connection } = self;
        let (from, to) = (&of.node, &by.node);
        let attempt = async || {
            let mut transaction = by.database.begin().await?;
            for (table, which) in OWNED {
                let sql = format!("UPDATE {table} SET node = $1 WHERE {which}node = $2");
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(to.to_string())
                    .bind(from.to_string())
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query(
                "INSERT INTO nodes (node, at_ms, claim) VALUES ($1, 0, 0) ON CONFLICT (node) DO UPDATE SET claim = excluded.claim",
            )
            .bind(from.to_string())
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(())
        };
        by.database.change(attempt).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Change, Held, LinkRow, MemberRow, RoomRow, Tenancy};
    use super::*;
    use crate::grants::Grants;
    use crate::id::{ParticipantId, UserId};
    use crate::store::testbed::Bed;

    fn among(name: &str) -> Tenancy {
        Tenancy::Among(name.to_owned())
    }

    fn session(n: u8) -> SessionRow {
        SessionRow {
            session: SessionId::from_random(n.into()),
            user: UserId::from_random(1),
            secret_hash: [n; 32],
            grants: Grants::ALL,
        }
    }

    fn member(n: u64) -> Change {
        Change::KeepMember(MemberRow {
            room: RoomId::from_random(7),
            participant: ParticipantId::from_random(n),
            session: SessionId::from_random(n),
            call: None,
            place: n,
            host: false,
            through_server: false,
            entered_at_ms: 9,
        })
    }

    fn link() -> Change {
        Change::KeepLink(LinkRow {
            link: LinkId::from_random(5),
            maker: UserId::from_random(1),
            name: "Stand-up".to_owned(),
            passphrase: None,
            expires_at_ms: None,
            single_use: false,
            used: false,
            lobby: false,
            makes_hosts: true,
            within: None,
        })
    }

    fn room() -> Change {
        Change::KeepRoom(RoomRow {
            room: RoomId::from_random(7),
            by_call: false,
            name: "Stand-up".to_owned(),
            link: Some(LinkId::from_random(5)),
            locked: false,
            lobby: false,
            removed: Vec::new(),
        })
    }

    async fn counts(store: &Store) -> (usize, usize, usize, usize) {
        (
            store.sessions().await.expect("read").len(),
            store.rooms().await.expect("read").len(),
            store.members().await.expect("read").len(),
            store.links().await.expect("read").len(),
        )
    }

    #[tokio::test]
    async fn one_of_several_adopts_a_node_that_is_gone_and_nobody_one_that_lives() {
        let bed = Bed::postgres();
        let (mut a, mut b, mut c) = (bed.open().await, bed.open().await, bed.open().await);
        let claim = a.claim(among("a")).await.expect("nobody has it");
        let _others = (
            b.claim(among("b")).await.expect("it is shared"),
            c.claim(among("c")).await.expect("it is shared"),
        );
        a.add_user(UserId::from_random(1), "Ada", 0).await.expect("kept");
        let changes = [Change::KeepSession(session(1)), link(), room(), member(1), member(2)];
        a.keep(&changes, 1000).await.expect("kept");
        // In its room somebody of B.
        b.keep(&[Change::KeepSession(session(2))], 1000).await.expect("kept");
        let owner = b.node_of_link(LinkId::from_random(5)).await.expect("read");
        assert_eq!(owner.as_deref(), Some("a"));
        let whose = async |n: u8| b.node_of_session(session(n).session).await.expect("read");
        assert_eq!(
            (whose(1).await.as_deref(), whose(2).await.as_deref(), whose(3).await),
            (Some("a"), Some("b"), None)
        );
        let guests = a.guests().await.expect("read");
        assert_eq!(
            (
                guests.len(),
                guests[0].session,
                guests[0].home.as_str(),
                guests[0].name.as_str()
            ),
            (1, session(2), "b", "Ada")
        );
        let abroad = b.abroad().await.expect("read");
        assert_eq!((abroad.len(), abroad[0].owner.as_str()), (1, "a"));

        assert!(b.try_to_adopt("a").await.expect("it is asked").is_none(), "it lives");
        assert!(b.try_to_adopt("b").await.expect("it is asked").is_none(), "that is itself");
        drop(claim);
        let mut adoption = None;
        while adoption.is_none() {
            // PostgreSQL sees the end of a connection a moment later.
            adoption = b.try_to_adopt("a").await.expect("it is asked");
        }
        let adoption = adoption.expect("it is free");
        assert!(
            c.try_to_adopt("a").await.expect("it is asked").is_none(),
            "another one is at it"
        );
        assert_eq!(counts(&adoption.of).await, (1, 1, 2, 1));
        adoption.complete().await.expect("it is done");
        assert_eq!(counts(&b).await, (2, 1, 2, 1));
        assert!(b.guests().await.expect("read").is_empty() && b.abroad().await.expect("read").is_empty());
        // Who comes too late finds nothing.
        let mut late = None;
        while late.is_none() {
            late = c.try_to_adopt("a").await.expect("it is asked");
        }
        assert_eq!(counts(&late.expect("it is free").of).await, (0, 0, 0, 0));
    }

    #[tokio::test]
    async fn nobody_writes_by_a_name_that_was_adopted() {
        let bed = Bed::postgres();
        let (mut a, mut b) = (bed.open().await, bed.open().await);
        let mut claim = a.claim(among("a")).await.expect("nobody has it");
        let _other = b.claim(among("b")).await.expect("it is shared");
        a.add_user(UserId::from_random(1), "Ada", 0).await.expect("kept");
        a.keep(&[Change::KeepSession(session(1)), room()], 1000).await.expect("kept");
        assert_eq!(claim.renew(&a).await.expect("it is looked at"), Held::Still);
        // Its connections break, and it lives on.
        claim.lose();
        let mut adoption = None;
        while adoption.is_none() {
            adoption = b.try_to_adopt("a").await.expect("it is asked");
        }
        adoption.expect("it is free").complete().await.expect("it is done");
        for change in [Change::KeepSession(session(1)), Change::KeepSession(session(9)), room()] {
            let late = a.keep(&[change], 2000).await;
            assert!(matches!(late, Err(StoreError::Adopted)), "{late:?}");
        }
        assert_eq!((counts(&a).await.0, counts(&b).await.0), (0, 1));
        assert_eq!(claim.renew(&a).await.expect("it is looked at"), Held::Adopted);
        // One that starts by that name may.
        let mut again = bed.open().await;
        let _claim = again.claim(among("a")).await.expect("nobody has it");
        again.keep(&[Change::KeepSession(session(3))], 3000).await.expect("kept");
        assert_eq!(counts(&again).await.0, 1);
        assert!(
            a.keep(&[Change::KeepSession(session(4))], 3000).await.is_err(),
            "an earlier start does not"
        );
    }
}
