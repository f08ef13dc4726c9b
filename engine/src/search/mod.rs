//! Searching: from a request to hits that explain themselves.
//!
//! The ladder: a [`SearchRequest`] is what a caller asks; [`SearchPlan::resolve`]
//! makes it a plan, in which nothing is left open; the legs turn the plan into
//! two [`RankedList`](crate::RankedList)s; fusion makes them one; expansion, where it is
//! asked for, searches for more than was typed; a reranker, where one is asked for,
//! puts its head in a better order; fetching turns its best entries into [`Hit`]s.
//! [`Searcher::search`] shows the stages in order; `legs`, `candidates`, `expand`,
//! `rerank` (with `known` and `pace`), `fetch`, `explain` and `why_not` hold one stage
//! each.

mod candidates;
mod contributions;
mod error;
mod expand;
mod expansion;
mod explain;
mod fetch;
pub mod filter;
mod filter_cache;
mod filter_syntax;
mod hit;
mod known;
mod legs;
mod near_duplicates;
mod pace;
mod plan;
mod request;
mod rerank;
mod variants;
mod why_not;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

pub use error::SearchError;
pub use expansion::{Added, Expansion, ExpansionError, ExpansionReport};
pub use explain::{Explanation, Operation};
pub(crate) use filter_cache::FilterCache;
pub use hit::{
    CandidateReport, Degradation, FilterReport, Hit, HitPlaces, LegRank, LegReport, RerankReport,
    RerankStop, ScoreKind, SearchOutcome, Stage, StageTimings,
};
pub use pace::RerankPace;
pub use plan::{RerankPlan, Schedule, SearchPlan};
pub use request::{Detail, Highlights, NearDuplicates, RerankOptions, SearchRequest, Strategy};
pub use variants::{QueryVariant, VariantRule};
pub use why_not::{LegPlace, OrderedBy, WhyNot};

use crate::document::DocumentId;
use crate::encoder::Encoder;
use crate::error::SegmentError;
use crate::index::{BeforeEncoder, Generation};
use crate::lexical::{
    FieldSummary, Language, LexicalError, LexicalQuery, QueryOptions, QueryWords,
};
use crate::ord_set::OrdSet;
use crate::rerank::RerankPipeline;
use crate::store::StoredDocument;
use expand::Asked;
use rerank::Found;
use why_not::Trace;

/// An immutable view of one generation of an index. Cheap to clone; what it
/// finds never changes, whatever a writer does meanwhile.
#[derive(Clone)]
pub struct Searcher {
    generation: Arc<Generation>,
    encoder: Option<Arc<dyn Encoder>>,
    before_encoder: BeforeEncoder,
    reranker: Option<Arc<RerankPipeline>>,
    language: Language,
}

impl Searcher {
    pub(crate) fn new(
        generation: Arc<Generation>,
        (encoder, before_encoder): (Option<Arc<dyn Encoder>>, BeforeEncoder),
        language: Language,
    ) -> Self {
        Self { generation, encoder, before_encoder, reranker: None, language }
    }

    /// The same view with a reranker, for requests that ask for one.
    #[must_use]
    pub fn with_reranker(self, reranker: Arc<RerankPipeline>) -> Self {
        Self { reranker: Some(reranker), ..self }
    }

    /// What encodes queries; `None` where the index was opened without, or before it was
    /// loaded.
    pub fn encoder(&self) -> Option<&Arc<dyn Encoder>> {
        self.encoder.as_ref()
    }

    /// What reranks, see [`Searcher::with_reranker`].
    pub fn reranker(&self) -> Option<&Arc<RerankPipeline>> {
        self.reranker.as_ref()
    }

    /// Runs a search in the calling thread; a large hybrid search uses a second one
    /// for its lexical leg, and reranking all those that searches share.
    ///
    /// # Returns
    /// At most `top` hits, best first. Without a deadline and a reranker's budget the
    /// hits depend on nothing but the request, the generation and the models.
    ///
    /// # Errors
    /// [`SearchError`]: by the request (empty query, limits, filter), by a
    /// missing or failing encoder where only vectors could answer, or by damaged
    /// files. A failing encoder in a hybrid search, or a failing reranker, degrades it
    /// instead.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchOutcome, SearchError> {
        let started = Instant::now();
        let mut timings = StageTimings::default();

        let mut clock = Lap::new();
        let pace = self.reranker.as_deref().map(RerankPace::of);
        let n_chunks = self.generation.texts.n_chunks();
        let mut plan = SearchPlan::resolve(request, n_chunks, pace)?;
        self.check_vector(request, &plan)?;
        let query = LexicalQuery::parse(
            &request.query,
            QueryOptions { typos: request.typos },
            self.language,
        );
        timings.plan = clock.lap();

        let (mut allowed, filtered) = self.allowed(request, &plan, &query)?;
        if let Some(candidates) = &request.candidates {
            allowed.to_mut().intersect(&self.chunks_of(candidates)?);
            // The legs are asked about each of them, however many there are.
            plan.depth = allowed.len().max(1);
        }
        timings.filter = clock.lap();

        let mut legs = self.run_legs(&plan, request, &query, &allowed, started)?;
        (timings.lexical, timings.encode, timings.dense) = legs.times_ms();

        clock.lap();
        let mut first = match &request.candidates {
            None => legs.ranking(&plan),
            Some(candidates) => self.given_ranking(candidates, &allowed, &legs.ranking(&plan)),
        };
        timings.fusion = clock.lap();
        let fused = first.entries().len();
        let candidates = CandidateReport { filter: filtered, fused, ..legs.report() };

