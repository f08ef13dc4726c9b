//! The body of `POST /v1/feedback`.

use engine::{DocumentId, Span};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::SpanBody;
use super::parameters::{parse_filter, parse_id, refuse_unknown, require_query};
use crate::error::ApiError;
use crate::extract::RequestBody;
use crate::limits::Limits;

/// Whether a passage answered a query.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({
    "query": "who owns a value",
    "document": "book/ownership.md",
    "span": [120, 480],
    "relevant": true,
})))]
pub(crate) struct FeedbackBody {
    /// What was asked. The limit counts UTF-8 bytes.
    #[schema(required, value_type = String)]
    query: Option<String>,
    /// The collection that answered; left out, the first one.
    pub(crate) collection: Option<String>,
    /// The passage's document.
    #[schema(required, value_type = String)]
    document: Option<String>,
    /// The passage, as the hit had it.
    #[schema(required, value_type = SpanBody)]
    span: Option<[u32; 2]>,
    /// Whether it answers.
    #[schema(required, value_type = bool)]
    relevant: Option<bool>,
    /// The filter that the search had.
    filter: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Map<String, Value>,
}

const PARAMETERS: &str = "query, collection, document, span, relevant, filter";

impl RequestBody for FeedbackBody {}

/// A judgment, checked but for what the index has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Feedback {
    pub(crate) query: String,
    pub(crate) document: DocumentId,
    pub(crate) span: Span,
    pub(crate) relevant: bool,
    pub(crate) filter: Option<String>,
}

impl FeedbackBody {
    /// Checks the body against the limits.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing, malformed or out of range.
    pub(crate) fn into_feedback(self, limits: &Limits) -> Result<Feedback, ApiError> {
        let Self { query, collection: _, document, span, relevant, filter, unknown } = self;
        refuse_unknown(&unknown, PARAMETERS)?;
        let missing = |parameter| ApiError::MissingParameter { parameter };
        let query = require_query(query, limits)?;
        let document = parse_id("document", document.ok_or(missing("document"))?)?;
        let [start, end] = span.ok_or(missing("span"))?;
        let relevant = relevant.ok_or(missing("relevant"))?;
        if let Some(text) = &filter {
            parse_filter(text, limits)?;
        }
        Ok(Feedback { query, document, span: Span { start, end }, relevant, filter })
    }
}
