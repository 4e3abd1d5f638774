//! How does a finding reach the page?

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::alarms::Alarms;
use super::error::RunError;
use super::feed::Side;
use super::setup::Setup;
use crate::engine::judge_of;
use crate::finding::{Alert, Incident};
use crate::judge::Finding;
use crate::kafka::{Reader, TopicPartition};
use crate::status::{JudgePart, Plan, Reference};

/// Shows a finding on the page.
pub(super) fn show(status: &JudgePart, setup: &Setup, finding: &Finding) {
    match finding {
        Finding::Summary(summary) => {
            setup.status.plan(&summary.model, plan(setup, &summary.model));
            status.summary(summary);
        }
        Finding::Alert(alert) => status.alert(alert),
        Finding::Incident(incident) => status.incident(incident),
        Finding::Request(_) => status.add_requests(1),
    }
}

/// How a model is watched.
fn plan(setup: &Setup, model: &str) -> Plan {
    let settings = setup.config.model(model);
    let labels = setup.config.topics.labels.as_ref();
    Plan {
        window: settings.window,
        label_window: settings.label_window,
        out_of_order: setup.disorder(Side::Inferences),
        label_out_of_order: labels.map(|topic| topic.out_of_order),
        reference: if setup.references.has_file(model) { Reference::Given } else { Reference::Learnt },
    }
}

/// Shows again what judges had published before they came here: alerts as they stand, and incidents. The live ones go on
/// with their lives here.
pub(super) fn restore(
    setup: &Setup,
    reader: &Reader,
    seats: &[(i32, Arc<JudgePart>)],
    alarms: &Alarms,
) -> Result<(), RunError> {
    let seat_of = |model: Option<&str>| {
        // What belongs to no model is published by the first judge.
        let judge = model.map_or(0, |model| judge_of(model, setup.judges) as i32);
        seats.iter().find(|(seat, _)| *seat == judge).map(|(_, status)| status)
    };
    each(setup, reader, &setup.names.alert_state, |alert: Alert| {
        if let Some(status) = seat_of(alert.model.as_deref()) {
            status.restored_alert(&alert);
            alarms.remember(alert);
        }
    })?;
    alarms.reconsider();
    each(setup, reader, &setup.names.incidents, |incident: Incident| {
        if let Some(status) = seat_of(incident.model.as_deref()) {
            status.restored_incident(&incident);
        }
    })
}

/// Hears every record of an output topic that can still be read; one that cannot is of no use to a page.
fn each<T: DeserializeOwned>(
    setup: &Setup,
    reader: &Reader,
    topic: &str,
    mut hear: impl FnMut(T),
) -> Result<(), RunError> {
    for partition in 0..setup.judges as i32 {
        reader.read(&TopicPartition { topic: topic.to_owned(), partition }, None, |stored| {
            if let Some(record) = stored.value.and_then(|value| serde_json::from_slice(value).ok()) {
                hear(record);
            }
            true
        })?;
    }
    Ok(())
}
