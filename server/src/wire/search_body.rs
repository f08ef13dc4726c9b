//! The body of `POST /v1/search`, and how it becomes a request.

use std::time::Duration;

use engine::{
    Detail, Expansion, Fusion, Highlights, NearDuplicates, RerankOptions, SearchRequest, Strategy,
    Typos, VectorSearch,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::parameters::{
    choose, in_range, names, parse_filter, parse_id, refuse_unknown, require_query,
};
use crate::collections::LoadedReranker;
use crate::error::ApiError;
use crate::extract::RequestBody;
use crate::limits::Limits;

/// A search as it is sent; only `query` must be there.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(examples(json!({"query": "who owns a value", "top": 3})))]
pub(crate) struct SearchBody {
    /// A question, or words: `"these words in this order"`, `+must`, `-must not`,
    /// `begin*`. The limit counts UTF-8 bytes.
    #[schema(required, value_type = String)]
    pub(crate) query: Option<String>,
    /// The query's vector, from clients that encode it themselves: of the encoder's
    /// dimension and of norm 1.
    pub(super) vector: Option<Vec<f32>>,
    /// Which collection is searched; left out, the first one.
    pub(crate) collection: Option<String>,
    /// Which legs are searched: words (`lexical`), vectors (`dense`) or both, which
    /// is the default.
    pub(super) strategy: Option<String>,
    /// How the legs' rankings become one: `rrf:60`, `dbsf:0.5` and the like. Needs the
    /// hybrid strategy.
    pub(super) fusion: Option<String>,
    /// Most passages to return; 10 where it is left out.
    pub(super) top: Option<u64>,
    /// Candidates of each leg.
    pub(super) depth: Option<u64>,
    /// What is searched for besides the query: `none`, `feedback[:N[:W]]`, ... Its
    /// refusal names the forms.
    pub(super) expand: Option<String>,
    /// `none`, `default` or the collection's reranker, which is the default.
    pub(super) rerank: Option<String>,
    /// Most candidates that the reranker reads.
    pub(super) rerank_depth: Option<u64>,
    /// Milliseconds that reranking may take.
    pub(super) rerank_budget_ms: Option<u64>,
    /// An expression over the documents' metadata: `lang = en and year >= 2020`.
    pub(crate) filter: Option<String>,
    /// Most passages of one document.
    pub(super) per_document: Option<u64>,
    /// Whether words one edit away match too; `exact` is the default.
    pub(super) typos: Option<String>,
    /// Whether every score comes with the tree of how it was made.
    pub(super) explain: Option<bool>,
    /// Whether the query's words are marked in the passages; they are by default.
    pub(super) highlights: Option<bool>,
    /// A document's id: the answer says which stage lost it.
    pub(super) why_not: Option<String>,
    /// Milliseconds after which stages are left out, each named in `degraded`.
    pub(super) deadline_ms: Option<u64>,
    /// Whether near-duplicates are grouped under the best of them, which is the
    /// default, or listed.
    pub(super) near_duplicates: Option<String>,
    /// Everything else, to be refused by name: a misspelt `filter` that is
    /// ignored gives a plausible, wrong answer.
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) unknown: Map<String, Value>,
}

impl RequestBody for SearchBody {}

/// Which legs run, before a fusion is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Legs {
    Lexical,
    Dense,
    Hybrid,
}

const STRATEGIES: [(&str, Legs); 3] =
    [("lexical", Legs::Lexical), ("dense", Legs::Dense), ("hybrid", Legs::Hybrid)];
const TYPOS: [(&str, Typos); 2] = [("exact", Typos::Exact), ("one_edit", Typos::OneEdit)];
const NEAR_DUPLICATES: [(&str, NearDuplicates); 2] =
    [("group", NearDuplicates::Group), ("list", NearDuplicates::List)];

const PARAMETERS: &str = "query, vector, collection, strategy, fusion, top, depth, expand, rerank, rerank_depth, \
                          rerank_budget_ms, filter, per_document, typos, explain, highlights, why_not, deadline_ms, near_duplicates";

impl SearchBody {
    /// The parameters that take one of a few words, and which.
    pub(crate) fn choices() -> [(&'static str, Vec<&'static str>); 3] {
        [
            ("strategy", names(&STRATEGIES)),
            ("typos", names(&TYPOS)),
            ("near_duplicates", names(&NEAR_DUPLICATES)),
        ]
    }

