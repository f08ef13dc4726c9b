//! From a ranking to hits: caps, grouping, texts, highlights.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::Searcher;
use super::error::SearchError;
use super::hit::{Hit, HitPlaces};
use super::near_duplicates::Shingles;
use super::plan::SearchPlan;
use super::request::{Detail, Highlights, NearDuplicates};
use super::rerank::{Found, Ranked};
use crate::document::{ChunkOrd, DocumentId, FieldValue, Span};
use crate::error::SegmentError;
use crate::lexical::Highlighter;
use crate::ranked_list::{RankedList, ScoredChunk};
use crate::store::{DocumentRecord, Unit};

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
#[derive(Default)]
pub(super) struct Selection {
    pub(super) selected: Vec<Selected>,
    /// Entries of the ranking that had a say: the first ones.
    pub(super) examined: usize,
    /// Entries left out because their document had its share already.
    pub(super) capped: Vec<ChunkOrd>,
    /// Entries left out because a sibling stands for their parent already.
    pub(super) collapsed: Vec<ChunkOrd>,
}

impl Selection {
    /// The hit that `ord` was grouped under as a near-duplicate.
    pub(super) fn group_of(&self, ord: ChunkOrd) -> Option<&Selected> {
        self.selected.iter().find(|hit| hit.similar.iter().any(|(_, similar)| *similar == ord))
    }
}

impl Searcher {
    /// Walks the ranking until `top` hits are found.
    ///
    /// A chunk with a parent gives its parent, at the rank of the parent's best
    /// chunk; its siblings further down are left out. Fewer hits than `top`
    /// remain when the candidates have fewer parents than that.
    pub(super) fn select(
        &self,
        plan: &SearchPlan,
        near_duplicates: NearDuplicates,
        ranking: &RankedList,
    ) -> Result<Selection, SearchError> {
        let mut selection = Selection::default();
        let mut shingles: Vec<Shingles> = Vec::new();
        let mut records = Records::default();
        let mut parents: HashSet<(DocumentId, Span)> = HashSet::new();
        for &entry in ranking.entries() {
            if selection.selected.len() == plan.top {
                break;
            }
            selection.examined += 1;
            let (document, record, nth) = self.record(entry.ord, &mut records)?;
            let passage = record.passage(nth).ok_or_else(|| no_text(entry.ord))?;
            let parent = (passage.unit == Unit::Parent).then(|| (document.clone(), passage.span));
            if parent.as_ref().is_some_and(|parent| parents.contains(parent)) {
                selection.collapsed.push(entry.ord);
                continue;
            }
            let of_document =
                selection.selected.iter().filter(|hit| hit.document == document).count();
            if of_document >= plan.per_document {
                selection.capped.push(entry.ord);
                continue;
            }
            parents.extend(parent);
            let candidate = Selected {
                entry,
                document,
                title: record.title().to_owned(),
                headings: passage.headings.to_vec(),
                span: passage.span,
                text: record.text(passage.span)?,
                fields: record.fields().to_vec(),
                similar: Vec::new(),
            };
            if near_duplicates == NearDuplicates::Group {
                let own = Shingles::of(&candidate.text);
                let twin = shingles.iter().position(|other| own.is_near(other));
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
        found: &Found<'_>,
        ranked: &mut Ranked,
    ) -> Result<Vec<Hit>, SearchError> {
        let highlighter = || found.query.highlighter();
        let mut highlighter = (found.request.highlights == Highlights::Words).then(highlighter);
        let selected = std::mem::take(&mut ranked.selection.selected);
        selected
            .into_iter()
            .map(|hit| {
                let ord = hit.entry.ord;
                let explanation = match found.request.detail {
                    Detail::Plain => None,
                    Detail::Explained => Some(self.explain_ranked(found, ranked, hit.entry)?),
                };
                Ok(Hit {
                    places: found.legs.places(ord),
                    features: ranked.features(found.first, ord),
                    explanation,
                    ..self.hit(hit, highlighter.as_mut())
                })
            })
            .collect()
    }

    fn hit(&self, hit: Selected, highlighter: Option<&mut Highlighter<'_>>) -> Hit {
        let shift = |span: Span| {
            Span::new((hit.span.start + span.start) as usize, (hit.span.start + span.end) as usize)
        };
        let found = highlighter.map(|looking| looking.highlights(&hit.text)).unwrap_or_default();
        Hit {
            highlights: found.into_iter().map(shift).collect(),
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
            places: HitPlaces::default(),
            features: None,
            explanation: None,
        }
    }

    /// The document that holds `ord`, its record, and which of its chunks it is.
    pub(super) fn record<'r>(
        &self,
        ord: ChunkOrd,
        records: &'r mut Records,
    ) -> Result<(DocumentId, &'r DocumentRecord, usize), SearchError> {
        let texts = &self.generation.texts;
        let document = texts.locate(ord).ok_or_else(|| no_text(ord))?;
        let record = match records.entry(document.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(texts.record(document)?.ok_or_else(|| no_text(ord))?),
        };
        let nth = (ord.0 - texts.ords_of(document).start) as usize;
        Ok((document.clone(), record, nth))
    }
}

pub(super) fn no_text(ord: ChunkOrd) -> SegmentError {
    SegmentError::Damaged {
        path: PathBuf::from("the text segments"),
        what: format!("chunk {} has no text", ord.0),
    }
}

/// Decoded records of one selection: a long document that is found ten times is
/// decoded once.
pub(super) type Records = HashMap<DocumentId, DocumentRecord>;
