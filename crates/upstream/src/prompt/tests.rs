use super::{BLOCKS_MAX, Members, Prompt, PromptKey, block_bytes, covered_bytes, with_salt};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

const KEY: PromptKey = PromptKey([7; 16]);

fn read(body: &Value) -> Prompt {
    Prompt::read(KEY, "tiny", None, &Bytes::from(body.to_string()))
}

fn read_text(salt: Option<&str>, body: &str) -> Prompt {
    Prompt::read(KEY, "tiny", salt, &Bytes::copy_from_slice(body.as_bytes()))
}

/// How many blocks two prompts have in common, from the first one on.
fn common(one: &Prompt, other: &Prompt) -> usize {
    one.blocks.iter().zip(&other.blocks).take_while(|(one, other)| one == other).count()
}

#[track_caller]
fn check_members(body: &str, expected: &[(&str, &str)]) {
    let members: Vec<_> = Members::of(body.as_bytes()).collect();
    let expected: Vec<_> = expected.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    assert_eq!(members, expected, "{body}");
}

#[test]
fn members_are_found_wherever_they_stand() {
    check_members(r#"{"a":1,"b":"x"}"#, &[("a", "1"), ("b", r#""x""#)]);
    check_members(
        r#" { "a" : [ "]", {"b":"\"}"} ] , "c":null } "#,
        &[("a", r#"[ "]", {"b":"\"}"} ]"#), ("c", "null ")],
    );
    check_members(r#"{"a":"\\","b":{}}"#, &[("a", r#""\\""#), ("b", "{}")]);
    check_members("{}", &[]);
    check_members("", &[]);
    check_members("[1]", &[]);
    check_members(r#"{"a":[1,2"#, &[("a", "[1,2")]);
    check_members(r#"{"a":"x"#, &[("a", r#""x"#)]);
    check_members(r#"{"a""#, &[]);
    check_members(r#"{"a\"#, &[]);
}

#[track_caller]
fn check_salted(body: &str, salt: &str, expected: Result<&str, &str>) {
    let salted = with_salt(&Bytes::copy_from_slice(body.as_bytes()), salt);
    assert_eq!(salted, expected.map(|body| Bytes::copy_from_slice(body.as_bytes())), "{body}");
}

#[test]
fn a_salt_goes_in_front_of_the_body() {
    check_salted(r#"{"model":"m"}"#, "dGVuYW50", Ok(r#"{"cache_salt":"dGVuYW50","model":"m"}"#));
    check_salted(" { } ", "a", Ok(r#"{"cache_salt":"a" } "#));
    check_salted(r#"{"a":"cache_salt"}"#, "a", Ok(r#"{"cache_salt":"a","a":"cache_salt"}"#));
    check_salted("[]", "a", Err("its body is not a JSON object"));
    check_salted(r#"{"a":[{}],"cache_salt":1}"#, "a", Err("its body already carries a cache_salt"));
    let rule = Err("its cache_salt is not 1 to 128 characters of base64");
    for salt in ["", "a\"b", "ä", "a b", &"a".repeat(129)] {
        check_salted("{}", salt, rule);
    }
}

#[test]
fn tenants_models_and_starts_share_nothing() {
    let body = json!({"messages": [{"role": "user", "content": "x".repeat(500)}]}).to_string();
    let bytes = Bytes::from(body.clone());
    let one = read_text(Some("one"), &body);
    assert!(one.blocks.len() > 5);
    for other in [
        read_text(Some("two"), &body),
        read_text(None, &body),
        Prompt::read(KEY, "other", Some("one"), &bytes),
        Prompt::read(PromptKey([8; 16]), "tiny", Some("one"), &bytes),
    ] {
        assert!(one.blocks.iter().all(|block| !other.blocks.contains(block)));
    }
    // Another process of the house has put it into the body already.
    let carried = with_salt(&bytes, "one").unwrap();
    let there = |salt| Prompt::read(KEY, "tiny", salt, &carried);
    assert_eq!(there(None), there(None));
    assert_eq!(common(&there(None), &read_text(None, &body)), 0);
}

#[test]
fn what_the_model_does_not_read_does_not_count() {
    let text = "a sentence that repeats itself. ".repeat(20);
    let first = json!({"messages": [{"role": "user", "content": text}], "temperature": 1, "max_tokens": 5});
    let second = json!({"max_tokens": 7, "seed": 1, "messages": [{"role": "user", "content": text}]});
    assert_eq!(read(&first), read(&second));
}

#[test]
fn the_next_turn_of_a_conversation_begins_alike() {
    let turn = |turns: usize| {
        let messages: Vec<_> = (0..turns)
            .map(|turn| json!({"role": "user", "content": format!("{turn}").repeat(300)}))
            .collect();
        read(&json!({"tools": [{"type": "function"}], "messages": messages}))
    };
    let (before, after) = (turn(3), turn(5));
    assert_eq!(common(&before, &after), before.blocks.len());
    let other_tools = read(&json!({"tools": [{"type": "functions"}], "messages": []}));
    assert_eq!(common(&other_tools, &after), 0);
}

#[test]
fn a_long_prompt_has_few_blocks() {
    assert_eq!(covered_bytes(BLOCKS_MAX), 148 * 1024);
    for blocks in 0..BLOCKS_MAX {
        assert_eq!(covered_bytes(blocks + 1), covered_bytes(blocks) + block_bytes(blocks));
    }
    let prompt = read(&json!({"prompt": "x".repeat(1 << 20)}));
    assert_eq!((prompt.blocks.len(), prompt.tokens()), (BLOCKS_MAX, (1 << 18) + 1));
}

proptest! {
    /// Whatever is no JSON is no panic either, and has a bound.
    #[test]
    fn any_bytes_are_read(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let body = Bytes::from(body);
        let prompt = Prompt::read(KEY, "tiny", None, &body);
        prop_assert!(prompt.blocks.len() <= BLOCKS_MAX && prompt.bytes <= body.len() * 7);
    }

    /// Members are cut out exactly as a reader of JSON would cut them out.
    #[test]
    fn members_are_those_of_json(texts in prop::collection::btree_map("[a-z]{1,8}", "\\PC{0,12}", 0..6), depth in 0..3_usize) {
        let nest = |text: &String| (0..depth).fold(json!(text), |inner, _| json!([{"x": inner, "[": "}"}]));
        let document: serde_json::Map<_, _> = texts.iter().map(|(name, text)| (name.clone(), nest(text))).collect();
        let body = Value::Object(document.clone()).to_string();
        let members: serde_json::Map<_, _> = Members::of(body.as_bytes())
            .map(|(name, value)| {
                (String::from_utf8(name.to_vec()).unwrap(), serde_json::from_slice(value).unwrap())
            })
            .collect();
        prop_assert_eq!(members, document);
    }

    /// Two prompts have at most as many blocks in common as bytes.
    #[test]
    fn blocks_in_common_are_bytes_in_common(shared in "[a-z]{0,600}", one in "[a-m]{1,200}", other in "[n-z]{1,200}") {
        let prompt = |end: &str| read_text(None, &json!({"prompt": format!("{shared}{end}")}).to_string());
        let blocks = common(&prompt(&one), &prompt(&other));
        prop_assert!(covered_bytes(blocks) <= shared.len() + 1);
        prop_assert!(covered_bytes(blocks + 1) > shared.len() + 1);
    }
}
