//! A query against one generation: which rows each term is in, what it weighs,
//! which rows the conditions leave.

use tantivy::DocSet;
use tantivy::postings::Postings;
use tantivy::schema::IndexRecordOption;

use super::bm25::{contribution, idf};
use super::collect::{Collector, collect_segment};
use super::cursor::Cursor;
use super::error::LexicalError;
use super::lookup::{FieldList, Lookup, Rows};
use super::query::{Clause, Condition, LexicalQuery};
use super::row_set::RowSet;
use super::schema::TextField;
use super::snapshot::{LexicalSnapshot, Segment};
use crate::ord_set::OrdSet;

/// A filter that leaves fewer than one chunk in this many is turned into rows
/// before scoring; a wider one is asked row by row.
const SELECTIVE: usize = 16;
/// Seeking in all lists for one row costs about as much as scoring this many
/// postings in passing (measured at 100,000 chunks).
const POSTINGS_PER_SEEK: usize = 16;

/// A query with its lists and weights.
pub(super) struct ResolvedQuery<'s> {
    pub(super) snapshot: &'s LexicalSnapshot,
    pub(super) clauses: Vec<ResolvedClause>,
    required: Vec<Vec<Lookup>>,
    excluded: Vec<Vec<Lookup>>,
}

/// A scoring term with its lists in each segment.
pub(super) struct ResolvedClause {
    pub(super) clause: Clause,
    pub(super) lookup: Lookup,
    /// Live chunks that hold it in the field where most do.
    pub(super) n: u64,
    idf: f64,
    lists: Vec<Vec<FieldList>>,
}

impl<'s> ResolvedQuery<'s> {
    pub(super) fn new(
        snapshot: &'s LexicalSnapshot,
        query: &LexicalQuery,
    ) -> Result<Self, LexicalError> {
        let mut clauses = Vec::with_capacity(query.clauses.len());
        for clause in &query.clauses {
            clauses.extend(ResolvedClause::new(snapshot, query, clause)?);
        }
        let lookups = |conditions: &[Condition]| {
            let lookup = |condition: &Condition| {
                condition.any.iter().map(|matcher| Lookup::new(snapshot, query, matcher)).collect()
            };
            conditions.iter().map(lookup).collect::<Result<Vec<Vec<_>>, _>>()
        };
        let required = lookups(&query.required)?;
        let excluded = lookups(&query.excluded)?;
        Ok(Self { snapshot, clauses, required, excluded })
    }

    /// Offers every chunk that may belong to the result.
    pub(super) fn collect(
        &self,
        allowed: Option<&OrdSet>,
        collector: &mut impl Collector,
    ) -> Result<(), LexicalError> {
        for (at, segment) in self.snapshot.segments.iter().enumerate() {
            let mut cursors = Vec::with_capacity(2 * self.clauses.len());
            let mut n_postings = 0;
            for clause in &self.clauses {
                for list in &clause.lists[at] {
                    n_postings += list.len();
                    let boost = clause.boost(self.snapshot, list.field);
                    cursors.push(Cursor::new(self.snapshot, segment, list, boost)?);
                }
            }
            if cursors.is_empty() {
                continue;
            }
            let rows = self.rows(segment, allowed)?;
            let few = rows.as_ref().filter(|rows| rows.len() * POSTINGS_PER_SEEK < n_postings);
            let accepts = |row: u32| {
                let holds =
                    rows.as_ref().map_or_else(|| segment.is_live(row), |rows| rows.contains(row));
                let ord = crate::document::ChunkOrd(segment.ords[row as usize]);
                holds && allowed.is_none_or(|allowed| allowed.contains(ord))
            };
            collect_segment(cursors, few, &accepts, &segment.ords, collector);
        }
        Ok(())
    }

    /// The live chunks that meet every `+` and `-`; `None` when the query has
    /// neither.
    pub(super) fn meeting_conditions(&self, capacity: u32) -> Result<Option<OrdSet>, LexicalError> {
        if self.required.is_empty() && self.excluded.is_empty() {
            return Ok(None);
        }
        let mut met = OrdSet::new(capacity);
        for segment in &self.snapshot.segments {
            for row in self.rows(segment, None)?.iter().flat_map(RowSet::iter) {
                met.insert(crate::document::ChunkOrd(segment.ords[row as usize]));
            }
        }
        Ok(Some(met))
    }

    /// The score of one row in units; `None` if the query does not find it.
    pub(super) fn score(&self, segment: usize, row: u32) -> Result<Option<u64>, LexicalError> {
        if !self.accepts(segment, row)? {
            return Ok(None);
        }
        let mut score = 0;
        for clause in &self.clauses {
            for (field, frequency) in clause.frequencies(self.snapshot, segment, row)? {
                let length_term = self.snapshot.length_term(segment, field, row);
                score += contribution(clause.boost(self.snapshot, field), frequency, length_term);
            }
        }
        Ok((score > 0).then_some(score))
    }

