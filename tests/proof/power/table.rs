//! How many days did it take, the judge and the rules?

use std::fmt::Write as _;

use super::course::{AFTER, Course, LABEL_WINDOW};
use super::effects::{Effect, Size};
use super::quiet::{Quiet, matched_name};
use super::restless::Raised;
use super::rules::{Rule, SHIPPED, is_labelled_effect};
use super::why::why;
use crate::proof::lines::Line;
use crate::proof::worlds::Law;

/// Windows are days; what is waited for disorder is less.
const HALF_A_DAY: f64 = 0.5;
const RULES: [Rule; 3] = [Rule::Psi, Rule::Ks, Rule::Deviations];

/// Delays over seeds, in days; what was never found lies behind all others.
struct Delays(Vec<f64>);

impl Delays {
    fn of(days: impl Iterator<Item = Option<f64>>) -> Self {
        let mut days: Vec<f64> = days.map(|days| days.unwrap_or(f64::INFINITY)).collect();
        days.sort_unstable_by(f64::total_cmp);
        Self(days)
    }

    /// The delay by which this share of seeds was found.
    fn at(&self, share: f64) -> f64 {
        let place = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(place.saturating_sub(1)).copied().unwrap_or(f64::INFINITY)
    }

    fn found(&self) -> usize {
        self.0.iter().filter(|days| days.is_finite()).count()
    }

    /// Median and 90 % point; how many were found, where not all were.
    fn cell(&self) -> String {
        let of = self.0.len();
        match self.found() {
            0 => "never".to_owned(),
            found if found == of => format!("{} / {}", day(self.at(0.5)), day(self.at(0.9))),
            found => format!("{} / {} ({found} of {of})", day(self.at(0.5)), day(self.at(0.9))),
        }
    }
}

/// A delay in days; windows are days, and what is waited for disorder are minutes.
fn day(days: f64) -> String {
    if days.is_finite() { format!("{days:.0}") } else { "–".to_owned() }
}

fn courses<'a>(lines: &'a [Line<Course>], effect: &Effect, size: &Size) -> Vec<&'a Course> {
    let key = effect.key(size);
    lines.iter().filter(|line| line.cell == key).map(|line| &line.came_to).collect()
}

fn of_rule(courses: &[&Course], name: &str) -> Option<Delays> {
    let known = courses.first()?.rules.contains_key(name);
    known.then(|| Delays::of(courses.iter().map(|course| course.rules.get(name).copied().flatten())))
}

