//! Which chunks a filter lets through.

use std::ops::Bound as RangeBound;

use tantivy::columnar::BytesColumn;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, TERMINATED};

use super::error::LexicalError;
use super::field_key::{self, KeyRange};
use super::guard::guarded;
use super::row_set::RowSet;
use super::snapshot::{LexicalSnapshot, Segment};
use crate::document::{ChunkOrd, FieldValue};
use crate::ord_set::OrdSet;
use crate::search::filter::{Filter, FilterError};

impl LexicalSnapshot {
    /// The live chunks that pass `filter`; exact.
    ///
    /// Values asked for by name are read from their postings, ranges from one
    /// pass over the metadata's column of sorted ordinals.
    ///
    /// # Errors
    /// [`FilterError`] for a filter that makes no sense, whatever the index
    /// holds.
    pub(crate) fn matching(&self, filter: &Filter, capacity: u32) -> Result<OrdSet, FilterError> {
        check_depth(filter, 1)?;
        guarded(&self.dir, || {
            let mut ords = OrdSet::new(capacity);
            for segment in &self.segments {
                for row in self.rows_matching(segment, filter)?.iter() {
                    if segment.is_live(row) {
                        ords.insert(ChunkOrd(segment.ords[row as usize]));
                    }
                }
            }
            if self.segments.is_empty() {
                // Nonsense is nonsense in an empty index too.
                check_values(filter)?;
            }
            Ok(ords)
        })
    }

    fn rows_matching(&self, segment: &Segment, filter: &Filter) -> Result<RowSet, FilterError> {
        let n_rows = segment.n_rows();
        Ok(match filter {
            Filter::All(parts) => {
                let mut rows = RowSet::full(n_rows);
                for part in parts {
                    rows.and(&self.rows_matching(segment, part)?);
                }
                rows
            }
            Filter::Any(parts) => {
                let mut rows = RowSet::empty(n_rows);
                for part in parts {
                    rows.or(&self.rows_matching(segment, part)?);
                }
                rows
            }
            Filter::Not(part) => {
                let mut rows = self.rows_matching(segment, part)?;
                rows.invert();
                rows
            }
            Filter::In { field, values } => self.rows_with(segment, field, values)?,
            Filter::Range { field, lower, upper } => {
                self.rows_between(segment, field_key::range(field, lower, upper)?)?
            }
            Filter::StartsWith { field, prefix } => {
                self.rows_between(segment, field_key::starts_with(field, prefix))?
            }
            Filter::Exists { field } => self.rows_between(segment, field_key::exists(field))?,
        })
    }

    fn rows_with(
        &self,
        segment: &Segment,
        field: &str,
        values: &[FieldValue],
    ) -> Result<RowSet, FilterError> {
        let mut rows = RowSet::empty(segment.n_rows());
        for value in values {
            let key = comparable_key(field, value)?;
            let read = |source| LexicalError::io(&self.dir, source);
            if let Some(term) = segment.key_terms.terms().get(&key).map_err(read)? {
                let mut postings = segment
                    .key_terms
                    .read_postings_from_terminfo(&term, IndexRecordOption::Basic)
                    .map_err(read)?;
                while postings.doc() != TERMINATED {
                    rows.insert(postings.doc());
                    postings.advance();
                }
            }
        }
        Ok(rows)
    }

    fn rows_between(&self, segment: &Segment, range: KeyRange) -> Result<RowSet, FilterError> {
        let mut rows = RowSet::empty(segment.n_rows());
        let Some(column) = &segment.key_column else { return Ok(rows) };
        let ordinals =
            ordinals(column, range).map_err(|source| LexicalError::io(&self.dir, source))?;
        let Some((first, last)) = ordinals else { return Ok(rows) };
        let mut found = Vec::new();
        column.ords().get_docids_for_value_range(first..=last, 0..segment.n_rows(), &mut found);
        for row in found {
            rows.insert(row);
        }
        Ok(rows)
    }
}

/// First and last ordinal of the keys in a range; `None` when there are none.
fn ordinals(column: &BytesColumn, (lower, upper): KeyRange) -> std::io::Result<Option<(u64, u64)>> {
    let (lower, upper) = column.dictionary().term_bounds_to_ord(lower, upper)?;
    let first = match lower {
        RangeBound::Included(ordinal) => ordinal,
        RangeBound::Excluded(ordinal) => ordinal + 1,
        RangeBound::Unbounded => 0,
    };
    let end = match upper {
        RangeBound::Included(ordinal) => ordinal + 1,
        RangeBound::Excluded(ordinal) => ordinal,
        RangeBound::Unbounded => column.num_terms() as u64,
    };
    Ok((first < end).then(|| (first, end - 1)))
}

fn comparable_key(field: &str, value: &FieldValue) -> Result<Vec<u8>, FilterError> {
    field_key::key(field, value)
        .ok_or_else(|| FilterError::NotComparable { field: field.to_owned(), value: value.clone() })
}

/// Parts are visited by recursion, so their depth is limited first.
fn check_depth(filter: &Filter, depth: usize) -> Result<(), FilterError> {
    if depth > Filter::MAX_DEPTH {
        return Err(FilterError::TooDeep { depth, limit: Filter::MAX_DEPTH });
    }
    match filter {
        Filter::All(parts) | Filter::Any(parts) => {
            parts.iter().try_for_each(|part| check_depth(part, depth + 1))
        }
        Filter::Not(part) => check_depth(part, depth + 1),
        Filter::In { .. }
        | Filter::Range { .. }
        | Filter::StartsWith { .. }
        | Filter::Exists { .. } => Ok(()),
    }
}

fn check_values(filter: &Filter) -> Result<(), FilterError> {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().try_for_each(check_values),
        Filter::Not(part) => check_values(part),
        Filter::In { field, values } => {
            values.iter().try_for_each(|value| comparable_key(field, value).map(|_| ()))
        }
        Filter::Range { field, lower, upper } => field_key::range(field, lower, upper).map(|_| ()),
        Filter::StartsWith { .. } | Filter::Exists { .. } => Ok(()),
    }
}
