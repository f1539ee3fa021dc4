//! What inspection would find in a text before it is sent, for the composer. Nothing of it is kept or logged.

use schleuse_types::{Finding, Label, Refusal};
use schleuse_wire::json::{Bounds, Object, Value, parse};
use schleuse_wire::{Arrival, Reply};

use crate::body::{missing, read_fields, take_text, wrong};
use crate::message::{number, optional, string};
use crate::portal::{Portal, Visitor, document};

/// Longest label in bytes.
const LABEL_BYTES_MAX: usize = 1024;
/// Most findings that are told.
const TOLD_MAX: usize = 1000;

impl Portal {
    pub(crate) async fn findings(&self, visitor: &Visitor, arrival: Arrival) -> Result<Reply, Refusal> {
        let content_bytes_max = self.limits.content_bytes_max;
        let bytes_max = content_bytes_max.saturating_mul(2).saturating_add(LABEL_BYTES_MAX);
        let mut fields = read_fields(arrival.body, bytes_max, &["content", "label"]).await?;
        let content = take_text(&mut fields, "content", content_bytes_max)?;
        let content = content.ok_or_else(|| missing("content"))?;
        let label = take_text(&mut fields, "label", LABEL_BYTES_MAX)?;
        let label = label.map(|label| Label::parse(label.as_bytes())).transpose().map_err(|error| {
            wrong(
                "label",
                format!("The field `label` is {error}."),
                "Das Feld `label` ist keine Einstufung.".to_owned(),
            )
        })?;
        let label = label.unwrap_or_else(|| (self.standing)(&visitor.verified).default);
        let examined = (self.examine)(&visitor.verified, label.clone(), content.clone()).await?;
        let mut findings = examined.findings;
        findings.sort_by_key(|finding| (finding.start, finding.end));
        findings.truncate(TOLD_MAX);
        let mut out = Object::new();
        out.set("findings", Value::Array(told(&content, &findings)));
        out.set("label", string(&examined.label.to_string()));
        let raises = (examined.label != label).then(|| examined.label.to_string());
        out.set("raises", optional(raises.as_deref()));
        out.set("blocked", Value::Bool(examined.is_blocked));
        Ok(document(200, out))
    }
}

/// Places of a text in UTF-16 units, as a page counts; they come in order, and in UTF-8.
pub(crate) fn units(text: &str, places: &[usize]) -> Vec<u64> {
    // One pass over the text for all of them.
    let (mut at, mut count) = (0, 0);
    let mut units = Vec::with_capacity(places.len());
    for place in places {
        let between = text.get(at..*place).unwrap_or_default();
        count += between.encode_utf16().count() as u64;
        at = *place;
        units.push(count);
    }
    units
}

/// Findings in UTF-16 units of the text, as a page counts.
pub(crate) fn told(text: &str, findings: &[Finding]) -> Vec<Value> {
    let mut places: Vec<usize> = findings.iter().flat_map(|finding| [finding.start, finding.end]).collect();
    places.sort_unstable();
    places.dedup();
    let units = units(text, &places);
    let unit = |place: usize| {
        let found = places.binary_search(&place).ok().and_then(|index| units.get(index));
        number(found.copied().unwrap_or_default())
    };
    let each = findings.iter().map(|finding| {
        let mut out = Object::new();
        out.set("type", string(&finding.kind));
        out.set("start", unit(finding.start));
        out.set("end", unit(finding.end));
        let score = format!("{:.2}", finding.score);
        out.set("score", parse(score.as_bytes(), &Bounds::default()).unwrap_or(Value::Null));
        out.set("action", string(finding.action.as_str()));
        out.set("recognizer", string(&finding.recognizer));
        Value::Object(out)
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use schleuse_types::{Finding, FindingAction};
    use schleuse_wire::json::Value;

    use super::told;

    fn check(text: &str, parts: &[&str]) {
        let findings: Vec<Finding> = parts
            .iter()
            .map(|part| Finding {
                kind: "X".into(),
                recognizer: "x".into(),
                path: String::new(),
                start: text.find(part).unwrap(),
                end: text.find(part).unwrap() + part.len(),
                score: 0.75,
                action: FindingAction::Warn,
                evasive: false,
                excepted: false,
            })
            .collect();
        let units: Vec<u16> = text.encode_utf16().collect();
        let place = |told: &Value, name: &str| {
            usize::try_from(told.as_object().unwrap().get(name).unwrap().as_i64().unwrap()).unwrap()
        };
        let told = told(text, &findings);
        let marked = told
            .iter()
            .map(|told| String::from_utf16(&units[place(told, "start")..place(told, "end")]).unwrap());
        assert_eq!(marked.collect::<Vec<_>>(), parts);
    }

    #[test]
    fn places_are_those_of_a_page() {
        check("Frau Müller 😀 wohnt in Köln", &["Müller", "Köln"]);
        check("😀😀", &["😀"]);
        check("Anna Müller", &["Anna Müller", "Müller"]);
    }
}
