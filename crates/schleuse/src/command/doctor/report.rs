//! What the doctor found, for people and for programs.

use std::fmt::Write as _;
use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Ok,
    Warning,
    Error,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One check and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub check: &'static str,
    pub status: Status,
    pub message: String,
    /// What to do about it.
    pub next: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, message: message.into(), next: None }
    }

    pub fn warning(check: &'static str, message: impl Into<String>) -> Self {
        Self { status: Status::Warning, ..Self::ok(check, message) }
    }

    pub fn error(check: &'static str, message: impl Into<String>) -> Self {
        Self { status: Status::Error, ..Self::ok(check, message) }
    }

    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// One kind of socket of one program, and why it may be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    pub program: String,
    pub socket: String,
    /// Different sockets that looked like this.
    pub count: usize,
    pub is_allowed: bool,
    pub why: String,
}

#[derive(Debug, Default)]
pub(super) struct Report {
    pub findings: Vec<Finding>,
    pub sockets: Vec<Sighting>,
}

impl Report {
    pub fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub fn status(&self) -> Status {
        self.findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok)
    }

    /// 0 without errors, else 1. Warnings are no errors.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.status() == Status::Error))
    }

    pub fn json(&self) -> serde_json::Value {
        let checks: Vec<serde_json::Value> = self
            .findings
            .iter()
            .map(|finding| {
                serde_json::json!({
                    "check": finding.check, "status": finding.status.as_str(),
                    "message": finding.message, "next": finding.next,
                })
            })
            .collect();
        let sockets: Vec<serde_json::Value> = self
            .sockets
            .iter()
            .map(|sighting| {
                serde_json::json!({
                    "process": sighting.program, "socket": sighting.socket, "count": sighting.count,
                    "allowed": sighting.is_allowed, "why": sighting.why,
                })
            })
            .collect();
        let mut whole = serde_json::json!({ "status": self.status().as_str(), "checks": checks });
        if let (false, Some(whole)) = (sockets.is_empty(), whole.as_object_mut()) {
            whole.insert("sockets".to_owned(), sockets.into());
        }
        whole
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.sockets.is_empty() {
            text.push_str("Every socket that was seen:\n");
            for Sighting { program, socket, count, is_allowed, why } in &self.sockets {
                let mark = if *is_allowed { "ok       " } else { "FORBIDDEN" };
                let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
                // Writing into a string cannot fail.
                let _ = writeln!(text, "  {mark} {program:<13} {socket}{times}: {why}");
            }
            text.push('\n');
        }
        for Finding { check, status, message, next } in &self.findings {
            let _ = writeln!(text, "{:<8} {check:<12} {message}", status.as_str());
            if let Some(next) = next {
                let _ = writeln!(text, "{:<8} {:<12} → {next}", "", "");
            }
        }
        let count = |status| self.findings.iter().filter(|finding| finding.status == status).count();
        let _ = writeln!(
            text,
            "\n{} checks: {} errors, {} warnings",
            self.findings.len(),
            count(Status::Error),
            count(Status::Warning)
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, Report};

    #[test]
    fn only_errors_fail() {
        let check = |findings: &[Finding], expected: &str| {
            let report = Report { findings: findings.to_vec(), sockets: Vec::new() };
            let got = format!("{} {:?}", report.json()["status"].as_str().unwrap(), report.exit_code());
            assert_eq!(got, expected);
        };
        let code = |code: u8| format!("{:?}", std::process::ExitCode::from(code));
        let warning = Finding::warning("a", "b").next("c");
        check(&[], &format!("ok {}", code(0)));
        check(&[Finding::ok("a", "b"), warning.clone()], &format!("warning {}", code(0)));
        check(&[Finding::error("a", "b"), warning], &format!("error {}", code(1)));
    }

    #[test]
    fn a_warning_says_what_to_do() {
        let report =
            Report { findings: vec![Finding::warning("disk", "full").next("empty it")], sockets: Vec::new() };
        assert!(report.text().contains("warning  disk         full\n"), "{}", report.text());
        assert!(report.text().contains("→ empty it"));
        assert_eq!(report.json()["checks"][0]["next"], "empty it");
    }
}
