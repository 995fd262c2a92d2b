//! Counts what happened, and logs it where it is the start or the end of something (D).

use super::call::Kind;
use super::output::Fact;
use crate::metrics::Metrics;

pub(super) fn count(fact: Fact, metrics: &Metrics) {
    match fact {
        Fact::SessionStarted { session } => tracing::info!(%session, "session started"),
        Fact::SessionEnded { session, lasted } => {
            tracing::info!(%session, duration_s = lasted.as_secs_f64(), "session ended");
        }
        Fact::CallStarted { call, kind } => {
            if kind == Kind::Invitation {
                metrics.invitations.inc();
            }
            tracing::info!(%call, "call started");
        }
        Fact::VisitorCame { session } => tracing::info!(%session, "a session of another node has its call here"),
        Fact::VisitorGone { session } => tracing::info!(%session, "a session of another node has its call here no more"),
        Fact::DoorShut { .. } => {}
        Fact::Join { outcome } => metrics.joins.with_label_values(&[outcome.as_str()]).inc(),
        Fact::CallAnswered { call, rang } => {
            tracing::debug!(%call, rang_s = rang.as_secs_f64(), "call answered");
        }
        Fact::CallEnded {
            call,
            reason,
            lasted,
            record,
        } => {
            metrics.call_ended.with_label_values(&[reason.as_str()]).inc();
            tracing::info!(%call, reason = reason.as_str(), duration_s = lasted.as_secs_f64(), paths = %record, "call ended");
        }
        Fact::Setup { seconds, .. } => metrics.call_setup_seconds.observe(seconds),
        Fact::Path { change } => {
            let labels = [change.path.as_str(), change.protocol_name(), change.reason.as_str()];
            metrics.call_path.with_label_values(&labels).inc();
        }
        Fact::LimitReached { limit } => metrics.limit_reached.with_label_values(&[limit.as_str()]).inc(),
        Fact::Restored {
            sessions,
            calls,
            rooms,
            links,
        } if sessions + links > 0 => tracing::info!(sessions, calls, rooms, links, "restored"),
        Fact::Restored { .. } => {}
        Fact::Refused { code } => metrics.commands_refused.with_label_values(&[code.as_str()]).inc(),
    }
}
