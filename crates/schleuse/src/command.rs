//! The command line.

mod agreement;
mod audit;
mod backup;
mod demo;
mod doctor;
mod init;
mod key;
mod link;
mod policy;
mod recognizers;
mod restore;
mod scan;
mod serve;
mod witness;

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::Config;
use crate::data::{DataFolder, SecretName};
use crate::failure::{Doing as _, Failure};

/// AI behind your own firewall: a gateway that decides, inspects, records and answers.
#[derive(Parser)]
#[command(name = "schleuse", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a house to try out: everything in one process, loopback only, keys for five roles.
    Demo(Demo),
    /// Run a house by its configuration.
    Serve(Serve),
    /// Make the configuration, the secrets and the data folder of a new house.
    Init(Box<Init>),
    /// Make, list and revoke API keys. Works while the house runs.
    #[command(subcommand)]
    Key(Key),
    /// Let processes of the house that run elsewhere join it.
    #[command(subcommand)]
    Link(Link),
    /// Record the processing agreements that open routes to external model servers.
    #[command(subcommand)]
    Agreement(AgreementCommand),
    /// Check, test and explain policies.
    #[command(subcommand)]
    Policy(Policy),
    /// Read and verify the audit log. Works while the house runs.
    #[command(subcommand)]
    Audit(Audit),
    /// Run a witness: watch the audit logs of houses from outside, and cosign what continues what it has seen.
    Witness(Witness),
    /// Write a house's data folder into one file, also while the house runs. The file holds secrets.
    Backup(Backup),
    /// Make a data folder of a backup.
    Restore(Restore),
    /// Inspect files as the gateway would. Exit code 0: clean, 3: findings, 2: wrong usage.
    Scan(Scan),
    /// Turn rules of other products into recognizers.
    #[command(subcommand)]
    Recognizers(Recognizers),
    /// Say what is open, missing or wrong on this machine.
    Doctor(Doctor),
    /// Check a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Subcommand)]
