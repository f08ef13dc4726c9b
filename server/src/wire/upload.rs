//! Documents that a request brings: one as the body, or one a line.

use std::collections::BTreeMap;

use engine::DocumentId;
use ingest::formats::Format;
use ingest::pipeline::Change;
use ingest::source::{Content, SkipReason, SourceItem, read_record};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::live::{Asked, Refusal};

/// The media type of records, a line each, and what some clients call it.
pub(crate) const NDJSON: [&str; 3] =
    ["application/x-ndjson", "application/jsonl", "application/x-jsonlines"];

/// The media type of one record.
pub(crate) const JSON: &str = "application/json";

/// Media types of whole documents.
const DOCUMENTS: [(&str, Format); 5] = [
    ("text/markdown", Format::Markdown),
    ("text/html", Format::Html),
    ("text/plain", Format::PlainText),
    ("application/pdf", Format::Pdf),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Format::Docx),
];

/// A type that says nothing; `curl -T` sends none at all.
const UNTYPED: &str = "application/octet-stream";

/// The document that a body holds.
///
/// # Arguments
/// * `media_type` - as [`media_type`](crate::extract::media_type) gives it. Of a body without one, the id's
///   extension tells.
/// * `title` - the document's, where the body itself has none.
///
/// # Errors
/// [`ApiError::UnreadableMediaType`]; for a record [`ApiError::MalformedJson`] or
/// [`ApiError::Refused`].
pub(crate) fn read_document(
    id: DocumentId,
    media_type: &str,
    title: Option<String>,
    body: Vec<u8>,
) -> Result<SourceItem, ApiError> {
    if media_type == JSON {
        return read_one_record(&id, &body);
    }
    let named = DOCUMENTS.iter().find(|(name, _)| *name == media_type).map(|(_, format)| *format);
    let untyped = || matches!(media_type, "" | UNTYPED).then(|| Format::of_name(id.as_str()));
    let format = named.or_else(|| untyped().flatten());
    let format = format.ok_or_else(|| ApiError::UnreadableMediaType {
        found: if media_type.is_empty() { "without one".to_owned() } else { shown(media_type) },
    })?;
    let origin = id.as_str().to_owned();
    let (content, fields) = (Content::Bytes(body), BTreeMap::new());
    Ok(SourceItem { id, title, format, content, fields, origin, root: 0 })
}

fn read_one_record(id: &DocumentId, body: &[u8]) -> Result<SourceItem, ApiError> {
    let mut record: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| ApiError::MalformedJson { reason: error.to_string() })?;
    let stated = record.remove("_id").or_else(|| record.remove("id"));
    if let Some(stated) = stated.filter(|stated| stated.as_str() != Some(id.as_str())) {
        let reason = format!("the path says {:?}; leave it out, or say the same", id.as_str());
        return Err(ApiError::invalid("id", &stated.to_string(), reason));
    }
    record.insert("id".to_owned(), Value::String(id.as_str().to_owned()));
    read_record(record, "", id.as_str().to_owned())
        .map_err(|reason| ApiError::Refused { reason: reason.to_string() })
}

/// The changes that the lines of a body ask for. A line is a record, as in a JSONL
/// file, or `{"delete": ID}`; blank lines count and say nothing.
pub(crate) fn read_lines(body: &[u8]) -> Vec<Asked> {
    let lines = body.split(|&byte| byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(at, line)| Asked { line: Some(at + 1), change: read_line(line, at + 1) })
        .collect()
}

fn read_line(line: &[u8], number: usize) -> Result<Change, Refusal> {
    let refused = |document: &str, reason: &SkipReason| Refusal {
        document: shown(document),
        kind: reason.label(),
        reason: reason.to_string(),
    };
    let mut record: Map<String, Value> = serde_json::from_slice(line)
        .map_err(|source| refused("", &SkipReason::InvalidJson { source }))?;
    let named = record.get("id").or_else(|| record.get("_id")).and_then(Value::as_str);
    let named = named.unwrap_or_default().to_owned();
    if let Some(id) = record.remove("delete") {
        let Value::String(id) = id else {
            let problem = "\"delete\" is no text; give the id of a document".to_owned();
            return Err(refused("", &SkipReason::InvalidRecord { problem }));
        };
        if let Some(other) = record.keys().next() {
            let problem = format!("{other:?} stands beside \"delete\"; a line does one thing");
            return Err(refused(&id, &SkipReason::InvalidRecord { problem }));
        }
        let known = DocumentId::new(id.clone());
        return known.map(Change::Delete).map_err(|error| refused(&id, &error.into()));
    }
    let item = read_record(record, "", format!("line {number}"));
    item.map(Change::Put).map_err(|reason| refused(&named, &reason))
}

fn shown(value: &str) -> String {
    value.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_change_or_says_why_not() {
        let body =
            b"{\"id\": \"a\", \"text\": \"x\", \"year\": 1}\n\n{\"delete\": \"b\"}\nnot json\n\
            {\"delete\": \"c\", \"text\": \"x\"}\n{\"delete\": 3}\n{\"id\": \"d\"}\n";
        let asked = read_lines(body);
        let lines: Vec<_> = asked.iter().map(|asked| asked.line.unwrap_or_default()).collect();
        assert_eq!(lines, [1, 3, 4, 5, 6, 7]);
        let ids: Vec<_> = asked
            .iter()
            .map(|asked| match &asked.change {
                Ok(Change::Put(item)) => format!("put {}", item.id),
                Ok(Change::Delete(id)) => format!("delete {id}"),
                Err(refusal) => format!("{}: {}", refusal.document, refusal.kind),
            })
            .collect();
        let bad = "invalid record";
        let expected =
            ["put a", "delete b", ": invalid record", "c: invalid record", ": invalid record"];
        assert_eq!(ids[..5], expected);
        assert_eq!(ids[5], format!("d: {bad}"));
    }

    #[test]
    fn an_untyped_body_is_read_as_its_name_says() {
        let read = |name: &str, media: &str| {
            let id = DocumentId::new(name).unwrap();
            read_document(id, media, None, b"# T\n\nx".to_vec()).map(|item| item.format)
        };
        assert_eq!(read("notes/a.md", ""), Ok(Format::Markdown));
        assert_eq!(read("notes/a.md", "text/html"), Ok(Format::Html));
        assert_eq!(read("notes/a.txt", UNTYPED), Ok(Format::PlainText));
        for (name, media) in [("notes/a", ""), ("notes/a.csv", ""), ("a.md", "image/png")] {
            assert!(matches!(read(name, media), Err(ApiError::UnreadableMediaType { .. })));
        }
    }
}
