//! What is noted of a room for the report of its calls. The hub has a [`Notebook`] for each room that a call leads to, and hands its pages
//! to the store now and then; `report/made.rs` makes the report of them, `report/spells.rs` says whose side was bad.

mod made;
mod spells;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use self::made::{Noted, make};
use super::limits::Refusal;
use super::protocol::{EndReason, Happening, LeaveReason, Measured, Path, PathProtocol, PathReason, UserInfo};
use crate::id::{CallId, ParticipantId, UserId};

/// What waits for the store, at most: it is handed on every few seconds.
const PENDING_MAX: usize = 512;

/// Entries of one report; beyond it, only who comes and goes and how calls end is noted.
const ENTRIES_MAX: u32 = 20_000;

/// And beyond this nothing is.
const ENTRIES_EVER_MAX: u32 = 22_000;

/// What one participant measured is joined until it covers so much time.
const SPACING_MS: u32 = 5_000;

/// After so many of these the next ones cover twice the time.
const SPACED_MAX: u32 = 300;

/// In a room of more than so many, each one's cover more time.
const CROWD: usize = 8;

/// A page measures over a few seconds; one that slept, over more.
const LASTED_MS_MAX: u32 = 60_000;

/// Something that was noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Since the report began.
    pub at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<ParticipantId>,
    #[serde(flatten)]
    pub what: What,
}

/// See [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    Rang {
        call: CallId,
    },
    Answered {
        call: CallId,
    },
    Over {
        call: CallId,
        reason: EndReason,
    },
    /// The server was started again.
    Restarted,
    Came,
    Left {
        reason: LeaveReason,
    },
    Path {
        path: Path,
        #[serde(skip_serializing_if = "Option::is_none")]
        protocol: Option<PathProtocol>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        relayed: bool,
        reason: PathReason,
        #[serde(skip_serializing_if = "Option::is_none")]
        setup_ms: Option<u32>,
    },
    Measured {
        measured: Measured,
    },
    Happened {
        what: Happening,
    },
    /// So many were not noted.
    LeftOut {
        count: u32,
    },
}

impl What {
    /// Whether there is always place for it.
    fn is_frame(&self) -> bool {
        match self {
            What::Rang { .. }
            | What::Answered { .. }
            | What::Over { .. }
            | What::Restarted
            | What::Came
            | What::Left { .. }
            | What::LeftOut { .. } => true,
            What::Path { .. } | What::Measured { .. } | What::Happened { .. } => false,
        }
    }
}

/// What is new in a report, for the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How long ago the report began.
    pub began_ago: Duration,
    /// Who came.
    pub people: Vec<(ParticipantId, UserInfo)>,
    pub entries: Vec<Entry>,
    /// It is the last.
    pub over: bool,
}

/// Takes notes for the report of one room.
#[derive(Debug)]
pub struct Notebook {
    began: Instant,
    /// Whether anybody answered: else there is nothing to keep.
    pub answered: bool,
    /// When the store gets what is new.
    pub due: Option<Instant>,
    people: Vec<(ParticipantId, UserInfo)>,
    pending: Vec<Entry>,
    count: u32,
    left_out: u32,
    /// Of who is there.
    measuring: BTreeMap<ParticipantId, Measuring>,
}

#[derive(Debug, Default)]
struct Measuring {
    count: u32,
    /// What does not cover enough time yet, and since when it waits.
    joined: Option<Measured>,
}

impl Notebook {
    pub fn new(began: Instant) -> Notebook {
        Notebook {
            began,
            answered: false,
            due: None,
            people: Vec::new(),
            pending: Vec::new(),
            count: 0,
            left_out: 0,
            measuring: BTreeMap::new(),
        }
    }

    pub fn note(&mut self, by: Option<ParticipantId>, what: What, now: Instant) {
        let most = if what.is_frame() { ENTRIES_EVER_MAX } else { ENTRIES_MAX };
        if self.count >= most || self.pending.len() >= PENDING_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.count += 1;
        let at_ms = millis(now.saturating_duration_since(self.began));
        self.pending.push(Entry { at_ms, by, what });
    }

    pub fn came(&mut self, id: ParticipantId, user: UserInfo, now: Instant) {
        // Whom there is no place for is not in the report at all.
        if self.count < ENTRIES_EVER_MAX && self.pending.len() < PENDING_MAX {
            self.people.push((id, user));
            self.measuring.insert(id, Measuring::default());
        }
        self.note(Some(id), What::Came, now);
    }

    /// One that was there before the server was started again.
    pub fn stayed(&mut self, id: ParticipantId) {
        self.measuring.insert(id, Measuring::default());
    }

