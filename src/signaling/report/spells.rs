//! When it was bad, and whose side that was, from what the pages measured.
//!
//! What comes in is bad by the other's way up or by one's own way down; what is sent, by one's own way up or the other's way down. Ways up are
//! the narrow ones, so between two browsers a bad direction is laid at its sender's door, unless both are bad: then it is what lies between.
//! The server tells each way up apart: where no way up is bad, a bad direction is laid at the receiver's.

use crate::id::ParticipantId;
use crate::signaling::protocol::{BadSpell, Measured, Path, ReportedMeasure, ReportedParticipant};

/// From where on it can be heard.
const LOSS_PERMILLE: u16 = 30;
const ROUND_TRIP_MS: u16 = 300;

/// Two bad times with no more than this between are one.
const GAP_MS: u64 = 12_000;

/// Spells in one report: the worst there are.
const SPELLS_MAX: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Loss,
    RoundTrip,
}

#[derive(Debug, Clone, Copy)]
struct Bad {
    kind: Kind,
    who: Option<ParticipantId>,
    from_ms: u64,
    until_ms: u64,
    /// The bad value times its time, and that time.
    sum: u64,
    long_ms: u64,
}

pub(super) fn find(participants: &[ReportedParticipant]) -> Vec<BadSpell> {
    let mut all: Vec<Bad> = participants
        .iter()
        .flat_map(|one| one.measured.iter().flat_map(|measure| bad_of(one, measure, participants)))
        .collect();
    all.sort_by_key(|bad| (bad.kind, bad.who, bad.from_ms, bad.until_ms));
    let mut joined: Vec<Bad> = Vec::new();
    for bad in all {
        match joined.last_mut() {
            Some(last) if (last.kind, last.who) == (bad.kind, bad.who) && bad.from_ms <= last.until_ms.saturating_add(GAP_MS) => {
                last.until_ms = last.until_ms.max(bad.until_ms);
                last.sum = last.sum.saturating_add(bad.sum);
                last.long_ms = last.long_ms.saturating_add(bad.long_ms);
            }
            Some(_) | None => joined.push(bad),
        }
    }
    joined.sort_by_key(|bad| std::cmp::Reverse(bad.until_ms - bad.from_ms));
    joined.truncate(SPELLS_MAX);
    joined.sort_by_key(|bad| (bad.from_ms, bad.kind));
    joined.iter().map(spell).collect()
}

fn spell(bad: &Bad) -> BadSpell {
    let mean = u16::try_from(bad.sum / bad.long_ms.max(1)).unwrap_or(u16::MAX);
    BadSpell {
        from_ms: bad.from_ms,
        until_ms: bad.until_ms,
        participant_id: bad.who,
        loss_permille: (bad.kind == Kind::Loss).then_some(mean),
        round_trip_ms: (bad.kind == Kind::RoundTrip).then_some(mean),
    }
}

fn bad_of(one: &ReportedParticipant, measure: &ReportedMeasure, all: &[ReportedParticipant]) -> Vec<Bad> {
    let ReportedMeasure { at_ms, measured } = measure;
    let (from_ms, until_ms) = span(measure);
    let id = one.participant_id;
    let long_ms = u64::from(measured.lasted_ms);
    let bad = |kind, who, value: u16| Bad {
        kind,
        who,
        from_ms,
        until_ms,
        sum: u64::from(value) * long_ms,
        long_ms,
    };
    let (down, up) = (lossy(measured.received_loss_permille), lossy(measured.sent_loss_permille));
    let mut found = Vec::new();
    match measured.path {
        Path::Direct => {
            let other = other_at(one, *at_ms, all);
            match (down, up) {
                (Some(down), Some(up)) => found.push(bad(Kind::Loss, None, down.max(up))),
                (Some(down), None) => found.push(bad(Kind::Loss, other, down)),
                (None, Some(up)) => found.push(bad(Kind::Loss, Some(id), up)),
                (None, None) => {}
            }
        }
        Path::Forwarded => {
            found.extend(up.map(|up| bad(Kind::Loss, Some(id), up)));
            // What another could not send well is laid at that one's door already.
            let is_others = all
                .iter()
                .filter(|other| other.participant_id != id)
                .any(|other| is_up_bad(other, from_ms, until_ms));
            let down = down.filter(|_| !is_others && up.is_none());
            found.extend(down.map(|down| bad(Kind::Loss, Some(id), down)));
        }
    }
    if let Some(long) = measured.round_trip_ms.filter(|long| *long >= ROUND_TRIP_MS) {
        let who = match measured.path {
            Path::Direct => None,
            Path::Forwarded => Some(id),
        };
        found.push(bad(Kind::RoundTrip, who, long));
    }
    found
}

