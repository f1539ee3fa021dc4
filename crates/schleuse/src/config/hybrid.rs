//! Model servers of somebody else: where they may stand, what was agreed with whom, and what their operators may keep.
//!
//! `[deployment]` and `[security]` are the vocabulary of the third seed document; `[[agreement]]` is the record without
//! which an external route stays closed. A record may also lie in the data folder, in `agreements/*.toml`, each with the
//! keys of one `[[agreement]]`, so that a configuration that others wrote need not be changed.

use std::path::{Path, PathBuf};

use schleuse_gate::Labels;
use schleuse_inspect::end_of_day;
use schleuse_types::{Label, Text, Zone};
use schleuse_upstream::{Agreement as Open, Provider, UpstreamConfig};
use sha2::Digest as _;

use super::reader::{ConfigError, Reader, parse};
use super::{Config, labels, read_key};

/// Where agreements lie in a data folder.
pub const AGREEMENTS: &str = "agreements";
/// The most bytes of a file that proves something.
const PROOF_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What `[security]` demands of everything outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security {
    pub residency: Residency,
    /// Providers are asked to store nothing of a question or an answer.
    pub is_logging_disabled: bool,
    /// An agreement must prove that nothing is trained with what is sent.
    pub is_training_refused: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self { residency: Residency::EuOnly, is_logging_disabled: true, is_training_refused: true }
    }
}

/// Where data may be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residency {
    EuOnly,
    Any,
}

/// A recorded processing agreement (GDPR, Article 28) for one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The name of the upstream.
    pub upstream: String,
    pub processor: String,
    /// Under whose law the processor stands, such as `EU` or `DE`.
    pub jurisdiction: String,
    /// Who works for the processor on this data; may be empty, must be said.
    pub sub_processors: Vec<String>,
    /// The last day, `YYYY-MM-DD`, and the second at which it is over.
    pub until: String,
    pub until_s: u64,
    /// The file that shows that nothing is trained with what is sent, and its SHA-256 in hexadecimal.
    pub training_opt_out: Option<(PathBuf, String)>,
    /// What the agreement names because the configuration does not.
    endpoint: Option<String>,
    models: Option<Vec<String>>,
    api_key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    /// Where it is written, for messages.
    place: String,
}

pub(super) fn read_security(mut reader: Reader<'_>) -> Result<Security, ConfigError> {
    let mut security = Security::default();
    let word = |reader: &mut Reader<'_>, key: &'static str, yes: &str, no: &str| match reader
        .text(key)?
        .as_deref()
    {
        None => Ok(None),
        Some(text) if text == yes => Ok(Some(true)),
        Some(text) if text == no => Ok(Some(false)),
        Some(_) => Err(reader.wrong(key, format!("must be `{yes}` or `{no}`"))),
    };
    if let Some(is_eu) = word(&mut reader, "data_residency", "EU_ONLY", "ANY")? {
        security.residency = if is_eu { Residency::EuOnly } else { Residency::Any };
    }
    if let Some(disabled) = word(&mut reader, "logging", "DISABLED", "ENABLED")? {
        security.is_logging_disabled = disabled;
    }
    if let Some(refused) = word(&mut reader, "training", "OPT_OUT", "ALLOWED")? {
        security.is_training_refused = refused;
    }
    reader.finish()?;
    Ok(security)
}

/// The upstream of a `[deployment]`. Its name is that of its provider, unless `name` says another.
pub(super) fn read_deployment(
    mut reader: Reader<'_>,
    folder: &Path,
    known: &Labels,
) -> Result<UpstreamConfig, ConfigError> {
    let kind = reader.text("type")?.ok_or_else(|| reader.missing("type"))?;
    let provider = Provider::parse(&kind).map_err(|error| reader.wrong("type", error))?;
    let name = reader.text("name")?.unwrap_or_else(|| kind.clone());
    let endpoint = reader.text("endpoint")?.unwrap_or_default();
    let mut upstream = UpstreamConfig::new(name, endpoint);
    upstream.provider = provider;
    upstream.zone = Zone::External;
    upstream.region = Some(reader.text("region")?.ok_or_else(|| reader.missing("region"))?);
    upstream.max_label = labels::read_most(&mut reader, Label::PUBLIC, known)?;
    // Until somebody says what is deployed there, it is called as it is itself.
    upstream.models = Some(reader.texts("models")?.unwrap_or_else(|| vec![kind]));
    upstream.api_key = read_key(&mut reader, folder)?;
    upstream.ca_file = reader.text("ca_file")?.map(|file| folder.join(file));
    reader.finish()?;
    Ok(upstream)
}

