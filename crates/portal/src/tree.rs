//! The tree of messages: every message but the first of a branch has an earlier one as its parent.

use std::collections::HashMap;

use crate::message::Message;

/// The messages from the root of the tree to `leaf`; empty without a leaf. A damaged tree gives the part that hangs
/// together.
pub(crate) fn path<'a>(messages: &'a [Message], leaf: Option<&str>) -> Vec<&'a Message> {
    let by_id: HashMap<&str, &Message> =
        messages.iter().map(|message| (message.id.as_str(), message)).collect();
    let mut path = Vec::new();
    let mut next = leaf;
    // Bounded by the number of messages: a parent that is not older than its child is not followed.
    let mut younger = i64::MAX;
    while let Some(message) = next.and_then(|id| by_id.get(id)) {
        if message.ordinal >= younger {
            break;
        }
        younger = message.ordinal;
        next = message.parent.as_deref();
        path.push(*message);
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::path;
    use crate::message::Message;
    use crate::message::tests::blank;

    /// The tree is written `child<parent` in the order of the ordinals.
    fn check(tree: &[&str], leaf: Option<&str>, expected: &[&str]) {
        let messages: Vec<Message> = tree
            .iter()
            .zip(0..)
            .map(|(text, ordinal)| {
                let (id, parent) = text.split_once('<').unwrap_or((text, ""));
                let parent = (!parent.is_empty()).then(|| parent.to_owned());
                Message { id: id.to_owned(), parent, ordinal, ..blank() }
            })
            .collect();
        let found: Vec<&str> = path(&messages, leaf).iter().map(|message| message.id.as_str()).collect();
        assert_eq!(found, expected, "{tree:?} {leaf:?}");
    }

    #[test]
    fn a_path_goes_from_the_root_to_its_leaf() {
        let tree = ["a", "b<a", "c<b", "d<a", "e"];
        check(&tree, Some("c"), &["a", "b", "c"]);
        check(&tree, Some("d"), &["a", "d"]);
        check(&tree, Some("e"), &["e"]);
        check(&tree, Some("x"), &[]);
        check(&tree, None, &[]);
    }

    #[test]
    fn a_damaged_tree_does_not_go_in_circles() {
        check(&["a<b", "b<a"], Some("b"), &["a", "b"]);
        check(&["a<a"], Some("a"), &["a"]);
        check(&["a<x", "b<a"], Some("b"), &["a", "b"]);
    }
}
