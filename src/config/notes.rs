//! Which settings are accepted although this release does nothing with them?
//!
//! They are part of the contract, so a file that holds them is right; but silence would let its author believe that
//! they work. Where silence would change what a figure means, the setting is refused instead (see `model`, `state`).

use serde_json::Value as Json;

use super::reader::Node;

/// Keys that are read and not acted on, below the root.
const OF_THE_PROCESS: [(&str, &str); 4] = [
    ("state.dir", "pending predictions are restored from the changelog topic; there are no local snapshots yet"),
    ("state.disk", "pending predictions are kept in memory; nothing is written to disk yet"),
    ("state.standby", "there are no standby copies yet"),
    ("state.restore", "there is one way to restore"),
];

/// The same, below `defaults` and below each model.
const OF_A_MODEL: [(&str, &str); 4] = [
    ("slices.pairs", "pairs of features are not searched yet"),
    ("slices.protected", "protected features are not listed separately yet"),
    ("costs", "costs are not used yet"),
    ("claims", "claims are not compared yet"),
];

/// One sentence for each setting that stands in the tree and does nothing.
pub(super) fn collect(root: &Node<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for (key, text) in OF_THE_PROCESS {
        note(root, key, text, &mut notes);
    }
    let defaults = root.child("defaults");
    let models = root.child("models");
    let named = models.raw().and_then(Json::as_object).into_iter().flatten().map(|(name, _)| models.child(name));
    for model in std::iter::once(defaults).chain(named) {
        for (key, text) in OF_A_MODEL {
            note(&model, key, text, &mut notes);
        }
    }
    notes
}

fn note(node: &Node<'_>, key: &str, text: &str, notes: &mut Vec<String>) {
    let place = key.split('.').fold(node.clone(), |place, name| place.child(name));
    let says_something = match place.raw() {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(Json::Object(map)) => map.values().any(|value| !value.is_null()),
        Some(Json::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    if says_something {
        notes.push(format!("{}: {text}", place.key()));
    }
}