        let asked = Asked { plan: &plan, request, query: &query, allowed: &allowed, started };
        let expanded = self.expand(asked, &mut legs, &mut first)?;
        timings.expand = clock.lap();

        let found = Found {
            plan: &plan,
            request,
            query: &query,
            legs: &legs,
            rankings: &expanded.rankings,
            first: &first,
            started,
        };
        let mut ranked = self.rank(&found)?;
        timings.rerank = ranked.rerank_ms;

        clock.lap();
        let why_not = match &request.why_not {
            Some(id) => {
                let trace = Trace {
                    plan: &plan,
                    query: &query,
                    allowed: &allowed,
                    legs: &legs,
                    first: &first,
                    ranked: &ranked,
                };
                Some(self.why_not(id, &trace)?)
            }
            None => None,
        };
        let hits = self.hits(&found, &mut ranked)?;
        timings.fetch = ranked.select_ms + clock.lap();
        timings.total = started.elapsed().as_secs_f64() * 1e3;
        let mut degraded = std::mem::take(&mut legs.degraded);
        degraded.extend(expanded.degraded);
        degraded.extend(ranked.degraded.take());
        Ok(SearchOutcome {
            hits,
            score_kind: match &request.candidates {
                _ if ranked.is_reranked() => ScoreKind::Reranked,
                Some(_) => ScoreKind::Given,
                None if !expanded.rankings.is_empty() => ScoreKind::Variants,
                None => plan.score_kind(),
            },
            generation: self.generation(),
            expanded: expanded.report,
            candidates,
            reranked: ranked.report,
            n_dropped_terms: query.n_dropped_terms(),
            timings_ms: timings,
            degraded,
            why_not,
        })
    }

    /// Reads a document by id.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] when its record or text does not decode.
    pub fn document(&self, id: &DocumentId) -> Result<Option<StoredDocument>, SegmentError> {
        self.generation.texts.document(id)
    }

    /// The words of a query, each as rare as it is here: for those who weigh texts of
    /// their own choice as the engine weighs passages.
    ///
    /// # Arguments
    /// * `query` - as a user writes it; operators count as what they enclose.
    ///
    /// # Errors
    /// [`SearchError::Lexical`] when the index cannot be read.
    pub fn query_words(&self, query: &str) -> Result<QueryWords, SearchError> {
        let query = LexicalQuery::parse(query, QueryOptions::default(), self.language);
        Ok(self.generation.lexical.query_words(&query)?)
    }

    /// All ids, exact duplicates included, ascending.
    pub fn document_ids(&self) -> Vec<DocumentId> {
        let mut ids: Vec<_> = self.generation.texts.ids().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// The metadata fields that filters may use, by name.
    ///
    /// # Errors
    /// [`LexicalError`] when the index cannot be read.
    pub fn fields(&self) -> Result<Vec<FieldSummary>, LexicalError> {
        self.generation.lexical.fields()
    }

    /// Number of the commit this is a view of.
    pub fn generation(&self) -> u64 {
        self.generation.number()
    }

    /// Live chunks.
    pub fn n_chunks(&self) -> usize {
        self.generation.texts.n_chunks()
    }

    /// Checks before anything runs that the dense leg will have its vectors: variants
    /// are encoded even if the query's own vector is given.
    fn check_vector(&self, request: &SearchRequest, plan: &SearchPlan) -> Result<(), SearchError> {
        let encodes =
            request.vector.is_none() || matches!(plan.expansion, Expansion::MultiQuery { .. });
        let without = self.encoder.is_none() && self.before_encoder == BeforeEncoder::Refuse;
        if plan.strategy.reads_vectors() && encodes && without {
            return Err(SearchError::NoEncoder);
        }
        match &request.vector {
            Some(_) if !plan.strategy.reads_vectors() => Err(SearchError::UnusedVector),
            Some(vector) => {
                self.generation.vectors.check_query(vector).map_err(SearchError::QueryVector)
            }
            None => Ok(()),
        }
    }

    /// Chunks that are alive, pass the filter and, where vectors are searched,
    /// meet the query's `+` and `-`: a passage must not come back by way of its
    /// vector when the user has excluded its words.
    ///
    /// # Returns
    /// The chunks, and what the filter did.
    fn allowed(
        &self,
        request: &SearchRequest,
        plan: &SearchPlan,
        query: &LexicalQuery,
    ) -> Result<(Cow<'_, OrdSet>, Option<FilterReport>), SearchError> {
        let Generation { alive, lexical, filters, .. } = self.generation.as_ref();
        let mut allowed = Cow::Borrowed(alive);
        let mut filtered = None;
        if let Some(filter) = &request.filter {
            let mut was_kept = true;
            let find = || {
                was_kept = false;
                lexical.matching(filter, alive.capacity())
            };
            let found = filters.get_or_find(filter, find)?;
            filtered = Some(FilterReport { allowed: found.len(), was_kept });
            allowed.to_mut().intersect(&found);
        }
        if plan.strategy.reads_vectors()
            && let Some(met) = lexical.meeting_conditions(query, alive.capacity())?
        {
            allowed.to_mut().intersect(&met);
        }
        Ok((allowed, filtered))
    }
}

impl std::fmt::Debug for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Searcher").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

/// A stopwatch that gives the time since it was last read.
struct Lap(Instant);

impl Lap {
    fn new() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the last call.
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let ms = (now - self.0).as_secs_f64() * 1e3;
        self.0 = now;
        ms
    }
}
