//! What does the join cost for one inference, for one label and for one row in memory?
//!
//! A steady stream: one inference a millisecond with 20 codes and a window of 1,000 s, so that a million rows are
//! open. Each row has one label, 262 to 524 s later, in an order that jumps all over the rows. Rows are closed every
//! 1,000 records, which has a figure of its own.
//!
//! `-- restore` measures only how fast another join takes up what this one has written down.

#![allow(missing_docs, clippy::disallowed_methods, clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use truthline::event::{EventTime, RequestKey, Span, Truth};
use truthline::join::{
    Due, Entries, Entry, Join, Journal, LabelPlaced, Limits, NewLabel, NewRow, Placed, Policy, Regime, RowView, Rules,
    Watch,
};

const OPEN_ROWS: i64 = 1_000_000;
const TICK: i64 = 1_000;
const BATCH: i64 = 1_000;
/// Keys that are read ahead at a time.
const AHEAD: i64 = 50;
/// Rows whose labels come in one jumbled block.
const BLOCK: i64 = 1 << 18;
const START: i64 = 1_700_000_000_000_000;

#[derive(Default)]
struct Sums {
    labelled: i64,
    score: f64,
    codes: u64,
    closed: u64,
}

impl Watch for Sums {
    fn truth(&mut self, row: &RowView<'_>, before: Option<bool>, after: Option<bool>) {
        self.labelled += i64::from(after.is_some()) - i64::from(before.is_some());
        self.score += row.score;
        self.codes += row.codes.iter().map(|&code| u64::from(code)).sum::<u64>();
    }
    fn closed(&mut self, _: &RowView<'_>, _: Option<bool>, _: bool) {
        self.closed += 1;
    }
    fn orphan(&mut self, _: EventTime) {}
    fn unknown_label(&mut self, _: &NewLabel, _: u16) {}
    fn duplicate(&mut self, _: u16, _: u16, _: EventTime) {}
    fn conflict(&mut self, _: u16, _: u16, _: EventTime) {}
    fn late_inference(&mut self, _: u16, _: u16, _: EventTime) {}
}

/// The finaliser of `SplitMix64`: a key that looks like a hash, for a nanosecond.
fn key(n: i64) -> RequestKey {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let low = mix(n as u64);
    RequestKey::from_bits(u128::from(low) << 64 | u128::from(mix(low ^ 0x9e37_79b9_7f4a_7c15)))
}

fn time(n: i64) -> EventTime {
    EventTime::from_micros_unchecked(START + n * TICK)
}

struct Stream {
    join: Join,
    sums: Sums,
    next: i64,
    /// Whether batches of keys are read ahead.
    ahead: bool,
    journal: Journal,
    codes: [u8; 20],
}

const SECOND: Span = Span::from_micros(1_000_000);

fn rules() -> Rules {
    let window = Span::from_micros(OPEN_ROWS * TICK);
    Rules {
        label_window: window,
        early: SECOND,
        corrections: window,
        regime: Regime::Explicit,
        policy: Policy::Last,
        positive: Truth::Number(1.0),
    }
}

impl Stream {
    fn new() -> Self {
        let mut join = Join::new(SECOND, SECOND, Limits::default());
        join.set_rules(0, rules());
        Self {
            join,
            sums: Sums::default(),
            next: 0,
            ahead: false,
            journal: Journal::default(),
            codes: std::array::from_fn(|place| place as u8),
        }
    }

    /// A thousand inferences. `WRITE`: what is kept is written down.
    fn inferences<const WRITE: bool>(&mut self) {
        for n in self.next..self.next + BATCH {
            if self.ahead && n % AHEAD == 0 {
                let keys: [RequestKey; AHEAD as usize] = std::array::from_fn(|place| key(n + place as i64));
                self.join.warm(&keys);
            }
            let row = NewRow {
                key: key(n),
                row: 0,
                time: time(n),
                model: 0,
                cohort: 0,
                score: 0.25,
                bits: 1,
                arm: 0,
                action: 2,
                action_prob: 1.0,
                weight: 2,
                content: n as u32,
                codes: &self.codes,
                layout: 0,
            };
            let placed = black_box(self.join.inference(row, &mut self.sums));
            if WRITE && placed == Placed::New {
                self.journal.row(&row, self.join.last_due());
            }
        }
        self.next += BATCH;
    }

    /// What can go of the oldest rows: a thousand of them.
    fn expire(&mut self) {
        self.join.expire(&mut self.sums);
    }

    /// The labels of a thousand rows, in jumbled order.
    fn labels<const WRITE: bool>(&mut self) {
        let asked = |n: i64| (n / BLOCK - 1) * BLOCK + (n % BLOCK * 0x2_9e37 + 1) % BLOCK;
        for n in self.next - BATCH..self.next {
            if self.ahead && n % AHEAD == 0 {
                let keys: [RequestKey; AHEAD as usize] = std::array::from_fn(|place| key(asked(n + place as i64)));
                self.join.warm(&keys);
            }
            let asked = asked(n);
            if asked < 0 {
                continue;
            }
            let label = NewLabel {
                key: key(asked),
                time: time(n),
                revision: 0,
                content: n as u32,
                truth: Some(Truth::Number((n & 1) as f64)),
                all_rows: false,
            };
            let placed = black_box(self.join.label(label, &mut self.sums)).ok();
            if WRITE && placed == Some(LabelPlaced::Met) {
                self.journal.label(&label, self.join.last_due());
            }
        }
    }

    fn fill(&mut self) {
        while self.next < 2 * OPEN_ROWS {
            self.inferences::<false>();
            self.expire();
            self.labels::<false>();
        }
    }

