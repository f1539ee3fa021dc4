use proptest::prelude::*;

use super::{COMPARTMENTS_MAX, Compartment, Label, Level, UnknownLabel};

fn check(input: &[u8], expected: Result<&str, UnknownLabel>) {
    let parsed = Label::parse(input).map(|label| label.to_string());
    assert_eq!(parsed, expected.map(str::to_owned), "{input:?}");
}

#[test]
fn labels_are_read_in_both_languages_and_encodings() {
    check(b"PUBLIC", Ok("PUBLIC"));
    check("ÖFFENTLICH".as_bytes(), Ok("PUBLIC"));
    check("öffentlich".as_bytes(), Ok("PUBLIC"));
    check(b"\xD6FFENTLICH", Ok("PUBLIC"));
    check(b"\xF6ffentlich", Ok("PUBLIC"));
    check(b"oeffentlich", Ok("PUBLIC"));
    check(b" intern ", Ok("INTERNAL"));
    check(b"vertraulich", Ok("CONFIDENTIAL"));
    check(b"GEHEIM", Ok("SECRET"));
    check(b"", Err(UnknownLabel::Level));
    check(b"TOP SECRET", Err(UnknownLabel::Level));
}

#[test]
fn compartments_stand_behind_the_level() {
    check(b"CONFIDENTIAL//hr", Ok("CONFIDENTIAL//hr"));
    check(b"intern // patient, hr ,patient", Ok("INTERNAL//hr,patient"));
    check(b"SECRET//m-and-a", Ok("SECRET//m-and-a"));
    check(b"SECRET//", Err(UnknownLabel::Compartment));
    check(b"SECRET//hr,", Err(UnknownLabel::Compartment));
    check(b"SECRET//HR", Err(UnknownLabel::Compartment));
    check(b"SECRET//h r", Err(UnknownLabel::Compartment));
    check(b"SECRET//hr//hr", Err(UnknownLabel::Compartment));
    check(b"SECRET//h\xFCr", Err(UnknownLabel::Compartment));
    check(b"//hr", Err(UnknownLabel::Level));
    check(b"SECRET/hr", Err(UnknownLabel::Level));
    check(format!("SECRET//{}", "a".repeat(33)).as_bytes(), Err(UnknownLabel::Compartment));
    let many = |count: usize| format!("PUBLIC//{}", vec!["a"; count].join(","));
    check(many(COMPARTMENTS_MAX).as_bytes(), Ok("PUBLIC//a"));
    check(many(COMPARTMENTS_MAX + 1).as_bytes(), Err(UnknownLabel::TooMany));
    let german = Label::parse(b"CONFIDENTIAL//hr,patient").unwrap().to_german();
    assert_eq!(german, "VERTRAULICH//hr,patient");
}

/// A few names, so that sets meet.
fn labels() -> impl Strategy<Value = Label> {
    let names = prop::sample::subsequence(vec!["hr", "m-and-a", "patient", "x1"], 0..=4);
    (prop::sample::select(Level::ALL.to_vec()), names).prop_map(|(level, names)| {
        Label::of(level).with(names.into_iter().map(|name| name.parse::<Compartment>().unwrap()))
    })
}

proptest! {
    #[test]
    fn labels_are_a_lattice(a in labels(), b in labels(), c in labels()) {
        // Join and meet: the same in any order, any grouping, and twice as once; each undoes the other.
        prop_assert_eq!(a.join(&b), b.join(&a));
        prop_assert_eq!(a.meet(&b), b.meet(&a));
        prop_assert_eq!(a.join(&b).join(&c), a.join(&b.join(&c)));
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
        prop_assert_eq!(a.join(&a), a.clone());
        prop_assert_eq!(a.join(&a.meet(&b)), a.clone());
        prop_assert_eq!(a.meet(&a.join(&b)), a.clone());
        // The order is that of the join, and of the meet.
        prop_assert_eq!(a.flows_to(&b), a.join(&b) == b);
        prop_assert_eq!(a.flows_to(&b), a.meet(&b) == a);
        // A partial order: reflexive, antisymmetric, transitive.
        prop_assert!(a.flows_to(&a));
        prop_assert!(!(a.flows_to(&b) && b.flows_to(&a)) || a == b);
        prop_assert!(!(a.flows_to(&b) && b.flows_to(&c)) || a.flows_to(&c));
        // The join is the least that both flow to.
        prop_assert!(a.flows_to(&a.join(&b)));
        prop_assert!(!(a.flows_to(&c) && b.flows_to(&c)) || a.join(&b).flows_to(&c));
        prop_assert!(Label::PUBLIC.flows_to(&a));
    }

    #[test]
    fn what_is_written_is_read_again(a in labels()) {
        prop_assert_eq!(Label::parse(a.to_string().as_bytes()), Ok(a.clone()));
        prop_assert_eq!(Label::parse(a.to_german().as_bytes()), Ok(a));
    }

    #[test]
    fn any_bytes_are_a_label_or_none(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(label) = Label::parse(&bytes) {
            prop_assert_eq!(Label::parse(label.to_string().as_bytes()), Ok(label));
        }
    }
}

#[test]
fn labels_of_different_compartments_flow_nowhere() {
    let label = |text: &str| Label::parse(text.as_bytes()).unwrap();
    assert!(!label("PUBLIC//hr").flows_to(&label("SECRET//patient")));
    assert!(label("PUBLIC//hr").flows_to(&label("SECRET//hr,patient")));
    assert!(!label("SECRET").flows_to(&label("CONFIDENTIAL//hr")));
}
