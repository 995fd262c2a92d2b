//! Reads in the store what the hub is asked, beside it (D): pages of histories and of what was written.

use std::error::Error;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::nodes::Sought;
use super::person::Person;
use super::protocol::{Browser, CallReport, Callers, Direction, EndReason, FileInfo, HistoryRow, Message, Settings, UserInfo};
use super::records::{Adoption, Asked, Finding, Lost, Question, Renewed};
use super::report::{Entry, Noted, make};
use super::restoring;
use crate::clock;
use crate::files::{Deed, TICKET_LASTS_S, ticket};
use crate::id::FileId;
use crate::metrics::Metrics;
use crate::store::{self, Store, StoreError};
use crate::traces::{self, Trace};
use crate::webhooks::Webhooks;

/// What was noted in the moment of a call's end is in its report.
const UNTIL_SLACK_MS: i64 = 500;

/// Answers one after the other, until the hub has ended.
pub(super) async fn run(
    mut questions: mpsc::Receiver<Question>,
    findings: mpsc::Sender<Finding>,
    store: Store,
    webhooks: Webhooks,
    metrics: Arc<Metrics>,
) {
    while let Some(question) = questions.recv().await {
        let finding = match read(&store, &question).await {
            Ok(finding) => {
                if let Finding::Adopted {
                    outcome: Adoption::Adopted { .. },
                    ..
                } = finding
                {
                    metrics.cluster_adoptions.inc();
                    // What the other one had to send is among what was adopted.
                    webhooks.wake();
                }
                finding
            }
            Err(error) => {
                metrics.store_failures.with_label_values(&["read"]).inc();
                tracing::warn!(error = &error as &dyn Error, "not read");
                question.unanswered(false)
            }
        };
        if findings.send(finding).await.is_err() {
            return;
        }
    }
}

async fn read(store: &Store, question: &Question) -> Result<Finding, StoreError> {
    match *question {
        Question::Adopt(ref lost) => Ok(Finding::Adopted {
            lost: lost.clone(),
            outcome: adopt(store, lost).await?,
        }),
        Question::Renewal { ref users, barred } => {
            let mut renewed = Vec::new();
            for user in users {
                let row = store.person(*user).await?;
                renewed.push(Renewed {
                    user: *user,
                    name: store.user(*user).await?.map(|user| user.name),
                    contacts: row.contacts.iter().cloned().map(named).collect(),
                    blocked: row.blocked.iter().cloned().map(named).collect(),
                    person: person(row),
                });
            }
            Ok(Finding::Renewal {
                users: renewed,
                barred: match barred {
                    true => Some(store.blocked_users().await?),
                    false => None,
                },
            })
        }
        Question::History {
            asked,
            user,
            before,
            limit,
        } => {
            let before = before.map(|place| (place.rang_at_ms, place.call_id));
            let page = store.history(user, before, limit).await?;
            Ok(Finding::History {
                asked,
                rows: page.rows.into_iter().filter_map(history_row).collect(),
                more: page.more,
                missed: page.missed,
            })
        }
        Question::Messages {
            asked,
            room,
            reader,
            before,
            limit,
        } => {
            let page = store.messages(room, reader, before, limit).await?;
            Ok(Finding::Messages {
                asked,
                room: Some(room),
                call: None,
                messages: page.rows.into_iter().map(message).collect(),
                more: page.more,
            })
        }
        Question::CallMessages {
            asked,
            user,
            call,
            before,
            limit,
        } => Ok(match store.call_messages(user, call, before, limit).await? {
            Some(page) => Finding::Messages {
                asked,
                room: None,
                call: Some(call),
                messages: page.rows.into_iter().map(message).collect(),
                more: page.more,
            },
            None => Finding::NotTheirs(asked),
        }),
        Question::File {
            asked,
            room,
            reader,
            number,
        } => Ok(opened(asked, store.file_in_room(room, reader, number).await?)),
        Question::CallFile {
            asked,
            user,
            call,
            number,
        } => Ok(opened(asked, store.file_in_call(user, call, number).await?)),
        Question::CallReport { asked, user, call } => Ok(match store.report(call, Some(user)).await? {
            Some(row) => Finding::CallReport {
                asked,
                call,
                report: Box::new(report(row)),
            },
            None => Finding::NotTheirs(asked),
        }),
        Question::Browsers { asked, user } => {
            let rows = store.devices_of(user).await?;
            Ok(Finding::Browsers {
                asked,
                browsers: rows.into_iter().map(browser).collect(),
            })
        }
        Question::People { asked, user } => {
            let row = store.person(user).await?;
            Ok(Finding::People {
                asked,
                user,
                contacts: row.contacts.into_iter().map(named).collect(),
                blocked: row.blocked.into_iter().map(named).collect(),
            })
        }
    }
}

