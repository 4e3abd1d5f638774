//! What is one indicator, in words for the person who was woken by it?

use std::fmt::Write as _;

use super::limits::FloorText;
use super::{EMERGING_RATIO, Indicator, Metric, SLICE_MIN_EXPECTED, inputs, plumbing, predictions, systems, truth};

/// Whether this release computes an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is computed.
    Active,
    /// The running process says it, by the wall clock: no test, no share of the allowance, no part of a summary.
    Live,
    /// Its name is reserved; it is listed as inactive.
    Planned,
}

/// The explanation of one indicator.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// Which one.
    pub indicator: Indicator,
    /// What it asks.
    pub question: &'static str,
    /// What it is about: the keys of an alert's subject.
    pub subject: &'static str,
    /// How it is computed, in words.
    pub formula: &'static str,
    /// The fields of the records it needs.
    pub needs: &'static str,
    /// What it cannot tell.
    pub cannot_tell: &'static str,
    /// The literature it follows.
    pub source: &'static str,
    /// Whether this release computes it.
    pub status: Status,
}

/// Every explanation.
pub(super) fn entries() -> impl Iterator<Item = &'static Explanation> {
    [inputs::ENTRIES, predictions::ENTRIES, truth::ENTRIES, systems::ENTRIES, plumbing::ENTRIES].into_iter().flatten()
}

impl Indicator {
    /// Its explanation.
    ///
    /// # Panics
    /// Never: a test holds the catalogue complete.
    pub fn explain(self) -> &'static Explanation {
        entries().find(|entry| entry.indicator == self).expect("every indicator has an explanation")
    }

    /// The smallest effect worth an alert, as text.
    fn floor_text(self) -> String {
        match self {
            Self::PerformanceDegradation => {
                let one =
                    |metric: Metric| format!("{} {}", metric.name(), FloorText(metric.floor(), metric.floor_unit()));
                Metric::ALL.map(one).join(", ")
            }
            Self::PerformanceEstimated => {
                let one =
                    |metric: Metric| format!("{} {}", metric.name(), FloorText(metric.floor(), metric.floor_unit()));
                [Metric::LogLoss, Metric::Brier].map(one).join(", ")
            }
            Self::InputEmergingValue => {
                format!(
                    "{} and {EMERGING_RATIO} times the baseline's share",
                    FloorText(self.floor(), self.floor_unit())
                )
            }
            Self::SliceErrorRate => {
                format!("{}, with at least {SLICE_MIN_EXPECTED} expected", FloorText(self.floor(), self.floor_unit()))
            }
            _ if self.floor() > 0.0 => FloorText(self.floor(), self.floor_unit()).to_string(),
            _ if self.explain().status == Status::Live => "none: it is no test".into(),
            _ => "not set yet".into(),
        }
    }

    fn minimum_text(self) -> String {
        match (self.min_n(), self.min_positives()) {
            (0, _) if self.explain().status == Status::Live => "none: it is no test".into(),
            (0, _) => "not set yet".into(),
            (n, 0) => format!("{n} events"),
            (n, positives) => format!("{n} labelled events, {positives} of them positive"),
        }
    }

    fn basis_text(self) -> &'static str {
        use crate::finding::Basis;
        match self.basis() {
            Basis::Inputs => "inputs",
            Basis::Predictions => "predictions",
            Basis::Labels => "labels",
            Basis::Business => "business",
            Basis::Pipeline => "pipeline",
        }
    }
}

