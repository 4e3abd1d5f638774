//! What does a reader of the documentation see of it?

use super::course::{AFTER, CHANGE, Course};
use super::effects::Effect;
use super::quiet::Quiet;
use super::restless::Raised;
use super::table::{before, false_alarms, matched, restless, shipped};
use crate::proof::lines::Line;
use crate::proof::month::BASELINE_DAYS;
use crate::proof::worlds::Law;

/// The page `docs/power.md`. `when` and `machine` are for the reader alone.
pub(crate) fn page(
    effects: &[Effect],
    lines: &[Line<Course>],
    quiets: &[(Law, Quiet)],
    worlds: &[(&'static str, Raised)],
    when: &str,
    machine: &str,
) -> String {
    let (table, rows, slower) = matched(effects, lines);
    let seeds = effects.iter().flat_map(|effect| effect.sizes.iter().map(|size| effect.key(size)));
    let seeds = seeds.map(|key| lines.iter().filter(|line| line.cell == key).count()).max().unwrap_or(0);
    let code = lines.first().map_or("", |line| &line.code);
    let months = quiets.first().map_or(0, |(_, quiet)| quiet.months);
    let (alarms, quiet_months) = before(lines);
    format!(
        "# Where something is wrong\n\n\
         How many days after a real change does each indicator alarm? And how long would the fixed rules that people use take \
         on the very same rows, at the same rate of false alarms?\n\n\
         The world is the plain one of [null.md](null.md): 1,000 rows a day, 10 features, 5 % positives, a baseline of 5,000 \
         rows, labels within a day, and default settings: 0.1 false alarms a month for everything together. On day {CHANGE} of \
         a month something changes; {AFTER} days are left. Each size of each effect is tried on {seeds} months, the same \
         for all. A delay counts from the change until the alarm is due: the end of its window and the ten minutes of \
         disorder, and for labelled figures a day more, in which the last labels come. So 1 is the least that can be, and 2 \
         for what stands on labels.\n\n\
         Before the change, {quiet_months} months of {CHANGE} days raised {alarms} alarms.\n\n\
         ```text\ncargo bench --bench proof -- power          # goes on where a killed run stood\n\
         cargo bench --bench proof -- power --docs   # the same, and writes this page\n```\n\n\
         Written {when} on {machine}, code `{code}`.\n\n\
         ## At the same rate of false alarms\n\n\
         *days*: the median over months, and the day by which nine in ten were found; – where fewer were. In brackets: in how \
         many months the indicator alarmed about the thing that changed, where not in all. *any alarm*: the median day of the first alarm of any \
         indicator. The rules look at each day's rows: PSI (ten quantile bins of the baseline, categories by value), \
         Kolmogorov and Smirnov's distance, and how far means, rates and metrics lie from the baseline's mean, in standard \
         deviations of days drawn from it. They are matched: each watched thing has a threshold of its own, as far out as \
         gives it an equal share of 0.1 false alarms a month, by the largest statistic of {months} quiet months. That favours the \
         rules in three ways: each of them has the whole allowance for itself, where truthline has one for all; they are \
         tuned on {months} months of the true law, which nobody has; and they look only at what has changed. *slower by*: median \
         days more than the fastest of them.\n\n\
         In {slower} of {rows} rows some rule was faster; the reason stands beside it. Most of it is the price of not knowing the \
         law. A rule that is matched on quiet months knows that days do not scatter here; the judge has {BASELINE_DAYS} days of \
         179 rows to learn that from, in which a scatter that a day of 1,000 rows would show can hide, and allows for it. The \
         last rows of the table have a baseline with as many rows a day as production.\n\n{table}\n\
         ## As people ship them\n\n\
         The same with the thresholds of the books. How often they cry wolf stands in the table after it.\n\n{}\n\
         ## What the rules raise where nothing is wrong\n\n\
         In {months} further quiet months; a thing that fires counts once a month. A share of months is known to about one \
         in {months}. PSI is large by nature where a category has a thousand values and a day a thousand rows; so it is also \
         counted without such columns.\n\n{}\n\
         The plain world is stiller than any real one. The same rules with the same thresholds, in worlds of \
         [null.md](null.md) in which nothing is wrong either, though days are not all alike; false alarms a month, over \
         {} months each. What truthline raises there stands on that page.\n\n{}",
        shipped(effects, lines),
        false_alarms(quiets),
        worlds.first().map_or(0, |(_, raised)| raised.months),
        restless(worlds)
    )
}
