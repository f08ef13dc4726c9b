//! The response to `POST /v1/search`, which `trovato search --json` prints too.

use std::collections::BTreeMap;

use engine::{
    ChunkOrd, Degradation, DocumentId, Hit, RerankReport, RerankStop, SearchOutcome, SearchRequest,
    StageTimings,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::expansion::ExpansionBody;
use super::explanation::ExplanationBody;
use super::field::fields_body;
use super::why_not::WhyNotBody;
use super::{SpanBody, span_body};
use crate::pieces::{self, Piece};

/// What was found, how long each stage took, and what was left out, as JSON.
///
/// Spans are `[start, end]` in bytes of the document's canonical text. `pieces`
/// is `text` cut at the highlights, for clients whose strings are not UTF-8.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomeBody {
    /// What was asked.
    query: String,
    /// The collection that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    /// The passages, best first.
    hits: Vec<HitBody>,
    /// What was searched for besides the query; absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    expanded: Option<ExpansionBody>,
    /// How far the reranker read; absent where nothing was reranked.
    #[serde(skip_serializing_if = "Option::is_none")]
    reranked: Option<RerankedBody>,
    /// Wall time of each stage.
    timings_ms: TimingsBody,
    /// Stages that were left out; empty when none was.
    degraded: Vec<DegradationBody>,
    /// Words of a long query that were not searched.
    dropped_terms: usize,
    /// The commit of the index that answered.
    generation: u64,
    /// The stage that lost the document that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<WhyNotBody>,
}

/// A passage that was found.
#[derive(Debug, Serialize, ToSchema)]
struct HitBody {
    /// Id of the document it stands in.
    document: String,
    /// Number of the chunk in this generation of the index.
    chunk: u32,
    /// The passage's bytes in the document.
    span: SpanBody,
    /// The document's title.
    title: String,
    /// The headings above the passage, outermost first.
    headings: Vec<String>,
    /// Higher is better; comparable within this answer only.
    score: f64,
    /// What the score is: of one leg, fused, or reranked.
    score_kind: String,
    /// The passage.
    text: String,
    /// Where the query's words stand, in bytes of the document.
    highlights: Vec<SpanBody>,
    /// The passage cut at the highlights.
    pieces: Vec<Piece>,
    /// The document's metadata.
    fields: BTreeMap<String, Value>,
    /// Ids of documents with the same text.
    duplicates: Vec<String>,
    /// Near-duplicates that are grouped under this passage.
    similar: Vec<SimilarBody>,
    /// How the score was made, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationBody>,
}

/// A passage that says nearly the same.
#[derive(Debug, Serialize, ToSchema)]
struct SimilarBody {
    /// Id of the document.
    document: String,
    /// Number of the chunk.
    chunk: u32,
}

/// A stage that was left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DegradationBody {
    /// Which stage.
    stage: String,
    /// Why it was left out.
    reason: String,
}

/// How far the reranker read.
#[derive(Debug, Serialize, ToSchema)]
struct RerankedBody {
    /// Candidates that were read.
    scored: usize,
    /// Candidates that might have been.
    candidates: usize,
    /// Why it stopped: `complete`, `settled`, `budget` or `failed`.
    stop: &'static str,
}

/// Milliseconds by stage; 0 for one that did not run.
#[derive(Debug, Serialize, ToSchema)]
struct TimingsBody {
    /// Checking the request.
    plan: f64,
    /// From the filter to the allowed chunks.
    filter: f64,
    /// From the query to its vector.
    encode: f64,
    /// The search by words.
    lexical: f64,
    /// The search by vectors.
    dense: f64,
    /// Making one ranking of two.
    fusion: f64,
    /// Searching for more than was typed.
    expand: f64,
    /// Reading the first candidates again.
    rerank: f64,
    /// Reading texts, grouping and marking.
    fetch: f64,
    /// All of it; the legs run beside each other.
    total: f64,
}

impl OutcomeBody {
    /// Converts what the engine found.
    ///
    /// # Arguments
    /// * `request` - what was asked; gives the query and the document of a
    ///   why-not.
    /// * `collection` - the collection's name where there are names.
    pub fn new(request: &SearchRequest, collection: Option<&str>, outcome: SearchOutcome) -> Self {
        let SearchOutcome {
            hits,
            score_kind,
            generation,
            expanded,
            // For those who watch the server, not for those who search.
            candidates: _,
            reranked,
            n_dropped_terms,
            timings_ms,
            degraded,
            why_not,
        } = outcome;
        let score_kind = score_kind.to_string();
        Self {
            query: request.query.clone(),
            collection: collection.map(str::to_owned),
            hits: hits.into_iter().map(|hit| HitBody::new(hit, &score_kind)).collect(),
            expanded: expanded.map(ExpansionBody::from),
            reranked: reranked.map(RerankedBody::from),
            timings_ms: timings_ms.into(),
            degraded: degraded.into_iter().map(DegradationBody::from).collect(),
            dropped_terms: n_dropped_terms,
            generation,
            why_not: request
                .why_not
                .as_ref()
                .zip(why_not)
                .map(|(id, reason)| WhyNotBody::new(id, reason)),
        }
    }
}

impl HitBody {
    fn new(hit: Hit, score_kind: &str) -> Self {
        let Hit {
            document,
            chunk,
            span,
            title,
            headings,
            text,
            score,
            highlights,
            fields,
            duplicates,
            similar,
            // The explanation tells those that had a say.
            places: _,
            features: _,
            explanation,
        } = hit;
        Self {
            document: document.into(),
            chunk: chunk.0,
            span: span_body(span),
            title,
            headings,
            score,
            score_kind: score_kind.to_owned(),
            pieces: pieces::cut(&text, span.start, &highlights),
            text,
            highlights: highlights.into_iter().map(span_body).collect(),
            fields: fields_body(&fields),
            duplicates: duplicates.into_iter().map(String::from).collect(),
            similar: similar.into_iter().map(SimilarBody::from).collect(),
            explanation: explanation.map(ExplanationBody::from),
        }
    }
}

impl From<(DocumentId, ChunkOrd)> for SimilarBody {
    fn from((document, chunk): (DocumentId, ChunkOrd)) -> Self {
        Self { document: document.into(), chunk: chunk.0 }
    }
}

impl DegradationBody {
    /// A language model was to make a follow-up whole; the rules did.
    pub(super) fn not_rewritten() -> Self {
        let reason = "the model gave no question; the rules made the follow-up whole";
        Self { stage: "rewrite".to_owned(), reason: reason.to_owned() }
    }
}

impl From<Degradation> for DegradationBody {
    fn from(degradation: Degradation) -> Self {
        let Degradation { stage, reason } = degradation;
        Self { stage: stage.to_string(), reason }
    }
}

impl From<RerankReport> for RerankedBody {
    fn from(report: RerankReport) -> Self {
        let RerankReport { scored, candidates, stop } = report;
        let stop = match stop {
            RerankStop::Complete => "complete",
            RerankStop::Settled => "settled",
            RerankStop::Budget => "budget",
            RerankStop::Failed => "failed",
        };
        Self { scored, candidates, stop }
    }
}

impl From<StageTimings> for TimingsBody {
    fn from(timings: StageTimings) -> Self {
        let StageTimings {
            plan,
            filter,
            encode,
            lexical,
            dense,
            fusion,
            expand,
            rerank,
            fetch,
            total,
        } = timings;
        Self { plan, filter, encode, lexical, dense, fusion, expand, rerank, fetch, total }
    }
}
