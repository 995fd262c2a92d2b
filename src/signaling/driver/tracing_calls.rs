//! What of calls goes into traces (D): from the command to the ring's end to the first media.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::id::CallId;
use crate::signaling::output::Fact;
use crate::traces::Trace;

/// Calls that are looked at. Those beyond are not told of.
const CALLS_MAX: usize = 10_000;

/// How long after the answer of a call media may begin: then it is told of without.
const MEDIA_WITHIN: Duration = Duration::from_secs(60);

/// Calls that began and have not been told of.
#[derive(Debug, Default)]
pub(super) struct CallTraces {
    calls: HashMap<CallId, SettingUp>,
}

#[derive(Debug, Clone, Copy)]
struct SettingUp {
    began: Instant,
    answered: Option<Instant>,
}

impl CallTraces {
    /// What is over because of a fact.
    pub(super) fn handle_fact(&mut self, fact: &Fact, now: Instant) -> Option<Trace> {
        match fact {
            Fact::CallStarted { call, .. } if self.calls.len() < CALLS_MAX => {
                let (began, answered) = (now, None);
                self.calls.insert(*call, SettingUp { began, answered });
                None
            }
            Fact::CallAnswered { call, .. } => {
                self.calls.get_mut(call)?.answered = Some(now);
                None
            }
            Fact::Setup {
                call: Some(call),
                seconds,
            } => {
                let answered = self.calls.get(call)?.answered?;
                let media = answered + Duration::from_secs_f64(*seconds);
                Some(self.calls.remove(call)?.trace(*call, Some(media), media, "answered"))
            }
            Fact::CallEnded { call, reason, .. } => {
                let known = self.calls.remove(call)?;
                let until = known.answered.map_or(now, |answered| now.min(answered + MEDIA_WITHIN));
                Some(known.trace(*call, None, until, reason.as_str()))
            }
            _ => None,
        }
    }
}

impl SettingUp {
    fn trace(self, call: CallId, media: Option<Instant>, until: Instant, outcome: &str) -> Trace {
        let part = |name, began: Instant, until: Instant| Trace {
            name,
            began,
            took: until.saturating_duration_since(began),
            is_asked: false,
            attributes: Vec::new(),
            failed: None,
            parts: Vec::new(),
        };
        let ring = part("ring", self.began, self.answered.unwrap_or(until));
        let connect = self
            .answered
            .map(|answered| part("connect", answered, media.unwrap_or(until)));
        let is_mute = self.answered.is_some() && media.is_none();
        Trace {
            attributes: vec![
                ("tandem.call.id", call.to_string().into()),
                ("tandem.call.outcome", outcome.to_owned().into()),
            ],
            is_asked: true,
            failed: is_mute.then(|| "no page reported media".to_owned()),
            parts: [Some(ring), connect].into_iter().flatten().collect(),
            ..part("call set-up", self.began, until)
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests need an instant to begin with")]
mod tests {
    use super::*;
    use crate::signaling::call::Kind;
    use crate::signaling::protocol::EndReason;

    fn ended(call: CallId, reason: EndReason) -> Fact {
        Fact::CallEnded {
            call,
            reason,
            lasted: Duration::ZERO,
            record: Default::default(),
        }
    }

    #[test]
    fn each_call_is_told_of_once_with_its_parts() {
        let (start, call) = (Instant::now(), CallId::from_random(1));
        let kind = Kind::Invitation;
        let media = Fact::Setup {
            call: Some(call),
            seconds: 0.5,
        };
        let rang = Fact::CallAnswered {
            call,
            rang: Duration::ZERO,
        };
        // (what happens after so many seconds), and then: seconds in all and of each part, outcome, whether it failed
        type Row<'a> = (&'a [(u64, &'a Fact)], f64, &'a [(&'a str, f64)], &'a str, bool);
        let rows: [Row<'_>; 3] = [
            (
                &[(3, &rang), (4, &media)],
                3.5,
                &[("ring", 3.0), ("connect", 0.5)],
                "answered",
                false,
            ),
            (
                &[(2, &ended(call, EndReason::Declined))],
                2.0,
                &[("ring", 2.0)],
                "declined",
                false,
            ),
            (
                &[(1, &rang), (9, &ended(call, EndReason::HungUp))],
                9.0,
                &[("ring", 1.0), ("connect", 8.0)],
                "hung_up",
                true,
            ),
        ];
        for (facts, took, parts, outcome, failed) in rows {
            let mut calls = CallTraces::default();
            assert_eq!(calls.handle_fact(&Fact::CallStarted { call, kind }, start), None);
            let at = |after: u64| start + Duration::from_secs(after);
            let told: Vec<Trace> = facts
                .iter()
                .filter_map(|(after, fact)| calls.handle_fact(fact, at(*after)))
                .collect();
            let [trace] = &told[..] else { panic!("{told:?}") };
            let found: Vec<(&str, f64)> = trace.parts.iter().map(|part| (part.name, part.took.as_secs_f64())).collect();
            assert_eq!((trace.took.as_secs_f64(), &found[..]), (took, parts));
            assert_eq!(trace.attributes[1].1.as_str(), outcome);
            assert_eq!(trace.failed.is_some(), failed);
            // The other side reports media too, and the call ends.
            assert_eq!(calls.handle_fact(&media, at(20)), None);
            assert_eq!(calls.handle_fact(&ended(call, EndReason::HungUp), at(20)), None);
            assert!(calls.calls.is_empty());
        }
    }
}
