//! From what a provider says about people to roles and tenants of this house.

use sha2::{Digest, Sha256};

/// More groups than these are a sign of a wrong claim or filter, in number and bytes.
const GROUPS_MAX: usize = 512;
const GROUP_BYTES_MAX: usize = 256;
const NAME_CHARS_MAX: usize = 128;

/// What the first line gives whose group is among `groups`.
pub(crate) fn choose<'a, T>(groups: &[String], lines: &'a [(String, T)]) -> Option<&'a T> {
    lines.iter().find(|(group, _)| groups.contains(group)).map(|(_, given)| given)
}

/// Groups in order and each once; `None` when they are too many, too long or not printable.
pub(crate) fn tidy(mut groups: Vec<String>) -> Option<Vec<String>> {
    let is_good = |group: &String| {
        !group.is_empty() && group.len() <= GROUP_BYTES_MAX && !group.chars().any(char::is_control)
    };
    if groups.len() > GROUPS_MAX || !groups.iter().all(is_good) {
        return None;
    }
    groups.sort_unstable();
    groups.dedup();
    Some(groups)
}

/// The id of a person: `p-` and the first 80 bits of SHA-256 over provider and subject, in hex, 22 characters.
///
/// Neither a subject alone nor an e-mail address is an identity: another provider may give the same to somebody else.
pub(crate) fn person(provider: &str, subject: &str) -> String {
    let digest = Sha256::new().chain_update(provider).chain_update([0]).chain_update(subject).finalize();
    digest.iter().take(10).fold("p-".to_owned(), |id, byte| id + &format!("{byte:02x}"))
}

/// The first of these that can be shown as a name, without control characters and at most 128 characters long.
pub(crate) fn display_name<'a>(
    candidates: impl IntoIterator<Item = Option<&'a str>>,
    person: &str,
) -> String {
    let shown = candidates.into_iter().flatten().map(|name| {
        let printable = name.chars().filter(|character| !character.is_control() && !is_invisible(*character));
        printable.take(NAME_CHARS_MAX).collect::<String>().trim().to_owned()
    });
    shown.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| person.to_owned())
}

/// Characters that turn or hide what stands beside them.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use schleuse_types::Role;

    use super::{choose, display_name, person, tidy};

    fn check(groups: &[&str], expected: Option<Role>) {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        let roles = [("it".to_owned(), Role::Admin), ("dev".to_owned(), Role::Engineer)];
        assert_eq!(choose(&groups, &roles).copied(), expected, "{groups:?}");
    }

    #[test]
    fn the_first_line_that_fits_decides() {
        check(&["dev", "it"], Some(Role::Admin));
        check(&["dev"], Some(Role::Engineer));
        check(&["IT"], None);
        check(&["sales"], None);
        check(&[], None);
    }

    #[test]
    fn subjects_of_different_providers_are_different_people() {
        assert_eq!(person("https://a", "1").len(), 22);
        assert_ne!(person("https://a", "1"), person("https://b", "1"));
        assert_ne!(person("https://a", "b1"), person("https://ab", "1"));
    }

    #[test]
    fn names_are_what_can_be_shown() {
        assert_eq!(display_name([None, Some("  "), Some("Ada\u{202E}\nL")], "p-1"), "AdaL");
        assert_eq!(display_name([None], "p-1"), "p-1");
        assert_eq!(display_name([Some("x".repeat(500).as_str())], "p-1").len(), 128);
    }

    #[test]
    fn groups_are_bounded() {
        let tidied = tidy(vec!["b".to_owned(), "a".to_owned(), "b".to_owned()]);
        assert_eq!(tidied, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(tidy(vec![String::new()]), None);
        assert_eq!(tidy(vec!["a\nb".to_owned()]), None);
        assert_eq!(tidy(vec!["x".repeat(257)]), None);
        assert_eq!(tidy(vec!["x".to_owned(); 513]), None);
    }
}