    /// Time of `count` steps of one kind, while the other kinds keep pace.
    fn measure(&mut self, count: u64, kind: Kind) -> Duration {
        let mut spent = Duration::ZERO;
        let batches = count.div_ceil(BATCH as u64);
        for _ in 0..batches {
            for (turn, step) in [
                (Kind::Inference, Self::inferences::<false> as fn(&mut Self)),
                (Kind::Close, Self::expire),
                (Kind::Label, Self::labels::<false>),
            ] {
                let start = Instant::now();
                step(self);
                if turn == kind {
                    spent += start.elapsed();
                }
            }
        }
        spent.mul_f64(count as f64 / (batches * BATCH as u64) as f64)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Inference,
    Label,
    Close,
}

/// The median over batches: what a record takes when nothing else interrupts, on a busy machine too.
fn report_medians(stream: &mut Stream) {
    let mut spent = [const { Vec::new() }; 3];
    for _ in 0..2_000 {
        for (kind, step) in
            [Stream::inferences::<false> as fn(&mut Stream), Stream::expire, Stream::labels::<false>].iter().enumerate()
        {
            let start = Instant::now();
            step(stream);
            spent[kind].push(start.elapsed().as_nanos() / BATCH as u128);
        }
    }
    for (name, mut spent) in ["inference", "close", "label"].into_iter().zip(spent) {
        spent.sort_unstable();
        println!("{name}: median {} ns, fastest tenth under {} ns", spent[1_000], spent[200]);
    }
}

/// Resident bytes of this process; zero where the system does not tell.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).map_or(0, |pages| pages * 4_096)
}

fn report_memory() {
    let before = resident();
    let mut stream = Stream::new();
    stream.fill();
    let memory = stream.join.memory();
    let per = |bytes: usize| bytes as f64 / memory.open_rows as f64;
    println!(
        "{} open rows: {:.1} bytes each and {:.1} of codes",
        memory.open_rows,
        per(memory.rows + memory.index),
        per(memory.codes)
    );
    println!(
        "  rows {:.1}, index {:.1}, corrections {} B, buffer {} B",
        per(memory.rows),
        per(memory.index),
        memory.corrections,
        memory.buffer
    );
    println!("  resident growth {:.1} bytes a row", per(resident().saturating_sub(before)));
    for balance in stream.join.invariants() {
        println!("  {balance}");
    }
    black_box(&stream.sums.codes);
}

/// Takes up the blocks that are not outlived after two windows: a million open rows, their labels, and what closed rows
/// have left in the same blocks.
fn report_restore() {
    let mut stream = Stream::new();
    let mut blocks: Vec<(Vec<u8>, Due)> = Vec::new();
    while stream.next < 2 * OPEN_ROWS {
        // A commit each ten batches.
        for _ in 0..10 {
            stream.inferences::<true>();
            stream.expire();
            stream.labels::<true>();
        }
        blocks.push((stream.journal.bytes().to_vec(), stream.journal.due()));
        stream.journal.clear();
        blocks.retain(|(_, due)| !stream.join.has_outlived(*due));
    }
    let bytes: usize = blocks.iter().map(|(bytes, _)| bytes.len()).sum();
    let mark = stream.join.mark();
    for ahead in [false, true] {
        let mut best = f64::MAX;
        let (mut rows, mut labels) = (0, 0);
        for _ in 0..5 {
            let mut join = Join::new(SECOND, SECOND, Limits::default());
            join.restore_rules(0, rules(), None);
            (rows, labels) = (0, 0);
            let mut keys = Vec::new();
            let start = Instant::now();
            for (bytes, _) in &blocks {
                let mut next = Entries::new(bytes);
                for (place, entry) in Entries::new(bytes).flatten().enumerate() {
                    if ahead && place % AHEAD as usize == 0 {
                        keys.clear();
                        keys.extend(next.by_ref().take(AHEAD as usize).flatten().map(|entry| entry.key()));
                        join.warm(&keys);
                    }
                    match entry {
                        Entry::Row(row) if join.is_past(&mark, &row) => {}
                        Entry::Row(row) => {
                            assert!(join.restore_row(row));
                            rows += 1;
                        }
                        Entry::Label(label) => {
                            assert!(join.restore_label(label));
                            labels += 1;
                        }
                    }
                }
            }
            join.finish_restore(&mark);
            best = start.elapsed().as_secs_f64().min(best);
            assert_eq!((join.open_rows(), join.counts()), (stream.join.open_rows(), stream.join.counts()));
        }
        println!(
            "restore{}: {rows} rows and {labels} labels in {best:.3} s (best of 5), {:.0} rows/s, {:.0} entries/s, {} blocks, {:.1} MB",
            if ahead { " with keys read ahead" } else { "" },
            f64::from(rows) / best,
            f64::from(rows + labels) / best,
            blocks.len(),
            bytes as f64 / 1e6,
        );
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "restore") {
        report_restore();
        return;
    }
    report_memory();
    let mut stream = Stream::new();
    stream.fill();
    report_medians(&mut stream);
    stream.ahead = true;
    println!("with keys read ahead:");
    report_medians(&mut stream);
    let mut criterion = Criterion::default().configure_from_args();
    for (name, kind) in [("inference", Kind::Inference), ("label", Kind::Label), ("close", Kind::Close)] {
        criterion.bench_function(name, |b| b.iter_custom(|count| stream.measure(count, kind)));
    }
    criterion.final_summary();
    println!(
        "open rows {}, labelled {}, score {}, closed {}",
        stream.join.memory().open_rows,
        stream.sums.labelled,
        stream.sums.score,
        stream.sums.closed
    );
    drop(stream);
    report_restore();
}
