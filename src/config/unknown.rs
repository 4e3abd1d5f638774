//! Which keys of a file are unknown, and which one did their author mean?

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::keys::KEYS;
use super::reader::{Reader, shown as shown_value};

/// Notes each key of the tree that the table does not have.
pub(super) fn refuse(reader: &Reader, tree: &Json) {
    walk(reader, tree, "", "");
}

/// `shown` is the key as its author wrote it, `known` the same in the words of the table.
fn walk(reader: &Reader, tree: &Json, shown: &str, known: &str) {
    let names = names_under(known);
    let Some(map) = tree.as_object() else {
        // A topic may be its name alone; every other section holds keys.
        if !tree.is_null() && !KEYS.iter().any(|key| key.path == known) {
            let accepted: Vec<&str> = names.iter().copied().collect();
            reader.note(
                shown,
                format!("{} is not accepted; a section with keys is: {}", shown_value(tree), accepted.join(", ")),
            );
        }
        return;
    };
    for (name, value) in map {
        let shown = join(shown, name);
        let known_child = if known == "models" {
            "defaults".to_owned()
        } else if names.contains("*") {
            join(known, "*")
        } else if names.contains(name.as_str()) {
            join(known, name)
        } else {
            let nearest = nearest(name, names.iter().copied());
            let accepted: Vec<&str> = names.iter().copied().collect();
            let hint = nearest.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            reader.note(shown, format!("unknown key{hint} (accepted here: {})", accepted.join(", ")));
            continue;
        };
        let open = KEYS.iter().any(|key| key.path == known_child && key.is_open());
        if !open || known_child == "models" || !names_under(&known_child).is_empty() {
            walk(reader, value, &shown, &known_child);
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The names that may stand directly under a path of the table.
fn names_under(path: &str) -> BTreeSet<&'static str> {
    KEYS.iter()
        .filter_map(|key| {
            let rest = if path.is_empty() { key.path } else { key.path.strip_prefix(path)?.strip_prefix('.')? };
            rest.split('.').next()
        })
        .collect()
}

/// The known name that is most like `name`, if one is like it at all.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 3)
        .map(|(_, candidate)| candidate)
}
