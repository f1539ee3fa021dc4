//! What must hold for every input, one function a law. A fuzzer runs them without end (`./x prove fuzz`), and
//! `crates/inspect/tests/fuzz_corpus.rs` over the inputs in `fuzz/corpus/`, a folder a law.
//!
//! The first byte of an input of text chooses the guardrails and how the text is cut; the others are the text, without
//! what is not UTF-8.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use schleuse_inspect::{
    Direction, Guardrails, Inspector, Pack, Scope, SurrogateKey, Surrogates, Tally, exception_value,
    import_gitleaks, import_presidio,
};
use schleuse_types::{Finding, FindingAction, Secret};

/// Panics when the law does not hold for an input.
pub type Law = fn(&[u8]);

/// Every law by the name of its target and of its folder.
pub const LAWS: &[(&str, Law)] = &[
    ("scan", scan),
    ("stream", stream),
    ("bytes", bytes),
    ("fold", fold),
    ("markdown", markdown),
    ("squeeze", squeeze),
    ("decode", decode),
    ("join", join),
    ("pack", pack),
    ("guardrails", guardrails),
    ("exceptions", exceptions),
    ("presidio", presidio),
    ("gitleaks", gitleaks),
    ("surrogates", surrogates),
];

/// Everything that is told about a whole text fits the text and itself.
pub fn scan(data: &[u8]) {
    let (choice, text) = text(data);
    let inspector = chosen(built_in(), choice);
    let examined = inspector.examine(&text);
    check_shape(&text, &examined.findings);
    check_shape(&text, &examined.shadow);
    assert_eq!(inspector.scan(&text), examined.findings);
    let explained: Vec<Finding> = inspector.explain(&text).into_iter().map(|told| told.finding).collect();
    assert_eq!(explained, examined.findings);
    assert!((0.0..=1.0).contains(&examined.tally.sensitivity()));
    assert!((0.0..=1.0).contains(&Inspector::sensitivity(&examined.findings)));
    let coverage = examined.coverage;
    assert_eq!(coverage.scanned + coverage.decoded + coverage.opaque, text.len());
    inspector.redact(&text, &examined.findings);
}

/// However a text is cut, a window shows what [`Inspector::redact`] makes of the whole, with the same findings.
pub fn stream(data: &[u8]) {
    let (choice, text) = text(data);
    check_stream(chosen(built_in(), choice), &text, choice);
}

/// However bytes are cut, text or not, and however seldom they are looked at, the findings are the same.
pub fn bytes(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let inspector = chosen(built_in(), *choice);
    let scan = |block: usize, lengths: Lengths| {
        let (mut scanner, mut findings, mut rest) = (inspector.byte_scanner_of(block), Vec::new(), data);
        for length in lengths {
            let (piece, tail) = rest.split_at(length.min(rest.len()));
            scanner.push(piece, &mut findings);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        scanner.finish(&mut findings);
        findings.sort_by_key(|finding| finding.start);
        (findings, scanner.tally().clone())
    };
    let whole = scan(usize::MAX, Lengths::of(0));
    assert_eq!(scan(1, Lengths::of(*choice)), whole, "looked at with each piece");
    assert_eq!(scan(64, Lengths::of(*choice)), whole, "looked at now and then");
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(inspector.scan(text), whole.0, "as text");
    }
}

/// The law of the window where only the fold counts.
pub fn fold(data: &[u8]) {
    static INSPECTORS: OnceLock<[Inspector; 3]> = OnceLock::new();
    check_view(INSPECTORS.get_or_init(|| only("fold")), data);
}

/// The law of the window where only Markdown counts.
pub fn markdown(data: &[u8]) {
    static INSPECTORS: OnceLock<[Inspector; 3]> = OnceLock::new();
    check_view(INSPECTORS.get_or_init(|| only("markdown")), data);
}

/// The law of the window where only squeezed text counts.
pub fn squeeze(data: &[u8]) {
    static INSPECTORS: OnceLock<[Inspector; 3]> = OnceLock::new();
    check_view(INSPECTORS.get_or_init(|| only("squeeze")), data);
}

/// The law of the window where only decoded text counts.
pub fn decode(data: &[u8]) {
    static INSPECTORS: OnceLock<[Inspector; 3]> = OnceLock::new();
    check_view(INSPECTORS.get_or_init(|| only("decode")), data);
}

