//! From a ranking to hits: caps, grouping, texts, highlights.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;

use super::Searcher;
use super::error::SearchError;
use super::explain::Explanation;
use super::hit::Hit;
use super::legs::Legs;
use super::near_duplicates::{Shingles, THRESHOLD};
use super::plan::SearchPlan;
use super::request::{Detail, NearDuplicates, SearchRequest};
use crate::document::{ChunkOrd, DocumentId, FieldValue, Span};
use crate::error::SegmentError;
use crate::lexical::LexicalQuery;
use crate::ranked_list::{RankedList, ScoredChunk};
use crate::store::DocumentRecord;

/// An entry of the ranking that becomes a hit, with its text.
pub(super) struct Selected {
    pub(super) entry: ScoredChunk,
    pub(super) document: DocumentId,
    title: String,
    headings: Vec<String>,
    span: Span,
    text: String,
    fields: Vec<(String, FieldValue)>,
    similar: Vec<(DocumentId, ChunkOrd)>,
}

/// The entries that become hits, and why others above the last one did not.
pub(super) struct Selection {
    pub(super) selected: Vec<Selected>,
    /// Entries left out because their document had its share already.
    pub(super) capped: Vec<ChunkOrd>,
}

impl Selection {
    /// The hit that `ord` was grouped under as a near-duplicate.
    pub(super) fn group_of(&self, ord: ChunkOrd) -> Option<&Selected> {
        self.selected.iter().find(|hit| hit.similar.iter().any(|(_, similar)| *similar == ord))
    }
}

impl Searcher {
    /// Walks the ranking until `top` hits are found.
    pub(super) fn select(
        &self,
        plan: &SearchPlan,
        near_duplicates: NearDuplicates,
        ranking: &RankedList,
    ) -> Result<Selection, SearchError> {
        let mut selection = Selection { selected: Vec::new(), capped: Vec::new() };
        let mut shingles: Vec<Shingles> = Vec::new();
        let mut records = Records::default();
        for &entry in ranking.entries() {
            if selection.selected.len() == plan.top {
                break;
            }
            let candidate = self.read(entry, &mut records)?;
            let of_document =
                selection.selected.iter().filter(|hit| hit.document == candidate.document).count();
            if of_document >= plan.per_document {
                selection.capped.push(entry.ord);
                continue;
            }
            if near_duplicates == NearDuplicates::Group {
                let own = Shingles::of(&candidate.text);
                let twin = shingles.iter().position(|other| own.jaccard(other) >= THRESHOLD);
                if let Some(at) = twin {
                    selection.selected[at].similar.push((candidate.document, entry.ord));
                    continue;
                }
                shingles.push(own);
            }
            selection.selected.push(candidate);
        }
        Ok(selection)
    }

    /// Turns the selected entries into hits.
    pub(super) fn hits(
        &self,
        request: &SearchRequest,
        plan: &SearchPlan,
        query: &LexicalQuery,
        legs: &Legs,
        selection: Selection,
    ) -> Result<Vec<Hit>, SearchError> {
        selection
            .selected
            .into_iter()
            .map(|hit| {
                let explanation = match request.detail {
                    Detail::Plain => None,
                    Detail::Explained => Some(self.explain(plan, query, legs, hit.entry)?),
                };
                Ok(self.hit(hit, query, explanation))
            })
            .collect()
    }

    fn hit(&self, hit: Selected, query: &LexicalQuery, explanation: Option<Explanation>) -> Hit {
        let shift = |span: Span| {
            Span::new((hit.span.start + span.start) as usize, (hit.span.start + span.end) as usize)
        };
        Hit {
            highlights: query.highlights(&hit.text).into_iter().map(shift).collect(),
            duplicates: self.generation.texts.duplicates_of(&hit.document).to_vec(),
            document: hit.document,
            chunk: hit.entry.ord,
            span: hit.span,
            title: hit.title,
            headings: hit.headings,
            score: hit.entry.score,
            text: hit.text,
            fields: hit.fields.into_iter().collect(),
            similar: hit.similar,
            explanation,
        }
    }

    /// Reads the chunk behind an entry of a ranking.
    fn read(&self, entry: ScoredChunk, records: &mut Records) -> Result<Selected, SearchError> {
        let texts = &self.generation.texts;
        let unknown = || SegmentError::Damaged {
            path: PathBuf::from("the text segments"),
            what: format!("chunk {} has no text", entry.ord.0),
        };
        let document = texts.locate(entry.ord).ok_or_else(unknown)?;
        let record = match records.entry(document.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(texts.record(document)?.ok_or_else(unknown)?),
        };
        let nth = (entry.ord.0 - texts.ords_of(document).start) as usize;
        let (span, headings) = record.chunk(nth).ok_or_else(unknown)?;
        Ok(Selected {
            entry,
            document: document.clone(),
            title: record.title().to_owned(),
            headings: headings.to_vec(),
            span,
            text: record.text(span)?,
            fields: record.fields().to_vec(),
            similar: Vec::new(),
        })
    }
}

/// Decoded records of one selection: a long document that is found ten times is
/// decoded once.
type Records = HashMap<DocumentId, DocumentRecord>;
