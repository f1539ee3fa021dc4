//! `schleuse witness`: a small role for a host that whoever keeps the log does not command.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use schleuse_audit::{WitnessError, WitnessOptions, serve_witness};
use schleuse_types::SystemClock;

use super::Witness;
use super::audit::read_vkey;
use super::serve::{Signals, write_ready};
use crate::address::bind;
use crate::data::secret_file;
use crate::failure::{Doing as _, Failure};
use crate::telemetry::{self, Form};

pub(super) fn run(arguments: &Witness) -> Result<ExitCode, Failure> {
    telemetry::start(Form::Json, "info");
    let logs = arguments.logs.iter().map(|file| read_vkey(file)).collect::<Result<Vec<_>, _>>()?;
    let shown = arguments.data.display();
    fs::create_dir_all(&arguments.data).doing(format!("cannot make the folder `{shown}`"))?;
    let options = WitnessOptions {
        dir: arguments.data.join("cosigned"),
        name: arguments.name.clone(),
        seed: secret_file(&arguments.data.join("witness-key"))?,
        logs,
        clock: Arc::new(SystemClock::new()),
    };
    let witness = schleuse_audit::Witness::open(options).map_err(|error| match error {
        WitnessError::Options(problem) => Failure::usage(problem),
        WitnessError::Kept { .. } => Failure::new(format!("what the witness has cosigned: {error}")).next(
            "restore it from a backup of its own; without it, it can no longer tell whether a log goes on",
        ),
        error => Failure::new(error),
    })?;
    let vkey = witness.verifier().to_string();
    let file = arguments.data.join("vkey");
    fs::write(&file, format!("{vkey}\n")).doing(format!("cannot write `{}`", file.display()))?;
    super::runtime()?.block_on(async {
        let signals = Signals::new()?;
        let listener = bind(arguments.listen).await?;
        let address = listener.local_addr().doing("the address")?;
        let ready = serde_json::json!({"url": format!("http://{address}"), "vkey": vkey});
        tracing::info!(ready = %ready, "ready");
        if let Some(file) = &arguments.ready_file {
            write_ready(file, &ready)?;
        }
        serve_witness(Arc::new(witness), listener, signals.wait()).await;
        Ok(ExitCode::SUCCESS)
    })
}
