use super::{Beginnings, Said, Spots, Words};

/// What the words `steuer`, `*kennzeichen` for and `bestell` against say about the number in guillemets.
fn check(text: &str, at_end: bool, expected: Said) {
    let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let words = Words::new(&strings(&["steuer", "*kennzeichen"]), &strings(&["bestell"]), true);
    let start = text.find('«').unwrap();
    let end = text.find('»').unwrap() - "«".len();
    let text = text.replace(['«', '»'], "");
    let beginnings = Beginnings::new([&words].into_iter());
    let said = words.say(&mut Spots::new(&beginnings), text.as_bytes(), start, end, at_end);
    assert_eq!(said, expected, "{text}");
}

#[test]
fn the_nearest_word_to_the_left_counts() {
    check("Steuer-ID «1»", true, Said::For);
    check("die Bestellung der Steuer-ID «1»", true, Said::For);
    check("Steuer-ID, Bestellnummer «1»", true, Said::Against);
    check("Bestellung 4711 von «1»", true, Said::Nothing);
    check("Steuer/Bestellung: «1»/2", true, Said::For);
    check("Steuer/Bestellung: 47112/«1»", true, Said::For);
    check("Bestellung/Steuer: «1»/2", true, Said::Against);
    check("Steuer / Bestellung: «1» / 2", true, Said::For);
    check("Steuer / Bestellung: «1» ", false, Said::Open);
    check("Bestellung 12 von «1»", true, Said::Against);
    check("Umsatzsteuer «1»", true, Said::Nothing);
    check("Autokennzeichen «1»", true, Said::For);
    check("taxSteuerId: «1»", true, Said::For);
    check("my_steuer_id: «1»", true, Said::For);
    check(&format!("Steuer{}«1»", " ".repeat(90)), true, Said::For);
    check(&format!("Steuer{}«1»", " ".repeat(91)), true, Said::Nothing);
}

#[test]
fn a_word_behind_counts_on_the_same_line() {
    check("«1» ist die Steuer-ID.", true, Said::For);
    check("«1» (Steuer-ID)", true, Said::For);
    check("«1»\nSteuer-ID", true, Said::Nothing);
    check("«1», Steuer-ID", true, Said::For);
    check("«1»,Steuer-ID", true, Said::Nothing);
    check("«1», Steuer-ID 2", true, Said::Nothing);
    check("«1» Steuer-ID: 2", true, Said::Nothing);
    check("Bestellung «1» Steuer-ID.", true, Said::Against);
    check("Bestellung 4711: «1» (Steuer-ID).", true, Said::For);
    check("«1» ist die Steu", false, Said::Open);
    check("«1» ist die Steuer", false, Said::Open);
    check("«1» ist 2", false, Said::Nothing);
    check("«1» ist die Steu", true, Said::Nothing);
}

#[test]
fn a_word_of_another_sentence_says_less() {
    check("Steuer-ID folgt morgen. Max hat «1»", true, Said::Remotely);
    check("Steuer-ID anbei.\n\nRahmenvertrag «1»", true, Said::Remotely);
    check("Steuer-ID:\n\n«1»", true, Said::For);
    check("Steuer-Nr. Max «1»", true, Said::For);
    check("Steuer-ID? Ja, «1»", true, Said::Remotely);
    check("Steuer-ID da? Ja, «1» ist die Steuer-ID.", true, Said::For);
}

#[test]
fn the_head_of_the_column_counts() {
    let far = "x".repeat(120);
    check(&format!("Name;Steuer-ID;Bestellung\n{far};2;3\nMax;«1»;3"), true, Said::For);
    check(&format!("Name;Steuer-ID;Bestellung\n{far};2;3\nMax;2;«1»"), true, Said::Against);
    check(&format!("Name;Steuer-ID;Bestellung\n{far};2;3\n«1»;2;3"), true, Said::Nothing);
    check(&format!("Steuer-ID;Name\n{far};2\n«1»;2"), true, Said::For);
    check(&format!("| Name | Steuer-ID |\n|---|---|\n| {far} | 2 |\n| Max | «1» |"), true, Said::For);
    check(&format!("Name;Steuer-ID\n{far}\n\nMax;«1»"), true, Said::Nothing);
    check(&format!("Name;Steuer-ID\n{};2\nMax;«1»", "x".repeat(240)), true, Said::Nothing);
}

#[test]
fn a_number_behind_another_may_have_a_label_of_its_own() {
    check("Steuernummer 146/195/40876, Transferticket «1»", true, Said::Nothing);
    check("Steuernummer 146/195/40876, Bescheid-Nr. «1»", true, Said::Nothing);
    check("Kennzeichen DD-RX 7615, Schadennummer «1»", true, Said::Nothing);
    check("Steuernummer 146/195/40876 und «1»", true, Said::For);
    check("Steuernummer alt 146/195/40876, neue Nummer «1»", true, Said::For);
    check("Steuernummern: Vogel 146/195/40876, Adler «1»", true, Said::For);
    check("Steuer 2024, Vorgang «1»", true, Said::For);
}

#[test]
fn cells_above_that_fit_the_same_check_say_what_a_column_holds() {
    // The check: the first digit is 7.
    let check = |above: &[&str], value: &str, expected: bool| {
        let rows: String = above.iter().map(|cell| format!("x;{cell};y\n")).collect();
        let text = format!("{rows}x;{value};y");
        let start = text.len() - value.len() - 2;
        let fits = |from: usize, _: usize| text.as_bytes().get(from) == Some(&b'7');
        let found = super::is_of_a_column(text.as_bytes(), start, start + value.len(), fits);
        assert_eq!(found, expected, "{text}");
    };
    check(&["7123", "7124", "7125"], "7126", true);
    check(&["9123", "7124", "\"7125\"", "7127"], "7126", true);
    check(&["7124", "7125"], "7126", false);
    check(&["7123", "9124", "7125"], "7126", false);
    check(&["7126", "7126", "7126"], "7126", false);
    check(&["7123", "71245", "7125"], "7126", false);
    check(&["7123", "7a24", "7125"], "7126", false);
}