    pub fn left(&mut self, id: ParticipantId, reason: LeaveReason, now: Instant) {
        if let Some(joined) = self.measuring.remove(&id).and_then(|measuring| measuring.joined) {
            self.note(Some(id), What::Measured { measured: joined }, now);
        }
        self.note(Some(id), What::Left { reason }, now);
    }

    pub fn measured(&mut self, id: ParticipantId, measured: Measured, now: Instant) {
        let crowd = u32::try_from(self.measuring.len().div_ceil(CROWD)).unwrap_or(u32::MAX);
        let Some(measuring) = self.measuring.get_mut(&id) else {
            return;
        };
        let before = measuring.joined.take();
        let other = before.filter(|before| before.path != measured.path);
        let joined = match before {
            Some(before) if before.path == measured.path => join(before, measured),
            Some(_) | None => measured,
        };
        let doubled = (measuring.count / SPACED_MAX).min(16);
        let spacing_ms = SPACING_MS.saturating_mul(crowd).saturating_mul(1 << doubled);
        let is_due = joined.lasted_ms >= spacing_ms;
        measuring.count += u32::from(is_due) + u32::from(other.is_some());
        if !is_due {
            measuring.joined = Some(joined);
        }
        for measured in other.into_iter().chain(is_due.then_some(joined)) {
            self.note(Some(id), What::Measured { measured }, now);
        }
    }

    /// Whether something waits for the store.
    pub fn has_news(&self) -> bool {
        !self.pending.is_empty() || !self.people.is_empty()
    }

    /// What is new since the last page.
    pub fn page(&mut self, over: bool, now: Instant) -> Page {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            let at_ms = millis(now.saturating_duration_since(self.began));
            let what = What::LeftOut { count: left_out };
            self.pending.push(Entry { at_ms, by: None, what });
        }
        Page {
            began_ago: now.saturating_duration_since(self.began),
            people: std::mem::take(&mut self.people),
            entries: std::mem::take(&mut self.pending),
            over,
        }
    }

    /// Nobody is to be named by this user any more.
    pub fn forget(&mut self, user: UserId) {
        for (_, info) in self.people.iter_mut().filter(|(_, info)| info.user_id == user) {
            *info = UserInfo {
                user_id: UserId::NOBODY,
                name: String::new(),
            };
        }
    }
}

/// Refuses what cannot be.
pub fn check(measured: &Measured) -> Result<(), Refusal> {
    if measured.lasted_ms == 0 || measured.lasted_ms > LASTED_MS_MAX {
        return Err(Refusal::bad_command("lasted_ms is 1 to 60000"));
    }
    let shares = [
        measured.received_loss_permille,
        measured.sent_loss_permille,
        measured.frozen_permille,
    ];
    if shares.into_iter().flatten().any(|share| share > 1000) {
        return Err(Refusal::bad_command("a share in thousandths is 0 to 1000"));
    }
    Ok(())
}

/// What was measured over two times, one after the other.
pub(super) fn join(a: Measured, b: Measured) -> Measured {
    let (before, after) = (u64::from(a.lasted_ms), u64::from(b.lasted_ms));
    let all = (before + after).max(1);
    let mean = |a: Option<u16>, b: Option<u16>| match (a, b) {
        (Some(a), Some(b)) => u16::try_from((u64::from(a) * before + u64::from(b) * after) / all).ok(),
        (one, other) => one.or(other),
    };
    Measured {
        path: b.path,
        lasted_ms: a.lasted_ms.saturating_add(b.lasted_ms),
        received_loss_permille: mean(a.received_loss_permille, b.received_loss_permille),
        sent_loss_permille: mean(a.sent_loss_permille, b.sent_loss_permille),
        jitter_ms: mean(a.jitter_ms, b.jitter_ms),
        round_trip_ms: mean(a.round_trip_ms, b.round_trip_ms),
        frames_per_s: mean(a.frames_per_s, b.frames_per_s),
        frozen_permille: mean(a.frozen_permille, b.frozen_permille),
    }
}

