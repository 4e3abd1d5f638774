//! How are many months lived side by side, with the same outcome whoever lives which?

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What becomes of each month, by its number, in the order of the numbers.
pub(crate) fn each<T: Send>(months: u64, threads: usize, live: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (next, lived) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= months {
                        break;
                    }
                    let month = live(number);
                    lived.lock().expect("no thread died").push((number, month));
                }
            });
        }
    });
    let mut lived = lived.into_inner().expect("no thread died");
    lived.sort_by_key(|(number, _)| *number);
    lived.into_iter().map(|(_, month)| month).collect()
}
