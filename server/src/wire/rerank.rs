//! `POST /v1/rerank`: the body and the response, in the shape that Cohere's, Jina's and
//! their likes' rerankers share.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::parameters::{in_range, refuse_unknown, require_query, text_list};
use crate::error::ApiError;
use crate::extract::RequestBody;
use crate::limits::Limits;

/// Documents to be ordered for a query, as they are sent.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({
    "query": "who owns a value",
    "documents": ["A thread owns its stack.", "Every value has one owner."],
    "top_n": 1,
})))]
pub(crate) struct RerankBody {
    /// A reranker of `/v1/models`, or a collection for the one that it has; left out,
    /// that of the first collection with one.
    model: Option<String>,
    /// What the documents are ordered for. The limit counts UTF-8 bytes.
    #[schema(required, value_type = String)]
    query: Option<String>,
    /// Texts, none of them empty: strings, or objects with a `text`. A model reads the
    /// beginning of one that is longer than it reads.
    #[schema(required, value_type = Vec<TextOrDocument>)]
    documents: Option<Vec<Value>>,
    /// Most results to return; all where it is left out.
    top_n: Option<u64>,
    /// Whether the results come with their texts.
    return_documents: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Map<String, Value>,
}

/// A text, bare or in an object.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is the schema of a value that is read by hand")]
enum TextOrDocument {
    /// Bare.
    Text(String),
    /// In an object.
    Document(TextDocument),
}

/// A text in an object.
#[derive(Debug, Serialize, ToSchema)]
struct TextDocument {
    /// The text.
    text: String,
}

const PARAMETERS: &str = "model, query, documents, top_n, return_documents";

impl RequestBody for RerankBody {
    fn max_bytes(limits: &Limits) -> usize {
        limits.max_texts_body_bytes
    }
}

/// What is to be reranked, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RerankRequest {
    pub(crate) model: Option<String>,
    pub(crate) query: String,
    pub(crate) texts: Vec<String>,
    top: usize,
    texts_shown: TextsShown,
}

/// Whether results bring their texts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextsShown {
    Yes,
    No,
}

impl RerankBody {
    /// Checks the body against the limits.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing, malformed or out of range.
    pub(crate) fn into_request(self, limits: &Limits) -> Result<RerankRequest, ApiError> {
        let Self { model, query, documents, top_n, return_documents, unknown } = self;
        refuse_unknown(&unknown, PARAMETERS)?;
        let query = require_query(query, limits)?;
        let documents = documents.ok_or(ApiError::MissingParameter { parameter: "documents" })?;
        let texts = text_list("documents", documents, text_of, limits)?;
        let top = match top_n {
            Some(top) => in_range("top_n", top, limits.max_texts)?,
            None => texts.len(),
        };
        let texts_shown =
            if return_documents == Some(true) { TextsShown::Yes } else { TextsShown::No };
        Ok(RerankRequest { model, query, texts, top, texts_shown })
    }
}

fn text_of(value: Value) -> Result<String, &'static str> {
    const EXPECTED: &str = "it must be a string, or an object with a `text` and nothing else";
    if let Value::String(text) = value {
        return Ok(text);
    }
    if let Value::Object(mut object) = value
        && object.len() == 1
        && let Some(Value::String(text)) = object.remove("text")
    {
        return Ok(text);
    }
    Err(EXPECTED)
}

/// The documents in the reranker's order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RerankAnswer {
    /// The reranker.
    model: String,
    /// Best first; equal scores in the order they were sent.
    results: Vec<RerankResult>,
}

/// A document with its score.
#[derive(Debug, Serialize, ToSchema)]
struct RerankResult {
    /// Its place in `documents`, from 0.
    index: usize,
    /// From 0 to 1, higher is better: what the model says of the pair, through its own
    /// activation. That is a sigmoid for models trained to give probabilities, and a
    /// linear map of the model's usual range for models trained to order. Scores of two
    /// queries compare only where the model was trained so.
    relevance_score: f32,
    /// The text, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<TextDocument>,
}

impl RerankAnswer {
    /// The best of the request's documents.
    ///
    /// # Arguments
    /// * `scores` - `[n]` in the order of the texts, without NaN.
    pub(crate) fn new(reranker: &str, request: RerankRequest, scores: &[f32]) -> Self {
        let RerankRequest { mut texts, top, texts_shown, .. } = request;
        let mut order: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        order.truncate(top);
        let results = order.into_iter().map(|(index, relevance_score)| RerankResult {
            index,
            relevance_score,
            document: (texts_shown == TextsShown::Yes)
                .then(|| TextDocument { text: std::mem::take(&mut texts[index]) }),
        });
        Self { model: reranker.to_owned(), results: results.collect() }
    }
}
