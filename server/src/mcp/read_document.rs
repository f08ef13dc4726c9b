//! The tool `read_document`.

use std::collections::BTreeMap;
use std::fmt::Write;

use engine::{BlockKind, Span, StoredDocument};
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Answer;
use super::refusal::Refusal;
use crate::access::Caller;
use crate::collections::Collection;
use crate::error::{ApiError, Chain};
use crate::wire::{fields_body, parse_id};

/// Text of one result where the call does not say: some 4,000 tokens of English.
const DEFAULT_MAX_BYTES: usize = 16 << 10;
/// The longest character: less could show nothing, and paging would stand still.
const MIN_MAX_BYTES: usize = 4;

/// What `read_document` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ReadArguments {
    /// The document's id, as `search` gives it.
    #[schemars(example = "guide/threads.md")]
    document: String,
    /// The collection it is in. Without one the first.
    collection: Option<String>,
    /// First byte wanted. Without it the document's first.
    start: Option<u32>,
    /// The byte after the last one wanted. Without it, or beyond the document, the
    /// document's end.
    end: Option<u32>,
    /// How many bytes before `start` and after `end` to show as well: give a hit's start
    /// and end and some context to see it in its place.
    #[schemars(example = 2000)]
    context_bytes: Option<u64>,
    /// Longest text returned, in bytes. Without it 16384.
    #[schemars(range(min = MIN_MAX_BYTES))]
    max_bytes: Option<u64>,
}

/// What `read_document` returns.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ReadAnswer {
    /// The collection it is in.
    collection: String,
    /// The document's id.
    document: String,
    /// The document that holds the text, when this one is its exact duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<String>,
    /// The document's title.
    title: String,
    /// The headings that hold at the place asked for, outermost first.
    headings: Vec<String>,
    /// First byte of `text` in the document; whole characters, so perhaps a little
    /// before what was asked for.
    start: usize,
    /// The byte after its last one.
    end: usize,
    /// The document's text from `start` to `end`.
    text: String,
    /// Length of the whole document.
    total_bytes: usize,
    /// Where the document goes on: the `start` of the next call. Null at its end.
    next_start: Option<usize>,
    /// The document's metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, Value>,
}

/// Runs the tool.
pub(super) async fn read_document(
    caller: &Caller,
    arguments: ReadArguments,
) -> Result<ReadAnswer, Refusal> {
    let collection = caller.collection(arguments.collection.as_deref())?;
    let limit = caller.state().limits().max_document_bytes;
    let work = move |_waited| {
        let document = stored(&collection, &arguments.document)?;
        let (asked, window) = arguments.window(&document.text, limit)?;
        Ok(ReadAnswer::new(collection.name(), document, asked, window))
    };
    caller.state().admission().run(work).await?
}

/// The document with this id.
pub(super) fn stored(collection: &Collection, id: &str) -> Result<StoredDocument, ApiError> {
    let id = parse_id("document", id.to_owned())?;
    let found = collection.index().searcher().document(&id).map_err(|error| {
        tracing::error!(error = %Chain(&error), "a document could not be read");
        ApiError::IndexFailed
    })?;
    found.ok_or_else(|| ApiError::UnknownDocument {
        id: id.to_string(),
        collection: collection.name().to_owned(),
    })
}

impl ReadArguments {
    /// The span asked for, and the one to show: with its context, as far as the limit
    /// goes. Both consist of whole characters.
    fn window(&self, text: &str, limit: usize) -> Result<(Span, Span), ApiError> {
        let total = text.len();
        let max_bytes = match self.max_bytes {
            None => DEFAULT_MAX_BYTES.min(limit),
            Some(value) => usize::try_from(value)
                .ok()
                .filter(|bytes| (MIN_MAX_BYTES..=limit).contains(bytes))
                .ok_or(ApiError::OutOfRange {
                    parameter: "max_bytes",
                    value,
                    min: MIN_MAX_BYTES as u64,
                    max: limit as u64,
                })?,
        };
        let start = self.start.unwrap_or(0) as usize;
        if start > total {
            let reason = format!("the document has {total} bytes");
            return Err(ApiError::invalid("start", &start.to_string(), reason));
        }
        let end = self.end.map_or(total, |end| end as usize);
        if end < start {
            let reason = format!("{end} lies before the start, {start}");
            return Err(ApiError::invalid("end", &end.to_string(), reason));
        }
        let start = text.floor_char_boundary(start);
        let end = text.ceil_char_boundary(end.min(total));
        let context = match self.context_bytes {
            Some(bytes) if self.start.is_none() && self.end.is_none() => {
                let reason = "there is no span to show more around; give start and end";
                return Err(ApiError::invalid("context_bytes", &bytes.to_string(), reason));
            }
            // What was asked for comes first, its context shares what is left.
            Some(bytes) => usize::try_from(bytes)
                .unwrap_or(usize::MAX)
                .min(max_bytes.saturating_sub(end - start) / 2),
            None => 0,
        };
        let from = text.ceil_char_boundary(start.saturating_sub(context));
        let to = text.floor_char_boundary(end.saturating_add(context).min(total));
        let to =
            if to - from > max_bytes { text.floor_char_boundary(from + max_bytes) } else { to };
        Ok((Span::new(start, end), Span::new(from, to)))
    }
}

