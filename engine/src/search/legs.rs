//! The legs: words and vectors, each to a ranking of its own.

use std::sync::LazyLock;
use std::time::Instant;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::error::SearchError;
use super::hit::{CandidateReport, Degradation, HitPlaces, LegRank, LegReport, Stage};
use super::plan::{Schedule, SearchPlan};
use super::request::{SearchRequest, Strategy};
use super::{Lap, Searcher};
use crate::document::ChunkOrd;
use crate::encoder::{EncodeError, TextRole};
use crate::index::BeforeEncoder;
use crate::lexical::LexicalQuery;
use crate::ord_set::OrdSet;
use crate::ranked_list::RankedList;

/// The pool that searches share. Ingest has another, so that a bulk load cannot
/// queue work in front of a query. `None` where threads cannot be started:
/// everything then runs in the caller's.
pub(super) static SEARCH_POOL: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    ThreadPoolBuilder::new().thread_name(|at| format!("search-{at}")).build().ok()
});

/// What vector the dense leg searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum QueryVector {
    /// The query's.
    #[default]
    Encoded,
    /// The same moved towards passages that it found.
    Moved,
}

/// What the legs found; a leg that was not asked for is empty.
#[derive(Debug, Default)]
pub(super) struct Legs {
    pub(super) lexical: RankedList,
    pub(super) dense: RankedList,
    /// The vector that the dense leg searched for, unit length.
    pub(super) vector: Option<Vec<f32>>,
    pub(super) vector_is: QueryVector,
    /// What the lexical leg searched for, where that is more than the query.
    pub(super) expanded_query: Option<LexicalQuery>,
    pub(super) degraded: Vec<Degradation>,
    /// When each began, in milliseconds from the search's beginning.
    lexical_started_ms: Option<f64>,
    dense_started_ms: Option<f64>,
    lexical_ms: f64,
    encode_ms: f64,
    dense_ms: f64,
}

impl Legs {
    /// Milliseconds of the lexical leg, of encoding, of the dense leg.
    pub(super) fn times_ms(&self) -> (f64, f64, f64) {
        (self.lexical_ms, self.encode_ms, self.dense_ms)
    }

    /// What each has found by now; of the filter and the fusion it says nothing.
    pub(super) fn report(&self) -> CandidateReport {
        let of = |started: Option<f64>, list: &RankedList| {
            let candidates = list.entries().len();
            started.map(|started_ms| LegReport { started_ms, candidates })
        };
        CandidateReport {
            lexical: of(self.lexical_started_ms, &self.lexical),
            dense: of(self.dense_started_ms, &self.dense),
            ..CandidateReport::default()
        }
    }

    /// Where each ranked a chunk.
    pub(super) fn places(&self, ord: ChunkOrd) -> HitPlaces {
        let of = |list: &RankedList| list.find(ord).map(|(rank, score)| LegRank { rank, score });
        HitPlaces { lexical: of(&self.lexical), dense: of(&self.dense) }
    }

    /// One ranking out of the legs.
    pub(super) fn ranking(&self, plan: &SearchPlan) -> RankedList {
        match plan.strategy {
            Strategy::Lexical => self.lexical.clone(),
            Strategy::Dense => self.dense.clone(),
            Strategy::Hybrid { fusion } => fusion.fuse(&self.lexical, &self.dense),
        }
    }
}

/// The dense leg's part of [`Legs`].
struct DenseLeg {
    list: RankedList,
    vector: Option<Vec<f32>>,
    encode_ms: f64,
    dense_ms: f64,
    degraded: Option<Degradation>,
}

