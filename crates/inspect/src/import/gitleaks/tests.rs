use proptest::prelude::*;

use super::super::checks;
use super::import_gitleaks;
use crate::Pack;

const CONFIG: &str = r#"
title = "rules of a house"
minVersion = "v8.25.0"

[extend]
useDefault = true

[allowlist]
paths = ['''vendor/''']
regexes = ['''^\$\{\w+}$''']
stopwords = ["notsecret"]

[[rules]]
id = "badge"
description = "badges of the house"
regex = '''\b(bdg-(?i)[a-z0-9]{20})(?:[\x60'"\s;]|\\[nr]|$)'''
entropy = 3
keywords = ["bdg-"]
tags = ["House Keys"]
[[rules.allowlists]]
regexes = ['''^bdg-0''']
stopwords = ["Demo"]

[[rules]]
id = "meter"
regex = '''(?i)[\w.-]{0,50}?(?:zaehler|meter)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|=>|:)[\x60'"\s=]{0,5}([a-f0-9]{32})(?:[\x60'"\s;]|\\[nr]|$)'''
keywords = ["zaehler", "meter"]

[[rules]]
id = "either"
regex = '''(?i)tower(?:[ _]key)?=([a-z0-9]{24})|\b(twr_[a-z0-9]{24})\b'''

[[rules]]
id = "forms"
regex = '''\b((?:ring\.[0-9a-f]{16}|s\.[0-9a-f]{16}|[0-9a-f]{18}))\b'''

[[rules]]
id = "second-group"
regex = '''(bell|gong)-([0-9a-f]{24})'''
secretGroup = 2

[[rules]]
id = "quoted"
regex = '''<door code="([^"]{8,})"\s*/>'''

[[rules]]
id = "private-key"
regex = '''(?i)-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----[\s\S-]{64,}?KEY(?: BLOCK)?-----'''

[[rules]]
id = "old"
regex = '''old-[0-9a-f]{24}'''
path = '''\.ya?ml$'''
[rules.allowlist]
paths = ['''test/''']
regexTarget = "line"
regexes = ['''demo''']

[[rules]]
id = "looks"
regex = '''(?<!x)abc[0-9]{8}'''

[[rules]]
id = "middle"
regex = '''[a-z0-9]{14}\.abcd\.[a-z0-9]{8}'''

[[rules]]
id = "files"
path = '''\.p12$'''

[[rules]]
id = "broken"
regex = '''abc[0-9'''

[[rules]]
id = "helper"
regex = '''abc[0-9]{8}'''
skipReport = true
"#;

fn check(text: &str, expected: &[(&str, &str)]) {
    checks::findings(&import_gitleaks(CONFIG).unwrap(), text, expected);
}

#[test]
fn rules_find_what_they_found_there() {
    check("x bdg-k3v9x0q2m7t1z8w4p6r5;", &[("gitleaks-badge", "bdg-k3v9x0q2m7t1z8w4p6r5")]);
    check("xbdg-k3v9x0q2m7t1z8w4p6r5", &[]);
    check("bdg-k3v9x0q2m7t1z8w4p6r5a", &[]);
    let meter = "9c1f0ab37de24588b1c40a7795de3f62";
    check(&format!("ZAEHLER_KEY = \"{meter}\""), &[("gitleaks-meter", meter)]);
    check(&format!("my_meter: {meter}\n"), &[("gitleaks-meter", meter)]);
    check(&format!("litre: {meter}\n"), &[]);
    check("tower key=q8zt4lmx2vbn7rwk9s3d5f6h", &[("gitleaks-either", "q8zt4lmx2vbn7rwk9s3d5f6h")]);
    check("a twr_q8zt4lmx2vbn7rwk9s3d5f6h", &[("gitleaks-either-2", "twr_q8zt4lmx2vbn7rwk9s3d5f6h")]);
    check("chime s.9c1f0ab37de24588", &[("gitleaks-forms-2", "s.9c1f0ab37de24588")]);
    check("gong-9c1f0ab37de24588b1c40a77", &[("gitleaks-second-group", "9c1f0ab37de24588b1c40a77")]);
    check("<door code=\"Tulpe+99\" />", &[("gitleaks-quoted", "<door code=\"Tulpe+99\" />")]);
    check("old-9c1f0ab37de24588b1c40a77", &[("gitleaks-old", "old-9c1f0ab37de24588b1c40a77")]);
}

