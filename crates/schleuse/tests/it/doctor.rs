//! `schleuse doctor`: what is open, and the proof that nothing else is.

use serde_json::Value;

use crate::house::{Plan, schleuse, stderr, stdout};

fn report(output: &std::process::Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("{}{}", stdout(output), stderr(output)))
}

#[tokio::test]
async fn a_sealed_house_has_no_socket_that_is_not_on_the_list() {
    let output = schleuse(&["doctor", "--sealed", "--json"]).await;
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    let sockets = report["sockets"].as_array().unwrap();
    assert!(sockets.len() > 5 && sockets.iter().all(|socket| socket["allowed"] == true), "{report}");
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Plan::demo().start().await.stop().await;
    let data = folder.join("data");
    let secret = data.join("secrets/key-pepper");
    let data = data.to_str().unwrap();
    let before = schleuse(&["doctor", "--json", "--data", data]).await;
    assert_eq!(before.status.code(), Some(0), "{}", stdout(&before));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let after = schleuse(&["doctor", "--json", "--data", data]).await;
    assert_eq!(after.status.code(), Some(1), "{}", stdout(&after));
    assert!(stdout(&after).contains("key-pepper"), "{}", stdout(&after));
}
