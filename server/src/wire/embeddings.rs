//! `POST /v1/embeddings`: the body, and the response in OpenAI's shape.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::{Embeddings, TextRole};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::parameters::{choose, names, refuse_unknown, text_list};
use crate::error::ApiError;
use crate::extract::RequestBody;
use crate::limits::Limits;

/// Texts to encode as they are sent; only `input` must be there.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({"input": ["who owns a value", "borrowing"], "input_type": "query"})))]
pub(crate) struct EmbeddingsBody {
    /// A text or several; none of them empty. Token ids are refused: they are numbers
    /// of another model's vocabulary.
    #[schema(required, value_type = TextOrTexts)]
    input: Option<Value>,
    /// An embedding model of `/v1/models`, or a collection for the model that it has;
    /// left out, the first collection's.
    model: Option<String>,
    /// `float`, which is the default, or `base64`: little-endian 32-bit floats.
    encoding_format: Option<String>,
    /// The model's own dimension; no other can be had.
    dimensions: Option<u64>,
    /// The side of the search the texts stand on: `query`, which is the default, or
    /// `passage`. Models with prefixes give other vectors for each.
    input_type: Option<String>,
    /// Taken, as OpenAI's clients may send it, and used for nothing.
    #[serde(rename = "user")]
    _user: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Map<String, Value>,
}

/// A text or several.
#[derive(ToSchema)]
#[schema(as = TextOrTexts)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is the schema of a value that is read by hand")]
enum TextOrTexts {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

const FORMATS: [(&str, VectorFormat); 2] =
    [("float", VectorFormat::Floats), ("base64", VectorFormat::Base64)];
const ROLES: [(&str, TextRole); 2] = [("query", TextRole::Query), ("passage", TextRole::Passage)];

const PARAMETERS: &str = "input, model, encoding_format, dimensions, input_type, user";

impl RequestBody for EmbeddingsBody {
    fn max_bytes(limits: &Limits) -> usize {
        limits.max_texts_body_bytes
    }
}

/// What is to be encoded, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EmbeddingsRequest {
    pub(crate) texts: Vec<String>,
    pub(crate) model: Option<String>,
    pub(crate) format: VectorFormat,
    pub(crate) role: TextRole,
    dimensions: Option<u64>,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VectorFormat {
    Floats,
    Base64,
}

impl EmbeddingsBody {
    /// The parameters that take one of a few words, and which.
    pub(crate) fn choices() -> [(&'static str, Vec<&'static str>); 2] {
        [("encoding_format", names(&FORMATS)), ("input_type", names(&ROLES))]
    }

    /// Checks the body against the limits.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing, malformed or out of range.
    pub(crate) fn into_request(self, limits: &Limits) -> Result<EmbeddingsRequest, ApiError> {
        let Self { input, model, encoding_format, dimensions, input_type, _user: _, unknown } =
            self;
        refuse_unknown(&unknown, PARAMETERS)?;
        Ok(EmbeddingsRequest {
            texts: texts(input, limits)?,
            model,
            format: choose("encoding_format", encoding_format, &FORMATS)?
                .unwrap_or(VectorFormat::Floats),
            role: choose("input_type", input_type, &ROLES)?.unwrap_or(TextRole::Query),
            dimensions,
        })
    }
}

fn texts(input: Option<Value>, limits: &Limits) -> Result<Vec<String>, ApiError> {
    let is_tokens = |value: &Value| match value {
        Value::Array(items) => {
            items.iter().any(|item| item.is_number() || item.get(0).is_some_and(Value::is_number))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            false
        }
    };
    match input {
        Some(text @ Value::String(_)) => text_list("input", vec![text], string, limits),
        Some(tokens) if is_tokens(&tokens) => Err(ApiError::InvalidParameter {
            parameter: "input".to_owned(),
            reason: "token ids are of another model's vocabulary; send the texts themselves"
                .to_owned(),
            value: None,
        }),
        Some(Value::Array(items)) => text_list("input", items, string, limits),
        Some(_) => Err(ApiError::InvalidParameter {
            parameter: "input".to_owned(),
            reason: "it must be a string or an array of strings".to_owned(),
            value: None,
        }),
        None => Err(ApiError::MissingParameter { parameter: "input" }),
    }
}

fn string(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err("it must be a string")
        }
    }
}

impl EmbeddingsRequest {
    /// Refuses another dimension than the encoder's: a cut vector is no vector of the
    /// index's space.
    pub(crate) fn check_dimensions(&self, encoder: &str, dim: usize) -> Result<(), ApiError> {
        match self.dimensions {
            Some(asked) if asked != dim as u64 => {
                let reason = format!("{encoder} has {dim} dimensions; write that, or leave it out");
                Err(ApiError::invalid("dimensions", &asked.to_string(), reason))
            }
            _ => Ok(()),
        }
    }
}

/// The vectors.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmbeddingsAnswer {
    /// Always `list`.
    object: &'static str,
    /// One for each text, in their order.
    data: Vec<EmbeddingBody>,
    /// The encoder that made them.
    model: String,
    /// Tokens that were read.
    usage: TokensBody,
    /// Texts that were longer than the encoder reads and were cut.
    truncated: usize,
}

/// A text's vector.
#[derive(Debug, Serialize, ToSchema)]
struct EmbeddingBody {
    /// Always `embedding`.
    object: &'static str,
    /// The text's place in `input`, from 0.
    index: usize,
    /// The vector.
    embedding: VectorBody,
}

/// A vector of norm 1: numbers, or in base64 as little-endian 32-bit floats.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum VectorBody {
    /// Numbers.
    Floats(Vec<f32>),
    /// Their bytes.
    Base64(String),
}

/// Tokens that were read, the model's prefixes and special tokens included.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct TokensBody {
    /// Tokens.
    prompt_tokens: usize,
    /// The same: nothing is generated.
    total_tokens: usize,
}

impl EmbeddingsAnswer {
    /// The vectors of `encoder` as they are sent.
    pub(crate) fn new(encoder: &str, format: VectorFormat, rows: &Embeddings) -> Self {
        let data = rows.values().chunks_exact(rows.dim()).enumerate().map(|(index, row)| {
            EmbeddingBody { object: "embedding", index, embedding: vector_body(format, row) }
        });
        let usage = TokensBody { prompt_tokens: rows.n_tokens, total_tokens: rows.n_tokens };
        Self {
            object: "list",
            data: data.collect(),
            model: encoder.to_owned(),
            usage,
            truncated: rows.n_truncated,
        }
    }
}

fn vector_body(format: VectorFormat, row: &[f32]) -> VectorBody {
    match format {
        VectorFormat::Floats => VectorBody::Floats(row.to_vec()),
        VectorFormat::Base64 => {
            let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
            VectorBody::Base64(STANDARD.encode(bytes))
        }
    }
}