/// The main table: the judge beside the rules at the same rate of false alarms. Rows, and how many of them have a rule that
/// was faster.
pub(crate) fn matched(effects: &[Effect], lines: &[Line<Course>]) -> (String, usize, usize) {
    let mut text = String::from(
        "| indicator: what changes | size | days | beyond labels | any alarm | PSI | KS | mean ± sd | slower by | why |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    let (mut rows, mut slower) = (0, 0);
    for effect in effects {
        for (rung, size) in effect.sizes.iter().enumerate() {
            let courses = courses(lines, effect, size);
            if courses.is_empty() {
                continue;
            }
            rows += 1;
            let own = Delays::of(courses.iter().map(|course| course.days));
            let any = Delays::of(courses.iter().map(|course| course.any.values().copied().reduce(f64::min)));
            let title = if rung == 0 { format!("`{}`: {}", effect.name, effect.what) } else { String::new() };
            let beyond = is_labelled_effect(effect.indicator).then(|| day(own.at(0.5) - LABEL_WINDOW));
            let _ = write!(
                text,
                "| {title} | {} | {} | {} | {} |",
                size.text,
                own.cell(),
                beyond.unwrap_or_default(),
                day(any.at(0.5)),
            );
            let mut fastest: Option<(f64, Rule)> = None;
            for rule in RULES {
                let delays = of_rule(&courses, matched_name(rule));
                let median = delays.as_ref().map_or(f64::INFINITY, |delays| delays.at(0.5));
                if fastest.is_none_or(|(known, _)| median < known) {
                    fastest = Some((median, rule));
                }
                let _ = write!(text, " {} |", delays.map_or_else(String::new, |delays| delays.cell()));
            }
            let Some((median, rule)) = fastest.filter(|(median, _)| *median < own.at(0.5) - HALF_A_DAY) else {
                text.push_str("  |  |\n");
                continue;
            };
            slower += 1;
            // What was not found in the month took at least its days.
            let by = if own.at(0.5).is_finite() {
                day(own.at(0.5) - median)
            } else {
                format!("> {}", day(AFTER as f64 - median))
            };
            let _ = writeln!(text, " {by} | {} |", why(effect, size, rule));
        }
    }
    (text, rows, slower)
}

/// The second table: the rules as people ship them.
pub(crate) fn shipped(effects: &[Effect], lines: &[Line<Course>]) -> String {
    let mut text = String::from("| indicator | size | truthline |");
    SHIPPED.iter().for_each(|shipped| {
        let _ = write!(text, " {} |", shipped.name);
    });
    text.push_str("\n|---|---|---|---|---|---|---|\n");
    for effect in effects {
        for size in &effect.sizes {
            let courses = courses(lines, effect, size);
            if courses.is_empty() {
                continue;
            }
            let own = Delays::of(courses.iter().map(|course| course.days));
            let _ = write!(text, "| `{}` | {} | {} |", effect.name, size.text, own.cell());
            for shipped in &SHIPPED {
                let delays = of_rule(&courses, shipped.name).map_or_else(String::new, |delays| delays.cell());
                let _ = write!(text, " {delays} |");
            }
            text.push('\n');
        }
    }
    text
}

/// False alarms of the rules in quiet months.
pub(crate) fn false_alarms(quiets: &[(Law, Quiet)]) -> String {
    let mut text = String::from(
        "| rule | rows a day | baseline | false alarms a month | months with any |\n|---|---|---|---|---|\n",
    );
    for (law, quiet) in quiets {
        let shipped = quiet.shipped.iter().map(|(name, rates)| (name.clone(), rates));
        let matched = quiet.matched.iter().map(|(name, rates)| {
            let alive = quiet.alive.get(name).copied().unwrap_or_default();
            (format!("{name}, matched; {alive} things watched"), rates)
        });
        for (name, [alarms, disturbed]) in shipped.chain(matched) {
            let (rows, baseline) = (law.rows_a_day, law.baseline_rows);
            let _ = writeln!(text, "| {name} | {rows} | {baseline} | {alarms:.3} | {:.1} % |", 100.0 * disturbed);
        }
    }
    text
}

/// False alarms of the same rules in worlds that are less still, a month.
pub(crate) fn restless(worlds: &[(&'static str, Raised)]) -> String {
    let mut text = String::from("| rule |");
    worlds.iter().for_each(|(world, _)| {
        let _ = write!(text, " {world} |");
    });
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(worlds.len()));
    text.push('\n');
    let Some((_, first)) = worlds.first() else { return text };
    for name in first.rules.keys() {
        let _ = write!(text, "| {name} |");
        for (_, raised) in worlds {
            let [alarms, disturbed] = raised.rules.get(name).copied().unwrap_or_default();
            let _ = write!(text, " {alarms:.2} ({:.0} % of months) |", 100.0 * disturbed);
        }
        text.push('\n');
    }
    text
}

/// Alarms of the judge on windows that ended before anything had changed, and how many days those were: by month.
pub(crate) fn before(lines: &[Line<Course>]) -> (usize, usize) {
    let law = |cell: &str| (cell.contains("50 rows a day"), cell.contains("full baseline"));
    let mut months: Vec<_> =
        lines.iter().map(|line| (line.month, law(&line.cell), line.came_to.before.len())).collect();
    months.sort_unstable();
    months.dedup_by_key(|&mut (month, law, _)| (month, law));
    (months.iter().map(|(.., alarms)| alarms).sum(), months.len())
}
