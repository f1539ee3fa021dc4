//! The posture: every surface that is open, and what is not proven, said at each start and on the page of that name.

use std::net::SocketAddr;

use schleuse_console::{Level, PostureLine};
use schleuse_types::{Text, Zone};
use schleuse_upstream::Status;

use crate::config::{Agreement, Config, closed};

/// What there is to say something about.
pub struct Posture<'a> {
    /// Where people come in; none in a gate whose edge is another process.
    pub address: Option<SocketAddr>,
    pub admin: SocketAddr,
    pub is_demo: bool,
    pub config: &'a Config,
    pub upstreams: &'a [Status],
    /// Seconds since 1970.
    pub now_s: u64,
}

impl Posture<'_> {
    /// One line in English.
    pub fn line(&self) -> String {
        let texts: Vec<String> = self
            .lines()
            .into_iter()
            .map(|line| line.text.in_language(schleuse_types::Language::English).to_owned())
            .collect();
        format!("SECURITY POSTURE: {}", texts.join("; "))
    }

    pub fn lines(&self) -> Vec<PostureLine> {
        let mut lines = Vec::new();
        lines.extend(self.address.map(|address| self.front(address)));
        lines.push(self.admin());
        if self.is_demo {
            lines.push(warning(
                Text::fixed(
                    "DEMO: keys of all five roles are given to anybody on this machine",
                    "DEMO: Schlüssel aller fünf Rollen bekommt jeder, der an dieser Maschine arbeitet",
                ),
                Text::fixed(
                    "For others, make a house: `schleuse init`, then `schleuse serve`.",
                    "Für andere richten Sie ein Haus ein: `schleuse init`, dann `schleuse serve`.",
                ),
            ));
        }
        lines.push(self.sign_in());
        self.models(&mut lines);
        lines.extend(self.exceptions());
        lines.push(self.names());
        lines
    }

    fn front(&self, address: SocketAddr) -> PostureLine {
        let is_near = address.ip().is_loopback();
        let is_tls = self.config.tls.is_some();
        let (protocol, protokoll) = match is_tls {
            true => ("HTTPS (TLS 1.3)", "HTTPS (TLS 1.3)"),
            false => ("plain HTTP", "unverschlüsseltes HTTP"),
        };
        let text = match is_near {
            true => Text::new(
                format!("{protocol} on {address} (loopback only)"),
                format!("{protokoll} auf {address} (nur diese Maschine)"),
            ),
            false => Text::new(
                format!("{protocol} on {address} (reachable from the network)"),
                format!("{protokoll} auf {address} (aus dem Netz erreichbar)"),
            ),
        };
        if is_tls || is_near { ok(text) } else { note(text) }
    }

    fn admin(&self) -> PostureLine {
        let address = self.admin;
        if address.ip().is_loopback() {
            return note(Text::new(
                format!("health and metrics without login on {address} (loopback only)"),
                format!("Zustand und Messwerte ohne Anmeldung auf {address} (nur diese Maschine)"),
            ));
        }
        warning(
            Text::new(
                format!("health and metrics without login on {address} (REACHABLE FROM THE NETWORK)"),
                format!("Zustand und Messwerte ohne Anmeldung auf {address} (AUS DEM NETZ ERREICHBAR)"),
            ),
            Text::fixed(
                "Set `admin_listen` to a loopback address, or let a packet filter admit only your monitoring.",
                "Setzen Sie `admin_listen` auf eine Loopback-Adresse, oder lassen Sie mit einem Paketfilter nur Ihre \
                 Überwachung zu.",
            ),
        )
    }

    fn sign_in(&self) -> PostureLine {
        let providers = &self.config.providers;
        let names: Vec<&str> = providers
            .issuers
            .iter()
            .map(|issuer| issuer.id.as_str())
            .chain(providers.directories.iter().map(|directory| directory.id.as_str()))
            .collect();
        if names.is_empty() {
            return note(Text::fixed(
                "no identity provider: people come in with API keys",
                "kein Identitätsanbieter: Menschen kommen mit API-Schlüsseln herein",
            ));
        }
        let names = names.join(", ");
        ok(Text::new(format!("people sign in with {names}"), format!("Menschen melden sich an mit {names}")))
    }

    fn models(&self, lines: &mut Vec<PostureLine>) {
        if let Some(engine) = &self.config.engine {
            let model = &engine.model;
            lines.push(ok(Text::new(
                format!("embedded engine `{model}` in a sandboxed process without network"),
                format!("eingebaute Engine `{model}` in einem abgeschotteten Prozess ohne Netz"),
            )));
        }
        for upstream in self.upstreams.iter().filter(|upstream| upstream.name != crate::house::ENGINE) {
            let (name, url, zone, most) = (&upstream.name, &upstream.url, upstream.zone, &upstream.max_label);
            let text = Text::new(
                format!("upstream `{name}` at {url} (zone {zone}: declared, not proven; up to {most})"),
                format!(
                    "Modellserver `{name}` auf {url} ({}: erklärt, nicht bewiesen; bis {})",
                    in_german(zone),
                    most.to_german()
                ),
            );
            let told = self.config.upstreams.iter().find(|told| told.name == *name);
            lines.push(match told.and_then(|told| closed(self.config, told)) {
                Some(missing) => warning(text, missing.next(name)),
                None => note(text),
            });
            lines.extend(self.config.agreements.iter().filter(|agreed| agreed.upstream == *name).map(agreed));
        }
        if self.config.engine.is_none() && self.upstreams.is_empty() {
            lines.push(warning(
                Text::fixed("no model: every question is refused", "kein Modell: jede Frage wird abgelehnt"),
                Text::fixed(
                    "Add an `[[upstream]]` or an `[engine]` to the configuration.",
                    "Ergänzen Sie in der Konfiguration einen `[[upstream]]` oder eine `[engine]`.",
                ),
            ));
        }
    }

    /// What passes although a guardrail speaks against it.
    fn exceptions(&self) -> Option<PostureLine> {
        let all = || self.config.guardrails.exceptions();
        let over: Vec<String> = all()
            .filter(|exception| exception.until_s() <= self.now_s)
            .map(|exception| exception.line().to_string())
            .collect();
        if !over.is_empty() {
            let lines = over.join(", ");
            return Some(warning(
                Text::new(
                    format!("exceptions from guardrails are over (lines {lines} of the configuration)"),
                    format!("Ausnahmen von Leitplanken sind abgelaufen (Zeilen {lines} der Konfiguration)"),
                ),
                Text::fixed(
                    "Take them out, or let them be allowed again with a new `until`.",
                    "Entfernen Sie sie, oder lassen Sie sie mit einem neuen `until` erneut genehmigen.",
                ),
            ));
        }
        let count = all().count();
        let next = all().min_by_key(|exception| exception.until_s())?.last_day();
        Some(note(Text::new(
            format!("{count} exceptions from guardrails are in force; the first ends with {next}"),
            format!("{count} Ausnahmen von Leitplanken gelten; die erste endet mit dem {next}"),
        )))
    }

    fn names(&self) -> PostureLine {
        if self.config.audit.plain_names {
            return note(Text::fixed("the audit log holds names", "das Protokoll enthält Namen"));
        }
        ok(Text::fixed("the audit log holds pseudonyms", "das Protokoll enthält Pseudonyme"))
    }
}

