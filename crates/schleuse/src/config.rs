//! The configuration: what was typed, checked whole before anything starts.

mod audit;
mod files;
mod hybrid;
mod labels;
mod link;
mod people;
mod reader;
mod tenants;
mod yaml;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schleuse_gate::{AnswerScope, AnswersConfig, Labels};
use schleuse_inference::AdapterConfig;
use schleuse_inspect::{GuardrailError, Guardrails};
use schleuse_types::{Clock as _, Infill, Label, Secret, SystemClock, Tenant, Zone};
use schleuse_upstream::{Provider, ServedAdapter, UpstreamConfig, Weights};

pub use audit::AuditConfig;
pub use hybrid::{
    AGREEMENTS, Agreement, Security, closed, read_agreement_file, recorded as recorded_agreements,
};
pub use labels::Approval;
pub use link::{Flow, Link, Part};
pub use people::{Providers, SessionLife};
pub use reader::{ConfigError, nearest};
use reader::{Reader, parse};

/// What a configuration file says. Paths are absolute or relative to the file's folder, and joined here.
#[derive(Debug, Clone)]
pub struct Config {
    pub name: String,
    pub pages: PagesConfig,
    pub part: Part,
    pub link: Option<Link>,
    /// Of a connector: the identity providers that the gate may reach through it.
    pub flows: Vec<Flow>,
    pub listen: Option<SocketAddr>,
    /// Nobody asked for that address: a port behind it will do.
    pub listens_near: bool,
    pub admin_listen: Option<SocketAddr>,
    pub data: Option<PathBuf>,
    pub tls: Option<Tls>,
    /// How people call this house, such as `https://ai.example.org`; from `listen` when left out.
    pub url: Option<String>,
    pub providers: Providers,
    /// Beside the house's own; none in a house that has only that.
    pub tenants: Vec<Tenant>,
    pub sessions: SessionLife,
    pub limits: Vec<schleuse_limits::Rule>,
    /// Compartments, and who may have which label.
    pub labels: Labels,
    pub approval: Approval,
    pub upstreams: Vec<UpstreamConfig>,
    /// What everything outside the house must keep to.
    pub security: Security,
    /// What was agreed with the processors behind external upstreams.
    pub agreements: Vec<Agreement>,
    /// Which answers are given again.
    pub answers: AnswersConfig,
    /// What files and batches may cost.
    pub files: schleuse_batch::Limits,
    /// Bytes of the largest file of speech, where it is said.
    pub speech_bytes_max: Option<usize>,
    /// How many answers an upstream makes at the same time, by its name, where that is known.
    pub places: Vec<(String, usize)>,
    pub engine: Option<EngineConfig>,
    pub guardrails: Guardrails,
    pub inspection: Inspection,
    /// Folder with `*.cedar` files beside or instead of the shipped ones.
    pub policies: Option<PathBuf>,
    pub audit: AuditConfig,
    pub log_level: Option<String>,
}

/// What the house looks for beside what is built in.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// Folder with recognizers of the house's own.
    pub packs: Option<PathBuf>,
    /// A list of terms, or a folder with such lists.
    pub terms: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone)]
pub struct EngineConfig {
    pub weights: PathBuf,
    pub model: String,
    /// Asked for as `model:name`; at most [`schleuse_inference::ADAPTERS_MAX`].
    pub adapters: Vec<AdapterConfig>,
    /// The adapter that is listed before the base, so that it answers whoever names no model.
    pub default_adapter: Option<String>,
    pub threads: Option<usize>,
    pub context_tokens: u32,
    pub parallel: u32,
    pub max_label: Label,
    /// Those that it is there for; empty: everybody.
    pub tenants: Vec<Tenant>,
}

