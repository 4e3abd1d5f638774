//! How is a model watched, and when does each layer speak next?

use crate::event::{EventTime, Span, Window};

/// What a model is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A baseline from a file or a topic.
    Given,
    /// None yet: its first days are being learnt, up to this moment of event time.
    Learning {
        /// When what was learnt takes effect.
        until: EventTime,
    },
    /// What its first days taught.
    Learnt,
}

/// How a model is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Length of its base window.
    pub window: Span,
    /// How long truth may take.
    pub label_window: Span,
    /// Out-of-orderness of the predictions.
    pub out_of_order: Span,
    /// Out-of-orderness of the labels; `None` where there is no such topic.
    pub label_out_of_order: Option<Span>,
    /// What it is compared with.
    pub reference: Reference,
}

/// How far a model's base windows have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// End of the newest window that was published at all.
    pub(super) newest: Option<EventTime>,
    /// End of the newest window that is final.
    pub(super) newest_final: Option<EventTime>,
    /// End of the oldest published window that is not final.
    pub(super) oldest_open: Option<EventTime>,
    /// Every prediction before this was counted.
    pub(super) inputs: Option<EventTime>,
    /// Every label before this was counted.
    pub(super) labels: Option<EventTime>,
}

/// When each layer speaks next: once the stream has reached this event time. `None`: nothing is known yet, or there is
/// no such stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Inputs and predictions of the next window.
    pub inputs: Option<EventTime>,
    /// Labelled figures of the next window that becomes final.
    pub labels: Option<EventTime>,
}

impl Plan {
    /// When both layers speak next.
    pub(super) fn next(&self, progress: Progress) -> Next {
        if self.window == Span::ZERO {
            return Next::default();
        }
        // A window that nobody fell into is not published, so the clock counts too.
        let after = |end: EventTime| end + self.window;
        let open = |clock: EventTime| Window::holding(clock, self.window).end;
        let inputs = progress.newest.map(after).max(progress.inputs.map(open));
        let matured = progress.labels.map(|labels| open(labels - self.label_window));
        let labels = progress.oldest_open.or(progress.newest_final.map(after)).or(inputs).map(|end| {
            // What is older than the clock of the labels allows is final already.
            Some(end).max(matured).unwrap_or(end)
        });
        Next {
            inputs: inputs.map(|end| end + self.out_of_order),
            labels: labels.zip(self.label_out_of_order).map(|(end, disorder)| end + self.label_window + disorder),
        }
    }
}
