//! The text of `schleuse.toml`: what was chosen, and beside it, as comments, what else can be.

use std::fmt::Write as _;

use super::provider::{Kind, Provider};
use super::{Plan, Tls};

/// The names of model servers: `model`, `model-2` and so on.
pub(super) fn upstream_name(number: usize) -> String {
    if number == 1 { "model".to_owned() } else { format!("model-{number}") }
}

pub(super) fn text(plan: &Plan) -> String {
    let mut text = format!(
        "# A house of Schleuse. `schleuse config check --config FILE` says what is wrong with it.\n\
         # Relative paths are relative to this file. Secrets never stand in it: it names files.\n\n\
         name = {}\n\n\
         # Page and API. Plain HTTP is allowed on loopback only.\n\
         listen = \"{}\"\n\
         # How people call it. Identity providers send people back here.\n\
         {}\n\
         # Health and metrics, without login: keep it on loopback.\n\
         # admin_listen = \"127.0.0.1:9090\"\n\n\
         # Secrets, people, keys, conversations and audit log. `schleuse backup` saves it.\n\
         data = \"data\"\n\n\
         # What this process is: the whole house.\n\
         roles = [\"edge\", \"portal\", \"gate\"]\n\n\
         # A folder with *.cedar files instead of the shipped policies.\n\
         # policies = \"policies\"\n\n\
         # error, warn, info or debug. Prompt text is in none of them.\n\
         log_level = \"info\"\n",
        quoted(&plan.name),
        plan.address,
        match &plan.url {
            Some(url) => format!("url = {}", quoted(url)),
            None => "# url = \"https://ai.example.org\"".to_owned(),
        }
    );
    add_tls(&mut text, &plan.tls);
    text.push_str("\n[audit]\n# `pseudonym` or `name`: how people stand in the log.\nuser = \"pseudonym\"\n");
    add_providers(&mut text, plan);
    text.push_str(
        "\n[sessions]\n# Minutes without a request, and at all, until people sign in again.\n\
         idle_minutes = 480\nabsolute_minutes = 720\n\
         \n# How much somebody may ask: role:NAME, group:NAME, person:ID or key:ID. Whoever has more than one has each.\n\
         # [[limit]]\n# who = \"role:employee\"\n# requests_per_minute = 60\n# streams = 4\n# tokens_per_day = 1000000\n",
    );
    add_upstreams(&mut text, &plan.upstreams);
    text.push_str(
        "\n# The embedded engine, for houses without a model server.\n# [engine]\n# weights = \"model.gguf\"\n\
         # model = \"name\"\n\
         \n# What is done about a type of finding: ALLOW, WARN, RAISE_LABEL, REDACT or BLOCK.\n# [[guardrail]]\n\
         # type = \"EMAIL\"\n# action = \"REDACT\"\n",
    );
    text
}

fn add_tls(text: &mut String, tls: &Tls) {
    let (mark, certificate, key) = match tls {
        Tls::None => ("# ", quoted("tls/certificate.pem"), quoted("tls/key.pem")),
        Tls::InternalCa => ("", quoted("tls/certificate.pem"), quoted("tls/key.pem")),
        Tls::Given { certificate, key } => {
            ("", quoted(&certificate.display().to_string()), quoted(&key.display().to_string()))
        }
    };
    let _ = write!(
        text,
        "\n# TLS 1.3 and nothing older. A renewed certificate counts from the next start.\n\
         {mark}[tls]\n{mark}certificate = {certificate}\n{mark}key = {key}\n"
    );
}

fn add_providers(text: &mut String, plan: &Plan) {
    for provider in &plan.providers {
        add_provider(text, provider, plan.url.as_deref().unwrap_or_default());
    }
    if plan.providers.is_empty() {
        text.push_str(
            "\n# Who vouches for people: an OpenID provider, or `kind = \"ldap\"` for a directory.\n\
             # [[identity_provider]]\n# name = \"sso\"\n# title = \"Single sign-on\"\n# kind = \"oidc\"\n\
             # issuer = \"https://login.example.org/realms/main\"\n# client_id = \"schleuse\"\n\
             # client_secret_file = \"secrets/sso-client-secret\"\n# default_role = \"employee\"\n\
             # [[identity_provider.role]]\n# group = \"ai-admins\"\n# role = \"admin\"\n",
        );
    }
}

