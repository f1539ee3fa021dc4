//! `fake-upstream [--port N] [--script SCRIPT] [--models A,B]`: prints its URL as the only line and serves until it
//! is ended.

use std::process::ExitCode;

use schleuse_testkit::{FakeUpstream, FakeUpstreamBuilder, Script};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let fake = match arguments(std::env::args().skip(1)) {
        Ok(builder) => builder.try_start().await.map_err(|error| format!("cannot listen: {error}")),
        Err(reason) => Err(reason),
    };
    match fake {
        Ok(fake) => {
            println!("{}", fake.url());
            std::future::pending().await
        }
        Err(reason) => {
            eprintln!("fake-upstream: {reason}");
            ExitCode::from(2)
        }
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<FakeUpstreamBuilder, String> {
    let mut builder = FakeUpstream::builder();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        builder = match word.as_str() {
            "--port" => {
                let value = value()?;
                builder.port(value.parse().map_err(|_| format!("`{value}` is not a port"))?)
            }
            "--script" => {
                let value = value()?;
                builder.script(Script::parse(&value).map_err(|error| format!("`{value}` is {error}"))?)
            }
            "--models" => {
                let value = value()?;
                builder.models(&value.split(',').collect::<Vec<_>>())
            }
            other => {
                return Err(format!("unknown flag `{other}`; the flags are --port, --script and --models"));
            }
        };
    }
    Ok(builder)
}
