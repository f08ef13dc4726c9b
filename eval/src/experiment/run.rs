//! One system's rankings: what was returned, where, and how long it took.

use std::collections::HashMap;

use corpora::Topic;
use engine::{
    DocumentId, NearDuplicates, RerankOptions, SearchOutcome, SearchRequest, Searcher, Span,
    Strategy,
};
use serde::{Deserialize, Serialize};

use super::system::SystemSpec;
use crate::error::EvalError;
use crate::indexing::IndexingRecord;
use crate::timing::{StagePercentiles, stage_percentiles};
use crate::topic_run::search;

/// Ranks that are kept: as many as the deepest usual measure looks at.
pub const KEPT_RANKS: usize = 100;

/// Hits asked for when times are taken: what a user is shown.
const TIMED_RANKS: usize = 10;

/// Everything one system did. Scores are computed from it, never stored, so a
/// changed measure needs no new run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemRun {
    /// Which system.
    pub system: SystemSpec,
    /// What the rankings depend on, by name.
    pub depends_on: std::collections::BTreeMap<String, String>,
    /// The documents that [`RankedHit`]s name by position.
    pub documents: Vec<DocumentId>,
    /// A ranking per topic, in the order the topics were run.
    pub rankings: Vec<TopicRanking>,
    /// Milliseconds per stage of a search for ten hits.
    pub timings_ms: StagePercentiles,
    /// What indexing did.
    pub indexing: IndexingRecord,
}

/// What was returned for a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicRanking {
    /// The topic's id.
    pub topic: String,
    /// Passages, best first, at most [`KEPT_RANKS`].
    pub hits: Vec<RankedHit>,
}

/// A passage in a ranking; in a file `[document, start, end, duplicates...]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct RankedHit {
    /// Position in [`SystemRun::documents`].
    pub document: u32,
    /// The bytes that were returned.
    pub span: Span,
    /// Exact duplicates of the document, which share the text.
    pub duplicates: Vec<u32>,
}

impl TryFrom<Vec<u32>> for RankedHit {
    type Error = String;

    fn try_from(numbers: Vec<u32>) -> Result<Self, String> {
        match numbers[..] {
            [document, start, end, ref duplicates @ ..] => {
                Ok(Self { document, span: Span { start, end }, duplicates: duplicates.to_vec() })
            }
            _ => Err(format!("a hit has at least three numbers, not {}", numbers.len())),
        }
    }
}

impl From<RankedHit> for Vec<u32> {
    fn from(RankedHit { document, span, duplicates }: RankedHit) -> Self {
        let mut numbers = vec![document, span.start, span.end];
        numbers.extend(duplicates);
        numbers
    }
}

impl SystemRun {
    /// The document a hit names.
    pub fn document(&self, number: u32) -> &DocumentId {
        &self.documents[number as usize]
    }

    /// Passages of a ranking with the documents that hold their text.
    pub fn passages<'r>(&'r self, ranking: &'r TopicRanking) -> Vec<(&'r DocumentId, Span)> {
        ranking.hits.iter().map(|hit| (self.document(hit.document), hit.span)).collect()
    }

    /// 16 hexadecimal digits over all rankings: equal iff every topic got the
    /// same passages in the same order.
    pub fn ranking_digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for TopicRanking { topic, hits } in &self.rankings {
            hasher.update(format!("{topic}\n").as_bytes());
            for RankedHit { document, span, .. } in hits {
                let document = self.document(*document);
                hasher.update(format!("{document} {} {}\n", span.start, span.end).as_bytes());
            }
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// Whether a ranking is of passages or of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Passages,
    /// One passage a document, so that the kept ranks are as many documents.
    Documents,
}

/// What is asked of a searcher, topic by topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) strategy: Strategy,
    pub(super) unit: Unit,
    /// How far the searcher's reranker reads; `None` leaves it out.
    pub(super) rerank: Option<RerankOptions>,
}

/// What [`run_topics`] found.
pub(super) struct Found {
    pub(super) documents: Vec<DocumentId>,
    pub(super) rankings: Vec<TopicRanking>,
    pub(super) timings_ms: StagePercentiles,
}

/// Runs every topic: once for its ranking, then once more, warm, for the time
/// that a search for ten hits takes.
///
/// # Errors
/// [`EvalError::Search`] and [`EvalError::Degraded`] with the topic.
pub(super) fn run_topics(
    searcher: &Searcher,
    topics: &[Topic],
    Asked { strategy, unit, rerank }: Asked,
    on_topic: &mut dyn FnMut(usize),
) -> Result<Found, EvalError> {
    let ranked = SearchRequest {
        strategy,
        rerank,
        top: KEPT_RANKS,
        per_document: (unit == Unit::Documents).then_some(1),
        near_duplicates: NearDuplicates::List,
        ..SearchRequest::new("")
    };
    let timed = SearchRequest { strategy, rerank, top: TIMED_RANKS, ..SearchRequest::new("") };
    let mut numbers = Numbers::default();
    let mut rankings = Vec::with_capacity(topics.len());
    // A topic without text has no results; every measure counts it 0.
    let is_blank = |topic: &Topic| topic.text.trim().is_empty();
    for (at, topic) in topics.iter().enumerate() {
        let hits = if is_blank(topic) {
            Vec::new()
        } else {
            numbers.hits(&search(searcher, topic, &ranked)?)
        };
        rankings.push(TopicRanking { topic: topic.id.clone(), hits });
        on_topic(at + 1);
    }
    let timings = topics
        .iter()
        .filter(|topic| !is_blank(topic))
        .map(|topic| Ok(search(searcher, topic, &timed)?.timings_ms))
        .collect::<Result<Vec<_>, EvalError>>()?;
    let timings_ms = stage_percentiles(&timings);
    Ok(Found { documents: numbers.documents, rankings, timings_ms })
}

/// Numbers documents in the order they are met.
#[derive(Default)]
struct Numbers {
    documents: Vec<DocumentId>,
    by_id: HashMap<DocumentId, u32>,
}

impl Numbers {
    fn of(&mut self, document: &DocumentId) -> u32 {
        *self.by_id.entry(document.clone()).or_insert_with(|| {
            self.documents.push(document.clone());
            self.documents.len() as u32 - 1
        })
    }

    fn hits(&mut self, outcome: &SearchOutcome) -> Vec<RankedHit> {
        outcome
            .hits
            .iter()
            .map(|hit| RankedHit {
                document: self.of(&hit.document),
                span: hit.span,
                duplicates: hit.duplicates.iter().map(|document| self.of(document)).collect(),
            })
            .collect()
    }
}
