//! Recognizers of a house's own, replaced while it runs.

use std::time::Duration;

use schleuse_testkit::FakeUpstream;

use crate::SOON;
use crate::folder::Folder;
use crate::house::{House, Plan, schleuse, stderr};

/// A pack with one term of the house's own.
fn pack(term: &str) -> String {
    format!(
        "[[rule]]\nid = \"project\"\ntype = \"CUSTOM_TERM\"\nkeywords = [\"{term}\"]\npattern = '{term}'\nscore = 0.9\n\
         action = \"REDACT\"\npositive = [\"Projekt {term} beginnt\"]\nnegative = [\"Projekt Habicht beginnt\"]\n"
    )
}

async fn sent(house: &House, fake: &FakeUpstream, text: &str) -> String {
    assert_eq!(house.chat(text).await.status, 200);
    let asked = fake.questions().pop().unwrap().json();
    asked["messages"][0]["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn changed_packs_are_in_force_without_a_restart() {
    let (fake, packs) = (FakeUpstream::start().await, Folder::new());
    packs.write("house.toml", pack("Falke"));
    let config = format!("[inspection]\npacks = \"{}\"\n", packs.path().display());
    let house = Plan::demo().upstream(&fake.url()).config(&config).start().await;
    assert_eq!(sent(&house, &fake, "Projekt Falke und Sperber").await, "Projekt [CUSTOM_TERM] und Sperber");

    // What the house started with is in the log by name and checksum.
    let start = house.wait_for_entry(SOON, |entry| entry["event"] == "config.load").await;
    let names = start["packs"].as_array().unwrap();
    assert!(names[0].as_str().unwrap().starts_with("built-in sha256:"), "{start}");
    assert!(names[1].as_str().unwrap().starts_with("house sha256:"), "{start}");

    packs.write("house.toml", pack("Sperber"));
    let is_new =
        |entry: &serde_json::Value| entry["event"] == "config.load" && entry["pack"] != start["pack"];
    let entry = house.wait_for_entry(SOON, is_new).await;
    assert_eq!(entry["action"], "ALLOWED");
    assert_eq!(entry["packs"][0], names[0]);
    assert_ne!(entry["packs"][1], names[1]);
    assert_eq!(sent(&house, &fake, "Projekt Falke und Sperber").await, "Projekt Falke und [CUSTOM_TERM]");
    // The entry of a question names the packs that it was inspected with.
    let asked: Vec<_> =
        house.export().await.into_iter().filter(|entry| entry["event"] == "llm.admit").collect();
    assert_eq!(asked.first().unwrap()["pack"], start["pack"]);
    assert_eq!(asked.last().unwrap()["pack"], entry["pack"]);

    // A pack that fails an example of its own changes nothing, and the log says so.
    packs.write("house.toml", pack("Habicht"));
    let refused =
        house.wait_for_entry(SOON, |entry| entry["event"] == "config.load" && entry["action"] == "ERROR");
    assert_eq!(refused.await["pack"], entry["pack"]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(sent(&house, &fake, "Sperber und Habicht").await, "[CUSTOM_TERM] und Habicht");
}

#[tokio::test]
async fn changed_terms_are_in_force_without_a_restart() {
    let (fake, lists) = (FakeUpstream::start().await, Folder::new());
    lists.write("projects.csv", "term,action\nProjekt Falke,REDACT\n");
    let config = format!("[inspection]\nterms = \"{}\"\n", lists.path().display());
    let house = Plan::demo().upstream(&fake.url()).config(&config).start().await;
    assert_eq!(
        sent(&house, &fake, "Zum projekt-falke, nicht zu Müller").await,
        "Zum [CUSTOM_TERM], nicht zu Müller"
    );

    let start = house.wait_for_entry(SOON, |entry| entry["event"] == "config.load").await;
    lists.write("customers.csv", "Mueller, REDACT\n");
    let is_new =
        |entry: &serde_json::Value| entry["event"] == "config.load" && entry["pack"] != start["pack"];
    assert_eq!(house.wait_for_entry(SOON, is_new).await["packs"].as_array().unwrap().len(), 3);
    assert_eq!(
        sent(&house, &fake, "Zum Projekt Falke, nicht zu Müller").await,
        "Zum [CUSTOM_TERM], nicht zu [CUSTOM_TERM]"
    );

    // A list that cannot be read changes nothing, and the log says so.
    lists.write("customers.csv", "Mueller, VERBOTEN\n");
    house.wait_for_entry(SOON, |entry| entry["event"] == "config.load" && entry["action"] == "ERROR").await;
    assert_eq!(sent(&house, &fake, "Frau Mueller").await, "Frau [CUSTOM_TERM]");

    // The same list on files.
    let list = lists.path().join("projects.csv");
    lists.write("text.txt", "Projekt Falke");
    let file = lists.path().join("text.txt");
    let output = schleuse(&["scan", "--terms", list.to_str().unwrap(), file.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[tokio::test]
async fn packs_that_cannot_be_used_are_refused_before_anything_starts() {
    let packs = Folder::new();
    packs.write("house.toml", pack("Habicht"));
    let folder = packs.path().to_str().unwrap();
    let output = schleuse(&["scan", "--packs", folder, "/dev/null"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("rule `project` finds its negative example 0"), "{}", stderr(&output));

    packs.write("house.toml", pack("Falke"));
    packs.write("text.txt", "Der Falke fliegt.");
    let output =
        schleuse(&["scan", "--packs", folder, packs.path().join("text.txt").to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(3));
}
