//! What does a record of a topic say, and how does a finding become one?
//!
//! The forms in which truthline meets other programs on topics: what it reads, what it publishes, what it sets aside.
//! Watching and replaying topics share them, so that both understand and say the same.

mod arrive;
mod letter;
mod publish;

pub use arrive::{Raw, Reading};
pub use letter::send_letter;
pub use publish::{fires, send};
