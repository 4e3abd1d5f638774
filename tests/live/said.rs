//! What a run or a replay said: read from topics or files, and compared as bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;

use super::{Site, read};

/// Lines as they were published: alerts, incidents, summaries, label requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) alerts: Vec<String>,
    pub(crate) incidents: Vec<String>,
    pub(crate) summaries: Vec<String>,
    pub(crate) requests: Vec<String>,
}

impl Said {
    /// What consumers of a site's topics see.
    pub(crate) fn on_topics(site: &Site) -> Self {
        let lines = |end: &str| -> Vec<String> {
            let value = |got: super::Got| String::from_utf8(got.value.unwrap()).unwrap();
            read(&site.topic(end)).into_iter().map(value).collect()
        };
        let said = Self {
            alerts: lines("alerts"),
            incidents: lines("incidents"),
            summaries: lines("summaries"),
            requests: lines("label-requests"),
        };
        // Each change of an alert goes to two topics in one transaction; neither is compacted so soon.
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        assert!(sorted(said.alerts.clone()) == sorted(lines("alert-state")), "alerts and their states are not the same");
        said
    }

    /// What a replay wrote into its folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let lines = |name: &str| -> Vec<String> {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            text.lines().map(str::to_owned).collect()
        };
        Self {
            alerts: lines("alerts.jsonl"),
            incidents: lines("incidents.jsonl"),
            summaries: lines("summaries.jsonl"),
            requests: lines("label-requests.jsonl"),
        }
    }

    /// Everything by its identity. Panics if anything was said twice.
    pub(crate) fn once(&self) -> BTreeMap<String, (Json, String)> {
        let mut all = BTreeMap::new();
        let mut ids = BTreeSet::new();
        let mut add = |kind: &str, fields: &[&str], line: &String| {
            let read: Json = serde_json::from_str(line).unwrap();
            let key = fields.iter().map(|field| read[*field].to_string()).collect::<Vec<_>>().join(" ");
            let key = format!("{kind} {key}");
            if let Some((_, before)) = all.insert(key.clone(), (read, line.clone())) {
                let start = |line: &str| line.chars().take(400).collect::<String>();
                panic!("said twice: {key}\n{}\n{}", start(&before), start(line));
            }
        };
        for line in &self.alerts {
            add("alert", &["model", "as_of", "fingerprint", "state", "basis_final"], line);
            let read: Json = serde_json::from_str(line).unwrap();
            assert!(ids.insert(read["id"].to_string()), "the id of an alert came twice: {line}");
        }
        self.incidents.iter().for_each(|line| add("incident", &["id", "revision"], line));
        self.summaries.iter().for_each(|line| add("summary", &["model", "version", "window", "revision"], line));
        self.requests.iter().for_each(|line| add("request", &["incident", "request_id", "row"], line));
        all
    }

    /// What is final and was due at `until` at the latest, as bytes.
    pub(crate) fn finals(&self, until: i64) -> BTreeMap<String, String> {
        let all = self.once().into_iter();
        let is_final = |read: &Json| {
            let flag = read.get("final").or_else(|| read.get("basis_final"));
            flag.is_none_or(|flag| flag == &Json::Bool(true))
        };
        all.filter(|(_, (read, _))| is_final(read) && read["as_of"].as_i64().unwrap() <= until)
            .map(|(key, (_, line))| (key, line))
            .collect()
    }
}

/// How many of each kind.
pub(crate) fn census(finals: &BTreeMap<String, String>) -> BTreeMap<&str, usize> {
    let mut census = BTreeMap::new();
    for key in finals.keys() {
        *census.entry(key.split(' ').next().unwrap()).or_insert(0) += 1;
    }
    census
}

/// The largest event time of each partition, the smallest of those: what is due then has been looked at by any reader of
/// the whole topic. Taken from the records alone.
pub(crate) fn passed(topic: &str, partitions: i32) -> i64 {
    let mut largest = vec![i64::MIN; partitions as usize];
    for got in read(topic) {
        let Some(value) = got.value else { continue };
        let Ok(read) = serde_json::from_slice::<Json>(&value) else { continue };
        let Some(time) = read["event_time"].as_i64() else { continue };
        let largest = &mut largest[got.partition as usize];
        *largest = time.max(*largest);
    }
    largest.into_iter().min().unwrap()
}
