use schleuse_limits::Who;
use schleuse_types::{Compartment, Label, Principal, Role, Text};

use super::{Clearance, HouseCompartment, Labels};

fn name(text: &str) -> Compartment {
    text.parse().unwrap()
}

fn label(text: &str) -> Label {
    Label::parse(text.as_bytes()).unwrap()
}

/// Compartments written `buy|sell,other`: a name and its conflicts.
fn compartments(rows: &[&str]) -> Vec<HouseCompartment> {
    let row = |row: &&str| {
        let (own, conflicts) = row.split_once('|').unwrap_or((row, ""));
        let conflicts = conflicts.split(',').filter(|name| !name.is_empty()).map(name).collect();
        HouseCompartment { name: name(own), title: Text::fixed("", ""), conflicts }
    };
    rows.iter().map(row).collect()
}

/// Clearances written `role:employee CONFIDENTIAL//hr PUBLIC`, the last one only where there is a default.
fn clearances(rows: &[&str]) -> Vec<Clearance> {
    let row = |row: &&str| {
        let mut words = row.split(' ');
        Clearance {
            who: Who::parse(words.next().unwrap()).unwrap(),
            most: label(words.next().unwrap()),
            default: words.next().map(label),
        }
    };
    rows.iter().map(row).collect()
}

fn check(house: &[&str], people: &[&str], expected: Result<(), &str>) {
    let built = Labels::new(compartments(house), clearances(people));
    let got =
        built.map(drop).map_err(|error| format!("{:?} {} {}: {error}", error.table, error.row, error.key));
    assert_eq!(got, expected.map_err(str::to_owned), "{house:?} {people:?}");
}

#[test]
fn a_house_that_contradicts_itself_is_refused() {
    check(&[], &[], Ok(()));
    check(&["buy|sell", "sell|buy", "hr"], &["role:employee CONFIDENTIAL//hr INTERNAL//hr"], Ok(()));
    check(&["hr", "hr"], &[], Err("Compartment 1 name: there is another compartment `hr`"));
    check(&["hr|hr"], &[], Err("Compartment 0 conflicts: `hr` cannot be in conflict with itself"));
    check(
        &["buy|sell", "sell"],
        &[],
        Err(
            "Compartment 0 conflicts: `sell` does not name `buy` in its own `conflicts`; a wall has two sides",
        ),
    );
    check(&["buy|sel"], &[], Err("Compartment 0 conflicts: there is no compartment `sel`; there are buy"));
    check(
        &["hr"],
        &["role:employee SECRET//patient"],
        Err("Clearance 0 compartments: there is no compartment `patient`; there are hr"),
    );
    check(
        &[],
        &["role:employee SECRET//hr"],
        Err("Clearance 0 compartments: there is no compartment `hr`; add it as a `[[compartment]]`"),
    );
    check(
        &[],
        &["role:admin SECRET", "role:employee INTERNAL CONFIDENTIAL"],
        Err("Clearance 1 default_label: CONFIDENTIAL is beyond the clearance INTERNAL"),
    );
    check(
        &[],
        &["role:employee PUBLIC"],
        Err(
            "Clearance 0 max_label: a question without a label counts as INTERNAL, which is beyond this clearance; \
             say `default_label`",
        ),
    );
    let many: Vec<String> = (0..17).map(|number| format!("c{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&many, &[], Err("Compartment 16 name: a house has at most 16 compartments"));
}

#[test]
fn the_most_exact_clearance_counts() {
    let rows = [
        "role:employee INTERNAL",
        "group:staff CONFIDENTIAL//hr CONFIDENTIAL",
        "group:ward INTERNAL//patient",
        "person:ada PUBLIC PUBLIC",
        "key:k-1 SECRET",
    ];
    let labels = Labels::new(compartments(&["hr", "patient"]), clearances(&rows)).unwrap();
    let check = |person: &str, role: Role, groups: &[&str], credential: &str, expected: (&str, &str)| {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let principal = Principal {
            person: person.to_owned(),
            role,
            groups,
            tenant: Default::default(),
            credential: credential.to_owned(),
        };
        let standing = labels.standing(&principal);
        let got = (standing.clearance.to_string(), standing.default.to_string());
        assert_eq!((got.0.as_str(), got.1.as_str()), expected, "{principal:?}");
    };
    check("bob", Role::Employee, &[], "k", ("INTERNAL", "INTERNAL"));
    check("bob", Role::Employee, &["staff"], "k", ("CONFIDENTIAL//hr", "CONFIDENTIAL"));
    check("bob", Role::Employee, &["staff", "ward"], "k", ("CONFIDENTIAL//hr,patient", "CONFIDENTIAL"));
    check("bob", Role::Admin, &[], "k", ("PUBLIC", "INTERNAL"));
    check("ada", Role::Employee, &["staff"], "k", ("PUBLIC", "PUBLIC"));
    check("ada", Role::Employee, &["staff"], "k-1", ("SECRET", "INTERNAL"));
}

#[test]
fn without_clearances_every_level_is_everybodys_and_no_compartment() {
    let labels = Labels::new(compartments(&["hr"]), Vec::new()).unwrap();
    let principal = Principal {
        tenant: Default::default(),
        person: "ada".to_owned(),
        role: Role::Auditor,
        groups: Vec::new(),
        credential: "k".to_owned(),
    };
    let standing = labels.standing(&principal);
    assert_eq!((standing.clearance, standing.default), (Label::SECRET, Label::INTERNAL));
}

#[test]
fn walls_stand_between_what_is_in_conflict() {
    let house = compartments(&["buy|sell,press", "sell|buy", "press|buy", "hr"]);
    let labels = Labels::new(house, Vec::new()).unwrap();
    let against = |text: &str| {
        let names: Vec<String> = labels.against(&label(text)).iter().map(ToString::to_string).collect();
        names.join(",")
    };
    assert_eq!(against("PUBLIC//buy"), "sell,press");
    assert_eq!(against("PUBLIC//hr,sell"), "buy");
    assert_eq!(against("SECRET"), "");
    assert_eq!(labels.torn(&label("PUBLIC//hr,press,sell")), None);
    assert_eq!(labels.torn(&label("PUBLIC//buy,hr,press")), Some((name("buy"), name("press"))));
    assert_eq!(Labels::wall(&name("sell"), &name("buy")), "`buy` | `sell`");
}
