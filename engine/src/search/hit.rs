//! What comes back: hits, timings, what was left out.

use std::collections::BTreeMap;
use std::fmt;

use super::expansion::ExpansionReport;
use super::explain::Explanation;
use super::why_not::WhyNot;
use crate::document::{ChunkOrd, DocumentId, FieldValue, Span};
use crate::fusion::Fusion;
use crate::rerank::Features;

/// What a hit's score is, so that a fused score is not mistaken for a
/// similarity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreKind {
    /// BM25 summed over fields: not negative, without an upper bound. After lexical
    /// feedback that of the expanded query.
    Bm25,
    /// Cosine of query and passage, in `[-1, 1]`. After dense feedback that of the
    /// moved vector.
    Cosine,
    /// The fusion's own scale; comparable within one result only.
    Fused(Fusion),
    /// The rankings of a query and its variants, summed on the scale of each one's
    /// distribution; comparable within one result only.
    Variants,
    /// Those of [`crate::SearchRequest::candidates`].
    Given,
    /// The mixer's scale, see [`crate::Mixer`]; comparable within one result only.
    /// Hits that no model has read stand below all that one has, see
    /// [`crate::RerankReport`].
    Reranked,
}

impl fmt::Display for ScoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bm25 => f.write_str("bm25"),
            Self::Cosine => f.write_str("cosine"),
            Self::Fused(fusion) => write!(f, "{fusion}"),
            Self::Variants => f.write_str("variants"),
            Self::Given => f.write_str("given"),
            Self::Reranked => f.write_str("reranked"),
        }
    }
}

/// A passage's place in one leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LegRank {
    /// 1-based.
    pub rank: usize,
    /// BM25 in the lexical leg, the cosine in the dense one.
    pub score: f64,
}

/// Where the legs ranked a hit for the query itself, after feedback; `None` where a leg
/// did not run or did not rank it among its candidates. A hit of a variant alone has
/// neither.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HitPlaces {
    /// By words.
    pub lexical: Option<LegRank>,
    /// By vectors.
    pub dense: Option<LegRank>,
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document it stands in.
    pub document: DocumentId,
    /// The number of the chunk that was found.
    pub chunk: ChunkOrd,
    /// Its bytes in the document's canonical text: the chunk's, or its parent's
    /// where it has one.
    pub span: Span,
    /// The document's title.
    pub title: String,
    /// Headings above it, outermost first.
    pub headings: Vec<String>,
    /// The passage: exactly the bytes of `span`.
    pub text: String,
    /// The chunk's; higher is better, see [`SearchOutcome::score_kind`].
    pub score: f64,
    /// Where the legs ranked it, before anything was fused or reranked.
    pub places: HitPlaces,
    /// Where query words occur: spans into the canonical text, ascending,
    /// disjoint, inside `span`.
    pub highlights: Vec<Span>,
    /// The document's metadata.
    pub fields: BTreeMap<String, FieldValue>,
    /// Exact duplicates of the document, which share its text.
    pub duplicates: Vec<DocumentId>,
    /// Passages that are nearly the same and rank lower.
    pub similar: Vec<(DocumentId, ChunkOrd)>,
    /// What the reranking stage knew of it; `None` when no model has read it.
    pub features: Option<Features>,
    /// Where the score comes from, when asked for.
    pub explanation: Option<Explanation>,
}

/// The stages of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Encoding the query.
    Encode,
    /// The dense leg.
    Dense,
    /// Searching for more than was typed.
    Expand,
    /// Reranking.
    Rerank,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encode => "encode",
            Self::Dense => "dense",
            Self::Expand => "expand",
            Self::Rerank => "rerank",
        })
    }
}

/// A stage that was left out of a result, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degradation {
    /// Which stage.
    pub stage: Stage,
    /// What happened, for people.
    pub reason: String,
}

/// Why reranking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RerankStop {
    /// Every candidate within reach was read.
    Complete,
    /// The hits asked for could not change any more, whatever the other candidates
    /// within reach would have scored.
    Settled,
    /// The budget did not allow to read all candidates, or as many as would have
    /// settled the hits; [`SearchOutcome::degraded`] says so.
    Budget,
    /// The model failed; [`SearchOutcome::degraded`] says how.
    Failed,
}

/// How far the reranker read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RerankReport {
    /// Candidates that were read: the first ones of the first stage. They are
    /// sorted by their final scores; the others follow in the order they had.
    pub scored: usize,
    /// Candidates that might have been read: the depth asked for, or as many as the
    /// tokens of the default allow, or all that the first stage found where those are
    /// fewer.
    pub candidates: usize,
    /// Why it ended.
    pub stop: RerankStop,
}

/// Wall time of each stage, in milliseconds. Stages that ran in parallel add up
/// to more than the total.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageTimings {
    /// Resolving the plan and parsing the query.
    pub plan: f64,
    /// Resolving the filter.
    pub filter: f64,
    /// Encoding the query.
    pub encode: f64,
    /// The lexical leg.
    pub lexical: f64,
    /// The dense leg.
    pub dense: f64,
    /// Fusing.
    pub fusion: f64,
    /// Expanding the query and searching again.
    pub expand: f64,
    /// Reranking.
    pub rerank: f64,
    /// Reading texts, grouping, highlighting, explaining.
    pub fetch: f64,
    /// All of it.
    pub total: f64,
}

/// What a leg handed on, and when it ran.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LegReport {
    /// When it began, in milliseconds from the search's beginning; for the dense leg,
    /// when encoding began. Of legs that ran beside each other the times overlap.
    pub started_ms: f64,
    /// Candidates that it found.
    pub candidates: usize,
}

/// What a filter allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterReport {
    /// Chunks.
    pub allowed: usize,
    /// Whether an earlier search with the same filter had found them already, so that
    /// nothing was looked up.
    pub was_kept: bool,
}

/// What was there to choose the hits from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CandidateReport {
    /// The filter; `None` without one.
    pub filter: Option<FilterReport>,
    /// The lexical leg; `None` when it was not to run.
    pub lexical: Option<LegReport>,
    /// The dense leg; `None` when it was not to run.
    pub dense: Option<LegReport>,
    /// Candidates once the legs were one ranking, before any expansion.
    pub fused: usize,
}

/// The answer to a [`crate::SearchRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct SearchOutcome {
    /// Best first; equal scores by ascending [`ChunkOrd`].
    pub hits: Vec<Hit>,
    /// What the hits' scores are.
    pub score_kind: ScoreKind,
    /// Generation of the index that was searched.
    pub generation: u64,
    /// What was searched for besides the query; `None` when nothing was to be, or the
    /// stage was left out.
    pub expanded: Option<ExpansionReport>,
    /// What the legs handed on.
    pub candidates: CandidateReport,
    /// How far the reranker read; `None` when none was asked for.
    pub reranked: Option<RerankReport>,
    /// Words of the query beyond the lexical limit, which were not searched.
    pub n_dropped_terms: usize,
    /// Where the time went.
    pub timings_ms: StageTimings,
    /// Stages left out; empty when everything asked for was done.
    pub degraded: Vec<Degradation>,
    /// The answer to [`crate::SearchRequest::why_not`].
    pub why_not: Option<WhyNot>,
}
