//! One generation of the index, open for searching: immutable, shared freely.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::columnar::BytesColumn;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::{IndexMeta, InvertedIndexReader, SegmentReader};
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;
use tantivy::{Index, TantivyError, Term};

use super::bm25::{Bm25, CollectionStatistics, LengthTable};
use super::collect::{BetterThan, Collector, TopChunks};
use super::error::LexicalError;
use super::field_key;
use super::guard::guarded;
use super::query::LexicalQuery;
use super::resolve::ResolvedQuery;
use super::schema::{Fields, KEYS, N_TEXT_FIELDS, ORD, TextField};
use crate::document::{ChunkOrd, DocumentId};
use crate::ord_set::OrdSet;
use crate::ranked_list::RankedList;
use crate::search::Explanation;

/// One segment and what every search needs of it.
pub(super) struct Segment {
    pub(super) reader: SegmentReader,
    /// The chunk of each row: 4 bytes a row in memory, so that collecting a hit
    /// is one load instead of a bit-unpacking.
    pub(super) ords: Vec<u32>,
    pub(super) terms: [Arc<InvertedIndexReader>; N_TEXT_FIELDS],
    pub(super) norms: [FieldNormReader; N_TEXT_FIELDS],
    /// Metadata's terms, for values asked for by name.
    pub(super) key_terms: Arc<InvertedIndexReader>,
    /// Metadata's column, for ranges; `None` where no row has any.
    pub(super) key_column: Option<BytesColumn>,
    /// How many live rows hold a term, by field and place of its postings;
    /// counted on first use, and only where rows are deleted.
    live_counts: Mutex<HashMap<(TextField, usize), u64>>,
}

impl Segment {
    fn open(
        index: &Index,
        fields: &Fields,
        meta: tantivy::index::SegmentMeta,
    ) -> tantivy::Result<Self> {
        let reader = SegmentReader::open(&index.segment(meta))?;
        let column = reader.fast_fields().u64(ORD)?;
        let ords = (0..reader.max_doc())
            .map(|row| column.first(row).and_then(|ord| u32::try_from(ord).ok()))
            .collect::<Option<Vec<u32>>>()
            .ok_or_else(|| TantivyError::SchemaError("a row has no chunk number".to_owned()))?;
        let mut terms = Vec::with_capacity(N_TEXT_FIELDS);
        let mut norms = Vec::with_capacity(N_TEXT_FIELDS);
        for field in TextField::ALL {
            terms.push(reader.inverted_index(fields.text(field))?);
            norms.push(reader.get_fieldnorms_reader(fields.text(field))?);
        }
        let n_fields = |_| TantivyError::SchemaError("a text field is missing".to_owned());
        Ok(Self {
            ords,
            terms: terms.try_into().map_err(n_fields)?,
            norms: norms.try_into().map_err(|_| TantivyError::SchemaError(String::new()))?,
            key_terms: reader.inverted_index(fields.keys)?,
            key_column: reader.fast_fields().bytes(KEYS)?,
            live_counts: Mutex::default(),
            reader,
        })
    }

    pub(super) fn n_rows(&self) -> u32 {
        self.reader.max_doc()
    }

    pub(super) fn is_live(&self, row: u32) -> bool {
        self.reader.alive_bitset().is_none_or(|alive| alive.is_alive(row))
    }

    /// The live rows, ascending.
    pub(super) fn live_rows(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.n_rows()).filter(|&row| self.is_live(row))
    }

    /// How many live rows hold a term.
    pub(super) fn live_count(&self, field: TextField, term: &TermInfo) -> tantivy::Result<u64> {
        let Some(alive) = self.reader.alive_bitset() else {
            return Ok(u64::from(term.doc_freq));
        };
        let key = (field, term.postings_range.start);
        let counts = || self.live_counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&count) = counts().get(&key) {
            return Ok(count);
        }
        let postings = self.terms[field as usize]
            .read_postings_from_terminfo(term, IndexRecordOption::Basic)?;
        let count = u64::from(postings.doc_freq_given_deletes(alive));
        counts().insert(key, count);
        Ok(count)
    }
}

/// A committed generation.
pub(crate) struct LexicalSnapshot {
    pub(super) dir: PathBuf,
    pub(super) fields: Fields,
    pub(super) segments: Vec<Segment>,
    pub(super) bm25: Bm25,
    pub(super) statistics: CollectionStatistics,
    length_tables: Box<[LengthTable; N_TEXT_FIELDS]>,
    payload: String,
}

