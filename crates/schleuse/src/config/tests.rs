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
    check(
        "[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\naudio = true\n[speech]\nmebibytes = 30",
        "1 upstreams",
    );
    check("[speech]\nmebibytes = 31", "line 2: `mebibytes` in [speech]: must be a whole number from 1 to 30");
    check(
        "[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\nfim = \"gpt\"",
        "line 4: `fim` in [[upstream]]: not a way to fill in the middle; the ways are server, qwen, starcoder, deepseek, \
         codestral, codellama, seed-coder, mellum",
    );
    check(
        "[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\nprovider = \"mistral\"\nfim = \"codestral\"",
        "line 5: `fim` in [[upstream]]: the provider `mistral` is asked in words of its own",
    );
    check(
        "[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\nprovider = \"mistral\"\naudio = true",
        "line 5: `audio` in [[upstream]]: speech cannot be sent to the provider `mistral`",
    );
    check("[pages]\naddress = \"du\"\naccessibility_contact = \"barrieren@example.org\"", "0 upstreams");
    check("[pages]\naddress = \"ihr\"", "line 2: `address` in [pages]: must be `sie` or `du`");
    check(
        "[pages]\naccessibility_contact = \"javascript:x\"",
        "line 2: `accessibility_contact` in [pages]: must be an e-mail address, or one that begins with `https://`",
    );
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
    check(
        "[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\nadapters = [{ name = \"a\" }]",
        "`model` in [[adapters]] is missing",
    );
    check(
        "[engine]\nweights = \"w\"\nadapters = [{ name = \"a b\", file = \"f\" }]",
        "line 3: `adapters` in [engine]: the name of an adapter is 1 to 64 letters, digits, `.`, `_` and `-`, not `a b`",
    );
    check("[engine]\nweights = \"w\"\nadapters = [{ name = \"a\" }]", "`file` in [[adapters]] is missing");
    check(
        "[engine]\nweights = \"w\"\ndefault_adapter = \"a\"",
        "line 3: `default_adapter` in [engine]: there is no adapter `a`",
    );
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
    check("[audit]\nquorum = 2", "line 2: `quorum` in [audit]: must be at most the number of witnesses, 0");
    check(
        "[audit]\norigin = \"a b\"",
        "line 2: `origin` in [audit]: must be a name without white space and plus signs",
    );
    check("[inspection]\nterm = \"x\"", "line 2: unknown key `term` in [inspection]; did you mean `terms`?");
    check("[answers]\nkeep = 10\nminutes = 5\nfor = \"house\"", "0 upstreams");
    check("[answers]\nminutes = 5", "`keep` in [answers] is missing");
    check("[answers]\nkeep = 1\nfor = \"all\"", "line 3: `for` in [answers]: must be `person` or `house`");
    check("[answers]\nkeep = 0", "line 2: `keep` in [answers]: must be a whole number from 1 to 1000000");
    check("[files]\nfile_mib = 16\nkeep_days = 7\nparallel = 2", "0 upstreams");
    check("[files]\nfile_mib = 129", "line 2: `file_mib` in [files]: must be a whole number from 1 to 128");
    check("[files]\nline = 5", "line 2: unknown key `line` in [files]; did you mean `lines`?");
    check("a = ", "line 1: string values must be quoted, expected literal string");
}

#[test]
fn guardrails_and_exceptions_take_every_key_and_say_what_is_wrong() {
    let guardrail = |rows: &str, expected: &str| check(&format!("[[guardrail]]\n{rows}"), expected);
    guardrail(
        "rule = \"iban\"\ntag = \"x\"\naction = \"WARN\"\ndirection = \"answer\"\nlabel = \"INTERN\"\n\
         group = [\"a\"]\nzone = \"external\"\nshadow = false",
        "0 upstreams",
    );
    guardrail("typ = \"IBAN\"", "line 2: guardrail key `typ` is not known, the nearest is `type`");
    guardrail(
        "type = \"IBN\"\naction = \"BLOCK\"",
        "line 2: guardrail type `IBN` is not known, the nearest is `IBAN`",
    );
    guardrail("type = \"IBAN\"", "line 1: a guardrail needs an `action`, such as `BLOCK`");
    guardrail(
        "type = \"IBAN\"\naction = \"BLOK\"",
        "line 3: guardrail action `BLOK` is not known, the nearest is `BLOCK`",
    );
    guardrail(
        "type = \"IBAN\"\naction = \"BLOCK\"\nzone = \"externl\"",
        "line 4: guardrail zone `externl` is not known, the nearest is `external`",
    );
    guardrail(
        "type = \"IBAN\"\naction = \"BLOCK\"\ngroup = [\"sales\", \"\"]",
        "line 4: `group` names no group",
    );
    check(
        "[guardrail]\ntype = \"IBAN\"",
        "line 1: `guardrail`: must be a list of tables, each written `[[guardrail]]`",
    );
    let exception = |rows: &str, expected: &str| check(&format!("[[exception]]\n{rows}"), expected);
    let rest = "until = 2027-03-31\nreason = \"r\"\nallowed_by = \"A\"";
    exception(&format!("type = \"IBAN\"\ngroup = \"a\"\n{rest}"), "0 upstreams");
    exception(
        &format!("type = \"IBAN\"\n{rest}"),
        "line 1: an exception needs `value`, `path` or `group`, such as `group = \"payroll\"`",
    );
    exception(&format!("type = \"IBAN\"\ngroup = \"\"\n{rest}"), "line 3: `group` names no group");
    exception(
        "type = \"IBAN\"\ngroup = \"a\"\nreason = \"r\"\nallowed_by = \"A\"",
        "line 1: an exception needs `until`, such as `2027-03-31`",
    );
    exception("typ = \"IBAN\"", "line 2: exception key `typ` is not known, the nearest is `type`");
}