    fn accepts(&self, segment: usize, row: u32) -> Result<bool, LexicalError> {
        let rows = self.rows(&self.snapshot.segments[segment], None)?;
        Ok(rows.is_none_or(|rows| rows.contains(row)))
    }

    /// The rows that conditions and a narrow filter leave; `None` for all live
    /// ones.
    fn rows(
        &self,
        segment: &Segment,
        allowed: Option<&OrdSet>,
    ) -> Result<Option<RowSet>, LexicalError> {
        let n_chunks = self.snapshot.statistics.n_chunks as usize;
        let narrow = allowed.filter(|allowed| allowed.len() * SELECTIVE < n_chunks);
        if self.required.is_empty() && self.excluded.is_empty() && narrow.is_none() {
            return Ok(None);
        }
        let mut rows = RowSet::from_rows(segment.n_rows(), segment.live_rows());
        for condition in &self.required {
            rows.and(&self.holding(segment, condition)?);
        }
        for condition in &self.excluded {
            rows.and_not(&self.holding(segment, condition)?);
        }
        if let Some(allowed) = narrow {
            let ords = segment.ords.iter().enumerate();
            let inside = ords.filter(|(_, ord)| allowed.contains(crate::document::ChunkOrd(**ord)));
            rows.and(&RowSet::from_rows(segment.n_rows(), inside.map(|(row, _)| row as u32)));
        }
        Ok(Some(rows))
    }

    /// The rows where one of the lookups finds something.
    fn holding(&self, segment: &Segment, condition: &[Lookup]) -> Result<RowSet, LexicalError> {
        let mut rows = RowSet::empty(segment.n_rows());
        for lookup in condition {
            for list in lookup.lists(self.snapshot, segment)? {
                match &list.rows {
                    Rows::List(list) => list.iter().for_each(|(row, _)| rows.insert(*row)),
                    Rows::Postings(term) => {
                        let reader = &segment.terms[list.field as usize];
                        let mut postings = reader
                            .read_block_postings_from_terminfo(term, IndexRecordOption::Basic)
                            .map_err(|source| LexicalError::io(&self.snapshot.dir, source))?;
                        while !postings.docs().is_empty() {
                            postings.docs().iter().for_each(|row| rows.insert(*row));
                            postings.advance();
                        }
                    }
                }
            }
        }
        Ok(rows)
    }
}

impl ResolvedClause {
    /// `None` when no live chunk holds it.
    fn new(
        snapshot: &LexicalSnapshot,
        query: &LexicalQuery,
        clause: &Clause,
    ) -> Result<Option<Self>, LexicalError> {
        let mut lookup = Lookup::new(snapshot, query, &clause.matcher)?;
        lookup.fields.retain(|(field, _)| snapshot.bm25.field(*field).weight > 0.0);
        let mut counts = [0_u64; TextField::ALL.len()];
        let mut lists = Vec::with_capacity(snapshot.segments.len());
        for segment in &snapshot.segments {
            let found = lookup.lists(snapshot, segment)?;
            for list in &found {
                counts[list.field as usize] += match &list.rows {
                    Rows::Postings(term) => segment
                        .live_count(list.field, term)
                        .map_err(|error| LexicalError::from_tantivy(&snapshot.dir, error))?,
                    Rows::List(rows) => {
                        rows.iter().filter(|(row, _)| segment.is_live(*row)).count() as u64
                    }
                };
            }
            lists.push(found);
        }
        let n = counts.into_iter().max().unwrap_or(0);
        if n == 0 {
            return Ok(None);
        }
        let idf = idf(snapshot.statistics.n_chunks, n);
        Ok(Some(Self { clause: clause.clone(), lookup, n, idf, lists }))
    }

    fn boost(&self, snapshot: &LexicalSnapshot, field: TextField) -> f64 {
        self.clause.weight * snapshot.bm25.boost(self.clause.count, self.idf, field)
    }

    /// How often each field of a row holds it.
    pub(super) fn frequencies(
        &self,
        snapshot: &LexicalSnapshot,
        segment: usize,
        row: u32,
    ) -> Result<Vec<(TextField, u32)>, LexicalError> {
        let mut frequencies = Vec::new();
        for list in &self.lists[segment] {
            let frequency = match &list.rows {
                Rows::List(rows) => {
                    rows.binary_search_by_key(&row, |(row, _)| *row).map_or(0, |at| rows[at].1)
                }
                Rows::Postings(term) => {
                    let reader = &snapshot.segments[segment].terms[list.field as usize];
                    let mut postings = reader
                        .read_postings_from_terminfo(term, IndexRecordOption::WithFreqs)
                        .map_err(|source| LexicalError::io(&snapshot.dir, source))?;
                    if postings.doc() < row {
                        postings.seek(row);
                    }
                    if postings.doc() == row { postings.term_freq() } else { 0 }
                }
            };
            if frequency > 0 {
                frequencies.push((list.field, frequency));
            }
        }
        Ok(frequencies)
    }
}