impl LexicalSnapshot {
    /// Opens the segments that `metas` names.
    pub(super) fn open(
        index: &Index,
        dir: &Path,
        fields: Fields,
        metas: IndexMeta,
    ) -> Result<Self, LexicalError> {
        let IndexMeta { segments, payload, .. } = metas;
        let segments = guarded(dir, || {
            segments
                .into_iter()
                .map(|meta| Segment::open(index, &fields, meta))
                .collect::<tantivy::Result<Vec<_>>>()
                .map_err(|error| LexicalError::from_tantivy(dir, error))
        })?;
        let statistics = statistics(&segments);
        let payload = payload.unwrap_or_default();
        let bm25 = Bm25::default();
        let length_tables = length_tables(&bm25, &statistics);
        Ok(Self { dir: dir.to_owned(), fields, segments, bm25, statistics, length_tables, payload })
    }

    pub(super) fn length_table(&self, field: TextField) -> &LengthTable {
        &self.length_tables[field as usize]
    }

    /// `k1 * norm` of a field of a row.
    pub(super) fn length_term(&self, segment: usize, field: TextField, row: u32) -> f64 {
        let norms = &self.segments[segment].norms[field as usize];
        self.length_table(field)[norms.fieldnorm_id(row) as usize]
    }

    /// What the commit carries; empty before the first.
    pub(crate) fn payload(&self) -> &str {
        &self.payload
    }

    /// Number of live chunks.
    #[cfg(test)]
    pub(crate) fn n_chunks(&self) -> u64 {
        self.statistics.n_chunks
    }

    /// Number of rows, deleted ones included, and number of segments: what a
    /// merge would save.
    #[cfg(test)]
    pub(crate) fn n_rows_and_segments(&self) -> (u64, usize) {
        let n_rows = self.segments.iter().map(|segment| u64::from(segment.n_rows())).sum();
        (n_rows, self.segments.len())
    }

    /// The live chunks.
    ///
    /// # Errors
    /// [`LexicalError::Damaged`] when a chunk's number is at or above
    /// `capacity`: the commit and its payload contradict each other.
    pub(crate) fn alive(&self, capacity: u32) -> Result<OrdSet, LexicalError> {
        let mut alive = OrdSet::new(capacity);
        for segment in &self.segments {
            for row in segment.live_rows() {
                let ord = segment.ords[row as usize];
                if !alive.insert(ChunkOrd(ord)) {
                    let what = if ord < capacity {
                        format!("chunk {ord} is there twice")
                    } else {
                        format!("chunk {ord} is not below the commit's next number {capacity}")
                    };
                    return Err(LexicalError::damaged(&self.dir, what));
                }
            }
        }
        Ok(alive)
    }

    /// The best `depth` chunks, of those in `allowed` if given.
    ///
    /// The cut is total: a chunk left out scores less than the last one listed,
    /// or as much with a higher number, whatever the segmentation.
    pub(crate) fn search(
        &self,
        query: &LexicalQuery,
        depth: usize,
        allowed: Option<&OrdSet>,
    ) -> Result<RankedList, LexicalError> {
        let mut top = TopChunks::new(depth);
        if depth > 0 {
            self.collect(query, allowed, &mut top)?;
        }
        Ok(top.into_list())
    }

    /// The chunks that meet every `+` and `-` of the query; `None` when it has
    /// neither. The dense leg knows no words, so it is told by this set.
    pub(crate) fn meeting_conditions(
        &self,
        query: &LexicalQuery,
        capacity: u32,
    ) -> Result<Option<OrdSet>, LexicalError> {
        // Most queries: nothing of them need be looked up to know.
        if query.required.is_empty() && query.excluded.is_empty() {
            return Ok(None);
        }
        guarded(&self.dir, || ResolvedQuery::new(self, query)?.meeting_conditions(capacity))
    }