/// What the pages say of the house beside its name.
#[derive(Debug, Clone, Default)]
pub struct PagesConfig {
    /// German says du to whoever has not chosen.
    pub is_familiar: bool,
    /// Where barriers are reported: an e-mail address, or one that begins with `https://`.
    pub accessibility_contact: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "Schleuse".to_owned(),
            pages: PagesConfig::default(),
            part: Part::Whole,
            link: None,
            flows: Vec::new(),
            listen: None,
            listens_near: false,
            admin_listen: None,
            data: None,
            tls: None,
            url: None,
            providers: Providers::default(),
            tenants: Vec::new(),
            sessions: SessionLife::default(),
            limits: Vec::new(),
            labels: Labels::default(),
            approval: Approval::default(),
            upstreams: Vec::new(),
            security: Security::default(),
            agreements: Vec::new(),
            answers: AnswersConfig::default(),
            files: schleuse_batch::Limits::default(),
            speech_bytes_max: None,
            places: Vec::new(),
            engine: None,
            guardrails: Guardrails::default(),
            inspection: Inspection::default(),
            policies: None,
            audit: AuditConfig::default(),
            log_level: None,
        }
    }
}

impl Config {
    /// Reads a file, YAML when its name ends so and else TOML. Errors name file, line and key.
    ///
    /// A configuration that leaves out where its data lie and where it listens, as one that others wrote may, has them in
    /// `schleuse-data` beside the file, and listens on the loopback's port 8080
    /// or the next free one behind it.
    ///
    /// Agreements of the file and of the data folder open external routes here; one that is over, or a region outside
    /// the EU where data must stay inside, is an error.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::read_for(path, None)
    }

    /// The same for a house whose data lie in this folder, whatever the file says.
    pub fn read_for(path: &Path, data: Option<&Path>) -> Result<Self, ConfigError> {
        let named =
            |error: ConfigError| ConfigError { line: None, message: format!("{}: {error}", path.display()) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::whole(format!("cannot read `{}`: {error}", path.display())))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        let mut config = match is_yaml {
            true => Self::parse_yaml(&text, folder),
            false => Self::parse(&text, folder),
        }
        .map_err(named)?;
        if is_yaml && config.part == Part::Whole {
            config.listens_near = config.listen.is_none();
            config.listen.get_or_insert(DEFAULT_LISTEN);
            config.data.get_or_insert_with(|| folder.join("schleuse-data"));
        }
        if let Some(data) = data {
            config.data = Some(data.to_owned());
        }
        if let Some(data) = &config.data {
            config.agreements.extend(hybrid::recorded(data)?);
        }
        hybrid::apply(&mut config, SystemClock::new().now().seconds()).map_err(named)?;
        Ok(config)
    }

    /// How people call this house; of a house that does not say so, by its address.
    pub fn public_url(&self, address: Option<SocketAddr>) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match (&self.url, address.or(self.listen)) {
            (Some(url), _) => url.clone(),
            (None, Some(address)) => format!("{scheme}://{address}"),
            (None, None) => format!("{scheme}://localhost"),
        }
    }

    /// Reads a text in TOML; `folder` is what its relative paths are relative to.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let mut config = Self::parse_toml(text, folder)?;
        // `inspect` knows its own keys, types and actions.
        config.guardrails = Guardrails::parse_toml(text).map_err(of_guardrails)?;
        labels::check_guardrails(&config.guardrails, &config.labels)?;
        Ok(config)
    }

    /// The same in YAML.
    pub fn parse_yaml(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let translated = yaml::to_toml(text)?;
        let mut config =
            Self::parse_toml(&translated.text, folder).map_err(|error| translated.place(error))?;
        config.guardrails = Guardrails::parse_yaml(text).map_err(of_guardrails)?;
        labels::check_guardrails(&config.guardrails, &config.labels)?;
        Ok(config)
    }

    fn parse_toml(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let table = parse(text)?;
        let mut reader = Reader::new(text, table.get_ref());
        let mut config = Self::default();
        if let Some(name) = reader.text("name")? {
            config.name = name;
        }
        if let Some(pages) = reader.table("pages")? {
            config.pages = read_pages(pages)?;
        }
        config.part = link::read_roles(&mut reader)?;
        if let Some(link) = reader.table("link")? {
            config.link = Some(link::read_link(link, folder, config.part)?);
        }
        for flow in reader.tables("flow")? {
            config.flows.push(link::read_flow(flow, folder)?);
        }
        config.listen = address(&mut reader, "listen")?;
        config.admin_listen = address(&mut reader, "admin_listen")?;
        config.data = reader.text("data")?.map(|path| folder.join(path));
        config.policies = reader.text("policies")?.map(|path| folder.join(path));
        config.log_level = log_level(&mut reader)?;
        if let Some(mut tls) = reader.table("tls")? {
            let certificate = tls.text("certificate")?.ok_or_else(|| tls.missing("certificate"))?;
            let key = tls.text("key")?.ok_or_else(|| tls.missing("key"))?;
            config.tls = Some(Tls { certificate: folder.join(certificate), key: folder.join(key) });
            tls.finish()?;
        }
        config.url = own_url(&mut reader)?;
        for provider in reader.tables("identity_provider")? {
            people::read_provider(provider, folder, &mut config.providers)?;
        }
        config.tenants = tenants::read_tenants(&mut reader, &mut config.providers)?;
        if let Some(sessions) = reader.table("sessions")? {
            config.sessions = people::read_sessions(sessions)?;
        }
        for limit in reader.tables("limit")? {
            config.limits.push(people::read_limit(limit)?);
        }
        config.labels = labels::read_labels(&mut reader)?;
        if let Some(labels) = reader.table("labels")? {
            config.approval = labels::read_approval(labels)?;
        }
        let clearances = config.labels.clearances().iter().map(|clearance| &clearance.who);
        tenants::check_rules(&config.limits, clearances, &config.tenants)?;
        for upstream in reader.tables("upstream")? {
            let (upstream, places) = read_upstream(upstream, folder, &config)?;
            config.places.extend(places.map(|places| (upstream.name.clone(), places)));
            config.upstreams.push(upstream);
        }
        if let Some(answers) = reader.table("answers")? {
            config.answers = read_answers(answers)?;
        }
        if let Some(files) = reader.table("files")? {
            config.files = files::read_files(files)?;
        }
        if let Some(mut speech) = reader.table("speech")? {
            if let Some(mebibytes) = speech.number("mebibytes", 1, SPEECH_MEBIBYTES_MAX)? {
                config.speech_bytes_max = usize::try_from(mebibytes << 20).ok();
            }
            speech.finish()?;
        }
        if let Some(deployment) = reader.table("deployment")? {
            config.upstreams.push(hybrid::read_deployment(deployment, folder, &config.labels)?);
        }
        if let Some(security) = reader.table("security")? {
            config.security = hybrid::read_security(security)?;
        }
        for agreement in reader.tables("agreement")? {
            config.agreements.push(hybrid::read_agreement(agreement, folder)?);
        }
        if let Some(engine) = reader.table("engine")? {
            config.engine = Some(read_engine(engine, folder, &config)?);
        }
        if let Some(mut inspection) = reader.table("inspection")? {
            config.inspection.packs = inspection.text("packs")?.map(|path| folder.join(path));
            config.inspection.terms = inspection.text("terms")?.map(|path| folder.join(path));
            inspection.finish()?;
        }
        reader.tables("guardrail")?;
        reader.tables("exception")?;
        if let Some(mut audit) = reader.table("audit")? {
            config.audit = audit::read(&mut audit, folder)?;
        }
        reader.finish()?;
        Ok(config)
    }
}

