//! `tandem doctor`: looks at an installation and says what is wrong and how to put it right.

mod facts;
mod findings;
mod report;
mod stun;

use anyhow::Context;

pub use self::findings::is_private;
use self::findings::{Finding, Level};
pub use self::report::Report;
use crate::config::{Config, Flags};

/// Looks at everything. A configuration that is wrong is a finding too, and then the only one.
///
/// # Errors
/// This machine cannot be looked at.
pub fn run(flags: &Flags) -> anyhow::Result<Report> {
    let config = match Config::load(flags) {
        Ok(config) => config,
        Err(error) => {
            let findings = vec![Finding {
                check: "config",
                level: Level::Problem,
                what: error.to_string(),
                fix: Some("correct it; `tandem config example` shows every key".to_owned()),
            }];
            return Ok(Report { findings });
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let facts = runtime
        .block_on(facts::gather(&config))
        .context("the addresses of this machine cannot be listed")?;
    let mut findings = vec![Finding {
        check: "config",
        level: Level::Ok,
        what: "the configuration is right".to_owned(),
        fix: None,
    }];
    findings.extend(findings::findings(&facts));
    Ok(Report { findings })
}
