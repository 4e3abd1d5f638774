//! What does a reader of the documentation see of the proof?

use std::fmt::Write as _;

use super::cells::Cell;
use super::lines::Line;
use super::month::DAYS;
use super::table::{LIMIT, markdown};

/// The page `docs/null.md`. `when` and `machine` are for the reader alone.
pub(crate) fn page(cells: &[Cell], lines: &[Line], budgets: &[f64], when: &str, machine: &str) -> String {
    let (table, kept) = markdown(cells, lines, budgets);
    let months = cells.iter().map(|cell| lines.iter().filter(|line| line.cell == cell.name).count()).max().unwrap_or(0);
    let code = lines.first().map_or("", |line| &line.code);
    let mut text = format!(
        "# Where nothing is wrong\n\n\
         The user says how many false alarms a month a model may raise. This page says how many it raises in worlds in which \
         nothing is wrong, though they may be restless: they follow the hours of the day, wander, or live off a few busy \
         customers, before the baseline ends and after.\n\n\
         A month is a fresh baseline over the 28 days before, drawn by the same law, and {DAYS} days of windows that a judge \
         with default settings looks at until their last labels have matured: daily windows with those of 7 and 28 days above \
         them, or hourly ones with those of 24 and 168 hours. An alarm is a thing that begins to fire on a final window, \
         counted once a month; news (`info`) is none. The promise is kept where the upper 95 % bound of the alarms a month \
         (Garwood's, of a Poisson count) lies below {LIMIT} times the allowance; it is open where no more alarms came than may, in \
         too few months for that bound. The larger allowance is there to show how \
         careful the judge is: one that never fires would keep every promise.\n\n\
         **{kept} of {} worlds keep the promise** at {} a month, over up to {months} months each.\n\n\
         ```text\ncargo bench --bench proof -- null          # goes on where a killed run stood\n\
         cargo bench --bench proof -- null --docs   # the same, and writes this page\n```\n\n\
         Written {when} on {machine}, code `{code}`.\n\n{table}\n## The worlds\n\n| world | what it is |\n|---|---|\n",
        cells.len(),
        budgets.first().copied().unwrap_or_default()
    );
    for cell in cells {
        let _ = writeln!(text, "| {} | {} |", cell.name, cell.what);
    }
    text
}
