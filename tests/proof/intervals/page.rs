//! What does a reader of the documentation see of it?

use std::fmt::Write as _;

use super::law::LAWS;
use super::table::{SLACK, STATED, Short, markdown};
use super::trial::Coverage;
use crate::proof::lines::Line;

/// Where fewer windows speak, it is those of some baselines only.
const OFTEN: f64 = 0.9;
/// Where more cells fall short, there is one reason for all.
const MOST_LISTED: usize = 30;

/// Why intervals of a figure fall short.
fn why(short: &Short) -> &'static str {
    if short.spoke < OFTEN {
        return "published with some of the ten baselines only: their luck is that of the cell";
    }
    match (short.law, short.figure) {
        ("bunches", _) => "rows of one customer are alike, and a baseline with few positives hardly knows how much",
        (_, "auc") => "few positives: the estimate's law is skewed towards 1/2, and its variance is estimated too",
        (_, "log_loss" | "brier") => {
            "few positives, and each weighs much: the mean's law is skewed, its variance is mostly too small"
        }
        (_, "calibration_intercept" | "calibration_slope") => "few positives: the estimate's law is not yet normal",
        _ => "its interval is exact where rows are independent: how much they scatter was underestimated",
    }
}

/// The page `docs/intervals.md`. `when` and `machine` are for the reader alone.
pub(crate) fn page(ns: &[u64], shares: &[f64], lines: &[Line<Coverage>], when: &str, machine: &str) -> String {
    let windows = |least: bool| {
        let each = lines.iter().map(|line| line.came_to.windows);
        if least { each.min() } else { each.max() }.unwrap_or_default()
    };
    let code = lines.first().map_or("", |line| &line.code);
    let mut text = format!(
        "# Do the intervals hold the truth?\n\n\
         Every figure of a summary has an interval that states {} %. Here are windows of a law whose figures can be worked \
         out, published by the judge as any other: how many of their intervals hold the true figure?\n\n\
         Each cell is the share of {} to {} windows, in percent, by the share of positives (columns) and the predictions a \
         window (rows); 95 % of them get a label. **Bold**: it lies below {} % by more than two standard errors of the \
         simulation. · : never published. In brackets: in how many of the windows it was published at all, where not in \
         all. The figures of calibration and the metrics wait for 200 labels, and for 20 of the rarer class to be expected by \
         the baseline's share; below that they abstain, whatever a window happened to have. Shares of inputs, decisions and \
         labels are always published, with an exact interval. All intervals allow for the scatter between the days of the \
         baseline, some 700 rows each; where windows have more rows, what little scatter chance showed there counts for as \
         much more, so intervals of large windows are wider than they need be.\n\n\
         ```text\ncargo bench --bench proof -- intervals          # goes on where a killed run stood\n\
         cargo bench --bench proof -- intervals --docs   # the same, and writes this page\n```\n\n\
         Written {when} on {machine}, code `{code}`.\n",
        STATED * 100.0,
        windows(true),
        windows(false),
        (STATED - SLACK) * 100.0,
    );
    for law in LAWS {
        let (table, promised, short) = markdown(law, ns, shares, lines);
        let _ = write!(
            text,
            "\n## {}: {}\n\nOf {promised} cells with an interval {} fall short.\n\n{table}",
            law.name,
            law.what,
            short.len()
        );
        if short.len() > MOST_LISTED {
            let mean = short.iter().map(|one| one.share).sum::<f64>() / short.len() as f64;
            let _ = writeln!(
                text,
                "\nThose that fall short hold the truth in {:.0} % of windows on average: {}.",
                100.0 * mean,
                why(&short[0])
            );
            continue;
        }
        if short.is_empty() {
            continue;
        }
        text.push_str("\n| falls short | rows | positives | holds the truth | lies above it | lies below it | why |\n|---|---|---|---|---|---|---|\n");
        for one in short {
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            let _ = writeln!(
                text,
                "| `{}` | {} | {} % | {} ± {:.1} | {} | {} | {} |",
                one.figure,
                one.n,
                one.prevalence * 100.0,
                percent(one.share),
                100.0 * one.error,
                percent(one.above),
                percent(one.below),
                why(&one)
            );
        }
    }
    text
}
