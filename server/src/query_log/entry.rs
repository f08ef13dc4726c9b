//! From a search and its outcome to a line of the log.

use std::collections::BTreeMap;

use corpora::{LoggedHit, LoggedRequest, LoggedSearch};
use engine::{
    Expansion, NearDuplicates, SearchOutcome, SearchRequest, StageTimings, Strategy, Typos,
};
use jiff::Timestamp;

use crate::collections::Collection;

/// What is logged of an answered search; not redacted yet.
///
/// # Arguments
/// * `filter` - the expression as it was sent, since a parsed one has no text.
/// * `collection` - what was searched; its reranker's name is logged where it was
///   asked to read.
pub(crate) fn logged(
    request: &SearchRequest,
    filter: Option<&str>,
    collection: &Collection,
    outcome: &SearchOutcome,
) -> LoggedSearch {
    let reranker = collection.reranker().map(|loaded| loaded.pipeline.name());
    LoggedSearch {
        time: format!("{:.3}", Timestamp::now()),
        collection: collection.name().to_owned(),
        generation: outcome.generation,
        sample: None,
        request: logged_request(request, filter, reranker),
        redactions: BTreeMap::new(),
        hits: outcome
            .hits
            .iter()
            .map(|hit| LoggedHit {
                document: hit.document.clone(),
                span: hit.span,
                score: hit.score,
            })
            .collect(),
        timings_ms: timings(outcome.timings_ms),
        degraded: outcome.degraded.iter().map(|left_out| left_out.stage.to_string()).collect(),
    }
}

fn logged_request(
    request: &SearchRequest,
    filter: Option<&str>,
    reranker: Option<&str>,
) -> LoggedRequest {
    // Without `..`: a parameter that changes the ranking must not be forgotten.
    let SearchRequest {
        query,
        vector,
        strategy,
        top,
        depth,
        expansion,
        rerank,
        // No client can give them.
        candidates: _,
        filter: _,
        per_document,
        near_duplicates,
        typos,
        // The server always lets the engine choose.
        vectors: _,
        // These three do not change the ranking of a search that ended in time.
        detail: _,
        highlights: _,
        why_not: _,
        deadline_ms: _,
    } = request;
    let (strategy, fusion) = match strategy {
        Strategy::Lexical => ("lexical", None),
        Strategy::Dense => ("dense", None),
        Strategy::Hybrid { fusion } => ("hybrid", Some(fusion.to_string())),
    };
    LoggedRequest {
        query: query.clone(),
        own_vector: vector.is_some(),
        strategy: strategy.to_owned(),
        fusion,
        top: *top,
        depth: *depth,
        expand: (*expansion != Expansion::None).then(|| expansion.to_string()),
        // The budget depends on the day, as the deadline does.
        rerank: rerank.and(reranker).map(str::to_owned),
        rerank_depth: rerank.and_then(|options| options.depth),
        filter: filter.map(str::to_owned),
        per_document: *per_document,
        typos: *typos == Typos::OneEdit,
        list_near_duplicates: *near_duplicates == NearDuplicates::List,
    }
}

fn timings(timings: StageTimings) -> BTreeMap<String, f64> {
    let StageTimings { plan, filter, encode, lexical, dense, fusion, expand, rerank, fetch, total } =
        timings;
    [
        ("plan", plan),
        ("filter", filter),
        ("encode", encode),
        ("lexical", lexical),
        ("dense", dense),
        ("fusion", fusion),
        ("expand", expand),
        ("rerank", rerank),
        ("fetch", fetch),
        ("total", total),
    ]
    .map(|(stage, ms)| (stage.to_owned(), ms))
    .into()
}
