//! Do other people's data say the same on topics as in files?
//!
//! The car loan data of `tests/car_loan.rs`, whose figures are checked there against an independent computation. Here they
//! are published as JSON and as Avro, with labels that come days later and out of order, over four partitions, while a
//! process is killed. What is final equals, as bytes, what a replay of the CSV files says. Nothing is exempt: the
//! topics' out-of-orderness covers the disorder, so that the same labels count in all three.
#![allow(clippy::format_push_string, reason = "a test may take the short way")]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test waits for other processes")]

mod broker;
mod live;
mod loans;
mod support;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use live::avro::Avros;
use live::said::{Passed, Said, census};
use live::service::Service;
use live::stream::{Post, Publisher};
use live::{Inputs, Site};
use loans::{DATA, json_line, labels, written};
use support::assert_same;

const PARTITIONS: u32 = 4;

fn truthline(words: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_truthline")).args(words).output().unwrap();
    assert!(done.status.success(), "{words:?}\n{}", String::from_utf8_lossy(&done.stderr));
}

/// The baseline, and what a replay of the CSV files says.
struct Files {
    _folder: tempfile::TempDir,
    baseline: PathBuf,
    said: Said,
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let data = |name: &str| DATA.folder.join(name).to_str().unwrap().to_owned();
    let config = format!("{}/docs/examples/car-loan/truthline.yaml", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::from("id,repaid,known_at\n");
    for label in labels(&DATA.analysis) {
        writeln!(text, "{},{},{}", label.id, label.text, written(label.time)).unwrap();
    }
    std::fs::write(path("labels.csv"), text).unwrap();
    let (baseline, out, known) = (path("baseline.json"), path("out"), path("labels.csv"));
    let (rows, analysis) = (data("synthetic_car_loan_reference.csv"), data("synthetic_car_loan_analysis.csv"));
    truthline(&["baseline", "build", "--config", &config, "--rows", &rows, "--out", &baseline]);
    let words = ["replay", "--config", &config, "--baseline", &baseline, "--inferences", &analysis, "--labels", &known];
    truthline(&[&words[..], &["--out", &out]].concat());
    let said = Said::in_folder(&folder.path().join("out"));
    Files { baseline: folder.path().join("baseline.json"), _folder: folder, said }
});

/// Both topics in the order of publication.
fn posts() -> Vec<Post> {
    let mut posts: Vec<(i64, Post)> = Vec::new();
    for row in &DATA.analysis {
        posts.push((row.time, Post::json(false, row.time, json_line(row, false).trim_end())));
    }
    for label in labels(&DATA.analysis) {
        let (id, value, time) = (label.id, label.text, label.time);
        let line = format!(r#"{{"request_id":"{id}","label":{value},"event_time":{time}}}"#);
        posts.push((label.arrives, Post::json(true, label.arrives, &line)));
    }
    posts.sort_by_key(|(at, _)| *at);
    posts.into_iter().map(|(_, post)| post).collect()
}

fn try_with(what: &str, encode: impl Fn(&mut Post)) {
    let inputs = Inputs::new(PARTITIONS as i32);
    let baseline = FILES.baseline.display();
    let models =
        format!("models: {{car-loan: {{window: 7d, label_window: 21d, positive: 1, baseline: '{baseline}'}}}}");
    let site = Site::new(&inputs, ["out_of_order: 1h", "out_of_order: 2d"], &models, 1);
    let mut service = Service::start(&site, "one", 2);
    service.must_start();
    let mut posts = posts();
    let passed = Passed::of(&posts, PARTITIONS);
    posts.iter_mut().for_each(encode);
    let publisher = Publisher::new();
    let killed = 25;
    for (number, burst) in posts.chunks(posts.len().div_ceil(40)).enumerate() {
        burst.iter().for_each(|post| publisher.send(&inputs, post));
        std::thread::sleep(Duration::from_millis(150));
        if number == killed {
            service.must_run();
            service.kill();
            service.again();
        }
    }
    publisher.flush();
    site.settle(|| service.must_run());
    service.stop();
    let live = Said::on_topics(&site).finals(passed);
    let replayed = FILES.said.finals(passed);
    assert_same(&replayed, &live, &format!("the CSV files and topics of {what}"));
    let census = census(&live);
    for (kind, least) in [("alert", 10), ("incident", 1), ("summary", 40)] {
        assert!(census.get(kind).is_some_and(|count| *count >= least), "too few to compare: {census:?}");
    }
}

#[test]
fn topics_of_json_say_what_the_csv_files_say() {
    try_with("JSON", |_| {});
}

#[test]
fn topics_of_avro_say_what_the_csv_files_say() {
    let avro = [Avros::predictions(), Avros::labels()];
    try_with("Avro", |post| {
        let line = post.line.as_deref().unwrap();
        post.value = Some(avro[usize::from(post.label)].write(line));
    });
}
