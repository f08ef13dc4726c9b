//! The response to `POST /v1/answer`, which `trovato ask --json` prints too.

use answer::{
    Answer, AnswerOutcome, AnswerTimings, Citation, Claim, Context, ContextPassage, LeftOut, Place,
    Standalone, Written,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::outcome::DegradationBody;
use super::{SpanBody, span_body};

/// The answering model that needs none.
pub const EXTRACTIVE: &str = "extractive";

/// What was asked, and where, beside the answer itself.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What was searched for.
    pub standalone: &'a Standalone,
    /// Whether a language model was to write that, and did not.
    pub not_rewritten: bool,
    /// The collection's name where there are names.
    pub collection: Option<&'a str>,
    /// The context's budget, in tokens.
    pub budget_tokens: usize,
}

/// An answer with its citations, what it was made of, and where the time went, as JSON.
///
/// Spans are `[start, end]` in bytes of a document's canonical text.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerBody {
    /// What was asked.
    question: String,
    #[serde(flatten)]
    retrieval: RetrievalBody,
    /// What answered.
    model: String,
    /// What it took.
    pub(super) usage: AnswerUsageBody,
    /// How a language model wrote it; absent for sentences of the documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) written: Option<WrittenBody>,
    /// Whether the question was refused, as nothing that was found answers it.
    pub(crate) abstained: bool,
    /// The chance that the collection answers the question, in [0, 1]; absent where nothing
    /// estimates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    /// The claims with a marker `[n]` for each citation, or `value` as JSON; empty after a
    /// refusal.
    pub(super) answer: String,
    /// The answer in the form that `schema` describes; absent where none was asked for, and
    /// after a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(super) value: Option<Value>,
    /// What is claimed, in order.
    claims: Vec<ClaimBody>,
    /// What the claims rest on.
    pub(super) citations: Vec<CitationBody>,
    /// After a refusal, what came nearest.
    nearest: Vec<CitationBody>,
    /// Where the time went.
    timings_ms: AnswerTimingsBody,
}

impl AnswerBody {
    /// Whether the same question would be answered alike at any other time.
    pub(crate) fn is_whole(&self) -> bool {
        self.retrieval.degraded.is_empty()
    }
}

/// How a language model wrote an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WrittenBody {
    /// The prompt it was told.
    prompt: String,
    /// Names all that it was told but the question and the passages.
    prompt_fingerprint: String,
    /// How often the model was asked again, as a request failed.
    retries: u32,
    /// How often it was told what was wrong with its reply: 0 or 1.
    repairs: u32,
    /// Milliseconds from asking to the first piece of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_piece_ms: Option<f64>,
    /// Whether the reply ended at the limit of output tokens.
    pub(super) is_cut: bool,
}

impl From<&Written> for WrittenBody {
    fn from(written: &Written) -> Self {
        let Written { model: _, prompt, usage: _, retries, repairs, first_piece, is_cut, reply: _ } =
            written;
        Self {
            prompt: prompt.0.clone(),
            prompt_fingerprint: prompt.1.clone(),
            retries: *retries,
            repairs: *repairs,
            first_piece_ms: first_piece.map(|it| it.as_secs_f64() * 1e3),
            is_cut: *is_cut,
        }
    }
}

/// Tokens and money.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnswerUsageBody {
    /// Tokens a model read; null where its provider does not say.
    pub(super) input_tokens: Option<u64>,
    /// Tokens it wrote; likewise.
    pub(super) output_tokens: Option<u64>,
    /// US dollars; null where the price or a count is unknown.
    cost_usd: Option<f64>,
}

impl From<Option<&Written>> for AnswerUsageBody {
    fn from(written: Option<&Written>) -> Self {
        match written.map(|written| written.usage) {
            Some(usage) => Self {
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cost_usd: usage.cost_usd,
            },
            // Sentences of the documents cost nothing.
            None => Self { input_tokens: Some(0), output_tokens: Some(0), cost_usd: Some(0.0) },
        }
    }
}

/// What an answer is made of: known before there is one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RetrievalBody {
    /// What was searched for.
    standalone: StandaloneBody,
    /// The collection that was searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    /// The index's generation.
    generation: u64,
    /// The passages.
    context: ContextBody,
    /// Stages that were left out: of the search, or the rewriting of a follow-up.
    degraded: Vec<DegradationBody>,
}

/// What was searched for.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct StandaloneBody {
    /// The question, or what it stands for after what was said before it.
    query: String,
    /// Why the question alone was not enough; empty where it was.
    rules: Vec<String>,
    /// The words that were put in front of it.
    added: Vec<String>,
    /// The language model that wrote it; absent for the rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    written_by: Option<String>,
}

/// The passages an answer is made of.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ContextBody {
    /// In the order in which they were read.
    passages: Vec<PassageBody>,
    /// Their size, estimated.
    tokens: usize,
    /// The most they may take.
    budget: usize,
    /// Hits that are not among them.
    left_out: Vec<LeftOutBody>,
}

/// A passage of the context.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PassageBody {
    /// What citations call it.
    number: u32,
    /// The document it stands in.
    document: String,
    /// The document's title.
    title: String,
    /// Headings above it, outermost first.
    headings: Vec<String>,
    /// Where it stands.
    span: SpanBody,
    /// Exactly those bytes.
    text: String,
    /// Its size, estimated.
    tokens: usize,
    /// The rank of its best hit, from 1.
    rank: usize,
    /// That hit's score.
    score: f64,
    /// The chunks that were found, best first.
    chunks: Vec<u32>,
}

/// A hit that is not in the context.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct LeftOutBody {
    /// Its document.
    document: String,
    /// What was left out.
    span: SpanBody,
    /// `budget`, `document_cap` or `near_duplicate`.
    reason: String,
}