fn ok(text: Text) -> PostureLine {
    PostureLine { level: Level::Ok, text, next: None }
}

fn note(text: Text) -> PostureLine {
    PostureLine { level: Level::Note, text, next: None }
}

fn warning(text: Text, next: Text) -> PostureLine {
    PostureLine { level: Level::Warning, text, next: Some(next) }
}

/// With whom it was agreed that questions may go there, and until when.
fn agreed(agreement: &Agreement) -> PostureLine {
    let Agreement { upstream, processor, jurisdiction, sub_processors, until, training_opt_out, .. } =
        agreement;
    let others = if sub_processors.is_empty() { "–".to_owned() } else { sub_processors.join(", ") };
    let proof = training_opt_out.as_ref().map_or("–", |(_, digest)| digest.get(..16).unwrap_or_default());
    note(Text::new(
        format!(
            "agreement for `{upstream}` with {processor} ({jurisdiction}) until {until}; sub-processors: {others}; proof \
             that nothing is trained with it: SHA-256 {proof}…"
        ),
        format!(
            "Vertrag für `{upstream}` mit {processor} ({jurisdiction}) bis {until}; Unterauftragnehmer: {others}; Nachweis, \
             dass damit nicht trainiert wird: SHA-256 {proof}…"
        ),
    ))
}

/// The words that the pages use for a zone.
fn in_german(zone: Zone) -> &'static str {
    match zone {
        Zone::Local => "vor Ort",
        Zone::Airgapped => "abgeschottet",
        Zone::External => "außer Haus",
    }
}
