//! The tools: what each is for, what it takes and returns, and who answers a call.

use std::sync::Arc;

use rmcp::model::{CallToolResult, JsonObject, Tool, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::{Answer, to_result};
use super::explain::{ExplainAnswer, ExplainArguments, explain};
use super::list_collections::{ListAnswer, ListArguments, list_collections};
use super::read_document::{ReadAnswer, ReadArguments, read_document};
use super::refusal::Refusal;
use super::search::{SearchAnswer, SearchArguments, search};
use crate::access::Caller;
use crate::limits::Limits;

const SEARCH: &str = "search";
const READ_DOCUMENT: &str = "read_document";
const EXPLAIN: &str = "explain";
const LIST_COLLECTIONS: &str = "list_collections";

/// All of them, with the limits that hold in their schemas.
pub(super) fn list(limits: &Limits) -> Vec<Tool> {
    let max_top = ("top", limits.max_top);
    vec![
        tool::<SearchArguments, SearchAnswer>(
            SEARCH,
            "Search documents",
            "Find the passages of a document collection that answer a question, by words and by \
             meaning. Returns quotations with the document, the byte span, the headings and what \
             speaks for each passage. Quote or cite them by document and span.",
            &[max_top, ("per_document", limits.max_top)],
        ),
        tool::<ReadArguments, ReadAnswer>(
            READ_DOCUMENT,
            "Read a document",
            "Read a document's text by its id: all of it page by page, or the surroundings of a \
             passage that `search` found.",
            &[("max_bytes", limits.max_document_bytes)],
        ),
        tool::<ExplainArguments, ExplainAnswer>(
            EXPLAIN,
            "Explain a ranking",
            "Tell why a document is found by a query and how its score comes about, or why it is \
             not among the hits.",
            &[max_top],
        ),
        tool::<ListArguments, ListAnswer>(
            LIST_COLLECTIONS,
            "List collections",
            "List what can be searched: the collections with their sizes, models, and the metadata \
             fields that `filter` may use.",
            &[],
        ),
    ]
}

/// Answers a call; `None` when there is no such tool.
pub(super) async fn call(
    caller: &Caller,
    name: &str,
    arguments: Option<JsonObject>,
) -> Option<CallToolResult> {
    let arguments = Value::Object(arguments.unwrap_or_default());
    Some(match name {
        SEARCH => run(arguments, async |read| search(caller, read).await).await,
        READ_DOCUMENT => run(arguments, async |read| read_document(caller, read).await).await,
        EXPLAIN => run(arguments, async |read| explain(caller, read).await).await,
        LIST_COLLECTIONS => run(arguments, async |read| list_collections(caller, read).await).await,
        _ => return None,
    })
}

async fn run<A: DeserializeOwned, R: Answer>(
    arguments: Value,
    tool: impl AsyncFnOnce(A) -> Result<R, Refusal>,
) -> CallToolResult {
    let read = serde_path_to_error::deserialize(arguments)
        .map_err(|error| Refusal::Arguments { reason: error.to_string() });
    to_result(match read {
        Ok(read) => tool(read).await,
        Err(refusal) => Err(refusal),
    })
}

/// # Arguments
/// * `maxima` - largest values of arguments, which depend on the server's limits.
fn tool<A: JsonSchema + 'static, R: Answer>(
    name: &'static str,
    title: &str,
    description: &'static str,
    maxima: &[(&str, usize)],
) -> Tool {
    let annotations = ToolAnnotations::with_title(title)
        .read_only(true)
        .destructive(false)
        .idempotent(true)
        .open_world(false);
    let mut tool = Tool::new(name, description, JsonObject::new())
        .with_title(title)
        .with_input_schema::<A>()
        .with_output_schema::<R>()
        .with_annotations(annotations);
    let schema = Arc::make_mut(&mut tool.input_schema);
    // Some hosts refuse an object that does not say that it has none.
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        for (name, property) in properties {
            plain(property);
            if let Some((_, most)) = maxima.iter().find(|(bounded, _)| bounded == name) {
                property["maximum"] = json!(most);
            }
        }
    }
    tool
}

/// Says of an optional argument that it may be left out, not that it may be null: models
/// then leave it out, and hosts that know no lists of types understand it.
fn plain(property: &mut Value) {
    let Some(schema) = property.as_object_mut() else { return };
    if let Some(Value::Array(types)) = schema.get("type")
        && let Some(own) = types.iter().find(|own| *own != "null").cloned()
    {
        schema.insert("type".to_owned(), own);
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    // `uint64` and such are formats of no standard.
    schema.remove("format");
}
