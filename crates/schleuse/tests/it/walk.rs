//! Policy, labels and routes from outside.

use schleuse_testkit::FakeUpstream;
use serde_json::json;

use crate::SOON;
use crate::house::{CHAT, House, Plan, chat_body, schleuse, stderr, stdout, stream_body};

#[tokio::test]
async fn the_label_comes_from_header_and_text_and_never_falls() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let plain = "Was ist eine Schleuse?";
    let rows: [(&[u8], &str, &str); 20] = [
        (b"", plain, "INTERNAL"),
        (b"PUBLIC", plain, "PUBLIC"),
        (b"public", plain, "PUBLIC"),
        (b"OEFFENTLICH", plain, "PUBLIC"),
        ("ÖFFENTLICH".as_bytes(), plain, "PUBLIC"),
        ("öffentlich".as_bytes(), plain, "PUBLIC"),
        (b"\xd6FFENTLICH", plain, "PUBLIC"),
        (b"\xf6ffentlich", plain, "PUBLIC"),
        (b"INTERNAL", plain, "INTERNAL"),
        (b"INTERN", plain, "INTERNAL"),
        (b"CONFIDENTIAL", plain, "CONFIDENTIAL"),
        (b"VERTRAULICH", plain, "CONFIDENTIAL"),
        (b"Vertraulich", plain, "CONFIDENTIAL"),
        (b"", "VERTRAULICH\nWas steht hier?", "CONFIDENTIAL"),
        (b"PUBLIC", "VERTRAULICH\nWas steht hier?", "CONFIDENTIAL"),
        (b"", "VS-NfD\nWas steht hier?", "CONFIDENTIAL"),
        (b"PUBLIC", "Bericht, VS-NUR FÜR DEN DIENSTGEBRAUCH", "CONFIDENTIAL"),
        (b"PUBLIC", "INTERN\nWas steht hier?", "INTERNAL"),
        (b"CONFIDENTIAL", "TLP:CLEAR\nWas steht hier?", "CONFIDENTIAL"),
        (b"PUBLIC", "Das ist doch kein Geheimnis, ganz im Vertrauen.", "PUBLIC"),
    ];
    for (header, text, label) in rows {
        let mut request = house.question(CHAT, &chat_body(text));
        if !header.is_empty() {
            request = request.header("x-schleuse-label", header);
        }
        let answer = house.send(&request).await;
        assert_eq!(answer.status, 200, "{header:?} {text}: {}", answer.text());
        assert_eq!(answer.header("x-schleuse-label"), Some(label), "{header:?} {text}");
        let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
        assert_eq!(entries[0]["label"], label, "{entries:?}");
    }
    for header in ["TOPSECRET", "", "PUBLIC,INTERNAL", "7"] {
        let answer =
            house.send(&house.question(CHAT, &chat_body(plain)).header("x-schleuse-label", header)).await;
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{header:?}");
        assert_eq!(answer.error()["param"], "x-schleuse-label");
    }
}

#[tokio::test]
async fn secret_goes_nowhere() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for (header, text) in [
        ("SECRET", "Hallo"),
        ("GEHEIM", "Hallo"),
        ("geheim", "Hallo"),
        ("PUBLIC", "GEHEIM\nHallo"),
        ("INTERN", "Einstufung: geheim\nHallo"),
        ("PUBLIC", "*** STRENG GEHEIM ***\nHallo"),
    ] {
        for body in [chat_body(text), stream_body(text)] {
            let answer = house.send(&house.question(CHAT, &body).header("x-schleuse-label", header)).await;
            assert_eq!(answer.refusal(), (403, "no_permitted_route".to_owned()), "{header} {text}");
            assert_eq!(answer.header("x-schleuse-label"), Some("SECRET"));
            assert_eq!(answer.header("x-schleuse-action"), Some("DENIED"));
            let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
            assert_eq!(
                (entries.len(), &entries[0]["event"], &entries[0]["label"]),
                (1, &json!("llm.refuse"), &json!("SECRET"))
            );
        }
    }
    assert_eq!(fake.questions(), []);
}

