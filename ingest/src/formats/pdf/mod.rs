//! Reads the text of a PDF.
//!
//! A PDF holds glyphs at positions, no text. `pdf-extract` interprets the pages
//! and reports every glyph ([`glyphs`]), and what follows from the positions is
//! decided here ([`layout`]): lines, paragraphs, headings by size, code by
//! equal widths, what is repeated on every page. The ready-made text output of
//! that crate has neither blocks nor code, and breaks words at changes of font.
//!
//! The crate panics on much that is legal and recurses without a limit. So each
//! page is read behind `catch_unwind`, on a thread of its own that is given up
//! after [`MAX_PDF_SECONDS`], and files whose forms contain themselves are
//! refused first. Two limits remain: memory, because a compressed stream is
//! unpacked whole, and a thread given up runs until its page is done.

mod glyphs;
mod layout;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use engine::FieldValue;
use pdf_extract::{Dictionary, Document, Object, ObjectId};

use self::glyphs::{Page, PageGlyphs};
use super::canonical::{CanonicalText, collapse};
use super::{MAX_PDF_SECONDS, ParsedText};
use crate::source::SkipReason;

/// Deepest nesting of forms, drawings inside drawings; real ones have two or three.
const MAX_FORM_DEPTH: usize = 12;

/// Most steps taken to look for forms that contain themselves.
const MAX_FORM_VISITS: usize = 20_000;

/// Stack of the reading thread: nesting within the limits fits many times over.
const STACK_BYTES: usize = 64 << 20;

/// Reads a PDF. Pages that cannot be interpreted are left out and counted in the
/// field `unreadable_pages`.
///
/// # Errors
/// [`SkipReason::PasswordProtected`], [`SkipReason::Broken`],
/// [`SkipReason::TooSlow`]; a PDF of scanned pages has no text and gives
/// [`SkipReason::EmptyText`] later on.
pub(super) fn read(bytes: Vec<u8>) -> Result<ParsedText, SkipReason> {
    let limit = Duration::from_secs(MAX_PDF_SECONDS);
    let deadline = Instant::now() + limit;
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("pdf reader".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| interpret(&bytes, deadline)));
            // The receiver may have given up: then nobody wants the result.
            let _ = sender.send(result.unwrap_or_else(|_| Err(broken("it cannot be interpreted"))));
        })
        .map_err(|source| SkipReason::Unreadable { source })?;
    let too_slow = || SkipReason::TooSlow { limit_seconds: MAX_PDF_SECONDS };
    let file = receiver.recv_timeout(limit + Duration::from_secs(1)).map_err(|_| too_slow())??;
    let mut out = CanonicalText::default();
    layout::append(&file.pages, &mut out);
    let shown = out.first_heading(1).map(str::to_owned);
    let mut parsed = ParsedText::new(shown.or(file.title).unwrap_or_default(), out);
    parsed.fields.insert("pages".to_owned(), FieldValue::Integer(file.n_pages as i64));
    if file.n_unreadable > 0 {
        let count = FieldValue::Integer(file.n_unreadable as i64);
        parsed.fields.insert("unreadable_pages".to_owned(), count);
    }
    Ok(parsed)
}

struct PdfFile {
    title: Option<String>,
    pages: Vec<Page>,
    n_pages: usize,
    n_unreadable: usize,
}

