//! What a run or a replay said: read from topics or files, and compared as bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;
use truthline::event::murmur2_partition;

use super::stream::Post;
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
        assert!(
            sorted(said.alerts.clone()) == sorted(lines("alert-state")),
            "alerts and their states are not the same"
        );
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

    /// What is final and was due when both topics had come so far, as bytes.
    pub(crate) fn finals(&self, passed: Passed) -> BTreeMap<String, String> {
        let is_final = |read: &Json| {
            let flag = read.get("final").or_else(|| read.get("basis_final"));
            flag.is_none_or(|flag| flag == &Json::Bool(true))
        };
        // What labels say is final only when the predictions have come past it too: until then one may come again.
        let until = |read: &Json| match read["basis"].as_str() {
            Some("inputs" | "predictions") => passed.inferences,
            _ => passed.inferences.min(passed.labels),
        };
        let all = self.once().into_iter();
        all.filter(|(_, (read, _))| is_final(read) && read["as_of"].as_i64().unwrap() <= until(read))
            .map(|(key, (_, line))| (key, line))
            .collect()
    }
}

/// How far the topics have come: the largest event time of each partition, and of those the smallest. What is due then
/// has been looked at by any reader of the whole topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) inferences: i64,
    pub(crate) labels: i64,
}

impl Passed {
    /// From what was published, as files say it; records that no reader accepts must not be among them.
    pub(crate) fn of(posts: &[Post], partitions: u32) -> Self {
        let mut largest = [vec![i64::MIN; partitions as usize], vec![i64::MIN; partitions as usize]];
        for post in posts {
            let Some(read) = post.line.as_ref().and_then(|line| serde_json::from_str::<Json>(line).ok()) else {
                continue;
            };
            let (Some(id), Some(time)) = (read["request_id"].as_str(), read["event_time"].as_i64()) else { continue };
            let partition = murmur2_partition(id.as_bytes(), partitions) as usize;
            let largest = &mut largest[usize::from(post.label)][partition];
            *largest = time.max(*largest);
        }
        let [inferences, labels] = largest.map(|side| side.into_iter().min().unwrap());
        Self { inferences, labels }
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
