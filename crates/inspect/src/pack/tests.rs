use super::{BUILT_IN, Head, Pack, Views};

#[test]
fn every_built_in_rule_does_what_its_examples_say() {
    let pack = Pack::built_in().unwrap();
    let mut wrong = Vec::new();
    for (index, rule) in pack.rules.iter().enumerate() {
        for (examples, expected) in [(&rule.positive, true), (&rule.negative, false)] {
            for example in examples {
                if pack.finds(index, example) != expected {
                    wrong.push(format!("{} expected {expected}: {example}", rule.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(Pack::load(BUILT_IN).is_ok());
}

#[test]
fn the_action_of_a_rule_is_the_default_of_its_type() {
    for rule in &Pack::built_in().unwrap().rules {
        assert_eq!(rule.action, rule.kind.action, "{}", rule.id);
    }
}

fn check(rule: &str, expected: &str) {
    assert_eq!(Pack::load(&[("mine", rule)]).map(|_| ()).unwrap_err().to_string(), expected);
}

const RULE: &str =
    "[[rule]]\nid = \"a\"\ntype = \"API_KEY\"\nkeywords = [\"zz-\"]\npattern = 'zz-[0-9]{4}'\nscore = 0.9\n";

#[test]
fn a_pack_that_contradicts_itself_is_refused() {
    let with = |rest: &str| format!("{RULE}{rest}");
    assert!(Pack::load(&[("mine", &with("positive = [\"zz-1234\"]\nnegative = [\"zz-123\"]"))]).is_ok());
    check(
        &with("positive = [\"zz-12\"]\nnegative = [\"zz\"]"),
        "pack `mine`, line 1: rule `a` does not find its positive example 0",
    );
    check(
        &with("positive = [\"zz-1234\"]\nnegative = [\"zz\", \"zz-4444\"]"),
        "pack `mine`, line 1: rule `a` finds its negative example 1",
    );
    check(RULE, "pack `mine`, line 1: rule `a`: a rule needs positive and negative examples");
    check(&with("scores = 1"), "pack `mine`, line 1: rule `a`: unknown key `scores`, the nearest is `score`");
    check("x = 1", "pack `mine`: unknown key `x`, the nearest is `rule`");
    check("a = \n", "pack `mine`, line 1: string values must be quoted, expected literal string");
}

#[test]
fn the_digest_changes_with_the_rules() {
    let one = format!("{RULE}positive = [\"zz-1234\"]\nnegative = [\"zz-123\"]");
    let other = one.replace("zz-123\"", "zz-12\"");
    let digest = |text: &str| Pack::load(&[("mine", text)]).unwrap().digest().to_owned();
    assert_eq!(digest(&one), digest(&one));
    assert_ne!(digest(&one), digest(&other));
    assert!(digest(&one).starts_with("sha256:") && digest(&one).len() == 7 + 64);
    assert_ne!(digest(&one), Pack::load(&[("yours", &one)]).unwrap().digest());
}

#[test]
fn mistakes_are_told_with_pack_line_and_the_nearest_name() {
    let examples = "positive = [\"zz-1234\"]\nnegative = [\"zz-123\"]\n";
    let second = |change: &str, into: &str| {
        format!("# first\n\n{RULE}{examples}\n{}", format!("{RULE}{examples}").replace(change, into))
    };
    let told = "pack `mine`, line 12: rule ";
    check(&second("zz", "zz"), &format!("{told}`a`: this id is used twice"));
    check(
        &second("API_KEY", "API_KEI"),
        &format!("{told}`a`: unknown type `API_KEI`, the nearest is `API_KEY`"),
    );
    check(&second("id = \"a\"", ""), &format!("{told}`?`: a rule needs an `id`"));
    check(
        &second("score", "view = \"fald\"\nscore"),
        &format!("{told}`a`: unknown view `fald`, the nearest is `fold`"),
    );
    check(
        &second("score", "severity = 1.5\nscore"),
        &format!("{told}`a`: `severity` is a number from 0 to 1"),
    );
    check(
        &second("score", "validator = \"crad\"\nscore"),
        &format!("{told}`a`: unknown validator `crad`, the nearest is `card`"),
    );
    check("[pack]\nnid = \"x\"\n", "pack `mine`: unknown key `nid` in `[pack]`, the nearest is `id`");
}

#[test]
fn rows_say_how_bad_where_and_for_whom() {
    let rest = "severity = 1\nfloor = 0.5\nlocale = [\"de\"]\ntags = [\"house\"]\nview = [\"raw\", \"fold\"]\nshadow = true\npositive = [\"zz-1234\"]\nnegative = [\"zz-123\"]\n";
    let text = format!("[pack]\nid = \"own\"\nversion = \"3\"\ndescription = \"ours\"\n{RULE}{rest}");
    let pack = Pack::load(&[("mine", &text)]).unwrap();
    let head = Head { id: "own".into(), version: "3".into(), description: "ours".into(), rules: 1 };
    assert_eq!(pack.heads(), [head]);
    let rule = pack.rules.first().unwrap();
    assert_eq!((rule.severity, rule.floor, rule.shadow), (1.0, 0.5, true));
    assert_eq!((rule.locale.concat(), rule.tags.concat()), ("de".to_owned(), "house".to_owned()));
    assert!(rule.views.contains(Views::FOLD) && !rule.views.contains(Views::DECODE));
}

#[test]
fn own_packs_join_the_built_in_ones_in_any_order() {
    let one = format!("{RULE}positive = [\"zz-1234\"]\nnegative = [\"zz-123\"]");
    let two = one.replace("zz-", "yy-").replace("\"a\"", "\"b\"");
    let forwards = Pack::with_own(&[("one", &one), ("two", &two)]).unwrap();
    let backwards = Pack::with_own(&[("two", &two), ("one", &one)]).unwrap();
    assert_eq!(forwards.digest(), backwards.digest());
    assert_eq!(forwards.rules.len(), Pack::built_in().unwrap().rules.len() + 2);
    assert_ne!(forwards.digest(), Pack::built_in().unwrap().digest());
    let iban = one.replace("\"a\"", "\"iban\"");
    let refused = Pack::with_own(&[("mine", &iban)]).map(|_| ()).unwrap_err().to_string();
    assert_eq!(refused, "pack `mine`, line 1: rule `iban`: this id is used twice");
}

#[test]
fn every_built_in_pack_says_what_it_is() {
    for (head, (name, _)) in Pack::built_in().unwrap().heads().iter().zip(BUILT_IN) {
        assert_eq!(head.id, *name);
        assert!(!head.version.is_empty() && !head.description.is_empty() && head.rules > 0, "{name}");
    }
}