fn add_provider(text: &mut String, provider: &Provider, url: &str) {
    let id = provider.id();
    match &provider.kind {
        Kind::Oidc { issuer, client_id, groups_claim, .. } => {
            let _ = write!(
                text,
                "\n# Who vouches for people. To be registered there:\n\
                 #   redirect URI            {url}/auth/oidc/{id}/callback\n\
                 #   back-channel logout URI {url}/auth/oidc/{id}/back-channel-logout\n\
                 [[identity_provider]]\n\
                 # Part of its people's ids: whoever renames it makes strangers of them.\n\
                 name = \"{id}\"\n\
                 # What people read.\n\
                 title = {}\n\
                 kind = \"oidc\"\n\
                 issuer = {}\n\
                 client_id = {}\n",
                quoted(&provider.title),
                quoted(issuer),
                quoted(client_id)
            );
            let _ = match provider.secret() {
                Some((file, _)) => writeln!(text, "client_secret_file = \"secrets/{file}\""),
                None => writeln!(text, "# client_secret_file = \"secrets/sso-client-secret\""),
            };
            let _ = write!(
                text,
                "scopes = [\"openid\", \"profile\", \"email\"]\n\
                 # For which audiences its bearer tokens are good here; never the client id. Left out: for none.\n\
                 # audiences = [\"schleuse-api\"]\n\
                 groups_claim = {}\n",
                quoted(groups_claim)
            );
        }
        Kind::Ldap { url, bind_dn, .. } => {
            let start_tls = url.starts_with("ldap://");
            let _ = write!(
                text,
                "\n# A directory that people sign in with, by name and password.\n\
                 [[identity_provider]]\n\
                 # Part of its people's ids: whoever renames it makes strangers of them.\n\
                 name = \"{id}\"\n\
                 # What people read.\n\
                 title = {}\n\
                 kind = \"ldap\"\n\
                 url = {}\n\
                 {}\
                 bind_dn_template = {}\n",
                quoted(&provider.title),
                quoted(url),
                if start_tls { "start_tls = true\n" } else { "" },
                quoted(bind_dn)
            );
        }
    }
    let _ = match &provider.ca_file {
        Some(file) => writeln!(text, "ca_file = {}", quoted(&file.display().to_string())),
        None => writeln!(text, "# ca_file = \"provider-ca.pem\"  # left out: the authorities of the system"),
    };
    let _ = match provider.default_role {
        Some(role) => writeln!(text, "default_role = \"{role}\""),
        None => writeln!(
            text,
            "# default_role = \"employee\"  # left out: only members of the groups below come in"
        ),
    };
    if let Kind::Ldap { group_base, .. } = &provider.kind {
        let (mark, base) = match group_base {
            Some(base) => ("", base.as_str()),
            None => ("# ", "ou=groups,dc=example,dc=org"),
        };
        let _ = write!(
            text,
            "\n{mark}[identity_provider.groups]\n{mark}base = {}\n{mark}filter = \"(member={{dn}})\"\n",
            quoted(base)
        );
    }
    for (group, role) in &provider.roles {
        let _ = write!(text, "\n[[identity_provider.role]]\ngroup = {}\nrole = \"{role}\"\n", quoted(group));
    }
    if provider.roles.is_empty() {
        text.push_str("\n# [[identity_provider.role]]\n# group = \"ai-admins\"\n# role = \"admin\"\n");
    }
}

fn add_upstreams(text: &mut String, urls: &[String]) {
    text.push_str("\n# A model server that speaks OpenAI's API, such as vLLM. Several with the same model are its replicas.\n");
    let example = ["http://127.0.0.1:8000".to_owned()];
    let (mark, urls) = if urls.is_empty() { ("# ", &example[..]) } else { ("", urls) };
    for (number, url) in (1..).zip(urls) {
        for line in [
            "[[upstream]]".to_owned(),
            format!("name = \"{}\"", upstream_name(number)),
            format!("url = {}", quoted(url)),
            "# models = [\"llama-3.3-70b\"]  # left out: the server is asked".to_owned(),
            "zone = \"local\"  # local, airgapped or external".to_owned(),
            "max_label = \"CONFIDENTIAL\"  # the highest label that may go there".to_owned(),
            "# api_key_file = \"model-key\"".to_owned(),
        ] {
            let mark = if line.starts_with('#') { "" } else { mark };
            let _ = writeln!(text, "{mark}{line}");
        }
        if number < urls.len() {
            text.push('\n');
        }
    }
}

/// A TOML string, whatever is in it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
