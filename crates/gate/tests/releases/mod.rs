//! Rows about texts that somebody else let pass once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use schleuse_gate::{Asked, Granted, Releases};
use schleuse_types::Label;
use serde_json::json;

use crate::house::{Answer, House, chat};

const TEXT: &str = "Bitte prüfen: IBAN DE89 3704 0044 0532 0130 00, danke";
const CHAT: &str = "/v1/chat/completions";

/// One release, as a store would keep it: of one person, for use once.
struct OneRelease {
    person: String,
    granted: Mutex<Option<Granted>>,
    is_used: AtomicBool,
}

impl Releases for OneRelease {
    fn granted<'a>(&'a self, id: &'a str, person: &'a str) -> Asked<'a, Option<Granted>> {
        let is_good = person == self.person && !self.is_used.load(Ordering::SeqCst);
        let granted = self.granted.lock().unwrap().clone();
        Box::pin(std::future::ready(Ok(granted.filter(|granted| is_good && granted.id == id))))
    }

    fn redeem<'a>(&'a self, _: &'a Granted, person: &'a str) -> Asked<'a, bool> {
        let is_good = person == self.person && !self.is_used.swap(true, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(is_good)))
    }
}

struct Case {
    house: House,
    release: Arc<OneRelease>,
}

impl Case {
    /// [`TEXT`] is let pass for the employee and the model `tiny`, up to CONFIDENTIAL, but for what is changed here.
    async fn open(change: impl FnOnce(&mut Granted)) -> Self {
        let release = Arc::new(OneRelease {
            person: "employee".to_owned(),
            granted: Mutex::default(),
            is_used: AtomicBool::new(false),
        });
        let house = House::open().await.with_releases(release.clone());
        let mut granted = Granted {
            id: "r".to_owned(),
            content: house.gate.release_mac("employee", "tiny", TEXT),
            label: Label::CONFIDENTIAL,
            routes: house.gate.carriers(&Default::default(), "tiny", &Label::CONFIDENTIAL),
            kinds: BTreeMap::from([("IBAN".to_owned(), 1)]),
            approver: "sigrid".to_owned(),
        };
        assert!(!granted.routes.is_empty());
        change(&mut granted);
        *release.granted.lock().unwrap() = Some(granted);
        Self { house, release }
    }

    async fn ask(&self, text: &str) -> Answer {
        self.house.ask_released("r", "employee", "INTERNAL", CHAT, &chat(text)).await
    }

