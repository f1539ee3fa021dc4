//! `stage SCHLEUSE PROGRAM [ARGUMENTS…]`: has a play done (see [`Stage`]) with houses of the binary SCHLEUSE. Its rows and its words go to
//! standard output. Succeeds when every row meets its mark.

use std::path::Path;
use std::process::ExitCode;

use schleuse_testkit::Stage;

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [schleuse, program, arguments @ ..] = words.as_slice() else {
        eprintln!("usage: stage SCHLEUSE PROGRAM [ARGUMENTS…]");
        return ExitCode::from(2);
    };
    let folder = std::env::temp_dir().join(format!("schleuse-stage-{}", std::process::id()));
    let played = match Stage::new(Path::new(schleuse), folder) {
        Ok(mut stage) => {
            stage.play(tokio::process::Command::new(program).args(arguments), |line| println!("{line}")).await
        }
        Err(error) => Err(error),
    };
    match played {
        Ok(played) if played.trouble().is_none() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("stage: `{program}` cannot be played: {error}");
            ExitCode::from(2)
        }
    }
}
