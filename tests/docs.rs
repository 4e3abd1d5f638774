//! Do the pages say what the program does? Tables are held equal to the code they describe; every command line that a
//! page shows must parse.
//!
//! After a change of a catalogue: `TRUTHLINE_WRITE_DOCS=1 cargo test --test docs` writes the tables anew.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};
use truthline::commands::Cli;
use truthline::event::RejectReason;
use truthline::{config, indicator};

const BEGIN: &str = "<!-- generated: begin -->\n";
const END: &str = "<!-- generated: end -->\n";
const PAGES: [&str; 11] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/commands.md",
    "docs/configuration.md",
    "docs/incidents.md",
    "docs/indicators.md",
    "docs/kafka.md",
    "docs/operations.md",
    "docs/records.md",
    "docs/references.md",
];

fn path(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(page)
}

fn page(page: &str) -> String {
    std::fs::read_to_string(path(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
fn is_writing() -> bool {
    std::env::var_os("TRUTHLINE_WRITE_DOCS").is_some()
}

/// Holds the generated part of a page equal to `table`, or writes it.
fn hold(name: &str, table: &str) {
    let text = page(name);
    let (head, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{name} has no generated part"));
    let (written, tail) = rest.split_once(END).unwrap_or_else(|| panic!("{name}: its generated part has no end"));
    let table = format!("\n{table}\n");
    if is_writing() {
        std::fs::write(path(name), format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
    } else {
        assert_eq!(written, table, "{name} is out of date: TRUTHLINE_WRITE_DOCS=1 cargo test --test docs");
    }
}

#[test]
fn the_page_of_indicators_is_what_explain_knows() {
    hold("docs/indicators.md", &indicator::table());
}

#[test]
fn the_page_of_the_configuration_lists_every_key() {
    hold("docs/configuration.md", &config::table());
}

#[test]
fn the_page_of_commands_names_every_command_and_option() {
    let text = page("docs/commands.md");
    let mut pending = vec![(String::from("truthline"), Cli::command())];
    while let Some((name, command)) = pending.pop() {
        assert!(text.contains(&format!("`{name}")), "docs/commands.md lacks `{name}`");
        for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
            let Some(long) = option.get_long().filter(|long| !matches!(*long, "help" | "version")) else { continue };
            assert!(text.contains(&format!("`--{long}")), "docs/commands.md lacks --{long} of {name}");
        }
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            pending.push((format!("{name} {}", sub.get_name()), sub.clone()));
        }
    }
}

#[test]
fn every_command_line_on_a_page_parses() {
    let mut seen = 0;
    for name in PAGES {
        let text = page(name).replace("\\\n", " ");
        let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        let lines: Vec<&str> = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("truthline ")).collect();
        for line in lines {
            let line = line.split([';', '|', '>', '#', '&']).next().unwrap();
            let words = std::iter::once("truthline").chain(line.split_whitespace());
            let parsed = Cli::try_parse_from(words);
            let is_help = parsed.as_ref().is_err_and(|error| !error.use_stderr());
            assert!(parsed.is_ok() || is_help, "{name}: truthline {line}\n{}", parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} command lines were found");
}

#[test]
fn every_example_of_a_configuration_is_accepted() {
    let text = page("docs/configuration.md")
        + &page("docs/records.md")
        + &page("docs/kafka.md")
        + &page("docs/references.md")
        + &page("README.md");
    let mut seen = 0;
    for block in text.split("```yaml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        config::Config::from_yaml(block).unwrap_or_else(|error| panic!("{block}\n{error}"));
        seen += 1;
    }
    assert!(seen > 2, "only {seen} examples were found");
}

#[test]
fn every_cause_advice_and_verdict_is_explained() {
    let source = page("src/finding/incident.rs");
    let text = page("docs/incidents.md");
    for name in ["Cause", "Advice", "Verdict"] {
        let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap().split('}').next().unwrap();
        let variants: Vec<&str> = body
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("//"))
            .filter_map(|l| l.strip_suffix(','))
            .collect();
        assert!(variants.len() > 2, "{name} was not found");
        for variant in variants {
            let published = snake(variant);
            assert!(text.contains(&format!("| `{published}` |")), "docs/incidents.md lacks {name} `{published}`");
        }
    }
}

fn snake(camel: &str) -> String {
    let mut text = String::new();
    for (at, c) in camel.chars().enumerate() {
        if c.is_uppercase() && at > 0 {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[test]
fn every_reason_of_a_reject_is_explained() {
    let text = page("docs/records.md");
    for reason in RejectReason::ALL {
        assert!(text.contains(&format!("| `{}` |", reason.name())), "docs/records.md lacks `{reason}`");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for name in PAGES {
        let text = page(name);
        let folder = path(name).parent().unwrap().to_owned();
        let targets: BTreeSet<&str> =
            text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()).collect();
        for target in targets.into_iter().filter(|target| !target.is_empty() && !target.contains("://")) {
            assert!(folder.join(target).exists(), "{name} links to {target}, which is not there");
        }
    }
}
