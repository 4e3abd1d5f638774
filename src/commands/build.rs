//! How do files become baselines? Shared by `baseline build` and `demo`.

use std::collections::BTreeMap;

use anyhow::bail;

use crate::baseline::{self, FILE_ROWS, Origin, Profile, RowSample, SampleRow};
use crate::config::{Config, ModelConfig};
use crate::decode::{Decoder, Encoding, Limits};
use crate::engine::{build_settings, facts};
use crate::event::{BaselineRow, Inference, Label, RequestKey, Truth};
use crate::ingest::{Source, Step};
use crate::join::Rules;

/// Rows gathered by model and version.
pub(super) struct Gathered<'a> {
    config: &'a Config,
    model: Option<&'a str>,
    version: Option<&'a str>,
    samples: BTreeMap<(String, String), RowSample>,
    /// Records read.
    pub(super) read: u64,
    /// Records that could not be used: reason and sentence of the first of each reason, and how many.
    pub(super) rejected: BTreeMap<&'static str, (u64, String)>,
    /// Rows of other models or versions.
    pub(super) filtered: u64,
}

impl<'a> Gathered<'a> {
    /// Nothing gathered yet. `model` and `version` leave out rows of others.
    pub(super) fn new(config: &'a Config, model: Option<&'a str>, version: Option<&'a str>) -> Self {
        Self { config, model, version, samples: BTreeMap::new(), read: 0, rejected: BTreeMap::new(), filtered: 0 }
    }

    /// Reads all rows of a source.
    pub(super) fn rows(&mut self, source: &mut Source, decoder: &mut Decoder) -> anyhow::Result<()> {
        let mut row = BaselineRow::default();
        loop {
            match source.next_baseline(decoder, &mut row)? {
                Step::Record => self.row(&row),
                Step::Rejected(reject) => self.reject(reject.reason.name(), &reject.detail, source),
                Step::End => return Ok(()),
            }
            self.read += 1;
        }
    }

    fn row(&mut self, row: &BaselineRow) {
        let positive = match row.truth.map(|truth| rules(self.config.model(&row.inference.model)).truth(truth)) {
            None => None,
            Some(Some(positive)) => Some(positive),
            Some(None) => {
                let sentence = "a label is neither the positive nor a negative class".to_owned();
                self.rejected.entry("unknown_label").or_insert((0, sentence)).0 += 1;
                return;
            }
        };
        self.add(&row.inference, positive);
    }

    fn add(&mut self, inference: &Inference, positive: Option<bool>) {
        let other = |wanted: Option<&str>, found: &str| wanted.is_some_and(|wanted| wanted != found);
        if other(self.model, &inference.model) || other(self.version, &inference.version) {
            self.filtered += 1;
            return;
        }
        let Some(score) = inference.score else {
            let sentence = "'score' is missing; accepted: a number in [0, 1]".to_owned();
            self.rejected.entry("missing_field").or_insert((0, sentence)).0 += 1;
            return;
        };
        let key = (inference.model.clone(), inference.version.clone());
        let sample = self.samples.entry(key).or_insert_with(|| RowSample::new(FILE_ROWS));
        let row = RequestKey::new(&inference.request_id, inference.row);
        let facts = facts(inference, row, score.get(), self.config.model(&inference.model));
        sample.add(row, || SampleRow {
            time: inference.event_time,
            facts,
            features: inference.features.clone(),
            content: inference.content,
            positive,
        });
    }

    /// Reads predictions, and then labels that tell their truth: of several labels the last by (revision, time) stands.
    pub(super) fn joined(
        &mut self,
        inferences: &mut [Source],
        labels: &mut [Source],
        decoder: &mut Decoder,
    ) -> anyhow::Result<()> {
        let mut inference = Inference::default();
        for source in inferences {
            loop {
                match source.next_inference(decoder, &mut inference)? {
                    Step::Record => self.add(&inference, None),
                    Step::Rejected(reject) => self.reject(reject.reason.name(), &reject.detail, source),
                    Step::End => break,
                }
                self.read += 1;
            }
        }
        let mut label = Label::default();
        let mut standing: BTreeMap<RequestKey, (u32, i64, Option<Truth>)> = BTreeMap::new();
        for source in labels {
            loop {
                match source.next_label(decoder, &mut label)? {
                    Step::Record => {
                        let key = RequestKey::new(&label.request_id, label.row.unwrap_or(0));
                        let order = (label.revision, label.event_time.micros());
                        let entry = standing.entry(key).or_insert((0, i64::MIN, None));
                        if order >= (entry.0, entry.1) {
                            *entry = (order.0, order.1, label.truth.filter(|_| !label.withdrawn));
                        }
                    }
                    Step::Rejected(reject) => self.reject(reject.reason.name(), &reject.detail, source),
                    Step::End => break,
                }
                self.read += 1;
            }
        }
        for ((model, _), sample) in &mut self.samples {
            let rules = rules(self.config.model(model));
            for (&key, &(_, _, truth)) in &standing {
                sample.label(key, truth.and_then(|truth| rules.truth(truth)));
            }
        }
        Ok(())
    }

    fn reject(&mut self, reason: &'static str, detail: &str, source: &Source) {
        let sentence = || format!("{} record {}: {detail}", source.name(), source.position().offset);
        self.rejected.entry(reason).or_insert_with(|| (0, sentence())).0 += 1;
    }

    /// Builds a profile for each model and version.
    pub(super) fn build(self, decoder: &Decoder) -> anyhow::Result<Vec<Profile>> {
        if self.samples.is_empty() {
            bail!("no usable row was read, so there is nothing to build a baseline from");
        }
        let samples = self.samples.iter();
        Ok(samples
            .map(|((model, version), sample)| {
                let settings = build_settings(self.config.model(model));
                baseline::build(model, version, Origin::Files, sample, decoder.names(), &settings)
            })
            .collect())
    }
}

/// The profiles of baseline rows in memory, one JSON object a line.
pub(super) fn from_lines(config: &Config, bytes: &[u8]) -> anyhow::Result<Vec<Profile>> {
    let mut decoder = Decoder::new(Limits::default());
    let mut gathered = Gathered::new(config, None, None);
    let mut row = BaselineRow::default();
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match decoder.baseline(&Encoding::Json, line, &mut row) {
            Ok(()) => gathered.row(&row),
            Err(reject) => bail!("a row of the story cannot be used: {reject}"),
        }
    }
    gathered.build(&decoder)
}

fn rules(model: &ModelConfig) -> Rules {
    Rules {
        label_window: model.label_window,
        early: model.early,
        corrections: model.correction_window,
        regime: model.labels,
        policy: model.label_policy,
        positive: model.positive,
    }
}