/// What is found in texts of one conversation holds what is found in each, and fits each. Texts end at U+001E.
pub fn join(data: &[u8]) {
    let (choice, text) = text(data);
    let inspector = chosen(built_in(), choice);
    let texts: Vec<&str> = text.split('\u{1e}').collect();
    let joined = inspector.scan_joined(&texts);
    assert_eq!(joined.len(), texts.len());
    for (text, found) in texts.iter().zip(&joined) {
        let own = inspector.scan(text);
        assert!(own.iter().all(|finding| found.contains(finding)), "{text:?}: {own:?} in {found:?}");
        for finding in found {
            assert!(text.get(finding.start..finding.end).is_some_and(|found| !found.is_empty()));
            assert!(finding.evasive || own.contains(finding), "{finding:?}");
        }
        inspector.redact(text, found);
    }
}

/// A pack, or a list of terms, that loads does what its examples say, and the window keeps its law with it.
pub fn pack(data: &[u8]) {
    let (choice, text) = text(data);
    let name = if choice % 4 == 3 { "fuzz.csv" } else { "fuzz" };
    let Ok(pack) = Pack::load(&[(name, &text)]) else { return };
    let pack = Arc::new(pack);
    assert_eq!(pack.heads().len(), 1);
    assert!(pack.rules().all(|rule| !rule.id.is_empty() && (0.0..=1.0).contains(&rule.severity)));
    let inspector = Inspector::with_pack(pack, Guardrails::default()).unwrap();
    check_stream(&inspector, &text, choice);
}

/// Guardrails that load hold in every scope, and more of them never make one laxer.
pub fn guardrails(data: &[u8]) {
    let (choice, text) = text(data);
    let Ok(guardrails) = Guardrails::parse(&text) else { return };
    let Ok(inspector) = Inspector::new(guardrails.clone()) else { return };
    let groups = ["payroll".to_owned()];
    let scopes = [
        Scope::default(),
        Scope { direction: Some(Direction::Request), now_s: Some(NOW_S), ..Scope::default() },
        Scope {
            direction: Some(Direction::Answer),
            label: Some(&schleuse_types::Label::SECRET),
            groups: &groups,
            zone: Some(schleuse_types::Zone::External),
            path: Some("/messages/0/content"),
            now_s: Some(NOW_S),
        },
    ];
    let built_in = Inspector::new(Guardrails::default()).unwrap();
    let twice = Inspector::new(guardrails.clone().and(guardrails.clone())).unwrap();
    let further = Inspector::new(Guardrails::default().and(guardrails.clone())).unwrap();
    for scope in &scopes {
        let (inspector, twice, further) =
            (inspector.for_scope(scope), twice.for_scope(scope), further.for_scope(scope));
        for rule in inspector.pack().rules() {
            let action = inspector.action_of(rule.id);
            assert!(twice.action_of(rule.id) >= action, "{}", rule.id);
            assert!(further.action_of(rule.id) >= built_in.action_of(rule.id), "{}", rule.id);
        }
    }
    for exception in guardrails.exceptions() {
        assert!(!exception.reason().is_empty() && !exception.allowed_by().is_empty());
        assert!(!exception.is_in_force(exception.until_s()), "it ends");
    }
    let scope = scopes.get(usize::from(choice) % scopes.len()).unwrap_or(&scopes[0]);
    check_stream(&inspector.for_scope(scope), &text, choice);
}

/// An exception for the first value of a text lets that value pass, wherever it stands openly, nothing else, and the
/// window keeps its law with it.
pub fn exceptions(data: &[u8]) {
    let (choice, text) = text(data);
    let key = b"key of the house";
    let strict = chosen(built_in(), choice);
    let Some(first) = strict.scan(&text).into_iter().find(|finding| !finding.evasive) else { return };
    let value = exception_value(key, &first.kind, text.get(first.start..first.end).unwrap());
    let rows = format!(
        "exceptions:\n- {{rule: {}, value: '{value}', until: 2026-12-31, reason: known, allowed_by: Anna}}\n",
        first.recognizer
    );
    let exceptions = Guardrails::parse_yaml(&rows).unwrap();
    let guardrails = chosen_guardrails(choice).and(exceptions);
    let scope = Scope { now_s: Some(NOW_S), ..Scope::default() };
    let key = Arc::new(Secret::new(key.to_vec()));
    let inspector = Inspector::new(guardrails).unwrap().with_value_key(key).for_scope(&scope);
    for finding in inspector.scan(&text) {
        assert!(!(finding.excepted && finding.evasive));
        assert!(!finding.excepted || finding.recognizer == first.recognizer, "{finding:?}");
    }
    check_stream(&inspector, &text, choice);
}

/// Whatever of Presidio's rules is taken over loads.
pub fn presidio(data: &[u8]) {
    let (choice, text) = text(data);
    let Ok(import) = import_presidio(&text) else { return };
    check_import(&import.pack, import.rules, &text, choice);
}

