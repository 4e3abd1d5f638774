//! Does the demo tell its story: a silent failure found in days, with everything else quiet?
//!
//! The story differs from seed to seed; what is asked here must hold for each.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const DAY: i64 = 86_400_000_000;
/// 2026-01-15T00:00:00Z, when the new method appears.
const EMERGES: i64 = 1_768_435_200_000_000;

fn play(folder: &Path, seed: u32) -> (PathBuf, String) {
    let out = folder.join(format!("seed-{seed}"));
    let ran = Command::new(env!("CARGO_BIN_EXE_truthline"))
        .args(["demo", "--seed", &seed.to_string(), "--out", out.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    (out, String::from_utf8(ran.stdout).unwrap())
}

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_chain_alarms_in_days_while_the_whole_stays_quiet() {
    let folder = tempfile::tempdir().unwrap();
    for seed in [1, 2, 3, 4] {
        let (out, said) = play(folder.path(), seed);
        let alerts = lines(&out, "alerts.jsonl");
        let firing: Vec<&Value> = alerts.iter().filter(|alert| alert["state"] == "firing").collect();
        let names: Vec<&str> = firing.iter().map(|alert| alert["indicator"].as_str().unwrap()).collect();
        let chain = ["input.unseen_value", "input.emerging_value", "slice.error_rate"];
        assert!(names.iter().all(|name| chain.contains(name)), "seed {seed}: something else fired: {names:?}");
        let first = |name: &str| {
            let found = firing.iter().find(|alert| alert["indicator"] == name);
            found.unwrap_or_else(|| panic!("seed {seed}: {name} did not fire"))["as_of"].as_i64().unwrap()
        };
        let [unseen, emerging, slice] = chain.map(first);
        assert!(EMERGES < unseen && unseen <= emerging && emerging < slice, "seed {seed}");
        assert!(emerging <= EMERGES + 10 * DAY, "seed {seed}: the new value is named within ten days");
        // The labels of a day are mature five days later; a week of traffic is enough to see the harm.
        assert!(slice <= EMERGES + 14 * DAY, "seed {seed}: the harm is found within two weeks");
        let mut about = firing.iter().filter(|alert| alert["indicator"] == "slice.error_rate");
        assert!(about.all(|alert| alert["subject"]["slice"]["payment_method"] == "instant"));
        assert!(said.contains("instant") && said.contains("collect_labels"), "seed {seed}: {said}");
    }
}

#[test]
fn one_incident_names_the_cause_and_asks_for_the_right_labels() {
    let folder = tempfile::tempdir().unwrap();
    let (out, _) = play(folder.path(), 5);
    let incidents = lines(&out, "incidents.jsonl");
    let ids: std::collections::BTreeSet<&str> = incidents.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1);
    let last = incidents.last().unwrap();
    assert_eq!(last["cause"], "emerging_category");
    // Before there are labels of the new kind to learn from, a new model would learn nothing of it.
    let named = incidents.iter().find(|one| one["cause"] == "emerging_category").unwrap();
    assert_eq!((&named["advice"][0], &named["retrain"]["verdict"]), (&"collect_labels".into(), &"wait".into()));
    // Once the harm is shown by as many labels as any metric needs, there is something to learn from.
    let alerts = lines(&out, "alerts.jsonl");
    let harm = alerts.iter().filter(|alert| alert["indicator"] == "slice.error_rate" && alert["state"] == "firing");
    let enough = harm.map(|alert| alert["n"].as_u64().unwrap()).max().unwrap() >= 200;
    let (first, verdict) = if enough { ("route_to_review", "retrain") } else { ("collect_labels", "wait") };
    assert_eq!((&last["advice"][0], &last["retrain"]["verdict"]), (&first.into(), &verdict.into()));
    assert!(last["advice"].as_array().unwrap().contains(&"collect_labels".into()), "{last}");
    assert_eq!(last["evidence"]["overall_metrics_quiet"], true);
    let requests = lines(&out, "label-requests.jsonl");
    assert!(requests.len() >= 20, "{} requests", requests.len());
    assert!(requests.iter().all(|one| one["incident"] == last["id"] && one["model"] == "fraud"));
    let run: Value = serde_json::from_str(&std::fs::read_to_string(out.join("run.json")).unwrap()).unwrap();
    assert!(run["invariants"].as_array().unwrap().iter().all(|one| one["holds"] == true));
    let records: u64 = run["sources"].as_array().unwrap().iter().map(|one| one["records"].as_u64().unwrap()).sum();
    assert!(records >= 200_000, "{records} records");
}

#[test]
fn equal_seeds_give_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    let (one, _) = play(&folder.path().join("a"), 7);
    let (other, _) = play(&folder.path().join("b"), 7);
    for name in ["alerts.jsonl", "incidents.jsonl", "summaries.jsonl", "label-requests.jsonl", "dead-letters.jsonl"] {
        let [a, b] = [&one, &other].map(|folder| std::fs::read(folder.join(name)).unwrap());
        assert!(a == b, "{name} differs");
    }
}