fn of_guardrails(error: GuardrailError) -> ConfigError {
    match error {
        GuardrailError::Row { line, message } => ConfigError { line: (line > 0).then_some(line), message },
        other => ConfigError::whole(other),
    }
}

fn address(reader: &mut Reader<'_>, key: &'static str) -> Result<Option<SocketAddr>, ConfigError> {
    let Some(text) = reader.text(key)? else { return Ok(None) };
    text.parse()
        .map(Some)
        .map_err(|_| reader.wrong(key, format!("`{text}` is no address; write for example `127.0.0.1:8080`")))
}

fn own_url(reader: &mut Reader<'_>) -> Result<Option<String>, ConfigError> {
    let Some(url) = reader.text("url")? else { return Ok(None) };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest)) {
        Some(host) if !host.is_empty() && host.bytes().all(is_of_a_host) => {
            Ok(Some(url.strip_suffix('/').unwrap_or(&url).to_owned()))
        }
        _ => Err(reader.wrong("url", "must be a scheme and a host, such as `https://ai.example.org`")),
    }
}

fn is_of_a_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte)
}

fn log_level(reader: &mut Reader<'_>) -> Result<Option<String>, ConfigError> {
    let Some(level) = reader.text("log_level")? else { return Ok(None) };
    if ["error", "warn", "info", "debug"].contains(&level.as_str()) {
        Ok(Some(level))
    } else {
        Err(reader.wrong("log_level", "must be `error`, `warn`, `info` or `debug`"))
    }
}