#[test]
fn weights_files_give_models_their_names() {
    let check = |file: &str, expected: &str| assert_eq!(model_name(Path::new(file)), expected);
    check("/x/SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct");
    check("llama-3.3-70b.gguf", "llama-3.3-70b");
    check("tiny.f16.gguf", "tiny");
}

#[test]
fn labels_take_every_key_and_say_what_is_wrong() {
    let hr = "[[compartment]]\nname = \"hr\"\n";
    let after = |text: &str, expected: &str| check(&format!("{hr}{text}"), expected);
    after("title = \"HR\"\ntitle_en = \"HR\"\ntitle_de = \"Personal\"\nconflicts = []", "0 upstreams");
    after(
        "[[clearance]]\nwho = \"group:staff\"\nmax_label = \"CONFIDENTIAL\"\ncompartments = [\"hr\"]\n\
         default_label = \"INTERN//hr\"",
        "0 upstreams",
    );
    after("titel = \"HR\"", "line 3: unknown key `titel` in [[compartment]]; did you mean `title`?");
    after(
        "[[compartment]]\nname = \"HR\"",
        "line 4: `name` in [[compartment]]: `HR` is no name of a compartment; write 1 to 32 of `a-z`, `0-9` and `-`",
    );
    after(
        "[[compartment]]\nname = \"buy\"\nconflicts = [\"hr\"]",
        "line 5: `conflicts` in [[compartment]]: `hr` does not name `buy` in its own `conflicts`; a wall has two sides",
    );
    after(
        "[[clearance]]\nwho = \"staff\"",
        "line 4: `who` in [[clearance]]: must be `role:` with one of the five roles, `tenant:` with the name of one, or \
         `group:`, `person:` or `key:` with a name of 1 to 128 bytes",
    );
    after("[[clearance]]\nwho = \"role:admin\"", "`max_label` in [[clearance]] is missing");
    after(
        "[[clearance]]\nwho = \"role:admin\"\nmax_label = \"SECRET\"\ncompartments = [\"patient\"]",
        "line 6: `compartments` in [[clearance]]: there is no compartment `patient`; there are hr",
    );
    after(
        "[[clearance]]\nwho = \"role:admin\"\nmax_label = \"INTERNAL\"\ndefault_label = \"SECRET\"",
        "line 6: `default_label` in [[clearance]]: SECRET is beyond the clearance INTERNAL",
    );
    let upstream = "[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n";
    after(&format!("{upstream}max_label = \"INTERNAL//hr\""), "1 upstreams");
    after(&format!("{upstream}compartments = [\"hr\"]"), "1 upstreams");
    after(
        &format!("{upstream}max_label = \"INTERNAL//patient\""),
        "line 6: `max_label` in [[upstream]]: there is no compartment `patient`; there are hr",
    );
    check(
        &format!("{upstream}compartments = [\"hr\"]"),
        "line 4: `compartments` in [[upstream]]: there is no compartment `hr`; add it as a `[[compartment]]`",
    );
    let guardrail = "[[guardrail]]\ntype = \"EMAIL\"\naction = \"RAISE_LABEL\"\nto = ";
    after(&format!("{guardrail}\"INTERNAL//hr\""), "0 upstreams");
    check(
        &format!("{guardrail}\"INTERNAL//hr\""),
        "line 1: guardrail label `INTERNAL//hr`: there is no compartment `hr`; add it as a `[[compartment]]`",
    );
}