    /// Checks the body against the limits and fills in what the server decides.
    ///
    /// # Arguments
    /// * `reranker` - the collection's, which reranks unless the body says `none`.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing, malformed or out of range.
    pub(crate) fn into_request(
        self,
        limits: &Limits,
        reranker: Option<&LoadedReranker>,
    ) -> Result<SearchRequest, ApiError> {
        let Self {
            query,
            vector,
            collection: _,
            strategy,
            fusion,
            top,
            depth,
            expand,
            rerank,
            rerank_depth,
            rerank_budget_ms,
            filter,
            per_document,
            typos,
            explain,
            highlights,
            why_not,
            deadline_ms,
            near_duplicates,
            unknown,
        } = self;
        refuse_unknown(&unknown, PARAMETERS)?;
        let query = require_query(query, limits)?;
        let mut request = SearchRequest::new(query);
        let legs = choose("strategy", strategy, &STRATEGIES)?.unwrap_or(Legs::Hybrid);
        request.strategy = resolve_strategy(legs, fusion.as_deref())?;
        // Its length and norm are the index's to judge, see `ApiError::from_search`.
        request.vector = vector;
        if let Some(top) = top {
            request.top = in_range("top", top, limits.max_top)?;
        }
        request.depth =
            depth.map(|depth| in_range("depth", depth, limits.max_depth)).transpose()?;
        request.expansion = resolve_expansion(expand.as_deref(), request.strategy)?;
        let rerank_depth = rerank_depth
            .map(|depth| in_range("rerank_depth", depth, limits.max_rerank_depth))
            .transpose()?;
        let asked = RerankOptions { depth: rerank_depth, budget_ms: rerank_budget_ms };
        request.rerank = resolve_rerank(rerank.as_deref(), asked, reranker)?;
        request.filter = filter.as_deref().map(|text| parse_filter(text, limits)).transpose()?;
        request.per_document =
            per_document.map(|most| in_range("per_document", most, limits.max_top)).transpose()?;
        request.typos = choose("typos", typos, &TYPOS)?.unwrap_or_default();
        request.vectors = VectorSearch::Auto;
        request.detail = if explain == Some(true) { Detail::Explained } else { Detail::Plain };
        request.highlights =
            if highlights == Some(false) { Highlights::Off } else { Highlights::Words };
        request.why_not = why_not.map(|id| parse_id("why_not", id)).transpose()?;
        request.deadline_ms = deadline_ms;
        request.near_duplicates =
            choose("near_duplicates", near_duplicates, &NEAR_DUPLICATES)?.unwrap_or_default();
        Ok(request)
    }
}

/// Takes the time a request has waited off its deadline: the client's clock
/// started when it asked.
pub(crate) fn charge_waiting(request: &mut SearchRequest, waited: Duration) {
    let waited_ms = waited.as_millis() as u64;
    request.deadline_ms = request.deadline_ms.map(|limit| limit.saturating_sub(waited_ms));
}

fn resolve_strategy(legs: Legs, fusion: Option<&str>) -> Result<Strategy, ApiError> {
    let Some(text) = fusion else {
        return Ok(match legs {
            Legs::Hybrid => Strategy::DEFAULT,
            Legs::Lexical => Strategy::Lexical,
            Legs::Dense => Strategy::Dense,
        });
    };
    let fusion: Fusion = text.parse().map_err(|error| ApiError::invalid("fusion", text, error))?;
    match legs {
        Legs::Hybrid => Ok(Strategy::Hybrid { fusion }),
        Legs::Lexical | Legs::Dense => Err(ApiError::invalid(
            "fusion",
            text,
            "it needs the hybrid strategy; the one asked for has nothing to fuse",
        )),
    }
}

/// What is searched for besides the query; it must be able to change something.
fn resolve_expansion(name: Option<&str>, strategy: Strategy) -> Result<Expansion, ApiError> {
    let Some(text) = name else { return Ok(Expansion::None) };
    let expansion: Expansion =
        text.parse().map_err(|error| ApiError::invalid("expand", text, error))?;
    if expansion.suits(strategy) {
        Ok(expansion)
    } else {
        let reason = "the strategy asked for lacks the leg that it changes; leave it out";
        Err(ApiError::invalid("expand", text, reason))
    }
}