/// Largest file of speech that may be configured: with its form it fits what a connector takes.
const SPEECH_MEBIBYTES_MAX: u64 = 30;

/// The upstream, and how many answers it makes at the same time if that is said.
fn read_upstream(
    mut reader: Reader<'_>,
    folder: &Path,
    config: &Config,
) -> Result<(UpstreamConfig, Option<usize>), ConfigError> {
    let name = reader.text("name")?.ok_or_else(|| reader.missing("name"))?;
    let url = reader.text("url")?.ok_or_else(|| reader.missing("url"))?;
    let mut upstream = UpstreamConfig::new(name, url);
    upstream.models = reader.texts("models")?;
    upstream.adapters = read_served_adapters(&mut reader, config.part)?;
    if let Some(zone) = reader.text("zone")? {
        upstream.zone = Zone::parse(&zone).map_err(|error| reader.wrong("zone", error))?;
    }
    upstream.region = reader.text("region")?;
    let default = if upstream.zone == Zone::External { Label::PUBLIC } else { Label::CONFIDENTIAL };
    upstream.max_label = labels::read_most(&mut reader, default, &config.labels)?;
    upstream.tenants = tenants::read_audience(&mut reader, &config.tenants)?;
    if !upstream.tenants.is_empty() && config.part == Part::Connector {
        let complaint =
            "a connector does not know who asks; write it at the gate, beside `url = \"connector:NAME\"`";
        return Err(reader.wrong("tenants", complaint));
    }
    if let Some(digest) = reader.text("weights_digest")? {
        if !(1..=256).contains(&digest.len()) || !digest.bytes().all(|byte| byte.is_ascii_graphic()) {
            let complaint =
                "must be 1 to 256 visible ASCII characters, such as `sha256:` and 64 hexadecimal digits";
            return Err(reader.wrong("weights_digest", complaint));
        }
        upstream.weights = Weights::Digest(digest);
    }
    if let Some(provider) = reader.text("provider")? {
        upstream.provider = Provider::parse(&provider).map_err(|error| reader.wrong("provider", error))?;
    }
    if reader.flag("audio")? == Some(true) {
        if matches!(upstream.provider, Provider::Anthropic | Provider::Mistral) {
            let message = format!("speech cannot be sent to the provider `{}`", upstream.provider.as_str());
            return Err(reader.wrong("audio", message));
        }
        upstream.audio = true;
    }
    upstream.infill = read_infill(&mut reader, upstream.provider, config.part)?;
    upstream.api_key = read_key(&mut reader, folder)?;
    upstream.ca_file = reader.text("ca_file")?.map(|file| folder.join(file));
    for (key, place) in [
        ("connect_timeout_s", &mut upstream.connect_timeout),
        ("first_byte_timeout_s", &mut upstream.first_byte_timeout),
        ("idle_timeout_s", &mut upstream.idle_timeout),
    ] {
        if let Some(seconds) = reader.number(key, 1, 86_400)? {
            *place = Duration::from_secs(seconds);
        }
    }
    let places = reader.number("parallel", 1, 100_000)?.and_then(|places| usize::try_from(places).ok());
    reader.finish()?;
    Ok((upstream, places))
}

