//! The worker process: one listening socket in, one weights file in, the adapters' files, nothing else.

use crate::words::Line;
use std::ffi::OsString;
use std::process::ExitCode;

/// Exit code of a worker that need not be started again with the same file.
const EXIT_REFUSED: u8 = 3;
/// Exit code of a worker that may do better next time.
const EXIT_FAILED: u8 = 4;

/// Runs the worker until its parent ends it; `arguments` are those after `engine-worker`.
///
/// Standard input is the listening Unix socket, standard output the weights opened for reading, standard error the
/// pipe to the supervisor. All arguments are `--name value` and required:
/// `--model NAME` (as the wire shows it), `--adapters [[NAME, PATH], …]` (files that it opens and checks before it gives up
/// its rights), `--context-tokens N` (cells that all sequences share), `--parallel N`
/// (sequences at once), `--threads N`, `--processors N,N,…` (where they may run), `--memory-max-bytes N` (address space), `--parent PID` (whose death ends the
/// worker). The flag `--prove-sandbox true` makes it try what it must not be able to do, print what happened, and end.
pub fn worker_main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let (line, code) = match run(arguments) {
        Ok(code) => return code,
        Err(line @ (Line::Refused(_) | Line::Unconfined(_))) => (line, EXIT_REFUSED),
        Err(line) => (line, EXIT_FAILED),
    };
    eprintln!("{line}");
    ExitCode::from(code)
}