/// Something an answer says.
#[derive(Debug, Serialize, ToSchema)]
struct ClaimBody {
    /// Its words, without markers.
    text: String,
    /// The numbers of its citations.
    citations: Vec<u32>,
}

/// What a claim rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CitationBody {
    /// What the answer's text calls it.
    pub(super) number: u32,
    /// The passage that is cited; absent where there is none of that number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) passage: Option<u32>,
    /// The document that is cited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<String>,
    /// Its title.
    pub(super) title: String,
    /// Headings above the passage.
    headings: Vec<String>,
    /// Where the quote stands if it was found there, else the passage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) span: Option<SpanBody>,
    /// The words quoted; empty for none.
    pub(super) quote: String,
    /// `found`, `elsewhere`, `stitched`, `not_found` or `unquoted`.
    pub(super) verdict: String,
    /// Where the quote, or its parts, stand.
    places: Vec<QuotePlaceBody>,
}

/// A place in a document.
#[derive(Debug, Serialize, ToSchema)]
struct QuotePlaceBody {
    /// The document.
    document: String,
    /// Where in it.
    span: SpanBody,
}

/// Milliseconds of each stage.
#[derive(Debug, Serialize, ToSchema)]
struct AnswerTimingsBody {
    /// Searching.
    search: f64,
    /// Putting the context together.
    context: f64,
    /// Choosing or writing the answer.
    answer: f64,
    /// Looking its citations up.
    verify: f64,
    /// Until what was found is known, with which a stream begins.
    first_byte: f64,
    /// All of it.
    total: f64,
}

impl RetrievalBody {
    /// Converts what was found and what was made of it.
    pub fn new(asked: Asked<'_>, found: &engine::SearchOutcome, context: &Context) -> Self {
        let Standalone { query, leanings, added, written_by } = asked.standalone;
        let Context { passages, left_out, tokens, documents: _ } = context;
        Self {
            standalone: StandaloneBody {
                query: query.clone(),
                rules: leanings.iter().map(ToString::to_string).collect(),
                added: added.clone(),
                written_by: written_by.clone(),
            },
            collection: asked.collection.map(str::to_owned),
            generation: found.generation,
            context: ContextBody {
                passages: passages.iter().map(PassageBody::from).collect(),
                tokens: *tokens,
                budget: asked.budget_tokens,
                left_out: left_out.iter().map(LeftOutBody::from).collect(),
            },
            degraded: asked
                .not_rewritten
                .then(DegradationBody::not_rewritten)
                .into_iter()
                .chain(found.degraded.iter().cloned().map(DegradationBody::from))
                .collect(),
        }
    }
}

impl AnswerBody {
    /// Converts an answer.
    ///
    /// # Arguments
    /// * `written` - how a language model wrote it; `None` for sentences of the index.
    pub fn new(asked: Asked<'_>, outcome: AnswerOutcome, written: Option<&Written>) -> Self {
        let AnswerOutcome { answer, context, found, timings_ms } = outcome;
        let retrieval = RetrievalBody::new(asked, &found, &context);
        let value = written.and_then(|written| written.reply.value.clone());
        let Answer { question, text, abstained, confidence, claims, citations, nearest } = answer;
        Self {
            question,
            retrieval,
            model: written.map_or(EXTRACTIVE, |written| &written.model).to_owned(),
            usage: written.into(),
            written: written.map(WrittenBody::from),
            abstained,
            confidence,
            answer: value.as_ref().map_or(text, ToString::to_string),
            value,
            claims: claims.into_iter().map(ClaimBody::from).collect(),
            citations: citations.into_iter().map(CitationBody::from).collect(),
            nearest: nearest.into_iter().map(CitationBody::from).collect(),
            timings_ms: timings_ms.into(),
        }
    }
}

impl From<&ContextPassage> for PassageBody {
    fn from(passage: &ContextPassage) -> Self {
        let ContextPassage {
            number,
            document,
            title,
            headings,
            span,
            text,
            tokens,
            rank,
            score,
            chunks,
        } = passage;
        Self {
            number: *number,
            document: document.to_string(),
            title: title.clone(),
            headings: headings.clone(),
            span: span_body(*span),
            text: text.clone(),
            tokens: *tokens,
            rank: *rank,
            score: *score,
            chunks: chunks.iter().map(|chunk| chunk.0).collect(),
        }
    }
}

impl From<&LeftOut> for LeftOutBody {
    fn from(left_out: &LeftOut) -> Self {
        let LeftOut { document, span, reason } = left_out;
        Self { document: document.to_string(), span: span_body(*span), reason: reason.to_string() }
    }
}

impl From<Claim> for ClaimBody {
    fn from(claim: Claim) -> Self {
        let Claim { lead: _, text, citations } = claim;
        Self { text, citations }
    }
}

impl From<Citation> for CitationBody {
    fn from(citation: Citation) -> Self {
        let Citation { number, passage, cited, title, headings, quote, verdict, places } = citation;
        let (document, span) = cited.map(|place| (place.document, place.span)).unzip();
        Self {
            number,
            passage,
            document: document.map(String::from),
            title,
            headings,
            span: span.map(span_body),
            quote,
            verdict: verdict.to_string(),
            places: places.into_iter().map(QuotePlaceBody::from).collect(),
        }
    }
}

impl From<Place> for QuotePlaceBody {
    fn from(place: Place) -> Self {
        Self { document: place.document.into(), span: span_body(place.span) }
    }
}

impl From<AnswerTimings> for AnswerTimingsBody {
    fn from(timings: AnswerTimings) -> Self {
        let AnswerTimings { search, context, answer, verify, total } = timings;
        Self { search, context, answer, verify, first_byte: search + context, total }
    }
}