impl Searcher {
    pub(super) fn run_legs(
        &self,
        plan: &SearchPlan,
        request: &SearchRequest,
        query: &LexicalQuery,
        allowed: &OrdSet,
        started: Instant,
    ) -> Result<Legs, SearchError> {
        let elapsed_ms = || started.elapsed().as_secs_f64() * 1e3;
        let lexical = || {
            let started_ms = elapsed_ms();
            self.lexical_leg(plan, query, allowed).map(|(list, ms)| (started_ms, list, ms))
        };
        let dense = || {
            let started_ms = elapsed_ms();
            self.dense_leg(plan, request, query, allowed, started).map(|leg| (started_ms, leg))
        };
        let (lexical, dense) = match (plan.strategy, plan.schedule, SEARCH_POOL.as_ref()) {
            (Strategy::Lexical, ..) => (Some(lexical()?), None),
            (Strategy::Dense, ..) => (None, Some(dense()?)),
            (Strategy::Hybrid { .. }, Schedule::Parallel, Some(pool)) => {
                // `in_place_scope` keeps the longer leg in this thread: only the
                // lexical one is handed over.
                let mut found = None;
                let dense = pool.in_place_scope(|scope| {
                    scope.spawn(|_| found = Some(lexical()));
                    dense()
                });
                (found.transpose()?, Some(dense?))
            }
            (Strategy::Hybrid { .. }, ..) => (Some(lexical()?), Some(dense()?)),
        };
        let mut legs = Legs::default();
        if let Some((started_ms, list, ms)) = lexical {
            legs.lexical_started_ms = Some(started_ms);
            (legs.lexical, legs.lexical_ms) = (list, ms);
        }
        if let Some((started_ms, leg)) = dense {
            legs.dense_started_ms = Some(started_ms);
            (legs.dense, legs.vector) = (leg.list, leg.vector);
            (legs.encode_ms, legs.dense_ms) = (leg.encode_ms, leg.dense_ms);
            legs.degraded.extend(leg.degraded);
        }
        Ok(legs)
    }

    pub(super) fn lexical_leg(
        &self,
        plan: &SearchPlan,
        query: &LexicalQuery,
        allowed: &OrdSet,
    ) -> Result<(RankedList, f64), SearchError> {
        let mut clock = Lap::new();
        // Deleted chunks are unknown to the lexical side; only a filter needs
        // the set, and searching without one is faster.
        let alive = &self.generation.alive;
        let filter = (!std::ptr::eq(allowed, alive) && allowed != alive).then_some(allowed);
        let list = self.generation.lexical.search(query, plan.depth, filter)?;
        Ok((list, clock.lap()))
    }

    fn dense_leg(
        &self,
        plan: &SearchPlan,
        request: &SearchRequest,
        query: &LexicalQuery,
        allowed: &OrdSet,
        started: Instant,
    ) -> Result<DenseLeg, SearchError> {
        let mut clock = Lap::new();
        let mut leg = DenseLeg {
            list: RankedList::default(),
            vector: None,
            encode_ms: 0.0,
            dense_ms: 0.0,
            degraded: None,
        };
        let hybrid = plan.fusion().is_some();
        let late = |stage| {
            let missed = plan.missed(started).filter(|_| hybrid);
            missed.map(|reason| Degradation { stage, reason })
        };
        leg.degraded = late(Stage::Encode);
        if leg.degraded.is_some() {
            return Ok(leg);
        }
        let encoded = match &request.vector {
            Some(vector) => Ok(vector.clone()),
            None => self.encode(query.plain_text()),
        };
        leg.encode_ms = clock.lap();
        let vector = match encoded {
            Ok(vector) => vector,
            Err(SearchError::Encode(error)) if hybrid => {
                leg.degraded =
                    Some(Degradation { stage: Stage::Encode, reason: error.to_string() });
                return Ok(leg);
            }
            Err(error) => return Err(error),
        };
        leg.degraded = late(Stage::Dense);
        if leg.degraded.is_none() {
            leg.list =
                self.generation.vectors.search(&vector, plan.depth, allowed, request.vectors)?;
            leg.dense_ms = clock.lap();
        }
        leg.vector = Some(vector);
        Ok(leg)
    }