#[cfg(not(feature = "engine"))]
fn run(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, Line> {
    drop(arguments);
    Err(Line::Refused("this build has no engine in it; build with the feature `engine`".to_owned()))
}

#[cfg(feature = "engine")]
use engine::run;

#[cfg(feature = "engine")]
mod engine {
    use crate::gguf;
    use crate::prompt::Prompter;
    use crate::scheduler::{Scheduler, Sizes, queue};
    use crate::server::{Served, serve};
    use crate::supervisor::{AdapterConfig, check_adapters, open_adapter};
    use crate::words::Line;
    use llama_cpp_2::llama_backend::LlamaBackend;
    use llama_cpp_2::model::params::LlamaModelParams;
    use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};
    use nix::sched::{CpuSet, sched_setaffinity};
    use nix::unistd::Pid;
    use schleuse_sandbox::{Confinement, Work, attempt_escapes, close_others, confine, follow_parent, seal};
    use schleuse_types::SystemClock;
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::fs::File;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
    use std::os::unix::net::UnixListener;
    use std::process::ExitCode;
    use std::sync::{Arc, mpsc};
    use tokio::runtime::Runtime;

    /// Connections plus what the runtime needs.
    const DESCRIPTORS_MAX: u64 = 1024;

    struct Arguments {
        model: String,
        adapters: Vec<AdapterConfig>,
        sizes: Sizes,
        processors: Vec<usize>,
        memory_max_bytes: u64,
        parent: u32,
        prove_sandbox: bool,
    }

    pub(super) fn run(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, Line> {
        let arguments = parse(arguments).map_err(Line::Refused)?;
        check_processor().map_err(Line::Refused)?;
        follow_parent(arguments.parent).map_err(Line::Failed)?;
        use_processors(&arguments.processors).map_err(|error| Line::Failed(error.to_string()))?;
        let (socket, weights) = inherit().map_err(|error| Line::Failed(error.to_string()))?;
        // Checked here too: the files that native code reads are these, whatever the supervisor saw before.
        let (weights, adapters) = open_adapters(weights, &arguments.adapters).map_err(Line::Refused)?;
        // Before the walls: it makes a socket pair for signals, which is refused inside.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|error| Line::Failed(error.to_string()))?;
        let files: Vec<&File> = std::iter::once(&weights).chain(&adapters).collect();
        let readable: Vec<BorrowedFd<'_>> = files.iter().map(|file| file.as_fd()).collect();
        confine(&Confinement {
            readable: &readable,
            memory_max_bytes: arguments.memory_max_bytes,
            processor_s_max: None,
            descriptors_max: DESCRIPTORS_MAX,
        })
        .map_err(|error| Line::Unconfined(error.to_string()))?;

        let names: Vec<String> = arguments.adapters.into_iter().map(|adapter| adapter.name).collect();
        let (model, backend, loaded) = load(&weights, &names, &adapters)?;
        drop((weights, adapters));
        let (queue, inbox) = queue();
        let (report, reported) = mpsc::channel();
        let sizes = arguments.sizes;
        std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || match Scheduler::new(model, backend, inbox, sizes, loaded) {
                Err(why) => {
                    let _gone = report.send(Err(why));
                }
                Ok(scheduler) => {
                    let _gone = report.send(Ok(()));
                    end_process(scheduler.run());
                }
            })
            .map_err(|error| Line::Failed(format!("no thread for the engine: {error}")))?;
        let begun = reported.recv().unwrap_or_else(|_| Err("the engine's thread ended".to_owned()));
        begun.map_err(|why| Line::Failed(format!("no context for the model: {why}")))?;

        let context_tokens = model.n_ctx_train().min(sizes.cells);
        let prompter = Prompter::new(model).map_err(Line::Refused)?;
        let vocabulary = model.vocab().n_tokens();
        let served = Served {
            model: arguments.model,
            adapters: names,
            prompter,
            queue,
            context_tokens,
            vocabulary,
            width: u32::try_from(model.n_embd_out()).unwrap_or(0),
            clock: SystemClock::new(),
            fingerprint: format!("schleuse-{}", env!("CARGO_PKG_VERSION")),
        };
        let ready = Line::Ready {
            vocabulary: u64::try_from(vocabulary).unwrap_or_default(),
            context_tokens: context_tokens.into(),
        };
        answer(&runtime, socket, served, &ready, arguments.prove_sandbox)
    }

    /// Takes the last rights away, says that it is ready, and serves.
    fn answer(
        runtime: &Runtime,
        socket: OwnedFd,
        served: Served,
        ready: &Line,
        prove: bool,
    ) -> Result<ExitCode, Line> {
        let failed = |error: std::io::Error| Line::Failed(error.to_string());
        let socket = UnixListener::from(socket);
        socket.set_nonblocking(true).map_err(failed)?;
        seal(Work::Serving).map_err(|error| Line::Unconfined(error.to_string()))?;
        if prove {
            return Ok(attempt_escapes());
        }
        eprintln!("{ready}");
        let error = runtime.block_on(async {
            match tokio::net::UnixListener::from_std(socket) {
                Ok(listener) => serve(listener, Arc::new(served)).await,
                Err(error) => error,
            }
        });
        Err(failed(error))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the thread that serves is blocked in its own loop; nothing is lost"
    )]
    fn end_process(outcome: Result<(), String>) {
        if let Err(why) = outcome {
            eprintln!("{}", Line::Failed(why));
            std::process::exit(i32::from(super::EXIT_FAILED));
        }
    }

    /// The supervisor started this process on one processor; it says why.
    fn use_processors(processors: &[usize]) -> nix::Result<()> {
        let mut set = CpuSet::new();
        processors.iter().try_for_each(|processor| set.set(*processor))?;
        sched_setaffinity(Pid::from_raw(0), &set)
    }

    /// Moves the two inherited descriptors out of the standard streams' places and closes everything else.
    fn inherit() -> std::io::Result<(OwnedFd, OwnedFd)> {
        let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
        let weights = std::io::stdout().as_fd().try_clone_to_owned()?;
        let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
        nix::unistd::dup2_stdin(&null)?;
        nix::unistd::dup2_stdout(&null)?;
        drop(null);
        close_others(&[socket.as_raw_fd(), weights.as_raw_fd()])?;
        Ok((socket, weights))
    }

    /// The native code is built for processors from 2013 on; on an older one it would end with an illegal instruction.
    fn check_processor() -> Result<(), String> {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if !(has!("avx2") && has!("fma") && has!("f16c") && has!("bmi2")) {
                return Err("this processor lacks AVX2, FMA, F16C or BMI2, which the engine needs".to_owned());
            }
        }
        Ok(())
    }

    /// Opens the adapters' files; all must fit the weights.
    fn open_adapters(weights: OwnedFd, adapters: &[AdapterConfig]) -> Result<(File, Vec<File>), String> {
        let weights = File::from(weights);
        if adapters.is_empty() {
            return Ok((weights, Vec::new()));
        }
        let (facts, shapes) = gguf::check(&weights).map_err(|error| error.to_string())?;
        let open = |adapter| Ok(open_adapter(adapter, &facts, &shapes)?.0);
        let files = adapters.iter().map(open).collect::<Result<_, String>>()?;
        Ok((weights, files))
    }

    type Loaded = (&'static LlamaModel, &'static LlamaBackend, Vec<LlamaLoraAdapter>);

    /// All live as long as the process.
    fn load(weights: &File, names: &[String], adapters: &[File]) -> Result<Loaded, Line> {
        let mut backend = LlamaBackend::init().map_err(|error| Line::Failed(error.to_string()))?;
        // Native code's chatter would name tensors and paths; what matters is said in our own words.
        backend.void_logs();
        let backend: &'static LlamaBackend = Box::leak(Box::new(backend));
        let path = |file: &File| format!("/proc/self/fd/{}", file.as_raw_fd());
        let parameters = LlamaModelParams::default().with_n_gpu_layers(0);
        let mut model = LlamaModel::load_from_file(backend, path(weights), &parameters)
            .map_err(|_| Line::Refused("the engine cannot load this model file".to_owned()))?;
        let mut loaded = Vec::new();
        for (name, file) in names.iter().zip(adapters) {
            let adapter = model.lora_adapter_init(path(file));
            loaded.push(
                adapter.map_err(|_| Line::Refused(format!("the engine cannot load the adapter `{name}`")))?,
            );
        }
        Ok((Box::leak(Box::new(model)), backend, loaded))
    }

    /// What the supervisor wrote; see [`crate::supervisor`].
    fn read_adapters(word: &str) -> Result<Vec<AdapterConfig>, String> {
        let pairs: Vec<(String, String)> = serde_json::from_str(word)
            .map_err(|_| "the argument `--adapters` is not a list of names and paths".to_owned())?;
        let adapters: Vec<AdapterConfig> =
            pairs.into_iter().map(|(name, file)| AdapterConfig { name, file: file.into() }).collect();
        check_adapters(&adapters)?;
        Ok(adapters)
    }

    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, String> {
        let mut given = BTreeMap::new();
        let mut arguments =
            arguments.map(|argument| argument.into_string().map_err(|_| "an argument is not UTF-8"));
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or("an argument has no value")??;
            given.insert(name?, value);
        }
        let mut text =
            |name: &str| given.remove(name).ok_or_else(|| format!("the argument `{name}` is missing"));
        let number = |name: &str, value: String| {
            value.parse::<u64>().map_err(|_| format!("the argument `{name}` is not a number"))
        };
        let small = |name: &str, value: String| {
            let value = number(name, value)?;
            u32::try_from(value).map_err(|_| format!("the argument `{name}` is too large"))
        };
        let parsed = Arguments {
            model: text("--model")?,
            adapters: read_adapters(&text("--adapters")?)?,
            sizes: Sizes {
                cells: small("--context-tokens", text("--context-tokens")?)?,
                parallel: small("--parallel", text("--parallel")?)?,
                threads: small("--threads", text("--threads")?)?
                    .try_into()
                    .map_err(|_| "too many threads")?,
            },
            processors: text("--processors")?
                .split(',')
                .map(|number| {
                    number.parse().map_err(|_| "the argument `--processors` is not a list of numbers")
                })
                .collect::<Result<_, _>>()?,
            memory_max_bytes: number("--memory-max-bytes", text("--memory-max-bytes")?)?,
            parent: small("--parent", text("--parent")?)?,
            prove_sandbox: text("--prove-sandbox").is_ok_and(|value| value == "true"),
        };
        match given.keys().next() {
            Some(unknown) => Err(format!("there is no argument `{unknown}`")),
            None => Ok(parsed),
        }
    }
}
