//! Which words of other rooms does the configuration use?
//!
//! One file, so that the rooms they come from stand in one import.

pub(super) use crate::decode::Mapping;
pub(super) use crate::join::{Policy, Regime};
