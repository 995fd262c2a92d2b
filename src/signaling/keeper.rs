//! Notes in the store what a restart of the server has to find again (D): sessions, rooms with who is in them, links, histories of
//! calls, and what was written. The hub never waits for it, and tells nobody of a message before it is kept.

#![expect(clippy::disallowed_methods, reason = "a driver has the clock")]

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::happening::{CallOf, Happening};
use super::limits::CONTACTS_MAX;
use super::output::Keep;
use super::person::{PersonChange, PersonNote};
use super::protocol::{Callers, EndReason, UserInfo};
use super::push::Subscription;
use super::reader::{history_row, message};
use super::records::{MessageNote, News, Note, SignOut, WhichBrowsers};
use super::report::Page;
use super::retention;
use crate::clock;
use crate::files::{Deed, TICKET_LASTS_S, ticket};
use crate::id::RoomId;
use crate::metrics::Metrics;
use crate::store::{
    self, CallRow, Change, FileNews, HistoryChange, HistoryNews, LinkRow, MemberRow, MessageChange, MessageNews, NewFile,
    NewMessage, PersonNews, ReportPage, RoomRow, SessionRow, SettingsRow, Store, SubscriptionRow, Telling, WhichDevices,
};
use crate::webhooks::Webhooks;

/// Changes written at once: one commit, one wait for the disk.
const BATCH_MAX: usize = 256;

/// Changes that wait for a database that is away, at most. Beyond it the oldest are lost.
const LATE_MAX: usize = 8192;

/// How often the store learns that the server lives.
const ALIVE_EVERY: Duration = Duration::from_secs(60);

/// When the server has been down for longer than this, nobody comes back to a session or a call.
pub(super) const DOWN_MAX: Duration = Duration::from_secs(3600);

/// The store, and how much it keeps.
#[derive(Debug, Clone)]
pub struct Archive {
    pub store: Store,
    /// For how long calls stay in histories.
    pub history_lasts: Duration,
    /// Of one user.
    pub history_calls_max: u32,
    /// For how long their reports are kept.
    pub reports_last: Duration,
    /// For how long files in chats are kept.
    pub files_last: Duration,
    /// Of the database. None: no bound.
    pub bytes_max: Option<u64>,
    /// Who is told what happens.
    pub webhooks: Webhooks,
}

/// Changes that are written at once, with the time of their coming.
struct Batch {
    at_ms: i64,
    keeps: Vec<Keep>,
}

/// Writes what comes, in order and in batches, until the hub has ended. What has come to be kept is told to it. What nobody waits for
/// is written later where the database is away.
pub(super) async fn run(mut keeps: mpsc::Receiver<Keep>, news: mpsc::Sender<News>, archive: Archive, metrics: Arc<Metrics>) {
    let Archive { store, webhooks, .. } = &archive;
    let mut alive = tokio::time::interval(ALIVE_EVERY);
    let purging = tokio::spawn(retention::run(archive.clone(), Arc::clone(&metrics)));
    let mut batches: VecDeque<Batch> = VecDeque::new();
    loop {
        let mut keeps_now = Vec::with_capacity(BATCH_MAX);
        let mut ended = false;
        tokio::select! {
            count = keeps.recv_many(&mut keeps_now, BATCH_MAX) => ended = count == 0,
            _ = alive.tick() => {}
        }
        batches.push_back(Batch {
            at_ms: clock::unix_ms(),
            keeps: keeps_now,
        });
        let waited = waiting(&batches);
        while let Some(batch) = batches.front() {
            let changes: Vec<Change> = batch.keeps.iter().map(|keep| change(keep, batch.at_ms, webhooks)).collect();
            let telling = Telling {
                about: &|news| happening(news).map_or_else(Vec::new, |what| webhooks.messages(&what, batch.at_ms, rand::random)),
                most: webhooks.queue_max(),
            };
            let mut is_away = false;
            let told: Vec<News> = match store.keep_telling(&changes, batch.at_ms, &telling).await {
                Ok(kept) => {
                    if kept.told > 0 {
                        webhooks.wake();
                    }
                    metrics.webhooks.with_label_values(&["dropped"]).inc_by(kept.dropped);
                    let told = kept
                        .news
                        .into_iter()
                        .filter_map(|(place, one)| told(one, &batch.keeps[place]))
                        .collect();
                    batches.pop_front();
                    told
                }
                Err(error) => {
                    metrics.store_failures.with_label_values(&["keep"]).inc();
                    is_away = error.is_away();
                    tracing::warn!(
                        error = &error as &dyn Error,
                        changes = changes.len(),
                        later = is_away,
                        "sessions and calls not kept"
                    );
                    match is_away {
                        true => put_off(&mut batches, &metrics),
                        false => {
                            let failed = batches.pop_front();
                            failed
                                .iter()
                                .flat_map(|batch| &batch.keeps)
                                .filter_map(News::not_kept)
                                .collect()
                        }
                    }
                }
            };
            for one in told {
                // The hub has ended: what waits is written all the same.
                let _ = news.send(one).await;
            }
            if is_away {
                break;
            }
        }
        metrics.store_waiting.sub((waited - waiting(&batches)) as i64);
        if ended {
            purging.abort();
            return;
        }
    }
}

