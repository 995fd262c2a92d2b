//! Findings as a person reads them, and as a program does.

use serde_json::json;

use super::findings::{Finding, Level};

/// All findings, and whether none is a problem.
#[derive(Debug)]
pub struct Report {
    pub findings: Vec<Finding>,
}

impl Report {
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.level != Level::Problem)
    }

    /// `{"good": …, "findings": [{"check", "level", "what", "fix"}]}`.
    pub fn json(&self) -> String {
        let report = json!({ "good": self.is_good(), "findings": self.findings });
        format!("{report:#}\n")
    }

    /// A line a finding; what to do about it on the line below.
    pub fn table(&self) -> String {
        let width = self.findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
        let mut text = String::new();
        for finding in &self.findings {
            let mark = match finding.level {
                Level::Ok => "ok     ",
                Level::Advice => "advice ",
                Level::Problem => "PROBLEM",
            };
            text += &format!("{mark}  {:width$}  {}\n", finding.check, finding.what);
            if let Some(fix) = &finding.fix {
                text += &format!("{:7}  {:width$}  -> {fix}\n", "", "");
            }
        }
        let count = |level| self.findings.iter().filter(|finding| finding.level == level).count();
        let many = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        text += &match (count(Level::Problem), count(Level::Advice)) {
            (0, 0) => "\nAll is good.\n".to_owned(),
            (0, advice) => format!("\nNo problems, {advice} advice.\n"),
            (problems, advice) => format!("\n{}, {advice} advice.\n", many(problems, "problem")),
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fix_stands_below_its_finding() {
        let report = Report {
            findings: vec![
                Finding {
                    check: "data",
                    level: Level::Ok,
                    what: "fine".to_owned(),
                    fix: None,
                },
                Finding {
                    check: "tcp_port",
                    level: Level::Problem,
                    what: "taken".to_owned(),
                    fix: Some("stop it".to_owned()),
                },
            ],
        };
        let expected = "\
ok       data      fine
PROBLEM  tcp_port  taken
                   -> stop it

1 problem, 0 advice.
";
        assert_eq!(report.table(), expected);
        assert!(!report.is_good());
        let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!(json["findings"][1]["level"], "problem");
        assert_eq!(json["good"], false);
    }
}
