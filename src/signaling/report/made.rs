//! What was noted -> the report of it.

use std::collections::BTreeMap;

use super::{Entry, What, join, spells};
use crate::id::ParticipantId;
use crate::signaling::protocol::{
    CallReport, Mark, Measured, ReportedCall, ReportedMeasure, ReportedParticipant, ReportedPath, UserInfo,
};

/// Measurements in one report: beyond it, those of two neighbours are joined until they fit.
const MEASURED_MAX: usize = 2_000;

/// Marks in one report, and as many paths.
const MARKS_MAX: usize = 2_000;

/// Everything that was noted of a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Noted {
    /// Unix milliseconds.
    pub began_at_ms: i64,
    pub over: bool,
    pub people: Vec<(ParticipantId, UserInfo)>,
    pub entries: Vec<Entry>,
    /// What came later is not for whoever asks.
    pub until_ms: Option<u64>,
}

/// Makes the report. Entries of participants that are not known are left out.
pub fn make(noted: Noted) -> CallReport {
    let Noted {
        began_at_ms,
        over,
        people,
        mut entries,
        until_ms,
    } = noted;
    entries.retain(|entry| until_ms.is_none_or(|until| entry.at_ms <= until));
    entries.sort_by_key(|entry| entry.at_ms);
    let lasted_ms = entries.last().map_or(0, |last| last.at_ms);
    let mut report = CallReport {
        began_at_ms,
        lasted_ms,
        over,
        calls: Vec::new(),
        participants: Vec::new(),
        spells: Vec::new(),
        restarts_ms: Vec::new(),
        left_out: 0,
    };
    let people: BTreeMap<ParticipantId, UserInfo> = people.into_iter().collect();
    // Where each one is in the report.
    let mut places: BTreeMap<ParticipantId, usize> = BTreeMap::new();
    let (mut marks, mut paths) = (0, 0);
    for Entry { at_ms, by, what } in entries {
        let place = by.and_then(|by| place_of(by, at_ms, &people, &mut places, &mut report));
        let one = place.and_then(|place| report.participants.get_mut(place));
        match (what, one) {
            (What::Rang { call }, _) => report.calls.push(ReportedCall {
                call_id: call,
                rang_ms: at_ms,
                answered_ms: None,
                over_ms: None,
                reason: None,
            }),
            (What::Answered { call: id }, _) => {
                if let Some(call) = report.calls.iter_mut().find(|call| call.call_id == id) {
                    call.answered_ms = Some(at_ms);
                }
            }
            (What::Over { call: id, reason }, _) => {
                if let Some(call) = report.calls.iter_mut().find(|call| call.call_id == id) {
                    (call.over_ms, call.reason) = (Some(at_ms), Some(reason));
                }
            }
            (What::Restarted, _) => report.restarts_ms.push(at_ms),
            (What::LeftOut { count }, _) => report.left_out = report.left_out.saturating_add(count),
            (What::Came, Some(one)) => one.came_ms = at_ms,
            (_, None) => {}
            (What::Left { reason }, Some(one)) => {
                (one.left_ms, one.left_reason) = (Some(at_ms), Some(reason));
                end_path(one, at_ms);
            }
            (
                What::Path {
                    path,
                    protocol,
                    relayed,
                    reason,
                    setup_ms,
                },
                Some(one),
            ) => {
                one.setup_ms = one.setup_ms.or(setup_ms);
                if paths == MARKS_MAX {
                    report.left_out = report.left_out.saturating_add(1);
                    continue;
                }
                paths += 1;
                end_path(one, at_ms);
                one.paths.push(ReportedPath {
                    from_ms: at_ms,
                    until_ms: lasted_ms,
                    path,
                    protocol,
                    relayed,
                    reason,
                });
            }
            (What::Measured { measured }, Some(one)) => one.measured.push(ReportedMeasure { at_ms, measured }),
            (What::Happened { what }, Some(one)) => {
                if marks == MARKS_MAX {
                    report.left_out = report.left_out.saturating_add(1);
                    continue;
                }
                marks += 1;
                one.marks.push(Mark { at_ms, what });
            }
        }
    }
    report.spells = spells::find(&report.participants);
    thin(&mut report.participants);
    report
}

/// None: nobody knows who that was.
fn place_of(
    id: ParticipantId,
    at_ms: u64,
    people: &BTreeMap<ParticipantId, UserInfo>,
    places: &mut BTreeMap<ParticipantId, usize>,
    report: &mut CallReport,
) -> Option<usize> {
    if let Some(place) = places.get(&id) {
        return Some(*place);
    }
    let user = people.get(&id)?.clone();
    report.participants.push(ReportedParticipant {
        participant_id: id,
        user,
        came_ms: at_ms,
        left_ms: None,
        left_reason: None,
        setup_ms: None,
        paths: Vec::new(),
        measured: Vec::new(),
        marks: Vec::new(),
    });
    let place = report.participants.len() - 1;
    places.insert(id, place);
    Some(place)
}

fn end_path(one: &mut ReportedParticipant, at_ms: u64) {
    if let Some(last) = one.paths.last_mut() {
        last.until_ms = at_ms;
    }
}