fn waiting(batches: &VecDeque<Batch>) -> usize {
    batches.iter().map(|batch| batch.keeps.len()).sum()
}

/// Who waits for something in the newest batch is told that it is not kept; the rest waits for the database.
fn put_off(batches: &mut VecDeque<Batch>, metrics: &Metrics) -> Vec<News> {
    let mut told = Vec::new();
    if let Some(newest) = batches.back_mut() {
        newest.keeps.retain(|keep| match News::not_kept(keep) {
            Some(news) => {
                told.push(news);
                false
            }
            None => true,
        });
    }
    // An empty one only says that the server lives, which the next one says too.
    batches.retain(|batch| !batch.keeps.is_empty());
    while waiting(batches) > LATE_MAX
        && let Some(oldest) = batches.pop_front()
    {
        metrics
            .queue_full
            .with_label_values(&["keep"])
            .inc_by(oldest.keeps.len() as u64);
    }
    told
}

/// None: there is nobody to tell, or nothing that is known here.
fn told(news: store::News, of: &Keep) -> Option<News> {
    let asked = of.asked();
    match news {
        store::News::History(HistoryNews::Row { user, row, missed }) => Some(News::Row {
            user,
            row: history_row(row)?,
            missed,
        }),
        store::News::History(HistoryNews::Seen(user)) => Some(News::Seen { user, asked: asked? }),
        store::News::History(HistoryNews::Forgotten { user, call, missed }) => Some(News::Forgotten {
            user,
            call,
            missed,
            asked,
        }),
        store::News::Message(MessageNews::Said { room, row, again }) => Some(News::Said {
            room,
            message: message(row),
            again,
            asked: asked?,
        }),
        store::News::Message(MessageNews::Changed { room, row }) => Some(News::MessageChanged {
            room,
            message: message(row),
            asked: asked?,
        }),
        store::News::Person(PersonNews::Changed) => match of {
            Keep::Person(PersonNote { user, change, asked }) => Some(News::Person {
                user: *user,
                change: change.clone(),
                asked: *asked,
            }),
            _ => None,
        },
        store::News::DeviceAdded => match of {
            Keep::Device(new, asked) => Some(News::Paired {
                new: new.clone(),
                asked: *asked,
            }),
            _ => None,
        },
        store::News::DevicesForgotten(browsers) => match of {
            Keep::SignOut(note) => Some(News::SignedOut {
                user: note.user,
                browsers,
                asked: note.asked,
            }),
            _ => None,
        },
        store::News::UserForgotten { was_there } => match of {
            Keep::ForgetUser(user) => Some(News::UserForgotten {
                user: *user,
                was_there: Some(was_there),
            }),
            _ => None,
        },
        store::News::Person(PersonNews::TooMany) => Some(News::TooMany(asked?)),
        store::News::File(came) => match (came, of) {
            (FileNews::Begun, Keep::File(note)) => Some(News::FileBegun {
                message: note.message,
                file: note.file,
                ticket: ticket(Deed::Send, note.file, &note.secret, clock::unix_s() + TICKET_LASTS_S),
                asked: note.asked,
            }),
            (FileNews::UserIsFull, _) => Some(News::NoSpace {
                of_user: true,
                asked: asked?,
            }),
            (FileNews::Full, _) => Some(News::NoSpace {
                of_user: false,
                asked: asked?,
            }),
            (FileNews::Begun, _) => None,
        },
        store::News::Message(MessageNews::NoFile) => Some(News::NoFile(asked?)),
        store::News::Message(MessageNews::NotTheirs) => Some(News::NotTheirs(asked?)),
        store::News::Message(MessageNews::Full) => Some(News::Full(asked?)),
    }
}

