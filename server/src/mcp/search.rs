//! The tool `search`.

use std::fmt::Write;

use engine::{SearchOutcome, Strategy};
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::Answer;
use super::asked::Asked;
use super::budget::{self, Cut, Cuttable};
use super::evidence::{BothSearched, Evidence};
use super::refusal::Refusal;
use crate::access::Caller;
use crate::error::ApiError;
use crate::query_log::logged;

/// Hits where the call does not say: a model reads all of them.
const DEFAULT_TOP: u64 = 5;

/// What `search` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct SearchArguments {
    /// What to look for: a question, or words. `"a phrase"` must occur as it stands,
    /// `+word` must occur, `-word` must not, `prefix*` matches beginnings of words.
    #[schemars(
        example = "how do I share data between threads",
        example = "\"borrow checker\" -unsafe"
    )]
    query: String,
    /// The collection to search, as `list_collections` names it. Without one the first.
    collection: Option<String>,
    /// Which documents may be found: a condition on their metadata, whose fields
    /// `list_collections` names. Operators are = != < <= > >= in ^= (begins with),
    /// exists, and, or, not, and parentheses.
    #[schemars(
        example = "lang = en and year >= 2020",
        example = "id ^= guide/ and not exists draft"
    )]
    filter: Option<String>,
    /// How many passages. Without it 5.
    #[schemars(range(min = 1))]
    top: Option<u64>,
    /// Most passages of one document: 1 to see different documents.
    #[schemars(range(min = 1))]
    per_document: Option<u64>,
    /// `hybrid` (the default) by words and by meaning; `lexical` by words alone, for
    /// names, error codes and exact phrases; `dense` by meaning alone.
    #[schemars(extend("enum" = ["hybrid", "lexical", "dense"]))]
    strategy: Option<String>,
    /// `none` leaves out the collection's reranking model, which is faster and less
    /// exact; `default` uses it, as does leaving this out.
    #[schemars(extend("enum" = ["default", "none"]))]
    rerank: Option<String>,
    /// The whole result keeps to this many tokens, estimated as three bytes each. The
    /// best passages stay whole; what is cut or left out is told in `cut`.
    #[schemars(range(min = budget::MIN_TOKENS, max = budget::MAX_TOKENS))]
    budget_tokens: Option<u64>,
    /// After this many milliseconds no further stage of the search starts; stages that
    /// were left out are told in `left_out`.
    deadline_ms: Option<u64>,
}

/// What `search` returns.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct SearchAnswer {
    /// The collection that was searched.
    collection: String,
    /// The passages, best first.
    hits: Vec<Evidence>,
    /// What the scores are: `bm25`, `cosine`, a fusion (`dbsf:0.5`) or `reranked`. Only a
    /// cosine compares between searches.
    score_kind: String,
    /// What `budget_tokens` took away. Absent when everything fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<CutNote>,
    /// Stages of the search that were left out, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOut>,
    /// What to try, when nothing was found or nothing fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// What a budget took away.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct CutNote {
    /// Passages that end at their `cut_at`.
    shortened: usize,
    /// Passages that were found and are not among the hits.
    left_out: usize,
}

/// A stage that was left out.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct LeftOut {
    /// `encode`, `dense`, `expand` or `rerank`.
    pub(super) stage: String,
    /// What happened.
    pub(super) reason: String,
}

