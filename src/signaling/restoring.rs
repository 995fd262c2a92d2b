//! What the store has of sessions, rooms with who is in them, links and calls, for the hub of whoever takes it up (D): a server that
//! starts, or a node that adopts another one.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;

use super::hub::restore::{AbroadAt, Restored};
use super::keeper::{DOWN_MAX, ms};
use super::output::{KeptCall, KeptLink, KeptMember, KeptRoom, KeptSession};
use super::reader::person;
use crate::clock;
use crate::id::{RoomId, UserId};
use crate::metrics::Metrics;
use crate::store::{GuestRow, SessionRow, Store, StoreError};

/// What there was when the server last lived. Where it cannot be read, browsers begin anew: that is no reason not to start.
pub async fn restore(store: &Store, metrics: &Metrics) -> Restored {
    match read(store).await {
        Ok(restored) => restored,
        Err(error) => {
            metrics.store_failures.with_label_values(&["restore"]).inc();
            tracing::error!(error = &error as &dyn Error, "sessions and calls cannot be read back");
            Restored::default()
        }
    }
}

/// Rows that nobody comes back to are removed before.
pub(super) async fn read(store: &Store) -> Result<Restored, StoreError> {
    let now = clock::unix_ms();
    let since = now.saturating_sub(ms(DOWN_MAX));
    store.purge(since).await?;
    store.close_history().await?;
    store.forget_cut_files().await?;
    store.forget_nodes(since).await?;
    let mut restored = Restored::default();
    for (row, name) in store.sessions().await? {
        let SessionRow {
            session,
            user,
            secret_hash,
            grants,
        } = row;
        let kept = KeptSession {
            session,
            user,
            secret_hash,
            grants,
        };
        restored.sessions.push((kept, name));
    }
    for GuestRow { session, name, .. } in store.guests().await? {
        let kept = KeptSession {
            session: session.session,
            user: session.user,
            secret_hash: session.secret_hash,
            grants: session.grants,
        };
        restored.guests.push((kept, name));
    }
    for row in store.abroad().await? {
        let at = AbroadAt {
            owner: row.owner,
            room: row.room,
            call: row.call,
        };
        restored.abroad.push((row.session, at));
    }
    let users = restored.sessions.iter().chain(&restored.guests).map(|(kept, _)| kept.user);
    let users: BTreeSet<UserId> = users.collect();
    for user in users {
        restored.people.push((user, person(store.person(user).await?)));
    }
    for row in store.calls().await? {
        let kept = KeptCall {
            call: row.call,
            room: row.room,
            invitation: row.invitation,
            caller: row.caller,
            caller_user: row.caller_user,
            callee_user: row.callee_user,
        };
        restored.calls.push((kept, span(row.answered_at_ms, now)));
    }
    let beginnings: BTreeMap<RoomId, i64> = store.report_beginnings().await?.into_iter().collect();
    for row in store.rooms().await? {
        let report = beginnings.get(&row.room).map(|began| span(*began, now));
        let kept = KeptRoom {
            room: row.room,
            by_call: row.by_call,
            name: row.name,
            link: row.link,
            locked: row.locked,
            lobby: row.lobby,
            removed: row.removed,
        };
        restored.rooms.push((kept, report));
    }
    for row in store.members().await? {
        let kept = KeptMember {
            room: row.room,
            participant: row.participant,
            session: row.session,
            call: row.call,
            place: row.place,
            host: row.host,
            through_server: row.through_server,
        };
        restored.members.push((kept, span(row.entered_at_ms, now)));
    }
    for row in store.links().await? {
        restored.links.push(KeptLink {
            link: row.link,
            maker: row.maker,
            name: row.name,
            passphrase: row.passphrase,
            // One that is over has no time left, and goes with the first look at the clock.
            expires_in: row.expires_at_ms.map(|at| span(now, at)),
            single_use: row.single_use,
            used: row.used,
            lobby: row.lobby,
            makes_hosts: row.makes_hosts,
            within: row.within,
        });
    }
    Ok(restored)
}

/// From one time in Unix milliseconds to a later one.
fn span(from_ms: i64, to_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0))
}