    /// The 1-based rank and the score of `ord` among the chunks in `allowed`,
    /// however far down; `None` when the query does not find it.
    pub(crate) fn rank_of(
        &self,
        query: &LexicalQuery,
        ord: ChunkOrd,
        allowed: Option<&OrdSet>,
    ) -> Result<Option<(usize, f64)>, LexicalError> {
        let Some((segment, row)) = self.row_of(ord) else { return Ok(None) };
        if allowed.is_some_and(|allowed| !allowed.contains(ord)) {
            return Ok(None);
        }
        guarded(&self.dir, || {
            let resolved = ResolvedQuery::new(self, query)?;
            let Some(score) = resolved.score(segment, row)? else { return Ok(None) };
            let mut better = BetterThan::new(score, ord);
            resolved.collect(allowed, &mut better)?;
            Ok(Some(better.rank_and_score()))
        })
    }

    /// Why `ord` has its score; `None` when the query does not find it.
    ///
    /// The leaves recombine to the score that [`LexicalSnapshot::search`] gives
    /// within 1e-9.
    pub(crate) fn explain(
        &self,
        query: &LexicalQuery,
        ord: ChunkOrd,
    ) -> Result<Option<Explanation>, LexicalError> {
        let Some((segment, row)) = self.row_of(ord) else { return Ok(None) };
        guarded(&self.dir, || ResolvedQuery::new(self, query)?.explain(segment, row))
    }

    /// The live chunks of a document, ascending.
    #[cfg(test)]
    pub(crate) fn ords_of(&self, document: &DocumentId) -> Result<Vec<ChunkOrd>, LexicalError> {
        use tantivy::DocSet;
        let term = id_term(&self.fields, document);
        guarded(&self.dir, || {
            let mut ords = Vec::new();
            for segment in &self.segments {
                let postings = segment
                    .key_terms
                    .read_postings(&term, IndexRecordOption::Basic)
                    .map_err(|source| LexicalError::io(&self.dir, source))?;
                if let Some(mut postings) = postings {
                    while postings.doc() != tantivy::TERMINATED {
                        let row = postings.doc();
                        if segment.is_live(row) {
                            ords.push(ChunkOrd(segment.ords[row as usize]));
                        }
                        postings.advance();
                    }
                }
            }
            ords.sort_unstable();
            Ok(ords)
        })
    }

    fn collect(
        &self,
        query: &LexicalQuery,
        allowed: Option<&OrdSet>,
        collector: &mut impl Collector,
    ) -> Result<(), LexicalError> {
        guarded(&self.dir, || ResolvedQuery::new(self, query)?.collect(allowed, collector))
    }

    /// Where a live chunk stands. A scan of 4 bytes a row, for explanations
    /// only, instead of a second index that every generation would build.
    fn row_of(&self, ord: ChunkOrd) -> Option<(usize, u32)> {
        self.segments.iter().enumerate().find_map(|(at, segment)| {
            let rows = segment.ords.iter().enumerate();
            rows.filter(|(_, candidate)| **candidate == ord.0)
                .map(|(row, _)| row as u32)
                .find(|&row| segment.is_live(row))
                .map(|row| (at, row))
        })
    }
}

/// The term by which a document's chunks are found and deleted.
pub(super) fn id_term(fields: &Fields, document: &DocumentId) -> Term {
    Term::from_field_bytes(fields.keys, &field_key::text_key(field_key::ID, document.as_str()))
}

fn statistics(segments: &[Segment]) -> CollectionStatistics {
    let mut totals = [(0_u64, 0_u64); N_TEXT_FIELDS];
    let mut n_chunks = 0;
    for segment in segments {
        n_chunks += u64::from(segment.reader.num_docs());
        for (norms, (n_terms, n_filled)) in segment.norms.iter().zip(&mut totals) {
            for row in segment.live_rows() {
                let length = norms.fieldnorm(row);
                *n_terms += u64::from(length);
                *n_filled += u64::from(length > 0);
            }
        }
    }
    let average_length =
        totals.map(
            |(n_terms, n_filled)| if n_filled > 0 { n_terms as f64 / n_filled as f64 } else { 0.0 },
        );
    CollectionStatistics { n_chunks, average_length }
}

fn length_tables(
    bm25: &Bm25,
    statistics: &CollectionStatistics,
) -> Box<[LengthTable; N_TEXT_FIELDS]> {
    Box::new(TextField::ALL.map(|field| {
        let average = statistics.average_length[field as usize];
        let length = |code: usize| FieldNormReader::id_to_fieldnorm(code as u8);
        std::array::from_fn(|code| bm25.length_term(field, length(code), average))
    }))
}