fn interpret(bytes: &[u8], deadline: Instant) -> Result<PdfFile, SkipReason> {
    let mut document = match Document::load_mem(bytes) {
        Ok(document) => document,
        Err(pdf_extract::Error::InvalidPassword) => return Err(SkipReason::PasswordProtected),
        Err(error) => return Err(broken(&error.to_string())),
    };
    // Many files are encrypted with an empty password, only to forbid printing.
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err(SkipReason::PasswordProtected);
    }
    drop_images(&mut document);
    let page_ids = document.get_pages();
    check_forms(&document, page_ids.values().copied())?;
    let mut pages = Vec::with_capacity(page_ids.len());
    let mut n_unreadable = 0;
    for &number in page_ids.keys() {
        let mut page = PageGlyphs::new(deadline);
        let interpreted = catch_unwind(AssertUnwindSafe(|| {
            pdf_extract::output_doc_page(&document, &mut page, number)
        }));
        if Instant::now() > deadline {
            return Err(SkipReason::TooSlow { limit_seconds: MAX_PDF_SECONDS });
        }
        match interpreted {
            Ok(Ok(())) => pages.push(page.finish()),
            Ok(Err(_)) | Err(_) => n_unreadable += 1,
        }
    }
    if pages.is_empty() {
        return Err(broken(&format!("none of its {n_unreadable} pages can be interpreted")));
    }
    Ok(PdfFile { title: title(&document), pages, n_pages: page_ids.len(), n_unreadable })
}

fn broken(problem: &str) -> SkipReason {
    SkipReason::Broken { format: "PDF", problem: problem.to_owned() }
}

/// The interpreter takes every drawn object for a form and panics on pixels.
fn drop_images(document: &mut Document) {
    for object in document.objects.values_mut() {
        if let Object::Stream(stream) = object {
            let subtype = stream.dict.get(b"Subtype").and_then(Object::as_name);
            if subtype.is_ok_and(|name| name == b"Image") {
                stream.dict.remove(b"Filter");
                stream.content = Vec::new();
            }
        }
    }
}

/// Refuses page trees and forms that contain themselves: the interpreter would
/// follow them until the stack ends, which no `catch_unwind` survives.
fn check_forms(
    document: &Document,
    pages: impl Iterator<Item = ObjectId>,
) -> Result<(), SkipReason> {
    let mut visits = 0usize;
    for page in pages {
        let page = document.get_dictionary(page).map_err(|error| broken(&error.to_string()))?;
        // The page and the nodes above it, from which it inherits.
        let mut open: Vec<(&Dictionary, usize)> = vec![(page, 0)];
        let mut node = page;
        while let Ok(parent) = node.get(b"Parent").and_then(Object::as_reference) {
            if open.len() > 64 {
                return Err(broken("its page tree does not end"));
            }
            node = document.get_dictionary(parent).map_err(|error| broken(&error.to_string()))?;
            open.push((node, 0));
        }
        while let Some((holder, depth)) = open.pop() {
            visits += 1;
            if depth > MAX_FORM_DEPTH || visits > MAX_FORM_VISITS {
                return Err(broken("its forms are nested without end"));
            }
            for form in forms(document, holder) {
                open.push((form, depth + 1));
            }
        }
    }
    Ok(())
}

/// The forms an object may draw.
fn forms<'a>(
    document: &'a Document,
    holder: &'a Dictionary,
) -> impl Iterator<Item = &'a Dictionary> {
    let follow = |object: &'a Object| document.dereference(object).map(|(_, object)| object).ok();
    holder
        .get(b"Resources")
        .ok()
        .and_then(follow)
        .and_then(|resources| resources.as_dict().ok())
        .and_then(|resources| resources.get(b"XObject").ok())
        .and_then(follow)
        .and_then(|objects| objects.as_dict().ok())
        .into_iter()
        .flat_map(|objects| objects.iter())
        .filter_map(move |(_, object)| follow(object)?.as_stream().ok().map(|stream| &stream.dict))
        .filter(|dict| {
            dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Form")
        })
}

/// The title in the file's information; empty ones and names of files do not count.
fn title(document: &Document) -> Option<String> {
    let info = document.trailer.get(b"Info").ok()?;
    let (_, info) = document.dereference(info).ok()?;
    let title = pdf_extract::decode_text_string(info.as_dict().ok()?.get(b"Title").ok()?).ok()?;
    let title = collapse(&title);
    let is_file_name = [".doc", ".docx", ".tex", ".dvi", ".indd", ".pdf", ".html"]
        .iter()
        .any(|extension| title.to_ascii_lowercase().ends_with(extension));
    (!title.is_empty() && !is_file_name).then_some(title)
}

#[cfg(test)]
mod tests;
