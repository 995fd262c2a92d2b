//! Rooms with who is in them, and links.

use sqlx::Row;

use super::database::{Deed, Flag};
use super::restart::id;
use super::{Store, StoreError};
use crate::id::{CallId, LinkId, ParticipantId, RoomId, SessionId, UserId};

/// What lets people into a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    pub link: LinkId,
    pub maker: UserId,
    pub name: String,
    /// A slow hash.
    pub passphrase: Option<[u8; 32]>,
    /// Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    pub single_use: bool,
    pub used: bool,
    pub lobby: bool,
    pub makes_hosts: bool,
    pub within: Option<RoomId>,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRow {
    pub room: RoomId,
    pub by_call: bool,
    pub name: String,
    pub link: Option<LinkId>,
    pub locked: bool,
    pub lobby: bool,
    pub removed: Vec<UserId>,
}

/// A session in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRow {
    pub room: RoomId,
    pub participant: ParticipantId,
    pub session: SessionId,
    pub call: Option<CallId>,
    pub place: u64,
    pub host: bool,
    pub through_server: bool,
    /// Unix milliseconds.
    pub entered_at_ms: i64,
}

pub(super) fn keep_link(row: &LinkRow, node: &str) -> Deed<'static> {
    sqlx::query(
        "INSERT INTO links (link_id, maker, name, passphrase, expires_at_ms, single_use, used, lobby, makes_hosts, within_room, node) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (link_id) DO UPDATE SET maker = excluded.maker, \
         name = excluded.name, passphrase = excluded.passphrase, expires_at_ms = excluded.expires_at_ms, \
         single_use = excluded.single_use, used = excluded.used, lobby = excluded.lobby, makes_hosts = excluded.makes_hosts, \
         within_room = excluded.within_room WHERE links.node = excluded.node",
    )
    .bind(row.link.to_string())
    .bind(row.maker.to_string())
    .bind(row.name.clone())
    .bind(row.passphrase.map(|hash| hash.to_vec()))
    .bind(row.expires_at_ms)
    .bind(Flag(row.single_use))
    .bind(Flag(row.used))
    .bind(Flag(row.lobby))
    .bind(Flag(row.makes_hosts))
    .bind(row.within.map(|room| room.to_string()))
    .bind(node.to_owned())
}

pub(super) fn forget_link(link: LinkId, node: &str) -> Deed<'static> {
    sqlx::query("DELETE FROM links WHERE link_id = $1 AND node = $2")
        .bind(link.to_string())
        .bind(node.to_owned())
}

pub(super) fn keep_room(row: &RoomRow, node: &str) -> Deed<'static> {
    let removed: Vec<String> = row.removed.iter().map(UserId::to_string).collect();
    sqlx::query(
        "INSERT INTO rooms (room_id, by_call, name, link_id, locked, lobby, removed, node) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (room_id) DO UPDATE SET by_call = excluded.by_call, name = excluded.name, link_id = excluded.link_id, \
         locked = excluded.locked, lobby = excluded.lobby, removed = excluded.removed, node = excluded.node",
    )
    .bind(row.room.to_string())
    .bind(Flag(row.by_call))
    .bind(row.name.clone())
    .bind(row.link.map(|link| link.to_string()))
    .bind(Flag(row.locked))
    .bind(Flag(row.lobby))
    .bind(removed.join(" "))
    .bind(node.to_owned())
}

pub(super) fn forget_members_of(room: RoomId) -> Deed<'static> {
    sqlx::query("DELETE FROM members WHERE room_id = $1").bind(room.to_string())
}

pub(super) fn forget_room(room: RoomId) -> Deed<'static> {
    sqlx::query("DELETE FROM rooms WHERE room_id = $1").bind(room.to_string())
}

/// Of one that is there already, it changes what may change; where it is in another room, a node that is gone had it in that one.
pub(super) fn keep_member(row: &MemberRow, node: &str) -> Deed<'static> {
    sqlx::query(
        "INSERT INTO members (session_id, room_id, participant_id, call_id, place, host, through_server, entered_at_ms, \
         node) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (session_id) DO UPDATE SET host = excluded.host, \
         entered_at_ms = CASE WHEN members.room_id = excluded.room_id THEN members.entered_at_ms ELSE excluded.entered_at_ms END, \
         through_server = CASE WHEN members.room_id = excluded.room_id THEN members.through_server ELSE excluded.through_server END, \
         room_id = excluded.room_id, participant_id = excluded.participant_id, call_id = excluded.call_id, place = excluded.place, \
         node = excluded.node",
    )
    .bind(row.session.to_string())
    .bind(row.room.to_string())
    .bind(row.participant.to_string())
    .bind(row.call.map(|call| call.to_string()))
    .bind(i64::try_from(row.place).unwrap_or(i64::MAX))
    .bind(Flag(row.host))
    .bind(Flag(row.through_server))
    .bind(row.entered_at_ms)
    .bind(node.to_owned())
}

