//! How unequally is exposure spread over items? Indices of a count per item, for feedback loops.
//!
//! All are functions of the shares p of the items: the Herfindahl index (sum of p squared, 1/K to 1), the effective
//! number of items (exponential of the entropy, 1 to K), the Gini coefficient (0 equal, to 1), the largest share.
//! Items that were never shown count as items for Gini only.

/// Indices of concentration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concentration {
    /// Sum of squared shares.
    pub herfindahl: f64,
    /// Chance that two draws without replacement are of one item; `None` below two draws.
    pub simpson: Option<f64>,
    /// Entropy of the shares in nats.
    pub entropy: f64,
    /// Exponential of the entropy.
    pub effective_number: f64,
    /// Gini coefficient.
    pub gini: f64,
    /// Largest share.
    pub top_share: f64,
}

/// The indices of counts per item; `None` if nothing was counted.
pub fn concentration(counts: &[u64]) -> Option<Concentration> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let total: u128 = sorted.iter().map(|&count| u128::from(count)).sum();
    if total == 0 {
        return None;
    }
    let n = total as f64;
    let squares: u128 = sorted.iter().map(|&count| u128::from(count) * u128::from(count)).sum();
    let ranked: u128 = sorted.iter().zip(1_u128..).map(|(&count, rank)| u128::from(count) * rank).sum();
    let entropy = sorted
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| {
            let share = count as f64 / n;
            -share * libm::log(share)
        })
        .sum::<f64>()
        .max(0.0);
    let items = sorted.len() as f64;
    Some(Concentration {
        herfindahl: squares as f64 / (n * n),
        simpson: (total > 1).then(|| (squares - total) as f64 / (n * (n - 1.0))),
        entropy,
        effective_number: libm::exp(entropy),
        gini: 2.0 * ranked as f64 / (items * n) - (items + 1.0) / items,
        top_share: sorted.last().map_or(0.0, |&count| count as f64 / n),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_exposure_and_a_single_item_are_the_two_ends() {
        let equal = concentration(&[7, 7, 7, 7]).unwrap();
        assert!((equal.effective_number - 4.0).abs() < 1e-12 && equal.gini.abs() < 1e-12);
        assert!((equal.herfindahl - 0.25).abs() < 1e-12);
        let single = concentration(&[0, 0, 9]).unwrap();
        assert!((single.effective_number - 1.0).abs() < 1e-12 && (single.gini - 2.0 / 3.0).abs() < 1e-12);
        assert!(concentration(&[0, 0]).is_none() && concentration(&[]).is_none());
    }
}
