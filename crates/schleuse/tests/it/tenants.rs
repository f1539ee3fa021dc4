//! Two tenants in one house: model servers of their own, a group that says who belongs where, and labels that fall only when
//! two people of the same tenant want it.

use schleuse_testkit::{End, FakeUpstream, Script};
use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::house::{CHAT, House, Plan, schleuse, stderr, stdout, stream_body};
use crate::ports::free_port;
use crate::sign_in::Provider;

/// Each tenant has a server of its own, both of them for a model of the same name, and retail one more.
fn config(bank: &FakeUpstream, retail: &FakeUpstream) -> String {
    let upstream = |name: &str, url: String, models: &str, tenant: &str| {
        format!(
            "[[upstream]]\nname = \"{name}\"\nurl = \"{url}\"\nmodels = [{models}]\ntenants = [\"{tenant}\"]\n\n"
        )
    };
    [
        "[labels]\napproval = \"two\"\n\n[[tenant]]\nname = \"bank\"\n\n[[tenant]]\nname = \"retail\"\n\n"
            .to_owned(),
        upstream("bank", bank.url(), "\"tiny\"", "bank"),
        upstream("retail", retail.url(), "\"tiny\", \"till\"", "retail"),
    ]
    .concat()
}

/// The key of a new person.
async fn key_of(house: &House, name: &str, role: &str, tenant: &str) -> String {
    let data = house.data();
    let words = [
        "key",
        "create",
        "--data",
        data.to_str().unwrap(),
        "--for",
        name,
        "--role",
        role,
        "--tenant",
        tenant,
    ];
    let output = schleuse(&words).await;
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).trim().to_owned()
}

async fn ask(house: &House, key: &str, model: &str) -> Answer {
    let mut body = stream_body("Hallo");
    body["model"] = model.into();
    house.send(&Request::post(CHAT, body.to_string()).key(key)).await
}

fn models(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let ids = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned());
    ids.collect()
}

async fn two_servers() -> (FakeUpstream, FakeUpstream) {
    let (bank, retail) = (FakeUpstream::start().await, FakeUpstream::start().await);
    bank.set_script(Script::deltas(&["aus der ", "Bank"], End::Clean));
    retail.set_script(Script::deltas(&["aus dem ", "Laden"], End::Clean));
    (bank, retail)
}

#[tokio::test]
async fn each_tenant_reaches_its_own_servers_and_no_others() {
    let (bank, retail) = two_servers().await;
    let house = Plan::demo().config(&config(&bank, &retail)).start().await;
    let of_bank = key_of(&house, "bea", "employee", "bank").await;
    let of_retail = key_of(&house, "rolf", "employee", "retail").await;

    for (key, tenant, own, other, listed) in [
        (&of_bank, "bank", &bank, &retail, &["tiny"][..]),
        (&of_retail, "retail", &retail, &bank, &["tiny", "till"][..]),
    ] {
        let (before, others) = (own.questions().len(), other.questions().len());
        assert_eq!(models(&house.send(&Request::get("/v1/models").key(key)).await), listed);
        let answer = ask(&house, key, "tiny").await;
        assert_eq!(
            (answer.status, answer.header("x-schleuse-route")),
            (200, Some(tenant)),
            "{}",
            answer.text()
        );
        assert_eq!((own.questions().len(), other.questions().len()), (before + 1, others));
        let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
        assert!(entries.iter().all(|entry| entry["tenant"] == tenant), "{entries:?}");
    }
    // What is another tenant's is no different from what is not there.
    let hidden = ask(&house, &of_bank, "till").await;
    let missing = ask(&house, &of_bank, "toll").await;
    assert_eq!(hidden.refusal(), (404, "model_not_found".to_owned()));
    let blurred = |answer: &Answer, name: &str| {
        let mut error = answer.error();
        error["request_id"] = Value::Null;
        error.to_string().replace(name, "NAME")
    };
    assert_eq!(blurred(&hidden, "till"), blurred(&missing, "toll"));
    // The operator's own people have neither.
    let refused = ask(&house, &house.key("employee"), "tiny").await;
    assert_eq!(refused.refusal(), (404, "model_not_found".to_owned()));
}

