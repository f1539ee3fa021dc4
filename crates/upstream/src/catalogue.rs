//! A model server's own list of models: `GET /v1/models`.

use serde_json::Value;

use crate::config::{ServedAdapter, is_model_name};

/// Of the whole list, in bytes.
pub(crate) const CATALOGUE_BYTES_MAX: usize = 4 * 1024 * 1024;
const MODELS_MAX: usize = 1000;
const ROOT_CHARACTERS_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) created: Option<u64>,
    /// vLLM's addition: the longest context, in LLM tokens.
    pub(crate) max_model_len: Option<u64>,
    /// What hints at the weights behind the name.
    pub(crate) weights: String,
}

/// So many seconds before a list was read, what it says was made belongs to the list and not to the weights: vLLM and
/// llama.cpp write down when they were asked.
const JUST_NOW_S: u64 = 120;

impl Model {
    pub(crate) fn named(id: &str) -> Self {
        Self { id: id.to_owned(), created: None, max_model_len: None, weights: String::new() }
    }
}

/// Reads a list. Entries that no request could name (no id, spaces, control characters) are left out.
/// `now_s` is when it was read, in seconds since 1970.
pub(crate) fn parse(body: &[u8], now_s: u64) -> Result<Vec<Model>, &'static str> {
    let value: Value = serde_json::from_slice(body).map_err(|_| "the list of models is not JSON")?;
    let data = value.get("data").and_then(Value::as_array).ok_or("the list of models has no `data`")?;
    let mut models: Vec<Model> = Vec::new();
    for entry in data.iter().take(MODELS_MAX) {
        let Some(id) = entry.get("id").and_then(Value::as_str) else { continue };
        if is_model_name(id) && models.iter().all(|model| model.id != id) {
            let created = entry.get("created").and_then(Value::as_u64);
            let made = created.filter(|at| at.saturating_add(JUST_NOW_S) < now_s).unwrap_or_default();
            let root = entry.get("root").and_then(Value::as_str).unwrap_or_default();
            models.push(Model {
                id: id.to_owned(),
                created,
                max_model_len: entry.get("max_model_len").and_then(Value::as_u64),
                weights: format!("{made} {}", root.chars().take(ROOT_CHARACTERS_MAX).collect::<String>()),
            });
        }
    }
    Ok(models)
}

/// The same list in the house's words: an adapter stands as `model:name` where the server's own name for it stood, and one that
/// the server does not list is not there.
pub(crate) fn with_adapters(models: Vec<Model>, adapters: &[ServedAdapter]) -> Vec<Model> {
    let renamed = |model: Model| -> Vec<Model> {
        let of_it = adapters.iter().filter(|adapter| adapter.served_as == model.id);
        let renamed: Vec<Model> = of_it.map(|adapter| Model { id: adapter.id(), ..model.clone() }).collect();
        if renamed.is_empty() { vec![model] } else { renamed }
    };
    models.into_iter().flat_map(renamed).collect()
}

#[cfg(test)]
mod tests {
    use super::{MODELS_MAX, parse, with_adapters};
    use crate::config::ServedAdapter;

    fn check(body: &str, expected: Result<&[&str], &str>) {
        let ids = parse(body.as_bytes(), 0).map(|models| models.into_iter().map(|model| model.id).collect());
        assert_eq!(
            ids,
            expected.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()),
            "{body}"
        );
    }

    #[test]
    fn lists_are_read() {
        check(r#"{"data":[{"id":"a"},{"id":"b"},{"id":"a"}]}"#, Ok(&["a", "b"]));
        check(r#"{"data":[]}"#, Ok(&[]));
        check(
            r#"{"data":[{"id":7},{},"x",{"id":""},{"id":"a b"},{"id":"a\u0000"},{"id":"ok"}]}"#,
            Ok(&["ok"]),
        );
        check("", Err("the list of models is not JSON"));
        check("[]", Err("the list of models has no `data`"));
        check(r#"{"data":{}}"#, Err("the list of models has no `data`"));
        check(&"[".repeat(100_000), Err("the list of models is not JSON"));
    }

    #[test]
    fn a_recorded_list_is_read_with_its_details() {
        let recording = schleuse_testkit::recording("20-models-with-lora").unwrap();
        let models = parse(&recording.response.body(), 1_795_208_241).unwrap();
        let ids: Vec<_> = models.iter().map(|model| (model.id.as_str(), model.max_model_len)).collect();
        assert_eq!(ids, [("tiny", Some(2048)), ("lora-a", None), ("lora-b", None)]);
        assert_eq!(models[0].created, Some(1_795_208_241));
    }

    #[test]
    fn adapters_of_a_recorded_list_have_the_names_of_the_house() {
        let recording = schleuse_testkit::recording("20-models-with-lora").unwrap();
        let adapter = |name: &str, served_as: &str| ServedAdapter {
            model: "tiny".to_owned(),
            name: name.to_owned(),
            served_as: served_as.to_owned(),
        };
        let check = |adapters: &[ServedAdapter], expected: &[&str]| {
            let models = with_adapters(parse(&recording.response.body(), 0).unwrap(), adapters);
            assert_eq!(models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), expected);
        };
        check(&[], &["tiny", "lora-a", "lora-b"]);
        check(&[adapter("german", "lora-b")], &["tiny", "lora-a", "tiny:german"]);
        check(
            &[adapter("a", "lora-a"), adapter("again", "lora-a")],
            &["tiny", "tiny:a", "tiny:again", "lora-b"],
        );
        check(&[adapter("gone", "lora-c")], &["tiny", "lora-a", "lora-b"]);
    }

    #[test]
    fn when_a_list_was_made_says_nothing_of_the_weights() {
        let weights = |now_s| {
            let list = br#"{"data":[{"id":"a","created":1000,"root":"/weights/a"}]}"#;
            parse(list, now_s).unwrap().remove(0).weights
        };
        assert_eq!(weights(1000), "0 /weights/a");
        assert_eq!(weights(1120), "0 /weights/a");
        assert_eq!(weights(1121), "1000 /weights/a");
    }

    #[test]
    fn an_endless_list_is_cut() {
        let entries: Vec<_> = (0..MODELS_MAX + 5).map(|n| format!(r#"{{"id":"m{n}"}}"#)).collect();
        let models = parse(format!(r#"{{"data":[{}]}}"#, entries.join(",")).as_bytes(), 0).unwrap();
        assert_eq!(models.len(), MODELS_MAX);
    }
}
