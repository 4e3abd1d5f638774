//! How is a row of a table read as a record?
//!
//! A table is opened once with its header and its mapping; then each row is read cell by cell into the same rules
//! that JSON and Avro end in. Cells are text: what a field expects decides how it is read. A feature's cell that
//! reads wholly as a finite number is one; everything else stays text (`True` is text).

use super::field::{Field, Kind};
use super::mapping::{Column, Mapping, MappingError};
use super::scalar::Scalar;
use super::scratch::Scratch;
use super::table_time::TableTime;
use super::target::Target;
use crate::event::{Reject, RejectReason};

/// The cells of one row: their bytes one after the other, and where each ends.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Cells<'a> {
    /// The cells of `bytes` that end at `ends`.
    pub const fn new(bytes: &'a [u8], ends: &'a [usize]) -> Self {
        Self { bytes, ends }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of a cell; `None` if the row is too short.
    pub fn get(&self, number: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..end)
    }

    fn text(&self, number: usize, table: &Table) -> Result<&'a str, Reject> {
        let cell = self.get(number).unwrap_or_default();
        std::str::from_utf8(cell).map_err(|_| {
            Reject::new(
                RejectReason::Malformed,
                format!("the cell of column '{}' is not UTF-8; accepted: UTF-8", table.header[number]),
            )
        })
    }
}

#[derive(Clone, Debug)]
enum From {
    Column(usize),
    Constant(String),
}

/// A mapping that was fitted to a header.
#[derive(Clone, Debug)]
pub struct Table {
    header: Vec<String>,
    fields: Vec<(Field, From)>,
    features: Vec<usize>,
    nulls: Vec<String>,
    longest_null: usize,
    time: TableTime,
}

impl Table {
    /// Fits `mapping` to `header`. Without a mapping, columns named like fields of the record contract are those
    /// fields, and all others are features.
    pub fn open(mapping: Option<&Mapping>, header: &[&str]) -> Result<Self, MappingError> {
        let by_name;
        let mapping = if let Some(mapping) = mapping {
            mapping
        } else {
            by_name = by_contract(header);
            &by_name
        };
        let find = |key: &'static str, name: &str| {
            let mut places = header.iter().enumerate().filter(|(_, column)| **column == name);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(place),
                (Some(_), Some(_)) => Err(MappingError::ColumnTwice { column: name.to_owned() }),
                (None, _) => {
                    Err(MappingError::NoSuchColumn { key, column: name.to_owned(), nearest: nearest(name, header) })
                }
            }
        };
        let mut used = vec![false; header.len()];
        let mut fields = Vec::new();
        for (field, column) in mapping.entries() {
            let from = match column {
                Column::Name(name) => {
                    let place = find(field.name(), name)?;
                    used[place] = true;
                    From::Column(place)
                }
                Column::Constant(constant) => From::Constant(constant.value.clone()),
            };
            fields.push((field, from));
        }
        for name in &mapping.ignore {
            used[find("ignore", name)?] = true;
        }
        let mut features = Vec::new();
        if let Some(names) = &mapping.features {
            for name in names {
                let place = find("features", name)?;
                if features.contains(&place) {
                    return Err(MappingError::ColumnTwice { column: name.clone() });
                }
                features.push(place);
            }
        } else {
            for (place, name) in header.iter().enumerate() {
                // A column without a name is the row number that data frames write.
                if !used[place] && !name.is_empty() {
                    features.push(find("features", name)?);
                }
            }
        }
        Ok(Self {
            header: header.iter().map(|&name| name.to_owned()).collect(),
            fields,
            features,
            nulls: mapping.nulls.clone(),
            longest_null: mapping.nulls.iter().map(String::len).max().unwrap_or(0),
            time: TableTime::new(&mapping.time)?,
        })
    }

    /// Whether the fields without which such records say nothing have a column or a constant.
    pub(crate) fn check<T: Target>(&self, filled_in: u64) -> Result<(), MappingError> {
        let gives = |field: Field| self.fields.iter().any(|(known, _)| *known == field);
        let needed = T::REQUIRED.iter().copied().find(|&field| !gives(field) && filled_in & field.bit() == 0);
        let label = T::KIND == Kind::Label && !gives(Field::Label) && !gives(Field::Withdrawn);
        if let Some(field) = needed.or(label.then_some(Field::Label)) {
            return Err(MappingError::NoColumnFor { field: field.name() });
        }
        Ok(())
    }

    fn is_null(&self, cell: &str) -> bool {
        cell.len() <= self.longest_null && self.nulls.iter().any(|null| null == cell)
    }
}