#[tokio::test]
async fn a_group_of_the_provider_says_who_belongs_where() {
    let (bank, retail) = two_servers().await;
    let url = format!("http://127.0.0.1:{}", free_port());
    let plan = Plan::demo();
    let acme = Provider::start("acme", "RS256", "Ada Acme", &url).await;
    let member = "[[tenant.member]]\nidentity_provider = \"acme\"\ngroup = \"bau\"\n\n";
    let text = config(&bank, &retail)
        .replace("name = \"retail\"\n\n[[up", &format!("name = \"retail\"\n{member}[[up"));
    assert!(text.contains(member), "{text}");
    let text = format!("{}{text}", acme.config(plan.folder()));
    let house = plan.config(&text).flag("--listen", url.strip_prefix("http://").unwrap()).start().await;
    let token = acme.service_token().await;
    let answer = ask(&house, &token, "till").await;
    assert_eq!(
        (answer.status, answer.header("x-schleuse-route")),
        (200, Some("retail")),
        "{}",
        answer.text()
    );
    let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
    assert_eq!((&entries[0]["tenant"], bank.questions().len()), (&json!("retail"), 0));
    // A request cannot say it.
    let body = stream_body("Hallo").to_string();
    let claimed = Request::post(CHAT, body).key(&token).header("x-schleuse-tenant", "bank");
    assert_eq!(house.send(&claimed).await.header("x-schleuse-route"), Some("retail"));
    assert_eq!(bank.questions().len(), 0);
}

async fn call(house: &House, key: &str, method: &str, path: &str, body: Value) -> Answer {
    let request = match body {
        Value::Null => Request::new(method, path),
        body => Request::post(path, body.to_string()).with_method(method),
    };
    house.send(&request.key(key)).await
}

#[tokio::test]
async fn a_label_falls_when_two_people_of_its_tenant_want_it() {
    let (bank, retail) = two_servers().await;
    let house = Plan::demo().config(&config(&bank, &retail)).start().await;
    let owner = key_of(&house, "rolf", "employee", "retail").await;
    let asker = key_of(&house, "ruth", "security", "retail").await;
    let second = key_of(&house, "rosa", "security", "retail").await;
    let strangers = [key_of(&house, "bert", "security", "bank").await, house.key("security")];

    let begun = call(&house, &owner, "POST", "/api/chat/conversations", json!({})).await;
    let conversation = format!("/api/chat/conversations/{}", begun.json()["id"].as_str().unwrap());
    let question = json!({"content": "Wie steht es?", "model": "tiny", "label": "CONFIDENTIAL"});
    let asked = call(&house, &owner, "POST", &format!("{conversation}/messages"), question).await;
    let run = asked.json()["run"]["id"].as_str().unwrap_or_else(|| panic!("{}", asked.text())).to_owned();
    call(&house, &owner, "GET", &format!("/api/chat/runs/{run}/events"), Value::Null).await;
    let label =
        async || call(&house, &owner, "GET", &conversation, Value::Null).await.json()["label"].clone();
    assert_eq!(label().await, "CONFIDENTIAL");

    // Nobody of another tenant can even ask, not the operator's own security either.
    let lower = format!("{conversation}/declassify");
    let wish = json!({"to": "INTERNAL", "reason": "Der Bericht ist veröffentlicht."});
    for key in &strangers {
        let refused = call(&house, key, "POST", &lower, wish.clone()).await;
        assert!(matches!(refused.status, 403 | 404), "{}", refused.text());
    }
    let waiting = call(&house, &asker, "POST", &lower, wish).await;
    assert_eq!(waiting.status, 202, "{}", waiting.text());
    let id = waiting.json()["approval"]["id"].as_str().unwrap().to_owned();
    assert_eq!(label().await, "CONFIDENTIAL");

    let listed = async |key: &str| {
        let answer = call(&house, key, "GET", "/api/approvals", Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["approvals"].as_array().unwrap().clone()
    };
    for key in &strangers {
        assert_eq!(listed(key).await, Vec::<Value>::new());
    }
    let seen = listed(&second).await;
    assert_eq!((&seen[0]["id"], &seen[0]["may_decide"]), (&json!(id), &json!(true)));
    assert_eq!(listed(&asker).await[0]["may_decide"], false);
    assert!(!seen[0].to_string().contains("ruth"), "{seen:?}");

    let approve = format!("/api/approvals/{id}/approve");
    for key in strangers.iter().chain([&owner, &asker]) {
        let refused = call(&house, key, "POST", &approve, json!({})).await;
        assert!(matches!(refused.status, 403 | 404), "{}", refused.text());
    }
    assert_eq!(label().await, "CONFIDENTIAL");
    let done = call(&house, &second, "POST", &approve, json!({"reason": "Stimmt."})).await;
    assert_eq!((done.status, &done.json()["state"]), (200, &json!("approved")), "{}", done.text());
    assert_eq!(label().await, "INTERNAL");

    // Who asked and who agreed stand in the log, as two people of this tenant, and no word of the reason.
    let entries = house.export().await;
    let of = |event: &str| entries.iter().find(|entry| entry["event"] == event).unwrap();
    let (wished, fell) = (of("label.ask"), of("label.lower"));
    assert_eq!((&wished["tenant"], &fell["tenant"]), (&json!("retail"), &json!("retail")));
    assert_ne!(wished["user"], fell["user"]);
    assert!(fell["change"].as_str().unwrap().contains(wished["user"].as_str().unwrap()), "{fell}");
    assert!(!format!("{entries:?}").contains("veröffentlicht"));
}