/// How the house calls adapters that the server lists as models of their own.
fn read_served_adapters(reader: &mut Reader<'_>, part: Part) -> Result<Vec<ServedAdapter>, ConfigError> {
    let mut adapters = Vec::new();
    for mut row in reader.tables("adapters")? {
        let model = row.text("model")?.ok_or_else(|| row.missing("model"))?;
        let name = row.text("name")?.ok_or_else(|| row.missing("name"))?;
        let served_as = row.text("served_as")?.unwrap_or_else(|| name.clone());
        row.finish()?;
        adapters.push(ServedAdapter { model, name, served_as });
    }
    if !adapters.is_empty() && part == Part::Connector {
        let complaint =
            "a connector passes on what it is given; write it at the gate, beside `url = \"connector:NAME\"`";
        return Err(reader.wrong("adapters", complaint));
    }
    Ok(adapters)
}

fn read_pages(mut reader: Reader<'_>) -> Result<PagesConfig, ConfigError> {
    let is_familiar = match reader.text("address")?.as_deref() {
        None | Some("sie") => false,
        Some("du") => true,
        Some(_) => return Err(reader.wrong("address", "must be `sie` or `du`")),
    };
    let accessibility_contact = reader.text("accessibility_contact")?;
    if let Some(contact) = &accessibility_contact {
        let is_plain = contact.len() <= 256 && contact.bytes().all(|byte| byte.is_ascii_graphic());
        let is_mail =
            contact.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        if !is_plain || !(is_mail || contact.starts_with("https://")) {
            let complaint = "must be an e-mail address, or one that begins with `https://`";
            return Err(reader.wrong("accessibility_contact", complaint));
        }
    }
    reader.finish()?;
    Ok(PagesConfig { is_familiar, accessibility_contact })
}

/// How its models are asked for what belongs between two texts; their names say it where nothing is written.
fn read_infill(
    reader: &mut Reader<'_>,
    provider: Provider,
    part: Part,
) -> Result<Option<Infill>, ConfigError> {
    let Some(text) = reader.text("fim")? else { return Ok(None) };
    let infill = Infill::parse(&text).map_err(|error| reader.wrong("fim", error))?;
    if part == Part::Connector {
        let complaint =
            "a connector passes on what it is given; write it at the gate, beside `url = \"connector:NAME\"`";
        return Err(reader.wrong("fim", complaint));
    }
    if provider != Provider::OpenAiCompatible && infill != Infill::Server {
        let complaint = format!("the provider `{}` is asked in words of its own", provider.as_str());
        return Err(reader.wrong("fim", complaint));
    }
    Ok(Some(infill))
}

fn read_answers(mut reader: Reader<'_>) -> Result<AnswersConfig, ConfigError> {
    let mut answers = AnswersConfig::default();
    let size = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    let count = size(reader.number("keep", 1, 1_000_000)?);
    answers.count = count.ok_or_else(|| reader.missing("keep"))?;
    if let Some(mebibytes) = size(reader.number("mebibytes", 1, 4096)?) {
        answers.bytes = mebibytes << 20;
    }
    if let Some(minutes) = reader.number("minutes", 1, 10_080)? {
        answers.lifetime = Duration::from_secs(60 * minutes);
    }
    answers.scope = match reader.text("for")?.as_deref() {
        None | Some("person") => AnswerScope::Person,
        Some("house") => AnswerScope::House,
        Some(_) => return Err(reader.wrong("for", "must be `person` or `house`")),
    };
    reader.finish()?;
    Ok(answers)
}