/// Takes up what a node had that is gone.
async fn adopt(store: &Store, lost: &Lost) -> Result<Adoption, StoreError> {
    let Some(node) = whose(store, lost).await? else {
        return Ok(Adoption::Unknown);
    };
    if node == store.node() {
        return Ok(Adoption::Ours);
    }
    let mut trace = Trace::begin("adopt a node");
    let Some(adoption) = store.try_to_adopt(&node).await? else {
        return Ok(Adoption::NotFree(Some(node)));
    };
    let restored = restoring::read(&adoption.of).await?;
    adoption.complete().await?;
    if restored.is_empty() {
        // Another one was first.
        return Ok(match lost {
            Lost::Node(_) => Adoption::Unknown,
            Lost::Of(_) => Adoption::NotFree(whose(store, lost).await?),
        });
    }
    tracing::warn!(
        name = node,
        sessions = restored.sessions.len(),
        "a node is gone, and what it had is here"
    );
    trace.end();
    trace.attributes = vec![
        ("tandem.node", node.clone().into()),
        ("tandem.sessions", (restored.sessions.len() as i64).into()),
    ];
    traces::tell(&trace);
    let restored = Box::new(restored);
    Ok(Adoption::Adopted { node, restored })
}

/// The name of the node that has it.
async fn whose(store: &Store, lost: &Lost) -> Result<Option<String>, StoreError> {
    match lost {
        Lost::Node(name) => Ok(Some(name.clone())),
        Lost::Of(Sought::Session(session)) => store.node_of_session(*session).await,
        Lost::Of(Sought::Link(link)) => store.node_of_link(*link).await,
    }
}

/// Whoever may read a message gets a ticket for its file.
fn opened(asked: Asked, found: Option<(FileId, String)>) -> Finding {
    let Some((file, secret)) = found else {
        return Finding::NotTheirs(asked);
    };
    let ticket = ticket(Deed::Fetch, file, &secret, clock::unix_s() + TICKET_LASTS_S);
    Finding::File { asked, file, ticket }
}

/// What was noted of a call, made into its report. A page that cannot be read is of another version, and is left out.
pub fn report(row: store::ReportRow) -> CallReport {
    let pages = row
        .pages
        .iter()
        .filter_map(|page| serde_json::from_str::<Vec<Entry>>(page).ok());
    // The clock that ends a call in the history is not the one of the report.
    let until = row
        .until_ms
        .map(|until| until.saturating_sub(row.began_at_ms).saturating_add(UNTIL_SLACK_MS));
    make(Noted {
        began_at_ms: row.began_at_ms,
        over: row.over,
        people: row
            .people
            .into_iter()
            .map(|(id, user_id, name)| (id, UserInfo { user_id, name }))
            .collect(),
        entries: pages.flatten().collect(),
        until_ms: until.map(|until| u64::try_from(until).unwrap_or(0)),
    })
}

fn named((user_id, name): store::NamedUser) -> UserInfo {
    UserInfo { user_id, name }
}

fn browser(row: store::ListedDevice) -> Browser {
    let ms = |unix_s: i64| u64::try_from(unix_s.saturating_mul(1000)).unwrap_or_default();
    Browser {
        browser_id: row.device,
        name: row.name,
        added_at_ms: ms(row.added_at_unix),
        seen_at_ms: ms(row.seen_at_unix),
        is_this: false,
    }
}

/// What the hub has to know of a user who comes.
pub fn person(row: store::PersonRow) -> Person {
    let callers = match row.settings.contacts_only {
        true => Callers::Contacts,
        false => Callers::Anyone,
    };
    Person {
        contacts: row.contacts.into_iter().map(|(user, _)| user).collect(),
        blocked: row.blocked.into_iter().map(|(user, _)| user).collect(),
        settings: Settings {
            callers,
            always_through_server: row.settings.always_through_server,
        },
        known_by: row.known_by.into_iter().collect(),
    }
}

pub(super) fn message(row: store::MessageRow) -> Message {
    Message {
        number: row.number,
        message_id: row.message,
        user: UserInfo {
            user_id: row.user,
            name: row.name,
        },
        participant_id: row.participant,
        at_ms: row.at_ms,
        text: row.text,
        edited: row.edited,
        deleted: row.deleted,
        file: row.file.map(|file| FileInfo {
            file_id: file.file,
            name: file.name,
            bytes: file.bytes,
            kind: file.kind,
            kept: file.kept,
        }),
    }
}

/// None: it is of a version that knew other reasons.
pub(super) fn history_row(row: store::HistoryRow) -> Option<HistoryRow> {
    Some(HistoryRow {
        call_id: row.call,
        user: UserInfo {
            user_id: row.other,
            name: row.other_name,
        },
        direction: if row.made { Direction::Made } else { Direction::Received },
        rang_at_ms: row.rang_at_ms,
        reason: EndReason::from_name(&row.reason)?,
        answered: row.answered,
        talked_ms: row.talked_ms,
        missed: row.missed,
        seen: row.seen,
        chat: row.chat,
        report: row.report,
    })
}
