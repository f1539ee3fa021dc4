//! Receipts of the log, as outsiders check them: by the command line, and by the page that needs neither server nor network.

use std::time::Duration;

use schleuse_testkit::{End, FakeUpstream, Script};
#[cfg(feature = "ui")]
use schleuse_tlog::LogSigner;
use serde_json::json;

use crate::folder::Folder;
use crate::house::{House, Plan, schleuse, stderr, stdout};
use crate::pages::Browser;
#[cfg(feature = "ui")]
use crate::tools::tool;

/// What an outsider does: keeps the key, watches with a witness, and checks a receipt with nothing else.
#[tokio::test]
async fn a_witness_cosigns_and_a_receipt_convinces_whoever_has_the_keys() {
    let fake = FakeUpstream::start().await;
    let folder = Folder::new();
    let text = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let address = format!("127.0.0.1:{}", crate::ports::free_port());
    let (data, witness_data) = (text("data"), text("witness"));
    // The key comes with the first start; a witness is added to a house that exists.
    let plain = format!(
        "listen = \"127.0.0.1:0\"\ndata = \"{data}\"\n[[upstream]]\nname = \"upstream\"\nurl = \"{}\"\n",
        fake.url()
    );
    std::fs::write(folder.join("house.toml"), &plain).unwrap();
    Plan::serve(&folder, &text("house.toml")).start().await.stop().await;
    let vkey = text("data/audit/vkey");
    let arguments =
        ["witness", "--data", &witness_data, "--name", "w.example", "--log", &vkey, "--listen", &address];
    let mut witness = tokio::process::Command::new(env!("CARGO_BIN_EXE_schleuse"))
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    while !folder.join("witness/vkey").is_file() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let key = std::fs::read_to_string(folder.join("witness/vkey")).unwrap();
    let asking = format!("{plain}[[audit.witness]]\nurl = \"http://{address}\"\nvkey = \"{}\"\n", key.trim());
    std::fs::write(folder.join("house.toml"), asking).unwrap();
    let house = Plan::serve(&folder, &text("house.toml")).start().await;
    while !folder.join("data/audit/checkpoint.cosigned").is_file() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let policy = format!("log {}witness w {key}quorum w\n", std::fs::read_to_string(&vkey).unwrap());
    std::fs::write(folder.join("policy"), policy).unwrap();
    let (policy, receipt) = (text("policy"), text("receipt.tlog-proof"));
    house.stop().await;
    witness.kill().await.unwrap();

    let verified =
        schleuse(&["audit", "verify", "--data", &data, "--vkey", &vkey, "--witnesses", &policy]).await;
    assert!(
        verified.status.success() && stdout(&verified).contains("cosigned by w.example at "),
        "{verified:?}"
    );
    let proved = schleuse(&["audit", "prove", "--data", &data, "--entry", "0", "--to", &receipt]).await;
    assert!(proved.status.success(), "{}", stderr(&proved));
    let checked = schleuse(&["audit", "check", &receipt, "--witnesses", &policy]).await;
    assert!(checked.status.success() && stdout(&checked).starts_with("{\"action\":"), "{checked:?}");
    #[cfg(feature = "ui")]
    check_page(&folder, &receipt).await;
    let changed = std::fs::read_to_string(&receipt).unwrap().replacen("index 0", "index 1", 1);
    std::fs::write(&receipt, changed).unwrap();
    let checked = schleuse(&["audit", "check", &receipt, "--vkey", &vkey]).await;
    assert_eq!(checked.status.code(), Some(4), "{checked:?}");
    let unknown =
        schleuse(&["audit", "prove", "--data", &data, "--entry", "01JD0000000000000000000000"]).await;
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));
}