    fn encode(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        let encoder = self.encoder.as_ref().ok_or_else(|| match self.before_encoder {
            BeforeEncoder::Refuse => SearchError::NoEncoder,
            BeforeEncoder::Degrade => SearchError::Encode(EncodeError::Loading),
        })?;
        let embeddings = encoder.encode(&[text], TextRole::Query)?;
        let (values, dim) = (embeddings.values().len(), encoder.dim());
        embeddings
            .row(0)
            .map(<[f32]>::to_vec)
            .ok_or(SearchError::Encode(EncodeError::Shape { values, dim }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::Signature;
    use crate::document::{Chunk, Document, DocumentId, Span};
    use crate::encoder::{Embeddings, Encoder, HashEncoder};
    use crate::index::{EncoderIdentity, Index, Manifest, WriterOptions};
    use crate::lexical::QueryOptions;

    const WORDS: [&str; 7] =
        ["borrow", "checker", "lifetime", "owner", "thread", "closure", "macro"];

    /// Encodes passages and fails on queries.
    struct Failing(HashEncoder);

    impl Encoder for Failing {
        fn name(&self) -> &str {
            self.0.name()
        }
        fn fingerprint(&self) -> &str {
            self.0.fingerprint()
        }
        fn dim(&self) -> usize {
            self.0.dim()
        }
        fn max_tokens(&self) -> usize {
            self.0.max_tokens()
        }
        fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
            match role {
                TextRole::Passage => self.0.encode(texts, role),
                TextRole::Query => Err(EncodeError::Shape { values: 0, dim: self.dim() }),
            }
        }
    }

    fn index(dir: &Path, encoder: &Arc<dyn Encoder>) -> Index {
        let manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), "whole");
        let index = Index::create(dir, manifest, Some(Arc::clone(encoder))).unwrap();
        let mut writer = index.writer(WriterOptions::default()).unwrap();
        for at in 0..60_usize {
            let text = format!("{} {} {at}", WORDS[at % 7], WORDS[at / 7 % 7]);
            let vectors = encoder.encode(&[text.as_str()], TextRole::Passage).unwrap();
            let chunk = Chunk::plain(Span::new(0, text.len()));
            let document = Document {
                id: DocumentId::new(format!("d{at}")).unwrap(),
                title: String::new(),
                text,
                blocks: Vec::new(),
                fields: BTreeMap::new(),
            };
            let signature = Signature([at as u8; 32]);
            writer.upsert(&document, signature, &[chunk], &vectors).unwrap();
        }
        writer.commit().unwrap();
        index.refresh().unwrap();
        index
    }

    /// The legs of `text`, scheduled in one way whatever the index's size.
    fn legs(searcher: &Searcher, text: &str, schedule: Schedule) -> Legs {
        let strategy = Strategy::DEFAULT;
        let request = SearchRequest { strategy, ..SearchRequest::new(text) };
        let plan = SearchPlan { schedule, ..SearchPlan::resolve(&request, 60, None).unwrap() };
        let query = LexicalQuery::parse(text, QueryOptions::default(), searcher.language);
        let alive = &searcher.generation.alive;
        searcher.run_legs(&plan, &request, &query, alive, Instant::now()).unwrap()
    }

    #[test]
    fn legs_in_parallel_find_what_they_find_in_turn() {
        let folder = tempfile::tempdir().unwrap();
        let encoder: Arc<dyn Encoder> = Arc::new(HashEncoder::new(32, 64));
        let index = index(folder.path(), &encoder);
        let searcher = index.searcher();
        // More callers than cores: every one of them waits for the pool.
        std::thread::scope(|scope| {
            for caller in 0..8 {
                let searcher = &searcher;
                scope.spawn(move || {
                    for at in 0..20 {
                        let text =
                            format!("{} {}", WORDS[(at + caller) % 7], WORDS[at * caller % 7]);
                        let turn = legs(searcher, &text, Schedule::Sequential);
                        let parallel = legs(searcher, &text, Schedule::Parallel);
                        assert!(!turn.lexical.entries().is_empty(), "{text}");
                        assert!(!turn.dense.entries().is_empty(), "{text}");
                        assert_eq!(turn.lexical, parallel.lexical, "{text}");
                        assert_eq!(turn.dense, parallel.dense, "{text}");
                        assert_eq!(turn.vector, parallel.vector, "{text}");
                    }
                });
            }
        });
    }

    #[test]
    fn a_failing_encoder_leaves_the_words_in_either_schedule() {
        let folder = tempfile::tempdir().unwrap();
        let encoder: Arc<dyn Encoder> = Arc::new(Failing(HashEncoder::new(32, 64)));
        let index = index(folder.path(), &encoder);
        let searcher = index.searcher();
        for schedule in [Schedule::Sequential, Schedule::Parallel] {
            let legs = legs(&searcher, "borrow checker", schedule);
            assert!(!legs.lexical.entries().is_empty());
            assert!(legs.dense.entries().is_empty());
            assert_eq!(legs.degraded.len(), 1, "{:?}", legs.degraded);
            assert_eq!(legs.degraded[0].stage, Stage::Encode);
        }
    }
}