#[tokio::test]
async fn a_route_takes_labels_up_to_its_own() {
    let (low, high, outside) =
        (FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
    let config = format!(
        "[[upstream]]\nname = \"low\"\nurl = \"{}\"\nmodels = [\"small\"]\nmax_label = \"INTERNAL\"\n\
         [[upstream]]\nname = \"both-low\"\nurl = \"{}\"\nmodels = [\"both\"]\nmax_label = \"PUBLIC\"\n\
         [[upstream]]\nname = \"both-high\"\nurl = \"{}\"\nmodels = [\"both\"]\nmax_label = \"CONFIDENTIAL\"\n\
         [[upstream]]\nname = \"outside\"\nurl = \"{}\"\nmodels = [\"cloud\"]\nzone = \"external\"\nmax_label = \"CONFIDENTIAL\"\n",
        low.url(),
        low.url(),
        high.url(),
        outside.url()
    );
    for fake in [&low, &high, &outside] {
        fake.set_script(schleuse_testkit::Script::echo(8));
    }
    let house = Plan::demo().config(&config).start().await;
    let rows = [
        ("small", "PUBLIC", Some("low")),
        ("small", "INTERNAL", Some("low")),
        ("small", "CONFIDENTIAL", None),
        ("both", "INTERNAL", Some("both-high")),
        ("both", "CONFIDENTIAL", Some("both-high")),
        ("both", "SECRET", None),
        ("cloud", "PUBLIC", None),
        ("cloud", "INTERNAL", None),
    ];
    for (model, label, route) in rows {
        let mut body = chat_body("Hallo");
        body["model"] = model.into();
        let answer = house.send(&house.question(CHAT, &body).header("x-schleuse-label", label)).await;
        match route {
            Some(route) => assert_eq!(
                (answer.status, answer.header("x-schleuse-route")),
                (200, Some(route)),
                "{model} {label}: {}",
                answer.text()
            ),
            None => assert_eq!(answer.refusal(), (403, "no_permitted_route".to_owned()), "{model} {label}"),
        }
    }
    assert_eq!(outside.questions(), [], "a question went outside");
    assert!(!high.questions().is_empty());
    let listed =
        house.send(&crate::client::Request::get("/v1/models").key(&house.key("employee"))).await.json();
    assert_eq!(listed["data"][0]["id"], "small", "the first entry is the default model");
}

#[tokio::test]
async fn policies_from_a_folder_replace_the_shipped_ones() {
    let fake = FakeUpstream::start().await;
    let plan = Plan::demo();
    plan.folder().write("policies/own.cedar", "@id(\"only-engineers\")\npermit (principal in Role::\"engineer\", action, resource);\n\
        @id(\"no-embeddings\")\n@message_en(\"No embeddings here.\")\n@message_de(\"Hier keine Embeddings.\")\n@next_en(\"Use the chat.\")\n@next_de(\"Nutzen Sie den Chat.\")\n\
        forbid (principal, action == Action::\"ask\", resource) when { context.surface == Surface::\"embeddings\" };\n");
    let house = plan.config("policies = \"policies\"\n").upstream(&fake.url()).start().await;
    assert_eq!(house.chat("Hallo").await.refusal(), (403, "access_denied".to_owned()));
    let engineer = |path: &str, body: &serde_json::Value| {
        crate::client::Request::post(path, body.to_string()).key(&house.key("engineer"))
    };
    assert_eq!(house.send(&engineer(CHAT, &chat_body("Hallo"))).await.status, 200);
    let denied = house.send(&engineer("/v1/embeddings", &json!({"model": "tiny", "input": "x"}))).await;
    assert_eq!(denied.refusal(), (403, "access_denied".to_owned()));
    let error = denied.error();
    assert!(error["message"].as_str().unwrap().contains("No embeddings here."), "{error}");
    assert!(error["next"].as_str().unwrap().contains("Use the chat."), "{error}");
    assert!(error.to_string().contains("no-embeddings"), "the denial names no rule: {error}");
    assert!(fake.wait_for_questions(1, SOON).await);
}

#[tokio::test]
async fn the_policy_commands_check_test_and_explain() {
    for words in [["policy", "check"], ["policy", "test"]] {
        let output = schleuse(&words).await;
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}{}", stdout(&output), stderr(&output));
    }
    let output = schleuse(&["policy", "explain", "--role", "auditor"]).await;
    assert!(stdout(&output).contains("auditor-never-asks"), "{}{}", stdout(&output), stderr(&output));
    let output = schleuse(&["policy", "explain", "--role", "employee"]).await;
    assert!(stdout(&output).contains("working-roles-ask"), "{}{}", stdout(&output), stderr(&output));
    let output = schleuse(&["policy", "explain", "--role", "employe"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("employee"), "{}", stderr(&output));
}
