//! Compartments and clearances, and the labels that other tables name.

use std::time::Duration;

use schleuse_gate::{Clearance, HouseCompartment, Labels, Table};
use schleuse_inspect::Guardrails;
use schleuse_limits::Who;
use schleuse_types::{Compartment, Label, Text};

use super::reader::{ConfigError, Reader};

/// Reads every `[[compartment]]` and `[[clearance]]`.
pub(super) fn read_labels(reader: &mut Reader<'_>) -> Result<Labels, ConfigError> {
    let (mut compartment_rows, mut clearance_rows) =
        (reader.tables("compartment")?, reader.tables("clearance")?);
    let compartments: Result<_, _> = compartment_rows.iter_mut().map(read_compartment).collect();
    let clearances: Result<_, _> = clearance_rows.iter_mut().map(read_clearance).collect();
    Labels::new(compartments?, clearances?).map_err(|error| {
        let rows = match error.table {
            Table::Compartment => &compartment_rows,
            Table::Clearance => &clearance_rows,
        };
        match rows.get(error.row) {
            Some(row) => row.wrong(error.key, &error),
            None => ConfigError::whole(&error),
        }
    })
}

fn read_compartment(row: &mut Reader<'_>) -> Result<HouseCompartment, ConfigError> {
    let name = row.text("name")?.ok_or_else(|| row.missing("name"))?;
    let name = parse_name(row, "name", &name)?;
    let title = row.text("title")?.unwrap_or_else(|| name.to_string());
    let (english, german) = (row.text("title_en")?, row.text("title_de")?);
    let conflicts = read_names(row, "conflicts")?;
    row.finish()?;
    let title = Text::new(english.unwrap_or_else(|| title.clone()), german.unwrap_or(title));
    Ok(HouseCompartment { name, title, conflicts })
}

fn read_clearance(row: &mut Reader<'_>) -> Result<Clearance, ConfigError> {
    let who = row.text("who")?.ok_or_else(|| row.missing("who"))?;
    let who = Who::parse(&who).map_err(|error| row.wrong("who", error))?;
    let most = read_label(row, "max_label")?.ok_or_else(|| row.missing("max_label"))?;
    let most = most.with(read_names(row, "compartments")?);
    let default = read_label(row, "default_label")?;
    row.finish()?;
    Ok(Clearance { who, most, default })
}

/// Who has to agree before the label of a conversation falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// Always two people, whatever the policies say.
    pub two: bool,
    /// How long the second one may take.
    pub lifetime: Duration,
}

impl Default for Approval {
    fn default() -> Self {
        Self { two: false, lifetime: Duration::from_hours(24) }
    }
}

/// `[labels]`.
pub(super) fn read_approval(mut reader: Reader<'_>) -> Result<Approval, ConfigError> {
    let two = match reader.text("approval")?.as_deref() {
        None | Some("one") => false,
        Some("two") => true,
        Some(_) => return Err(reader.wrong("approval", "must be `one` or `two`")),
    };
    let hours = reader.number("approval_hours", 1, 720)?;
    reader.finish()?;
    let lifetime = hours.map_or(Approval::default().lifetime, Duration::from_hours);
    Ok(Approval { two, lifetime })
}

/// What may flow to a model server: `max_label`, and `compartments` beside those that it names.
pub(super) fn read_most(
    reader: &mut Reader<'_>,
    default: Label,
    labels: &Labels,
) -> Result<Label, ConfigError> {
    let level = read_label(reader, "max_label")?.unwrap_or(default);
    labels.check(&level).map_err(|message| reader.wrong("max_label", message))?;
    let most = level.with(read_names(reader, "compartments")?);
    labels.check(&most).map_err(|message| reader.wrong("compartments", message))?;
    Ok(most)
}

/// Refuses guardrails that name a compartment which the house does not have.
pub(super) fn check_guardrails(guardrails: &Guardrails, labels: &Labels) -> Result<(), ConfigError> {
    for (line, label) in guardrails.labels() {
        labels.check(label).map_err(|message| ConfigError {
            line: (line > 0).then_some(line),
            message: format!("guardrail label `{label}`: {message}"),
        })?;
    }
    Ok(())
}

fn read_label(reader: &mut Reader<'_>, key: &'static str) -> Result<Option<Label>, ConfigError> {
    let label = reader.text(key)?.map(|text| Label::parse(text.as_bytes())).transpose();
    label.map_err(|error| reader.wrong(key, error))
}

fn read_names(reader: &mut Reader<'_>, key: &'static str) -> Result<Vec<Compartment>, ConfigError> {
    let names = reader.texts(key)?.unwrap_or_default();
    names.iter().map(|name| parse_name(reader, key, name)).collect()
}

fn parse_name(reader: &Reader<'_>, key: &str, name: &str) -> Result<Compartment, ConfigError> {
    name.parse().map_err(|_| {
        reader.wrong(
            key,
            format!("`{name}` is no name of a compartment; write 1 to 32 of `a-z`, `0-9` and `-`"),
        )
    })
}
