//! What `./x test` has prepared: the SDKs, Node, Chromium, the demonstration model.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

/// A path in the tools folder. Fails where there is none: a test that is left out is no test.
pub fn tool(name: &str) -> PathBuf {
    let folder = std::env::var("SCHLEUSE_TOOLS").unwrap_or_else(|_| {
        panic!("SCHLEUSE_TOOLS names no tools folder; run the tests with `./x test`, which prepares one")
    });
    let path = PathBuf::from(folder).join(name);
    assert!(path.exists(), "{} is not there; `./x test` prepares it", path.display());
    path
}

/// Runs a tool to its end, with nothing of this process's environment.
pub async fn run(program: PathBuf, arguments: &[&str], within: Duration) -> Output {
    let mut command = tokio::process::Command::new(&program);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(within, command.output()).await;
    output.unwrap_or_else(|_| panic!("{} does not end", program.display())).expect("the tool can be started")
}
