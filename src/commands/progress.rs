//! How far is it, and how fast? Shown on standard error, and only if that is a terminal.
//!
//! The one place that reads the wall clock. No result depends on it; `run.json` states the rate it measured.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Redraws at most this often.
const REDRAW: Duration = Duration::from_millis(100);

/// A bar for one run over files.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    visible: bool,
    started: Instant,
    drawn: Duration,
}

/// What a run took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Wall time in seconds.
    pub seconds: f64,
    /// Records a second; `None` when there was no time to measure.
    pub records_per_second: Option<f64>,
}

impl Progress {
    /// Starts the clock. `total_bytes` is `None` when a source has no size, as standard input.
    pub fn start(total_bytes: Option<u64>) -> Self {
        let visible = std::io::stderr().is_terminal();
        let bar = if visible {
            let bar = total_bytes.map_or_else(ProgressBar::no_length, ProgressBar::new);
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.set_style(style(total_bytes.is_some()));
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { bar, visible, started: now(), drawn: Duration::ZERO }
    }

    /// Moves the bar. To be called after each batch of records, not after each record.
    pub fn update(&mut self, records: u64, bytes: u64) {
        if !self.visible {
            return;
        }
        let elapsed = self.started.elapsed();
        if elapsed.saturating_sub(self.drawn) < REDRAW {
            return;
        }
        self.drawn = elapsed;
        let rate = per_second(records, elapsed).unwrap_or_default();
        self.bar.set_message(format!("{records} records, {rate:.0}/s"));
        self.bar.set_position(bytes);
    }

    /// Wall time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Shows a line above the bar; without a bar, nothing.
    pub fn note(&self, text: &str) {
        self.bar.println(text);
    }

    /// Takes the bar away and says what it took.
    pub fn finish(self, records: u64) -> Pace {
        let elapsed = self.started.elapsed();
        self.bar.finish_and_clear();
        Pace { seconds: elapsed.as_secs_f64(), records_per_second: per_second(records, elapsed) }
    }
}

#[expect(clippy::disallowed_methods, reason = "progress is about wall time")]
fn now() -> Instant {
    Instant::now()
}

fn per_second(records: u64, elapsed: Duration) -> Option<f64> {
    (elapsed > Duration::ZERO).then(|| records as f64 / elapsed.as_secs_f64())
}

fn style(sized: bool) -> ProgressStyle {
    let template = if sized {
        "{bar:30} {percent:>3} %  {bytes}/{total_bytes}  {msg}  {eta} left"
    } else {
        "{spinner}  {bytes}  {msg}  {elapsed}"
    };
    ProgressStyle::with_template(template).expect("the template is a constant that a test renders")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_well_formed_and_a_rate_needs_time() {
        let _ = (style(true), style(false));
        assert_eq!(per_second(10, Duration::ZERO), None);
        assert_eq!(per_second(10, Duration::from_secs(2)), Some(5.0));
    }
}
