//! How restless were the rows of a baseline?

use super::figures::FeaturePlaces;
use super::{Dispersion, FEW, Figures, LENGTHS, UNIT, UNKNOWN};
use crate::baseline::rows::{RowSample, SampleRow};
use crate::event::{FeatureNames, Span, Window};
use crate::observe::{CodedRow, Coding, Mapping, Recalibration, Sums, truth};
use crate::stats::dispersion::{Spread, of_mean, of_share};

/// The scatter of a baseline's rows, by length of window; lengths with too few windows are left out.
pub(in crate::baseline) fn measure(
    sample: &RowSample,
    names: &FeatureNames,
    coding: &Coding,
    map: &Recalibration,
    baseline: &Sums,
) -> Vec<Dispersion> {
    let mut rows: Vec<&SampleRow> = sample.iter().map(|(_, row)| row).collect();
    rows.sort_by_key(|row| row.time);
    let figures = Figures::new(coding, baseline.layout(), baseline);
    let windows = LENGTHS.into_iter();
    windows
        .filter_map(|(length, phases)| of_length(&rows, names, coding, map, baseline, &figures, length, phases))
        .collect()
}

#[expect(clippy::too_many_arguments, reason = "all of them are the one baseline")]
fn of_length(
    rows: &[&SampleRow],
    names: &FeatureNames,
    coding: &Coding,
    map: &Recalibration,
    baseline: &Sums,
    figures: &Figures,
    length: Span,
    phases: i64,
) -> Option<Dispersion> {
    let holding = |row: &SampleRow| Window::holding(row.time, length).start;
    let windows: Vec<&[&SampleRow]> = rows.chunk_by(|a, b| holding(a) == holding(b)).collect();
    let many = u32::try_from(windows.len()).unwrap_or(u32::MAX);
    if many < FEW {
        return None;
    }
    let mut plain = vec![Spread::default(); figures.length];
    let mut phased = vec![Spread::default(); figures.length * phases as usize];
    let mut seen = vec![0_u32; phases as usize];
    let mut sums = Sums::new(baseline.layout().clone());
    let (mut mapping, mut coded) = (Mapping::default(), CodedRow::default());
    let mut labelled = 0;
    for window in windows {
        sums.clear();
        for row in window {
            coding.code(&row.features, names, &mut mapping, &mut coded);
            sums.predicted(&row.facts, &coded);
            if let Some(positive) = row.positive {
                sums.labelled(&row.facts, &coded.codes, map, positive, 1);
            }
        }
        labelled += sums.truth(truth::N);
        let phase = (holding(window[0]).micros() / length.micros()).rem_euclid(phases) as usize;
        seen[phase] += 1;
        figures.tell(coding, map, baseline, &sums, |place, value, weight| {
            plain[place].add(value, weight);
            phased[place * phases as usize + phase].add(value, weight);
        });
    }
    let factor = |place: usize, groups: &[Spread]| {
        let factor = if place < figures.means { of_share(groups) } else { of_mean(groups) };
        factor.map_or(UNKNOWN, |factor| libm::rint(factor.value * UNIT).clamp(1.0, f64::from(u32::MAX)) as u32)
    };
    let degrees: u32 = seen.iter().map(|windows| windows.saturating_sub(1)).sum();
    let each = phased.chunks_exact(phases as usize);
    let mean = |factors: &[u32], used: u32| {
        let known = factors.iter().filter(|&&one| one != UNKNOWN);
        let excess: i64 = known.map(|&one| i64::from(one) - UNIT as i64).sum();
        u32::try_from(UNIT as i64 + excess / i64::from(used.max(1))).unwrap_or(0)
    };
    let together = |mut factors: Vec<u32>| {
        for (feature, places) in figures.features.iter().enumerate() {
            let &FeaturePlaces { first, cells, used, labelled, .. } = places;
            let parts = first + FeaturePlaces::PARTS;
            factors[first + FeaturePlaces::ALL_CELLS] = mean(&factors[parts..parts + cells], used);
            let codes = baseline.layout().cells_of(feature);
            let codes = figures.cells + codes.start..figures.cells + codes.end;
            factors[first + FeaturePlaces::ALL_LABELS] = mean(&factors[codes], labelled);
        }
        factors
    };
    Some(Dispersion {
        length: length.micros(),
        windows: many,
        degrees,
        rows: rows.len() as f64 / f64::from(many),
        labelled: labelled as f64 / f64::from(many),
        plain: together(
            plain.iter().enumerate().map(|(place, one)| factor(place, std::slice::from_ref(one))).collect(),
        ),
        phased: if degrees > 0 {
            together(each.enumerate().map(|(place, groups)| factor(place, groups)).collect())
        } else {
            Vec::new()
        },
    })
}
