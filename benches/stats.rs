//! What does a judgement cost? The tests that run once per key and window.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use truthline::stats::distribution::shift_test;
use truthline::stats::rate::{Floor, Side, Tally, Terms, rate_p_value, rate_test};

fn judgements(bench: &mut Criterion) {
    let terms = Terms::at(1e-7);
    let (window, reference) = (Tally::new(150, 1000), Tally::new(2000, 20_000));
    let floor = Floor::Difference(0.01);
    bench.bench_function("rate_test", |b| {
        b.iter(|| rate_test(black_box(window), black_box(reference), Side::Either, floor, terms));
    });
    bench.bench_function("rate_p_value", |b| {
        b.iter(|| rate_p_value(black_box(window), black_box(reference), Side::Either, floor, terms));
    });
    let baseline: Vec<u64> = (0..40).map(|k| 400 + 7 * (k % 11)).collect();
    let quiet: Vec<u64> = baseline.iter().map(|count| count / 10).collect();
    let mut moved = quiet.clone();
    moved[7] += 200;
    moved[30] = 0;
    for (name, counts) in [("shift_test quiet", quiet), ("shift_test moved", moved)] {
        bench.bench_function(name, |b| {
            b.iter(|| shift_test(black_box(&counts), black_box(&baseline), true, 0.01, terms));
        });
    }
}

criterion_group!(benches, judgements);
criterion_main!(benches);
