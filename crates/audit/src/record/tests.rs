use std::collections::BTreeMap;

use proptest::prelude::*;
use schleuse_types::{Finding, FindingAction, Label, Outcome, Role, Tenant, Timestamp};

use super::{Coverage, Event, RECORD_BYTES_MAX, Record};

const TIME: Timestamp = Timestamp(1_795_207_724_123_456);
const SALT: [u8; 16] = [0xFF; 16];

fn check(record: &Record, expected: &str) {
    assert_eq!(String::from_utf8(record.encode(TIME, &SALT)).unwrap(), expected);
}

#[test]
fn the_least_entry_has_all_fixed_members() {
    check(
        &Record::default(),
        "{\"action\":\"\",\"event\":\"llm.admit\",\"model\":\"\",\"prompt_hash\":\"\",\"request_id\":\"\",\
         \"salt\":\"_____________________w\",\"sensitivity_score\":0,\"timestamp\":\"2026-11-20T20:48:44.123456Z\",\
         \"user\":\"\",\"v\":1}",
    );
}

#[test]
fn the_fullest_entry_has_every_member_in_order() {
    let mut record = Record {
        event: Event::LlmComplete,
        timestamp: None,
        request_id: "01JD".into(),
        user: "p:00".into(),
        role: Some(Role::Engineer),
        tenant: Tenant::parse("retail").unwrap(),
        prompt_hash: "hmac-sha256:ab".into(),
        sensitivity_score: 0.3,
        action: Some(Outcome::Redacted),
        model: "llama".into(),
        label: Some(Label::CONFIDENTIAL),
        route: Some("local".into()),
        surface: Some("/v1/chat/completions".into()),
        status: Some(200),
        code: Some("x".into()),
        rules: vec!["p1".into(), "p2".into()],
        policy: Some("sha256:1".into()),
        pack: Some("sha256:2".into()),
        packs: vec!["house 3 sha256:4".into()],
        tokens_in: Some(812),
        tokens_out: Some(344),
        ms: Some(2210),
        prev: Some(73801),
        node: Some("gw-2".into()),
        count: Some(1),
        source: Some("127.0.0.1".into()),
        coverage: Some(Coverage { scanned: 120, decoded: 40, opaque: 0 }),
        ..Record::default()
    };
    let finding = |kind: &str| Finding {
        kind: kind.into(),
        recognizer: String::new(),
        path: String::new(),
        start: 0,
        end: 1,
        score: 1.0,
        action: FindingAction::Redact,
        evasive: false,
        excepted: false,
    };
    let hidden = Finding { evasive: true, ..finding("IBAN") };
    let excepted = Finding { excepted: true, ..finding("EMAIL") };
    record.count_findings(&[finding("IBAN"), excepted, hidden]);
    record.count_shadow(&[finding("CUSTOM_TERM")]);
    check(
        &record,
        "{\"action\":\"REDACTED\",\"code\":\"x\",\"count\":1,\
         \"coverage\":{\"decoded\":40,\"opaque\":0,\"scanned\":120},\"evasive\":1,\
         \"event\":\"llm.complete\",\"excepted\":{\"EMAIL\":1},\
         \"findings\":{\"EMAIL\":1,\"IBAN\":2},\"label\":\"CONFIDENTIAL\",\"model\":\"llama\",\"ms\":2210,\
         \"node\":\"gw-2\",\"pack\":\"sha256:2\",\"packs\":[\"house 3 sha256:4\"],\"policy\":\"sha256:1\",\"prev\":73801,\
         \"prompt_hash\":\"hmac-sha256:ab\",\"request_id\":\"01JD\",\"role\":\"engineer\",\"route\":\"local\",\
         \"rules\":[\"p1\",\"p2\"],\"salt\":\"_____________________w\",\"sensitivity_score\":0.3,\
         \"shadow\":{\"CUSTOM_TERM\":1},\"source\":\"127.0.0.1\",\"status\":200,\"surface\":\"/v1/chat/completions\",\
         \"tenant\":\"retail\",\
         \"timestamp\":\"2026-11-20T20:48:44.123456Z\",\"tokens_in\":812,\"tokens_out\":344,\"user\":\"p:00\",\"v\":1}",
    );
}

