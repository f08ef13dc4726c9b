//! The response to `POST /v1/chat/completions`: whole, or in chunks.

use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{AnswerBody, RetrievalBody};
use super::chat_text::ChatText;
use crate::document_link::DocumentLink;

/// An answer as OpenAI's clients read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatCompletion {
    #[serde(flatten)]
    head: ChatHead,
    /// The one answer.
    choices: [ChoiceBody; 1],
    /// Tokens of the language model; 0 where none wrote.
    usage: ChatUsageBody,
    /// What OpenAI's shape has no place for.
    trovato: GroundingBody,
}

/// What every response and every chunk says of itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChatHead {
    /// Unique in this process.
    pub(crate) id: String,
    /// `chat.completion` or `chat.completion.chunk`.
    pub(crate) object: &'static str,
    /// Seconds since 1970.
    pub(crate) created: i64,
    /// What answered, as the request called it.
    pub(crate) model: String,
}

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
struct ChoiceBody {
    /// Always 0.
    index: u32,
    /// The answer.
    message: ReplyBody,
    /// `stop`, or `length` where a language model was cut off.
    finish_reason: &'static str,
}

/// What is said.
#[derive(Debug, Serialize, ToSchema)]
struct ReplyBody {
    /// Always `assistant`.
    role: &'static str,
    /// The answer, with a marker `[n]` for each source, or its value as JSON; what did not
    /// hold when it was looked up is said at its end.
    content: String,
    /// Always null.
    refusal: Option<String>,
    /// The source of each marker.
    annotations: Vec<AnnotationBody>,
}

/// Where a marker leads.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct AnnotationBody {
    /// Always `url_citation`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The source.
    url_citation: UrlCitationBody,
}

/// A source.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct UrlCitationBody {
    /// The marker's first character in `content`.
    start_index: usize,
    /// The one after its last.
    end_index: usize,
    /// The document's title.
    title: String,
    /// A page of this server that shows the document at the passage.
    url: String,
    /// `found`, `elsewhere`, `stitched`, `not_found` or `unquoted`.
    verdict: String,
    /// The words quoted; empty for none.
    quote: String,
}

/// Tokens that a language model read and wrote.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct ChatUsageBody {
    /// Read.
    #[serde(rename = "prompt_tokens")]
    prompt: u64,
    /// Written.
    #[serde(rename = "completion_tokens")]
    completion: u64,
    /// Both.
    #[serde(rename = "total_tokens")]
    total: u64,
}

impl From<&AnswerBody> for ChatUsageBody {
    fn from(answer: &AnswerBody) -> Self {
        let prompt = answer.usage.input_tokens.unwrap_or(0);
        let completion = answer.usage.output_tokens.unwrap_or(0);
        Self { prompt, completion, total: prompt + completion }
    }
}

/// What an answer rests on.
#[derive(Debug, Serialize, ToSchema)]
struct GroundingBody {
    /// As `/v1/answer` gives it.
    answer: AnswerBody,
    /// Parameters, roles and turns of the request that were not used.
    ignored: Vec<String>,
}

impl ChatCompletion {
    /// A whole answer.
    ///
    /// # Arguments
    /// * `text` - what was told.
    /// * `link` - leads to a document of the collection.
    pub(crate) fn new(
        head: ChatHead,
        text: ChatText,
        answer: AnswerBody,
        ignored: Vec<String>,
        link: &DocumentLink,
    ) -> Self {
        let annotations = annotations(&text, &answer, link);
        let content = text.told;
        let message = ReplyBody { role: "assistant", content, refusal: None, annotations };
        let choice = ChoiceBody { index: 0, message, finish_reason: finish_reason(&answer) };
        let usage = ChatUsageBody::from(&answer);
        Self { head, choices: [choice], usage, trovato: GroundingBody { answer, ignored } }
    }
}

/// The sources of a text's markers.
fn annotations(text: &ChatText, answer: &AnswerBody, link: &DocumentLink) -> Vec<AnnotationBody> {
    let cited = text.citations(answer).filter_map(|(marker, citation)| {
        let document = citation.document.as_deref()?;
        let url_citation = UrlCitationBody {
            start_index: marker.chars.0,
            end_index: marker.chars.1,
            title: citation.title.clone(),
            url: link.to(document, citation.span.map(|span| span.0)),
            verdict: citation.verdict.clone(),
            quote: citation.quote.clone(),
        };
        Some(AnnotationBody { kind: "url_citation", url_citation })
    });
    cited.collect()
}

fn finish_reason(answer: &AnswerBody) -> &'static str {
    if answer.written.as_ref().is_some_and(|written| written.is_cut) { "length" } else { "stop" }
}

/// A piece of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatChunk {
    #[serde(flatten)]
    head: ChatHead,
    /// The piece; empty in the chunk that only tells tokens.
    choices: Vec<PieceBody>,
    /// In the last chunk, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ChatUsageBody>,
    /// In the first chunk what was found, in the one that ends the answer all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    trovato: Option<ChunkGroundingBody>,
}

/// A piece.
#[derive(Debug, Serialize, ToSchema)]
struct PieceBody {
    /// Always 0.
    index: u32,
    /// What is added.
    delta: DeltaBody,
    /// As in a whole answer; null until the end.
    finish_reason: Option<&'static str>,
}

/// What is added.
#[derive(Debug, Default, Serialize, ToSchema)]
struct DeltaBody {
    /// `assistant`, in the first chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// At the end, as in a whole answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Vec<AnnotationBody>>,
}

/// What an answer rests on, as far as it is known.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum ChunkGroundingBody {
    /// Before there is an answer.
    Found {
        /// What was found.
        retrieval: Box<RetrievalBody>,
    },
    /// With the answer.
    Answered(Box<GroundingBody>),
}

impl ChatChunk {
    fn new(head: &ChatHead, delta: DeltaBody) -> Self {
        let choices = vec![PieceBody { index: 0, delta, finish_reason: None }];
        Self { head: head.clone(), choices, usage: None, trovato: None }
    }

    /// The first: what was found.
    pub(crate) fn found(head: &ChatHead, retrieval: RetrievalBody) -> Self {
        let role = Some("assistant");
        let delta = DeltaBody { role, content: Some(String::new()), ..DeltaBody::default() };
        let trovato = ChunkGroundingBody::Found { retrieval: Box::new(retrieval) };
        Self { trovato: Some(trovato), ..Self::new(head, delta) }
    }

    /// A piece of text.
    pub(crate) fn piece(head: &ChatHead, content: String) -> Self {
        Self::new(head, DeltaBody { content: Some(content), ..DeltaBody::default() })
    }

    /// The one that ends the answer, and where it was asked for the one with its tokens.
    pub(crate) fn ending(
        head: &ChatHead,
        text: &ChatText,
        answer: AnswerBody,
        ignored: Vec<String>,
        link: &DocumentLink,
        tells_usage: bool,
    ) -> Vec<Self> {
        let annotations = Some(annotations(text, &answer, link));
        let usage = tells_usage.then(|| Self {
            head: head.clone(),
            choices: Vec::new(),
            usage: Some(ChatUsageBody::from(&answer)),
            trovato: None,
        });
        let finish_reason = Some(finish_reason(&answer));
        let grounding = GroundingBody { answer, ignored };
        let delta = DeltaBody { annotations, ..DeltaBody::default() };
        let choices = vec![PieceBody { index: 0, delta, finish_reason }];
        let trovato = Some(ChunkGroundingBody::Answered(Box::new(grounding)));
        let last = Self { head: head.clone(), choices, usage: None, trovato };
        std::iter::once(last).chain(usage).collect()
    }
}