pub(super) fn read_agreement(mut reader: Reader<'_>, folder: &Path) -> Result<Agreement, ConfigError> {
    let required = |reader: &mut Reader<'_>, key: &'static str| match reader.text(key)? {
        Some(text) if !text.trim().is_empty() => Ok(text),
        Some(_) => Err(reader.wrong(key, "must not be empty")),
        None => Err(reader.missing(key)),
    };
    let upstream = required(&mut reader, "upstream")?;
    let processor = required(&mut reader, "processor")?;
    let jurisdiction = required(&mut reader, "jurisdiction")?;
    let sub_processors = reader.texts("sub_processors")?.ok_or_else(|| reader.missing("sub_processors"))?;
    let until = required(&mut reader, "until")?;
    let until_s = end_of_day(&until)
        .ok_or_else(|| reader.wrong("until", format!("`{until}` is no day such as `2027-12-31`")))?;
    let training_opt_out = match reader.text("training_opt_out")? {
        None => None,
        Some(file) => {
            let path = folder.join(file);
            let digest = digest(&path).map_err(|error| {
                reader.wrong("training_opt_out", format!("cannot read `{}`: {error}", path.display()))
            })?;
            Some((path, digest))
        }
    };
    let agreement = Agreement {
        upstream,
        processor,
        jurisdiction,
        sub_processors,
        until,
        until_s,
        training_opt_out,
        endpoint: reader.text("endpoint")?,
        models: reader.texts("models")?,
        api_key_file: reader.text("api_key_file")?.map(|file| folder.join(file)),
        ca_file: reader.text("ca_file")?.map(|file| folder.join(file)),
        place: reader.place().to_owned(),
    };
    reader.finish()?;
    Ok(agreement)
}

/// Reads the agreements of a data folder, those in the file names' order; none where there is no such folder.
pub fn recorded(data: &Path) -> Result<Vec<Agreement>, ConfigError> {
    let folder = data.join(AGREEMENTS);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    files.iter().map(|path| read_agreement_file(path)).collect()
}

/// Reads one file that holds the keys of one agreement.
pub fn read_agreement_file(path: &Path) -> Result<Agreement, ConfigError> {
    let named =
        |error: ConfigError| ConfigError { line: None, message: format!("{}: {error}", path.display()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| named(ConfigError::whole(format!("cannot read: {error}"))))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let table = parse(&text).map_err(named)?;
    let mut agreement = read_agreement(Reader::new(&text, table.get_ref()), folder).map_err(named)?;
    agreement.place = path.display().to_string();
    Ok(agreement)
}

/// Applies what was agreed to the upstreams, and refuses what contradicts: an external region outside the EU while data
/// must stay there, an agreement that is over, one for nobody.
pub(super) fn apply(config: &mut Config, now_s: u64) -> Result<(), ConfigError> {
    for agreement in &config.agreements {
        let place = &agreement.place;
        let Some(upstream) = config
            .upstreams
            .iter_mut()
            .find(|upstream| upstream.name == agreement.upstream && upstream.zone == Zone::External)
        else {
            return Err(ConfigError::whole(format!(
                "{place}: there is no external upstream `{}`",
                agreement.upstream
            )));
        };
        if agreement.until_s <= now_s {
            return Err(ConfigError::whole(format!(
                "{place}: the agreement with {} for `{}` was over with {}; renew it, or take it out to close the route",
                agreement.processor, agreement.upstream, agreement.until
            )));
        }
        if config.security.residency == Residency::EuOnly && !is_in_eu(&agreement.jurisdiction) {
            return Err(ConfigError::whole(format!(
                "{place}: the processor's jurisdiction `{}` is outside the EU, and `data_residency` is EU_ONLY",
                agreement.jurisdiction
            )));
        }
        if let Some(endpoint) = &agreement.endpoint {
            upstream.url.clone_from(endpoint);
        }
        if let Some(models) = &agreement.models {
            upstream.models = Some(models.clone());
        }
        if let Some(file) = &agreement.api_key_file {
            upstream.api_key = Some(super::key_of(file).map_err(|error| {
                ConfigError::whole(format!("{place}: cannot read `{}`: {error}", file.display()))
            })?);
        }
        if let Some(file) = &agreement.ca_file {
            upstream.ca_file = Some(file.clone());
        }
        let is_proven = agreement.training_opt_out.is_some() || !config.security.is_training_refused;
        if is_proven && upstream.region.is_some() && !upstream.url.is_empty() {
            upstream.agreement = Some(Open { until_s: agreement.until_s });
        }
    }
    for upstream in config.upstreams.iter_mut().filter(|upstream| upstream.zone == Zone::External) {
        upstream.stores_nothing = config.security.is_logging_disabled;
        if let Some(region) = &upstream.region
            && config.security.residency == Residency::EuOnly
            && !is_in_eu(region)
        {
            return Err(ConfigError::whole(format!(
                "upstream `{}`: the region `{region}` is outside the EU, and `data_residency` is EU_ONLY; regions \
                 are `EU`, a member state such as `DE`, or a provider's name for one in the EU",
                upstream.name
            )));
        }
    }
    Ok(())
}

/// Why an external upstream is closed, in order of what is to be done first; `None` when it is open.
pub fn closed(config: &Config, upstream: &UpstreamConfig) -> Option<Missing> {
    if upstream.zone != Zone::External || upstream.agreement.is_some() {
        return None;
    }
    let recorded = config.agreements.iter().any(|agreement| agreement.upstream == upstream.name);
    Some(match (recorded, &upstream.region) {
        (false, _) => Missing::Agreement,
        (true, None) => Missing::Region,
        (true, Some(_)) if upstream.url.is_empty() => Missing::Endpoint,
        (true, Some(_)) => Missing::OptOut,
    })
}

/// What is missing before anything goes to an external upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Agreement,
    Region,
    Endpoint,
    OptOut,
}