/// What reranks: the collection's own model or nothing, since loading another takes
/// longer than a request may.
fn resolve_rerank(
    name: Option<&str>,
    asked: RerankOptions,
    reranker: Option<&LoadedReranker>,
) -> Result<Option<RerankOptions>, ApiError> {
    let unused = || {
        let (parameter, value) = match (asked.depth, asked.budget_ms) {
            (Some(depth), _) => ("rerank_depth", depth as u64),
            (None, Some(budget_ms)) => ("rerank_budget_ms", budget_ms),
            (None, None) => return Ok(None),
        };
        let reason = "nothing is reranked, so it would do nothing; leave it out";
        Err(ApiError::invalid(parameter, &value.to_string(), reason))
    };
    let loaded = match (name, reranker) {
        (Some("none"), _) | (None, None) => return unused(),
        (Some(given), None) => {
            let reason = "the collection has no reranker; leave it out, or write \"none\"";
            return Err(ApiError::invalid("rerank", given, reason));
        }
        (None | Some("default"), Some(loaded)) => loaded,
        (Some(given), Some(loaded)) if given == loaded.pipeline.name() => loaded,
        (Some(given), Some(loaded)) => {
            let own = loaded.pipeline.name();
            let reason = format!("it must be one of none, default, {own}");
            return Err(ApiError::invalid("rerank", given, reason));
        }
    };
    Ok(Some(RerankOptions {
        depth: asked.depth.or(loaded.options.depth),
        budget_ms: asked.budget_ms.or(loaded.options.budget_ms),
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{OverlapReranker, RerankPipeline};

    use super::*;

    fn request(body: &str) -> Result<SearchRequest, ApiError> {
        let body: SearchBody = serde_json::from_str(body).unwrap();
        body.into_request(&Limits::default(), None)
    }

    #[test]
    fn the_collections_reranker_is_the_default_and_none_is_a_choice() {
        let pipeline = RerankPipeline::new(Arc::new(OverlapReranker));
        let options = RerankOptions { depth: Some(30), budget_ms: Some(100) };
        let loaded = LoadedReranker { pipeline: Arc::new(pipeline), options };
        let rerank = |body: &str| {
            let body: SearchBody = serde_json::from_str(body).unwrap();
            body.into_request(&Limits::default(), Some(&loaded)).map(|request| request.rerank)
        };
        let options = |depth, budget_ms| Some(RerankOptions { depth, budget_ms });
        assert_eq!(rerank(r#"{"query":"a"}"#).unwrap(), options(Some(30), Some(100)));
        assert_eq!(
            rerank(r#"{"query":"a","rerank":"overlap","rerank_depth":7}"#).unwrap(),
            options(Some(7), Some(100))
        );
        assert_eq!(
            rerank(r#"{"query":"a","rerank":"default","rerank_budget_ms":5}"#).unwrap(),
            options(Some(30), Some(5))
        );
        assert_eq!(rerank(r#"{"query":"a","rerank":"none"}"#).unwrap(), None);
        let message = |body: &str| rerank(body).unwrap_err().to_string();
        assert!(message(r#"{"query":"a","rerank":"other"}"#).contains("none, default, overlap"));
        let unused = message(r#"{"query":"a","rerank":"none","rerank_budget_ms":5}"#);
        assert!(unused.contains("rerank_budget_ms"), "{unused}");
        let error = rerank(r#"{"query":"a","rerank_depth":101}"#).unwrap_err();
        assert!(matches!(error, ApiError::OutOfRange { parameter: "rerank_depth", max: 100, .. }));
        let without = request(r#"{"query":"a","rerank":"default"}"#).unwrap_err().to_string();
        assert!(without.contains("no reranker"), "{without}");
    }

    #[test]
    fn what_is_not_given_is_the_engines_default() {
        assert_eq!(request(r#"{"query":"a"}"#).unwrap(), SearchRequest::new("a"));
    }

    #[test]
    fn every_parameter_arrives() {
        let request = request(
            r#"{"query":"a","vector":[0.6,0.8],"strategy":"hybrid","fusion":"rrf:7","top":3,"depth":50,
                "expand":"feedback:5:0.25",
                "per_document":2,"typos":"one_edit","explain":true,"highlights":false,"why_not":"b/c",
                "deadline_ms":9,"near_duplicates":"list","filter":"lang = en"}"#,
        )
        .unwrap();
        assert_eq!(request.strategy, Strategy::Hybrid { fusion: "rrf:7".parse().unwrap() });
        assert_eq!(request.vector.as_deref(), Some(&[0.6, 0.8][..]));
        assert_eq!((request.top, request.depth, request.per_document), (3, Some(50), Some(2)));
        assert_eq!(request.expansion, "feedback:5:0.25".parse().unwrap());
        assert_eq!((request.typos, request.detail), (Typos::OneEdit, Detail::Explained));
        assert_eq!(request.highlights, Highlights::Off);
        assert_eq!(request.why_not.unwrap().as_str(), "b/c");
        assert_eq!(request.deadline_ms, Some(9));
        assert_eq!(request.near_duplicates, NearDuplicates::List);
        assert!(request.filter.is_some());
    }

    #[test]
    fn an_expansion_is_known_and_does_something() {
        let message = |body: &str| request(body).unwrap_err().to_string();
        let unknown = message(r#"{"query":"a","expand":"synonyms"}"#);
        assert!(unknown.contains("expand") && unknown.contains("multi-query[:W]"), "{unknown}");
        let idle = message(r#"{"query":"a","strategy":"lexical","expand":"feedback"}"#);
        assert!(idle.contains("lacks the leg"), "{idle}");
        let none = request(r#"{"query":"a","strategy":"lexical","expand":"none"}"#).unwrap();
        assert_eq!(none.expansion, Expansion::None);
    }

    #[test]
    fn waiting_uses_up_the_deadline() {
        let mut request = request(r#"{"query":"a","deadline_ms":50}"#).unwrap();
        charge_waiting(&mut request, Duration::from_millis(20));
        assert_eq!(request.deadline_ms, Some(30));
        charge_waiting(&mut request, Duration::from_secs(1));
        assert_eq!(request.deadline_ms, Some(0));
    }
}