/// The page that `truthline explain NAME` prints.
pub fn page(indicator: Indicator) -> String {
    let Explanation { question, subject, formula, needs, cannot_tell, source, status, .. } = *indicator.explain();
    let status = match status {
        Status::Active => "computed in this release",
        Status::Live => "said by `truthline run` as it happens, by the wall clock; a replay does not say it",
        Status::Planned => "not in this release; summaries list it as inactive",
    };
    let mut text = format!("{}\n  {question}\n", indicator.name());
    for (name, value) in [
        ("status", status),
        ("about", subject),
        ("stands on", indicator.basis_text()),
        ("formula", formula),
        ("needs", needs),
        ("minimum", &indicator.minimum_text()),
        ("floor", &indicator.floor_text()),
        ("cannot tell", cannot_tell),
        ("source", source),
    ] {
        let _ = write!(text, "\n{name}\n");
        for line in wrapped(value, 76) {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// Lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The list that `truthline explain` prints: one line an indicator.
pub fn list() -> String {
    let width = Indicator::ALL.iter().map(|indicator| indicator.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (status, title) in [
        (Status::Active, "computed in this release"),
        (Status::Live, "said by `truthline run` as it happens"),
        (Status::Planned, "not in this release"),
    ] {
        let _ = writeln!(text, "{title}");
        for indicator in Indicator::ALL.iter().filter(|indicator| indicator.explain().status == status) {
            let _ = writeln!(text, "  {:width$}  {}", indicator.name(), indicator.explain().question);
        }
        text.push('\n');
    }
    text.push_str("truthline explain NAME says more about one of them.\n");
    text
}

/// The tables of `docs/indicators.md`.
pub fn table() -> String {
    let mut text = String::from("## Computed in this release\n\n");
    text.push_str("| name | asks | about | stands on | needs | minimum | floor | cannot tell |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    for indicator in Indicator::ALL.iter().copied().filter(|indicator| indicator.is_active()) {
        let Explanation { question, subject, needs, cannot_tell, .. } = indicator.explain();
        let _ = writeln!(
            text,
            "| `{}` | {question} | {subject} | {} | {needs} | {} | {} | {cannot_tell} |",
            indicator.name(),
            indicator.basis_text(),
            indicator.minimum_text(),
            indicator.floor_text(),
        );
    }
    text.push_str("\n## How each is computed\n");
    for indicator in Indicator::ALL.iter().copied().filter(|indicator| indicator.is_active()) {
        let Explanation { formula, source, .. } = indicator.explain();
        let _ = write!(text, "\n**`{}`** {formula} Source: {source}\n", indicator.name());
    }
    let heading = "| name | asks | about | stands on | needs | cannot tell |\n|---|---|---|---|---|---|\n";
    for (status, words) in [
        (
            Status::Live,
            "\n## Said by a running process\n\n`truthline run` says these as it happens, by the wall clock. They are no tests, have no \
             share of `false_alarms_per_month`, and a replay does not say them: `basis_final` is false.\n\n",
        ),
        (Status::Planned, "\n## Not in this release\n\nTheir names are reserved. Summaries list them as inactive.\n\n"),
    ] {
        text.push_str(words);
        text.push_str(heading);
        for indicator in Indicator::ALL.iter().copied().filter(|indicator| indicator.explain().status == status) {
            let Explanation { question, subject, needs, cannot_tell, .. } = indicator.explain();
            let _ = writeln!(
                text,
                "| `{}` | {question} | {subject} | {} | {needs} | {cannot_tell} |",
                indicator.name(),
                indicator.basis_text()
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_no_long_line_and_no_empty_section() {
        for &indicator in Indicator::ALL {
            let page = page(indicator);
            assert!(page.lines().all(|line| line.chars().count() <= 120), "{page}");
            assert!(!page.contains("  \n"), "{page}");
            let entry = indicator.explain();
            for text in [entry.question, entry.subject, entry.formula, entry.needs, entry.cannot_tell, entry.source] {
                assert!(!text.is_empty() && !text.contains('|'), "{}: {text}", indicator.name());
            }
        }
    }

    #[test]
    fn the_page_states_the_floor_that_the_judge_uses() {
        assert!(page(Indicator::InputMissingRate).contains("0.5 percentage points"));
        assert!(page(Indicator::InputUnseenValue).contains("0.1 percentage points"));
        assert!(page(Indicator::DecisionRate).contains("25 % of the reference"));
        assert!(page(Indicator::CalibrationSlope).contains("0.12"));
    }
}
