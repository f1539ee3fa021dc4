use std::path::Path;

use super::{Config, model_name};

/// The error of a configuration, or what matters of a good one.
fn check(text: &str, expected: &str) {
    let got = match Config::parse(text, Path::new("/house")) {
        Ok(config) => format!("{} upstreams", config.upstreams.len()),
        Err(error) => error.to_string(),
    };
    assert_eq!(got, expected, "{text}");
}

#[test]
fn mistakes_are_named_with_their_line() {
    check("", "0 upstreams");
    check("[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"", "1 upstreams");
    check("listn = \"x\"", "line 1: unknown key `listn`; did you mean `listen`?");
    check("listen = \"x\"", "line 1: `listen`: `x` is no address; write for example `127.0.0.1:8080`");
    check("listen = 8080", "line 1: `listen`: must be a text in quotes");
    check(
        "\n[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\nmax_lable = \"INTERN\"",
        "line 5: unknown key `max_lable` in [[upstream]]; did you mean `max_label`?",
    );
    check(
        "[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\nzone = \"lokal\"",
        "line 4: `zone` in [[upstream]]: not a zone; the zones are local, airgapped and external",
    );
    check("[[upstream]]\nname = \"a\"", "`url` in [[upstream]] is missing");
    check(
        "[upstream]\nname = \"a\"",
        "line 1: `upstream`: must be a list of tables, each written `[[upstream]]`",
    );
    check("[engine]\nmodel = \"a\"", "`weights` in [engine] is missing");
    check("roles = [\"edge\", \"gaet\"]", "line 1: `roles`: `gaet` is no role; did you mean `gate`?");
    check(
        "roles = [\"edge\", \"connector\"]",
        "line 1: `roles`: one process is [\"edge\", \"portal\", \"gate\"], [\"edge\"], [\"portal\", \"gate\"] or [\"connector\"]",
    );
    check("[[upstream]]\nnme = \"a\"", "line 2: unknown key `nme` in [[upstream]]; did you mean `name`?");
    check(
        "[[limit]]\nwho = \"role:employee\"\nrequests_per_minut = 5",
        "line 3: unknown key `requests_per_minut` in [[limit]]; did you mean `requests_per_minute`?",
    );
    check(
        "[audit]\nsegment_mib = 0",
        "line 2: `segment_mib` in [audit]: must be a whole number from 1 to 4096",
    );
    check("a = ", "line 1: string values must be quoted, expected literal string");
}

#[test]
fn weights_files_give_models_their_names() {
    let check = |file: &str, expected: &str| assert_eq!(model_name(Path::new(file)), expected);
    check("/x/SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct");
    check("llama-3.3-70b.gguf", "llama-3.3-70b");
    check("tiny.f16.gguf", "tiny");
}
