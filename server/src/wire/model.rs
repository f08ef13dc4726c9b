//! The responses to `GET /v1/models` and `GET /v1/models/{id}`, in OpenAI's shape.

use serde::Serialize;
use utoipa::ToSchema;

use crate::models::{Does, Model};

/// What is served by a model's name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelsBody {
    /// Always `list`.
    object: &'static str,
    /// Encoders, rerankers, what answers.
    data: Vec<ModelBody>,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelBody {
    /// What requests call it.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When the first collection that has it was opened: seconds since 1970.
    created: i64,
    /// Always `trovato`.
    owned_by: &'static str,
    /// `embedding` for `/v1/embeddings`, `reranker` for `/v1/rerank`; for
    /// `/v1/chat/completions` `extractive`, which answers in a collection's own words, or
    /// `generative`, which answers from it in a language model's.
    kind: &'static str,
    /// The collections that have it.
    collections: Vec<String>,
    /// Components of its vectors, of an `embedding` model.
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    /// Its longest text in tokens, of an `embedding` model.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<usize>,
}

impl From<Vec<Model>> for ModelsBody {
    fn from(models: Vec<Model>) -> Self {
        Self { object: "list", data: models.into_iter().map(ModelBody::from).collect() }
    }
}

impl From<Model> for ModelBody {
    fn from(model: Model) -> Self {
        let Model { name, does, collections, opened } = model;
        let (kind, dimensions, max_tokens) = match does {
            Does::Encode { dim, max_tokens } => ("embedding", Some(dim), Some(max_tokens)),
            Does::Rerank => ("reranker", None, None),
            Does::Quote => ("extractive", None, None),
            Does::Write => ("generative", None, None),
        };
        Self {
            id: name,
            object: "model",
            created: opened,
            owned_by: "trovato",
            kind,
            collections,
            dimensions,
            max_tokens,
        }
    }
}
