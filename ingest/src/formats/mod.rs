//! From a file or record to a [`Document`]: one canonical text, its blocks, its
//! metadata.
//!
//! # The canonical text
//! Everything that is stored, chunked, cited and shown is a span of this text,
//! so its rules are the same for all formats:
//! - UTF-8; lines end in `\n`; characters stay as they are (no normalisation
//!   form is applied: a quote copied from the source must be found). Control
//!   characters, zero-width blanks and soft hyphens are left out.
//! - Outside code, a run of white space, no-break spaces included, is one blank.
//!   Code blocks are verbatim, without fences.
//! - Blocks are separated by an empty line, the items of one list by a line end.
//!   List items begin with `- ` or their number (`2. `), indented by two blanks a level.
//!   A definition is `- term: description`.
//! - A heading stands on a line of its own, without `#`. The title is the first
//!   line where the source shows one; [`BlockKind::Heading`] of level 1 marks it.
//! - A table has one row a line, cells apart by ` | `.
//! - Text alternatives of pictures are not part of it: they are not seen.
//!
//! Records (JSONL, BEIR) are the exception: title, empty line, text, each to
//! the byte, because answers are given as positions in them. So are verbatim
//! texts, which are left as they stand.
//!
//! [`read`] never panics and never hangs: sizes, depths and part counts are
//! limited (the constants named `MAX_*`), and what goes beyond is a
//! [`SkipReason`]. The result depends on the bytes alone.
//!
//! [`BlockKind::Heading`]: engine::BlockKind::Heading

mod canonical;
mod decode;
mod detect;
mod docx;
mod fields;
mod front_matter;
mod html;
mod markdown;
#[cfg(feature = "pdf")]
mod pdf;
mod plain_text;
mod record;
mod source_code;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use engine::{Block, Document, FieldValue};

pub use self::detect::{FileKind, Format, detect};
pub use self::docx::{MAX_DOCX_BYTES, MAX_DOCX_PART_BYTES};
pub(crate) use self::fields::insert_json;
pub use self::html::MAX_HTML_BYTES;
pub use self::source_code::Language;

use self::canonical::CanonicalText;
use crate::source::{Content, SkipReason, SourceItem};

/// Largest text, Markdown or source file, in bytes: as much as a canonical text
/// may have.
pub const MAX_TEXT_FILE_BYTES: u64 = Document::MAX_TEXT_BYTES as u64;

/// Largest PDF, in bytes.
pub const MAX_PDF_BYTES: u64 = 128 << 20;

/// Longest time given to a PDF, in seconds. A page of dense text takes
/// milliseconds.
pub const MAX_PDF_SECONDS: u64 = 60;

/// What a reader makes of a file, before the source's own knowledge is added.
struct ParsedText {
    title: String,
    text: String,
    blocks: Vec<Block>,
    fields: BTreeMap<String, FieldValue>,
}

impl ParsedText {
    fn new(title: String, canonical: CanonicalText) -> Self {
        let (text, blocks) = canonical.finish();
        Self { title, text, blocks, fields: BTreeMap::new() }
    }
}

/// Reads an item into a document that passes [`Document::check`] and has text.
///
/// The title is the item's, else the file's own, else the path below the root.
/// Fields: those the item came with, and over them those the file itself
/// states; `format` names the reader (unless the file has a field of that name), `language` the language of source code,
/// `encoding` any other encoding than UTF-8 that was decoded.
///
/// # Errors
/// Every cause is a [`SkipReason`]; the caller reports it and goes on.
pub fn read(item: &SourceItem) -> Result<Document, SkipReason> {
    let parsed = match &item.content {
        Content::Text(text) => record::read(item.title.as_deref().unwrap_or(""), text),
        Content::Verbatim(text) => record::read("", text),
        Content::File(path) => parse(read_bytes(path, item.format)?, item.format)?,
        Content::Bytes(bytes) => {
            check_size(bytes.len() as u64, item.format)?;
            parse(bytes.clone(), item.format)?
        }
    };
    let ParsedText { title, text, blocks, fields: stated } = parsed;
    if text.trim().is_empty() {
        return Err(SkipReason::EmptyText);
    }
    let mut fields = item.fields.clone();
    fields.extend(stated);
    let format = || FieldValue::Text(item.format.name().to_owned());
    fields.entry("format".to_owned()).or_insert_with(format);
    let known = item.title.clone().filter(|title| !title.is_empty());
    let title = known.unwrap_or(if title.is_empty() { path_title(item) } else { title });
    let document = Document { id: item.id.clone(), title, text, blocks, fields };
    document.check()?;
    Ok(document)
}

/// A file without a title is called by its path below the root, which for
/// source code says most. Records without one stay without, and so does what
/// has no path.
fn path_title(item: &SourceItem) -> String {
    match &item.content {
        Content::Bytes(_) | Content::Text(_) | Content::Verbatim(_) => String::new(),
        Content::File(_) => {
            let id = item.id.as_str();
            id.split_once('/').map_or(id, |(_root, path)| path).to_owned()
        }
    }
}

fn parse(bytes: Vec<u8>, format: Format) -> Result<ParsedText, SkipReason> {
    match format {
        #[cfg(feature = "pdf")]
        Format::Pdf => return pdf::read(bytes),
        #[cfg(not(feature = "pdf"))]
        Format::Pdf => {
            let what = "PDF in this build; build with the feature pdf".to_owned();
            return Err(SkipReason::Unsupported { what });
        }
        Format::Docx => return docx::read(bytes),
        Format::Html | Format::Markdown | Format::PlainText | Format::SourceCode(_) => {}
        Format::Record => {
            return Err(SkipReason::Unsupported {
                what: "a file of records as one document".into(),
            });
        }
    }
    let declared = if format == Format::Html { decode::html_charset(&bytes) } else { None };
    let decoded = decode::decode(bytes, declared)?;
    let mut parsed = match format {
        Format::Html => html::read(&decoded.text)?,
        Format::Markdown => markdown::read(&decoded.text)?,
        Format::SourceCode(language) => source_code::read(&decoded.text, language)?,
        Format::PlainText | Format::Pdf | Format::Docx | Format::Record => {
            plain_text::read(&decoded.text)
        }
    };
    if let Some(encoding) = decoded.other_than_utf8 {
        parsed.fields.insert("encoding".into(), FieldValue::Text(encoding.to_owned()));
    }
    Ok(parsed)
}

fn read_bytes(path: &Path, format: Format) -> Result<Vec<u8>, SkipReason> {
    let unreadable = |source| SkipReason::Unreadable { source };
    let (_, limit) = format.size_limit();
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    check_size(bytes, format)?;
    // The file may grow while it is read: the limit holds for what is read, too.
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(limit + 1).read_to_end(&mut content).map_err(unreadable)?;
    check_size(content.len() as u64, format)?;
    Ok(content)
}

fn check_size(bytes: u64, format: Format) -> Result<(), SkipReason> {
    let (what, limit) = format.size_limit();
    if bytes > limit { Err(SkipReason::TooLarge { what, bytes, limit }) } else { Ok(()) }
}
