//! The tool `explain`.

use std::fmt::Write;

use engine::{Explanation, Hit, SearchOutcome, Span};
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::Answer;
use super::asked::Asked;
use super::evidence::{BothSearched, Evidence};
use super::refusal::Refusal;
use super::search::{LeftOut, tell_left_out};
use crate::access::Caller;
use crate::error::ApiError;

/// Levels of an explanation where the call does not say: down to what each word of the
/// query contributes. The arithmetic below it is ten times as long.
const DEFAULT_DEPTH: u64 = 5;
/// Deeper than any explanation.
const MAX_DEPTH: u64 = 100;
/// Ends a line whose parts are not shown.
const FOLDED: &str = " [...]";

/// What `explain` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ExplainArguments {
    /// The query, as it was given to `search`.
    query: String,
    /// The document in question: its id.
    #[schemars(example = "guide/threads.md")]
    document: String,
    /// With `end`: the passage in question, by its first byte in the document. Without
    /// them the document's best passage.
    start: Option<u32>,
    /// The byte after the passage's last one.
    end: Option<u32>,
    /// As for `search`.
    collection: Option<String>,
    /// As for `search`.
    filter: Option<String>,
    /// How many hits there are for the document to be among. Without it 10.
    #[schemars(range(min = 1))]
    top: Option<u64>,
    /// As for `search`.
    #[schemars(extend("enum" = ["hybrid", "lexical", "dense"]))]
    strategy: Option<String>,
    /// As for `search`.
    #[schemars(extend("enum" = ["default", "none"]))]
    rerank: Option<String>,
    /// How many levels of the score's parts are shown. Without it 5, down to what each
    /// word contributes; 100 shows all of the arithmetic.
    #[schemars(range(min = 0, max = MAX_DEPTH))]
    depth: Option<u64>,
}

/// What `explain` returns.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ExplainAnswer {
    /// The collection that was searched.
    collection: String,
    /// The document in question.
    document: String,
    /// What the scores are, as in `search`.
    score_kind: String,
    /// The document's passage among the hits; null when there is none.
    hit: Option<Evidence>,
    /// How its score comes about, a line each: a value and what it is, made from the
    /// lines indented below it; `[...]` where `depth` left them out.
    lines: Vec<String>,
    /// Why the document, or the passage, is not among the hits; null when it is.
    why_not: Option<String>,
    /// Stages of the search that were left out, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOut>,
}

/// Runs the tool.
pub(super) async fn explain(
    caller: &Caller,
    arguments: ExplainArguments,
) -> Result<ExplainAnswer, Refusal> {
    let ExplainArguments {
        query,
        document,
        start,
        end,
        collection,
        filter,
        top,
        strategy,
        rerank,
        depth,
    } = arguments;
    let passage = passage(start, end)?;
    let depth = depth.unwrap_or(DEFAULT_DEPTH);
    if depth > MAX_DEPTH {
        let (parameter, value, min, max) = ("depth", depth, 0, MAX_DEPTH);
        return Err(ApiError::OutOfRange { parameter, value, min, max }.into());
    }
    let mut body = json!({
        "query": query,
        "collection": collection,
        "filter": filter,
        "strategy": strategy,
        "rerank": rerank,
        "explain": true,
        "why_not": document,
    });
    if let Some(top) = top {
        body["top"] = json!(top);
    }
    let of = Question { document, passage, depth: depth as usize };
    let found = move |asked: &Asked, outcome| ExplainAnswer::new(asked, of, outcome);
    Asked::check(caller, body)?.run(caller, found).await
}

/// What is to be explained.
struct Question {
    document: String,
    /// Any of the document where there is none.
    passage: Option<Span>,
    /// Levels to show below the score.
    depth: usize,
}

fn passage(start: Option<u32>, end: Option<u32>) -> Result<Option<Span>, ApiError> {
    match (start, end) {
        (None, None) => Ok(None),
        (Some(start), Some(end)) if start < end => Ok(Some(Span { start, end })),
        (Some(start), Some(end)) => {
            let reason = format!("a passage ends after its start, {start}");
            Err(ApiError::invalid("end", &end.to_string(), reason))
        }
        (Some(_), None) => Err(ApiError::MissingParameter { parameter: "end" }),
        (None, Some(_)) => Err(ApiError::MissingParameter { parameter: "start" }),
    }
}

impl ExplainAnswer {
    fn new(asked: &Asked, of: Question, mut outcome: SearchOutcome) -> Self {
        let Question { document, passage, depth } = of;
        let both = BothSearched::of(&asked.request, &outcome);
        let n_hits = outcome.hits.len();
        let is_it = |hit: &Hit| {
            let mut ids = std::iter::once(&hit.document).chain(&hit.duplicates);
            ids.any(|id| id.as_str() == document)
                && passage.is_none_or(|passage| hit.span.overlaps(passage))
        };
        let hit = outcome.hits.iter().position(is_it).map(|at| (at + 1, outcome.hits.remove(at)));
        let why_not = outcome.why_not.filter(|_| hit.is_none()).map(|why_not| match passage {
            None => why_not.to_string(),
            Some(Span { start, end }) => format!(
                "no passage of it that meets bytes {start}..{end} is among the {n_hits} hits; \
                 of the document as a whole: {why_not}"
            ),
        });
        let mut lines = Vec::new();
        let hit = hit.map(|(rank, mut hit)| {
            if let Some(explanation) = hit.explanation.take() {
                flatten(&explanation, depth, 0, &mut lines);
            }
            Evidence::new(rank, hit, both)
        });
        Self {
            collection: asked.collection.name().to_owned(),
            document,
            score_kind: outcome.score_kind.to_string(),
            hit,
            lines,
            why_not,
            left_out: outcome.degraded.into_iter().map(LeftOut::from).collect(),
        }
    }
}

fn flatten(node: &Explanation, depth: usize, level: usize, lines: &mut Vec<String>) {
    let is_folded = level == depth && !node.details.is_empty();
    let folded = if is_folded { FOLDED } else { "" };
    lines.push(format!("{}{:.6} {}{folded}", "  ".repeat(level), node.value, node.description));
    if level < depth {
        for part in &node.details {
            flatten(part, depth, level + 1, lines);
        }
    }
}

impl Answer for ExplainAnswer {
    fn tell(&self) -> String {
        let Self { collection, document, score_kind, hit, lines, why_not, left_out } = self;
        let mut told = String::new();
        // Writing to a string does not fail.
        if let Some(hit) = hit {
            let _ = writeln!(told, "{}\n\nIts score ({score_kind}):", hit.tell_head());
        }
        for line in lines {
            let _ = writeln!(told, "{line}");
        }
        if let Some(why_not) = why_not {
            let _ = writeln!(told, "{document} of {collection:?} is not shown: {why_not}");
        }
        tell_left_out(&mut told, left_out);
        told
    }
}
