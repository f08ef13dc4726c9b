//! The tool `list_collections`.

use std::fmt::Write;

use engine::FieldSummary;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::refusal::Refusal;
use crate::access::Caller;
use crate::collections::Collection;
use crate::error::{ApiError, Chain};

/// `list_collections` takes nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ListArguments {}

/// What `list_collections` returns.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ListAnswer {
    /// The first one answers calls that name none.
    collections: Vec<CollectionSummary>,
}

/// A collection of documents.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct CollectionSummary {
    /// What other tools call it.
    name: String,
    /// Documents in it, exact duplicates not counted.
    documents: usize,
    /// Passages they are cut into.
    chunks: usize,
    /// The model whose vectors are searched.
    encoder: String,
    /// The model that reranks results unless a call says otherwise; null for none.
    reranker: Option<String>,
    /// The metadata that `filter` may name.
    fields: Vec<FieldEntry>,
    /// Whether a newer state of the index could not be loaded.
    stale: bool,
}

/// A metadata field.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct FieldEntry {
    /// Its name in a filter.
    name: String,
    /// The types of its values: `boolean`, `number`, `timestamp`, `text`.
    types: Vec<String>,
    /// Some of its text values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<String>,
}

/// Runs the tool.
pub(super) async fn list_collections(
    caller: &Caller,
    _: ListArguments,
) -> Result<ListAnswer, Refusal> {
    let open: Vec<_> = caller.collections()?.iter().cloned().collect();
    let work = move |_waited| {
        let summaries: Result<_, ApiError> =
            open.iter().map(|collection| CollectionSummary::new(collection)).collect();
        Ok(ListAnswer { collections: summaries? })
    };
    caller.state().admission().run(work).await?
}

impl CollectionSummary {
    fn new(collection: &Collection) -> Result<Self, ApiError> {
        let failed = |error: &(dyn std::error::Error + 'static)| {
            tracing::error!(error = %Chain(error), "an index could not be described");
            ApiError::IndexFailed
        };
        let index = collection.index();
        let info = index.info().map_err(|error| failed(&error))?;
        let fields = index.searcher().fields().map_err(|error| failed(&error))?;
        Ok(Self {
            name: collection.name().to_owned(),
            documents: info.documents,
            chunks: info.chunks,
            encoder: index.manifest().encoder.name.clone(),
            reranker: collection.reranker().map(|loaded| loaded.pipeline.name().to_owned()),
            fields: fields.into_iter().map(FieldEntry::from).collect(),
            stale: collection.is_stale(),
        })
    }
}

impl From<FieldSummary> for FieldEntry {
    fn from(field: FieldSummary) -> Self {
        let FieldSummary { name, kinds, examples } = field;
        Self { name, types: kinds.iter().map(ToString::to_string).collect(), examples }
    }
}

impl Answer for ListAnswer {
    fn tell(&self) -> String {
        let mut told = String::new();
        for collection in &self.collections {
            let CollectionSummary { name, documents, chunks, encoder, reranker, fields, stale } =
                collection;
            let reranker = reranker.as_deref().unwrap_or("none");
            // Writing to a string does not fail.
            let _ = writeln!(
                told,
                "{name}: {documents} documents in {chunks} passages; encoder {encoder}, reranker {reranker}{}",
                if *stale { "; stale, a newer state could not be loaded" } else { "" }
            );
            for FieldEntry { name, types, examples } in fields {
                let _ = write!(told, "  {name}: {}", types.join(" or "));
                if !examples.is_empty() {
                    let _ = write!(told, ", such as {}", examples.join(", "));
                }
                told.push('\n');
            }
        }
        told
    }
}
