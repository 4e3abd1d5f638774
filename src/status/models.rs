//! How is one model doing, over all judges of this process?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::Progress;
use super::snapshot::{ModelView, VersionView};
use super::{JudgePart, Next, Plan, Reference};
use crate::event::EventTime;
use crate::finding::{Incident, IncidentState, Severity};

/// Alerts that fire, by severity, for each model and for the pipeline (`None`).
pub(super) struct Firing(BTreeMap<(Option<String>, Severity), u64>);

impl Firing {
    pub(super) fn of(judges: &[Arc<JudgePart>]) -> Self {
        let mut counts = BTreeMap::new();
        for judge in judges {
            judge.board(|board| {
                for ((model, severity), count) in board.firing() {
                    *counts.entry((model.map(str::to_owned), severity)).or_default() += count;
                }
            });
        }
        Self(counts)
    }

    /// Of one model or of the pipeline; zeros too.
    pub(super) fn get(&self, model: Option<&str>) -> BTreeMap<Severity, u64> {
        let count = |severity| self.0.get(&(model.map(str::to_owned), severity)).copied().unwrap_or(0);
        [Severity::Info, Severity::Warning, Severity::Critical].map(|severity| (severity, count(severity))).into()
    }
}

/// A model by its plan and by what its judges have on their boards.
pub(super) fn model_view(
    name: &str,
    plan: Option<&Plan>,
    judges: &[Arc<JudgePart>],
    firing: BTreeMap<Severity, u64>,
) -> ModelView {
    let mut versions = Vec::new();
    let mut progress = Progress::default();
    let mut open_incidents = 0;
    for judge in judges {
        judge.board(|board| {
            let of_model =
                |incident: &&Incident| incident.model.as_deref() == Some(name) && incident.state == IncidentState::Open;
            open_incidents += board.incidents.values().filter(of_model).count() as u64;
            let first = (name.to_owned(), String::new());
            let mine = board.versions.range(first..).take_while(|((model, _), _)| model == name);
            for ((_, version), kept) in mine {
                let (newest, newest_final) = kept.newest(plan.map(|plan| plan.window.micros()));
                versions.push(VersionView {
                    version: version.clone(),
                    last_window_end: newest,
                    last_final_window_end: newest_final,
                    summaries: kept.windows.len(),
                    capped: kept.windows.values().any(|entry| entry.capped),
                });
                let time = |micros: Option<i64>| micros.map(EventTime::from_micros_unchecked);
                progress.newest = progress.newest.max(time(newest));
                progress.newest_final = progress.newest_final.max(time(newest_final));
                let open = time(plan.and_then(|plan| kept.oldest_open(plan.window.micros())));
                progress.oldest_open = [progress.oldest_open, open].into_iter().flatten().min();
                progress.inputs = progress.inputs.max(board.clock.0);
                progress.labels = progress.labels.max(board.clock.1);
            }
        });
    }
    if versions.is_empty() {
        // Nobody knows yet which judge it will be; all of them follow the same clocks.
        let clocks = judges.iter().map(|judge| judge.board(|board| board.clock));
        for (inputs, labels) in clocks {
            progress.inputs = progress.inputs.max(inputs);
            progress.labels = progress.labels.max(labels);
        }
    }
    let next = plan.map(|plan| plan.next(progress)).unwrap_or_default();
    let Next { inputs, labels } = next;
    let reference = plan.map(|plan| plan.reference);
    let learning_until = match reference {
        Some(Reference::Learning { until }) => Some(until.micros()),
        _ => None,
    };
    let state = match (learning_until, progress.newest) {
        (Some(_), _) => "learning",
        (None, None) => "waiting",
        (None, Some(_)) => "watched",
    };
    ModelView {
        model: name.to_owned(),
        state,
        reference: reference.map(|reference| match reference {
            Reference::Given => "given",
            Reference::Learning { .. } => "learning",
            Reference::Learnt => "learnt",
        }),
        learning_until,
        window: plan.map(|plan| plan.window.to_string()),
        label_window: plan.and_then(|plan| plan.label_out_of_order.map(|_| plan.label_window.to_string())),
        next_inputs: inputs.map(EventTime::micros),
        next_labels: labels.map(EventTime::micros),
        versions,
        firing,
        open_incidents,
    }
}
