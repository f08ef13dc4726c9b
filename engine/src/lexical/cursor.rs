//! A term's way through the rows of one segment.

use tantivy::TERMINATED;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::BlockSegmentPostings;
use tantivy::schema::IndexRecordOption;

use super::bm25::Bm25;
use super::error::LexicalError;
use super::lookup::{FieldList, Rows};
use super::snapshot::{LengthTable, LexicalSnapshot, Segment};

/// A term in all fields where the segment has it.
pub(super) struct TermCursor<'a> {
    fields: Vec<FieldCursor<'a>>,
    /// `count * idf * (k1 + 1)`.
    boost: f64,
    /// The most it can add to a score.
    pub(super) bound: u64,
}

struct FieldCursor<'a> {
    list: ListCursor<'a>,
    norms: &'a FieldNormReader,
    /// What an occurrence adds to `s`, by length code.
    per_occurrence: &'a LengthTable,
}

/// Both variants stand on a row or behind the last one.
enum ListCursor<'a> {
    /// Blocks are read directly: tantivy's own scorers add in another order in
    /// every segment, and its block maxima were chosen for each segment's own
    /// average length, so under one average for all they are no upper bounds.
    Blocks {
        postings: Box<BlockSegmentPostings>,
        at: usize,
    },
    List {
        rows: &'a [(u32, u32)],
        at: usize,
    },
}

impl<'a> TermCursor<'a> {
    pub(super) fn new(
        snapshot: &'a LexicalSnapshot,
        segment: &'a Segment,
        lists: &'a [FieldList],
        boost: f64,
    ) -> Result<Self, LexicalError> {
        let mut fields = Vec::with_capacity(lists.len());
        for FieldList { field, rows } in lists {
            let list = match rows {
                Rows::List(rows) => ListCursor::List { rows, at: 0 },
                Rows::Postings(term) => {
                    let postings = segment.terms[*field as usize]
                        .read_block_postings_from_terminfo(term, IndexRecordOption::WithFreqs)
                        .map_err(|source| LexicalError::io(&snapshot.dir, source))?;
                    ListCursor::Blocks { postings: Box::new(postings), at: 0 }
                }
            };
            let norms = &segment.norms[*field as usize];
            fields.push(FieldCursor { list, norms, per_occurrence: snapshot.length_table(*field) });
        }
        Ok(Self { fields, boost, bound: Bm25::bound(boost) })
    }

    /// The row it stands on, [`TERMINATED`] behind the last.
    #[inline]
    pub(super) fn row(&self) -> u32 {
        self.fields.iter().map(|field| field.list.row()).min().unwrap_or(TERMINATED)
    }

    /// What it adds to the score of `row`, 0 if it is not there; moves forward.
    #[inline]
    pub(super) fn contribution_at(&mut self, bm25: &Bm25, row: u32) -> u64 {
        let mut s = 0.0;
        for field in &mut self.fields {
            if field.list.seek(row) == row {
                s += field.s(row, field.list.frequency());
            }
        }
        if s > 0.0 { bm25.contribution(self.boost, s) } else { 0 }
    }

    /// Adds its contributions to the rows of `[start, end)`; moves to `end`.
    ///
    /// # Arguments
    /// * `window` - the sums and the rows touched, by row minus `start`.
    pub(super) fn add_window(&mut self, bm25: &Bm25, start: u32, end: u32, window: &mut Window) {
        let Window { scores, touched, s } = window;
        if let [only] = self.fields.as_mut_slice() {
            only.for_each_until(start, end, |at, s| {
                scores[at] += bm25.contribution(self.boost, s);
                touched[at / 64] |= 1 << (at % 64);
            });
            return;
        }
        let mut mine = [0_u64; WINDOW_ROWS / 64];
        for field in &mut self.fields {
            field.for_each_until(start, end, |at, part| {
                s[at] += part;
                mine[at / 64] |= 1 << (at % 64);
            });
        }
        for (word, bits) in mine.iter().enumerate() {
            touched[word] |= bits;
            let mut rest = *bits;
            while rest != 0 {
                let at = word * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                scores[at] += bm25.contribution(self.boost, std::mem::take(&mut s[at]));
            }
        }
    }
}

/// Rows scored at a time: their sums stay in the first-level cache.
pub(super) const WINDOW_ROWS: usize = 2048;

/// Sums of a stretch of rows.
pub(super) struct Window {
    pub(super) scores: Box<[u64; WINDOW_ROWS]>,
    pub(super) touched: [u64; WINDOW_ROWS / 64],
    /// One term's `s` while its fields are added.
    s: Box<[f64; WINDOW_ROWS]>,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            scores: Box::new([0; WINDOW_ROWS]),
            touched: [0; WINDOW_ROWS / 64],
            s: Box::new([0.0; WINDOW_ROWS]),
        }
    }
}

impl FieldCursor<'_> {
    #[inline]
    fn s(&self, row: u32, frequency: u32) -> f64 {
        f64::from(frequency) * self.per_occurrence[self.norms.fieldnorm_id(row) as usize]
    }

    /// Calls `sink` with the rows before `end`, minus `start`, and their part
    /// of `s`.
    #[inline]
    fn for_each_until(&mut self, start: u32, end: u32, mut sink: impl FnMut(usize, f64)) {
        let (norms, table) = (self.norms, self.per_occurrence);
        let mut add = |row: u32, frequency: u32| {
            let s = f64::from(frequency) * table[norms.fieldnorm_id(row) as usize];
            sink((row - start) as usize, s);
        };
        self.list.seek(start);
        match &mut self.list {
            ListCursor::List { rows, at } => {
                while let Some(&(row, frequency)) = rows.get(*at).filter(|(row, _)| *row < end) {
                    add(row, frequency);
                    *at += 1;
                }
            }
            ListCursor::Blocks { postings, at } => loop {
                let (rows, frequencies) = (postings.docs(), postings.freqs());
                let n_rows = rows.len();
                let rest = rows.iter().zip(frequencies).skip(*at);
                for (&row, &frequency) in rest {
                    if row >= end {
                        return;
                    }
                    add(row, frequency);
                    *at += 1;
                }
                if n_rows < FULL_BLOCK {
                    return;
                }
                postings.advance();
                *at = 0;
            },
        }
    }
}

/// Rows in each of tantivy's blocks but the last.
const FULL_BLOCK: usize = 128;

impl ListCursor<'_> {
    #[inline]
    fn row(&self) -> u32 {
        match self {
            Self::Blocks { postings, at } => {
                postings.docs().get(*at).copied().unwrap_or(TERMINATED)
            }
            Self::List { rows, at } => rows.get(*at).map_or(TERMINATED, |(row, _)| *row),
        }
    }

    #[inline]
    fn frequency(&self) -> u32 {
        match self {
            Self::Blocks { postings, at } => postings.freq(*at),
            Self::List { rows, at } => rows[*at].1,
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
            Self::List { rows, at } => *at += rows[*at..].partition_point(|(row, _)| *row < target),
        }
        self.row()
    }
}