pub(super) fn forget_member(session: SessionId, node: &str) -> Deed<'static> {
    sqlx::query("DELETE FROM members WHERE session_id = $1 AND node = $2")
        .bind(session.to_string())
        .bind(node.to_owned())
}

impl Store {
    /// The kept links of this node.
    pub async fn links(&self) -> Result<Vec<LinkRow>, StoreError> {
        let rows = self
            .database
            .within(
                sqlx::query("SELECT * FROM links WHERE node = $1 ORDER BY link_id")
                    .bind(self.node.to_string())
                    .fetch_all(&self.database.pool),
            )
            .await?;
        let read = rows.iter().map(|row| {
            let passphrase: Option<Vec<u8>> = row.try_get("passphrase")?;
            let within: Option<String> = row.try_get("within_room")?;
            Ok(LinkRow {
                link: id(row.try_get("link_id")?, "link_id")?,
                maker: id(row.try_get("maker")?, "maker")?,
                name: row.try_get("name")?,
                passphrase: passphrase
                    .map(|hash| hash.try_into().map_err(|_| StoreError::Corrupt("passphrase")))
                    .transpose()?,
                expires_at_ms: row.try_get("expires_at_ms")?,
                single_use: row.try_get::<Flag, _>("single_use")?.0,
                used: row.try_get::<Flag, _>("used")?.0,
                lobby: row.try_get::<Flag, _>("lobby")?.0,
                makes_hosts: row.try_get::<Flag, _>("makes_hosts")?.0,
                within: within.map(|room| id(&room, "within_room")).transpose()?,
            })
        });
        read.collect()
    }