fn read_key(reader: &mut Reader<'_>, folder: &Path) -> Result<Option<Secret<String>>, ConfigError> {
    let Some(file) = reader.text("api_key_file")? else { return Ok(None) };
    let path = folder.join(file);
    key_of(&path)
        .map(Some)
        .map_err(|error| reader.wrong("api_key_file", format!("cannot read `{}`: {error}", path.display())))
}

fn key_of(path: &Path) -> std::io::Result<Secret<String>> {
    std::fs::read_to_string(path).map(|key| Secret::new(key.trim().to_owned()))
}

fn read_adapters(engine: &mut Reader<'_>, folder: &Path) -> Result<Vec<AdapterConfig>, ConfigError> {
    let mut adapters = Vec::new();
    for mut row in engine.tables("adapters")? {
        let name = row.text("name")?.ok_or_else(|| row.missing("name"))?;
        let file = row.text("file")?.ok_or_else(|| row.missing("file"))?;
        row.finish()?;
        adapters.push(AdapterConfig { name, file: folder.join(file) });
    }
    match schleuse_inference::check_adapters(&adapters) {
        Ok(()) => Ok(adapters),
        Err(why) => Err(engine.wrong("adapters", why)),
    }
}

fn read_engine(mut reader: Reader<'_>, folder: &Path, config: &Config) -> Result<EngineConfig, ConfigError> {
    let weights = reader.text("weights")?.ok_or_else(|| reader.missing("weights"))?;
    let weights = folder.join(weights);
    let model = match reader.text("model")? {
        Some(model) => model,
        None => model_name(&weights),
    };
    let adapters = read_adapters(&mut reader, folder)?;
    let default_adapter = reader.text("default_adapter")?;
    if let Some(name) = &default_adapter
        && adapters.iter().all(|adapter| adapter.name != *name)
    {
        return Err(reader.wrong("default_adapter", format_args!("there is no adapter `{name}`")));
    }
    let threads = reader.number("threads", 1, 1024)?.and_then(|threads| usize::try_from(threads).ok());
    let number =
        |value: Option<u64>, default: u32| value.and_then(|v| u32::try_from(v).ok()).unwrap_or(default);
    let engine = EngineConfig {
        weights,
        model,
        adapters,
        default_adapter,
        threads,
        context_tokens: number(reader.number("context_tokens", 256, 1 << 20)?, DEFAULT_CONTEXT_TOKENS),
        parallel: number(reader.number("parallel", 1, 256)?, DEFAULT_PARALLEL),
        max_label: labels::read_most(&mut reader, Label::CONFIDENTIAL, &config.labels)?,
        tenants: tenants::read_audience(&mut reader, &config.tenants)?,
    };
    reader.finish()?;
    Ok(engine)
}

/// Where a house listens whose configuration leaves it out although it may.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// LLM tokens of context that all running answers of the engine share.
pub const DEFAULT_CONTEXT_TOKENS: u32 = 16_384;
/// Answers that the engine makes at the same time.
pub const DEFAULT_PARALLEL: u32 = 8;

/// What a weights file is called when nobody says otherwise: its name in lower case, without quantisation or ending.
pub fn model_name(weights: &Path) -> String {
    let stem = weights.file_stem().map(|stem| stem.display().to_string()).unwrap_or_default();
    let stem = stem.to_ascii_lowercase();
    let without_quantisation = match stem.rsplit_once('.') {
        Some((name, suffix))
            if suffix.starts_with('q') || suffix.starts_with('f') || suffix.starts_with("bf") =>
        {
            name
        }
        _ => stem.as_str(),
    };
    without_quantisation.replace(' ', "-")
}

#[cfg(test)]
mod tests;
