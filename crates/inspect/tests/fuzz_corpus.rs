//! Every input that fuzzing kept, and every one that once broke a law, through the same laws: `fuzz/corpus/`, a folder a
//! law.

#[cfg(test)]
#[path = "../../../fuzz/src/laws.rs"]
mod laws;

#[cfg(test)]
mod tests {
    use super::laws;
    use std::fs;
    use std::path::Path;

    #[track_caller]
    fn check(law: &str) {
        let (_, holds) = laws::LAWS.iter().find(|(name, _)| *name == law).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(law);
        let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "the corpus of `{law}` is empty");
        for input in inputs {
            // Shown when the law breaks.
            println!("{}", input.display());
            holds(&fs::read(&input).unwrap());
        }
    }

    macro_rules! replay {
        ($($law:ident)*) => {
            $(#[test]
            fn $law() {
                check(stringify!($law));
            })*

            #[test]
            fn every_law_is_replayed() {
                let replayed = [$(stringify!($law)),*];
                assert_eq!(laws::LAWS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), replayed);
            }
        };
    }

    replay! {
        scan stream bytes fold markdown squeeze decode join pack guardrails exceptions presidio gitleaks surrogates
    }
}