#[test]
fn what_is_allowed_there_is_allowed_here() {
    check("bdg-03v9x0q2m7t1z8w4p6r5", &[]);
    check("bdg-k3v9x0q2m7t1z8wdemor", &[]);
    check("bdg-k3v9xnotsecrett1z8w4", &[]);
}

#[test]
fn what_is_not_taken_over_is_told() {
    let import = import_gitleaks(CONFIG).unwrap();
    let told: Vec<String> = import.remarks.iter().map(ToString::to_string).collect();
    let expected = [
        "line 0: `allowlist` taken with limits: 1 expressions are not taken over; placeholders are known here",
        "line 0: `allowlist` taken with limits: 1 paths are not taken over; placeholders are known here",
        "line 0: `extend` taken with limits: the other configuration is not read; import it too",
        "line 33: `forms` left out: one of its forms: its expression begins with nothing to look for",
        "line 42: `quoted` taken with limits: the finding is the whole match, not only the secret in it",
        "line 42: `quoted` taken with limits: a match ends after 4096 bytes at the latest",
        "line 46: `private-key` taken with limits: read as armour of private keys is read here",
        "line 50: `old` taken with limits: `path` is not asked for, because texts have none",
        "line 50: `old` taken with limits: its allowed paths and commits are not asked for",
        "line 50: `old` taken with limits: allowed lines are not known here",
        "line 59: `looks` left out: its pattern looks around, which no search in linear time can do",
        "line 63: `middle` left out: its expression begins with nothing to look for",
        "line 67: `files` left out: it is a rule for names of files, which texts do not have",
        "line 71: `broken` left out: its expression cannot be read: unclosed character class",
        "line 75: `helper` left out: there it is not reported by itself",
    ];
    assert_eq!(told, expected);
    assert_eq!(import.rules, 10);
}

#[test]
fn a_private_key_is_found_whole() {
    let key =
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "Mk7x".repeat(16));
    check(&format!("a {key} b"), &[("gitleaks-private-key", &key)]);
}

#[test]
fn types_follow_what_a_rule_is_called() {
    let import = import_gitleaks(CONFIG).unwrap();
    let pack = Pack::load(&[("gitleaks", &import.pack)]).unwrap();
    let kind = |id: &str| pack.rules().find(|rule| rule.id == id).map(|rule| rule.kind);
    assert_eq!(kind("gitleaks-private-key"), Some("PRIVATE_KEY"));
    assert_eq!(kind("gitleaks-badge"), Some("API_KEY"));
    assert_eq!(pack.rules().next().unwrap().tags, ["gitleaks", "house-keys"]);
}

#[test]
fn a_file_without_rules_is_refused() {
    let refuse = |text: &str, message: &str| {
        assert_eq!(import_gitleaks(text).unwrap_err().to_string(), message, "{text}");
    };
    refuse("title = \"x\"", "line 1: no `[[rules]]`, as gitleaks writes them");
    refuse("rules = 1", "line 1: no `[[rules]]`, as gitleaks writes them");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_imported_loads(regex in r"[\[\]()a-cA-C0-9\\db|?*+{}^$.-]{0,24}", group in 0_i64..3) {
        let text = format!("[[rules]]\nid = \"r\"\nregex = '''zzz{regex}'''\nsecretGroup = {group}\n");
        let import = import_gitleaks(&text).unwrap();
        prop_assert!(import.rules == 0 || Pack::load(&[("p", &import.pack)]).is_ok());
        prop_assert!(import.rules + import.remarks.len() > 0);
    }
}
