use super::{BUILT_IN, Pack};

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
        "rule `a` does not find its positive example 0",
    );
    check(
        &with("positive = [\"zz-1234\"]\nnegative = [\"zz\", \"zz-4444\"]"),
        "rule `a` finds its negative example 1",
    );
    check(RULE, "rule `a`: a rule needs positive and negative examples");
    check(&with("scores = 1"), "rule `a`: unknown key `scores`");
    check("x = 1", "pack `mine`: unknown key `x`");
}

#[test]
fn the_digest_changes_with_the_rules() {
    let one = format!("{RULE}positive = [\"zz-1234\"]\nnegative = [\"zz-123\"]");
    let other = one.replace("zz-123\"", "zz-12\"");
    let digest = |text: &str| Pack::load(&[("mine", text)]).unwrap().digest().to_owned();
    assert_eq!(digest(&one), digest(&one));
    assert_ne!(digest(&one), digest(&other));
}
