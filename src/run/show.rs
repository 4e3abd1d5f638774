//! How does a finding reach the page?

use super::feed::Side;
use super::setup::Setup;
use crate::judge::Finding;
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
