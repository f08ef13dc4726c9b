//! What is asked: the request as a caller writes it.

use crate::dense::VectorSearch;
use crate::document::DocumentId;
use crate::fusion::{Fusion, Normalization, Weight};
use crate::lexical::Typos;
use crate::search::expansion::Expansion;
use crate::search::filter::Filter;

/// Which legs run, and how their rankings become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strategy {
    /// BM25 alone.
    Lexical,
    /// Vectors alone.
    Dense,
    /// Both, fused.
    Hybrid {
        /// How.
        fusion: Fusion,
    },
}

impl Strategy {
    /// The default: both legs, distribution-based score fusion with equal
    /// shares. Chosen on training topics from a grid that was written down
    /// beforehand: docs/experiments/fusion-grid.md.
    pub const DEFAULT: Self = Self::Hybrid {
        fusion: Fusion::WeightedSum {
            normalization: Normalization::Distribution,
            dense_weight: Weight::HALF,
        },
    };

    /// Whether the dense leg takes part, which needs the query's vector.
    pub fn reads_vectors(self) -> bool {
        !matches!(self, Self::Lexical)
    }
}

/// What happens to hits whose texts are nearly the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NearDuplicates {
    /// Shown once, the others named in [`crate::Hit::similar`].
    #[default]
    Group,
    /// Each a hit of its own: what an evaluation wants.
    List,
}

/// Whether the query's words are looked for in the texts of hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Highlights {
    /// Their places are [`crate::Hit::highlights`].
    #[default]
    Words,
    /// They are not looked for, which saves half of a search in a small index:
    /// for callers that give the texts to a model and show them to nobody.
    Off,
}

/// Whether hits carry their [`crate::Explanation`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Scores only.
    #[default]
    Plain,
    /// Scores with the tree they come from.
    Explained,
}

/// How far a reranker reads on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RerankOptions {
    /// Candidates that may be read, up to [`SearchRequest::MAX_RERANK_DEPTH`];
    /// `None` for [`SearchRequest::DEFAULT_RERANK_DEPTH`], and of those only as many as
    /// fill [`SearchRequest::DEFAULT_RERANK_TOKENS`]: what a model costs is tokens, so
    /// short passages are read further down. The first stage may have found fewer:
    /// [`crate::RerankReport::candidates`] says how many there were.
    pub depth: Option<usize>,
    /// Milliseconds the stage may take. What it would take is estimated first, and
    /// only as many candidates are begun as are expected to fit, but one at least
    /// unless this is 0, so that an estimate can be corrected; when it takes
    /// longer after all, no further batch starts. `None`: no limit, and the result
    /// does not depend on the machine's speed.
    pub budget_ms: Option<u64>,
}

/// A search as it is asked; [`crate::SearchPlan`] is the same with every default
/// filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// The user's words, at most [`SearchRequest::MAX_QUERY_BYTES`].
    pub query: String,
    /// The query's vector, where the caller has it already: `[dim]`, L2 norm 1,
    /// of the index's encoder, which is then not asked (and need not be there).
    /// `None` encodes `query`. The words and conditions of `query` count either
    /// way.
    pub vector: Option<Vec<f32>>,
    /// Which legs.
    pub strategy: Strategy,
    /// Hits wanted, 1 to [`SearchRequest::MAX_TOP`].
    pub top: usize,
    /// Candidates taken from each leg, up to [`SearchRequest::MAX_DEPTH`];
    /// `None` for the larger of [`SearchRequest::DEFAULT_DEPTH`] and `top`.
    pub depth: Option<usize>,
    /// What is searched for besides the query; refused where it could not change
    /// anything, see [`Expansion::suits`], and with `candidates`.
    pub expansion: Expansion,
    /// Whether and how far the searcher's reranker reads on; `None` leaves the
    /// first stage's order.
    pub rerank: Option<RerankOptions>,
    /// Documents to be ranked instead of searched for, with another system's
    /// scores: they are the first stage, and the legs only tell what they think of
    /// them. Of a document with several chunks, the legs choose the best one. Those
    /// that the index lacks, or the filter excludes, are left out, and where vectors
    /// are searched those too that the query's `+` and `-` exclude; `depth` has no say.
    /// `None` searches.
    pub candidates: Option<Vec<(DocumentId, f64)>>,
    /// Which documents may be found.
    pub filter: Option<Filter>,
    /// Most hits of one document; `None` for no limit.
    pub per_document: Option<usize>,
    /// What happens to near-duplicates.
    pub near_duplicates: NearDuplicates,
    /// Whether words one edit away match too.
    pub typos: Typos,
    /// How vectors are searched.
    pub vectors: VectorSearch,
    /// Whether hits are explained.
    pub detail: Detail,
    /// Whether hits are highlighted.
    pub highlights: Highlights,
    /// A document whose absence (or place) is to be explained.
    pub why_not: Option<DocumentId>,
    /// After this many milliseconds no further stage starts; what is left of them is
    /// a reranker's budget. What was left out is named in
    /// [`crate::SearchOutcome::degraded`].
    pub deadline_ms: Option<u64>,
}

impl SearchRequest {
    /// Longest query, in bytes (16 KiB): a page of text. Longer ones are
    /// refused and not cut, since a cut changes what was asked.
    pub const MAX_QUERY_BYTES: usize = 16 << 10;
    /// Most hits of one request.
    pub const MAX_TOP: usize = 1000;
    /// Most candidates of a leg.
    pub const MAX_DEPTH: usize = 10_000;
    /// Candidates of a leg by default: see docs/experiments/fusion-grid.md.
    pub const DEFAULT_DEPTH: usize = 100;
    /// Most candidates that are reranked.
    pub const MAX_RERANK_DEPTH: usize = 1000;
    /// Most candidates that are reranked by default.
    pub const DEFAULT_RERANK_DEPTH: usize = 50;
    /// Tokens, queries and titles included, that a reranker reads by default: about
    /// what two cores with AVX-512 VNNI read in 150 ms, and a number, so that what is
    /// read does not depend on the machine. Estimated from bytes.
    pub const DEFAULT_RERANK_TOKENS: usize = 3500;

    /// A hybrid search for ten hits with every default.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            vector: None,
            strategy: Strategy::DEFAULT,
            top: 10,
            depth: None,
            expansion: Expansion::None,
            rerank: None,
            candidates: None,
            filter: None,
            per_document: None,
            near_duplicates: NearDuplicates::default(),
            typos: Typos::default(),
            vectors: VectorSearch::Auto,
            detail: Detail::default(),
            highlights: Highlights::default(),
            why_not: None,
            deadline_ms: None,
        }
    }
}
