//! How are numbers said to a person on call?

/// A share as a percentage with two or three figures.
pub fn percent(share: f64) -> String {
    let x = share * 100.0;
    let digits = match x.abs() {
        y if y >= 10.0 => 1,
        y if y >= 1.0 => 2,
        y if y >= 0.001 => 3,
        y if y > 0.0 => return "under 0.001 %".to_owned(),
        _ => 0,
    };
    format!("{} %", trim(&format!("{x:.digits$}")))
}

/// A number with about three figures.
pub fn amount(x: f64) -> String {
    let digits = match x.abs() {
        y if y >= 100.0 => 0,
        y if y >= 10.0 => 1,
        y if y >= 1.0 => 2,
        y if y >= 0.001 => 4,
        y if y > 0.0 => return format!("{x:.1e}"),
        _ => 0,
    };
    trim(&format!("{x:.digits$}")).to_owned()
}

fn trim(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_figures_as_a_person_reads() {
        let said: Vec<String> = [0.0, 0.000_001, 0.012_345, 0.5, 0.123_4, 1.0].into_iter().map(percent).collect();
        assert_eq!(said, ["0 %", "under 0.001 %", "1.23 %", "50 %", "12.3 %", "100 %"]);
        let said: Vec<String> = [0.0, 0.12, 12.34, 1234.0, 1e-9].into_iter().map(amount).collect();
        assert_eq!(said, ["0", "0.12", "12.3", "1234", "1.0e-9"]);
    }
}