/// What the operator's application is told of what has come to be kept.
fn happening(news: &store::News) -> Option<Happening> {
    match news {
        store::News::History(HistoryNews::Row { user, row, .. }) if row.missed => Some(Happening::CallMissed {
            of: CallOf {
                call: row.call,
                room: None,
                caller: row.other,
                callee: *user,
            },
            reason: EndReason::from_name(&row.reason)?,
        }),
        store::News::Message(MessageNews::Said { room, row, again: false }) => Some(Happening::Message {
            room: *room,
            number: row.number,
            message: row.message,
            participant: row.participant,
            user: row.user,
            text: row.text.clone(),
            file: row.file.as_ref().map(|file| (file.name.clone(), file.bytes)),
        }),
        store::News::History(_)
        | store::News::Message(_)
        | store::News::File(_)
        | store::News::Person(_)
        | store::News::DeviceAdded
        | store::News::DevicesForgotten(_)
        | store::News::UserForgotten { .. } => None,
    }
}

fn change(keep: &Keep, now_ms: i64, webhooks: &Webhooks) -> Change {
    match keep {
        Keep::Session(kept) => Change::KeepSession(SessionRow {
            session: kept.session,
            user: kept.user,
            secret_hash: kept.secret_hash,
            grants: kept.grants,
        }),
        Keep::ForgetSession(session) => Change::ForgetSession(*session),
        Keep::Call(kept) => Change::KeepCall(CallRow {
            call: kept.call,
            room: kept.room,
            invitation: kept.invitation,
            caller: kept.caller,
            caller_user: kept.caller_user,
            callee_user: kept.callee_user,
            answered_at_ms: now_ms,
        }),
        Keep::ForgetCall(call) => Change::ForgetCall(*call),
        Keep::Room(kept) => Change::KeepRoom(RoomRow {
            room: kept.room,
            by_call: kept.by_call,
            name: kept.name.clone(),
            link: kept.link,
            locked: kept.locked,
            lobby: kept.lobby,
            removed: kept.removed.clone(),
        }),
        Keep::ForgetRoom(room) => Change::ForgetRoom(*room),
        Keep::Member(kept) => Change::KeepMember(MemberRow {
            room: kept.room,
            participant: kept.participant,
            session: kept.session,
            call: kept.call,
            place: kept.place,
            host: kept.host,
            through_server: kept.through_server,
            entered_at_ms: now_ms,
        }),
        Keep::ForgetMember(session) => Change::ForgetMember(*session),
        Keep::Link(kept) => Change::KeepLink(LinkRow {
            link: kept.link,
            maker: kept.maker,
            name: kept.name.clone(),
            passphrase: kept.passphrase,
            expires_at_ms: kept.expires_in.map(|long| now_ms.saturating_add(ms(long))),
            single_use: kept.single_use,
            used: kept.used,
            lobby: kept.lobby,
            makes_hosts: kept.makes_hosts,
            within: kept.within,
        }),
        Keep::ForgetLink(link) => Change::ForgetLink(*link),
        Keep::History(note) => Change::History(history_change(note)),
        Keep::Message(note) => Change::Message(message_change(note)),
        Keep::File(note) => Change::BeginFile(NewFile {
            file: note.file,
            room: note.room,
            user: note.user,
            name: note.name.clone(),
            bytes: note.bytes,
            secret: note.secret.clone(),
            user_bytes_max: note.user_bytes_max,
            bytes_max: note.bytes_max,
        }),
        Keep::Device(new, _) => Change::AddDevice(store::NewDevice {
            device: new.device,
            user: new.user,
            secret_hash: new.secret_hash,
            name: new.name.clone(),
            until_unix: None,
            id_token: None,
        }),
        Keep::SignOut(SignOut { user, which, .. }) => Change::ForgetDevices {
            user: *user,
            which: match *which {
                WhichBrowsers::One(browser) => WhichDevices::One(browser),
                WhichBrowsers::AllBut(browser) => WhichDevices::AllBut(browser),
            },
        },
        Keep::Report { room, page } => Change::Report(report_page(*room, page, now_ms)),
        Keep::ForgetUser(user) => Change::ForgetUser(*user),
        Keep::Happened(what) => Change::Webhooks(webhooks.messages(what, now_ms, rand::random)),
        Keep::Person(note) => Change::Person {
            user: note.user,
            change: person_change(&note.change),
            most: CONTACTS_MAX,
        },
    }
}

