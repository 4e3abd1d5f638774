//! How long do things take, and how large are they?
//!
//! High-dynamic-range histograms of fixed memory: two decimal digits, so a value is known within 1 %. A thread records
//! into its own [`Recorder`] without a lock and hands it over at its commit.

use hdrhistogram::Histogram;

const SECOND: u64 = 1_000_000;
const DAY: u64 = 86_400 * SECOND;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Event time from a prediction to its label. A label from before its prediction counts as zero.
    LabelDelay,
    /// How far the predictions of a partition had come, in event time, since a prediction when its label was read.
    JoinWait,
    /// Wall time of a commit, from the last record to the broker's answer.
    CommitDuration,
    /// Bytes written in one transaction.
    TransactionSize,
    /// Wall time from the reading of a record to the commit of what it changed.
    RecordToCommit,
    /// Wall time of the restore of a task or a judge.
    RestoreDuration,
}

impl Measure {
    /// All of them, in the order of the published metrics.
    pub const ALL: [Self; 6] = [
        Self::LabelDelay,
        Self::JoinWait,
        Self::CommitDuration,
        Self::TransactionSize,
        Self::RecordToCommit,
        Self::RestoreDuration,
    ];

    /// The published name, with its unit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LabelDelay => "label_delay_seconds",
            Self::JoinWait => "join_wait_seconds",
            Self::CommitDuration => "commit_duration_seconds",
            Self::TransactionSize => "transaction_size_bytes",
            Self::RecordToCommit => "record_to_commit_seconds",
            Self::RestoreDuration => "restore_duration_seconds",
        }
    }

    /// One sentence on what it is.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::LabelDelay => "Event time from a prediction to its label",
            Self::JoinWait => "Event time that the predictions of a partition had gone on when a label was joined",
            Self::CommitDuration => "Wall time of a commit",
            Self::TransactionSize => "Size of what one transaction wrote",
            Self::RecordToCommit => "Wall time from the reading of a record to the commit of what it changed",
            Self::RestoreDuration => "Wall time of the restore of a task or a judge",
        }
    }

    /// How many raw units (microseconds, bytes) make one published unit.
    pub const fn scale(self) -> f64 {
        match self {
            Self::TransactionSize => 1.0,
            _ => SECOND as f64,
        }
    }

    /// Smallest value told from zero, and largest value; raw units. What is larger counts as the largest.
    pub const fn bounds(self) -> (u64, u64) {
        match self {
            Self::LabelDelay | Self::JoinWait => (1_000, 400 * DAY),
            Self::CommitDuration | Self::RecordToCommit => (10, 3_600 * SECOND),
            Self::TransactionSize => (1, 1 << 32),
            Self::RestoreDuration => (1_000, DAY),
        }
    }

    /// The upper ends of the published buckets, raw units, ascending.
    pub const fn buckets(self) -> &'static [u64] {
        const MINUTE: u64 = 60 * SECOND;
        const HOUR: u64 = 3_600 * SECOND;
        match self {
            Self::LabelDelay | Self::JoinWait => &[
                SECOND,
                10 * SECOND,
                MINUTE,
                10 * MINUTE,
                HOUR,
                6 * HOUR,
                DAY,
                3 * DAY,
                7 * DAY,
                14 * DAY,
                30 * DAY,
                60 * DAY,
                90 * DAY,
                180 * DAY,
                365 * DAY,
            ],
            Self::CommitDuration | Self::RecordToCommit => &[
                1_000,
                2_500,
                5_000,
                10_000,
                25_000,
                50_000,
                100_000,
                250_000,
                500_000,
                SECOND,
                1_250_000,
                2_500_000,
                5 * SECOND,
                10 * SECOND,
                30 * SECOND,
                MINUTE,
                10 * MINUTE,
            ],
            Self::TransactionSize => {
                &[1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28]
            }
            Self::RestoreDuration => {
                &[100_000, 500_000, SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR]
            }
        }
    }
}

/// The values of one measure.
#[derive(Clone, Debug)]
struct Values {
    histogram: Histogram<u64>,
    /// Exact; saturates.
    sum: u64,
    /// Values above the upper bound.
    clipped: u64,
}

impl Values {
    fn new(measure: Measure) -> Self {
        let (low, high) = measure.bounds();
        let histogram = Histogram::new_with_bounds(low, high, 2).expect("the bounds are constants that a test creates");
        Self { histogram, sum: 0, clipped: 0 }
    }

    fn add(&mut self, other: &mut Self) {
        if other.histogram.is_empty() {
            return;
        }
        self.histogram.add(&other.histogram).expect("equal bounds");
        self.sum = self.sum.saturating_add(other.sum);
        self.clipped += other.clipped;
        other.histogram.reset();
        other.sum = 0;
        other.clipped = 0;
    }
}

/// What one thread has measured since its last commit; about 150 KiB, whatever is recorded.
#[derive(Clone, Debug)]
pub struct Recorder([Values; Measure::ALL.len()]);

impl Default for Recorder {
    fn default() -> Self {
        Self(Measure::ALL.map(Values::new))
    }
}

impl Recorder {
    /// Records one value: microseconds, or bytes.
    pub fn record(&mut self, measure: Measure, value: u64) {
        self.record_n(measure, value, 1);
    }

    /// Records the same value `count` times.
    pub fn record_n(&mut self, measure: Measure, value: u64, count: u64) {
        let values = &mut self.0[measure as usize];
        if value > measure.bounds().1 {
            values.clipped += count;
        }
        values.histogram.saturating_record_n(value, count);
        values.sum = values.sum.saturating_add(value.saturating_mul(count));
    }
}

/// What all threads have measured.
#[derive(Debug, Default)]
pub(super) struct Measures(Recorder);

/// What is published of one measure; raw units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Distribution {
    pub(super) count: u64,
    pub(super) sum: u64,
    pub(super) clipped: u64,
    /// Values up to each upper end of [`Measure::buckets`].
    pub(super) cumulative: Vec<u64>,
    /// The 50th, 90th and 99th percentile and the largest value; zeros while nothing was measured.
    pub(super) quantiles: [u64; 4],
}

impl Measures {
    pub(super) fn take(&mut self, recorder: &mut Recorder) {
        for (mine, other) in self.0.0.iter_mut().zip(&mut recorder.0) {
            mine.add(other);
        }
    }

    pub(super) fn distribution(&self, measure: Measure) -> Distribution {
        let Values { histogram, sum, clipped } = &self.0.0[measure as usize];
        let quantile = |share: f64| if histogram.is_empty() { 0 } else { histogram.value_at_quantile(share) };
        Distribution {
            count: histogram.len(),
            sum: *sum,
            clipped: *clipped,
            cumulative: measure.buckets().iter().map(|&end| histogram.count_between(0, end)).collect(),
            quantiles: [quantile(0.5), quantile(0.9), quantile(0.99), quantile(1.0)],
        }
    }
}