/// Whatever of gitleaks' rules is taken over loads.
pub fn gitleaks(data: &[u8]) {
    let (choice, text) = text(data);
    let Ok(import) = import_gitleaks(&text) else { return };
    check_import(&import.pack, import.rules, &text, choice);
}

/// What is pseudonymised, echoed and turned back is the same, wherever the echo is cut.
pub fn surrogates(data: &[u8]) {
    static INSPECTOR: OnceLock<Inspector> = OnceLock::new();
    let inspector = INSPECTOR.get_or_init(|| {
        let personal = "guardrails: [{type: PII_FILTER, action: PSEUDONYMIZE}, {type: CUSTOM_TERM, action: PSEUDONYMIZE}]";
        // What is replaced for good does not come back.
        let guardrails = of_all(FindingAction::Allow).and(Guardrails::parse_yaml(personal).unwrap());
        Inspector::new(guardrails).unwrap()
    });
    let (choice, text) = text(data);
    let findings = inspector.scan(&text);
    let mut surrogates = Surrogates::new(SurrogateKey::derive(b"secret", "p-1", b"conversation"));
    surrogates.learn(&text, &findings);
    let replaced = surrogates.replace(&text, &findings);
    assert_eq!(surrogates.restore(&replaced), text, "{replaced:?}");
    let mut restorer = surrogates.restorer();
    let mut restored = String::new();
    for piece in cut(&replaced, choice) {
        restored.push_str(&restorer.push(piece));
        assert!(restorer.held() <= schleuse_inspect::SURROGATE_BYTES_MAX);
    }
    restored.push_str(&restorer.finish());
    assert_eq!(restored, text, "{replaced:?}");
}

/// 1 December 2026.
const NOW_S: u64 = 1_796_083_200;

fn text(data: &[u8]) -> (u8, String) {
    match data.split_first() {
        Some((choice, rest)) => (*choice, rest.utf8_chunks().map(|chunk| chunk.valid()).collect()),
        None => (0, String::new()),
    }
}

fn built_in() -> &'static [Inspector; 3] {
    static INSPECTORS: OnceLock<[Inspector; 3]> = OnceLock::new();
    INSPECTORS.get_or_init(|| [0, 1, 2].map(|choice| Inspector::new(chosen_guardrails(choice)).unwrap()))
}

fn chosen(inspectors: &[Inspector; 3], choice: u8) -> &Inspector {
    let [default, redact, block] = inspectors;
    match choice % 3 {
        0 => default,
        1 => redact,
        _ => block,
    }
}

fn chosen_guardrails(choice: u8) -> Guardrails {
    match choice % 3 {
        0 => Guardrails::default(),
        1 => of_all(FindingAction::Redact),
        _ => of_all(FindingAction::Block),
    }
}

/// The same action for every type.
fn of_all(action: FindingAction) -> Guardrails {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let actions: BTreeMap<String, FindingAction> =
        inspector.types().into_iter().map(|kind| (kind.to_owned(), action)).collect();
    Guardrails::of_types(&actions).unwrap()
}

/// Four rules whose hits count in one view only, under each of the guardrails.
fn only(view: &str) -> [Inspector; 3] {
    const RULES: &[(&str, &str, &str)] = &[
        ("iban", "type = \"IBAN\"\nfinder = \"iban\"\naction = \"BLOCK\"", "DE89370400440532013000"),
        (
            "card",
            "type = \"CREDIT_CARD\"\nfinder = \"numbers\"\nshapes = [\"13..19\", \"4-4-4-4\"]\nvalidator = \"card\"\naction = \"REDACT\"",
            "4111111111111111",
        ),
        (
            "email",
            "type = \"EMAIL\"\nfinder = \"email\"\nkeywords = [\"@\"]\nstarts_word = false\nends_word = false\naction = \"REDACT\"",
            "max@example.org",
        ),
        (
            "github",
            "type = \"API_KEY\"\nkeywords = [\"ghp_\"]\npattern = \"ghp_[0-9A-Za-z]{36}\"\naction = \"WARN\"",
            "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",
        ),
    ];
    let mut rows = String::from("[pack]\nversion = \"1\"\ndescription = \"one view\"\n");
    for (id, row, value) in RULES {
        rows.push_str(&format!(
            "[[rule]]\nid = \"{id}\"\n{row}\nscore = 0.9\nview = [\"{view}\"]\npositive = [\"{value}\"]\nnegative = [\"x\"]\n"
        ));
    }
    let pack = Arc::new(Pack::load(&[("views", &rows)]).unwrap());
    [0, 1, 2].map(|choice| {
        let actions = ["IBAN", "CREDIT_CARD", "EMAIL", "API_KEY"].map(|kind| {
            (kind.to_owned(), if choice == 1 { FindingAction::Redact } else { FindingAction::Block })
        });
        let guardrails = if choice == 0 {
            Guardrails::default()
        } else {
            Guardrails::of_types(&BTreeMap::from(actions)).unwrap()
        };
        let inspector = Inspector::with_pack(Arc::clone(&pack), guardrails).unwrap();
        assert!(RULES.iter().all(|(.., value)| inspector.scan(value).is_empty()), "the view alone counts");
        assert_eq!(inspector.scan(hidden(view)).len(), 1, "and it does");
        inspector
    })
}

