//! How restless were the rows of a baseline?

use super::figures::FeaturePlaces;
use super::{Dispersion, FEW, Figures, LENGTHS, UNIT, UNKNOWN};
use crate::baseline::rows::{RowSample, SampleRow};
use crate::event::{EventTime, FeatureNames, Span, Window};
use crate::observe::{CodedRow, Coding, Mapping, Recalibration, Sums, flow};
use crate::stats::dispersion::{Spread, Windows, calm, of_mean, of_share};

/// The scatter of a baseline's rows, by length of window; lengths with too few windows are left out. Each row is coded
/// once: days and weeks are sums of hours.
pub(in crate::baseline) fn measure(
    sample: &RowSample,
    names: &FeatureNames,
    coding: &Coding,
    map: &Recalibration,
    baseline: &Sums,
    figures: &Figures,
) -> Vec<Dispersion> {
    let mut rows: Vec<&SampleRow> = sample.iter().map(|(_, row)| row).collect();
    rows.sort_by_key(|row| row.time);
    let scale = Scale { coding, map, baseline, figures };
    let mut gauges = LENGTHS.map(|(length, phases)| Gauge::new(&scale, length, phases));
    let mut hour = Sums::new(baseline.layout().clone());
    let (mut mapping, mut coded) = (Mapping::default(), CodedRow::default());
    let start = |row: &SampleRow| Window::holding(row.time, LENGTHS[0].0).start;
    for window in rows.chunk_by(|a, b| start(a) == start(b)) {
        hour.clear();
        for row in window {
            coding.code(&row.features, names, &mut mapping, &mut coded);
            hour.predicted(&row.facts, &coded);
            if let Some(positive) = row.positive {
                hour.labelled(&row.facts, &coded.codes, map, positive, 1);
            }
        }
        for gauge in &mut gauges {
            gauge.add(start(window[0]), &hour);
        }
    }
    gauges.into_iter().filter_map(Gauge::read).collect()
}

/// By what figures are taken.
struct Scale<'a> {
    coding: &'a Coding,
    map: &'a Recalibration,
    baseline: &'a Sums,
    figures: &'a Figures,
}

/// What windows of one length have shown.
struct Gauge<'a> {
    scale: &'a Scale<'a>,
    length: Span,
    phases: i64,
    /// The window that is being filled, and its sums.
    filling: Option<EventTime>,
    sums: Sums,
    plain: Vec<Spread>,
    phased: Vec<Spread>,
    seen: Vec<u32>,
    labelled: f64,
}

impl<'a> Gauge<'a> {
    fn new(scale: &'a Scale<'a>, length: Span, phases: i64) -> Self {
        let figures = scale.figures.length;
        Self {
            scale,
            length,
            phases,
            filling: None,
            sums: Sums::new(scale.baseline.layout().clone()),
            plain: vec![Spread::default(); figures],
            phased: vec![Spread::default(); figures * phases as usize],
            seen: vec![0; phases as usize],
            labelled: 0.0,
        }
    }

    /// Adds an hour; hours come in their order.
    fn add(&mut self, start: EventTime, hour: &Sums) {
        let window = Window::holding(start, self.length).start;
        if self.filling != Some(window) {
            self.close();
            self.filling = Some(window);
        }
        self.sums.merge(hour);
    }

    fn close(&mut self) {
        let Some(window) = self.filling.take() else { return };
        let Self { scale, sums, plain, phased, .. } = self;
        let phase = (window.micros() / self.length.micros()).rem_euclid(self.phases) as usize;
        let phases = self.phases as usize;
        self.labelled += sums.effective_labels()[0];
        self.seen[phase] += 1;
        scale.figures.tell(scale.coding, scale.map, scale.baseline, sums, |place, value, weight| {
            plain[place].add(value, weight);
            phased[place * phases + phase].add(value, weight);
        });
        sums.clear();
    }

