//! Does the program keep its word on the command line: exit codes, what goes to which stream, and what a closed pipe does?

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn truthline(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_truthline"));
    command.args(words.split_whitespace()).env_remove("NO_COLOR");
    command
}

fn run(words: &str) -> (i32, String, String) {
    ended(&truthline(words).output().unwrap())
}

fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn config_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn data_goes_to_standard_output_and_trouble_to_standard_error() {
    let (code, out, err) = run("explain input.drift");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("input.drift\n"), "{out}");
    let (code, out, err) = run("explain input.drfit");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("`input.drift`"), "{err}");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for words in ["", "dance", "replay", "validate --nope", "run --nope", "schemas list", "demo --rate 5"] {
        let (code, out, err) = run(words);
        assert_eq!((code, out.as_str()), (2, ""), "{words}");
        assert!(!err.is_empty(), "{words}");
    }
    assert_eq!(run("--help").0, 0);
    assert_eq!(run("--version").0, 0);
}

#[test]
fn a_wrong_configuration_ends_with_78_and_names_everything_wrong() {
    let file =
        config_file("defaults: {window: soon, levels: [2]}\nmodels: {m: {baseline: /nowhere/b.json, learm: 1d}}\n");
    let path = file.path().to_str().unwrap();
    let (code, out, err) = run(&format!("validate --config {path}"));
    assert_eq!((code, out.as_str()), (78, ""));
    for part in [path, "defaults.window: 'soon'", "defaults.levels: [2]", "models.m.learm", "`learn`"] {
        assert!(err.contains(part), "{part} is not in {err}");
    }
    let file = config_file("models: {m: {baseline: /nowhere/b.json}}\n");
    let (code, _, err) = run(&format!("validate --config {}", file.path().display()));
    assert_eq!(code, 78);
    assert!(err.contains("models.m.baseline: '/nowhere/b.json'"), "{err}");
}

#[test]
fn the_environment_is_a_layer_of_the_configuration() {
    let file = config_file("defaults: {label_window: 3d}\n");
    let validate = format!("validate --config {}", file.path().display());
    let (code, plain, _) = run(&validate);
    assert_eq!(code, 0);
    let with = |name: &str, value: &str| ended(&truthline(&validate).env(name, value).output().unwrap());
    let (code, changed, _) = with("TRUTHLINE_DEFAULTS__LABEL_WINDOW", "4d");
    assert_eq!(code, 0);
    assert_ne!(plain, changed, "another meaning has another digest");
    assert_eq!(with("TRUTHLINE_DEFAULTS__LABEL_WINDOW", "72h").1, plain, "the same meaning has the same digest");
    assert_eq!(with("TRUTHLINE_SERVICE_PORT", "tcp://10.0.0.1").1, plain);
    assert_eq!(with("TRUTHLINE_DEFAULTS__LABEL_WINDOW", "late").0, 78);
}

#[test]
fn the_last_word_is_json_where_the_log_is() {
    let (code, _, err) = run("explain nothing --log-format json");
    assert_eq!(code, 2);
    let line: serde_json::Value = serde_json::from_str(err.lines().last().unwrap()).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert!(line["message"].as_str().unwrap().contains("'nothing'"), "{line}");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let mut child = truthline("completions bash").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Closed before the program has written: every write meets a broken pipe.
    drop(child.stdout.take());
    let (code, _, err) = ended(&child.wait_with_output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""));
}
