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

/// How far a run has to go, and in which unit that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// So many bytes; `None` when a source has no size, as standard input.
    Bytes(Option<u64>),
    /// So many offsets of topics.
    Offsets(u64),
}

/// What a run took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Wall time in seconds.
    pub seconds: f64,
    /// Records a second; `None` when there was no time to measure.
    pub records_per_second: Option<f64>,
}

impl Pace {
    /// Nothing was measured.
    pub const fn none() -> Self {
        Self { seconds: 0.0, records_per_second: None }
    }
}

impl Progress {
    /// Starts the clock.
    pub fn start(way: Way) -> Self {
        let visible = std::io::stderr().is_terminal();
        let bar = if visible {
            let bar = match way {
                Way::Bytes(None) => ProgressBar::no_length(),
                Way::Bytes(Some(length)) | Way::Offsets(length) => ProgressBar::new(length),
            };
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.set_style(style(way));
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { bar, visible, started: now(), drawn: Duration::ZERO }
    }

    /// Moves the bar. To be called after each batch of records, not after each record.
    pub fn update(&mut self, records: u64, come: u64) {
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
        self.bar.set_position(come);
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

fn style(way: Way) -> ProgressStyle {
    let template = match way {
        Way::Bytes(Some(_)) => "{bar:30} {percent:>3} %  {bytes}/{total_bytes}  {msg}  {eta} left",
        Way::Bytes(None) => "{spinner}  {bytes}  {msg}  {elapsed}",
        Way::Offsets(_) => "{bar:30} {percent:>3} %  {human_pos}/{human_len} offsets  {msg}  {eta} left",
    };
    ProgressStyle::with_template(template).expect("the template is a constant that a test renders")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_are_well_formed_and_a_rate_needs_time() {
        let _ = (style(Way::Bytes(None)), style(Way::Bytes(Some(1))), style(Way::Offsets(1)));
        assert_eq!(per_second(10, Duration::ZERO), None);
        assert_eq!(per_second(10, Duration::from_secs(2)), Some(5.0));
    }
}
