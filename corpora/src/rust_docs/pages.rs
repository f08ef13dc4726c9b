//! Which pages of the installed HTML are documents.
//!
//! Pages are judged by their place first and by their first bytes second
//! (redirect, language); no page is parsed here.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::RustDocsError;
use super::{Collected, DropReason};

/// The guides, by folder.
const BOOKS: [&str; 12] = [
    "book",
    "cargo",
    "clippy",
    "edition-guide",
    "embedded-book",
    "error_codes",
    "nomicon",
    "reference",
    "rust-by-example",
    "rustc",
    "rustdoc",
    "style-guide",
];

/// Old editions of the Book, each page of which says where to find the new one.
const OLD_EDITIONS: [&str; 3] =
    ["book/first-edition/", "book/second-edition/", "book/2018-edition/"];

/// The standard library's crates. The order decides which of several pages of
/// one item is kept: std's is the one that users know.
const LIBRARY: [&str; 3] = ["std", "core", "alloc"];

/// Enough for the tags that are looked at; mdBook's and rustdoc's redirects
/// name their target in the first 400 bytes.
const HEAD_BYTES: u64 = 4096;

/// The guides' pages.
pub(super) fn books(html: &Path, collected: &mut Collected) -> Result<(), RustDocsError> {
    for book in BOOKS {
        for path in html_files(&html.join(book))? {
            let relative = relative(html, &path);
            match drop_reason(&relative, &path)? {
                Some(reason) => collected.drop_for(reason),
                None => collected.keep(format!("rust-docs/{relative}"), path)?,
            }
        }
    }
    Ok(())
}

/// The pages of std, core and alloc, one per item.
pub(super) fn library(html: &Path, collected: &mut Collected) -> Result<(), RustDocsError> {
    let mut items = HashSet::new();
    for krate in LIBRARY {
        for path in html_files(&html.join(krate))? {
            let relative = relative(html, &path);
            let item = relative[krate.len()..].to_owned();
            // Decided by place: reading the heads of 25,000 pages that are
            // left out anyway would take most of the listing's time.
            let reason = if krate == "core" && item.starts_with("/arch/") {
                Some(DropReason::MachineIntrinsic)
            } else if is_redirect(&head(&path)?) {
                Some(DropReason::Redirect)
            } else {
                (!items.insert(item)).then_some(DropReason::Twin)
            };
            match reason {
                Some(reason) => collected.drop_for(reason),
                None => collected.keep(format!("rust-docs/{relative}"), path)?,
            }
        }
    }
    Ok(())
}

/// Two copies of a bare list of every error code. It holds every code and says
/// nothing of any, so it would stand above the page of the code that was asked
/// for.
const ERROR_LISTS: [&str; 2] = ["error_codes/error-index.html", "error_codes/index.html"];

fn drop_reason(relative: &str, path: &Path) -> Result<Option<DropReason>, RustDocsError> {
    if OLD_EDITIONS.iter().any(|folder| relative.starts_with(folder)) {
        return Ok(Some(DropReason::OldEdition));
    }
    let head = head(path)?;
    let name = relative.rsplit('/').next().unwrap_or(relative);
    Ok(if is_translation(&head) {
        Some(DropReason::Translation)
    } else if is_redirect(&head) {
        Some(DropReason::Redirect)
    } else if name == "print.html" {
        Some(DropReason::PrintPage)
    } else if name == "toc.html" || ERROR_LISTS.contains(&relative) {
        Some(DropReason::TableOfContents)
    } else {
        None
    })
}

/// The first bytes of a page, in lower case.
fn head(path: &Path) -> Result<String, RustDocsError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut bytes))
        .map_err(|source| RustDocsError::io(path, source))?;
    Ok(String::from_utf8_lossy(&bytes).to_ascii_lowercase())
}

fn is_redirect(head: &str) -> bool {
    head.contains("http-equiv=\"refresh\"")
}

/// Whether the page says that it is in another language than English.
fn is_translation(head: &str) -> bool {
    let language = head
        .split_once("<html")
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(tag, _)| tag.split_once("lang=\""))
        .map(|(_, value)| value);
    language.is_some_and(|language| !language.starts_with("en"))
}

/// All `.html` files below `dir`, sorted; none if `dir` is missing (a minimal
/// installation lacks some guides).
fn html_files(dir: &Path) -> Result<Vec<PathBuf>, RustDocsError> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    if dir.is_dir() {
        folders.push(dir.to_owned());
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|source| RustDocsError::io(&folder, source))? {
            let entry = entry.map_err(|source| RustDocsError::io(&folder, source))?;
            let path = entry.path();
            // The entry's own type, not its target's: a link back up would
            // never end, and no installation links inside the documentation.
            let kind = entry.file_type().map_err(|source| RustDocsError::io(&path, source))?;
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// `path` below `root`, with `/` on every system.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "<!DOCTYPE html><html lang=\"en\" class=\"light\"><head><title>x</title></head>";
    const REDIRECT: &str =
        "<!DOCTYPE html><html lang=\"en\"><meta http-equiv=\"refresh\" content=\"0; URL=x\">";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    fn ids(collected: &Collected) -> Vec<&str> {
        collected.files.iter().map(|file| file.id.as_str()).collect()
    }

    #[test]
    fn of_the_guides_only_english_pages_with_content_stay() {
        let dir = tree(&[
            ("book/index.html", PAGE),
            ("book/print.html", PAGE),
            ("book/toc.html", PAGE),
            ("book/moved.html", REDIRECT),
            ("book/2018-edition/index.html", PAGE),
            ("book/highlight.js", "x"),
            ("rust-by-example/es/hello.html", "<html lang=\"es\">"),
            ("rust-by-example/trait/dyn.html", PAGE),
            ("unstable-book/index.html", PAGE),
        ]);
        let mut collected = Collected::default();
        books(dir.path(), &mut collected).unwrap();
        assert_eq!(
            ids(&collected),
            ["rust-docs/book/index.html", "rust-docs/rust-by-example/trait/dyn.html"]
        );
        let dropped: Vec<_> = collected.dropped.into_iter().collect();
        assert_eq!(
            dropped,
            [
                (DropReason::Translation, 1),
                (DropReason::OldEdition, 1),
                (DropReason::Redirect, 1),
                (DropReason::PrintPage, 1),
                (DropReason::TableOfContents, 1),
            ]
        );
    }

    #[test]
    fn an_item_of_the_library_has_one_page() {
        let dir = tree(&[
            ("std/vec/struct.Vec.html", PAGE),
            ("alloc/vec/struct.Vec.html", PAGE),
            ("core/only/struct.Here.html", PAGE),
            ("alloc/only/struct.Here.html", PAGE),
            // std's page is a redirect, so core's is the item's page.
            ("std/moved/struct.There.html", REDIRECT),
            ("core/moved/struct.There.html", PAGE),
            ("core/arch/x86_64/fn._mm_add_ps.html", PAGE),
            ("std/arch/index.html", PAGE),
        ]);
        let mut collected = Collected::default();
        library(dir.path(), &mut collected).unwrap();
        assert_eq!(
            ids(&collected),
            [
                "rust-docs/std/arch/index.html",
                "rust-docs/std/vec/struct.Vec.html",
                "rust-docs/core/moved/struct.There.html",
                "rust-docs/core/only/struct.Here.html",
            ]
        );
        assert_eq!(collected.dropped[&DropReason::Twin], 2);
        assert_eq!(collected.dropped[&DropReason::Redirect], 1);
        assert_eq!(collected.dropped[&DropReason::MachineIntrinsic], 1);
    }
}