/// An IBAN as only the view reads it.
fn hidden(view: &str) -> &'static str {
    match view {
        "fold" => "DE89 3704\u{200b}0044 0532 0130 00",
        "markdown" => "DE89 3704 **0044** 0532 0130 00",
        "squeeze" => "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
        _ => "DE89%203704%200044%200532%200130%2000",
    }
}

fn check_view(inspectors: &[Inspector; 3], data: &[u8]) {
    let (choice, text) = text(data);
    let inspector = chosen(inspectors, choice);
    check_shape(&text, &inspector.scan(&text));
    check_stream(inspector, &text, choice);
}

fn check_import(pack: &str, rules: usize, text: &str, choice: u8) {
    let pack = Arc::new(Pack::load(&[("import", pack)]).unwrap());
    assert_eq!(pack.rules().count(), rules);
    let inspector = Inspector::with_pack(pack, Guardrails::default()).unwrap();
    check_stream(&inspector, text, choice);
}

fn check_shape(text: &str, findings: &[Finding]) {
    for pair in findings.windows(2) {
        assert!(pair[0].end <= pair[1].start, "{findings:?}");
    }
    for finding in findings {
        assert!(text.get(finding.start..finding.end).is_some_and(|found| !found.is_empty()), "{finding:?}");
        assert!((0.5..=1.0).contains(&finding.score), "{finding:?}");
    }
}

fn check_stream(inspector: &Inspector, text: &str, choice: u8) {
    let examined = inspector.examine(text);
    let whole = examined.findings;
    let mut window = inspector.window();
    let (mut output, mut findings, mut shadow) = (String::new(), Vec::new(), Vec::new());
    let mut consumed = 0;
    for piece in cut(text, choice) {
        let released = window.push(piece);
        assert!(released.consumed_upto >= consumed, "the cut moves only forward");
        consumed = released.consumed_upto;
        output.push_str(&released.text);
        findings.extend(released.findings);
        shadow.extend(released.shadow);
    }
    let last = window.finish();
    output.push_str(&last.text);
    findings.extend(last.findings);
    shadow.extend(last.shadow);
    findings.sort_by_key(|finding| finding.start);
    let tally: &Tally = window.tally();
    let block = whole.iter().find(|finding| finding.action == FindingAction::Block);
    assert_eq!(last.blocked, block.is_some(), "{whole:?}");
    match block {
        None => {
            assert_eq!(findings, whole);
            assert_eq!(output, inspector.redact(text, &whole));
            assert_eq!(tally, &examined.tally);
            shadow.sort_by_key(|finding| finding.start);
            assert_eq!(shadow, examined.shadow);
        }
        Some(block) => {
            let until: Vec<Finding> =
                whole.iter().filter(|finding| finding.end <= block.start).cloned().collect();
            let shown = inspector.redact(text.get(..block.start).unwrap(), &until);
            assert!(shown.starts_with(&output), "{output:?}");
            assert!(findings.iter().all(|finding| whole.contains(finding)), "{findings:?} in {whole:?}");
            assert!(findings.contains(block));
        }
    }
}

/// Lengths of pieces in characters, drawn from the first byte of an input; for 0 there is one piece.
#[derive(Clone, Copy)]
struct Lengths {
    state: u32,
    most: usize,
}

impl Lengths {
    fn of(choice: u8) -> Self {
        let most = match choice {
            0 => usize::MAX,
            _ => [1, 2, 4, 9, 24, 80][usize::from(choice) % 6],
        };
        Self { state: u32::from(choice), most }
    }
}

impl Iterator for Lengths {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(if self.most == usize::MAX { self.most } else { 1 + (self.state >> 8) as usize % self.most })
    }
}

fn cut(text: &str, choice: u8) -> impl Iterator<Item = &str> {
    let (mut rest, mut lengths) = (text, Lengths::of(choice));
    std::iter::from_fn(move || {
        let length = lengths.next()?;
        let at = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        let (piece, tail) = rest.split_at(at);
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}
