//! Which reader a file gets: by its extension, and where that says nothing, by
//! its first bytes.
//!
//! Data and assets (CSV, JSON, XML, style sheets, pictures) are refused: they
//! have no running text, and indexed as text they outnumber what was meant.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::source_code::Language;
use super::{MAX_DOCX_BYTES, MAX_HTML_BYTES, MAX_PDF_BYTES, MAX_TEXT_FILE_BYTES};
use crate::source::SkipReason;

/// A kind of document there is a reader for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A web page.
    Html,
    /// CommonMark with tables, footnotes and front matter.
    Markdown,
    /// Text without markup.
    PlainText,
    /// A program.
    SourceCode(Language),
    /// A PDF with text in it.
    Pdf,
    /// A Word document (Office Open XML).
    Docx,
    /// A record of a JSONL file or BEIR collection, already in memory.
    Record,
}

impl Format {
    /// The name stored in the field `format`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::PlainText => "text",
            Self::SourceCode(_) => "code",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Record => "record",
        }
    }

    /// The format of a document by its name's extension; `None` where that says
    /// nothing.
    pub fn of_name(name: &str) -> Option<Self> {
        of_extension(&extension(Path::new(name)))
    }

    /// What is limited, in words, and its largest size in bytes.
    pub(super) fn size_limit(self) -> (&'static str, u64) {
        match self {
            Self::Html => ("an HTML page", MAX_HTML_BYTES),
            Self::Pdf => ("a PDF", MAX_PDF_BYTES),
            Self::Docx => ("a DOCX", MAX_DOCX_BYTES),
            Self::Markdown | Self::PlainText | Self::SourceCode(_) | Self::Record => {
                ("a text file", MAX_TEXT_FILE_BYTES)
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a file is to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// One document.
    Document(Format),
    /// One record a line.
    Records,
}

/// Bytes looked at when the extension says nothing.
const SNIFF_BYTES: u64 = 4096;

/// Tells what a file is.
///
/// # Errors
/// [`SkipReason::Unsupported`] names the extension, or what the content looks
/// like; [`SkipReason::Unreadable`] when the first bytes were needed and could
/// not be read.
pub fn detect(path: &Path) -> Result<FileKind, SkipReason> {
    let extension = extension(path);
    if matches!(extension.as_str(), "jsonl" | "ndjson") {
        return Ok(FileKind::Records);
    }
    let format = match of_extension(&extension) {
        Some(format) => format,
        None => sniff(path, &extension)?,
    };
    Ok(FileKind::Document(format))
}

fn extension(path: &Path) -> String {
    path.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase()
}

/// The reader for files of an extension in lower case.
fn of_extension(extension: &str) -> Option<Format> {
    Some(match extension {
        "html" | "htm" | "xhtml" => Format::Html,
        "md" | "markdown" | "mdown" | "mkd" | "mdx" => Format::Markdown,
        "txt" | "text" | "rst" | "adoc" | "asciidoc" | "org" | "tex" | "log" => Format::PlainText,
        "pdf" => Format::Pdf,
        "docx" => Format::Docx,
        extension => Format::SourceCode(Language::from_extension(extension)?),
    })
}

fn sniff(path: &Path, extension: &str) -> Result<Format, SkipReason> {
    let unreadable = |source| SkipReason::Unreadable { source };
    let mut head = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(SNIFF_BYTES).read_to_end(&mut head).map_err(unreadable)?;
    if head.starts_with(b"%PDF-") {
        return Ok(Format::Pdf);
    }
    let text = String::from_utf8_lossy(&head).trim_start().to_ascii_lowercase();
    if text.starts_with("<!doctype html") || text.starts_with("<html") {
        return Ok(Format::Html);
    }
    // An extension nobody here knows means data more often than prose, so only
    // names without one (README, LICENSE) are given the benefit of the doubt.
    if !extension.is_empty() {
        return Err(SkipReason::Unsupported { what: format!(".{extension}") });
    }
    if head.contains(&0) {
        return Err(SkipReason::Unsupported { what: "binary data".to_owned() });
    }
    Ok(Format::PlainText)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, content: &[u8], expected: Option<FileKind>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        assert_eq!(detect(&path).ok(), expected, "{name}");
    }

    #[test]
    fn the_extension_decides_and_else_the_content() {
        let document = |format| Some(FileKind::Document(format));
        check("a.HTM", b"", document(Format::Html));
        check("a.md", b"", document(Format::Markdown));
        check("a.rs", b"", document(Format::SourceCode(Language::Rust)));
        check("a.jsonl", b"", Some(FileKind::Records));
        check("README", b"plain words", document(Format::PlainText));
        check("page", b"\n <!DOCTYPE html><p>x", document(Format::Html));
        check("paper.download", b"%PDF-1.7 ...", document(Format::Pdf));
        check("picture.png", b"\x89PNG", None);
        check("program", b"\x7fELF\0\0", None);
        check("data.csv", b"a,b", None);
    }
}