fn thin(participants: &mut [ReportedParticipant]) {
    while participants.iter().map(|one| one.measured.len()).sum::<usize>() > MEASURED_MAX {
        let Some(one) = participants.iter_mut().max_by_key(|one| one.measured.len()) else {
            return;
        };
        let mut thinner: Vec<ReportedMeasure> = Vec::with_capacity(one.measured.len() / 2 + 1);
        let mut is_open = false;
        for next in std::mem::take(&mut one.measured) {
            match thinner.last_mut() {
                Some(last) if is_open && last.measured.path == next.measured.path => {
                    let measured: Measured = join(last.measured, next.measured);
                    *last = ReportedMeasure {
                        at_ms: next.at_ms,
                        measured,
                    };
                    is_open = false;
                }
                Some(_) | None => {
                    thinner.push(next);
                    is_open = true;
                }
            }
        }
        one.measured = thinner;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::measured;
    use super::*;
    use crate::id::{CallId, UserId};
    use crate::signaling::protocol::{EndReason, Happening, LeaveReason, Path, PathProtocol, PathReason};

    fn person(number: u64) -> (ParticipantId, UserInfo) {
        let user_id = UserId::from_random(number);
        let name = format!("name {number}");
        (ParticipantId::from_random(number), UserInfo { user_id, name })
    }

    fn entry(at_ms: u64, by: u64, what: What) -> Entry {
        let by = (by > 0).then(|| ParticipantId::from_random(by));
        Entry { at_ms, by, what }
    }

    fn path(path: Path, reason: PathReason, setup_ms: Option<u32>) -> What {
        let protocol = Some(PathProtocol::Udp);
        What::Path {
            path,
            protocol,
            relayed: path == Path::Forwarded,
            reason,
            setup_ms,
        }
    }

    fn a_call() -> Noted {
        let call = CallId::from_random(1);
        Noted {
            began_at_ms: 1_000_000,
            over: true,
            people: vec![person(1), person(2)],
            entries: vec![
                entry(0, 0, What::Rang { call }),
                entry(2_000, 0, What::Answered { call }),
                entry(2_000, 1, What::Came),
                entry(2_000, 2, What::Came),
                entry(2_300, 1, path(Path::Forwarded, PathReason::FirstMedia, Some(280))),
                entry(3_500, 1, path(Path::Direct, PathReason::DirectReady, None)),
                entry(8_000, 1, What::Measured { measured: measured(2) }),
                entry(
                    9_000,
                    2,
                    What::Happened {
                        what: Happening::CameraSwitched,
                    },
                ),
                entry(
                    9_500,
                    2,
                    What::Left {
                        reason: LeaveReason::Left,
                    },
                ),
                entry(9_700, 9, What::Came),
                entry(
                    10_000,
                    0,
                    What::Over {
                        call,
                        reason: EndReason::HungUp,
                    },
                ),
            ],
            until_ms: None,
        }
    }

    #[test]
    fn a_report_has_every_path_with_its_time_and_reason() {
        let report = make(a_call());
        assert_eq!((report.lasted_ms, report.participants.len()), (10_000, 2), "{report:?}");
        let ada = &report.participants[0];
        let paths: Vec<_> = ada
            .paths
            .iter()
            .map(|p| (p.path, p.relayed, p.from_ms, p.until_ms, p.reason))
            .collect();
        assert_eq!(
            paths,
            [
                (Path::Forwarded, true, 2_300, 3_500, PathReason::FirstMedia),
                (Path::Direct, false, 3_500, 10_000, PathReason::DirectReady)
            ]
        );
        assert_eq!((ada.setup_ms, ada.measured.len()), (Some(280), 1));
        let call = &report.calls[0];
        assert_eq!((call.rang_ms, call.answered_ms, call.over_ms), (0, Some(2_000), Some(10_000)));
        assert_eq!(report.participants[1].left_ms, Some(9_500));
        assert_eq!(report.participants[1].marks[0].what, Happening::CameraSwitched);
    }

    #[test]
    fn what_came_after_somebody_left_is_not_for_them() {
        let mut noted = a_call();
        noted.entries.push(entry(20_000, 3, What::Came));
        noted.people.push(person(3));
        noted.until_ms = Some(9_600);
        let report = make(noted);
        assert_eq!((report.lasted_ms, report.participants.len()), (9_500, 2));
        assert_eq!(report.calls[0].over_ms, None);
    }

    #[test]
    fn measurements_are_joined_until_they_fit() {
        let mut noted = a_call();
        for n in 0..9_000 {
            let what = What::Measured { measured: measured(10) };
            noted.entries.push(entry(10_000 + n * 5_000, 1 + n % 2, what));
        }
        let report = make(noted);
        let count: usize = report.participants.iter().map(|one| one.measured.len()).sum();
        assert!((500..=MEASURED_MAX).contains(&count), "{count}");
        let long: u64 = report.participants[0]
            .measured
            .iter()
            .map(|one| u64::from(one.measured.lasted_ms))
            .sum();
        assert_eq!(long, 4_501 * 5_000, "no time is lost");
    }

    #[test]
    fn nothing_makes_an_empty_report() {
        let report = make(Noted::default());
        assert_eq!((report.lasted_ms, report.participants.len(), report.calls.len()), (0, 0, 0));
    }
}