    /// The kept rooms of this node.
    pub async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let rows = self
            .database
            .within(
                sqlx::query("SELECT * FROM rooms WHERE node = $1 ORDER BY room_id")
                    .bind(self.node.to_string())
                    .fetch_all(&self.database.pool),
            )
            .await?;
        let read = rows.iter().map(|row| {
            let link: Option<String> = row.try_get("link_id")?;
            let removed: String = row.try_get("removed")?;
            Ok(RoomRow {
                room: id(row.try_get("room_id")?, "room_id")?,
                by_call: row.try_get::<Flag, _>("by_call")?.0,
                name: row.try_get("name")?,
                link: link.map(|link| id(&link, "link_id")).transpose()?,
                locked: row.try_get::<Flag, _>("locked")?.0,
                lobby: row.try_get::<Flag, _>("lobby")?.0,
                removed: removed
                    .split_whitespace()
                    .map(|user| id(user, "removed"))
                    .collect::<Result<_, _>>()?,
            })
        });
        read.collect()
    }

    /// The kept members of this node, in the order of coming.
    pub async fn members(&self) -> Result<Vec<MemberRow>, StoreError> {
        let rows = self
            .database
            .within(
                sqlx::query("SELECT * FROM members WHERE node = $1 ORDER BY room_id, place")
                    .bind(self.node.to_string())
                    .fetch_all(&self.database.pool),
            )
            .await?;
        let read = rows.iter().map(|row| {
            let call: Option<String> = row.try_get("call_id")?;
            let place: i64 = row.try_get("place")?;
            Ok(MemberRow {
                room: id(row.try_get("room_id")?, "room_id")?,
                participant: id(row.try_get("participant_id")?, "participant_id")?,
                session: id(row.try_get("session_id")?, "session_id")?,
                call: call.map(|call| id(&call, "call_id")).transpose()?,
                place: u64::try_from(place).map_err(|_| StoreError::Corrupt("place"))?,
                host: row.try_get::<Flag, _>("host")?.0,
                through_server: row.try_get::<Flag, _>("through_server")?.0,
                entered_at_ms: row.try_get("entered_at_ms")?,
            })
        });
        read.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::database::SQLITE_MIGRATIONS;
    use super::super::{Change, Place};
    use super::*;
    use crate::store::testbed::{Bed, on_both};

    on_both!(rooms_and_links_survive_a_restart_until_they_end,);

    async fn rooms_and_links_survive_a_restart_until_they_end(bed: &Bed) {
        let store = bed.open().await;
        let link = |n: u64| LinkRow {
            link: LinkId::from_random(n),
            maker: UserId::from_random(n),
            name: "Stand-up".to_owned(),
            passphrase: (n == 1).then_some([7; 32]),
            expires_at_ms: (n == 1).then_some(5_000),
            single_use: n == 1,
            used: n == 2,
            lobby: n == 1,
            makes_hosts: n == 2,
            within: (n == 2).then_some(RoomId::from_random(n)),
        };
        let room = |n: u64| RoomRow {
            room: RoomId::from_random(n),
            by_call: n == 1,
            name: "Stand-up".to_owned(),
            link: (n == 2).then_some(LinkId::from_random(n)),
            locked: n == 1,
            lobby: n == 2,
            removed: (0..n).map(UserId::from_random).collect(),
        };
        let member = |n: u64, host: bool| MemberRow {
            room: RoomId::from_random(n),
            participant: ParticipantId::from_random(n),
            session: SessionId::from_random(n),
            call: (n == 1).then_some(CallId::from_random(n)),
            place: n,
            host,
            through_server: n == 2,
            entered_at_ms: 99,
        };
        let changes = [
            Change::KeepLink(link(1)),
            Change::KeepLink(link(2)),
            Change::KeepRoom(room(1)),
            Change::KeepRoom(room(2)),
            Change::KeepMember(member(1, false)),
            Change::KeepMember(member(2, false)),
            Change::KeepMember(MemberRow {
                entered_at_ms: 500,
                ..member(2, true)
            }),
        ];
        store.keep(&changes, 1000).await.expect("kept");
        store.close().await;

        let store = bed.open().await;
        assert_eq!(store.links().await.expect("read"), [link(1), link(2)]);
        assert_eq!(store.rooms().await.expect("read"), [room(1), room(2)]);
        assert_eq!(store.members().await.expect("read"), [member(1, false), member(2, true)]);
        let changes = [
            Change::ForgetLink(link(1).link),
            Change::ForgetRoom(room(1).room),
            Change::ForgetMember(member(2, true).session),
        ];
        store.keep(&changes, 2000).await.expect("forgotten");
        assert_eq!(store.links().await.expect("read"), [link(2)]);
        assert_eq!(store.rooms().await.expect("read"), [room(2)]);
        assert!(
            store.members().await.expect("read").is_empty(),
            "one by itself, one with its room"
        );
        store.purge(2001).await.expect("all is old");
        assert!(store.rooms().await.expect("read").is_empty());
        assert_eq!(store.links().await.expect("read").len(), 1, "links do not wait for anybody");
    }

    #[tokio::test]
    async fn a_call_of_a_version_before_rooms_goes_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(directory.path().join("tandem.sqlite3"))
            .create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.expect("it opens");
        let before = SQLITE_MIGRATIONS
            .iter()
            .filter(|migration| migration.version < 3)
            .cloned()
            .collect();
        let before = sqlx::migrate::Migrator::with_migrations(before);
        before.run(&pool).await.expect("tables as they were");
        let (call, room) = (CallId::from_random(1), RoomId::from_random(2));
        let sessions = [3, 4].map(SessionId::from_random);
        let participants = [5, 6].map(ParticipantId::from_random);
        let users = [7, 8].map(UserId::from_random);
        for (session, user) in sessions.iter().zip(users) {
            sqlx::query("INSERT INTO sessions VALUES ($1, $2, zeroblob(32))")
                .bind(session.to_string())
                .bind(user.to_string())
                .execute(&pool)
                .await
                .expect("kept");
        }
        sqlx::query("INSERT INTO calls VALUES ($1, $2, $3, $4, $5, $6, 0, 99)")
            .bind(call.to_string())
            .bind(room.to_string())
            .bind(sessions[0].to_string())
            .bind(participants[0].to_string())
            .bind(sessions[1].to_string())
            .bind(participants[1].to_string())
            .execute(&pool)
            .await
            .expect("kept");
        pool.close().await;

        let store = Store::open(&Place::Folder(directory.path().to_owned()))
            .await
            .expect("it opens");
        let found = store.calls().await.expect("read");
        let [found] = found[..] else { panic!("{found:?}") };
        assert_eq!((found.call, found.room, found.caller), (call, room, sessions[0]));
        assert_eq!([found.caller_user, found.callee_user], users);
        assert!(store.rooms().await.expect("read")[0].by_call);
        let members = store.members().await.expect("read");
        for n in [0, 1] {
            let member = MemberRow {
                room,
                participant: participants[n],
                session: sessions[n],
                call: Some(call),
                place: n as u64 + 1,
                host: n == 0,
                through_server: true,
                entered_at_ms: 99,
            };
            assert_eq!(members[n], member);
        }
    }
}
