use super::{Stage, script};
use crate::{End, Script};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

#[track_caller]
fn check(told: serde_json::Value, expected: Result<Script, &str>) {
    assert_eq!(script(&told), expected.map_err(str::to_owned));
}

#[test]
fn scripts_are_told_in_json() {
    let pause = Duration::from_millis(5);
    check(
        json!({"text": "ab c", "piece": 2, "ms": 5, "end": "cut"}),
        Ok(Script::answer("ab c", 2, pause, End::Cut)),
    );
    check(json!({"echo": 3, "ms": 5}), Ok(Script::Echo { piece_bytes: 3, pause }));
    check(json!({"status": 429, "body": {}}), Ok(Script::json(429, "{}")));
    check(
        json!({"status": 503, "headers": {"retry-after": "3"}}),
        Ok(Script::status(503).with_header("retry-after", "3")),
    );
    check(json!({"hang": true}), Ok(Script::Hang));
    check(json!({"text": "a", "end": "well"}), Err("no answer ends like `well`"));
    check(json!({"sing": 1}), Err("`{\"sing\":1}` is no script"));
}

/// A play that is a shell script: it asks for an engine, has it say something, and measures one thing.
async fn played(script: &str) -> super::Played {
    let folder = std::env::temp_dir().join(format!("schleuse-stage-{}-{}", std::process::id(), script.len()));
    let mut stage = Stage::new(Path::new("/nonexistent"), folder.clone()).unwrap();
    let mut command = tokio::process::Command::new("/bin/sh");
    let played = stage.play(command.args(["-c", script]), |_| ()).await.unwrap();
    drop(stage);
    assert!(!folder.exists());
    played
}

#[tokio::test]
async fn a_play_asks_and_measures() {
    let played = played(
        r#"echo '{"do":"engine"}'; read a; echo "it says $a"; echo '{"do":"script","engine":0,"script":{"echo":1}}'; read a; echo "$a";
           echo '{"do":"fly"}'; read a; echo "$a."; echo '{"do":"house"}'; read a; echo "$a" | head -c 9; echo; echo '{"test":3,"ok":true}'"#,
    )
    .await;
    assert_eq!(played.trouble(), None, "{played:?}");
    assert!(played.said.contains(r#"it says {"engine":0,"url":"http://127.0.0.1:"#), "{}", played.said);
    assert!(played.said.contains("{\"error\":\"nobody here does `fly`\"}."), "{}", played.said);
}

#[tokio::test]
async fn a_play_without_a_row_with_a_bad_one_or_with_a_bad_end_is_no_success() {
    for script in ["echo well", r#"echo '{"test":1,"ok":false}'"#, r#"echo '{"test":1,"ok":true}'; exit 3"#] {
        assert!(played(script).await.trouble().is_some(), "{script}");
    }
}