/// Runs the tool.
pub(super) async fn search(
    caller: &Caller,
    arguments: SearchArguments,
) -> Result<SearchAnswer, Refusal> {
    let SearchArguments {
        query,
        collection,
        filter,
        top,
        per_document,
        strategy,
        rerank,
        budget_tokens,
        deadline_ms,
    } = arguments;
    let (min, max) = (budget::MIN_TOKENS, budget::MAX_TOKENS);
    if let Some(value) = budget_tokens.filter(|tokens| !(min..=max).contains(tokens)) {
        return Err(ApiError::OutOfRange { parameter: "budget_tokens", value, min, max }.into());
    }
    let body = json!({
        "query": query,
        "collection": collection,
        "filter": filter,
        "top": top.unwrap_or(DEFAULT_TOP),
        "per_document": per_document,
        "strategy": strategy,
        "rerank": rerank,
        "deadline_ms": deadline_ms,
    });
    let log = caller.state().query_log().cloned();
    let found = move |asked: &Asked, outcome: SearchOutcome| {
        if let Some(log) = log {
            let Asked { collection, request, filter } = asked;
            log.record(logged(request, filter.as_deref(), collection, &outcome));
        }
        let mut answer = SearchAnswer::new(asked, outcome);
        if let Some(tokens) = budget_tokens {
            budget::fit(&mut answer, tokens);
        }
        answer
    };
    Asked::check(caller, body)?.run(caller, found).await
}

impl SearchAnswer {
    fn new(asked: &Asked, outcome: SearchOutcome) -> Self {
        let both = BothSearched::of(&asked.request, &outcome);
        let hint = outcome.hits.is_empty().then(|| hint(asked));
        let hits = outcome.hits.into_iter().zip(1..);
        Self {
            collection: asked.collection.name().to_owned(),
            hits: hits.map(|(hit, rank)| Evidence::new(rank, hit, both)).collect(),
            score_kind: outcome.score_kind.to_string(),
            cut: None,
            left_out: outcome.degraded.into_iter().map(LeftOut::from).collect(),
            hint,
        }
    }
}

impl From<engine::Degradation> for LeftOut {
    fn from(left_out: engine::Degradation) -> Self {
        Self { stage: left_out.stage.to_string(), reason: left_out.reason }
    }
}

/// What could be changed about a search that found nothing.
fn hint(asked: &Asked) -> String {
    let request = &asked.request;
    let mut tries = Vec::new();
    if request.filter.is_some() {
        tries.push("leave out or widen `filter` (list_collections names the fields)");
    }
    if request.query.split_whitespace().any(|word| word.starts_with(['"', '+', '-'])) {
        tries.push("ask without quotes, + and -, which demand or exclude words");
    }
    match request.strategy {
        Strategy::Lexical => tries.push("use the strategy hybrid, or other words"),
        Strategy::Dense | Strategy::Hybrid { .. } => tries.push("use other words"),
    }
    tries.push("search another collection");
    format!("Nothing was found. Try to: {}.", tries.join("; "))
}

impl Cuttable for SearchAnswer {
    fn passages(&mut self) -> &mut Vec<Evidence> {
        &mut self.hits
    }

    fn note(&mut self, Cut { shortened, left_out }: Cut) {
        self.cut = Some(CutNote { shortened, left_out });
        if self.hits.is_empty() {
            self.hint = Some("No passage fits; raise `budget_tokens`.".to_owned());
        }
    }
}

impl Answer for SearchAnswer {
    fn tell(&self) -> String {
        let Self { collection, hits, score_kind, cut, left_out, hint } = self;
        let mut told =
            format!("{} passages from {collection:?}, scored by {score_kind}\n", hits.len());
        for hit in hits {
            told.push('\n');
            told.push_str(&hit.tell());
        }
        if let Some(CutNote { shortened, left_out }) = cut {
            let _ = writeln!(
                told,
                "\nTo keep to budget_tokens {shortened} passages were shortened and {left_out} left out."
            );
        }
        tell_left_out(&mut told, left_out);
        if let Some(hint) = hint {
            let _ = writeln!(told, "\n{hint}");
        }
        told
    }
}

/// Adds a line for every stage that was left out.
pub(super) fn tell_left_out(told: &mut String, left_out: &[LeftOut]) {
    for LeftOut { stage, reason } in left_out {
        // Writing to a string does not fail.
        let _ = writeln!(told, "\nLeft out: {stage} ({reason})");
    }
}
