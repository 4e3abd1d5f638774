//! What does a join tell, and to whom?

use super::{NewLabel, RowView};
use crate::event::EventTime;

/// Where an inference went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is a row now.
    New,
    /// The same content is a row already; dropped.
    Duplicate,
    /// Another content holds its place; dropped.
    Conflict,
    /// It came after the watermark of its source; dropped.
    Late,
    /// There is no room for another row ([`super::Limits::rows`]); dropped, and the join is capped.
    Refused,
}

/// Where a label went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelPlaced {
    /// It met its row and is one of the labels that decide the row's truth.
    Met,
    /// It is an exact repeat of a label of its row.
    Duplicate,
    /// Its row has as many labels as are kept; the join is capped.
    Ignored,
    /// It waits for its inference.
    Buffered,
    /// No inference of it can come any more.
    Orphan,
    /// It came after the watermark of its source.
    Late,
}

/// The observer of a join. It is called at once, inside the call that caused it.
///
/// The order of the calls of one [`super::Join::expire`] follows memory, not time; what is built from them has to
/// add, so that no order of them matters.
pub trait Watch {
    /// The truth of a row changed; `None` is unlabelled. `row` shows the state after the change.
    fn truth(&mut self, row: &RowView<'_>, before: Option<bool>, after: Option<bool>);

    /// The label that stands changed, by a first label, a correction or a withdrawal: what it says, its event time, or
    /// both. Called after [`Watch::truth`], if that changed.
    fn standing(&mut self, _row: &RowView<'_>, _before: Option<(bool, EventTime)>, _after: Option<(bool, EventTime)>) {}

    /// The row can change no more. `truth` is what it ended with; `assumed` says that it is negative by silence.
    fn closed(&mut self, row: &RowView<'_>, truth: Option<bool>, assumed: bool);

    /// A label of this event time will never meet an inference.
    fn orphan(&mut self, label_time: EventTime);

    /// A label that had waited met its row, and its value is neither the positive nor a negative class.
    fn unknown_label(&mut self, label: &NewLabel, model: u16);

    /// An inference was dropped as a duplicate. `time` is its own event time or, if it was late, its source's
    /// watermark: its own window may be gone.
    fn duplicate(&mut self, model: u16, cohort: u16, time: EventTime);

    /// An inference of this own event time was dropped because another content holds its place.
    fn conflict(&mut self, model: u16, cohort: u16, time: EventTime);

    /// An inference was dropped as late. Its own window may be gone, so its source's watermark is told.
    fn late_inference(&mut self, model: u16, cohort: u16, watermark: EventTime);
}
