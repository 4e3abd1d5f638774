//! How does a datum reach its struct by the shortest way?
//!
//! A record of the contract has single values and one map of features, and its schema says where each stands. So its
//! fields need no name, and single values no visitor. Everything else takes the way of [`super::super::visit`]: both end
//! in the same rules, one a field.

use super::super::field::Field;
use super::super::scratch::Scratch;
use super::super::target::Target;
use super::super::visit::{read_feature, read_field, stop};
use super::datum::{Entries, Fault, Fields};
use crate::event::Features;

/// Reads one record.
pub(super) fn read<T: Target>(scratch: &mut Scratch, mut fields: Fields<'_, '_>, into: &mut T) -> Result<(), Fault> {
    while let Some(named) = fields.next() {
        let mut field = named.field;
        if !field.belongs_to(T::KIND) || field == Field::Unknown {
            scratch.remember_unknown(&named.name);
            field = Field::Unknown;
        }
        scratch.meet(field).map_err(|reject| stop::<Fault>(scratch, reject))?;
        if field == Field::Features
            && let Some(features) = into.features()
            && let Some(entries) = fields.entries()?
        {
            read_features(scratch, entries, features)?;
            scratch.give(field);
        } else if field.is_kept(T::KIND)
            && let Some(value) = fields.scalar()?
        {
            scratch.put(into, field, value).map_err(|reject| stop::<Fault>(scratch, reject))?;
        } else {
            read_field(scratch, into, field, &mut fields)?;
        }
    }
    Ok(())
}

fn read_features(scratch: &mut Scratch, mut entries: Entries<'_, '_>, into: &mut Features) -> Result<(), Fault> {
    while let Some(name) = entries.next()? {
        let slot = scratch.feature(name).map_err(|reject| stop::<Fault>(scratch, reject))?;
        match (entries.scalar()?, slot) {
            (Some(value), Some(slot)) => {
                scratch.put_feature(into, slot, value).map_err(|reject| stop::<Fault>(scratch, reject))?;
            }
            (Some(_), None) => {}
            (None, slot) => read_feature(scratch, into, slot, &mut entries)?,
        }
    }
    Ok(())
}
