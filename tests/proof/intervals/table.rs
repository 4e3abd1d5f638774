//! How often did the intervals hold the truth, by figure, rows and share of positives?

use std::fmt::Write as _;

use super::law::Law;
use super::trial::{Case, Coverage, Held};
use crate::proof::lines::Line;

/// What an interval states.
pub(crate) const STATED: f64 = 0.95;
/// How far below what is stated coverage may lie.
pub(crate) const SLACK: f64 = 0.01;
/// Two standard errors of the simulation.
const SURE: f64 = 2.0;
/// Fewer windows that spoke say nothing of coverage.
const LEAST: u64 = 200;

/// Figures in the order of the table.
const FIGURES: [&str; 15] = [
    "missing",
    "unfamiliar",
    "decision_rate",
    "coverage",
    "label_rate",
    "calibration_intercept",
    "calibration_slope",
    "auc",
    "log_loss",
    "brier",
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
];

/// One cell, judged.
struct Judged {
    held: Held,
    windows: u64,
}

impl Judged {
    fn share(&self) -> f64 {
        let held = self.held.spoke - self.held.below - self.held.above;
        held as f64 / self.held.spoke.max(1) as f64
    }

    fn error(&self) -> f64 {
        let p = self.share().clamp(0.01, 0.99);
        (p * (1.0 - p) / self.held.spoke.max(1) as f64).sqrt()
    }

    /// Whether coverage lies below what is stated by more than the slack and the error of the simulation.
    fn falls_short(&self) -> bool {
        self.held.spoke >= LEAST && self.share() + SURE * self.error() < STATED - SLACK
    }

    fn text(&self) -> String {
        let spoke = self.held.spoke as f64 / self.windows.max(1) as f64;
        if self.held.spoke == 0 {
            return "·".to_owned();
        }
        if self.held.spoke < LEAST {
            return format!("({:.0} % speak)", 100.0 * spoke);
        }
        let share = format!("{:.1}", 100.0 * self.share());
        let share = if self.falls_short() { format!("**{share}**") } else { share };
        if spoke < 0.995 { format!("{share} ({:.0} %)", 100.0 * spoke) } else { share }
    }
}

/// A cell that falls short, for the list of findings.
#[derive(Clone, Debug)]
pub(crate) struct Short {
    pub law: &'static str,
    pub figure: &'static str,
    pub n: u64,
    pub prevalence: f64,
    pub share: f64,
    pub error: f64,
    /// The share of windows that published one.
    pub spoke: f64,
    /// Shares of windows whose interval lay wholly above, or below, the truth.
    pub above: f64,
    pub below: f64,
}

/// The table of one law, how many cells publish an interval often enough to be judged, and those that fall short.
pub(crate) fn markdown(law: Law, ns: &[u64], shares: &[f64], lines: &[Line<Coverage>]) -> (String, usize, Vec<Short>) {
    let mut text = String::from("| figure | rows |");
    shares.iter().for_each(|share| {
        let _ = write!(text, " {} % |", share * 100.0);
    });
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(shares.len()));
    text.push('\n');
    let (mut promised, mut short) = (0, Vec::new());
    for figure in FIGURES {
        for (place, &n) in ns.iter().enumerate() {
            let title = if place == 0 { format!("`{figure}`") } else { String::new() };
            let _ = write!(text, "| {title} | {n} |");
            for &prevalence in shares {
                let key = Case { law, n, prevalence }.key();
                let line = lines.iter().find(|line| line.cell == key);
                let judged = line.and_then(|line| {
                    let held = *line.came_to.figures.get(figure)?;
                    Some(Judged { held, windows: line.came_to.windows })
                });
                // What is published is promised, however few hits it stands on.
                if let Some(judged) = &judged {
                    promised += usize::from(judged.held.spoke >= LEAST);
                    if judged.falls_short() {
                        let of = judged.held.spoke as f64;
                        let (share, error) = (judged.share(), judged.error());
                        let (above, below) = (judged.held.below as f64 / of, judged.held.above as f64 / of);
                        let (law, spoke) = (law.name, of / judged.windows.max(1) as f64);
                        short.push(Short { law, figure, n, prevalence, share, error, spoke, above, below });
                    }
                }
                let _ = write!(text, " {} |", judged.map_or_else(|| "–".to_owned(), |judged| judged.text()));
            }
            text.push('\n');
        }
    }
    (text, promised, short)
}