impl ReadAnswer {
    fn new(collection: &str, document: StoredDocument, asked: Span, window: Span) -> Self {
        let headings = headings_at(&document, asked.start);
        let StoredDocument { id, duplicate_of, title, text, blocks: _, fields, chunks: _ } =
            document;
        let (start, end) = (window.start as usize, window.end as usize);
        Self {
            collection: collection.to_owned(),
            document: id.into(),
            duplicate_of: duplicate_of.map(String::from),
            title,
            headings,
            start,
            end,
            text: window.slice(&text).unwrap_or_default().to_owned(),
            total_bytes: text.len(),
            next_start: (end < text.len()).then_some(end),
            fields: fields_body(&fields),
        }
    }
}

/// The headings in force at a byte, outermost first; one that begins there holds.
fn headings_at(document: &StoredDocument, at: u32) -> Vec<String> {
    let mut path: Vec<(u8, &str)> = Vec::new();
    for block in document.blocks.iter().take_while(|block| block.span.start <= at) {
        if let BlockKind::Heading { level, .. } = &block.kind {
            path.retain(|(above, _)| above < level);
            path.push((*level, block.span.slice(&document.text).unwrap_or_default().trim()));
        }
    }
    path.into_iter().map(|(_, heading)| heading.to_owned()).collect()
}

impl Answer for ReadAnswer {
    fn tell(&self) -> String {
        let Self { collection, document, title, headings, start, end, text, total_bytes, .. } =
            self;
        let mut told =
            format!("{document} of {collection:?}: {title}\nbytes {start}..{end} of {total_bytes}");
        // Writing to a string does not fail.
        if !headings.is_empty() {
            let _ = write!(told, "; under {}", headings.join(" > "));
        }
        if let Some(original) = &self.duplicate_of {
            let _ = write!(told, "; the same text as {original}");
        }
        let _ = write!(told, "\n\n{text}\n");
        if let Some(next) = self.next_start {
            let _ = writeln!(told, "\n(goes on: read_document {document:?} from start {next})");
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 64;

    fn window(text: &str, arguments: &ReadArguments) -> (Span, Span) {
        arguments.window(text, LIMIT).unwrap()
    }

    #[test]
    fn context_shares_what_the_passage_leaves() {
        let text = "x".repeat(100);
        let arguments = |context_bytes, max_bytes| ReadArguments {
            start: Some(40),
            end: Some(60),
            context_bytes: Some(context_bytes),
            max_bytes: Some(max_bytes),
            ..ReadArguments::default()
        };
        assert_eq!(window(&text, &arguments(5, 64)).1, Span::new(35, 65));
        assert_eq!(window(&text, &arguments(1000, 64)).1, Span::new(18, 82));
        // The passage alone is longer than the page.
        assert_eq!(window(&text, &arguments(1000, 10)).1, Span::new(40, 50));
        let error = arguments(5, 65).window(&text, LIMIT).unwrap_err().to_string();
        assert!(error.contains("`max_bytes` is 65; it must be from 4 to 64"), "{error}");
    }

    proptest! {
        #[test]
        fn pages_follow_each_other_to_the_end(text in "\\PC{0,60}", max_bytes in 4_u64..20) {
            let (mut start, mut read) = (0, String::new());
            loop {
                let arguments = ReadArguments {
                    start: Some(start),
                    max_bytes: Some(max_bytes),
                    ..ReadArguments::default()
                };
                let (_, page) = window(&text, &arguments);
                read.push_str(page.slice(&text).unwrap());
                if page.end as usize == text.len() {
                    break;
                }
                prop_assert!(page.end > start);
                start = page.end;
            }
            prop_assert_eq!(read, text);
        }

        #[test]
        fn whatever_is_asked_no_character_is_cut(
            text in "\\PC{0,40}",
            start in 0_u32..100,
            length in 0_u32..100,
            context in proptest::option::of(0_u64..200),
        ) {
            let arguments = ReadArguments {
                start: Some(start),
                end: Some(start + length),
                context_bytes: context,
                ..ReadArguments::default()
            };
            match arguments.window(&text, LIMIT) {
                Ok((asked, shown)) => {
                    prop_assert!(asked.slice(&text).is_some() && shown.slice(&text).is_some());
                    prop_assert!(shown.len() <= LIMIT);
                    prop_assert!(asked.len() > LIMIT || shown.start <= asked.start && asked.end <= shown.end);
                }
                Err(error) => prop_assert!(start as usize > text.len(), "{error}"),
            }
        }
    }
}