fn millis(long: Duration) -> u64 {
    u64::try_from(long.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's clock starts anywhere")]
mod tests {
    use super::*;

    pub(super) fn measured(loss: u16) -> Measured {
        Measured {
            path: Path::Direct,
            lasted_ms: 5_000,
            received_loss_permille: Some(loss),
            sent_loss_permille: None,
            jitter_ms: Some(4),
            round_trip_ms: Some(20),
            frames_per_s: Some(30),
            frozen_permille: Some(0),
        }
    }

    fn somebody() -> UserInfo {
        UserInfo {
            user_id: UserId::from_random(1),
            name: "Ada".to_owned(),
        }
    }

    #[test]
    fn a_page_has_what_is_new_and_only_once() {
        let now = Instant::now();
        let mut book = Notebook::new(now);
        let id = ParticipantId::from_random(1);
        book.came(id, somebody(), now + Duration::from_millis(7));
        let page = book.page(false, now + Duration::from_millis(9));
        assert_eq!(page.people, [(id, somebody())]);
        assert_eq!(page.began_ago, Duration::from_millis(9));
        let came = Entry {
            at_ms: 7,
            by: Some(id),
            what: What::Came,
        };
        assert_eq!(page.entries, [came]);
        assert!(!book.has_news());
        book.left(id, LeaveReason::Left, now);
        assert_eq!(book.page(true, now).entries.len(), 1);
    }

    #[test]
    fn entries_survive_their_text() {
        let id = ParticipantId::from_random(1);
        for what in [
            What::Restarted,
            What::Measured { measured: measured(80) },
            What::Happened {
                what: Happening::CameraSwitched,
            },
            What::Path {
                path: Path::Forwarded,
                protocol: None,
                relayed: true,
                reason: PathReason::Loss,
                setup_ms: Some(3),
            },
            What::Over {
                call: CallId::from_random(2),
                reason: EndReason::HungUp,
            },
        ] {
            let entry = Entry {
                at_ms: 5,
                by: Some(id),
                what,
            };
            let text = serde_json::to_string(&entry).expect("it is written");
            assert_eq!(serde_json::from_str::<Entry>(&text).expect("it is read"), entry, "{text}");
        }
    }

    #[test]
    fn what_is_measured_more_often_than_needed_is_joined() {
        let now = Instant::now();
        let mut book = Notebook::new(now);
        let id = ParticipantId::from_random(1);
        book.came(id, somebody(), now);
        for loss in [0, 100] {
            let half = Measured {
                lasted_ms: 2_500,
                ..measured(loss)
            };
            book.measured(id, half, now);
        }
        let page = book.page(false, now);
        let joined = Measured {
            received_loss_permille: Some(50),
            ..measured(0)
        };
        assert_eq!(
            page.entries[1..].iter().map(|entry| &entry.what).collect::<Vec<_>>(),
            [&What::Measured { measured: joined }]
        );
        book.measured(ParticipantId::from_random(2), measured(1), now);
        assert!(!book.has_news(), "who is not there has measured nothing");
    }

    #[test]
    fn a_call_of_a_day_is_bounded_and_each_page_is() {
        let now = Instant::now();
        let mut book = Notebook::new(now);
        let id = ParticipantId::from_random(1);
        book.came(id, somebody(), now);
        let mut count = 0;
        for _ in 0..86_400 / 5 {
            book.measured(id, measured(1), now);
            count += book.page(false, now).entries.len();
        }
        assert!((1_000..3_000).contains(&count), "{count}");
        for _ in 0..PENDING_MAX + 50 {
            let what = What::Happened {
                what: Happening::PageHidden,
            };
            book.note(Some(id), what, now);
        }
        let page = book.page(false, now);
        assert_eq!(page.entries.len(), PENDING_MAX + 1);
        assert_eq!(page.entries.last().map(|last| &last.what), Some(&What::LeftOut { count: 50 }));
    }

    #[test]
    fn a_flood_leaves_place_for_the_end() {
        let now = Instant::now();
        let mut book = Notebook::new(now);
        let id = ParticipantId::from_random(1);
        book.came(id, somebody(), now);
        for _ in 0..ENTRIES_MAX + 10 {
            let what = What::Happened {
                what: Happening::PageHidden,
            };
            book.note(Some(id), what, now);
            book.page(false, now);
        }
        book.left(id, LeaveReason::Left, now);
        let reason = LeaveReason::Left;
        assert_eq!(book.page(true, now).entries[0].what, What::Left { reason });
    }

    #[test]
    fn a_user_is_forgotten_before_the_page_is_written() {
        let now = Instant::now();
        let mut book = Notebook::new(now);
        book.came(ParticipantId::from_random(1), somebody(), now);
        book.forget(UserId::from_random(1));
        assert_eq!(book.page(false, now).people[0].1.user_id, UserId::NOBODY);
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        assert!(check(&measured(1000)).is_ok());
        assert!(check(&measured(1001)).is_err());
        for lasted_ms in [0, 60_001] {
            assert!(
                check(&Measured {
                    lasted_ms,
                    ..measured(0)
                })
                .is_err()
            );
        }
    }
}
