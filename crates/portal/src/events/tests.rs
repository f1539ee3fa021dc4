use proptest::prelude::*;
use schleuse_wire::Usage;
use schleuse_wire::json::Object;
use serde_json::Value;

use super::{PIECE_BYTES_MAX, Position, frames_since};
use crate::message::tests::blank;
use crate::message::{Author, Message, Passage, State};

fn answer(content: &str, state: State) -> Message {
    Message {
        author: Author::Assistant,
        content: content.into(),
        state,
        model: Some("tiny".into()),
        passage: Some(Passage { request_id: "01J".into(), ..Passage::default() }),
        ..blank()
    }
}

/// What a page makes of the events that it was told, across all its connections.
#[derive(Debug, Default, PartialEq)]
struct Page {
    text: String,
    others: Vec<String>,
    last: Option<String>,
}

impl Page {
    fn from(&self) -> Position {
        self.last.as_deref().map_or(Position::START, |id| Position::parse(id).unwrap())
    }

    /// Takes the first `count` frames of what a new connection would bring.
    fn read(&mut self, answer: &Message, count: usize) {
        let (frames, _) = frames_since(answer, self.from());
        for frame in frames.iter().take(count) {
            let frame = std::str::from_utf8(frame).unwrap();
            let mut lines = frame.lines();
            let id = lines.next().unwrap().strip_prefix("id: ").unwrap();
            let name = lines.next().unwrap().strip_prefix("event: ").unwrap();
            let data: Value =
                serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
            let before = self.last.replace(id.to_owned()).map_or(0, |id| id.parse::<u64>().unwrap());
            // Only text that is no more takes a page back.
            assert!(before <= id.parse().unwrap() || name == "whole", "ids never fall: {before}, {id}");
            match name {
                "text" => self.text.push_str(data["text"].as_str().unwrap()),
                "whole" => self.text = data["text"].as_str().unwrap().to_owned(),
                other => self.others.push(format!("{other} {}", sorted(&data))),
            }
        }
    }
}

/// Members in the order of their names: whether serde_json keeps the order of the text depends on who else is built.
fn sorted(data: &Value) -> String {
    let members: std::collections::BTreeMap<_, _> = data.as_object().unwrap().iter().collect();
    serde_json::to_string(&members).unwrap()
}

fn check(answer: &Message, expected: &[&str]) {
    let mut page = Page::default();
    page.read(answer, usize::MAX);
    assert_eq!(page.others, expected);
    assert_eq!(page.text, answer.content);
}

const HEAD: [&str; 2] = [
    "model {\"model\":\"tiny\"}",
    "passage {\"action\":null,\"label\":null,\"request_id\":\"01J\",\"route\":null,\"sensitivity\":null}",
];

#[test]
fn a_late_reader_is_told_everything_in_few_frames() {
    let done = |state: &str| format!("done {{\"state\":\"{state}\"}}");
    check(&answer("text", State::Running), &HEAD);
    check(&answer("text", State::Complete), &[HEAD[0], HEAD[1], &done("complete")]);
    check(&answer("", State::Stopped), &[HEAD[0], HEAD[1], "stopped {}", &done("stopped")]);
    let whole = Message {
        is_cut: true,
        omitted: 4,
        usage: Some(Usage { prompt: 1, completion: 2 }),
        ..answer("text", State::Complete)
    };
    let usage = "usage {\"completion\":2,\"prompt\":1}";
    check(&whole, &[HEAD[0], HEAD[1], "omitted {\"messages\":4}", "cut {}", usage, &done("complete")]);
    let mut error = Object::new();
    error.set("code", schleuse_wire::json::Value::String("upstream_failed".into()));
    let failed = Message { refusal: Some(error), ..answer("te", State::Failed) };
    check(
        &failed,
        &[HEAD[0], HEAD[1], "refusal {\"error\":{\"code\":\"upstream_failed\"}}", &done("failed")],
    );
    let nothing = Message { passage: None, ..answer("", State::Running) };
    check(&nothing, &HEAD[..1]);

    let long = answer(&"ä".repeat(PIECE_BYTES_MAX), State::Running);
    assert_eq!(frames_since(&long, Position::START).0.len(), 2 + 2);
}

#[test]
fn text_that_a_crash_took_away_is_replaced() {
    let mut page = Page::default();
    page.read(&answer("seen by a reader", State::Running), usize::MAX);
    for saved in ["seen by", ""] {
        let failed = answer(saved, State::Failed);
        let mut page = Page { text: page.text.clone(), others: Vec::new(), last: page.last.clone() };
        page.read(&failed, usize::MAX);
        assert_eq!(page.text, saved);
        assert_eq!(page.others, ["done {\"state\":\"failed\"}"]);
    }
}

#[test]
fn an_id_is_a_number() {
    let check = |text: &str, expected: Option<u64>| {
        assert_eq!(Position::parse(text).map(|position| position.0), expected, "{text}");
    };
    check("0", Some(0));
    check("1099511627779", Some(1_099_511_627_779));
    check("", None);
    check("+1", None);
    check("-1", None);
    check("1 ", None);
    check("99999999999999999999", None);
}

proptest! {
    /// The answer grows in random steps; a page is cut off at random places, and reads on from its last id each time.
    #[test]
    fn no_character_is_lost_or_doubled(
        steps in proptest::collection::vec((".{0,12}", 0_usize..6), 0..12),
        cuts in proptest::collection::vec(0_usize..5, 0..8),
        state in prop_oneof![Just(State::Complete), Just(State::Stopped), Just(State::Failed)],
        is_cut: bool,
        omitted in 0_u32..3,
        has_usage: bool,
    ) {
        let mut growing = Message { passage: None, ..answer("", State::Running) };
        let mut page = Page::default();
        page.read(&growing, 1);
        growing.passage = answer("", State::Running).passage;
        growing.omitted = omitted;
        for (text, count) in &steps {
            growing.content.push_str(text);
            page.read(&growing, *count);
            prop_assert!(growing.content.starts_with(&page.text));
        }
        growing.state = state;
        growing.is_cut = is_cut;
        growing.usage = has_usage.then_some(Usage { prompt: 1, completion: 1 });
        // As after a restart: told from what was stored.
        let mut stored = answer("", State::Running);
        stored.read_sealed_text(growing.to_sealed_text().as_bytes()).unwrap();
        for count in &cuts {
            page.read(&stored, *count);
        }
        page.read(&stored, usize::MAX);
        prop_assert_eq!(&page.text, &growing.content);

        let mut at_once = Page::default();
        at_once.read(&growing, usize::MAX);
        prop_assert_eq!(&at_once.text, &growing.content);
        // Whoever reads behind the end is told again that it is the end, and nothing else.
        let is_told_again = |other: &String| other.starts_with("done ");
        let ends = page.others.iter().filter(|other| is_told_again(other)).count();
        prop_assert!(ends >= 1);
        page.others.dedup();
        prop_assert_eq!(&page.others, &at_once.others);
    }
}