impl Missing {
    /// What to do so that the upstream of this name opens.
    pub fn next(self, upstream: &str) -> Text {
        match self {
            Self::Agreement => Text::new(
                format!(
                    "The route stays closed until an agreement for `{upstream}` is recorded: `[[agreement]]`, or `schleuse \
                     agreement record`."
                ),
                format!(
                    "Der Weg bleibt geschlossen, bis ein Vertrag für `{upstream}` hinterlegt ist: `[[agreement]]` oder \
                     `schleuse agreement record`."
                ),
            ),
            Self::Region => Text::new(
                format!("The route stays closed until `{upstream}` has a `region`."),
                format!("Der Weg bleibt geschlossen, bis `{upstream}` eine `region` hat."),
            ),
            Self::Endpoint => Text::new(
                format!("The route stays closed until the agreement for `{upstream}` names its `endpoint`."),
                format!(
                    "Der Weg bleibt geschlossen, bis der Vertrag für `{upstream}` dessen `endpoint` nennt."
                ),
            ),
            Self::OptOut => Text::new(
                format!(
                    "The route stays closed until the agreement for `{upstream}` has a `training_opt_out`: a file that \
                     shows that nothing is trained with what is sent."
                ),
                format!(
                    "Der Weg bleibt geschlossen, bis der Vertrag für `{upstream}` ein `training_opt_out` hat: eine Datei, \
                     die zeigt, dass mit Gesendetem nicht trainiert wird."
                ),
            ),
        }
    }
}

/// Member states of the European Union (ISO 3166-1).
const MEMBER_STATES: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Regions of Azure (Microsoft's list of Azure regions, 2026), AWS and Google Cloud that lie in a member state, and the name
/// that the third seed document uses. Switzerland, Norway and the United Kingdom are no member states.
const REGIONS: &[&str] = &[
    "europe-west",
    "westeurope",
    "northeurope",
    "germanywestcentral",
    "germanynorth",
    "francecentral",
    "francesouth",
    "swedencentral",
    "swedensouth",
    "italynorth",
    "polandcentral",
    "spaincentral",
    "austriaeast",
    "belgiumcentral",
    "denmarkeast",
    "finlandcentral",
    "greececentral",
    "eu-central-1",
    "eu-west-1",
    "eu-west-3",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eusc-de-east-1",
    "europe-west1",
    "europe-west3",
    "europe-west4",
    "europe-west8",
    "europe-west9",
    "europe-west10",
    "europe-west12",
    "europe-north1",
    "europe-north2",
    "europe-central2",
    "europe-southwest1",
];

/// Whether a region or jurisdiction lies in the EU, as far as its name is known.
fn is_in_eu(region: &str) -> bool {
    let upper = region.trim().to_ascii_uppercase();
    upper == "EU"
        || MEMBER_STATES.contains(&upper.as_str())
        || REGIONS.iter().any(|known| region.trim().eq_ignore_ascii_case(known))
}

fn digest(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(PROOF_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