    fn read(mut self) -> Option<Dispersion> {
        self.close();
        let windows: u32 = self.seen.iter().sum();
        if windows < FEW {
            return None;
        }
        let degrees: u32 = self.seen.iter().map(|windows| windows.saturating_sub(1)).sum();
        let each = self.phased.chunks_exact(self.phases as usize);
        let Scale { figures, baseline, .. } = self.scale;
        let phased = if degrees > 0 { factors_of(figures, baseline, each) } else { Vec::new() };
        let plain = factors_of(figures, baseline, self.plain.chunks_exact(1));
        let calm = |factors: &[u32], degrees| calm_of(figures, baseline, &self.plain, factors, degrees);
        let calm = [calm(&plain, windows - 1), calm(&phased, degrees)];
        Some(Dispersion {
            length: self.length.micros(),
            windows,
            degrees,
            rows: self.scale.baseline.flow(flow::N) as f64 / f64::from(windows),
            labelled: self.labelled / f64::from(windows),
            plain,
            phased,
            calm,
        })
    }
}

/// The share of figures without scatter, in thousandths: among shares of values, and among the labels of single
/// values. Where windows hold few cases each, the estimate of a factor is less sure than its windows say: its variance is
/// (2 + 1 / cases) / windows.
pub(super) fn calm_of(
    figures: &Figures,
    baseline: &Sums,
    spreads: &[Spread],
    factors: &[u32],
    degrees: u32,
) -> [u32; 2] {
    let of = |places: &mut dyn Iterator<Item = usize>, cases: &dyn Fn(&Spread) -> f64| {
        let sure = |place: usize| {
            let cases = cases(&spreads[place]);
            let degrees = f64::from(degrees) * 2.0 / (2.0 + 1.0 / cases.max(1e-9));
            let known = factors.get(place).is_some_and(|&factor| factor != UNKNOWN) && degrees >= 1.0;
            known.then(|| Windows { factor: super::told(factors[place]), degrees: degrees as u32 })
        };
        let told: Vec<Windows> = places.filter_map(sure).collect();
        libm::rint(calm(&told) * UNIT).clamp(1.0, UNIT - 1.0) as u32
    };
    let mut labels = figures.cells..figures.cells + baseline.layout().cells();
    [of(&mut figures.shares(), &Spread::cases), of(&mut labels, &Spread::mean_weight)]
}

/// The factor of each figure, from its groups of windows; then those of figures that are taken as one.
pub(super) fn factors_of<'a>(
    figures: &Figures,
    baseline: &Sums,
    groups: impl Iterator<Item = &'a [Spread]>,
) -> Vec<u32> {
    let factor = |(place, groups): (usize, &[Spread])| {
        let factor = if place < figures.means { of_share(groups) } else { of_mean(groups) };
        factor.map_or(UNKNOWN, |factor| libm::rint(factor.value * UNIT).clamp(1.0, f64::from(u32::MAX)) as u32)
    };
    let mut factors: Vec<u32> = groups.enumerate().map(factor).collect();
    for (feature, places) in figures.features.iter().enumerate() {
        let &FeaturePlaces { first, cells, used, labelled, .. } = places;
        let parts = first + FeaturePlaces::PARTS;
        factors[first + FeaturePlaces::ALL_CELLS] = mean(&factors, &figures.had, parts..parts + cells, used);
        let codes = baseline.layout().cells_of(feature);
        let codes = figures.cells + codes.start..figures.cells + codes.end;
        factors[first + FeaturePlaces::ALL_LABELS] = mean(&factors, &figures.had, codes, labelled);
    }
    factors
}

/// The mean factor of the figures at some places, of which `used` were on the baseline.
fn mean(factors: &[u32], had: &[bool], places: std::ops::Range<usize>, used: u32) -> u32 {
    let known = places.filter(|&place| had[place] && factors[place] != UNKNOWN).map(|place| factors[place]);
    let excess: i64 = known.map(|one| i64::from(one) - UNIT as i64).sum();
    u32::try_from(UNIT as i64 + excess / i64::from(used.max(1))).unwrap_or(UNKNOWN)
}