#[test]
fn scores_have_at_most_two_decimals() {
    let score = |value: f32| {
        let record = Record { sensitivity_score: value, ..Record::default() };
        let text = String::from_utf8(record.encode(TIME, &SALT)).unwrap();
        let (_, rest) = text.split_once("\"sensitivity_score\":").unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    let cases = [
        (0.0, "0"),
        (0.004, "0"),
        (0.01, "0.01"),
        (0.1, "0.1"),
        (0.25, "0.25"),
        (0.3, "0.3"),
        (0.999, "1"),
        (1.0, "1"),
        (7.0, "1"),
        (-1.0, "0"),
        (f32::NAN, "1"),
    ];
    for (value, expected) in cases {
        assert_eq!(score(value), expected, "{value}");
    }
}

#[test]
fn salts_are_base64url() {
    let record = Record::default();
    let mut salt = [0; 16];
    for (place, byte) in salt.iter_mut().enumerate() {
        *byte = place as u8 * 17;
    }
    let text = String::from_utf8(record.encode(TIME, &salt)).unwrap();
    // Python: base64.urlsafe_b64encode(bytes(i * 17 for i in range(16))).rstrip(b"=").
    assert!(text.contains("\"salt\":\"ABEiM0RVZneImaq7zN3u_w\""), "{text}");
}

#[test]
fn strings_are_escaped_as_rfc_8785_wants() {
    let record =
        Record { model: "\"\\\u{8}\t\n\u{c}\r\u{1f}\u{7f}/ä€😀\u{2028}".into(), ..Record::default() };
    let text = String::from_utf8(record.encode(TIME, &SALT)).unwrap();
    let expected = "\"model\":\"\\\"\\\\\\b\\t\\n\\f\\r\\u001f\u{7f}/ä€😀\u{2028}\"";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let long = "\u{1}".repeat(5000);
    let record = Record {
        request_id: long.clone(),
        user: long.clone(),
        prompt_hash: long.clone(),
        model: long.clone(),
        route: Some(long.clone()),
        surface: Some(long.clone()),
        code: Some(long.clone()),
        rules: vec![long.clone(); 500],
        packs: vec![long.clone(); 500],
        policy: Some(long.clone()),
        pack: Some(long.clone()),
        node: Some(long.clone()),
        source: Some(long.clone()),
        subject: Some(long.clone()),
        change: Some(long.clone()),
        role: Some(Role::Engineer),
        tenant: Tenant::parse(&"t".repeat(32)).unwrap(),
        label: Some(Label::CONFIDENTIAL),
        action: Some(Outcome::Pseudonymized),
        findings: (0..500).map(|number| (format!("KIND{number}"), u32::MAX)).collect(),
        excepted: (0..500).map(|number| (format!("KIND{number}"), u32::MAX)).collect(),
        shadow: (0..500).map(|number| (format!("KIND{number}"), u32::MAX)).collect(),
        evasive: Some(u64::MAX),
        coverage: Some(Coverage { scanned: u64::MAX, decoded: u64::MAX, opaque: u64::MAX }),
        status: Some(u16::MAX),
        tokens_in: Some(u64::MAX),
        tokens_out: Some(u64::MAX),
        ms: Some(u64::MAX),
        prev: Some(u64::MAX),
        count: Some(u64::MAX),
        ..Record::default()
    };
    let bytes = record.encode(TIME, &SALT);
    assert!(bytes.len() <= RECORD_BYTES_MAX, "{}", bytes.len());
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(value["truncated"], true);
    assert_eq!(value["v"], 1);

    let only_lists = Record { rules: vec!["rule".into(); 1000], user: "p:00".into(), ..Record::default() };
    let value: serde_json::Value = serde_json::from_slice(&only_lists.encode(TIME, &SALT)).unwrap();
    assert_eq!((value["rules"].as_array().unwrap().len(), value["truncated"].as_bool()), (8, Some(true)));
    assert_eq!(value["user"], "p:00");

    let only_user = Record { user: "u".repeat(600), ..Record::default() };
    let value: serde_json::Value = serde_json::from_slice(&only_user.encode(TIME, &SALT)).unwrap();
    assert_eq!((value["user"].as_str().unwrap().len(), value["truncated"].as_bool()), (512, Some(true)));
}

#[test]
fn an_entry_at_the_limit_is_whole_and_one_byte_more_is_cut() {
    let with = |length: usize| {
        let text = |part: usize| Some("x".repeat(length.saturating_sub(part * 512).min(512)));
        let record =
            Record { change: text(0), code: text(1), node: text(2), source: text(3), ..Record::default() };
        let bytes = record.encode(TIME, &SALT);
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        (bytes.len(), value.get("truncated").is_some())
    };
    let room = RECORD_BYTES_MAX - with(0).0;
    assert_eq!(with(room), (RECORD_BYTES_MAX, false));
    let (length, is_cut) = with(room + 1);
    assert!(length <= RECORD_BYTES_MAX && is_cut, "{length}");
}

/// Every member at once.
fn fullest() -> Record {
    let counts = BTreeMap::from([("IBAN".to_owned(), 2)]);
    Record {
        request_id: "01JD".into(),
        user: "p:00".into(),
        role: Some(Role::Engineer),
        tenant: Tenant::parse("retail").unwrap(),
        prompt_hash: "hmac-sha256:ab".into(),
        sensitivity_score: 0.3,
        action: Some(Outcome::Redacted),
        model: "llama".into(),
        label: Some(Label::CONFIDENTIAL),
        route: Some("local".into()),
        surface: Some("/v1/chat/completions".into()),
        status: Some(200),
        code: Some("x".into()),
        rules: vec!["p1".into()],
        findings: counts.clone(),
        excepted: counts.clone(),
        shadow: counts,
        evasive: Some(1),
        coverage: Some(Coverage { scanned: 120, decoded: 40, opaque: 0 }),
        policy: Some("sha256:1".into()),
        pack: Some("sha256:2".into()),
        packs: vec!["house 3 sha256:4".into()],
        tokens_in: Some(812),
        tokens_out: Some(344),
        ms: Some(2210),
        prev: Some(73801),
        node: Some("gw-2".into()),
        count: Some(1),
        source: Some("127.0.0.1".into()),
        subject: Some("p:01".into()),
        change: Some("role=admin".into()),
        ..Record::new(Event::LlmComplete)
    }
}

/// What in `value` is not as the schema says. Knows the words that our schema uses, and no others.
fn breaches(schema: &serde_json::Value, value: &serde_json::Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut demand = |holds: bool, word: &str| {
        if !holds {
            found.push(format!("{place}: {word}: {value}"));
        }
    };
    let mut below = Vec::new();
    for (word, expected) in schema.as_object().unwrap() {
        match word.as_str() {
            "$schema" | "title" | "description" | "format" => {}
            "type" => {
                let is_integer = value.as_u64().is_some();
                let kind = match value {
                    serde_json::Value::String(_) => "string",
                    serde_json::Value::Number(_) if is_integer && expected == "integer" => "integer",
                    serde_json::Value::Number(_) => "number",
                    serde_json::Value::Bool(_) => "boolean",
                    serde_json::Value::Array(_) => "array",
                    serde_json::Value::Object(_) => "object",
                    serde_json::Value::Null => "null",
                };
                demand(expected == kind, word);
            }
            "const" => demand(value == expected, word),
            "enum" => demand(expected.as_array().unwrap().contains(value), word),
            "minimum" => demand(value.as_f64() >= expected.as_f64() || !value.is_number(), word),
            "maximum" => demand(value.as_f64() <= expected.as_f64() || !value.is_number(), word),
            "pattern" => {
                let pattern = regex::Regex::new(expected.as_str().unwrap()).unwrap();
                demand(value.as_str().is_none_or(|text| pattern.is_match(text)), word);
            }
            "required" => {
                for name in expected.as_array().unwrap() {
                    demand(value.get(name.as_str().unwrap()).is_some(), &format!("required {name}"));
                }
            }
            "properties" => {
                for (name, schema) in expected.as_object().unwrap() {
                    below.extend(value.get(name).map(|value| breaches(schema, value, name)));
                }
            }
            "additionalProperties" => {
                let members = value.as_object().into_iter().flat_map(|members| members.values());
                below.extend(members.map(|value| breaches(expected, value, place)));
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                below.extend(items.map(|value| breaches(expected, value, place)));
            }
            other => panic!("the schema uses `{other}`, which this check does not know"),
        }
    }
    found.extend(below.into_iter().flatten());
    found
}

/// The contract and the code describe one thing: whoever changes one of them has to change the other.
#[test]
fn the_contract_says_what_is_written() {
    let contract = include_str!("../../../../contracts/audit-entry.schema.json");
    let schema: serde_json::Value = serde_json::from_str(contract).unwrap();
    let read = |record: &Record| -> serde_json::Value {
        let bytes = record.encode(TIME, &SALT);
        let line = String::from_utf8(bytes).unwrap().replacen('{', "{\"index\":17,", 1);
        serde_json::from_str(&line).unwrap()
    };
    let long = Record { source: Some("x".repeat(600)), ..fullest() };
    for record in [&Record::default(), &fullest(), &long] {
        assert_eq!(breaches(&schema, &read(record), "entry"), Vec::<String>::new());
    }
    let described: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let mut written: Vec<String> = read(&long).as_object().unwrap().keys().cloned().collect();
    written.sort();
    let mut expected: Vec<String> = described.into_iter().cloned().collect();
    expected.sort();
    assert_eq!(written, expected);
    // Entries of the form that was asked for first, without an id and with a name in plain, are of this contract too.
    let least = r#"{"timestamp":"2025-01-10T14:23:45Z","user":"john.doe@company.com","prompt_hash":"a7b9c3d2...",
        "sensitivity_score":0.3,"action":"ALLOWED","model":"internal-gpt-4"}"#;
    let least: serde_json::Value = serde_json::from_str(least).unwrap();
    assert_eq!(breaches(&schema, &least, "entry"), Vec::<String>::new());
    for name in ["timestamp", "user", "prompt_hash", "sensitivity_score", "action", "model"] {
        let mut without = least.clone();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(breaches(&schema, &without, "entry").len(), 1, "{name}");
        without[name] = serde_json::json!([]);
        assert!(breaches(&schema, &without, "entry").iter().any(|breach| breach.contains("type")), "{name}");
    }
}

