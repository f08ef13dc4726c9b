//! Searching: from a request to hits that explain themselves.
//!
//! The ladder: a [`SearchRequest`] is what a caller asks; [`SearchPlan::resolve`]
//! makes it a plan, in which nothing is left open; the legs turn the plan into
//! two [`RankedList`](crate::RankedList)s; fusion makes them one; fetching turns
//! its best entries into [`Hit`]s. [`Searcher::search`] shows the stages in
//! order; `legs`, `fetch`, `explain` and `why_not` hold one stage each.

mod contributions;
mod error;
mod explain;
mod fetch;
pub mod filter;
mod filter_cache;
mod filter_syntax;
mod hit;
mod legs;
mod near_duplicates;
mod plan;
mod request;
mod why_not;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

pub use error::SearchError;
pub use explain::{Explanation, Operation};
pub(crate) use filter_cache::FilterCache;
pub use hit::{Degradation, Hit, ScoreKind, SearchOutcome, Stage, StageTimings};
pub use plan::{Schedule, SearchPlan};
pub use request::{Detail, NearDuplicates, SearchRequest, Strategy};
pub use why_not::{LegPlace, WhyNot};

use crate::document::DocumentId;
use crate::encoder::Encoder;
use crate::error::SegmentError;
use crate::index::Generation;
use crate::lexical::{Language, LexicalQuery, QueryOptions};
use crate::ord_set::OrdSet;
use crate::store::StoredDocument;
use why_not::Trace;

/// An immutable view of one generation of an index. Cheap to clone; what it
/// finds never changes, whatever a writer does meanwhile.
#[derive(Clone)]
pub struct Searcher {
    generation: Arc<Generation>,
    encoder: Option<Arc<dyn Encoder>>,
    language: Language,
}

impl Searcher {
    pub(crate) fn new(
        generation: Arc<Generation>,
        encoder: Option<Arc<dyn Encoder>>,
        language: Language,
    ) -> Self {
        Self { generation, encoder, language }
    }

    /// Runs a search in the calling thread; a large hybrid search uses a second
    /// one for its lexical leg.
    ///
    /// # Returns
    /// At most `top` hits, best first. Without a deadline the result depends on
    /// nothing but the request, the generation and the encoder.
    ///
    /// # Errors
    /// [`SearchError`]: by the request (empty query, limits, filter), by a
    /// missing or failing encoder where only vectors could answer, or by damaged
    /// files. A failing encoder in a hybrid search degrades it instead.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchOutcome, SearchError> {
        let started = Instant::now();
        let mut timings = StageTimings::default();

        let mut clock = Lap::new();
        let plan = SearchPlan::resolve(request, self.generation.texts.n_chunks())?;
        self.check_vector(request, &plan)?;
        let query = LexicalQuery::parse(
            &request.query,
            QueryOptions { typos: request.typos },
            self.language,
        );
        timings.plan = clock.lap();

        let allowed = self.allowed(request, &plan, &query)?;
        timings.filter = clock.lap();

        let legs = self.run_legs(&plan, request, &query, &allowed, started)?;
        (timings.lexical, timings.encode, timings.dense) = legs.times_ms();

        clock.lap();
        let ranking = legs.ranking(&plan);
        timings.fusion = clock.lap();

        let selection = self.select(&plan, request.near_duplicates, &ranking)?;
        let why_not = match &request.why_not {
            Some(id) => {
                let trace = Trace {
                    plan: &plan,
                    query: &query,
                    allowed: &allowed,
                    legs: &legs,
                    ranking: &ranking,
                    selection: &selection,
                };
                Some(self.why_not(id, &trace)?)
            }
            None => None,
        };
        let hits = self.hits(request, &plan, &query, &legs, selection)?;
        timings.fetch = clock.lap();
        timings.total = started.elapsed().as_secs_f64() * 1e3;
        Ok(SearchOutcome {
            hits,
            score_kind: plan.score_kind(),
            generation: self.generation(),
            n_dropped_terms: query.n_dropped_terms(),
            timings_ms: timings,
            degraded: legs.degraded,
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

    /// All ids, exact duplicates included, ascending.
    pub fn document_ids(&self) -> Vec<DocumentId> {
        let mut ids: Vec<_> = self.generation.texts.ids().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// Number of the commit this is a view of.
    pub fn generation(&self) -> u64 {
        self.generation.number()
    }

    /// Live chunks.
    pub fn n_chunks(&self) -> usize {
        self.generation.texts.n_chunks()
    }

    /// Checks before anything runs that the dense leg will have a vector.
    fn check_vector(&self, request: &SearchRequest, plan: &SearchPlan) -> Result<(), SearchError> {
        match &request.vector {
            Some(_) if !plan.strategy.reads_vectors() => Err(SearchError::UnusedVector),
            Some(vector) => {
                self.generation.vectors.check_query(vector).map_err(SearchError::QueryVector)
            }
            None if plan.strategy.reads_vectors() && self.encoder.is_none() => {
                Err(SearchError::NoEncoder)
            }
            None => Ok(()),
        }
    }

    /// Chunks that are alive, pass the filter and, where vectors are searched,
    /// meet the query's `+` and `-`: a passage must not come back by way of its
    /// vector when the user has excluded its words.
    fn allowed(
        &self,
        request: &SearchRequest,
        plan: &SearchPlan,
        query: &LexicalQuery,
    ) -> Result<Cow<'_, OrdSet>, SearchError> {
        let Generation { alive, lexical, filters, .. } = self.generation.as_ref();
        let mut allowed = Cow::Borrowed(alive);
        if let Some(filter) = &request.filter {
            let find = || lexical.matching(filter, alive.capacity());
            allowed.to_mut().intersect(&*filters.get_or_find(filter, find)?);
        }
        if plan.strategy.reads_vectors()
            && let Some(met) = lexical.meeting_conditions(query, alive.capacity())?
        {
            allowed.to_mut().intersect(&met);
        }
        Ok(allowed)
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