    /// It is blocked as without a release, nothing was asked, and the release is as good as before.
    fn expect_blocked(&self, answer: &Answer) {
        answer.expect(403, "sensitive_data_detected");
        assert!(answer.message().starts_with("BLOCKED: Sensitive data detected"), "{}", answer.message());
        self.house.expect_nothing_asked();
        assert!(!self.release.is_used.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn exactly_that_text_passes_once_and_on_record() {
    let case = Case::open(|_| {}).await;
    let answer = case.ask(TEXT).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(case.house.upstream.questions().len(), 1);
    let entries = case.house.entries();
    for entry in &entries {
        let change = entry["change"].as_str().unwrap();
        assert!(change.starts_with("release=r types=IBAN:1 approver=p:"), "{change}");
        assert_eq!(entry["findings"], json!({"IBAN": 1}));
    }
    assert_eq!(entries.len(), 2);
    let again = case.ask(TEXT).await;
    again.expect(403, "sensitive_data_detected");
    assert_eq!(case.house.upstream.questions().len(), 1);
}

/// One character more, less, or another one, anywhere.
#[tokio::test]
async fn another_text_is_blocked() {
    let case = Case::open(|_| {}).await;
    let mut others: Vec<String> = Vec::new();
    for (at, character) in TEXT.char_indices() {
        let (before, behind) = TEXT.split_at(at);
        let rest = behind.strip_prefix(character).unwrap();
        others.push(format!("{before}{character}{character}{rest}"));
        others.push(format!("{before}\u{200b}{character}{rest}"));
        if !character.is_alphanumeric() || !before.contains("IBAN") {
            others.push(format!("{before}{rest}"));
        }
    }
    others.extend([
        format!("{TEXT} "),
        format!(" {TEXT}"),
        TEXT.to_lowercase(),
        TEXT.replace("3704", "3 704"),
    ]);
    let mut blocked = 0;
    for other in others {
        let answer = case.ask(&other).await;
        // Where the number is no account any more, nothing is blocked, and nothing is used up.
        if answer.status == 403 {
            blocked += 1;
        }
        assert!(!case.release.is_used.load(Ordering::SeqCst), "{other}");
    }
    assert!(blocked > 60, "{blocked}");
    assert_eq!(case.ask(TEXT).await.status, 200);
}

#[tokio::test]
async fn what_was_not_agreed_to_is_blocked() {
    let changes: [fn(&mut Granted); 5] = [
        |granted| granted.id = "other".to_owned(),
        |granted| granted.content.push('0'),
        |granted| granted.kinds = BTreeMap::from([("CREDIT_CARD".to_owned(), 9)]),
        |granted| granted.kinds = BTreeMap::from([("IBAN".to_owned(), 0)]),
        |granted| granted.label = Label::PUBLIC,
    ];
    for change in changes {
        let case = Case::open(change).await;
        case.expect_blocked(&case.ask(TEXT).await);
    }
    // Used up for no model server that was not named.
    let case = Case::open(|granted| granted.routes = vec!["elsewhere".to_owned()]).await;
    case.expect_blocked(&case.ask(TEXT).await);
}

#[tokio::test]
async fn nobody_else_and_no_other_way_uses_it() {
    let case = Case::open(|_| {}).await;
    let house = &case.house;
    // Without the way that names it, whatever a client writes.
    case.expect_blocked(&house.ask("employee", &chat(TEXT)).await);
    case.expect_blocked(&house.ask_released("x", "employee", "INTERNAL", CHAT, &chat(TEXT)).await);
    case.expect_blocked(&house.ask_released("r", "engineer", "INTERNAL", CHAT, &chat(TEXT)).await);
    // A higher label than was agreed to.
    let answer = house.ask_released("r", "employee", "SECRET", CHAT, &chat(TEXT)).await;
    assert_eq!(answer.status, 403);
    // Other surfaces.
    let text = json!(TEXT);
    for (path, body) in [
        ("/v1/completions", format!(r#"{{"model":"tiny","prompt":{text}}}"#)),
        ("/v1/embeddings", format!(r#"{{"model":"tiny","input":{text}}}"#)),
        ("/v1/responses", format!(r#"{{"model":"tiny","input":{text}}}"#)),
        (
            "/v1/messages",
            format!(r#"{{"model":"tiny","max_tokens":5,"messages":[{{"role":"user","content":{text}}}]}}"#),
        ),
    ] {
        let answer = house.ask_released("r", "employee", "INTERNAL", path, &body).await;
        assert_eq!(answer.status, 403, "{path} {}", answer.text());
    }
    // Not as an earlier turn, not as another role, and not beside another block.
    for messages in [
        json!([{"role": "user", "content": TEXT}, {"role": "assistant", "content": "Ja."}, {"role": "user", "content": "Und?"}]),
        json!([{"role": "system", "content": TEXT}]),
        json!([{"role": "user", "content": "DE89 3704 0044 0532 0130 00"}, {"role": "assistant", "content": "Ja."},
            {"role": "user", "content": TEXT}]),
    ] {
        let body = json!({"model": "tiny", "messages": messages}).to_string();
        case.expect_blocked(&house.ask_released("r", "employee", "INTERNAL", CHAT, &body).await);
    }
    let other = json!({"model": "other", "messages": [{"role": "user", "content": TEXT}]}).to_string();
    assert_ne!(house.ask_released("r", "employee", "INTERNAL", CHAT, &other).await.status, 200);
    house.expect_nothing_asked();
    assert_eq!(case.ask(TEXT).await.status, 200);
}

/// Two at the same time: one.
#[tokio::test]
async fn of_two_at_once_one_passes() {
    let case = Case::open(|_| {}).await;
    let (one, other) = tokio::join!(case.ask(TEXT), case.ask(TEXT));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    assert_eq!(case.house.upstream.questions().len(), 1);
}