/// The cell as what `field` expects; text that does not fit stays text, and is refused as such.
pub(super) fn cell_value<'a>(time: &TableTime, field: Field, cell: &'a str) -> Result<Scalar<'a>, Reject> {
    let trimmed = cell.trim();
    Ok(match field {
        Field::EventTime | Field::LabelTime | Field::OutcomeTime => time.read(field, trimmed)?,
        Field::Row
        | Field::Revision
        | Field::Score
        | Field::Threshold
        | Field::ActionProb
        | Field::Weight
        | Field::Value => number(trimmed).unwrap_or(Scalar::Text(cell)),
        Field::Decision | Field::Withdrawn => truth(trimmed).unwrap_or(Scalar::Text(cell)),
        _ => Scalar::Text(cell),
    })
}

/// The mapping in which columns named like fields are those fields.
fn by_contract(header: &[&str]) -> Mapping {
    let named = |field: Field| header.contains(&field.name()).then(|| Column::Name(field.name().to_owned()));
    Mapping {
        request_id: named(Field::RequestId),
        row: named(Field::Row),
        model: named(Field::Model),
        version: named(Field::Version),
        event_time: named(Field::EventTime),
        score: named(Field::Score),
        threshold: named(Field::Threshold),
        decision: named(Field::Decision),
        action: named(Field::Action),
        action_prob: named(Field::ActionProb),
        arm: named(Field::Arm),
        weight: named(Field::Weight),
        predicted: named(Field::Predicted),
        entity_id: named(Field::EntityId),
        label: named(Field::Label),
        label_time: named(Field::LabelTime),
        outcome_time: named(Field::OutcomeTime),
        source: named(Field::Source),
        revision: named(Field::Revision),
        withdrawn: named(Field::Withdrawn),
        value: named(Field::Value),
        split: named(Field::Split),
        // The rest of the contract's names are no features either.
        ignore: header
            .iter()
            .filter(|name| {
                use Field as F;
                matches!(
                    Field::from_name(name),
                    F::Features
                        | F::Scores
                        | F::Parents
                        | F::Env
                        | F::Segments
                        | F::Embedding
                        | F::LatencyMs
                        | F::Interval
                        | F::SourceType
                        | F::Blind
                        | F::Final
                        | F::Confidence
                )
            })
            .map(|&name| name.to_owned())
            .collect(),
        ..Mapping::default()
    }
}

fn nearest(name: &str, header: &[&str]) -> Option<String> {
    let likeness = |column: &str| strsim::jaro_winkler(&name.to_lowercase(), &column.to_lowercase());
    let best = header.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.6).then(|| (*best).to_owned())
}

/// A cell that wholly reads as a finite number.
fn number(cell: &str) -> Option<Scalar<'static>> {
    // Most texts of features start like a word: that settles it without a parse.
    if !cell.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return None;
    }
    if let Ok(whole) = cell.parse::<i64>() {
        return Some(Scalar::Int(whole));
    }
    cell.parse::<f64>().ok().filter(|float| float.is_finite()).map(Scalar::Float)
}

fn truth(cell: &str) -> Option<Scalar<'static>> {
    if cell.eq_ignore_ascii_case("true") {
        return Some(Scalar::Bool(true));
    }
    if cell.eq_ignore_ascii_case("false") {
        return Some(Scalar::Bool(false));
    }
    number(cell)
}

/// Reads one row.
pub(super) fn read<T: Target>(
    scratch: &mut Scratch,
    table: &Table,
    cells: Cells<'_>,
    into: &mut T,
) -> Result<(), Reject> {
    if cells.len() != table.header.len() {
        return Err(Reject::new(
            RejectReason::Malformed,
            format!("the row has {} cells; accepted: {}, as in the header", cells.len(), table.header.len()),
        ));
    }
    for (field, from) in &table.fields {
        if !field.belongs_to(T::KIND) {
            continue;
        }
        let cell = match from {
            From::Constant(text) => text.as_str(),
            From::Column(number) => {
                let cell = cells.text(*number, table)?;
                if table.is_null(cell.trim()) {
                    continue;
                }
                cell
            }
        };
        let value = cell_value(&table.time, *field, cell)?;
        scratch.put(into, *field, value)?;
    }
    let Some(features) = into.features() else { return Ok(()) };
    for &number_of_column in &table.features {
        let cell = cells.text(number_of_column, table)?;
        let Some(slot) = scratch.feature(table.header[number_of_column].as_bytes())? else { continue };
        let trimmed = cell.trim();
        let value = if table.is_null(trimmed) { Scalar::Null } else { number(trimmed).unwrap_or(Scalar::Text(cell)) };
        scratch.put_feature(features, slot, value)?;
    }
    Ok(())
}