fn person_change(change: &PersonChange) -> store::PersonChange {
    let named = |other: &UserInfo| (other.user_id, other.name.clone());
    match change {
        PersonChange::KeepContact(contact) => store::PersonChange::KeepContact(named(contact)),
        PersonChange::ForgetContact(contact) => store::PersonChange::ForgetContact(*contact),
        PersonChange::Block(other) => store::PersonChange::Block(named(other)),
        PersonChange::Unblock(other) => store::PersonChange::Unblock(*other),
        PersonChange::Subscribe(Subscription {
            endpoint,
            public_key,
            auth,
            browser,
        }) => store::PersonChange::Subscribe(SubscriptionRow {
            endpoint: endpoint.clone(),
            public_key: public_key.clone(),
            auth: auth.clone(),
            device: *browser,
        }),
        PersonChange::Unsubscribe(endpoint) => store::PersonChange::Unsubscribe(endpoint.clone()),
        PersonChange::Set(settings) => store::PersonChange::Set(SettingsRow {
            contacts_only: settings.callers == Callers::Contacts,
            always_through_server: settings.always_through_server,
        }),
    }
}

fn report_page(room: RoomId, page: &Page, now_ms: i64) -> ReportPage {
    let people = page.people.iter().map(|(id, user)| (*id, user.user_id, user.name.clone()));
    ReportPage {
        room,
        began_at_ms: now_ms.saturating_sub(ms(page.began_ago)),
        people: people.collect(),
        entries: match page.entries.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&page.entries).expect("its keys are text"),
        },
        over: page.over,
    }
}

fn message_change(note: &MessageNote) -> MessageChange {
    match note {
        MessageNote::Say {
            room,
            message,
            author,
            participant,
            text,
            file,
            ..
        } => MessageChange::Say(NewMessage {
            room: *room,
            message: *message,
            user: author.user_id,
            name: author.name.clone(),
            participant: *participant,
            text: text.clone(),
            file: *file,
        }),
        MessageNote::Edit {
            room,
            number,
            user,
            text,
            ..
        } => MessageChange::Edit {
            room: *room,
            number: *number,
            user: *user,
            text: text.clone(),
        },
        MessageNote::Delete {
            room,
            number,
            user,
            of_anybody,
            ..
        } => MessageChange::Delete {
            room: *room,
            number: *number,
            user: *user,
            of_anybody: *of_anybody,
        },
    }
}

fn history_change(note: &Note) -> HistoryChange {
    match note {
        Note::Rang {
            call,
            room,
            caller,
            callee,
        } => HistoryChange::Rang {
            call: *call,
            room: *room,
            caller: (caller.user_id, caller.name.clone()),
            callee: (callee.user_id, callee.name.clone()),
        },
        Note::NeverRang {
            call,
            caller,
            callee,
            reason,
        } => HistoryChange::NeverRang {
            call: *call,
            caller: (caller.user_id, caller.name.clone()),
            callee: *callee,
            reason: reason.as_str(),
        },
        Note::Answered(call) => HistoryChange::Answered(*call),
        Note::Left {
            call,
            user,
            reason,
            talked,
        } => HistoryChange::Left {
            call: *call,
            user: *user,
            reason: reason.as_str(),
            talked_ms: ms(*talked),
        },
        Note::Over { call, reason, talked } => HistoryChange::Over {
            call: *call,
            reason: reason.as_str(),
            talked_ms: ms(*talked),
        },
        Note::Seen { user, .. } => HistoryChange::Seen(*user),
        Note::Forget { user, call, .. } => HistoryChange::Forget {
            user: *user,
            call: *call,
        },
    }
}

pub(super) fn ms(long: Duration) -> i64 {
    i64::try_from(long.as_millis()).unwrap_or(i64::MAX)
}
