//! The page in a real browser, in front of a real house.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use schleuse_testkit::{FakeUpstream, Script};

use crate::house::{House, stderr, stdout};
use crate::tools::tool;

/// Walks through the whole page.
const WALK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/e2e/page.mjs");

#[tokio::test]
async fn a_person_finds_the_way_through_the_page() {
    let fake = FakeUpstream::start().await;
    // Slow enough that a person can press Stop in the middle of an answer.
    fake.set_script(Script::Echo { piece_bytes: 4, pause: Duration::from_millis(60) });
    let house = House::start(&fake).await;
    let page = house.send(&crate::client::Request::get("/")).await.text();
    assert!(page.contains("/assets/"), "the page is not in this binary:\n{page}");
    let mut command = tokio::process::Command::new(tool("bin/node"));
    command.arg(WALK).arg(house.ready["url"].as_str().unwrap());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("CHROMIUM", tool("bin/chromium"));
    // Chromium writes its profile and its crash reports below.
    command.env("HOME", house.folder.path()).current_dir(Path::new(WALK).parent().unwrap());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(300), command.output()).await;
    let output = output.expect("the walk through the page ends").unwrap();
    assert!(output.status.success(), "{}\n{}", stdout(&output), stderr(&output));
}