/// What an answer in the chat offers convinces the verifier for auditors, and is given to nobody else.
#[tokio::test]
async fn the_receipt_of_an_answer_convinces_whoever_has_the_key() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::deltas(&["Guten ", "Tag"], End::Clean));
    let house = House::start(&fake).await;
    let asker = Browser::sign_in(&house, "employee").await;
    let begun = asker.post("/api/chat/conversations", json!({})).await.json();
    let conversation = format!("/api/chat/conversations/{}", begun["id"].as_str().unwrap());
    let question = json!({"content": "Hallo", "model": "tiny"});
    let asked = asker.post(&format!("{conversation}/messages"), question).await.json();
    asker.get(&format!("/api/chat/runs/{}/events", asked["run"]["id"].as_str().unwrap())).await;
    let path = format!("{conversation}/messages/{}/receipt", asked["answer"]["id"].as_str().unwrap());
    let receipt = loop {
        let told = asker.get(&path).await;
        if told.status == 200 {
            break told;
        }
        assert_eq!((told.status, &told.json()["error"]["code"]), (409, &json!("not_yet")), "{}", told.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let shown = asker.get(&conversation).await.json();
    let passage = &shown["messages"][1]["passage"];
    let id = passage["request_id"].as_str().unwrap();
    let name = format!("attachment; filename=\"receipt-{id}.tlog-proof\"");
    assert_eq!(receipt.header("content-disposition"), Some(name.as_str()));

    let folder = Folder::new();
    let vkey = house.data().join("audit/vkey");
    let check = |text: String| {
        folder.write("receipt.tlog-proof", text);
        let mut command = std::process::Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/verify_proof.py"));
        command.arg(folder.join("receipt.tlog-proof")).arg("--vkey").arg(&vkey);
        let output = command.output().unwrap();
        (output.status.code(), stdout(&output))
    };
    let (code, said) = check(receipt.text());
    assert_eq!(code, Some(0), "{said}");
    let entry: serde_json::Value = serde_json::from_str(said.split_once('\n').unwrap().1).unwrap();
    assert_eq!((&entry["request_id"], &entry["event"]), (&json!(id), &json!("llm.complete")), "{said}");
    assert_eq!(entry["label"], passage["label"]);
    // Not even the index may be another one.
    let index = receipt.text().lines().find(|line| line.starts_with("index ")).unwrap().to_owned();
    assert_eq!(check(receipt.text().replacen(&index, "index 0", 1)).0, Some(4));
    for role in ["engineer", "security"] {
        assert_eq!(Browser::sign_in(&house, role).await.get(&path).await.status, 404);
    }
}

/// The page from disk in Chromium, offline, over this receipt in all forms and over changed ones.
#[cfg(feature = "ui")]
async fn check_page(folder: &Folder, receipt: &str) {
    let file = |name: &str| folder.join(&format!("receipts/{name}"));
    let right = std::fs::read_to_string(receipt).unwrap();
    let bare: Vec<&str> = right.split_inclusive('\n').filter(|line| !line.starts_with("extra ")).collect();
    let data = folder.join("data");
    let export = stdout(&schleuse(&["audit", "export", "--data", data.to_str().unwrap()]).await);
    let line = export.lines().next().unwrap();
    let vkey = std::fs::read_to_string(data.join("audit/vkey")).unwrap();
    // Another log's key is as good as any that this log did not sign with.
    let other = LogSigner::new("schleuse/audit", &[9; 32]).unwrap().verifier().to_string();
    folder.write("receipts/right.tlog-proof", &right);
    folder.write("receipts/bare.tlog-proof", bare.concat());
    folder.write("receipts/line.jsonl", line);
    folder.write("receipts/entry.json", line.replacen("\"index\":0,", "", 1));
    folder.write("receipts/vkey", vkey);
    folder.write("receipts/other-vkey", other);
    std::fs::copy(folder.join("witness/vkey"), file("witness-vkey")).unwrap();
    let walk = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/e2e/receipts.mjs");
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/verify_proof.html");
    let mut command = tokio::process::Command::new(tool("bin/node"));
    command.arg(walk).arg(page).arg(folder.join("receipts"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("CHROMIUM", tool("bin/chromium"));
    // Chromium writes its profile and its crash reports below.
    command.env("HOME", folder.path()).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(300), command.output()).await;
    let output = output.expect("the walk through the page ends").unwrap();
    assert!(output.status.success(), "{}\n{}", stdout(&output), stderr(&output));
}
