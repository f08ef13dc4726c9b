//! Documents as resources: `trovato://COLLECTION/DOCUMENT`, both percent-encoded but
//! for the slashes of an id.

use percent_encoding::percent_decode_str;
use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, ResourceContents, ResourceTemplate};

use super::read_document::stored;
use crate::access::Caller;
use crate::error::ApiError;

const SCHEME: &str = "trovato://";

/// How a document is named; a list of all would be as long as the collections.
pub(super) fn template() -> ResourceTemplate {
    ResourceTemplate::new(format!("{SCHEME}{{collection}}/{{+document}}"), "document")
        .with_title("A document's text")
        .with_description(
            "The whole text of a document of a collection, by its id. Long documents are read in \
             parts with the tool read_document.",
        )
        .with_mime_type("text/plain")
}

/// Reads a document.
///
/// # Errors
/// The protocol's errors: a resource has no other way to refuse.
pub(super) async fn read(caller: &Caller, uri: String) -> Result<ReadResourceResult, ErrorData> {
    let Some((collection, document)) = parse(&uri) else {
        let message = format!("{uri} is no {SCHEME}COLLECTION/DOCUMENT, percent-encoded");
        return Err(ErrorData::resource_not_found(message, None));
    };
    let refused = |error: ApiError| ErrorData::resource_not_found(error.to_string(), None);
    let collection = caller.collection(Some(&collection)).map_err(refused)?;
    let limit = caller.state().limits().max_document_bytes;
    let work = move |_waited| stored(&collection, &document);
    let text =
        caller.state().admission().run(work).await.and_then(|found| found).map_err(refused)?.text;
    if text.len() > limit {
        let message = format!(
            "{uri} has {} bytes, more than {limit}; read it in parts with read_document",
            text.len()
        );
        return Err(ErrorData::invalid_params(message, None));
    }
    let contents = ResourceContents::text(text, uri).with_mime_type("text/plain");
    Ok(ReadResourceResult::new(vec![contents]))
}

/// Collection and document of an address.
fn parse(uri: &str) -> Option<(String, String)> {
    let (collection, document) = uri.strip_prefix(SCHEME)?.split_once('/')?;
    let decode = |part| percent_decode_str(part).decode_utf8().ok().map(String::from);
    Some((decode(collection)?, decode(document)?)).filter(|(_, document)| !document.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_collection_and_document() {
        let parsed = |uri| parse(uri).map(|(collection, id)| format!("{collection} | {id}"));
        for (uri, expected) in [
            ("trovato://texts/book/a.md", Some("texts | book/a.md")),
            ("trovato://my%20notes/a%3Fb%23c.md", Some("my notes | a?b#c.md")),
            ("trovato://texts/gr%C3%B6%C3%9Fe", Some("texts | größe")),
            ("trovato://texts/%FF", None),
            ("trovato://texts/", None),
            ("trovato://texts", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(parsed(uri).as_deref(), expected, "{uri}");
        }
    }
}