/// Who else was there, if that was one.
fn other_at(one: &ReportedParticipant, at_ms: u64, all: &[ReportedParticipant]) -> Option<ParticipantId> {
    let mut there = all.iter().filter(|other| {
        let came = other.came_ms <= at_ms;
        let left = other.left_ms.is_some_and(|left| left < at_ms);
        other.participant_id != one.participant_id && came && !left
    });
    let first = there.next()?;
    there.next().is_none().then_some(first.participant_id)
}

fn is_up_bad(one: &ReportedParticipant, from_ms: u64, until_ms: u64) -> bool {
    one.measured.iter().any(|measure| {
        let (from, until) = span(measure);
        let meets = from < until_ms && from_ms < until;
        meets && lossy(measure.measured.sent_loss_permille).is_some()
    })
}

fn span(ReportedMeasure { at_ms, measured }: &ReportedMeasure) -> (u64, u64) {
    let Measured { lasted_ms, .. } = measured;
    (at_ms.saturating_sub(u64::from(*lasted_ms)), *at_ms)
}

fn lossy(share: Option<u16>) -> Option<u16> {
    share.filter(|share| *share >= LOSS_PERMILLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::signaling::protocol::UserInfo;

    fn id(number: u64) -> ParticipantId {
        ParticipantId::from_random(number)
    }

    /// Measurements of five seconds each: received and sent loss, and the round trip.
    fn participant(number: u64, path: Path, measures: &[(u16, u16, u16)]) -> ReportedParticipant {
        let measured = measures
            .iter()
            .enumerate()
            .map(|(n, (received, sent, round_trip))| ReportedMeasure {
                at_ms: (n as u64 + 1) * 5_000,
                measured: Measured {
                    path,
                    lasted_ms: 5_000,
                    received_loss_permille: Some(*received),
                    sent_loss_permille: Some(*sent),
                    jitter_ms: None,
                    round_trip_ms: Some(*round_trip),
                    frames_per_s: None,
                    frozen_permille: None,
                },
            });
        ReportedParticipant {
            participant_id: id(number),
            user: UserInfo {
                user_id: UserId::from_random(number),
                name: String::new(),
            },
            came_ms: 0,
            left_ms: None,
            left_reason: None,
            setup_ms: None,
            paths: Vec::new(),
            measured: measured.collect(),
            marks: Vec::new(),
        }
    }

    /// Who, from and until when, and how bad.
    fn brief(participants: &[ReportedParticipant]) -> Vec<(Option<ParticipantId>, u64, u64, u16)> {
        let all = find(participants);
        let value = |spell: &BadSpell| spell.loss_permille.or(spell.round_trip_ms).unwrap_or(0);
        all.iter()
            .map(|spell| (spell.participant_id, spell.from_ms, spell.until_ms, value(spell)))
            .collect()
    }

    #[test]
    fn a_bad_direction_between_two_browsers_is_its_sender_s() {
        let ada = participant(1, Path::Direct, &[(0, 0, 20), (80, 0, 20), (120, 0, 20), (0, 0, 20)]);
        let bob = participant(2, Path::Direct, &[(0, 0, 20), (0, 80, 20), (0, 120, 20), (0, 0, 20)]);
        assert_eq!(brief(&[ada, bob]), [(Some(id(2)), 5_000, 15_000, 100)]);
    }

    #[test]
    fn where_both_directions_are_bad_it_is_what_lies_between() {
        let ada = participant(1, Path::Direct, &[(80, 90, 20)]);
        let bob = participant(2, Path::Direct, &[(90, 80, 20)]);
        assert_eq!(brief(&[ada, bob]), [(None, 0, 5_000, 90)]);
    }

    #[test]
    fn through_the_server_a_way_up_and_a_way_down_are_told_apart() {
        // Bob cannot send well, and Ada hears it; later Ada cannot receive well.
        let ada = participant(
            1,
            Path::Forwarded,
            &[(80, 0, 20), (0, 0, 20), (0, 0, 20), (0, 0, 20), (60, 0, 20)],
        );
        let bob = participant(
            2,
            Path::Forwarded,
            &[(0, 80, 20), (0, 0, 20), (0, 0, 20), (0, 0, 20), (0, 0, 20)],
        );
        assert_eq!(
            brief(&[ada, bob]),
            [(Some(id(2)), 0, 5_000, 80), (Some(id(1)), 20_000, 25_000, 60)]
        );
    }

    #[test]
    fn a_long_way_to_the_server_is_one_s_own() {
        let ada = participant(1, Path::Forwarded, &[(0, 0, 400)]);
        let bob = participant(2, Path::Forwarded, &[(0, 0, 20)]);
        assert_eq!(brief(&[ada, bob]), [(Some(id(1)), 0, 5_000, 400)]);
        let ada = participant(1, Path::Direct, &[(0, 0, 400)]);
        assert_eq!(brief(&[ada]), [(None, 0, 5_000, 400)]);
    }

    #[test]
    fn a_good_call_has_no_spell() {
        let ada = participant(1, Path::Direct, &[(29, 29, 299); 9]);
        assert!(brief(&[ada]).is_empty());
    }
}