proptest! {
    /// An independent parser reads back what went in, and a canonical form of what it read is what was written.
    #[test]
    fn entries_are_canonical_json(
        model in "\\PC{0,40}|[\\x00-\\x20\"\\\\]{0,20}",
        rules in proptest::collection::vec("\\PC{0,20}", 0..20),
        kinds in proptest::collection::btree_map("\\PC{1,8}", 1_u32.., 0..6),
        salt in any::<[u8; 16]>(),
        score in 0_u8..=100,
        ms in proptest::option::of(0_u64..1 << 53),
        read in proptest::option::of((0_u64..1 << 53, 0_u64..9, 0_u64..9)),
    ) {
        let record = Record {
            model: model.clone(),
            rules: rules.clone(),
            findings: kinds.clone(),
            excepted: kinds.clone(),
            shadow: kinds,
            evasive: ms,
            coverage: read.map(|(scanned, decoded, opaque)| Coverage { scanned, decoded, opaque }),
            sensitivity_score: f32::from(score) / 100.0,
            ms,
            ..Record::default()
        };
        let bytes = record.encode(TIME, &salt);
        prop_assert!(bytes.len() <= RECORD_BYTES_MAX);
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(value["sensitivity_score"].as_f64().unwrap(), f64::from(score) / 100.0);
        prop_assert!(value["salt"].as_str().unwrap().len() == 22);
        if value.get("truncated").is_none() {
            prop_assert_eq!(value["model"].as_str().unwrap(), &model);
            prop_assert_eq!(value.get("ms").and_then(serde_json::Value::as_u64), ms);
        }
        prop_assert!(!bytes.contains(&0));
        prop_assert_eq!(String::from_utf8(canonical(&value)).unwrap(), String::from_utf8(bytes).unwrap());
    }
}

/// RFC 8785 by way of `serde_json`, whose escapes agree with it.
fn canonical(value: &serde_json::Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        serde_json::Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
            let members = members
                .into_iter()
                .map(|(name, value)| [serde_json::to_vec(name).unwrap(), canonical(value)].join(&b':'));
            out.push(b'{');
            out.extend(members.collect::<Vec<_>>().join(&b','));
            out.push(b'}');
        }
        serde_json::Value::Array(values) => {
            out.push(b'[');
            out.extend(values.iter().map(canonical).collect::<Vec<_>>().join(&b','));
            out.push(b']');
        }
        other => out = serde_json::to_vec(other).unwrap(),
    }
    out
}
