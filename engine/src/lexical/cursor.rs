//! A term's way through the rows of one segment that have it in one field.

use tantivy::TERMINATED;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::BlockSegmentPostings;
use tantivy::schema::IndexRecordOption;

use super::bm25::{LengthTable, bound, contribution};
use super::error::LexicalError;
use super::lookup::{FieldList, Rows};
use super::snapshot::{LexicalSnapshot, Segment};

/// Rows in each of tantivy's blocks but the last.
const FULL_BLOCK: usize = 128;

/// A list of rows with what each adds to a score.
pub(super) struct Cursor<'a> {
    list: List<'a>,
    norms: &'a FieldNormReader,
    length_terms: &'a LengthTable,
    boost: f64,
    /// The most it can add to a score, in units.
    pub(super) bound: u64,
}

/// Both variants stand on a row or behind the last one.
enum List<'a> {
    /// Blocks are read directly: tantivy's own scorers add in another order in
    /// every segment, and its block maxima were chosen for each segment's own
    /// average length, so under one average for all they are no upper bounds.
    Blocks {
        postings: Box<BlockSegmentPostings>,
        at: usize,
    },
    Rows {
        rows: &'a [(u32, u32)],
        at: usize,
    },
}

impl<'a> Cursor<'a> {
    /// A cursor before the first row.
    ///
    /// # Arguments
    /// * `boost` - see [`super::bm25::Bm25::boost`].
    pub(super) fn new(
        snapshot: &'a LexicalSnapshot,
        segment: &'a Segment,
        list: &'a FieldList,
        boost: f64,
    ) -> Result<Self, LexicalError> {
        let field = list.field;
        let list = match &list.rows {
            Rows::List(rows) => List::Rows { rows, at: 0 },
            Rows::Postings(term) => {
                let postings = segment.terms[field as usize]
                    .read_block_postings_from_terminfo(term, IndexRecordOption::WithFreqs)
                    .map_err(|source| LexicalError::io(&snapshot.dir, source))?;
                List::Blocks { postings: Box::new(postings), at: 0 }
            }
        };
        Ok(Self {
            list,
            norms: &segment.norms[field as usize],
            length_terms: snapshot.length_table(field),
            boost,
            bound: bound(boost),
        })
    }

    /// The row it stands on, [`TERMINATED`] behind the last.
    #[inline]
    pub(super) fn row(&self) -> u32 {
        self.list.row()
    }

    /// What it adds to the score of `row`, 0 if it is not there; moves forward.
    #[inline]
    pub(super) fn contribution_at(&mut self, row: u32) -> u64 {
        if self.list.seek(row) != row {
            return 0;
        }
        let length_term = self.length_terms[self.norms.fieldnorm_id(row) as usize];
        contribution(self.boost, self.list.frequency(), length_term)
    }

    /// Calls `sink` with each row before `end` and what it adds; moves to `end`.
    #[inline]
    pub(super) fn for_each_before(&mut self, end: u32, mut sink: impl FnMut(u32, u64)) {
        let Self { list, norms, length_terms, boost, .. } = self;
        let mut add = |row: u32, frequency: u32| {
            let length_term = length_terms[norms.fieldnorm_id(row) as usize];
            sink(row, contribution(*boost, frequency, length_term));
        };
        match list {
            List::Rows { rows, at } => {
                while let Some(&(row, frequency)) = rows.get(*at).filter(|(row, _)| *row < end) {
                    add(row, frequency);
                    *at += 1;
                }
            }
            List::Blocks { postings, at } => loop {
                let rows = postings.docs();
                let n_before = rows.partition_point(|&row| row < end).max(*at);
                let block = rows[*at..n_before].iter().zip(&postings.freqs()[*at..n_before]);
                for (&row, &frequency) in block {
                    add(row, frequency);
                }
                *at = n_before;
                if n_before < FULL_BLOCK {
                    return;
                }
                postings.advance();
                *at = 0;
            },
        }
    }
}

impl List<'_> {
    #[inline]
    fn row(&self) -> u32 {
        match self {
            Self::Blocks { postings, at } => {
                postings.docs().get(*at).copied().unwrap_or(TERMINATED)
            }
            Self::Rows { rows, at } => rows.get(*at).map_or(TERMINATED, |(row, _)| *row),
        }
    }

    #[inline]
    fn frequency(&self) -> u32 {
        match self {
            Self::Blocks { postings, at } => postings.freq(*at),
            Self::Rows { rows, at } => rows[*at].1,
        }
    }

    /// Moves to the first row at or after `target` and returns it.
    #[inline]
    fn seek(&mut self, target: u32) -> u32 {
        let row = self.row();
        if row >= target {
            return row;
        }
        match self {
            Self::Blocks { postings, at } => *at = postings.seek(target),
            Self::Rows { rows, at } => {
                *at += rows[*at..].partition_point(|(row, _)| *row < target);
            }
        }
        self.row()
    }
}
