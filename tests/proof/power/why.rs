//! Why is the judge slower than a fixed rule that is matched to the same rate of false alarms?

use super::effects::{Effect, Size};
use super::rules::Rule;

/// Below this many floors an effect is hardly beyond what the null hypothesis allows.
const NEAR: f64 = 2.5;

/// Figures that are always 0 in the plain world: any value at all crosses a line around them.
const STILL: [&str; 4] = ["late", "conflict", "orphans", "unseen region"];

/// The reason, for an effect on which this rule was faster.
pub(super) fn why(effect: &Effect, size: &Size, faster: Rule) -> &'static str {
    let still = |&(rule, name): &(Rule, &str)| rule == Rule::Deviations && STILL.contains(&name);
    if size.floors.is_some_and(|floors| floors < 1.0) {
        return "floor: too small to matter, silent by design";
    }
    if faster == Rule::Deviations && effect.charted.iter().any(still) {
        return "the rule says 'any at all', in a world that never has one";
    }
    match (effect.indicator, size.floors) {
        ("input.unseen_value" | "input.emerging_value" | "input.out_of_range", Some(floors)) if floors < 7.0 => {
            "baseline: 5,000 rows do not rule out that it was there before"
        }
        (_, None) => "floor: it counts only once it has grown beyond the floor",
        (_, Some(floors)) if floors < NEAR => "floor: only what lies beyond it is evidence",
        ("slice.error_rate", _) => "level: some thousand questions share it; and the whole moves with the slice",
        _ if effect.law.baseline_rows as u64 >= 28 * effect.law.rows_a_day => {
            "level: one of many questions under one allowance; the rule has one to itself"
        }
        _ => "scatter: that of days is known from 179 rows a day only; and one level for many questions",
    }
}
