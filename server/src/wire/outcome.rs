//! The response to `POST /v1/search`, which `trovato search --json` prints too.

use std::collections::BTreeMap;

use engine::{
    ChunkOrd, Degradation, DocumentId, Hit, RerankReport, RerankStop, SearchOutcome, SearchRequest,
    StageTimings,
};
use serde::Serialize;
use serde_json::Value;

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
#[derive(Debug, Serialize)]
pub struct OutcomeBody {
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    hits: Vec<HitBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expanded: Option<ExpansionBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reranked: Option<RerankBody>,
    timings_ms: TimingsBody,
    degraded: Vec<DegradationBody>,
    dropped_terms: usize,
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<WhyNotBody>,
}

#[derive(Debug, Serialize)]
struct HitBody {
    document: String,
    chunk: u32,
    span: SpanBody,
    title: String,
    headings: Vec<String>,
    score: f64,
    score_kind: String,
    text: String,
    highlights: Vec<SpanBody>,
    pieces: Vec<Piece>,
    fields: BTreeMap<String, Value>,
    duplicates: Vec<String>,
    similar: Vec<SimilarBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationBody>,
}

#[derive(Debug, Serialize)]
struct SimilarBody {
    document: String,
    chunk: u32,
}

#[derive(Debug, Serialize)]
struct DegradationBody {
    stage: String,
    reason: String,
}

/// How far the reranker read.
#[derive(Debug, Serialize)]
struct RerankBody {
    scored: usize,
    candidates: usize,
    /// `complete`, `settled`, `budget` or `failed`.
    stop: &'static str,
}

#[derive(Debug, Serialize)]
struct TimingsBody {
    plan: f64,
    filter: f64,
    encode: f64,
    lexical: f64,
    dense: f64,
    fusion: f64,
    expand: f64,
    rerank: f64,
    fetch: f64,
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
            reranked: reranked.map(RerankBody::from),
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

impl From<Degradation> for DegradationBody {
    fn from(degradation: Degradation) -> Self {
        let Degradation { stage, reason } = degradation;
        Self { stage: stage.to_string(), reason }
    }
}

impl From<RerankReport> for RerankBody {
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
