//! What do all programs of the proof need? A folder for their lines, threads, and what a page says of its origin.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use truthline::event::EventTime;

/// How many months are lived through at a time.
pub(crate) const THREADS: usize = 2;

/// The folder of lines, unless another one is asked for.
pub(crate) fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    target.join("proof")
}

/// Does each piece of work, on all threads.
pub(crate) fn each<T: Sync>(work: &[T], threads: usize, done: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(piece) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    done(piece);
                }
            });
        }
    });
}

pub(crate) fn write_page(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::write(&path, text).expect("the page can be written");
}

pub(crate) fn today() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = EventTime::from_micros_unchecked(since.as_micros() as i64).rfc3339();
    now.chars().take(10).collect()
}

pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    format!("{cores} cores of {}", name.map_or("an unknown processor", str::trim))
}