enum AgreementCommand {
    /// Check an agreement and keep it, with the files that it names, in a house's data folder.
    Record {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// TOML with `upstream`, `processor`, `jurisdiction`, `sub_processors`, `until`, `training_opt_out` and, where the
        /// configuration does not say them, `endpoint`, `models`, `api_key_file`, `ca_file`.
        file: PathBuf,
    },
    /// List the agreements of a data folder.
    List {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Take an agreement out, which closes the route.
    Remove {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The name of the upstream.
        upstream: String,
    },
}

#[derive(clap::Args)]
struct Demo {
    /// Address of page and API, loopback only. Without it, 127.0.0.1:8080 or the next free port.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
    /// Folder for secrets, keys and log. Default: $XDG_DATA_HOME/schleuse/demo
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// File that is written as JSON when the house is ready: url, admin, keys.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Configuration whose upstreams, engine and guardrails are added.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Weights for the embedded engine, a GGUF file.
    #[arg(long, value_name = "FILE.gguf")]
    model: Option<PathBuf>,
    /// A model server that speaks OpenAI's API: http://HOST:PORT, https://… or unix:/path
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
}

#[derive(clap::Args)]
struct Serve {
    #[arg(long, value_name = "FILE", default_value = "schleuse.toml")]
    config: PathBuf,
    /// File that is written as JSON when the house is ready: url, admin.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Init {
    /// Folder of the new house.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What the house is called.
    #[arg(long)]
    name: Option<String>,
    /// Address of page and API.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// How people call it, such as https://ai.example.org
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A model server that speaks OpenAI's API. May be given several times.
    #[arg(long, value_name = "URL")]
    upstream: Vec<String>,
    /// Certificate chain for the address, a PEM file; with --key.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Private key of the certificate, a PEM file.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Make a certificate authority of the house's own, and a certificate with it.
    #[arg(long, conflicts_with = "certificate")]
    internal_ca: bool,
    #[command(flatten)]
    provider: init::ProviderArguments,
    /// Ask nothing; what is missing gets its default.
    #[arg(long)]
    yes: bool,
}

#[derive(clap::Args)]
struct Backup {
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The file to write; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(clap::Args)]
struct Restore {
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The data folder to make; absent or empty.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

#[derive(Subcommand)]
enum Key {
    /// Make a key. It is printed once, as the only line, and stored only as a keyed hash.
    Create {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The person or service; one that is unknown is created.
        #[arg(long = "for", value_name = "NAME")]
        name: String,
        /// employee, engineer, security, admin or auditor
        #[arg(long)]
        role: String,
        /// The tenant to which a person who is created belongs; without it, the house's own.
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        /// Days until it expires; without it, never.
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u32>,
        /// What it may be used for: models:NAME or surface:NAME. May be given several times; without it, everything.
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
    },
    /// List keys; never the keys themselves.
    List {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key for good. Its running answers end within a second.
    Revoke {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The key, or its id.
        key: String,
    },
}

#[derive(Subcommand)]
enum Link {
    /// At the gate: make a token with which one process can join. It is printed once, as the only line, and works once
    /// within ten minutes.
    Token {
        /// The gate's configuration.
        #[arg(long, value_name = "FILE", default_value = "schleuse.toml")]
        config: PathBuf,
        /// edge or connector
        #[arg(long)]
        role: String,
        /// What the process is called; upstreams name a connector by it.
        #[arg(long)]
        name: String,
    },
    /// At the process that joins: read the token from standard input, and get a certificate from the gate.
    Join {
        /// The configuration of the process, with `[link]`.
        #[arg(long, value_name = "FILE", default_value = "schleuse.toml")]
        config: PathBuf,
    },
    /// At the gate: end a process's membership. Its links end within a second.
    Bar {
        #[arg(long, value_name = "FILE", default_value = "schleuse.toml")]
        config: PathBuf,
        #[arg(long)]
        role: String,
        #[arg(long)]
        name: String,
    },
}

#[derive(Subcommand)]
enum Policy {
    /// Check policies against their schema.
    Check {
        /// Folder with *.cedar files; without it, the shipped ones.
        folder: Option<PathBuf>,
    },
    /// Run the examples beside the policies.
    Test { folder: Option<PathBuf> },
    /// Say which rules decide a question, who may use what in a house, and why a request was refused.
    Explain(Box<Explain>),
}

#[derive(clap::Args)]
struct Explain {
    /// A house to ask about. Then name one of --person, --key, --model and --request; without it, make up a question.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The house's configuration, for its models and policies.
    #[arg(long, value_name = "FILE", requires = "data")]
    config: Option<PathBuf>,
    /// A key's id.
    #[arg(long, value_name = "ID", requires = "data")]
    key: Option<String>,
    /// The id of a request that was refused, or not.
    #[arg(long, value_name = "ID", requires = "data")]
    request: Option<String>,
    #[arg(long, required_unless_present = "data")]
    role: Option<String>,
    /// Somebody's id or name.
    #[arg(long)]
    person: Option<String>,
    #[arg(long)]
    group: Vec<String>,
    /// The tenant of a made-up asker; without it, the house's own.
    #[arg(long, value_name = "TENANT", conflicts_with = "data")]
    tenant: Option<String>,
    /// ask, or what is done with the house: listModels, useChat, readAudit, manageKeys …
    #[arg(long, default_value = "ask")]
    action: String,
    #[arg(long, default_value = "chat")]
    surface: String,
    #[arg(long)]
    model: Option<String>,
    #[arg(long, default_value = "local")]
    zone: String,
    #[arg(long, default_value = "INTERNAL")]
    label: String,
    /// Types that inspection found.
    #[arg(long)]
    finding: Vec<String>,
    /// Folder with *.cedar files; without it, the shipped ones.
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Audit {
    /// Write all entries to standard output.
    Export {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
        format: ExportFormat,
    },
    /// Verify the whole log offline. Exit code 0: intact, 4: something is wrong.
    Verify {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// File with the log's public key, kept where the house cannot write. Without it, the key beside the log is believed.
        #[arg(long, value_name = "FILE")]
        vkey: Option<PathBuf>,
        /// Policy (c2sp.org/tlog-policy) that names witnesses and how many of them must have cosigned.
        #[arg(long, value_name = "FILE")]
        witnesses: Option<PathBuf>,
        /// A checkpoint that was kept elsewhere: the log must continue it.
        #[arg(long, value_name = "FILE")]
        seen: Option<PathBuf>,
    },
    /// Prove one entry: write a file (c2sp.org/tlog-proof) that holds it and can be checked without log and network.
    Prove {
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Its index, or the id of a request: then its last entry.
        #[arg(long, value_name = "INDEX|REQUEST")]
        entry: String,
        /// The file to write, such as receipt.tlog-proof; without it, standard output.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Check a proof offline and print its entry. Exit code 0: right, 4: wrong.
    Check {
        /// The `.tlog-proof` file.
        proof: PathBuf,
        /// The entry, where the proof does not hold it: its bytes, or its line of `audit export`.
        #[arg(long, value_name = "FILE")]
        entry: Option<PathBuf>,
        /// File with the log's public key.
        #[arg(long, value_name = "FILE", required_unless_present = "witnesses")]
        vkey: Option<PathBuf>,
        /// Policy (c2sp.org/tlog-policy) that names witnesses, how many of them must have cosigned, and without --vkey the log.
        #[arg(long, value_name = "FILE")]
        witnesses: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct Witness {
    /// Address to take checkpoints at. Plain HTTP: all that is said there is signed, and none of it is secret.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8099")]
    listen: SocketAddr,
    /// Folder for its key and for what it has cosigned.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What it is called, such as witness.works-council.example
    #[arg(long)]
    name: String,
    /// File with the public key of a log to watch: `audit/vkey` of a house. May be given several times.
    #[arg(long = "log", value_name = "FILE", required = true)]
    logs: Vec<PathBuf>,
    /// File that is written as JSON when it is ready: url, vkey.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExportFormat {
    Jsonl,
    /// OCSF 1.1, API Activity
    Ocsf,
    /// ArcSight Common Event Format
    Cef,
}

#[derive(clap::Args)]
struct Scan {
    /// Files or folders; `-` is standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// One JSON object per finding.
    #[arg(long)]
    json: bool,
    /// File with guardrails, TOML or YAML.
    #[arg(long, value_name = "FILE")]
    guardrails: Option<PathBuf>,
    /// Folder with recognizers of your own, `*.toml`, beside those that are built in.
    #[arg(long, value_name = "DIR")]
    packs: Option<PathBuf>,
    /// List of terms of your own, a CSV file, or folder with such lists.
    #[arg(long, value_name = "FILE|DIR")]
    terms: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Recognizers {
    /// Write a pack of a gitleaks configuration (TOML) or a Presidio registry (YAML). What cannot be turned is told with
    /// its reason on standard error. Exit code 0: written, 2: the file cannot be read.
    Import {
        file: PathBuf,
        /// Whose file it is; without it, the end of its name says so.
        #[arg(long, value_enum)]
        from: Option<Product>,
        /// The pack to write; without it, standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Product {
    Gitleaks,
    Presidio,
}

#[derive(clap::Args)]
struct Doctor {
    #[arg(long)]
    json: bool,
    /// Start a house in an empty network namespace and fail if it has any socket that is not on the list.
    #[arg(long)]
    sealed: bool,
    /// Data folder of a house to look at.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration of a house to look at.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Read a configuration and say what is wrong with it.
    Check {
        #[arg(long, value_name = "FILE", default_value = "schleuse.toml")]
        config: PathBuf,
    },
    /// Print what an `[[exception]]` writes as `value` for one value, which is read from standard input.
    ExceptionValue {
        /// Data folder of the house, whose key it takes.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Type of the value, such as IBAN.
        #[arg(long = "type", value_name = "TYPE")]
        kind: String,
    },
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match arguments.command {
        Command::Demo(demo) => demo::run(demo),
        Command::Serve(serve) => serve::run(&serve),
        Command::Init(init) => init::run(*init),
        Command::Key(key) => key::run(key),
        Command::Link(link) => link::run(link),
        Command::Agreement(agreement) => agreement::run(agreement),
        Command::Policy(policy) => policy::run(policy),
        Command::Audit(audit) => audit::run(audit),
        Command::Witness(witness) => witness::run(&witness),
        Command::Backup(backup) => backup::run(&backup),
        Command::Restore(restore) => restore::run(&restore),
        Command::Scan(scan) => scan::run(&scan),
        Command::Recognizers(recognizers) => recognizers::run(recognizers),
        Command::Doctor(doctor) => doctor::run(&doctor),
        Command::Config(ConfigCommand::Check { config }) => check_config(&config),
        Command::Config(ConfigCommand::ExceptionValue { data, kind }) => exception_value(&data, &kind),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code)
        }
    }
}

fn check_config(path: &std::path::Path) -> Result<ExitCode, Failure> {
    let config = Config::read(path).map_err(Failure::usage)?;
    serve::check(&config)?;
    serve::check_past_exceptions(&config)?;
    for upstream in &config.upstreams {
        if let Some(missing) = crate::config::closed(&config, upstream) {
            let next = missing.next(&upstream.name);
            eprintln!(
                "warning: the external upstream `{}` is closed. {}",
                upstream.name,
                next.in_language(schleuse_types::Language::English)
            );
        }
    }
    println!("{}: fine", path.display());
    Ok(ExitCode::SUCCESS)
}

fn exception_value(data: &std::path::Path, kind: &str) -> Result<ExitCode, Failure> {
    let kind = &kind.to_ascii_uppercase();
    let known = std::iter::once((kind.clone(), schleuse_types::FindingAction::Allow)).collect();
    schleuse_inspect::Guardrails::of_types(&known).map_err(Failure::usage)?;
    let key = DataFolder::existing(data)?.secret(SecretName::Exceptions)?;
    let mut value = String::new();
    std::io::stdin().read_to_string(&mut value).doing("cannot read standard input")?;
    if value.trim().is_empty() {
        return Err(Failure::usage("standard input holds no value"));
    }
    println!("{}", schleuse_inspect::exception_value(key.expose(), kind, value.trim()));
    Ok(ExitCode::SUCCESS)
}

/// A runtime with one thread per core.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))
}
