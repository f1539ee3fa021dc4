//! What an imported pack finds.

use super::Import;
use crate::{Guardrails, Inspector, Pack};

/// Checks the rule and the text of each finding.
#[track_caller]
pub(super) fn findings(import: &Import, text: &str, expected: &[(&str, &str)]) {
    let pack = Pack::load(&[("imported", &import.pack)]).unwrap();
    let inspector = Inspector::with_pack(pack.into(), Guardrails::default()).unwrap();
    let findings = inspector.scan(text);
    let found: Vec<(&str, &str)> = findings
        .iter()
        .map(|finding| (finding.recognizer.as_str(), text.get(finding.start..finding.end).unwrap()))
        .collect();
    assert_eq!(found, expected, "{text}");
}
