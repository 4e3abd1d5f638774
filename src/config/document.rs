//! How does the list of keys look as a page?

use std::fmt::Write as _;

use super::keys::KEYS;

/// The tables of `docs/configuration.md`: one for each section.
pub fn table() -> String {
    let mut text = String::new();
    let mut section = None;
    for key in KEYS {
        let first = key.path.split('.').next().unwrap_or(key.path);
        let heading = match first {
            "start" | "outcomes" | "instance" | "lanes" | "idle" | "no_data" | "judges" | "join" | "http"
            | "commit" | "state" => "The process",
            "kafka" => "Brokers",
            "topics" => "Topics and the form of records",
            "defaults" => "Models: `defaults`",
            _ => "Models by name: `models`",
        };
        if section != Some(heading) {
            let gap = if section.is_some() { "\n" } else { "" };
            let _ = write!(
                text,
                "{gap}### {heading}\n\n| key | accepted | default | example | meaning |\n|---|---|---|---|---|\n"
            );
            section = Some(heading);
        }
        let path = key.path.replace('*', "NAME");
        let _ =
            writeln!(text, "| `{path}` | {} | `{}` | `{}` | {} |", key.accepted, key.default, key.example, key.meaning);
    }
    text
}
